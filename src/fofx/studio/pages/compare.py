"""Compare runs: their curves in one picture, their scores in one table, and where their settings differ."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from fofx.errors import FofxError
from fofx.studio.look import Page, alert, empty, link, run_link, shown, tag, threaded

MOST = 8


async def compare(page: Page) -> None:
    page.heading(page.say("studio.compare.title"))
    names = list(dict.fromkeys(page.all("run")))[:MOST]
    if len(names) < 2:
        empty(page.say("studio.runs.compare-two"), (page.say("studio.nav.runs"), "/runs"))
        return
    await page.connected()
    found, problems = await page.work(records, page.workspace, names)
    for name, error in problems:
        with alert(f"{name}: {error.message}", error.code):
            pass
    if len(found) < 2:
        empty(page.say("studio.runs.compare-two"), (page.say("studio.nav.runs"), "/runs"))
        return
    tag("h2", page.say("studio.compare.scores"))
    scores(page, found)
    tag("h2", page.say("studio.compare.settings"))
    settings(page, found)
    tag("h2", page.say("studio.tab.curves"))
    await curves(page, [page.workspace.path_of(name) for name in found])


async def curves(page: Page, paths: list[Any]) -> None:
    from fofx.studio.bridge import show as put
    from fofx.widgets.run import Run

    put(await threaded(lambda: Run(*paths, lang=page.lang)))


def records(workspace: Any, names: list[str]) -> tuple[dict[str, dict[str, Any]], list[tuple[str, FofxError]]]:
    """run.json of each run, and what is wrong with the others."""
    found, problems = {}, []
    for name in names:
        try:
            found[name] = workspace.load(name).record
        except FofxError as error:
            problems.append((name, error))
    return found, problems


def scores(page: Page, found: dict[str, dict[str, Any]]) -> None:
    """Every rung's test score, a column for each run; the best of a line is marked where the metric is the same."""
    tables = {name: {rung["name"]: rung for rung in record["rungs"]} for name, record in found.items()}
    rungs = list(dict.fromkeys(rung for table in tables.values() for rung in table))
    metrics = {record["metric"] for record in found.values()}
    if len(metrics) > 1:
        alert(page.say("studio.compare.metrics", names=", ".join(sorted(metrics))), strength="mild")
    with ui.element().classes("scroll"), ui.element("table").classes("plain"):
        with ui.element("thead"), ui.element("tr"):
            tag("th", page.say("studio.result.test-column")).props('scope="col"')
            for name, record in found.items():
                with tag("th").props('scope="col"'):
                    link(name, run_link(name))
                    tag("div", record["metric"], "soft small")
        with ui.element("tbody"):
            for rung in rungs:
                with ui.element("tr"):
                    tag("th", rung).props('scope="row"')
                    for name, record in found.items():
                        value = tables[name].get(rung, {}).get("test")
                        won = rung == record["winner"]
                        tag("td", ("★ " if won else "") + shown(value), "num").style("font-weight: 650" if won else "")


def settings(page: Page, found: dict[str, dict[str, Any]]) -> None:
    """What was asked, the data and the versions: only what differs."""
    flat = {name: flattened(record) for name, record in found.items()}
    keys = list(dict.fromkeys(key for each in flat.values() for key in each))
    differ = [key for key in keys if len({json.dumps(each.get(key), default=str) for each in flat.values()}) > 1]
    if not differ:
        tag("p", page.say("studio.compare.same"), "soft")
        return
    with ui.element().classes("scroll"), ui.element("table").classes("plain"):
        with ui.element("thead"), ui.element("tr"):
            tag("td")
            for name in found:
                tag("th", name).props('scope="col"')
        with ui.element("tbody"):
            for key in differ:
                with ui.element("tr"):
                    tag("th", key).props('scope="row"')
                    for each in flat.values():
                        tag("td", cell(each.get(key)), "cut")


def flattened(record: dict[str, Any]) -> dict[str, Any]:
    """Settings, data and versions of a run under their names."""
    data = record["data"]
    rows = {f"rows.{part}": count for part, count in (data.get("rows") or {}).items()}
    task = {f"task.{side}": [column["name"] for column in record["task"][side]] for side in ("inputs", "outputs")}
    versions = {f"version.{name}": value for name, value in record.get("versions", {}).items()}
    about = {"data": data.get("source"), "fingerprint": data.get("fingerprint"), "split": data.get("split")}
    return {**record["asked"], **about, **rows, **task, **versions}


def cell(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)}: {', '.join(map(str, value[:6]))}" + (" …" if len(value) > 6 else "")
    return shown(value)
