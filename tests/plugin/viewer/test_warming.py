"""The first shape is made in a thread, once, where it takes long."""

import pytest

from napari_dodn.plugin.viewer import warming


@pytest.fixture
def shapes(monkeypatch):
    """Return what the thread has made, where a person waits and numba is there."""
    made = []
    monkeypatch.setattr(warming, "user_is_waiting", lambda: True)
    monkeypatch.setattr(warming, "find_spec", lambda _: object())
    monkeypatch.setattr(warming, "_first_shape", lambda: made.append(1))
    warming._start.cache_clear()
    yield made
    warming._start.cache_clear()


def test_the_first_shape_is_made_once(shapes, qtbot):
    warming.warm_shapes_up()
    warming.warm_shapes_up()
    qtbot.waitUntil(lambda: shapes == [1])


def test_nothing_is_made_without_numba(shapes, monkeypatch, qtbot):
    monkeypatch.setattr(warming, "find_spec", lambda _: None)
    warming.warm_shapes_up()
    qtbot.wait(50)
    assert shapes == []


def test_a_shape_can_be_made_without_a_window():
    warming._first_shape()
