"""The box of the sharper pictures, which stand for the truth where cubes are the low resolution."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Layer
from qtpy.QtWidgets import QPushButton

from napari_dodn.jobs import Progress
from napari_dodn.network.model_file import ModelCard, is_bundled, list_models
from napari_dodn.plugin.kit.box import Box
from napari_dodn.plugin.kit.latest import Latest
from napari_dodn.plugin.kit.runner import Standing
from napari_dodn.plugin.kit.sentence import Sentence
from napari_dodn.plugin.training.draft import Draft
from napari_dodn.plugin.training.fit import SeenFit, see_fit
from napari_dodn.plugin.training.material import Material, Origin
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
    " trained model needs no picture. 'Show the fit' lays both on one grid before the start."
)


PROPOSED = (
    "Starting from the bundled model {name} takes fewer steps than from random weights{time}."
)

QUICKLY = ": minutes on a CPU"
"""Said of the preset that has fewer steps then."""

CHANGED = "The settings have changed since. Press 'Show the fit' again."


class SharperBox(Box):
    """A sharper picture for each cube, and how it fits.

    Parameters
    ----------
    draft : Draft
        What is set.
    viewer : napari.Viewer
        Whose layers can be pictures, and where fits are shown.
    """

    def __init__(self, draft: Draft, viewer: Viewer) -> None:
        super().__init__(TITLE)
        self._draft, self._viewer = draft, viewer
        self._seen: Hashable = None  # what the fit that is told of depends on
        self._layers: dict[Origin, list[ref[Layer]]] = {}
        self._fits: Latest[SeenFit] = Latest()
        self._fits.progressed.connect(self._on_progress)
        self._fits.then(self._on_seen)
        self._fits.failed.connect(self._on_failed)
        self.use, self.fault = Sentence(), Sentence(fault=True)
        self.proposal, self.start_button = Sentence(), QPushButton()
        self.start_button.clicked.connect(lambda _=False: self._on_start())
        self.standing = Standing(self._fits.cancel)
        self.rows = PictureRows(
            draft,
            viewer,
            "sharper",
            "A picture of this cube's scene, at least as fine as the model's results. Map"
            " coordinates place it; without them it must show the same area.",
            self._fit_button,
        )
        followed = [widget.native for widget in self.standing.widgets]
        ended = self.fault, self.proposal, self.start_button
        for part in (self.use, self.rows, *followed, *ended):
            self.column.addWidget(part)
        self._show_end("")
        draft.changed.connect(self._show)
        self._show()

    def close_down(self) -> None:
        """Let go of the viewer."""
        self._fits.close()
        self.rows.close_down()

    @property
    def busy(self) -> bool:
        """Whether a fit is waited for."""
        return self._fits.busy

    def show_fit(self, material: Material) -> None:
        """Show how the sharper picture of a cube fits it; of several wishes the last one counts."""
        plan, number = self._draft.plan(), self._draft.number_of(material)
        if number is None:
            return
        self.standing.buttons.visible = True
        self.standing.show_begin()
        self.standing.say("Getting ready …")
        work = partial(see_fit, plan, number)
        self._fits.ask(work, f"Fitting the picture of '{plan.names[number]}'")

    def _fit_button(self, material: Material) -> QPushButton:
        button = QPushButton("Show the fit")
        button.setToolTip(
            "Place the picture on the cube, as training will, and show both as layers: the cube,"
            " the picture, and the picture in green and blue over the cube in red."
        )
        button.clicked.connect(lambda _=False: self.show_fit(material))
        return button

    def _on_progress(self, event: Progress) -> None:
        self.standing.show_progress(event, self._fits.seconds_left(event))

    def _on_seen(self, seen: SeenFit) -> None:
        if seen.question not in self._draft.questions:
            self._show_end(CHANGED)
            return
        self._seen = seen.question
        self._show_layers(seen)
        self._draft.note_fit(seen.question, seen.sentence if seen.refused else "")
        # A refusal that keeps the run from starting is among the faults.
        is_told = seen.refused and self._draft.faults.get("data.sharper") == seen.sentence
        self._show_end("" if is_told else seen.sentence, is_fault=seen.refused)

    def _on_failed(self, fault: str) -> None:
        self._show_end(fault, is_fault=not self._fits.was_cancelled)

    def _show_end(self, text: str, *, is_fault: bool = False) -> None:
        self.standing.show_end()
        self.standing.buttons.visible = False
        self.standing.say(text, is_fault=is_fault)

    def _show_layers(self, seen: SeenFit) -> None:
        """Show a fit in the place of an earlier one of the same cube."""
        there = self._viewer.layers
        for held in self._layers.pop(seen.material.origin, []):
            layer = held()
            if layer is not None and layer in there:
                there.remove(layer)
        layers = [Layer.create(*data) for data in seen.layers()]
        self._layers[seen.material.origin] = [ref(layer) for layer in layers]
        for layer in layers:
            self._viewer.add_layer(layer)

    def _show(self) -> None:
        materials = self._draft.materials
        self.setVisible(bool(materials))
        is_used = any(m.sharper is not None for m in materials)
        self.use.say(USE if is_used else OFFER)
        self._show_proposal(is_used)
        self.fault.say(self._draft.faults.get("data.sharper", ""))
        origins = [m.origin for m in materials]
        self._layers = {o: held for o, held in self._layers.items() if o in origins}
        outdated = self._seen is not None and self._seen not in self._draft.questions
        if outdated and not self.busy:
            self._seen = None
            self._show_end("")

    @property
    def _bundled(self) -> ModelCard | None:
        """The bundled model for the scale, if there is one."""
        cards = list_models(self._draft["student.scale"])
        return next(filter(is_bundled, cards), None)

    def _show_proposal(self, is_used: bool) -> None:
        """Propose to start from the bundled model where a run would start from none."""
        card = self._bundled if is_used and self._draft["student.start"] is None else None
        time = QUICKLY if self._draft.preset == "quick" else ""
        self.proposal.say(PROPOSED.format(name=card.name, time=time) if card else "")
        self.start_button.setText(f"Start from {card.name if card else 'a model'}")
        self.start_button.setVisible(card is not None)

    def _on_start(self) -> None:
        self._draft.start_from(self._bundled)
