"""Opens panels of this plugin from elsewhere in it, under the names that the menu gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from npe2 import PluginManager

from napari_dodn.plugin.kit.dock import dock_of

if TYPE_CHECKING:
    from napari import Viewer

PLUGIN = "napari-dodn"


def open_panel(viewer: Viewer, title: str) -> Any:
    """Bring a panel to the front, and open it where it is not.

    napari's own way takes the plugin's name for its title, and would open what the menu has
    opened, or opens later, a second time.

    Parameters
    ----------
    viewer : napari.Viewer
        In whose window.
    title : str
        Of the panel, as the manifest has it.
    """
    manifest = PluginManager.instance().get_manifest(PLUGIN)
    name = f"{title} ({manifest.display_name})"
    panel = viewer.window.dock_widgets.get(name)
    if panel is None:
        (made,) = (x for x in manifest.contributions.widgets or () if x.display_name == title)
        panel = made.get_callable()(viewer)
        viewer.window.add_dock_widget(panel, name=name)
    elif (dock := dock_of(getattr(panel, "native", panel))) is not None:
        dock.show()
        dock.raise_()
    return panel
