"""Pictures as people have them: transparent, turned, with fill values, in files of many kinds."""

from __future__ import annotations

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_dodn import HyperCube
from napari_dodn.cube import Region
from napari_dodn.distillation.data.picture_files import PictureError, opened_picture
from napari_dodn.formats import write

COLOURS = np.random.default_rng(2).integers(1, 250, (40, 60, 3), np.uint8)
LEFT = np.s_[:, :, :15]


def with_alpha(image):
    alpha = np.full((*image.shape[:2], 1), 255, np.uint8)
    alpha[:, :15] = 0
    return np.concatenate([image, alpha], axis=2)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "grey.png"])
def test_transparent_pixels_are_invalid(tmp_path, name):
    path, image = tmp_path / name, with_alpha(COLOURS)
    if name == "a.tif":
        tifffile.imwrite(path, image, photometric="rgb", extrasamples=["unassalpha"])
    else:
        image = np.ascontiguousarray(image[..., [0, 3]] if name == "grey.png" else image)
        path.write_bytes(imagecodecs.png_encode(image))
    pixels, _ = opened_picture("field", path).read()
    assert len(pixels) == (1 if name == "grey.png" else 3)
    assert np.isnan(pixels[LEFT]).all()
    assert np.isfinite(pixels[:, :, 15:]).all()


def test_a_fill_value_that_is_not_stated_is_invalid_and_told(tmp_path):
    planes = np.random.default_rng(3).random((3, 40, 60), np.float32)
    planes[LEFT] = -9999
    picture = opened_picture("field", write(HyperCube(planes), tmp_path / "pan.hdr"))
    pixels, notes = picture.read()
    assert np.isnan(pixels[LEFT]).all()
    assert notes == ["pan.hdr: No-data value -9999 assumed in 25 % of the pixels."]
    inner, notes = picture.read(Region(0, 40, 20, 60))
    np.testing.assert_array_equal(inner, planes[:, :, 20:])
    assert notes == []


def test_one_glitch_is_invalid(tmp_path):
    planes = np.random.default_rng(3).random((3, 40, 60), np.float32)
    planes[:, 4, 5] = 1e30
    pixels, _ = opened_picture("field", write(HyperCube(planes), tmp_path / "pan.hdr")).read()
    np.testing.assert_array_equal(np.argwhere(np.isnan(pixels))[:, 1:], [[4, 5]] * 3)


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    from PIL import Image

    image = Image.fromarray(np.rot90(COLOURS))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned to the right
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = opened_picture("field", tmp_path / "a.jpg")
    assert picture.shape == (40, 60)
    plain = tmp_path / "plain.jpg"
    iio.imwrite(plain, COLOURS, quality=95)
    other, _ = opened_picture("field", plain).read()
    assert np.abs(picture.read()[0] - other).mean() < 0.02


def test_jpeg_2000_is_read_with_all_its_bits(tmp_path):
    band = np.random.default_rng(4).integers(0, 10_000, (40, 60), np.uint16)
    path = tmp_path / "B08.jp2"
    path.write_bytes(imagecodecs.jpeg2k_encode(band, level=0, reversible=True))
    pixels, notes = opened_picture("field", path).read()
    np.testing.assert_allclose(pixels[0], band / 65535)
    assert notes == []


def test_a_part_is_what_lies_there(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(COLOURS))
    picture, part = opened_picture("field", path), Region(3, 17, 20, 41)
    np.testing.assert_array_equal(picture.read(part)[0], picture.read()[0][:, 3:17, 20:41])


def test_a_file_of_another_kind_is_told_what_a_picture_can_be(tmp_path):
    iio.imwrite(tmp_path / "a.gif", COLOURS)
    with pytest.raises(PictureError, match=r"A picture can also be one of \.bmp, .*\.png"):
        opened_picture("field", tmp_path / "a.gif")


def test_a_file_of_several_images_is_refused_with_what_to_do(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([COLOURS] * 3), photometric="rgb")
    with pytest.raises(PictureError, match="save the right one in its own file"):
        opened_picture("field", tmp_path / "a.tif")
