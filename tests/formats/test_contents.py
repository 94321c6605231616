"""What a file is said to hold, before any of it is opened."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pytest
from scipy.io import savemat

from napari_dodn import write
from napari_dodn.formats import AmbiguousError, FormatError, contents, read

CUBE = np.arange(6 * 7 * 5, dtype=np.int16).reshape(6, 7, 5)


@pytest.fixture
def matlab_file(tmp_path):
    """Write variables into a MATLAB v5 file."""

    def make(**variables):
        savemat(tmp_path / "scene.mat", variables)
        return tmp_path / "scene.mat"

    return make


@pytest.fixture
def images(tmp_path):
    """Write grey images of 6 × 7 pixels."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            iio.imwrite(tmp_path / name, np.zeros((6, 7), np.uint16))
        return tmp_path

    return make


def assert_each_opens_as_listed(path):
    for candidate in contents(path):
        cube = read(path, dataset=candidate.name)
        lengths = dict(zip(candidate.axes, candidate.shape, strict=True))
        assert cube.bands == candidate.bands
        if "p" not in lengths:
            assert cube.shape == tuple(lengths[axis] for axis in "byx")


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_an_envi_file_is_listed_as_it_is_stored(envi_file, cube_of, interleave):
    header = envi_file(cube_of(3, 4, 5), interleave=interleave)
    (found,) = contents(header)
    assert (found.name, found.dtype, found.fixed) == ("scene.img", "int16", True)
    assert interleave.upper() in found.reason
    assert_each_opens_as_listed(header)
    assert_each_opens_as_listed(header.with_suffix(".img"))


def test_all_data_files_of_one_header_are_listed(envi_file, cube_of):
    header = envi_file(cube_of())
    (header.parent / "scene.dat").write_bytes(header.with_suffix(".img").read_bytes())
    assert [found.name for found in contents(header)] == ["scene.dat", "scene.img"]
    assert_each_opens_as_listed(header)


def test_an_envi_file_that_is_cut_off_is_refused(envi_file, cube_of):
    header = envi_file(cube_of())
    header.with_suffix(".img").write_bytes(b"123")
    with pytest.raises(FormatError, match="cut off"):
        contents(header)


def test_the_cube_of_a_matlab_file_is_listed_with_its_axes_and_why(matlab_file):
    path = matlab_file(cube=CUBE, gt=np.ones((6, 7)))
    (found,) = contents(path)
    assert (found.name, found.shape, found.axes) == ("cube", (6, 7, 5), "yxb")
    assert found.dtype == "int16"
    assert found.reason == (
        "The bands are the third axis, since a map of its image's size stands beside it."
    )
    assert not found.fixed


def test_wavelengths_beside_a_cube_tell_its_axes(matlab_file):
    (found,) = contents(matlab_file(cube=CUBE.transpose(2, 0, 1), wavelengths=np.arange(400, 405)))
    assert (found.axes, found.bands) == ("byx", 5)
    assert "5 wavelengths" in found.reason


def test_several_cubes_of_a_matlab_file_are_all_listed(matlab_file):
    path = matlab_file(hs=CUBE, ms=CUBE[..., :4])
    assert [found.name for found in contents(path)] == ["hs", "ms"]
    with pytest.raises(AmbiguousError):
        read(path)
    assert_each_opens_as_listed(path)


def test_a_matrix_of_bands_and_pixels_is_listed_as_such(matlab_file):
    path = matlab_file(Y=CUBE.transpose(2, 1, 0).reshape(5, 42), nRow=6.0, nCol=7.0)
    (found,) = contents(path)
    assert (found.axes, found.fixed, found.bands) == ("bp", True, 5)
    assert "6 rows and 7 columns" in found.reason
    assert_each_opens_as_listed(path)


def test_what_looks_like_no_cube_is_listed_where_there_is_nothing_else(matlab_file):
    path = matlab_file(class_spectra=CUBE)
    assert [found.name for found in contents(path)] == ["class_spectra"]
    assert_each_opens_as_listed(path)


def test_a_matlab_file_without_cubes_is_refused_with_what_it_holds(matlab_file):
    with pytest.raises(FormatError, match=r"no cube of three axes, only 'gt' \(6 × 7\)"):
        contents(matlab_file(gt=np.ones((6, 7))))


@pytest.mark.parametrize("name", ["series.mat", "series.npy"])
def test_several_cubes_in_one_array_are_refused_with_what_to_do(tmp_path, name):
    path, series = tmp_path / name, np.ones((2, 2, 3, 4, 5))
    if path.suffix == ".mat":
        savemat(path, {"series": series})
    else:
        np.save(path, series)
    with pytest.raises(FormatError, match="save each of several cubes as an array of its own"):
        contents(path)


def test_a_file_of_our_own_is_listed_without_doubt(tmp_path):
    from napari_dodn import HyperCube

    path = write(HyperCube(CUBE.transpose(2, 0, 1)), tmp_path / "own.mat")
    (found,) = contents(path)
    assert (found.name, found.axes, found.shape) == ("cube", "yxb", (6, 7, 5))


def test_a_file_of_matlab_73_is_listed_with_matlab_axes(tmp_path):
    import h5py

    with h5py.File(tmp_path / "scene.mat", "w") as file:
        file["cube"] = CUBE.transpose(2, 1, 0)
        file["cube"].attrs["MATLAB_class"] = np.bytes_("int16")
    (found,) = contents(tmp_path / "scene.mat")
    assert (found.shape, found.dtype, found.axes) == ((6, 7, 5), "int16", "yxb")
    assert_each_opens_as_listed(tmp_path / "scene.mat")


def test_every_series_of_images_in_a_folder_is_listed(images):
    folder = images("a_1.png", "a_2.png", "b_1.png", "b_2.png", "b_3.png")
    assert [(found.name, found.shape) for found in contents(folder)] == [
        ("a_", (2, 6, 7)),
        ("b_", (3, 6, 7)),
    ]
    assert_each_opens_as_listed(folder)


def test_images_that_are_called_by_numbers_alone_are_a_series_too(images):
    folder = images("1.png", "2.png", "b_1.png", "b_2.png")
    assert [found.name for found in contents(folder)] == ["", "b_"]
    assert_each_opens_as_listed(folder)


def test_every_subfolder_of_images_is_listed(images):
    folder = images("one/a_1.png", "one/a_2.png", "two/a_1.png", "two/a_2.png", "two/b_1.png")
    assert [found.name for found in contents(folder)] == ["one", "two"]
    assert_each_opens_as_listed(folder)


def test_several_series_in_subfolders_have_names_that_can_be_opened(images):
    folder = images(*(f"{place}/{name}_{n}.png" for place in "pq" for name in "ab" for n in (1, 2)))
    assert [found.name for found in contents(folder)] == ["p/a_", "p/b_", "q/a_", "q/b_"]
    assert_each_opens_as_listed(folder)


def test_a_folder_without_band_images_is_refused(tmp_path):
    with pytest.raises(FormatError, match="holds no band images"):
        contents(tmp_path)


def test_what_is_no_cube_at_all_is_refused(tmp_path):
    (tmp_path / "notes.doc").write_text("nothing")
    with pytest.raises(FormatError, match="cannot be opened. What can be opened:"):
        contents(tmp_path / "notes.doc")
    with pytest.raises(FormatError, match="does not exist"):
        contents(tmp_path / "missing.mat")
