"""Same voice or not, begun from 2,000 drawn voices: what varies within a voice and what from voice to voice is known before
the first own pair is heard. Own pairs move it as far as they are many (classic/prior.py), so that three speakers suffice.

The features are the summary of the cepstrum at 8 kHz (`fields.sound.cepstral_summary`). Shapes: P pairs, D numbers of a side.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file

from fofx.classic.prior import TwoCovariances
from fofx.encoded import Inputs, Predictions, Problem, pair_of
from fofx.errors import TaskError
from fofx.fields.base import Field, Output
from fofx.fields.category import Category
from fofx.fields.sound import Sound, cepstral_summary, is_array, once
from fofx.rungs.base import Code, Rung, Tensors, Watch, quoted

RATE = 8000  # at which the drawn voices were heard, in so many bands:
BANDS = 40
MOST = 20_000  # training pairs that are used


class Voiceprint(Rung):
    """Two sounds in, one of two classes out."""

    family = "classical"
    words = ("voiceprint",)
    height = 8

    @classmethod
    def tried(cls, problem: Problem) -> list[str]:
        return list(cls.words) if fits(problem.fields, problem.outputs) else []

    @classmethod
    def demand(cls, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().demand(name, fields, outputs)
        if not fits(fields, outputs):
            raise TaskError("model-does-not-fit", f"{name!r} compares two sounds and says one of two classes.")

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.model = TwoCovariances(known_voices())

    def fit(self, problem: Problem, seconds: float, watch: Watch) -> None:
        first, second = (side[:MOST] for side in self.sides(problem.train))
        same = problem.truth(self.outputs[0])[:MOST] == self.yes
        self.model.fit(first, second, same)
        watch({"what": "step", "fraction": 1.0, "loss": self.model.loss})

    @property
    def yes(self) -> int:
        """The number of the class that says that the voices are the same."""
        names = [name.strip().lower() for name in self.outputs[0].names]  # type: ignore[attr-defined]
        said = [number for number, name in enumerate(names) if name in ("yes", "same", "true", "1", "是", "相同")]
        return said[0] if len(said) == 1 else 1

    def sides(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """What is known of the voice on each side, (P, D) each."""
        first, second = (voice_numbers(field, inputs.frame[field.name]) for field in self.fields)  # type: ignore[arg-type]
        return first, second

    def predict(self, inputs: Inputs) -> Predictions:
        found = self.model.probabilities(*self.sides(inputs))  # (P, 2): differs, same
        return {self.outputs[0].name: found if self.yes == 1 else found[:, ::-1]}

    def state(self) -> tuple[dict, Tensors]:
        settings, arrays = self.model.state()
        return {"model": settings}, {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in arrays.items()}

    def restore(self, data: dict, tensors: Tensors) -> None:
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        self.model = TwoCovariances.from_state(data["model"], arrays)  # type: ignore[assignment]

    def script(self, record: dict) -> Code:
        names, yes = quoted([field.name for field in self.fields]), self.yes
        side = f"(voice_numbers(sounds[name], FRAME[name]) for name in {names})"
        lines = f"first, second = {side.replace('FRAME', 'train')}\n"
        lines += f"right = output.truth(train[output.name])[:MOST] == {yes}  # the number of the class that says yes\n"
        lines += "model.fit(first[:MOST], second[:MOST], right)\n"
        lines += '\n\ndef predict(frame):\n    """How likely each class is."""\n'
        lines += f"    found = model.probabilities(*{side.replace('FRAME', 'frame')})\n"
        lines += f"    return {{output.name: found{'' if yes == 1 else '[:, ::-1]'}}}\n"
        model = "model = TwoCovariances(unpacked(VOICES))  # begun from what 2,000 drawn voices have in common\n"
        settings = {"VOICES": packed(known_voices()), "MOST": MOST}
        return Code(settings, [("model", model), ("optimize", lines)], [TwoCovariances, voice_numbers, unpacked])


def voice_numbers(field: Sound, column: pl.Series) -> np.ndarray:
    """The summary of each row's sound, each different sound heard once: float64 (P, D)."""
    if is_array(column):
        return cepstral_summary(field.encode_at(column, RATE, BANDS)).double().numpy()
    values, places = once(column.to_list())
    heard = field.encode_at(pl.Series(field.name, values, dtype=column.dtype), RATE, BANDS)
    return cepstral_summary(heard).double().numpy()[places]


def fits(fields: list[Field], outputs: list[Output]) -> bool:
    """Whether two sounds go in and one of two classes comes out."""
    pair = pair_of(fields)
    two = len(outputs) == 1 and isinstance(outputs[0], Category) and outputs[0].size == 2
    return bool(pair) and isinstance(fields[0], Sound) and two


@cache
def known_voices() -> dict[str, np.ndarray]:
    """Mean, spread and both covariances of 2,000 drawn voices (tools/learn_voices.py), to the precision that a script is given."""
    tensors = load_file(Path(__file__).with_name("voiceprint.safetensors"))
    return unpacked(packed({name: value.double().numpy() for name, value in tensors.items()}))


def packed(known: dict[str, np.ndarray]) -> str:
    """In few letters: half precision, and of the covariances, which are symmetric, only half."""
    upper = np.triu_indices(len(known["mean"]))
    parts = [known["mean"], known["spread"], known["within"][upper], known["between"][upper]]
    return base64.b85encode(zlib.compress(np.concatenate(parts).astype(np.float16).tobytes(), 9)).decode()


def unpacked(letters: str) -> dict[str, np.ndarray]:
    """Mean (D,), spread (D,), covariance within a voice and between voices (D, D), from these letters."""
    numbers = np.frombuffer(zlib.decompress(base64.b85decode(letters)), dtype=np.float16).astype(np.float64)
    size = round((np.sqrt(9 + 4 * len(numbers)) - 3) / 2)  # D + D + D (D + 1) of them
    mean, spread, *halves = np.split(numbers, [size, 2 * size, 2 * size + size * (size + 1) // 2])
    found = {"mean": mean, "spread": spread}
    for name, half in zip(("within", "between"), halves):
        matrix = np.zeros((size, size))
        matrix[np.triu_indices(size)] = half
        found[name] = matrix + np.triu(matrix, 1).T
    return found
