"""Views that wait to be used again: napari takes long to make one, and to close it."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtWidgets import QWidget


class SpareViews:
    """Lends views on models of their own; they stay in the window of their viewer, hidden.

    A canvas that changes its window has to make all that it draws with anew, and to take a layer
    out of one collects all garbage.
    """

    def __init__(self) -> None:
        self._views: list[QtViewer] = []

    def take(self, place: QWidget) -> QtViewer:
        """Return a hidden view, a child of a widget; its layers are hidden and hold nothing."""
        if self._views:
            return self._views.pop()
        view = QtViewer(ViewerModel())
        view.hide()
        view.setParent(place)
        return view

    def give_back(self, view: QtViewer) -> None:
        """Hide a view, its canvas in its place, and wait for the next use."""
        view.hide()
        canvas, place = view.canvas.native, view.widget(0)
        if canvas.parentWidget() is not place:
            place.layout().insertWidget(0, canvas, 1)
        for layer in view.viewer.layers:
            layer.visible = False
            layer.data = np.zeros((*(1 for _ in range(layer.ndim)), *[3] * layer.rgb), layer.dtype)
        self._views.append(view)

    def close(self) -> None:
        """Close the views, because their window goes."""
        while self._views:
            self._views.pop().close()
