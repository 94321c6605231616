"""The spectra under the cursor, of every visible cube there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import psygnal

from napari_dodn.plugin.profiles.cubes import Cubes, Pixel
from napari_dodn.plugin.profiles.reader import SpectrumReader
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source

if TYPE_CHECKING:
    from napari import Viewer

PREFIX = "live"
CURSOR = "Cursor"


class LiveSpectra:
    """Follows the mouse over the canvas and keeps one curve for each cube.

    The curves stay when the cursor leaves the cubes, so that they can be looked at in the plot.

    `told` is emitted with a sentence about why there is nothing to see, empty where there is
    something, and `placed` with a line about what is under the cursor.
    """

    told = psygnal.Signal(str)
    placed = psygnal.Signal(str)

    def __init__(
        self, viewer: Viewer, cubes: Cubes, reader: SpectrumReader, store: CurveStore
    ) -> None:
        self._viewer, self._cubes, self._reader, self._store = viewer, cubes, reader, store
        self.paused = False
        self._world: Sequence[float] | None = None
        viewer.mouse_move_callbacks.append(self._on_move)

    def close(self) -> None:
        """Follow the mouse no longer."""
        if self._on_move in self._viewer.mouse_move_callbacks:
            self._viewer.mouse_move_callbacks.remove(self._on_move)

    def _on_move(self, viewer: Viewer, event: Any) -> None:
        if not self.paused:
            self.follow(event.position)

    def follow(self, world: Sequence[float]) -> None:
        """Show the spectra of a place of the world."""
        if self._viewer.dims.ndisplay == 3:
            self.told.emit("Spectra are read in the 2D view; switch back to it with Ctrl+Y.")
            return
        pixels = self._cubes.at(world)
        if not pixels:
            self.told.emit(self.reason())
            return
        self._world = tuple(world)
        ready = []
        for pixel in pixels:
            id_ = _id(self._cubes.number(pixel.layer))
            spectrum = self._reader.read(id_, pixel, partial(self._on_spectrum, id_, pixel))
            if spectrum is not None:
                ready.append(self._curve(id_, pixel, spectrum))
        self._store.put(ready)
        self._drop_others({_id(self._cubes.number(pixel.layer)) for pixel in pixels})
        self.told.emit("")
        self.placed.emit("   ".join(_place(pixel) for pixel in pixels))

    def look_again(self) -> None:
        """Follow cubes that have come, gone or changed: read the last place in them once more."""
        self._drop_others({_id(self._cubes.number(layer)) for layer in self._cubes.visible()})
        if self._world is None or self.paused or self._viewer.dims.ndisplay == 3:
            return
        if self._cubes.at(self._world):
            self.follow(self._world)
        else:
            self.placed.emit("")

    def reason(self) -> str:
        """Return why there is nothing to see here."""
        if self._cubes.visible():
            return "Move the mouse over a cube to see its spectra."
        if self._cubes.layers():
            return "All cubes are hidden; switch one on with its eye to see spectra."
        return "Open a hyperspectral cube to see its spectra."

    def _on_spectrum(self, id_: str, pixel: Pixel, spectrum: np.ndarray) -> None:
        if pixel.layer in self._viewer.layers and pixel.layer.visible:
            self._store.put([self._curve(id_, pixel, spectrum)])

    def _drop_others(self, ids: set[str]) -> None:
        gone = [curve.id for curve in self._store.of(Source.LIVE) if curve.id not in ids]
        for id_ in gone:
            self._reader.forget(id_)
        self._store.drop(gone)

    def _curve(self, id_: str, pixel: Pixel, spectrum: np.ndarray) -> Curve:
        old = self._store.get(id_)
        return curve_of_pixel(
            pixel,
            spectrum,
            old,
            id=id_,
            layer=self._cubes.name(pixel.layer),
            name=CURSOR,
            colour=self._cubes.colour(pixel.layer) if old is None else old.colour,
            source=Source.LIVE,
            group=id_,
        )


def curve_of_pixel(
    pixel: Pixel, spectrum: np.ndarray, old: Curve | None, **attributes: Any
) -> Curve:
    """Return the curve of a pixel's spectrum, with the description of its cube.

    Parameters
    ----------
    pixel : Pixel
        Where it is.
    spectrum : numpy.ndarray
        Shape (bands,).
    old : Curve or None
        The one that it takes the place of; if that is switched off it stays so.
    **attributes
        What else a `Curve` has.
    """
    cube = pixel.cube
    return Curve(
        visible=old is None or old.visible,
        x=cube.wavelengths,
        y=spectrum,
        good_bands=cube.good_bands,
        fwhm=cube.fwhm,
        quantity=cube.quantity,
        origin=f"row {pixel.y}, column {pixel.x} of {cube.name}",
        **attributes,
    )


def _id(number: int) -> str:
    return f"{PREFIX}/{number}"


def _place(pixel: Pixel) -> str:
    return f"{pixel.cube.name}: row {pixel.y}, column {pixel.x}"
