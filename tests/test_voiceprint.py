"""The two-covariance model with a prior against its densities written out, and the rung that begins from drawn voices."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import fofx
from fofx.classic.prior import RIDGE, TwoCovariances, owners_among
from fofx.errors import TaskError
from fofx.rungs.voiceprint import known_voices
from fofx.tasks import same_voice, task

SIZE = 4


def prior() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    parts = [generator.normal(size=(SIZE, 9)) for _ in range(2)]
    within, between = (part @ part.T / 9 for part in parts)
    return {
        "mean": generator.normal(size=SIZE),
        "spread": np.arange(1.0, 5.0),
        "within": within,
        "between": 2 * between,
    }


def drawn(identities: int, each: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Items (N, D) as the prior says they vary, and whose they are (N,)."""
    known, generator = prior(), np.random.default_rng(seed)
    middles = generator.multivariate_normal(np.zeros(SIZE), known["between"], identities)
    owners = np.repeat(np.arange(identities), each)
    rows = middles[owners] + generator.multivariate_normal(np.zeros(SIZE), known["within"], len(owners))
    return known["mean"] + rows * known["spread"], owners


def pairs(rows: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    one, two = np.triu_indices(len(rows), 1)
    return rows[one], rows[two], owners[one] == owners[two]


def test_scores_are_the_ratio_of_the_densities():
    rows, owners = drawn(6, 3)
    first, second, same = pairs(rows, owners)
    model = TwoCovariances(prior()).fit(first, second, same)
    within = np.linalg.inv(model.directions @ model.directions.T) - 0.0  # W with its ridge, after adaptation
    between = prior()["between"]
    middle = (model.mean - prior()["mean"]) / prior()["spread"]
    both = np.block([[within + between, between], [between, within + between]])
    sides = np.concatenate([(each - prior()["mean"]) / prior()["spread"] - middle for each in (first, second)], axis=1)
    alone = multivariate_normal(cov=within + between)
    expected = multivariate_normal(cov=both).logpdf(sides)
    expected = expected - alone.logpdf(sides[:, :SIZE]) - alone.logpdf(sides[:, SIZE:])
    np.testing.assert_allclose(model.scores(first, second), expected, atol=1e-8)
    assert np.array_equal(model.scores(first, second), model.scores(second, first))


def test_own_items_move_the_prior_as_far_as_they_are_many():
    rows, owners = drawn(2, 2)
    few = TwoCovariances(prior()).fit(*pairs(rows, owners))
    untouched = np.linalg.inv(few.directions @ few.directions.T)
    assert np.abs(untouched - prior()["within"] - RIDGE * np.eye(SIZE)).max() < 0.2
    shifted, owners = drawn(40, 6, seed=2)
    shifted[:, 0] += 5.0
    many = TwoCovariances(prior()).fit(*pairs(shifted, owners))
    assert many.mean[0] - prior()["mean"][0] == pytest.approx(5.0, abs=1.0)


def test_it_tells_new_identities_apart_after_three():
    model = TwoCovariances(prior()).fit(*pairs(*drawn(3, 5)))
    first, second, same = pairs(*drawn(30, 3, seed=7))
    scores = model.scores(first, second)
    assert (scores[same][:, None] > scores[~same]).mean() > 0.8
    settings, arrays = model.state()
    again = TwoCovariances.from_state(settings, arrays)
    assert np.array_equal(again.probabilities(first, second), model.probabilities(first, second))


def test_owners_follow_chains_of_pairs():
    item = np.array([[0, 1, 3, 4], [1, 2, 4, 5]])
    owners = owners_among(item, np.array([True, True, True, False]))
    assert owners[0] == owners[1] == owners[2] and owners[3] == owners[4]
    assert len({owners[0], owners[3], owners[5]}) == 3


def test_what_is_known_of_voices_is_whole():
    known = known_voices()
    assert known["mean"].shape == (57,) and (known["spread"] > 0).all()
    assert np.linalg.eigvalsh(known["within"]).min() > 0
    assert np.allclose(known["between"], known["between"].T)


def test_new_voices_are_told_apart_where_a_line_cannot(tmp_path):
    table, options = task("same-voice").arguments(speakers=24, pairs=300)
    parts = {part: set() for part in ("train", "validation", "test")}
    for part, one, two in zip(table.parts, table.frame["first_identity"], table.frame["second_identity"]):
        parts[part] |= {one, two}
    assert not parts["train"] & parts["test"] and not parts["train"] & parts["validation"]
    f = fofx.find(table, budget=2, model="voiceprint", out=str(tmp_path), name="voices", **options)
    scores = {result.name: result.test_scores for result in f.rungs}
    assert scores["voiceprint"]["auc"] > 0.75
    again = fofx.load(tmp_path / "voices")
    row = table.frame[0]
    assert again(row.select("first", "second")) == f(row.select("first", "second"))
    script = f.eject(tmp_path / "home.py", rung="voiceprint")
    done = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"test accuracy: {scores['voiceprint']['accuracy']:.6g} (the run" in done.stdout
    with pytest.raises(TaskError, match="model-does-not-fit"):
        fofx.find({"x": [1, 2, 3] * 9, "y": ["a", "b", "a"] * 9}, "y", model="voiceprint", out=str(tmp_path))


def test_own_data_that_hold_no_speakers(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(TaskError, match="no-voices"):
        same_voice.own(str(tmp_path / "t.csv"))
    with pytest.raises(TaskError, match="bad-option"):
        same_voice.data(speakers=3)
