"""The cubes of a training, and which are held out."""

from napari_dodn.distillation.split import named_apart


def test_names_are_told_apart_however_they_are():
    assert named_apart(["a", "b", "a"]) == ["a", "b", "a 2"]
    assert len(set(named_apart(["a", "a", "a 2", "a 3", "a"]))) == 5
