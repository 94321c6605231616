"""What a protocol says: the scenes of each split, how they are stored, what others have published.

The protocols are TOML files of the package, `protocols/*.toml`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from napari_dodn.errors import UserError
from napari_dodn.metrics import METRICS, Quality
from napari_dodn.wording import few_of

FOLDER = Path(__file__).resolve().parent.parent / "protocols"


DIGITS = 4
"""Digits after the point to which the published figures are given."""


class BenchmarkError(UserError):
    """A benchmark that cannot be run as asked, or a scene that is not what the protocol says."""


@dataclass(frozen=True)
class Published:
    """A row of a published table.

    Attributes
    ----------
    name : str
        Of the method.
    quality : Quality
        Means over the scenes of the table.
    parameters : int or None
        Number of trained values, where it is known.
    operations : float or None
        Floating-point operations for each LR voxel, where they could be counted.
    """

    name: str
    quality: Quality
    parameters: int | None = None
    operations: float | None = None


@dataclass(frozen=True)
class Protocol:
    """A protocol: data, splits, and what is published on them.

    Attributes
    ----------
    name, title, data : str
        How the command calls it, how a table does, and where the data are from.
    path : str
        Where a scene lies in the folder of the data, with ``{scene}`` for its name.
    stored_shape, shape : tuple of int
        Bands, rows and columns as they are stored, and as they are used: the first of each.
    divisor : float
        What the stored values are divided by.
    ergas_ratio : int
        The ratio in ERGAS, whatever the scale is.
    splits : mapping
        The names of the scenes of each split.
    dtype : str
        Type of the stored values, where the protocol is about one.
    eight_bit : tuple of str
        Scenes that the database itself has in 8 bits.
    reading : mapping
        Options of `formats.read`.
    published_split, published_source : str
        What the published rows were measured on, and where they stand.
    published : mapping
        The published rows of each scale; the row "bicubic" is the check.
    """

    name: str
    title: str
    data: str
    path: str
    stored_shape: tuple[int, int, int]
    shape: tuple[int, int, int]
    divisor: float
    ergas_ratio: int
    splits: Mapping[str, tuple[str, ...]]
    dtype: str = ""
    eight_bit: tuple[str, ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)
    published_split: str = ""
    published_source: str = ""
    published: Mapping[int, tuple[Published, ...]] = field(default_factory=dict)

    def chosen(self, split: str, scenes: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the scenes to run: those named, or else those of a split.

        Raises
        ------
        BenchmarkError
            If there is no such split, no scene is named, or one is in none of the protocol's
            splits.
        """
        if scenes is not None:
            if not scenes:
                raise BenchmarkError(
                    "No scene is named; give the names of scenes, or leave them out to use a split."
                )
            known = {scene for names in self.splits.values() for scene in names}
            for scene in scenes:
                if scene not in known:
                    raise BenchmarkError(
                        f"'{scene}' is not a scene of {self.title}; its scenes are"
                        f" {few_of(sorted(known), 40)}."
                    )
            return tuple(dict.fromkeys(scenes))
        if split not in self.splits:
            raise BenchmarkError(
                f"{self.title} has no split '{split}', only {', '.join(self.splits)}."
            )
        return self.splits[split]

    def is_published_split(self, scenes: Sequence[str]) -> bool:
        """Tell whether scenes are those of the published tables, all of them and no others."""
        return bool(self.published) and set(scenes) == set(self.splits[self.published_split])


@cache
def load_protocol(name: str) -> Protocol:
    """Read a protocol of the package: "cave" or "ntire2020"."""
    with (FOLDER / f"{name}.toml").open("rb") as file:
        said: dict[str, Any] = tomllib.load(file)
    published = said.pop("published", {})
    return Protocol(
        **said
        | {key: tuple(said[key]) for key in ("stored_shape", "shape")}
        | {"eight_bit": tuple(said.get("eight_bit", ()))}
        | {"splits": {split: tuple(names) for split, names in said["splits"].items()}},
        published_split=published.pop("split", ""),
        published_source=published.pop("source", ""),
        published={
            int(scale): tuple(_row(name, row) for name, row in rows.items())
            for scale, rows in published.items()
        },
    )


def _row(name: str, row: dict[str, float]) -> Published:
    parameters = row.get("parameters")
    return Published(
        name,
        Quality(**{figure: row[figure] for figure in METRICS}),
        None if parameters is None else int(parameters),
        row.get("operations"),
    )
