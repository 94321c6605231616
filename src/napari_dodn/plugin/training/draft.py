"""What the panel is set to, before it is a configuration that can be run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psygnal
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_dodn.distillation.config import PRESETS, Preset, TrainConfig, checked
from napari_dodn.distillation.faults import ConfigError
from napari_dodn.network.model_file import ModelError, find_model, list_models
from napari_dodn.plugin.training.material import Material
from napari_dodn.reach import SMALLEST_JUDGE, patch_side

FROM_CUBES = ("data.cubes", "data.validation", "msi.pictures")
"""Fields that the list of cubes gives, and no editor."""

PARENT, CUBES = "folder", "data.cubes"
"""Where faults belong that no single field of the configuration has."""


def field(name: str) -> FieldInfo:
    """Return a field of the configuration by its dotted name."""
    model: type[BaseModel] = TrainConfig
    *sections, last = name.split(".")
    for section in sections:
        annotation = model.model_fields[section].annotation
        assert isinstance(annotation, type)
        model = annotation
    return model.model_fields[last]


def field_names() -> list[str]:
    """Return the dotted names of all fields that have an editor."""
    names = []
    for name, info in TrainConfig.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names += [f"{name}.{part}" for part in kind.model_fields]
        else:
            names.append(name)
    return [name for name in names if name not in FROM_CUBES]


def preset_values(preset: Preset) -> dict[str, Any]:
    """Return what a preset says of the fields that any preset says something of."""
    touched = {
        f"{section}.{key}"
        for values in PRESETS.values()
        for section in values
        for key in values[section]
    }
    own = {
        f"{section}.{key}": value
        for section, values in PRESETS[preset].items()
        for key, value in values.items()
    }
    return {name: own.get(name, field(name).default) for name in sorted(touched)}


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
    warnings : tuple of str
        What a person should know, and may leave as it is.
    """

    changed = psygnal.Signal()

    def __init__(self, parent: Path) -> None:
        self._values: dict[str, Any] = {name: field(name).default for name in field_names()}
        self._values |= preset_values("quick") | {"name": "my model"}
        self.materials: tuple[Material, ...] = ()
        self.parent = parent
        self.faults: dict[str, str] = {}
        self.warnings: tuple[str, ...] = ()
        self._judge()

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
        """Change one of the cubes."""
        self.set_materials(
            replace(other, **changes) if other is material else other for other in self.materials
        )

    def set_parent(self, parent: Path) -> None:
        """Choose the folder in which the run's folder is made."""
        if parent != self.parent:
            self.parent = parent
            self._tell()

    def renew(self) -> None:
        """Judge again, because files have come or gone."""
        self._tell()

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.parent / str(self["name"]).strip()

    @property
    def preset(self) -> Preset | None:
        """The preset whose values all of its fields have; None where a person has changed some."""
        for preset in PRESETS:
            if all(self[name] == value for name, value in preset_values(preset).items()):
                return preset
        return None

    def values(self) -> dict[str, Any]:
        """Return all fields but those of the cubes, nested like the configuration."""
        nested: dict[str, Any] = {}
        for name, value in self._values.items():
            *sections, last = name.split(".")
            place = nested.setdefault(sections[0], {}) if sections else nested
            place[last] = value
        return nested

    def plain(self) -> dict[str, Any]:
        """Return the fields in plain types, fit for settings that are remembered."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in self._values.items()}

    def config(
        self, cubes: Iterable[Path], validation: Iterable[str], pictures: Mapping[str, Path]
    ) -> TrainConfig:
        """Return the configuration with what the cubes are in files.

        Raises
        ------
        ConfigError
            With a sentence for each faulty field.
        """
        values = self.values()
        values["data"] |= {"cubes": tuple(cubes), "validation": tuple(validation)}
        values["msi"] |= {"pictures": dict(pictures)}
        return checked(values, "What is set")

    def take(self, config: TrainConfig, materials: Iterable[Material]) -> None:
        """Set everything to a configuration, with the materials that its cubes are."""
        flat: dict[str, Any] = {}
        for name in field_names():
            value: Any = config
            for part in name.split("."):
                value = getattr(value, part)
            flat[name] = value
        self._values |= flat
        self.materials = tuple(
            replace(
                material,
                held_out=material.name in config.data.validation,
                picture=config.msi.pictures.get(material.name),
            )
            for material in materials
        )
        self._tell()

    # Judging

    def _tell(self) -> None:
        self._judge()
        self.changed.emit()

    def _judge(self) -> None:
        self.faults = {}
        try:
            placeholders = [Path(material.name or "cube") for material in self.materials]
            self.config(placeholders or [Path("cube")], (), {})
        except ConfigError as error:
            self.faults |= error.faults
        self.faults.pop("msi", None)  # a table that is missing is told at its own field, below
        for name, judge in (
            (CUBES, self._fault_of_cubes),
            ("student.start", self._fault_of_start),
            ("msi.source", self._fault_of_source),
            ("msi.bands", self._fault_of_bands),
            ("msi.range", self._fault_of_range),
            ("teacher.start", self._fault_of_teacher),
            ("msi.table", self._fault_of_table),
            (PARENT, self._fault_of_folder),
        ):
            try:
                fault = judge()
            except OSError as error:  # a name that is too long, a folder of somebody else's
                fault = f"{error.filename} cannot be used: {error.strerror or error}."
            if fault:
                self.faults.setdefault(name, fault)
        self.warnings = self._warnings_of_judges()

    def _warnings_of_judges(self) -> tuple[str, ...]:
        side = SMALLEST_JUDGE * self["student.scale"]
        return tuple(
            f"'{material.name}' is held out, but has too few pixels to judge a model by."
            for material in self.materials
            if material.held_out and not material.fault and min(material.shape[1:]) < side
        )

    def _fault_of_cubes(self) -> str:
        if not self.materials:
            return "Add at least one cube to learn from: a layer, a file or a folder."
        for material in self.materials:
            if material.fault:
                return material.fault
        (name, count), *_ = Counter(m.name for m in self.materials).most_common(1)
        if count > 1:
            return f"{count} cubes are called '{name}'; rename or remove all but one."
        learnt = [material for material in self.materials if not material.held_out]
        if not learnt:
            return "All cubes are held out; leave at least one to learn from."
        bands = sorted({material.shape[0] for material in self.materials})
        if len(bands) > 1 and self["distillation.variant"] != "none":
            return (
                f"The cubes have {' and '.join(map(str, bands))} bands, but a teacher knows one"
                " number of bands only; remove some, or choose the distillation 'none'."
            )
        sizes = ("schedule.patch", "student.scale", "degradation.kinds", "degradation.psf")
        if self.faults.keys() & {*sizes, "data.validation_share"}:
            return ""
        patch, scale, kinds, psf = (self[name] for name in sizes)
        side = patch_side(patch, scale, kinds, psf[1])
        share = self["data.validation_share"] if len(self.materials) == 1 else 0.0
        return next(filter(None, (m.too_small(patch, side, scale, share) for m in learnt)), "")

    def _fault_of_start(self) -> str:
        start = self["student.start"]
        if not start:
            return ""
        try:
            card = find_model(start, self["student.scale"])
        except ModelError as error:
            return str(error)
        for key in ("components", "channels", "blocks", "branch_2d", "channels_2d"):
            theirs, ours = card.architecture[key], self[f"student.{key}"]
            if theirs != ours:
                return (
                    f"Model '{card.name}' has {key} {theirs}, not {ours}; choose it again, or start"
                    " from nothing."
                )
        return ""

    def _fault_of_source(self) -> str:
        source = self["msi.source"]
        if self["distillation.variant"] == "none" or source in ("auto", "gaussian"):
            return ""
        for material in self.materials:
            if source == "paired" and material.picture is None and not material.found:
                return f"'{material.name}' has no picture; choose one, or another source."
            if source != "paired" and not material.wavelengths and not material.fault:
                return (
                    f"'{material.name}' has no wavelengths, which this source needs; give it some,"
                    " or choose Gaussian bands or a picture."
                )
        return ""

    def _fault_of_bands(self) -> str:
        if self["msi.source"] != "gaussian" or "msi.bands" in self.faults:
            return ""
        for material in self.materials:
            if not material.fault and material.shape[0] < self["msi.bands"]:
                return f"'{material.name}' has {material.shape[0]} bands; choose at most as many."
        return ""

    def _fault_of_teacher(self) -> str:
        start = self["teacher.start"]
        return "" if start is None or Path(start).is_file() else f"There is no file {start}."

    def _fault_of_range(self) -> str:
        span = self["msi.range"]
        if span is None or self["msi.source"] != "gaussian" or "msi.range" in self.faults:
            return ""
        low, high = span
        for material in self.materials:
            if not material.fault and not any(low <= w <= high for w in material.wavelengths):
                return f"'{material.name}' has no band from {low:g} to {high:g} nm."
        return ""

    def _fault_of_table(self) -> str:
        table = self["msi.table"]
        if self["msi.source"] != "table":
            return ""
        if not table:
            return "Choose the CSV file of the sensitivities."
        return "" if Path(table).is_file() else f"There is no file {table}."

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
                return f"{folder} holds a run already: attach to it, or choose another name."
            if any(folder.iterdir()):
                return f"{folder} is not empty; choose another name or folder."
        return ""


def free_name(parent: Path, name: str) -> str:
    """Return a name whose folder is not there yet: the given one, or with a number behind it."""
    taken = {card.name for card in list_models()}
    stem = name.rstrip("0123456789").rstrip() or name
    count, wanted = 1, name
    while (parent / wanted).exists() or wanted in taken:
        count += 1
        wanted = f"{stem} {count}"
    return wanted
