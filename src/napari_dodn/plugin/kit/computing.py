"""The fields that say where to compute: a device of this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, LineEdit

from napari_dodn.formats import is_resumable
from napari_dodn.formats.registry import resumable_in_words
from napari_dodn.plugin.kit.job import Cancelled, Failure, Job, without_progress

if TYPE_CHECKING:
    from napari_dodn.upscaling.crew import DaskCrew

DEVICES = (("auto", "auto"), ("CPU", "cpu"))
"""What there is for certain. To find more PyTorch must be loaded, which a thread does."""


class DeviceBox(ComboBox):
    """A box of the devices of this machine."""

    def __init__(self) -> None:
        super().__init__(
            label="Device",
            choices=DEVICES,
            tooltip="Where to compute. 'auto' chooses the fastest device.",
        )

    def look(self, is_open: Callable[[], bool]) -> None:
        """Look for more devices, and offer them unless the panel is closed by then."""
        if version("torch").endswith("+cpu"):
            return
        self._is_open = is_open
        # Its end holds this weakly; a worker's signal would keep the panel as long as the window.
        Job(without_progress(devices_found), "Looking for devices").then(self._offer)

    def _offer(self, found: list[tuple[str, str]] | Failure | Cancelled) -> None:
        if isinstance(found, list) and self._is_open():
            self.choices = found


class ClusterEdit(LineEdit):
    """A field for the address of a cluster."""

    def __init__(self) -> None:
        super().__init__(
            label="Cluster",
            tooltip="Address of the scheduler of a Dask cluster that does the tiles, such as"
            " tcp://HOST:8786. Its workers reach the cube's file and what is written. Left empty,"
            " this machine does them.",
        )

    @property
    def address(self) -> str:
        """The address; empty for this machine."""
        return str(self.value).strip()


def fault_of_cluster(output: Path | None) -> str:
    """Return why a cluster cannot write an output, in one sentence; nothing where it can."""
    if output is None or not is_resumable(output):
        return f"A cluster writes to a file: {resumable_in_words()}."
    return ""


def cluster_at(address: str) -> AbstractContextManager[DaskCrew | None]:
    """Return the cluster that does the tiles, which is left in the end; None for this machine."""
    if not address:
        return nullcontext()
    from napari_dodn.upscaling.crew import DaskCrew

    return closing(DaskCrew(address))


def devices_found() -> list[tuple[str, str]]:
    """Return the devices that PyTorch has, with names for the screen; loads PyTorch."""
    try:
        import torch

        from napari_dodn.upscaling import list_devices
    except (ImportError, OSError):  # a run says why; the panel opens all the same
        return list(DEVICES)
    names = {value: label for label, value in DEVICES}
    for device in list_devices():
        if device.startswith("cuda"):
            names[device] = f"{device} ({torch.cuda.get_device_name(device)})"
    return [(names.get(device, device), device) for device in list_devices()]
