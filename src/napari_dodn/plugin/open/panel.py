"""The Open panel: which cube, how its axes are understood, and which wavelengths it has.

It only asks and shows. Files are read in a job's thread; the last thing asked for counts.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtGui import QDropEvent

from napari_dodn.errors import UserError
from napari_dodn.formats import Candidate
from napari_dodn.paths import expanded
from napari_dodn.plugin.kit.job import Cancelled, Failure, without_progress
from napari_dodn.plugin.kit.latest import PATIENCE_MS, Latest
from napari_dodn.plugin.kit.lifetime import Lifetime
from napari_dodn.plugin.kit.session import in_window_words, sentence
from napari_dodn.plugin.open.form import OpenForm
from napari_dodn.plugin.open.recipe import as_command, as_python
from napari_dodn.plugin.open.sources import (
    READ_FROM_LAYER,
    Fault,
    Field,
    FileSource,
    LayerSource,
    Source,
    cube_in_words,
    order_in_words,
    orders,
)
from napari_dodn.plugin.open.steps import (
    Choice,
    Prepared,
    Preview,
    Thumbnail,
    listed,
    opening_steps,
    preview_steps,
    thumbnail_steps,
)
from napari_dodn.plugin.open.widgets import PREVIEW, dragged_file, pixmap
from napari_dodn.plugin.viewer.layers import cube_from_layer, is_cube
from napari_dodn.plugin.viewer.pictures import Painter
from napari_dodn.plugin.viewer.selection import cube_choices
from napari_dodn.plugin.viewer.setting_up import set_up
from napari_dodn.plugin.viewer.stacks import is_stack, stacks
from napari_dodn.plugin.viewer.watch import LayerWatch

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

A_FILE = "a file or folder"


class OpenCube(OpenForm):
    """The panel.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layers go; napari fills it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._source: Source | None = None
        self._candidates: list[Candidate] = []
        self._preview: Preview | None = None
        self._painter = Painter(napari_viewer)
        self._watch = LayerWatch(napari_viewer, *READ_FROM_LAYER)
        self._listing = Latest[list[Candidate] | Fault]()
        self._thumbnails = Latest[None]()
        self._previewing = Latest[Preview | Fault]()
        self._jobs = (self._listing, self._thumbnails, self._previewing)
        self._connect()
        set_up(napari_viewer)
        self._lifetime = Lifetime(self, napari_viewer)
        for part in (*self._jobs, self._painter, self._watch):
            self._lifetime.then(part.close)
        self._lifetime.then(self.runner.abandon, self._let_go)
        self._on_layers()
        self._clear()
        self._begin_with_selected()

    @property
    def busy(self) -> bool:
        """Whether something is read that was asked for."""
        return any(job.busy for job in (*self._jobs, self._painter, self.runner))

    def _connect(self) -> None:
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_layer_changed)
        self.origin.currentIndexChanged.connect(self._on_origin)
        self.path.chosen.connect(self._on_path)
        self.list.chosen.connect(self._on_candidate)
        self.axes.currentIndexChanged.connect(self._on_axes)
        self.wavelengths.changed.connect(self._on_described)
        self.wavelengths.said.connect(self.runner.say)
        for line in (self.no_data, self.white, self.dark):
            line.textChanged.connect(self._on_described)
        self.take_references.clicked.connect(self._on_take_references)
        self.open_button.clicked.connect(self.open)
        self._listing.then(self._on_listed)
        self._thumbnails.progressed.connect(self._on_thumbnail)
        self._previewing.then(self._on_previewed)
        self.runner.ended.connect(self._on_opened)
        self._painter.failed.connect(self._on_not_painted)
        for job in (self._listing, self._thumbnails, self._previewing):
            job.failed.connect(self._on_failed)
        self.wavelengths.menu.aboutToShow.connect(self.offer_wavelengths)

    # Which source

    def _on_layers(self) -> None:
        """Offer the layers that are there now."""
        chosen, offered = self.origin.currentData(), [None, *stacks(self._viewer.layers)]
        self.origin.blockSignals(True)
        self.origin.clear()
        for layer in offered:
            self.origin.addItem(A_FILE if layer is None else f"layer: {layer.name}", layer)
        self.origin.setCurrentIndex(offered.index(chosen) if chosen in offered else 0)
        self.origin.blockSignals(False)
        if chosen is not None and chosen not in offered:
            self._on_origin()

    def _on_layer_changed(self, layer: Layer) -> None:
        """Look again into the chosen layer, of which something else has made another one."""
        source = self._source
        if not isinstance(source, LayerSource) or source.layer is not layer:
            return
        self.runner.cancel()
        if listed(source) != self._candidates:
            self._look_into(source)
        elif self.candidate is not None:  # what was typed still fits
            self._preview = None
            self._ask_preview(0)

    def _begin_with_selected(self) -> None:
        """Look into the selected layer, where it could be a cube and is none yet."""
        layer = self._viewer.layers.selection.active
        if layer is not None and is_stack(layer) and not is_cube(layer):
            self.origin.setCurrentIndex(self.origin.findData(layer))

    def _on_origin(self, _: int = 0) -> None:
        self._show_origin()
        layer = self.origin.currentData()
        if layer is not None:
            self._look_into(LayerSource(layer))
        elif self.path.line.text():
            self._on_path(self.path.line.text())
        else:
            self._clear()

    def _show_origin(self) -> None:
        is_file = self.origin.currentData() is None
        self.show_path(is_file)
        self.open_button.setText("Open" if is_file else "Apply to the layer")

    def open_path(self, path: str | Path) -> None:
        """Look into a file or folder, as if a person had chosen it."""
        self.path.choose(str(path))

    def dropEvent(self, event: QDropEvent) -> None:
        """Look into the file or folder that is dropped; of several, into the first."""
        event.acceptProposedAction()
        path, left_out = dragged_file(event)
        self.open_path(path)
        if left_out:
            self.runner.say(left_out)

    def _on_path(self, path: str) -> None:
        self.origin.blockSignals(True)
        self.origin.setCurrentIndex(0)
        self.origin.blockSignals(False)
        self._show_origin()
        self._look_into(FileSource(expanded(path)))

    def _look_into(self, source: Source) -> None:
        self._clear()
        self._source = source
        self.hint.say("Looking for cubes …")
        listing = without_progress(partial(listed, source))
        self._listing.ask(listing, f"Looking into {source.name}")

    def _clear(self) -> None:
        """Forget what was found in the source before."""
        for job in (self._listing, self._thumbnails, self._previewing):
            job.drop()
        self._source, self._candidates = None, []
        self.list.show_candidates([])
        self.hint.say("")
        self.runner.forget()
        self._forget_candidate()

    def _forget_candidate(self) -> None:
        self._preview = None
        self.picture.hide()
        self.axes.blockSignals(True)
        self.axes.clear()
        self.axes.blockSignals(False)
        self.reason.say("")
        self.facts.say("")
        self.clear_faults()
        self.fills.say("")
        self.wavelengths.clear()
        self.take_references.hide()
        for line in (self.no_data, self.white, self.dark):
            line.blockSignals(True)
            line.clear()
            line.setPlaceholderText("")
            line.blockSignals(False)
        for name in ("axes", "wavelengths", "no_data", "white", "dark", "open_button"):
            getattr(self, name).setEnabled(False)

    # Which cube

    def _on_listed(self, found: list[Candidate] | Fault) -> None:
        self.hint.say("")
        if isinstance(found, Fault):
            self.show_fault(found)
            return
        self._candidates = found
        self.list.show_candidates(found)
        if len(found) > 1:
            self.hint.say(f"{len(found)} cubes found. Choose one.")
            assert self._source is not None
            steps = partial(thumbnail_steps, self._source, found)
            self._thumbnails.ask(steps, f"Pictures of {self._source.name}")

    def _on_thumbnail(self, event: Thumbnail) -> None:
        self.list.show_picture(event.place, event.picture)

    @property
    def candidate(self) -> Candidate | None:
        """The cube that is chosen."""
        place = self.list.place
        return self._candidates[place] if 0 <= place < len(self._candidates) else None

    def _on_candidate(self, place: int) -> None:
        candidate = self._candidates[place]
        self._forget_candidate()
        self.hint.say("")
        self.axes.blockSignals(True)
        for axes in orders(candidate):
            self.axes.addItem(order_in_words(candidate, axes), axes)
        self.axes.blockSignals(False)
        self.axes.view().setMinimumWidth(self.axes.view().sizeHintForColumn(0))
        self.axes.setEnabled(self.axes.count() > 1)
        self.wavelengths.setEnabled(True)
        for line in (self.no_data, self.white, self.dark):
            line.setEnabled(True)
        self.reason.say(candidate.reason)
        self._ask_preview(0)

    # How it is understood

    @property
    def choice(self) -> Choice | None:
        """All that is chosen."""
        if self._source is None or self.candidate is None:
            return None
        choice = Choice(
            self._source,
            self.candidate,
            str(self.axes.currentData()),
            self.wavelengths.text,
            self.wavelengths.unit_name,
            self.no_data.text(),
            self.white.text(),
            self.dark.text(),
            name_tells=len(self._candidates) > 1,
        )
        known = self._preview
        if known and (known.choice.candidate, known.choice.axes) == (choice.candidate, choice.axes):
            return replace(choice, stored=known.stored)
        return choice

    def _on_axes(self, _: int) -> None:
        candidate, axes = self.candidate, self.axes.currentData()
        if candidate is None:
            return
        proposed = order_in_words(candidate, candidate.axes)
        self.reason.say(candidate.reason if axes == candidate.axes else f"Proposed: {proposed}.")
        self._ask_preview(0)

    def _on_described(self) -> None:
        if self.candidate is not None:
            self._ask_preview(PATIENCE_MS)

    def _on_take_references(self) -> None:
        """Write down the references that lie beside the scan."""
        if self._preview is not None:
            for kind, path in self._preview.references.items():
                {"white": self.white, "dark": self.dark}[kind].setText(str(path))

    def _ask_preview(self, patience_ms: int) -> None:
        choice = self.choice
        assert choice is not None
        self.open_button.setEnabled(False)
        self.clear_faults()
        self.facts.say("Reading …")
        steps = partial(preview_steps, choice)
        self._previewing.ask(steps, f"Reading {choice.source.name}", patience_ms)

    def _on_previewed(self, found: Preview | Fault) -> None:
        if isinstance(found, Fault):
            self._preview = None
            self.picture.hide()
            self.facts.say("")
            self.show_fault(found)
            return
        self._preview = found
        self.picture.setPixmap(pixmap(found.picture, PREVIEW))
        self.picture.show()
        self.list.show_picture(self.list.place, found.picture)
        dtype = found.stored.data.dtype.name
        self.list.show_type(replace(found.choice.candidate, dtype=dtype))
        self.facts.say(cube_in_words(found.cube))
        self.facts.setToolTip(in_window_words("\n".join(found.cube.notes)))
        self.wavelengths.line.setPlaceholderText(
            "none" if found.stored.wavelengths is None else "as in the source"
        )
        stated = found.stored.nodata
        self.no_data.setPlaceholderText("none stated" if stated is None else f"{stated:g}")
        self.fills.say(" ".join(found.fills))
        self.take_references.setVisible("white" in found.references)
        if found.fault is not None:
            self.show_fault(found.fault)
        self._on_ready()

    def _on_ready(self) -> None:
        """Let a cube be opened, if there is one and no other is just being opened."""
        ready = self._preview is not None and self._preview.fault is None
        self.open_button.setEnabled(ready and not self._previewing.busy and not self.runner.busy)

    def offer_wavelengths(self) -> None:
        """Offer those of the open cubes that have as many bands as this one."""
        bands = 0 if self._preview is None else self._preview.cube.bands
        cubes = []
        for _, layer in cube_choices(self._viewer):
            with suppress(UserError):  # its pixels fit its description no longer
                cubes.append(cube_from_layer(layer))
        self.wavelengths.offer(
            {
                cube.name: cube.wavelengths
                for cube in cubes
                if cube.wavelengths is not None and cube.bands == bands
            }
        )

    def as_python(self) -> str:
        """Return Python that reads the cube as it is chosen."""
        return as_python(self._preview)

    def as_command(self) -> str:
        """Return a command that converts the cube as it is chosen."""
        return as_command(self._preview)

    # Opening

    def open(self) -> None:
        """Add the layers of the chosen cube; they are made in a thread."""
        if self._preview is None or not self.open_button.isEnabled():
            return
        cube = self._preview.cube
        self.runner.start(partial(opening_steps, self._preview), f"Opening {cube.name}")

    def _on_opened(self, outcome: Prepared | Failure | Cancelled) -> None:
        self._on_ready()
        if isinstance(outcome, Failure):
            self.runner.say(sentence(outcome.error, "Opening the cube"), is_fault=True)
        elif not isinstance(outcome, Cancelled):
            said = outcome.put(self._viewer, self._painter)
            set_up(self._viewer)
            if isinstance(self._source, LayerSource):  # which is another one now
                self._look_into(self._source)
            self.runner.say(in_window_words(" ".join((said, *outcome.notes))))

    def _on_not_painted(self, fault: str) -> None:
        self.runner.say(fault, is_fault=not self._painter.job.was_cancelled)

    def _on_failed(self, fault: str) -> None:
        self.hint.say("")
        self.facts.say("")
        self.show_fault(Fault(Field.SOURCE, fault))

    def _let_go(self) -> None:
        """Forget the layers, because the dock was closed or its window was."""
        self.origin.blockSignals(True)
        self.origin.clear()
        self._source = self._preview = None
