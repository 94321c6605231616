"""Images of OME-Zarr: wavelengths of their channels, size of pixels, label images."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from napari_dodn.formats import contents, read

IMAGE = np.random.default_rng(5).integers(0, 4000, (6, 8, 10), dtype=np.uint16)
CENTRES = np.array([450.0, 500.0, 555.5, 610.0, 700.0, 800.0])
KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


@pytest.fixture
def ome_zarr(tmp_path):
    def make(channels=None, axes="cyx", version=2, unit="micrometer", root="", **said):
        path = tmp_path / "image.zarr"
        group = zarr.create_group(path, zarr_format=version)
        if root:
            group = group.create_group(root)
        shape = [{"c": 6, "y": 8, "x": 10}.get(axis, 1) for axis in axes]
        if "c" not in axes:
            shape[0] = 6
        levels = []
        for level, step in enumerate((1, 2)):
            image = IMAGE.reshape(shape)[..., ::step, ::step]
            group.create_array(str(level), data=image)
            scale = [1.0] * (len(axes) - 2) + [0.5 * step, 0.25 * step]
            steps = [{"type": "scale", "scale": scale}]
            levels.append({"path": str(level), "coordinateTransformations": steps})
        described = [
            {"name": axis, "type": KINDS[axis]} | ({"unit": unit} if axis in "yx" else {})
            for axis in axes
        ]
        image = {"axes": described, "datasets": levels, **said}
        content = {"multiscales": [{k: v for k, v in image.items() if v is not None}]}
        if channels is not None:
            content["omero"] = {"channels": channels}
        group.attrs.update(content if version == 2 else {"ome": {"version": "0.5", **content}})
        return path

    return make


def check(cube):
    np.testing.assert_array_equal(np.asarray(cube.data), IMAGE)


@pytest.mark.parametrize(
    "text", ["{} nm", "{}nm", "{}", "Band {n}: {} nm", "λ {} nm (5 nm)", "ch{n}_{}nm"]
)
@pytest.mark.parametrize("version", [2, 3])
def test_labels_of_channels_are_wavelengths(ome_zarr, text, version):
    channels = [{"label": text.format(c, n=n), "color": "FF0000"} for n, c in enumerate(CENTRES)]
    cube = read(ome_zarr(channels, version=version))
    check(cube)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


@pytest.mark.parametrize(
    "channel",
    [
        lambda centre: {"label": "a", "emission_wavelength": centre},
        lambda centre: {"label": "a", "emissionWavelength": {"value": centre, "unit": "nm"}},
        lambda centre: {"wavelength": {"value": centre / 1000, "unit": "micrometer"}},
        lambda centre: {"name": "b", "wavelength": centre},
    ],
)
def test_wavelengths_of_channels_are_those_of_the_bands(ome_zarr, channel):
    cube = read(ome_zarr([channel(centre) for centre in CENTRES], axes="tczyx"))
    check(cube)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)


@pytest.mark.parametrize("labels", [["DAPI", "GFP", "RFP", "Cy5", "A488", "A594"], ["5 nm"] * 6])
def test_other_labels_are_no_wavelengths(ome_zarr, labels):
    assert read(ome_zarr([{"label": label} for label in labels])).wavelengths is None


def test_the_size_of_a_pixel_is_that_of_the_level(ome_zarr):
    path = ome_zarr()
    cube = read(path)
    assert (cube.pixel_size, cube.pixel_unit) == ((0.5, 0.25), "um")
    assert read(path, dataset="1").pixel_size == (1.0, 0.5)


def test_a_scale_of_the_image_is_that_of_all_levels(ome_zarr):
    scale = {"type": "scale", "scale": [1, 10, 10]}
    cube = read(ome_zarr(unit="nanometer", coordinateTransformations=[scale]))
    assert (cube.pixel_size, cube.pixel_unit) == ((5.0, 2.5), "nm")


def test_a_pixel_without_a_unit_has_no_size(ome_zarr):
    assert read(ome_zarr(unit="")).pixel_size is None


def test_axes_before_version_0_3_are_those_of_microscopes(ome_zarr):
    path = ome_zarr(axes="tczyx")
    described = path / ".zattrs"
    said = json.loads(described.read_text())
    del said["multiscales"][0]["axes"]
    described.write_text(json.dumps(said))
    cube = read(path)
    check(cube)
    assert not any("since another axis" in note for note in cube.notes)


def test_the_axis_beside_rows_and_columns_is_that_of_the_bands(ome_zarr):
    cube = read(ome_zarr(axes="zyx"))
    check(cube)


def test_label_images_beside_an_image_are_no_cubes(ome_zarr):
    path = ome_zarr()
    group = zarr.open_group(path).create_group("labels/cells")
    group.create_array("0", data=np.zeros(IMAGE.shape, np.int32))
    assert [found.name for found in contents(path)] == ["0"]
    check(read(path))


def test_an_image_may_lie_in_a_group(ome_zarr):
    channels = [{"label": f"{centre} nm"} for centre in CENTRES]
    cube = read(ome_zarr(channels, root="0"))
    check(cube)
    np.testing.assert_allclose(cube.wavelengths, CENTRES)
