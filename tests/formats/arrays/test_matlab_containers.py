"""Cubes in cells and structures of MATLAB files, and wavelengths as text."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import scipy.io

from napari_dodn.formats import AmbiguousError, FormatError, contents, read

IMAGE = np.random.default_rng(9).random((20, 18, 8))
CENTRES = 400.0 + 10 * np.arange(8)


def cell(*items):
    found = np.empty((1, len(items)), object)
    for place, item in enumerate(items):
        found[0, place] = item
    return found


def structures(*items):
    found = np.empty((1, len(items)), [(key, object) for key in items[0]])
    for place, item in enumerate(items):
        found[0, place] = tuple(item.values())
    return found


class Version5:
    def __init__(self, path):
        self.path = path

    def save(self, **variables):
        scipy.io.savemat(self.path, variables)
        return self.path


class Version73:
    """Writes cells and structures by references, as MATLAB does."""

    def __init__(self, path):
        self.path = path
        self.count = 0

    def save(self, **variables):
        with h5py.File(self.path, "w", userblock_size=512) as file:
            for name, value in variables.items():
                self.put(file, name, value)
        return self.path

    def refer(self, file, value):
        self.count += 1
        return self.put(file, f"#refs#/r{self.count}", value).ref

    def put(self, file, name, value):
        if isinstance(value, str):
            return self.data(file, name, np.array([[ord(c)] for c in value], np.uint16), "char")
        if isinstance(value, dict):
            group = file.create_group(name)
            group.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, item in value.items():
                self.put(file, f"{name}/{key}", item)
            return group
        value = np.atleast_2d(value)
        if value.dtype.names:
            group = file.create_group(name)
            group.attrs["MATLAB_class"] = np.bytes_("struct")
            for key in value.dtype.names:
                refs = [[self.refer(file, item[key])] for item in value.ravel()]
                file.create_dataset(f"{name}/{key}", data=refs, dtype=h5py.ref_dtype)
            return group
        if value.dtype.kind == "O":
            refs = [[self.refer(file, item)] for item in value.ravel()]
            dataset = file.create_dataset(name, data=refs, dtype=h5py.ref_dtype)
            dataset.attrs["MATLAB_class"] = np.bytes_("cell")
            return dataset
        return self.data(file, name, value.T, "double")

    def data(self, file, name, value, kind):
        dataset = file.create_dataset(name, data=value)
        dataset.attrs["MATLAB_class"] = np.bytes_(kind)
        return dataset


@pytest.fixture(params=[Version5, Version73])
def matlab(request, tmp_path):
    return request.param(tmp_path / "scene.mat")


def check(cube, image=IMAGE):
    np.testing.assert_array_equal(np.asarray(cube.data), image.transpose(2, 0, 1))


def test_a_cube_in_a_cell_opens_by_itself(matlab):
    cube = read(matlab.save(data=cell(IMAGE), wavelength=CENTRES))
    check(cube)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


def test_cubes_in_cells_are_offered_by_their_places(matlab):
    path = matlab.save(data=cell(IMAGE, IMAGE + 1))
    assert [candidate.name for candidate in contents(path)] == ["data{1}", "data{2}"]
    check(read(path, dataset="data{2}"), IMAGE + 1)
    with pytest.raises(AmbiguousError, match="data{1}"):
        read(path)


def test_cubes_in_arrays_of_structures_are_offered_with_their_wavelengths(matlab):
    path = matlab.save(
        scenes=structures({"img": IMAGE, "wl": CENTRES}, {"img": IMAGE + 1, "wl": CENTRES + 500})
    )
    assert [candidate.name for candidate in contents(path)] == ["scenes(1).img", "scenes(2).img"]
    cube = read(path, dataset="scenes(2).img")
    check(cube, IMAGE + 1)
    np.testing.assert_allclose(cube.wavelengths, CENTRES + 500)


def test_cells_and_structures_may_lie_in_each_other(matlab):
    path = matlab.save(data=cell({"a": {"cube": IMAGE}}, {"b": cell(IMAGE + 1)}))
    check(read(path, dataset="data{1}.a.cube"))
    check(read(path, dataset="data{2}.b{1}"), IMAGE + 1)


def test_wavelengths_in_cells_belong_to_the_cube_of_their_place(matlab):
    path = matlab.save(data=cell(IMAGE, IMAGE), wl=cell(CENTRES, CENTRES + 500))
    np.testing.assert_allclose(read(path, dataset="data{2}").wavelengths, CENTRES + 500)


@pytest.mark.parametrize(
    "said",
    [
        "400 410 420 430 440 450 460 470",
        "[400, 410, 420, 430, 440, 450, 460, 470]",
        "400 nm; 410 nm; 420 nm; 430 nm; 440 nm; 450 nm; 460 nm; 470 nm",
        cell(*(f"{value:g}" for value in CENTRES)),
        cell(*(f"{value:g} nm" for value in CENTRES)),
    ],
)
def test_wavelengths_as_text_are_read(matlab, said):
    np.testing.assert_allclose(read(matlab.save(cube=IMAGE, wavelengths=said)).wavelengths, CENTRES)


def test_wavelengths_as_rows_of_text_are_read(tmp_path):
    path = Version5(tmp_path / "scene.mat").save(
        cube=IMAGE, wavelengths=np.array([f"{value:.1f}" for value in CENTRES])
    )
    np.testing.assert_allclose(read(path).wavelengths, CENTRES)


def test_a_text_that_is_no_numbers_is_no_wavelengths(matlab):
    assert read(matlab.save(cube=IMAGE, wavelengths="as in the manual")).wavelengths is None


def test_a_cell_without_a_cube_is_refused(matlab):
    with pytest.raises(FormatError, match="no cube"):
        read(matlab.save(data=cell(CENTRES, "text")))


def test_widths_in_structures_belong_to_their_own_cube(matlab):
    both = {"img": IMAGE, "wavelength": CENTRES}
    path = matlab.save(p={**both, "fwhm": np.full(8, 5.0)}, q={**both, "fwhm": np.full(8, 9.0)})
    np.testing.assert_allclose(read(path, dataset="p.img").fwhm, 5)
    np.testing.assert_allclose(read(path, dataset="q.img").fwhm, 9)


def test_a_group_of_a_file_that_leads_back_to_itself_ends(tmp_path):
    path = Version73(tmp_path / "scene.mat").save(a={"cube": IMAGE})
    with h5py.File(path, "a") as file:
        file["a/again"] = file["a"]
        file["a/nowhere"] = h5py.SoftLink("/missing")
    check(read(path))


def test_numbers_in_cells_are_wavelengths(matlab):
    cube = read(matlab.save(cube=IMAGE, wavelengths=cell(*CENTRES)))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


def test_a_structure_for_each_band_says_its_wavelength(matlab):
    bands = structures(*({"wavelength": value, "fwhm": 5.0} for value in CENTRES))
    cube = read(matlab.save(cube=IMAGE, bands=bands))
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
    np.testing.assert_allclose(cube.fwhm, 5)


def test_names_of_bands_say_their_wavelengths(matlab):
    names = cell(*(f"Band {band} ({value} nm)" for band, value in enumerate(CENTRES, 1)))
    np.testing.assert_allclose(read(matlab.save(cube=IMAGE, band_names=names)).wavelengths, CENTRES)


def test_a_header_of_envi_in_a_variable_says_the_wavelengths(matlab):
    header = f"ENVI\nbands = 8\nwavelength = {{{', '.join(map(str, CENTRES))}}}"
    np.testing.assert_allclose(read(matlab.save(cube=IMAGE, header=header)).wavelengths, CENTRES)


def test_gain_and_no_data_value_beside_the_cube_are_kept(matlab):
    cube = read(matlab.save(cube=IMAGE, gain=np.linspace(1, 2, 8), nodata=-9999.0))
    np.testing.assert_allclose(cube.gain, np.linspace(1, 2, 8))
    assert cube.nodata == -9999


def test_a_matrix_and_a_picture_of_its_size_are_both_named(matlab):
    path = matlab.save(
        data=IMAGE.reshape(-1, 8, order="F"), rgb_image=IMAGE[..., :3], photo=IMAGE[..., :3]
    )
    with pytest.raises(AmbiguousError) as caught:
        read(path)
    assert caught.value.candidates == ["data", "photo"]
    check(read(path, dataset="data"))
