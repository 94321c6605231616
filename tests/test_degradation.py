"""Cubic decimation, the benchmark's degradation."""

import pytest
import torch

from napari_dodn.cube import CubeError
from napari_dodn.degradation import decimate_cubic


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_decimation_samples_the_middle_of_every_block(scale):
    ramp = torch.arange(16.0 * scale).reshape(1, 1, 1, -1).expand(1, 1, 16 * scale, -1)
    low = decimate_cubic(ramp, scale)
    expected = torch.arange(16) * scale + (scale - 1) / 2
    torch.testing.assert_close(low[0, 0, 8, 2:-2], expected[2:-2])


def test_a_constant_stays_constant():
    torch.testing.assert_close(decimate_cubic(torch.ones(1, 2, 8, 8), 4), torch.ones(1, 2, 2, 2))


def test_a_size_that_is_no_multiple_is_refused():
    with pytest.raises(CubeError, match="10 × 8 pixels"):
        decimate_cubic(torch.ones(1, 1, 10, 8), 4)
