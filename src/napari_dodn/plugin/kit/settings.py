"""What a person has chosen in the panels, remembered from one session to the next."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from magicgui.widgets import FileEdit
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QSettings

ORGANISATION = "napari-dodn"


def settings_of(panel: str) -> QSettings:
    """Return what is remembered of a panel."""
    scope = QSettings.Scope.UserScope
    return QSettings(QSettings.defaultFormat(), scope, ORGANISATION, panel)


def remember(panel: str, controls: Mapping[str, ValueWidget | FileEdit]) -> None:
    """Give controls the values that they had last, where they can, and note what they get.

    Parameters
    ----------
    panel : str
        Whose controls they are.
    controls : mapping
        By the names under which their values are kept: of text, numbers or files.
    """
    settings = settings_of(panel)
    for name, control in controls.items():
        with suppress(ValueError, TypeError, OSError):  # a choice or a disk that is no more
            if (value := settings.value(name)) is not None:
                _restore(control, str(value))
        control.changed.connect(partial(_note, settings, name))


def _restore(control: ValueWidget | FileEdit, text: str) -> None:
    if isinstance(control.value, float):
        control.value = float(text)
    elif not isinstance(control, FileEdit) or Path(text).is_file():
        control.value = text


def _note(settings: QSettings, name: str, value: Any) -> None:
    settings.setValue(name, "" if value is None else str(value))
