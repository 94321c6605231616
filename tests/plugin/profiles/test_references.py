"""References beside the spectra of cubes: told apart, named, and on whose scale they are."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyqtgraph as pg
import pytest
from qtpy.QtCore import Qt

from napari_dodn.formats import write_library
from napari_dodn.plugin.profiles.display import Treatment
from napari_dodn.plugin.profiles.files import OTHER_SCALE, add_references
from napari_dodn.plugin.profiles.plot import SpectrumPlot
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source
from napari_dodn.spectra.library import SpectralLibrary, Spectrum

WAVELENGTHS = (450.0, 550.0, 650.0, 850.0)


def library_of(values):
    return SpectralLibrary((Spectrum("grass", values, np.array(WAVELENGTHS)),))


def curve(number, top=1.0, source=Source.POINT):
    return Curve(
        id=f"c{number}",
        name=f"curve {number}",
        x=np.array(WAVELENGTHS),
        y=np.linspace(0, top, len(WAVELENGTHS)),
        colour="#0b84c4",
        source=source,
        group=f"c{number}",
    )


@pytest.fixture
def store():
    """Return the curves of a plot."""
    return CurveStore()


@pytest.fixture
def plot(store, qtbot):
    """Return the plot of a store."""
    plot = SpectrumPlot(store)
    qtbot.addWidget(plot)
    yield plot
    plot.close_down()


def test_references_on_another_scale_are_told_apart_from_a_flat_line():
    store = CurveStore()
    store.put([curve(0, top=5000.0)])
    said = add_references(library_of(np.linspace(0, 0.6, len(WAVELENGTHS))), "usgs", None, store)
    assert said.endswith(OTHER_SCALE)


def test_a_reference_that_meets_the_cube_in_one_band_only_keeps_its_own_bands(cube):
    store = CurveStore()
    short_wave = cube.derive(wavelengths=[850, 1000, 1500, 2000, 2500])
    said = add_references(library_of(np.linspace(0, 0.6, 4)), "usgs", short_wave, store)
    assert "not resampled, because it lies outside of field" in said
    (reference,) = store
    assert np.isfinite(reference.y).all()


def test_references_on_the_scale_of_the_cube_need_no_word():
    store = CurveStore()
    store.put([curve(0)])
    said = add_references(library_of(np.linspace(0, 0.6, len(WAVELENGTHS))), "usgs", None, store)
    assert OTHER_SCALE not in said


def test_a_reference_has_a_kind_of_line_that_no_cube_has(store, plot):
    cubes = [replace(curve(number), style=number) for number in range(6)]
    store.put([*cubes, curve(9, source=Source.LIBRARY)])
    styles = {id_: line.opts["pen"].style() for id_, line in plot._lines.items()}
    reference = styles.pop("c9")
    assert reference not in styles.values()


def test_the_legend_names_twenty_curves_in_two_columns(store, plot):
    store.put([curve(number) for number in range(20)])
    assert len(plot.legend.entries) == 20
    assert plot.legend.item.columnCount == 2
    store.put([curve(20)])
    assert not plot.legend.entries


def place_of(plot):
    """Return where the legend lies in the plot once it is painted."""
    plot.scene().prepareForPaint()
    return plot.legend.item.mapRectToParent(plot.legend.item.boundingRect())


def corner_of(plot):
    """Return on which side and at which end of the plot the legend lies."""
    middle, view = place_of(plot).center(), plot.getViewBox()
    across, down = middle.x() / view.width(), middle.y() / view.height()
    return "left" if across < 0.5 else "right", "top" if down < 0.5 else "bottom"


@pytest.mark.parametrize(
    ("values", "corner"),
    [
        ((0, 0.1, 0.5, 1), ("left", "top")),
        ((1, 0.6, 0.1, 0), ("right", "top")),
        ((1, 0.95, 0.95, 1), ("right", "bottom")),
        ((0.0, 0.1, 1, 1), ("left", "top")),
        ((np.nan, np.nan, np.nan, np.nan), ("right", "top")),
    ],
)
def test_the_legend_lies_in_the_corner_where_the_fewest_curves_are(store, plot, values, corner):
    store.put([replace(curve(0), y=np.array(values, float))])
    plot.set_view("nm", Treatment.NONE, 0.0)
    assert corner_of(plot) == corner


def drag(plot, button, y):
    """Drag the legend down."""
    event = SimpleNamespace(
        button=lambda: button, pos=lambda: pg.Point(0, y), lastPos=lambda: pg.Point(0, 0)
    )
    event.isAccepted = lambda: hasattr(event, "accepted")
    event.accept = lambda: setattr(event, "accepted", True)
    plot.legend.item.mouseDragEvent(event)


def test_the_legend_stays_where_it_was_dragged_to(store, plot):
    store.put([curve(0)])
    assert corner_of(plot) == ("left", "top")
    drag(plot, Qt.MouseButton.LeftButton, 220)
    lower_left = place_of(plot).bottomLeft()
    assert lower_left.y() > 220
    store.put([curve(number) for number in range(1, 5)])
    assert place_of(plot).bottomLeft() == lower_left


def test_the_legend_still_looks_for_a_corner_after_the_plot_was_zoomed_through_it(store, plot):
    store.put([curve(0)])
    assert corner_of(plot) == ("left", "top")
    drag(plot, Qt.MouseButton.RightButton, 220)
    store.put([replace(curve(0), y=np.array([1, 0.6, 0.1, 0]))])
    plot.set_view("nm", Treatment.NONE, 0.0)
    assert corner_of(plot) == ("right", "top")


def test_the_legend_names_each_point_and_each_cube_once_where_there_are_many(store, plot):
    many = [
        replace(
            curve(10 * point + cube), name=f"Point {point}", layer=f"cube {cube}", style=cube,
            group=f"point/{point}",
        )
        for point in range(3)
        for cube in range(3)
    ]  # fmt: skip
    reference = replace(curve(99, source=Source.LIBRARY), name="grass")
    store.put([*many[:6], reference])
    texts = [entry.text for entry in plot.legend.entries.values()]
    assert texts == ["Point 0", "Point 1", "grass", "cube 0", "cube 1", "cube 2"]
    store.edit([x.id for x in many[:3]], colour="#ff0000")
    assert next(iter(plot.legend.entries.values())).colour == "#ff0000"
    store.drop([x.id for x in many[3:6]])
    assert "Point 0 · cube 0" in [entry.text for entry in plot.legend.entries.values()]


def test_axes_have_numbers_only_where_there_are_spectra(store, plot):
    numbered = [False]
    for change in (lambda: store.put([curve(0)]), lambda: store.drop([curve(0).id])):
        change()
        numbered.append(plot.getAxis("left").style["showValues"])
    assert numbered == [False, True, False]


def test_one_button_brings_spectra_of_two_scales_together(dock, layer, tmp_path):
    dock.pins.pin(layer.data_to_world((0, 2, 3)))
    path = tmp_path / "usgs.csv"
    write_library(library_of(np.linspace(0, 0.6, len(WAVELENGTHS))), path)
    assert dock.offer.isHidden()
    dock.files.import_library(path)
    assert not dock.offer.isHidden()
    dock.offer.click()
    assert dock.treatment.currentText() == Treatment.MAX.value
    assert dock.offer.isHidden()


def test_the_button_goes_with_the_references_that_it_was_for(dock, layer, tmp_path):
    dock.pins.pin(layer.data_to_world((0, 2, 3)))
    path = tmp_path / "usgs.csv"
    write_library(library_of(np.linspace(0, 0.6, len(WAVELENGTHS))), path)
    dock.files.import_library(path)
    assert not dock.offer.isHidden()
    dock.store.drop([curve.id for curve in dock.store.of(Source.LIBRARY)])
    assert dock.offer.isHidden()
    assert "scale" not in dock.status.text()


def test_references_on_the_scale_of_the_cube_bring_no_button(dock, layer, cube, tmp_path):
    dock.pins.pin(layer.data_to_world((0, 2, 3)))
    path = tmp_path / "usgs.csv"
    write_library(library_of(np.asarray(cube.data)[:4, 2, 3]), path)
    dock.files.import_library(path)
    assert dock.offer.isHidden()
