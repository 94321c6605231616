"""What is wrong with a configuration, in sentences: one for each faulty field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from napari_dodn.errors import UserError
from napari_dodn.wording import limit_in_words


class ConfigError(UserError):
    """A configuration that cannot be used.

    Attributes
    ----------
    faults : dict of str to str
        One sentence for each faulty field, by its dotted name, for example "student.scale".
    """

    def __init__(self, faults: Mapping[str, str], place: str = "The configuration") -> None:
        self.faults = dict(faults)
        listed = " ".join(f"{name}: {fault}" if name else fault for name, fault in faults.items())
        super().__init__(f"{place} cannot be used. {listed}")


def faults_of(error: ValidationError) -> dict[str, str]:
    """Return a sentence for each field that pydantic refused, by its dotted name."""
    return {
        ".".join(part for part in found["loc"] if isinstance(part, str)): _sentence(found)
        for found in error.errors()
    }


def _sentence(error: Any) -> str:
    """Say in one sentence what pydantic found."""
    kind, limits, value = error["type"], error.get("ctx", {}), error["input"]
    bounds = {
        "greater_than": ("gt", "above"),
        "greater_than_equal": ("ge", "at least"),
        "less_than": ("lt", "below"),
        "less_than_equal": ("le", "at most"),
    }
    if kind in bounds:
        key, words = bounds[kind]
        return f"It must be {words} {limit_in_words(limits[key])}, not {value}."
    match kind:
        case "missing":
            return "It must be given."
        case "extra_forbidden":
            return "There is no such field."
        case "literal_error":
            return f"It must be {limits['expected']}, not {value!r}."
        case "value_error":
            return str(limits["error"])
        case "finite_number":
            return f"It must be a finite number, not {value}."
        case "int_parsing_size":
            return f"It must be a smaller number, not {value}."
        case "int_parsing" | "int_type" | "int_from_float":
            return f"It must be a whole number, not {value!r}."
        case "float_parsing" | "float_type":
            return f"It must be a number, not {value!r}."
        case "bool_parsing" | "bool_type":
            return f"It must be true or false, not {value!r}."
        case "string_type":
            return f"It must be a text, not {value!r}."
        case "tuple_type":
            return f"It must be a list, not {value!r}."
        case "model_type" | "dict_type":
            return f"It must be a section with fields of its own, not {value!r}."
        case "path_type":
            return f"It must be the path of a file or folder, not {value!r}."
        case "string_too_long":
            return f"It must have at most {limits['max_length']} characters, not {len(value)}."
        case "string_too_short" | "too_short":
            return "It must not be empty."
        case "string_pattern_mismatch":
            return (
                f"{value!r} has a character that file names should not have; use letters, digits,"
                " spaces and . + - _ only."
            )
    return f"{error['msg']}, not {value!r}."
