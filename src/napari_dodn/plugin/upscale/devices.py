"""What computes: the devices for the panel to choose from."""

from __future__ import annotations

DEVICES = (("auto", "auto"), ("CPU", "cpu"))
"""What there is for certain. To find more PyTorch must be loaded, which a thread does."""


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
