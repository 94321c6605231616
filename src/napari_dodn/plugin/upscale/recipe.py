"""What the panel is set to, as Python and as a command line, to be done again elsewhere."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dodn.formats.registry import written_suffixes
from napari_dodn.network import model_file
from napari_dodn.plugin.kit.copying import file_of

if TYPE_CHECKING:
    from napari_dodn.plugin.upscale.run import Request

SUFFIX = written_suffixes()[0]


def as_python(request: Request) -> str:
    """Return the lines of Python that do the same and write the result."""
    source, output = _files(request)
    region = request.region
    imports = "from napari_dodn import read, upscale, write\n"
    words = [f"{name}={value!r}" for name, value in _options(request).items()]
    if region is not None:
        imports += "from napari_dodn.cube import Region\n"
        words.append(f"region={region!r}")
    called = ", ".join(["cube", *words])
    lines = [
        f"cube = read({source!r})",
        f"result = upscale({called})",
        f"write(result, {output!r})",
    ]
    return "\n".join([imports, *lines, ""])


def as_command(request: Request) -> str:
    """Return the command line that does the same and writes the result, also on a cluster."""
    source, output = _files(request)
    words = ["napari-dodn", "upscale", source, output]
    for name, value in _options(request).items():
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    if request.scheduler:
        words += ["--scheduler", request.scheduler]
    if request.region is not None:
        y0, y1, x0, x1 = request.region
        words += ["--region", f"{y0}:{y1},{x0}:{x1}"]
    return shlex.join(words)


def _files(request: Request) -> tuple[str, str]:
    """Return the paths of the source and of the result."""
    source = file_of(request.cube)
    if request.output is not None:
        return source, str(request.output)
    path = Path(source)
    return source, str(path.with_name(f"{path.stem}-x{request.model.scale}{SUFFIX}"))


def _options(request: Request) -> dict[str, Any]:
    """Return the options that are not as they are by default, by their names in Python."""
    card = request.model
    is_ours = card.path.parent == model_file.BUNDLED
    chosen = {
        "scale": card.scale,
        "model": card.name if is_ours else str(card.path),
        "device": request.device,
        "precision": request.precision,
        "tile": request.tile,
        "self_ensemble": request.self_ensemble,
        "blur": request.blur,
    }
    usual = {"device": "auto", "precision": "auto", "tile": "auto", "self_ensemble": False}
    usual["blur"] = "auto"
    return {name: value for name, value in chosen.items() if usual.get(name) != value}
