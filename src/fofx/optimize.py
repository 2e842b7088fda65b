"""Step 3 of the course: optimize. The gradient-descent loop, as a generator of steps that knows no observer.

`optimize(...)` yields a `Step` after each update; the caller records, draws, keeps the best, or stops asking
(`fofx.keeper` has those callers). A `Recipe` is plain data and fixes the whole loss curve: with the same recipe, the
same starting weights and the same number of threads, the curve on a CPU is the same to the bit.

The functions in `PIECES` are pasted into ejected scripts, so they use `torch` and `math` only. Such a script's loop is

    torch.manual_seed(SEED)                                    # after the model is built: dropout draws from here
    optimizer = make_optimizer(model.parameters(), "adamw", RATE, DECAY)
    for step, (epoch, picked) in zip(range(STEPS), batches(ROWS, BATCH, SEED)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, STEPS, RATE, "one-cycle", WARMUP)
        optimizer.zero_grad()
        loss = loss_of(picked)
        loss.backward()
        clip_gradient(model.parameters(), CLIP)                # only when the recipe clips
        optimizer.step()

and gives the same numbers, bit for bit.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial

import torch

from fofx.checkpoint import Checkpoint, optimizer_tensors, random_state, restore_optimizer, restore_random
from fofx.errors import RunError, TaskError
from fofx.overflow import not_finite
from fofx.recipe import Recipe, Step
from fofx.update import shortest_update

__all__ = [
    "PIECES",
    "Descent",
    "Recipe",
    "Step",
    "batches",
    "clip_gradient",
    "learning_rate",
    "make_optimizer",
    "optimize",
]


# ---------------------------------------------------------------------------------------------------- the pieces


def batches(rows: int, batch: int, seed: int, first: int = 0, device: str = "cpu", lengths=None):
    """Yield (epoch, row numbers) for each update, for ever, beginning with update number `first`.

    Every epoch shuffles all rows anew, by a generator of its own that depends on (seed, epoch) only: nothing needs to
    be remembered to resume. The last batch may be smaller; a last batch of a single row joins the one before it,
    because batch norm cannot learn from one row. With `lengths` (N,), rows of like length come together.
    """
    per_epoch = max(1, rows // batch + (rows % batch > 1))
    while True:
        epoch = first // per_epoch
        generator = torch.Generator().manual_seed(seed + 1_000_003 * epoch)
        order = torch.randperm(rows, generator=generator)
        order = (order if lengths is None else alike(order, lengths, batch, generator)).to(device)
        for number in range(first % per_epoch, per_epoch):
            last = number == per_epoch - 1
            yield epoch, order[number * batch : rows if last else (number + 1) * batch]
            first += 1


def alike(order, lengths, batch: int, generator):
    """Put rows of like length into one batch, so that little of it is padding: sort within pools of 32 batches, then shuffle
    the batches.
    """
    order = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in order.split(32 * batch)])
    whole = len(order) // batch * batch
    shuffled = order[:whole].view(-1, batch)[torch.randperm(whole // batch, generator=generator)]
    return torch.cat([shuffled.flatten(), order[whole:]])


def learning_rate(step: int, steps: int, peak: float, schedule: str, warmup: float) -> float:
    """The learning rate of update `step` (counted from 0) out of `steps`.

    one-cycle: half a cosine up from peak/25 to peak during the first `warmup` share of the steps, then half a cosine
    down to peak/250000 (Smith and Topin 2018). cosine: a straight line up, then half a cosine down to 0 (Loshchilov
    and Hutter 2017). constant: a straight line up, then the peak.
    """
    if schedule == "one-cycle":
        top = max(0.0, warmup * steps - 1)
        if step <= top:
            done = step / top if top else 1.0
            return peak / 25 + (peak - peak / 25) * (1 - math.cos(math.pi * done)) / 2
        done = (step - top) / (steps - 1 - top)
        return peak / 250_000 + (peak - peak / 250_000) * (1 + math.cos(math.pi * done)) / 2
    rising = warmup * steps
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    if schedule == "cosine":
        return peak * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2
    return peak


def make_optimizer(parameters, name: str, rate: float, decay: float):
    """The update rule. `fused` does the whole update in one call: the same maths, on a CPU too, in less time."""
    if name == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=rate, weight_decay=decay, fused=True)
    # Not fused: torch 2.13's fused momentum fails when a layer gets its first gradient later than the others.
    return torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=decay)


def clip_gradient(parameters, longest: float) -> float:
    """Shorten the gradient of all parameters together to length `longest`; give the length it had (Pascanu 2013).

    The length is the L2 norm. Half the time of `clip_grad_norm_` when nothing needs shortening, and the same bits.
    """
    parameters = list(parameters)
    norm = torch.nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])
    length = norm.item()
    if length > longest:
        torch.nn.utils.clip_grads_with_norm_(parameters, longest, norm)
    return length


PIECES = (alike, batches, learning_rate, make_optimizer, clip_gradient)


def keep_freed_memory() -> None:
    """Let the C library keep the memory that one step frees, for the next step.

    By default it hands large buffers back to the system, which must then clear every page of them anew: a small
    CNN's step spends a fifth of its time on that. Process-wide, Linux with glibc only, up to 512 MB kept; the peak
    does not change.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            c_library = ctypes.CDLL(None)
            c_library.mallopt(-3, 32 * 2**20)  # M_MMAP_THRESHOLD: buffers below this come from the heap
            c_library.mallopt(-1, 512 * 2**20)  # M_TRIM_THRESHOLD: free heap kept


# ---------------------------------------------------------------------------------------------------- the loop


class Descent(Iterator[Step]):
    """A descent under way: iterate for steps, `checkpoint()` between two of them."""

    def __init__(
        self,
        model: torch.nn.Module,
        loss_of: Callable[[torch.Tensor], torch.Tensor],
        rows: int,
        recipe: Recipe,
        start: Checkpoint | None = None,
        lengths: torch.Tensor | None = None,
    ) -> None:
        if rows < 1:
            raise TaskError("no-rows", f"Learning needs at least one row; there are {rows}.")
        self.model, self.loss_of, self.rows, self.recipe, self.lengths = model, loss_of, rows, recipe, lengths
        self.number = 0  # updates done
        self.device = next(model.parameters()).device
        if recipe.precision != "float32" and self.device.type == "cpu":
            raise TaskError(
                "precision-needs-gpu",
                f"Precision {recipe.precision!r} is for a GPU; this model is on the CPU. Use precision='float32'.",
            )
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = make_optimizer(self.parameters, recipe.optimizer, recipe.rate, recipe.decay)
        self.scaler = torch.amp.GradScaler(self.device.type) if recipe.precision == "float16" else None
        self._start = start
        self._between_steps = True
        if start is not None:
            start.fits(model, recipe.to_json())
            model.load_state_dict(start.weights)
            restore_optimizer(self.optimizer, start.optimizer)
            if self.scaler is not None:
                self.scaler.load_state_dict(start.scaler)
            self.number = start.number
        self._steps = self._descend()

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        """Stop for good; the model keeps its present weights."""
        self._steps.close()

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on from here to the same bits. Only between two steps."""
        if not self._between_steps:
            raise RunError("mid-step", "A checkpoint needs a whole step; this one was interrupted half-way.")
        return Checkpoint(
            number=self.number,
            recipe=self.recipe.to_json(),
            weights=dict(self.model.state_dict()),
            optimizer=optimizer_tensors(self.optimizer),
            random=random_state(self.device) if self.number else {},
            scaler=self.scaler.state_dict() if self.scaler is not None else {},
        )

    def _loss(self, picked: torch.Tensor) -> torch.Tensor:
        """The loss in the recipe's precision."""
        if self.recipe.precision == "float32":
            return self.loss_of(picked)
        with torch.autocast(self.device.type, dtype=getattr(torch, self.recipe.precision)):
            return self.loss_of(picked)

    def _descend(self) -> Generator[Step, None, None]:
        model, optimizer, loss_of, scaler, recipe = self.model, self.optimizer, self.loss_of, self.scaler, self.recipe
        parameters, update = self.parameters, shortest_update(optimizer)
        plain = recipe.precision == "float32"
        model.train()
        if self.device.type == "cpu":
            keep_freed_memory()
        if self._start is not None and self.number:
            restore_random(self._start.random, self.device)
        else:
            torch.manual_seed(recipe.seed)
        order = batches(self.rows, recipe.batch, recipe.seed, self.number, str(self.device), self.lengths)
        for epoch, picked in order:
            if self.number >= recipe.last:
                return
            self._between_steps = False
            rate = learning_rate(self.number, recipe.steps, recipe.rate, recipe.schedule, recipe.warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            for parameter in parameters:
                parameter.grad = None  # all that `zero_grad` does, without its bookkeeping
            loss = loss_of(picked) if plain else self._loss(picked)
            value = loss.item()  # before the update, so that weights that gave a wrong loss can still be examined
            if not math.isfinite(value):
                raise not_finite(model, partial(self._loss, picked), self.number + 1, rate, value)
            (loss if scaler is None else scaler.scale(loss)).backward()
            norm = None
            if recipe.clip is not None:
                if scaler is not None:
                    scaler.unscale_(optimizer)
                norm = clip_gradient(parameters, recipe.clip)
                if not math.isfinite(norm) and scaler is None:
                    raise not_finite(model, partial(self._loss, picked), self.number + 1, rate, value)
            if scaler is None:
                update()
            else:
                scaler.step(optimizer)  # skips the update, and lowers the scale, when a gradient overflowed
                scaler.update()
            self.number += 1
            self._between_steps = True
            yield Step(self.number, epoch + 1, value, rate, norm)


def optimize(
    model: torch.nn.Module,
    loss_of: Callable[[torch.Tensor], torch.Tensor],
    rows: int,
    recipe: Recipe,
    *,
    start: Checkpoint | None = None,
    lengths: torch.Tensor | None = None,
) -> Descent:
    """Lower the loss step by step: an iterator of `Step`.

    `loss_of(picked)` gathers the picked training rows (int64, on the model's device), runs the model and gives the
    mean loss as a scalar tensor. `start` continues an interrupted descent to the same bits. Seeds torch's global
    generator at its first step, because dropout and augmentation draw from it: what draws from it between two steps
    changes what follows. `lengths` (N,) of the rows, such as texts, lets rows of like length share a batch.

    Raises FindError "not-finite", and TaskError "no-rows" or "precision-needs-gpu"; RunError when `start` does not fit.
    """
    return Descent(model, loss_of, rows, recipe, start, lengths)
