"""The configuration: a sentence for each mistake, and TOML there and back."""

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dodn.distillation.config import TrainConfig, Variant, checked
from napari_dodn.distillation.config_file import config_text, load_config
from napari_dodn.distillation.faults import ConfigError

SMALLEST = {"name": "mine", "data": {"cubes": ["a.hdr"]}}


@pytest.mark.parametrize(
    ("section", "fields", "name", "sentence"),
    [
        ("student", {"scale": 3}, "student.scale", "It must be 2, 4 or 8, not 3."),
        ("student", {"width": 3}, "student.width", "There is no such field."),
        (
            "student",
            {"branch_2d": "pooled"},
            "student.branch_2d",
            "no longer exists; use 'whole' instead",
        ),
        ("student", {"components": 0}, "student.components", "It must be at least 1, not 0."),
        ("data", {"cubes": []}, "data.cubes", "It must not be empty."),
        ("data", {"cubes": "a.hdr"}, "data.cubes", "It must be a list, not 'a.hdr'."),
        ("msi", {"table": 1}, "msi.table", "It must be the path of a file or folder, not 1."),
        ("data", {"sharper": 1}, "data.sharper", "It must be a section with fields of its own"),
        ("schedule", {"steps": 0}, "schedule.steps", "It must be at least 1, not 0."),
        ("schedule", {"average": 1}, "schedule.average", "It must be below 1, not 1."),
        ("degradation", {"psf": [2, 1]}, "degradation.psf", "2, is above the highest, 1."),
        ("degradation", {"kinds": []}, "degradation.kinds", "It must not be empty."),
        ("degradation", {"psf": [0, 1e308]}, "degradation.psf", "16"),
        ("degradation", {"spectral": [0, 1]}, "degradation.spectral", "It must be above 0, not 0."),
        ("degradation", {"spectral": [1, 2]}, "degradation.spectral", "the distillation 'none'"),
        ("msi", {"source": "table"}, "msi.table", "Choose the CSV file"),
        ("distillation", {"variant": "magic"}, "distillation.variant", "not 'magic'."),
    ],
)
def test_a_faulty_field_is_named_with_a_sentence(section, fields, name, sentence):
    values = SMALLEST | {section: SMALLEST.get(section, {}) | fields}
    with pytest.raises(ConfigError) as error:
        checked(values)
    assert list(error.value.faults) == [name]
    assert sentence in error.value.faults[name]


def test_a_recipe_speaks_of_other_bands_only_where_there_are_some():
    untaught = SMALLEST | {"distillation": {"variant": "none"}}
    assert "spectral" not in checked(untaught).recipe()["degradation"]
    resampling = checked(untaught | {"degradation": {"spectral": [0.5, 2]}})
    assert resampling.recipe()["degradation"]["spectral"] == [0.5, 2.0]


@pytest.mark.parametrize(
    ("start", "schedule", "rate"),
    [
        (None, {"learning_rate": 2e-3}, 2e-3),
        ("dodn-x2", {"learning_rate": 2e-3}, 4e-4),
        ("dodn-x2", {"learning_rate": 1e-4}, 1e-4),
        ("dodn-x2", {"learning_rate": 2e-3, "start_rate": 2e-3}, 2e-3),
    ],
)
def test_a_student_that_starts_from_a_model_learns_more_slowly(start, schedule, rate):
    config = checked(SMALLEST | {"student": {"start": start}, "schedule": schedule})
    assert config.student_rate == rate


def test_a_run_from_before_there_was_a_start_rate_goes_on():
    assert "start_rate" not in checked(SMALLEST).recipe()["schedule"]
    other = checked(SMALLEST | {"schedule": {"start_rate": 1e-3}})
    assert other.recipe()["schedule"]["start_rate"] == 1e-3


@pytest.mark.parametrize("name", ["", "a/b", "../x", " x", "a:b"])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(ConfigError) as error:
        checked(SMALLEST | {"name": name})
    assert list(error.value.faults) == ["name"]


@pytest.mark.parametrize("part", ["schedule", "teacher"])
def test_steps_that_would_train_for_years_are_refused(part):
    with pytest.raises(ConfigError) as error:
        checked(SMALLEST | {part: {"steps": 10**9}})
    sentence = "It must be at most 10,000,000, not 1000000000."
    assert error.value.faults == {f"{part}.steps": sentence}


def test_what_is_missing_is_said():
    with pytest.raises(ConfigError) as error:
        checked({})
    assert error.value.faults == {"name": "It must be given.", "data": "It must be given."}


@given(
    variant=st.sampled_from(get_args(Variant)),
    weight=st.floats(0, 10),
    psf=st.tuples(st.floats(0, 1), st.floats(1, 2)),
    side=st.none() | st.integers(32, 10_000),
    steps=st.integers(1, 10**6),
)
def test_a_configuration_comes_back_from_toml(tmp_path_factory, variant, weight, psf, side, steps):
    file = tmp_path_factory.mktemp("config") / "config.toml"
    config = checked(
        {
            "name": "mine",
            "data": {"cubes": ["/data/a.hdr"], "validation_side": side},
            "msi": {"pictures": {"a b": "/data/a.png"}},
            "degradation": {"kinds": ["gaussian"], "psf": psf},
            "distillation": {"variant": variant, "weight": weight},
            "schedule": {"steps": steps},
        }
    )
    file.write_text(config_text(config), encoding="utf-8")
    assert load_config(file) == config


def test_relative_paths_count_from_the_configurations_folder(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('name = "a"\n[data]\ncubes = ["x.hdr"]\n[msi]\ntable = "t.csv"\n')
    config = load_config(file)
    assert config.data.cubes == (tmp_path / "x.hdr",)
    assert config.msi.table == tmp_path / "t.csv"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": 3}, "name: It must be a text, not 3."),
        ({"data": 3}, "data: It must be a section with fields of its own, not 3."),
    ],
)
def test_a_section_or_text_of_another_kind_is_said_in_plain_words(values, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        checked(SMALLEST | values)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "notepad.toml"
    file.write_text('name = "a"\n[data]\ncubes = ["x.hdr"]\n', encoding="utf-8-sig")
    assert load_config(file).name == "a"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"name = ", "not TOML"), (b"\xff\xfe", "cannot be read"), (b'name = "a"', "must be given")],
)
def test_a_file_that_is_no_configuration_is_refused_by_name(tmp_path, content, sentence):
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence) as error:
        load_config(file)
    assert "bad.toml" in str(error.value)


def test_every_field_has_a_description():
    for section in TrainConfig.model_fields.values():
        fields = getattr(section.annotation, "model_fields", {"": section})
        assert all(field.description for field in fields.values())
