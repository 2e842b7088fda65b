"""What was recorded is what the network was: windows on its sample, weights at a step, curves of every step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import fofx
import small
from fofx.errors import RunError, TaskError
from fofx.models.window import watch
from fofx.see.frames import SAMPLE, best_step, curves, frame, frames, path, rung_at, weight_steps, weights
from fofx.see.rows import blocks_and_targets, neural


@pytest.mark.parametrize(("family", "rung"), [("category", "mlp"), ("picture", "cnn")])
def test_a_network_as_it_was_shows_what_was_recorded(family: str, rung: str) -> None:
    """The windows recorded at a step are those of the recorded weights on the first validation rows, up to 16 bits."""
    function = fofx.load(small.FAMILIES[family]().run.path)
    steps = frames(function, rung)
    common = [step for step in steps if step in weight_steps(function, rung)]
    assert steps[0] == 0 and common[0] == 0 and common[-1] == steps[-1]
    blocks = blocks_and_targets(function, rung, list(range(SAMPLE)), "validation").blocks
    for step in (common[0], common[len(common) // 2], common[-1]):
        twin = rung_at(function, rung, step)
        with torch.no_grad(), watch(twin.network.eval()) as seen:
            twin.network(blocks)
        recorded = frame(function, rung, step)
        assert recorded.keys() == seen.keys()
        for name, value in recorded.items():
            now = seen[name].numpy()
            assert np.allclose(
                now[: value.shape[0], : value.shape[1]], value, atol=0.02 * max(1, np.abs(value).max())
            ), name
    first, last = rung_at(function, rung, 0), neural(function, rung)
    names = [name for name, value in last.network.named_parameters() if value.dim() > 1]
    assert any(not torch.equal(first.network.get_parameter(n), last.network.get_parameter(n)) for n in names)


def test_the_path_comes_near_the_kept_weights() -> None:
    function = fofx.load(small.category_function().run.path)
    steps, points = path(function, "mlp")
    assert steps == weight_steps(function, "mlp") and len(points) == len(steps)
    network = neural(function, "mlp").network
    kept = np.concatenate([value.detach().numpy().ravel() for value in network.parameters()])
    names = [name for name, _ in network.named_parameters()]
    far = [np.linalg.norm(np.concatenate([point[n].ravel() for n in names]) - kept) for point in points]
    best = best_step(function, "mlp")
    assert best is not None
    near = int(np.argmin(np.abs(np.array(steps) - best)))
    assert far[near] < 0.5 * far[0]
    if steps[near] == best:
        assert far[near] < 1e-2 * np.linalg.norm(kept)


def test_curves_are_the_history() -> None:
    function = fofx.load(small.category_function().run.path)
    lines = [line for line in function.run.history() if line["rung"] == "mlp"]
    found = curves(function.run, "mlp")
    assert found["step"].tolist() == [line["step"] for line in lines]
    assert found["loss"].tolist() == [line["loss"] for line in lines]
    assert np.isfinite(found["gradient_norm"]).all()
    checked = [line for line in lines if "validation" in line]
    assert np.isfinite(found["validation"]).sum() == len(checked)
    assert best_step(function, "mlp") == min(checked, key=lambda line: line["validation"])["step"]


def test_what_was_not_recorded_is_said() -> None:
    function = small.category_function()
    assert frames(function, "linear") == [] and weight_steps(function, "linear") == []
    assert not len(curves(function, "linear")["step"]) and best_step(function, "linear") is None
    for ask in (frame, weights, rung_at):
        with pytest.raises(TaskError) as error:
            ask(function, "mlp", 999_999)
        assert error.value.code == "no-frame"


def test_a_damaged_file_is_an_error(tmp_path) -> None:
    function = fofx.load(small.category_function().save(tmp_path / "copy"))
    folder = function.run.path / "rungs" / "mlp" / "frames"
    for file in (next((folder / "weights").glob("*.safetensors")), next(folder.glob("*.safetensors"))):
        file.write_bytes(file.read_bytes()[:40])
    for ask in (weights, frame):
        with pytest.raises(RunError) as error:
            ask(function, "mlp", 1)
        assert error.value.code == "damaged-run"


def test_frames_of_an_earlier_fofx_can_be_read(tmp_path) -> None:
    """They had a file for each step, with the windows' plain names."""
    from safetensors.torch import save_file

    function = fofx.load(small.category_function().save(tmp_path / "copy"))
    folder = function.run.path / "rungs" / "mlp" / "frames"
    for file in folder.glob("*.safetensors"):
        file.unlink()
    for step in (3, 10):
        save_file({"encoders.0.outputs": torch.full((2, 2), float(step))}, folder / f"{step:07d}.safetensors")
    assert frames(function, "mlp") == [3, 10]
    assert frame(function, "mlp", 10)["encoders.0.outputs"].tolist() == [[10, 10], [10, 10]]
