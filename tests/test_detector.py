"""The detector: its focal loss against torchvision, which cell finds which object, and maps to boxes and back."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fofx.boxes import cells
from fofx.boxes.cells import (
    boxes_of_maps,
    cell_boxes,
    cell_middles,
    detection_loss,
    detection_losses,
    focal_loss,
    objects_of_cells,
)
from fofx.boxes.geometry import PIECES as GEOMETRY
from fofx.models.detector import Detector


@pytest.mark.parametrize("alpha, gamma", [(0.25, 2.0), (0.5, 0.0), (0.9, 1.5)])
def test_focal_loss_is_torchvisions(torchvision, alpha, gamma):
    torch.manual_seed(0)
    scores = torch.cat([torch.randn(200), torch.tensor([30.0, -30.0, 0.0])]).double()
    wanted = (torch.rand(203) < 0.4).double()
    mine, its = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    ours = focal_loss(mine, wanted, alpha, gamma)
    theirs = torchvision.ops.sigmoid_focal_loss(its, wanted, alpha, gamma)
    torch.testing.assert_close(ours, theirs)
    ours.sum().backward()
    theirs.sum().backward()
    torch.testing.assert_close(mine.grad, its.grad)


# ------------------------------------------------------------------------------------------------- cells and objects

NONE = [-1.0, 0.0, 0.0, 0.0, 0.0]


def test_cells_near_an_objects_middle_should_find_it():
    targets = torch.tensor([[[1, 0.0, 0.0, 1.0, 1.0], NONE], [NONE, NONE]])  # fills the first picture of 5 x 5 cells
    objects = objects_of_cells(targets, 5, 5)
    first = objects[0].view(5, 5)
    assert (first[1:4, 1:4] == 0).all()
    assert (first >= 0).sum() == 9
    assert (objects[1] == -1).all()


def test_the_smaller_object_goes_first():
    large, small = [0, 0.0, 0.0, 1.0, 1.0], [1, 0.4, 0.4, 0.6, 0.6]
    objects = objects_of_cells(torch.tensor([[large, small], [small, large]]), 10, 10).view(2, 10, 10)
    assert objects[0, 4:6, 4:6].tolist() == [[1, 1], [1, 1]]
    assert objects[1, 4:6, 4:6].tolist() == [[0, 0], [0, 0]]
    assert (
        (objects[0] == 0).sum() == (objects[1] == 1).sum() == 12
    )  # what the small one leaves of 4 x 4 near the middle


def test_cells_of_a_crowd_are_not_judged():
    targets = torch.tensor([[[-2, 0.0, 0.0, 0.5, 1.0], [0, 0.6, 0.2, 1.0, 0.8]]])
    objects = objects_of_cells(targets, 4, 4).view(4, 4)
    assert (objects[:, :2] == -2).all()
    assert (objects[:, 2:] != -2).all()
    maps = torch.randn(1, 6, 4, 4, requires_grad=True)
    detection_loss(maps, targets).backward()
    assert (maps.grad[:, :, :, :2] == 0).all()
    assert (maps.grad[:, 0, :, 2:] != 0).all()


@st.composite
def targets_of_pictures(draw, empty=False):
    """(B, M, 5) with padding, crowds, and boxes down to a thousandth of the picture."""
    share = st.integers(0, 1000).map(lambda number: number / 1000)
    rows = []
    most = draw(st.integers(1, 6))
    for _ in range(draw(st.integers(1, 3))):
        picture = []
        for _ in range(most):
            left, right = sorted([draw(share), draw(share)])
            top, bottom = sorted([draw(share), draw(share)])
            if right - left < 0.001 or bottom - top < 0.001:
                picture.append(NONE)
            else:
                picture.append([draw(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0])), left, top, right, bottom])
        rows.append(picture)
    return torch.tensor(rows)


@given(targets_of_pictures(), st.integers(1, 9), st.integers(1, 9))
def test_every_object_has_a_cell_unless_another_took_it(targets, height, width):
    objects = objects_of_cells(targets, height, width)
    for picture, found in zip(targets, objects):
        real = {number for number, row in enumerate(picture.tolist()) if row[0] >= 0}
        assert set(found[found >= 0].tolist()) <= real
        assert bool(real) == bool((found >= 0).any())
        if len(real) == 1:
            assert set(found[found >= 0].tolist()) == real


@given(targets_of_pictures(), st.integers(2, 8), st.integers(2, 8))
def test_a_mirrored_picture_has_mirrored_cells(targets, height, width):
    mirrored = targets.clone()
    mirrored[..., 1], mirrored[..., 3] = 1 - targets[..., 3], 1 - targets[..., 1]
    here = objects_of_cells(targets, height, width).view(-1, height, width)
    there = objects_of_cells(mirrored, height, width).view(-1, height, width).flip(2)
    middle = (targets[..., 1] + targets[..., 3]) / 2 * width
    edges = ((middle * 2).round() - middle * 2).abs().min() < 1e-3  # on a cell's edge rounding decides
    sizes = (targets[..., 3] - targets[..., 1]) * (targets[..., 4] - targets[..., 2])
    if not edges and all(len(set(row.tolist())) == len(row) for row in sizes):
        assert torch.equal(here, there)


def right_maps(targets: torch.Tensor, classes: int, height: int, width: int) -> torch.Tensor:
    """The maps (B, K + 5, h, w) that mean exactly these objects."""
    objects = objects_of_cells(targets, height, width)
    picked = targets.gather(1, objects.clamp(min=0)[..., None].expand(-1, -1, 5))  # (B, P, 5)
    boxes = picked[..., 1:] * torch.tensor([width, height, width, height])
    middles = cell_middles(height, width, boxes)
    has = (objects >= 0)[..., None]
    scores = torch.where(has & (picked[..., :1] == torch.arange(classes)), 12.0, -12.0)  # (B, P, K)
    offsets = (boxes[..., :2] + boxes[..., 2:]) / 2 - middles
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-6).log()
    fits = torch.full_like(scores[..., :1], 12.0)
    maps = torch.cat([scores, torch.where(has, torch.cat([offsets, sides], -1), 0.0), fits], dim=-1)
    return maps.transpose(1, 2).reshape(len(targets), classes + 5, height, width)


def test_right_maps_have_hardly_any_loss_and_give_the_boxes_back():
    targets = torch.tensor(
        [
            [[2, 0.05, 0.1, 0.5, 0.4], [0, 0.55, 0.5, 0.95, 1.0], [1, 0.1, 0.7, 0.2, 0.8]],
            [[1, 0.3, 0.3, 0.36, 0.34], NONE, NONE],
        ]
    )
    maps = right_maps(targets, 3, 12, 16)
    class_loss, box_loss, fit_loss = detection_losses(maps, targets)
    assert class_loss.item() < 1e-6
    assert box_loss.item() < 1e-4
    assert fit_loss.item() < 1e-4
    assert detection_loss(maps, targets).item() == pytest.approx((class_loss + box_loss + fit_loss).item())
    found = boxes_of_maps(maps, least=0.3)
    assert found.shape == (2, 100, 6)
    for answers, rows in zip(found, targets):
        answers, rows = answers[answers[:, 0] >= 0], rows[rows[:, 0] >= 0]
        assert len(answers) == len(rows)
        order = answers[:, 0].argsort(), rows[:, 0].argsort()
        torch.testing.assert_close(answers[order[0], :5], rows[order[1]], rtol=0, atol=1e-4)
        assert (answers[:, 5].diff() <= 0).all()


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 7), st.integers(1, 7))
def test_any_maps_mean_boxes_within_the_picture(seed, classes, height, width):
    torch.manual_seed(seed)
    maps = torch.randn(2, classes + 5, height, width) * 5
    found = boxes_of_maps(maps, most=7)
    assert found.shape == (2, 7, 6)
    real = found[..., 0] >= 0
    assert (found[..., 0][~real] == -1).all() and (found[..., 5][~real] == 0).all()
    assert (found[..., 1:5] >= 0).all() and (found[..., 1:5] <= 1).all()
    assert (found[..., 3:5] >= found[..., 1:3]).all()
    assert (found[..., 5][real] > 0.05).all() and (found[..., 5] <= 1).all()
    assert (found[..., 0] < classes).all()


def test_a_cell_can_mean_any_box_and_never_overflows():
    middles = cell_middles(2, 3, torch.zeros(1))
    assert middles.tolist() == [[0.5, 0.5], [1.5, 0.5], [2.5, 0.5], [0.5, 1.5], [1.5, 1.5], [2.5, 1.5]]
    numbers = torch.tensor([0.0, 0.0, 0.0, math.log(3)]).expand(6, 4)
    assert cell_boxes(numbers, middles)[0].tolist() == pytest.approx([0, -1, 1, 2], abs=1e-6)
    assert cell_boxes(torch.full((6, 4), 1e30), middles).isfinite().all()


@given(targets_of_pictures(), st.integers(0, 1000))
def test_the_loss_and_its_gradient_are_finite(targets, seed):
    torch.manual_seed(seed)
    maps = (torch.randn(len(targets), 8, 5, 6) * 4).requires_grad_()
    loss = detection_loss(maps, targets)
    loss.backward()
    assert loss.isfinite() and loss >= 0
    assert maps.grad.isfinite().all()


def test_the_gradient_is_the_slope_of_the_loss():
    torch.manual_seed(1)
    targets = torch.tensor([[[0, 0.1, 0.2, 0.6, 0.7], [1, 0.5, 0.5, 0.9, 0.9], [-2, 0.8, 0.0, 1.0, 0.3]]])
    maps = torch.randn(1, 7, 4, 4).requires_grad_()

    def judged(maps):  # without the fit: what it should be is taken from the maps, as if it were given
        return sum(detection_losses(maps, targets)[:2])

    (slope,) = torch.autograd.grad(judged(maps), maps)
    direction = torch.randn_like(maps)
    direction /= direction.norm()
    step = 1e-2
    with torch.no_grad():
        measured = (judged(maps + step * direction) - judged(maps - step * direction)) / (2 * step)
    assert measured.item() == pytest.approx((slope * direction).sum().item(), rel=2e-2, abs=1e-3)


def test_a_rare_class_can_weigh_more():
    targets = torch.tensor([[[0, 0.0, 0.0, 0.5, 0.5], [1, 0.5, 0.5, 1.0, 1.0]]])
    torch.manual_seed(2)
    maps = torch.randn(1, 7, 6, 6)
    plain = detection_losses(maps, targets)
    same = detection_losses(maps, targets, torch.ones(2))
    torch.testing.assert_close(plain, same)
    grads = []
    for weights in (torch.tensor([1.0, 1.0]), torch.tensor([1.0, 4.0])):
        asked = maps.clone().requires_grad_()
        detection_loss(asked, targets, weights).backward()
        grads.append(asked.grad)
    objects = objects_of_cells(targets, 6, 6).view(6, 6)
    first, second = (objects == 0), (objects == 1)
    torch.testing.assert_close(grads[0][0, :6, first], grads[1][0, :6, first])
    torch.testing.assert_close(4 * grads[0][0, 1:6, second], grads[1][0, 1:6, second])
    torch.testing.assert_close(
        grads[0][0, 0, second], grads[1][0, 0, second]
    )  # where another class is wanted: as before


def test_the_loss_stands_alone():
    space = {"torch": torch, "math": math, "LARGEST": cells.LARGEST}
    for piece in (*GEOMETRY, *cells.PIECES):
        exec("from __future__ import annotations\n" + inspect.getsource(piece), space)
    targets = torch.tensor([[[0, 0.1, 0.2, 0.6, 0.7], NONE]])
    maps = torch.randn(1, 7, 4, 5)
    assert torch.equal(space["detection_loss"](maps, targets), detection_loss(maps, targets))


# --------------------------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize("stride", [4, 8, 16])
@pytest.mark.parametrize("size", [(64, 64), (50, 37)])
def test_one_map_of_cells_comes_out(stride, size):
    model = Detector(7, stride=stride).eval()
    maps = model(torch.randn(2, 3, *size))
    assert maps.shape == (2, 7, math.ceil(size[0] / stride), math.ceil(size[1] / stride))
    assert maps[:, :2].sigmoid().mean().item() == pytest.approx(0.01, rel=0.3)


def test_unknown_strides_are_refused():
    for stride in (2, 6, 32):
        with pytest.raises(ValueError, match="stride of 4, 8, 16"):
            Detector(6, stride=stride)


def test_few_steps_find_a_square():
    """White squares on black, 32 pixels: after sixty steps the best box lies on the square."""
    torch.manual_seed(0)
    corner = torch.randint(0, 20, (64, 2))
    side = torch.randint(8, 13, (64, 1))
    pictures = torch.zeros(64, 1, 32, 32)
    for number in range(64):
        x, y, wide = *corner[number].tolist(), side[number].item()
        pictures[number, :, y : y + wide, x : x + wide] = 1
    targets = torch.cat([torch.zeros(64, 1), corner, corner + side], dim=1)[:, None].float()  # (B, 1, 5)
    targets[..., 1:] /= 32
    model = Detector(6, channels=1, widths=(8, 16, 16), stride=4, width=16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for step in range(60):
        picked = torch.arange(64).roll(step * 16)[:16]
        loss = detection_loss(model(pictures[picked]), targets[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    model.eval()
    with torch.no_grad():
        best = boxes_of_maps(model(pictures))[:, 0]
    from fofx.boxes.geometry import overlaps

    shared = overlaps(best[:, 1:5], targets[:, 0, 1:]).diagonal()
    assert (best[:, 0] == 0).all()
    assert shared.median() > 0.6
