"""The tree widget: the course's costs, a tree grown by hand equals the classic one, one mail on its way down."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.classic.tree import Tree as Classic
from fofx.tasks import spam
from fofx.widgets.tree import Tree
from stage import needs_browser, stage
from until import until

NEXT = iter(range(1, 10**9))


def do(widget: Tree, what: str, **more: object) -> None:
    serial = next(NEXT)
    widget._received(widget, {"do": what, "gesture": f"one {serial}", "serial": serial, **more}, [])


def test_the_course_s_costs():
    view = Tree(lang="en").view
    costs = {spam.COLUMNS[line["column"]]: line["cost"] for line in view["costs"]["lines"]}
    assert costs == pytest.approx({"known_sender": 8 / 33, "spam_keyword": 61 / 165, "suspicious_attachment": 21 / 55})
    best = [line for line in view["costs"]["lines"] if line["best"]]
    assert [line["column"] for line in best] == [0] and best[0]["left"] == [2, 4] and best[0]["right"] == [5, 0]
    assert view["answer"]["column"] == 0 and view["answer"]["each"] == pytest.approx([8 / 33, 61 / 165, 21 / 55])
    json.dumps(view)


@pytest.mark.parametrize("third", [True, False])
@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_grown_to_the_end_it_is_the_task_s_tree(third, criterion):
    widget = Tree(third=third, criterion=criterion, lang="en")
    do(widget, "grow")
    classic = spam.tree(third, criterion)
    assert [node["column"] for node in widget.view["nodes"]] == classic.nodes["feature"].tolist()
    assert [len(node["rows"]) for node in widget.view["nodes"]] == classic.nodes["rows"].tolist()
    np.testing.assert_allclose([node["impurity"] for node in widget.view["nodes"]], classic.nodes["impurity"])
    assert widget.view["right"] == (11 if third else 10)
    assert widget.view["alike"] == list(spam.cannot_tell_apart(third).values())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from("ab")), min_size=4, max_size=20),
    st.sampled_from(["gini", "entropy"]),
)
def test_on_any_table_growing_gives_the_classic_tree(rows, criterion):
    if len({row[2] for row in rows}) < 2:
        return
    table = {"p": [row[0] for row in rows], "q": [row[1] for row in rows], "kind": [row[2] for row in rows]}
    widget = Tree(data=table, label="kind", criterion=criterion, lang="en")
    do(widget, "grow")
    features = np.array([table["p"], table["q"]], float).T
    classic = Classic(criterion=criterion, max_depth=10).fit(features, np.array(table["kind"]))
    assert [node["column"] for node in widget.view["nodes"]] == classic.nodes["feature"].tolist()
    assert widget.view["right"] == (classic.predict(features) == np.array(table["kind"])).sum()
    do(widget, "follow", row=1)
    ways = [node["way"] for node in widget.view["nodes"]]
    assert [ways.index(way) for way in widget.view["followed"]["ways"]] == [
        step["node"] for step in classic.path(features[1])
    ]


def test_cutting_by_hand_taking_back_and_undo():
    widget = Tree(lang="en")
    do(widget, "cut", column=1, threshold=0.5)
    assert widget.cuts == {"": [1, 0.5]} and widget.node == "l"  # on to the first side that is still mixed
    do(widget, "best")
    assert len(widget.cuts) == 2
    do(widget, "set", values={"node": ""})
    do(widget, "prune")
    assert widget.cuts == {} and len(widget.view["nodes"]) == 1
    for _ in range(4):
        do(widget, "undo")
    assert widget.state == {}
    do(widget, "cut", column=0, threshold=7.0)
    assert widget.trouble["code"] == "no-cut" and widget.cuts == {}


def test_one_mail_is_followed_and_one_never_seen():
    widget = Tree(lang="en")
    do(widget, "grow")
    do(widget, "follow", row=10)
    found = widget.view["followed"]
    assert found["ways"] == ["", "l", "ll", "llr"] and found["answer"] == 1 and found["same"] == [10]
    do(widget, "set", values={"row": [1.0, 0.0, 1.0]})  # a known sender with an odd attachment: waved through
    found = widget.view["followed"]
    assert found["ways"] == ["", "r"] and found["answer"] == 0 and found["same"] == []


def test_without_the_third_column_a_new_tree_begins():
    widget = Tree(lang="en")
    do(widget, "grow")
    do(widget, "set", values={"third": False})
    assert widget.cuts == {} and len(widget.view["questions"]) == 2
    do(widget, "undo")
    assert widget.third and len(widget.cuts) == 3


def test_own_tables_of_numbers_words_and_several_values():
    text = "size, colour, id, ripe\n1, red, n1, yes\n2, green, n2, no\n3, blue, n3, no\n4, red, n4, yes\n" + "\n".join(
        f"{n}, green, n{n}, no" for n in range(5, 15)
    )
    widget = Tree(lang="en")
    do(widget, "paste", text=text)
    assert widget.trouble is None and widget.label == "ripe"
    assert [each["name"] for each in widget.view["questions"]] == [
        "size",
        "colour = blue",
        "colour = green",
        "colour = red",
    ]
    assert widget.view["left_out"] == ["id"]  # as many values as rows
    do(widget, "best")
    assert widget.view["right"] == 14 and list(widget.cuts.values()) == [[3, 0.5]]
    again = Tree(lang="en", state=json.loads(json.dumps(widget.state)))
    assert again.view["nodes"] == widget.view["nodes"]


@pytest.mark.parametrize(
    "message",
    [
        {"do": "cut", "column": "known_sender", "threshold": 0.5},
        {"do": "cut", "column": 9, "threshold": 0.5},
        {"do": "follow", "row": 99},
        {"do": "paste", "text": "a\n1\n2"},
        {"do": "set", "values": {"cuts": {"up": [0, 1]}}},
        {"do": "set", "values": {"row": ["yes"]}},
    ],
)
def test_what_cannot_be_done_changes_nothing(message):
    widget = Tree(lang="en")
    widget._received(widget, {**message, "serial": 1}, [])
    assert widget.trouble["code"] and widget.trouble["code"] != "unexpected" and widget.state == {}


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "dark"), (390, "zh", "light")])
def test_in_the_browser(width, lang, scheme):
    widget = Tree(lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert "0.242" not in page.locator(".tree-costs").inner_text()  # guess first
        page.locator(".study-guess .fofx-button").nth(1).click()
        page.wait_for_function("document.querySelector('.tree-costs').textContent.includes('0.242')")
        assert "0.370" in page.locator(".study-told").inner_text()
        page.locator(".tree-cut").first.click()
        page.wait_for_function("document.querySelectorAll('.tree-node').length === 3")
        page.locator(".tree-row").nth(10).click()
        page.wait_for_function("document.querySelectorAll('.tree-node[data-walked=true]').length === 2")
        node = page.locator(".tree-node").nth(2)
        node.focus()
        page.keyboard.press("Enter")
        until(page, lambda: widget.node == "r")
        assert page.said == [] and page.asked == []
