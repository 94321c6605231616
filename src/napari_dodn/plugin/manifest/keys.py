"""Help: all keys of the plugin on one sheet."""

from __future__ import annotations

KEYS = (
    ("hold {hold}", "show the source instead of the result"),
    ("{swipe}", "turn the swipe line between source and result on or off"),
    ("{beside}", "turn the side-by-side view of source and result on or off"),
    ("← →", "move the swipe line, when it has the focus"),
    ("{colours}", "switch between the colours and the current band"),
    ("K, Shift+click", "pin a spectrum (Spectral profiles)"),
    ("Ctrl+D", "compare all spectra with the selected one"),
    ("F2, Del", "rename, remove the selected spectrum"),
    ("Ctrl+C, Ctrl+V", "copy the ticked spectra, paste spectra"),
    ("Ctrl+Shift+P", "napari's list of all commands, including the plugin's"),
    ("Tab, Space, Alt+↓", "in a panel: next control, press it, open its list"),
)
"""Keys with what they do; those that the code binds are filled in."""


def key_sheet() -> str:
    """Return the sheet as text."""
    from napari_dodn.plugin.viewer.bands import COLOURS_KEY
    from napari_dodn.plugin.views.comparison import BESIDE_KEY, HOLD_KEY, SWIPE_KEY

    bound = {"hold": HOLD_KEY, "swipe": SWIPE_KEY, "beside": BESIDE_KEY, "colours": COLOURS_KEY}
    shown = {name: key.replace("-", "+") for name, key in bound.items()}
    return "\n".join(f"{keys.format(**shown):<20}{what}" for keys, what in KEYS)


def show_keys() -> None:
    """Show the sheet in a window of its own."""
    from napari import current_viewer

    from napari_dodn.plugin.kit.reading import show_text
    from napari_dodn.plugin.viewer.drawing import view_of

    if (viewer := current_viewer()) is not None:
        show_text(view_of(viewer).window(), "Keys of DODN hyperspectral", key_sheet())
