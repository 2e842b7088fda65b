"""Frames: what the windows of a network show on a few rows, recorded at log-spaced steps while it learns.

Eight rows and about four frames for every tenfold of the steps: small, cheap, and enough to scrub back through time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from fofx.errors import RunError
from fofx.models.window import watch
from fofx.recipe import Step

PER_DECADE = 4
LARGEST = 65_536  # numbers kept of one window; larger ones keep their first channels


class Frames:
    """Writes frames/STEP.safetensors: one tensor for each window that has something to show."""

    def __init__(self, folder: Path, model: torch.nn.Module, sample: list[torch.Tensor], last: int) -> None:
        self.folder, self.model, self.sample = folder, model, sample
        self.wanted = {int(10 ** (power / PER_DECADE)) for power in range(PER_DECADE * 7)} | {last}

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        for step in steps:
            if step.number in self.wanted:
                self.record(step.number)
            yield step

    def record(self, number: int) -> None:
        training = self.model.training
        self.model.eval()
        with torch.no_grad(), watch(self.model) as seen:
            self.model(self.sample)
        self.model.train(training)
        tensors = {name: shrink(value).cpu().half().contiguous() for name, value in seen.items()}
        beside = self.folder / f".{number}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file(tensors, beside)
            beside.replace(self.folder / f"{number:07d}.safetensors")
        except (OSError, SafetensorError) as problem:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise RunError("cannot-write", f"{self.folder} cannot be written: {problem}. Free some space.") from problem


def shrink(value: torch.Tensor) -> torch.Tensor:
    """The first channels of a value too large to keep at every frame."""
    if value.numel() <= LARGEST or value.dim() < 2:
        return value.clone()
    kept = max(1, value.shape[1] * LARGEST // value.numel())
    return value[:, :kept].clone()
