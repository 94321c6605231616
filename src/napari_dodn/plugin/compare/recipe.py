"""What the panel is set to, as Python and, where there is one, as a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dodn.cube import HyperCube
from napari_dodn.plugin.compare.maps import OF_A_SPECTRUM, OF_TWO_BANDS, Request, Task
from napari_dodn.plugin.kit.copying import (
    NothingToCopyError,
    command_line,
    read_in_python,
    reading_of,
    words_of,
)

if TYPE_CHECKING:
    from napari_dodn.spectra.library import Spectrum

OF_BANDS = {Task.RATIO: "band_ratio_steps", Task.DIFFERENCE: "normalised_difference_steps"}
OF_SPECTRA = {Task.ANGLE: "angle_map_steps", Task.DISTANCE: "distance_map_steps"}


def as_python(request: Request) -> str:
    """Return the lines of Python that compute the same.

    Raises
    ------
    NothingToCopyError
        If something is still to be chosen.
    """
    cube = _ready(request)
    lines = ["from napari_dodn import read", f"\ncube = {read_in_python(cube)}"]
    task = request.task
    if task in OF_TWO_BANDS:
        a, b = request.wavelengths
        lines[0] += _imported("jobs", "result_of") + _imported("spectra.maps", OF_BANDS[task])
        lines.append(f"values = result_of({OF_BANDS[task]}(cube, {a:g}, {b:g}))")
    elif task in OF_A_SPECTRUM:
        assert request.spectrum is not None
        lines[0] += _imported("jobs", "result_of") + _imported("spectra.maps", OF_SPECTRA[task])
        lines[0] += _imported("spectra.library", "Spectrum")
        lines.append(f"spectrum = {_spectrum(request.spectrum)}")
        lines.append(f"values = result_of({OF_SPECTRA[task]}(cube, spectrum))")
    elif task is Task.COMPARE:
        assert request.other is not None
        lines[0] += _imported("metrics", "compare")
        lines.append(f"reference = {read_in_python(request.other)}")
        lines.append("print(compare(cube, reference))")
    else:
        assert request.other is not None
        lines[0] += _imported("jobs", "result_of")
        lines[0] += _imported("spectra.comparison", "consistency_steps")
        region = ""
        if request.region is not None:
            lines[0] += _imported("cube", "Region")
            region = f", region={request.region!r}"
        lines.append(f"source = {read_in_python(request.other)}")
        lines.append(f"found = result_of(consistency_steps(cube, source, {request.scale}{region}))")
        lines.append("print(found.rmse, found.angle)")
    return "\n".join([*lines, ""])


def as_command(request: Request) -> str:
    """Return the command line that computes the figures of a comparison.

    Raises
    ------
    NothingToCopyError
        If there is none for the task, or something is still to be chosen.
    """
    if request.task is not Task.COMPARE:
        raise NothingToCopyError(f"There is no command for '{request.task}': copy it as Python.")
    cube = _ready(request)
    assert request.other is not None
    (result, told), (reference, others) = map(reading_of, (cube, request.other))
    if told.get("nodata") != others.get("nodata"):
        raise NothingToCopyError(
            "The command takes one no-data value for both cubes, but they were opened with"
            " different ones: copy it as Python."
        )
    which = ("dataset", "axes")
    options: dict[str, Any] = {name: told[name] for name in (*which, "nodata") if name in told}
    options |= {f"reference_{name}": others[name] for name in which if name in others}
    if "large" in {*told, *others}:
        options["large"] = True
    return command_line(["napari-dodn", "evaluate", result, reference, *words_of(options)])


def _ready(request: Request) -> HyperCube:
    if fault := request.fault():
        raise NothingToCopyError(fault)
    assert request.cube is not None
    return request.cube


def _imported(module: str, name: str) -> str:
    return f"\nfrom napari_dodn.{module} import {name}"


def _spectrum(spectrum: Spectrum) -> str:
    given = {"wavelengths": spectrum.wavelengths, "fwhm": spectrum.fwhm}
    words = [repr(spectrum.name), _listed(spectrum.valid_values)]
    words += [f"{key}={_listed(values)}" for key, values in given.items() if values is not None]
    return f"Spectrum({', '.join(words)})"


def _listed(values: np.ndarray) -> str:
    """Return numbers as Python writes them, with all digits; what is missing is NaN."""
    numbers = (repr(float(x)) if np.isfinite(x) else f'float("{x}")' for x in values)
    return f"[{', '.join(numbers)}]"
