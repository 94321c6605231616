"""napari's way in: files and folders become the layers of a cube.

This module is imported for every file that napari thinks of giving us, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_dodn.plugin.viewer.placing import LayerData

NOTHING: list[Any] = [(None,)]
"""What a napari reader returns when it has opened no layer and has said why."""


def napari_get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the reader of a file or folder; files that are to be stacked are not ours."""
    return _read_for_napari if isinstance(path, str) else None


def _read_for_napari(path: str) -> list[LayerData]:
    """Raise errors in a script, show them at the window: napari would replace them by its own."""
    from napari_dodn.plugin.kit.session import user_is_waiting

    return read_for_user(path) if user_is_waiting() else read_layers(path)


def read_layers(path: str, **options: Any) -> list[LayerData]:
    """Read a file or folder into the layers of a cube.

    Parameters
    ----------
    path : str
        A file, or a folder of band images.
    **options
        Options of `napari_dodn.read`.

    Raises
    ------
    FormatError
        One sentence that names the file and the fault.
    """
    from napari import current_viewer
    from napari.utils.notifications import show_info

    from napari_dodn.plugin.kit.session import in_window_words, user_is_waiting
    from napari_dodn.plugin.viewer.reading import cube_and_layers

    viewer = current_viewer()
    # A script gets its layers ready to be used; a person is not to wait for the picture.
    draft = viewer is not None and user_is_waiting()
    cube, layers = cube_and_layers(path, draft=draft, **options)

    from napari_dodn.plugin.viewer.drafts import finish_drafts  # which the thread has loaded
    from napari_dodn.plugin.viewer.overlap import placed
    from napari_dodn.plugin.viewer.setting_up import set_up

    if cube.notes:  # in one toast, which goes by itself; the panels say them again
        show_info(f"{cube.name}: {in_window_words(' '.join(cube.notes))}")
    if viewer is not None:
        layers = placed(layers, viewer.layers)
        set_up(viewer)
    if draft:
        finish_drafts(viewer)
    return layers


def read_for_user(path: str, **options: Any) -> list[LayerData]:
    """Read for a person at the window: ask between candidates, and show errors as notifications.

    Returns
    -------
    list of LayerData
        `NOTHING` where no cube could be read or the person chose none.
    """
    from napari.utils.notifications import show_error

    from napari_dodn.formats import AmbiguousError, LargeError
    from napari_dodn.plugin.kit.session import agrees, choose, in_window_words, sentence

    try:
        try:
            return read_layers(path, **options)
        except LargeError as error:
            if not agrees(error.question):
                return NOTHING
            return read_for_user(path, **options, large=True)
        except AmbiguousError as error:
            if options.get("dataset"):
                raise
            dataset = choose(in_window_words(str(error)), error.candidates)
            return (
                NOTHING
                if dataset is None
                else read_for_user(path, **{**options, "dataset": dataset})
            )
    except Exception as error:  # noqa: BLE001 - shown, whatever it is
        show_error(sentence(error, f"Reading {path}"))
        return NOTHING
