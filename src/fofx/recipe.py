"""What fixes a descent, and what comes out of it, as plain data: the recipe that goes in, a step that comes out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from fofx.errors import TaskError, nearest

OPTIMIZERS = ("adamw", "adam", "sgd", "momentum")
SCHEDULES = ("one-cycle", "cosine", "constant")
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Recipe:
    """Everything that fixes the loss curve, as plain data. Nonsense raises TaskError "bad-recipe"."""

    steps: int  # updates the schedule is made for
    batch: int = 128  # rows per update
    rate: float = 1e-3  # peak learning rate
    optimizer: str = "adamw"
    decay: float = 0.01  # weight decay
    schedule: str = "one-cycle"
    warmup: float = 0.25  # share of the steps in which the rate rises
    clip: float | None = None  # longest gradient allowed (L2 norm over all parameters); None: not clipped
    seed: int = 0
    check_every: int = 100  # updates between two looks at the validation rows
    patience: int | None = None  # checks without improvement before stopping; None: never stop early
    precision: str = "float32"  # "bfloat16" or "float16" (with loss scaling) on a GPU
    stop_at: int | None = (
        None  # updates really done, when something outside (time, Ctrl-C) ended the run before `steps`
    )

    def __post_init__(self) -> None:
        positive_integers = {"steps": self.steps, "batch": self.batch, "check_every": self.check_every}
        positive_integers |= {
            k: v for k, v in {"patience": self.patience, "stop_at": self.stop_at}.items() if v is not None
        }
        for name, value in positive_integers.items():
            _demand(type(value) is int and value >= 1, name, "a whole number from 1 up", value)
        _demand(
            type(self.seed) is int and 0 <= self.seed < 2**32, "seed", "a whole number from 0 to 2**32 - 1", self.seed
        )
        _demand(_number(self.rate) and self.rate > 0, "rate", "a number above 0", self.rate)
        _demand(_number(self.decay) and self.decay >= 0, "decay", "a number from 0 up", self.decay)
        _demand(_number(self.warmup) and 0 <= self.warmup < 1, "warmup", "a number from 0 to below 1", self.warmup)
        _demand(
            self.clip is None or (_number(self.clip) and self.clip > 0), "clip", "a number above 0 or None", self.clip
        )
        for name, known in {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS}.items():
            value = getattr(self, name)
            _demand(value in known, name, f"one of {', '.join(known)}", value, nearest(str(value), known))

    @property
    def last(self) -> int:
        """The number of the last update."""
        return self.steps if self.stop_at is None else min(self.steps, self.stop_at)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recipe:
        known = [field.name for field in fields(cls)]
        if not isinstance(data, dict) or "steps" not in data:
            raise TaskError("bad-recipe", f"A recipe is a JSON object with at least 'steps'; it came as {data!r:.200}.")
        for name in data:
            _demand(
                name in known,
                str(name),
                f"no such entry; known are {', '.join(known)}",
                data[name],
                nearest(str(name), known),
            )
        return cls(**data)


def _number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _demand(right: bool, name: str, expected: str, value: object, hint: str = "") -> None:
    if not right:
        raise TaskError("bad-recipe", f"The recipe's {name!r} must be {expected}; it is {value!r:.100}.{hint}")


@dataclass(frozen=True, slots=True)
class Step:
    """One update of the parameters, after it happened."""

    number: int  # updates done so far, this one included
    epoch: int  # pass through the rows, from 1
    loss: float  # of this batch, before the update
    rate: float  # learning rate used
    gradient_norm: float | None = None  # before clipping; None when the recipe does not clip
    validation: float | None = None  # filled in by `Keeper` on the steps it checked; lower is better
