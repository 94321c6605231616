"""The sheet of keys."""

from napari_dodn.plugin.manifest.keys import key_sheet
from napari_dodn.plugin.viewer.bands import COLOURS_KEY
from napari_dodn.plugin.views.comparison import BESIDE_KEY, HOLD_KEY, SWIPE_KEY


def test_the_sheet_names_every_key_that_the_plugin_binds():
    for key in (COLOURS_KEY, BESIDE_KEY, SWIPE_KEY, f"hold {HOLD_KEY}"):
        assert key.replace("-", "+") in key_sheet()
