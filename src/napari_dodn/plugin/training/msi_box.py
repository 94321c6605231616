"""The box of the privileged image: where the teacher's multispectral picture comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent

from napari_dodn.formats.registry import ALL_FILES, dialog_filter
from napari_dodn.formats.tables import csv_library
from napari_dodn.plugin.kit.box import Box
from napari_dodn.plugin.kit.editors import ChoiceEditor, PathEditor
from napari_dodn.plugin.kit.job import without_progress
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.form import Form
from napari_dodn.plugin.training.picture_rows import PictureRows

if TYPE_CHECKING:
    from napari import Viewer

FIELDS = ("msi.source", "msi.camera", "msi.bands", "msi.range", "msi.table")
OF_SOURCE = {
    "auto": {"msi.bands", "msi.range"},
    "camera": {"msi.camera"},
    "gaussian": {"msi.bands", "msi.range"},
    "table": {"msi.table"},
}


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
        self._draft = draft
        self._cameras: Latest[list[str]] = Latest()
        self._cameras.then(self._on_cameras)
        self.camera = ChoiceEditor((draft["msi.camera"],))
        table = PathEditor(files=f"{dialog_filter('Tables', *csv_library.SUFFIXES)};;{ALL_FILES}")
        self.form = Form(draft, FIELDS, {"msi.camera": self.camera, "msi.table": table})
        self.fault, self.none = Sentence(fault=True), Sentence()
        self.pictures = PictureRows(
            draft,
            viewer,
            "picture",
            "The RGB or multispectral picture of this cube. It covers the same area and has the"
            " cube's size or a whole multiple of it.",
        )
        self.none.setText("The distillation 'none' has no teacher and uses no privileged image.")
        for part in (self.none, self.form, self.fault, self.pictures):
            self.column.addWidget(part)
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the viewer."""
        self.pictures.close_down()
        self._cameras.close()

    def showEvent(self, event: QShowEvent) -> None:
        """Look for cameras before anybody chooses one: the library that knows them takes long."""
        super().showEvent(event)
        if self.camera.box.count() < 2 and not self._cameras.busy:
            self._cameras.ask(without_progress(_cameras), "Looking for cameras")

    def _show(self) -> None:
        draft = self._draft
        source = draft["msi.source"]
        distils = draft["distillation.variant"] != "none"
        self.none.setVisible(not distils)
        self.form.setVisible(distils)
        self.form.show_only({"msi.source", *OF_SOURCE.get(source, ())})
        self.fault.say(draft.faults.get("msi.pictures", ""))
        self.pictures.setVisible(distils and source in ("auto", "paired") and bool(draft.materials))

    def _on_cameras(self, names: list[str]) -> None:
        box = self.camera.box
        for name in names:
            if box.findData(name) < 0:
                box.addItem(name, name)
        self.camera.show_value(self._draft["msi.camera"])


def _cameras() -> list[str]:
    from napari_dodn.spectra.response import cameras

    return cameras()
