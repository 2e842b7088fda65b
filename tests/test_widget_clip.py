"""A video on a page: the frames are those given, in any layout, and the page plays and scrubs them."""

from __future__ import annotations

import numpy as np
import pytest

from fofx.errors import TaskError
from fofx.widgets.clip import LARGEST, MOST, Clip
from stage import needs_browser, stage
from until import until

FRAMES = np.random.default_rng(0).integers(0, 256, (6, 12, 16), dtype=np.uint8)


def sent(widget: Clip) -> np.ndarray:
    shape = (widget.clip["frames"], widget.clip["height"], widget.clip["width"], 3)
    return np.frombuffer(widget.frames, np.uint8).reshape(shape)


@pytest.mark.parametrize("layout", ["grey", "colour last", "colour first", "shares"])
def test_the_frames_are_those_given(layout: str) -> None:
    colour = np.stack([FRAMES] * 3, axis=-1)  # (F, H, W, 3)
    forms = {
        "grey": FRAMES,
        "colour last": colour,
        "colour first": colour.transpose(0, 3, 1, 2),
        "shares": FRAMES / 255,
    }
    widget = Clip(forms[layout], lang="en")
    np.testing.assert_array_equal(sent(widget), colour)
    assert widget.clip["seconds"] == pytest.approx(6 / 8)


def test_many_and_large_frames_are_thinned_with_their_weights() -> None:
    many = np.zeros((200, 300, 500), np.uint8)
    many[:, :, :] = np.arange(200, dtype=np.uint8)[:, None, None]
    widget = Clip(many, seconds=20, weights=np.arange(100), lang="en")
    found = sent(widget)
    assert len(found) == MOST and max(found.shape[1:3]) == LARGEST and widget.clip["seconds"] == 20
    np.testing.assert_array_equal(widget.weights, found[:, 0, 0, 0] // 2)


def test_one_frame_is_a_video_and_what_is_none_is_said() -> None:
    assert Clip(FRAMES[:1]).clip["frames"] == 1
    for given, more, code in [
        (FRAMES[0, 0], {}, "bad-video"),
        (FRAMES[:0], {}, "bad-video"),
        ("film.gif", {}, "bad-video"),
        (FRAMES, {"seconds": 0}, "bad-video"),
        (FRAMES, {"weights": [1.0, float("nan")]}, "bad-effects"),
        (FRAMES, {"weights": []}, "bad-effects"),
    ]:
        with pytest.raises(TaskError) as raised:
            Clip(given, **more)
        assert raised.value.code == code


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "light"), (390, "zh", "dark")])
def test_the_page_scrubs_and_plays(width: int, lang: str, scheme: str) -> None:
    widget = Clip(FRAMES, seconds=0.6, weights=[0.1, 0.2, 0.3, 0.2, 0.1, 0.1], lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        shown = page.locator("output")
        page.locator("canvas").nth(1).focus()
        page.keyboard.press("End")
        until(page, lambda: shown.inner_text() == "6 / 6")
        page.keyboard.press("ArrowLeft")
        until(page, lambda: shown.inner_text() == "5 / 6")
        strip = page.locator("canvas").nth(1).bounding_box()
        page.mouse.click(strip["x"] + 3, strip["y"] + 5)
        until(page, lambda: shown.inner_text() == "1 / 6")
        page.get_by_role("button", name=widget.words["kit.play"], exact=True).click()
        until(page, lambda: shown.inner_text() != "1 / 6")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
