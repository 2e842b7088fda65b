"""Drawn video: it moves as its words say, one frame does not tell where to, and captions are right in both languages."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fofx.tasks import _art
from fofx.tasks._clips import COLOURS, DIRECTIONS, OBJECTS, SPEEDS, animations, caption, clips, coloured, shifted


@pytest.fixture(scope="module")
def some() -> tuple[np.ndarray, list]:
    return clips(80, seed=4, frames=8, side=48)


def moved(clip: np.ndarray) -> tuple[float, float]:
    """(rows, columns) that the changing part of a clip moves, from its first to its last frame."""
    still = np.median(clip.astype(float), axis=0).mean(-1)
    change = np.abs(clip.astype(float).mean(-1) - still)  # (F, S, S)
    change = np.where(change > 40, change, 0)
    seen = [np.argwhere(frame).mean(0) for frame in change if (frame > 0).sum() > 12]
    return tuple(seen[-1] - seen[0]) if len(seen) > 1 else (0.0, 0.0)


def test_fast_clips_move_where_their_words_say(some) -> None:
    shown, words = some
    right = asked = 0
    for clip, said in zip(shown, words, strict=True):
        if said.speed != "fast":
            continue
        down, across = moved(clip)
        row, column = DIRECTIONS[said.direction][2]
        asked += 1
        right += row * down + column * across > abs(column * down) + abs(row * across)
    assert asked > 15 and right >= 0.85 * asked


def test_faster_clips_change_more(some) -> None:
    shown, words = some
    change = {
        speed: np.mean(
            [
                np.abs(np.diff(clip.astype(float).mean(-1), axis=0)).mean()
                for clip, said in zip(shown, words, strict=True)
                if said.speed == speed
            ]
        )
        for speed in SPEEDS
    }
    assert change["slow"] < change["medium"] < change["fast"]


def test_clips_are_as_said_and_the_same_again(some) -> None:
    shown, words = some
    assert shown.shape == (80, 8, 48, 48, 3) and shown.dtype == np.uint8
    again, said = clips(3, seed=4, frames=8, side=48)
    assert np.array_equal(again, shown[:3]) and said == words[:3]
    assert {one.colour for one in words} == set(COLOURS) and {one.direction for one in words} == set(DIRECTIONS)
    assert not np.array_equal(clips(3, seed=5, frames=8, side=48)[0], again)


def test_the_way_is_the_same_for_more_frames() -> None:
    few, many = clips(6, 1, frames=4, side=40)[0], clips(6, 1, frames=16, side=40)[0]
    assert many.shape == (6, 16, 40, 40, 3)
    assert np.abs(few[:, 0].astype(float) - many[:, 1]).mean() < np.abs(few[:, 0].astype(float) - many[:, 14]).mean()
    assert clips(2, 1, frames=1, side=24)[0].shape == (2, 1, 24, 24, 3)


def test_every_caption_is_one_of_1224_and_different() -> None:
    every = [caption(*names) for names in itertools.product(OBJECTS, COLOURS, DIRECTIONS, SPEEDS)]
    assert len(every) == len({one.caption_en for one in every}) == len({one.caption_zh for one in every}) == 1224
    assert caption("boat", "blue", "up", "slow").caption_zh == "一艘蓝色的帆船慢慢地向上移动"
    assert caption("dog", "grey", "down", "medium").caption_en == "a grey dog moves down"


def test_a_colour_shows() -> None:
    for sign, *_ in OBJECTS.values():
        for maker in _art.drawn_by(sign):
            picture = _art.sprite(maker, sign)
            for _, colour in COLOURS.values():
                seen = coloured(picture, colour)
                middle = seen[seen[..., 3] > 200][:, :3].mean(0)
                wanted = np.array(colour) - np.mean(colour)
                if np.abs(wanted).max() > 40:
                    assert np.corrcoef(middle, wanted)[0, 1] > 0.8, (sign, maker, colour)


def test_half_a_pixel_is_half_of_each() -> None:
    dot = np.zeros((1, 1, 4), np.float32)
    dot[...] = (200, 100, 50, 255)
    half = shifted(dot, np.array([3.0, 2.5]))
    assert np.allclose(half[0, :, 3], [127.5, 127.5]) and np.allclose(half[0, 0, :3], (200, 100, 50))
    assert np.allclose(shifted(dot, np.array([3.25, 2.0]))[:, 0, 3], [191.25, 63.75])


def test_animations_show_their_drawing() -> None:
    drawings = [(maker, sign) for sign in "🐙🚀🍕🐘" for maker in _art.makers()]
    shown = animations(drawings, seed=0, frames=6, side=32)
    assert shown.shape == (20, 6, 32, 32, 3)
    assert np.array_equal(animations(drawings[:3], seed=0, frames=6, side=32), shown[:3])
    change = np.abs(np.diff(shown.astype(float).mean(-1), axis=1)).mean((1, 2, 3))
    assert (change > 4).all()  # each moves, beyond the grain
