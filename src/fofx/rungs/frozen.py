"""Transfer learning in its plainest form: the features of EfficientNet-Lite0, as ImageNet left them, and one linear layer.

The network looks at each picture once (and at its mirror image); only the linear layer is learnt here. Shapes: N rows, F features.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import polars as pl
import torch

from fofx.encoded import Inputs, Problem, pair_of
from fofx.errors import FindError, TaskError
from fofx.fields.base import Field, Flat, Output
from fofx.fields.picture import Picture
from fofx.models.efficientnet_lite import weights_installed
from fofx.repeated import distinct
from fofx.rungs.base import Watch, quoted
from fofx.rungs.features import Flattener
from fofx.rungs.linear import Linear
from fofx.rungs.pair_features import PairFlattener

LOOKS = ((224, True), (224, False), (160, False), (128, False), (96, False))  # side in pixels, mirrored too; best first
SMALLEST = 16  # pixels of a picture's side
AT_ONCE = 8  # pictures: so many fit the processor's cache


class FrozenFeatures(Linear):
    """Linear or logistic regression on frozen features; other columns join as they are."""

    family = "deep"
    words = ("efficientnet-frozen",)
    height = 8
    share = 6.0

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words) if large_pictures(problem) else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if not any(isinstance(field, Picture) for field in fields):
            here = ", ".join(sorted({field.block or field.kind for field in fields}))
            raise TaskError("model-does-not-fit", f"{name!r} works on picture input, but the inputs here are {here}.")

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.flattener: FrozenFlattener | FrozenPairFlattener
        self.flattener = FrozenPairFlattener(fields) if pair_of(fields) else FrozenFlattener(fields)

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        self.flattener.plan = self.recipe.get("look") or plan_for(problem, 0.75 * seconds)
        self.recipe["look"] = self.flattener.plan
        super().fit(problem, seconds, watch)


class FrozenFlattener(Flattener):
    """Makes the matrix (N, F) of a pretrained network's features; keeps nothing but how it looks (`plan`)."""

    def __init__(self, fields: list[Field]) -> None:
        super().__init__(fields)
        self.plan: dict = {}

    def fit(self, inputs: Inputs) -> FrozenFlattener:
        return self

    def matrix(self, inputs: Inputs) -> np.ndarray:
        parts = [inputs.vector().numpy()] if inputs.of(Flat) else []
        parts += [seen(inputs, field, self.plan) for field in inputs.of(Picture)]
        return np.concatenate(parts, axis=1)

    def script_lines(self, wanted: str) -> str:
        parts = ["torch.cat([field.encode(frame[field.name]) for field in columns], dim=1).numpy()"]
        parts = parts if any(field.block for field in self.fields) else []
        for field in self.others:
            if not isinstance(field, Picture):
                continue
            shown = f"pictures[{quoted(field.name)}].encode_at(frame[{quoted(field.name)}], {self.plan['side']})"
            parts.append(f"features(pretrained(), {shown}, mirror={self.plan['mirror']})")
        lines = "".join(f"        {part},\n" for part in parts)
        about = '    """What the frozen network sees in each picture, and the columns beside it: (rows, features)."""\n'
        return f"\ndef matrix(frame):\n{about}    parts = [\n{lines}    ]\n    return np.concatenate(parts, axis=1)\n"

    @property
    def script_things(self) -> tuple:
        return (features, pretrained)

    def state(self) -> tuple[dict, dict]:
        return {"look": self.plan}, {}

    def restore(self, data: dict, tensors: dict) -> None:
        self.plan = data["look"]


class FrozenPairFlattener(PairFlattener):
    """The same for pairs of pictures: what the frozen network sees on each side, and what both have in common."""

    directions = 128

    def __init__(self, fields: list[Field]) -> None:
        super().__init__(fields)
        self.plan: dict = {}

    def look(self) -> tuple:
        return ("frozen", self.plan["side"], self.plan["mirror"])

    def numbers(self, values: pl.Series, field: Field) -> np.ndarray:
        return features(pretrained(), field.encode_at(values, self.plan["side"]), self.plan["mirror"])  # type: ignore[attr-defined]

    def state(self) -> tuple[dict, dict]:
        data, tensors = super().state()
        return {**data, "look": self.plan}, tensors

    def restore(self, data: dict, tensors: dict) -> None:
        super().restore(data, tensors)
        self.plan = data["look"]

    def script_numbers(self) -> str:
        shown = f"{self.pair[0].shelf}[name].encode_at(values, {self.plan['side']})"
        return f"features(pretrained(), {shown}, mirror={self.plan['mirror']})"

    @property
    def script_things(self) -> tuple:
        return (*super().script_things, features, pretrained)


def large_pictures(problem: Problem) -> bool:
    """Whether there are pictures large enough for a network that knows photographs, and its weights."""
    pictures = problem.train.of(Picture)
    large = bool(pictures) and min(field.original_side for field in pictures) >= SMALLEST
    return large and weights_installed()


def plan_for(problem: Problem, seconds: float) -> dict:
    """How large and whether mirrored too: the best look at the pictures that fits into the seconds, measured here. Rungs that
    look in the same way share what was seen, so the first one plans for all."""
    return problem.train.keep(("look",), lambda: measured_plan(problem, seconds))


def measured_plan(problem: Problem, seconds: float) -> dict:
    fields = problem.train.of(Picture)
    parts = (problem.train.frame, problem.validation.frame)  # the test rows come later
    rows = 1.2 * sum(len(distinct(frame[field.name])[0]) for frame in parts for field in fields)
    model = pretrained()
    probe, taken = torch.zeros(AT_ONCE, 3, 96, 96, dtype=torch.uint8), []
    for _ in range(4):  # the first one warms up; the fastest is nearest to what an undisturbed machine needs
        begun = time.perf_counter()
        features(model, probe, mirror=False)
        taken.append(time.perf_counter() - begun)
    pixel = min(taken) / (AT_ONCE * 96 * 96)  # seconds for one pixel
    for side, mirror in LOOKS:
        if rows * pixel * side * side * (2 if mirror else 1) < seconds:
            return {"side": side, "mirror": mirror}
    raise FindError("no-time", "no time was left to look at the pictures")


def seen(inputs: Inputs, field: Picture, plan: dict) -> np.ndarray:
    """What the frozen network sees in each picture of a column (N, F); every different picture is looked at once."""

    def look(values: pl.Series) -> np.ndarray:
        return features(pretrained(), field.encode_at(values, plan["side"]), plan["mirror"])

    return inputs.of_items(field, look, "frozen", plan["side"], plan["mirror"])[:]


@cache
def pretrained() -> torch.nn.Module:
    """EfficientNet-Lite0 with the weights of ImageNet, its normalizations multiplied in."""
    from fofx.models.efficientnet_lite import folded, load_pretrained

    return folded(load_pretrained()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def features(model: torch.nn.Module, pictures: torch.Tensor, mirror: bool) -> np.ndarray:
    """Features of each picture (with `mirror`, their mean with the mirror image's); bytes (N, C, H, W) to (N, F) of length 10."""
    found = []
    with torch.no_grad():
        for at in range(0, len(pictures), AT_ONCE):
            pixels = (pictures[at : at + AT_ONCE].float() / 255).expand(-1, 3, -1, -1) * 2 - 1  # as ImageNet's were
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            here = model(pixels)
            found.append((here + model(pixels.flip(3))) / 2 if mirror else here)
    table = torch.cat(found)  # (N, F)
    return (10 * table / table.norm(dim=1, keepdim=True).clamp(min=1e-6)).numpy()
