from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import savemat

from napari_dodn import HyperCube
from napari_dodn.formats import AmbiguousError, FormatError, read, write

RNG = np.random.default_rng(0)
WAVELENGTHS = np.linspace(400, 1000, 31)


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 4000, shape, dtype=np.uint16)


@pytest.fixture(params=["v5", "v7.3"])
def mat_file(request, tmp_path):
    """Write variables into a MATLAB file of either kind, with MATLAB's own layout."""

    def make(**variables):
        path = tmp_path / "scene.mat"
        if request.param == "v5":
            savemat(path, variables)
            return path
        with h5py.File(path, "w", userblock_size=512) as file:
            for name, value in variables.items():
                value = np.atleast_2d(np.asarray(value))
                if value.dtype.kind == "U":
                    dataset = file.create_dataset(
                        name, data=np.array([[ord(c)] for c in value.item()], np.uint16)
                    )
                    dataset.attrs["MATLAB_class"] = np.bytes_("char")
                elif value.dtype.kind == "b":
                    dataset = file.create_dataset(name, data=value.T.astype(np.uint8))
                    dataset.attrs["MATLAB_class"] = np.bytes_("logical")
                elif value.dtype.kind == "c":
                    parts = np.dtype([("real", "f8"), ("imag", "f8")])
                    dataset = file.create_dataset(name, data=np.zeros(value.T.shape, parts))
                    dataset.attrs["MATLAB_class"] = np.bytes_("double")
                else:
                    dataset = file.create_dataset(name, data=value.T)
                    dataset.attrs["MATLAB_class"] = np.bytes_("double")
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file")
        return path

    return make


def same(cube: HyperCube, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(cube.data), expected)


def test_rows_columns_and_bands_are_found_as_matlab_users_store_them(mat_file):
    data = pixels(12, 14, 31)
    cube = read(mat_file(data=data))
    same(cube, data.transpose(2, 0, 1))
    assert "'data' (12 × 14 × 31)" in cube.notes[0]
    assert "--axes" in cube.notes[0]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_number_of_wavelengths_tells_which_axis_is_that_of_the_bands(mat_file, axis):
    data = np.moveaxis(pixels(31, 12, 14), 0, axis)
    cube = read(mat_file(cube=data, wavelength=WAVELENGTHS))
    same(cube, np.moveaxis(data, axis, 0))
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_map_of_the_image_tells_rows_and_columns(mat_file, axis):
    truth = RNG.integers(0, 2, (12, 14))
    image = pixels(31, 12, 14)
    same(read(mat_file(x=np.moveaxis(image, 0, axis), y_gt=truth)), image)


def test_a_map_tells_where_columns_come_before_rows(mat_file):
    image = pixels(31, 12, 14)
    same(read(mat_file(x=image.transpose(2, 1, 0), y_gt=np.ones((12, 14)))), image)


def test_two_equal_axes_after_a_short_one_are_rows_and_columns(mat_file):
    image = pixels(31, 64, 64)
    same(read(mat_file(x=image)), image)


def test_a_first_axis_that_is_by_far_the_shortest_is_that_of_the_bands(mat_file):
    image = pixels(5, 60, 50)
    same(read(mat_file(x=image)), image)


@pytest.mark.parametrize("axes", ["yxb", "xyb", "byx", "bxy", "ybx", "XBY"])
def test_the_option_axes_decides(mat_file, axes):
    data = pixels(8, 9, 10)
    cube = read(mat_file(x=data), axes=axes)
    same(cube, data.transpose([axes.lower().index(axis) for axis in "byx"]))


@pytest.mark.parametrize("axes", ["yx", "yxz", "yxbb", ""])
def test_an_option_axes_that_means_nothing_is_refused(mat_file, axes):
    with pytest.raises(FormatError, match="letters y, x and b"):
        read(mat_file(x=pixels(8, 9, 10)), axes=axes)


@pytest.mark.parametrize(
    "name",
    [
        "wavelength",
        "wavelengths",
        "Wavelengths_nm",
        "waveLengths",
        "wave_length",
        "wavelenght",
        "wavelenghts",
        "wavlength",
        "wavelegnths",
        "hsi_wavelengths",
        "CenterWavelength",
        "band_centers",
        "lambda",
        "lamda",
        "wl",
        "WL_nm",
        "wave",
        "bands",
    ],
)
def test_wavelengths_are_found_under_their_many_names(mat_file, name):
    cube = read(mat_file(**{"cube": pixels(12, 14, 31), name: WAVELENGTHS}))
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bands", np.arange(1, 32)),
        ("SlectBands", np.arange(4, 35)),
        ("bands", np.arange(150, 181)),
        ("wavelength", np.arange(1, 32)),
        ("waves", RNG.permutation(WAVELENGTHS)),
        ("scores", WAVELENGTHS),
    ],
)
def test_band_numbers_and_other_vectors_are_no_wavelengths(mat_file, name, values):
    assert read(mat_file(**{"cube": pixels(12, 14, 31), name: values})).wavelengths is None


@pytest.mark.parametrize(
    "beside",
    [
        {"wavelength": WAVELENGTHS / 1000},
        {"wavelength_um": WAVELENGTHS / 1000},
        {"wavelength": WAVELENGTHS / 1000, "wavelength_units": "Micrometers"},
        {"wavenumbers": 1e7 / WAVELENGTHS, "units": "cm-1"},
    ],
)
def test_wavelengths_in_any_unit_come_out_in_nanometres(mat_file, beside):
    cube = read(mat_file(cube=pixels(12, 14, 31), **beside))
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)


def test_what_is_called_wavenumbers_is_not_taken_for_nanometres(mat_file):
    cube = read(mat_file(cube=pixels(12, 14, 31), wavenumbers=np.linspace(10_000, 4000, 31)))
    np.testing.assert_allclose(cube.wavelengths, 1e7 / np.linspace(10_000, 4000, 31))
    assert not any("taken to be" in note for note in cube.notes)


def test_wavelengths_that_are_too_few_are_left_out_and_said(mat_file):
    cube = read(mat_file(cube=pixels(12, 14, 31), wavelength=WAVELENGTHS[:-1]))
    assert cube.wavelengths is None
    assert any("30 for 31 bands" in note for note in cube.notes)


def test_good_bands_and_widths_beside_the_cube_are_kept(mat_file):
    good = np.arange(31) % 2
    cube = read(
        mat_file(
            cube=pixels(12, 14, 31),
            wavelength_um=WAVELENGTHS / 1000,
            fwhm=np.full(31, 0.01),
            bbl=good,
        )
    )
    np.testing.assert_allclose(cube.fwhm, [10] * 31)
    np.testing.assert_array_equal(cube.good_bands, good == 1)


def test_maps_masks_and_pictures_are_not_taken_for_the_cube(mat_file):
    image = pixels(12, 14, 31)
    cube = read(
        mat_file(
            hsi=image,
            gt=np.ones((12, 14)),
            labels=np.ones((12, 14, 9)),
            mask=np.ones((12, 14, 31), bool),
            photo=pixels(12, 14, 3),
        )
    )
    same(cube, image.transpose(2, 0, 1))


def test_a_cube_that_is_called_like_a_map_opens_where_there_is_nothing_else(mat_file):
    image = pixels(12, 14, 31)
    same(read(mat_file(gt=image, labels=np.ones((12, 14)))), image.transpose(2, 0, 1))


def test_widths_that_cannot_be_are_left_out_and_said(mat_file):
    cube = read(
        mat_file(
            cube=pixels(12, 14, 31),
            wavenumbers=1e7 / WAVELENGTHS,
            units="cm-1",
            fwhm=np.full(31, 1e6),
        )
    )
    assert cube.fwhm is None
    assert any("widths of the bands are left out" in note for note in cube.notes)


def test_several_cubes_are_not_guessed_between(mat_file):
    path = mat_file(hs=pixels(12, 14, 31), ms=pixels(12, 14, 9))
    with pytest.raises(AmbiguousError, match="--dataset") as caught:
        read(path)
    assert caught.value.candidates == ["hs", "ms"]
    assert "12 × 14 × 31" in str(caught.value)
    assert read(path, dataset="ms").bands == 9


def test_a_dataset_that_is_not_there_is_refused_with_what_is(mat_file):
    path = mat_file(hs=pixels(12, 14, 31), ms=pixels(12, 14, 9))
    with pytest.raises(FormatError, match=r"no array 'xs', only 'hs' \(12 × 14 × 31\)"):
        read(path, dataset="xs")


def test_a_matrix_of_bands_and_pixels_is_an_image_in_matlabs_pixel_order(mat_file):
    image = pixels(31, 6, 7)
    flat = image.transpose(0, 2, 1).reshape(31, 42)
    cube = read(mat_file(Y=flat, nRow=6, nCol=7, A=np.ones((4, 42)), M=np.ones((31, 4)), nBand=31))
    same(cube, image)
    assert "6 rows and 7 columns" in cube.notes[0]


@pytest.mark.parametrize(
    "sizes",
    [
        {"h": 6, "w": 7},
        {"rows": 6, "cols": 7},
        {"num_rows": 6, "num_columns": 7},
        {"lines": 6, "samples": 7},
        {"Height": 6, "Width": 7},
        {"imsize": [6, 7]},
        {"sz_dim": [6, 7, 31]},
    ],
)
def test_the_image_size_is_found_under_its_many_names(mat_file, sizes):
    image = pixels(31, 6, 7)
    same(read(mat_file(V=image.transpose(0, 2, 1).reshape(31, 42), **sizes)), image)


def test_a_matrix_of_pixels_and_bands_is_turned(mat_file):
    image = pixels(31, 6, 7)
    flat = image.transpose(0, 2, 1).reshape(31, 42)
    same(read(mat_file(Y=flat.T, nRow=6, nCol=7)), image)


def test_the_option_axes_decides_between_two_ways_to_see_a_matrix(mat_file):
    image = pixels(42, 6, 7)
    path = mat_file(Y=image.transpose(0, 2, 1).reshape(42, 42), nRow=6, nCol=7)
    with pytest.raises(AmbiguousError):
        read(path)
    same(read(path, axes="bp"), image)
    with pytest.raises(FormatError, match="'yxb' does not fit"):
        read(mat_file(Y=pixels(31, 42), nRow=6, nCol=7), axes="yxb")


def test_a_long_matrix_of_a_square_image_needs_no_size_beside_it(mat_file):
    image = pixels(8, 20, 20)
    same(read(mat_file(Y=image.transpose(0, 2, 1).reshape(8, 400))), image)


def test_matrices_that_are_equally_good_are_not_guessed_between(mat_file):
    flat = pixels(31, 42)
    with pytest.raises(AmbiguousError, match="several cubes"):
        read(mat_file(Y1=flat, Y2=flat, nRow=6, nCol=7))


@pytest.mark.parametrize(
    "variables",
    [
        {"image": np.ones((100, 100))},
        {"image": np.ones((400, 300))},
        {"image": np.ones((30, 20)), "wavelengths": np.arange(20)},
        {"gt": np.ones((4, 5, 6), bool)},
        {"text": "nothing"},
        {"number": 5.0},
    ],
)
def test_a_file_without_a_cube_is_refused_with_what_it_holds(mat_file, variables):
    with pytest.raises(FormatError, match="holds no cube") as caught:
        read(mat_file(**variables))
    assert next(iter(variables)) in str(caught.value)


def test_a_name_that_is_not_a_cube_can_be_asked_for_in_vain(mat_file):
    with pytest.raises(FormatError, match="is not a cube"):
        read(mat_file(cube=pixels(4, 5, 6), vector=np.arange(5)), dataset="vector")


def test_complex_numbers_are_refused(mat_file):
    with pytest.raises(FormatError, match="complex"):
        read(mat_file(cube=np.ones((4, 5, 6)) * 1j))


def test_a_cube_inside_of_a_structure_is_found(tmp_path):
    image = pixels(12, 14, 31)
    savemat(tmp_path / "a.mat", {"hsi": {"Data": image, "info": {"wavelength": WAVELENGTHS}}})
    cube = read(tmp_path / "a.mat")
    same(cube, image.transpose(2, 0, 1))
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)
    assert "'hsi.Data'" in cube.notes[0]


def test_a_v73_cube_is_lazy(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        data = file.create_dataset("cube", (31, 200, 100), "f4", chunks=(1, 200, 100))
        data.attrs["MATLAB_class"] = np.bytes_("single")
        data[0, 0, 0] = 1
    cube = read(tmp_path / "a.mat")
    assert cube.shape == (31, 100, 200)
    assert not isinstance(cube.data, np.ndarray)
    assert np.asarray(cube.data[0, :5, :6]).shape == (5, 6)


def test_a_v73_file_is_closed_between_two_looks(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("cube", data=pixels(31, 20, 10), chunks=(1, 20, 10))
    cube = read(tmp_path / "a.mat")
    np.asarray(cube.data[0])
    with h5py.File(tmp_path / "a.mat", "a") as file:  # refused where a file is open to be read
        file["more"] = 1


def test_hdf5_without_matlabs_marks_is_read_as_matlab_lays_it_out(tmp_path):
    image = pixels(31, 48, 64)
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["cube"] = image.transpose(0, 2, 1)
        file["bands"] = WAVELENGTHS[None]
    cube = read(tmp_path / "a.mat")
    same(cube, image)
    np.testing.assert_allclose(cube.wavelengths, WAVELENGTHS)


def test_hdf5_that_python_wrote_with_bands_last_is_not_turned_on_its_side(tmp_path):
    image = pixels(31, 48, 64)
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["cube"] = image.transpose(1, 2, 0)
        file["wavelength"] = WAVELENGTHS
    same(read(tmp_path / "a.mat"), image)


@pytest.mark.parametrize("keep", [10, 130, 400, 5000])
def test_a_truncated_file_is_refused(mat_file, keep):
    path = mat_file(cube=pixels(12, 14, 31), wavelength=WAVELENGTHS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FormatError, match=r"damaged|holds no cube"):
        read(path)


@pytest.mark.parametrize("content", [b"nonsense", b"MATLAB 5.0 MAT-file" + bytes(300)])
def test_a_file_that_only_looks_like_matlabs_is_refused(tmp_path, content):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.mat"):
        read(tmp_path / "a.mat")


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=hnp.arrays(
        st.sampled_from([">i2", "u1", "<f4", "f8", "i8", "u8"]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=4),
    ),
    draw=st.data(),
)
def test_a_cube_that_is_written_and_read_is_the_same_cube(tmp_path, data, draw):
    bands = data.shape[0]
    text = st.lists(st.text(), max_size=2)

    def per_band(**limits):
        elements = st.floats(allow_nan=False, allow_infinity=False, **limits)
        return draw.draw(st.none() | hnp.arrays(np.float64, bands, elements=elements))

    cube = HyperCube(
        data,
        wavelengths=per_band(min_value=1),
        fwhm=per_band(),
        good_bands=draw.draw(st.none() | hnp.arrays(bool, bands)),
        nodata=draw.draw(st.none() | st.floats()),
        gain=per_band(),
        offset=per_band(),
        scaled=draw.draw(st.booleans()),
        quantity=draw.draw(st.sampled_from(["", "radiance"])),
        pixel_size=draw.draw(st.none() | st.tuples(st.floats(1, 9), st.floats(1, 9))),
        pixel_unit="m",
        map_info=draw.draw(text),
        default_bands=draw.draw(st.lists(st.integers(0, bands - 1), max_size=3)),
        rgb_picture="picture.png",
        notes=draw.draw(text),
        history=draw.draw(text),
        metadata=draw.draw(st.dictionaries(st.text(), st.text() | text, max_size=2)),
    )
    back = read(write(cube, tmp_path / "cube.mat", overwrite=True))
    np.testing.assert_array_equal(back.data, data)
    assert back.data.dtype == data.dtype.newbyteorder("=")
    for name in ("wavelengths", "fwhm", "good_bands", "gain", "offset", "nodata"):
        np.testing.assert_array_equal(getattr(back, name), getattr(cube, name))
    for name in ("scaled", "quantity", "pixel_size", "pixel_unit", "map_info", "default_bands"):
        assert getattr(back, name) == getattr(cube, name), name
    for name in ("rgb_picture", "notes", "history", "metadata"):
        assert getattr(back, name) == getattr(cube, name), name


def test_what_is_written_reads_like_any_matlab_file(tmp_path):
    from scipy.io import loadmat

    image = pixels(31, 4, 5)
    path = write(HyperCube(image, wavelengths=WAVELENGTHS), tmp_path / "a.mat")
    variables = loadmat(path)
    np.testing.assert_array_equal(variables["cube"], image.transpose(1, 2, 0))
    np.testing.assert_array_equal(variables["wavelengths"], WAVELENGTHS[None])


def test_a_written_cube_of_one_band_survives_being_saved_again_by_matlab(tmp_path):
    from scipy.io import loadmat

    image = pixels(1, 4, 5)
    variables = loadmat(write(HyperCube(image, wavelengths=[500]), tmp_path / "a.mat"))
    names = ("cube", "wavelengths", "napari_dodn")
    savemat(tmp_path / "b.mat", {name: np.squeeze(variables[name]) for name in names})
    cube = read(tmp_path / "b.mat")
    same(cube, image)
    np.testing.assert_array_equal(cube.wavelengths, [500])


def test_a_cube_beyond_two_gigabytes_is_refused_before_it_is_read(tmp_path):
    huge = np.broadcast_to(np.float32(0), (1000, 1000, 1000))
    with pytest.raises(FormatError, match=r"2 GB.*ENVI"):
        write(HyperCube(huge), tmp_path / "a.mat")


def test_nothing_is_overwritten_unless_allowed(tmp_path):
    path = write(HyperCube(pixels(3, 4, 5)), tmp_path / "a.mat")
    with pytest.raises(FormatError, match="already exists"):
        write(HyperCube(pixels(3, 4, 5)), path)


def test_a_failing_write_leaves_what_was_there(tmp_path, monkeypatch):
    image = pixels(3, 4, 5)
    path = write(HyperCube(image), tmp_path / "a.mat")

    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scipy.io.savemat", full_disk)
    with pytest.raises(FormatError, match="disk is full; free some space"):
        write(HyperCube(image * 2), path, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mat"]
    same(read(path), image)


@pytest.mark.parametrize(
    ("name", "options", "shape"),
    [
        ("mat_v5/abu-airport-4.mat", {}, (191, 100, 100)),
        ("mat_v5/a_hsi_img_for_VI_demo.mat", {}, (224, 90, 90)),
        ("mat_v73/abu-airport-2_glrt.mat", {}, (205, 100, 100)),
        ("mat_unmixing/jasperRidge2_R198.mat", {}, (198, 100, 100)),
        ("mat_paired_hs_ms/paris_data_hs_ms.mat", {"dataset": "HSim"}, (128, 72, 72)),
        ("mat_paired_hs_ms/paris_data_hs_ms.mat", {"dataset": "MSim"}, (9, 72, 72)),
    ],
)
def test_real_files_open_with_the_right_shape(shared_data, name, options, shape):
    assert read(shared_data / "formats" / name, **options).shape == shape


def test_a_real_file_gives_its_wavelengths(shared_data):
    cube = read(shared_data / "formats/mat_v5/a_hsi_img_for_VI_demo.mat")
    np.testing.assert_allclose(cube.wavelengths[[0, -1]], [365.91, 2496.22], atol=0.01)


def test_a_real_pair_is_not_guessed_between(shared_data):
    with pytest.raises(AmbiguousError) as caught:
        read(shared_data / "formats/mat_paired_hs_ms/paris_data_hs_ms.mat")
    assert caught.value.candidates == ["HSim", "MSim"]


def test_in_a_real_file_the_planes_lie_where_the_map_says(shared_data):
    from scipy.io import loadmat

    path = shared_data / "formats/mat_v5/abu-airport-4.mat"
    planes = loadmat(path)["map"] > 0
    band = np.asarray(read(path).data[60], float)
    upright = abs(band[planes].mean() - band.mean())
    assert upright > 2 * abs(band[planes.T].mean() - band.mean())
