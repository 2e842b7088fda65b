"""The kind `boxes`: text to targets and back, answers in pixels, scores, and a small run from lists to a saved function."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import fofx
from fofx.boxes.move import augment_boxes
from fofx.errors import DataError, TaskError
from fofx.fields import make_field
from fofx.fields.boxes import Boxes, learnt_shape, shared
from fofx.fields.picture import Picture
from fofx.rungs.cell_lines import cell_features
from fofx.rungs.usual_boxes import usual_boxes

CELLS = [
    '{"size": [40, 20], "boxes": [{"label": "sheep", "box": [4, 2, 10, 5]}, {"label": "dog", "box": [30, 10, 20, 20]}]}',
    '{"size": [80, 40], "boxes": []}',
    '{"size": [40, 20], "boxes": [{"label": "sheep", "box": [0, 0, 40, 20], "crowd": true}, '
    '{"label": "sheep", "box": [20, 10, 10, 5]}]}',
]


def learnt(cells=CELLS) -> Boxes:
    field = Boxes("boxes")
    field.learn(pl.Series("boxes", cells))
    return field


def test_targets_are_shares_of_the_picture():
    field = learnt()
    assert field.names == ["dog", "sheep"]
    assert field.size == 7
    assert field.original_shape == [20, 40]
    targets = field.targets(pl.Series("boxes", CELLS))
    assert targets.shape == (3, 2, 5)
    torch.testing.assert_close(targets[0], torch.tensor([[1, 0.1, 0.1, 0.35, 0.35], [0, 0.75, 0.5, 1.0, 1.0]]))
    assert (targets[1, :, 0] == -1).all()
    assert targets[2, :, 0].tolist() == [-2, 1]
    strange = field.targets(pl.Series("boxes", ['{"size": [4, 4], "boxes": [{"label": "cat", "box": [0, 0, 2, 2]}]}']))
    assert strange[0, 0].tolist() == [
        -2,
        0,
        0,
        0.5,
        0.5,
    ]  # never seen in training: not judged, but missed in the scores


def test_state_and_back():
    field = learnt()
    again = make_field(json.loads(json.dumps(field.state())))
    assert again.state() == field.state()
    assert torch.equal(again.targets(pl.Series("boxes", CELLS)), field.targets(pl.Series("boxes", CELLS)))


def perfect(field: Boxes, cells=CELLS) -> np.ndarray:
    """The prediction that is right everywhere."""
    truth = field.truth(pl.Series("boxes", cells))
    found = np.repeat(field.naive(truth)[None], len(truth), axis=0)
    for row, boxes in enumerate(truth):
        real = boxes[(boxes[:, 0] >= 0) & (boxes[:, 1] == 0)]
        found[row, : len(real)] = real
        found[row, : len(real), 1] = 0.9
    return found


def test_scores_of_right_answers_and_of_none():
    field, column = learnt(), pl.Series("boxes", CELLS)
    truth = field.truth(column)
    scores = field.metrics(perfect(field), truth)
    assert scores == pytest.approx({"map50": 1.0, "map50_95": 1.0, "ap50 dog": 1.0, "ap50 sheep": 1.0})
    assert field.cost(perfect(field), truth, {}) == pytest.approx(0)
    nothing = np.repeat(field.naive(truth)[None], 3, axis=0)
    assert nothing.shape[1:] == field.prediction_shape()
    assert field.metrics(nothing, truth)["map50"] == 0
    assert field.cost(nothing, truth, {}) == 1
    assert field.row_costs(perfect(field), truth).tolist() == pytest.approx([0, 0, 0])
    assert field.row_costs(nothing, truth).tolist() == [1, 0, 1]
    strange = field.truth(pl.Series("boxes", [CELLS[0].replace("dog", "cat")]))
    assert field.metrics(perfect(field)[:1], strange)["map50"] == pytest.approx(
        0.5
    )  # a class that cannot be answered is missed


def test_answers_are_in_pixels_of_their_own_picture():
    field = learnt()
    pictures = pl.Series("picture", np.zeros((3, 20, 40, 3), np.uint8))
    picture = Picture("picture")
    picture.learn(pictures)
    field.attune([picture])
    assert (picture.side, picture.fit) == ([32, 32], "stretch")
    told = field.told_of(perfect(field), pl.DataFrame([pictures]))
    assert told[0]["value"] == {
        "size": [40, 20],
        "boxes": [
            {"label": "sheep", "box": [4, 2, 10, 5], "score": 0.9},
            {"label": "dog", "box": [30, 10, 10, 10], "score": 0.9},
        ],
    }
    large = pl.Series("picture", np.zeros((1, 40, 80, 3), np.uint8))
    first = field.told_of(perfect(field)[:1], pl.DataFrame([large]))[0]["value"]["boxes"][0]
    assert first["box"] == [8, 4, 20, 10]
    kept = field.kept(pl.Series("boxes", CELLS), perfect(field))
    assert set(kept) == {"boxes", "boxes predicted", "boxes cost"}
    assert json.loads(kept["boxes predicted"][1]) == {"size": [80, 40], "boxes": []}


def test_strength_follows_the_surest_box():
    field = learnt()
    first = perfect(field)[0]
    weaker = first.copy()
    weaker[0, 1] = 0.4
    moved = first.copy()
    moved[0, 2:4] += 0.5
    label, strength = field.strength(np.stack([first, weaker, moved]))
    assert label == "sheep"
    assert strength.tolist() == [0.9, 0.4, 0.0]
    assert field.strength(np.stack([field.naive(first)] * 2))[1].tolist() == [0, 0]
    assert shared(first[:1, 2:], first[0, 2:]).tolist() == pytest.approx([1.0])


def test_unusable_values():
    assert Boxes.broken(pl.Series(["[1]", CELLS[0], "sheep"]))[0][0] == 0
    assert [row for row, _ in Boxes.broken(pl.Series([CELLS[0], "sheep"]))] == [1]
    assert Boxes.recognises(pl.Series(CELLS))
    assert not Boxes.recognises(pl.Series(["a", None]))
    with pytest.raises(DataError) as caught:
        learnt([CELLS[1]])
    assert caught.value.code == "no-boxes"


@pytest.mark.parametrize("shape, size", [([20, 40], [32, 32]), ([480, 640], [112, 144]), ([3000, 400], [352, 48])])
def test_pictures_are_learnt_at_a_size_of_whole_cells(shape, size):
    assert learnt_shape(shape, 128 * 128) == size


# ------------------------------------------------------------------------------------------------------- augmentation


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures (B, 3, 40, 60) with a white block, and the targets that say where it is."""
    generator = np.random.default_rng(seed)
    pictures, targets = torch.zeros(6, 3, 40, 60), torch.full((6, 2, 5), -1.0)
    for number in range(6):
        left, top = generator.integers(5, 30), generator.integers(5, 20)
        wide, high = generator.integers(8, 20), generator.integers(8, 14)
        pictures[number, :, top : top + high, left : left + wide] = 255
        corners = [left / 60, top / 40, (left + wide) / 60, (top + high) / 40]
        targets[number, 0] = torch.tensor([0, *corners])
    return pictures, targets


@given(st.integers(0, 10_000), st.booleans())
def test_boxes_move_with_their_pictures(seed, mirror):
    torch.manual_seed(seed)
    pictures, targets = drawn(seed)
    moved, where = augment_boxes(pictures, targets, light=0.0, mirror=mirror)
    assert moved.shape == pictures.shape and where.shape == targets.shape
    assert (where[:, 1, 0] == -1).all()
    for picture, box in zip(moved, where[:, 0]):
        white = (picture[0] > 127).nonzero()
        if box[0] == 0 and len(white):
            top, left = white.min(dim=0).values.tolist()
            bottom, right = (white.max(dim=0).values + 1).tolist()
            found = torch.tensor([left / 60, top / 40, right / 60, bottom / 40])
            assert (found - box[1:]).abs().max() < 0.045  # two pixels of 60


def test_a_box_that_leaves_is_not_held_against_anyone():
    torch.manual_seed(0)
    targets = torch.tensor([[[1, 0.97, 0.4, 1.0, 0.6]]]).repeat(64, 1, 1)
    _, where = augment_boxes(torch.zeros(64, 1, 16, 16), targets, mirror=False)
    assert set(where[:, 0, 0].tolist()) == {1.0, -2.0}
    assert (where[..., 1:] >= 0).all() and (where[..., 1:] <= 1).all()


# ---------------------------------------------------------------------------------------------------- rungs and a run


def test_the_usual_boxes():
    cells = [f'{{"size": [10, 10], "boxes": [{{"label": "a", "box": [1, 1, {4 + n % 2}, 4]}}]}}' for n in range(9)]
    cells.append('{"size": [10, 10], "boxes": [{"label": "a", "box": [6, 6, 3, 3]}]}')
    field = learnt(cells)
    found = usual_boxes(field.truth(pl.Series("boxes", cells)), 1)
    assert found.shape == (100, 6)
    assert found[:2, 0].tolist() == [0, 0] and found[2, 0] == -1
    assert found[0, 1] == 0.9 and found[1].tolist() == pytest.approx([0, 0.1, 0.6, 0.6, 0.3, 0.3])


def test_cells_are_described_alike_wherever_they_lie():
    pictures = torch.randint(0, 256, (2, 3, 40, 48), dtype=torch.uint8)
    features = cell_features(pictures, 8)
    assert features.shape[:3] == (2, 5, 6)
    assert features.isfinite().all()
    assert torch.equal(cell_features(pictures[1:], 8)[0], features[1])


def squares(count: int, seed: int = 0) -> dict:
    """Grey pictures of 32 pixels with up to two blocks, bright ones ("day") or dark ones ("night")."""
    dice = np.random.default_rng(seed)
    pictures, boxes = np.full((count, 32, 32), 120, np.uint8), []
    for number in range(count):
        rows = []
        for label in dice.choice(["day", "night"], dice.integers(1, 3), replace=False):
            wide, high = dice.integers(8, 13, 2)
            left, top = dice.integers(0, 32 - wide), dice.integers(0, 32 - high)
            pictures[number, top : top + high, left : left + wide] = 250 if label == "day" else 5
            rows.append({"label": str(label), "box": [int(left), int(top), int(wide), int(high)]})
        boxes.append(rows if number % 10 else [])
        if number % 10 == 0:
            pictures[number] = 120
    return {"picture": pictures, "boxes": boxes}


def test_find_boxes_from_lists_in_memory(tmp_path):
    data = squares(80)
    found = fofx.find(data, outputs="boxes", budget=4, out=str(tmp_path), name="run")
    names = [rung.name for rung in found.rungs]
    assert names == ["nothing", "usual boxes", "linear cells", "detector"]
    assert not [rung.error for rung in found.rungs if rung.error]
    scores = {rung.name: rung.validation for rung in found.rungs}
    assert scores["nothing"] == 0.0
    assert scores["linear cells"] > scores["usual boxes"]
    again = fofx.load(tmp_path / "run")
    for rung in names:
        one, other = (
            found.predict(pl.DataFrame({"picture": data["picture"][:5]}), rung),
            again.predict(pl.DataFrame({"picture": data["picture"][:5]}), rung),
        )
        np.testing.assert_allclose(one["boxes"], other["boxes"], rtol=1e-6, atol=1e-9)
    answer = again(data["picture"][1]).value
    assert answer["size"] == [32, 32]
    assert all(set(box) == {"label", "box", "score"} for box in answer["boxes"])
    assert found.score(data)["map50"] > 0.1
    assert found.task.cell == (2, 2)


def test_other_models_do_not_give_boxes(tmp_path):
    for model in ("cnn", "knn"):
        with pytest.raises(TaskError) as caught:
            fofx.find(squares(20), outputs="boxes", budget=2, model=model, out=str(tmp_path))
        assert caught.value.code == "model-does-not-fit"
