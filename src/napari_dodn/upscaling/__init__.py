"""A network over a cube of any size: tiles, halo, devices, precision, progress.

`engine` is what is called, `options` what a caller decides, `job` one cube on its way, `tiles` cuts
the work, `statistics` measures a whole cube, `results` puts a tile together, `devices` knows what
there is to run on, `sharing` and `crew` let several processes fill one result, `restart` goes on
with an interrupted one, and `run` is what a result says of how it was made.
"""

from napari_dodn.upscaling.devices import UpscaleError, list_devices
from napari_dodn.upscaling.engine import bicubic, bicubic_steps, part_steps, upscale, upscale_steps
from napari_dodn.upscaling.options import UpscaleOptions

__all__ = [
    "UpscaleError",
    "UpscaleOptions",
    "bicubic",
    "bicubic_steps",
    "list_devices",
    "part_steps",
    "upscale",
    "upscale_steps",
]
