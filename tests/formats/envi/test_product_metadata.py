"""Metadata of EnMAP and DESIS beside images of ENVI, images of one detector, and large images."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_dodn.formats import FormatError, check_not_source, contents, read
from napari_dodn.formats.registry import files_of

IMAGE = np.random.default_rng(1).integers(0, 4000, (6, 7, 9), dtype=np.uint16)
CENTRES = np.array([450.0, 500.0, 555.5, 610.0, 700.0, 800.0])
STEM = "ENMAP01-____L2A-DT0000001049_20220612T105735Z"
AXES = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}


@pytest.fixture
def product(tmp_path):
    def make(image, metadata=f"{STEM}-METADATA.XML", extra=(), pixels=IMAGE, vnir=4):
        path = tmp_path / image
        if path.suffix.lower() in (".tif", ".tiff"):
            tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="separate")
        else:
            kind = path.suffix.lower()[1:]
            interleave = kind if kind in AXES else "bsq"
            path.write_bytes(pixels.transpose(AXES[interleave]).tobytes())
            bands, lines, samples = pixels.shape
            fields = [
                *("ENVI", f"samples = {samples}", f"lines = {lines}", f"bands = {bands}"),
                *("data type = 12", f"interleave = {interleave}", "byte order = 0", *extra, ""),
            ]
            path.with_suffix(".HDR" if path.suffix.isupper() else ".hdr").write_text(
                "\n".join(fields), encoding="utf-8"
            )
        bands = "".join(
            f'<bandID number="{n}"><wavelengthCenterOfBand>{c}</wavelengthCenterOfBand>'
            f"<FWHMOfBand>{5 + n}</FWHMOfBand><GainOfBand>0.0001</GainOfBand>"
            "<OffsetOfBand>0</OffsetOfBand></bandID>"
            for n, c in enumerate(CENTRES)
        )
        (tmp_path / metadata).write_text(
            f"<level_X><specific><numberOfVNIRBands>{vnir}</numberOfVNIRBands>"
            f"<bandCharacterisation>{bands}</bandCharacterisation></specific></level_X>"
        )
        return path, tmp_path / metadata

    return make


@pytest.mark.parametrize(
    ("image", "metadata"),
    [
        (f"{STEM}-SPECTRAL_IMAGE.BSQ", f"{STEM}-METADATA.XML"),
        (f"{STEM}-SPECTRAL_IMAGE.bil", f"{STEM}-METADATA.xml"),
        (f"{STEM}-SPECTRAL_IMAGE_clip.bip", f"{STEM}-METADATA.XML"),
        (f"{STEM}-spectral_image.img", f"{STEM}-metadata.xml".lower()),
        (f"clip_{STEM}-SPECTRAL_IMAGE.dat", f"{STEM}-METADATA.XML.XML"),
    ],
)
@pytest.mark.parametrize("opened", ["header", "data", "metadata"])
def test_an_image_of_envi_has_the_metadata_of_its_product(product, image, metadata, opened):
    data, described = product(image, metadata)
    header = next(file for file in data.parent.iterdir() if file.suffix.lower() == ".hdr")
    path = {"header": header, "data": data, "metadata": described}[opened]
    cube = read(path)
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 5 + np.arange(6))
    np.testing.assert_allclose(cube.gain, 1e-4)
    assert any(metadata in note for note in cube.notes)
    assert contents(path)[0].bands == 6


def test_wavelengths_of_the_header_go_before_those_of_the_product(product):
    said = "wavelength = {401, 402, 403, 404, 405, 406}"
    path, _ = product(f"{STEM}-SPECTRAL_IMAGE.bsq", extra=[said, "wavelength units = nm"])
    np.testing.assert_allclose(read(path).wavelengths, 401 + np.arange(6))


def test_metadata_of_more_bands_are_left_out_and_said(product):
    path, _ = product(f"{STEM}-SPECTRAL_IMAGE.bsq", pixels=IMAGE[:3])
    cube = read(path)
    assert cube.wavelengths is None
    assert any("6 values for 3 bands" in note for note in cube.notes)


@pytest.mark.parametrize(
    ("detector", "bands"), [("_VNIR", slice(4)), ("_SWIR", slice(4, None)), ("_swir", slice(4, 9))]
)
@pytest.mark.parametrize("suffix", [".TIF", ".bsq"])
def test_the_image_of_one_detector_has_its_bands(product, detector, bands, suffix):
    path, _ = product(f"{STEM}-SPECTRAL_IMAGE{detector}{suffix}", pixels=IMAGE[bands])
    cube = read(path)
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE[bands])
    np.testing.assert_allclose(cube.wavelengths, CENTRES[bands])


@pytest.mark.parametrize("suffix", [".TIF", ".bsq"])
def test_the_image_behind_metadata_is_among_the_files_of_the_cube(product, suffix):
    path, described = product(f"{STEM}-SPECTRAL_IMAGE{suffix}")
    assert path in files_of(described)
    with pytest.raises(FormatError, match="source"):
        check_not_source(path, described)
