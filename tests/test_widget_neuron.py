"""The neuron widget: curves equal to torch's, least squares that nothing beats, lines through points, drawn targets."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.widgets.curves import ACTIVATIONS, CORNERS, PLACES, TARGETS, axis
from fofx.widgets.neuron import Neuron
from stage import needs_browser, stage
from until import until

NEXT = iter(range(1, 10**9))
TORCH = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "linear": lambda z: z}


def do(widget: Neuron, what: str, **more: object) -> None:
    serial = next(NEXT)
    widget._received(widget, {"do": what, "gesture": f"one {serial}", "serial": serial, **more}, [])


def curve(widget: Neuron, kind: str, layer: int = 0, unit: int = 0) -> np.ndarray:
    rows = np.frombuffer(widget.curves, np.float32).reshape(-1, PLACES)
    return rows[widget.view["curves"].index([kind, layer, unit])]


def by_torch(widget: Neuron) -> np.ndarray:
    """The same network with torch's own layers."""
    double = {"dtype": torch.float64}
    f, x = TORCH[widget.activation], torch.tensor(axis(), **double)[:, None]  # (X, 1)
    w, b = torch.tensor(widget.first, **double).T
    hidden = f(torch.nn.functional.linear(x, w[:, None], b))  # (X, H)
    if widget.stage == "one":
        return hidden[:, 0].numpy()
    if widget.stage == "two":
        weights = torch.tensor([row for row, _ in widget.second], **double)
        hidden = f(torch.nn.functional.linear(hidden, weights, torch.tensor([b for _, b in widget.second], **double)))
    out = torch.tensor([widget.out], **double)
    return torch.nn.functional.linear(hidden, out, torch.tensor([widget.bias], **double))[:, 0].numpy()


@pytest.mark.parametrize("stage_name", ["one", "sum", "layer", "two"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_curve_is_torch_s(stage_name, activation):
    widget = Neuron(stage=stage_name, activation=activation, lang="en")
    np.testing.assert_allclose(curve(widget, "sum"), by_torch(widget), atol=1e-5)
    json.dumps(widget.view)


weights = st.floats(-20, 20, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(
    first=st.lists(st.tuples(weights, weights), min_size=1, max_size=8),
    activation=st.sampled_from(ACTIVATIONS),
    target=st.sampled_from([name for name in TARGETS if name not in ("none", "own")]),
)
def test_the_parts_add_up_and_no_output_weights_are_better_than_least_squares(first, activation, target):
    widget = Neuron(
        stage="sum",
        first=[list(each) for each in first],
        out=[1.0] * len(first),
        activation=activation,
        target=target,
        lang="en",
    )
    do(widget, "fit")
    assert widget.trouble is None and max(map(abs, [*widget.out, widget.bias])) <= 1000
    parts = [curve(widget, "part", 0, unit).astype(float) for unit in range(len(first))]
    np.testing.assert_allclose(curve(widget, "sum"), sum(parts) + widget.bias, atol=1e-5 * (1 + np.abs(parts).max()))
    goal = curve(widget, "target").astype(float)
    hidden = np.array(
        [curve(widget, "a", 1, unit) for unit in range(len(first))] + [np.ones(PLACES)], float
    ).T  # (X, H + 1)
    assert widget.view["gap"] <= ((goal - goal.mean()) ** 2).mean() + 1e-4
    if np.linalg.cond(hidden) < 1e3:  # nothing was left out: then no other weights are better
        best = np.linalg.lstsq(hidden, goal, rcond=None)[0]
        assert widget.view["gap"] == pytest.approx(((hidden @ best - goal) ** 2).mean(), abs=1e-5)


def test_three_relu_neurons_make_the_triangle_exactly():
    widget = Neuron(lang="en")
    do(widget, "example", name="bump")
    np.testing.assert_allclose(curve(widget, "sum"), np.interp(axis(), *zip(*CORNERS["bump"], strict=True)), atol=1e-6)
    assert widget.view["gap"] == pytest.approx(0, abs=1e-12)
    assert widget.view["answer"]["value"] == widget.view["bends"] == len(widget.first) == 3


def test_with_fewer_neurons_the_triangle_cannot_be_made():
    widget = Neuron(stage="sum", first=[[1, 1], [1, -1]], out=[1, 1], target="bump", lang="en")
    do(widget, "fit")
    assert widget.view["gap"] > 0.01


@settings(max_examples=40, deadline=None)
@given(x1=st.floats(-3, 3), y1=st.floats(-3, 3), x2=st.floats(-3, 3), y2=st.floats(-3, 3))
def test_a_line_goes_through_both_points_unless_it_would_be_too_steep(x1, y1, x2, y2):
    widget = Neuron(lang="en")
    do(widget, "line", unit=0, points=[[x1, y1], [x2, y2]])
    w, b = widget.first[0]
    assert w * x1 + b == pytest.approx(y1, abs=1e-6) and abs(w) <= 100
    if abs(w) < 100:
        assert w * x2 + b == pytest.approx(y2, abs=1e-6)


def test_stages_keep_what_fits_and_undo_brings_the_rest_back():
    widget = Neuron(lang="en")
    do(widget, "set", values={"stage": "sum"})
    do(widget, "add", layer=1)
    assert len(widget.first) == len(widget.out) == 3
    do(widget, "set", values={"stage": "layer"})
    assert len(widget.first) == 3
    do(widget, "set", values={"stage": "two"})
    assert len(widget.first) == 3 and all(len(row) == 3 for row, _ in widget.second)
    do(widget, "add", layer=2)
    do(widget, "set", values={"chosen": [1, 0]})
    do(widget, "remove")
    assert all(len(row) == 2 for row, _ in widget.second) and len(widget.out) == 3
    again = Neuron(lang="en", state=json.loads(json.dumps(widget.state)))
    assert again.curves == widget.curves
    do(widget, "set", values={"stage": "one"})
    assert len(widget.first) == 1
    do(widget, "undo")
    assert widget.stage == "two" and again.curves == widget.curves


def test_spread_neurons_bend_at_different_places():
    widget = Neuron(stage="sum", first=[[1.0, 0.0]] * 6, out=[1.0] * 6, target="sine", lang="en")
    do(widget, "fit")
    together = widget.view["gap"]
    do(widget, "spread")
    do(widget, "fit")
    assert widget.view["gap"] < together / 10 and len(set(widget.view["crossings"])) == 6


def test_a_drawn_target_is_followed():
    widget = Neuron(stage="sum", lang="en")
    do(widget, "draw", points=[[-1.0, 2.0], [0.0, 1.0], [1.0, 2.0]])
    goal = curve(widget, "target")
    assert widget.target == "own" and goal[90] == pytest.approx(1) and goal[60] == pytest.approx(2) and goal[10] == 0
    do(widget, "draw", points=[[2.0, -1.0], [3.0, -1.0]])  # drawn over: the rest stays
    goal = curve(widget, "target")
    assert goal[60] == pytest.approx(2) and goal[-1] == pytest.approx(-1)


@pytest.mark.parametrize(
    "message",
    [
        {"do": "fit"},
        {"do": "add", "layer": 1},
        {"do": "remove"},
        {"do": "line", "unit": 5, "points": [[0, 0], [1, 1]]},
        {"do": "line", "unit": 0, "points": [[0, 0]]},
        {"do": "weight", "layer": 1, "unit": 0, "source": 0, "value": "big"},
        {"do": "weight", "layer": 2, "unit": 0, "source": 0, "value": 1},
        {"do": "draw", "points": [[0, float("nan")]]},
        {"do": "example", "name": "none"},
        {"do": "set", "values": {"first": []}},
        {"do": "set", "values": {"stage": "deep"}},
    ],
)
def test_what_cannot_be_done_changes_nothing(message):
    widget = Neuron(lang="en")
    widget._received(widget, {**message, "serial": 1}, [])
    assert widget.trouble["code"] and widget.trouble["code"] != "unexpected" and widget.state == {}


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "light"), (390, "zh", "dark")])
def test_in_the_browser(width, lang, scheme):
    widget = Neuron(lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(".study-guess input").fill("3")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('.study-told')?.textContent.length > 20")
        chart = page.locator(".fofx-neuron canvas").first
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        left = box["x"] + 30 + (-0.5 + 3) / 6 * (box["width"] - 38)  # the handle b stands where the line crosses 0
        top = box["y"] + 8 + (box["height"] - 32) / 2
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left + (box["width"] - 38) / 6, top, steps=5)  # one unit to the right
        page.mouse.up()
        until(page, lambda: abs(widget.first[0][1] + 0.5) < 0.1)
        assert widget.first[0][0] == pytest.approx(1)
        page.locator(".neuron-examples button").first.click()
        until(page, lambda: widget.stage == "sum" and len(widget.first) == 3)
        net = page.locator(".fofx-neuron canvas").nth(1)
        net.focus()
        page.keyboard.press("ArrowDown")
        until(page, lambda: widget.chosen == [1, 1])
        page.keyboard.press("Control+z")
        until(page, lambda: widget.chosen == [1, 0])
        assert page.said == [] and page.asked == []
