"""Calibration: bins equal to scikit-learn's, the ECE and Brier by hand, and intervals that hold what they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

import fofx
import see_small
import small
from fofx.errors import RunError, TaskError
from fofx.see.calibration import Coverage, Reliability, brier, calibration, reaches, reliability
from fofx.see.rows import frame_of

chances = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(rows=chances, bins=st.integers(1, 12), how=st.sampled_from(["width", "count"]))
def test_the_bins_are_scikit_learns(rows: list[tuple[float, bool]], bins: int, how: str) -> None:
    chance, came = np.array([c for c, _ in rows]), np.array([t for _, t in rows])
    edges, counts, said, share = reliability(chance, came, bins, how)
    right = calibration_curve(came, chance, n_bins=bins, strategy={"width": "uniform", "count": "quantile"}[how])
    full = counts > 0
    assert np.allclose(share[full], right[0]) and np.allclose(said[full], right[1])
    assert counts.sum() == len(rows) and len(edges) == bins + 1
    assert np.isnan(said[~full]).all() and np.isnan(share[~full]).all()


def test_bins_of_equal_count_have_equal_counts() -> None:
    chance = np.random.default_rng(0).beta(5, 1, 1000)
    assert set(reliability(chance, chance > 0.5, 10, "count")[1].tolist()) <= {99, 100, 101}


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 30), classes=st.integers(2, 5), seed=st.integers(0, 99))
def test_the_brier_score_is_the_squared_distance(rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities, truth = rng.dirichlet(np.ones(classes), rows), rng.integers(0, classes, rows)
    by_hand = np.mean([((p - np.eye(classes)[t]) ** 2).sum() for p, t in zip(probabilities, truth)])
    assert brier(probabilities, truth) == pytest.approx(by_hand)
    if classes == 2 and len(set(truth)) == 2:
        assert brier(probabilities, truth) == pytest.approx(2 * brier_score_loss(truth, probabilities[:, 1]))


@pytest.mark.parametrize(
    "family, rung", [("category", None), ("category", "tree"), ("text", "gru"), ("picture", "cnn")]
)
@pytest.mark.parametrize("part", ["test", "validation", "train"])
def test_the_reliability_of_a_run(family: str, rung: str | None, part: str) -> None:
    function = see_small.again(family)
    end = function.outputs[0]
    found = calibration(function, rung, part=part, bins=5)
    frame = frame_of(function, part)
    said, truth = function.predict(frame, rung)[end.name], end.truth(frame[end.name])
    came, chance = said.argmax(axis=1) == truth, said.max(axis=1)
    assert isinstance(found, Reliability) and found.about is None and found.rung == (rung or function.winner)
    right = calibration_curve(came, chance, n_bins=5)
    full = found.counts > 0
    assert np.allclose(found.came[full], right[0]) and np.allclose(found.said[full], right[1])
    place = np.clip(np.ceil(chance * 5 - 1e-12) - 1, 0, 4)
    gaps = [abs(came[place == n].mean() - chance[place == n].mean()) * (place == n).mean() for n in set(place)]
    assert found.ece == pytest.approx(sum(gaps)) and 0 <= found.ece <= found.worst <= 1
    assert found.brier == pytest.approx(brier(said, truth))
    assert np.all(found.low[full] <= found.came[full] + 1e-9) and np.all(found.came[full] <= found.high[full] + 1e-9)


def test_one_class_by_its_name() -> None:
    function = see_small.three_function()
    found = calibration(function, "linear", about="high", how="count", bins=4)
    frame = frame_of(function, "test")
    chance = function.predict(frame, "linear")["label"][:, function.outputs[0].names.index("high")]
    came = (frame["label"] == "high").to_numpy()
    right = calibration_curve(came, chance, n_bins=4, strategy="quantile")
    assert found.about == "high" and np.allclose(found.came, right[0]) and np.allclose(found.said, right[1])
    assert found.brier == pytest.approx(brier_score_loss(came, chance))


@pytest.mark.parametrize("rung", [None, "boosting", "mean"])
def test_the_intervals_of_a_number(rung: str | None) -> None:
    function = see_small.again("number")
    found = calibration(function, rung)
    assert isinstance(found, Coverage) and (np.diff(found.reach) >= 0).all() and (np.diff(found.held) >= 0).all()
    frame = frame_of(function, "test")
    errors = function.predict(frame, rung)["price"] - frame["price"].to_numpy()
    assert found.bias == pytest.approx(errors.mean()) and found.rows == len(errors)
    assert found.held.tolist() == [np.mean(np.abs(errors) <= reach) for reach in found.reach]
    if rung is None:  # the interval that the run's own answers carry
        assert found.reach[found.promised.tolist().index(0.9)] == pytest.approx(function.record["interval"]["price"])


def test_intervals_hold_what_they_promise() -> None:
    """Of fresh rows from the same source, at least the promised share lies inside, on the average over many draws."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        before, after = np.abs(rng.standard_t(3, 60)), np.abs(rng.standard_t(3, 200))
        held.append([(after <= reach).mean() for reach in reaches(before, np.array([0.5, 0.9]))])
    assert np.allclose(np.mean(held, axis=0), [0.5, 0.9], atol=0.02)


def test_on_its_own_rows_an_interval_is_said_to_hold_by_construction() -> None:
    found = calibration(see_small.again("number"), part="validation")
    assert [note.code for note in found.notes] == ["own-interval"]
    assert found.held[-2] >= 0.85


def test_when_the_data_are_gone_the_winners_probabilities_are_left(tmp_path: Path) -> None:
    pl.DataFrame(small.table()).write_csv(tmp_path / "sales.csv")
    function = fofx.find(tmp_path / "sales.csv", "sold", model="linear", budget=0.6, out=str(tmp_path), name="run")
    before = calibration(fofx.load(function.run.path))
    (tmp_path / "sales.csv").unlink()
    loaded = fofx.load(function.run.path)
    after = calibration(loaded)
    assert after.ece == pytest.approx(before.ece) and after.counts.tolist() == before.counts.tolist()
    assert before.brier is not None and after.brier is None and [n.code for n in after.notes] == ["no-brier"]
    other = next(r.name for r in loaded.rungs if r.name != loaded.winner)
    for call in (
        lambda: calibration(loaded, other),
        lambda: calibration(loaded, about="yes"),
        lambda: calibration(loaded, part="train"),
    ):
        with pytest.raises(RunError) as error:
            call()
        assert error.value.code == "data-gone"


def test_what_cannot_be_had_is_said() -> None:
    words, numbers = see_small.again("category"), see_small.again("number")
    for code, call in {
        "bad-option": lambda: calibration(words, how="height"),
        "unknown-class": lambda: calibration(words, about="maybe"),
        "no-classes": lambda: calibration(numbers, about="yes"),
        "unknown-part": lambda: calibration(words, part="exam"),
        "unknown-rung": lambda: calibration(words, "forest"),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code
