"""The networks that a run begins with: new ones, or what other runs have left."""

from __future__ import annotations

from pathlib import Path

from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.events import Scores
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.state import load_state
from napari_dodn.network.dodn import DODN
from napari_dodn.network.model_file import ModelError, list_models, load_network, read_card
from napari_dodn.network.teacher import SpectralTeacher


def new_student(config: TrainConfig, *, begun: bool = False) -> DODN:
    """Return the student to train: a new one, or, where it has not begun, a model to go on from.

    Of a model for another scale, all but the last layer is taken over.

    Raises
    ------
    ConfigError
        If the model cannot be read, or is not of the student's architecture.
    """
    wanted = config.student
    network = DODN(wanted.scale, wanted.channels, wanted.blocks, wanted.branch_2d)
    if wanted.start is None or begun:
        return network
    try:
        known = {card.name: card for card in list_models()}
        card = known.get(wanted.start) or read_card(Path(wanted.start).expanduser())
        donor = load_network(card)
    except ModelError as error:
        raise ConfigError({"student.start": str(error)}) from error
    ours, theirs = network.architecture, donor.architecture
    if differing := [key for key in ours if key != "scale" and ours[key] != theirs[key]]:
        listed = " and ".join(f"{key} {theirs[key]}" for key in differing)
        raise ConfigError(
            {"student.start": f"'{card.name}' has {listed}; set the student's likewise."}
        )
    own = network.state_dict()
    fitting = {k: v for k, v in donor.state_dict().items() if v.shape == own[k].shape}
    network.load_state_dict(fitting, strict=False)
    return network


def take_up(teacher: SpectralTeacher, file: Path) -> Scores:
    """Give a teacher the weights that a run has left, and return the scores that it had there.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    ConfigError
        If its teacher is of another shape.
    """
    tensors, facts = load_state(file)
    try:
        teacher.load_state_dict(tensors)
    except RuntimeError as error:
        raise ConfigError(
            {
                "teacher.start": f"{file} is a teacher for other bands, blocks or channels than"
                " this run's."
            }
        ) from error
    scores: Scores = facts["scores"]
    return scores
