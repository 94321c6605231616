"""The Spectral profiles dock: puts plot, table and sources together and says what they say.

The parts never call each other: sources write to the store, plot and table read from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dodn.plugin.kit.lifetime import Lifetime
from napari_dodn.plugin.kit.scrolling import Scrolling
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.kit.settings import settings_of
from napari_dodn.plugin.profiles.composite import Composite
from napari_dodn.plugin.profiles.cubes import Cubes
from napari_dodn.plugin.profiles.display import UNITS, Treatment, unit_text
from napari_dodn.plugin.profiles.file_menu import FileMenu
from napari_dodn.plugin.profiles.files import scales_differ
from napari_dodn.plugin.profiles.legend import MOST_ENTRIES
from napari_dodn.plugin.profiles.live import LiveSpectra
from napari_dodn.plugin.profiles.pins import KEY, MODIFIER, PinnedPoints
from napari_dodn.plugin.profiles.place_line import PlaceLine
from napari_dodn.plugin.profiles.plot import SpectrumPlot
from napari_dodn.plugin.profiles.reader import SpectrumReader
from napari_dodn.plugin.profiles.regions import RegionSpectra
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source
from napari_dodn.plugin.profiles.table import CurveModel, CurveTable
from napari_dodn.plugin.profiles.widgets import OffsetBox, combo, row
from napari_dodn.plugin.viewer.axis_question import AxisQuestion
from napari_dodn.plugin.viewer.watch import LayerWatch

if TYPE_CHECKING:
    import napari

HEIGHTS = [380, 260]
PANEL = "spectral profiles"

WATCHED = ("visible", "scale", "translate", "rotate", "shear", "affine")
"""Properties of layers on which it depends what lies under a point."""

HELP = f"""<b>Spectral profiles</b><br>
Move the mouse over a cube: its spectrum, and those of all visible cubes there.<br>
<b>{MODIFIER}+click</b> or <b>{KEY}</b>: pin the point under the cursor.<br>
Drag its marker with the select tool of its layer; the spectra follow.<br>
<b>Del</b>: remove rows. <b>F2</b>: rename. <b>Ctrl+C</b>: copy the visible spectra.<br>
<b>Ctrl+V</b>: paste spectra as references. <b>Ctrl+D</b>: compare all with a row.<br>
Drag the line in the plot to move through the bands, and the lines R, G and B to choose the bands of
the picture. Wheel and drag zoom and move the plot; the A in its corner shows everything again."""


class SpectralProfiles(QWidget):
    """The dock.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose cubes are looked at; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._settings = settings_of(PANEL)
        self._watch = LayerWatch(napari_viewer, *WATCHED)
        self.store = CurveStore()
        self._cubes = Cubes(napari_viewer)
        self._reader = SpectrumReader()
        self.plot = SpectrumPlot(self.store)
        self._model = CurveModel(self.store, self)
        self.table = CurveTable(self._model)
        self._build()
        self.live = LiveSpectra(napari_viewer, self._cubes, self._reader, self.store)
        self.pins = PinnedPoints(napari_viewer, self._cubes, self._reader, self.store)
        self.regions = RegionSpectra(napari_viewer, self._cubes, self.store)
        self.composite = Composite(napari_viewer, self._cubes, self.plot.colours)
        self._lifetime = Lifetime(self, napari_viewer)
        self._connect()
        self._restore()
        self._on_theme()
        self._on_layers()

    # Building

    def _build(self) -> None:
        self.unit = combo([unit_text(unit) for unit in UNITS], "The unit of the spectral axis.")
        self.treatment = combo(
            [treatment.value for treatment in Treatment],
            "How the spectra are transformed for the plot; exports stay as measured.",
        )
        self.offset = OffsetBox()
        self.offset.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.offset.setAccessibleName("Offset")
        self.offset.setToolTip("Draw each spectrum this much higher than the one before.")
        self.legend = QCheckBox("Legend")
        self.legend.setToolTip(
            f"Show the names of up to {MOST_ENTRIES} spectra in the plot. The table has all of"
            " them."
        )
        self.help = QToolButton()
        self.help.setText("?")
        self.help.setToolTip(HELP)
        self.help.setAccessibleName("Help")
        self.follow = QCheckBox("Cursor")
        self.follow.setToolTip("Show the spectra under the cursor.")
        self.colour_lines = QCheckBox("RGB")
        self.colour_lines.setToolTip(
            "Show lines at the bands of red, green and blue. Drag them to change the colours."
        )
        self.question = AxisQuestion(self._viewer, self._watch)
        self.region_layer = combo((), "Shapes or Labels layer whose regions are measured.")
        self.region_kind = combo(
            ("mean ± std", "median, quartiles"), "What is shown of a region's pixels."
        )
        self.pointed, self.status = PlaceLine(), QLabel()
        self.status.setWordWrap(True)
        self.status.setMinimumWidth(10)
        self.files = FileMenu(self.store, self._cubes, self.plot)
        self.offer = QPushButton(f"Show {Treatment.MAX.value}")
        self.offer.setToolTip("Bring all spectra to one scale, to compare their shapes.")
        self.offer.hide()
        self._add_table_actions()

        halves = QSplitter(Qt.Orientation.Vertical)
        upper, lower = QWidget(), QWidget()
        above, below = QVBoxLayout(upper), QVBoxLayout(lower)
        for box in (above, below):
            box.setContentsMargins(0, 0, 0, 0)
        above.addLayout(row(self.unit, self.treatment, QLabel("Offset"), self.offset))
        above.addWidget(self.plot, 1)
        above.addWidget(self.pointed)
        below.addLayout(
            row(self.follow, self.legend, self.colour_lines, None, self.files, self.help)
        )
        below.addWidget(self.table, 1)
        below.addLayout(row(QLabel("Regions"), self.region_layer, self.region_kind))
        said = row(self.status, self.offer)
        said.setStretch(0, 1)
        below.addLayout(said)
        halves.addWidget(upper)
        halves.addWidget(lower)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        halves.setChildrenCollapsible(False)
        halves.setSizes(HEIGHTS)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(self.question)
        whole.addWidget(Scrolling(halves), 1)

    def _add_table_actions(self) -> None:
        for text, keys, method in (
            ("Compare all with this one", "Ctrl+D", self.choose_selected),
            ("Rename", None, self._rename_selected),
            ("Colour …", None, self._ask_colour),
            ("Remove", "Del", self.remove_selected),
            ("Copy visible spectra", QKeySequence.StandardKey.Copy, self.files.copy),
            ("Paste spectra", QKeySequence.StandardKey.Paste, self.files.paste),
        ):
            action = QAction(text, self.table)
            if keys is not None:
                action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(method)
            self.table.addAction(action)

    def _connect(self) -> None:
        for changed in (self.unit.currentIndexChanged, self.treatment.currentIndexChanged):
            changed.connect(self._on_view)
        self.offset.valueChanged.connect(self._on_view)
        self.legend.toggled.connect(self.plot.set_legend)
        self.follow.toggled.connect(self._on_follow)
        self.region_layer.currentIndexChanged.connect(self._on_regions)
        self.region_kind.currentIndexChanged.connect(self._on_regions)
        self.plot.bands.dragged.connect(self._on_band_dragged)
        for place in (self.plot.pointed, self.live.placed):
            place.connect(self.pointed.setText)
        self._model.renamed.connect(self._rename)
        self.colour_lines.toggled.connect(self.composite.want)
        for teller in (self.live.told, self.regions.told, self.composite.told, self.files.told):
            teller.connect(self._say)
        self.files.scales_differ.connect(self._on_scales)
        self.store.changed.connect(self._on_curves)
        self.offer.clicked.connect(self._on_offer)
        self._reader.failed.connect(self._on_failed)
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_cubes)
        self._watch.painted.connect(self._follow_picture)
        lifetime, viewer = self._lifetime, self._viewer
        for event in (viewer.dims.events.point, viewer.layers.selection.events.active):
            lifetime.listen(event, self._on_band)
        lifetime.listen(viewer.events.theme, self._on_theme)
        lifetime.then(self.question.close_down)
        for part in (self._watch, self.live, self.pins, self.regions, self.composite):
            lifetime.then(part.close)
        lifetime.then(self._reader.close, self.plot.close_down, self._model.close_down)
        lifetime.then(lambda: self.store.changed.disconnect(self._on_curves))

    # Following the viewer

    def _on_layers(self) -> None:
        chosen, choices = self.region_layer.currentData(), self.regions.choices()
        self.region_layer.blockSignals(True)
        self.region_layer.clear()
        self.region_layer.addItem("none", None)
        for layer in choices:
            self.region_layer.addItem(layer.name, layer)
        self.region_layer.setCurrentIndex(choices.index(chosen) + 1 if chosen in choices else 0)
        self.region_layer.blockSignals(False)
        self._on_cubes()

    def _on_cubes(self, _: Any = None) -> None:
        self.live.look_again()
        self.pins.look_for_layer()
        self._on_regions()
        self._on_band()
        self.status.setText(self._hint())

    def _on_regions(self, _: Any = None) -> None:
        self.regions.choose(self.region_layer.currentData(), self.region_kind.currentIndex() == 1)

    def _on_band(self, _: Any = None) -> None:
        self._follow_picture()
        layer = self._cubes.current()
        cube = None if layer is None else self._cubes.cube(layer)
        if layer is None or cube is None or self._viewer.dims.ndim < 3:
            self.plot.bands.set_bands(None, 0, 0)
            return
        band = round(float(layer.world_to_data(self._viewer.dims.point[-3:])[0]))
        self.plot.bands.set_bands(cube.wavelengths, cube.bands, band)

    def _follow_picture(self, _: Any = None) -> None:
        self.composite.update()
        self.colour_lines.blockSignals(True)
        self.colour_lines.setChecked(self.composite.is_shown)
        self.colour_lines.blockSignals(False)

    def _on_band_dragged(self, band: int) -> None:
        layer = self._cubes.current()
        if layer is not None:
            axis = self._viewer.dims.ndim - 3
            self._viewer.dims.set_point(axis, float(layer.data_to_world((band, 0, 0))[0]))

    def _on_theme(self, _: Any = None) -> None:
        theme = get_theme(self._viewer.theme)
        self.plot.set_colours(theme.background.as_hex("long"), theme.text.as_hex("long"))

    # What a person does

    def _on_view(self, _: Any = None) -> None:
        treatment = list(Treatment)[self.treatment.currentIndex()]
        unit = list(UNITS)[self.unit.currentIndex()]
        self.plot.set_view(unit, treatment, self.offset.value())
        if treatment is not Treatment.NONE and not self.offer.isHidden():
            self.offer.hide()
            self._say("")  # what was advised is done
        if treatment is Treatment.DIFFERENCE and self.store.chosen is None:
            self.status.setText("Choose the spectrum to subtract: select its row, then Ctrl+D.")

    def _on_scales(self) -> None:
        self.offer.setVisible(self.treatment.currentText() == Treatment.NONE.value)

    def _on_curves(self, _: Any = None) -> None:
        """Take the offer back when what it was made for has gone."""
        if not self.offer.isHidden() and not scales_differ(self.store):
            self.offer.hide()
            self._say("")

    def _on_offer(self) -> None:
        self.treatment.setCurrentText(Treatment.MAX.value)

    def _on_follow(self, on: bool) -> None:
        self.live.paused = not on
        if not on:
            self.store.drop([curve.id for curve in self.store.of(Source.LIVE)])

    def choose_selected(self) -> None:
        """Hold all spectra against the selected one; against none where it was it already."""
        selected = self.table.selected()
        chosen = self.store.chosen
        if selected:
            same = chosen is not None and chosen.id == selected[0].id
            self.store.choose(None if same else selected[0].id)

    def remove_selected(self) -> None:
        """Remove the selected points and references; hide other selected curves."""
        for curve in self.table.selected():
            if curve.source is Source.POINT:
                self.pins.remove(curve.group)
            elif curve.source is Source.LIBRARY:
                self.store.drop([curve.id])
            else:
                self.store.edit([curve.id], visible=False)

    def _rename_selected(self) -> None:
        self.table.edit(self.table.currentIndex().siblingAtColumn(0))

    def _rename(self, curve: Curve, name: str) -> None:
        if curve.source is Source.POINT:
            self.pins.rename(curve.group, name)
        elif curve.source is Source.REGION:
            self.regions.rename(curve.group, name)
        else:
            self.store.edit([curve.id], name=name)

    def _ask_colour(self) -> None:
        for curve in self.table.selected()[:1]:
            colour = QColorDialog.getColor(curve.colour, self, f"Colour of {curve.name}")
            if colour.isValid():
                self.recolour(curve, colour.name())

    def recolour(self, curve: Curve, colour: str) -> None:
        """Give a curve, and all of its point or region, another colour."""
        if curve.source is Source.POINT:
            self.pins.recolour(curve.group, colour)
        else:
            self.store.edit([x.id for x in self.store.in_group(curve.group)], colour=colour)
            self.regions.mark()

    def _say(self, text: str) -> None:
        self.status.setText(text or self._hint())

    def _hint(self) -> str:
        """Return what to do where there is nothing to see yet."""
        return "" if self.store.of(Source.LIVE) else self.live.reason()

    def _on_failed(self, error: Exception) -> None:
        self.status.setText(sentence(error, "Reading the spectrum"))

    # Coming and going

    def _restore(self) -> None:
        stored = self._settings
        self.unit.setCurrentText(unit_text(str(stored.value("unit", "nm"))))
        self.treatment.setCurrentText(str(stored.value("treatment", Treatment.NONE.value)))
        self.region_kind.setCurrentIndex(int(str(stored.value("region kind", 0))))
        self.legend.setChecked(stored.value("legend", "true") in ("true", True))
        self.follow.setChecked(True)
        self._on_view()
        for changed in (
            self.unit.currentIndexChanged,
            self.treatment.currentIndexChanged,
            self.region_kind.currentIndexChanged,
            self.legend.toggled,
        ):
            changed.connect(self._remember)

    def _remember(self, _: Any = None) -> None:
        self._settings.setValue("unit", self.unit.currentText())
        self._settings.setValue("treatment", self.treatment.currentText())
        self._settings.setValue("region kind", self.region_kind.currentIndex())
        self._settings.setValue("legend", self.legend.isChecked())
