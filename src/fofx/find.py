"""The main job: find a function from data. Read top to bottom it is the course: data, then model, loss, optimize.

read -> what goes in, what comes out -> split -> check -> encode -> climb the ladder -> score once on test -> write the run
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from fofx.data.check import check
from fofx.data.leaks import GROUPINGS
from fofx.data.read import read
from fofx.data.reshape import reshaped
from fofx.encoded import Inputs, Problem
from fofx.errors import DataError, RunError, TaskError
from fofx.fields import Output, field_class
from fofx.finding import restored
from fofx.function import Function
from fofx.ladder import Climb, Result, make_rung, rungs_for, scores_of
from fofx.models.pretrained import demand_source
from fofx.options import demand_options, names_of, versions
from fofx.outcome import histories, reaches, write_predictions
from fofx.prepare import (
    as_parquet,
    fingerprint,
    gather,
    groups_of,
    kept_table,
    known_classes,
    learn,
    part_codes,
    paths_of,
    ranks,
    row_marks,
    split_rows,
    task_of,
    unlabelled_rows,
    usable_rows,
)
from fofx.run import FORMAT, Run, rung_folder
from fofx.rungs import rung_class
from fofx.rungs.base import Rung

Watch = Callable[[dict[str, Any]], None]


def find(
    data: Any = None,
    outputs: str | Sequence[str] | None = None,
    *,
    inputs: str | Sequence[str] | None = None,
    model: str = "auto",
    budget: float = 60.0,
    seed: int = 0,
    out: str | None = None,
    name: str | None = None,
    test: Any = None,
    validation: Any = None,
    split: str | None = None,
    group: str | None = None,
    time: str | None = None,
    pairs: str | None = None,
    past: int | None = None,
    horizon: int | None = None,
    kinds: dict[str, str] | None = None,
    strict: bool = False,
    class_weights: bool = False,
    label_smoothing: float = 0.0,
    augment: bool = True,
    recipe: str | None = None,
    resume: str | None = None,
    watch: Watch | None = None,
) -> Function:
    """Find a function from `data` that gives `outputs`, and keep everything about the search in a run folder.

    data     : a path (CSV, TSV, JSON lines, Parquet, Excel, a folder of pictures by class), a pandas or polars frame,
               a dict of columns, or (X, y) of numpy.
    outputs  : the column or columns that should come out. `inputs`: by default all the others.
    model    : "auto" climbs the whole ladder; a rung's name tries that one beside the naive answer and the line.
    budget   : seconds to spend. With the same `recipe` (a run) and `seed` the loss curves are the same to the bit.
    out, name: the run is written to `out`/`name`, by default ./runs/DATA-TIME.
    test, validation: data of their own for these parts; `split`: a column that says train, validation or test.
    group    : a column whose equal values stay in one part ("windows": rows that share overlapping windows).
    time     : a column that puts the rows in order: the earliest train, the latest test.
    pairs    : a column of identities (a person, a speaker): the rows become pairs of items, and "same" is what comes out.
    past, horizon: the table is a series in the order of `time`: so many past values go in, so many next ones come out.
    kinds    : {"column": "number" | "category" | "date" | "text" | "picture" | ...}, where the inferred kind is wrong.
    strict   : a leak is an error instead of a warning. `resume`: a run that was cut short, to go on with.
    watch    : is called with a plain dict for every event ("rung", "step", "scored", "done").

    Raises DataError, TaskError, RunError or FindError, each with a stable `code`.
    """
    tell: Watch = watch or (lambda event: None)
    asked: dict[str, Any] = {
        "outputs": names_of(outputs), "inputs": names_of(inputs), "model": model, "budget": budget, "seed": seed, "split": split,
        "group": group, "time": time, "pairs": pairs, "past": past, "horizon": horizon, "kinds": kinds or {}, "strict": strict, "class_weights": class_weights,
        "label_smoothing": label_smoothing, "augment": augment, "recipe": None if recipe is None else str(recipe),
    }  # fmt: skip
    earlier: Run | None = None
    if resume is not None:
        earlier = Run.open(resume)
        before = earlier.begun()
        asked = before["asked"]
        if data is None and test is None and validation is None and earlier.has("data.parquet"):
            data = kept_table(earlier, before)
        else:
            data, test, validation = (given if given is not None else before["data"].get(part) for given, part in
                                      ((data, "path"), (test, "test"), (validation, "validation")))  # fmt: skip
        if data is None:
            raise RunError(
                "data-needed", f"The data of {resume} were in memory; give them again: find(data, resume=...)."
            )
    demand_options(asked)
    followed = earlier.followed() if earlier is not None else Run.open(recipe).recipes() if recipe is not None else None
    begun = clock.monotonic()

    # What goes in, what comes out.
    others = {part: read(given) for part, given in (("test", test), ("validation", validation)) if given is not None}
    table = read(data)
    table = gather(table, others.get("test"), others.get("validation"))
    wanted = asked
    if earlier is None or not earlier.has("data.parquet"):
        table, wanted = reshaped(table, asked)
    elif "wanted" in before["data"]:
        wanted = before["data"]["wanted"]
    kept_by_user = all(each.path for each in (table, *others.values()))  # else the run keeps the rows itself
    notices = list(table.notes)
    task, found = task_of(table, wanted)
    notices += found
    table = usable_rows(table, task, notices)
    frame = table.frame
    groups = groups_of(table, wanted["group"], task)
    order = None if wanted["time"] is None else frame[table.resolve(wanted["time"])]
    first: type[Output] = field_class(task.outputs[0].kind)  # type: ignore[assignment]
    labels = frame[task.outputs[0].name] if first.stratified else None
    rows = split_rows(frame.height, table.parts, labels, groups, order, asked["seed"])
    kinds_in, kinds_out = ({column.name: column.kind for column in side} for side in (task.inputs, task.outputs))
    warnings = check(frame, kinds_in, kinds_out, rows, cut="series" in table.reader)
    notices += warnings
    leaks = [notice for notice in warnings if notice.code.startswith("leak")]
    if leaks and asked["strict"]:
        raise DataError(leaks[0].code, leaks[0].text + " (strict: nothing was started)")
    tell({"what": "task", "task": str(task), "rows": rows.sizes(), "notices": notices})

    mark = fingerprint(frame)
    if earlier is not None and before["data"].get("fingerprint") != mark:
        raise RunError("other-data", f"The data are not those that {resume} began with; resume with the same data.")
    if followed is not None and followed["task"] != [list(map(vars, part)) for part in (task.inputs, task.outputs)]:
        raise TaskError("other-recipe", f"The recipe was made for {followed['words']}; the task here is {task}.")

    # Fields learn from the training rows only.
    chosen = {column.name: column.kind for column in (*task.inputs, *task.outputs)}
    train_frame, validation_frame, test_frame = (frame[part] for part in (rows.train, rows.validation, rows.test))
    if order is not None:
        train_frame = train_frame[np.argsort(ranks(order)[rows.train], kind="stable")]
    reader = table.reader if earlier is None else before["data"]["reader"]
    fields = learn(task.inputs, train_frame, reader.get("given"))
    ends: list[Output] = learn(task.outputs, train_frame, reader.get("given"))  # type: ignore[assignment]
    for end in ends:
        end.attune(fields)
    options = {key: asked[key] for key in ("class_weights", "label_smoothing", "augment", "budget")} | {
        "in_time": order is not None
    }
    known = known_classes(validation_frame, ends)
    aside = unlabelled_rows(table, task)
    problem = Problem(
        fields, ends, Inputs(train_frame, fields), Inputs(validation_frame.filter(known), fields),
        train_frame, validation_frame.filter(known), options, asked["seed"], aside if aside is None else Inputs(aside, fields),
    )  # fmt: skip
    rungs, done = _rungs(
        problem, asked, followed, earlier
    )  # a model that does not fit is told before anything is written

    # The run, from here on, holds everything.
    run = earlier or Run.create(out, name, table.source)
    record = {
        "format": FORMAT, "status": "running", "asked": asked, "task": task.to_json(), "seed": asked["seed"],
        "data": {"source": table.source, "path": table.path, "fingerprint": mark, "rows": rows.sizes(), "split": rows.how,
                 "reader": table.reader, "kinds": table.kinds, **paths_of(test=test, validation=validation)},
        "columns": {word: table.resolve(wanted[word]) for word in ("time", "group") if wanted[word] and wanted[word] not in GROUPINGS},
        "warnings": [vars(notice) for notice in notices], "versions": versions(), "rungs": [],
    }  # fmt: skip
    if wanted is not asked:
        record["data"]["wanted"] = wanted
    record["data"]["readers"] = {part: other.reader for part, other in others.items()}
    run.tidy()
    if followed is not None:
        run.write("recipes.json", followed)  # so that resuming needs no other run
    run.write("run.json", record)
    run.write("fields.json", {"inputs": [field.state() for field in fields], "outputs": [end.state() for end in ends]})
    marks = torch.from_numpy(row_marks(frame, task))
    run.write_tensors("rows.safetensors", {"part": part_codes(rows, frame.height), "mark": marks})
    if not kept_by_user:
        run.write_bytes("data.parquet", as_parquet(frame))

    # Model, loss, optimize: every rung of the ladder.
    for rung in rungs:
        rung.place = run.path / rung_folder(rung.name)

    def keep(rung: Rung, result: Result) -> None:
        folder = rung_folder(rung.name)
        if result.error is None and result.name not in done:
            state, tensors = rung.state()
            run.write_tensors(f"{folder}/weights.safetensors", tensors)
            run.write(f"{folder}/rung.json", {"result": result.to_json(), "state": state})

    spent = sum(result.seconds for result in done.values())
    climb = Climb(problem, tell, max(asked["budget"] - spent - (clock.monotonic() - begun), 1.0), keep, asked["model"])
    climb.up(rungs, done)
    if asked["model"] in ("auto", "average"):
        climb.average()
    winner = climb.winner() if asked["model"] == "auto" else _asked_rung(asked["model"], climb)

    # Scored once on the test rows.
    seen = Inputs(test_frame, fields)
    truths = {end.name: end.truth(test_frame[end.name]) for end in ends}
    predictions = {}
    for rung_name, rung in climb.rungs.items():
        predictions[rung_name] = rung.predict(seen)
        result = climb.results[rung_name]
        result.test_scores = scores_of(ends, predictions[rung_name], truths)
        result.test = result.test_scores.get(climb.metric)

    naive = min(
        (n for n in climb.predictions if climb.rungs[n].family == "naive"),
        key=lambda n: climb.cost(climb.predictions[n]),
    )
    record.update(
        status="done", interrupted=climb.interrupted, winner=winner, naive=naive, metric=climb.metric,
        more_is_better=climb.more_is_better, scores=climb.results[winner].test_scores, chosen=chosen,
        rungs=[result.to_json() for result in climb.results.values()], seconds=clock.monotonic() - begun,
        interval=reaches(climb, winner, ends),
    )  # fmt: skip
    function = Function(run, record, task, fields, ends, climb.rungs)
    parts = {
        "validation": (rows.validation[known], climb.predictions[winner]),
        "test": (rows.test, predictions[winner]),
    }
    write_predictions(run, ends, frame, parts)
    function.write_winner()
    run.write_bytes("history.jsonl", histories(run, rungs))
    run.write("run.json", record)
    function.test_frame, function.test_predictions = test_frame, predictions
    try:
        function.report()
    except Exception as problem:  # the run is whole already: a report that fails must not lose it
        tell({"what": "no-report", "error": repr(problem)})
    tell({"what": "done", "winner": winner, "run": str(run.path)})
    return function


def _rungs(
    problem: Problem, asked: dict, followed: dict | None, earlier: Run | None
) -> tuple[list[Rung], dict[str, Result]]:
    """The rungs to climb, their recipes where a run is followed, and the results of those that were finished before."""
    names = rungs_for(problem)
    recipes = {} if followed is None else followed["recipes"]
    if followed is not None:
        names = list(recipes)
    elif asked["model"] == "last value" and "last value" not in names:
        words = (
            "'last value' needs rows in time order (time=COLUMN) and a column that holds the output of the row before."
        )
        raise TaskError("model-does-not-fit", words)
    elif asked["model"] not in ("auto", "average"):
        make_rung(asked["model"], problem.fields, problem.outputs)
        base = [name for name in names if (found := rung_class(name)) and found.family in ("naive", "linear")]
        names = [*base, asked["model"]] if asked["model"] not in base else base
    rungs = [make_rung(name, problem.fields, problem.outputs) for name in names]
    for name in names:
        demand_source(name)
    done: dict[str, Result] = {}
    for rung in rungs:
        rung.recipe = dict(recipes.get(rung.name, {}))
        folder = rung_folder(rung.name)
        if earlier is None:
            continue
        if earlier.has(f"{folder}/rung.json"):
            done[rung.name] = restored(rung, earlier)
            rung.recipe = done[rung.name].recipe
        elif earlier.has(f"{folder}/recipe.json"):
            rung.recipe = earlier.read(f"{folder}/recipe.json")
    return rungs, done


def _asked_rung(name: str, climb: Climb) -> str:
    if name not in climb.rungs:
        climb.winner()  # raises when nothing was found at all
        result = climb.results.get(name)
        raise TaskError(
            "model-failed", f"The model {name!r} gave nothing: {result.error if result else 'it was stopped'}."
        )
    return name
