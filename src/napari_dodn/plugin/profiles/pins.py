"""Pinned points: a marker in a Points layer, and the spectra of the cubes under it.

The Points layer is the truth: its features say what each point is called and what colour it has,
so that it can be saved, opened again, dragged and deleted like any other.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from napari.layers import Points
from napari.utils.notifications import show_info

from napari_dodn.plugin.profiles.cubes import Cubes, Pixel
from napari_dodn.plugin.profiles.live import curve_of_pixel
from napari_dodn.plugin.profiles.reader import SpectrumReader
from napari_dodn.plugin.profiles.store import Curve, CurveStore, Source, is_colour
from napari_dodn.plugin.viewer.layers import POINT_COLOUR, POINT_NAME, POINT_NUMBER

if TYPE_CHECKING:
    import pandas as pd
    from napari import Viewer

LAYER = "Spectral points"
GREY = "#808080"
"""Colour of a point whose features name none."""

MODIFIER, KEY = "Shift", "K"
DRAG_PIXELS = 3
"""A press that moves further than this on the screen is no click."""

MARKER_PART = 0.02
"""Size of a marker as a part of the cube's side, within `MARKER_PIXELS` on the screen."""

MARKER_PIXELS = (10, 14)


class PinnedPoints:
    """Keeps the curves of the points in step with a Points layer.

    A point has a curve for every visible cube that covers it; they share its colour and differ in
    the kind of line.
    """

    def __init__(
        self, viewer: Viewer, cubes: Cubes, reader: SpectrumReader, store: CurveStore
    ) -> None:
        self._viewer, self._cubes, self._reader, self._store = viewer, cubes, reader, store
        self._layer: Points | None = None
        self._told: WeakSet[Points] = WeakSet()
        self._busy = False
        self._wanted: set[str] = set()
        viewer.mouse_drag_callbacks.append(self._on_press)
        self._has_key = KEY not in {str(key) for key in viewer.keymap}
        if self._has_key:
            viewer.bind_key(KEY, self._on_key)
        self.look_for_layer()

    def close(self) -> None:
        """Let go of mouse, key and layer; the markers stay."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)
        if self._has_key:
            self._viewer.bind_key(KEY, None)
        self._leave_layer()

    # The layer

    def look_for_layer(self) -> None:
        """Take up a layer of markers that was opened, and let go of one that is gone."""
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._leave_layer()
        ours = [layer for layer in self._viewer.layers if _is_ours(layer)]
        filled = [layer for layer in ours if len(layer.data)]
        if self._layer is None or (filled and not len(self._layer.data)):
            self._leave_layer()
            if ours:
                self._take((filled or ours)[0])
        for layer in filled:
            if self._layer is not None and layer is not self._layer and layer not in self._told:
                self._told.add(layer)
                show_info(
                    f"The spectra of '{layer.name}' are not shown, since '{self._layer.name}' is"
                    " open; save and delete that layer to see them."
                )
        self.sync()

    def _take(self, layer: Points) -> None:
        self._layer = layer
        layer.events.data.connect(self._on_data)
        layer.events.features.connect(self._on_data)

    def _leave_layer(self) -> None:
        if self._layer is not None:
            self._layer.events.data.disconnect(self._on_data)
            self._layer.events.features.disconnect(self._on_data)
            self._layer = None

    def _layer_for(self, pixel: Pixel) -> Points:
        """Return the layer of markers, made where there is none, in coordinates of the world."""
        if self._layer is None:
            source = pixel.layer
            side = max(np.abs(np.diff(source.extent.world[:, -2:], axis=0)).max(), 1e-9)
            layer = Points(
                np.empty((0, 2)),
                ndim=2,
                name=LAYER,
                features={
                    POINT_NUMBER: np.empty(0, int),
                    POINT_NAME: np.empty(0, str),
                    POINT_COLOUR: np.empty(0, str),
                },
                size=side * MARKER_PART,
                canvas_size_limits=MARKER_PIXELS,
                border_color="white",
                units=source.units[-2:],
                axis_labels=("y", "x"),
            )
            active = self._viewer.layers.selection.active
            self._take(layer)
            self._viewer.add_layer(layer)
            self._viewer.layers.selection.active = active  # clicks go on going where they went
        assert self._layer is not None
        return self._layer

    # What a person does

    def _on_press(self, viewer: Viewer, event: Any) -> Generator[None, None, None]:
        start, moved = np.array(event.pos, float), False
        wanted = MODIFIER in event.modifiers and event.button == 1 and self._may_click()
        yield
        while event.type == "mouse_move":
            moved |= bool(np.hypot(*(np.array(event.pos, float) - start)) > DRAG_PIXELS)
            self._follow_drag()
            yield
        if wanted and not moved:
            self.pin(event.position)

    def _may_click(self) -> bool:
        """Tell whether no tool of the selected layer waits for the click."""
        active = self._viewer.layers.selection.active
        return active is None or str(active.mode) == "pan_zoom"

    def _follow_drag(self) -> None:
        # napari tells of moved points only when the mouse is let go.
        layer = self._layer
        if layer is None or layer is not self._viewer.layers.selection.active:
            return
        if str(layer.mode) == "select" and layer.selected_data:
            self.sync()

    def _on_key(self, viewer: Viewer) -> None:
        self.pin(viewer.cursor.position)

    def pin(self, world: Sequence[float]) -> bool:
        """Pin a place of the world; tell whether there is a cube."""
        pixels = self._cubes.at(world) if self._viewer.dims.ndisplay == 2 else []
        if not pixels:
            return False
        layer = self._layer_for(pixels[-1])
        place = layer.world_to_data(world[-2:])
        self._busy = True
        layer.add(np.asarray(place, float)[None])
        layer.selected_data = set()
        self._busy = False
        self.sync(new=len(layer.data) - 1)
        return True

    def rename(self, group: str, name: str) -> None:
        """Give a point another name."""
        self._set_feature(group, POINT_NAME, name)

    def recolour(self, group: str, colour: str) -> None:
        """Give a point another colour, in the plot and on the canvas."""
        self._set_feature(group, POINT_COLOUR, colour)

    def remove(self, group: str) -> None:
        """Remove a point with its marker."""
        if self._layer is not None and (row := self._row(group)) is not None:
            self._layer.selected_data = {row}
            self._layer.remove_selected()

    def _set_feature(self, group: str, column: str, value: str) -> None:
        if self._layer is not None and (row := self._row(group)) is not None:
            features = self._layer.features.copy()
            features[column] = features[column].astype(object)
            features.loc[features.index[row], column] = value
            self._write(features)
            self.sync()

    def _row(self, group: str) -> int | None:
        assert self._layer is not None
        numbers = [_group(number) for number in self._layer.features[POINT_NUMBER]]
        return numbers.index(group) if group in numbers else None

    # Keeping in step

    def _on_data(self, _: Any = None) -> None:
        if self._layer is not None and not self._layer.visible:
            # napari does so only of what is visible, and fails at the points that are gone.
            self._layer.set_view_slice()
        if not self._busy:
            self._forget_what_is_gone()
            self.sync()

    def _forget_what_is_gone(self) -> None:
        """Let go of selected points that are gone: napari keeps them, and fails to delete them."""
        layer = self._layer
        if layer is not None and any(row >= len(layer.data) for row in layer.selected_data):
            layer.selected_data = {row for row in layer.selected_data if row < len(layer.data)}

    def sync(self, new: int | None = None) -> None:
        """Make the curves agree with the markers and the cubes under them.

        Parameters
        ----------
        new : int, optional
            Row of a point that has just been added with another one's features.
        """
        wanted: list[tuple[str, str, str, Pixel]] = []
        if self._layer is not None:
            self._complete_features(self._layer, new)
            for place, (_, point) in zip(
                self._layer.data, self._layer.features.iterrows(), strict=True
            ):
                world = self._layer.data_to_world(place)
                wanted += [
                    (
                        _group(point[POINT_NUMBER]),
                        str(point[POINT_NAME]),
                        _colour(point[POINT_COLOUR]),
                        pixel,
                    )
                    for pixel in self._cubes.at(world)
                ]
        curves, ids = [], set()
        for group, name, colour, pixel in wanted:
            id_ = f"{group}/{self._cubes.number(pixel.layer)}"
            ids.add(id_)
            make = partial(self._curve, id_, group, name, colour, pixel)
            spectrum = self._reader.read(id_, pixel, partial(self._on_spectrum, make, id_))
            if spectrum is not None:
                curves.append(make(spectrum))
            elif (old := self._store.get(id_)) is not None:
                layer = self._cubes.name(pixel.layer)
                if (old.layer, old.name, old.colour) != (layer, name, colour):
                    # The spectrum itself comes later.
                    curves.append(replace(old, layer=layer, name=name, colour=colour))
        self._wanted = ids
        gone = [curve.id for curve in self._store.of(Source.POINT) if curve.id not in ids]
        for id_ in gone:
            self._reader.forget(id_)
        self._store.drop(gone)
        self._store.put(curves)

    def _on_spectrum(self, make: Any, id_: str, spectrum: np.ndarray) -> None:
        if id_ in self._wanted:
            self._store.put([make(spectrum)])

    def _curve(
        self, id_: str, group: str, name: str, colour: str, pixel: Pixel, spectrum: np.ndarray
    ) -> Curve:
        return curve_of_pixel(
            pixel,
            spectrum,
            self._store.get(id_),
            id=id_,
            layer=self._cubes.name(pixel.layer),
            name=name,
            colour=colour,
            source=Source.POINT,
            group=group,
            style=self._cubes.number(pixel.layer),
        )

    def _complete_features(self, layer: Points, new: int | None) -> None:
        """Give points that came without, or as copies of others, a number, a name and a colour."""
        import pandas as pd

        features = layer.features.reset_index(drop=True)
        numbers = pd.to_numeric(features[POINT_NUMBER], errors="coerce")
        fresh = numbers.isna() | numbers.duplicated()
        if new is not None:
            fresh.iloc[new] = True
        if not fresh.any():
            if not self._busy:
                self._paint(layer)
            return
        features = features.astype({POINT_NAME: object, POINT_COLOUR: object})
        highest = int(numbers[~fresh].max()) if (~fresh).any() else 0
        used = list(features.loc[~fresh, POINT_COLOUR])
        for row in np.flatnonzero(fresh):
            highest += 1
            numbers.iloc[row] = highest
            features.loc[row, POINT_NAME] = f"Point {highest}"
            features.loc[row, POINT_COLOUR] = self._store.free_colour(used)
            used.append(features.loc[row, POINT_COLOUR])
        features[POINT_NUMBER] = numbers.astype(int)
        self._write(features)

    def _write(self, features: pd.DataFrame) -> None:
        assert self._layer is not None
        self._busy = True
        self._layer.features = features
        self._busy = False
        self._paint(self._layer)

    def _paint(self, layer: Points) -> None:
        """Colour the markers as the features say, where they are not."""
        if not len(layer.data):
            return
        from napari.utils.colormaps.standardize_color import transform_color

        colours = transform_color([_colour(text) for text in layer.features[POINT_COLOUR]])
        if not np.allclose(layer.face_color, colours):
            layer.face_color = colours
            layer.border_color = "white"


def _is_ours(layer: Any) -> bool:
    return isinstance(layer, Points) and {POINT_NUMBER, POINT_NAME, POINT_COLOUR} <= set(
        layer.features.columns
    )


def _group(number: Any) -> str:
    return f"point/{int(number)}"


def _colour(text: Any) -> str:
    return str(text) if is_colour(str(text)) else GREY
