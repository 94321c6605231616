"""What became of many cubes: a row for each, as a table, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Status = Literal["done", "skipped", "failed"]
STATUSES: tuple[Status, ...] = ("done", "skipped", "failed")

Figures = Mapping[str, object]
"""What a report says of a cube, by its columns."""

COLUMNS = ("source", "status", "reason", "seconds")
"""With which every report begins."""

SENTENCES = ("reason", "notes", "remarks")
"""Columns of whole sentences: why nothing was done, what the reader and the work had to say."""


@dataclass(frozen=True)
class Row:
    """What became of one cube.

    Attributes
    ----------
    source : Path
        Its file.
    status : str
        "done", "skipped" or "failed".
    reason : str
        Why it was skipped, or what went wrong.
    seconds : float
        How long it took.
    more : mapping
        Columns of the report: where the result lies, figures.
    """

    source: Path
    status: Status
    reason: str = ""
    seconds: float = 0.0
    more: Figures = field(default_factory=dict)

    def columns(self) -> dict[str, object]:
        """Return the row of the report."""
        said = {"source": str(self.source), "status": self.status, "reason": self.reason}
        more = {k: str(v) if isinstance(v, Path) else v for k, v in self.more.items()}
        return said | {"seconds": round(self.seconds, 2)} | more


def headings(rows: Sequence[Row]) -> list[str]:
    """Return the columns of a report."""
    return list(dict.fromkeys((*COLUMNS, *(key for row in rows for key in row.columns()))))


def is_report(path: Path) -> bool:
    """Tell whether a file is a report as CSV."""
    begin = ",".join(COLUMNS).encode()
    try:
        with path.open("rb") as file:
            return file.read(len(begin)) == begin
    except OSError:
        return False


def csv_text(rows: Sequence[Row]) -> str:
    """Return a report as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, headings(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.columns() for row in rows)
    return text.getvalue()


def json_text(rows: Sequence[Row]) -> str:
    """Return a report as JSON, a list with an object for each cube."""
    return to_json([row.columns() for row in rows])


def to_json(value: object) -> str:
    """Return JSON for programs; what it has no word for, such as NaN, is null."""
    return json.dumps(_without_nan(value), indent=2, default=str, allow_nan=False)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def in_words(rows: Sequence[Row]) -> str:
    """Return how many cubes were done, skipped, and could not be done."""
    counts = ((sum(row.status == status for row in rows), status) for status in STATUSES)
    return ", ".join(f"{count} {status}" for count, status in counts) + "."
