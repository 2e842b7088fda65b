"""The neural rungs: model, loss, optimize. Any network of `shapes`, trained by the one loop of `fofx.optimize`.

What the budget buys (steps of the schedule) is measured once and written into the recipe; with that recipe and seed the loss
curve is the same to the bit. Shapes: B rows of a batch, K numbers of all outputs together.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from fofx.checkpoint import Checkpoint
from fofx.encoded import Inputs, Predictions, Problem, blocks, pair_of
from fofx.fields import block_class
from fofx.fields.base import Field, Habit, Output
from fofx.keeper import Budget, History, Keeper, Saver, measure_step_seconds, plan_steps
from fofx.optimize import optimize
from fofx.recipe import Recipe, Step
from fofx.repeated import Repeated
from fofx.run import Run
from fofx.rungs.base import Code, Rung, Tensors, Watch
from fofx.rungs.frames import Frames
from fofx.rungs.shapes import augmentations, build, habit_of, shape_for, stored_blocks

CHECKS = 40  # looks at the validation rows in a full schedule

FINE_TUNED = Habit(5e-5, 32, 4)  # pretrained checkpoints move gently


@dataclass(frozen=True)
class OwnLoss:
    """Lines that come before `loss_of`, the expression of a batch's loss (RIGHT: its targets), and the functions it calls."""

    lines: str
    call: str
    things: tuple[Any, ...]


class Neural(Rung):
    """A network found by gradient descent."""

    family = "deep"
    height = 50
    interrupted = False

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.habit = habit_of(name, [*outputs, *fields]) or FINE_TUNED
        self.family = self.habit.family
        self.at_once = min(output.at_once for output in outputs)
        self.most_looked_at = min(output.most_looked_at for output in outputs)

    @classmethod
    def networks(cls, problem: Problem) -> list[str]:
        """The networks that the ladder tries unasked: those of a mapped output, else those that read the blocks of the input.
        The two sides of a pair have a rung of their own."""
        if pair_of(problem.fields):
            return []
        mapped = [output for output in problem.outputs if output.mapped]
        found = blocks(problem.fields)
        alone, budget = len(found) == 1, problem.options.get("budget", 0)
        readers: list[Field] = [*mapped] or [block[0] for block in found]
        names = [name for reader in readers for name in reader.networks if reader.climbs(name, alone, budget)]
        return list(dict.fromkeys(names))

    # ---- 1 the model

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        begun, planned = time.monotonic(), "optimize" in self.recipe
        self.most_threads = torch.get_num_threads()
        torch.manual_seed(problem.seed)
        given = self.recipe.get("shape")
        self.shape = given or self.shape_of(problem.train)
        self.network = build(self.shape, pretrained=True).to(device())
        recipe = self.prepare(problem, seconds - (time.monotonic() - begun))
        if self.place:
            Run(self.place).write("recipe.json", self.recipe)  # so that a killed run goes on with the same plan
        try:
            # A recipe that was given says where to end; the clock must not end it elsewhere.
            self.descend(problem, recipe, watch, Budget(math.inf if planned else 1.3 * seconds + 2))
        finally:
            torch.set_num_threads(self.most_threads)

    def shape_of(self, inputs: Inputs) -> dict:
        """The network for these training rows, as plain data."""
        return shape_for(self.name, inputs, self.outputs)

    # ---- 2 the loss

    def prepare(self, problem: Problem, seconds: float) -> Recipe:
        """Put the tensors in place, define the loss, and plan the steps (or take the recipe's)."""
        where = device()
        blocks = [block.to(where) for block in stored_blocks(self.shape, problem.train)]
        validation = [block.to(where)[: self.most_looked_at] for block in stored_blocks(self.shape, problem.validation)]
        self.sample = [block[:8] for block in validation]  # whose inner values are recorded while the network learns
        self.lengths = lengths_of(self.shape, blocks)
        targets = [problem.targets(output).to(where) for output in self.outputs]
        targets += [more.to(where) for more in self.further_targets(problem)]
        right = [problem.targets(output, "validation").to(where)[: self.most_looked_at] for output in self.outputs]
        wanted = self.recipe.get("augment", problem.options.get("augment", True))
        changes, joint = augmentations(self.shape, self.outputs) if wanted else ({}, None)
        self.recipe.update(shape=self.shape, augment=bool(changes or joint))

        def loss_of(picked: torch.Tensor) -> torch.Tensor:
            inputs = [block.index_select(0, picked) for block in blocks]
            wanted = [target.index_select(0, picked) for target in targets]
            for number, (change, arguments) in changes.items():
                inputs[number] = change(inputs[number], **arguments)
            if joint:
                inputs[0], wanted[0] = joint[0](inputs[0], wanted[0], **joint[1])
            return self.batch_loss(inputs, wanted, problem.options)

        def validation_loss() -> float:
            outputs = self.run(validation)
            return self.loss(outputs, right, {}).item()

        self.loss_of, self.validation_loss = loss_of, validation_loss
        rows = len(problem.train)
        if "optimize" in self.recipe:
            torch.set_num_threads(min(max(1, int(self.recipe["threads"])), 1024))
            return Recipe.from_json(self.recipe["optimize"])
        habit, batch = self.habit, self.habit.batch
        while batch > 16 and rows / batch < 8:
            batch //= 2
        draft = Recipe(
            steps=1000,
            batch=batch,
            rate=habit.rate,
            schedule=habit.schedule,
            decay=0.02,
            clip=1.0,
            seed=problem.seed,
            patience=habit.patience,
            precision="bfloat16" if where.type == "cuda" and torch.cuda.is_bf16_supported() else "float32",
        )
        begun = time.perf_counter()
        with torch.no_grad():
            self.network.eval()
            self.validation_loss()
        look = time.perf_counter() - begun
        each = self.choose_threads(
            lambda: measure_step_seconds(
                self.network, loss_of, rows, draft, seconds=min(0.7, 0.07 * seconds), steps=12, lengths=self.lengths
            )
        )
        left = seconds - (time.perf_counter() - begun)
        checks = int(min(CHECKS, max(6, 0.2 * left / max(look, 1e-6))))
        steps = plan_steps(0.9 * left - checks * look, each, rows, batch, habit.epochs)
        steps = max(steps, 20)
        recipe = replace(draft, steps=steps, check_every=max(1, -(-steps // checks)))
        self.recipe["optimize"] = recipe.to_json()
        self.recipe["measured"] = {"step_seconds": each, "budget": seconds}
        return recipe

    def choose_threads(self, measure: Callable[[], float]) -> float:
        """Seconds of a step with the number of threads that does it fastest: small networks are slower with two than with one.

        Sums are split differently by another number of threads, so it belongs to the recipe.
        """
        most = self.most_threads
        torch.set_num_threads(1)
        alone = measure()
        self.recipe["threads"] = 1
        if most == 1 or alone < 2e-3 or busy(most):
            return alone
        torch.set_num_threads(most)
        together = measure()
        if together < 0.85 * alone:
            self.recipe["threads"] = most
            return together
        torch.set_num_threads(1)
        return alone

    def batch_loss(self, inputs: list[torch.Tensor], targets: list[torch.Tensor], options: dict) -> torch.Tensor:
        """What is made small: the loss of what the network says of a batch of training rows."""
        return self.loss(self.network(inputs), targets, options)

    def further_targets(self, problem: Problem) -> list[torch.Tensor]:
        """What else `batch_loss` is given of each training row, after the outputs' targets."""
        return []

    def own_loss(self) -> OwnLoss | None:
        """How an ejected script writes a `batch_loss` that is not the usual one."""
        return None

    def loss(self, outputs: torch.Tensor, targets: list[torch.Tensor], options: dict) -> torch.Tensor:
        """The outputs' losses, added up; a number's is in its own spreads, so that none drowns the others."""
        if len(self.outputs) == 1:
            return self.outputs[0].loss(outputs, targets[0], options)
        total, first = outputs.new_zeros(()), 0
        for output, target in zip(self.outputs, targets):
            total = total + output.loss(outputs[..., first : first + output.size], target, options)
            first += output.size
        return total

    # ---- 3 optimize

    def descend(self, problem: Problem, recipe: Recipe, watch: Watch, budget: Budget) -> None:
        """Run the loop; keep the best weights; leave a history line a step and a checkpoint every few seconds."""
        start = None
        if self.place and (self.place / "checkpoint.safetensors").exists():
            start = Checkpoint.load(self.place / "checkpoint.safetensors")
        descent = optimize(self.network, self.loss_of, len(problem.train), recipe, start=start, lengths=self.lengths)
        keeper = Keeper(self.network, self.validation_loss, recipe, start=start)
        steps = keeper.follow(descent)
        history = None
        if self.place:
            steps = Saver(self.place / "checkpoint.safetensors", descent, keeper, seconds=5.0).follow(steps)
            history = History(self.place / "history.jsonl", start=start, rung=self.name)
            steps = history.follow(steps)
            steps = Frames(self.place / "frames", self.network, self.sample, recipe.last).follow(steps)
        last: Step | None = None
        try:
            for step in budget.follow(steps):
                last = step
                if step.validation is not None or step.number % 10 == 0:
                    watch(
                        {
                            "what": "step",
                            "fraction": step.number / recipe.last,
                            "loss": step.loss,
                            "validation": step.validation,
                        }
                    )
        except KeyboardInterrupt:
            if not keeper.weights:
                raise
            self.interrupted = True
        finally:
            if history:
                history.close()
        if last and last.number < recipe.last and not keeper.done:
            # Something outside ended it: a run by this recipe must end here too, so the last step is looked at as well.
            if keeper.checked != last.number and not self.interrupted:
                keeper.check(last.number)
            self.recipe["optimize"] = replace(recipe, stop_at=last.number).to_json()
        keeper.restore()
        self.network.eval()
        self.best = {"step": keeper.best_step, "loss": keeper.best}

    # ---- and use it

    def run(self, blocks: Sequence[torch.Tensor | Repeated]) -> torch.Tensor:
        """Raw outputs (N, K) or (N, members, K) for blocks of any length, a part at a time; texts from short to long."""
        lengths = lengths_of(self.shape, blocks)
        parts = range(0, len(blocks[0]), self.at_once)
        if lengths is None:
            return torch.cat([self.network([block[at : at + self.at_once] for block in blocks]) for at in parts])
        order = lengths.argsort(stable=True).to(device())
        places = (order[at : at + self.at_once] for at in parts)
        sorted_outputs = torch.cat([self.network([block[place] for block in blocks]) for place in places])
        return sorted_outputs[order.argsort()]

    def predict(self, inputs: Inputs) -> Predictions:
        self.network.eval()
        blocks = stored_blocks(self.shape, inputs)
        if self.outputs[0].mapped:  # a part at a time: a map of probabilities is far larger than what is made of it
            end, parts = self.outputs[0], []
            with torch.no_grad():
                for at in range(0, max(1, len(inputs)), self.at_once):
                    outputs = self.network([block[at : at + self.at_once].to(device()) for block in blocks])
                    parts.append(end.predictions(outputs.cpu()))
            return {end.name: np.concatenate(parts)}
        with torch.no_grad():
            outputs = self.run([block.to(device()) for block in blocks]).cpu()
        found: Predictions = {}
        first = 0
        for output in self.outputs:
            found[output.name] = np.asarray(output.predictions(outputs[..., first : first + output.size]))
            first += output.size
        return found

    def state(self) -> tuple[dict, Tensors]:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        return {"shape": self.shape}, weights

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.shape = data["shape"]
        self.network = build(self.shape).to(device())
        self.network.load_state_dict(tensors)
        self.network.eval()

    def script(self, record: dict) -> Code:
        from fofx.rungs.script import neural_script

        return neural_script(self, record)


def busy(cores: int) -> bool:
    """Whether others already use the cores: threads that wait for one another are then far slower than one alone."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > cores


def lengths_of(shape: dict, blocks: Sequence[torch.Tensor | Repeated]) -> torch.Tensor | None:
    """How long each row is (a text's tokens), or None where every row is as long."""
    counted = []
    for part, block in zip(shape["encoders"], blocks):
        items, places = (block.items, block.places) if isinstance(block, Repeated) else (block, None)
        lengths = block_class(part["kind"]).lengths(items)
        if lengths is not None:
            counted.append((lengths if places is None else lengths[places]).cpu())
    return sum(counted) if counted else None  # type: ignore[return-value]


def device() -> torch.device:
    """CUDA or MPS when there, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
