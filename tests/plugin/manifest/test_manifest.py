"""What napari learns of the plugin from its manifest."""

from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_dodn
from napari_dodn.formats import written_formats


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(Path(napari_dodn.__file__).parent / "napari.yaml")


def test_every_command_leads_to_something_that_can_be_called(manifest):
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(import_module(module), name)), command.id


def test_the_manifest_at_the_root_is_the_one_that_is_installed():
    root = Path(__file__).parents[3] / "napari.yaml"
    installed = Path(napari_dodn.__file__).parent / "napari.yaml"
    assert root.read_text() == installed.read_text()


@pytest.mark.parametrize("ending", ["hdr", "bil", "mat", "h5", "hdf5", "he5", "nc"])
def test_napari_offers_us_the_files_that_may_hold_a_cube(manifest, ending):
    (reader,) = manifest.contributions.readers
    assert f"*.{ending}" in reader.filename_patterns


def test_napari_offers_each_format_that_can_be_written_by_its_endings(manifest):
    offered = {x.display_name: tuple(x.filename_extensions) for x in manifest.contributions.writers}
    assert offered == written_formats()


def test_the_menus_are_ones_that_napari_lets_plugins_add_to(manifest, make_napari_viewer):
    from napari._app_model.constants import MenuId  # the only list there is

    allowed = {str(menu) for menu in MenuId.contributables()}
    assert set(manifest.contributions.menus) <= allowed


def test_the_panels_open_from_the_menu(make_napari_viewer):
    viewer = make_napari_viewer()
    for name in ("Super-resolution", "Open a cube"):
        dock, _ = viewer.window.add_plugin_dock_widget("napari-dodn", name)
        assert dock.isVisibleTo(dock.parent())
