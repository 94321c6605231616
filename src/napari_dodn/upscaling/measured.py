"""Statistics of a whole cube in a file: one process measures, all others read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from napari_dodn import __version__
from napari_dodn.cube import HyperCube
from napari_dodn.formats.errors import check_new_file, file_faults_as_sentences
from napari_dodn.jobs import Steps, never
from napari_dodn.replacing import replace_text
from napari_dodn.upscaling.devices import UpscaleError
from napari_dodn.upscaling.restart import differences, fingerprint
from napari_dodn.upscaling.statistics import Statistics, measure_steps

SOURCE, COMPONENTS, STATISTICS, VERSION = "source", "components", "statistics", "version"


def statistics_from(
    path: Path,
    cube: HyperCube,
    components: int,
    cancelled: Callable[[], bool] = never,
    *,
    anew: bool = False,
) -> Steps[Statistics]:
    """Return the statistics of a cube from a file, which is made where it is not there.

    The blur is among them in any case, so that one file suits all that is told or estimated.

    Parameters
    ----------
    path : Path
        The file, JSON.
    cube : HyperCube
        The cube that they are of.
    components : int
        How many components the network takes.
    cancelled : callable
        Asked while measuring.
    anew : bool
        Measure and replace the file even if it is there.

    Raises
    ------
    UpscaleError
        If the file is of another cube or network, or damaged.
    """
    if path.exists() and not anew:
        return statistics_in(path, cube, components)
    with file_faults_as_sentences(path, "written"):
        check_new_file(path, overwrite=anew)
    found = yield from measure_steps(cube, components, cancelled=cancelled)
    content = {
        VERSION: __version__,
        SOURCE: fingerprint(cube),
        COMPONENTS: components,
        STATISTICS: found.description(),
    }
    with file_faults_as_sentences(path, "written"):
        replace_text(path, json.dumps(content))
    return found


def statistics_in(path: Path, cube: HyperCube, components: int) -> Statistics:
    """Return the statistics of a cube from a file; see `statistics_from`."""
    with file_faults_as_sentences(path, "read"):
        text = path.read_bytes()
    try:
        content = json.loads(text)
        source, count, version = content[SOURCE], content[COMPONENTS], content[VERSION]
        found = Statistics.described(content[STATISTICS])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UpscaleError(f"{path} is damaged, or holds no statistics of a cube.") from error
    if apart := differences(source, fingerprint(cube)):
        raise UpscaleError(f"{path} holds the statistics of another cube: {apart}.")
    if version != __version__:
        raise UpscaleError(
            f"{path} was measured by version {version}, and this is {__version__}; choose another"
            " file for it."
        )
    if count != components:
        raise UpscaleError(
            f"{path} holds {count} components, but the model takes {components}; choose another"
            " file for it."
        )
    return found
