"""Mask maths: scores against scikit-learn, losses against torch on values and gradients, joint augmentation."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from torch.nn import functional

from fofx import masks
from fofx.masks import PIECES, VOID, augment_masks, confusion, dice_loss, mask_cross_entropy, mask_scores

seeds = st.integers(0, 10_000)


def case(seed: int, classes: int, void: float = 0.2, shape=(2, 5, 7)) -> tuple[np.ndarray, np.ndarray]:
    """A random mask, some of it void, and a guess that is right for about half of it."""
    generator = np.random.default_rng(seed)
    used = generator.integers(1, classes + 1)  # some classes never occur
    truth = generator.integers(0, used, shape).astype(np.uint8)
    guess = np.where(generator.random(shape) < 0.5, truth, generator.integers(0, classes, shape)).astype(np.uint8)
    truth[generator.random(shape) < void] = VOID
    return truth, guess


@given(seed=seeds, classes=st.integers(2, 6), void=st.sampled_from([0.0, 0.3, 0.95]))
@settings(max_examples=80, deadline=None)
def test_scores_are_those_of_scikit_learn(seed, classes, void):
    truth, guess = case(seed, classes, void)
    real = truth != VOID
    matrix = confusion(truth, guess, classes)
    if not real.any():
        assert set(mask_scores(matrix).values()) == {None}
        return
    true, given = truth[real], guess[real]
    labels = list(range(classes))
    assert np.array_equal(matrix, sklearn_metrics.confusion_matrix(true, given, labels=labels))
    oracle = sklearn_metrics.jaccard_score(true, given, labels=labels, average=None, zero_division=0)
    occurring = sorted(set(true) | set(given))
    for label, share in enumerate(masks.iou(matrix)):
        assert share is None if label not in occurring else share == pytest.approx(oracle[label])
    wanted = sklearn_metrics.jaccard_score(true, given, labels=occurring, average="macro", zero_division=0)
    assert masks.mean_iou(matrix) == pytest.approx(wanted)
    assert masks.pixel_accuracy(matrix) == pytest.approx(sklearn_metrics.accuracy_score(true, given))
    recall = sklearn_metrics.recall_score(true, given, labels=sorted(set(true)), average="macro", zero_division=0)
    assert masks.class_accuracy(matrix) == pytest.approx(recall)


def test_counting_in_pieces_changes_nothing(monkeypatch):
    truth, guess = case(1, 5, shape=(4, 9, 11))
    whole = confusion(truth, guess, 5)
    monkeypatch.setattr(masks, "AT_ONCE", 7)
    assert np.array_equal(confusion(truth, guess, 5), whole)
    assert np.array_equal(sum(confusion(truth[row], guess[row], 5) for row in range(4)), whole)


def test_what_is_void_never_counts():
    truth, guess = case(2, 4)
    changed = np.where(truth == VOID, (guess + 1) % 4, guess)
    assert np.array_equal(confusion(truth, guess, 4), confusion(truth, changed, 4))
    assert masks.mean_iou(confusion(truth, np.where(truth == VOID, 0, truth), 4)) == 1


def test_scores_have_a_name_for_each_class():
    scores = mask_scores(np.array([[3, 1], [0, 2]]), ["road", "car"])
    assert scores["iou.road"] == pytest.approx(3 / 4) and scores["iou.car"] == pytest.approx(2 / 3)
    assert scores["miou"] == pytest.approx((3 / 4 + 2 / 3) / 2)


def test_wrong_maps_are_an_error():
    with pytest.raises(ValueError, match="does not fit"):
        confusion(np.zeros((2, 3, 4), np.uint8), np.zeros((2, 3, 5), np.uint8), 2)
    with pytest.raises(ValueError, match="from 0 to 1"):
        confusion(np.array([0, 1]), np.array([0, 7]), 2)


def tensors(seed: int, classes: int, void: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.randn(2, classes, 5, 7, dtype=torch.float64) * 3, torch.from_numpy(case(seed, classes, void)[0])


def agree(ours, theirs, scores) -> None:
    mine, its = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    ours(mine).backward()
    theirs(its).backward()
    torch.testing.assert_close(ours(mine), theirs(its))
    torch.testing.assert_close(mine.grad, its.grad)


@given(seed=seeds, classes=st.integers(2, 6), weighted=st.booleans())
@settings(max_examples=30, deadline=None)
def test_cross_entropy_is_that_of_the_real_pixels(seed, classes, weighted):
    scores, maps = tensors(seed, classes)
    weights = torch.rand(classes, dtype=torch.float64) + 0.1 if weighted else None

    def by_pixel(given):
        real = maps != VOID
        return functional.cross_entropy(given.permute(0, 2, 3, 1)[real], maps[real].long(), weight=weights)

    agree(lambda given: mask_cross_entropy(given, maps, weights), by_pixel, scores)
    lasting = scores.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(mask_cross_entropy(lasting, maps, weights), by_pixel(scores))


def dice_by_formula(scores: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    real = (maps != VOID)[:, None]
    wanted = functional.one_hot(maps.long() % 255, max(255, scores.shape[1]))[..., : scores.shape[1]]
    wanted = wanted.permute(0, 3, 1, 2) * real  # (B, K, H, W)
    given = scores.softmax(dim=1) * real
    each = [
        2 * (given[:, k] * wanted[:, k]).sum() / (given[:, k].sum() + wanted[:, k].sum())
        for k in range(scores.shape[1])
        if wanted[:, k].sum() > 0
    ]
    return 1 - torch.stack(each).mean()


@given(seed=seeds, classes=st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_dice_is_the_formula(seed, classes):
    scores, maps = tensors(seed, classes)
    agree(lambda given: dice_loss(given, maps), lambda given: dice_by_formula(given, maps), scores)


@pytest.mark.parametrize("loss", [mask_cross_entropy, dice_loss])
def test_a_batch_that_is_all_void_teaches_nothing(loss):
    scores = torch.randn(2, 3, 4, 5, requires_grad=True)
    value = loss(scores, torch.full((2, 4, 5), VOID, dtype=torch.uint8))
    value.backward()
    assert value.item() == 0 and not scores.grad.any()


def test_a_perfect_answer_costs_nothing():
    maps = torch.tensor([[[0, 1], [2, VOID]]], dtype=torch.uint8)
    scores = 100 * functional.one_hot((maps % 255).long(), 3).permute(0, 3, 1, 2).double()
    assert mask_cross_entropy(scores, maps).item() == pytest.approx(0)
    assert dice_loss(scores, maps).item() == pytest.approx(0)


@given(counts=st.lists(st.integers(0, 1_000_000), min_size=1, max_size=6), power=st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=40, deadline=None)
def test_rare_classes_weigh_more(counts, power):
    weights = masks.rare_class_weights(counts, power).double()
    pixels = torch.tensor(counts, dtype=torch.float64).clamp(min=1)
    assert ((weights * pixels).sum() / pixels.sum()).item() == pytest.approx(1, rel=1e-5)
    assert torch.equal(weights[pixels.argsort()], weights.sort(descending=True).values)
    if power == 1:
        torch.testing.assert_close(weights * pixels, (weights * pixels)[:1].expand_as(pixels), rtol=1e-5, atol=0.0)
    if power == 0:
        torch.testing.assert_close(weights, torch.ones_like(weights))


def painted(count: int = 6, height: int = 24, width: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures whose colour says their class: 40 * class in every channel, in blocks of 8 pixels."""
    torch.manual_seed(0)
    maps = torch.randint(0, 5, (count, height // 8, width // 8)).repeat_interleave(8, 1).repeat_interleave(8, 2)
    return (maps[:, None] * 40).repeat(1, 3, 1, 1).byte(), maps.byte()


def test_picture_and_mask_move_together():
    pictures, maps = painted()
    torch.manual_seed(1)
    moved, places = augment_masks(pictures, maps, light=0.0)
    assert moved.shape == pictures.shape and moved.dtype == torch.float32
    assert places.shape == maps.shape and places.dtype == torch.uint8
    assert not torch.equal(places, maps)
    inside = (moved[:, 0] - (moved[:, 0] / 40).round() * 40).abs() < 1e-2  # not between two blocks
    assert inside.float().mean() > 0.7
    assert torch.equal((moved[:, 0] / 40).round().byte()[inside], places[inside])


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_augmenting_never_makes_a_class(seed):
    maps = torch.from_numpy(np.random.default_rng(seed).choice([0, 3, 9, VOID], (2, 12, 10)).astype(np.uint8))
    pictures = torch.zeros(2, 3, 12, 10, dtype=torch.uint8)
    torch.manual_seed(seed)
    moved, places = augment_masks(pictures, maps)
    assert set(places.unique().tolist()) <= {0, 3, 9, VOID}
    assert moved.min() >= 0 and moved.max() <= 255


def test_without_zoom_and_light_only_the_mirror_is_left():
    pictures, maps = painted()
    torch.manual_seed(2)
    moved, places = augment_masks(pictures, maps, zoom=0.0, light=0.0)
    mirrored = [not torch.equal(places[row], maps[row]) for row in range(6)]
    assert any(mirrored) and not all(mirrored)
    for row, turned in enumerate(mirrored):
        wanted = pictures[row].flip(-1) if turned else pictures[row]
        torch.testing.assert_close(moved[row], wanted.float(), rtol=0, atol=1e-2)
        assert torch.equal(places[row], maps[row].flip(-1) if turned else maps[row])
    moved, places = augment_masks(pictures, maps, zoom=0.0, light=0.0, mirror=False)
    assert torch.equal(places, maps)


def test_the_global_generator_alone_decides():
    pictures, maps = painted()
    torch.manual_seed(3)
    first = augment_masks(pictures, maps)
    torch.manual_seed(3)
    second = augment_masks(pictures, maps)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])


def test_pieces_stand_alone():
    namespace = {"torch": torch, "F": functional}
    for piece in PIECES:
        exec(compile(inspect.getsource(piece), piece.__name__, "exec", dont_inherit=True), namespace)
    scores, maps = tensors(4, 3)
    assert torch.equal(namespace["mask_cross_entropy"](scores, maps), mask_cross_entropy(scores, maps))
    assert torch.equal(namespace["dice_loss"](scores, maps), dice_loss(scores, maps))
    ours, pasted = augment_masks(*painted()), namespace["augment_masks"](*painted())  # painted() sets the seed
    assert torch.equal(pasted[0], ours[0]) and torch.equal(pasted[1], ours[1])
