"""A row for each cube, in which a picture of its scene is chosen: a layer or a file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QWidget

from napari_dodn.plugin.kit.box import tab_on
from napari_dodn.plugin.kit.editors import Choice
from napari_dodn.plugin.kit.scrolling import ScrolledByTab
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.form import FieldLabel
from napari_dodn.plugin.training.material import Material
from napari_dodn.plugin.viewer.layers import is_cube, is_fit, is_map

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

HIGHEST = 150
FILE = "file"


class PictureRows(ScrolledByTab):
    """A picture for each cube of a draft.

    Parameters
    ----------
    draft : Draft
        Whose cubes have pictures.
    viewer : napari.Viewer
        Whose layers can be pictures.
    attribute : str
        Of the materials: which picture is chosen.
    tooltip : str
        What picture is wanted.
    beside : callable, optional
        Makes what stands beside the choice of a material; it is enabled where there is a picture.
    """

    def __init__(
        self,
        draft: Draft,
        viewer: Viewer,
        attribute: str,
        tooltip: str,
        beside: Callable[[Material], QWidget] | None = None,
    ) -> None:
        super().__init__()
        self._draft, self._viewer = draft, viewer
        self._attribute, self._tooltip, self._beside = attribute, tooltip, beside
        self._rows: list[tuple[Any, ...]] | None = None
        self._besides: list[QWidget | None] = []
        self.boxes: list[Choice] = []
        for event in self._layer_events():
            event.connect(self._on_layers)
        draft.changed.connect(self._show_rows)
        self._show_rows()

    def close_down(self) -> None:
        """Let go of the viewer."""
        for event in self._layer_events():
            event.disconnect(self._on_layers)

    def _layer_events(self) -> list[Any]:
        events = self._viewer.layers.events
        return [events.inserted, events.removed, events.renamed]

    def _on_layers(self, _: Any = None) -> None:
        there = self._viewer.layers
        for material in self._draft.materials:
            picture = self._chosen(material)
            if picture is not None and not isinstance(picture, Path) and picture not in there:
                self._draft.change(material, **{self._attribute: None})
        self._show_rows()

    def _chosen(self, material: Material) -> Any:
        return getattr(material, self._attribute)

    def _found(self, material: Material) -> str:
        """Return the picture that is taken where none is chosen."""
        return material.found if self._attribute == "picture" else ""

    def _show_rows(self) -> None:
        layers = tuple(self._candidates())
        rows = [
            (m.name, str(m.origin), m.found, tuple(x.name for x in layers))
            for m in self._draft.materials
        ]
        if rows != self._rows:
            self._rows = rows
            self._make_rows(layers)
        for material, box, beside in zip(
            self._draft.materials, self.boxes, self._besides, strict=True
        ):
            picture = self._chosen(material)
            _show_choice(box, picture)
            if beside is not None:
                beside.setEnabled(picture is not None)

    def _make_rows(self, layers: tuple[Layer, ...]) -> None:
        self.boxes, self._besides = [], []
        if (old := self.takeWidget()) is not None:
            old.setParent(self)
            old.deleteLater()  # one of its boxes may be waiting for a file to be chosen
        content = QWidget()
        form = QFormLayout(content)
        form.setContentsMargins(0, 4, 0, 4)  # below the fields of a form above
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for material in self._draft.materials:
            box = self._choice(material, layers)
            beside = None if self._beside is None else self._beside(material)
            if beside is None:
                label = FieldLabel()
                label.elide(material.name)
                label.setToolTip(material.name)
                form.addRow(label, box)
            else:  # for which a laptop has no room beside the name
                name = Sentence()
                name.say(material.name)
                form.addRow(name)
                form.addRow(_row(box, beside))
            self.boxes.append(box)
            self._besides.append(beside)
        self.setWidget(content)
        tab_on(self, [content])
        self.setFixedHeight(min(HIGHEST, content.sizeHint().height() + 4))

    def _candidates(self) -> list[Layer]:
        return [
            layer
            for layer in self._viewer.layers
            if not is_fit(layer) and (is_flat(layer) or is_multispectral(layer))
        ]

    def _choice(self, material: Material, layers: tuple[Layer, ...]) -> Choice:
        box = Choice()
        found = self._found(material)
        box.addItem(f"found: {Path(found).name}" if found else "no picture", None)
        box.setToolTip(self._tooltip)
        box.setAccessibleName(f"Picture of {material.name}")
        for layer in layers:
            if layer is not material.origin:
                box.addItem(layer.name, layer)
        box.addItem("File…", FILE)
        box.activated.connect(partial(self._on_chosen, material, box))
        return box

    def _on_chosen(self, material: Material, box: Choice, _index: int) -> None:
        chosen = box.currentData()
        if isinstance(chosen, str):
            path, _ = QFileDialog.getOpenFileName(self, f"Picture of {material.name}")
            if not path:
                self._show_rows()
                return
            chosen = Path(path)
        self._draft.change(material, **{self._attribute: chosen})


def _show_choice(box: Choice, picture: Any) -> None:
    """Choose a picture in a box; a file that is not listed is added."""
    places = [i for i in range(box.count()) if box.itemData(i) == picture]
    if not places and isinstance(picture, Path):
        places = [box.count() - 1]
        box.insertItem(places[0], picture.name, picture)
    box.setCurrentIndex(places[0] if places else 0)


def _row(*parts: QWidget) -> QWidget:
    """Return parts side by side, of which the first takes the room that is left."""
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    for number, part in enumerate(parts):
        line.addWidget(part, int(number == 0))
    return row


def is_flat(layer: Layer) -> bool:
    """Tell whether a layer is an RGB or panchromatic picture."""
    return type(layer).__name__ == "Image" and layer.ndim == 2 and not is_map(layer)


def is_multispectral(layer: Layer) -> bool:
    """Tell whether a layer may be a multispectral picture: a cube, or any stack of bands."""
    return is_cube(layer) or (
        type(layer).__name__ == "Image" and layer.ndim == 3 and not layer.rgb and not is_map(layer)
    )
