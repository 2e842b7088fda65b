"""What was recorded while a network learned: its windows and its weights at some steps, and the curves of every step.

Windows show the first rows of the validation part (`SAMPLE` of them); numbers were kept in 16 bits. Nothing is worked out
here: what was not recorded cannot be had.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from fofx.errors import RunError, TaskError
from fofx.finding import Finding
from fofx.run import Run, rung_folder
from fofx.rungs.neural import Neural
from fofx.see.rows import neural

SAMPLE = 8  # validation rows, from place 0, that the windows were recorded on


def frames(run: Run | Finding, rung: str) -> list[int]:
    """The steps whose windows were recorded, ascending; 0 is before the first step. Empty when there are none."""
    return _steps(_folder(run, rung))


def frame(run: Run | Finding, rung: str, step: int) -> dict[str, np.ndarray]:
    """{window: float32 array} of one recorded step; the first axis is the sample's rows (of TabM's windows: the members).

    Raises TaskError "no-frame" for a step that was not recorded, RunError "damaged-run".
    """
    return _read(run, rung, step, "")


def weight_steps(run: Run | Finding, rung: str) -> list[int]:
    """The steps whose weights were recorded, ascending. Empty for a network too large to keep so often."""
    return _steps(_folder(run, rung) / "weights")


def weights(run: Run | Finding, rung: str, step: int) -> dict[str, np.ndarray]:
    """{name in the network: float32 array} of one recorded step: what learns, and running means of normalizations.

    Errors as in `frame`.
    """
    return _read(run, rung, step, "weights")


def path(run: Run | Finding, rung: str) -> tuple[list[int], list[dict[str, np.ndarray]]]:
    """Steps and weights of the whole recorded path; points where a weight did not fit into 16 bits are left out."""
    found = [(step, _tensors(file, step)) for step, file in _places(_folder(run, rung) / "weights").items()]
    whole = [(step, each) for step, each in found if all(np.isfinite(value).all() for value in each.values())]
    return [step for step, _ in whole], [each for _, each in whole]


def rung_at(function: Finding, rung: str | None, step: int) -> Neural:
    """The network of a run as it was after `step` updates (0: before the first), to predict with or to look into.

    A twin: the run's own network is left as it is. Weights were kept in 16 bits, so its answers are near those of then, not
    equal to the bit. Raises TaskError "no-frame" when they were not recorded at this step.
    """
    found = neural(function, rung)
    twin = copy.copy(found)
    kept = weights(function, found.name, step)
    twin.network = copy.deepcopy(found.network)
    try:
        twin.network.load_state_dict({name: torch.from_numpy(value) for name, value in kept.items()}, strict=False)
    except RuntimeError as problem:
        raise RunError(
            "damaged-run", f"The weights of {found.name!r} at step {step} do not fit its network."
        ) from problem
    return twin


def curves(run: Run | Finding, rung: str) -> dict[str, np.ndarray]:
    """step, epoch, loss, rate, gradient_norm (before clipping) and validation of every step: (S,) float64, NaN where none.

    From the rung's history.jsonl; a last line cut off by a kill is passed over. Empty arrays when there is no history.
    """
    names = ("step", "epoch", "loss", "rate", "gradient_norm", "validation")
    lines = []
    file = _run(run).path / rung_folder(rung) / "history.jsonl"
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                read = json.loads(line)
            except (ValueError, RecursionError):
                break
            if isinstance(read, dict):
                lines.append(read)
    return {
        name: np.array([np.nan if (v := line.get(name)) is None else v for line in lines], dtype=np.float64)
        for name in names
    }


def best_step(run: Run | Finding, rung: str) -> int | None:
    """The step whose weights the rung kept: the first with the lowest validation loss; None without a history."""
    found = curves(run, rung)
    if not len(found["step"]) or np.isnan(found["validation"]).all():
        return None
    return int(found["step"][np.nanargmin(found["validation"])])


def _run(run: Run | Finding) -> Run:
    return run.run if isinstance(run, Finding) else run


def _folder(run: Run | Finding, rung: str) -> Path:
    return _run(run).path / rung_folder(rung) / "frames"


def _places(folder: Path) -> dict[int, Path]:
    """Which file holds which step. Runs of an earlier fofx have a file a step, with names that begin with no number."""
    found: dict[int, Path] = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as opened:
                numbers = {name.partition("/")[0] for name in opened.keys() if "/" in name}  # noqa: SIM118 (no mapping)
        except (OSError, SafetensorError) as problem:
            raise RunError("damaged-run", f"{file} is damaged: {problem}.") from problem
        found |= {int(number): file for number in numbers if number.isdigit()} or {int(file.stem): file}
    return dict(sorted(found.items()))


def _steps(folder: Path) -> list[int]:
    return list(_places(folder))


def _read(run: Run | Finding, rung: str, step: int, kind: str) -> dict[str, np.ndarray]:
    folder = _folder(run, rung) / kind
    places = _places(folder)
    if step not in places:
        what = "weights" if kind else "windows"
        hint = f"Recorded are {', '.join(map(str, places))}." if places else "None of this rung were."
        raise TaskError("no-frame", f"The {what} of {rung!r} at step {step} were not recorded. {hint}")
    return _tensors(places[step], step)


def _tensors(file: Path, step: int) -> dict[str, np.ndarray]:
    """What a file holds of one step."""
    start = f"{int(step)}/"
    try:
        with safe_open(file, framework="pt") as opened:
            names = list(opened.keys())
            own = [name for name in names if name.startswith(start)] or [name for name in names if "/" not in name]
            return {name.removeprefix(start): opened.get_tensor(name).float().numpy() for name in own}
    except (OSError, SafetensorError) as problem:
        raise RunError("damaged-run", f"{file} is damaged: {problem}.") from problem
