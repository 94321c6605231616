"""The table of figures: how far the result, and bicubic interpolation, are from a reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from magicgui.widgets import Table
from qtpy.QtWidgets import QHeaderView, QSizePolicy

from napari_dodn.metrics import METRICS

if TYPE_CHECKING:
    from napari_dodn.metrics import Quality

FIGURES = ("psnr", "ssim", "sam", "ergas")
"""Metrics that are shown."""


class FigureTable(Table):
    """A table that is there only while it has figures."""

    def __init__(self) -> None:
        super().__init__(visible=False)
        policy = QSizePolicy.Policy  # so that the room below stays below
        self.native.setSizePolicy(policy.Ignored, policy.Fixed)

    def show_figures(self, qualities: Mapping[str, Quality]) -> None:
        """Show the figures of each method, by its name."""
        self.value = {
            "index": list(qualities),
            "columns": [METRICS[key].heading for key in FIGURES],
            "data": [
                [METRICS[key].text(getattr(quality, key)) for key in FIGURES]
                for quality in qualities.values()
            ],
        }
        self.read_only = True
        self.visible = True
        table = self.native
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        table.setFixedHeight(header.height() + len(qualities) * table.rowHeight(0) + 4)
