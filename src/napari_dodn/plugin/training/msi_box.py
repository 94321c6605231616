"""The box of the privileged image: where the teacher's multispectral picture comes from."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFileDialog, QFormLayout, QFrame, QScrollArea, QWidget

from napari_dodn.formats.registry import ALL_FILES, dialog_filter
from napari_dodn.formats.tables import csv_library
from napari_dodn.plugin.kit.box import Box
from napari_dodn.plugin.kit.editors import Choice, ChoiceEditor, PathEditor
from napari_dodn.plugin.kit.job import without_progress
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.form import FieldLabel, Form, Sentence
from napari_dodn.plugin.training.material import Material
from napari_dodn.plugin.viewer.layers import is_cube, is_map

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Layer

FIELDS = ("msi.source", "msi.camera", "msi.bands", "msi.range", "msi.table")
OF_SOURCE = {
    "auto": {"msi.bands", "msi.range"},
    "camera": {"msi.camera"},
    "gaussian": {"msi.bands", "msi.range"},
    "table": {"msi.table"},
}
HIGHEST = 130
FILE = "file"


class MsiBox(Box):
    """Source of the privileged image, and a picture for each cube.

    Parameters
    ----------
    draft : Draft
        What is set.
    viewer : napari.Viewer
        Whose layers can be pictures.
    """

    def __init__(self, draft: Draft, viewer: Viewer) -> None:
        super().__init__("Privileged image, seen by the teacher only")
        self._draft, self._viewer = draft, viewer
        self._cameras: Latest[list[str]] = Latest()
        self._cameras.then(self._on_cameras)
        self._rows: list[tuple[Any, ...]] | None = None
        self.camera = ChoiceEditor((draft["msi.camera"],))
        table = PathEditor(files=f"{dialog_filter('Tables', *csv_library.SUFFIXES)};;{ALL_FILES}")
        self.form = Form(draft, FIELDS, {"msi.camera": self.camera, "msi.table": table})
        self.fault, self.none = Sentence(fault=True), Sentence()
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.pictures: list[Choice] = []
        self.none.setText("The distillation 'none' has no teacher, and so no privileged image.")
        for part in (self.none, self.form, self.fault, self.area):
            self.column.addWidget(part)
        for event in self._layer_events():
            event.connect(self._on_layers)
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the viewer."""
        for event in self._layer_events():
            event.disconnect(self._on_layers)
        self._cameras.close()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for cameras before anybody chooses one: the library that knows them takes long."""
        super().showEvent(event)
        if self.camera.box.count() < 2 and not self._cameras.busy:
            self._cameras.ask(without_progress(_cameras), "Looking for cameras")

    def _layer_events(self) -> list[Any]:
        events = self._viewer.layers.events
        return [events.inserted, events.removed, events.renamed]

    def _on_layers(self, _: Any = None) -> None:
        there = self._viewer.layers
        for material in self._draft.materials:
            picture = material.picture
            if picture is not None and not isinstance(picture, Path) and picture not in there:
                self._draft.change(material, picture=None)
        self._show()

    def _show(self) -> None:
        draft = self._draft
        source = draft["msi.source"]
        distils = draft["distillation.variant"] != "none"
        self.none.setVisible(not distils)
        self.form.setVisible(distils)
        self.form.show_only({"msi.source", *OF_SOURCE.get(source, ())})
        self.fault.say(draft.faults.get("msi.pictures", ""))
        self.area.setVisible(distils and source in ("auto", "paired") and bool(draft.materials))
        self._show_pictures()

    def _on_cameras(self, names: list[str]) -> None:
        box = self.camera.box
        for name in names:
            if box.findData(name) < 0:
                box.addItem(name, name)
        self.camera.show_value(self._draft["msi.camera"])

    # A picture for each cube

    def _show_pictures(self) -> None:
        layers = tuple(self._candidates())
        rows = [
            (m.name, str(m.origin), m.found, m.picture, tuple(x.name for x in layers))
            for m in self._draft.materials
        ]
        if rows == self._rows:
            return
        self._rows, self.pictures = rows, []
        content = QWidget()
        form = QFormLayout(content)
        form.setContentsMargins(0, 4, 0, 4)  # below the fields of the form above
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for material in self._draft.materials:
            label = FieldLabel()
            label.elide(material.name)
            label.setToolTip(material.name)
            box = self._choice(material, layers)
            form.addRow(label, box)
            self.pictures.append(box)
        self.area.setWidget(content)
        self.area.setFixedHeight(min(HIGHEST, content.sizeHint().height() + 4))

    def _candidates(self) -> list[Layer]:
        return [
            layer
            for layer in self._viewer.layers
            if (getattr(layer, "rgb", False) and layer.ndim == 2) or is_multispectral(layer)
        ]

    def _choice(self, material: Material, layers: tuple[Layer, ...]) -> Choice:
        box = Choice()
        found = f"found: {Path(material.found).name}" if material.found else "no picture"
        box.addItem(found, None)
        box.setToolTip(
            "The RGB or multispectral picture of this cube: of its size, or a whole number of"
            " times finer, and over the same place."
        )
        for layer in layers:
            if layer is not material.origin:
                box.addItem(layer.name, layer)
        picture = material.picture
        if isinstance(picture, Path):
            box.addItem(picture.name, picture)
            box.setCurrentIndex(box.count() - 1)
        elif picture is not None:
            places = [i for i in range(box.count()) if box.itemData(i) is picture]
            box.setCurrentIndex(places[0] if places else 0)
        box.addItem("File…", FILE)
        box.activated.connect(partial(self._on_chosen, material, box))
        return box

    def _on_chosen(self, material: Material, box: Choice, _index: int) -> None:
        chosen = box.currentData()
        if isinstance(chosen, str):
            path, _ = QFileDialog.getOpenFileName(self, f"Picture of {material.name}")
            if not path:
                self._rows = None
                self._show_pictures()
                return
            chosen = Path(path)
        self._draft.change(material, picture=chosen)


def is_multispectral(layer: Layer) -> bool:
    """Tell whether a layer may be a multispectral picture: a cube, or any stack of bands."""
    return is_cube(layer) or (
        type(layer).__name__ == "Image" and layer.ndim == 3 and not layer.rgb and not is_map(layer)
    )


def _cameras() -> list[str]:
    from napari_dodn.spectra.response import cameras

    return cameras()
