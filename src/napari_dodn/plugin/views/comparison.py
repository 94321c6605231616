"""The comparison of a viewer: under a line, side by side, or while a key is held."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import psygnal
from napari.qt import QtViewer
from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QBoxLayout, QWidget

from napari_dodn.errors import UserError
from napari_dodn.plugin.kit.session import real_viewer
from napari_dodn.plugin.viewer.drawing import view_of
from napari_dodn.plugin.viewer.once import once_a_viewer
from napari_dodn.plugin.viewer.watch import LayerWatch
from napari_dodn.plugin.views.content import MOST_PIXELS
from napari_dodn.plugin.views.pair import Pair, PairError, pair_of
from napari_dodn.plugin.views.pane import Against, Pane
from napari_dodn.plugin.views.spare import SpareViews
from napari_dodn.plugin.views.swipe import FOOT, Swipe, caption

if TYPE_CHECKING:
    from napari import Viewer

HOLD_KEY, SWIPE_KEY, BESIDE_KEY = "H", "Shift-H", "Shift-B"
"""Shows the source as long as it is held down; switch the two ways to compare on and off."""

LETTERS = 24
"""Of a longer name of a layer only so many are written over the image."""


class Mode(StrEnum):
    """How a result is compared."""

    OFF = "off"
    SWIPE = "swipe"
    SIDE_BY_SIDE = "side by side"


class Comparison:
    """Compares the results of a viewer; see `comparison_of`.

    Notes
    -----
    `changed` gives the mode when it is another one.
    """

    changed = psygnal.Signal(object)

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = ref(viewer)
        self.mode = Mode.OFF
        self.against: tuple[Against, ...] = (Against.SOURCE,)
        self._pair: Pair | None = None
        self._panes: list[Pane] = []
        self._swipe: Swipe | None = None
        self._captions: list[_Caption] = []
        self._watch: LayerWatch | None = None
        self._spare = SpareViews()
        self._guard: _WindowGuard | None = None
        viewer.bind_key(HOLD_KEY, self._on_hold, overwrite=True)
        viewer.bind_key(SWIPE_KEY, lambda _: self.toggle(Mode.SWIPE), overwrite=True)
        viewer.bind_key(BESIDE_KEY, lambda _: self.toggle(Mode.SIDE_BY_SIDE), overwrite=True)

    @property
    def panes(self) -> tuple[Pane, ...]:
        """The views beside that of the viewer, from left to right."""
        return tuple(self._panes)

    @property
    def swipe(self) -> Swipe | None:
        """The lines over the canvas, where there are any."""
        return self._swipe

    @property
    def possible(self) -> bool:
        """Whether there is a result whose source is there, too."""
        viewer = self._viewer()
        try:
            return viewer is not None and pair_of(viewer) is not None
        except UserError:
            return False

    def show(self, mode: Mode, against: Sequence[Against] | None = None) -> None:
        """Compare the result that a person has in mind in this way, or no longer.

        Raises
        ------
        UserError
            If there is no result, or it is not shown flat.
        """
        against = tuple(against or self.against)
        viewer = self._viewer()
        if viewer is None:
            return
        pair = None if mode is Mode.OFF else self._found(viewer, against)
        if (mode, against, pair) == (self.mode, self.against, self._pair):
            return
        self._take_down()
        self.mode, self.against, self._pair = mode, against, pair
        if pair is not None:
            self._set_up(viewer, pair)
        self.changed.emit(mode)

    def toggle(self, mode: Mode) -> None:
        """Compare in this way, or no longer where it is compared so; a toast says what is wrong."""
        try:
            self.show(Mode.OFF if mode is self.mode else mode)
        except UserError as error:
            show_warning(str(error))

    def _found(self, viewer: Viewer, against: Sequence[Against]) -> Pair:
        if viewer.dims.ndisplay == 3 or tuple(viewer.dims.displayed) != (
            viewer.dims.ndim - 2,
            viewer.dims.ndim - 1,
        ):
            raise PairError("Comparing needs the 2D view, with y and x on the screen (Ctrl+Y).")
        pair = pair_of(viewer)
        if Against.BICUBIC in against and np.prod(pair.result.data.shape[1:]) > MOST_PIXELS:
            raise PairError(
                f"'{pair.result.name}' is too large to show bicubic interpolation beside it;"
                " compare it with the source, or choose a smaller region."
            )
        return pair

    def _set_up(self, viewer: Viewer, pair: Pair) -> None:
        main = view_of(viewer)
        beside = self.mode is Mode.SIDE_BY_SIDE
        place = main.parentWidget()
        assert place is not None
        if self._guard is None:
            self._guard = _WindowGuard(main.window(), self)
        self._panes = [
            Pane(viewer, pair, against, self._spare.take(place), both_ways=beside)
            for against in self.against
        ]
        if beside:
            self._stand_beside(main, pair)
        else:
            self._swipe = Swipe(main.canvas.native, self._panes, shortened(pair.result.name))
        for pane in self._panes:
            pane.align()
        self._watch = LayerWatch(viewer, "visible")
        self._watch.listed.connect(self._on_layers)
        self._watch.changed.connect(self._on_looks)
        self._watch.painted.connect(self._on_looks)
        viewer.dims.events.ndisplay.connect(self._end)
        viewer.dims.events.order.connect(self._end)

    def _stand_beside(self, main: QtViewer, pair: Pair) -> None:
        place = main.parentWidget()
        row = None if place is None else place.layout()
        assert isinstance(row, QBoxLayout)
        for number, pane in enumerate(self._panes):
            pane.view.setMinimumWidth(1)  # the slider of the band may be cut, the image must not
            row.insertWidget(number, pane.view, 1)
            pane.view.show()
        row.setStretchFactor(main, 1)
        words = [*(pane.title for pane in self._panes), shortened(pair.result.name)]
        views = [*(pane.view for pane in self._panes), main]
        self._captions = [_Caption(word, view) for word, view in zip(words, views, strict=True)]

    def _take_down(self) -> None:
        viewer = self._viewer()
        if self._swipe is not None:
            self._swipe.close()
        for word in self._captions:
            word.close()
        for pane in self._panes:
            pane.close()
            self._spare.give_back(pane.view)
        if self._watch is not None:
            self._watch.close()
        if viewer is not None and self._pair is not None:
            viewer.dims.events.ndisplay.disconnect(self._end)
            viewer.dims.events.order.disconnect(self._end)
        self._panes, self._captions = [], []
        self._swipe = self._watch = self._pair = None

    def _end(self, _: Any = None) -> None:
        self.show(Mode.OFF)

    def close_views(self) -> None:
        """Compare no longer, and close all views but the viewer's own, because the window goes."""
        self._end()
        self._spare.close()
        self._guard = None

    def _on_layers(self) -> None:
        viewer, pair = self._viewer(), self._pair
        if viewer is None or pair is None:
            return
        if pair.result not in viewer.layers or pair.source not in viewer.layers:
            self._end()
        else:
            self._on_looks()

    def _on_looks(self, _: Any = None) -> None:
        for pane in self._panes:
            pane.look_again()

    def _on_hold(self, _: Viewer) -> Generator[None]:
        """Show the source while the key is down, whatever is compared."""
        mode, against = self.mode, self.against
        temporary = mode is not Mode.SWIPE or against[0] is not Against.SOURCE
        try:
            if temporary:
                self.show(Mode.SWIPE, (Against.SOURCE,))
        except UserError as error:
            show_warning(str(error))
            return
        if self._swipe is not None:
            self._swipe.hold(True)
        yield
        if self._swipe is not None:
            self._swipe.hold(False)
        if temporary:
            try:
                self.show(Mode.OFF if self.mode is Mode.OFF else mode, against)
            except UserError:  # what was compared is there no longer
                self.show(Mode.OFF, against)


class _Caption(QObject):
    """A word at the foot of a view that stands beside others."""

    def __init__(self, text: str, view: QtViewer) -> None:
        self._canvas = view.canvas.native
        super().__init__(self._canvas)
        self._label = caption(text, self._canvas)
        self._canvas.installEventFilter(self)
        self._lay_out()
        self._label.show()

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """Follow the size of the canvas."""
        if event.type() == QEvent.Type.Resize:
            self._lay_out()
        return False

    def close(self) -> None:
        """Take the word away."""
        self._canvas.removeEventFilter(self)
        self._label.hide()
        self._label.deleteLater()
        self.deleteLater()

    def _lay_out(self) -> None:
        size = self._canvas.size()
        place = (size.width() - self._label.width()) // 2
        self._label.move(place, size.height() - self._label.height() - FOOT)


class _WindowGuard(QObject):
    """Ends the comparison before the window goes, whose canvases must be closed one by one.

    It goes with the window and is not deleted before: with PySide6 that ended the process when
    another viewer was opened.
    """

    def __init__(self, window: QWidget, comparison: Comparison) -> None:
        super().__init__(window)
        self._window, self._comparison = window, comparison
        window.installEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """Wait for the window to close."""
        if event.type() == QEvent.Type.Close:
            self._window.removeEventFilter(self)
            self._comparison.close_views()
        return False


def shortened(name: str) -> str:
    """Return a name with its middle left out where it is long; the end tells results apart."""
    return name if len(name) <= LETTERS else f"{name[: LETTERS // 2 - 1]} … {name[-LETTERS // 2 :]}"


def comparison_of(viewer: Viewer) -> Comparison:
    """Return the one comparison of a viewer."""
    return _comparison_of(real_viewer(viewer))


@once_a_viewer
def _comparison_of(viewer: Viewer) -> Comparison:
    return Comparison(viewer)
