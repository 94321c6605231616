"""One more view on the place that the viewer shows: its own layers, the viewer's camera and band.

The layers live in a model of their own, so that the viewer's layer list stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from napari.qt import QtViewer
from napari.utils.notifications import show_warning

from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.kit.session import camera_of
from napari_dodn.plugin.viewer.layers import (
    PICTURE_PIXELS,
    cube_from_layer,
    is_draft,
    picture_of,
)
from napari_dodn.plugin.viewer.pictures import rendering_with_levels
from napari_dodn.plugin.viewer.placing import image_over
from napari_dodn.plugin.viewer.wavelength_label import text_overlay
from napari_dodn.plugin.views.content import (
    bicubic_band_steps,
    bicubic_colours_steps,
    colours_steps,
)
from napari_dodn.spectra.colour import thinning

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dodn.plugin.views.pair import Pair

LOOK = ("contrast_limits", "gamma", "colormap")
"""What the source's band takes on from the result's."""

PLACEMENT = ("scale", "translate", "rotate", "shear", "units")
"""Where a layer lies, beside its affine transform."""

COLOURS, BAND = "colours", "band"
"""What can be on the screen of a cube, and the layers of it."""

FINE_BAND = "interpolated band"
"""The layer of one band that was interpolated."""

AROUND = "colours around it"
"""The layer of the source's own picture, below the colours of a region."""


class Against(StrEnum):
    """What a result is held against."""

    SOURCE = "source"
    BICUBIC = "bicubic"


class Pane:
    """A view on the source, or on its bicubic interpolation.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose camera, band and choice between colours and a band it follows.
    pair : Pair
        The result on the screen, and its source.
    against : Against
        What is shown.
    view : QtViewer
        The pane's until that is closed.
    both_ways : bool
        Whether the viewer also follows this view, which a mouse can reach then.
    """

    def __init__(
        self, viewer: Viewer, pair: Pair, against: Against, view: QtViewer, both_ways: bool
    ) -> None:
        self._viewer, self._pair, self.against = viewer, pair, against
        self._following = False
        self._shown: tuple[str, Any] | None = None
        self._latest: Latest[np.ndarray] = Latest()
        self._latest.then(self._on_made)
        self._latest.failed.connect(show_warning)
        self.view, self.model = view, view.viewer
        self._links: list[tuple[Any, Any]] = []
        camera, own = camera_of(viewer), camera_of(self.model)
        for name in ("center", "zoom"):
            self._link(getattr(camera.events, name), partial(self._follow, camera, own, name))
            if both_ways:
                self._link(getattr(own.events, name), partial(self._follow, own, camera, name))
        self._link(viewer.dims.events.point, self._on_band)
        for name in LOOK:
            self._link(getattr(pair.result.events, name), self._on_look)
        self._link(viewer.events.theme, self._on_theme)
        text = text_overlay(viewer)
        for name in ("text", "visible"):
            self._link(getattr(text.events, name), self._on_text)
        self._on_text()
        self._on_theme()
        self._put(BAND, pair.source)
        self._on_look()
        picture = picture_of(pair.source, viewer.layers)
        around = None if pair.region is None else picture
        self._has_around = around is not None
        if around is not None:
            self._put(AROUND, around)
        if against is Against.SOURCE and picture is not None and self._wish()[0] == COLOURS:
            self._put(COLOURS, picture)  # until there are better ones
            self._show_only(COLOURS)
        self.look_again()
        self._on_band()
        if both_ways:
            self._link(self.model.dims.events.point, self._on_own_band)
            self._link(self.model.cursor.events.position, self._on_cursor)
        self.align()

    @property
    def title(self) -> str:
        """What is shown, in a word."""
        return self.against.value

    def align(self) -> None:
        """Take on the camera of the viewer."""
        camera, own = camera_of(self._viewer), camera_of(self.model)
        for name in ("center", "zoom"):
            self._follow(camera, own, name)

    def look_again(self, _: Any = None) -> None:
        """Show colours or a band, as the viewer does of the result."""
        wish = self._wish()
        if wish == self._shown:
            return
        self._shown = wish
        kind, what = wish
        rendering = what if kind == COLOURS else None
        if rendering is None and self.against is Against.SOURCE:
            self._latest.drop()
            self._show_only(BAND)
            return
        source = cube_from_layer(self._pair.source)
        scale, region = self._pair.scale, self._pair.region
        if rendering is not None and self.against is Against.SOURCE:
            work = partial(colours_steps, source, rendering, PICTURE_PIXELS, region)
        elif rendering is not None:
            work = partial(bicubic_colours_steps, source, rendering, scale, region)
        else:
            work = partial(bicubic_band_steps, source, int(what), scale, region)
        self._latest.ask(work, f"{self.title.capitalize()} of {self._pair.source.name}")

    def close(self) -> None:
        """Follow nothing any more, and go."""
        for event, method in self._links:
            event.disconnect(method)
        self._links = []
        self._latest.close()

    def _wish(self) -> tuple[str, Any]:
        picture = picture_of(self._pair.result, self._viewer.layers)
        if picture is not None and picture.visible and not is_draft(picture):
            return COLOURS, rendering_with_levels(picture)
        # All bands of the source are there at once; of the interpolation one is made.
        return BAND, self._band_number() if self.against is Against.BICUBIC else -1

    def _band_number(self) -> int:
        place = self._pair.result.world_to_data(self._viewer.dims.point[-3:])[0]
        return int(np.clip(round(float(place)), 0, self._pair.result.data.shape[0] - 1))

    def _put(self, name: str, layer: Layer) -> None:
        """Show what a layer shows in the pane's own of this name, made where there is none.

        To take a layer out of a view, and to make what another one is drawn with, are slow.
        """
        own = next((x for x in self.model.layers if x.name == name), None)
        if own is None:
            data, attributes, kind = layer.as_layer_data_tuple()
            # What the viewer's own layer is told would reach the other by shared metadata. And
            # what is visible is read at once, in the thread of the window.
            attributes |= {"name": name, "visible": False, "metadata": {}}
            above = 0 if name == AROUND else len(self.model.layers)
            self.model.layers.insert(above, Layer.create(data, attributes, kind))
            return
        own.data = layer.data
        for place in PLACEMENT:
            if not np.array_equal(getattr(own, place), getattr(layer, place)):
                setattr(own, place, getattr(layer, place))
        if own.affine != layer.affine:
            own.affine = layer.affine

    def _on_made(self, pixels: np.ndarray) -> None:
        pair, is_colour = self._pair, self._shown is not None and self._shown[0] == COLOURS
        step, scale, region = 1, pair.scale, pair.region
        if self.against is Against.SOURCE:
            size = pair.source.data.shape[1:] if region is None else region.shape
            step, scale = thinning(size, PICTURE_PIXELS), 1
        attributes: dict[str, Any] = {"rgb": is_colour, "scale": (float(step), float(step))}
        attributes["axis_labels"] = tuple(pair.source.axis_labels)[1:]
        if not is_colour:
            attributes |= {name: getattr(pair.result, name) for name in LOOK}
        _, placed, kind = image_over((pixels, attributes, "image"), pair.source, scale, region)
        name = COLOURS if is_colour else FINE_BAND
        self._put(name, Layer.create(pixels, placed, kind))
        self._on_look()
        self._show_only(name)

    def _show_only(self, name: str) -> None:
        names = {name, AROUND} if name == COLOURS and self._has_around else {name}
        for layer in self.model.layers:
            layer.visible = layer.name in names

    def _link(self, event: Any, method: Any) -> None:
        event.connect(method)
        self._links.append((event, method))

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep two views that follow each other from going round in circles."""
        if self._following:
            yield False
            return
        self._following = True
        try:
            yield True
        finally:
            self._following = False

    def _follow(self, leader: Any, follower: Any, name: str, _: Any = None) -> None:
        with self._alone() as alone:
            if alone and getattr(follower, name) != getattr(leader, name):
                setattr(follower, name, getattr(leader, name))

    def _on_band(self, _: Any = None) -> None:
        with self._alone() as alone:
            if alone:
                self.model.dims.set_point(0, self._viewer.dims.point[-3])
        self.look_again()

    def _on_own_band(self, _: Any = None) -> None:
        with self._alone() as alone:
            if alone:
                self._viewer.dims.set_point(self._viewer.dims.ndim - 3, self.model.dims.point[0])
        self.look_again()

    def _on_cursor(self, _: Any = None) -> None:
        self._viewer.cursor.position = self.model.cursor.position

    def _on_look(self, _: Any = None) -> None:
        for layer in self.model.layers:
            if not layer.rgb:
                for name in LOOK:
                    setattr(layer, name, getattr(self._pair.result, name))

    def _on_text(self, _: Any = None) -> None:
        text, own = text_overlay(self._viewer), text_overlay(self.model)
        own.text, own.position, own.visible = text.text, text.position, text.visible

    def _on_theme(self, _: Any = None) -> None:
        self.model.theme = self._viewer.theme
