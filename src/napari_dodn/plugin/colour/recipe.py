"""What the panel is set to, as Python that writes the picture."""

from __future__ import annotations

from dataclasses import fields

from napari_dodn.cube import HyperCube
from napari_dodn.plugin.kit.copying import read_in_python
from napari_dodn.spectra.colour import Rendering


def as_python(cube: HyperCube, rendering: Rendering) -> str:
    """Return the lines of Python that make the same picture of a cube and write it."""
    usual = Rendering()
    set_to = {field.name: getattr(rendering, field.name) for field in fields(Rendering)}
    words = [
        f"{name}={value if not isinstance(value, str) else str(value)!r}"
        for name, value in set_to.items()
        if value != getattr(usual, name)
    ]
    return "\n".join(
        [
            "from imageio.v3 import imwrite",
            "from napari_dodn import read",
            "from napari_dodn.spectra.colour import Rendering, render",
            "",
            f"cube = {read_in_python(cube)}",
            f"rendering = Rendering({', '.join(words)})",
            'imwrite("colours.png", render(cube, rendering=rendering))',
            "",
        ]
    )
