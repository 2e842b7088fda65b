"""Occlusion against functions whose reasons are known: one column, a line, one word, one patch of a picture."""

from __future__ import annotations

import datetime
import itertools
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.errors import TaskError
from fofx.explain import explain, explain_rows
from fofx.explain.occlude import MOST_SPANS, text_variants, units_of
from fofx.explain.terminal import shades
from fofx.fields import field_class

DIGITS = pl.Series("a", np.linspace(-2, 3, 41))


class Known:
    """Stands in for a Function: fields that learnt from `frame`, and predictions by a formula on the raw frame."""

    def __init__(self, frame: pl.DataFrame, kinds: dict[str, str], formula, classes: list[str] | None = None) -> None:
        self.fields = [field_class(kind)(name) for name, kind in kinds.items()]
        for field in self.fields:
            field.learn(frame[field.name])
        output = field_class("category" if classes else "number")("y")
        output.learn(pl.Series("y", classes or [0.0, 1.0, 2.0]))
        self.outputs, self.winner, self.formula, self.calls = [output], "formula", formula, 0

    def rung(self, name: str):
        return SimpleNamespace(family="deep")

    def predict(self, frame: pl.DataFrame, rung: str | None = None) -> dict[str, np.ndarray]:
        self.calls += 1
        for field in self.fields:
            assert len(field.encode(frame[field.name])) == frame.height  # every variant can be encoded
        return {"y": np.asarray(self.formula(frame), dtype=float)}


def two_classes(chance: np.ndarray) -> np.ndarray:
    return np.stack([1 - chance, chance], axis=1)  # (N, 2)


def test_a_model_of_one_column_gives_that_column():
    frame = pl.DataFrame({"a": DIGITS, "b": DIGITS.reverse(), "c": ["u", "v"] * 20 + ["u"]})
    known = Known(frame, {"a": "number", "b": "number", "c": "category"}, lambda f: f["b"].to_numpy() ** 2)
    found = explain(known, frame[2:3])
    assert found.parts[0][0] == "b" and found.parts[0][1] != 0
    assert all(effect == 0 for _, effect in found.parts[1:])
    assert known.calls == 1  # all variants at once
    assert found.about is None and found.base == pytest.approx(frame["b"][2] ** 2)


@settings(max_examples=40, deadline=None)
@given(
    weights=st.lists(st.floats(-5, 5), min_size=3, max_size=3), row=st.lists(st.floats(-9, 9), min_size=3, max_size=3)
)
def test_of_a_line_the_effect_is_weight_times_distance_from_typical(weights: list[float], row: list[float]):
    random = np.random.default_rng(0)
    frame = pl.DataFrame({name: random.normal(size=31) for name in "abc"})
    known = Known(frame, dict.fromkeys("abc", "number"), lambda f: f.to_numpy() @ np.array(weights) + 7)
    found = explain(known, pl.DataFrame(dict(zip("abc", [[value] for value in row]))))
    effects = dict(found.parts)
    for name, weight, value in zip("abc", weights, row):
        assert effects[name] == pytest.approx(weight * (value - frame[name].median()), abs=1e-9)
    strengths = [abs(effect) for _, effect in found.parts]
    assert strengths == sorted(strengths, reverse=True)
    middle = float(frame.median().to_numpy()[0] @ np.array(weights)) + 7
    assert found.base - sum(effects.values()) == pytest.approx(middle, abs=1e-8)  # a line's effects add up


def test_classes_are_explained_by_the_probability_of_the_answer():
    frame = pl.DataFrame({"a": DIGITS})
    known = Known(frame, {"a": "number"}, lambda f: two_classes(1 / (1 + np.exp(-f["a"].to_numpy()))), ["no", "yes"])
    found = explain(known, pl.DataFrame({"a": [3.0]}))
    assert (found.value, found.about) == ("yes", "yes")
    typical = 1 / (1 + np.exp(-0.5))
    assert found.parts[0][1] == pytest.approx(found.base - typical)
    low = explain(known, pl.DataFrame({"a": [-2.0]}))
    assert low.about == "no" and low.base > 0.5 and low.parts[0][1] > 0


def test_missing_values_dates_and_booleans_are_explained():
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=n) for n in range(21)]
    frame = pl.DataFrame({"day": days, "a": [None, *range(20)], "on": [True] * 15 + [False] * 6})
    kinds = {"day": "date", "a": "number", "on": "category"}
    late = pl.col("day") > datetime.date(2024, 1, 15)
    known = Known(frame, kinds, lambda f: f.select(late.cast(float)).to_series().to_numpy())
    found = explain(known, frame[20:21])
    assert found.parts[0] == ("day", 1.0)
    assert found.replaced["day"][1].date() == datetime.date(2024, 1, 11)
    assert found.replaced["on"] == ("False", "True")
    assert explain(known, frame[:1]).replaced["a"][0] is None
    words = frame.with_columns(pl.col("day").cast(pl.String))
    assert explain(known, words[20:21]).parts[0] == ("day", 1.0)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("the food was awful, truly", "awful"),
        ("房间很难吃啊", "难"),
        ("非常 bad 的iPhone手机", "bad"),
        ("x\n\nbad-ish bad!", "bad"),
    ],
)
def test_the_word_that_decides_is_found(text: str, word: str):
    frame = pl.DataFrame({"t": [text, "something else"] * 3})
    known = Known(frame, {"t": "text"}, lambda f: [0.9 if word in (t or "") else 0.1 for t in f["t"]])
    found = explain(known, frame[:1])
    spans = found.spans["t"]
    strongest = max(spans, key=lambda span: abs(span.effect))
    if text.count(word) == 1:
        assert strongest.text == word and strongest.effect == pytest.approx(0.8)
        assert sum(span.effect != 0 for span in spans) == 1
    assert found.parts == [("t", pytest.approx(0.8))]  # without any text
    assert all(text[span.start : span.end] == span.text for span in spans)


def test_two_characters_that_only_count_together_are_one_span():
    frame = pl.DataFrame({"t": ["我不好说也不坏", "好"] * 3})
    # either character alone is enough, so that taking one away changes nothing
    known = Known(frame, {"t": "text"}, lambda f: [1.0 if {"好", "说"} & set(t) else 0.0 for t in f["t"]])
    spans = explain(known, frame[:1]).spans["t"]
    assert [(span.text, span.effect) for span in spans if span.effect] == [("好说", 1.0)]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400))
def test_spans_lie_in_the_text_in_order_and_are_not_too_many(text: str):
    units = units_of(text)
    assert len(units) <= MOST_SPANS
    assert all(0 <= start < end <= len(text) for start, end in units)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(units))
    variants = text_variants("t", text)
    effects = np.random.default_rng(len(text)).normal(size=variants.count)
    spans = variants.finish(effects).spans
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))
    assert all(text[span.start : span.end] == span.text for span in spans)


@pytest.mark.parametrize("shape", [(8, 8), (32, 32, 3), (31, 31, 1)])
def test_the_patch_that_decides_is_found(shape: tuple[int, ...]):
    pictures = np.random.default_rng(0).integers(0, 40, (5, *shape)).astype(np.uint8)
    side = shape[0]
    low, high = side // 2, side // 2 + side // 4  # a bright square below and right of the centre
    pictures[:, low:high, low:high] = 250
    frame = pl.DataFrame({"p": pl.Series("p", pictures)})

    def bright(f: pl.DataFrame) -> np.ndarray:
        seen = f["p"].to_numpy()[:, low:high, low:high].reshape(f.height, -1)
        return (seen > 200).mean(axis=1)

    found = explain(Known(frame, {"p": "picture"}, bright), frame[:1])
    heat = found.heat["p"]
    assert heat.shape == shape[:2]
    where = np.unravel_index(heat.argmax(), heat.shape)
    assert low <= where[0] < high and low <= where[1] < high
    assert heat[: side // 4, : side // 4].max() == 0  # far away nothing changes
    assert found.parts == [("p", pytest.approx(1.0))]
    assert found.pictures["p"].shape[:2] == shape[:2]


def test_rows_together_give_the_same_as_rows_alone():
    random = np.random.default_rng(3)
    texts = ["good food", "bad", "", "the room was good but small"]
    pictures = random.integers(0, 255, (4, 8, 8)).astype(np.uint8)
    frame = pl.DataFrame({"a": random.normal(size=4), "t": texts, "p": pl.Series("p", pictures)})

    def formula(f: pl.DataFrame) -> np.ndarray:
        lengths = f["t"].str.len_chars().to_numpy()
        return f["a"].to_numpy() + lengths + f["p"].to_numpy().reshape(f.height, -1).mean(axis=1)

    known = Known(frame, {"a": "number", "t": "text", "p": "picture"}, formula)
    together = explain_rows(known, frame)
    assert known.calls == 1
    for row, (found,) in enumerate(together):
        alone = explain(known, frame[row : row + 1])
        assert found.parts == alone.parts and found.spans == alone.spans
        assert np.array_equal(found.heat["p"], alone.heat["p"])


def test_very_many_columns_are_not_all_tried_and_that_is_said():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({f"c{n}": random.normal(size=20) for n in range(400)})
    row = frame[:1].with_columns(pl.lit(9.0).alias("c333"))
    known = Known(frame, dict.fromkeys(frame.columns, "number"), lambda f: f["c333"].to_numpy())
    found = explain(known, row)
    assert len(found.parts) == 256 and found.parts[0][0] == "c333"
    assert [note.code for note in found.notes] == ["some-columns-explained"]


def test_the_naive_answer_is_said_to_look_at_nothing():
    frame = pl.DataFrame({"a": DIGITS})
    known = Known(frame, {"a": "number"}, lambda f: np.full(f.height, 2.0))
    known.rung = lambda name: SimpleNamespace(family="naive")  # type: ignore[method-assign]
    found = explain(known, frame[:1])
    assert [note.code for note in found.notes] == ["naive-explained"] and "naive" in str(found)


def test_errors_say_what_is_there():
    frame = pl.DataFrame({"a": DIGITS})
    known = Known(frame, {"a": "number"}, lambda f: f["a"].to_numpy())
    with pytest.raises(TaskError, match="no-row"):
        explain(known, frame[:0])
    with pytest.raises(TaskError, match="unknown-output"):
        explain(known, frame[:1], output="z")


def test_it_reads_well_in_a_terminal_and_is_escaped_in_html():
    pictures = np.zeros((3, 8, 8), np.uint8)
    pictures[:, 4, 4] = 255
    nasty = "<script>alert(1)</script> bad"
    frame = pl.DataFrame({"<b>a": [1.0, 2.0, 3.0], "t": [nasty] * 3, "p": pl.Series("p", pictures)})
    kinds = {"<b>a": "number", "t": "text", "p": "picture"}
    known = Known(frame, kinds, lambda f: f["<b>a"].to_numpy() + f["t"].str.contains("bad").to_numpy())
    found = explain(known, frame[2:3])
    text = str(found)
    assert text.startswith("y = 4") and "<b>a" in text and "3 instead of 2" in text and "+1.0000  bad" in text
    for page in (found.to_html(), found.to_html("zh"), found._repr_html_()):
        assert "<script>" not in page and "<b>a" not in page and "data:image/png;base64," in page
    assert 'lang="zh"' in found.to_html() or not found.notes
    assert shades(np.array([[1.0, -1.0], [0.0, 0.5]])) == ["#=", " :"]
