"""What a reader must know before believing the scores: leaks first, then what was measured and what it is worth.

A remark is (strength, HTML): "leak", "strong", "plain" or "good". Every number in it comes from the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fofx.explain.markup import told, words
from fofx.report.facts import Facts, by_chance

if TYPE_CHECKING:
    from fofx.ladder import Result

Remark = tuple[str, str]
FEW = 100  # test rows below which a score is called uncertain


def show(value: float | None) -> str:
    """A score with four digits."""
    return "–" if value is None else f"{value:.4g}"


def remarks(facts: Facts) -> list[Remark]:
    """All remarks, the gravest first."""
    notices = facts.function.warnings
    leaks = [("leak", told(note)) for note in notices if note.code.startswith("leak")]
    rest = [("plain", told(note)) for note in notices if not note.code.startswith("leak")]
    order = ["leak", "strong", "good", "plain"]
    return sorted([*leaks, *measured(facts), *rest], key=lambda remark: order.index(remark[0]))


def measured(facts: Facts) -> list[Remark]:
    """Winner against naive, against the line, deep against the line, and how far the test score can be trusted."""
    function = facts.function
    results = {result.name: result for result in function.rungs}
    winner, naive = results[function.winner], results[function.naive]
    line = results.get("linear")
    found = [against_naive(facts, winner, naive)]
    if line is not None and line.test is not None and winner.family not in ("linear", "naive"):
        found.append(against_line(facts, winner, line))
    if line is not None and line.test is not None and naive.test is not None and not better(facts, line, naive):
        found.append(("plain", words("report.remark.line-loses", line=show(line.test), naive=show(naive.test))))
    if line is not None and line.test is not None:
        deep = [
            r for r in function.rungs if r.family in ("small", "deep") and r.name != winner.name and r.test is not None
        ]
        names = ", ".join(f"{result.name} ({show(result.test)})" for result in deep if better(facts, line, result))
        if names:
            found.append(("plain", words("report.remark.deep-loses", names=names, line=show(line.test))))
    interval = facts.interval()
    if interval is not None:
        values = {"rows": f"{facts.test.height:,}", "low": show(interval[0]), "high": show(interval[1])}
        few = facts.test.height < FEW
        key = "report.remark.few" if few else "report.remark.interval"
        found.append(("strong" if few else "plain", words(key, metric=function.metric, **values)))
    if interval is not None and winner.validation is not None and outside(facts, winner.validation, interval):
        values = {"validation": show(winner.validation), "test": show(winner.test), "metric": function.metric}
        found.append(("plain", words("report.remark.optimistic", **values)))
    for result in function.rungs:
        if result.error:
            found.append(("plain", words("report.remark.failed", name=result.name, error=result.error)))
    if function.record.get("interrupted"):
        found.append(("strong", words("report.remark.interrupted")))
    return [remark for remark in found if remark is not None]


def better(facts: Facts, first: Result, second: Result) -> bool:
    """Whether `first` has the better test score."""
    if first.test is None or second.test is None:
        return first.test is not None
    return first.test > second.test if facts.function.record["more_is_better"] else first.test < second.test


def outside(facts: Facts, validation: float, interval: tuple[float, float]) -> bool:
    """Whether the validation score is better than what the test rows allow."""
    return validation > interval[1] if facts.function.record["more_is_better"] else validation < interval[0]


def against_naive(facts: Facts, winner: Result, naive: Result) -> Remark | None:
    if winner.name == naive.name:
        return "strong", words("report.remark.naive-wins")
    if winner.test is None or naive.test is None:
        return None
    values = {
        "winner": winner.name,
        "score": show(winner.test),
        "naive": show(naive.test),
        "metric": facts.function.metric,
    }
    if not better(facts, winner, naive):
        return "strong", words("report.remark.naive-better", name=naive.name, **values)
    losses = facts.losses(winner.name), facts.losses(naive.name)
    if losses[0] is not None and losses[1] is not None and by_chance(losses[0], losses[1]):
        return "strong", words("report.remark.naive-chance", name=naive.name, **values)
    return "good", words("report.remark.beats-naive", name=naive.name, **values)


def against_line(facts: Facts, winner: Result, line: Result) -> Remark:
    values = {
        "winner": winner.name,
        "score": show(winner.test),
        "line": show(line.test),
        "metric": facts.function.metric,
    }
    losses = facts.losses(winner.name), facts.losses(line.name)
    chance = None if losses[0] is None or losses[1] is None else by_chance(losses[0], losses[1])
    if chance:
        return "strong", words("report.remark.line-chance", **values)
    if not better(facts, winner, line):
        return "strong", words("report.remark.line-better", **values)
    if chance is None:
        return "plain", words("report.remark.beats-line-perhaps", **values)
    return "good", words("report.remark.beats-line", **values)
