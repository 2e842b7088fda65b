"""What the commands show: tables and a progress bar for people, plain objects for `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fofx.errors import FofxError
from fofx.words import name as shown_name
from fofx.words import notice, say

if TYPE_CHECKING:
    from fofx.function import Function
    from fofx.task import Column

LOWER_IS_BETTER = {"mse", "rmse", "mae", "log_loss"}
NARROWEST = 100  # columns of text when the output is no terminal, so that a table is not cut


def console(*, stderr: bool = False) -> Console:
    out = Console(stderr=stderr, highlight=False)
    return out if out.is_terminal else Console(stderr=stderr, highlight=False, width=max(NARROWEST, out.width))


class Progress:
    """The `watch` of `find`: a bar on a terminal's standard error, else one line for each rung that was scored."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.console = console(stderr=True)
        self.bar: Any = None
        if self.console.is_terminal:
            from rich import progress

            self.bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.TextColumn("{task.fields[note]}"),
                progress.TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self.task = self.bar.add_task(say("find.working", lang), total=None, note="")
            self.rung = 0

    def __enter__(self) -> Progress:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.bar:
            self.bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        what, rung = event["what"], str(event.get("rung") or "")
        if what == "scored":
            score = f"{event.get('metric')} {number(event.get('validation'))}"
            why = event.get("error")
            text = f"{rung}: {why}" if why else say("find.scored", self.lang, rung=rung, score=score)
            self.console.print(text, markup=False)
        elif self.bar and what == "rung":  # the bar is the whole ladder, an equal part for each rung
            self.rung = event["number"]
            self.bar.update(self.task, description=escape(rung), total=event["of"], completed=self.rung, note="")
        elif self.bar and what == "step":
            note = "" if event.get("loss") is None else f"loss {event['loss']:.4g}"
            self.bar.update(self.task, completed=self.rung + min(1.0, event["fraction"]), note=note)


def number(value: Any) -> str:
    """A score in four digits; a dash where there is none."""
    return "-" if value is None else f"{value:.4g}"


def as_json(value: dict[str, Any]) -> None:
    """One object on one line of standard output."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def heading(text: str) -> None:
    console().print(f"\n[bold]{escape(text)}[/bold]")


def problem(error: FofxError) -> None:
    print(f"fofx: {error}", file=sys.stderr)


def found(function: Function, lang: str) -> None:
    """A finding for people: the task, what is worth knowing, the ladder with the winner marked, scores and places."""
    out = console()
    kinds = [
        ", ".join(f"{c.name} ({shown_name('kind', c.kind, lang)})" for c in columns[:6])
        + (" ..." if len(columns) > 6 else "")
        for columns in (function.task.inputs, function.task.outputs)
    ]
    out.print(say("find.title", lang, inputs=kinds[0], outputs=kinds[1]), markup=False)
    if function.warnings:
        out.print(f"[yellow]{say('find.warnings', lang)}[/yellow]")
        for warning in function.warnings:
            out.print(f"  - {notice(warning, lang)} [{warning.code}]", markup=False)
    out.print(ladder(function, lang))
    scores_text = ", ".join(f"{name} {number(value)}" for name, value in function.scores.items())
    out.print(say("find.scores", lang, winner=function.winner, scores=scores_text), markup=False)
    if function.winner == function.naive and len(function.rungs) > 1:
        out.print(say("find.naive_wins", lang), markup=False)
    out.print(say("find.run", lang, path=function.run.path), markup=False, soft_wrap=True)
    if function.report_path.exists():
        out.print(say("find.report", lang, path=function.report_path), markup=False, soft_wrap=True)
    out.print(say("find.next", lang, run=function.run.name), markup=False, soft_wrap=True)


def columns(shown: Sequence[Column], lang: str) -> str:
    """Names and kinds, the first few of many."""
    few = [f"{column.name} ({shown_name('kind', column.kind, lang)})" for column in shown[:6]]
    return ", ".join(few) + (f" ... ({len(shown)})" if len(shown) > 6 else "")


def ladder(function: Function, lang: str) -> Table:
    """The rungs as a table; a rung that failed says why in place of its scores."""
    better = "find.lower" if function.metric in LOWER_IS_BETTER else "find.higher"
    table = Table(
        title=say("find.ladder", lang, metric=function.metric, direction=say(better, lang)), title_justify="left"
    )
    for column in ("rung", "family", "validation", "test", "seconds", "mark"):
        side = "right" if column in ("validation", "test", "seconds") else "left"
        table.add_column(say(f"find.column.{column}", lang), justify=side, no_wrap=column != "mark")  # type: ignore[arg-type]
    for rung in function.rungs:
        won = rung.name == function.winner
        cells = [rung.name, shown_name("family", rung.family, lang), number(rung.validation), number(rung.test)]
        mark = f"<- {say('find.winner', lang)}" if won else (rung.error or "")
        cells += ["-" if rung.seconds is None else f"{rung.seconds:.1f}", mark]
        table.add_row(*map(escape, cells), style="bold green" if won else "dim" if rung.error else "")
    return table


def summary(function: Function) -> dict[str, Any]:
    """A finding as one plain object."""
    return {
        "run": str(function.run.path),
        "winner": function.winner,
        "rungs": [
            {"name": r.name, "validation": r.validation, "test": r.test, "seconds": r.seconds} for r in function.rungs
        ],
        "naive": function.naive,
        "scores": function.scores,
        "warnings": [{"code": w.code, "text": w.text, "count": w.count} for w in function.warnings],
    }


def plain(answer: Any) -> dict[str, Any]:
    """An Answer as a plain object; a map is a list of its lines."""
    found = {key: getattr(answer, key, None) for key in ("value", "probabilities", "interval")}
    return found | ({"value": answer.value.tolist()} if hasattr(answer.value, "tolist") else {})


def answers(given: list[Any], function: Function, lang: str) -> None:
    """One answer in words, or many as a table."""
    out = console()
    names = [column.name for column in function.task.outputs]
    if len(given) == 1:
        values = given[0].value if isinstance(given[0].value, dict) else {names[0]: given[0].value}
        for output, (name, value) in zip(function.outputs, values.items()):
            shown = output.in_words(value) or (number(value) if isinstance(value, float) else str(value))
            out.print(say("answer.value", lang, name=name, value=shown), markup=False)
        for line in doubts(given[0], lang):
            out.print(f"  {line}", markup=False)
        return
    table = Table()
    for header in (say("answer.row", lang), ", ".join(names), ""):
        table.add_column(escape(header))
    for row, answer in enumerate(given, 1):
        value = answer.value
        shown = function.outputs[0].in_words(value) or (number(value) if isinstance(value, float) else str(value))
        table.add_row(str(row), escape(shown), escape("; ".join(doubts(answer, lang)[:2])))
    out.print(table)


def doubts(answer: Any, lang: str) -> list[str]:
    """How sure an answer is: its likeliest classes, or the interval in which the truth usually lies."""
    lines = []
    probabilities = getattr(answer, "probabilities", None)
    if isinstance(probabilities, dict) and all(isinstance(p, float) for p in probabilities.values()):
        likeliest = sorted(probabilities.items(), key=lambda pair: -pair[1])[:5]
        lines += [f"{label}: {probability:.1%}" for label, probability in likeliest]
    interval = getattr(answer, "interval", None)
    if isinstance(interval, tuple | list) and len(interval) == 2:
        lines.append(say("answer.interval", lang, low=number(interval[0]), high=number(interval[1])))
    return lines


def scores(run: str, rows: int, given: Mapping[str, float | None], lang: str) -> None:
    table = Table(
        title=escape(say("score.title", lang, run=run, rows=f"{rows:,}")), title_justify="left", show_header=False
    )
    for name, value in given.items():
        table.add_row(escape(name), number(value))
    console().print(table)


def ahead(frame: Any, run: str, lang: str, most: int = 200) -> None:
    """A forecast as a table: a line for each series and moment."""
    table = Table(title=escape(say("ahead.title", lang, run=run)), title_justify="left")
    for name in frame.columns:
        table.add_column(escape(name), justify="right" if frame[name].dtype.is_float() else "left")
    for row in frame.head(most).iter_rows():
        table.add_row(*(number(v) if v is None or isinstance(v, float) else escape(str(v)) for v in row))
    console().print(table)
    if frame.height > most:
        console().print(say("ahead.more", lang, count=f"{frame.height - most:,}"), markup=False)


def runs(found: list[dict[str, Any]], folder: str, lang: str) -> None:
    """The runs of a folder, newest first."""
    out = console()
    if not found:
        out.print(say("runs.none", lang, folder=folder), markup=False)
        return
    columns = ("name", "output", "winner", "score", "when", "status")
    table = Table(*(say(f"runs.column.{column}", lang) for column in columns))
    for run in found:
        when = datetime.fromtimestamp(run["changed"]).strftime("%Y-%m-%d %H:%M") if run["changed"] else ""
        cells = (run["name"], run.get("outputs", ""), run.get("winner", ""), run.get("score", ""), when)
        table.add_row(*map(escape, cells), shown_name("status", run["status"], lang))
    out.print(table)


def catalogue(lang: str) -> None:
    """The 3 x 3 table of the course: what goes in down, what comes out across, the built-in tasks in their cells."""
    from fofx.tasks import tasks, to_come

    out = console()
    table = Table(
        "", *(say(f"tasks.out.{number}", lang) for number in (1, 2, 3)), title=say("tasks.title", lang), show_lines=True
    )
    for row in (1, 2, 3):
        cells = []
        for column in (1, 2, 3):
            lines = [f"[bold]{task.name}[/bold]" for task in tasks().values() if task.cell == (row, column)]
            lines += [
                f"[dim]{escape(say('tasks.to_come', lang, name=name))}[/dim]"
                for name in to_come().get((row, column), ())
            ]
            cells.append("\n".join(lines))
        table.add_row(say(f"tasks.in.{row}", lang), *cells)
    out.print(table)
    for task in tasks().values():
        out.print(f"[bold]{task.name}[/bold]  {escape(task.question[lang])}")
    out.print(say("tasks.run", lang), markup=False)
