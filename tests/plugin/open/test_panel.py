"""The Open panel: files and layers, what is doubtful about them, and what is said about it."""

import time
from dataclasses import replace

import numpy as np
import pytest
from imageio.v3 import imwrite
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QFocusEvent
from qtpy.QtWidgets import QApplication, QFileDialog
from scipy.io import savemat

from napari_dodn import HyperCube, write
from napari_dodn.cube import Region
from napari_dodn.plugin.open import sources
from napari_dodn.plugin.open.panel import OpenCube
from napari_dodn.plugin.open.sources import Field
from napari_dodn.plugin.viewer.adoption import adopt
from napari_dodn.plugin.viewer.layers import cube_from_layer

BANDS, HEIGHT, WIDTH = 5, 12, 9


@pytest.fixture
def pixels():
    """Return pixels (y, x, bands) that differ everywhere."""
    return np.arange(HEIGHT * WIDTH * BANDS, dtype=np.float32).reshape(HEIGHT, WIDTH, BANDS)


@pytest.fixture
def one_cube(tmp_path, pixels):
    """Return a MATLAB file with one cube without wavelengths."""
    savemat(tmp_path / "one.mat", {"hsi": pixels})
    return tmp_path / "one.mat"


@pytest.fixture
def two_cubes(tmp_path, pixels):
    """Return a MATLAB file with two cubes."""
    savemat(tmp_path / "pair.mat", {"hs": pixels, "ms": pixels[..., :4]})
    return tmp_path / "pair.mat"


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def panel(qtbot, viewer):
    widget = OpenCube(viewer)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def settled(qtbot, panel):
    """Wait until the panel has done all that was asked."""

    def wait():
        qtbot.waitUntil(lambda: not panel.busy, timeout=20_000)

    return wait


def shown(label):
    return "" if label.isHidden() else label.text()


def choose_layer(panel, layer):
    """Choose a layer in the panel, as a person does."""
    panel.origin.setCurrentIndex(panel.origin.findData(layer))


def faults(panel):
    return {field: shown(label) for field, label in panel.faults.items() if shown(label)}


def test_the_only_cube_of_a_file_is_chosen_with_its_axes_and_why(panel, settled, one_cube):
    panel.open_path(one_cube)
    settled()
    assert panel.list.count() == 1
    assert panel.list.item(0).text() == "hsi\n12 × 9 × 5, float32"
    assert panel.axes.currentText() == "12 rows, 9 columns, 5 bands"
    assert "bands are the third axis" in shown(panel.reason)
    assert not panel.picture.pixmap().isNull()
    assert panel.open_button.isEnabled()


def test_a_cube_opens_as_it_was_proposed(panel, viewer, settled, one_cube, pixels):
    panel.open_path(one_cube)
    settled()
    panel.open_button.click()
    settled()
    layer, picture = viewer.layers
    np.testing.assert_array_equal(layer.data, pixels.transpose(2, 0, 1))
    assert (layer.name, picture.rgb) == ("one", True)
    assert "Opened as 'one'" in panel.status.value


def test_a_cube_that_was_opened_is_selected_and_not_its_colours(
    panel, viewer, settled, one_cube, qtbot
):
    panel.open_path(one_cube)
    settled()
    panel.open_button.click()
    settled()
    qtbot.waitUntil(lambda: set(viewer.layers.selection) == {viewer.layers["one"]})


def test_a_part_opens_where_its_map_coordinates_put_it(
    panel, viewer, settled, envi_file, cube, tmp_path
):
    part = write(cube.crop(Region(2, 6, 5, 11)), tmp_path / "part.hdr")
    for path in (envi_file, part):
        panel.open_path(path)
        settled()
        panel.open_button.click()
        settled()
    whole, _, result, picture = viewer.layers
    for layer in (result, picture):
        np.testing.assert_allclose(layer.translate[-2:], whole.data_to_world((0, 2, 5))[-2:])


def test_the_list_tells_the_type_that_the_pixels_turn_out_to_have(
    panel, settled, one_cube, monkeypatch
):
    listed = [replace(candidate, dtype="float64") for candidate in sources.contents(one_cube)]
    monkeypatch.setattr(sources, "contents", lambda _: listed)
    panel.open_path(one_cube)
    settled()
    assert panel.list.item(0).text().endswith("float32")


def test_one_of_several_cubes_is_never_chosen_by_itself(panel, viewer, settled, two_cubes):
    panel.open_path(two_cubes)
    settled()
    assert panel.list.count() == 2
    assert panel.candidate is None
    assert shown(panel.hint) == "2 cubes found. Choose one."
    assert not panel.open_button.isEnabled()
    assert all(not panel.list.item(place).icon().isNull() for place in range(2))
    panel.list.setCurrentRow(1)
    settled()
    panel.open_button.click()
    settled()
    assert viewer.layers[0].name == "pair ms"
    assert viewer.layers[0].data.shape == (4, HEIGHT, WIDTH)


def test_going_through_the_fields_by_keyboard_chooses_nothing(panel, settled, two_cubes):
    panel.open_path(two_cubes)
    settled()
    QApplication.sendEvent(
        panel.list, QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason)
    )
    assert panel.candidate is None


def test_another_order_of_the_axes_is_seen_and_opened(panel, viewer, settled, one_cube, pixels):
    panel.open_path(one_cube)
    settled()
    before = panel.picture.pixmap().size()
    panel.axes.setCurrentIndex(panel.axes.findData("xyb"))
    assert not panel.open_button.isEnabled()
    settled()
    after = panel.picture.pixmap().size()
    assert (before.width(), before.height()) == (after.height(), after.width())
    assert shown(panel.reason) == "Proposed: 12 rows, 9 columns, 5 bands."
    panel.open_button.click()
    settled()
    np.testing.assert_array_equal(viewer.layers[0].data, pixels.transpose(2, 1, 0))


def test_all_orders_can_be_had_and_the_proposed_one_is_first(panel, settled, one_cube):
    panel.open_path(one_cube)
    settled()
    orders = [panel.axes.itemData(place) for place in range(panel.axes.count())]
    assert orders[0] == "yxb"
    assert sorted(orders) == sorted({"yxb", "xyb", "byx", "bxy", "ybx", "xby"})


def test_a_format_that_says_its_axes_leaves_no_choice(panel, settled, envi_file):
    panel.open_path(envi_file)
    settled()
    assert panel.axes.count() == 1
    assert not panel.axes.isEnabled()
    assert panel.wavelengths.line.placeholderText() == "as in the source"


def test_wavelengths_that_are_typed_go_with_the_cube(panel, viewer, settled, one_cube):
    panel.open_path(one_cube)
    settled()
    panel.wavelengths.unit.setCurrentText("µm")
    panel.wavelengths.line.setText("0.4:0.8:0.1")
    settled()
    assert "400 – 800 nm" in shown(panel.facts)
    panel.open_button.click()
    settled()
    assert cube_from_layer(viewer.layers[0]).wavelengths == pytest.approx([400, 500, 600, 700, 800])


def test_wavelengths_that_do_not_fit_are_told_at_their_field(panel, settled, one_cube):
    panel.open_path(one_cube)
    settled()
    panel.wavelengths.line.setText("400:700:10")
    settled()
    assert faults(panel) == {
        Field.WAVELENGTHS: "'400:700:10' has 31 wavelengths, but the cube has 5 bands."
    }
    assert not panel.open_button.isEnabled()
    panel.wavelengths.line.clear()
    settled()
    assert not faults(panel)
    assert panel.open_button.isEnabled()


def test_wavelengths_can_be_those_of_a_file(panel, settled, one_cube, tmp_path):
    (tmp_path / "bands.csv").write_text("band,wavelength\n" + "1,450\n2,500\n3,550\n4,600\n5,650\n")
    panel.open_path(one_cube)
    settled()
    panel.wavelengths.line.setText(str(tmp_path / "bands.csv"))
    settled()
    assert "450 – 650 nm" in shown(panel.facts)


def test_wavelengths_can_be_those_of_a_layer(
    panel, viewer, settled, one_cube, envi_file, two_cubes
):
    for path in (envi_file, two_cubes):
        panel.open_path(path)
        settled()
        panel.list.setCurrentRow(0)
        settled()
        panel.open_button.click()
        settled()
    panel.open_path(one_cube)
    settled()
    panel.wavelengths.menu.aboutToShow.emit()
    actions = {action.text(): action for action in panel.wavelengths.menu.actions()}
    assert [text for text in actions if text.startswith("layer")] == ["layer field"]
    actions["layer field"].trigger()
    settled()
    assert "450 – 650 nm" in shown(panel.facts)
    assert panel.choice.described(panel._preview.stored).wavelengths.tolist() == [
        *(450, 500, 550, 600, 650)
    ]


def test_a_damaged_file_is_told_in_a_sentence_at_the_path(panel, viewer, settled, tmp_path):
    (tmp_path / "damaged.mat").write_bytes(b"this is no MATLAB file")
    panel.open_path(tmp_path / "damaged.mat")
    settled()
    assert list(faults(panel)) == [Field.SOURCE]
    assert "damaged.mat" in faults(panel)[Field.SOURCE]
    assert panel.list.count() == 0
    assert not panel.open_button.isEnabled()


def test_the_next_file_clears_what_was_said_of_the_last(panel, settled, tmp_path, one_cube):
    panel.open_path(tmp_path / "missing.mat")
    settled()
    assert "does not exist" in faults(panel)[Field.SOURCE]
    panel.open_path(one_cube)
    settled()
    assert not faults(panel)


def test_a_folder_of_band_images_opens(panel, viewer, settled, tmp_path):
    for band in range(1, 32):
        imwrite(tmp_path / f"scene_ms_{band:02}.png", np.full((8, 9), band, np.uint16))
    panel.open_path(tmp_path)
    settled()
    panel.open_button.click()
    settled()
    assert viewer.layers[0].data.shape == (31, 8, 9)


@pytest.fixture
def dragged():
    """Return what a drag of something is: the event of entering, and that of letting go."""

    def make(*urls):
        files = QMimeData()
        files.setUrls(urls)
        keys = Qt.DropAction.CopyAction, files, Qt.MouseButton.LeftButton
        nothing = Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(QPoint(5, 5), *keys, nothing)
        enter.ignore()
        return files, enter, QDropEvent(QPointF(5, 5), *keys, nothing)

    return make


def test_a_file_can_be_dropped_on_the_panel(panel, settled, one_cube, dragged):
    _files, enter, drop = dragged(QUrl.fromLocalFile(str(one_cube)))
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.dropEvent(drop)
    settled()
    assert panel.path.line.text() == str(one_cube)
    assert panel.list.count() == 1


def test_of_several_files_that_are_dropped_the_panel_says_which_one_it_uses(
    panel, settled, one_cube, two_cubes, dragged
):
    _files, _, drop = dragged(*(QUrl.fromLocalFile(str(file)) for file in (one_cube, two_cubes)))
    panel.dropEvent(drop)
    settled()
    assert panel.path.line.text() == str(one_cube)
    said = f"Only {one_cube.name} is used; drop one file or folder at a time."
    assert panel.status.value == said
    panel.wavelengths.dropEvent(drop)
    settled()
    assert panel.status.value == said


def test_a_header_and_its_data_are_dropped_as_one_cube(panel, settled, tmp_path, dragged):
    header = write(HyperCube(np.ones((2, 3, 4), "f4")), tmp_path / "field.hdr")
    (data,) = (file for file in tmp_path.glob("field.*") if file != header)
    for files in ((header, data), (data, header)):
        _files, _, drop = dragged(*(QUrl.fromLocalFile(str(file)) for file in files))
        panel.dropEvent(drop)
        settled()
        assert panel.status.value == ""


def test_a_file_of_wavelengths_can_be_dropped_on_their_line(
    panel, settled, one_cube, tmp_path, dragged
):
    np.save(tmp_path / "bands.npy", [450, 500, 550, 600, 650])
    panel.open_path(one_cube)
    settled()
    _files, enter, drop = dragged(QUrl.fromLocalFile(str(tmp_path / "bands.npy")))
    panel.wavelengths.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.wavelengths.dropEvent(drop)
    settled()
    assert "450 – 650 nm" in shown(panel.facts)


def test_lines_leave_files_to_what_they_are_in(panel):
    assert not panel.path.line.acceptDrops()
    assert not panel.wavelengths.line.acceptDrops()


def test_the_return_key_looks_into_the_same_file_anew(panel, qtbot, settled, one_cube, two_cubes):
    panel.open_path(one_cube)
    settled()
    one_cube.write_bytes(two_cubes.read_bytes())
    qtbot.keyClick(panel.path.line, Qt.Key.Key_Return)
    settled()
    assert panel.list.count() == 2


def test_a_page_of_the_web_cannot_be_dropped(panel, dragged):
    _files, enter, _ = dragged(QUrl("https://example.org/cube.mat"))
    panel.dragEnterEvent(enter)
    assert not enter.isAccepted()


def test_a_path_that_is_typed_counts_when_it_is_finished(panel, qtbot, settled, one_cube):
    panel.path.line.setText(str(one_cube))
    assert panel.list.count() == 0
    qtbot.keyClick(panel.path.line, Qt.Key.Key_Return)
    settled()
    assert panel.list.count() == 1


@pytest.mark.parametrize("slow", ["contents", "read", "layer_data_from_cube"])
def test_the_window_answers_while_something_is_slow(
    panel, viewer, qtbot, settled, one_cube, monkeypatch, slow
):
    function = getattr(sources, slow)
    monkeypatch.setattr(
        sources, slow, lambda *args, **options: time.sleep(1) or function(*args, **options)
    )
    turns = []
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(time.monotonic()))
    timer.start(5)
    panel.open_path(one_cube)
    settled()
    panel.open_button.click()
    settled()
    assert len(viewer.layers) == 2
    assert np.diff(turns).max() < 0.7


def test_of_two_files_the_last_one_counts(panel, settled, one_cube, two_cubes):
    panel.open_path(two_cubes)
    panel.open_path(one_cube)
    settled()
    assert panel.list.item(0).text().startswith("hsi")


def test_a_panel_that_is_closed_lets_go(make_napari_viewer, two_cubes):
    viewer = make_napari_viewer()
    dock, panel = viewer.window.add_plugin_dock_widget("napari-dodn", "Open a cube")
    panel.open_path(two_cubes)
    viewer.window.remove_dock_widget(dock)
    assert not panel.busy
    viewer.theme = "light"


def test_a_stack_becomes_a_cube_with_axes_and_wavelengths(panel, viewer, settled, pixels):
    layer = viewer.add_image(pixels, name="scan")
    choose_layer(panel, layer)
    settled()
    assert panel.path.isHidden()
    assert panel.list.item(0).text() == "scan\n12 × 9 × 5, float32"
    assert panel.open_button.text() == "Apply to the layer"
    panel.axes.setCurrentIndex(panel.axes.findData("yxb"))
    panel.wavelengths.line.setText("450:650")
    settled()
    panel.open_button.click()
    settled()
    made = cube_from_layer(layer)
    np.testing.assert_array_equal(made.data, pixels.transpose(2, 0, 1))
    assert made.wavelengths.tolist() == [450, 500, 550, 600, 650]
    assert [other.name for other in viewer.layers] == ["scan", "scan · colours"]
    assert "'scan' now has these axes and wavelengths." in panel.status.value
    assert panel.axes.currentText() == "5 bands, 12 rows, 9 columns"


def test_the_panel_begins_with_a_selected_layer_that_is_no_cube_yet(qtbot, viewer, pixels):
    layer = viewer.add_image(pixels, name="scan")
    panel = OpenCube(viewer)
    qtbot.addWidget(panel)
    assert panel.origin.currentData() is layer
    qtbot.waitUntil(lambda: not panel.busy, timeout=20_000)
    assert panel.open_button.isEnabled()


def test_the_next_file_is_looked_for_where_the_last_one_was(
    panel, viewer, settled, one_cube, qtbot, monkeypatch
):
    panel.open_path(one_cube)
    settled()
    other, asked = OpenCube(viewer), []
    qtbot.addWidget(other)
    ask = lambda *args: asked.append(args[2]) or ("", "")  # noqa: E731
    monkeypatch.setattr(QFileDialog, "getOpenFileName", ask)
    other.path.file_button.click()
    assert asked == [str(one_cube.parent)]


def test_the_wavelengths_of_a_cube_are_corrected_in_place(panel, viewer, settled, tmp_path):
    noise = np.random.default_rng(0).random((BANDS, HEIGHT, WIDTH), np.float32)
    cube = HyperCube(noise, wavelengths=[450, 500, 550, 600, 650])
    panel.open_path(write(cube, tmp_path / "noise.hdr"))
    settled()
    panel.open_button.click()
    settled()
    layer, picture = viewer.layers
    before = np.array(picture.data)
    choose_layer(panel, layer)
    settled()
    panel.wavelengths.line.setText("650:450")
    settled()
    panel.open_button.click()
    settled()
    assert list(viewer.layers) == [layer, picture]
    assert cube_from_layer(layer).wavelengths.tolist() == [650, 600, 550, 500, 450]
    assert not np.array_equal(picture.data, before)


def test_a_layer_that_is_removed_is_offered_no_longer(panel, viewer, settled, pixels):
    layer = viewer.add_image(pixels, name="scan")
    choose_layer(panel, layer)
    settled()
    viewer.layers.remove(layer)
    assert panel.origin.count() == 1
    assert not panel.path.isHidden()
    assert panel.list.count() == 0
    assert not panel.open_button.isEnabled()


def test_a_file_that_is_dropped_goes_before_the_chosen_layer(
    panel, viewer, settled, pixels, one_cube
):
    choose_layer(panel, viewer.add_image(pixels, name="scan"))
    settled()
    panel.open_path(one_cube)
    settled()
    assert not panel.path.isHidden()
    assert panel.open_button.text() == "Open"
    assert panel.list.item(0).text().startswith("hsi")


@pytest.fixture
def filled_cube(tmp_path, pixels):
    """Return a file whose first rows hold -9999 without saying what that means."""
    pixels = pixels.copy()
    pixels[:3] = -9999
    savemat(tmp_path / "filled.mat", {"hsi": pixels})
    return tmp_path / "filled.mat"


def test_a_value_that_fills_pixels_is_told_until_it_is_stated(panel, settled, viewer, filled_cube):
    panel.open_path(filled_cube)
    settled()
    assert shown(panel.fills) == "25 % of the pixels hold -9999, and no no-data value is stated."
    assert panel.no_data.placeholderText() == "none stated"
    panel.no_data.setText("-9999")
    settled()
    assert not shown(panel.fills)
    panel.open()
    settled()
    assert cube_from_layer(viewer.layers[0]).nodata == -9999


def test_a_no_data_value_that_is_no_number_is_told_at_its_field(panel, settled, one_cube):
    panel.open_path(one_cube)
    settled()
    panel.no_data.setText("nothing")
    settled()
    assert faults(panel) == {Field.NO_DATA: "'nothing' is not a number."}
    assert not panel.open_button.isEnabled()
    panel.no_data.clear()
    settled()
    assert panel.open_button.isEnabled()


@pytest.fixture
def scan(tmp_path):
    """Return a scan in raw numbers, of half the light of the white reference beside it."""
    for name, value in (("scan", 60), ("DARKREF_scan", 20), ("WHITEREF_scan", 100)):
        write(HyperCube(np.full((3, 4, 5), value, np.uint16)), tmp_path / f"{name}.hdr")
    return tmp_path / "scan.hdr"


def test_references_beside_a_scan_are_offered_and_not_taken_unasked(panel, settled, viewer, scan):
    panel.open_path(scan)
    settled()
    assert not panel.white.text()
    assert not panel.take_references.isHidden()
    panel.take_references.click()
    settled()
    assert panel.white.text().endswith("WHITEREF_scan.hdr")
    panel.open()
    settled()
    cube = cube_from_layer(viewer.layers[0])
    np.testing.assert_allclose(np.asarray(cube.data), 0.5)
    assert cube.quantity == "reflectance"
    assert panel.status.value == "Opened as 'scan'."


def test_references_that_do_not_fit_are_told_at_their_field(panel, settled, scan, one_cube):
    panel.open_path(scan)
    settled()
    panel.white.setText(str(one_cube))
    settled()
    assert "the scan has 3 and 5" in faults(panel)[Field.REFERENCES]
    panel.white.clear()
    panel.dark.setText(str(scan))
    settled()
    assert faults(panel) == {Field.REFERENCES: "A dark reference needs a white one."}


def test_a_file_without_references_offers_none(panel, settled, one_cube):
    panel.open_path(one_cube)
    settled()
    assert panel.take_references.isHidden()


def test_references_make_reflectance_of_a_layer_too(panel, settled, viewer, scan):
    panel.open_path(scan)
    settled()
    panel.open()
    settled()
    layer = viewer.layers[0]
    choose_layer(panel, layer)
    settled()
    panel.take_references.click()
    settled()
    panel.open()
    settled()
    np.testing.assert_allclose(np.asarray(layer.data), 0.5)
    assert cube_from_layer(layer).quantity == "reflectance"
    assert layer.contrast_limits[1] < 2
    assert "'scan' is reflectance now" in panel.status.value


def test_a_layer_that_another_panel_has_made_a_cube_is_looked_into_again(
    panel, viewer, settled, pixels
):
    layer = viewer.add_image(pixels, name="scan", rgb=False, scale=(2, 3, 1))
    choose_layer(panel, layer)
    settled()
    adopt(viewer, layer, 2)
    settled()
    assert panel.axes.currentText() == "5 bands, 12 rows, 9 columns"
    panel.wavelengths.line.setText("450:650")
    settled()
    panel.open()
    settled()
    assert layer.scale.tolist() == [1, 2, 3]


def test_pixels_that_a_layer_was_given_meanwhile_stay(panel, viewer, settled, pixels):
    layer = viewer.add_image(pixels, name="scan", rgb=False)
    choose_layer(panel, layer)
    settled()
    panel.wavelengths.line.setText("450:650")
    settled()
    layer.data = pixels[:6] + 1
    settled()
    assert panel.list.item(0).text() == "scan\n6 × 9 × 5, float32"
    panel.wavelengths.line.setText("450:650")
    settled()
    layer.data = pixels[:6] + 2
    settled()
    assert panel.wavelengths.text == "450:650"
    panel.open()
    settled()
    np.testing.assert_array_equal(layer.data, pixels[:6].transpose(2, 0, 1) + 2)


def test_the_size_that_a_layer_was_given_meanwhile_counts(panel, viewer, settled, pixels):
    layer = viewer.add_image(pixels, name="scan", rgb=False)
    choose_layer(panel, layer)
    settled()
    layer.scale = (2, 3, 1)
    settled()
    panel.open()
    settled()
    assert cube_from_layer(layer).pixel_size == (2, 3)
