"""The neighbours widget: the course's counts, the vote for every K, regions from the same KNN, own columns."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.classic.knn import KNN
from fofx.tasks import neighbours as course
from fofx.widgets.neighbours import Neighbours
from stage import needs_browser, stage
from until import until

NEXT = iter(range(1, 10**9))
OWN = {
    "height": [150, 160, 170, 180, 190],
    "weight": [50, 55, 80, 85, 90],
    "name": list("abcde"),
    "team": ["x", "x", "y", "y", "y"],
}


def do(widget: Neighbours, what: str, **more: object) -> None:
    serial = next(NEXT)
    widget._received(widget, {"do": what, "gesture": f"one {serial}", "serial": serial, **more}, [])


def count(widget: Neighbours) -> dict[str, int]:
    return dict(zip(widget.view["classes"], widget.view["votes"], strict=True))


def test_the_course_s_counts():
    """All 100 Peking; 89 of 100 Tsinghua; 111 and 89 of 200; 180 of 200 Sichuan, and of 20 none."""
    widget, points = Neighbours(lang="en"), course.points()
    wanted = {
        ("at Peking", 100): {"Peking": 100},
        ("between", 100): {"Tsinghua": 89, "Peking": 11},
        ("between", 200): {"Tsinghua": 111, "Peking": 89},
        ("at Sichuan", 200): {"Sichuan": 180, "Peking": 12, "Tsinghua": 8},
        ("at Sichuan", 20): {"Peking": 12, "Tsinghua": 8},
    }
    for (place, k), votes in wanted.items():
        do(widget, "set", values={"asked": list(points[place]), "k": k})
        assert {name: number for name, number in count(widget).items() if number} == votes
        assert {(each["name"], each["k"]) for each in widget.view["stands"]} >= {(place, k)}
    json.dumps(widget.view)


def test_the_question_and_its_answer():
    widget = Neighbours(lang="en")
    answer = widget.view["answer"]
    assert (answer["k"], answer["twice"], answer["then"]) == (100, 200, 111)
    assert widget.view["classes"][answer["winner"]] == widget.view["classes"][answer["second"]] == "Tsinghua"


@settings(max_examples=25, deadline=None)
@given(
    x=st.floats(0, 11), y=st.floats(0, 8.5), k=st.integers(1, 800), distance=st.sampled_from(["euclidean", "manhattan"])
)
def test_every_share_is_what_knn_votes(x, y, k, distance):
    widget = Neighbours(asked=[x, y], k=k, distance=distance, regions=False, lang="en")
    people = course.data()
    knn = KNN(k=k, distance=distance).fit(np.c_[people["x"], people["y"]], people["university"])
    votes = knn.votes(np.array([[x, y]]))[0]
    assert widget.view["votes"] == votes.tolist()
    ballot = np.frombuffer(widget.ballot, np.float32).reshape(800, 3)
    np.testing.assert_allclose(ballot[k - 1], votes / k, rtol=1e-6)
    assert widget.view["classes"][widget.view["winner"]] == knn.predict(np.array([[x, y]]))[0]
    assert widget.view["near"] == knn.neighbours(np.array([[x, y]]))[1][0].tolist()


@pytest.mark.parametrize("scaled", [False, True])
def test_the_regions_are_what_knn_predicts(scaled):
    widget = Neighbours(k=7, scaled=scaled, lang="en")
    rows, columns = widget.view["ground"]
    ground = np.frombuffer(widget.ground, np.float32).reshape(2, rows, columns)
    window = widget.view["window"]
    x, y = np.meshgrid(np.linspace(*window["x"], columns), np.linspace(window["y"][1], window["y"][0], rows))
    people = course.data()
    features = np.c_[people["x"], people["y"]]
    spread = features.std(axis=0) if scaled else np.ones(2)
    knn = KNN(k=7).fit(features / spread, people["university"])
    asked = np.c_[x.ravel(), y.ravel()][::97] / spread
    assert (knn.classes[ground[0].ravel()[::97].astype(int)] == knn.predict(asked)).all()
    np.testing.assert_allclose(ground[1].ravel()[::97], knn.probabilities(asked).max(axis=1), rtol=1e-6)


def test_distances_by_hand():
    widget = Neighbours(data=OWN, across="height", up="weight", label="team", asked=[155.0, 54.0], k=2, lang="en")
    first = widget.view["listed"][0]
    assert (first["x"], first["y"]) == (160, 55) and first["distance"] == pytest.approx(np.hypot(5, 1))
    do(widget, "set", values={"distance": "manhattan"})
    assert [each["distance"] for each in widget.view["listed"]] == [6, 9]
    do(widget, "set", values={"scaled": True})
    spread = [np.std(OWN["height"]), np.std(OWN["weight"])]
    assert widget.view["listed"][0]["distance"] == pytest.approx(5 / spread[0] + 1 / spread[1])


def test_own_columns_are_found_and_changed():
    widget = Neighbours(data=OWN, lang="en")
    assert (widget.across, widget.up, widget.label) == ("height", "weight", "team") and widget.k == 5
    assert widget.view["stands"] == []
    do(widget, "columns", up="height", across="weight")
    assert (widget.across, widget.up) == ("weight", "height") and widget.asked == [80, 170]
    do(widget, "columns", across="name")
    assert widget.trouble["code"] == "not-numbers" and widget.across == "weight"
    do(widget, "course")
    assert widget.state == {}


def test_points_can_be_placed_and_removed():
    widget = Neighbours(data=OWN, lang="en")
    do(widget, "add", x=200, y=95, label="y")
    assert widget.view["rows"] == 6 and widget.table["height"][-1] == 200 and widget.table["team"][-1] == "y"
    do(widget, "remove", row=0)
    assert widget.view["rows"] == 5 and widget.table["height"][0] == 160
    do(widget, "undo")
    do(widget, "undo")
    assert widget.table == OWN
    do(widget, "add", x=1, y=1, label="nobody")
    assert widget.trouble["code"] == "bad-value"


def test_pasting_and_state():
    widget = Neighbours(lang="en")
    do(widget, "paste", text="a\tb\tkind\n1\t2\tyes\n2\t1\tno\n3\t3\tno\n")
    assert widget.trouble is None and widget.label == "kind" and widget.view["rows"] == 3 and widget.k == 3
    again = Neighbours(lang="en", state=json.loads(json.dumps(widget.state)))
    assert again.view == {**widget.view, "history": again.view["history"]}


@pytest.mark.parametrize(
    "message",
    [
        {"do": "paste", "text": "a b\n1 2\n3 4"},
        {"do": "paste", "text": 7},
        {"do": "paste", "text": "a,b,c\n" + "\n".join(f"{n},{n},k{n}" for n in range(30))},
        {"do": "set", "values": {"k": 0}},
        {"do": "set", "values": {"asked": [1]}},
        {"do": "set", "values": {"table": {"a": [1, 2], "b": [1]}}},
        {"do": "remove", "row": "first"},
    ],
)
def test_what_cannot_be_done_changes_nothing(message):
    widget = Neighbours(lang="en")
    widget._received(widget, {**message, "serial": 1}, [])
    assert widget.trouble["code"] and widget.trouble["code"] != "unexpected" and widget.state == {}


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "zh", "light"), (390, "en", "dark")])
def test_in_the_browser(width, lang, scheme):
    widget = Neighbours(lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(".study-guess input").fill("150")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('.study-told')?.textContent.includes('111')")
        page.locator(".neighbours-stands button").nth(4).click()
        page.wait_for_function("document.querySelector('.neighbours-verdict').textContent.includes('180')")
        canvas = page.locator(".fofx-neighbours canvas").first
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.3)
        until(page, lambda: widget.asked[0] < 4 and widget.asked[1] > 5)
        assert widget.view["classes"][widget.view["winner"]] == "Peking"
        here = widget.asked[0]
        canvas.focus()
        page.keyboard.press("ArrowRight")
        until(page, lambda: widget.asked[0] > here)
        assert page.said == [] and page.asked == []
