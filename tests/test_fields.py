"""Fields: each kind learns from training rows, encodes, decodes, and comes back from plain JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, mean_squared_error
from sklearn.utils.class_weight import compute_class_weight

import small
from fofx.errors import DataError, TaskError
from fofx.fields import Output, field_class, kinds, make_field
from fofx.fields.category import Category
from fofx.fields.date import Date
from fofx.fields.number import Number
from fofx.fields.picture import Picture
from fofx.fields.text import Text

DATES = ["2024-01-01", None, "2024-07-01", "2023-03-05"]
COLUMNS: dict[str, pl.Series] = {
    "number": pl.Series("x", [1.0, None, 3.0, -2.5]),
    "category": pl.Series("x", ["b", None, "a", "b"]),
    "date": pl.Series("x", DATES).str.to_datetime(),
    "text": pl.Series("x", ["a fine film", None, "很好看", ""]),
    "picture": pl.Series("x", small.pictures(4)[0]),
}


def learnt(kind: str, column: pl.Series | None = None) -> Any:
    column = COLUMNS[kind] if column is None else column
    field = field_class(kind)(column.name)
    field.learn(column)
    return field


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_field_comes_back_from_json(kind: str) -> None:
    field = learnt(kind)
    again = make_field(json.loads(json.dumps(field.state())))
    assert type(again) is type(field) and again.state() == field.state()
    assert torch.equal(again.encode(COLUMNS[kind]), field.encode(COLUMNS[kind]))


@pytest.mark.parametrize("kind", COLUMNS)
def test_an_encoding_is_one_contiguous_tensor_a_row_each(kind: str) -> None:
    tensor = learnt(kind).encode(COLUMNS[kind])
    assert len(tensor) == 4 and tensor.is_contiguous()
    wanted = {"text": torch.int32, "picture": torch.uint8}.get(kind, torch.float32)
    assert tensor.dtype == wanted
    if kind in ("number", "category", "date"):
        assert torch.isfinite(tensor).all() and len(learnt(kind).feature_names()) == tensor.shape[1]


@pytest.mark.parametrize("kind", COLUMNS)
def test_each_row_is_encoded_by_itself(kind: str) -> None:
    field = learnt(kind)
    whole = field.encode(COLUMNS[kind])
    for row in range(4):
        alone = field.encode(COLUMNS[kind][row : row + 1])[0]
        assert torch.equal(whole[row][: alone.shape[0]], alone)  # texts: but for padding


def test_every_kind_has_its_file() -> None:
    assert set(kinds()) >= set(COLUMNS)  # the others have tests of their own
    with pytest.raises(TaskError) as caught:
        field_class("numbre")
    assert caught.value.code == "unknown-kind" and "'number'" in str(caught.value)
    for state in (
        {},
        {"kind": "number"},
        {"kind": "number", "name": "x"},
        {"kind": "text", "name": "x", "tokenizer_json": 3},
    ):
        with pytest.raises(TaskError):
            make_field(state)


# ---------------------------------------------------------------------------------------- numbers


@settings(deadline=None)
@given(st.lists(st.floats() | st.none(), min_size=1, max_size=30))
def test_any_numbers_are_encoded_to_small_finite_ones(values: list) -> None:
    column = pl.Series("x", values, dtype=pl.Float64)
    field = learnt("number", column)
    found = field.encode(column)
    assert torch.isfinite(found).all() and found.abs().max() <= 20
    assert np.isfinite([field.mean, field.spread]).all() and field.spread > 0


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_numbers_come_back_in_the_users_unit(values: list[float]) -> None:
    column = pl.Series("x", values)
    field = learnt("number", column)
    back = field.predictions(field.targets(column))
    np.testing.assert_allclose(back, values, rtol=1e-4, atol=1e-3 * field.spread)


def test_numbers_are_standardised_and_missing_ones_flagged() -> None:
    field = learnt("number", pl.Series("x", [1.0, 2.0, 3.0]))
    np.testing.assert_allclose(field.encode(pl.Series("x", [2.0, 3.0]))[:, 0], [0.0, 1 / np.std([1, 2, 3])], rtol=1e-6)
    assert field.encode(pl.Series("x", [None], dtype=pl.Float64)).tolist() == [[0.0]]
    flagged = learnt("number", pl.Series("x", [1.0, None, 3.0]))
    assert flagged.encode(pl.Series("x", [None, 2.0])).tolist() == [[0.0, 1.0], [0.0, 0.0]]
    constant = learnt("number", pl.Series("x", [7.0, 7.0]))
    assert constant.spread == 1.0 and constant.encode(pl.Series("x", [7.0])).tolist() == [[0.0]]


def test_an_answer_far_beyond_training_stays_finite() -> None:
    field = learnt("number", pl.Series("x", [0.0, 1e-9]))
    targets = field.targets(pl.Series("x", [1e140, -1e140, 5e-10]))
    assert torch.isfinite(targets.square()).all() and targets[2].abs() < 1e-3


def test_the_metrics_of_numbers_are_scikit_learns() -> None:
    truth, found = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    assert learnt("number").metrics(found, truth)["mse"] == pytest.approx(mean_squared_error(truth, found))
    tiny = np.array([0.0, 0.0, 1e-200])
    assert learnt("number").metrics(tiny, tiny)["r2"] is None  # their squares vanish
    assert learnt("number").naive(truth) == pytest.approx(7 / 3)


# ---------------------------------------------------------------------------------------- categories


def test_classes_are_sorted_numbers_by_size() -> None:
    assert learnt("category", pl.Series("x", [10, 9, 2, 10])).names == ["2", "9", "10"]
    assert learnt("category", pl.Series("x", [1.0, 2.0, None])).names == ["1", "2"]
    assert learnt("category", pl.Series("x", [1.5, 2.0])).names == ["1.5", "2.0"]
    assert learnt("category", pl.Series("x", ["b", "10", "a", "9"])).names == ["9", "10", "a", "b"]
    assert learnt("category", pl.Series("x", [True, False])).names == ["False", "True"]


def test_a_value_never_seen_or_missing_is_all_zeros() -> None:
    field = learnt("category")
    assert field.encode(pl.Series("x", ["a", "b", "c", None])).tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]
    assert field.truth(pl.Series("x", ["a", "b", "c", None])).tolist() == [0, 1, -1, -1]


def test_an_input_of_many_values_keeps_the_most_frequent() -> None:
    values = [f"rare {n}" for n in range(500)] + ["often"] * 5
    field = learnt("category", pl.Series("x", values))
    assert len(field.names) == 100 and "often" in field.names
    assert field.encode(pl.Series("x", values)).shape == (505, 100)


def test_class_weights_make_classes_weigh_the_same_as_in_scikit_learn() -> None:
    values = np.array(["a"] * 30 + ["b"] * 10)
    field = learnt("category", pl.Series("x", values))
    weights = field.class_weights()
    assert weights.tolist() == pytest.approx(
        compute_class_weight("balanced", classes=np.unique(values), y=values).tolist()
    )
    assert (weights * torch.tensor([30.0, 10.0])).tolist() == pytest.approx([20.0, 20.0])


def test_probabilities_are_a_softmax_and_the_mean_of_members() -> None:
    field = learnt("category")
    scores = torch.randn(5, 2)
    np.testing.assert_allclose(field.predictions(scores), scores.double().softmax(1).numpy())
    members = torch.randn(5, 3, 2)
    np.testing.assert_allclose(field.predictions(members), members.double().softmax(2).mean(1).numpy())
    assert field.answers(np.array([[0.9, 0.1], [0.2, 0.8]])) == ["a", "b"]


def test_an_unseen_class_cannot_be_answered_rightly() -> None:
    field = learnt("category")
    found = np.array([[0.9, 0.1], [0.2, 0.8], [0.2, 0.8], [0.9, 0.1]])
    assert field.metrics(found, np.array([0, 1, 1, 0]))["accuracy"] == accuracy_score([0, 1, 1, 0], [0, 1, 1, 0])
    assert field.metrics(found, np.array([0, 1, -1, -1]))["accuracy"] == 0.5


def test_what_can_come_out() -> None:
    can = {kind for kind, cls in kinds().items() if issubclass(cls, Output)}
    assert can == {"number", "category", "boxes", "mask"}


# ---------------------------------------------------------------------------------------- dates, texts, pictures


def test_a_date_knows_weekday_and_season() -> None:
    column = pl.Series("x", ["2024-01-01", "2024-01-07", "2024-12-31"]).str.to_datetime()  # a Monday, a Sunday
    field = learnt("date", column)
    found = dict(zip(field.feature_names(), field.encode(column).T))
    assert found["x Monday"].tolist() == [1, 0, 0] and found["x Sunday"].tolist() == [0, 1, 0]
    assert found["x year cosine"].tolist() == pytest.approx([1, 1, 1], abs=0.02)
    assert found["x lateness"][2] > found["x lateness"][1] > found["x lateness"][0]


def test_dates_may_be_text_and_what_is_none_is_missing() -> None:
    field = learnt("date", pl.Series("x", ["2024-01-01", "2024-06-01"]))
    assert torch.equal(
        field.encode(pl.Series("x", ["2024-06-01"])), field.encode(pl.Series("x", ["2024-06-01 00:00:00"]))
    )
    for odd in (["soon"], [None], [""], ["2024-02-30"]):
        assert not field.encode(pl.Series("x", odd, dtype=pl.String)).any()
    with pytest.raises(DataError) as caught:
        learnt("date", pl.Series("x", ["red", "blue"]))
    assert caught.value.code == "not-dates"


def test_texts_are_cut_and_padded_and_long_ones_keep_both_ends() -> None:
    texts = pl.Series("x", ["good film"] * 20 + ["bad film"] * 20 + ["很 好 看"] * 20)
    field = learnt("text", texts)
    tokens = field.encode(pl.Series("x", ["good film", "", None]))
    assert (tokens[0] > 1).all() and (tokens[1:] != 0).sum(dim=1).tolist() == [
        1,
        1,
    ]  # an empty text is one unknown token
    field.length = 6
    long = field.encode(pl.Series("x", ["good " * 50 + "bad"]))[0]
    assert len(long) == 6 and long[0] == tokens[0, 0]
    assert field.tokens("bad")[-1] in ("bad", "##d", "##ad")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(max_size=30) | st.none(), min_size=1, max_size=10))
def test_any_texts_are_encoded(texts: list) -> None:
    texts = [None if t is None else t.encode("utf-8", "ignore").decode() for t in texts]
    column = pl.Series("x", texts, dtype=pl.String)
    field = learnt("text", column)
    found = field.encode(column)
    assert found.shape[0] == len(texts) and (found >= 0).all() and (found < field.vocabulary).all()


def test_pictures_of_any_form_become_bytes_of_one_size() -> None:
    grey, colour = small.pictures(4)[0], small.pictures(4, colour=True)[0]
    field = learnt("picture")
    assert (field.channels, field.side) == (1, 12)
    assert torch.equal(field.encode(COLUMNS["picture"])[:, 0], torch.from_numpy(grey))
    assert field.encode(pl.Series("x", colour)).shape == (4, 1, 12, 12)
    wide = learnt("picture", pl.Series("x", colour))
    assert wide.channels == 3 and wide.encode(COLUMNS["picture"]).shape == (4, 3, 12, 12)
    assert wide.encode_at(pl.Series("x", colour), 7).shape == (4, 3, 7, 7)
    with pytest.raises(DataError) as caught:
        learnt("picture", pl.Series("x", [1.0, 2.0]))
    assert caught.value.code == "not-pictures"


def test_names_of_the_classes() -> None:
    assert [cls.kind for cls in (Number, Category, Date, Text, Picture)] == [
        "number",
        "category",
        "date",
        "text",
        "picture",
    ]
