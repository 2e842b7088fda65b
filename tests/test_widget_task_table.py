"""The 3 x 3 table: every task in its cell, what is to come marked, and a task that appears because its file does."""

from __future__ import annotations

import dataclasses

import pytest

from fofx.tasks import TO_COME, tasks
from fofx.widgets.task_table import COURSE, KINDS, NAMED, TEXTS, TaskTable
from stage import needs_browser, stage
from until import until


def by_name(table: TaskTable) -> dict[str, dict]:
    return {entry["name"]: entry for entry in table.entries}


def test_every_task_of_the_course_and_of_the_catalogue_stands_in_its_cell() -> None:
    table = TaskTable(lang="en")
    entries = by_name(table)
    assert len(entries) == len(table.entries)
    assert [entry["number"] for entry in table.entries[:10]] == list(range(1, 11))
    for name, task in tasks().items():
        assert entries[name]["here"] and list(task.cell) in entries[name]["cells"]
        assert entries[name]["text"] == task.question["en"]
    for cell, names in TO_COME.items():
        for name in names:
            entry = entries[NAMED.get(name, name)]
            assert list(cell) in entry["cells"] and entry["here"] == (entry["name"] in tasks())
    assert entries["match"]["cells"] == [[2, 2], [3, 2]] and entries["sheep"]["cells"] == [[2, 1], [2, 2]]
    assert {name for name, _, _ in COURSE} <= set(TEXTS)


def test_a_task_and_a_kind_that_are_to_come_appear_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    import fofx.fields as fields
    import fofx.widgets.task_table as own

    classes = dict(fields.kinds())
    monkeypatch.setattr(fields, "kinds", lambda: {name: kind for name, kind in classes.items() if name != "sound"})
    table = TaskTable(lang="en")
    assert not by_name(table)["chat"]["here"] and not next(k for k in table.kinds if k["kind"] == "sound")["here"]
    chat = dataclasses.replace(tasks()["reviews"], name="chat", cell=(3, 3), question={"en": "Talk?"})
    known, classes = {**tasks(), "chat": chat}, {**classes, "sound": object}
    monkeypatch.setattr(own, "tasks", lambda: known)
    monkeypatch.setattr(fields, "kinds", lambda: classes)
    table.refresh()
    entry = by_name(table)["chat"]
    assert entry["here"] and entry["text"] == "Talk?" and entry["number"] == 10
    assert next(k for k in table.kinds if k["kind"] == "sound")["here"]


def test_messages_pick_and_open_and_refuse_what_is_not_there() -> None:
    table, opened = TaskTable(lang="en"), []
    table.on_open = opened.append
    table._received(table, {"do": "pick", "task": "digits"}, [])
    assert (table.chosen, table.opened, opened) == ("digits", "", [])
    table._received(table, {"do": "open", "task": "digits"}, [])
    assert (table.opened, opened, table.trouble) == ("digits", ["digits"], None)
    table._received(table, {"do": "open", "task": "chat"}, [])
    assert table.trouble["code"] == "unknown-task" and opened == ["digits"]
    table._received(table, {"do": "open", "task": ["no", "text"]}, [])
    assert table.trouble["code"] in ("unknown-task", "unexpected")


def test_the_language_changes_every_text() -> None:
    table = TaskTable(lang="en")
    english = by_name(table)["chat"]["text"]
    table.lang = "zh"
    assert by_name(table)["chat"]["text"] not in (english, "") and table.words["task_table.soon"] == "待推出"
    assert {kind["kind"] for kind in table.kinds} >= set(KINDS)


def test_the_call_that_is_shown_runs(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line under a task is the call that finds it: the catalogue's own arguments, as Python text."""
    import ast

    for entry in TaskTable(lang="en").entries:
        if entry["here"]:
            call = ast.parse(entry["call"]).body[-1].value  # type: ignore[attr-defined]
            task = tasks()[entry["name"]]
            assert ast.literal_eval(call.args[1]) == task.outputs
            assert {word.arg: ast.literal_eval(word.value) for word in call.keywords} == task.options


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_a_task_is_picked_and_started_by_keyboard(width: int) -> None:
    table = TaskTable(lang="en", theme="light")
    with stage(table, width=width) as page:
        page.locator("[data-task=spam]").focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Start this task").wait_for()
        assert page.evaluate("document.activeElement.dataset.task") == "spam"
        page.get_by_role("button", name="Start this task").click()
        page.wait_for_function("document.querySelector('[data-task=spam]').getAttribute('aria-pressed') === 'true'")
        until(page, lambda: table.opened == "spam")
        assert page.locator("li.tt-soon", has_text="A chat assistant").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
