"""Many cubes: a bad one does not stop the rest, and each gets a row in the report.

What is done to a cube is the caller's; here are the cubes, the names of their results, and the
report.
"""

from napari_dodn.batch.planning import (
    BatchError,
    Work,
    check_names,
    comparisons_of,
    is_pattern,
    is_there,
    matching,
    tasks_of,
)
from napari_dodn.batch.report import (
    SENTENCES,
    Figures,
    Row,
    csv_text,
    headings,
    in_words,
    is_report,
    json_text,
    to_json,
)
from napari_dodn.batch.running import Task, batch_steps

__all__ = [
    "SENTENCES",
    "BatchError",
    "Figures",
    "Row",
    "Task",
    "Work",
    "batch_steps",
    "check_names",
    "comparisons_of",
    "csv_text",
    "headings",
    "in_words",
    "is_pattern",
    "is_report",
    "is_there",
    "json_text",
    "matching",
    "tasks_of",
    "to_json",
]
