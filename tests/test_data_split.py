"""Splitting: disjoint, complete, sorted, of the right size, groups and time kept, always the same."""

from __future__ import annotations

import inspect

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.data.split import PIECES, split
from fofx.errors import DataError, TaskError

SEEDS = st.integers(0, 2**32)


def check_parts(result, rows):
    parts = [result.train, result.validation, result.test]
    together = np.concatenate(parts)
    assert sorted(together.tolist()) == list(range(rows))
    for part in parts:
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    if rows >= 3:
        assert all(len(part) for part in parts)


@given(st.integers(1, 300), SEEDS)
def test_random(rows, seed):
    result = split(rows, seed=seed)
    check_parts(result, rows)
    assert abs(len(result.test) - 0.15 * rows) <= 1
    again = split(rows, seed=seed)
    assert all(np.array_equal(getattr(result, name), getattr(again, name)) for name in ("train", "validation", "test"))


def test_the_seed_matters_and_is_fixed_for_ever():
    assert split(100, seed=0).test.tolist() != split(100, seed=1).test.tolist()
    result = split(12, seed=7)
    assert (result.train.tolist(), result.validation.tolist(), result.test.tolist()) == FIXED


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=200), SEEDS)
def test_stratified(labels, seed):
    result = split(len(labels), labels=labels, seed=seed)
    together = np.concatenate([result.train, result.validation, result.test])
    assert sorted(together.tolist()) == list(range(len(labels)))
    trained = {labels[row] for row in result.train}
    for value in set(labels):
        count = labels.count(value)
        if count == 1:
            assert value in trained
        tested = sum(labels[row] == value for row in result.test)
        assert abs(tested - 0.15 * count) <= 2
    if len(labels) >= 3 and min(labels.count(value) for value in set(labels)) >= 3:
        assert len(result.validation) and len(result.test)


def test_every_class_in_every_part():
    labels = np.repeat(np.arange(4), [70, 20, 10, 400])
    result = split(500, labels=labels, seed=3)
    for part in (result.train, result.validation, result.test):
        assert set(labels[part]) == {0, 1, 2, 3}
    assert len(result.test) == 75


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=200), SEEDS)
def test_groups_stay_together(groups, seed):
    distinct = len(set(groups))
    if distinct < 3 and len(groups) >= 3:
        with pytest.raises(DataError) as caught:
            split(len(groups), groups=groups, seed=seed)
        assert caught.value.code == "few-groups"
        return
    if distinct < min(3, len(groups)):
        return
    result = split(len(groups), groups=groups, seed=seed)
    check_parts(result, len(groups))
    homes = [{groups[row] for row in part} for part in (result.train, result.validation, result.test)]
    assert not (homes[0] & homes[1] or homes[0] & homes[2] or homes[1] & homes[2])


def test_groups_come_near_the_fractions_and_the_classes():
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 60, 3000)
    labels = (groups % 3 == 0).astype(int)
    result = split(3000, groups=groups, labels=labels)
    assert abs(len(result.test) / 3000 - 0.15) < 0.02
    assert abs(len(result.train) / 3000 - 0.70) < 0.02
    for part in (result.train, result.validation, result.test):
        assert abs(labels[part].mean() - labels.mean()) < 0.12


@given(st.lists(st.integers(-5, 50), min_size=1, max_size=150))
def test_time_order(time):
    result = split(len(time), time=time)
    check_parts(result, len(time))
    moments = [[time[row] for row in part] for part in (result.train, result.validation, result.test)]
    for early, late in ((0, 1), (1, 2), (0, 2)):
        if moments[early] and moments[late]:
            assert max(moments[early]) <= min(moments[late])


def test_one_moment_is_not_cut_in_two():
    time = np.repeat(np.arange(20), 10)
    result = split(200, time=time)
    assert not set(time[result.train]) & set(time[result.validation])
    assert not set(time[result.validation]) & set(time[result.test])
    dates = pl.Series(["2024-01-01", "2024-03-01", None, "2024-02-01"]).str.to_date()
    assert split(4, time=dates).test.tolist() == [1]


def test_given_parts():
    words = ["train"] * 20 + ["Test"] * 5 + ["unlabeled", None]
    result = split(27, parts=pl.Series(words), seed=1)
    assert result.test.tolist() == list(range(20, 25))
    assert len(result.validation) == 4  # 0.15 / 0.85 of 20
    assert sorted([*result.train, *result.validation]) == list(range(20))
    everything = split(4, parts=["training", "train", "valid", "testing"])
    assert (everything.train.tolist(), everything.validation.tolist(), everything.test.tolist()) == ([0, 1], [2], [3])
    assert everything.how == "as given"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"fractions": (0.5, 0.5)}, "bad-fractions"), ({"fractions": (0, 1, 1)}, "bad-fractions"),
        ({"fractions": (1, -1, 1)}, "bad-fractions"), ({"labels": [1]}, "bad-option"),
        ({"groups": [1] * 4, "time": [1] * 4}, "bad-option"), ({"parts": ["train", "x", "test", "test"]}, "unknown-part"),
    ],
)  # fmt: skip
def test_wrong_options(options, code):
    with pytest.raises(TaskError) as caught:
        split(4, **options)
    assert caught.value.code == code


def test_no_rows():
    with pytest.raises(DataError):
        split(0)
    with pytest.raises(DataError):
        split(2, parts=["test", "test"])


def test_fractions_of_zero_leave_a_part_empty():
    result = split(10, fractions=(0.8, 0.2, 0))
    assert (len(result.train), len(result.validation), len(result.test)) == (8, 2, 0)


def test_the_pieces_run_alone_with_numpy_only():
    space = {"np": np}
    exec("from typing import Any\n" + "\n".join(inspect.getsource(piece) for piece in PIECES), space)
    labels = np.random.default_rng(0).integers(0, 3, 100)
    part = space["stratified_parts"](space["codes_of"](labels.tolist()), np.array([0.7, 0.15, 0.15]), 5)
    assert np.flatnonzero(part == 2).tolist() == split(100, labels=labels, seed=5).test.tolist()


def test_large_splits_are_quick_enough_to_test():
    labels = np.random.default_rng(0).integers(0, 5, 100_000)
    result = split(100_000, labels=labels)
    assert len(result.test) == 15_000


FIXED = ([0, 1, 3, 4, 6, 7, 8, 10], [2, 5], [9, 11])
