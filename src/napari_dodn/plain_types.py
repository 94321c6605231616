"""Described things as plain types for JSON, and as what Python pickles and copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return a value with arrays and numpy's scalars in it turned into lists and numbers."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def remade(described: Any) -> tuple[Any, ...]:
    """Return what `__reduce__` needs for a dataclass with read-only metadata.

    Python can neither pickle nor copy the view that keeps them so.
    """
    values = (getattr(described, f.name) for f in fields(described))
    return type(described), tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)
