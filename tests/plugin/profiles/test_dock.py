"""The dock as a whole: what it shows, that it goes cleanly, and that nothing breaks it."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from napari.layers import Layer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QPointF
from qtpy.QtWidgets import QApplication

from napari_dodn import HyperCube
from napari_dodn.plugin.profiles.display import UNITS, Treatment
from napari_dodn.plugin.profiles.panel import SpectralProfiles
from napari_dodn.plugin.profiles.store import Source
from napari_dodn.plugin.viewer.layers import describe_layer, layer_data_from_cube

PLUGIN, NAME = "napari-dodn", "Spectral profiles"
LAPTOP = 1366, 768


def test_the_manifest_opens_the_dock(viewer):
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, NAME)
    assert isinstance(widget, SpectralProfiles)


def test_closing_the_viewer_with_the_dock_open_is_quiet(make_napari_viewer, cube):
    viewer = make_napari_viewer()
    viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))
    viewer.window.add_dock_widget(SpectralProfiles(viewer), name=NAME)
    viewer.close()


def test_the_dock_fits_the_screen_of_a_laptop(dock, layer):
    least = dock.minimumSizeHint()
    assert least.width() < LAPTOP[0] / 3
    assert least.height() < LAPTOP[1] * 0.8
    assert dock.sizeHint().width() < LAPTOP[0] / 2


def test_the_help_lists_keys_and_mouse(dock):
    for word in ("Shift+click", "<b>K</b>", "Del", "F2", "Ctrl+C", "Ctrl+V", "Ctrl+D"):
        assert word in dock.help.toolTip()


def test_settings_are_remembered(dock, viewer):
    dock.unit.setCurrentText("µm")
    dock.treatment.setCurrentText(Treatment.CONTINUUM.value)
    dock.legend.setChecked(False)
    again = SpectralProfiles(viewer)
    viewer.window.add_dock_widget(again, name="again")
    assert again.unit.currentText() == "µm"
    assert again.treatment.currentText() == Treatment.CONTINUUM.value
    assert not again.legend.isChecked()
    assert again.plot.unit == "µm"


def test_the_plot_follows_the_theme(dock, viewer):
    colours = set()
    for theme in ("dark", "light"):
        viewer.theme = theme
        colours.add(dock.plot.backgroundBrush().color().name())
    assert len(colours) == 2


def test_the_legend_compares_with_the_chosen_spectrum(dock, layer):
    for x in (0, 30):
        dock.pins.pin((0, 0, x))
    assert [x.text for x in dock.plot.legend.entries.values()] == ["Point 1", "Point 2"]
    dock.store.choose(next(iter(dock.store)).id)
    assert dock.plot.legend.entries["point/2/0"].text.startswith("Point 2: 0.")
    assert "RMSE 1" in dock.plot.legend.entries["point/2/0"].text


def test_the_legend_stays_in_the_plot_where_names_are_long(dock, layer, finer):
    for cube in (layer, finer):
        cube.name = f"{'n' * 120} {cube.name}"
    dock.pins.pin(layer.data_to_world((0, 2, 3)))
    dock.store.choose(dock.store.of(Source.POINT)[0].id)
    legend = dock.plot.legend.item
    assert legend.getLabel(next(iter(dock.plot._lines.values()))).text.startswith("Point 1 · nnn")
    assert 0 < legend.boundingRect().width() < dock.plot.width()


def test_a_pixel_without_a_value_is_drawn_without_a_warning(dock, viewer):
    empty = HyperCube(np.full((5, 4, 4), np.nan), [450, 500, 550, 600, 650])
    layer = viewer.add_layer(Layer.create(*layer_data_from_cube(empty)[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dock.live.follow(layer.data_to_world((0, 1, 1)))
    assert len(dock.store.of(Source.LIVE)) == 1


def test_pointing_at_the_plot_tells_the_value(dock, layer, cube, qtbot):
    dock.pins.pin((0, 0, 0))
    dock.plot.autoRange()
    view = dock.plot.getViewBox()
    place = view.mapViewToScene(QPointF(550, float(cube.data[2, 0, 0])))
    dock.plot.scene().sigMouseMoved.emit(place)
    assert dock.pointed.text() == f"Point 1: {cube.data[2, 0, 0]:.5g} at 550 nm (band 3)"
    dock.plot.scene().sigMouseMoved.emit(QPointF(-1, -1))
    assert dock.pointed.text() == ""


def test_pointing_at_a_curve_that_was_moved_tells_its_own_value(dock, layer, cube):
    for x in (0, 30):
        dock.pins.pin((0, 0, x))
    dock.offset.setValue(1000)
    dock.plot.autoRange()
    value = float(cube.data[2, 0, 1])
    place = dock.plot.getViewBox().mapViewToScene(QPointF(550, value + 1000))
    dock.plot.scene().sigMouseMoved.emit(place)
    assert dock.pointed.text() == f"Point 2: {value:.5g} at 550 nm (band 3)"
    (_, drawn), *_ = zip(*dock.plot._dot.getData(), strict=True)
    assert drawn == value + 1000


@pytest.mark.parametrize("size", [12, 30])
def test_the_offset_has_room_for_its_digits_and_no_more(dock, size):
    dock.offset.setStyleSheet(f"font-size: {size}px")
    dock.offset.ensurePolished()
    needed = dock.offset.fontMetrics().horizontalAdvance("00.000")
    assert needed < dock.offset.minimumSizeHint().width() < 3 * needed


def test_curves_are_moved_apart_by_the_offset(dock, layer, cube):
    for x in (0, 30):
        dock.pins.pin((0, 0, x))
    dock.offset.setValue(10)
    shifts = [dock.plot._drawn[x.id].y[0] - x.y[0] for x in dock.store]
    assert shifts == [0, 10]


def test_spectra_get_the_wavelengths_that_their_cube_is_given(dock, layer, cube):
    dock.pins.pin(layer.data_to_world((0, 2, 3)))
    wavelengths = [1000.0, 1100.0, 1200.0, 1300.0, 1400.0]
    describe_layer(layer, cube.derive(wavelengths=wavelengths))
    (curve,) = dock.store.of(Source.POINT)
    np.testing.assert_array_equal(curve.x, wavelengths)


def test_asking_for_a_difference_without_a_chosen_spectrum_says_what_to_do(dock, layer):
    dock.treatment.setCurrentText(Treatment.DIFFERENCE.value)
    assert "Ctrl+D" in dock.status.text()


def test_the_axis_says_what_the_values_are(dock, viewer):
    assert dock.plot.getAxis("left").labelText == "Value"
    cube = HyperCube(np.ones((4, 5, 5)), name="plain", quantity="reflectance")
    viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))
    dock.pins.pin((0, 2, 2))
    assert dock.plot.getAxis("left").labelText == "Reflectance"
    dock.treatment.setCurrentText(Treatment.DERIVATIVE.value)
    assert dock.plot.getAxis("left").labelText == "per band"
    with_wavelengths = cube.derive(wavelengths=[450.0, 500.0, 550.0, 600.0], name="other")
    viewer.add_layer(Layer.create(*layer_data_from_cube(with_wavelengths)[0]))
    assert dock.plot.getAxis("left").labelText == "per nm"
    dock.unit.setCurrentText("band")
    assert dock.plot.getAxis("left").labelText == "per nm, per band"


def test_a_cube_without_wavelengths_is_drawn_over_its_bands(dock, viewer):
    cube = HyperCube(np.ones((4, 5, 5)), name="plain")
    viewer.add_layer(Layer.create(*layer_data_from_cube(cube)[0]))
    dock.pins.pin((0, 2, 2))
    assert dock.plot._shown_unit == "band"
    np.testing.assert_array_equal(dock.plot._drawn["point/1/0"].x, [1, 2, 3, 4])


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("treatment", Treatment)
def test_the_real_cubes_can_be_drawn_in_every_way(shared_data, unit, treatment):
    from napari_dodn import read
    from napari_dodn.plugin.profiles.display import drawn
    from napari_dodn.plugin.profiles.store import Curve
    from napari_dodn.spectra.profiles import point_spectrum

    cube = read(shared_data / "formats" / "mat_v5" / "a_hsi_img_for_VI_demo.mat")
    curve = Curve("a", "a", cube.wavelengths, point_spectrum(cube, 5, 7), "#000000", Source.POINT)
    lines = drawn(curve, unit, treatment, curve)
    assert np.isfinite(lines.y).any()
    assert (np.diff(lines.x) >= 0).all()


PLACES = st.tuples(st.floats(-100, 600), st.floats(-100, 600))
INDEX = st.integers(0, 6)
ACTIONS = st.one_of(
    st.tuples(st.just("move"), PLACES),
    st.tuples(st.just("click"), PLACES),
    st.tuples(st.just("key"), st.none()),
    st.tuples(
        st.just("add"), st.sampled_from(["cube", "lazy", "rgb", "labels", "shapes", "plain"])
    ),
    st.tuples(st.just("remove"), INDEX),
    st.tuples(st.just("rename"), INDEX),
    st.tuples(st.just("hide"), INDEX),
    st.tuples(st.just("select"), INDEX),
    st.tuples(st.just("lift"), INDEX),
    st.tuples(st.just("band"), st.integers(-1, 9)),
    st.tuples(st.just("unit"), st.integers(0, 3)),
    st.tuples(st.just("treat"), st.integers(0, 5)),
    st.tuples(st.just("regions"), INDEX),
    st.tuples(st.just("choose"), INDEX),
    st.tuples(st.just("delete"), INDEX),
    st.tuples(st.just("drag"), st.floats(-60, 60)),
    st.tuples(st.just("strip"), INDEX),
    st.tuples(st.just("answer"), INDEX),
    st.tuples(st.just("line"), st.tuples(st.integers(0, 2), st.floats(300, 800))),
    st.tuples(st.just("3d"), st.booleans()),
    st.tuples(st.just("wait"), st.none()),
)


class Hammer:
    """Does to a viewer and its dock what a restless person does."""

    def __init__(self, viewer, dock, mouse, cube):
        self.viewer, self.dock, self.mouse, self.cube = viewer, dock, mouse, cube

    def layer(self, index):
        layers = self.viewer.layers
        return layers[index % len(layers)] if layers else None

    def do(self, action, given):
        getattr(self, f"do_{action}")(given)

    def do_move(self, place):
        if self.viewer.dims.ndisplay == 2:
            self.mouse.move(*place)

    def do_click(self, place):
        self.mouse.click(*place, "Shift")

    def do_key(self, _):
        for function in list(self.viewer.keymap.values()):
            function(self.viewer)

    def do_add(self, kind):
        import dask.array as da

        pixels = np.asarray(self.cube.data)
        match kind:
            case "cube":
                self.viewer.add_layer(Layer.create(*layer_data_from_cube(self.cube)[0]))
            case "lazy":
                lazy = self.cube.derive(da.from_array(pixels))
                self.viewer.add_layer(Layer.create(*layer_data_from_cube(lazy)[0]))
            case "rgb":
                self.viewer.add_image(np.zeros((9, 9, 3), np.uint8), rgb=True)
            case "labels":
                labels = np.zeros((12, 16), int)
                labels[3:6, 2:9] = 3
                self.viewer.add_labels(labels, scale=(30, 30))
            case "shapes":
                self.viewer.add_shapes([[[0, 0], [0, 90], [90, 90]]], shape_type="polygon")
            case "plain":
                self.viewer.add_image(pixels)

    def do_remove(self, index):
        if (layer := self.layer(index)) is not None:
            self.viewer.layers.remove(layer)

    def do_rename(self, index):
        if (layer := self.layer(index)) is not None:
            layer.name = "same name"

    def do_hide(self, index):
        if (layer := self.layer(index)) is not None:
            layer.visible = not layer.visible

    def do_select(self, index):
        self.viewer.layers.selection.active = self.layer(index)

    def do_lift(self, index):
        if self.viewer.layers:
            self.viewer.layers.move(index % len(self.viewer.layers), 0)

    def do_band(self, band):
        self.viewer.dims.set_point(0, band)

    def do_unit(self, index):
        self.dock.unit.setCurrentIndex(index)

    def do_treat(self, index):
        self.dock.treatment.setCurrentIndex(index)

    def do_regions(self, index):
        self.dock.region_layer.setCurrentIndex(index % self.dock.region_layer.count())

    def do_choose(self, index):
        self.dock.table.selectRow(index)
        self.dock.choose_selected()

    def do_delete(self, index):
        self.dock.table.selectRow(index)
        self.dock.remove_selected()

    def do_drag(self, way):
        for layer in self.viewer.layers:
            if layer.name.startswith("Spectral points"):
                layer.data = np.add(layer.data, way)

    def do_strip(self, index):
        if (layer := self.layer(index)) is not None:
            layer.metadata = {}

    def do_answer(self, axis):
        self.dock.question.axis.setCurrentIndex(axis % 3)
        self.dock.question.button.click()

    def do_line(self, given):
        channel, place = given
        self.dock.colour_lines.setChecked(True)
        line = self.dock.plot.colours.lines[channel]
        line.setPos(place)
        line.sigDragged.emit(line)

    def do_3d(self, on):
        self.viewer.dims.ndisplay = 3 if on else 2

    def do_wait(self, _):
        QApplication.processEvents()


def agrees(dock, viewer):
    """Tell whether plot and table show what is in the store, of layers that are there."""
    visible = {curve.id for curve in dock.store if curve.visible}
    assert set(dock.plot._lines) <= visible
    assert dock.table.model().rowCount() == len(dock.store)
    names = {layer.name for layer in viewer.layers}
    assert {curve.layer for curve in dock.store.of(Source.POINT)} <= names | {""}
    return True


@pytest.mark.endurance
@settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(actions=st.lists(ACTIONS, min_size=20, max_size=40))
def test_no_order_of_events_breaks_the_dock(viewer, dock, mouse, cube, actions):
    hammer = Hammer(viewer, dock, mouse, cube)
    shown = len(notification_manager.records)
    for action, given_ in [("add", "cube"), *actions]:
        hammer.do(action, given_)
        assert agrees(dock, viewer)
    viewer.dims.ndisplay = 2
    viewer.layers.clear()
    QApplication.processEvents()
    assert len(dock.store) == 0
    faults = notification_manager.records[shown:]
    assert [x.message for x in faults if x.severity.value == "error"] == []


def test_every_choice_of_a_box_can_be_read(dock):
    for box in (dock.unit, dock.treatment, dock.region_kind):
        widest = max(
            box.fontMetrics().horizontalAdvance(box.itemText(i)) for i in range(box.count())
        )
        assert box.minimumSizeHint().width() > widest
        assert box.maximumWidth() > box.minimumSizeHint().width()


def test_a_wavenumber_is_written_as_elsewhere_and_remembered(viewer, dock):
    dock.unit.setCurrentText("cm⁻¹")
    assert dock.plot.unit == "cm-1"
    assert SpectralProfiles(viewer).plot.unit == "cm-1"
