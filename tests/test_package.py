"""The package as a whole: quick to import, and built in one direction."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import napari_dodn

PACKAGE = Path(napari_dodn.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Rooms of the house from the cellar up: a room uses those of the levels below it, and itself.
LEVELS = [
    {"errors", "jobs", "paths", "claims", "map_info", "crs", "sensor_blur", "wording", "_version"},
    {"plain_types", "cube_checks"},
    {"replacing", "scratch"},
    {"bad_values"},
    {"bad_value_search"},
    {"cube", "filling"},
    {"reach"},
    {"spectra", "sampling", "calibration"},
    {"metrics"},
    {"network", "degradation", "blur", "formats", "sample"},
    {"upscaling", "batch"},
    {"distillation"},
    {"benchmark"},
    {"plugin"},
    {"cli"},
    {"__main__"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

GUI = {"napari", "qtpy", "PySide6", "PyQt6", "magicgui", "superqt", "vispy", "pyqtgraph"}
SLOW = {"torch", "skimage", "scipy", "h5py", "spectral", "dask", "colour", "pandas", "pyproj"}


WING = "napari_dodn.plugin."
OWNER_OF_METADATA = "plugin/viewer/layers.py"
OWNED = {
    "napari_dodn.plugin.kit.job.Closing": "plugin/kit/lifetime.py",
    "napari_dodn.plugin.kit.dock.Docked": "plugin/kit/lifetime.py",
    "qtpy.QtCore.QSettings": "plugin/kit/settings.py",
    "qtpy.QtGui.QGuiApplication": "plugin/kit/clipboard.py",
}
"""What only one module of the plugin uses; the others use that module."""

MOST_ON_TOP = {"formats": 12, "plugin": 6}


def room_of(module: Path) -> str:
    return module.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(module: Path) -> set[str]:
    """Return the dotted names of all that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def relative_name(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


rooms = pytest.mark.parametrize(
    "module", [m for m in MODULES if room_of(m) != "__init__"], ids=relative_name
)


@rooms
def test_a_module_imports_only_from_its_own_room_and_those_below(module):
    room = room_of(module)
    used = {name.split(".")[1] for name in imports_of(module) if name.startswith("napari_dodn.")}
    above = {
        other
        for other in used - {room, "__version__", *napari_dodn.__all__}
        if LEVEL[other] >= LEVEL[room]
    }
    assert not above


@rooms
def test_only_the_plugin_knows_napari_and_qt(module):
    if room_of(module) != "plugin":
        assert not {name.split(".")[0] for name in imports_of(module)} & GUI


in_the_plugin = pytest.mark.parametrize(
    "module", [m for m in MODULES if room_of(m) == "plugin"], ids=relative_name
)


@in_the_plugin
def test_no_panel_imports_another(module):
    wing = module.relative_to(PACKAGE / "plugin").parts[0]
    used = {name.split(".")[2] for name in imports_of(module) if name.startswith(WING)}
    below = {"views": {"kit", "viewer"}, "viewer": {"kit"}, "kit": set()}.get(
        wing, {"kit", "viewer", "views"}
    )
    assert used <= {wing, *below}


@in_the_plugin
def test_one_module_alone_touches_what_layers_carry(module):
    of_layers = {"layer", "stack", "picture", "own", "other", "source"}
    touched = [
        node
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "metadata"
        and isinstance(node.value, ast.Name)
        and node.value.id in of_layers
    ]
    knows_the_key = "napari_dodn.plugin.viewer.layers.KEY" in imports_of(module)
    assert relative_name(module) == OWNER_OF_METADATA or not (touched or knows_the_key)


@in_the_plugin
def test_panels_are_built_on_the_skeleton_of_the_kit(module):
    owned = {name for name in imports_of(module) if name in OWNED}
    owners = {OWNED[name] for name in owned}
    assert owners <= {relative_name(module)}


@pytest.mark.parametrize("wing", ["formats", "plugin"])
def test_few_modules_stand_on_top_of_a_wing(wing):
    assert len(list((PACKAGE / wing).glob("*.py"))) <= MOST_ON_TOP[wing]


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("napari_dodn", GUI | SLOW | {"numpy"}),
        ("napari_dodn.formats", GUI | SLOW),
        ("napari_dodn.plugin.manifest.readers", GUI | SLOW),
        ("napari_dodn.sample", GUI | SLOW),
        ("napari_dodn.blur", GUI | SLOW),
        ("napari_dodn.cli", GUI | SLOW),
    ],
)
def test_importing_a_module_does_not_bring_in_slow_ones(module, unwanted):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & unwanted


def test_every_public_name_can_be_had_from_the_package():
    for name in napari_dodn.__all__:
        assert getattr(napari_dodn, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = napari_dodn.no_such_name


def test_napari_finds_the_manifest_of_the_plugin():
    (entry,) = entry_points(group="napari.manifest", name="napari-dodn")
    package, _, file = entry.value.partition(":")
    assert package == "napari_dodn"
    assert (PACKAGE / file).is_file()
