"""The worst mistakes with their inputs, some right answers beside them, what carried each, and which columns matter overall.

How many rows are explained depends on how long the winner takes for a prediction: the report must not cost more than a few
seconds. Shapes: N test rows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from fofx.encoded import Inputs
from fofx.errors import FofxError
from fofx.explain import Explanation, explain_rows
from fofx.explain.markup import bars, draw, escape, picture_uri, words
from fofx.explain.occlude import one_picture
from fofx.explain.terminal import shown
from fofx.fields.base import Flat, Output
from fofx.fields.category import Category
from fofx.fields.number import Number
from fofx.fields.picture import Picture
from fofx.ladder import scores_of
from fofx.report.facts import Facts
from fofx.report.shown import answer_drawn, headline, import_kinds, input_drawn

MOST_WRONG, MOST_RIGHT = 6, 3  # rows shown
SECONDS = 1.2  # that explaining may take, and again that shuffling columns may take
SHUFFLED_ROWS, LEAST_ROWS = 400, 60
REPEATS = 3


@dataclass
class Shown:
    """One test row: its place among the test rows, and what carried its answer where that was worked out."""

    place: int
    explanation: Explanation | None = None


@dataclass
class Looked:
    """The rows that are shown, and the columns by how much the score suffers when they are shuffled."""

    wrong: list[Shown] = field(default_factory=list)
    right: list[Shown] = field(default_factory=list)
    columns: list[tuple[str, float]] = field(default_factory=list)
    tried: int = 0  # test rows used for `columns`


def look(facts: Facts) -> Looked:
    """Choose the rows of the first output and explain as many as time allows."""
    if not facts.test.height:
        return Looked()
    output = facts.function.outputs[0]
    wrong, right = chosen(facts, output)
    found = Looked([Shown(place) for place in wrong], [Shown(place) for place in right])
    if facts.frame is not None:
        try:
            pace = seconds_per_row(facts)
            explain_some(facts, found, pace)
            found.columns, found.tried = importance(facts, pace)
        except (FofxError, pl.exceptions.PolarsError):
            return found  # such as picture files that are gone: the rows are shown without
    return found


def chosen(
    facts: Facts, output: Output, most_wrong: int = MOST_WRONG, most_right: int = MOST_RIGHT
) -> tuple[list[int], list[int]]:
    """Places of the worst mistakes (largest errors; surest of a wrong class) and of some right answers, far apart."""
    cost = f"{output.name} cost"
    if cost in facts.test.columns:
        costs = facts.test[cost].to_numpy()
        order = np.argsort(-costs, kind="stable")
        return [int(n) for n in order[:most_wrong] if costs[n] > 0], [int(n) for n in order[::-1][:most_right]]
    right, predicted = facts.right_of(output), facts.predicted_of(output)
    if isinstance(output, Number):
        errors = np.abs(predicted - right)
        order = np.argsort(-errors, kind="stable")
        best = order[len(order) // 2 :][::-1]  # the better half, the best first
        return [int(n) for n in order[:most_wrong] if errors[n] > 0], [int(n) for n in best[:most_right]]
    name = f"{output.name} probability"
    sure = facts.test[name].to_numpy() if name in facts.test.columns else np.ones(len(right))
    order = np.argsort(-sure, kind="stable")
    wrong = [int(n) for n in order if right[n] != predicted[n]][:most_wrong]
    hits = [int(n) for n in order if right[n] == predicted[n]]
    different: dict[int, int] = {}
    for n in hits:  # one of each class, the surest of each
        different.setdefault(int(right[n]), n)
    return wrong, (list(different.values()) + [n for n in hits if n not in different.values()])[:most_right]


def seconds_per_row(facts: Facts) -> float:
    """How long the winner takes for a row, measured on a few; the first call is not counted."""
    assert facts.frame is not None
    few = facts.frame[: min(32, facts.frame.height)]
    took = []
    for _ in range(2):
        begun = time.perf_counter()
        facts.function.predict(few)
        took.append(time.perf_counter() - begun)
    return min(took) / few.height


def explain_some(facts: Facts, found: Looked, pace: float) -> None:
    """Explain mistakes and right answers in turn, as long as time allows; pictures by a coarser grid if they are slow."""
    assert facts.frame is not None
    kinds = [each.kind for each in facts.function.fields]
    flat = sum(isinstance(each, Flat) for each in facts.function.fields)
    places = 8 if kinds.count("picture") * 66 * pace * 3 < SECONDS else 5
    each = 1 + min(flat, 256) + kinds.count("text") * 100 + kinds.count("picture") * (places * places + 1)
    if pace * each > 4 * SECONDS:
        return
    turns = [pair for n in range(MOST_WRONG) for pair in (found.wrong[n : n + 1], found.right[n : n + 1])]
    left = [row for pair in turns for row in pair]
    begun, count = time.perf_counter(), 1
    while left:
        picked, left = left[:count], left[count:]
        explanations = explain_rows(facts.function, facts.frame[[row.place for row in picked]], places=places)
        for row, several in zip(picked, explanations):
            row.explanation = several[0]
        spent = time.perf_counter() - begun
        if spent > SECONDS:
            return
        count = max(1, min(len(left), int((SECONDS - spent) / (spent / count)) if count == 1 else 1))


def importance(facts: Facts, pace: float) -> tuple[list[tuple[str, float]], int]:
    """How much worse the main metric gets when one column's values are shuffled among test rows (Breiman 2001).

    The mean of three shuffles. Of many columns, those are tried that go most with the answers, as long as time allows.
    """
    function, frame = facts.function, facts.frame
    flat = [each for each in function.fields if isinstance(each, Flat)]
    if frame is None or len(function.fields) < 2 or not flat or frame.height < 10:
        return [], 0
    able = SECONDS / max(pace, 1e-9) / REPEATS  # rows that can be predicted in the time
    wanted = int(np.clip(able / min(len(flat), 60), LEAST_ROWS, SHUFFLED_ROWS))
    rows = facts.sample[:: max(1, len(facts.sample) // wanted)][:wanted]
    count = int(able / len(rows))
    if count < 1:
        return [], 0
    part = frame[rows]
    base = function.predict(part)
    truths = {output.name: output.truth(part[output.name]) for output in function.outputs}
    fine = scores_of(function.outputs, base, truths).get(function.metric)
    if fine is None:
        return [], 0
    draw_order = np.random.Generator(np.random.PCG64(0))
    sign = 1 if function.record["more_is_better"] else -1
    found = []
    for each in by_correlation(flat, part, base[function.outputs[0].name])[: min(count, 60)]:
        shuffled = [part.with_columns(part[each.name][draw_order.permutation(len(rows))]) for _ in range(REPEATS)]
        predicted = function.predict(pl.concat(shuffled))
        several = {name: np.tile(truth, REPEATS) for name, truth in truths.items()}
        score = scores_of(function.outputs, predicted, several).get(function.metric, fine)
        found.append((each.name, float(sign * (fine - score))))
    return sorted(found, key=lambda pair: -pair[1]), len(rows)


def by_correlation(flat: list[Flat], part: pl.DataFrame, predicted: np.ndarray) -> list[Flat]:
    """The columns, first those whose numbers go most with the predictions."""
    answers = predicted if predicted.ndim == 1 else predicted[:, predicted.var(axis=0).argmax()]
    answers = (answers - answers.mean()) / (answers.std() + 1e-12)
    strength = {}
    for each in flat:
        numbers = Inputs(part, [each]).vector().double().numpy()  # (N, D of this column)
        numbers = (numbers - numbers.mean(axis=0)) / (numbers.std(axis=0) + 1e-12)
        strength[each.name] = float(np.abs(numbers.T @ answers).max()) if numbers.shape[1] else 0.0
    return sorted(flat, key=lambda each: -strength[each.name])


# ---- as HTML


def cards(facts: Facts, rows: list[Shown]) -> str:
    """A card for each row: answered, right, and its inputs with what carried the answer."""
    return f'<div class="cards">{"".join(card(facts, row) for row in rows)}</div>'


def card(facts: Facts, row: Shown) -> str:
    output = facts.function.outputs[0]
    number = facts.test["row"][row.place] + 1
    head = headline(output, facts, row.place)
    drawn = answer_drawn(output, facts, row.place)
    body = draw(row.explanation) if row.explanation is not None else plain(facts, row.place)
    return f'<article class="card"><h4>{head}</h4>{drawn}{body}<p class="quiet">{words("report.card.row", row=f"{number:,}")}</p></article>'


@headline.register
def _of_number(output: Number, facts: Facts, place: int) -> str:
    right, answered = (facts.test[name][place] for name in (output.name, f"{output.name} predicted"))
    values = {"answered": shown(answered), "right": shown(right), "error": f"{answered - right:+.4g}"}
    return words("report.card.number", **values)


@headline.register
def _of_class(output: Category, facts: Facts, place: int) -> str:
    right, answered = (facts.test[name][place] for name in (output.name, f"{output.name} predicted"))
    name = f"{output.name} probability"
    sure = f"{facts.test[name][place]:.1%}" if name in facts.test.columns else "?"
    key = "report.card.hit" if str(right) == str(answered) else "report.card.miss"
    return words(key, answered=answered, sure=sure, right=right)


def plain(facts: Facts, place: int, most: int = 10) -> str:
    """The inputs of a row as they are, when what carried the answer was not worked out."""
    if facts.frame is None:
        return ""
    import_kinds()
    drawn = {each.name: input_drawn(each, facts.frame[each.name][place : place + 1]) for each in facts.function.fields}
    values = {each.name: facts.frame[each.name][place] for each in facts.function.fields if drawn[each.name] is None}
    long = {name: value for name, value in values.items() if isinstance(value, str) and len(value) >= 60}
    texts = [f'<p class="text">{escape(value)}</p>' for value in long.values()]
    flat = [(name, value) for name, value in values.items() if name not in long][:most]
    lines = [f"<tr><th>{escape(name)}</th><td>{escape(shown(value))}</td></tr>" for name, value in flat]
    seen = [each for each in drawn.values() if each is not None]
    return "".join([*seen, *texts]) + (f'<table class="plain">{"".join(lines)}</table>' if lines else "")


@input_drawn.register
def picture(field: Picture, column: pl.Series) -> str:
    """One picture as it is, or nothing when its file is gone."""
    try:
        return f'<img class="alone" src="{picture_uri(one_picture(field, column))}" alt="">'
    except FofxError:
        return ""


def column_bars(found: Looked, metric: str, most: int = 15) -> str:
    """The columns that matter most, as bars."""
    if not found.columns:
        return ""
    table = bars([(name, "", loss) for name, loss in found.columns[:most]])
    return f"<h3>{words('report.importance')}</h3><p>{words('report.importance.how', metric=metric, rows=found.tried)}</p>{table}"
