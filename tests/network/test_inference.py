"""Without gradients the network takes another way to the same numbers."""

import pytest
import torch

from napari_dodn.network import inference
from napari_dodn.network.dodn import BRANCHES_2D, DODN
from napari_dodn.network.inference import infer_steps


def a_network(branch_2d, scale=2):
    torch.manual_seed(0)
    network = DODN(scale, 5, 8, 3, branch_2d, channels_2d=12)
    torch.nn.init.normal_(network.tail[-1].weight, std=0.5)
    torch.nn.init.normal_(network.place)
    return network


@pytest.fixture
def z():
    return torch.randn(5, 9, 11, generator=torch.Generator().manual_seed(1))


def inferred(network, z, sigma=0.3, dtype=torch.float32):
    *_, result = infer_steps(network, z, sigma, dtype)
    return result


@pytest.mark.parametrize("scale", [2, 8])
@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
@pytest.mark.parametrize("piece", [1, 8 * 4 * 100, 2**20])
def test_a_result_without_gradients_is_that_with_gradients(branch_2d, piece, scale, z, monkeypatch):
    monkeypatch.setattr(inference, "CPU_PIECE", piece)
    network = a_network(branch_2d, scale)
    expected = network(z[None], torch.tensor([0.3]))[0].detach()
    torch.testing.assert_close(inferred(network, z), expected, atol=5e-6, rtol=1e-5)


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_features_of_half_the_size_give_nearly_the_same(branch_2d, z):
    network = a_network(branch_2d)
    expected = inferred(network, z)
    low = inferred(network, z, dtype=torch.bfloat16)
    assert low.dtype == torch.float32
    assert not torch.equal(low, expected)
    torch.testing.assert_close(low, expected, atol=0.03 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("branch_2d", BRANCHES_2D)
def test_the_input_and_the_weights_are_left_as_they_were(branch_2d, z):
    network, before = a_network(branch_2d), z.clone()
    first = inferred(network, z)
    assert torch.equal(z, before)
    assert torch.equal(inferred(network, z), first)


def test_how_much_is_done_is_told_on_the_way(z):
    *shares, _ = infer_steps(a_network("whole"), z, 0.0, torch.float32)
    assert shares == sorted(shares)
    assert len(shares) == 4
    assert 0 == shares[0] < shares[-1] < 1
