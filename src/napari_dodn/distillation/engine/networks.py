"""The networks that a run begins with: new ones, or what other runs have left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from napari_dodn.distillation.checks import model_to_start_from
from napari_dodn.distillation.config import TrainConfig
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.run.checkpoint import load_checkpoint
from napari_dodn.distillation.run.events import Scores
from napari_dodn.network.dodn import DODN, resized
from napari_dodn.network.model_file import ARCHITECTURE, load_network
from napari_dodn.network.teacher import SpectralTeacher


def new_student(config: TrainConfig, *, begun: bool = False) -> DODN:
    """Return the student to train: a new one, or, where it has not begun, a model to go on from.

    Of a model for another scale, all but the last layer is taken over. Of one with fewer blocks or
    channels all is, and the other blocks and channels begin as what changes nothing. Of one with
    more components, all is but what belongs to the last of them.

    Raises
    ------
    ConfigError
        If the model cannot be read, has more blocks or channels or fewer components, or is
        otherwise of another architecture.
    """
    wanted = config.student
    network = DODN(**{key: getattr(wanted, key) for key in ARCHITECTURE})
    if wanted.start is None or begun:
        return network
    donor = load_network(model_to_start_from(wanted))
    taken = donor.state_dict()
    if donor.scale != network.scale:
        taken = {key: value for key, value in taken.items() if not key.startswith("tail.2.")}
    network.load_state_dict(resized(taken, network.state_dict()))
    for number in range(len(donor.blocks), len(network.blocks)):
        _silence(network, number)
    return network


def _silence(network: DODN, number: int) -> None:
    """Set to zero what a block adds to the features and to what is gathered."""
    block: Any = network.blocks[number]
    whole = network.branch_2d == "whole"
    last = (block.branch_3d[-1], block.spread) if whole else (block.join_3d, block.join_2d)
    for layer in (*last, network.gather[number]):
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


def take_up(teacher: SpectralTeacher, file: Path) -> Scores:
    """Give a teacher the weights that a run has left, and return the scores that it had there.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    ConfigError
        If its teacher is of another shape.
    """
    tensors, facts = load_checkpoint(file)
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
