from __future__ import annotations

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_dodn.formats import AmbiguousError, FormatError, contents, read


@pytest.fixture
def band_folder(tmp_path):
    """Write one image per band and return the folder and what is in it."""

    def make(names, folder="scene_ms", dtype="u2", shape=(6, 7)):
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        data = np.arange(len(names) * shape[0] * shape[1]).reshape(len(names), *shape)
        data = data.astype(dtype)
        for name, band in zip(names, data, strict=True):
            iio.imwrite(place / name, band)
        return place, data

    return make


CAVE_NAMES = [f"scene_ms_{number:02d}.png" for number in range(1, 32)]


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_a_cave_scene_opens_with_its_wavelengths(band_folder, dtype):
    folder, data = band_folder(CAVE_NAMES, dtype=dtype)
    cube = read(folder)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(cube.wavelengths, np.arange(400, 701, 10))
    assert cube.name == "scene_ms"
    assert any("CAVE" in note for note in cube.notes)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i1", "u1", ">i2", "u2", "u4", ">i4"])
@pytest.mark.parametrize("zero", ["minisblack", "miniswhite"])
def test_images_may_hold_any_numbers_that_tiff_does(tmp_path, dtype, zero):
    data = np.random.default_rng(0).random((3, 6, 7))
    if (kind := np.dtype(dtype)).kind in "iu":
        limits = np.iinfo(kind)
        data = limits.min + data * (limits.max - limits.min)
    data = data.astype(kind)
    for band, image in enumerate(data):
        tifffile.imwrite(tmp_path / f"b{band}.tif", image, photometric=zero)
    cube = read(tmp_path)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.data.dtype == np.asarray(cube.data).dtype == kind.newbyteorder("=")


@pytest.mark.parametrize(("most", "dtype"), [(100, "u1"), (255, "u1"), (4095, ">u2")])
@pytest.mark.parametrize("plain", [False, True])
def test_the_numbers_of_a_pgm_are_not_stretched(tmp_path, most, dtype, plain):
    data = np.arange(2 * 6 * 7).reshape(2, 6, 7) * most // 83
    for band, image in enumerate(data):
        pixels = " ".join(map(str, image.ravel())).encode() if plain else image.astype(dtype)
        head = f"P{2 if plain else 5}\n# of a camera\n7 6\n{most}\n".encode()
        (tmp_path / f"b{band}.pgm").write_bytes(head + bytes(pixels))
    np.testing.assert_array_equal(read(tmp_path).data, data)


def test_the_images_may_lie_one_level_deeper(band_folder):
    folder, data = band_folder(CAVE_NAMES, "scene_ms/scene_ms")
    np.testing.assert_array_equal(read(folder.parent).data, data)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".TIF"])
def test_images_are_put_in_the_order_of_their_numbers(band_folder, suffix):
    names = [f"x{number}{suffix}" for number in range(1, 13)]
    folder, data = band_folder(names, dtype="u1")
    cube = read(folder)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.wavelengths is None


def test_numbers_may_begin_at_zero(band_folder):
    folder, data = band_folder([f"b_{number}.png" for number in range(3)])
    np.testing.assert_array_equal(read(folder).data, data)


@pytest.mark.parametrize(
    "names",
    [
        ["a_450nm.png", "a_550nm.png", "a_650.5nm.png"],
        ["450 nm.png", "550 nm.png", "650.5 nm.png"],
        ["band_450nm_x.png", "band_550nm_x.png", "band_650,5nm_x.png"],
    ],
)
def test_wavelengths_in_the_names_are_read(band_folder, names):
    folder, data = band_folder(names)
    cube = read(folder)
    np.testing.assert_array_equal(cube.wavelengths, [450, 550, 650.5])
    np.testing.assert_array_equal(cube.data, data)


def test_large_numbers_that_leave_gaps_are_taken_for_nanometres_and_said(band_folder):
    folder, _ = band_folder(["400.png", "410.png", "420.png"])
    cube = read(folder)
    np.testing.assert_array_equal(cube.wavelengths, [400, 410, 420])
    assert any("nanometres" in note for note in cube.notes)


@pytest.mark.parametrize(
    "convert",
    [
        lambda grey: np.stack([grey, grey, grey, np.full_like(grey, 255)], -1),
        lambda grey: np.stack([grey, grey, grey], -1),
        lambda grey: np.stack([grey, np.full_like(grey, 255)], -1),
    ],
)
def test_grey_images_stored_in_colour_are_read_as_grey(band_folder, convert):
    folder, data = band_folder(["b1.png", "b2.png"], dtype="u1")
    for name, band in zip(["b1.png", "b2.png"], data, strict=True):
        iio.imwrite(folder / name, convert(band))
    cube = read(folder)
    np.testing.assert_array_equal(cube.data, data)
    assert any("stored in colour" in note for note in cube.notes)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_grey_images_stored_in_colour_keep_their_sixteen_bits(band_folder, channels):
    folder, data = band_folder(["b1.png", "b2.png"])
    data *= 777
    for name, band in zip(["b1.png", "b2.png"], data, strict=True):
        image = np.repeat(band[..., None], channels, axis=-1)
        if channels in (2, 4):
            image[..., -1] = 65_535
        (folder / name).write_bytes(imagecodecs.png_encode(image))
    cube = read(folder)
    np.testing.assert_array_equal(cube.data, data)
    assert cube.data.dtype == np.uint16


@pytest.mark.parametrize("place", [".", ".."])
@pytest.mark.parametrize("name", ["scene_RGB.bmp", "scene_rgb.png"])
def test_the_rgb_picture_is_found_in_the_folder_or_beside_it(band_folder, place, name):
    folder, _ = band_folder(CAVE_NAMES)
    picture = (folder / place / name).resolve()
    iio.imwrite(picture, np.zeros((6, 7, 3), np.uint8))
    cube = read(folder)
    assert cube.rgb_picture
    assert (folder / cube.rgb_picture).resolve() == picture


def test_the_rgb_picture_of_another_scene_is_not_taken(band_folder):
    folder, _ = band_folder(CAVE_NAMES)
    iio.imwrite(folder.parent / "other_RGB.bmp", np.zeros((6, 7, 3), np.uint8))
    assert read(folder).rgb_picture == ""


@pytest.mark.parametrize("gone", [1, 7])
def test_a_missing_number_is_refused(band_folder, gone):
    names = [name for name in CAVE_NAMES if name != f"scene_ms_{gone:02d}.png"]
    folder, _ = band_folder(names)
    with pytest.raises(FormatError, match=f"number {gone} is missing"):
        read(folder)


def test_two_images_for_one_band_are_refused(band_folder):
    folder, _ = band_folder(["b1.png", "b01.png", "b2.png"])
    with pytest.raises(FormatError, match=r"two images for one band: b01\.png and b1\.png"):
        read(folder)


def test_an_image_of_another_size_is_refused(band_folder):
    folder, _ = band_folder(["b1.png", "b2.png"])
    iio.imwrite(folder / "b2.png", np.zeros((6, 8), np.uint16))
    with pytest.raises(FormatError, match=r"b2\.png does not fit b1\.png: it is 6 × 8"):
        read(folder)


def test_an_image_of_another_depth_is_refused(band_folder):
    folder, _ = band_folder(["b1.png", "b2.png"])
    iio.imwrite(folder / "b2.png", np.zeros((6, 7), np.uint8))
    with pytest.raises(FormatError, match="uint8"):
        read(folder)


@pytest.mark.parametrize(("content", "word"), [(b"", "is empty"), (b"x" * 99, "damaged")])
def test_an_image_that_cannot_be_read_is_refused(band_folder, content, word):
    folder, _ = band_folder(["b1.png", "b2.png"])
    (folder / "b2.png").write_bytes(content)
    with pytest.raises(FormatError, match=rf"b2\.png.*{word}"):
        read(folder)


def test_a_truncated_image_is_refused_when_its_band_is_looked_at(band_folder):
    folder, data = band_folder(["b1.png", "b2.png"], shape=(200, 200))
    content = (folder / "b2.png").read_bytes()
    (folder / "b2.png").write_bytes(content[: len(content) // 2])
    pixels = read(folder).data
    np.testing.assert_array_equal(pixels[0], data[0])
    with pytest.raises(FormatError, match=r"b2\.png"):
        pixels[1]


def test_an_image_that_is_gone_is_told_in_a_sentence(band_folder):
    folder, _ = band_folder(["b1.png", "b2.png"])
    pixels = read(folder).data
    (folder / "b2.png").unlink()
    with pytest.raises(FormatError, match=r"b2\.png cannot be read"):
        pixels[1]


def test_a_colour_picture_is_not_a_band(band_folder):
    folder, _ = band_folder(["b1.png", "b2.png"], dtype="u1")
    iio.imwrite(folder / "b2.png", np.arange(126, dtype=np.uint8).reshape(6, 7, 3))
    with pytest.raises(FormatError, match=r"b2\.png is a colour picture"):
        read(folder)


def test_several_series_of_images_are_not_guessed_between(band_folder):
    folder, first = band_folder(["a_1.png", "a_2.png"])
    band_folder(["b_1.png", "b_2.png"])
    with pytest.raises(AmbiguousError, match="--dataset") as caught:
        read(folder)
    assert caught.value.candidates == ["a_", "b_"]
    np.testing.assert_array_equal(read(folder, dataset="a").data, first)
    with pytest.raises(FormatError, match="no series of images named 'c'"):
        read(folder, dataset="c")


def test_series_that_differ_in_their_ending_alone_can_be_told_apart(band_folder):
    folder, first = band_folder(["a_1.png", "a_2.png"])
    band_folder(["a_1.tif", "a_2.tif", "a_3.tif"])
    with pytest.raises(AmbiguousError) as caught:
        read(folder)
    assert caught.value.candidates == ["a_.png", "a_.tif"]
    assert [found.name for found in contents(folder)] == caught.value.candidates
    np.testing.assert_array_equal(read(folder, dataset="a_.png").data, first)


def test_several_scenes_are_not_guessed_between(band_folder, tmp_path):
    band_folder(CAVE_NAMES, "one")
    band_folder(CAVE_NAMES, "two")
    with pytest.raises(AmbiguousError, match="open one of them") as caught:
        read(tmp_path)
    assert caught.value.candidates == ["one", "two"]
    assert read(tmp_path, dataset="two").shape == (31, 6, 7)


def test_a_folder_without_band_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    iio.imwrite(tmp_path / "holiday1.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(FormatError, match="holds no band images"):
        read(tmp_path)


def test_an_option_without_meaning_is_refused(band_folder):
    folder, _ = band_folder(CAVE_NAMES)
    with pytest.raises(FormatError, match="'axes' has no meaning"):
        read(folder, axes="yxb")
