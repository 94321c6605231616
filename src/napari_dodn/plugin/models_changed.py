"""Tells all panels that a model has come, gone or got another name."""

from __future__ import annotations

import psygnal


class Models:
    """The models that can be chosen; `changed` is emitted where there are others than before."""

    changed = psygnal.Signal()


models = Models()
