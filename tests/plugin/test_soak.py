"""A short soak: what `scripts/soak.py` does for long raises nothing, and leaves nothing behind."""

import random
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import pytest

from napari_dodn import write

pytestmark = [
    pytest.mark.endurance,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"),
]

EVENTS = 75


@pytest.fixture
def soak(monkeypatch):
    """Return the script as a module."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    import soak

    return soak


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


def counted(soak, viewer):
    """Return the census but for the memory, which takes long to settle."""
    return {name: n for name, n in asdict(soak.Census.of(viewer)).items() if name != "memory"}


def more(now, before):
    return {name: (before[name], n) for name, n in now.items() if n > before[name]}


@pytest.mark.parametrize("seed", [0, 1])
def test_random_events_in_the_dock_raise_nothing_and_leave_nothing(soak, viewer, tmp_path, seed):
    file = write(soak.a_cube("file"), tmp_path / "file.hdr")
    fiddler = soak.Fiddler(viewer, random.Random(seed), file)
    with soak.errors_noted() as errors:
        fiddler.begin()
        fiddler.end()
        before = soak.callbacks(viewer)
        fiddler.begin()
        for _ in range(EVENTS):
            fiddler.do()
        fiddler.end()
        soak.settle()
    assert not errors
    assert soak.callbacks(viewer) <= before


def test_a_panel_that_comes_works_and_goes_leaves_nothing(soak, viewer, small_models):
    soak.soak_panel(viewer)
    before = counted(soak, viewer)
    for _ in range(2):
        soak.soak_panel(viewer)
    assert not more(counted(soak, viewer), before)


def test_a_message_whose_window_has_gone_does_no_harm(soak, viewer, monkeypatch):
    asked = []

    class Gone:
        def close(self):
            asked.append(self)
            raise RuntimeError("Internal C++ object already deleted")

    monkeypatch.setattr(soak.NapariQtNotification, "_instances", [Gone()])
    soak.settle()
    assert asked


def test_what_stays_behind_is_told(soak, viewer):
    before = soak.Census.of(viewer)
    with ExitStack() as opened:  # more of them than what other tests left may close meanwhile
        for _ in range(20):
            opened.enter_context(open("/dev/null"))  # noqa: PTH123
        grown = soak.Census.of(viewer).growth(before)
    assert [line.split(":")[0] for line in grown if not line.startswith("memory")] == ["files"]
