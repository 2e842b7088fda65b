"""A descent frozen between two steps: one safetensors file from which it continues to the same bits.

Holds the weights, the best weights so far, the optimizer's state, torch's random state and a few counters. Written to a
temporary name, flushed to the disk and renamed: a killed process leaves either the old file or the new one. Reading
runs no code. Resuming needs the same number of threads and versions for equal bits; that is for the caller to watch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from fofx.errors import RunError

FORMAT = "fofx-checkpoint-1"
Tensors = dict[str, torch.Tensor]


@dataclass
class Checkpoint:
    """State after `number` updates. Its tensors are the live ones until saved; `load` gives ones of its own."""

    number: int
    recipe: dict[str, Any]
    weights: Tensors
    optimizer: Tensors  # "<parameter's place>.<name>", as in "3.exp_avg"
    random: Tensors  # "cpu", and "cuda" on a GPU
    scaler: dict[str, Any] = field(default_factory=dict)  # of float16 precision
    keeper: dict[str, Any] = field(default_factory=dict)  # plain state of a `Keeper`
    best: Tensors = field(default_factory=dict)  # its best weights; empty before the first check

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write atomically. Raises RunError "cannot-write"."""
        groups = {"weights": self.weights, "optimizer": self.optimizer, "random": self.random, "best": self.best}
        tensors: Tensors = {}
        seen: set[int] = set()
        for group, content in groups.items():
            for name, tensor in content.items():
                plain = tensor.detach().contiguous()
                # Tied weights share memory, which the format refuses: each name gets its own copy.
                if plain.untyped_storage().data_ptr() in seen or plain.untyped_storage().nbytes() != plain.nbytes:
                    plain = plain.clone()
                seen.add(plain.untyped_storage().data_ptr())
                tensors[f"{group}/{name}"] = plain
        facts = {"number": self.number, "recipe": self.recipe, "scaler": self.scaler, "keeper": self.keeper}
        path = Path(path)
        unfinished = path.with_name(path.name + ".part")
        try:
            save_file(tensors, unfinished, metadata={"format": FORMAT, "facts": json.dumps(facts)})
            with open(unfinished, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except (OSError, SafetensorError) as error:
            unfinished.unlink(missing_ok=True)
            raise RunError(
                "cannot-write",
                f"The checkpoint {path.name!r} could not be written: {error}. Free some space or choose another place.",
            ) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read and check a file. Raises RunError "no-checkpoint" or "broken-checkpoint"."""
        path = Path(path)
        if not path.is_file():
            raise RunError("no-checkpoint", f"There is no checkpoint {path.name!r} in {path.parent}.")
        groups: dict[str, Any] = {"weights": {}, "optimizer": {}, "random": {}, "best": {}}
        try:
            with safe_open(path, framework="pt") as file:
                facts = file.metadata() or {}
                if facts.get("format") != FORMAT:
                    raise ValueError(f"its format is {facts.get('format')!r}, expected {FORMAT!r}")
                for name in file.keys():  # noqa: SIM118 (not a dict)
                    group, _, rest = name.partition("/")
                    groups[group][rest] = file.get_tensor(name)
            plain = json.loads(facts["facts"])
            kinds = {"number": int, "recipe": dict, "scaler": dict, "keeper": dict}
            if set(plain) != set(kinds) or any(type(plain[name]) is not kind for name, kind in kinds.items()):
                raise ValueError("its counters are incomplete")
            if plain["number"] < 0:
                raise ValueError("its step number is below 0")
            return cls(**plain, **groups)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise RunError(
                "broken-checkpoint",
                f"The checkpoint {path.name!r} cannot be used: {error}. Delete it to begin that model again.",
            ) from error

    def fits(self, model: torch.nn.Module, recipe: dict[str, Any]) -> None:
        """Raise RunError "foreign-checkpoint" unless this is a state of that model under that recipe."""
        its = _forms(model.state_dict())
        differing: list[str] = []
        for mine in [_forms(self.weights), *([_forms(self.best)] if self.best else [])]:
            differing += sorted(name for name in mine.keys() | its.keys() if mine.get(name) != its.get(name))
        differing += sorted(
            name for name in self.recipe.keys() | recipe.keys() if self.recipe.get(name) != recipe.get(name)
        )
        if differing:
            raise RunError(
                "foreign-checkpoint",
                f"The checkpoint is of another model or recipe: they differ in {', '.join(differing[:5])}. "
                "Resume with the recipe and the data of the same run.",
            )


def _forms(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """The optimizer's memory, by parameter place and name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{place}.{name}": torch.as_tensor(value)
        for place, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what `optimizer_tensors` gave. Raises RunError "foreign-checkpoint" when it does not fit."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    adam = isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW)
    expected = {"step", "exp_avg", "exp_avg_sq"} if adam else {"momentum_buffer"}
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        place, _, name = key.partition(".")
        if not place.isdigit() or int(place) >= len(parameters) or name not in expected:
            raise RunError("foreign-checkpoint", f"The checkpoint's optimizer has {key!r}, which this model has not.")
        parameter = parameters[int(place)]
        if name == "step":
            tensor = tensor.reshape(())
        else:
            if tensor.shape != parameter.shape:
                raise RunError("foreign-checkpoint", f"The checkpoint's {key!r} has the shape {tuple(tensor.shape)}.")
            # The fused update walks through memory, so the state must lie there as the parameter does (channels last).
            tensor = torch.empty_like(parameter).copy_(tensor)
        state.setdefault(int(place), {})[name] = tensor
    if any(values.keys() != expected for values in state.values()):
        raise RunError("foreign-checkpoint", "The checkpoint's optimizer is another one or incomplete.")
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def random_state(device: torch.device) -> Tensors:
    """The state of torch's global generators."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random(state: Tensors, device: torch.device) -> None:
    """Put back what `random_state` gave. Raises RunError "broken-checkpoint"."""
    try:
        torch.set_rng_state(state["cpu"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], device)
    except (KeyError, RuntimeError, TypeError) as error:
        raise RunError("broken-checkpoint", f"The checkpoint's random state cannot be used: {error}.") from error
