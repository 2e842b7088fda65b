"""The Bayes widget: the course's fractions, chained evidence, and the factors of naive Bayes as the classic model has them."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.classic.bayes import CategoricalBayes
from fofx.tasks import spam, transport
from fofx.widgets.bayes import Bayes
from stage import needs_browser, stage
from until import until

NEXT = iter(range(1, 10**9))


def do(widget: Bayes, what: str, **more: object) -> None:
    serial = next(NEXT)
    widget._received(widget, {"do": what, "gesture": f"one {serial}", "serial": serial, **more}, [])


@pytest.mark.parametrize("arrived", [True, False])
def test_the_course_s_journeys_exactly(arrived):
    widget = Bayes(lang="en")
    do(widget, "piece", piece=0, seen=arrived)
    update = widget.view["updates"][0]
    wanted = list(transport.posterior(arrived).values())
    assert update["parts"] == [[part.numerator, part.denominator] for part in wanted]
    assert update["posterior"] == [float(part) for part in wanted]
    if arrived:
        assert update["parts"][0] == [18, 73] and widget.view["answer"]["value"] == pytest.approx(1800 / 73)
        np.testing.assert_allclose(update["product"], [0.18, 0.4, 0.15])
    json.dumps(widget.view)


def test_a_second_piece_starts_from_the_first_one_s_posterior():
    widget = Bayes(lang="en")
    do(widget, "piece", piece=1, used=True)
    first, second = widget.view["updates"]
    assert second["prior"] == first["posterior"]
    by_hand = [Fraction(18, 73) * Fraction(4, 5), Fraction(40, 73) * Fraction(3, 5), Fraction(15, 73) * Fraction(1, 5)]
    np.testing.assert_allclose(second["posterior"], [float(part / sum(by_hand)) for part in by_hand])
    before = second["posterior"]
    do(widget, "swap")
    assert widget.view["updates"][1]["posterior"] == before  # the order of the evidence does not matter
    assert widget.evidence[0]["name"] == "same day"


percents = st.lists(st.integers(0, 100), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None)
@given(prior=percents.filter(any), chances=percents)
def test_the_posterior_is_a_share_of_what_is_left(prior, chances):
    evidence = [{"name": "e", "chances": chances, "seen": True, "used": True}]
    update = Bayes(prior=prior, evidence=evidence, lang="en").view["updates"][0]
    left = [a * b for a, b in zip(prior, chances, strict=True)]
    if sum(left):
        np.testing.assert_allclose(update["posterior"], [part / sum(left) for part in left])
        assert sum(update["posterior"]) == pytest.approx(1)
    else:
        assert update["posterior"] is None and update["evidence"] == 0


def test_evidence_that_cannot_happen_leaves_nothing():
    widget = Bayes(lang="en")
    for cause in range(3):
        do(widget, "chance", piece=0, cause=cause, value=0)
    do(widget, "piece", piece=1, used=True)
    assert [update["posterior"] for update in widget.view["updates"]] == [None, None] and widget.trouble is None


def test_sliders_borders_causes_and_undo():
    widget = Bayes(lang="en")
    do(widget, "border", border=0, value=40)
    assert widget.prior == [40, 30, 30]
    do(widget, "prior", cause=2, value=0)
    do(widget, "add", name="boat")
    assert widget.names[-1] == "boat" and len(widget.view["updates"][0]["posterior"]) == 4
    do(widget, "rename", cause=3, name="ship")
    do(widget, "drop", cause=0)
    assert widget.names == ["train", "car", "ship"] and widget.prior == [30, 0, 10]
    again = Bayes(lang="en", state=json.loads(json.dumps(widget.state)))
    assert again.view["updates"] == widget.view["updates"]
    for _ in range(5):
        do(widget, "undo")
    assert widget.state == {}


@settings(max_examples=40, deadline=None)
@given(
    row=st.lists(st.integers(0, 1), min_size=3, max_size=3),
    alpha=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    third=st.booleans(),
)
def test_the_factors_are_those_of_the_classic_model(row, alpha, third):
    row = row if third else row[:2]
    found = Bayes(part="factors", row=row, alpha=alpha, third=third, lang="en").view["factors"]
    features, target = spam.numbers(third)
    wanted = CategoricalBayes(alpha=alpha).fit(features, target).factors(np.array(row, float))
    for name in ("prior", "factors", "product", "posterior"):
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-15)
    by_hand = (np.array(found["counts"]) + alpha) / (np.array(found["class_rows"]) + alpha * 2)
    np.testing.assert_allclose(found["factors"], by_hand, atol=1e-12)
    if found["stages"][-1] is not None:
        np.testing.assert_allclose(found["stages"][-1], found["posterior"], atol=1e-12)
    assert found["ruled_out"] == (found["stages"][-1] is None)


def test_a_zero_count_rules_a_class_out_until_it_is_smoothed():
    widget = Bayes(part="factors", row=[1, 0, 1], alpha=0, lang="en")  # a known sender: no spam has one
    found = widget.view["factors"]
    assert found["factors"][0][1] == 0 and found["factors"][2][0] == 0 and found["ruled_out"]
    np.testing.assert_allclose(found["posterior"], [7 / 11, 4 / 11])  # only the prior is left
    do(widget, "set", values={"alpha": 1.0})
    assert not widget.view["factors"]["ruled_out"] and min(widget.view["factors"]["posterior"]) > 0


def test_own_tables():
    widget = Bayes(
        data={"sky": ["sun", "rain", "sun", "fog"], "day": [1, 2, 3, 4], "play": ["y", "n", "y", "n"]}, lang="en"
    )
    found = widget.view["factors"]
    assert widget.part == "factors" and [column["name"] for column in found["columns"]] == ["sky", "day"]
    do(
        widget,
        "paste",
        text="id,wind,go\n"
        + "\n".join(f"k{n},{'strong' if n % 3 else 'weak'},{'no' if n % 3 else 'yes'}" for n in range(20)),
    )
    assert widget.view["factors"]["left_out"] == ["id"] and widget.view["factors"]["columns"][0]["values"] == [
        "strong",
        "weak",
    ]
    do(widget, "course")
    assert widget.state == {"part": "factors"}


@pytest.mark.parametrize(
    "message",
    [
        {"do": "prior", "cause": 9, "value": 1},
        {"do": "prior", "cause": 0, "value": 0.5},
        {"do": "chance", "piece": 0, "cause": 0, "value": 101},
        {"do": "border", "border": 2, "value": 10},
        {"do": "piece", "piece": 0, "used": False},
        {"do": "set", "values": {"prior": [1, 2]}},
        {"do": "set", "values": {"row": [5, 0, 0]}},
        {"do": "rename", "cause": 0, "name": 3},
    ],
)
def test_what_cannot_be_done_changes_nothing(message):
    widget = Bayes(lang="en")
    widget._received(widget, {**message, "serial": 1}, [])
    assert widget.trouble["code"] and widget.trouble["code"] != "unexpected" and widget.state == {}


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "zh", "dark"), (390, "en", "light")])
def test_in_the_browser(width, lang, scheme):
    widget = Bayes(lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert "18" not in page.locator(".bayes-formula").inner_text()  # guess first
        page.locator(".study-guess input").fill("40")
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('.study-told')?.textContent.includes('18/73')")
        picture = page.locator(".bayes-panel canvas").first
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.18, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.18, box["y"] + 10 + (box["height"] - 92) / 2, steps=4)
        page.mouse.up()
        until(
            page, lambda: 45 <= widget.evidence[0]["chances"][0] <= 55
        )  # the plane's chance of arriving, dragged to one half
        page.locator("input[type=checkbox]").first.check()
        page.wait_for_function("document.querySelectorAll('.bayes-panel:not([hidden])').length === 2")
        page.locator(".study-segments button").nth(1).click()
        page.wait_for_function("document.querySelectorAll('.bayes-stack').length === 4")
        assert page.said == [] and page.asked == []
