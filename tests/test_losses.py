"""Losses against torch.nn.functional and against their formulas, on values and gradients."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from fofx.losses import (
    PIECES,
    absolute_error,
    cross_entropy,
    cross_entropy_by_formula,
    huber,
    squared_error,
)

REGRESSION = [
    (squared_error, functional.mse_loss),
    (absolute_error, functional.l1_loss),
    (huber, functional.smooth_l1_loss),
    (lambda p, t: huber(p, t, 0.3), lambda p, t: functional.huber_loss(p, t, delta=0.3)),
]


def agree(ours, theirs, prediction):
    """Same value, same gradient with respect to the prediction."""
    mine, its = prediction.clone().requires_grad_(), prediction.clone().requires_grad_()
    ours(mine).backward()
    theirs(its).backward()
    torch.testing.assert_close(ours(mine), theirs(its))
    torch.testing.assert_close(mine.grad, its.grad)


@pytest.mark.parametrize("ours, theirs", REGRESSION)
@given(rows=st.integers(1, 7), outputs=st.integers(1, 4), scale=st.sampled_from([1e-3, 1.0, 50.0]))
@settings(max_examples=20, deadline=None)
def test_regression_losses(ours, theirs, rows, outputs, scale):
    torch.manual_seed(rows * 10 + outputs)
    target = torch.randn(rows, outputs)
    agree(lambda p: ours(p, target), lambda p: theirs(p, target), target + scale * torch.randn(rows, outputs))


@pytest.mark.parametrize("ours, theirs", REGRESSION)
def test_members_are_scored_one_by_one(ours, theirs):
    torch.manual_seed(0)
    prediction, target = torch.randn(5, 3, 2), torch.randn(5, 2)  # (B, M, D), (B, D)
    agree(lambda p: ours(p, target), lambda p: sum(theirs(p[:, member], target) for member in range(3)) / 3, prediction)


def test_gradients_at_no_error():
    """Where the error is 0 the gradient is 0: no nan, no push."""
    for ours, _ in REGRESSION:
        prediction = torch.zeros(3, 1, requires_grad=True)
        ours(prediction, torch.zeros(3, 1)).backward()
        assert torch.equal(prediction.grad, torch.zeros(3, 1))


@pytest.mark.parametrize(
    "prediction, target", [((4,), (4, 1)), ((4, 2), (4, 1)), ((4, 3, 2), (4, 1)), ((3, 4, 2), (4, 2)), ((1,), (4,))]
)
def test_shapes_that_would_broadcast_are_refused(prediction, target):
    for ours, _ in REGRESSION:
        with pytest.raises(ValueError, match="does not fit"):
            ours(torch.zeros(prediction), torch.zeros(target))


def test_one_number_a_row_does_not_become_all_pairs():
    """(B, 1) against (B,): one member, each row against its own target."""
    assert squared_error(torch.zeros(4, 1), torch.arange(4.0)).item() == (0 + 1 + 4 + 9) / 4


@given(
    rows=st.integers(1, 8),
    count=st.integers(2, 5),
    weighted=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.1, 0.5]),
    scale=st.sampled_from([0.1, 1.0, 20.0]),
)
@settings(max_examples=60, deadline=None)
def test_cross_entropy_is_its_formula(rows, count, weighted, smoothing, scale):
    torch.manual_seed(rows + 10 * count)
    scores, classes = scale * torch.randn(rows, count), torch.randint(0, count, (rows,))
    weights = torch.rand(count) + 0.1 if weighted else None
    agree(
        lambda s: cross_entropy(s, classes, weights, smoothing),
        lambda s: cross_entropy_by_formula(s, classes, weights, smoothing),
        scores,
    )


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_cross_entropy_of_members(weights):
    torch.manual_seed(0)
    scores, classes = torch.randn(6, 4, 3), torch.tensor([0, 1, 2, 0, 1, 1])  # (B, M, K)

    def one_by_one(s):
        return sum(functional.cross_entropy(s[:, member], classes, weight=weights) for member in range(4)) / 4

    agree(lambda s: cross_entropy(s, classes, weights), one_by_one, scores)


def test_two_classes_are_logistic_regression():
    """Cross entropy of two scores is binary cross entropy of their difference."""
    torch.manual_seed(0)
    scores, classes = torch.randn(9, 2), torch.randint(0, 2, (9,))
    agree(
        lambda s: cross_entropy(s, classes),
        lambda s: functional.binary_cross_entropy_with_logits(s[:, 1] - s[:, 0], classes.float()),
        scores,
    )


def test_cross_entropy_of_huge_scores_stays_finite():
    loss = cross_entropy(torch.tensor([[1e4, -1e4], [-1e4, 1e4]]), torch.tensor([1, 1]))
    assert loss.item() == pytest.approx(1e4)


def test_pieces_stand_alone():
    space = {"torch": torch}
    exec("\n".join(inspect.getsource(piece) for piece in PIECES), space)
    prediction, target = torch.randn(4, 2), torch.randn(4, 2)
    for name in ("squared_error", "absolute_error", "huber"):
        assert torch.equal(space[name](prediction, target), globals()[name](prediction, target))
    assert torch.equal(
        space["cross_entropy"](prediction, torch.tensor([0, 1, 1, 0])),
        cross_entropy(prediction, torch.tensor([0, 1, 1, 0])),
    )
