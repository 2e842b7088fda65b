"""What stands around the loop: keep the best weights, write the history, save checkpoints, watch the clock.

Each is a filter over steps, so they are put one after another, and the loop knows none of them:

    descent = optimize(model, loss_of, rows, recipe, start=start)
    keeper = Keeper(model, validation_loss, recipe, start=start)
    with History(path, start=start) as history:
        for step in history.follow(Saver(checkpoint, descent, keeper).follow(keeper.follow(descent))):
            ...
    keeper.restore()

`follow` of one that has nothing more to do ends the iteration.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from fofx.checkpoint import Checkpoint, random_state, restore_random
from fofx.errors import RunError
from fofx.optimize import Descent, Recipe, Step, optimize


class Keeper:
    """Early stopping (Prechelt 1998): looks at the validation rows every `check_every` steps, keeps the best weights.

    `measure()` gives the validation loss, lower being better (negate an accuracy); it is called without gradients and
    with the model in evaluation mode, and must draw no random numbers. The last step is always checked. The first of
    equal scores is kept. A score that is not finite is never an improvement.
    """

    def __init__(
        self, model: torch.nn.Module, measure: Callable[[], float], recipe: Recipe, *, start: Checkpoint | None = None
    ) -> None:
        self.model, self.measure, self.recipe = model, measure, recipe
        self.best: float | None = None  # lowest validation loss
        self.best_step = 0
        self.waited = 0  # checks since then
        self.checked = 0  # number of the last step looked at
        self.weights: dict[str, torch.Tensor] = {}  # a copy of the best
        if start is not None and start.keeper:
            try:
                self.best, self.best_step = start.keeper["best"], int(start.keeper["best_step"])
                self.waited, self.checked = int(start.keeper["waited"]), int(start.keeper["checked"])
            except (KeyError, TypeError, ValueError) as error:
                raise RunError("broken-checkpoint", f"The checkpoint's best score is unreadable: {error!r}.") from error
            self.weights = {name: tensor.clone() for name, tensor in start.best.items()}

    @property
    def done(self) -> bool:
        """Patience is at its end."""
        return self.recipe.patience is not None and self.waited >= self.recipe.patience

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Pass the steps on, with `validation` filled in where it was measured; end when patience does."""
        if self.done:
            return
        for step in steps:
            if step.number % self.recipe.check_every == 0 or step.number == self.recipe.last:
                step = replace(step, validation=self.check(step.number))
            yield step
            if self.done:
                return

    def check(self, number: int) -> float:
        """Measure now, and copy the weights if they are the best so far."""
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                score = float(self.measure())
        finally:
            self.model.train(training)
        self.checked = number
        if score < (float("inf") if self.best is None else self.best):
            self.best, self.best_step, self.waited = score, number, 0
            present = self.model.state_dict()
            if self.weights:
                for name, tensor in present.items():
                    self.weights[name].copy_(tensor)
            else:
                self.weights = {name: tensor.detach().clone() for name, tensor in present.items()}
        else:
            self.waited += 1
        return score

    def restore(self) -> None:
        """Put the best weights into the model; without a single good check it stays as it is."""
        if self.weights:
            self.model.load_state_dict(self.weights)

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_step": self.best_step, "waited": self.waited, "checked": self.checked}


class History:
    """history.jsonl: a line a step, flushed, so that a page can follow it and a killed process loses nothing.

    With `start`, lines written after that checkpoint are cut off, and a half-written last line too.
    `more` is added to every line, for example rung="mlp".
    """

    def __init__(self, path: str | os.PathLike[str], *, start: Checkpoint | None = None, **more: Any) -> None:
        self.more = "".join(
            f", {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in more.items()
        )
        path = Path(path)
        try:
            if start is not None and path.exists():
                _cut(path, start.number)
            self.file = open(path, "w" if start is None else "a", encoding="utf-8")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise RunError("cannot-write", f"The history {path.name!r} cannot be written: {error}.") from error

    def write(self, step: Step) -> None:
        """One line. Written by hand: the loss is finite and five numbers need no JSON encoder."""
        line = f'{{"step": {step.number}, "epoch": {step.epoch}, "loss": {step.loss!r}, "rate": {step.rate!r}'
        if step.gradient_norm is not None:
            line += f', "gradient_norm": {_plain(step.gradient_norm)}'
        if step.validation is not None:
            line += f', "validation": {_plain(step.validation)}'
        try:
            self.file.write(line + self.more + "}\n")
            self.file.flush()
        except OSError as error:
            raise RunError("cannot-write", f"The history cannot be written: {error}. Free some space.") from error

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        for step in steps:
            self.write(step)
            yield step

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plain(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"


def _cut(path: Path, number: int) -> None:
    """Cut the history off after the line of step `number`."""
    kept = 0
    with open(path, "rb+") as file:
        for line in file:
            try:
                if not line.endswith(b"\n") or json.loads(line)["step"] > number:
                    break
            except (ValueError, KeyError, TypeError):
                break
            kept += len(line)
        file.truncate(kept)


class Saver:
    """Saves a checkpoint every so many seconds. When it does so changes nothing in what is learned."""

    def __init__(
        self, path: str | os.PathLike[str], descent: Descent, keeper: Keeper | None = None, seconds: float = 10.0
    ) -> None:
        self.path, self.descent, self.keeper, self.seconds = path, descent, keeper, seconds

    def save(self) -> None:
        checkpoint = self.descent.checkpoint()
        if self.keeper is not None:
            checkpoint.keeper, checkpoint.best = self.keeper.state(), self.keeper.weights
        checkpoint.save(self.path)

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        due = time.monotonic() + self.seconds
        for step in steps:
            if time.monotonic() >= due:
                self.save()
                due = time.monotonic() + self.seconds
            yield step


class Budget:
    """Seconds that may be spent, counted from its making. A safety net: the recipe is what plans the steps."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.begun = seconds, time.monotonic()

    @property
    def left(self) -> float:
        return max(0.0, self.seconds - (time.monotonic() - self.begun))

    @property
    def spent(self) -> bool:
        return self.left == 0.0

    def share(self, part: float) -> Budget:
        """A budget of `part` of what is left, from now on."""
        return Budget(self.left * part)

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        """End after the step in which time ran out; then write `stop_at=step.number` into the recipe."""
        for step in steps:
            yield step
            if self.spent:
                return


def measure_step_seconds(
    model: torch.nn.Module,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    rows: int,
    recipe: Recipe,
    *,
    seconds: float = 0.5,
    steps: int = 20,
    lengths: torch.Tensor | None = None,
) -> float:
    """Mean seconds of one step, over batches of all lengths, from up to `steps` real ones in about `seconds` (two at least, the first uncounted).

    Leaves no trace: weights, buffers, mode and random state are put back, to the bit.
    """
    device = next(model.parameters()).device
    if lengths is not None:  # the first few batches may all be short: take some from every part, the middle first
        whole, by_length = loss_of, lengths.argsort().to(device)
        shares = itertools.cycle((0.5, 0.9, 0.1, 0.7, 0.3))
        loss_of = lambda picked: whole(by_length[int(next(shares) * max(0, rows - recipe.batch)) :][: recipe.batch])  # noqa: E731
    kept = [(tensor, tensor.detach().clone()) for tensor in [*model.parameters(), *model.buffers()]]
    modes = [(module, module.training) for module in model.modules()]
    random = random_state(device)
    taken: list[float] = []
    trial = replace(recipe, steps=max(recipe.steps, steps + 1), stop_at=steps + 1)
    begun = before = time.perf_counter()
    try:
        for _ in optimize(model, loss_of, rows, trial):
            now = time.perf_counter()
            taken.append(now - before)
            before = now
            if now - begun > seconds and len(taken) > 1:
                break
    finally:
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
        model.zero_grad()
        for module, training in modes:
            module.training = training
        restore_random(random, device)
    return statistics.fmean(taken[1:])


def plan_steps(budget: float, seconds_per_step: float, rows: int, batch: int, max_epochs: float) -> int:
    """How many steps `budget` seconds buy, at most `max_epochs` passes through the rows, one at least."""
    per_epoch = max(1, rows // batch + (rows % batch > 1))
    return max(1, min(int(budget / max(seconds_per_step, 1e-9)), int(max_epochs * per_epoch)))
