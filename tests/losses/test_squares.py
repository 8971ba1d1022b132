"""The loss that looks at targets in windows only, against the formula over whole maps."""

import pytest
import torch

from lib.losses import EWCLoss, TargetWindows
from lib.losses.squares import weighted_squares

LAYOUTS = [torch.contiguous_format, torch.channels_last]
ANNOTATED = torch.tensor([[True, False, True], [True, True, False]])


@pytest.fixture
def maps():
    return torch.randn(2, 3, 9, 11, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def windows():
    """Of 4 x 5 cells, at corners, borders and within."""
    first = torch.tensor([[[0, 0], [6, 5], [3, 2]], [[6, 0], [0, 5], [1, 4]]])
    values = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return TargetWindows(values, first)


def whole(windows, maps):
    """The targets, drawn one by one."""
    targets = torch.zeros_like(maps, dtype=windows.values.dtype)
    height, width = windows.values.shape[-2:]
    for image, of_image in enumerate(windows.first.tolist()):
        for landmark, (column, row) in enumerate(of_image):
            drawn = windows.values[image, landmark]
            targets[image, landmark, row : row + height, column : column + width] = drawn
    return targets


def written_out(maps, targets, alpha):
    return (alpha**targets * (targets - maps) ** 2).mean((-2, -1))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("alpha", [1.0, 40.0])
@pytest.mark.parametrize("annotated", [None, ANNOTATED])
def test_value_and_gradient(maps, windows, layout, alpha, annotated):
    drawn, plain = maps.clone(memory_format=layout).requires_grad_(), maps.clone().requires_grad_()
    pull = torch.rand(2, 3, dtype=torch.float64)
    found, expected = (
        weighted_squares(drawn, windows, alpha, annotated),
        written_out(plain, whole(windows, maps), alpha),
    )
    if annotated is not None:
        expected = expected * annotated
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    (found * pull).sum().backward()
    (expected * pull).sum().backward()
    torch.testing.assert_close(drawn.grad, plain.grad, rtol=1e-12, atol=0)
    assert drawn.grad.stride() == drawn.stride()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradcheck(maps, windows, layout):
    maps = maps.clone(memory_format=layout).requires_grad_()
    assert torch.autograd.gradcheck(lambda drawn: weighted_squares(drawn, windows, 40.0, ANNOTATED), maps)


def test_the_maps_are_left_alone(maps, windows):
    before = maps.clone()
    EWCLoss().of_maps(maps.requires_grad_(), windows).sum().backward()
    assert torch.equal(maps, before)


@pytest.mark.parametrize("part", [lambda maps: maps[:, :, ::2, ::2], lambda maps: maps.mT, lambda maps: maps[:1, :1]])
def test_maps_of_any_layout(maps, windows, part):
    maps = part(torch.cat([maps, maps], dim=-1).repeat(1, 1, 2, 1)[..., :14, :22]).requires_grad_()
    count = maps.shape[:2]
    windows = TargetWindows(windows.values[: count[0], : count[1], :4, :4], windows.first[: count[0], : count[1]] // 2)
    found, expected = EWCLoss().of_maps(maps, windows), written_out(maps, whole(windows, maps), 40.0)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    (one,), (other,) = (torch.autograd.grad(loss.sum(), maps) for loss in (found, expected))
    torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
def test_maps_of_fewer_bits_are_compared_in_32(maps, windows, layout, kind):
    """And the gradient is rounded once."""
    drawn = maps.to(kind).clone(memory_format=layout).requires_grad_()
    windows = TargetWindows(windows.values.float(), windows.first)
    plain = drawn.detach().double().requires_grad_()
    found, expected = EWCLoss().of_maps(drawn, windows), written_out(plain, whole(windows, maps), 40.0)
    assert found.dtype is torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=0)
    found.sum().backward()
    expected.sum().backward()
    assert drawn.grad.dtype is kind
    half_a_unit = torch.finfo(kind).eps / 2 + 1e-6
    torch.testing.assert_close(drawn.grad.double(), plain.grad, rtol=half_a_unit, atol=1e-7)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_left_out_may_be_anything(maps, windows, layout):
    drawn = maps.clone(memory_format=layout)
    drawn[~ANNOTATED] = float("nan")
    drawn.requires_grad_()
    loss = EWCLoss().of_maps(drawn, windows, ANNOTATED)
    loss.sum().backward()
    assert torch.equal(loss, weighted_squares(maps.clone(memory_format=layout), windows, 40.0, ANNOTATED))
    assert not drawn.grad[~ANNOTATED].any()
    assert drawn.grad[ANNOTATED].isfinite().all()
