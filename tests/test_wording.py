"""Parts of sentences: counts, sizes and lists."""

import pytest

from napari_dodn.wording import (
    all_of,
    counted,
    few_of,
    limit_in_words,
    one_of,
    rounded,
    shape_in_words,
    size_in_words,
    span,
)


def test_one_thing_is_singular_and_all_other_counts_are_plural():
    assert [counted(count, "bad band") for count in (0, 1, 2)] == [
        "0 bad bands",
        "1 bad band",
        "2 bad bands",
    ]


def test_the_shape_of_a_cube_names_its_bands_and_pixels():
    assert shape_in_words((1, 30, 40)) == "1 band of 30 × 40 pixels"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (235, "235 bytes"),
        (99_000, "99.0 kB"),
        (2e6, "2.00 MB"),
        (149e6, "149 MB"),
        (1.23e9, "1.23 GB"),
        (2_345e9, "2,345 GB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits_it(size, said):
    assert size_in_words(size) == said


def test_of_many_names_the_first_few_are_told_and_how_many_more_there_are():
    assert few_of([], 2) == ""
    assert few_of(["a", "b"], 2) == "a, b"
    assert few_of(range(5), 2) == "0, 1 and 3 more"


def test_all_names_have_and_before_the_last():
    assert all_of([31]) == "31"
    assert all_of(["a", "b", "c"]) == "a, b and c"


def test_a_choice_has_or_before_its_last_name():
    assert one_of(["a"]) == "a"
    assert one_of(["a", "b", "c"]) == "a, b, or c"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0.55, "0.55"), (1237.26, "1237"), (9999.6, "10000"), (11034.48, "11034"), (2.5e6, "2500000")],
)
def test_a_wavelength_is_never_a_power_of_ten(number, said):
    assert rounded(number) == said
    assert span(400, number) == f"400–{said}"


@pytest.mark.parametrize(
    ("limit", "said"), [(8, "8"), (0.5, "0.5"), (2.0, "2"), (10_000_000, "10,000,000")]
)
def test_a_limit_is_a_number_as_people_write_it(limit, said):
    assert limit_in_words(limit) == said
