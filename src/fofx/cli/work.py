"""What the commands do with the engine: find with a progress bar, built-in tasks, the demonstration, rows for `try`."""

from __future__ import annotations

import json
import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fofx.cli import draw
from fofx.errors import FofxError, TaskError
from fofx.words import say

if TYPE_CHECKING:
    from fofx.function import Function

TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls")
PASSED_ON: tuple[str, ...] = ("model", "budget", "test", "validation", "split", "group", "time", "seed", "name", "out")
PASSED_ON += ("pairs", "past", "horizon", "strict", "class_weights", "label_smoothing", "recipe", "resume")
SHARES = {"river": 0.13, "digits": 0.32, "reviews": 0.55}  # of the demonstration's seconds


def options(asked: dict[str, Any]) -> dict[str, Any]:
    """The words of the command line as the arguments of `find`."""
    given = {key: asked[key] for key in PASSED_ON}
    given["augment"] = not asked["no_augment"]
    outputs, kinds = split_kinds(asked["output"])
    inputs, more = split_kinds(asked["input"])
    given.update(outputs=outputs or None, inputs=inputs or None, kinds={**kinds, **more} or None)
    return given


def split_kinds(columns: list[str] | None) -> tuple[list[str], dict[str, str]]:
    """Column names, and the kinds given after a colon.

    >>> split_kinds(["age:number", "a:b", "name"])
    (['age', 'a:b', 'name'], {'age': 'number'})
    """
    from fofx.fields import kinds as known_kinds

    names: list[str] = []
    kinds: dict[str, str] = {}
    for column in columns or []:
        name, colon, kind = column.rpartition(":")
        if colon and kind in known_kinds():
            kinds[name] = kind
            column = name
        names.append(column)
    return names, kinds


def search(data: Any, asked: dict[str, Any], lang: str, as_json: bool, **more: Any) -> Function:
    """Find, with progress on standard error; then show what was found, or print it as JSON."""
    given = {**options(asked), **more}
    with draw.Progress(lang) as progress:
        from fofx.find import find  # after the bar is drawn: this takes a second or two

        function = find(data, watch=progress, **given)
    if lang != "en":
        function.report(lang=lang)
    if as_json:
        draw.as_json(draw.summary(function))
    else:
        draw.found(function, lang)
    return function


def search_task(
    name: str, asked: dict[str, Any], lang: str, as_json: bool, demo: bool = False, own: str | None = None
) -> Function:
    """Find on a built-in task, or on one's own data (`own`) as the task would; what the task says gives way to what the user says."""
    from fofx.tasks import task as built_in

    task = built_in(name)
    if not as_json and own is None:
        print(say("run.honesty", lang, text=task.honesty[lang]))
        print(say("run.good", lang, text=task.good[lang]))
    data, said = task.arguments(own, **(task.demo if demo else {}))
    given = options(asked)
    more = {key: value for key, value in said.items() if not given.get(key)}
    if given["kinds"] and said.get("kinds"):
        more["kinds"] = {**said["kinds"], **given["kinds"]}
    return search(data, asked, lang, as_json, **more)


def show_three(budget: float, seed: int, out: str, lang: str) -> None:
    """Three functions from three built-in data sets, one per kind of input, within about `budget` seconds."""
    from fofx.tasks import tasks

    begun = clock.monotonic()
    found: list[Function] = []
    problems: list[FofxError] = []
    for number, (name, share) in enumerate(SHARES.items(), 1):
        draw.heading(say("demo.title", lang, number=number, total=len(SHARES), question=tasks()[name].question[lang]))
        asked = {**dict.fromkeys(PASSED_ON), "output": None, "input": None, "no_augment": False, "model": "auto"}
        asked.update(seed=seed, out=out, budget=budget * share, strict=False, class_weights=False, label_smoothing=0.0)
        try:
            found.append(search_task(name, asked, lang, as_json=False, demo=True))
        except FofxError as error:  # the others can still be shown
            draw.problem(error)
            problems.append(error)
    if found:
        print(say("demo.end", lang, seconds=clock.monotonic() - begun))
        for function in found:
            print(f"  {function.report_path}")
            print("  " + say("demo.commands", lang, run=function.run.name))
    if problems:
        raise problems[0]


def load(run: str) -> Function:
    """The Function of a run given by name or folder."""
    from fofx.function import load as load_run

    return load_run(run)


def rows_asked(function: Function, values: list[str]) -> Any:
    """What `try` was asked: a table for a file, else one row as a dict."""
    if len(values) == 1 and values[0].lower().endswith(TABLES) and Path(values[0]).is_file():
        from fofx.data.read import read

        return read(values[0])
    names = [column.name for column in function.task.inputs]
    if len(names) == 1 and len(values) > 1:  # with one input, every value is a row
        return [one_row(names, [value]) for value in values]
    return one_row(names, values)


def one_row(names: list[str], values: list[str]) -> dict[str, str]:
    """One row from "column=value" words, or from as many values as there are inputs, in their order.

    >>> one_row(["age", "city"], ["city=Graz", "age=3"])
    {'age': '3', 'city': 'Graz'}
    >>> one_row(["age", "city"], ["3", "Graz"])
    {'age': '3', 'city': 'Graz'}
    """
    pairs = [value.partition("=") for value in values]
    if all(equals and name in names for name, equals, _ in pairs):
        given = {name: value for name, _, value in pairs}
        return {name: given[name] for name in names if name in given}
    if len(values) != len(names):
        raise TaskError(
            "wrong-values",
            f"This run takes {len(names)} value(s), {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}, "
            f"and got {len(values)}. Give them all in this order, or as column=value.",
        )
    return dict(zip(names, values))


def summaries(folder: str) -> list[dict[str, Any]]:
    """What `fofx runs` lists: each run's name and what its run.json says, newest first."""
    found = []
    for path in Path(folder).glob("*/run.json"):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found.append({"name": path.parent.name, "changed": path.stat().st_mtime, **_summary(data)})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            found.append({"name": path.parent.name, "changed": 0.0, "status": "damaged"})
    return sorted(found, key=lambda run: run["changed"], reverse=True)


def _summary(data: dict[str, Any]) -> dict[str, Any]:
    outputs = [column["name"] for column in data.get("task", {}).get("outputs", [])]
    metric, scores = data.get("metric"), data.get("scores") or {}
    return {
        "outputs": ", ".join(outputs),
        "winner": data.get("winner") or "",
        "score": f"{metric} {scores[metric]:.4g}" if scores.get(metric) is not None else "",
        "status": data.get("status", ""),
    }
