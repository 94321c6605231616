"""Files with an array for each band."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from napari_dodn.formats import AmbiguousError, contents, read

IMAGE = np.random.default_rng(3).random((5, 8, 6), dtype=np.float32)
CENTRES = np.array([412.0, 443.0, 490.0, 510.0, 560.0])


@pytest.fixture
def hdf5(tmp_path):
    def make(arrays, attributes=None):
        path = tmp_path / "scene.nc"
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
                file[name].attrs.update((attributes or {}).get(name, {}))
        return path

    return make


def check(cube, image=IMAGE):
    np.testing.assert_array_equal(np.asarray(cube.data), image)
    np.testing.assert_array_equal(np.asarray(cube.data[1:4, 2, 3:]), image[1:4, 2, 3:])


@pytest.mark.parametrize("name", ["Lt_{:.0f}", "products/rhos_{:.0f}", "r{:.0f}nm", "r_{:.1f}"])
def test_wavelengths_in_the_names_are_those_of_the_bands(hdf5, name):
    shuffled = (3, 0, 4, 2, 1)
    arrays = {name.format(CENTRES[band]): IMAGE[band] for band in shuffled}
    cube = read(hdf5({**arrays, "lat": IMAGE[0], "lon": IMAGE[0]}))
    check(cube)
    np.testing.assert_array_equal(cube.wavelengths, CENTRES)
    assert any("are 5 arrays" in note for note in cube.notes)


def test_an_attribute_of_each_band_says_its_wavelength(hdf5):
    arrays = {f"band_{band + 1}": image for band, image in enumerate(IMAGE)}
    said = {
        name: {"wavelength": wavelength, "fwhm": 10.0, "scale_factor": 0.5 + band}
        for band, (name, wavelength) in enumerate(zip(arrays, CENTRES, strict=True))
    }
    cube = read(hdf5(arrays, said))
    check(cube)
    np.testing.assert_array_equal(cube.wavelengths, CENTRES)
    np.testing.assert_array_equal(cube.gain, 0.5 + np.arange(5))


def test_a_vector_beside_the_bands_says_their_wavelengths(hdf5):
    arrays = {f"band_{band + 1}": image for band, image in enumerate(IMAGE)}
    cube = read(hdf5({**arrays, "wavelengths": CENTRES}))
    check(cube)
    np.testing.assert_array_equal(cube.wavelengths, CENTRES)


def test_bands_are_in_the_order_of_their_numbers_not_of_their_names(hdf5):
    image = np.concatenate([IMAGE, IMAGE + 1, IMAGE + 2])
    check(read(hdf5({f"B{band}": values for band, values in enumerate(image)})), image)


def test_several_series_are_asked_for(hdf5):
    arrays = {
        f"{kind}_{wavelength:.0f}": image + plus
        for plus, kind in enumerate(("rhos", "rhot"))
        for wavelength, image in zip(CENTRES, IMAGE, strict=True)
    }
    path = hdf5(arrays)
    with pytest.raises(AmbiguousError, match="rhos_"):
        read(path)
    check(read(path, dataset="rhot_*"), IMAGE + 1)


def test_a_cube_of_three_axes_goes_before_a_series(hdf5):
    arrays = {f"angle_{number}": image for number, image in enumerate(IMAGE)}
    assert [found.name for found in contents(hdf5({**arrays, "cube": IMAGE}))] == ["cube"]


def test_few_arrays_or_arrays_of_several_sizes_are_no_cube(hdf5):
    path = hdf5(
        {"a_1": IMAGE[0], "a_2": IMAGE[0], "a_3": IMAGE[0], "a_4": IMAGE[0, :4], "c": IMAGE}
    )
    assert [found.name for found in contents(path)] == ["c"]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("wavelength", "{} nm"),
        ("long_name", "Radiance at {} nm"),
        ("description", "band of {} nm (10 nm)"),
    ],
)
def test_texts_of_all_bands_say_their_wavelengths(hdf5, key, text):
    arrays = {f"band_{band + 1}": image for band, image in enumerate(IMAGE)}
    said = {name: {key: text.format(c)} for name, c in zip(arrays, CENTRES, strict=True)}
    cube = read(hdf5(arrays, said))
    check(cube)
    np.testing.assert_array_equal(cube.wavelengths, CENTRES)


def test_a_text_that_is_the_same_in_all_bands_is_kept(hdf5):
    arrays = {f"band_{band + 1}": image for band, image in enumerate(IMAGE)}
    comment = "seen through 5 nm of glass"
    said = {
        name: {"comment": comment, "wavelength": centre}
        for name, centre in zip(arrays, CENTRES, strict=True)
    }
    cube = read(hdf5(arrays, said))
    np.testing.assert_array_equal(cube.wavelengths, CENTRES)
    assert cube.metadata["comment"] == comment


def test_widths_of_each_band_are_kept_also_where_they_are_the_same(hdf5):
    arrays = {f"band_{band + 1}": image for band, image in enumerate(IMAGE)}
    said = {
        name: {"wavelength": centre, "bandwidth": 10.0}
        for name, centre in zip(arrays, CENTRES, strict=True)
    }
    np.testing.assert_array_equal(read(hdf5(arrays, said)).fwhm, np.full(5, 10.0))


@pytest.mark.parametrize("axis", [0, 2])
def test_each_band_may_have_an_axis_of_length_1(hdf5, axis):
    arrays = {
        f"Lt_{centre:.0f}": np.expand_dims(image, axis)
        for centre, image in zip(CENTRES, IMAGE, strict=True)
    }
    cube = read(hdf5(arrays))
    check(cube)
    np.testing.assert_array_equal(cube.wavelengths, CENTRES)


def test_numbers_without_a_unit_in_texts_of_the_bands_are_no_wavelengths(hdf5):
    arrays = {f"band_{c:.0f}": image for c, image in zip(CENTRES, IMAGE, strict=True)}
    said = {name: {"calibration": f"gain {1.5 + n / 10}"} for n, name in enumerate(arrays)}
    np.testing.assert_array_equal(read(hdf5(arrays, said)).wavelengths, CENTRES)
