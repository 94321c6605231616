"""The sample of a cube that is measured: bounded, fixed by the shape, and what is bad in it."""

import numpy as np
import pytest

from napari_dodn import HyperCube
from napari_dodn.jobs import CancelledError, result_of
from napari_dodn.sampling import SAMPLE_VALUES, remarks_on_values, sample_blocks


def test_a_small_cube_is_measured_whole():
    blocks = sample_blocks((31, 130, 70))
    covered = np.zeros((130, 70), int)
    for block in blocks:
        covered[block.slices] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize(
    "shape",
    [(224, 3000, 500), (31, 20000, 20000), (1000, 400, 9000), (1, 90000, 90000), (425, 40, 10**6)],
)
def test_of_a_large_cube_a_bounded_sample_from_everywhere_is_read(shape):
    blocks = sample_blocks(shape)
    assert shape[0] * sum(np.prod(block.shape) for block in blocks) <= SAMPLE_VALUES
    assert blocks == sample_blocks(shape)
    assert all(block == block.within(*shape[1:]) and 0 not in block.shape for block in blocks)
    if shape[1] > 1000:
        assert max(block.y1 for block in blocks) > 0.9 * shape[1]
        assert min(block.y0 for block in blocks) < 0.1 * shape[1]


def ramp(shape=(5, 40, 50)):
    return np.linspace(100, 200, np.prod(shape)).reshape(shape).astype(np.float32)


def test_an_unstated_fill_value_and_a_glitch_are_remarked_on():
    data = ramp()
    data[:, :2] = -9999
    data[3, 20, 20] = 1e9
    said = result_of(remarks_on_values(HyperCube(data)))
    assert said == (
        "No-data value -9999 assumed in 5 % of the pixels.",
        "1 outlier was left out.",
    )


def test_of_a_stated_fill_value_nothing_is_said():
    data = ramp()
    data[:, :2] = -9999
    assert result_of(remarks_on_values(HyperCube(data, nodata=-9999))) == ()


def test_looking_at_values_can_be_cancelled():
    with pytest.raises(CancelledError):
        result_of(remarks_on_values(HyperCube(ramp()), cancelled=lambda: True))
