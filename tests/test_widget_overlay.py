"""Boxes and masks over a picture: which box found which, counts as the maths of boxes and masks give them, and the page."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.boxes.precision import claims
from fofx.errors import TaskError
from fofx.masks import confusion, iou
from fofx.widgets.overlay import Overlay
from fofx.widgets.verdicts import boxes_in, corners, judged, overlaps
from stage import needs_browser, stage
from until import until

PICTURE = np.linspace(0, 255, 40 * 60).reshape(40, 60).astype(np.uint8)


def box(label: str, *sides: float, score: float | None = None) -> dict:
    return {"label": label, "box": list(sides)} | ({} if score is None else {"score": score})


RIGHT = [box("sheep", 5, 5, 10, 10), box("dog", 30, 10, 12, 8), box("sheep", 45, 25, 10, 10)]
ANSWERED = [
    box("sheep", 5, 5, 10, 9, score=0.9),
    box("sheep", 6, 5, 10, 10, score=0.8),
    box("sheep", 30, 10, 12, 8, score=0.7),
    box("dog", 0, 30, 4, 4, score=0.3),
]


def scenes() -> list[dict]:
    fine = {"picture": PICTURE, "boxes": RIGHT[:1], "answered": ANSWERED[:1], "name": "fine"}
    return [
        fine,
        {"picture": PICTURE, "boxes": {"size": [60, 40], "boxes": RIGHT}, "answered": ANSWERED, "name": "bad"},
    ]


def masks() -> list[dict]:
    random = np.random.default_rng(0)
    rows = []
    for share in (0.05, 0.6, 0.3):
        right = random.integers(0, 3, (20, 30))
        right[0, :5] = 255
        answer = np.where(
            random.random((20, 30)) < share, random.integers(0, 3, (20, 30)), np.where(right == 255, 0, right)
        )
        rows.append({"picture": PICTURE, "mask": right, "answer": answer, "confidence": np.full((20, 30), 128)})
    return rows


def test_every_box_gets_its_verdict() -> None:
    right, said = judged(boxes_in(RIGHT), boxes_in(ANSWERED), 0.0)
    assert [each["verdict"] for each in right] == ["found", "missed", "missed"]
    assert [each["verdict"] for each in said] == ["right", "double", "class", "nothing"]
    assert right[0]["iou"] == pytest.approx(0.9) and said[3]["iou"] == 0
    right, said = judged(boxes_in(RIGHT), boxes_in(ANSWERED), 0.95)
    assert not said and {each["verdict"] for each in right} == {"missed"}


sides = st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 12)] * 2)


@settings(max_examples=40, deadline=None)
@given(st.lists(sides, max_size=5), st.lists(st.tuples(sides, st.floats(0, 1)), max_size=8))
def test_the_verdicts_are_those_of_average_precision(given_boxes: list, found: list) -> None:
    right = boxes_in([box("a", *each) for each in given_boxes])
    said = boxes_in([box("a", *each, score=score) for each, score in found])
    judged_right, judged_said = judged(right, said, 0.0)
    usual = np.zeros(len(right), dtype=bool)
    claimed = claims(corners(judged_said), corners(right), usual, np.array([0.5]))[0]
    assert [each["verdict"] == "right" for each in judged_said] == [number >= 0 for number in claimed]
    assert sum(each["verdict"] == "found" for each in judged_right) == int((claimed >= 0).sum())
    shared = overlaps(corners(right), corners(judged_said))
    assert shared.shape == (len(right), len(said)) and (shared >= 0).all() and (shared <= 1 + 1e-9).all()


def test_the_worst_comes_first_and_counts_follow_the_threshold() -> None:
    widget = Overlay(scenes(), threshold=0.1, lang="en")
    assert widget.order == [1, 0] and widget.row == 1 and widget.mistakes == [0.0, 5.0]
    assert widget.classes == ["dog", "sheep"] and widget.kinds == ["boxes"] and widget.scored
    assert widget.table[1]["here"] == [2, 3, 1] and widget.table[1]["all"] == [3, 4, 2]
    assert widget.scene["answered"][0]["box"] == pytest.approx([5 / 60, 5 / 40, 10 / 60, 9 / 40], abs=1e-5)
    widget.threshold = 0.75
    assert widget.table[0]["here"] == [1, 0, 0] and len(widget.scene["answered"]) == 2


def test_masks_are_counted_as_the_maths_of_masks_does() -> None:
    rows = masks()
    widget = Overlay(rows, classes=["road", "car", "sky"], lang="en")
    assert widget.order == [1, 2, 0] and widget.kinds == ["masks"] and not widget.scored
    tables = [confusion(row["mask"], row["answer"], 3) for row in rows]
    for row, counts in enumerate(tables):
        widget.row = row
        assert [each["iou"][0] for each in widget.table] == iou(counts)
        assert [each["iou"][1] for each in widget.table] == iou(sum(tables))
        assert widget.mask == rows[row]["mask"].astype(np.uint8).tobytes()


def test_what_is_no_box_or_mask_is_said() -> None:
    for rows, more, code in [
        ([], {}, "empty-rows"),
        ([{"boxes": "no JSON"}], {}, "bad-boxes"),
        ([{"boxes": [{"label": "a", "box": [1, 2, 3]}]}], {}, "bad-boxes"),
        ([{"boxes": RIGHT}], {"classes": ["cat", "shep"]}, "unknown-class"),
        ([{"mask": np.zeros((2, 2, 2))}], {}, "bad-mask"),
        ([{"mask": np.full((2, 2), 7)}], {"classes": ["a"]}, "bad-mask"),
        ([{"picture": "face.png"}], {}, "bad-picture"),
    ]:
        with pytest.raises(TaskError) as raised:
            Overlay(rows, **more)
        assert raised.value.code == code
    alone = Overlay([{"boxes": json.dumps({"size": [10, 10], "boxes": []}), "picture": np.zeros((3, 8, 8), np.uint8)}])
    assert alone.scene["boxes"] == [] and alone.scene["picture"] == [8, 8]


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "light"), (390, "zh", "dark")])
def test_the_page_switches_classes_rows_and_threshold(width: int, lang: str, scheme: str) -> None:
    widget = Overlay(scenes(), threshold=0.1, lang=lang)
    with stage(widget, width=width, scheme=scheme) as page:
        page.get_by_label(widget.words["overlay.view"]).select_option("over")
        until(page, lambda: widget.view == "over")
        page.locator("[data-class='0']").uncheck()
        until(page, lambda: widget.hidden == [0])
        score = page.get_by_label(widget.words["overlay.threshold"])
        score.focus()
        score.press("End")
        until(page, lambda: widget.threshold == 1.0 and widget.scene["answered"] == [])
        page.locator("[data-row='0']").press("Enter")
        until(page, lambda: widget.row == 0)
        assert page.locator("[data-row='0'][aria-pressed='true']").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []


@needs_browser
def test_a_pixel_of_a_mask_is_read_out_by_keys() -> None:
    widget = Overlay(masks(), classes=["road", "car", "sky"], view="wrong", lang="en")
    with stage(widget) as page:
        page.locator("canvas[role=img]:visible").focus()
        page.keyboard.press("ArrowRight")
        said = page.locator(".over-said").inner_text()
        row = masks()[1]
        right, answer = (widget.classes[row[word][10, 16]] for word in ("mask", "answer"))
        assert f"right {row['mask'][10, 16] + 1} {right}" in said and f"{answer} (50 %)" in said
        assert page.said == []
