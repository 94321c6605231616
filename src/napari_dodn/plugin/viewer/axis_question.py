"""Asks which axis of somebody else's layer is spectral, once, wherever a panel needs a cube."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_dodn.errors import UserError
from napari_dodn.plugin.kit.panels import PLUGIN, open_panel
from napari_dodn.plugin.kit.session import agrees, real_viewer, sentence, user_is_waiting
from napari_dodn.plugin.viewer.adoption import adopt, proposed_axis, shape_of
from napari_dodn.plugin.viewer.drafts import finish_drafts
from napari_dodn.plugin.viewer.layers import cube_made_of, is_cube, is_picture, may_be_cube
from napari_dodn.plugin.viewer.overlap import placed
from napari_dodn.plugin.viewer.reading import cube_and_layers
from napari_dodn.plugin.viewer.setting_up import set_up
from napari_dodn.plugin.viewer.watch import LayerWatch

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer


START = "No cube is open yet. Drop a file on the window, or begin here:"

LINES = 4
"""Lines of text that a low window must not cut off."""


class AxisQuestion(QWidget):
    """The question, hidden where there is nothing to ask.

    It is about the selected layer, or where there is no cube, about the topmost one that might be.
    Where nothing is open that might be one, it offers to open a cube, or the sample.
    Of an RGB picture that is selected it says why it is no cube. `adopted` is emitted with the
    layer of the cube.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    watch : LayerWatch
        Tells when they change.
    only_asks : bool
        Whether to say nothing where there is no axis to ask for.
    """

    adopted = Signal(object)

    def __init__(self, viewer: Viewer, watch: LayerWatch, *, only_asks: bool = False) -> None:
        super().__init__()
        self._viewer, self._only_asks = viewer, only_asks
        self._layer: Image | None = None
        self._asked: tuple[Any, ...] | None = None
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setMinimumWidth(10)
        self.text.setMinimumHeight(LINES * self.text.fontMetrics().lineSpacing())
        self.axis = QComboBox()
        self.axis.setAccessibleName("Spectral axis")
        self.axis.setToolTip("The axis along which a pixel's spectrum runs.")
        self.button = QPushButton("Use as cube")
        for part in (self.axis, self.button):
            part.setMinimumHeight(part.sizeHint().height())
        self.button.clicked.connect(self._on_answer)
        answer = QHBoxLayout()
        answer.addWidget(self.axis, 1)
        answer.addWidget(self.button)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.text)
        self.read_button = QPushButton("Read its file as a cube")
        self.read_button.setToolTip(
            "Open the file again with all its metadata. It replaces this layer."
        )
        self.read_button.clicked.connect(self._on_read)
        box.addWidget(self.read_button)  # first: it gives all of what the other one leaves out
        box.addLayout(answer)
        self.open_button = QPushButton("Open a cube…")
        self.open_button.setToolTip("Choose a file or a folder, with a preview before it opens.")
        self.sample_button = QPushButton("Open the sample")
        self.sample_button.setToolTip("A small synthetic scene of 61 bands to try everything with.")
        self.open_button.clicked.connect(self._on_open)
        self.sample_button.clicked.connect(self._on_sample)
        start = QHBoxLayout()
        for button in (self.open_button, self.sample_button):
            start.addWidget(button)
        box.addLayout(start)
        watch.listed.connect(self._look)
        watch.changed.connect(self._look)
        viewer.layers.selection.events.active.connect(self._look)
        self._look()

    def close_down(self) -> None:
        """Ask no more."""
        self._viewer.layers.selection.events.active.disconnect(self._look)

    def _look(self, _: Any = None) -> None:
        """Find the layer that there is a question about, and ask it unless it is asked already."""
        picture, layer = self._picture(), self._in_question()
        asks = layer is not None
        for part in (self.axis, self.button):
            part.setVisible(asks)
        if not asks:
            self.read_button.hide()
        asked = None if layer is None else (layer, layer.name, shape_of(layer), *layer.axis_labels)
        if layer is not None and asked != self._asked:
            chosen = self.axis.currentIndex() if layer is self._layer else -1
            self._ask(layer)
            if 0 <= chosen < layer.ndim:
                self.axis.setCurrentIndex(chosen)
        elif picture is not None:
            self.text.setText(
                f"'{picture.name}' is an RGB picture, not a spectral cube. Select the layer of a"
                " cube, or open one with File > Open."
            )
        self._layer, self._asked = layer, asked
        has_cube = any(is_cube(other) for other in self._viewer.layers)
        starts = not (self._only_asks or asks or has_cube)
        for button in (self.open_button, self.sample_button):
            button.setVisible(starts)
        if starts and picture is None:
            self.text.setText(START)
        tells = picture is not None and not self._only_asks
        self.setVisible(asks or starts or tells)

    def _in_question(self) -> Image | None:
        layers, active = self._viewer.layers, self._viewer.layers.selection.active
        if self._picture() is not None:  # of which there is something else to say
            return None
        candidates = [active] if active is not None else []
        if not any(is_cube(layer) for layer in layers):
            candidates += reversed(list(layers))
        asked = (x for x in candidates if may_be_cube(x) and cube_made_of(x, layers) is None)
        return next(asked, None)

    def _picture(self) -> Image | None:
        active = self._viewer.layers.selection.active
        is_rgb = isinstance(active, Image) and active.rgb and not is_picture(active)
        return active if is_rgb else None

    def _ask(self, layer: Image) -> None:
        proposed, reason = proposed_axis(layer)
        from_file = layer.source.path is not None
        self.read_button.setVisible(from_file)
        question = f"Which axis of '{layer.name}' is spectral? {reason}"
        if from_file:
            question = (
                f"Read the file of '{layer.name}' as a cube, with wavelengths and place. Or use its"
                f" pixels alone: which axis is spectral? {reason}"
            )
        self.text.setText(question)
        self.axis.clear()
        for axis, (label, length) in enumerate(
            zip(layer.axis_labels, shape_of(layer), strict=True)
        ):
            called = "" if label.lstrip("axis -").isdigit() else f" {label}"
            self.axis.addItem(f"axis {axis + 1}{called}: length {length}", axis)
        self.axis.setCurrentIndex(proposed)

    def _on_read(self) -> None:
        """Put what the file of the layer holds into its place."""
        from napari_dodn.formats import AmbiguousError, LargeError

        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            return
        path, waiting = str(layer.source.path), user_is_waiting()
        self.text.setText(f"Reading {path} …")
        try:
            try:
                _, made = cube_and_layers(path, draft=waiting)
            except LargeError as error:
                if not agrees(error.question):
                    self._ask(layer)
                    return
                _, made = cube_and_layers(path, draft=waiting, large=True)
        except AmbiguousError:
            self.text.setText("The file holds several cubes: choose one with 'Open a cube'.")
            return
        except (UserError, OSError, MemoryError) as error:
            self.text.setText(sentence(error, f"Reading {layer.source.path}"))
            return
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        set_up(self._viewer)
        if waiting:
            finish_drafts(real_viewer(self._viewer))
        laid = placed(made, self._viewer.layers)
        added, *_ = [self._viewer.add_layer(Layer.create(*data)) for data in laid]
        self.adopted.emit(added)

    def _on_open(self) -> None:
        open_panel(self._viewer, "Open a cube")

    def _on_sample(self) -> None:
        self._viewer.open_sample(PLUGIN, "scene")

    def _on_answer(self) -> None:
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            return
        try:
            cube: Layer = adopt(self._viewer, layer, self.axis.currentData())
        except UserError as error:
            self.text.setText(str(error))
            return
        set_up(self._viewer)
        self.adopted.emit(cube)
