"""The spectrum to compare pixels with: of a pixel, of a marked point, or from a library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psygnal
from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, PushButton, Widget
from napari.layers import Layer, Points

from napari_dodn.errors import UserError
from napari_dodn.plugin.layers import cube_from_layer
from napari_dodn.plugin.overlap import pixel_at
from napari_dodn.plugin.session import sentence
from napari_dodn.spectra.library import SpectralLibrary, Spectrum
from napari_dodn.spectra.profiles import point_spectrum

if TYPE_CHECKING:
    from napari import Viewer

PICKED = "the picked pixel"
PICK, PICKING = "Pick a pixel", "Click on the image …"


class SpectrumChoice:
    """Three controls for a form, and what they choose.

    Parameters
    ----------
    viewer : napari.Viewer
        Where pixels are picked and points lie.

    Notes
    -----
    `changed` is emitted when another spectrum is meant, `failed` with a sentence.
    """

    changed = psygnal.Signal()
    failed = psygnal.Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._picked: tuple[float, ...] | None = None
        self._library: SpectralLibrary | None = None
        self.spectrum = ComboBox(
            label="Spectrum",
            choices=self._choices,
            tooltip="Of a pixel that you pick, of the selected (or last) point of a Points layer,"
            " or from a spectral library.",
        )
        self.pick_button = PushButton(text=PICK, tooltip="Then click on a pixel in the image.")
        self.pick_button.native.setCheckable(True)
        self.file = FileEdit(
            label="Library",
            mode=FileDialogMode.EXISTING_FILE,
            filter="Spectral library (*.sli *.hdr *.csv *.tsv *.txt)",
            nullable=True,
            tooltip="An ENVI spectral library, or a table with wavelengths and spectra.",
        )
        self.spectrum.changed.connect(self._on_changed)
        self.pick_button.native.toggled.connect(self._on_pick)
        self.file.changed.connect(self._on_file)

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
        place = _place(chosen) if isinstance(chosen, Points) else self._picked
        if chosen is None or place is None:
            return None
        cube, (y, x) = cube_from_layer(layer), pixel_at(layer, place)
        return Spectrum(
            f"row {y}, column {x}",
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
        points = [
            (f"point of {layer.name}", layer)
            for layer in self._viewer.layers
            if isinstance(layer, Points) and len(layer.data)
        ]
        picked = [] if self._picked is None else [(PICKED, PICKED)]
        library = self._library or ()
        return [*picked, *points, *((spectrum.name, spectrum) for spectrum in library)]

    def _on_changed(self, _: Any = None) -> None:
        self.changed.emit()

    def _on_file(self, path: Path | None) -> None:
        from napari_dodn.formats import read_library

        self._library = None
        if path is not None and path.name:
            try:
                self._library = read_library(path)
            except UserError as error:
                self.failed.emit(sentence(error, f"Reading {path}"))
                return
        self.refresh()
        if self._library:
            self.spectrum.value = self._library[0]
        self.changed.emit()

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
        self._picked = tuple(event.position)
        self.pick_button.native.setChecked(False)
        self.refresh()
        self.spectrum.value = PICKED
        self.changed.emit()


def _place(points: Points) -> Sequence[float]:
    """Return where in the world the selected point of a layer is, or its last one."""
    selected = sorted(index for index in points.selected_data if index < len(points.data))
    return points.data_to_world(points.data[selected[-1] if selected else -1])
