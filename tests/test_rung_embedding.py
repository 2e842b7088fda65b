"""The learnt embedding: points on a sphere, classes by angle, equal to cosines written out; tried where classes are many."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import fofx
from fofx.encoded import Inputs, Problem
from fofx.errors import TaskError
from fofx.fields.category import Category
from fofx.fields.number import Number
from fofx.fields.picture import Picture
from fofx.models.embedding import Directions, Embedding
from fofx.models.window import watch
from fofx.rungs.embedding import ENOUGH, MANY, LearntEmbedding


def test_scores_are_cosines_to_the_directions_with_their_gradients() -> None:
    torch.manual_seed(0)
    head = Directions(5, 3, 16.0).double()
    points = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    unit = torch.nn.functional.normalize(points, dim=1)
    scores = head(unit)
    wanted = 16 * torch.nn.functional.cosine_similarity(points[:, None], head.weight[None], dim=2)
    assert torch.allclose(scores, wanted)
    targets = torch.tensor([0, 2, 1, 0])
    (given,) = torch.autograd.grad(torch.nn.functional.cross_entropy(scores, targets), head.weight, retain_graph=True)
    (expected,) = torch.autograd.grad(torch.nn.functional.cross_entropy(wanted, targets), head.weight)
    assert torch.allclose(given, expected)


def test_light_and_contrast_are_taken_away() -> None:
    torch.manual_seed(0)
    model = Embedding(4, widths=(6, 8), width=10).eval()
    pictures = torch.rand(3, 3, 24, 24) * 2 + 0.5
    with torch.no_grad():
        given = model(pictures)
        cast = torch.tensor([0.3, -0.2, 0.5]).reshape(1, 3, 1, 1)
        assert torch.allclose(model(pictures + cast), given, atol=1e-4)
        assert torch.allclose(model(10 * pictures), model(20 * pictures), atol=0.2)
    with watch(model) as seen, torch.no_grad():
        model(pictures)
    assert torch.allclose(seen["embedding"].norm(dim=1), torch.ones(3))
    assert given.abs().max() <= 16


def test_it_knows_where_things_are() -> None:
    """The same dots in other places are other points; a network that pools over all places cannot tell them apart."""
    torch.manual_seed(0)
    model = Embedding(None, widths=(6, 8), width=10).eval()
    dots = torch.zeros(2, 3, 32, 32)
    dots[0, :, 6:10, 6:10] = dots[0, :, 22:26, 22:26] = 1
    dots[1, :, 6:10, 22:26] = dots[1, :, 22:26, 6:10] = 1
    with torch.no_grad():
        assert torch.norm(model(dots)[0] - model(dots)[1]) > 0.01


@pytest.mark.parametrize("size", [8, 13, 24, 48, 65])
def test_any_size(size: int) -> None:
    assert Embedding(3).eval()(torch.rand(2, 3, size, size)).shape == (2, 3)


def problem(classes: int, side: int, each: int = ENOUGH) -> Problem:
    rows = each * classes
    pictures = np.random.default_rng(0).integers(0, 256, (rows, side, side, 3), dtype=np.uint8)
    frame = pl.DataFrame({"picture": pictures, "label": [str(row % classes) for row in range(rows)]})
    picture, label = Picture("picture"), Category("label")
    picture.learn(frame["picture"])
    label.learn(frame["label"])
    seen = Inputs(frame, [picture])
    return Problem([picture], [label], seen, seen, frame, frame, {}, 0)


def test_it_is_tried_where_classes_are_many_and_pictures_large_enough() -> None:
    assert LearntEmbedding.tried(problem(MANY, 24)) == ["embedding"]
    assert LearntEmbedding.tried(problem(MANY - 1, 24)) == []
    assert LearntEmbedding.tried(problem(MANY, 8)) == []
    assert LearntEmbedding.tried(problem(MANY, 24, ENOUGH - 1)) == []


def test_it_does_not_fit_numbers() -> None:
    with pytest.raises(TaskError) as caught:
        LearntEmbedding.demand("embedding", [Number("a")], [Category("label")])
    assert caught.value.code == "model-does-not-fit"


@pytest.mark.slow
def test_the_ejected_script_gives_the_same_loss_curve(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    who = np.arange(160) % 4
    pictures = dice.integers(0, 90, (160, 24, 24, 3))
    for row, number in enumerate(who):
        pictures[row, 4 * number : 4 * number + 6, 4:18] += 120
    data = {"picture": pictures.astype(np.uint8), "label": [f"p{number}" for number in who]}
    found = fofx.find(data, "label", model="embedding", budget=4.0, out=str(tmp_path), name="run")
    assert found.run.read("run.json")["winner"] in ("embedding", "linear")
    script = found.eject(tmp_path / "f.py", rung="embedding")
    asked = [sys.executable, str(script), "--history", str(tmp_path / "again.jsonl")]
    subprocess.run(asked, check=True, capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})
    kept = [json.loads(line) for line in (found.run.path / "rungs/embedding/history.jsonl").read_text().splitlines()]
    again = [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]
    assert len(kept) == len(again) > 10
    assert max(abs(one["loss"] - other["loss"]) for one, other in zip(kept, again, strict=True)) < 1e-6
