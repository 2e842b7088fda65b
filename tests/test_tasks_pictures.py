"""The tasks who and food: their data are what they say, their split is honest, and one's own folders are read as they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fofx.data.read import read
from fofx.errors import TaskError
from fofx.tasks import food, tasks, who
from fofx.tasks._art import drawn_by
from fofx.tasks._meals import meal


def test_who_has_as_many_pictures_of_everybody() -> None:
    rows = who.data(people=4, each=3, side=24)
    assert rows["picture"].shape == (12, 24, 24, 3)
    assert rows["label"] == ["Ada"] * 3 + ["Bo"] * 3 + ["Chen"] * 3 + ["Dai"] * 3
    assert len(set(who.NAMES)) == len(who.NAMES)
    with pytest.raises(TaskError, match="from 2 to 24") as caught:
        who.data(people=99)
    assert caught.value.code == "bad-option"


@pytest.fixture(scope="module")
def meals() -> dict:
    return food.data(each=2, side=32)


def test_no_maker_is_in_two_parts(meals: dict) -> None:
    pictures, parts = meals["picture"], meals["part"]
    assert pictures.shape == (5 * 24 * 2, 32, 32, 3) and len(parts) == len(meals["label"]) == 240
    assert {part: parts.count(part) for part in set(parts)} == {
        "train": 96,
        "validation": 48,
        "test": 48,
        "unlabeled": 48,
    }
    assert len(food.MAKERS) == 5 and {"train", "validation", "test", "unlabeled"} == set(food.MAKERS.values())
    assert len(np.unique(pictures.reshape(240, -1), axis=0)) == 240


def test_every_food_is_in_every_labelled_part(meals: dict) -> None:
    for part in ("train", "validation", "test"):
        labels = [label for label, where in zip(meals["label"], meals["part"]) if where == part]
        assert len(set(labels)) == 24 and None not in labels
    assert all((label is None) == (part == "unlabeled") for label, part in zip(meals["label"], meals["part"]))
    assert all(len(drawn_by(sign)) == 5 for sign in food.FOODS)


def test_a_meal_is_the_same_again_and_never_the_same_twice() -> None:
    one, again, other = (meal("noto", "🍕", number, 0, 48).astype(int) for number in (3, 3, 4))
    assert np.array_equal(one, again) and np.abs(one - other).mean() > 5


def save(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((12, 12, 3), shade, np.uint8)).save(path)


def test_own_food_in_the_layout_of_food_11(tmp_path: Path) -> None:
    for number in range(3):
        for label in ("00", "01"):
            save(tmp_path / "training" / "labeled" / label / f"{number}.jpg", 40 * number)
            save(tmp_path / "validation" / label / f"{number}.jpg", 41 * number)
            save(tmp_path / "testing" / label / f"{number}.jpg", 42 * number)
        save(tmp_path / "training" / "unlabeled" / "00" / f"{number}.jpg", 43 * number)
    data, more = tasks()["food"].arguments(str(tmp_path))
    table = read(data)
    assert more == {"outputs": "label"} and table.parts is not None
    assert {part: (table.parts == part).sum() for part in set(table.parts)} == {
        "train": 6,
        "validation": 6,
        "test": 6,
        "unlabeled": 3,
    }
    assert table.frame["label"].null_count() == 3


def test_own_people_in_a_folder_each(tmp_path: Path) -> None:
    for name in ("ann", "ben", "cai"):
        for number in range(2):
            save(tmp_path / name / f"{number}.png", 50 * number)
    data, more = tasks()["who"].arguments(str(tmp_path))
    table = read(data)
    assert sorted(set(table.frame["label"])) == ["ann", "ben", "cai"] and set(more["kinds"]) <= set(table.frame.columns)
    assert more["outputs"] == "label"
