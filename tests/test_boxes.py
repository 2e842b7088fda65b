"""Boxes against torchvision and pycocotools: overlaps, the loss between boxes, suppression, average precision."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fofx.boxes import geometry, suppress
from fofx.boxes.geometry import areas, generalized_overlap_loss, overlaps, with_corners, with_sides
from fofx.boxes.precision import average_precisions, claims, detection_scores


def some_boxes(count: int, seed: int, whole: bool = False) -> torch.Tensor:
    """(count, 4) in double precision; whole numbers give shared edges, equal boxes and empty ones."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 2, 2, generator=generator, dtype=torch.float64) * 8
    points = points.round() if whole else points
    return torch.cat([points.min(dim=1).values, points.max(dim=1).values], dim=1)


@pytest.mark.parametrize("whole", [False, True])
def test_overlaps_are_torchvisions(torchvision, whole):
    first, second = some_boxes(30, 1, whole), some_boxes(20, 2, whole)
    theirs = torchvision.ops.box_iou(first, second)
    torch.testing.assert_close(overlaps(first, second), theirs.nan_to_num(0))  # theirs is nan for two empty boxes
    torch.testing.assert_close(areas(first), torchvision.ops.box_area(first))
    theirs = torchvision.ops.generalized_box_iou(first[:20], second).diagonal()
    real = theirs.isfinite() & (areas(first[:20]) > 0)
    ours = generalized_overlap_loss(first[:20], second)
    torch.testing.assert_close(ours[real], 1 - theirs[real], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("whole", [False, True])
def test_the_loss_between_boxes_is_torchvisions(torchvision, whole):
    right = some_boxes(60, 3, whole)
    for shift in (0.0, 0.3, 20.0):  # the same boxes too, and boxes that do not touch
        mine = (some_boxes(60, 4) + shift).requires_grad_()
        its = mine.detach().clone().requires_grad_()
        ours, theirs = generalized_overlap_loss(mine, right), torchvision.ops.generalized_box_iou_loss(its, right)
        torch.testing.assert_close(ours, theirs)
        ours.sum().backward()
        theirs.sum().backward()
        torch.testing.assert_close(mine.grad, its.grad)


def test_the_loss_leads_boxes_that_do_not_touch_together():
    found = torch.tensor([[5.0, 5.0, 6.0, 6.0]], requires_grad=True)
    right = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    generalized_overlap_loss(found, right).sum().backward()
    assert found.grad[0, :2].min() > 0  # down the gradient, the left and top edges go to the left and up
    assert generalized_overlap_loss(right, right).item() == pytest.approx(0, abs=1e-6)


def test_sides_and_corners_are_the_same_boxes():
    boxes = some_boxes(10, 5)
    assert torch.equal(with_corners(with_sides(torch.tensor([[1.0, 2, 5, 8]]))), torch.tensor([[1.0, 2, 5, 8]]))
    torch.testing.assert_close(with_corners(with_sides(boxes)), boxes)


# ---------------------------------------------------------------------------------------------------- suppression

# What torchvision 0.28's compiled `nms` and `batched_nms` keep: its operators cannot be loaded beside every torch.
KEPT = json.loads((Path(__file__).parent / "nms_cases.json").read_text())


@pytest.mark.parametrize("precision", [torch.float64, torch.float32])
def test_suppression_keeps_what_torchvision_kept(precision):
    for case in KEPT:
        boxes = torch.tensor(case["boxes"], dtype=precision)
        scores = torch.tensor(case["scores"], dtype=precision)
        classes = torch.tensor(case["classes"])
        if precision == torch.float64:
            assert suppress.suppress(boxes, scores, case["threshold"]).tolist() == case["nms"]
            kept = suppress.suppress(boxes, scores, case["threshold"], classes)
            assert sorted(kept.tolist()) == case["batched_nms"]
        compiled = getattr(torch.ops.torchvision, "nms", None)
        if compiled and torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "CPU"):
            again = compiled(boxes, scores, case["threshold"])
            assert torch.equal(suppress.suppress(boxes, scores, case["threshold"]), again)


def one_by_one(boxes: list[list[float]], scores: list[float], threshold: float, classes: list[int]) -> list[int]:
    """The rule as one would say it, in plain Python."""
    left = sorted(range(len(boxes)), key=lambda number: -scores[number])
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        rows = torch.tensor([boxes[best]], dtype=torch.float64), torch.tensor(boxes, dtype=torch.float64)
        shared = overlaps(*rows)[0].tolist()
        left = [number for number in left if shared[number] <= threshold or classes[number] != classes[best]]
    return kept


@given(st.integers(0, 10_000), st.integers(0, 40), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans())
def test_suppression_is_its_rule(seed, count, threshold, whole):
    boxes = some_boxes(count, seed, whole)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(0, 6, (count,), generator=generator).double()
    classes = torch.randint(0, 2, (count,), generator=generator)
    expected = one_by_one(boxes.tolist(), scores.tolist(), threshold, classes.tolist())
    assert suppress.suppress(boxes, scores, threshold, classes).tolist() == expected
    assert suppress.suppress(boxes, scores, threshold).tolist() == one_by_one(
        boxes.tolist(), scores.tolist(), threshold, [0] * count
    )


def test_suppression_of_many_boxes_goes_in_pieces():
    boxes = some_boxes(1500, 6) / 8
    scores = torch.rand(1500, generator=torch.Generator().manual_seed(6))
    kept = suppress.suppress(boxes, scores, 0.5)
    shared = overlaps(boxes[kept], boxes)  # (kept, N)
    stays = torch.zeros(1500, dtype=torch.bool).index_fill(0, kept, True)
    above = scores[kept][:, None] > scores[None, :]
    taken = ((shared > 0.5) & above).any(dim=0)
    assert torch.equal(stays, ~taken)
    assert len(suppress.suppress(torch.zeros(0, 4), torch.zeros(0), 0.5)) == 0


def test_pieces_stand_alone():
    space = {"torch": torch}
    for piece in {*geometry.PIECES, *suppress.PIECES}:
        exec("from __future__ import annotations\n" + inspect.getsource(piece), space)
    boxes, scores = some_boxes(20, 7), torch.arange(20.0)
    assert torch.equal(space["suppress"](boxes, scores, 0.3), suppress.suppress(boxes, scores, 0.3))


# ---------------------------------------------------------------------------------------------- average precision


def coco_scores(found: list[np.ndarray], right: list[np.ndarray]) -> tuple[float, float]:
    """(AP50, AP50:95) by pycocotools; -1 where it has none."""
    COCO = pytest.importorskip("pycocotools.coco").COCO
    COCOeval = pytest.importorskip("pycocotools.cocoeval").COCOeval

    def side(row):
        return [row[1], row[2], row[3] - row[1], row[4] - row[2]]

    marks = [
        {"image_id": number, "category_id": int(row[0]), "bbox": side(row), "iscrowd": int(row[5])}
        for number, rows in enumerate(right, 1)
        for row in rows.tolist()
    ]
    for number, mark in enumerate(marks, 1):
        mark |= {"id": number, "area": mark["bbox"][2] * mark["bbox"][3]}
    answers = [
        {"image_id": number, "category_id": int(row[0]), "bbox": side(row), "score": row[5]}
        for number, rows in enumerate(found, 1)
        for row in rows.tolist()
    ]
    truth = COCO()
    images = [{"id": number} for number in range(1, len(found) + 1)]
    truth.dataset = {"images": images, "annotations": marks, "categories": [{"id": one} for one in range(3)]}
    truth.dataset["info"] = {}
    if not answers:
        return (0.0, 0.0) if any(not mark["iscrowd"] for mark in marks) else (-1.0, -1.0)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(answers), "bbox")
        judge.evaluate()
        judge.accumulate()
    table = judge.eval["precision"][:, :, :, 0, -1]  # (T, R, classes), all areas, 100 boxes
    return tuple(float(part[part > -1].mean()) if (part > -1).any() else -1.0 for part in (table[0], table))


def rows(draw, most: int, last) -> np.ndarray:
    """(up to most, 6): class, corners on a grid of 8 or anywhere, a score or a crowd's mark."""
    grid = draw(st.booleans())
    point = st.integers(0, 8).map(float) if grid else st.floats(0, 8)
    found = []
    for _ in range(draw(st.integers(0, most))):
        left, top = draw(point), draw(point)
        width, height = draw(point), draw(point)
        found.append([draw(st.integers(0, 2)), left, top, left + width, top + height, draw(last)])
    return np.array(found, dtype=np.float64).reshape(-1, 6)


@st.composite
def scored_pictures(draw):
    scores = st.one_of(st.sampled_from([0.25, 0.5, 0.75]), st.floats(0.01, 1))
    right = [rows(draw, 5, st.sampled_from([0.0, 0.0, 0.0, 1.0])) for _ in range(draw(st.integers(1, 4)))]
    found = []
    for given_rows in right:
        answers = rows(draw, 5, scores)
        if len(given_rows) and draw(st.booleans()):  # near the right ones, so that thresholds are met and missed
            near = given_rows[draw(st.lists(st.integers(0, len(given_rows) - 1), max_size=6))].copy()
            near[:, 5] = [draw(scores) for _ in near]
            near[:, 3:5] += draw(st.sampled_from([0.0, 0.25, 1.0]))
            answers = np.concatenate([answers, near])
        found.append(answers)
    return found, right


@given(pictures=scored_pictures())
def test_average_precision_is_cocos(pictures):
    found, right = pictures
    mine = detection_scores(found, right)
    half, all_ten = coco_scores(found, right)
    if half < 0:
        assert mine == {"map50": None, "map50_95": None}
    else:
        assert mine["map50"] == pytest.approx(half, abs=1e-12)
        assert mine["map50_95"] == pytest.approx(all_ten, abs=1e-12)


def test_average_precision_of_a_hundred_boxes_and_more():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (150, 2))
    right = np.concatenate([np.zeros((150, 1)), corners, corners + rng.uniform(1, 30, (150, 2)), np.zeros((150, 1))], 1)
    found = right.copy()
    found[:, 1:5] += rng.normal(0, 1, (150, 4))
    found[:, 5] = rng.uniform(0, 1, 150)
    found[:, 3:5] = np.maximum(found[:, 3:5], found[:, 1:3])
    mine = detection_scores([found], [right])
    assert (mine["map50"], mine["map50_95"]) == pytest.approx(coco_scores([found], [right]), abs=1e-12)


def test_average_precision_by_hand():
    right = [np.array([[0, 0, 0, 4, 4], [0, 6, 6, 8, 8]], dtype=float)]
    found = [np.array([[0, 0, 0, 4, 4, 0.9], [0, 0, 0, 4, 3, 0.8], [0, 6, 6, 8, 8, 0.7], [1, 0, 0, 1, 1, 0.6]])]
    # recall 1/2 with precision 1, then a double, then recall 1 with precision 2/3: 51 recalls of 1, 50 of 2/3
    assert detection_scores(found, right)["map50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert list(average_precisions(found, right)) == [0]
    assert detection_scores([np.zeros((0, 6))], [np.zeros((0, 5))]) == {"map50": None, "map50_95": None}
    assert detection_scores([np.zeros((0, 6))], right) == {"map50": 0.0, "map50_95": 0.0}
    padded = [np.concatenate([found[0], np.array([[-1, 0, 0, 0, 0, 0.0]])])]
    assert detection_scores(padded, right) == detection_scores(found, right)
    with pytest.raises(ValueError, match="2 pictures"):
        detection_scores([found[0], found[0]], right)


def test_a_right_box_is_claimed_once_and_a_crowd_often():
    found = np.array([[0, 0, 4, 4], [0, 0, 4, 4], [1, 1, 2, 2]], dtype=float)
    right = np.array([[0, 0, 4, 4], [0, 0, 9, 9]], dtype=float)
    assert claims(found, right, np.array([False, True]), np.array([0.5])).tolist() == [[0, 1, 1]]
    assert claims(found, right, np.array([False, False]), np.array([0.5])).tolist() == [[0, -1, -1]]
