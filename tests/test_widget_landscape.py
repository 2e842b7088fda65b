"""The loss surface: exact for the course's line, measured for a run; turned, seen from above, walked along."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.errors import TaskError
from fofx.see.landscape import landscape
from fofx.tasks.line import descend, mean_loss
from fofx.widgets.landscape import Landscape
from small import quick, table
from stage import needs_browser, stage
from until import until


def numbers(widget: Landscape, name: str) -> np.ndarray:
    return np.frombuffer(getattr(widget, name), np.float32)


@cache
def network():
    columns = table()
    rows = {name: columns[name] for name in ("size", "colour", "price")}
    return quick(rows, "price", model="mlp", budget=1.0, name="landscape")


@settings(max_examples=30)
@given(st.sampled_from(["mae", "mse"]), st.floats(-3, 6), st.floats(-4, 6), st.floats(0.001, 0.3), st.integers(0, 60))
def test_the_line_is_exact_wherever_one_looks(loss: str, w: float, b: float, rate: float, steps: int) -> None:
    widget = Landscape(lang="en", loss=loss, start=[w, b], rate=rate, steps=steps)
    x, y, heights = numbers(widget, "x"), numbers(widget, "y"), numbers(widget, "heights")
    assert heights.shape == (len(x) * len(y),) and np.isfinite(heights).all()
    heights = heights.reshape(len(y), len(x))
    for row, column in ((0, 0), (30, 30), (60, 17)):
        assert heights[row, column] == pytest.approx(
            mean_loss(float(x[column]), float(y[row]), loss), rel=1e-3, abs=1e-3
        )
    way = numbers(widget, "path").reshape(-1, 3)
    for mine, right in zip(way, descend(w, b, rate, steps, loss), strict=False):
        np.testing.assert_allclose(mine, [right["w"], right["b"], right["loss"]], rtol=1e-5, atol=1e-5)
    assert len(way) == steps + 1 or way[-1, 2] < 1e12  # a walk that flies off is cut where it leaves every picture
    assert x[0] <= way[:, 0].min() and way[:, 0].max() <= x[-1] and x[0] < 2.03 < x[-1] and y[0] < 0.93 < y[-1]
    assert widget.facts["centre_loss"] == pytest.approx(float(way[-1, 2]), rel=1e-5, abs=1e-6)


def test_of_a_run_it_is_what_see_measures() -> None:
    widget = Landscape(network(), lang="en", side=9, seconds=20)
    assert widget.facts == {} and widget.subject == "run"  # nothing is measured before somebody looks
    widget._received(widget, {"do": "measure"}, [])
    assert widget.trouble is None
    right = landscape(network(), side=9, seconds=20)
    np.testing.assert_array_equal(
        numbers(widget, "heights").reshape(right.losses.shape), right.losses.astype(np.float32)
    )
    np.testing.assert_array_equal(numbers(widget, "x"), right.x.astype(np.float32))
    assert right.path is not None and right.path_losses is not None
    np.testing.assert_array_equal(numbers(widget, "path").reshape(-1, 3)[:, 2], right.path_losses.astype(np.float32))
    assert (widget.facts["kind"], widget.facts["steps"]) == ("path", right.path_steps)
    assert widget.facts["centre_loss"] == right.centre_loss and widget.facts["rows"] == right.rows


def test_one_picked_weight_gives_a_curve_and_two_a_surface() -> None:
    widget = Landscape(network(), lang="en", side=9)
    name = "encoders.0.head.weight"
    assert [name, [1, 64]] in [[each, shape] for each, shape in widget.parameters]
    widget._received(widget, {"do": "measure", "directions": "weights", "picked": [[name, [0, 3]]]}, [])
    assert widget.trouble is None and widget.y == b"" and len(numbers(widget, "heights")) == 9
    at = int(np.abs(numbers(widget, "x") - widget.facts["centre"][0]).argmin())
    assert numbers(widget, "heights")[at] == pytest.approx(widget.facts["centre_loss"], rel=1e-5)
    widget._received(widget, {"do": "measure", "picked": [[name, [0, 3]], [name, [0, 4]]]}, [])
    assert len(numbers(widget, "heights")) == 81 and widget.facts["kind"] == "weights"


@pytest.mark.parametrize(
    "message",
    [
        {"directions": "up"},
        {"directions": "weights", "picked": []},
        {"directions": "weights", "picked": [["no.such", [0]]]},
        {"side": 5000},
        {"seconds": "many"},
    ],
)
def test_what_cannot_be_measured_is_an_error_that_is_shown(message: dict) -> None:
    widget = Landscape(network(), lang="en", side=9)
    widget._received(widget, {"do": "measure", **message}, [])
    assert widget.trouble["code"] in ("bad-option", "unknown-weight") and widget.facts == {}


def test_a_run_without_a_network_has_no_landscape() -> None:
    columns = table()
    function = quick({"size": columns["size"], "price": columns["price"]}, "price", model="linear", name="no-network")
    with pytest.raises(TaskError) as caught:
        Landscape(function)
    assert caught.value.code == "no-network"


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_line_turns_by_keys_and_by_hand(width: int) -> None:
    widget = Landscape(lang="en")
    with stage(widget, width=width) as page:
        canvas = page.locator("canvas")
        dots = "document.querySelector('canvas').toDataURL()"
        before, yaw = page.evaluate(dots), widget.yaw
        canvas.focus()
        page.keyboard.press("ArrowRight")
        until(page, lambda: widget.yaw > yaw and page.evaluate(dots) != before)
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 160, box["y"] + 130)
        page.mouse.up()
        until(page, lambda: widget.yaw > yaw + 0.5)
        page.get_by_role("combobox", name="View").select_option("contour")
        page.get_by_role("combobox", name="Loss").select_option("mse")
        until(page, lambda: (widget.view, widget.loss) == ("contour", "mse"))
        canvas.focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("document.querySelector('.land-place').textContent.startsWith('step 39')")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []


@needs_browser
def test_a_run_is_measured_when_the_page_asks() -> None:
    widget = Landscape(network(), lang="zh", side=9, seconds=1, theme="dark")
    with stage(widget, width=390) as page:
        page.wait_for_function("document.body.innerText.includes('实测')")
        assert widget.facts["points"] >= 81
        page.get_by_role("combobox", name="方向").select_option("random")
        page.wait_for_function("document.querySelector('[role=status]').textContent === ''")
        until(page, lambda: widget.facts["kind"] == "random")
        assert page.said == [] and page.asked == []
