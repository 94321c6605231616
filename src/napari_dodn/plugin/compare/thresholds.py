"""Labels of what lies below or above a threshold in a map, following the threshold."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from magicgui.widgets import ComboBox, Container, PushButton
from napari.layers import Labels, Layer

from napari_dodn.plugin.compare.histogram import Histogram
from napari_dodn.plugin.compare.maps import labelled
from napari_dodn.plugin.kit.forms import LayerBox, sentence_row
from napari_dodn.plugin.kit.numbers import NumberBox
from napari_dodn.plugin.viewer.layers import is_map
from napari_dodn.plugin.viewer.placing import PLACEMENT

if TYPE_CHECKING:
    from napari import Viewer

BELOW, ABOVE = "at most", "at least"
SUGGESTED_PERCENT = 10
STEPS = 100
"""How many steps of the box it takes from one end of a map to the other."""


class Thresholds(Container):
    """The form.

    Parameters
    ----------
    viewer : napari.Viewer
        Where maps are found, and labels added.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._made: WeakKeyDictionary[Layer, Layer] = WeakKeyDictionary()
        self._suggested: float | None = None
        self.map = LayerBox(label="Map", choices=self._maps)
        self.side = ComboBox(label="Pixels with", choices=(BELOW, ABOVE))
        self.threshold = NumberBox(label="Threshold")
        self.make_button = PushButton(
            text="Make labels", tooltip="Make a Labels layer that follows the threshold."
        )
        self.found = sentence_row()
        super().__init__(
            widgets=[self.map, self.side, self.threshold, self.make_button, self.found]
        )
        self.margins = (0, 0, 0, 0)
        self.map.changed.connect(self._on_map)
        self.side.changed.connect(self._on_side)
        for control in (self.side, self.threshold):
            control.changed.connect(self._on_changed)
        self.make_button.clicked.connect(self.make)
        self.refresh()
        self._on_map()  # the box has taken a map before anybody listened

    @cached_property
    def histogram(self) -> Histogram:
        """The map's values; made with the first map, since a plot takes long to make."""
        histogram = Histogram()
        histogram.moved.connect(self._on_dragged)
        self.native.layout().insertWidget(2, histogram)
        return histogram

    def _maps(self, _: Any = None) -> list[tuple[str, Layer]]:
        return [(layer.name, layer) for layer in reversed(self._viewer.layers) if is_map(layer)]

    def refresh(self) -> None:
        """Look for maps anew."""
        self.map.reset_choices()
        self.visible = self.map.value is not None

    def _on_map(self, _: Any = None) -> None:
        if self.map.value is None:
            return
        valid = self._valid()
        if not valid.size:
            return
        low, high = valid.min(), valid.max()
        step = (high - low) / STEPS or 1.0
        digits = max(0, int(np.ceil(-np.log10(step)))) + 1
        with self.threshold.changed.blocked():
            self.threshold.native.setDecimals(min(digits, 12))
            self.threshold.range = low - step, high + step
            self.threshold.step = float(f"{step:.1g}")
        self.histogram.show_values(valid)
        self._suggest(valid)
        self.found.value = ""

    def _valid(self) -> np.ndarray:
        values = np.asarray(self.map.value.data)
        return values[np.isfinite(values)].astype(float)

    def _suggest(self, valid: np.ndarray) -> None:
        """Suggest the threshold that takes the few lowest or highest pixels."""
        above = self.side.value == ABOVE
        percent = 100 - SUGGESTED_PERCENT if above else SUGGESTED_PERCENT
        with self.threshold.changed.blocked():
            self.threshold.value = np.percentile(valid, percent)
        self._suggested = self.threshold.value
        self._show_threshold()

    def _on_side(self, _: Any = None) -> None:
        if self.map.value is not None and self.threshold.value == self._suggested:
            valid = self._valid()
            if valid.size:
                self._suggest(valid)

    def _on_dragged(self, place: float) -> None:
        self.threshold.value = float(np.clip(place, self.threshold.min, self.threshold.max))

    def _show_threshold(self) -> None:
        self.histogram.show_threshold(self.threshold.value, self.side.value == ABOVE)

    def _on_changed(self, _: Any = None) -> None:
        self._show_threshold()
        layer = self.map.value
        if layer is not None and self._made.get(layer) in self._viewer.layers:
            self.make()

    def make(self) -> None:
        """Label the pixels, in the labels that the map has, or in new ones."""
        layer = self.map.value
        if layer is None:
            return
        values, threshold = np.asarray(layer.data), self.threshold.value
        above = self.side.value == ABOVE
        pixels = labelled(values, threshold, above)
        name = f"{layer.name} {'≥' if above else '≤'} {threshold:.4g}"
        labels = self._made.get(layer)
        if labels is None or labels not in self._viewer.layers:
            placement = {key: getattr(layer, key) for key in (*PLACEMENT, "axis_labels")}
            labels = self._viewer.add_layer(Labels(pixels, name=name, opacity=0.6, **placement))
            self._made[layer] = labels
        else:
            labels.data, labels.name = pixels, name
        count, total = int(pixels.sum()), int(np.isfinite(values).sum())
        share = 100 * count / total if total else 0.0
        self.found.value = f"{count} pixels, {share:.3g} % of the valid ones."
