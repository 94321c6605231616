"""The box of the sharper pictures, which stand for the truth where cubes are the low resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dodn.plugin.kit.box import Box
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.picture_rows import PictureRows

if TYPE_CHECKING:
    from napari import Viewer

TITLE = "Sharper picture of the same scene"

OFFER = (
    "If you have a sharper RGB, multispectral or panchromatic picture of the scene, choose it:"
    " the model then learns detail that the cube does not show."
)

USE = (
    "The cube is the low resolution, and the picture supplies the detail between its pixels. The"
    " trained model needs no picture. The run's folder gets an overlay of both, and the run's"
    " notes say how well they agree."
)


class SharperBox(Box):
    """A sharper picture for each cube.

    Parameters
    ----------
    draft : Draft
        What is set.
    viewer : napari.Viewer
        Whose layers can be pictures.
    """

    def __init__(self, draft: Draft, viewer: Viewer) -> None:
        super().__init__(TITLE)
        self._draft = draft
        self.use, self.fault = Sentence(), Sentence(fault=True)
        self.rows = PictureRows(
            draft,
            viewer,
            "sharper",
            "A picture of this cube's scene, at least as fine as the model's results. Map"
            " coordinates place it; without them it must show the same area.",
        )
        for part in (self.use, self.rows, self.fault):
            self.column.addWidget(part)
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the viewer."""
        self.rows.close_down()

    def _show(self) -> None:
        materials = self._draft.materials
        self.setVisible(bool(materials))
        self.use.say(USE if any(m.sharper is not None for m in materials) else OFFER)
        self.fault.say(self._draft.faults.get("data.sharper", ""))
