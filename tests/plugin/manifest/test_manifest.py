"""What napari learns of the plugin from its manifest."""

from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_dodn
from napari_dodn.formats.registry import FORMATS, written_formats
from napari_dodn.plugin.manifest import panels


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(Path(napari_dodn.__file__).parent / "napari.yaml")


def test_every_command_leads_to_something_that_can_be_called(manifest):
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        assert callable(getattr(import_module(module), name)), command.id


def test_a_panel_that_there_is_not_is_no_attribute():
    with pytest.raises(AttributeError, match="Nowhere"):
        _ = panels.Nowhere


def test_the_manifest_at_the_root_is_the_one_that_is_installed():
    root = Path(__file__).parents[3] / "napari.yaml"
    installed = Path(napari_dodn.__file__).parent / "napari.yaml"
    assert root.read_text() == installed.read_text()


def test_napari_offers_us_the_files_of_the_formats_that_it_does_not_know(manifest):
    (reader,) = manifest.contributions.readers
    ours = [f"*{suffix}" for kind in FORMATS if kind.offered for suffix in kind.suffixes]
    assert sorted(reader.filename_patterns) == sorted(ours)


def test_napari_offers_each_format_that_can_be_written_by_its_endings(manifest):
    offered = {x.display_name: tuple(x.filename_extensions) for x in manifest.contributions.writers}
    assert offered == written_formats()


def test_each_format_that_can_be_written_has_a_command_of_its_name(manifest):
    offered = {x.display_name: x.command for x in manifest.contributions.writers}
    expected = {name: f"napari-dodn.write_{name.lower()}" for name in written_formats()}
    assert offered == expected
    with pytest.raises(ImportError):
        from napari_dodn.plugin.manifest.writers import write_nothing  # noqa: F401


def test_the_menus_are_ones_that_napari_lets_plugins_add_to(manifest, make_napari_viewer):
    from napari._app_model.constants import MenuId  # the only list there is

    allowed = {str(menu) for menu in MenuId.contributables()}
    assert set(manifest.contributions.menus) <= allowed


def test_the_panels_open_from_the_menu(make_napari_viewer):
    viewer = make_napari_viewer()
    for name in ("Super-resolution", "Open a cube"):
        dock, _ = viewer.window.add_plugin_dock_widget("napari-dodn", name)
        assert dock.isVisibleTo(dock.parent())
