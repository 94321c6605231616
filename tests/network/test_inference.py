"""Without gradients the network takes another way to the same numbers."""

import pytest
import torch

from napari_dodn.network import inference
from napari_dodn.network.dodn import BRANCHES_2D, DODN


def a_network(branch_2d, scale=2):
    torch.manual_seed(0)
    network = DODN(scale, channels=8, blocks=2, branch_2d=branch_2d)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.5)
    return network


@pytest.fixture
def x():
    return torch.randn(2, 7, 9, 11, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
@pytest.mark.parametrize("piece", [1, 8 * 4 * 100, 2**20])
def test_a_result_without_gradients_is_that_with_gradients(branch_2d, piece, x, monkeypatch):
    monkeypatch.setattr(inference, "CPU_PIECE", piece)
    network = a_network(branch_2d)
    expected = network(x).detach()
    with torch.inference_mode():
        torch.testing.assert_close(network(x), expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_features_of_half_the_size_give_nearly_the_same(branch_2d, x):
    network = a_network(branch_2d)
    with torch.inference_mode():
        expected = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            low = network(x)
    assert low.dtype == torch.float32
    assert not torch.equal(low, expected)
    torch.testing.assert_close(low, expected, atol=0.05, rtol=0)


def test_the_input_is_left_as_it_was(x):
    before = x.clone()
    with torch.inference_mode():
        a_network("folded")(x)
    assert torch.equal(x, before)
