"""Pseudo-labels: unlabelled rows of which the best rung is sure are learnt from, chosen and judged on labelled rows only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fofx
import small
from fofx.fields.category import Category
from fofx.rungs.pseudo import MOST, SURE, PseudoLabels


def moons(labelled: int, unlabelled: int, seed: int = 0) -> dict:
    """Two arcs in the plane; of most points the class is not known."""
    draw = np.random.default_rng(seed)
    count = labelled + unlabelled
    kind = draw.integers(0, 2, count)
    turn = draw.random(count) * np.pi
    x = np.where(kind == 0, np.cos(turn), 1 - np.cos(turn)) + draw.normal(0, 0.1, count)
    y = np.where(kind == 0, np.sin(turn), 0.5 - np.sin(turn)) + draw.normal(0, 0.1, count)
    known = np.arange(count) < labelled
    parts = ["unlabeled" if not each else ("train", "validation", "test")[row % 3] for row, each in enumerate(known)]
    return {"x": x, "y": y, "arc": [("upper", "lower")[k] if ok else None for k, ok in zip(kind, known)], "part": parts}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> fofx.Function:
    return fofx.find(
        moons(150, 400), "arc", split="part", model="pseudo-labels", budget=1, out=str(tmp_path_factory.mktemp("runs"))
    )


def test_sure_rows_are_learnt_from(found: fofx.Function) -> None:
    result = next(result for result in found.rungs if result.name == "pseudo-labels")
    assert result.error is None and 0 < result.recipe["rows"] <= 400
    assert result.recipe["teacher"] in {each.name for each in found.rungs if each.family != "naive"}
    assert found.record["data"]["rows"] == {"train": 50, "validation": 50, "test": 50}
    assert any(notice.code == "unlabeled" and notice.count == 400 for notice in found.warnings)


def test_the_student_comes_back_from_the_run(found: fofx.Function) -> None:
    again = fofx.load(found.run.path)
    rows = {"x": [0.0, 1.0], "y": [1.0, -0.5]}
    one, other = (each.predict(each._columns_of(rows), "pseudo-labels") for each in (Named(found), Named(again)))
    np.testing.assert_allclose(one["arc"], other["arc"], atol=1e-6)


class Named:
    """A run asked for one rung's predictions of plain rows."""

    def __init__(self, function: fofx.Function) -> None:
        self.function = function

    def _columns_of(self, rows: dict):
        return self.function._rows(rows)[0]

    def predict(self, frame, rung: str):
        return self.function.predict(frame, rung)


def test_only_the_surest_count_and_not_too_many() -> None:
    output = Category("arc")
    output.names = ["lower", "upper"]
    chances = np.array([[0.05, 0.95], [0.5, 0.5], [0.92, 0.08], [0.01, 0.99]])
    rows, labels = PseudoLabels.answered({"arc": chances}, labelled=10, output=output)
    assert rows.tolist() == [0, 2, 3] and labels == ["upper", "lower", "upper"] and SURE == 0.9
    many = np.tile(chances[:1], (100, 1))
    assert len(PseudoLabels.answered({"arc": many}, labelled=10, output=output)[0]) == 10 * MOST


def test_without_unlabelled_rows_it_is_not_tried(tmp_path: Path) -> None:
    rows = moons(120, 0)
    rows.pop("part")
    f = small.quick(rows, outputs="arc", out=str(tmp_path))
    assert "pseudo-labels" not in {result.name for result in f.rungs}
