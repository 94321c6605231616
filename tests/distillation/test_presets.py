"""Presets: whole configurations, which given values change."""

import pytest

from napari_dodn.distillation.faults import ConfigError
from napari_dodn.distillation.presets import PRESETS, with_preset

SMALLEST = {"name": "mine", "data": {"cubes": ["a.hdr"]}}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_whole_configuration(preset):
    config = with_preset(preset, SMALLEST)
    for section, fields in PRESETS[preset].items():
        for key, value in fields.items():
            assert getattr(getattr(config, section), key) == value


def test_values_given_go_before_those_of_the_preset():
    config = with_preset("quick", SMALLEST | {"schedule": {"steps": 7}})
    assert config.schedule.steps == 7
    assert config.schedule.batch == PRESETS["quick"]["schedule"]["batch"]


def test_the_quick_preset_takes_fewer_steps_from_a_model_unless_told_otherwise():
    started = SMALLEST | {"student": {"start": "dodn-x4"}}
    assert with_preset("quick", SMALLEST).schedule.steps == 2000
    assert with_preset("quick", started).schedule.steps == 600
    assert with_preset("quick", started | {"schedule": {"steps": 7}}).schedule.steps == 7
    assert with_preset("good", started).schedule.steps == 30000


def test_a_section_that_is_none_is_named_with_a_preset_too():
    with pytest.raises(ConfigError) as caught:
        with_preset("quick", SMALLEST | {"student": 3})
    assert list(caught.value.faults) == ["student"]


def test_a_preset_that_is_none_is_named():
    with pytest.raises(ConfigError, match="no preset 'huge'"):
        with_preset("huge", SMALLEST)
