"""Metadata files of EnMAP and DESIS beside their images."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_dodn.formats import read

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
