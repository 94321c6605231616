"""A panel is open once, whoever opens it."""

from napari_dodn.plugin.kit.panels import open_panel


def test_a_panel_that_is_open_comes_to_the_front_under_the_name_of_the_menu(make_napari_viewer):
    viewer = make_napari_viewer()
    first = open_panel(viewer, "Super-resolution")
    open_panel(viewer, "Compare and map")
    assert open_panel(viewer, "Super-resolution") is first
    names = [name for name in viewer.window.dock_widgets if "DODN hyperspectral" in name]
    assert names == [
        "Super-resolution (DODN hyperspectral)",
        "Compare and map (DODN hyperspectral)",
    ]
