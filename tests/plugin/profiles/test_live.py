"""The spectra under the cursor, and the band on the screen."""

import subprocess
import sys
import threading

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Layer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication

from napari_dodn import HyperCube
from napari_dodn.plugin.profiles import reader as reader_module
from napari_dodn.plugin.profiles.cubes import Pixel
from napari_dodn.plugin.profiles.plot import SpectrumPlot
from napari_dodn.plugin.profiles.reader import PATIENCE, SpectrumReader
from napari_dodn.plugin.profiles.store import CurveStore, Source
from napari_dodn.plugin.viewer.layers import layer_data_from_cube

PIXEL = 30
"""Metres along the side of a pixel of the cube."""


class Blocked:
    """A slow source that reads a pixel only when it is let."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.dtype, self.ndim = pixels, pixels.shape, pixels.dtype, 3
        self.gate, self.reads = threading.Event(), []

    def __getitem__(self, place):
        if isinstance(place, tuple) and place[0] == slice(None):
            self.reads.append((place[1].start, place[2].start))
            assert threading.current_thread() is not threading.main_thread()
            assert self.gate.wait(20)
        return self.pixels[place]

    def __array__(self, dtype=None, copy=None):
        return self.pixels


def live(dock):
    return {curve.layer: curve for curve in dock.store.of(Source.LIVE)}


def test_the_spectrum_under_the_cursor_follows_the_mouse(dock, layer, cube, mouse):
    for y, x in ((0, 0), (3, 7), (11, 15)):
        mouse.move(y * PIXEL + 14, x * PIXEL - 14)
        (curve,) = dock.store
        np.testing.assert_array_equal(curve.y, cube.data[:, y, x])
        assert dock.pointed.text() == f"field: row {y}, column {x}"


def test_the_curve_carries_the_description_of_its_cube(dock, layer, cube, mouse):
    mouse.move(0, 0)
    (curve,) = dock.store
    np.testing.assert_array_equal(curve.x, cube.wavelengths)
    np.testing.assert_array_equal(curve.good_bands, cube.good_bands)
    assert np.isnan(dock.plot._drawn[curve.id].y).tolist() == [False] * 4 + [True]


def test_the_mouse_of_the_canvas_arrives(dock, layer, viewer):
    canvas = viewer.window._qt_viewer.canvas
    canvas._scene_canvas.events.mouse_move(pos=np.array(canvas.size[::-1]) / 2, modifiers=())
    assert [curve.source for curve in dock.store] == [Source.LIVE]


def test_cubes_of_different_pixel_size_agree_on_the_place(dock, layer, finer, cube, mouse):
    mouse.move(3 * PIXEL + 10, 7 * PIXEL - 10)
    curves = live(dock)
    assert set(curves) == {"field", "finer"}
    np.testing.assert_array_equal(curves["field"].y, cube.data[:, 3, 7])
    np.testing.assert_array_equal(curves["finer"].y, cube.data[:, 3, 7])
    assert curves["finer"].origin == "row 7, column 14 of finer"
    assert curves["field"].colour != curves["finer"].colour


def test_a_hidden_cube_has_no_curve(dock, layer, finer, mouse):
    mouse.move(0, 0)
    finer.visible = False
    assert set(live(dock)) == {"field"}
    mouse.move(PIXEL, PIXEL)
    assert len(dock.store) == 1


def test_a_removed_cube_takes_its_curve_along(dock, layer, finer, viewer, mouse):
    mouse.move(0, 0)
    viewer.layers.remove(finer)
    assert len(dock.store) == 1


def test_a_renamed_cube_renames_its_curve_and_its_place(dock, layer, finer, mouse):
    mouse.move(0, 0)
    layer.name = "meadow"
    assert set(live(dock)) == {"meadow", "finer"}
    assert "meadow: row 0, column 0" in dock.pointed.text()


def test_other_pixels_of_a_cube_are_read_where_the_cursor_was(dock, layer, cube, mouse):
    mouse.move(0, 0)
    layer.data = np.asarray(cube.data) * 2
    (curve,) = dock.store
    np.testing.assert_array_equal(curve.y, cube.data[:, 0, 0] * 2)


def test_a_cube_that_is_shown_again_has_its_curve_again(dock, layer, finer, mouse):
    mouse.move(0, 0)
    finer.visible = False
    finer.visible = True
    assert set(live(dock)) == {"field", "finer"}


def test_no_place_is_told_of_a_cube_that_is_gone(dock, layer, viewer, mouse):
    mouse.move(0, 0)
    viewer.layers.remove(layer)
    assert dock.pointed.text() == ""


def test_a_cube_that_comes_shows_no_curve_where_the_cursor_is_not_followed(
    dock, layer, finer, mouse
):
    mouse.move(0, 0)
    dock.follow.setChecked(False)
    finer.name = "sharp"
    assert not live(dock)


def test_the_curves_stay_when_the_cursor_leaves_the_cube(dock, layer, mouse):
    mouse.move(0, 0)
    mouse.move(-1000, 0)
    assert len(dock.store) == 1
    assert dock.status.text() == "Move the mouse over a cube to see its spectra."


def test_invalid_values_are_gaps(dock, layer, cube, mouse):
    layer.data[1, 0, 0] = cube.nodata
    mouse.move(0, 0)
    assert np.isnan(next(iter(dock.store)).y).tolist() == [False, True, False, False, False]


def test_a_curve_that_was_switched_off_stays_off(dock, layer, mouse):
    mouse.move(0, 0)
    index = dock.table.model().index(0, 0)
    dock.table.model().setData(index, Qt.CheckState.Unchecked.value, Qt.ItemDataRole.CheckStateRole)
    mouse.move(PIXEL, PIXEL)
    assert not next(iter(dock.store)).visible
    assert dock.plot._lines == {}


def test_following_the_cursor_can_be_switched_off(dock, layer, mouse):
    mouse.move(0, 0)
    dock.follow.setChecked(False)
    mouse.move(PIXEL, PIXEL)
    assert len(dock.store) == 0


def test_an_rgb_layer_says_why_it_has_no_spectrum(dock, viewer):
    viewer.add_image(np.zeros((5, 5, 3), np.uint8), name="photo", rgb=True)
    assert "'photo' is an RGB picture" in dock.question.text.text()
    assert not dock.question.isHidden()


def test_an_empty_viewer_says_what_to_do(dock, mouse):
    mouse.move(0, 0)
    assert dock.status.text().startswith("Open a hyperspectral cube")


def test_hidden_cubes_are_told_of(dock, layer, mouse):
    layer.visible = False
    mouse.move(0, 0)
    assert dock.status.text().startswith("All cubes are hidden")


def test_the_3d_view_is_told_of(dock, layer, viewer, mouse):
    dock.live.follow((0, 0, 0))
    viewer.dims.ndisplay = 3
    dock.live.follow((0, PIXEL, PIXEL))
    assert "2D view" in dock.status.text()


def test_a_dask_cube_is_read_beside_the_window(dock, viewer, cube, mouse, qtbot):
    lazy = cube.derive(da.from_array(np.asarray(cube.data), chunks=(5, 4, 4)))
    viewer.add_layer(Layer.create(*layer_data_from_cube(lazy)[0]))
    mouse.move(3 * PIXEL, 7 * PIXEL)
    assert len(dock.store) == 0
    qtbot.waitUntil(lambda: len(dock.store) == 1)
    np.testing.assert_array_equal(next(iter(dock.store)).y, cube.data[:, 3, 7])


def test_of_a_slow_cube_the_latest_position_wins(dock, viewer, cube, qtbot):
    slow = Blocked(np.asarray(cube.data))
    reader, received = SpectrumReader(), []
    layer = Image(np.asarray(cube.data))
    for place in range(6):
        pixel = Pixel(layer, HyperCube(slow), place, 0)
        reader.read("live", pixel, lambda spectrum, place=place: received.append(place))
        if place == 0:
            qtbot.waitUntil(lambda: slow.reads == [(0, 0)])
    slow.gate.set()
    qtbot.waitUntil(lambda: received == [0, 5])
    assert slow.reads == [(0, 0), (5, 0)]
    reader.close()


def test_what_nobody_waits_for_any_more_is_not_handed_over(cube, qtbot):
    slow, received = Blocked(np.asarray(cube.data)), []
    reader, layer = SpectrumReader(), Image(np.asarray(cube.data))
    reader.read("a", Pixel(layer, HyperCube(slow), 0, 0), received.append)
    qtbot.waitUntil(lambda: len(slow.reads) == 1)
    reader.forget("a")
    reader.read("b", Pixel(layer, HyperCube(slow), 1, 0), received.append)
    slow.gate.set()
    qtbot.waitUntil(lambda: bool(received))
    assert [spectrum[0] for spectrum in received] == [cube.data[0, 1, 0]]
    reader.close()


def test_a_spectrum_that_cannot_be_read_is_told_of_and_the_next_is_read(cube, qtbot):
    class Broken(Blocked):
        def __getitem__(self, place):
            if place[1].start == 0:
                raise OSError("the disk has gone")
            return self.pixels[place]

    reader, layer = SpectrumReader(), Image(np.asarray(cube.data))
    faults, received = [], []
    reader.failed.connect(faults.append)
    broken = HyperCube(Broken(np.asarray(cube.data)))
    reader.read("a", Pixel(layer, broken, 0, 0), received.append)
    qtbot.waitUntil(lambda: bool(faults))
    assert str(faults[0]) == "the disk has gone"
    reader.read("a", Pixel(layer, broken, 1, 0), received.append)
    qtbot.waitUntil(lambda: bool(received))
    reader.close()


def test_a_cube_that_keeps_the_window_waiting_is_read_in_a_thread_from_then_on(
    cube, qtbot, monkeypatch
):
    monkeypatch.setattr(reader_module, "QUICK_S", -1)
    reader, received = SpectrumReader(), []
    pixel = Pixel(Image(np.asarray(cube.data)), cube, 0, 0)
    for _ in range(PATIENCE):
        assert reader.read("a", pixel, received.append) is not None
    assert reader.read("a", pixel, received.append) is None
    qtbot.waitUntil(lambda: len(received) == 1)
    reader.close()


def test_the_line_in_the_plot_follows_the_slider(dock, layer, viewer, cube):
    for band in (0, 3, 1):
        viewer.dims.set_point(0, band)
        assert dock.plot.bands.line.value() == cube.wavelengths[band]


def test_dragging_the_line_moves_the_slider_to_the_nearest_band(dock, layer, viewer):
    line = dock.plot.bands.line
    line.setValue(592)
    line.sigDragged.emit(line)
    assert viewer.dims.point[0] == 3
    line.sigPositionChangeFinished.emit(line)
    assert line.value() == 600


@pytest.mark.parametrize(("unit", "place"), [("µm", 0.55), ("cm-1", 1e7 / 550), ("band", 3)])
def test_the_line_lies_on_the_chosen_axis(dock, layer, viewer, unit, place):
    viewer.dims.set_point(0, 2)
    dock.unit.setCurrentText(unit.replace("cm-1", "cm⁻¹"))
    assert dock.plot.bands.line.value() == pytest.approx(place)


def test_without_a_cube_there_is_no_line(dock, layer, viewer):
    assert dock.plot.bands.line.isVisible()
    viewer.layers.clear()
    assert not dock.plot.bands.line.isVisible()


def test_the_plot_library_is_loaded_with_the_dock_only():
    code = (
        "import sys, napari, napari_dodn.plugin.viewer.layers, napari_dodn.plugin.upscale.panel;"
        "sys.exit('pyqtgraph' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Layouts(QObject):
    """Counts how often widgets are laid out anew."""

    count = 0

    def eventFilter(self, _, event):  # noqa: N802
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def test_the_place_of_the_mouse_has_nothing_laid_out_anew(dock, layer, mouse, qtbot):
    dock.window().show()
    qtbot.waitExposed(dock.window())
    layouts = Layouts()
    dock.pointed.parentWidget().installEventFilter(layouts)
    dock.pointed.setText("field: row 3, column 4")
    for _ in range(5):
        QApplication.processEvents()
    assert layouts.count == 0
    assert dock.pointed.text() == "field: row 3, column 4"


def test_the_line_of_the_band_says_its_wavelength(dock, layer, viewer):
    viewer.dims.set_current_step(0, 2)
    assert dock.plot.bands.line.label.format == "550 nm"
    dock.unit.setCurrentText("band")
    assert dock.plot.bands.line.label.format == "band 3"


def test_many_bands_have_fewer_ticks(qtbot):
    store = CurveStore()
    plot = SpectrumPlot(store)
    qtbot.addWidget(plot)
    plot.bands.set_bands(np.linspace(400, 2500, 224), 224, 7)
    assert 40 < len(plot.bands._ticks.xvals) <= 80
    assert plot.bands.line.value() == pytest.approx(np.linspace(400, 2500, 224)[7])
    plot.close_down()
