"""The commands, one function each: they read what was asked, call the engine, and show or print what it gives."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from fofx.cli.speak import Command, Group
from fofx.errors import TaskError

app = typer.Typer(cls=Group, rich_markup_mode=None, add_completion=False)

# Options that several commands share; their help texts come from the tables of words.
Data = Annotated[str | None, typer.Argument(metavar="DATA")]
RunName = Annotated[str, typer.Argument(metavar="RUN")]
File = Annotated[str, typer.Argument(metavar="FILE")]
TaskName = Annotated[str, typer.Argument(metavar="TASK")]
Outputs = Annotated[list[str] | None, typer.Option("--output", metavar="COL")]
Inputs = Annotated[list[str] | None, typer.Option("--input", metavar="COL[:kind]")]
Model = Annotated[str, typer.Option("--model", metavar="NAME")]
Budget = Annotated[float, typer.Option("--budget", metavar="S")]
Test = Annotated[str | None, typer.Option("--test", metavar="FILE")]
Validation = Annotated[str | None, typer.Option("--validation", metavar="FILE")]
SplitBy = Annotated[str | None, typer.Option("--split", metavar="COL")]
GroupBy = Annotated[str | None, typer.Option("--group", metavar="COL")]
TimeBy = Annotated[str | None, typer.Option("--time", metavar="COL")]
Pairs = Annotated[str | None, typer.Option("--pairs", metavar="COL")]
Past = Annotated[int | None, typer.Option("--past", metavar="N")]
Horizon = Annotated[int | None, typer.Option("--horizon", metavar="N")]
Own = Annotated[str | None, typer.Option("--data", metavar="PATH")]
Seed = Annotated[int, typer.Option("--seed", metavar="N")]
Name = Annotated[str | None, typer.Option("--name", metavar="RUN")]
Out = Annotated[str, typer.Option("--out", metavar="DIR")]
Strict = Annotated[bool, typer.Option("--strict")]
ClassWeights = Annotated[bool, typer.Option("--class-weights")]
LabelSmoothing = Annotated[float, typer.Option("--label-smoothing", metavar="X")]
NoAugment = Annotated[bool, typer.Option("--no-augment")]
Recipe = Annotated[str | None, typer.Option("--recipe", metavar="RUN")]
Resume = Annotated[str | None, typer.Option("--resume", metavar="RUN")]
AsJson = Annotated[bool, typer.Option("--json")]


def _version(asked: bool) -> None:
    if asked:
        from fofx import __version__

        print(f"fofx {__version__}")
        raise typer.Exit()


@app.callback()
def begin(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
    lang: Annotated[str | None, typer.Option("--lang", metavar="en|zh")] = None,
) -> None:
    """Options of fofx itself; `--lang` is taken before, wherever it stands."""


def _search(
    output: Outputs = None,
    input: Inputs = None,
    model: Model = "auto",
    budget: Budget = 60.0,
    test: Test = None,
    validation: Validation = None,
    split: SplitBy = None,
    group: GroupBy = None,
    time: TimeBy = None,
    pairs: Pairs = None,
    past: Past = None,
    horizon: Horizon = None,
    seed: Seed = 0,
    name: Name = None,
    out: Out = "runs",
    strict: Strict = False,
    class_weights: ClassWeights = False,
    label_smoothing: LabelSmoothing = 0.0,
    no_augment: NoAugment = False,
    recipe: Recipe = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """The options of every command that finds; `searching` gives them to it."""


def searching(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `_search`: typer reads them from its signature."""
    own = [
        each
        for each in inspect.signature(command, eval_str=True).parameters.values()
        if each.kind is not each.VAR_KEYWORD
    ]
    shared = list(inspect.signature(_search, eval_str=True).parameters.values())
    command.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    return command


@app.command(cls=Command)
@searching
def find(ctx: typer.Context, data: Data = None, **asked: Any) -> None:
    if data is None and asked["resume"] is None:
        raise TaskError("no-data", "Say which data to find a function from: fofx find DATA --output COL")
    from fofx.cli.work import search

    search(data, asked, lang=ctx.obj, as_json=asked["as_json"])


@app.command("try", cls=Command)
def try_(
    ctx: typer.Context,
    run_name: RunName,
    values: Annotated[list[str], typer.Argument(metavar="VALUE...|FILE")],
    as_json: AsJson = False,
) -> None:
    from fofx.cli import draw
    from fofx.cli.work import load, rows_asked

    function = load(run_name)
    rows = rows_asked(function, values)
    answers = function(rows)
    answers = answers if isinstance(answers, list) else [answers]
    if as_json:
        draw.as_json({"run": str(function.run.path), "answers": [draw.plain(a) for a in answers]})
    else:
        draw.answers(answers, function, ctx.obj)


@app.command(cls=Command)
def score(ctx: typer.Context, run_name: RunName, file: File, as_json: AsJson = False) -> None:
    from fofx.cli import draw
    from fofx.cli.work import load
    from fofx.words import say

    function = load(run_name)
    scores = function.score(file)
    rows, seen = int(scores.pop("rows")), int(scores.pop("rows_in_training"))
    if as_json:
        draw.as_json({"run": str(function.run.path), "rows": rows, "scores": scores})
    else:
        draw.scores(function.run.name, rows, scores, ctx.obj)
    if seen:
        print(say("score.seen", ctx.obj, count=f"{seen:,}"), file=sys.stderr)


@app.command(cls=Command)
def forecast(
    ctx: typer.Context,
    run_name: RunName,
    file: Annotated[str | None, typer.Argument(metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    from fofx.cli import draw
    from fofx.cli.work import load

    function = load(run_name)
    ahead = function.forecast(file)
    if as_json:
        rows = [{name: str(v) if hasattr(v, "isoformat") else v for name, v in row.items()} for row in ahead.to_dicts()]
        draw.as_json({"run": str(function.run.path), "forecast": rows})
    else:
        draw.ahead(ahead, function.run.name, ctx.obj)


@app.command(cls=Command)
def runs(ctx: typer.Context, out: Out = "runs") -> None:
    from fofx.cli import draw
    from fofx.cli.work import summaries

    draw.runs(summaries(out), out, ctx.obj)


@app.command(cls=Command)
def show(ctx: typer.Context, run_name: RunName) -> None:
    from fofx.cli import draw
    from fofx.cli.work import load

    draw.found(load(run_name), ctx.obj)


@app.command(cls=Command)
def eject(
    ctx: typer.Context,
    run_name: RunName,
    script: Annotated[str, typer.Argument(metavar="FILE")],
    rung: Annotated[str | None, typer.Option("--rung", metavar="NAME")] = None,
) -> None:
    from fofx.cli.work import load
    from fofx.words import say

    load(run_name).eject(script, rung=rung)
    print(say("eject.done", ctx.obj, path=Path(script)))


@app.command(cls=Command)
def tasks(ctx: typer.Context) -> None:
    from fofx.cli import draw

    draw.catalogue(ctx.obj)


@app.command(cls=Command)
@searching
def run(ctx: typer.Context, task: TaskName, own: Own = None, **asked: Any) -> None:
    from fofx.cli.work import search_task

    search_task(task, asked, lang=ctx.obj, as_json=asked["as_json"], own=own)


@app.command(cls=Command)
def demo(ctx: typer.Context, budget: Budget = 70.0, seed: Seed = 0, out: Out = "runs") -> None:
    from fofx.cli.work import show_three

    show_three(budget, seed, out, ctx.obj)


@app.command(cls=Command)
def studio(
    ctx: typer.Context,
    folder: Annotated[str, typer.Option("--folder", metavar="DIR")] = "runs",
    port: Annotated[int, typer.Option("--port", metavar="N")] = 8777,
    share: Annotated[bool, typer.Option("--share")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser")] = False,
) -> None:
    from fofx.cli.studio import studio as serve

    serve(folder, port, share, no_browser, ctx.obj)


@app.command(cls=Command)
def doctor(ctx: typer.Context) -> None:
    from fofx.doctor import examine, report

    raise typer.Exit(report(examine(), ctx.obj))
