"""The configuration of a training run: every field with its sentence.

It knows no torch, so that a panel can show it and a command line refuse it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from napari_dodn.distillation.faults import ConfigError, faults_of

Variant = Literal["none", "area", "space to depth", "affinity", "soft target", "every band"]
MsiSource = Literal["auto", "paired", "cie 1931", "cie 1964", "camera", "gaussian", "table"]
DegradationKind = Literal["cubic", "anti-aliased cubic", "gaussian"]


def _in_order(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"The lowest value, {value[0]:g}, is above the highest, {value[1]:g}.")
    return value


Range = Annotated[
    tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]], AfterValidator(_in_order)
]

Sigmas = Annotated[
    tuple[Annotated[float, Field(ge=0, le=16)], Annotated[float, Field(ge=0, le=16)]],
    AfterValidator(_in_order),
]

Factors = Annotated[
    tuple[Annotated[float, Field(gt=0, le=16)], Annotated[float, Field(gt=0, le=16)]],
    AfterValidator(_in_order),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Data(_Section):
    """Which cubes are for training, and which for validation."""

    cubes: tuple[Path, ...] = Field(
        min_length=1, description="Files or folders of the high-resolution cubes to learn from."
    )
    sharper: dict[str, Path] = Field(
        {},
        description="Sharper pictures of the same scenes, by the cube's name: RGB, multispectral"
        " or panchromatic, at least as fine as the student's results. Such a cube is"
        " the low resolution, and its picture shows the high one. Cubes without a"
        " picture are high-resolution ones.",
    )
    blur: float | None = Field(
        None,
        ge=0,
        le=2,
        description="Blur of the cubes with sharper pictures: σ of their sensor's point spread"
        " function in their own pixels. Empty: estimated, erring on the low side.",
    )
    validation: tuple[str, ...] = Field(
        (), description="Names of the cubes that are held out for validation. Empty: chosen."
    )
    validation_share: float = Field(
        0.2,
        gt=0,
        le=0.5,
        description="Share of the cubes that is held out if none is named; of a single cube, the"
        " share of its pixels.",
    )
    validation_side: int | None = Field(
        None,
        ge=32,
        description="Largest side, in high-resolution pixels, of the part of each held-out cube"
        " that is validated. Empty: all of it, or the middle of a very large cube.",
    )
    peak: float | None = Field(
        None,
        gt=0,
        description="Value that counts as full scale in PSNR and SSIM, for example 65535. Empty:"
        " the largest value of each cube.",
    )


class Msi(_Section):
    """The privileged image: the high-resolution multispectral picture that the teacher sees."""

    source: MsiSource = Field(
        "auto",
        description="Where the multispectral image comes from: pictures paired with the cubes, or"
        " the cubes themselves seen through response functions. 'auto' uses the"
        " pictures if every cube has one, else CIE 1931 in the visible range, else"
        " Gaussian bands.",
    )
    pictures: dict[str, Path] = Field(
        {}, description="The picture or multispectral file of each cube, by the cube's name."
    )
    camera: str = Field(
        "Nikon 5100 (NPL)",
        description="Camera whose measured sensitivities are used with the source 'camera'.",
    )
    bands: int = Field(
        4, ge=1, le=64, description="Number of bands with the source 'gaussian', evenly spread."
    )
    range: Range | None = Field(
        None,
        description="Lowest and highest wavelength, in nm, over which the Gaussian bands are"
        " spread. Empty: the whole range of the cube.",
    )
    table: Path | None = Field(
        None,
        description="CSV file with the source 'table': wavelengths in nm in the first column, one"
        " column of sensitivities for each band.",
    )
    shuffled: bool = Field(
        False,
        description="Control: show the teacher the image of another patch, so that it cannot help.",
    )

    @field_validator("range")
    @classmethod
    def _range_is_one(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] == value[1]:
            raise ValueError(f"From {value[0]:g} to {value[1]:g} nm there is no room for a band.")
        return value


class Student(_Section):
    """DODN itself, the network that is kept."""

    scale: Literal[2, 4, 8] = Field(4, description="Upsampling factor along y and x.")
    components: int = Field(
        16,
        ge=1,
        le=64,
        description="Number of principal components of a cube that the network sees and sharpens."
        " The rest of the cube is upsampled linearly.",
    )
    channels: int = Field(16, ge=4, le=512, description="Width of the features of a component.")
    blocks: int = Field(8, ge=1, le=64, description="Number of dual-branch blocks.")
    branch_2d: Literal["folded", "whole"] = Field(
        "whole",
        description="Whether the 2D branch takes all components at once ('whole'), as the teacher"
        " takes its image, or each component alone ('folded').",
    )
    channels_2d: int = Field(
        96, ge=4, le=512, description="Width of the 2D branch's features where it is 'whole'."
    )
    start: str | None = Field(
        None,
        description="Name or path of a model to start from, with the same 2D branch, no more blocks"
        " and channels, and no fewer components; with the 2D branch 'whole', of the same"
        " sizes and no more blocks. Empty: start from random weights.",
    )

    @field_validator("branch_2d", mode="before")
    @classmethod
    def _branch_is_there(cls, value: Any) -> Any:
        if value == "pooled":
            raise ValueError("The 2D branch 'pooled' no longer exists; use 'whole' instead.")
        return value


class Teacher(_Section):
    """The spectral-super-resolution network that sees the multispectral image, in training only."""

    channels: int = Field(64, ge=4, le=512, description="Width of the features.")
    steps: int = Field(5000, ge=0, le=10_000_000, description="Training steps of the teacher.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Highest learning rate.")
    start: Path | None = Field(
        None, description="The teacher.safetensors of another run, used as it is."
    )
    trained: bool = Field(
        True, description="Control: switch off to distil from an untrained teacher."
    )

    @model_validator(mode="after")
    def _start_is_trained(self) -> Self:
        if self.start is not None and not self.trained:
            raise ValueError(
                "A teacher that is taken over is trained already; leave 'start' empty."
            )
        return self


class Degradation(_Section):
    """How a high-resolution cube becomes the low-resolution one that the student sees."""

    kinds: tuple[DegradationKind, ...] = Field(
        ("gaussian",),
        min_length=1,
        description="How pixels are reduced: as a sensor does, or by the cubic decimation of the"
        " published protocols. With several, each patch draws one.",
    )
    psf: Sigmas = Field(
        (0.3, 0.7),
        description="Lowest and highest σ of the Gaussian point spread function, in low-resolution"
        " pixels, with the kind 'gaussian'.",
    )
    noise: Sigmas = Field(
        (0.0, 0.0),
        description="Lowest and highest σ of the sensor noise that is added, as a share of the"
        " cube's standard deviation.",
    )
    spectral: Factors = Field(
        (1.0, 1.0),
        description="Lowest and highest factor by which the steps between bands are stretched,"
        " for a model that is meant for sensors with other bands. Above 1, there are"
        " fewer and broader bands; below 1, there are finer ones over a part of the"
        " range. Every training step draws a factor. Only without distillation.",
    )

    @property
    def resamples(self) -> bool:
        """Whether patches get other bands than their cubes have."""
        return self.spectral != (1, 1)

    @field_validator("kinds")
    @classmethod
    def _no_kind_twice(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))


class Distillation(_Section):
    """What the student is told of the teacher's features."""

    variant: Variant = Field(
        "area",
        description="What is compared: nothing; features after area reduction; features after"
        " space-to-depth; spatial affinity; the teacher's output as a soft target; or"
        " features copied to every component (a control). None of them has helped in"
        " short trainings, and 'none' takes half the time.",
    )
    weight: float = Field(0.1, ge=0, description="Weight λ of the distillation term in the loss.")
    decay: bool = Field(False, description="Let λ fall linearly to zero over the student's steps.")
    weak_teacher: Literal["leave out", "follow"] = Field(
        "leave out",
        description="What the student does where the teacher is behind the bundled model, or"
        " behind bicubic interpolation, on the held-out data: it learns without it, or"
        " follows it all the same (a control). Teachers that are controls themselves are"
        " followed.",
    )


class Schedule(_Section):
    """How long, how fast, and how large the steps are."""

    steps: int = Field(30000, ge=1, le=10_000_000, description="Training steps of the student.")
    batch: int = Field(8, ge=1, le=4096, description="Patches in a step, on all devices together.")
    patch: int = Field(
        24, ge=8, le=256, description="Side of a training patch in low-resolution pixels."
    )
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Highest learning rate.")
    start_rate: float = Field(
        4e-4,
        gt=0,
        le=1,
        description="Highest learning rate of a student that starts from a model, where it is lower"
        " than the other: at a higher one the model first loses what it has learnt.",
    )
    warm_up: int = Field(
        100, ge=0, description="Steps over which the learning rate rises to its highest."
    )
    angle: float = Field(0.2, ge=0, description="Weight α of the spectral angle in the loss.")
    average: float = Field(
        0.998,
        ge=0,
        lt=1,
        description="Decay of the exponential moving average (EMA) of the weights. The EMA is the"
        " model that is saved.",
    )
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")
    validate_every: int = Field(1000, ge=1, description="Steps between two validations.")
    save_every: int = Field(250, ge=1, description="Steps between two checkpoints.")


class Computing(_Section):
    """Where and how exactly the run computes."""

    device: str = Field("auto", description="auto, cpu, cuda:0, mps.")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="Type in which convolutions compute. 'auto' is bfloat16 on GPUs and processors"
        " that support it natively; a resumed run keeps what it began with.",
    )
    compile: bool = Field(False, description="Compile the student (needs a C++ compiler).")
    threads: int = Field(0, ge=0, description="CPU threads. 0: PyTorch's own choice.")

    @field_validator("device")
    @classmethod
    def _device_is_of_a_kind(cls, value: str) -> str:
        if value.partition(":")[0] not in ("auto", "cpu", "cuda", "mps"):
            raise ValueError(f"'{value}' is no device; write auto, cpu, cuda:0 or mps.")
        return value


class TrainConfig(_Section):
    """Everything that a training run depends on."""

    name: str = Field(
        min_length=1,
        max_length=80,
        pattern=r"^[\w][\w .+-]*$",
        description="Name of the model, and of its file.",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed for everything random.")
    licence: str = Field(
        "", description="Licence terms of the data, and therefore of the weights, in a sentence."
    )
    data: Data
    msi: Msi = Msi()
    student: Student = Student()
    teacher: Teacher = Teacher()
    degradation: Degradation = Degradation()
    distillation: Distillation = Distillation()
    schedule: Schedule = Schedule()
    computing: Computing = Computing()

    @property
    def distils(self) -> bool:
        """Whether there is a teacher at all."""
        return self.distillation.variant != "none"

    @property
    def follows_any_teacher(self) -> bool:
        """Whether the student follows a weak teacher too: it is a control, or asked for."""
        is_control = self.msi.shuffled or not self.teacher.trained
        return is_control or self.distillation.weak_teacher == "follow"

    @property
    def student_rate(self) -> float:
        """The student's highest learning rate."""
        schedule = self.schedule
        if self.student.start is None:
            return schedule.learning_rate
        return min(schedule.learning_rate, schedule.start_rate)

    def recipe(self) -> dict[str, Any]:
        """Return what a run's course depends on: all but where files lie and what computes."""
        elsewhere: Any = {
            "computing": True,
            "licence": True,
            "data": {"cubes", "sharper"},
            "msi": {"pictures", "table"},
            "student": {"start"},
            "teacher": {"start"},
        }
        said = self.model_dump(mode="json", exclude=elsewhere)
        # Runs that were begun before there were these fields go on.
        if not self.degradation.resamples:
            del said["degradation"]["spectral"]
        if self.msi.range is None:
            del said["msi"]["range"]
        if self.data.blur is None:
            del said["data"]["blur"]
        if self.distillation.weak_teacher == "leave out":
            del said["distillation"]["weak_teacher"]
        if self.schedule.start_rate == Schedule.model_fields["start_rate"].default:
            del said["schedule"]["start_rate"]
        if self.data.sharper:
            said["data"]["sharper"] = sorted(self.data.sharper)
        return said


def checked(values: Mapping[str, Any], place: str = "The configuration") -> TrainConfig:
    """Return the configuration that nested values make.

    Raises
    ------
    ConfigError
        With a sentence for each faulty field.
    """
    try:
        config = TrainConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(faults_of(error), place) from None
    faults: dict[str, str] = {}
    if config.distils and config.degradation.resamples:
        faults["degradation.spectral"] = (
            "A teacher knows the bands of the cubes and no others; leave them as they are (1 to 1),"
            " or choose the distillation 'none'."
        )
    if config.msi.source == "table" and config.msi.table is None:
        faults["msi.table"] = "Choose the CSV file of the sensitivities."
    if faults:
        raise ConfigError(faults, place)
    return config
