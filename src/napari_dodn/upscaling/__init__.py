"""Super-resolution of cubes of any size: tiles, halo, devices, precision, progress.

`upscale` does it in one call, `upscale_steps` as a job with progress, `part_steps` in parts on
several machines. `bicubic` is the baseline.

`engine` has these functions and `options` what a caller decides. `job` is one cube in work: `tiles`
cuts it, `statistics` measures all of it, `results` puts a tile together, and `devices` knows where
to compute. `sharing` and `crew` let several processes fill one result, `restart` continues an
interrupted one, and `run` records in a result how it was made.
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
