"""What SNAP and multispectral cameras write about bands into tags of TIFF files."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_dodn.formats import read

IMAGE = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
CENTRES = [450.5, 500.0, 550.0, 600.0, 650.25]
PLANAR = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}


@pytest.fixture
def snap_file(tmp_path):
    """Return a function that writes a GeoTIFF file as SNAP does, and returns its path."""

    def make(**changed):
        bands = []
        for index, centre in enumerate(CENTRES):
            said = {
                "BAND_INDEX": index,
                "BAND_NAME": f"radiance_{index + 1}",
                "DATA_TYPE": "int16",
                "BAND_WAVELEN": centre,
                "BANDWIDTH": 9.5,
                "SCALING_FACTOR": 0.01,
                "SCALING_OFFSET": -2.0,
                "LOG10_SCALED": "false",
                "NO_DATA_VALUE_USED": "true",
                "NO_DATA_VALUE": "-1.0",
                **changed,
            }
            items = "".join(f"<{key}>{value}</{key}>" for key, value in said.items())
            bands.insert(0, f"<Spectral_Band_Info>{items}</Spectral_Band_Info>")
        xml = (
            '<?xml version="1.0" encoding="ISO-8859-1"?><Dimap_Document name="scene.dim">'
            f"<Image_Interpretation>{''.join(bands)}</Image_Interpretation></Dimap_Document>"
        )
        path = tmp_path / "scene.tif"
        tifffile.imwrite(path, IMAGE, extratags=[(65000, "s", 0, xml, True)], **PLANAR)
        return path

    return make


def test_snaps_description_of_bands_is_read(snap_file):
    cube = read(snap_file())
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 9.5)
    np.testing.assert_allclose(cube.gain, 0.01)
    np.testing.assert_allclose(cube.offset, -2)
    assert cube.nodata == -1
    assert cube.metadata["band names"] == [f"radiance_{band + 1}" for band in range(5)]
    assert cube.notes == ()


def test_numbers_by_which_snap_says_nothing_are_left_out(snap_file):
    changed = {"BAND_WAVELEN": 0.0, "BANDWIDTH": "0.0", "SCALING_FACTOR": 1, "SCALING_OFFSET": 0}
    cube = read(snap_file(**changed, NO_DATA_VALUE_USED="false"))
    assert (cube.wavelengths, cube.fwhm, cube.gain, cube.offset, cube.nodata) == (None,) * 5


def test_factors_of_logarithms_are_left_out_with_a_note(snap_file):
    cube = read(snap_file(LOG10_SCALED="true"))
    assert cube.gain is None
    assert cube.notes == ("The values are logarithms, whose scaling factors are left out.",)


def test_a_damaged_description_is_left_out_with_a_note(tmp_path):
    path = tmp_path / "scene.tif"
    tifffile.imwrite(path, IMAGE, extratags=[(65000, "s", 0, "<Dimap_Document>", True)], **PLANAR)
    cube = read(path)
    np.testing.assert_array_equal(cube.data, IMAGE)
    assert any("damaged and left out" in note for note in cube.notes)


def xmp(*items, attributes=""):
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:Camera="http://pix4d.com/camera/1.0" {attributes}>{"".join(items)}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def band_file(path, image, content):
    tag = (700, "B", len(content), content, True)
    tifffile.imwrite(path, image, extratags=[tag], photometric="minisblack", metadata=None)


@pytest.mark.parametrize("as_attributes", [False, True])
def test_a_folder_of_a_cameras_bands_has_their_wavelengths(tmp_path, as_attributes):
    for number, (centre, image) in enumerate(zip(CENTRES, IMAGE, strict=True), start=1):
        said = {"BandName": "Any", "CentralWavelength": centre, "WavelengthFWHM": 20}
        items = [f"<Camera:{key}>{value}</Camera:{key}>" for key, value in said.items()]
        attributes = " ".join(f'Camera:{key}="{value}"' for key, value in said.items())
        content = xmp(attributes=attributes) if as_attributes else xmp(*items)
        band_file(tmp_path / f"IMG_0001_{number}.tif", image, content)
    cube = read(tmp_path)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 20)
    np.testing.assert_array_equal(cube.data, IMAGE)


def test_a_list_of_wavelengths_in_xmp_is_that_of_the_channels(tmp_path):
    items = "".join(f"<rdf:li>{centre}</rdf:li>" for centre in CENTRES)
    content = xmp(
        f"<Camera:CentralWavelength><rdf:Seq>{items}</rdf:Seq></Camera:CentralWavelength>"
    )
    path = tmp_path / "scene.tif"
    tag = (700, "B", len(content), content, True)
    tifffile.imwrite(path, IMAGE, extratags=[tag], **PLANAR)
    np.testing.assert_allclose(read(path).wavelengths, CENTRES)
