"""The report of a run: one HTML file that opens offline, in English and Chinese, in the order in which a student asks.

What was asked; where the report may mislead; the ladder; how the networks learnt; the results on rows never seen; the worst
mistakes and what the model looked at; the three steps in code; how to do it again. Only measured numbers; every value
that comes from data is escaped.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fofx.explain.markup import STYLE, escape, words
from fofx.ladder import Result
from fofx.report import charts
from fofx.report.code import steps_in_code
from fofx.report.facts import Facts, gather_facts
from fofx.report.mistakes import Looked, cards, column_bars, look
from fofx.report.remarks import remarks, show
from fofx.report.results import results
from fofx.run import Run
from fofx.words import LANGUAGES, language

if TYPE_CHECKING:
    from fofx.finding import Finding

MOST_COLUMNS = 24  # of the inputs, named one by one
MOST_CURVES = 6
PARTS = {"train": "report.part.train", "validation": "report.part.validation", "test": "report.part.test"}
WHY = {"id": "report.why.id", "constant": "report.why.constant", "empty": "report.why.empty"}
SPLITS = {  # how the sentence that the split wrote begins
    "as given": "report.split.given",
    "in time": "report.split.time",
    "groups": "report.split.groups",
    "random, each": "report.split.stratified",
    "random": "report.split.random",
}
METRICS = {
    "rmse": "report.metric.rmse",
    "r2": "report.metric.r2",
    "accuracy": "report.metric.accuracy",
    "f1": "report.metric.f1",
    "score": "report.metric.score",
    "miou": "report.metric.miou",
}
COLUMNS = (
    "find.column.rung",
    "find.column.family",
    "find.column.validation",
    "find.column.test",
    "find.column.seconds",
)


def write_report(function: Finding, path: Path, lang: str = "en") -> Path:
    """Write the report of `function` to `path`, both languages in one file, beginning with `lang`. Gives the path.

    Raises RunError "cannot-write" when the place cannot be written; what was there before is then unchanged.
    """
    path = Path(path)
    lang = language(lang)
    page = page_of(gather_facts(function), lang)
    Run(path.parent).write_bytes(path.name, page.encode())
    return path


def page_of(facts: Facts, lang: str) -> str:
    """The whole page as text."""
    function = facts.function
    looked = look(facts)
    curves = learning(function)
    steps = "".join(steps_of(*each) for each in steps_in_code(function))
    sections = [
        ("report.asked", asked(facts)),
        ("report.beware", beware(facts)),
        ("report.ladder", ladder(function)),
        ("report.learning", curves),
        ("report.results", results(facts)),
        ("report.mistakes", mistakes(facts, looked)),
        ("report.looked", right_ones(facts, looked) + column_bars(looked, function.metric)),
        (
            "report.steps",
            f"<p>{words('report.steps.how')}</p>{steps}<p>{words('report.steps.eject')}</p>{eject(function)}",
        ),
        ("report.again", again(function)),
    ]
    parts = [(key.removeprefix("report."), words(key), text) for key, text in sections if text]
    body = "".join(f'<section id="{at}"><h2>{name}</h2>{text}</section>' for at, name, text in parts)
    jumps = "".join(f'<a href="#{at}">{name}</a>' for at, name, _ in parts)
    folder = Path(__file__).parent
    values = {
        "lang": "zh-CN" if lang == "zh" else "en",
        "title": escape(f"fofx: {function.run.name}"),
        "style": (folder / "page.css").read_text(encoding="utf-8") + STYLE,
        "switch": switch(lang),
        "head": head(facts),
        "jumps": jumps,
        "body": body,
        "foot": words("report.foot", version=function.record["versions"].get("fofx", "")),
    }
    page = (folder / "page.html").read_text(encoding="utf-8")
    for name, value in values.items():
        page = page.replace(f"<!--{name}-->", value, 1)
    return page


def switch(lang: str) -> str:
    """Two radio buttons before everything else: the style shows the language that is checked. No script."""
    names = {"en": "English", "zh": "中文"}
    buttons = [
        f'<input type="radio" name="lang" id="in-{each}"{" checked" if each == lang else ""}>' for each in LANGUAGES
    ]
    labels = [f'<label for="in-{each}">{names[each]}</label>' for each in LANGUAGES]
    return "".join(buttons) + f'<nav class="languages">{"".join(labels)}</nav>'


def head(facts: Facts) -> str:
    """What was found, in four numbers."""
    function = facts.function
    best = next(result for result in function.rungs if result.name == function.winner)
    naive = next(result for result in function.rungs if result.name == function.naive)
    interval = facts.interval()
    between = "" if interval is None else words("report.head.between", low=show(interval[0]), high=show(interval[1]))
    outputs = ", ".join(column.name for column in function.task.outputs[:3])
    outputs += ", …" if len(function.task.outputs) > 3 else ""
    tiles = [
        (words("report.head.winner"), escape(function.winner), members(best)),
        (words("report.head.test", metric=function.metric), show(best.test), between),
        (words("report.head.naive"), show(naive.test), escape(naive.name)),
        (words("report.head.rows"), f"{sum(function.record['data']['rows'].values()):,}", seconds(function)),
    ]
    boxes = "".join(f"<div><span>{name}</span><b>{value}</b><small>{more}</small></div>" for name, value, more in tiles)
    return (
        f'<p class="run">{escape(function.run.name)}</p><h1>f → {escape(outputs)}</h1><div class="tiles">{boxes}</div>'
    )


def members(best: Result) -> str:
    """The winner's family; of an average, what it is made of."""
    weights = best.recipe.get("weights") or {}
    if not weights:
        return words(f"family.{best.family}")
    return escape(" + ".join(f"{count} × {name}" for name, count in weights.items()))


def seconds(function: Finding) -> str:
    return words("report.head.seconds", seconds=f"{function.record.get('seconds', 0.0):.0f}")


def asked(facts: Facts) -> str:
    """Inputs and outputs with their kinds, the rows of each part, how they were split, what was left out."""
    task, data = facts.function.task, facts.function.record["data"]
    sides = []
    for key, columns in (("report.inputs", task.inputs), ("report.outputs", task.outputs)):
        names = "".join(
            f"<li><b>{escape(column.name)}</b> {words(f'kind.{column.kind}')}</li>" for column in columns[:MOST_COLUMNS]
        )
        more = len(columns) - MOST_COLUMNS
        names += f"<li>{words('report.more-columns', count=more)}</li>" if more > 0 else ""
        sides.append(f'<div><h3>{words(key)} <small>{len(columns)}</small></h3><ul class="columns">{names}</ul></div>')
    rows = data["rows"]
    total = max(1, sum(rows.values()))
    parts = "".join(
        f'<div class="{part}" style="flex-grow:{max(rows.get(part, 0) / total, 0.1):.3f}">{words(key)}'
        f" <b>{rows.get(part, 0):,}</b></div>"
        for part, key in PARTS.items()
    )
    left = "".join(
        f"<li><b>{escape(name)}</b> {words(WHY[why])}</li>" for name, why in task.left_out[:MOST_COLUMNS] if why in WHY
    )
    left = f"<h3>{words('report.left-out')}</h3><ul class='columns'>{left}</ul>" if left else ""
    source = words("report.source", source=data.get("source", ""))
    return (
        f'<p>{source}</p><div class="sides">{sides[0]}<div class="arrow">→</div>{sides[1]}</div>'
        f'<div class="parts">{parts}</div><p>{how_split(data["split"])} {words("report.parts.why")}</p>{left}'
    )


def how_split(how: str) -> str:
    """The sentence that the split wrote, with what its kind means."""
    key = next((key for start, key in SPLITS.items() if how.startswith(start)), "report.split.given")
    return f'{words(key)} <small lang="en">({escape(how)})</small>'


def beware(facts: Facts) -> str:
    """The remarks as a list, leaks loudest."""
    lines = "".join(f'<li class="{strength}">{text}</li>' for strength, text in remarks(facts))
    raw = "" if facts.frame is not None or not facts.test.height else f'<p class="quiet">{words("report.no-rows")}</p>'
    return f'<ul class="remarks">{lines}</ul>{raw}'


def ladder(function: Finding) -> str:
    """The chart against the naive answer, and the table of all rungs."""
    naive = next(result for result in function.rungs if result.name == function.naive)
    drawn: list[dict[str, Any]] = [
        {"name": r.name, "test": r.test, "validation": r.validation, "won": r.name == function.winner}
        for r in function.rungs
        if r.error is None and r.test is not None
    ]
    better = "report.higher" if function.record["more_is_better"] else "report.lower"
    caption = words("report.caption.ladder", metric=function.metric, naive=naive.name)
    chart = ""
    if drawn:
        picture = charts.ladder(drawn, naive.test, function.record["more_is_better"], function.metric)
        chart = (
            f"<figure>{picture}<figcaption>{caption} {words(better)} {meaning(function.metric)}</figcaption></figure>"
        )
    columns = "".join(f"<th>{words(key)}</th>" for key in COLUMNS)
    lines = "".join(rung_line(result, function) for result in function.rungs)
    table = f'<div class="wide"><table class="rungs"><tr>{columns}</tr>{lines}</table></div>'
    scores = ", ".join(f"{escape(name)} {show(value)}" for name, value in list(function.scores.items())[:12])
    return (
        f'<div class="charts">{chart}<div>{table}<p class="quiet">{words("report.all-scores")} {scores}</p></div></div>'
    )


def meaning(metric: str) -> str:
    """What the main metric is, in words."""
    return words(METRICS[metric]) if metric in METRICS else ""


def rung_line(result: Result, function: Finding) -> str:
    """One rung; the winner marked, a failure with its reason."""
    won = result.name == function.winner
    mark = f' <span class="badge">{words("report.winner")}</span>' if won else ""
    if result.error:
        cells = f'<td colspan="3" class="quiet">{escape(result.error)}</td>'
    else:
        cells = "".join(f'<td class="number">{text}</td>' for text in (show(result.validation), show(result.test)))
        cells += f'<td class="number">{took(result.seconds)}</td>'
    return (
        f'<tr class="{"won" if won else ""}"><th scope="row">{escape(result.name)}{mark}</th>'
        f"<td>{words(f'family.{result.family}')}</td>{cells}</tr>"
    )


def took(seconds: float) -> str:
    return "&lt; 0.01" if seconds < 0.01 else f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


def learning(function: Finding) -> str:
    """A chart of losses for each neural rung."""
    steps: dict[str, list[dict]] = {}
    for line in function.run.history():
        if isinstance(line, dict) and isinstance(line.get("loss"), float) and isinstance(line.get("step"), int):
            steps.setdefault(str(line.get("rung", "")), []).append(line)
    figures = [
        f"<figure>{charts.losses(lines)}<figcaption><b>{escape(name)}</b>, "
        f"{words('report.steps-count', steps=lines[-1]['step'], epochs=lines[-1].get('epoch', 1))}</figcaption></figure>"
        for name, lines in list(steps.items())[:MOST_CURVES]
        if len(lines) > 1
    ]
    if not figures:
        return ""
    return f'<p>{words("report.learning.how")}</p><div class="charts">{"".join(figures)}</div>'


def mistakes(facts: Facts, looked: Looked) -> str:
    """The worst mistakes as cards, or that there were none."""
    if not facts.test.height:
        return ""
    if not looked.wrong:
        return f"<p>{words('report.no-mistakes')}</p>"
    several = len(facts.function.outputs) > 1
    only = words("report.first-output", output=facts.function.outputs[0].name) if several else ""
    how = words(how_explained(facts)) if any(row.explanation for row in looked.wrong) else ""
    return f"<p>{only} {words('report.mistakes.how')} {how}</p>{cards(facts, looked.wrong)}"


def how_explained(facts: Facts) -> str:
    """The key of the text that says what blue and orange mean."""
    return "report.explained.number" if facts.function.outputs[0].kind == "number" else "report.explained.how"


def right_ones(facts: Facts, looked: Looked) -> str:
    """Some good answers and what carried them."""
    if not looked.right:
        return ""
    how = "" if looked.wrong or not looked.right[0].explanation else words(how_explained(facts))
    return f"<p>{words('report.right.how')} {how}</p>{cards(facts, looked.right)}"


def steps_of(name: str, model: str, loss: str, optimize: str) -> str:
    """The three steps of one rung; a long network folds away."""
    code = f"<pre><code>{escape(model)}</code></pre>"
    if model.count("\n") > 14:
        code = f"<details><summary>{words('report.unfold', lines=model.count(chr(10)) + 1)}</summary>{code}</details>"
    pieces = [f"<h4>1 {words('report.step.model')}</h4>{code}"]
    for number, key, text in ((2, "report.step.loss", loss), (3, "report.step.optimize", optimize)):
        if text.strip():
            pieces.append(f"<h4>{number} {words(key)}</h4><pre><code>{escape(text)}</code></pre>")
    return f'<div class="code"><h3>{escape(name)}</h3>{"".join(pieces)}</div>'


def eject(function: Finding) -> str:
    return f"<pre><code>{escape(f'fofx eject {function.run.name} f.py')}</code></pre>"


def again(function: Finding) -> str:
    """The call that does it again, and everything that it depends on."""
    record = function.record
    data = record["data"]
    source = data.get("path")
    kept = {
        key: value for key, value in record["asked"].items() if value not in (None, False, {}, [], 0.0) or key == "seed"
    }
    defaults: dict[str, Any] = {"model": "auto", "augment": True}
    given = {key: value for key, value in kept.items() if defaults.get(key) != value}
    given |= {part: data[part] for part in ("test", "validation") if data.get(part)}
    call = ", ".join(f"{key}={value!r}" for key, value in given.items())
    first = repr(source) if source else "data"
    code = f"import fofx\nf = fofx.find({first}, {call})\n"
    code += f"g = fofx.find({first}, {call}, recipe={function.run.name!r})  # the same steps: the same loss curves"
    versions = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in record["versions"].items())
    versions += f"<tr><th>{words('report.seed')}</th><td>{escape(record['seed'])}</td></tr>"
    versions += f"<tr><th>{words('report.fingerprint')}</th><td>{escape(data.get('fingerprint', ''))}</td></tr>"
    recipe = {result.name: result.recipe for result in function.rungs if result.recipe}
    text = json.dumps(recipe, ensure_ascii=False, indent=1, default=str)
    text = text if len(text) < 20_000 else text[:20_000] + "\n..."
    memory = "" if source else f'<p class="quiet">{words("report.in-memory", source=data.get("source", ""))}</p>'
    return (
        f'<p>{words("report.again.how")}</p><pre><code>{escape(code)}</code></pre>{memory}<div class="wide">'
        f'<table class="plain">{versions}</table></div><details><summary>{words("report.recipe")}</summary>'
        f"<pre><code>{escape(text)}</code></pre></details>"
    )


__all__ = ["page_of", "write_report"]
