"""Forecasts on a page: errors are those of the numbers given, unknown values stay unknown, and the page goes through the moments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fofx.errors import TaskError
from fofx.widgets.forecast import Forecast
from stage import needs_browser, stage
from until import until


def numbers(moments: int = 12, past: int = 8, ahead: int = 3) -> dict[str, Any]:
    random = np.random.default_rng(0)
    level = np.sin(np.arange(moments + past + ahead) / 2) + random.normal(0, 0.1, moments + past + ahead)
    rows = np.lib.stride_tricks.sliding_window_view(level, past + ahead)[:moments]
    right = rows[:, past:]
    forecast = right + random.normal(0, 0.1, right.shape)
    naive = {"last value": np.repeat(rows[:, past - 1 : past], ahead, axis=1)}
    more = {"low": forecast - 0.1, "high": forecast + 0.1, "times": [f"2020-{n + 1:02}" for n in range(moments)]}
    return {"past": rows[:, :past], "forecast": forecast, "right": right, "naive": naive, **more}


def test_errors_are_those_of_the_numbers() -> None:
    given = numbers()
    widget = Forecast(**given, lang="en")
    widget.moment = 4
    off = np.abs(given["forecast"] - given["right"])
    row = widget.table[0]
    assert row["all"] == pytest.approx(off.mean()) and row["last"] == pytest.approx(off[:, -1].mean())
    assert row["first"] == pytest.approx(off[:, 0].mean()) and row["here"] == pytest.approx(off[4].mean())
    naive = np.abs(given["naive"]["last value"] - given["right"])
    assert widget.table[1]["all"] == pytest.approx(naive.mean()) and widget.names == ["last value"]
    assert widget.inside == pytest.approx((off <= 0.1).mean())
    assert widget.now["past"] == pytest.approx(given["past"][4]) and widget.now["right"] == pytest.approx(
        given["right"][4]
    )
    course = np.frombuffer(widget.course, np.float32).reshape(3, 12)
    np.testing.assert_allclose(course[1], given["forecast"][:, 0], rtol=1e-5)
    widget.moment = 99
    assert widget.moment == 11


def test_one_moment_without_an_answer_and_unknown_values() -> None:
    widget = Forecast([1.0, None, 3.0], [4.0], lang="en")
    assert widget.count == 1 and widget.now["past"] == [1.0, None, 3.0] and widget.now["right"] is None
    assert widget.table[0]["all"] is None and widget.inside is None
    gaps = numbers()
    gaps["right"] = gaps["right"].copy()
    gaps["right"][3] = np.nan
    widget = Forecast(**gaps, moment=3)
    assert widget.table[0]["here"] is None and widget.table[0]["all"] > 0 and widget.now["right"] == [None] * 3


def test_what_does_not_fit_is_said() -> None:
    given = numbers()
    for change in (
        {"past": "yesterday"},
        {"forecast": given["forecast"][:3]},
        {"right": given["right"][:, :2]},
        {"naive": {"last": given["right"][0]}},
        {"times": ["now"]},
        {"past": np.zeros((0, 3))},
    ):
        with pytest.raises(TaskError) as raised:
            Forecast(**{**given, **change})
        assert raised.value.code == "bad-series"


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "light"), (390, "zh", "dark")])
@pytest.mark.parametrize("ahead", [1, 3])
def test_the_page_goes_through_the_moments(width: int, lang: str, scheme: str, ahead: int) -> None:
    widget = Forecast(**numbers(ahead=ahead), lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        page.locator("canvas[role=img]").first.focus()
        page.keyboard.press("ArrowRight")
        until(page, lambda: widget.moment == 1 and "2020-02" in page.locator("output").inner_text())
        place = page.locator("canvas[role=img]").nth(1).bounding_box()
        page.mouse.click(place["x"] + place["width"] - 11, place["y"] + 40)
        until(page, lambda: widget.moment == 11)
        page.get_by_label("last value").uncheck()
        until(page, lambda: widget.away == ["last value"])
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
