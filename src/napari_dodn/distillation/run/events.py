"""What a training run tells of itself: one JSON object a line in the run folder's event file."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeAlias, get_args

from pydantic import BeforeValidator, TypeAdapter


def _number(value: Any) -> Any:
    return math.nan if value is None else value


Number: TypeAlias = Annotated[float, BeforeValidator(_number)]
"""NaN where JSON has null."""

Scores: TypeAlias = dict[str, Number]
"""`psnr` in dB, `ssim`, and `sam` in degrees; means over what was held out."""

LEAST_GAIN = 0.005
"""Gain in dB below which two decimals show none."""


@dataclass(frozen=True)
class Started:
    """A process has taken the run up, for the first time or again.

    Attributes
    ----------
    step : int
        Steps of the student's that are done already.
    device, precision : str
        What it computes on, and in.
    processes : int
        How many work together.
    training, validation : list of str
        Names of the cubes, or of the parts of one.
    notes : list of str
        What was found out or chosen, one sentence each.
    bicubic : dict
        Scores of bicubic interpolation on the validation data.
    parameters : dict
        Numbers of parameters of `student` and `teacher`.
    bundled : str
        A sentence on what the bundled model reaches on the validation data, where the run has
        asked.
    """

    kind: ClassVar[str] = "started"
    step: int
    device: str
    precision: str
    processes: int
    training: list[str]
    validation: list[str]
    notes: list[str]
    bicubic: Scores
    parameters: dict[str, int]
    bundled: str = ""
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Stage:
    """The run begins to do something else: "data", "teacher", "student" or "export"."""

    kind: ClassVar[str] = "stage"
    stage: str
    steps: int
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Step:
    """One step of the optimiser; of a long stage only every so many are told.

    Attributes
    ----------
    stage : str
        "teacher" or "student".
    step, steps : int
        Steps of the stage that are done, and all of them.
    losses : dict
        `total` and its terms: `pixel` (L1), `angle` (radians), `distillation`; without weights.
    rate : float
        Learning rate.
    seconds : float
        Duration of a step, averaged over the last ones.
    left : float
        Seconds until the stage's end, validations included.
    memory : int
        Bytes that the process (on a GPU: its tensors) takes.
    """

    kind: ClassVar[str] = "step"
    stage: str
    step: int
    steps: int
    losses: dict[str, Number]
    rate: Number
    seconds: Number
    left: Number
    memory: int
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Validated:
    """The averaged weights were tried on the held-out data.

    Attributes
    ----------
    stage : str
        "teacher" or "student".
    step : int
        Steps of the stage that are done.
    scores, bicubic : dict
        Means over the held-out scenes, of the network and of bicubic interpolation.
    best : bool
        Whether the network was never better before.
    scenes : dict of dict
        The network's scores by scene.
    """

    kind: ClassVar[str] = "validated"
    stage: str
    step: int
    scores: Scores
    bicubic: Scores
    best: bool
    scenes: dict[str, Scores] = field(default_factory=dict)
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Preview:
    """The run folder's preview pictures are those of this step."""

    kind: ClassVar[str] = "preview"
    step: int
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Warned:
    """Something that the person should know; the run goes on."""

    kind: ClassVar[str] = "warned"
    text: str
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Finished:
    """The model is written.

    Attributes
    ----------
    model : str
        Path of the model file.
    step : int
        The step whose averaged weights were best in validation and are kept.
    scores, bicubic : dict
        Its scores on the held-out data, and bicubic's.
    compared : str
        A sentence on whether it is better than the bundled model, where the run has asked.
    """

    kind: ClassVar[str] = "finished"
    model: str
    step: int
    scores: Scores
    bicubic: Scores
    compared: str = ""
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Stopped:
    """Somebody stopped the run; it can be resumed after this step of this stage."""

    kind: ClassVar[str] = "stopped"
    stage: str
    step: int
    time: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Failed:
    """The run ended on an error; the text is one sentence. What was saved before is kept."""

    kind: ClassVar[str] = "failed"
    text: str
    time: float = field(default_factory=time.time)


Event: TypeAlias = (
    Started | Stage | Step | Validated | Preview | Warned | Finished | Stopped | Failed
)

ADAPTERS: dict[str, TypeAdapter[Event]] = {kind.kind: TypeAdapter(kind) for kind in get_args(Event)}


def to_line(event: Event) -> str:
    """Return an event as one line of JSON; numbers that JSON does not know become null."""
    fields = ADAPTERS[event.kind].dump_json(event).decode()
    return f'{{"event":"{event.kind}",{fields[1:]}\n'


def from_line(line: str) -> Event | None:
    """Return the event of a line, or None where it is of a kind from another version.

    Raises
    ------
    ValueError
        If the line is not an event.
    """
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError(f"not an event: {line!r}")
    adapter = ADAPTERS.get(values.pop("event", ""))
    return None if adapter is None else adapter.validate_python(values)
