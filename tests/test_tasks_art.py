"""The drawings that come with fofx: every listed emoji is there by every listed maker, and none by others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fofx.errors import TaskError
from fofx.tasks import _art

NOTICE = Path(__file__).parent.parent / "NOTICE"


def test_every_listed_drawing_is_a_drawing() -> None:
    for row in _art.emoji(by=()):
        for maker in _art.drawn_by(row.character):
            pixels = _art.sprite(maker, row.character)
            assert pixels.shape == (48, 48, 4) and pixels.dtype == np.uint8
            opaque = pixels[..., 3] > 16
            assert 0.02 < opaque.mean() < 1.0, (maker, row)
            longest = max(np.ptp(np.flatnonzero(opaque.any(axis))) for axis in (0, 1))
            assert longest >= 40, (maker, row)  # trimmed: the margin does not tell the maker


def test_the_catalogue_has_both_names_once() -> None:
    rows = _art.emoji(by=())
    assert len(rows) > 1000 and len({row.character for row in rows}) == len(rows)
    for names in ({row.name_en for row in rows}, {row.name_zh for row in rows}):
        assert len(names) == len(rows) and all(names)
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in row.name_zh) for row in rows if row.group == "Food & Drink")
    assert {row.group for row in rows} >= {"Food & Drink", "Animals & Nature", "Travel & Places", "People & Body"}


def test_what_every_maker_drew_differs_between_makers() -> None:
    rows = _art.emoji("Food & Drink")
    assert 80 < len(rows) < len(_art.emoji("Food & Drink", by=["noto"])) == 133
    for row in rows:
        drawings = [_art.sprite(maker, row.character).astype(int) for maker in _art.makers()]
        for first in range(5):
            for second in range(first):
                assert np.abs(drawings[first] - drawings[second]).mean() > 4, row


def test_a_subgroup_is_a_part_of_its_group() -> None:
    fruit = _art.emoji("food-fruit", by=())
    assert 0 < len(fruit) < len(_art.emoji("Food & Drink", by=()))
    assert {_art.subgroup(row.character) for row in fruit} == {"food-fruit"}


@pytest.mark.parametrize("side", [7, 24, 48, 96])
def test_other_sides_keep_colour_and_cover(side: int) -> None:
    whole, other = _art.sprite("twemoji", "🍅").astype(float), _art.sprite("twemoji", "🍅", side).astype(float)
    assert other.shape == (side, side, 4)
    assert abs(whole[..., 3].mean() - other[..., 3].mean()) < 12
    inside = [pixels[pixels[..., 3] > 200][:, :3].mean(0) for pixels in (whole, other)]
    assert np.abs(inside[0] - inside[1]).max() < 12  # no dark fringe


def test_drawings_are_kept_and_cannot_be_painted_on() -> None:
    pixels = _art.sprite("noto", "🐑", 20)
    assert _art.sprite("noto", "🐑", 20) is pixels
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 0


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: _art.emoji("Food and Drink"), "unknown-group"),
        (lambda: _art.sprite("notto", "🐑"), "unknown-maker"),
        (lambda: _art.sprite("noto", "x"), "unknown-emoji"),
        (lambda: _art.sprite("emojione", "🧋"), "not-drawn"),
    ],
)
def test_what_is_not_there_is_said(call, code: str) -> None:
    with pytest.raises(TaskError) as caught:
        call()
    assert caught.value.code == code


def test_every_maker_is_named_in_the_notice_and_share_alike_art_lies_apart() -> None:
    notice = NOTICE.read_text(encoding="utf-8")
    for path in sorted(_art.ART.rglob("*.png")):
        assert str(path.relative_to(NOTICE.parent).as_posix()) in notice, path
        assert path.stat().st_size < 1_000_000
    assert {path.name for path in (_art.ART / "openmoji").iterdir()} >= {"openmoji.png", "LICENSE.txt"}
    assert not list(_art.ART.glob("openmoji*.png"))
