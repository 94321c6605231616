"""Pixels in other files than the one that is opened are told of."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import tifffile

from napari_dodn.formats import read

IMAGE = np.arange(3 * 4 * 5, dtype="f4").reshape(3, 4, 5)


@pytest.fixture
def outside(tmp_path):
    """Make a file outside of the cube's folder."""
    (tmp_path / "inside").mkdir()
    path = tmp_path / "secret.bin"
    path.write_bytes(IMAGE.tobytes())
    return path


@pytest.mark.parametrize("name", ["a.h5", "a.mat"])
def test_external_storage_is_named(tmp_path, outside, name):
    path = tmp_path / "inside" / name
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("cube", IMAGE.shape, "f4", external=[(str(outside), 0, IMAGE.nbytes)])
    note = f"Pixels are read from other files: '{outside}'."
    assert note in read(path).notes
    outside.unlink()
    assert f"{note} Not there: '{outside}'; such pixels have the fill value." in read(path).notes


@pytest.mark.parametrize("there", [True, False])
def test_virtual_data_are_named(tmp_path, there):
    path = tmp_path / "inside" / "a.h5"
    path.parent.mkdir()
    layout = h5py.VirtualLayout(IMAGE.shape, "f4")
    layout[:] = h5py.VirtualSource("../b.h5", "cube", IMAGE.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("cube", layout)
    if there:
        with h5py.File(tmp_path / "b.h5", "w") as file:
            file["cube"] = IMAGE
    cube = read(path)
    (note,) = [note for note in cube.notes if note.startswith("Pixels are read")]
    assert note.startswith("Pixels are read from other files: '../b.h5'.")
    assert ("Not there: '../b.h5'" in note) is not there
    assert np.asarray(cube.data).any() == there


def test_files_that_ome_names_are_told(tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    own, other = (f"urn:uuid:00000000-0000-0000-0000-00000000000{i}" for i in (1, 2))
    description = f"""<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{own}"><Image ID="Image:0">
<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="float" SizeX="5" SizeY="4" SizeC="3" SizeZ="1"
 SizeT="1"><TiffData FirstC="0" IFD="0" PlaneCount="1"><UUID FileName="a.ome.tif">{own}</UUID>
</TiffData><TiffData FirstC="1" IFD="0" PlaneCount="2"><UUID FileName="../b.tif">{other}</UUID>
</TiffData></Pixels></Image></OME>"""
    path = folder / "a.ome.tif"
    plain = {"photometric": "minisblack", "metadata": None}
    tifffile.imwrite(path, IMAGE[:1], description=description, **plain)
    of_other = description.replace(f'UUID="{own}"', f'UUID="{other}"')
    tifffile.imwrite(tmp_path / "b.tif", IMAGE[1:], description=of_other, **plain)
    assert "Pixels are read from other files: '../b.tif'." in read(path).notes


def test_one_file_needs_no_note(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"] = IMAGE
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, photometric="minisblack", planarconfig="separate")
    for name in ("a.h5", "a.tif"):
        assert not any("other files" in note for note in read(tmp_path / name).notes)
