"""The loss: sums that add up over processes, finite gradients, taps that can be compared."""

import pytest
import torch

from napari_dodn.distillation.data.patches import Batch
from napari_dodn.distillation.engine.losses import FeatureLoss, angle_loss, pixel_loss

VARIANTS = ["area", "space to depth", "affinity", "every band"]


def batch_of(n=2, bands=5, h=6, scale=2, valid=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hr = torch.randn(n, bands, h * scale, h * scale, generator=generator)
    lr = torch.randn(n, bands, h, h, generator=generator)
    weight = torch.ones(n, 1, 1, 1) if valid is None else valid
    return a_batch(lr, hr, torch.full((n, bands, 1, 1), 3.0), weight)


def a_batch(lr, hr, offset, valid):
    """Return a batch of which the losses look at nothing else."""
    nothing = torch.empty(0)
    return Batch(lr, hr, offset, valid, None, nothing, nothing, nothing)


def part(batch, chosen):
    return a_batch(batch.lr[chosen], batch.hr[chosen], batch.offset[chosen], batch.valid[chosen])


def masked(seed=1, n=2, bands=5, side=12):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(n, bands, side, side, generator=generator) > 0.3).float()


def taps_of(n=2, components=5, h=6, scale=2, seed=2):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(components, n, h, h, 4, generator=generator)
    teacher = torch.randn(n, 8, h * scale, h * scale, generator=generator)
    return [student], [teacher]


def test_the_pixel_loss_is_l1_over_what_counts():
    batch = batch_of(valid=masked())
    result = torch.zeros_like(batch.hr)
    total, number = pixel_loss(result, batch.hr, batch)
    chosen = batch.hr[batch.valid.bool()]
    torch.testing.assert_close(total / number, chosen.abs().mean())


def test_what_does_not_count_has_no_gradient():
    batch = batch_of(valid=masked())
    result = torch.zeros_like(batch.hr).requires_grad_()
    sums = pixel_loss(result, batch.hr, batch), angle_loss(result, batch.hr, batch)
    sum(term.total for term in sums).backward()
    assert not result.grad[~batch.valid.bool()].any()
    assert result.grad[batch.valid.bool()].all()


def test_the_angle_between_orthogonal_spectra_is_90_degrees():
    hr = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[:, :, None, None]
    batch = a_batch(hr, hr, torch.zeros(2, 2, 1, 1), torch.ones(2, 1, 1, 1))
    total, number = angle_loss(hr.flip(1), hr, batch)
    assert float(total / number) == pytest.approx(torch.pi / 2, abs=1e-4)


def test_the_angle_of_equal_spectra_is_0_with_a_finite_gradient():
    batch = batch_of()
    result = batch.hr.clone().requires_grad_()
    total, number = angle_loss(result, batch.hr, batch)
    total.backward()
    assert float(total.detach() / number) < 1e-4
    assert torch.isfinite(result.grad).all()


def test_dark_pixels_have_little_say_in_the_angle():
    generator = torch.Generator().manual_seed(0)
    spectra = torch.rand(1, 5, 1, 2, generator=generator) + 1
    spectra[..., 1] *= 1e-3
    zero = torch.zeros(1, 5, 1, 1)
    batch = a_batch(spectra, spectra, zero, torch.ones(1, 1, 1, 1))
    noise = 1e-3 * torch.randn(1, 5, 1, 2, generator=generator)
    result = (spectra + noise).requires_grad_()
    angle_loss(result, spectra, batch).total.backward()
    bright, dark = result.grad.norm(dim=1)[0, 0]
    assert dark < 100 * bright  # and not a thousand times


@pytest.mark.parametrize("loss", [pixel_loss, angle_loss])
def test_sums_of_shares_are_the_sum_of_the_batch(loss):
    batch = batch_of(valid=masked())
    result = torch.zeros_like(batch.hr) + 0.1
    whole = loss(result, batch.hr, batch)
    shares = [
        loss(result[i : i + 1], batch.hr[i : i + 1], part(batch, slice(i, i + 1))) for i in (0, 1)
    ]
    for i in (0, 1):
        torch.testing.assert_close(sum(share[i] for share in shares), whole[i])


@pytest.mark.parametrize("variant", VARIANTS)
def test_feature_sums_of_shares_are_the_sum_of_the_batch(variant):
    torch.manual_seed(0)
    loss = FeatureLoss(variant, 2, 4, 8, 1)
    batch, (taps, teacher) = batch_of(valid=masked()), taps_of()
    loss.measure(teacher)
    whole = loss(taps, teacher, batch)
    shares = [
        loss([taps[0][:, i : i + 1]], [teacher[0][i : i + 1]], part(batch, slice(i, i + 1)))
        for i in (0, 1)
    ]
    for i in (0, 1):
        torch.testing.assert_close(sum(share[i] for share in shares), whole[i])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_student_is_drawn_towards_the_teacher_and_not_the_teacher(variant):
    torch.manual_seed(0)
    loss = FeatureLoss(variant, 2, 4, 8, 1)
    batch, (taps, teacher) = batch_of(), taps_of()
    taps[0].requires_grad_()
    teacher[0].requires_grad_()
    loss(taps, teacher, batch).total.backward()
    assert taps[0].grad.any()
    assert teacher[0].grad is None


@pytest.mark.parametrize("variant", ["area", "space to depth", "affinity"])
def test_only_the_mean_of_a_tap_over_the_components_is_compared(variant):
    torch.manual_seed(0)
    loss = FeatureLoss(variant, 2, 4, 8, 1)
    batch, (taps, teacher) = batch_of(), taps_of()
    ripple = torch.randn(5, 2, 6, 6, 4)
    other = taps[0] + ripple - ripple.mean(dim=0, keepdim=True)
    torch.testing.assert_close(
        loss([other], teacher, batch).total, loss(taps, teacher, batch).total
    )


def test_copying_the_teacher_to_every_component_punishes_differences_between_them():
    torch.manual_seed(0)
    loss = FeatureLoss("every band", 2, 4, 8, 1)
    batch, (taps, teacher) = batch_of(), taps_of()
    same = [taps[0].mean(dim=0, keepdim=True).expand_as(taps[0])]
    assert loss(same, teacher, batch).total < loss(taps, teacher, batch).total


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_tap_of_all_components_at_once_is_compared_as_it_is(variant):
    torch.manual_seed(0)
    loss = FeatureLoss(variant, 2, 4, 8, 1)
    batch, (whole, teacher) = batch_of(), taps_of(components=1)
    copies = [whole[0].expand(5, -1, -1, -1, -1)]
    torch.testing.assert_close(
        loss(whole, teacher, batch).total, loss(copies, teacher, batch).total
    )


def test_space_to_depth_sees_what_area_reduction_averages_away():
    batch, (taps, teacher) = batch_of(), taps_of()
    checkered = torch.ones(1, 1, 12, 12)
    checkered[..., ::2, 1::2] = checkered[..., 1::2, ::2] = -1
    other = [teacher[0] + checkered]
    differences = {}
    for variant in ("area", "space to depth"):
        torch.manual_seed(0)
        loss = FeatureLoss(variant, 2, 4, 8, 1)
        terms = [loss(taps, tap, batch).total for tap in (teacher, other)]
        differences[variant] = float((terms[0] - terms[1]).detach().abs())
    assert differences["area"] < 1e-4 < differences["space to depth"]


@pytest.mark.parametrize("variant", ["area", "space to depth"])
def test_the_teachers_channels_are_standardised(variant):
    loss = FeatureLoss(variant, 2, 4, 8, 1)
    _, teacher = taps_of(n=16)
    teacher = [teacher[0] * 7 + 100]
    loss.measure(teacher)
    target = (loss.targets(teacher)[0] - loss.mean[0]) / loss.deviation[0]
    torch.testing.assert_close(
        target.flatten(0, 2).mean(0), torch.zeros(len(loss.mean[0])), atol=1e-3, rtol=0
    )
    torch.testing.assert_close(target.flatten(0, 2).std(0), torch.ones(len(loss.mean[0])))


def test_places_without_a_valid_value_say_nothing_about_features():
    torch.manual_seed(0)
    loss = FeatureLoss("area", 2, 4, 8, 1)
    valid = torch.ones(2, 5, 12, 12)
    valid[:, :, :, :4] = 0
    batch, (taps, teacher) = batch_of(valid=valid), taps_of()
    taps[0].requires_grad_()
    term = loss(taps, teacher, batch)
    term.total.backward()
    assert not taps[0].grad[:, :, :, :2].any()
    assert float(term.number) == 2 * 6 * 4
