"""Cubes are found wherever they lie, each once, and what is left out is named with the reason."""

from __future__ import annotations

import shutil

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_dodn import HyperCube, read, write
from napari_dodn.formats.errors import FormatError
from napari_dodn.formats.finding import FoundCube, find_cubes, left_out, most_bands


@pytest.fixture
def folder(tmp_path):
    """Return an empty folder."""
    (tmp_path / "cubes").mkdir()
    return tmp_path / "cubes"


@pytest.fixture
def saved(folder, cube_of):
    """Write a cube under a name in the folder, or below."""

    def save(name, bands=3):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write(HyperCube(cube_of(bands)), path)

    return save


def band_images(folder, name, bands=3, value=0):
    folder.mkdir(parents=True, exist_ok=True)
    for band in range(1, bands + 1):
        iio.imwrite(folder / f"{name}_{band:02}.png", np.full((8, 9), value + band, np.uint16))
    return folder


def found_in(*paths, **options):
    """Return the paths of the cubes, and of what is left out the reasons by path."""
    met = list(find_cubes(paths, **options))
    cubes = [found.path for found in met if isinstance(found, FoundCube)]
    return cubes, {found.path: found for found in met if not isinstance(found, FoundCube)}


def test_a_folder_stands_for_the_cubes_in_it(folder, saved):
    files = [saved(name) for name in ("a.h5", "b.hdr", "c.mat", "d.npz", "e.tif", "f.zarr")]
    assert found_in(folder) == (files, {})


def test_single_files_beside_scene_folders_are_found_too(folder, saved):
    scenes = [band_images(folder / name, name) for name in ("one", "two")]
    file = saved("three.hdr")
    assert found_in(folder) == ([file, *scenes], {})


def test_a_file_beside_the_only_scene_folder_is_found_too(folder, saved):
    scene = band_images(folder / "one", "one")
    file = saved("three.npz")
    assert found_in(folder) == ([file, scene], {})


def test_a_folder_of_band_images_is_a_cube_and_its_pictures_are_none(folder, saved):
    band_images(folder, "scene")
    iio.imwrite(folder / "scene_RGB.png", np.zeros((8, 9, 3), np.uint8))
    iio.imwrite(folder / "thumb.tif", np.zeros((8, 9, 3), np.uint8))
    file = saved("other.h5")
    assert found_in(folder) == ([folder, file], {})


def test_scenes_are_found_in_the_folders_of_the_same_name_that_archives_make(folder):
    scenes = [band_images(folder / f"{name}_ms" / f"{name}_ms", name) for name in "ab"]
    assert found_in(folder) == (scenes, {})


def test_cubes_are_found_a_level_deeper_after_those_on_top(folder, saved):
    deeper, top = saved("a/deeper.hdr"), saved("top.hdr")
    assert found_in(folder) == ([top, deeper], {})


@pytest.mark.parametrize("name", ["deepest.hdr", "deepest.zarr", "deepest.tif"])
def test_a_folder_of_cubes_that_lies_too_deep_is_named(folder, saved, name):
    top, deepest = saved("top.hdr"), saved(f"a/b/{name}")
    (folder / "a" / "c").mkdir()
    (folder / "a" / "c" / "notes.txt").write_text("no cube")
    cubes, left = found_in(folder)
    assert cubes == [top]
    assert list(left) == [deepest.parent]
    assert str(left[deepest.parent]).startswith(f"{deepest.parent} is left out. It lies too deep")
    assert found_in(folder, deepest.parent)[0] == [top, deepest]


@pytest.mark.parametrize("name", ["a.h5", "a.tif", "a.mat"])
def test_a_file_without_a_suffix_that_is_a_cube_is_found(folder, saved, name):
    path = saved(name).rename(folder / "a")
    assert found_in(folder) == ([path], {})


def test_an_envi_file_without_a_suffix_is_found_by_its_header(folder, saved):
    header = saved("a.hdr")
    header.with_suffix(".img").rename(folder / "a")
    assert found_in(folder) == ([header], {})


def test_what_is_no_cube_by_name_or_content_is_passed_over(folder, saved):
    file = saved("a.hdr")
    for name in ("notes.txt", "table.csv", "thesis.pdf", ".hidden.h5", "empty"):
        (folder / name).write_text("" if name == "empty" else "something")
    (folder / "nothing").mkdir()
    assert found_in(folder) == ([file], {})


@pytest.mark.parametrize("name", ["a.hdr", "a.h5", "a.mat", "a.npz", "a.tif", "a.zarr"])
def test_a_damaged_cube_is_named_with_the_reason(folder, saved, name):
    good, bad = saved("good.npz"), saved(name)
    if bad.is_dir():
        (bad / "zarr.json").write_text("{")
    else:
        bad.write_bytes(b"damaged")
    cubes, left = found_in(folder)
    assert cubes == [good]
    assert left[bad].reason.startswith(f"{bad} is ")
    assert str(left[bad]) == f"{bad} is left out. It {left[bad].reason.removeprefix(f'{bad} ')}"
    assert not left[bad].in_vain


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.h5", b"", "is empty"),
        ("a.img", b"some pixels", "has no ENVI header beside it"),
        ("a.hdr", b"ENVI\nfile type = ENVI Spectral Library\n", "describes a spectral library"),
        ("a.npy", b"\x93NUMPY", "is damaged"),
    ],
)
def test_what_is_called_like_a_cube_and_is_none_is_named(folder, saved, name, content, reason):
    good = saved("good.npz")
    (folder / name).write_bytes(content)
    cubes, left = found_in(folder)
    assert cubes == [good]
    assert reason in left[folder / name].reason


@pytest.mark.parametrize("layout", ["pages", "separate", "contig"])
def test_tiffs_that_are_cubes_are_no_bands_of_one_whatever_their_names(folder, layout):
    pixels = np.random.default_rng(0).random((3, 6, 20, 24), np.float32)
    for number, data in enumerate(pixels, start=1):
        stored = np.moveaxis(data, 0, -1) if layout == "contig" else data
        config = None if layout == "pages" else layout
        file = folder / f"tile_{number}.tif"
        tifffile.imwrite(file, stored, photometric="minisblack", planarconfig=config)
    found = list(find_cubes([folder]))
    assert [one.path.name for one in found] == ["tile_1.tif", "tile_2.tif", "tile_3.tif"]
    for one, data in zip(found, pixels, strict=True):
        np.testing.assert_array_equal(one.cube.data, data)
    with pytest.raises(FormatError, match="holds no band images"):
        read(folder)


def test_a_folder_whose_images_do_not_fit_is_named(folder, saved):
    good = saved("good.npz")
    scene = band_images(folder / "scene", "scene")
    iio.imwrite(scene / "scene_02.png", np.zeros((4, 4), np.uint16))
    cubes, left = found_in(folder)
    assert (cubes, list(left)) == ([good], [scene])
    assert "does not fit" in left[scene].reason


def test_a_file_of_several_cubes_is_named_with_them(folder, saved):
    good = saved("good.hdr")
    np.savez(folder / "two.npz", a=np.ones((5, 9, 7)), b=np.ones((6, 9, 7)))
    cubes, left = found_in(folder)
    assert cubes == [good]
    assert left[folder / "two.npz"].reason.endswith(
        "holds several cubes (a, b); convert the one that you mean into a file of its own."
    )


def test_of_several_cubes_one_can_be_chosen(folder):
    np.savez(folder / "two.npz", a=np.ones((9, 9, 5)), b=np.ones((9, 9, 6)))
    (found,) = find_cubes([folder], choose=most_bands)
    assert (found.path, found.dataset, found.cube.bands) == (folder / "two.npz", "b", 6)


def test_a_cube_is_found_once_by_header_and_data_file(folder, saved):
    header = saved("a.hdr")
    data = header.with_suffix(".img")
    assert found_in(header, data, folder) == ([header], {})
    assert found_in(data, header, folder) == ([data], {})
    assert found_in(folder, folder) == ([header], {})


@pytest.mark.parametrize("name", ["a.hdr", "a.zarr", "scene"])
def test_a_cube_is_found_once_through_links(folder, saved, tmp_path, name):
    path = band_images(folder / name, name) if name == "scene" else saved(name)
    try:
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
        (folder / f"z {name}").symlink_to(path, target_is_directory=path.is_dir())
    except OSError:
        pytest.skip("no symbolic links here")
    if name == "a.hdr":
        (folder / "z a.img").symlink_to(path.with_suffix(".img"))
    assert found_in(folder, tmp_path / "link") == ([path], {})


def test_copies_are_different_cubes(folder, saved):
    path = saved("a.npz")
    copy = shutil.copy(path, folder / "b.npz")
    assert found_in(folder) == ([path, copy], {})


def test_a_path_where_nothing_is_to_be_had_says_so(folder, tmp_path):
    (folder / "a.h5").write_bytes(b"damaged")
    (tmp_path / "empty").mkdir()
    for path, reason in (
        (tmp_path / "missing.hdr", "does not exist"),
        (folder / "a.h5", "is damaged"),
        (folder, "holds no cube that can be opened"),
        (tmp_path / "empty", "holds no cube that can be opened"),
    ):
        *_, last = find_cubes([path])
        assert last.in_vain
        assert last.path == last.given == path
        assert reason in last.reason


def test_a_folder_whose_cubes_were_all_found_before_is_no_fault(folder, saved):
    path = saved("a.npz")
    (folder / "b.h5").write_bytes(b"damaged")
    _, left = found_in(path, folder)
    assert [found.in_vain for found in left.values()] == [False]


def test_what_is_found_tells_the_path_that_was_given(folder, saved):
    path = saved("deeper/a.npz")
    (found,) = find_cubes([folder])
    assert (found.given, found.path, found.cube.shape) == (folder, path, (3, 4, 5))
    assert found.cube.source == str(path)


def test_what_is_left_out_can_be_called_otherwise(tmp_path):
    path = tmp_path / "a.h5"
    assert left_out(path, f"{path} is empty.", "a.h5") == "a.h5 is left out. It is empty."
    assert left_out(path, "No luck.") == f"{path} is left out. No luck."
