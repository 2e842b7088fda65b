"""Drawn scenes and streets: the same from the same seed, boxes round what is seen, masks that fit, rare classes rare."""

from __future__ import annotations

import numpy as np
import pytest

from fofx.tasks._scenes import CLASSES, CLASSES_ZH, SMALLEST, Thing, scenes, visible
from fofx.tasks._stage import CLASS, STREET_CLASSES, VOID, Camera
from fofx.tasks._streets import streets


def square(label: str, side: int, top: int, left: int) -> Thing:
    return Thing(label, np.full((side, side, 4), 255, np.uint8), top, left, np.ones(3, np.float32))


def test_boxes_end_where_something_nearer_or_the_edge_begins() -> None:
    far, near = square("sheep", 20, 10, 10), square("cow", 20, 10, 22)
    kept, boxes = visible([far, near, square("dog", 10, 35, -4)], 40)
    assert kept[0] is far and len(kept) == 3
    assert boxes == [
        {"label": "sheep", "box": [10, 10, 12, 20]},
        {"label": "cow", "box": [22, 10, 18, 20]},
        {"label": "dog", "box": [0, 35, 6, 5]},
    ]


def test_what_is_hardly_seen_is_not_drawn_and_hides_nothing() -> None:
    hidden, lower = square("sheep", 10, 12, 12), square("pig", 10, 12, 21)
    kept, boxes = visible([lower, hidden, square("cow", 20, 10, 10)], 40)
    assert [thing.label for thing in kept] == ["cow"]
    assert [box["label"] for box in boxes] == ["cow"]
    kept, _ = visible([lower, square("cow", 10, 12, 12)], 40)
    assert len(kept) == 2


def test_clutter_hides_but_has_no_box() -> None:
    kept, boxes = visible([square("sheep", 20, 10, 10), square("", 20, 10, 20)], 40)
    assert len(kept) == 2 and boxes == [{"label": "sheep", "box": [10, 10, 10, 20]}]


@pytest.fixture(scope="module")
def some() -> tuple[np.ndarray, list]:
    return scenes(120, seed=3, side=64)


def test_scenes_are_as_said(some) -> None:
    pictures, found = some
    assert pictures.shape == (120, 64, 64, 3) and pictures.dtype == np.uint8 and len(found) == 120
    boxes = [box for one in found for box in one]
    assert {box["label"] for box in boxes} == set(CLASSES) == set(CLASSES_ZH)
    for box in boxes:
        left, top, width, height = box["box"]
        assert left >= 0 and top >= 0 and left + width <= 64 and top + height <= 64
        assert min(width, height) >= SMALLEST
        assert all(type(value) is int for value in box["box"])
    share = np.mean([any(box["label"] == "sheep" for box in one) for one in found])
    assert 0.4 < share < 0.9
    assert 1 <= sum(not one for one in found) <= 20
    assert 2 < len(boxes) / 120 < 6


def test_scenes_differ_from_one_another_and_are_the_same_again(some) -> None:
    pictures, found = some
    again, boxes = scenes(5, seed=3, side=64)
    assert np.array_equal(again, pictures[:5]) and boxes == found[:5]
    other, _ = scenes(5, seed=4, side=64)
    assert (np.abs(other.astype(int) - again).mean((1, 2, 3)) > 10).all()
    assert len(np.unique(pictures.reshape(120, -1), axis=0)) == 120


@pytest.mark.parametrize("side", [16, 33, 128])
def test_scenes_of_other_sides(side: int) -> None:
    pictures, found = scenes(8, seed=0, side=side)
    assert pictures.shape == (8, side, side, 3)
    assert all(box["box"][0] + box["box"][2] <= side for one in found for box in one)


@pytest.fixture(scope="module")
def drive() -> tuple[np.ndarray, np.ndarray]:
    return streets(60, seed=3, height=45, width=60)


def test_streets_hold_every_class_and_the_rare_ones_are_rare(drive) -> None:
    pictures, masks = drive
    assert pictures.shape == (60, 45, 60, 3) and masks.shape == (60, 45, 60)
    assert pictures.dtype == masks.dtype == np.uint8
    assert set(np.unique(masks)) == {*range(len(STREET_CLASSES)), VOID}
    share = {name: (masks == number).mean() for name, number in CLASS.items()}
    assert all(share[name] > 0.08 for name in ("sky", "building", "road"))
    assert all(0 < share[name] < 0.02 for name in ("person", "cyclist", "sign", "fence"))
    assert 0.02 < share["car"] < 0.15 and (masks == VOID).mean() < 0.05


def test_streets_look_like_what_the_mask_says(drive) -> None:
    pictures, masks = drive
    middle = {name: pictures[masks == number].astype(float).mean(0) for name, number in CLASS.items()}
    assert middle["sky"][2] > middle["road"][2] + 20  # the sky is the brightest, and blue
    assert middle["tree"][1] > middle["tree"][2] + 8  # leaves are green
    rows = {name: np.argwhere(masks == number)[:, 1].mean() for name, number in CLASS.items()}
    assert rows["sky"] < rows["building"] < rows["car"] < rows["road"]


def test_an_edge_of_the_mask_is_an_edge_of_the_picture(drive) -> None:
    pictures, masks = drive
    steps = np.abs(np.diff(pictures.astype(float).mean(3), axis=2))
    edges = np.diff(masks.astype(int), axis=2) != 0
    assert steps[edges].mean() > 1.8 * steps[~edges].mean()
    shifted = np.roll(edges, 3, axis=2)
    assert steps[edges].mean() > 1.3 * steps[shifted & ~edges].mean()  # and just there


def test_streets_are_the_same_again(drive) -> None:
    pictures, masks = drive
    again, classes = streets(4, seed=3, height=45, width=60)
    assert np.array_equal(again, pictures[:4]) and np.array_equal(classes, masks[:4])
    assert not np.array_equal(streets(4, seed=5, height=45, width=60)[0], again)


@pytest.mark.parametrize("size", [(24, 24), (40, 90), (96, 64)])
def test_streets_of_other_sizes(size: tuple[int, int]) -> None:
    pictures, masks = streets(6, 1, *size)
    assert pictures.shape == (6, *size, 3) and masks.shape == (6, *size)
    assert CLASS["road"] in masks and CLASS["sky"] in masks


def test_the_camera_sees_the_horizon_at_its_own_height() -> None:
    camera = Camera(rows=100, columns=200, focal=120.0, row=40.0, column=90.0, height=1.5)
    for z in (2.0, 10.0, 1000.0):
        assert camera.point(0.0, 1.5, z) == (90.0, 40.0)
    assert camera.point(1.0, 0.0, 12.0) == (100.0, 55.0)
