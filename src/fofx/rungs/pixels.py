"""The rungs below U-Net for masks: the commonest class at each place, and a line or a tree that judges each pixel by itself.

A pixel is described by its own colour, the mean colours of a small and of a large square around it, how much the brightness
varies near by, and where it lies. The line and the tree learn from some thousands of pixels, drawn so that rare classes are not
drowned. Shapes: N pictures, C channels, H x W pixels, P drawn pixels, D features of a pixel, K classes.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_limits

from fofx.classic.fast import FastTree
from fofx.classic.tree import Tree
from fofx.encoded import Inputs, Predictions, Problem
from fofx.fields.base import Field, Output
from fofx.masks import VOID, rare_class_weights
from fofx.rungs.base import Code, Rung, Tensors, Watch, predict_lines
from fofx.rungs.classical import spread
from fofx.rungs.linear import logistic, softmax
from fofx.rungs.trust import demand_sound

DRAWN, FEWEST, A_SECOND = (
    12_000,
    2_000,
    500,
)  # pixels that a line or a tree learns from: most, fewest, for a second of time
PICTURES = 80  # from at most so many pictures: to describe a whole picture for a few pixels is dear
CHOSEN_BY = 24  # validation pictures by which a setting is chosen
AT_ONCE = 8  # pictures whose pixels are described at a time
STRENGTHS = (1.0,)  # C, the inverse of the penalty on the line's weights: with so many pixels it hardly matters
DEPTHS = (8, 12)
LEAST = 20  # drawn pixels in a leaf


class Position(Rung):
    """At each pixel the class that is commonest there in training: it knows where things usually are and looks at nothing."""

    family = "naive"
    words = ("position",)
    height = 2
    serves = ("mask",)

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return ["position"]

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        (output,) = self.outputs
        self.map = commonest(problem.truth(output), output.size)  # (2, H, W)

    def predict(self, inputs: Inputs) -> Predictions:
        return {self.outputs[0].name: np.repeat(self.map[None], len(inputs), axis=0)}

    def state(self) -> tuple[dict, Tensors]:
        return {}, {"map": torch.from_numpy(self.map)}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.map = tensors["map"].numpy()

    def script(self, record: dict) -> Code:
        fitted = "fixed = commonest(output.truth(train[output.name]), output.size)\n"
        said = predict_lines(
            "The same map for every row.", "{output.name: np.repeat(fixed[None], frame.height, axis=0)}"
        )
        return Code({}, [("model", fitted + said)], [commonest])


class PixelRung(Rung):
    """A classical model of single pixels. Subclasses say how it is fitted to drawn pixels and what it makes of others."""

    serves = ("mask",)
    setting = ""  # the word for what is varied
    settings: tuple = ()
    kept_as = "chosen"  # where the recipe keeps the best of them

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words)

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.picture: Any = next(field for field in fields if field.kind == "picture")

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        (output,) = self.outputs
        maps, right = problem.truth(output), problem.truth(output, "validation")[:CHOSEN_BY]
        judges = problem.validation.pictures(self.picture)[:CHOSEN_BY]
        begun = time.monotonic()
        most = self.recipe.setdefault("pixels", int(np.clip(seconds * A_SECOND, FEWEST, DRAWN)))
        rows, classes = drawn_pixels(problem.train.pictures(self.picture), maps, most, problem.seed)  # (P, D), (P,)
        chosen = self.recipe.setdefault(self.kept_as, {})
        settings = [chosen[output.name]] if output.name in chosen else self.settings
        best, found = np.inf, None
        for number, setting in enumerate(settings, start=1):
            self.learn(rows, classes, setting, problem.seed)
            cost = output.cost(pixel_maps(judges, self.chances), right, problem.options)
            watch({"what": "step", "fraction": number / len(settings), "loss": cost})
            if cost < best:
                best, found, chosen[output.name] = cost, self.state(), setting
            if time.monotonic() - begun > 0.1 * seconds:
                break  # the time belongs to the network above
        assert found is not None
        self.restore(*found)

    def learn(self, rows: np.ndarray, classes: np.ndarray, setting: Any, seed: int) -> None:
        """Fit to drawn pixels (P, D) and their classes (P,)."""
        raise NotImplementedError

    def chances(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities (P, K) of the classes for described pixels (P, D)."""
        raise NotImplementedError

    def predict(self, inputs: Inputs) -> Predictions:
        return {self.outputs[0].name: pixel_maps(inputs.pictures(self.picture), self.chances)}

    def script_with(self, record: dict, word: str, lines: str, things: list[Any]) -> Code:
        recipe = next(result["recipe"] for result in record["rungs"] if result["name"] == self.name)
        settings = {"PIXELS": recipe["pixels"], word: recipe[self.kept_as][self.outputs[0].name]}
        side = list(self.picture.side)
        x = f'pictures["{self.picture.name}"].encode_at(frame["{self.picture.name}"], {side})'
        drawn = "maps = output.truth(train[output.name])\n"
        drawn += f"rows, classes = drawn_pixels({x.replace('frame', 'train')}, maps, PIXELS, SEED)\n"
        said = predict_lines(
            "The class of every pixel, and how sure it is.", "{output.name: pixel_maps(" + x + ", chances)}"
        )
        return Code(settings, [("model", drawn + lines + said)], [drawn_pixels, pixel_maps, *things])


class PixelLine(PixelRung):
    """Logistic regression on the description of a pixel."""

    family = "linear"
    words = ("linear",)
    height = 3
    settings = STRENGTHS
    kept_as = "strength"

    def learn(self, rows: np.ndarray, classes: np.ndarray, setting: Any, seed: int) -> None:
        with threadpool_limits(1):  # on so few numbers threads wait for one another longer than they work
            found = logistic(rows, classes, self.outputs[0].size, setting, None, seed)
        self.keep(dict(zip(("weight", "bias"), map(torch.from_numpy, found))))

    def keep(self, found: Tensors) -> None:
        self.weights = {f"{self.outputs[0].name}.{part}": found[part] for part in ("weight", "bias")}
        self.weight, self.bias = found["weight"].numpy(), found["bias"].numpy()  # (D, K), (K,)

    def chances(self, rows: np.ndarray) -> np.ndarray:
        return softmax(rows @ self.weight + self.bias)

    def state(self) -> tuple[dict, Tensors]:
        return {}, self.weights

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.keep({part: tensors[f"{self.outputs[0].name}.{part}"] for part in ("weight", "bias")})

    def script(self, record: dict) -> Code:
        lines = "weight, bias = logistic(rows, classes, output.size, STRENGTH, None, SEED)\n\n\n"
        lines += 'def chances(rows):\n    """Probabilities of the classes for described pixels."""\n'
        lines += "    return softmax(rows @ weight + bias)\n"
        return self.script_with(record, "STRENGTH", lines, [logistic, softmax])


class PixelTree(PixelRung):
    """A decision tree that asks about the description of a pixel."""

    family = "classical"
    words = ("tree",)
    height = 5
    setting = "depth"
    settings = DEPTHS

    def learn(self, rows: np.ndarray, classes: np.ndarray, setting: Any, seed: int) -> None:
        self.model = FastTree("classification", max_depth=setting, min_leaf=LEAST).fit(rows, classes)

    def chances(self, rows: np.ndarray) -> np.ndarray:
        return spread(self.model, rows, self.outputs[0].size)

    def state(self) -> tuple[dict, Tensors]:
        data, arrays = self.model.state()
        return {"model": data}, {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}

    def restore(self, data: dict, tensors: Tensors) -> None:
        self.model = FastTree.from_state(data["model"], {name: value.numpy() for name, value in tensors.items()})
        demand_sound(self.model)

    def script(self, record: dict) -> Code:
        lines = f'tree = Tree("classification", max_depth=DEPTH, min_leaf={LEAST}).fit(rows, classes)\n\n\n'
        lines += 'def chances(rows):\n    """Probabilities of the classes for described pixels."""\n'
        lines += "    return spread(tree, rows, output.size)\n"
        return self.script_with(record, "DEPTH", lines, [Tree, spread])


def commonest(maps: np.ndarray, classes: int) -> np.ndarray:
    """(N, H, W) to (2, H, W) bytes: the class that most maps have at each pixel, and by which share of them."""
    best = np.zeros(maps.shape[1:], dtype=np.int64)  # (H, W)
    found = np.zeros((2, *maps.shape[1:]), dtype=np.uint8)
    for number in range(classes):
        votes = (maps == number).sum(axis=0)  # (H, W)
        found[0][votes > best] = number
        best = np.maximum(best, votes)
    found[1] = np.round(255 * best / np.maximum((maps < classes).sum(axis=0), 1))
    return found


def pixel_features(pictures: torch.Tensor) -> torch.Tensor:
    """Bytes (N, C, H, W) to the description of each pixel, floats (N, D, H, W), about -1 to 1."""
    colours = pictures.float() / 255 - 0.5  # (N, C, H, W)
    count, _, height, width = colours.shape

    def around(values: torch.Tensor, side: int) -> torch.Tensor:
        down = F.avg_pool2d(values, (side, 1), stride=1, padding=(side // 2, 0), count_include_pad=False)
        return F.avg_pool2d(down, (1, side), stride=1, padding=(0, side // 2), count_include_pad=False)

    small, large = max(3, height // 24 | 1), max(5, height // 7 | 1)  # odd, so that the pixel lies in the middle
    bright = colours.mean(dim=1, keepdim=True)  # (N, 1, H, W)
    rough = (around(bright * bright, small) - around(bright, small) ** 2).clamp(min=0).sqrt() * 4
    down = torch.linspace(-1, 1, height).view(1, 1, -1, 1).expand(count, 1, height, width)
    right = torch.linspace(-1, 1, width).view(1, 1, 1, -1).expand(count, 1, height, width)
    places = [down, right, down * down, right * right]
    return torch.cat([colours, around(colours, small), around(colours, large), rough, *places], dim=1)  # (N, D, H, W)


def drawn_pixels(pictures: torch.Tensor, maps: np.ndarray, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """About `most` pixels that are not void, (P, D) and their classes (P,): of each class so many that its share is the root of
    its real share, so that rare classes count without being everywhere."""
    generator = np.random.Generator(np.random.PCG64(seed))
    if len(maps) > PICTURES:
        some = np.sort(generator.permutation(len(maps))[:PICTURES])
        pictures, maps = pictures[torch.from_numpy(some)], maps[some]
    flat = maps.reshape(-1)  # (N * H * W,)
    counts = np.bincount(flat[flat != VOID])  # (K,)
    wanted = rare_class_weights(counts, 0.5).numpy() * counts * (most / max(1, counts.sum()))
    kept = []
    for number, count in enumerate(counts):
        places = np.flatnonzero(flat == number)
        size = min(len(places), int(np.ceil(wanted[number]))) if count else 0
        kept.append(generator.choice(places, size, replace=False, shuffle=False))
    chosen = np.sort(np.concatenate(kept))
    inside = maps[0].size
    rows = []
    for start in range(0, len(maps), AT_ONCE):
        here = chosen[(chosen >= start * inside) & (chosen < (start + AT_ONCE) * inside)] - start * inside
        described = (
            pixel_features(pictures[start : start + AT_ONCE]).permute(0, 2, 3, 1).flatten(0, 2)
        )  # (n * H * W, D)
        rows.append(described[torch.from_numpy(here)].numpy())
    return np.concatenate(rows), flat[chosen].astype(np.int64)


def pixel_maps(pictures: torch.Tensor, chances) -> np.ndarray:
    """The class of each pixel and how sure it is, (N, 2, H, W) bytes; `chances` gives (P, K) for described pixels (P, D)."""
    found = np.empty((len(pictures), 2, *pictures.shape[2:]), dtype=np.uint8)
    for start in range(0, len(pictures), AT_ONCE):
        described = pixel_features(pictures[start : start + AT_ONCE]).permute(0, 2, 3, 1)  # (n, H, W, D)
        likely = chances(described.flatten(0, 2).numpy())  # (n * H * W, K)
        best = likely.argmax(axis=1)
        sure = np.take_along_axis(likely, best[:, None], axis=1)[:, 0]
        found[start : start + AT_ONCE, 0] = best.reshape(described.shape[:3])
        found[start : start + AT_ONCE, 1] = np.round(sure * 255).reshape(described.shape[:3])
    return found
