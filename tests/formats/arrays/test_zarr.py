"""Zarr stores: our own, and those of others that explain themselves."""

from __future__ import annotations

import base64
import gc
import re
import shutil
import struct
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dodn import HyperCube
from napari_dodn.formats import (
    AmbiguousError,
    FormatError,
    check_target,
    contents,
    create,
    read,
    write,
)
from napari_dodn.formats.arrays.zarr_layout import shards_for

RNG = np.random.default_rng(0)
WAVELENGTHS = np.linspace(400, 1000, 31)


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 4000, shape, dtype=np.uint16)


def same(cube: HyperCube, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(cube.data), expected)


def zipped(folder: Path, target: Path) -> Path:
    return Path(shutil.make_archive(str(target), "zip", folder))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(draw=st.data())
def test_a_cube_that_is_written_and_read_is_the_same_cube(
    tmp_path, any_cube, assert_same_cube, draw
):
    cube = draw.draw(any_cube)
    back = read(write(cube, tmp_path / "cube.zarr", overwrite=True))
    assert_same_cube(back, cube)
    assert back.data.dtype == cube.data.dtype.newbyteorder("=")


def test_what_is_written_is_version_3_in_chunks(tmp_path):
    cube = HyperCube(np.zeros((31, 300, 200), np.float32), wavelengths=WAVELENGTHS)
    group = zarr.open_group(write(cube, tmp_path / "a.zarr"), mode="r")
    assert group.metadata.zarr_format == 3
    assert group["cube"].chunks == (16, 128, 128)
    assert group["cube"].metadata.dimension_names == ("band", "y", "x")
    np.testing.assert_array_equal(group["wavelengths"][:], WAVELENGTHS)
    assert group["wavelengths"].attrs["units"] == "nm"


def test_shards_hold_whole_chunks_and_not_all_bands(tmp_path):
    cube = HyperCube(np.zeros((31, 300, 1100), np.uint8), pixel_size=(2, 3), pixel_unit="m")
    group = zarr.open_group(write(cube, tmp_path / "a.zarr"), mode="r")
    assert group["cube"].shards == (16, 384, 512)
    (image,) = group.attrs["ome"]["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == list(group["cube"].metadata.dimension_names)
    assert image["axes"][1]["unit"] == "meter"
    (level,) = image["datasets"]
    assert level["path"] == "cube"
    assert level["coordinateTransformations"] == [{"type": "scale", "scale": [1, 2, 3]}]


@pytest.mark.parametrize("bands", [1, 31, 425, 1000, 10_000])
def test_a_shard_is_never_larger_than_256_mb(bands):
    shards = shards_for((bands, 50_000, 50_000), 4)
    assert np.prod(shards) * 4 <= 2**28
    assert shards[0] < bands or bands == 1
    assert all(shard % chunk == 0 for shard, chunk in zip(shards[1:], (128, 128), strict=True))


def test_a_store_opens_whatever_its_folder_is_called(tmp_path):
    image = pixels(5, 4, 3)
    path = write(HyperCube(image), tmp_path / "a.zarr")
    same(read(path.rename(tmp_path / "scene")), image)


def test_a_huge_store_opens_without_being_read(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=(400, 20_000, 20_000),
        chunks=(16, 64, 64),
        dtype="f4",
        fill_value=7,
    )
    array[0, 0, 0] = 1
    cube = read(tmp_path / "a.zarr", large=True)
    assert cube.shape == (400, 20_000, 20_000)
    np.testing.assert_array_equal(cube.data[:, 3, 5], np.full(400, 7))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_of_others_is_read_like_any_file_of_arrays(tmp_path, zarr_format):
    image = pixels(31, 12, 14)
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=zarr_format)
    array = group.create_array("scene/hsi", data=image.transpose(1, 2, 0))
    array.attrs.update({"_FillValue": 7, "fwhm": [0.005] * 31, "sensor": "HYSPEX"})
    group.create_array("scene/wavelength", data=WAVELENGTHS / 1000).attrs["units"] = "um"
    cube = read(tmp_path / "a.zarr")
    same(cube, image)
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)
    np.testing.assert_allclose(cube.fwhm, [5] * 31)
    assert cube.nodata == 7
    assert cube.metadata == {"sensor": "HYSPEX"}
    assert "'scene/hsi' (12 × 14 × 31)" in cube.notes[0]


def test_the_no_data_value_is_read_as_xarray_writes_it(tmp_path):
    image = pixels(5, 12, 14).astype("f4")
    names = ["wavelength", "y", "x"]
    array = zarr.create_array(tmp_path / "2.zarr", data=image, zarr_format=2, fill_value=-9999)
    array.attrs["_ARRAY_DIMENSIONS"] = names
    assert read(tmp_path / "2.zarr").nodata == -9999
    array = zarr.create_array(tmp_path / "3.zarr", data=image, dimension_names=names)
    array.attrs["_FillValue"] = base64.b64encode(struct.pack("<d", -9999)).decode()
    assert read(tmp_path / "3.zarr").nodata == -9999
    array.attrs["_FillValue"] = "none"
    assert read(tmp_path / "3.zarr").nodata is None


def test_the_fill_value_of_others_is_no_no_data_value(tmp_path):
    image = pixels(5, 12, 14)
    for number, (fill_value, names) in enumerate([(0, ["wavelength", "y", "x"]), (7, None)]):
        path = tmp_path / f"{number}.zarr"
        array = zarr.create_array(path, data=image, zarr_format=2, fill_value=fill_value)
        array.attrs.update({"_ARRAY_DIMENSIONS": names} if names else {})
        assert read(path).nodata is None


@pytest.mark.parametrize("named_by", ["dimension names", "xarray's attribute"])
def test_names_of_the_axes_tell_what_they_are(tmp_path, named_by):
    image, names = pixels(9, 9, 9), ["lat", "lon", "wavelength"]
    if named_by == "dimension names":
        zarr.create_array(tmp_path / "a.zarr", data=image, dimension_names=names)
    else:
        array = zarr.create_array(tmp_path / "a.zarr", data=image, zarr_format=2)
        array.attrs["_ARRAY_DIMENSIONS"] = names
    same(read(tmp_path / "a.zarr"), image.transpose(2, 0, 1))


def test_a_store_of_one_array_opens_under_its_folders_name(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", data=pixels(5, 40, 30))
    array.attrs["wavelengths"] = [500.0, 510, 520, 530, 540]
    cube = read(tmp_path / "a.zarr")
    assert cube.wavelengths[0] == 500
    assert [candidate.name for candidate in contents(tmp_path / "a.zarr")] == ["a"]


def test_several_cubes_are_not_guessed_between(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("hs", data=pixels(12, 14, 31))
    group.create_array("ms", data=pixels(12, 14, 9))
    with pytest.raises(AmbiguousError, match="--dataset") as caught:
        read(tmp_path / "a.zarr")
    assert caught.value.candidates == ["hs", "ms"]
    assert read(tmp_path / "a.zarr", dataset="ms").bands == 9


def test_a_store_without_a_cube_is_refused_with_what_it_holds(tmp_path):
    zarr.create_group(tmp_path / "a.zarr").create_array("map", data=pixels(12, 14))
    with pytest.raises(FormatError, match=r"holds no cube of three axes, only 'map' \(12 × 14\)"):
        read(tmp_path / "a.zarr")


def test_a_folder_that_is_only_called_zarr_is_refused(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(FormatError, match="is not a Zarr store"):
        read(tmp_path / "a.zarr")


@pytest.mark.parametrize("content", ["", "nonsense", "[1]", '{"zarr_format": 9}'])
def test_a_store_with_damaged_metadata_is_refused(tmp_path, content):
    path = write(HyperCube(pixels(5, 4, 3)), tmp_path / "a.zarr")
    (path / "zarr.json").write_text(content)
    with pytest.raises(FormatError, match="damaged or not a Zarr store"):
        read(path)


def test_a_store_with_several_damaged_arrays_is_refused_in_one_place_only(tmp_path, caplog):
    write(HyperCube(pixels(31, 4, 5), WAVELENGTHS, fwhm=np.ones(31)), tmp_path / "cube.zarr")
    damaged = sorted((tmp_path / "cube.zarr").glob("*/zarr.json"))
    assert len(damaged) == 3
    for file in damaged:
        file.write_text(file.read_text().replace('"array"', '"arr"'))
    with pytest.raises(FormatError, match="damaged"):
        read(tmp_path / "cube.zarr")
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_damage_to_the_pixels_is_told_when_they_are_read(tmp_path):
    path = write(HyperCube(pixels(5, 40, 30)), tmp_path / "a.zarr")
    (chunk,) = (file for file in (path / "cube").rglob("*") if file.name == "0" and file.is_file())
    chunk.write_bytes(chunk.read_bytes()[:20])
    cube = read(path)
    with pytest.raises(FormatError, match="cannot be read"):
        np.asarray(cube.data)


def test_a_store_that_is_there_is_replaced_only_where_that_is_allowed(tmp_path):
    path = write(HyperCube(pixels(5, 4, 3)), tmp_path / "a.zarr")
    with pytest.raises(FormatError, match="already exists"):
        write(HyperCube(pixels(5, 4, 3)), path)
    image = pixels(2, 3, 4)
    same(read(write(HyperCube(image), path, overwrite=True)), image)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_no_store_is_never_replaced(tmp_path, kind):
    path = tmp_path / "a.zarr"
    path.mkdir() if kind == "folder" else path.touch()
    with pytest.raises(FormatError, match="what is there is not a Zarr store"):
        check_target(path, overwrite=True)


def foreign_file(path: Path) -> str:
    (path / "notes.txt").write_text("mine")
    return "notes.txt"


def foreign_hidden_file(path: Path) -> str:
    (path / ".notes").write_text("mine")
    return ".notes"


def foreign_file_among_the_chunks(path: Path) -> str:
    (path / "cube" / "c" / "0" / "notes.txt").write_text("mine")
    return "cube/c/0/notes.txt"


def foreign_empty_folder(path: Path) -> str:
    (path / "photos").mkdir()
    return "photos"


def foreign_array(path: Path) -> str:
    zarr.create_array(path / "mask", shape=(4, 3), dtype="u1")
    return "mask"


def link_to_a_foreign_folder(path: Path) -> str:
    elsewhere = path.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "notes.txt").write_text("mine")
    (path / "wavelengths").symlink_to(elsewhere)
    return "wavelengths"


def link_in_place_of_a_chunk(path: Path) -> str:
    chunk = path / "cube" / "c" / "0" / "0" / "0"
    chunk.rename(path.with_name("chunk"))
    chunk.symlink_to(path.with_name("chunk"))
    return "cube/c/0/0/0"


@pytest.mark.parametrize(
    "put",
    [
        foreign_file,
        foreign_hidden_file,
        foreign_file_among_the_chunks,
        foreign_empty_folder,
        foreign_array,
        link_to_a_foreign_folder,
        link_in_place_of_a_chunk,
    ],
)
def test_a_store_with_something_foreign_in_it_is_never_replaced(tmp_path, put):
    path = write(HyperCube(pixels(5, 4, 3)), tmp_path / "a.zarr")
    name = put(path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FormatError, match=rf"'{re.escape(name)}' in it is not part of .*\.$"):
        write(HyperCube(pixels(2, 3, 4)), path, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def foreign_store(path: Path) -> None:
    zarr.create_group(path).create_array("cube", shape=(4, 3), dtype="u1")


def foreign_store_of_one_array(path: Path) -> None:
    zarr.create_array(path, shape=(4, 3), dtype="u1")


def foreign_store_of_version_2(path: Path) -> None:
    zarr.create_group(path, zarr_format=2).create_array("cube", shape=(4, 3), dtype="u1")
    assert (path / ".zattrs").exists()


def folder_with_an_empty_mark(path: Path) -> None:
    path.mkdir()
    (path / "zarr.json").touch()


def folder_with_another_mark(path: Path) -> None:
    path.mkdir()
    (path / "zarr.json").write_text("[1]")


def project_folder_with_a_store_in_it(path: Path) -> None:
    zarr.create_group(path)
    write(HyperCube(pixels(5, 4, 3)), path / "inner.zarr")


def link_to_a_store(path: Path) -> None:
    path.symlink_to(write(HyperCube(pixels(5, 4, 3)), path.with_name("b.zarr")))


@pytest.mark.parametrize(
    "make",
    [
        foreign_store,
        foreign_store_of_one_array,
        foreign_store_of_version_2,
        folder_with_an_empty_mark,
        folder_with_another_mark,
        project_folder_with_a_store_in_it,
        link_to_a_store,
    ],
)
def test_a_store_that_napari_dodn_has_not_written_is_never_replaced(tmp_path, make):
    path = tmp_path / "a.zarr"
    make(path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FormatError, match=r"only a store that napari-dodn wrote is replaced\.$"):
        write(HyperCube(pixels(2, 3, 4)), path, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_store_whose_chunks_are_all_empty_is_replaced(tmp_path):
    path = write(HyperCube(np.zeros((2, 3, 4)), [400, 500], [10, 10]), tmp_path / "a.zarr")
    with create(path, (2, 3, 4), overwrite=True) as writer:
        writer.pixels[:] = 1
        writer.pixels[:] = 0
        writer.finish(HyperCube(np.zeros((2, 3, 4)), good_bands=[True, False]))
    image = pixels(2, 3, 4)
    same(read(write(HyperCube(image), path, overwrite=True)), image)


def test_a_folder_that_is_missing_is_told_before_long_work(tmp_path):
    with pytest.raises(FormatError, match="its folder does not exist"):
        check_target(tmp_path / "none" / "a.zarr")


def test_a_cube_that_cannot_be_read_leaves_no_folder_behind(tmp_path):
    path = write(HyperCube(pixels(5, 4, 3)), tmp_path / "a.h5")
    cube = read(path)
    path.unlink()
    with pytest.raises(FormatError):
        write(cube, tmp_path / "b.zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_chunk_that_appears_after_a_failure_is_removed_too(tmp_path, monkeypatch):
    late = [lambda folder: (folder / "cube").mkdir(parents=True)]
    with pytest.raises(RuntimeError), create(tmp_path / "a.zarr", (2, 3, 4)) as writer:
        monkeypatch.setattr(
            "napari_dodn.formats.arrays.zarr.time.sleep",
            lambda _: late.pop()(writer.unfinished) if late else None,
        )
        raise RuntimeError
    assert not late
    assert not list(tmp_path.iterdir())


def test_a_store_that_cannot_get_its_name_leaves_the_old_one(tmp_path, monkeypatch):
    image = pixels(5, 4, 3)
    path = write(HyperCube(image), tmp_path / "a.zarr")
    rename = Path.rename

    def refusing(source, target):
        if source.name.endswith(".part"):
            raise PermissionError(13, "Permission denied", str(source))
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(FormatError, match="Permission denied"):
        write(HyperCube(pixels(2, 3, 4)), path, overwrite=True)
    same(read(path), image)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zarr"]


def test_a_cube_may_replace_the_store_that_it_is_read_from(tmp_path):
    image = pixels(5, 40, 30)
    path = write(HyperCube(image), tmp_path / "a.zarr")
    write(read(path).derive(history=["Again."]), path, overwrite=True)
    same(read(path), image)


def test_pixels_of_another_cube_of_the_same_shape_are_never_taken_for_those_of_a_replaced_one(
    tmp_path,
):
    path = write(HyperCube(np.ones((5, 40, 30))), tmp_path / "a.zarr")
    cube = read(path)
    write(HyperCube(np.zeros((5, 40, 30))), path, overwrite=True)
    with pytest.raises(FormatError, match="has changed since it was opened"):
        np.asarray(cube.data)


def test_pixels_of_a_store_that_is_gone_are_refused(tmp_path):
    path = write(HyperCube(pixels(5, 4, 3)), tmp_path / "a.zarr")
    cube = read(path)
    shutil.rmtree(path)
    with pytest.raises(FormatError, match="has changed since it was opened"):
        np.asarray(cube.data)


def test_pixels_of_a_store_that_was_replaced_are_refused(tmp_path):
    path = write(HyperCube(pixels(5, 4, 3)), tmp_path / "a.zarr")
    cube = read(path)
    write(HyperCube(pixels(5, 3, 4)), path, overwrite=True)
    with pytest.raises(FormatError, match="has changed since it was opened"):
        np.asarray(cube.data)


@pytest.fixture
def two_chunks(tmp_path):
    """Make a store of others with two chunks, and return it with the files of these."""
    image = pixels(4, 3, 8) + 1

    def make(zarr_format: int):
        path = tmp_path / "a.zarr"
        array = zarr.create_array(
            path, shape=image.shape, chunks=(4, 3, 4), dtype="f8", zarr_format=zarr_format
        )
        array[:] = image
        files = sorted(f for f in path.rglob("*") if f.is_file() and f.name[0] not in "z.")
        assert len(files) == 2
        return path, files

    return make


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks_that_are_not_there_are_counted_in_a_note(two_chunks, zarr_format):
    path, files = two_chunks(zarr_format)
    assert not any("chunks" in note for note in read(path).notes)
    files[0].unlink()
    note = "1 of the 2 chunks of 'a' are not there; their pixels are read as 0.0."
    assert note in read(path).notes


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_without_any_chunk_is_refused(two_chunks, zarr_format):
    path, files = two_chunks(zarr_format)
    for file in files:
        file.unlink()
    with pytest.raises(FormatError, match=r"none of the 2 chunks of 'a' is there\.$"):
        read(path)


def test_a_store_of_our_own_has_all_of_its_chunks_also_where_they_are_zero(tmp_path):
    image = np.zeros((3, 1000, 1500), "f4")
    path = write(HyperCube(image, good_bands=[False] * 3), tmp_path / "a.zarr")
    assert len([f for f in (path / "cube" / "c").rglob("*") if f.is_file()]) == 6
    same(read(path), image)


def test_a_store_of_our_own_without_one_of_its_chunks_is_refused(tmp_path):
    path = write(HyperCube(np.zeros((3, 1000, 1500), "f4")), tmp_path / "a.zarr")
    (path / "cube" / "c" / "0" / "1" / "2").unlink()
    with pytest.raises(FormatError, match=r"1 of the 6 chunks of 'cube' are missing.*again\.$"):
        read(path)


@pytest.mark.parametrize("copied", [shutil.copytree, zipped])
def test_a_copy_of_our_own_store_that_lacks_a_chunk_is_refused(tmp_path, copied):
    path = write(HyperCube(np.zeros((3, 1000, 1500), "f4")), tmp_path / "a.zarr")
    (path / "cube" / "c" / "0" / "1" / "2").unlink()
    copy = copied(path, tmp_path / "b.zarr")
    with pytest.raises(FormatError, match="1 of the 6 chunks of 'cube' are missing"):
        read(copy)


def test_chunks_may_be_left_out_by_another_program_that_took_over_our_attributes(tmp_path):
    image = pixels(3, 40, 20) + 1
    group = zarr.open_group(write(HyperCube(image), tmp_path / "a.zarr"))
    masked = np.where(np.arange(40)[:, None] < 10, 0, image)
    other = zarr.create_group(tmp_path / "b.zarr", attributes=dict(group.attrs))
    cube = group["cube"]
    names, attributes = cube.metadata.dimension_names, dict(cube.attrs)
    array = other.create_array(
        "cube",
        shape=masked.shape,
        dtype=masked.dtype,
        chunks=(3, 10, 20),
        dimension_names=names,
        attributes=attributes,
    )
    array[:] = masked
    copy = read(tmp_path / "b.zarr")
    same(copy, masked)
    assert any("1 of the 4 chunks of 'cube' are not there" in note for note in copy.notes)


def test_a_chunk_that_goes_while_the_cube_is_used_is_told(tmp_path):
    cube = read(write(HyperCube(np.zeros((3, 1000, 1500), "f4")), tmp_path / "a.zarr"))
    (tmp_path / "a.zarr" / "cube" / "c" / "0" / "1" / "2").unlink()
    assert not np.asarray(cube.data[:, :100, :100]).any()
    with pytest.raises(FormatError, match="chunks of it are gone"):
        np.asarray(cube.data[1, 600, 1499])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("inside", ["", "scene.zarr/"])
def test_a_store_in_a_zip_file_is_read(tmp_path, version, inside):
    image = pixels(31, 20, 12)
    group = zarr.create_group(tmp_path / "scene.zarr", zarr_format=version)
    group.create_array("hsi/cube", data=image, chunks=(10, 10, 10))
    group.create_array("hsi/wavelength", data=WAVELENGTHS)
    root, base = (tmp_path, "scene.zarr") if inside else (tmp_path / "scene.zarr", None)
    path = Path(shutil.make_archive(str(tmp_path / "scene"), "zip", root, base))
    cube = read(path)
    same(cube, image)
    np.testing.assert_array_equal(np.asarray(cube.data[3:5, 2, ::3]), image[3:5, 2, ::3])
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)
    assert [found.name for found in contents(path)] == ["hsi/cube"]
    assert not any("not there" in note for note in cube.notes)


def test_our_own_store_in_a_zip_file_is_the_same_cube(tmp_path, assert_same_cube):
    cube = HyperCube(pixels(31, 20, 12), wavelengths=WAVELENGTHS)
    write(cube, tmp_path / "scene.zarr")
    path = shutil.make_archive(str(tmp_path / "scene"), "zip", tmp_path / "scene.zarr")
    assert_same_cube(read(path), cube)


def test_chunks_that_a_zip_file_lacks_are_counted(tmp_path):
    group = zarr.create_group(tmp_path / "scene.zarr")
    group.create_array("cube", data=pixels(8, 20, 12) + 1, chunks=(4, 20, 12))
    (tmp_path / "scene.zarr/cube/c/1/0/0").unlink()
    path = shutil.make_archive(str(tmp_path / "scene"), "zip", tmp_path / "scene.zarr")
    assert any("1 of the 2 chunks" in note for note in read(path).notes)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nonsense", b"words"])
def test_another_zip_file_is_refused(tmp_path, content):
    path = tmp_path / "scene.zip"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="cannot be opened|empty"):
        read(path)


@pytest.mark.parametrize("place", [4, 12])
def test_a_chunk_whose_length_is_damaged_is_told_before_it_is_unpacked(tmp_path, place):
    image = pixels(4, 3, 8)
    array = zarr.create_array(
        tmp_path / "a.zarr",
        shape=image.shape,
        chunks=image.shape,
        dtype="f8",
        compressors=zarr.codecs.BloscCodec(),
    )
    array[:] = image
    cube = read(tmp_path / "a.zarr")
    (chunk,) = (file for file in (tmp_path / "a.zarr" / "c").rglob("*") if file.is_file())
    content = bytearray(chunk.read_bytes())
    content[place : place + 4] = (2**31 - 1).to_bytes(4, "little")
    chunk.write_bytes(content)
    with (
        mock.patch("zarr.Array.__getitem__", side_effect=AssertionError),
        pytest.raises(FormatError, match="is damaged: 'a' cannot be read"),
    ):
        np.asarray(cube.data)


def test_zeros_that_a_continued_store_is_filled_with_are_on_the_disk(tmp_path):
    path, shape, everything = tmp_path / "cube.zarr", (2, 20, 20), (slice(None),) * 3
    for _ in range(2):
        with create(path, shape, goes_on=lambda there: there) as writer:
            writer.put(everything, np.zeros(shape, np.float32))
            writer.synchronise(everything)
    with create(path, shape, goes_on=lambda there: there) as writer:
        cube = writer.finish(HyperCube(np.zeros(shape, np.float32)))
    assert cube.notes == ()


@pytest.mark.parametrize("gone", ["before a piece", "before the end"])
def test_a_store_that_goes_away_while_it_is_filled_is_not_made_again_with_holes(tmp_path, gone):
    path, data = tmp_path / "fine.zarr", np.ones((2, 600, 8), np.float32)
    above, below = ((slice(None), rows, slice(None)) for rows in (slice(512), slice(512, 600)))
    said = r"fine\.zarr cannot be written: its folder was moved or removed meanwhile\.$"
    with pytest.raises(FormatError, match=said), create(path, data.shape) as writer:
        writer.put(above, data[above])
        if gone == "before the end":
            writer.put(below, data[below])
        shutil.rmtree(writer.unfinished)
        if gone == "before a piece":
            writer.put(below, data[below])
        writer.finish(HyperCube(data))
    assert list(tmp_path.iterdir()) == []
