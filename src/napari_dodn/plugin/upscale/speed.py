"""How long a run will take: the speed of the last one of its kind is remembered."""

from __future__ import annotations

from napari_dodn.plugin.kit.job import duration
from napari_dodn.plugin.kit.settings import settings_of
from napari_dodn.plugin.upscale.run import Request

SPEED = "pixels a second"
"""Under which a speed is remembered, for each way of computing."""

LEAST_SECONDS, LEAST_PIXELS = 1.0, 2048
"""Less time of tiles, or fewer pixels, say nothing of a speed: a first tile takes long to begin."""


def note_speed(panel: str, request: Request, pixels: int, seconds: float) -> None:
    """Remember how quick the tiles were, unless they were too few to tell."""
    if seconds >= LEAST_SECONDS and pixels >= LEAST_PIXELS:
        settings_of(panel).setValue(_key(request), str(pixels / seconds))


def expected_time(panel: str, request: Request) -> str:
    """Return how long a run takes, for the screen; empty where nothing is known."""
    height, width = request.size()
    try:
        speed = float(str(settings_of(panel).value(_key(request))))
    except ValueError:
        return ""
    return duration(height * width / max(speed, 1e-9))


def _key(request: Request) -> str:
    views = " of 8 views" * request.self_ensemble
    where = request.scheduler or request.device
    return f"{SPEED} with {request.model.name} in {request.precision} on {where}{views}"
