"""Metadata files of EnMAP and DESIS beside their images."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_dodn.formats import FormatError, contents, read

CENTRES = 400.0 + 10 * np.arange(5)


@pytest.fixture
def desis_product(tmp_path):
    def make(image="DESIS-L2A-SPECTRAL_IMAGE.tif", metadata="DESIS-L2A-METADATA.xml"):
        path = tmp_path / image
        tifffile.imwrite(path, np.ones((5, 6, 7), np.int16), photometric="minisblack")
        bands = "".join(
            f"<band><bandNumber>{n + 1}</bandNumber>"
            f"<wavelengthCenterOfBand> {value} </wavelengthCenterOfBand>"
            f"<wavelengthWidthOfBand>3.5</wavelengthWidthOfBand>"
            f"<gainOfBand>0.0001</gainOfBand><offsetOfBand>0.0</offsetOfBand></band>"
            for n, value in enumerate(CENTRES)
        )
        (path.with_name(metadata)).write_text(
            f'<hsi_doc xmlns="http://schema.dlr.de/hsi"><specific><bandCharacterisation>{bands}'
            f"</bandCharacterisation></specific></hsi_doc>"
        )
        return path

    return make


@pytest.mark.parametrize(
    ("image", "metadata"),
    [
        ("DESIS-L2A-SPECTRAL_IMAGE.tif", "DESIS-L2A-METADATA.xml"),
        ("DESIS-L2A-SPECTRAL_IMAGE.tif", "DESIS-L2A-METADATA.XML"),
        ("desis-l2a-spectral_image.TIF", "desis-l2a-metadata.xml"),
        ("DESIS-L2A-SPECTRAL_IMAGE_clip.tif", "DESIS-L2A-METADATA.xml"),
        ("DESIS-L2A-SPECTRAL_IMAGE-subset_2.tif", "Desis-L2A-Metadata.Xml"),
        ("DESIS-L2A-SPECTRAL_IMAGE_COG.tiff", "DESIS-L2A-METADATA.xml"),
    ],
)
def test_the_bands_of_a_desis_product_are_those_in_its_metadata(desis_product, image, metadata):
    cube = read(desis_product(image, metadata))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 3.5)
    np.testing.assert_allclose(cube.gain, 1e-4)
    assert cube.offset is None
    assert any(metadata in note for note in cube.notes)


def test_metadata_of_another_product_are_not_taken(desis_product):
    assert read(desis_product(metadata="DESIS-L1C-METADATA.xml")).wavelengths is None


@pytest.mark.parametrize(
    "image", ["clip_DESIS-L2A-SPECTRAL_IMAGE.tif", "DESIS-L2A-SPECTRAL_IMAGE_1.tif"]
)
def test_a_clipped_image_has_the_metadata_of_its_product(desis_product, image):
    np.testing.assert_allclose(read(desis_product(image)).wavelengths, CENTRES)


@pytest.mark.parametrize("metadata", ["DESIS-L2A-METADATA.xml", "desis-l2a-METADATA.XML"])
def test_the_metadata_of_a_product_open_as_its_image(desis_product, metadata):
    path = desis_product(metadata=metadata)
    tifffile.imwrite(path.with_name("DESIS-L2A-SPECTRAL_IMAGE_clip.tif"), np.ones((5, 2, 2)))
    xml = path.with_name(metadata)
    cube = read(xml)
    assert cube.shape == (5, 6, 7)
    assert cube.source == str(path)
    assert contents(xml) == contents(path)


def test_metadata_without_an_image_are_refused(desis_product):
    path = desis_product()
    path.unlink()
    with pytest.raises(FormatError, match="cannot be opened"):
        read(path.with_name("DESIS-L2A-METADATA.xml"))
