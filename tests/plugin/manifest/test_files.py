"""Files and samples on their way into and out of napari."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Layer
from napari.layers.utils.stack_utils import split_rgb
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_dodn import read, write
from napari_dodn.cube import Region
from napari_dodn.formats import AmbiguousError, FormatError, LargeError
from napari_dodn.formats.pixels.raw import RawPixels
from napari_dodn.plugin.kit import session
from napari_dodn.plugin.manifest import readers
from napari_dodn.plugin.manifest.saving import save_selected
from napari_dodn.plugin.manifest.writers import write_envi, write_matlab
from napari_dodn.plugin.viewer.layers import cube_from_layer, is_cube, layer_data_from_cube
from napari_dodn.plugin.viewer.overlap import OverlapError, grid_on
from napari_dodn.upscaling import bicubic

PLUGIN = "napari-dodn"


def in_the_event_loop(function):
    """Run a function as a click does, from within the event loop."""
    result = []

    def run():
        try:
            result.append(function())
        finally:
            QApplication.instance().exit()

    QTimer.singleShot(0, run)
    QApplication.instance().exec()
    return result[0]


@pytest.fixture
def damaged_file(tmp_path):
    path = tmp_path / "damaged.mat"
    path.write_bytes(b"this is no MATLAB file")
    return path


def test_a_file_opens_as_a_cube_and_its_picture(make_napari_viewer, envi_file, cube):
    viewer = make_napari_viewer()
    layer, picture = viewer.open(envi_file, plugin=PLUGIN)
    assert is_cube(layer)
    assert picture.rgb
    assert isinstance(layer.data, RawPixels)
    np.testing.assert_array_equal(layer.data, cube.data)
    assert list(cube_from_layer(layer).wavelengths) == [450, 500, 550, 600, 650]


def test_a_file_without_rivals_needs_no_plugin_name(make_napari_viewer, tmp_path, cube):
    from napari_dodn import write

    viewer = make_napari_viewer()
    viewer.open(write(cube, tmp_path / "cube.mat"), plugin=None)
    assert is_cube(viewer.layers[0])


def test_a_script_gets_the_error_of_a_bad_file(make_napari_viewer, damaged_file):
    viewer = make_napari_viewer()
    with pytest.raises(FormatError, match="damaged.mat"):
        viewer.open(damaged_file, plugin=PLUGIN)
    assert not viewer.layers


def test_a_person_gets_one_sentence_about_a_bad_file(make_napari_viewer, damaged_file, notices):
    viewer = make_napari_viewer()
    layers = in_the_event_loop(lambda: viewer.open(damaged_file, plugin=None))
    assert layers == []
    (notice,) = notices()
    assert "damaged.mat" in notice
    assert "\n" not in notice
    assert notice.endswith(".")


def test_what_the_reader_found_out_for_itself_is_shown(make_napari_viewer, envi_file, notices):
    text = envi_file.read_text().replace("byte order = 0\n", "")
    envi_file.write_text(text)
    make_napari_viewer().open(envi_file, plugin=PLUGIN)
    notes = read(envi_file).notes
    assert len(notes) > 0
    assert notices() == [f"field: {' '.join(notes)}"]


@pytest.fixture
def ambiguous(monkeypatch, cube):
    def read_either(path, *, dataset=None):
        if dataset is None:
            raise AmbiguousError("There are two cubes; choose with 'dataset'.", ["one", "two"])
        return cube.derive(name=dataset)

    monkeypatch.setattr("napari_dodn.formats.read", read_either)


def test_a_saved_part_opens_where_it_lies_in_the_whole(make_napari_viewer, envi_file, tmp_path):
    viewer = make_napari_viewer()
    cube, region = read(envi_file), Region(2, 6, 5, 11)
    fine = cube.crop(region).on_finer_grid(np.ones((5, 8, 12), np.float32), 2)
    whole, _ = viewer.open(envi_file, plugin=PLUGIN)
    result, picture = viewer.open(write(fine, tmp_path / "part.hdr"), plugin=PLUGIN)
    corner = whole.data_to_world((0, region.y0 - 0.5, region.x0 - 0.5))[-2:]
    np.testing.assert_allclose(result.data_to_world((0, -0.5, -0.5))[-2:], corner)
    np.testing.assert_allclose(picture.data_to_world((-0.5, -0.5)), corner)
    assert grid_on(result, whole) == (2, region)
    result.translate = (0, 0, 0)
    assert grid_on(result, whole) == (2, region)


@pytest.mark.parametrize("region", [None, Region(2, 8, 4, 12)])
def test_a_result_without_map_coordinates_opens_on_its_source(
    make_napari_viewer, tmp_path, cube, region
):
    bare = cube.derive(map_info=(), pixel_size=None, pixel_unit="", name="bare")
    whole = write(bare, tmp_path / "bare.hdr")
    fine = bicubic(read(whole), 2, region)
    viewer = make_napari_viewer()
    source, _ = viewer.open(whole, plugin="napari-dodn")
    result, _ = viewer.open(write(fine, tmp_path / "fine.hdr"), plugin="napari-dodn")
    y0, x0 = (0, 0) if region is None else (region.y0, region.x0)
    for y, x in ((0, 0), (5, 9)):
        world = result.data_to_world((1, y, x))
        expected = (y0 + y / 2 - 0.25, x0 + x / 2 - 0.25)
        assert source.world_to_data(world)[1:] == pytest.approx(expected)


def test_a_neighbour_on_the_map_is_not_taken_for_a_finer_version(make_napari_viewer, cube):
    fine = cube.on_finer_grid(np.ones((5, 24, 32), np.float32), 2)
    east = ("UTM", "1", "1", "600000", *fine.map_info[4:])
    viewer = make_napari_viewer()
    whole, result = (
        viewer.add_layer(Layer.create(*layer_data_from_cube(x)[0]))
        for x in (cube, fine.derive(map_info=east))
    )
    with pytest.raises(OverlapError, match="not a finer version"):
        grid_on(result, whole)


def test_a_person_is_asked_which_of_two_cubes_to_open(make_napari_viewer, ambiguous, monkeypatch):
    viewer = make_napari_viewer()
    monkeypatch.setattr(session, "choose", lambda question, candidates: candidates[1])
    layers = in_the_event_loop(lambda: readers.napari_get_reader("x.mat")("x.mat"))
    assert layers[0][1]["name"] == "two"
    assert not viewer.layers


def test_a_person_who_chooses_neither_gets_nothing(ambiguous, monkeypatch, qapp, notices):
    monkeypatch.setattr(session, "choose", lambda question, candidates: None)
    assert in_the_event_loop(lambda: readers.napari_get_reader("x.mat")("x.mat")) == [(None,)]
    assert notices() == []


def test_a_script_is_told_that_there_are_two(ambiguous, qapp):
    with pytest.raises(AmbiguousError):
        readers.napari_get_reader("x.mat")("x.mat")


@pytest.mark.parametrize("agreed", [True, False])
def test_a_person_is_asked_before_gigabytes_are_unpacked(
    make_napari_viewer, cube, monkeypatch, agreed
):
    make_napari_viewer()
    asked = []

    def read_large(path, *, large=False):
        if not large:
            raise LargeError(Path("x.npz"), 3_200_000_000, 2_000_000)
        return cube

    monkeypatch.setattr("napari_dodn.formats.read", read_large)
    monkeypatch.setattr(session, "agrees", lambda question: asked.append(question) or agreed)
    layers = in_the_event_loop(lambda: readers.napari_get_reader("x.npz")("x.npz"))
    assert (layers == [(None,)]) is not agreed
    assert asked == ["x.npz needs 3.20 GB, packed in 2.00 MB. Open it all the same?"]


def test_files_to_be_stacked_are_left_to_others():
    assert readers.napari_get_reader(["a.hdr", "b.hdr"]) is None


def test_the_reader_module_imports_nothing_heavy():
    heavy = {"torch", "skimage", "scipy", "h5py", "spectral", "dask", "napari", "qtpy"}
    code = f"import sys, napari_dodn.plugin.manifest.readers; print({heavy!r} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["saved.hdr", "saved.bil", "saved.bip", "saved.mat", "saved.h5"])
def test_a_saved_layer_opens_with_the_same_pixels_and_wavelengths(
    make_napari_viewer, envi_file, tmp_path, name
):
    viewer = make_napari_viewer()
    layer, _ = viewer.open(envi_file, plugin=PLUGIN)
    (path,) = layer.save(str(tmp_path / name))
    again = cube_from_layer(viewer.open(path, plugin=PLUGIN)[0])
    np.testing.assert_array_equal(again.data, layer.data)
    np.testing.assert_array_equal(again.wavelengths, cube_from_layer(layer).wavelengths)


def test_a_layer_saved_as_a_zarr_store_keeps_its_description(
    make_napari_viewer, envi_file, tmp_path
):
    viewer = make_napari_viewer()
    layer, _ = viewer.open(envi_file, plugin=PLUGIN)
    (path,) = layer.save(str(tmp_path / "saved.zarr"))
    again, first = read(path), cube_from_layer(layer)
    np.testing.assert_array_equal(again.data, layer.data)
    assert again.description()["map_info"] == first.description()["map_info"]


def test_an_envi_file_keeps_the_description_through_napari(make_napari_viewer, envi_file, tmp_path):
    viewer = make_napari_viewer()
    layer, _ = viewer.open(envi_file, plugin=PLUGIN)
    (path,) = layer.save(str(tmp_path / "saved.hdr"))
    again = viewer.open(path, plugin=PLUGIN)[0]
    first, second = (cube_from_layer(x).description() for x in (layer, again))
    for key in ("fwhm", "good_bands", "nodata", "map_info", "pixel_size", "pixel_unit"):
        assert first[key] == second[key], key
    assert tuple(again.scale) == tuple(layer.scale)


def test_a_name_without_ending_gets_one(make_napari_viewer, envi_file, tmp_path):
    viewer = make_napari_viewer()
    layer, _ = viewer.open(envi_file, plugin=PLUGIN)
    (path,) = write_envi(str(tmp_path / "field x4.5"), [layer.as_layer_data_tuple()])
    assert path == str(tmp_path / "field x4.5.hdr")


@pytest.mark.parametrize("name", ["a.hdr", "a.bil", "a.mat", "a.h5", "a.zarr", "a.TIF", "a.npz"])
def test_an_ending_that_is_typed_decides_whatever_type_is_chosen(cube, tmp_path, name):
    (path,) = write_envi(str(tmp_path / name), layer_data_from_cube(cube))
    again = read(path)
    np.testing.assert_array_equal(again.data, cube.data)
    assert list(again.wavelengths) == list(cube.wavelengths)
    assert [x.name for x in tmp_path.iterdir() if x.name.startswith(name)] == (
        ["a.bil"] if name == "a.bil" else [name]
    )


def test_saving_replaces_the_file_that_the_person_agreed_to(cube, tmp_path):
    target = str(tmp_path / "cube.mat")
    write_matlab(target, layer_data_from_cube(cube))
    write_matlab(target, layer_data_from_cube(cube.derive(cube.data + 1)))
    np.testing.assert_array_equal(read(target).data, cube.data + 1)


def test_saving_never_replaces_a_file_that_nobody_named(cube, tmp_path):
    (tmp_path / "cube.mat").write_text("precious")
    with pytest.raises(OSError, match="cube.mat"):
        write_matlab(str(tmp_path / "cube"), layer_data_from_cube(cube))
    assert (tmp_path / "cube.mat").read_text() == "precious"


def test_saving_the_colours_saves_their_cube(make_napari_viewer, envi_file, tmp_path, cube):
    _, picture = make_napari_viewer().open(envi_file, plugin=PLUGIN)
    (path,) = picture.save(str(tmp_path / "saved.hdr"))
    np.testing.assert_array_equal(read(path).data, cube.data)


def test_a_cube_and_its_colours_are_saved_as_one_file(
    make_napari_viewer, envi_file, tmp_path, cube
):
    viewer = make_napari_viewer()
    viewer.open(envi_file, plugin=PLUGIN)
    (path,) = viewer.layers.save(str(tmp_path / "saved.tif"))
    np.testing.assert_array_equal(read(path).data, cube.data)


def test_colours_whose_cube_is_gone_are_not_saved_as_a_cube(
    make_napari_viewer, envi_file, tmp_path
):
    viewer = make_napari_viewer()
    layer, picture = viewer.open(envi_file, plugin=PLUGIN)
    viewer.layers.remove(layer)
    with pytest.raises(OSError, match="The cube of layer 'field · colours' is no longer open"):
        picture.save(str(tmp_path / "saved.hdr"))


def test_the_file_menu_saves_the_selected_cube(
    make_napari_viewer, tmp_path, cube, monkeypatch, notices, qtbot
):
    viewer = make_napari_viewer()
    for data in layer_data_from_cube(cube):
        viewer.add_layer(Layer.create(*data))
    answer = str(tmp_path / "r.hdr"), "ENVI (*.hdr)"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answer)
    save_selected()
    qtbot.waitUntil(lambda: len(notices()) == 2)
    assert notices()[-1] == f"Saved as {tmp_path / 'r.hdr'}."
    np.testing.assert_array_equal(read(tmp_path / "r.hdr").data, cube.data)


def test_several_cubes_are_not_saved_as_one_file(make_napari_viewer, envi_file, tmp_path, cube):
    viewer = make_napari_viewer()
    viewer.open(envi_file, plugin=PLUGIN)
    viewer.open(write(cube, tmp_path / "other.hdr"), plugin=PLUGIN)
    with pytest.raises(OSError, match="2 are selected: 'field', 'other'. Select one."):
        viewer.layers.save(str(tmp_path / "saved.hdr"))


def test_a_picture_that_came_with_a_cube_is_not_saved_as_one(make_napari_viewer, tmp_path):
    *_, picture = make_napari_viewer().open_sample(PLUGIN, "scene")
    with pytest.raises(OSError, match="is a picture of a cube; choose the layer of a cube."):
        picture.save(str(tmp_path / "picture.hdr"))


def test_a_channel_split_from_the_colours_is_not_saved_as_their_cube(
    make_napari_viewer, envi_file, tmp_path
):
    viewer = make_napari_viewer()
    _, picture = viewer.open(envi_file, plugin=PLUGIN)
    viewer.layers.extend(split_rgb(picture))  # as in napari's menu of the layer
    with pytest.raises(OSError, match="choose the layer of a cube"):
        viewer.layers[-1].save(str(tmp_path / "saved.hdr"))
    assert not (tmp_path / "saved.hdr").exists()


def test_nothing_is_left_out_of_what_is_saved(make_napari_viewer, envi_file, tmp_path):
    viewer = make_napari_viewer()
    viewer.open(envi_file, plugin=PLUGIN)
    viewer.add_image(np.ones((12, 16)), name="drawn")
    with pytest.raises(OSError, match="'drawn' is not a hyperspectral cube"):
        viewer.layers.save(str(tmp_path / "saved.hdr"))
    assert not (tmp_path / "saved.hdr").exists()


def test_a_layer_of_another_kind_is_not_saved_as_a_cube(make_napari_viewer, tmp_path):
    layer = make_napari_viewer().add_image(np.ones((3, 4, 4)), name="stack")
    with pytest.raises(OSError, match="'stack' is not a hyperspectral cube"):
        layer.save(str(tmp_path / "stack.hdr"))


def test_a_cube_that_is_opened_is_selected_and_not_its_colours(
    make_napari_viewer, envi_file, qtbot
):
    viewer = make_napari_viewer()
    layer, _ = in_the_event_loop(lambda: viewer.open(envi_file, plugin=PLUGIN))
    qtbot.waitUntil(lambda: set(viewer.layers.selection) == {layer})


def test_the_cube_of_the_sample_that_is_to_be_sharpened_is_selected(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    low, *_ = viewer.open_sample(PLUGIN, "scene")
    qtbot.waitUntil(lambda: set(viewer.layers.selection) == {low})


def test_a_layer_that_a_person_selects_meanwhile_stays_selected(
    make_napari_viewer, envi_file, qtbot
):
    viewer = make_napari_viewer()
    drawn = viewer.add_shapes()
    viewer.open(envi_file, plugin=PLUGIN)
    viewer.layers.selection.active = drawn
    qtbot.wait(20)
    assert set(viewer.layers.selection) == {drawn}


def test_the_sample_opens_as_an_aligned_set(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "scene")
    low, colours, reference, picture = viewer.layers
    assert [layer.visible for layer in viewer.layers] == [True, True, False, False]
    scale = reference.data.shape[1] // low.data.shape[1]
    for y, x in ((0, 0), (5, 9), (20, 3)):
        world = low.data_to_world((0, y, x))
        middle = [(i + 0.5) * scale - 0.5 for i in (y, x)]
        assert reference.world_to_data(world)[1:] == pytest.approx(middle)
        assert picture.world_to_data(world[1:]) == pytest.approx(middle)
        assert colours.world_to_data(world[1:]) == pytest.approx((y, x))
