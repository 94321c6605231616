"""What the panel is set to, as Python and as a command line, to be done again elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dodn.formats.registry import written_suffixes
from napari_dodn.plugin.kit.copying import (
    command_line,
    options_of,
    read_in_python,
    reading_of,
    words_of,
    words_of_reading,
)

if TYPE_CHECKING:
    from napari_dodn.plugin.upscale.run import Request

SUFFIX = written_suffixes()[0]

ON_A_CLUSTER = """\
with closing(DaskCrew({scheduler!r})) as crew:
    result, remarks = result_of(
        upscale_steps({called}, output={output!r}, crew=crew)
    )
"""


def as_python(request: Request) -> str:
    """Return the lines of Python that do the same and write the result, also on a cluster."""
    output = _output(request)
    options = ", ".join(f"{name}={value!r}" for name, value in _options(request).items())
    region = "" if request.region is None else f", region={request.region!r}"
    if request.scheduler:
        imports = [
            "from contextlib import closing\n",
            "from napari_dodn import read",
            "from napari_dodn.jobs import result_of",
            "from napari_dodn.upscaling import UpscaleOptions, upscale_steps",
            "from napari_dodn.upscaling.crew import DaskCrew",
        ]
        called = f"cube, UpscaleOptions({options}){region}"
        done = ON_A_CLUSTER.format(scheduler=request.scheduler, called=called, output=output)
    else:
        imports = ["from napari_dodn import read, upscale"]
        done = f"result = upscale(cube, {options}{region}, output={output!r})\n"
    if region:
        imports.append("from napari_dodn.cube import Region")
    return "\n".join([*imports, "", f"cube = {read_in_python(request.cube)}", done])


def as_command(request: Request) -> str:
    """Return the command line that does the same and writes the result, also on a cluster."""
    source, told = reading_of(request.cube)
    words = ["napari-dodn", "upscale", source, _output(request)]
    words += [*words_of_reading(told), *words_of(_options(request))]
    if request.scheduler:
        words += ["--scheduler", request.scheduler]
    if request.region is not None:
        words += ["--region", request.region.text]
    return command_line(words)


def _output(request: Request) -> str:
    """Return the path of the result."""
    if request.output is not None:
        return str(request.output)
    source = Path(reading_of(request.cube)[0])
    return str(source.with_name(f"{source.stem}-x{request.model.scale}{SUFFIX}"))


def _options(request: Request) -> dict[str, Any]:
    return options_of(
        request.model,
        device=request.device,
        precision=request.precision,
        tile=request.tile,
        self_ensemble=request.self_ensemble,
        blur=request.blur,
    )
