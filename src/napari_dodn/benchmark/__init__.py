"""The published protocols as code: which scenes, how they are reduced, what is measured on them.

`protocol` reads what a protocol says, `scenes` the scenes; `methods` are what is compared; `job`
runs a protocol and `sensors` any cubes, as generators of events, both by `runner`; `cost` measures
what a result costs; `result` is what comes out, and `report` makes tables of it.
"""

from napari_dodn.benchmark.job import benchmark_steps, cave_steps, ntire2020_steps
from napari_dodn.benchmark.protocol import BenchmarkError, Protocol, load_protocol
from napari_dodn.benchmark.result import Benchmark, Measured
from napari_dodn.benchmark.sensors import sensor_steps

__all__ = [
    "Benchmark",
    "BenchmarkError",
    "Measured",
    "Protocol",
    "benchmark_steps",
    "cave_steps",
    "load_protocol",
    "ntire2020_steps",
    "sensor_steps",
]
