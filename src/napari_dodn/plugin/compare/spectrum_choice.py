"""The spectrum to compare pixels with: of a pixel, of a marked point, or from a library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psygnal
from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit, PushButton, Widget
from napari.layers import Layer, Points

from napari_dodn.errors import UserError
from napari_dodn.formats.registry import dialog_filter
from napari_dodn.formats.tables.libraries import LIBRARY_NAMES, LIBRARY_SUFFIXES
from napari_dodn.plugin.kit.forms import LayerBox
from napari_dodn.plugin.kit.session import sentence
from napari_dodn.plugin.viewer.layers import POINT_NAME, POINT_NUMBER, cube_from_layer
from napari_dodn.plugin.viewer.overlap import pixel_at
from napari_dodn.spectra.library import SpectralLibrary, Spectrum
from napari_dodn.spectra.profiles import point_spectrum

if TYPE_CHECKING:
    from napari import Viewer

PICKED = "the picked pixel"
PICK, PICKING, FLAT = "Pick a pixel", "Click on the image …", "Click in the 2D view (Ctrl+Y) …"

MOST_POINTS = 100
"""Of a layer with more named points none is offered by its name: nobody finds it in such a list."""


@dataclass(frozen=True)
class _NamedPoint:
    """A point that has a name, as those pinned in the Spectral profiles have.

    Those have a number, too, which stays theirs under another name; others are known by their name.
    """

    layer: Points
    number: int | str
    row: int = field(compare=False)
    name: str = field(compare=False)


class SpectrumChoice:
    """Three controls for a form, and what they choose.

    Parameters
    ----------
    viewer : napari.Viewer
        Where pixels are picked and points lie.

    Notes
    -----
    `changed` is emitted when another spectrum is meant, `failed` with a sentence about a
    file that is no library.
    """

    changed = psygnal.Signal()
    failed = psygnal.Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._picked: tuple[float, ...] | None = None
        self._library: SpectralLibrary | None = None
        self.spectrum = LayerBox(
            label="Spectrum",
            choices=self._choices,
            tooltip="The spectrum of a picked pixel, of a pinned point, of the selected (or last)"
            " point of another Points layer, or from a spectral library.",
        )
        self.pick_button = PushButton(text=PICK, tooltip="Press, then click a pixel in the image.")
        self.pick_button.native.setCheckable(True)
        self.file = FileEdit(
            label="Library",
            mode=FileDialogMode.EXISTING_FILE,
            filter=dialog_filter("Spectral library", *LIBRARY_SUFFIXES),
            nullable=True,
            tooltip=f"A file of spectra ({LIBRARY_NAMES}).",
        )
        self.spectrum.changed.connect(self._on_changed)
        self.pick_button.native.toggled.connect(self._on_pick)
        # After whoever notes the file, so that one that is refused can be forgotten again.
        self.file.changed.connect(self._on_file, priority=-1)

    @property
    def controls(self) -> list[Widget]:
        """What to put into a form."""
        return [self.spectrum, self.pick_button, self.file]

    def of(self, layer: Layer) -> Spectrum | None:
        """Return the chosen spectrum, for use with a cube layer; None where none is chosen.

        Raises
        ------
        UserError
            If the pixel or point lies outside of the cube.
        """
        chosen = self.spectrum.value
        if isinstance(chosen, Spectrum):
            return chosen
        place = self._picked if chosen == PICKED else _place(chosen)
        if place is None:
            return None
        cube, (y, x) = cube_from_layer(layer), pixel_at(layer, place)
        return Spectrum(
            chosen.name if isinstance(chosen, _NamedPoint) else f"row {y}, column {x}",
            point_spectrum(cube, y, x),
            wavelengths=cube.wavelengths,
            fwhm=cube.fwhm,
            good_bands=cube.good_bands,
            quantity=cube.quantity,
        )

    def refresh(self) -> None:
        """Look for points anew."""
        self.spectrum.reset_choices()

    def close(self) -> None:
        """Wait for no click any more."""
        self._stop_picking()

    def _choices(self, _: Any = None) -> list[tuple[str, Any]]:
        picked = [] if self._picked is None else [(PICKED, PICKED)]
        layers = [layer for layer in self._viewer.layers if isinstance(layer, Points)]
        points = [choice for layer in layers for choice in _points_of(layer)]
        library = ((spectrum.name, spectrum) for spectrum in self._library or ())
        return _told_apart([*picked, *points, *library])

    def _on_changed(self, _: Any = None) -> None:
        self.changed.emit()

    def _on_file(self, path: Path | None) -> None:
        from napari_dodn.formats import read_library

        self._library, fault = None, ""
        if path is not None and path.name:
            try:
                self._library = read_library(path)
            except UserError as error:
                fault = sentence(error, f"Reading {path}")
        self.refresh()
        if self._library:
            self.spectrum.value = self._library[0]
        self.changed.emit()
        if fault:
            self.failed.emit(fault)

    # Picking a pixel

    def _on_pick(self, wanted: bool) -> None:
        self.pick_button.text = PICKING if wanted else PICK
        callbacks = self._viewer.mouse_drag_callbacks
        if wanted and self._on_press not in callbacks:
            callbacks.append(self._on_press)
        elif not wanted:
            self._stop_picking()

    def _stop_picking(self) -> None:
        callbacks = self._viewer.mouse_drag_callbacks
        if self._on_press in callbacks:
            callbacks.remove(self._on_press)

    def _on_press(self, viewer: Viewer, event: Any) -> None:
        if viewer.dims.ndisplay == 3:  # where a click is on no pixel
            self.pick_button.text = FLAT
            return
        self._picked = tuple(event.position)
        self.pick_button.native.setChecked(False)
        self.refresh()
        self.spectrum.value = PICKED
        self.changed.emit()


def _points_of(layer: Points) -> list[tuple[str, Any]]:
    """Return the points of a layer that can be chosen: each that has a name, or one for all."""
    if not len(layer.data):
        return []
    if POINT_NAME not in layer.features or len(layer.data) > MOST_POINTS:
        return [(f"point of {layer.name}", layer)]
    names = [str(name) for name in layer.features[POINT_NAME]]
    numbers = list(layer.features.get(POINT_NUMBER, names))
    points = enumerate(zip(names, numbers, strict=True))
    return [(name, _NamedPoint(layer, number, row, name)) for row, (name, number) in points]


def _told_apart(choices: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Give choices with the same name a number: a box keeps only one of them."""
    told: dict[str, Any] = {}
    for name, choice in choices:
        numbered = (f"{name} ({number})" for number in count(2))
        told[next(x for x in chain([name], numbered) if x not in told)] = choice
    return list(told.items())


def _place(chosen: Any) -> Sequence[float] | None:
    """Return where in the world a named point is, or the selected or last one of a layer."""
    if isinstance(chosen, _NamedPoint):
        known = chosen.row < len(chosen.layer.data)
        return chosen.layer.data_to_world(chosen.layer.data[chosen.row]) if known else None
    if not isinstance(chosen, Points) or not len(chosen.data):
        return None
    points = chosen
    selected = sorted(index for index in points.selected_data if index < len(points.data))
    return points.data_to_world(points.data[selected[-1] if selected else -1])
