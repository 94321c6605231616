"""Keeps the lines R, G, B and the picture of the current cube in step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import psygnal

from napari_dodn.cube import HyperCube
from napari_dodn.errors import UserError
from napari_dodn.plugin.profiles.colour_lines import ColourLines
from napari_dodn.plugin.profiles.cubes import Cubes
from napari_dodn.plugin.viewer.layers import picture_of, rendering_of
from napari_dodn.plugin.viewer.pictures import Painter
from napari_dodn.spectra.colour import Mode, Rendering, shown
from napari_dodn.spectra.shown_bands import composite_bands

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


class Composite:
    """Shows the lines for a cube whose picture is made of three bands, or where a person wants it.

    `told` is emitted with a sentence about what went wrong.

    Parameters
    ----------
    viewer : napari.Viewer
        Where cubes and pictures are.
    cubes : Cubes
        Tells which cube is the current one.
    lines : ColourLines
        What is dragged.
    """

    told = psygnal.Signal(str)

    def __init__(self, viewer: Viewer, cubes: Cubes, lines: ColourLines) -> None:
        self._viewer, self._cubes, self._lines = viewer, cubes, lines
        self._wanted: WeakKeyDictionary[Layer, bool] = WeakKeyDictionary()
        self._bands: list[int] = []
        self._painter = Painter(viewer)
        self._painter.painted.connect(self._on_painted)
        self._painter.failed.connect(self._on_failed)
        lines.dragged.connect(self._on_dragged)

    def close(self) -> None:
        """Paint no more."""
        self._lines.dragged.disconnect(self._on_dragged)
        self._painter.close()

    @property
    def is_shown(self) -> bool:
        """Whether the lines are there."""
        return bool(self._bands)

    def want(self, lines: bool) -> None:
        """Show or hide the lines for the current cube, whatever its picture is."""
        if (layer := self._cubes.current()) is not None:
            self._wanted[layer] = lines
        self.update()

    def update(self) -> None:
        """Put the lines where the picture of the current cube has its bands."""
        layer = self._cubes.current()
        cube = None if layer is None else self._cubes.cube(layer)
        if layer is None or cube is None or cube.bands < len(self._lines.lines):
            self._bands = []
            self._lines.hide()
            return
        if self._painter.busy:  # the lines are ahead of the picture
            return
        is_composite, bands = self._of_picture(layer, cube)
        self._bands = bands if self._wanted.get(layer, is_composite) else []
        if self._bands:
            self._lines.show(cube.wavelengths, cube.usable_bands, self._bands)
        else:
            self._lines.hide()

    def _of_picture(self, layer: Layer, cube: HyperCube) -> tuple[bool, list[int]]:
        """Tell whether the picture shows three bands, and which; else those to begin with."""
        try:
            is_true, bands = shown(cube, self._rendering(layer))
        except UserError:
            is_true, bands = True, composite_bands(cube)
        is_composite = not is_true and bands.size == len(self._lines.lines)
        if not is_composite:
            bands = composite_bands(cube)
        has_picture = picture_of(layer, self._viewer.layers) is not None
        return is_composite and has_picture, [int(band) for band in bands]

    def _rendering(self, layer: Layer) -> Rendering:
        picture = picture_of(layer, self._viewer.layers)
        return Rendering() if picture is None else Rendering(**rendering_of(picture))

    def _on_dragged(self, channel: int, band: int) -> None:
        layer = self._cubes.current()
        cube = None if layer is None else self._cubes.cube(layer)
        if layer is None or cube is None or not self._bands:
            return
        self._bands = [*self._bands[:channel], band, *self._bands[channel + 1 :]]
        places = range(cube.bands) if cube.wavelengths is None else cube.wavelengths
        channels = tuple(float(places[band]) for band in self._bands)
        before = self._rendering(layer)
        wanted = replace(before, mode=Mode.THREE_BANDS, channels=channels, levels=())
        self._painter.paint(layer, wanted)

    def _on_painted(self, picture: Layer) -> None:
        picture.visible = True
        self.update()

    def _on_failed(self, fault: str) -> None:
        self.told.emit(fault)
