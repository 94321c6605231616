"""What the panel is set to, before it is a configuration that can be run."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import psygnal

from napari_dodn.cube import HyperCube
from napari_dodn.distillation.checks import faults
from napari_dodn.distillation.config import TrainConfig, checked
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.presets import PRESETS, Preset
from napari_dodn.distillation.split import Part, Split, named_apart, split_of
from napari_dodn.errors import reason_of
from napari_dodn.network.model_file import ModelCard, list_models
from napari_dodn.plugin.training.fields import SHOWN, SIZES, field, field_names, preset_values
from napari_dodn.plugin.training.material import Material, Origin

PARENT, CUBES = "folder", "data.cubes"
"""Where faults belong that no single field of the configuration has."""

NO_CUBE = "Add at least one cube to learn from: a layer, a file or a folder."

NOWHERE = Path("cube")
"""Stands for a file that is yet to be written."""


@dataclass(frozen=True)
class Plan:
    """What is set at one moment, so that work beside the window is not disturbed by it.

    Attributes
    ----------
    values : dict of str to Any
        Fields of the configuration by their dotted names.
    materials : tuple of Material
        The cubes.
    """

    values: dict[str, Any]
    materials: tuple[Material, ...]

    @cached_property
    def names(self) -> list[str]:
        """The names by which the cubes are told apart."""
        return named_apart([material.name for material in self.materials])

    def cubes(self) -> list[HyperCube]:
        """Return the cubes without their pixels, under these names."""
        return [m.cube.derive(name=n) for m, n in zip(self.materials, self.names, strict=True)]

    def config(
        self,
        files: Sequence[Path],
        names: Sequence[str],
        pictures: Sequence[Path | None],
        sharper: Sequence[Path | None],
    ) -> TrainConfig:
        """Return the configuration with the files that the cubes and their pictures are in.

        Raises
        ------
        ConfigError
            With a sentence for each faulty field.
        """
        nested: dict[str, Any] = {}
        for name, value in self.values.items():
            *sections, last = name.split(".")
            place = nested.setdefault(sections[0], {}) if sections else nested
            place[last] = value
        held_out = [n for n, m in zip(names, self.materials, strict=True) if m.held_out]
        nested["data"] |= {
            "cubes": tuple(files),
            "validation": tuple(held_out),
            "sharper": {n: p for n, p in zip(names, sharper, strict=True) if p is not None},
        }
        paired = {n: p for n, p in zip(names, pictures, strict=True) if p is not None}
        nested["msi"] |= {"pictures": paired}
        return checked(nested, "What is set")

    def draft_config(self) -> TrainConfig:
        """Return the configuration as it will be, but for the files that are yet to be written."""
        if not self.materials:
            return replace(self, materials=(Material("", NOWHERE),)).draft_config()
        pictures, sharper = (
            [None if chosen is None else NOWHERE for chosen in column]
            for column in zip(*((m.picture, m.sharper) for m in self.materials), strict=True)
        )
        return self.config([NOWHERE] * len(self.materials), self.names, pictures, sharper)


def question_of(material: Material, part: Part, config: TrainConfig) -> Hashable:
    """Return all that it depends on how a cube's sharper picture fits; None where there is none."""
    if material.sharper is None:
        return None
    where = (_stamp(material.origin), id(material.description), _stamp(material.sharper))
    return (*where, part.region, config.student.scale, config.student.components, config.data.blur)


def _stamp(origin: Origin) -> Hashable:
    """Return what is another one once a file or layer has other pixels."""
    if not isinstance(origin, Path):
        return id(origin), id(origin.data)
    try:
        found = origin.stat()
    except OSError:
        return origin
    return origin, found.st_mtime_ns, found.st_size


class Draft:
    """What is set, field by field; it tells whenever anything has changed.

    Attributes
    ----------
    materials : tuple of Material
        The cubes.
    parent : Path
        The folder in which the run's folder is made.
    faults : dict of str to str
        One sentence for each field that cannot stay as it is; empty where a run can start.
    held_out : str
        A sentence on which cubes are held out; empty where that cannot be said.
    warnings : tuple of str
        What a person should know, and may leave as it is.
    questions : set
        What can be asked now of how sharper pictures fit; see `question_of`.
    unseen_fits : list of int
        Cubes that are learnt from whose sharper pictures nobody has tried yet.
    """

    changed = psygnal.Signal()

    def __init__(self, parent: Path) -> None:
        self._values: dict[str, Any] = {name: field(name).default for name in field_names()}
        self._values |= preset_values("quick") | {"name": "my model"}
        self.materials: tuple[Material, ...] = ()
        self.parent = parent
        self.faults: dict[str, str] = {}
        self.held_out = ""
        self.warnings: tuple[str, ...] = ()
        self.questions: set[Hashable] = set()
        self.unseen_fits: list[int] = []
        self._refusals: dict[Hashable, str] = {}
        self._check()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def set(self, values: Mapping[str, Any]) -> None:
        """Set fields by their dotted names; what is unknown is left out."""
        new = {name: value for name, value in values.items() if name in self._values}
        if any(self._values[name] != value for name, value in new.items()):
            self._values |= new
            self._tell()

    def set_materials(self, materials: Iterable[Material]) -> None:
        """Replace the list of cubes."""
        self.materials = tuple(materials)
        self._tell()

    def change(self, material: Material, **changes: Any) -> None:
        """Change one of the cubes, whatever else has become known of it since."""
        number = self.number_of(material)
        self.set_materials(
            replace(other, **changes) if i == number else other
            for i, other in enumerate(self.materials)
        )

    def number_of(self, material: Material) -> int | None:
        """Return which of the cubes one is, which goes by its origin; None where it is gone."""
        origins = [other.origin for other in self.materials]
        return origins.index(material.origin) if material.origin in origins else None

    def set_parent(self, parent: Path) -> None:
        """Choose the folder in which the run's folder is made."""
        if parent != self.parent:
            self.parent = parent
            self._tell()

    def note_fit(self, question: Hashable, refusal: str) -> None:
        """Remember whether a sharper picture is refused, so that no run starts with it."""
        self._refusals[question] = refusal
        self._tell()

    def note_fits(self, questions: Iterable[Hashable]) -> None:
        """Remember that sharper pictures fit."""
        self._refusals |= dict.fromkeys(questions, "")
        self._tell()

    def renew(self) -> None:
        """Check again, because files have come or gone."""
        self._tell()

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.parent / str(self["name"]).strip()

    @property
    def preset(self) -> Preset | None:
        """The preset whose values all of its fields have; None where a person has changed some."""
        for preset in PRESETS:
            values = preset_values(preset, from_model=self["student.start"] is not None)
            if all(self[name] == value for name, value in values.items()):
                return preset
        return None

    @property
    def unseen(self) -> list[str]:
        """Fields without an editor that are set otherwise than by any preset, or the model."""
        from_model = self["student.start"] is not None
        presets = [preset_values(preset, from_model=from_model) for preset in PRESETS]
        return [
            name
            for name in field_names()
            if name not in SHOWN
            and not (from_model and name in SIZES)
            and all(self[name] != values[name] for values in presets)
        ]

    def choose_preset(self, preset: Preset) -> None:
        """Set everything that a preset sets, but for the sizes of a model to go on from."""
        self.set(preset_values(preset, from_model=self["student.start"] is not None))

    def start_from(self, card: ModelCard | None) -> None:
        """Go on from a model, whose sizes the student takes, or from random weights.

        A preset stays one: it may have other values for a student that starts from a model.
        """
        preset = self.preset
        values: dict[str, Any] = {"student.start": card.name if card else None}
        if card is not None:
            values |= {f"student.{key}": size for key, size in card.architecture.items()}
        if preset is not None:
            values |= preset_values(preset, from_model=card is not None)
        self.set(values)

    def plan(self) -> Plan:
        """Return what is set now."""
        return Plan(dict(self._values), self.materials)

    def plain(self) -> dict[str, Any]:
        """Return the fields in plain types, fit for settings that are remembered."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in self._values.items()
        }

    def take(self, config: TrainConfig, materials: Iterable[Material]) -> None:
        """Set everything to a configuration, with the materials that its cubes are."""
        flat: dict[str, Any] = {}
        for name in field_names():
            value: Any = config
            for part in name.split("."):
                value = getattr(value, part)
            flat[name] = value
        self._values |= flat
        materials = tuple(materials)
        names = named_apart([material.name for material in materials])
        self.materials = tuple(
            replace(
                material,
                held_out=name in config.data.validation,
                picture=config.msi.pictures.get(name),
                sharper=config.data.sharper.get(name),
            )
            for name, material in zip(names, materials, strict=True)
        )
        self._tell()

    # Checking

    def _tell(self) -> None:
        self._check()
        self.changed.emit()

    def _check(self) -> None:
        plan = self.plan()
        self.held_out, self.faults, self.questions, self.unseen_fits = "", {}, set(), []
        try:
            config = plan.draft_config()
        except ConfigError as error:
            self.faults |= error.faults
        else:
            self._check_cubes(config, plan)
        try:
            fault = self._fault_of_folder()
        except OSError as error:  # a name that is too long, a folder of somebody else's
            fault = f"{error.filename} cannot be used: {reason_of(error)}."
        if fault:
            self.faults[PARENT] = fault
        self.warnings = tuple(
            f"'{name}': {remark}"
            for name, material in zip(plan.names, self.materials, strict=True)
            for remark in material.remarks or ()
        )

    def _check_cubes(self, config: TrainConfig, plan: Plan) -> None:
        if not self.materials:
            self.faults[CUBES] = NO_CUBE
        elif fault := next((m.fault for m in self.materials if m.fault), ""):
            self.faults[CUBES] = fault
        else:
            cubes = plan.cubes()
            self.faults |= faults(config, cubes)
            with suppress(ConfigError):  # which is among the faults
                split = split_of(cubes, config)
                self.held_out = split.sentence
                self._check_fits(config, split)

    def _check_fits(self, config: TrainConfig, split: Split) -> None:
        """See whether a sharper picture that is used is known not to fit."""
        for part in (*split.learnt, *split.held_out):
            question = question_of(self.materials[part.number], part, config)
            self.questions.add(question)
            if question is None or part in split.held_out:
                continue
            if question not in self._refusals:
                self.unseen_fits.append(part.number)
            elif refusal := self._refusals[question]:
                self.faults.setdefault("data.sharper", refusal)

    def _fault_of_folder(self) -> str:
        if "name" in self.faults:
            return ""
        parent, folder = self.parent, self.folder
        if not (parent.is_dir() or parent.parent.is_dir()):
            return f"There is no folder {parent}."
        if folder.exists():
            if not folder.is_dir():
                return f"{folder} is a file; choose another name."
            if (folder / "config.toml").exists():
                return f"{folder} already holds a run: attach to it, or choose another name."
            if any(folder.iterdir()):
                return f"{folder} is not empty; choose another name or folder."
        return ""


def free_name(parent: Path, name: str) -> str:
    """Return a name whose folder is not there yet: the given one, or with a number behind it."""
    taken = {card.name.casefold() for card in list_models()}
    stem = name.rstrip("0123456789").rstrip() or name
    count, wanted = 1, name
    while (parent / wanted).exists() or wanted.casefold() in taken:
        count += 1
        wanted = f"{stem} {count}"
    return wanted
