"""Which rungs for which task, from the naive answer to the deepest, and climbing them within a budget.

Every rung is scored on the validation rows; the best is returned, all are kept. A deep model that loses to a line, or a line
that loses to the mean, stands in the table as such.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from fofx.encoded import Predictions, Problem, judge
from fofx.errors import FindError, FofxError, RunError
from fofx.fields.base import Field, Output
from fofx.rungs import fresh, rung_class, rung_classes, shapes
from fofx.rungs.average import Average, choose, mix
from fofx.rungs.base import Rung
from fofx.rungs.neural import Neural

Watch = Callable[[dict[str, Any]], None]
NEAR = 1.25  # only rungs whose cost is at most this many times the best one's may join the average
WORTH = 0.985  # the average must lower the cost at least so far: a smaller gain on validation is chance
LEAST = 0.2  # seconds: with less than this left, a deep rung is not begun


@dataclass
class Result:
    """How one rung did. Scores are {metric: value}; `validation` and `test` are the task's main metric."""

    name: str
    family: str
    seconds: float = 0.0
    validation: float | None = None
    test: float | None = None
    validation_scores: dict[str, float] = field(default_factory=dict)
    test_scores: dict[str, float] = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    error: str | None = None

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict) -> Result:
        return cls(**{key: data[key] for key in cls.__dataclass_fields__ if key in data})


def rungs_for(problem: Problem) -> list[str]:
    """The names of the rungs that suit these inputs and outputs, from naive to deep."""
    able = [cls for cls in rung_classes() if cls.serves is None or problem.mapped in cls.serves]
    found = [(cls.height, name) for cls in able for name in cls.tried(problem)]
    found += [(Neural.height, name) for name in Neural.networks(problem)]
    return [name for _, name in sorted(found, key=lambda pair: pair[0])]


def make_rung(name: str, fields: list[Field], outputs: list[Output]) -> Rung:
    """The rung of a name; TaskError "unknown-model" or "model-does-not-fit" when there is none for these inputs."""
    cls = rung_class(name, next((output.kind for output in outputs if output.mapped), ""))
    if cls is not None:
        cls.demand(name, fields, outputs)
        return fresh(name, fields, outputs)
    others = [word for each in rung_classes() for word in each.words if each.family not in ("naive", "average")]
    shapes.demand(name, fields, outputs, others)
    return fresh(name, fields, outputs)


def main_metric(outputs: list[Output], options: dict) -> tuple[str, bool]:
    """The metric of the table and whether more is better: rmse for one number, r2 for several, accuracy (f1 when classes
    are weighed) for categories, and the mean of r2 and accuracy for a mixture."""
    if len(outputs) == 1:
        return outputs[0].main_metric(options)
    if len({output.graded for output in outputs}) > 1:
        return "score", True
    metric, more = outputs[0].main_metric(options)
    return (metric, more) if more else (outputs[0].graded, True)


def scores_of(outputs: list[Output], predictions: Predictions, truths: dict[str, np.ndarray]) -> dict[str, float]:
    """All metrics; for a mixture of numbers and categories also "score", the mean of their r2 and accuracy."""
    scores = judge(outputs, predictions, truths)
    if len({output.graded for output in outputs}) > 1:
        each = [scores.get(f"{output.name}.{output.graded}") for output in outputs]
        scores["score"] = float(np.mean([value for value in each if value is not None]))
    return {name: value for name, value in scores.items() if value is not None and np.isfinite(value)}


def cost_of(outputs: list[Output], predictions: Predictions, truths: dict[str, np.ndarray], options: dict) -> float:
    """What choosing makes small on validation: the outputs' costs, added up."""
    total = sum(output.cost(predictions[output.name], truths[output.name], options) for output in outputs)
    return total if np.isfinite(total) else float("inf")


def share_of(name: str, mapped: str = "") -> float:
    """A rung's part of the time, in proportion; 0 for rungs that are quick by nature. `mapped` as in `rung_class`."""
    cls = rung_class(name, mapped)
    habit = shapes.habit_of(name) if cls is None else None
    return cls.share if cls is not None else habit.share if habit is not None else 1.0


class Climb:
    """Climbs the ladder: fits each rung, scores it, keeps predictions for the average, and says who won."""

    def __init__(
        self,
        problem: Problem,
        watch: Watch,
        budget: float,
        keep: Callable[[Rung, Result], None],
        wanted: str | None = None,  # a rung that was asked for by name: it is tried even when no time is left
    ) -> None:
        self.problem, self.watch, self.keep, self.wanted = problem, watch, keep, wanted
        self.deadline = time.monotonic() + budget
        self.rungs: dict[str, Rung] = {}
        self.results: dict[str, Result] = {}
        self.predictions: dict[str, Predictions] = {}
        self.truths = {output.name: problem.truth(output, "validation") for output in problem.outputs}
        self.metric, self.more_is_better = main_metric(problem.outputs, problem.options)
        self.interrupted = False

    def up(self, rungs: list[Rung], done: dict[str, Result]) -> None:
        """Each rung in turn; `done` are results of an earlier sitting, whose rungs are restored already."""
        try:
            for number, rung in enumerate(rungs):
                self.watch(
                    {"what": "rung", "rung": rung.name, "family": rung.family, "number": number, "of": len(rungs)}
                )
                result = done.get(rung.name) or self.fit(rung, [r.name for r in rungs[number:]])
                self.add(rung, result)
                if self.interrupted:
                    return
        except KeyboardInterrupt:  # what is scored is kept
            if not self.predictions:
                raise
            self.interrupted = True

    def fit(self, rung: Rung, left: list[str]) -> Result:
        """Fit one rung in its share of the time. A rung that fails is noted, and the others go on."""
        result = Result(rung.name, rung.family)
        shares = {name: share_of(name, self.problem.mapped) for name in left}
        share = shares[rung.name]
        remaining = self.deadline - time.monotonic()
        if share and remaining < LEAST and not rung.recipe and self.predictions and rung.name != self.wanted:
            result.error = "no time was left"
            return result
        seconds = max(LEAST, remaining) * (share / sum(shares.values()) if share else 1.0)
        begun, given = time.monotonic(), bool(rung.recipe)
        rung.meet(self.rungs, {name: self.cost(found) for name, found in self.predictions.items()})
        try:
            rung.fit(self.problem, seconds, lambda event: self.watch({"rung": rung.name, **event}))
        except FofxError as problem:
            if len(left) == 1 and not self.predictions:
                raise
            result.error = str(problem)
            return result
        except (KeyError, TypeError, ValueError, RuntimeError) as problem:
            if not given:
                raise
            words = f"The recipe of {rung.name!r} is damaged or was made for other data: {str(problem)[:200] or repr(problem)}."
            raise RunError("bad-recipe", words) from problem
        self.interrupted = getattr(rung, "interrupted", False)
        result.seconds = time.monotonic() - begun
        result.recipe = rung.recipe
        return result

    def add(self, rung: Rung, result: Result) -> None:
        """Score a fitted rung on validation and keep it."""
        self.results[rung.name] = result
        if result.error is None:
            predictions = rung.predict(self.problem.validation)
            if not all(np.isfinite(found).all() for found in predictions.values()):
                result.error = "its predictions are not finite"
            else:
                self.predictions[rung.name] = predictions
                self.rungs[rung.name] = rung
                result.validation_scores = scores_of(self.problem.outputs, predictions, self.truths)
                result.validation = result.validation_scores.get(self.metric)
        self.keep(rung, result)
        event = {"what": "scored", "rung": rung.name, "validation": result.validation, "metric": self.metric}
        self.watch({**event, "seconds": result.seconds, "error": result.error})

    def average(self) -> None:
        """Add the average of the best when it lowers the cost on validation by more than a trifle."""
        if self.problem.mapped:
            return  # what maps answer is no number that could be averaged
        costs = {name: self.cost(p) for name, p in self.predictions.items() if self.rungs[name].family != "naive"}
        alone = min(costs.values(), default=0.0)
        able = {name: self.predictions[name] for name, cost in costs.items() if cost <= NEAR * alone}
        if len(able) < 2:
            return
        begun = time.monotonic()
        weights, cost = choose(able, self.cost)
        if len(weights) < 2 or cost > WORTH * alone:
            return
        rung = Average("average", self.problem.fields, self.problem.outputs)
        rung.weights, rung.members = weights, self.rungs
        rung.recipe = {"weights": weights}
        self.predictions["average"] = mix(able, weights)
        self.rungs["average"] = rung
        scores = scores_of(self.problem.outputs, self.predictions["average"], self.truths)
        result = Result("average", "average", time.monotonic() - begun, scores.get(self.metric), recipe=rung.recipe)
        result.validation_scores = scores
        self.results["average"] = result
        self.keep(rung, result)

    def cost(self, predictions: Predictions) -> float:
        return cost_of(self.problem.outputs, predictions, self.truths, self.problem.options)

    def winner(self) -> str:
        """The rung with the lowest cost on validation; of equals the simpler, which stands lower on the ladder."""
        if not self.predictions:
            failures = (
                "; ".join(f"{r.name}: {r.error}" for r in self.results.values()) or "it was stopped before the first"
            )
            raise FindError("nothing-found", f"No rung could be fitted ({failures}).")
        costs = {name: self.cost(predictions) for name, predictions in self.predictions.items()}
        lowest = min(costs.values())
        return next(name for name in costs if costs[name] <= lowest + 1e-9)
