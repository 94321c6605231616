"""Spectral stacks of Zeiss's confocal microscopes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile

from napari_dodn.formats import read

IMAGE = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)
CENTRES = np.array([450.5, 500, 550, 600, 650.25])


@pytest.fixture
def lsm_file(tmp_path):
    """Return a function that writes a file with the edges of its channels in nm."""

    def make(edges):
        path = tmp_path / "scan.lsm"
        names = [(name or "reserved", kind) for name, kind in tifffile.TIFF.CZ_LSMINFO]
        info = np.zeros(1, names)[0]
        info["MagicNumber"], info["StructureSize"] = 67127628, info.dtype.itemsize
        sizes = {"X": 7, "Y": 6, "Z": 1, "Channels": 5, "Time": 1}
        for name, length in sizes.items():
            info[f"Dimension{name}"] = length
        info["VoxelSizeX"], info["VoxelSizeY"] = 2.5e-7, 5e-7
        for _ in range(2):  # its place is known once all else is written
            tag = (34412, "B", info.dtype.itemsize, info.tobytes(), True)
            with tifffile.TiffWriter(path) as file:
                kinds = {"photometric": "minisblack", "planarconfig": "separate"}
                file.write(IMAGE, metadata=None, extratags=[tag], **kinds)
                file.write(np.zeros((3, 4), np.uint8), subfiletype=1, metadata=None)
            info["OffsetChannelWavelength"] = path.stat().st_size
        with path.open("ab") as file:
            file.write(struct.pack("<i", len(edges)) + (np.array(edges) * 1e-9).tobytes())
        return path

    return make


def test_channels_and_size_of_pixels_of_an_lsm_file_are_read(lsm_file):
    cube = read(lsm_file(np.stack([CENTRES - 5, CENTRES + 5], axis=1)))
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 10)
    assert (cube.pixel_size, cube.pixel_unit) == ((0.5, 0.25), "um")
    assert cube.notes == ()


@pytest.mark.parametrize("edges", [np.zeros((5, 2)), [[450, 500]], [[450, 0]] * 5])
def test_channels_without_edges_have_no_wavelengths(lsm_file, edges):
    assert read(lsm_file(edges)).wavelengths is None
