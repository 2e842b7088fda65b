"""The line widget: the course's numbers, the walk, undo, and the same in a real browser."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.tasks import line as course
from fofx.widgets.line import SIDE, Line, Points
from stage import needs_browser, stage
from until import until

places = st.floats(-50, 50, allow_nan=False)
NEXT = iter(range(1, 10**9))


def do(widget: Line, what: str, gesture: int | None = None, **more: object) -> None:
    """A message as the page sends it; each is its own gesture unless one is named."""
    serial = next(NEXT)
    widget._received(widget, {"do": what, "gesture": gesture or f"one {serial}", "serial": serial, **more}, [])


def test_it_opens_on_the_course_s_numbers():
    view = Line(lang="en").view
    assert view["rows"]["prediction"] == [5, 8, 11, 14, 17, 20]
    np.testing.assert_allclose(view["rows"]["loss"], [1.9, 2.9, 4.1, 5.3, 6.2, 6.5])
    assert f"{view['here']['loss']:.2f}" == "4.48"
    assert (view["here"]["dw"], view["here"]["db"]) == (3.5, 1.0)
    np.testing.assert_allclose((view["next"]["w"], view["next"]["b"]), (2.65, 1.9))
    assert round(view["answer"]["best"], 3) == round(course.answer(), 3) == 15.107
    json.dumps(view)  # plain data


@settings(max_examples=60, deadline=None)
@given(w=places, b=places, loss=st.sampled_from(["mae", "mse"]))
def test_at_the_course_s_points_the_maths_is_the_task_s(w, b, loss):
    among = Points([[x, y] for x, y in zip(course.X, course.Y, strict=True)], loss)
    np.testing.assert_allclose(among.losses(w, b), course.losses(w, b, loss), atol=1e-12)
    np.testing.assert_allclose(among.gradient(w, b), course.gradient(w, b, loss), atol=1e-9)
    np.testing.assert_allclose(among.mean(w, b), course.mean_loss(w, b, loss), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    points=st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=2, max_size=12),
    loss=st.sampled_from(["mae", "mse"]),
    other=st.tuples(places, places),
)
def test_no_line_is_better_than_the_one_called_lowest(points, loss, other):
    among = Points([list(map(float, point)) for point in points], loss)
    lowest = among.lowest()
    if lowest is None:
        assert len({x for x, _ in points}) == 1
    else:
        assert among.mean(*lowest) <= among.mean(*other) + 1e-9


@pytest.mark.parametrize("loss", ["mae", "mse"])
def test_the_walk_is_the_task_s_walk(loss):
    widget = Line(loss=loss, rate=0.02, steps=25, lang="en")
    wanted = list(course.descend(3, 2, 0.02, 25, loss))
    for name in ("w", "b", "loss"):
        np.testing.assert_allclose(widget.view["path"][name], [step[name] for step in wanted], rtol=1e-12)


def test_step_back_and_another_rate_from_the_same_start():
    widget = Line(lang="en")
    do(widget, "step")
    do(widget, "step")
    np.testing.assert_allclose((widget.view["here"]["w"], widget.view["here"]["b"]), (2.3, 1.8))
    do(widget, "back")
    np.testing.assert_allclose(widget.view["here"]["w"], 2.65)
    do(widget, "set", values={"rate": 0.2})
    np.testing.assert_allclose(widget.view["here"]["w"], 3 - 0.2 * 3.5)
    do(widget, "set", values={"b": 0.5})  # the line moved by hand: w stays where it is, and a new walk begins
    assert widget.steps == 0 and widget.b == 0.5 and widget.w == pytest.approx(2.3)


def test_one_weight_walks_along_a_curve():
    widget = Line(vary="w", steps=5, loss="mse", rate=0.01, lang="en")
    assert set(widget.view["path"]["b"]) == {2.0}
    curve = widget.view["curve"]
    np.testing.assert_allclose(curve["loss"], [course.mean_loss(w, 2.0, "mse") for w in curve["w"]])


def test_the_surface_holds_the_loss():
    widget = Line(loss="mse", lang="en")
    surface = np.frombuffer(widget.surface, np.float32).reshape(SIDE, SIDE)
    low, high = widget.view["window"]["w"], widget.view["window"]["b"]
    assert surface[0, 0] == pytest.approx(course.mean_loss(low[0], high[1], "mse"), rel=1e-6)  # top left: largest b
    assert surface[-1, -1] == pytest.approx(course.mean_loss(low[1], high[0], "mse"), rel=1e-6)
    assert all(a < b for a, b in pairwise(widget.view["levels"]))
    before = widget.surface
    do(widget, "set", values={"loss": "mae"})
    assert widget.surface != before


def test_too_large_a_rate_is_called_off_and_can_be_lowered():
    widget = Line(loss="mse", rate=0.1, steps=200, lang="en")
    assert widget.view["over"] == "line.left"
    assert all(np.isfinite(widget.view["path"]["loss"]))
    steps = len(widget.view["path"]["w"])
    do(widget, "step")
    assert len(widget.view["path"]["w"]) == steps
    do(widget, "slower")
    assert widget.rate == pytest.approx(0.1 / 3) and widget.view["over"] is None


def test_a_walk_that_arrives_says_so():
    widget = Line(loss="mse", rate=0.06, steps=1000, lang="en")
    assert widget.view["over"] == "line.arrived"
    np.testing.assert_allclose((widget.view["here"]["w"], widget.view["here"]["b"]), course.least_squares(), atol=0.02)


def test_handles_shift_and_tilt():
    widget = Line(lang="en")
    assert widget.view["handles"][0] == 0
    do(widget, "handle", which="shift", y=5.0)
    assert (widget.w, widget.b) == (3.0, 5.0)
    do(widget, "handle", which="tilt", y=5.0)
    assert widget.w == pytest.approx(0) and widget.b == pytest.approx(5)


def test_undo_takes_back_a_whole_gesture():
    widget = Line(lang="en")
    for b in (2.1, 2.2, 2.3):
        do(widget, "set", gesture=5, values={"b": b})
    do(widget, "step", gesture=6)
    assert widget.view["history"] == {"undo": True, "redo": False}
    do(widget, "undo")
    assert widget.b == 2.3 and widget.steps == 0
    do(widget, "undo")
    assert widget.b == 2.0 and widget.state == {}
    do(widget, "redo")
    do(widget, "redo")
    assert widget.b == 2.3 and widget.steps == 1
    do(widget, "reset")
    assert widget.state == {}
    do(widget, "undo")
    assert widget.steps == 1


def test_the_state_can_be_written_down_and_read_back():
    widget = Line(lang="en")
    do(widget, "set", values={"loss": "mse", "rate": 0.03})
    do(widget, "step")
    do(widget, "add", x=8.0, y=17.0)
    again = Line(lang="en", state=json.loads(json.dumps(widget.state)))
    assert again.view["here"] == widget.view["here"] and again.points == widget.points
    again.state = {"w": 1.0}
    assert again.w == 1.0 and again.loss == "mae" and len(again.points) == 6


@pytest.mark.parametrize(
    "bad", [{"rate": -1}, {"rate": "fast"}, {"w": float("nan")}, {"points": [[1]]}, {"steps": 10**9}, {"no": 1}]
)
def test_a_bad_state_falls_back_and_says_so(bad):
    widget = Line(lang="en", state={"b": 1.0, **bad})
    assert widget.b == 1.0 and widget.trouble["code"] == "state-not-taken"
    assert widget.state == {"b": 1.0}


@pytest.mark.parametrize(
    "message",
    [
        {"do": "fly"},
        {"do": "set", "values": {"w": None}},
        {"do": "set", "values": {"lang": "zh"}},
        {"do": "add", "x": "one", "y": 2},
        {"do": "paste", "text": ""},
        {"do": "paste", "text": "1 2\n3"},
        {"do": "paste", "text": "a b\nc d"},
        {"do": "handle", "which": "tilt", "y": float("inf")},
    ],
)
def test_a_message_that_cannot_be_carried_out_changes_nothing(message):
    widget = Line(lang="en")
    widget._received(widget, {**message, "serial": 3}, [])
    assert widget.trouble["code"] and widget.trouble["code"] != "unexpected"
    assert widget.state == {} and widget.heard == 3


def test_own_points_pasted_and_edited():
    widget = Line(lang="en")
    do(widget, "paste", text="x, y\n1, 10\n2, 20\n3, 30\n")
    assert widget.points == [[1, 10], [2, 20], [3, 30]] and widget.asked == 4
    assert widget.view["answer"]["best"] == pytest.approx(40)
    do(widget, "move", point=0, x=1.0, y=12.0)
    do(widget, "remove", point=2)
    assert widget.points == [[1, 12], [2, 20]]
    do(widget, "course")
    assert widget.state == {}


def test_points_far_from_zero_get_a_rate_that_does_not_explode():
    widget = Line(points=[[2000.0, 31.0], [2005.0, 45.0], [2015.0, 100.0]], loss="mse", steps=300, lang="en")
    assert widget.view["over"] != "line.left" and widget.asked == 2022.5
    losses = widget.view["path"]["loss"]
    assert losses[-1] <= losses[0]


def test_points_at_one_x_have_no_best_line():
    view = Line(points=[[1.0, 1.0], [1.0, 3.0]], lang="en").view
    assert view["lowest"] is None and view["answer"]["best"] is None


def x_of(widget: Line, width: float) -> float:
    """Where the start of the walk is drawn on a loss surface of this width."""
    low, high = widget.view["window"]["w"]
    return 40 + (widget.w - low) / (high - low) * (width - 52)


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "light"), (390, "zh", "dark")])
def test_in_the_browser(width, lang, scheme):
    widget = Line(lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert "4.48" in page.locator(".line-table").inner_text()
        page.locator(".study-guess input").fill("15")
        page.locator(".study-guess .fofx-main").click()
        page.wait_for_function("document.querySelector('.study-told')?.textContent.includes('15.11')")
        chart = page.locator(".fofx-line canvas").first
        chart.focus()
        page.keyboard.press("ArrowDown")  # b by 0.1
        page.wait_for_function("document.querySelector('.line-equation').textContent.includes('1.9')")
        page.locator(".fofx-line canvas").nth(1).scroll_into_view_if_needed()
        box = page.locator(".fofx-line canvas").nth(1).bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4, steps=6)
        page.mouse.up()
        end = page.evaluate("document.querySelectorAll('.fofx-line canvas')[1].clientWidth")
        until(page, lambda: abs(x_of(widget, end) - end * 0.4) < 3)
        here = (widget.w, widget.b)
        assert widget.steps == 0
        page.locator(".fofx-main").nth(0 if page.locator(".study-guess .fofx-main").count() == 0 else 1).click()
        until(page, lambda: widget.steps >= 2)
        assert (widget.w, widget.b) == here
        assert page.said == [] and page.asked == []


@needs_browser
def test_dragging_the_handle_moves_the_line():
    widget = Line(lang="en", ask=False)
    with stage(widget, width=1000) as page:
        box = page.locator(".fofx-line canvas").first.bounding_box()
        window = widget.view["window"]
        left = box["x"] + 40 + (0 - window["x"][0]) / (window["x"][1] - window["x"][0]) * (box["width"] - 52)
        top = (
            box["y"]
            + (box["height"] - 38)
            - (2 - window["y"][0]) / (window["y"][1] - window["y"][0]) * (box["height"] - 60)
        )
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left, top - 60, steps=5)
        page.mouse.up()
        wanted = 2 + 60 / (box["height"] - 60) * (window["y"][1] - window["y"][0])
        until(page, lambda: abs(widget.b - wanted) < 0.1)
        assert widget.w == 3.0
        page.keyboard.press("Control+z")
        until(page, lambda: widget.state == {})
        assert page.said == [] and page.asked == []
