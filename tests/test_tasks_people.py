"""Drawn people: the same again from a seed, told apart by their faces, not by colour and not by the pixels alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier

from fofx.tasks._face import Pose, smooth
from fofx.tasks._people import SPREAD, TRAITS, people, portrait, someone

WHO, EACH = 16, 20


@pytest.fixture(scope="module")
def some() -> tuple[np.ndarray, np.ndarray]:
    return people(WHO, EACH, seed=2, side=40)


def test_pictures_and_labels(some) -> None:
    pictures, labels = some
    assert pictures.shape == (WHO * EACH, 40, 40, 3) and pictures.dtype == np.uint8
    assert labels.tolist() == [who for who in range(WHO) for _ in range(EACH)]
    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == len(pictures)


def test_the_same_people_again_however_many_are_asked_for(some) -> None:
    pictures, _ = some
    fewer, labels = people(3, 4, seed=2, side=40)
    assert np.array_equal(fewer, pictures.reshape(WHO, EACH, 40, 40, 3)[:3, :4].reshape(12, 40, 40, 3))
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert not np.array_equal(people(3, 4, seed=3, side=40)[0], fewer)


def scores(pictures: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Share of right answers on the last six pictures of each person, from the first fourteen."""
    late = np.arange(len(labels)) % EACH >= 14
    pixels = pictures.reshape(len(pictures), -1) / 255.0
    colours = pictures.reshape(len(pictures), -1, 3) / 255.0
    colours = np.concatenate([colours.mean(1), colours.std(1)], 1)
    parts = PCA(60, random_state=0).fit(pixels[~late])
    asked = {"pixels": pixels, "colours": colours}
    found = {
        name: KNeighborsClassifier(1).fit(values[~late], labels[~late]).score(values[late], labels[late])
        for name, values in asked.items()
    }
    lines = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    lines.fit(parts.transform(pixels[~late]), labels[~late])
    return {**found, "lines": lines.score(parts.transform(pixels[late]), labels[late])}


def test_pixels_help_but_do_not_tell_who_it_is(some) -> None:
    found = scores(*some)
    assert 2.5 / WHO < found["pixels"] < 0.6  # well above chance, far from perfect
    assert found["colours"] < 0.7 * found["pixels"]  # colours give little away
    assert found["lines"] > found["pixels"] + 0.1  # there is something to learn


def test_nobody_is_stranger_than_the_spread() -> None:
    for seed in range(30):
        person = someone(np.random.default_rng(seed))
        assert set(person.traits) == set(TRAITS)
        for name, value in person.traits.items():
            middle, step = TRAITS[name]
            assert abs(value - middle) <= SPREAD * step + 1e-12


def test_a_trait_can_be_seen() -> None:
    person = someone(np.random.default_rng(0))
    for name in ("eye distance", "mouth width", "nose length", "face width"):
        other = person._replace(traits={**person.traits, name: person.traits[name] + 2 * TRAITS[name][1]})
        seen = [portrait(one, np.random.default_rng(7), 64).astype(int) for one in (person, other)]
        assert np.abs(seen[0] - seen[1]).max() > 30, name


def test_a_head_that_turns_moves_its_nose_more_than_its_outline() -> None:
    pose = Pose(np.random.default_rng(0), 100)
    point = np.zeros((1, 2))
    pose.turn = 0.0
    straight = pose.place(point, 1.0), pose.place(point, 0.0)
    pose.turn = 0.4
    turned = pose.place(point, 1.0), pose.place(point, 0.0)
    assert np.linalg.norm(turned[0] - straight[0]) > 5 and np.allclose(turned[1], straight[1])


def test_a_smooth_curve_goes_through_its_points() -> None:
    points = np.array([(0.0, 0.0), (1.0, 0.5), (0.5, 1.5), (-0.5, 1.0)])
    assert np.allclose(smooth(points, 5)[::5], points)
    through = smooth(points, 5, closed=False)
    assert np.allclose(through[::5], points) and len(through) == 16


@pytest.mark.parametrize("side", [16, 33, 112])
def test_other_sides(side: int) -> None:
    assert people(2, 2, seed=0, side=side)[0].shape == (4, side, side, 3)
