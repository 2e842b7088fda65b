"""A pair on a page: each kind on each side, with the effects of both in one scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fofx.errors import TaskError
from fofx.widgets.sides import Sides
from stage import needs_browser, stage
from until import until

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 16, 3), dtype=np.uint8)
HEAT = np.random.default_rng(1).normal(size=(5, 4))
WAVE = np.sin(np.arange(4000) / 5).astype(np.float32)
FRAMES = np.random.default_rng(2).integers(0, 256, (4, 10, 10), dtype=np.uint8)
TEXT = "a black cat"
GIVEN: dict[str, tuple[Any, Any]] = {
    "picture": (PHOTO, HEAT),
    "text": (TEXT, [(2, 7, 3.0), (8, 11, -1.5)]),
    "sound": (WAVE, [0.5, -3.0]),
    "video": (FRAMES, [0.1, -0.2, 0.3, 0.0]),
}


def pair(first: str, second: str, **more: Any) -> Sides:
    values, effects = zip(GIVEN[first], GIVEN[second])
    return Sides(*values, (first, second), effects=effects, rate=8000, **more)


def test_both_sides_have_one_scale() -> None:
    widget = pair("picture", "text", lang="en")
    most = max(abs(HEAT).max(), 3.0)
    np.testing.assert_allclose(np.frombuffer(widget.first_heat, np.float32).reshape(5, 4), HEAT / most, rtol=1e-6)
    assert widget.sides[1]["spans"] == [[2, 7, 3.0 / most], [8, 11, -1.5 / most]]
    assert widget.first_picture == PHOTO.tobytes() and widget.sides[0]["picture"] == [20, 16]
    widget = pair("sound", "sound", lang="en")
    assert widget.first_about["most"] == widget.second_about["most"] == 3.0
    assert widget.first_effects == [[0.0, 0.25, 0.5], [0.25, 0.5, -3.0]]
    widget = pair("video", "video", lang="en")
    assert widget.second_weights == GIVEN["video"][1] and widget.second_clip["most"] == 0.3


def test_a_pair_without_effects_and_what_is_none() -> None:
    bare = Sides("one", "two", "text", answer={"value": "no", "share": 0.25, "right": None})
    assert bare.sides[0]["spans"] == [] and bare.answer == {"value": "no", "share": 0.25, "right": None}
    for first, kind, effects, code in [
        (PHOTO, "boxes", None, "unknown-kind"),
        ("face.png", "picture", None, "bad-picture"),
        (PHOTO, "picture", (np.zeros(3), None), "bad-effects"),
        (WAVE, "sound", None, "bad-sound"),
        (PHOTO[0, 0], "video", None, "bad-video"),
    ]:
        with pytest.raises(TaskError) as raised:
            Sides(first, first, kind, effects=effects)
        assert raised.value.code == code


@needs_browser
@pytest.mark.parametrize("kinds", [("picture", "picture"), ("picture", "text"), ("sound", "sound"), ("video", "video")])
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "light"), (390, "zh", "dark")])
def test_the_page_shows_each_kind(kinds: tuple[str, str], width: int, lang: str, scheme: str) -> None:
    widget = pair(*kinds, answer={"value": "yes", "share": 0.9, "right": "no"}, lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        assert "90 %" in page.locator(".sides-answer").inner_text()
        assert page.locator(".sides-box").count() == 2
        if kinds[1] in ("picture", "text"):
            page.get_by_label(widget.words["sides.heat"]).uncheck()
            until(page, lambda: not widget.heat)
        else:
            page.get_by_role("button", name=widget.words["kit.play"], exact=True).nth(1).click()
        if kinds[1] == "text":
            assert page.locator(".sides-text").inner_text() == TEXT
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
