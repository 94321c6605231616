"""The privileged image of a cube: chosen, read, brought to its grid, and checked."""

from dataclasses import replace

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_dodn import read, write
from napari_dodn.cube import HyperCube
from napari_dodn.distillation.config import Msi
from napari_dodn.distillation.data.privileged import privileged_images
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.spectra.colorimetry import srgb_gamma
from napari_dodn.spectra.response import cie_1931

VISIBLE = np.arange(400.0, 701.0, 10.0)
TO_2500 = np.linspace(400.0, 2500.0, 60)
SIDE = 48


def scene(side=SIDE, bands=31):
    """Values from 0 to 1 with edges everywhere, as (bands, side, side)."""
    rng = np.random.default_rng(5)
    maps = gaussian_filter(rng.standard_normal((3, side, side)), (0, 1.5, 1.5))
    maps = (maps - maps.min()) / np.ptp(maps)
    spectra = rng.random((bands, 3))
    return np.einsum("bm,myx->byx", spectra / spectra.sum(axis=1, keepdims=True), maps)


def cube_of(wavelengths=VISIBLE, name="scene", **attributes):
    pixels = scene(bands=31 if wavelengths is None else len(wavelengths))
    return HyperCube(pixels, wavelengths=wavelengths, name=name, **attributes)


@pytest.fixture
def cube():
    return cube_of()


def as_8_bits(planes):
    return np.rint(np.moveaxis(srgb_gamma(planes), 0, -1) * 255).astype(np.uint8)


@pytest.fixture
def picture(cube, tmp_path):
    """Write a picture of the cube's scene: its last, middle and first band, or what is given."""

    def write_it(image=None, name="scene.png"):
        path = tmp_path / name
        image = as_8_bits(cube.data[[30, 15, 0]]) if image is None else image
        if path.suffix == ".png":
            path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(image)))
        elif path.suffix == ".tif":
            tifffile.imwrite(path, image)
        else:
            iio.imwrite(path, image)
        return path

    return write_it


def paired(cube, path):
    (image,) = privileged_images([cube], Msi(source="paired", pictures={cube.name: path}))
    return image


def fault_of(cubes, msi):
    with pytest.raises(ConfigError) as error:
        privileged_images(cubes, msi)
    return error.value.faults


# What is taken where nobody says.


def test_a_cube_with_its_own_picture_is_given_that(cube, picture):
    cube = replace(cube, rgb_picture=str(picture()))
    (image,) = privileged_images([cube], Msi())
    assert image.name == "picture scene.png"
    assert image.picture.shape == (3, SIDE, SIDE)
    assert image.weights is None


def test_a_visible_cube_without_a_picture_is_seen_by_the_eye(cube):
    (image,) = privileged_images([cube], Msi())
    assert (image.name, image.bands) == ("CIE 1931", 3)
    assert image.picture is None
    np.testing.assert_allclose(image.weights, cie_1931().weights(VISIBLE), rtol=1e-6)


def test_pictures_are_taken_only_where_every_cube_has_one(cube, picture):
    cubes = [replace(cube, rgb_picture=str(picture())), cube_of(name="other")]
    assert [image.name for image in privileged_images(cubes, Msi())] == ["CIE 1931"] * 2


def test_a_picture_that_does_not_fit_is_left_out_where_nobody_asked_for_it(cube, picture):
    cube = replace(cube, rgb_picture=str(picture(np.zeros((7, 9, 3), np.uint8))))
    (image,) = privileged_images([cube], Msi())
    assert image.name == "CIE 1931"
    assert "The pictures are not used." in image.notes[0]


def test_a_picture_that_was_named_is_not_left_out(cube, picture):
    msi = Msi(pictures={"scene": picture(np.zeros((7, 9, 3), np.uint8))})
    assert "7 × 9 pixels" in fault_of([cube], msi)["msi.pictures"]


def test_a_picture_that_was_named_for_some_cubes_only_is_not_left_out(cube, picture):
    msi = Msi(pictures={"scene": picture()})
    faults = fault_of([cube, cube_of(name="other")], msi)
    assert faults == {"msi.pictures": "The cube 'other' has no picture; name one for it."}


@pytest.mark.parametrize("source", ["auto", "paired", "cie 1931"])
def test_a_picture_of_a_cube_that_is_not_there_is_refused(cube, picture, source):
    msi = Msi(source=source, pictures={"scene": picture(), "scnee": picture()})
    assert fault_of([cube], msi) == {
        "msi.pictures": "There is no cube named 'scnee'; there are scene."
    }


@pytest.mark.parametrize(
    "wavelengths",
    [TO_2500, np.linspace(400, 560, 31), np.linspace(900, 1700, 31)],
    ids=["to 2500 nm", "blue and green", "infrared"],
)
def test_a_cube_of_another_range_gets_gaussian_bands_over_it(wavelengths):
    (image,) = privileged_images([cube_of(wavelengths)], Msi())
    seen = image.weights @ wavelengths
    assert image.bands == 4
    assert (np.diff(seen) > np.ptp(wavelengths) / 5).all()


def test_a_cube_without_wavelengths_gets_gaussian_bands_over_its_band_numbers():
    (image,) = privileged_images([cube_of(None)], Msi())
    assert (np.diff(image.weights @ np.arange(31)) > 5).all()
    assert "'scene' has no wavelengths" in image.notes[0]


def test_a_cube_of_few_bands_gets_as_many_gaussian_ones():
    cubes = [cube_of(np.array([900.0, 1000.0])), cube_of(np.linspace(900, 1700, 31))]
    assert [image.bands for image in privileged_images(cubes, Msi())] == [2, 2]


def test_a_single_band_is_its_own_privileged_image():
    (image,) = privileged_images([cube_of(np.array([900.0]))], Msi())
    np.testing.assert_array_equal(image.weights, [[1]])


def test_no_cubes_have_no_images():
    assert privileged_images([], Msi()) == []


# Response functions.


@pytest.mark.parametrize("source", ["cie 1931", "cie 1964", "camera", "gaussian"])
def test_every_response_gives_shares_of_the_bands(cube, source):
    (image,) = privileged_images([cube], Msi(source=source))
    assert image.weights.dtype == np.float32
    assert image.weights.shape == (4 if source == "gaussian" else 3, 31)
    np.testing.assert_allclose(image.weights.sum(axis=1), 1, rtol=1e-6)


def test_a_table_of_ones_own_is_a_response(cube, tmp_path):
    path = tmp_path / "sensor.csv"
    path.write_text("nm,a,b\n400,1,0\n550,0,1\n700,0,0\n")
    (image,) = privileged_images([cube], Msi(source="table", table=path))
    assert (image.name, image.bands) == ("sensor.csv", 2)


def test_bad_bands_and_bands_without_wavelength_have_no_weight():
    good = np.ones(31, bool)
    good[[3, 15, 16]] = False
    wavelengths = np.where(np.arange(31) == 8, np.nan, VISIBLE)
    cube = cube_of(wavelengths, good_bands=good)
    for source in ("auto", "cie 1964", "gaussian"):
        (image,) = privileged_images([cube], Msi(source=source))
        assert not image.weights[:, [3, 8, 15, 16]].any()
        np.testing.assert_allclose(image.weights.sum(axis=1), 1, rtol=1e-6)


def test_where_all_bands_are_marked_bad_all_are_used():
    (image,) = privileged_images([cube_of(good_bands=np.zeros(31, bool))], Msi())
    np.testing.assert_allclose(image.weights.sum(axis=1), 1, rtol=1e-6)


def test_gaussian_bands_leap_over_a_gap_in_the_wavelengths():
    wavelengths = np.concatenate([np.linspace(400, 410, 20), np.linspace(2400, 2410, 20)])
    (image,) = privileged_images([cube_of(wavelengths)], Msi(source="gaussian", bands=8))
    assert image.bands == 8
    assert "has a gap in its wavelengths" in image.notes[0]


def test_gaussian_bands_can_be_spread_over_a_range_of_ones_own(cube):
    (image,) = privileged_images([cube], Msi(source="gaussian", bands=3, range=(500, 650)))
    np.testing.assert_allclose(image.weights @ VISIBLE, [525, 575, 625], atol=2)
    assert image.name == "3 Gaussian bands over 500–650 nm"


@pytest.mark.parametrize(
    ("wavelengths", "span", "sentence"),
    [
        (VISIBLE, (900, 1000), "of 400 to 700 nm, has no usable band from 900 to 1000 nm"),
        (None, (500, 600), "'scene' has no wavelengths"),
        (VISIBLE, (500, 2000), "sees none of the cube's wavelengths"),
    ],
)
def test_a_range_that_the_cube_does_not_have_is_a_fault_of_that_field(wavelengths, span, sentence):
    faults = fault_of([cube_of(wavelengths)], Msi(source="gaussian", range=span))
    assert sentence in faults["msi.range"]


def test_more_gaussian_bands_than_a_cube_has_are_refused():
    cube = cube_of(np.array([500.0, 600.0]))
    faults = fault_of([cube], Msi(source="gaussian", bands=4))
    assert "'scene' has 2 usable bands" in faults["msi.bands"]


@pytest.mark.parametrize(
    ("wavelengths", "sentence"),
    [(None, "no wavelengths"), (np.linspace(900, 1700, 31), "sees none of the cube's wavelengths")],
)
def test_a_response_that_sees_nothing_of_a_cube_is_refused(wavelengths, sentence):
    faults = fault_of([cube_of(wavelengths)], Msi(source="cie 1931"))
    assert "'scene'" in faults["msi.source"]
    assert sentence in faults["msi.source"]


def test_an_unknown_camera_and_a_missing_table_are_faults_of_their_fields(cube, tmp_path):
    assert "not a known camera" in fault_of([cube], Msi(source="camera", camera="X"))["msi.camera"]
    missing = Msi(source="table", table=tmp_path / "none.csv")
    assert "cannot be read" in fault_of([cube], missing)["msi.table"]


# Pictures.


def test_a_picture_of_eight_bits_is_made_linear(cube, picture):
    image = paired(cube, picture())
    np.testing.assert_allclose(image.picture, cube.data[[30, 15, 0]], atol=0.01)
    assert "read as sRGB" in image.notes[0]


def test_a_picture_of_sixteen_bits_is_linear_already(cube, picture):
    planes = cube.data[[30, 15, 0]]
    path = picture(np.rint(np.moveaxis(planes, 0, -1) * 65535).astype(np.uint16))
    image = paired(cube, path)
    np.testing.assert_allclose(image.picture, planes, atol=1e-4)
    assert not image.notes


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "A.PNG"])
def test_an_alpha_channel_is_left_out(cube, picture, name):
    colours = as_8_bits(cube.data[[30, 15, 0]])
    alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
    assert paired(cube, picture(np.concatenate([colours, alpha], axis=2), name)).bands == 3


def test_a_grey_picture_has_one_band(cube, picture):
    grey = as_8_bits(cube.data[[15]])[..., 0]
    assert paired(cube, picture(grey)).bands == 1
    with_alpha = np.stack([grey, np.full_like(grey, 255)], axis=-1)
    assert paired(cube, picture(with_alpha, "alpha.png")).bands == 1


def test_a_tiff_of_many_bands_is_taken_as_it_is(cube, picture):
    planes = cube.data[::5].astype(np.float32)
    np.testing.assert_array_equal(paired(cube, picture(planes, "ms.tif")).picture, planes)


def test_an_infrared_band_of_a_tiff_is_no_alpha_channel(cube, tmp_path):
    planes = as_8_bits(cube.data[[30, 15, 0, 20]])
    path = tmp_path / "rgbi.tif"
    tifffile.imwrite(path, planes, photometric="rgb", extrasamples=["unspecified"])
    assert paired(cube, path).bands == 4


def test_a_multispectral_file_is_read_without_its_bad_bands(cube, tmp_path):
    ms = HyperCube(cube.data[::5], good_bands=np.arange(7) != 2)
    path = write(ms, tmp_path / "ms.hdr")
    np.testing.assert_allclose(paired(cube, path).picture, cube.data[::5][[0, 1, 3, 4, 5, 6]])


def test_invalid_pixels_of_a_picture_do_not_spread(cube, tmp_path):
    planes = cube.data[::5].copy()
    planes[0, 3, 4], planes[1, 5, 6] = np.nan, -999
    path = write(HyperCube(planes, nodata=-999), tmp_path / "ms.hdr")
    image = paired(cube, path).picture
    assert np.isfinite(image).all()
    changed = np.argwhere(np.abs(image - cube.data[::5]) > 1e-6)
    np.testing.assert_array_equal(changed, [[0, 3, 4], [1, 5, 6]])
    assert image[0, 3, 4] == pytest.approx(np.nanmean(planes[0]))


@pytest.mark.parametrize("ratio", [2, 3])
def test_a_finer_picture_is_averaged_in_light_to_the_cubes_grid(cube, picture, ratio):
    fine = np.kron(cube.data[[30, 15, 0]], np.ones((1, ratio, ratio)))
    image = paired(cube, picture(as_8_bits(fine)))
    np.testing.assert_allclose(image.picture, cube.data[[30, 15, 0]], atol=0.01)
    assert f"{ratio} × {ratio} pixels for each of the cube's" in image.notes[1]


@pytest.mark.parametrize("shape", [(47, 48), (48, 96), (96, 144), (24, 24), (60, 60)])
def test_a_picture_of_another_size_is_refused(cube, picture, shape):
    path = picture(np.zeros((*shape, 3), np.uint8))
    faults = fault_of([cube], Msi(source="paired", pictures={"scene": path}))
    assert f"{shape[0]} × {shape[1]} pixels" in faults["msi.pictures"]
    assert "the cube 'scene', 48 × 48" in faults["msi.pictures"]


@pytest.mark.parametrize(("dy", "dx"), [(3, 0), (0, -2), (-5, 4)])
def test_a_picture_that_lies_beside_the_cube_is_refused_with_the_shift(cube, picture, dy, dx):
    path = picture(np.roll(as_8_bits(cube.data[[30, 15, 0]]), (dy, dx), (0, 1)))
    sentence = fault_of([cube], Msi(source="paired", pictures={"scene": path}))["msi.pictures"]
    assert "'scene'" in sentence
    assert f"{dy:+.1f} pixels along y and {dx:+.1f} along x" in sentence


def test_a_picture_one_pixel_aside_passes(cube, picture):
    path = picture(np.roll(as_8_bits(cube.data[[30, 15, 0]]), 1, 0))
    assert len(paired(cube, path).notes) == 1


@pytest.mark.parametrize("kind", ["noise", "flat"])
def test_where_the_shift_cannot_be_told_it_is_only_noted(cube, picture, kind):
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    path = picture(noise if kind == "noise" else np.full_like(noise, 90))
    assert "Could not check" in paired(cube, path).notes[-1]


def test_invalid_pixels_of_the_cube_do_not_hide_a_shift(cube, picture):
    pixels = cube.data.copy()
    pixels[:, :6] = np.nan
    path = picture(np.roll(as_8_bits(cube.data[[30, 15, 0]]), 4, 1))
    msi = Msi(source="paired", pictures={"scene": path})
    assert "+4.0 along x" in fault_of([cube.derive(pixels)], msi)["msi.pictures"]


def test_a_cube_whose_picture_is_not_named_has_its_own(cube, picture):
    cube = replace(cube, rgb_picture=str(picture()))
    (image,) = privileged_images([cube], Msi(source="paired"))
    assert image.name == "picture scene.png"


def test_a_cube_without_a_picture_is_named(cube):
    faults = fault_of([cube], Msi(source="paired"))
    assert faults == {"msi.pictures": "The cube 'scene' has no picture; name one for it."}


def test_pictures_of_unequal_numbers_of_bands_are_refused(cube, picture):
    grey = picture(as_8_bits(cube.data[[15]])[..., 0], "grey.png")
    other = cube_of(name="other")
    msi = Msi(source="paired", pictures={"scene": picture(), "other": grey})
    sentence = fault_of([cube, other], msi)["msi.pictures"]
    assert sentence.startswith("The picture grey.png of 'other' has 1 bands, that of 'scene' has 3")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.bmp", "a.hdr", "a.mat"])
def test_a_damaged_picture_is_refused_in_a_sentence(cube, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is no picture" * 9)
    faults = fault_of([cube], Msi(source="paired", pictures={"scene": path}))
    assert "'scene'" in faults["msi.pictures"]
    assert name in faults["msi.pictures"]


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.hdr", "folder"])
def test_a_picture_that_is_not_there_is_refused_in_a_sentence(cube, tmp_path, name):
    msi = Msi(source="paired", pictures={"scene": tmp_path / name})
    assert name in fault_of([cube], msi)["msi.pictures"]


def test_a_picture_in_cmyk_is_refused(cube, tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "print.jpg"
    image.new("CMYK", (SIDE, SIDE)).save(path)
    assert (
        "in CMYK"
        in fault_of([cube], Msi(source="paired", pictures={"scene": path}))["msi.pictures"]
    )


def test_a_real_picture_from_another_satellite_lies_on_its_cube(shared_data, tmp_path):
    file = shared_data / "formats" / "mat_paired_hs_ms" / "paris_data_hs_ms.mat"
    hyper, multi = (read(file, dataset=name, axes="yxb") for name in ("HSim", "MSim"))
    path = write(multi, tmp_path / "ali.hdr")
    image = paired(hyper, path)
    assert image.bands == 9
    assert not image.notes
