"""The landscape's numbers are losses of the network itself: at the centre, along a curve, at the path's own points."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import fofx
import small
from fofx.errors import TaskError
from fofx.see.directions import Mover, principal, random_directions
from fofx.see.frames import rung_at, weight_steps
from fofx.see.landscape import landscape, landscape_of, line
from fofx.see.rows import blocks_and_targets, neural, numbers_of
from fofx.tasks.line import least_squares, mean_loss
from seen import prices


def loss_on_train(function: fofx.Function, network: nn.Module | None = None) -> float:
    """Mean square of the scaled errors over the training rows, without anything of the landscape."""
    rung = neural(function, "mlp")
    blocks, targets, _ = blocks_and_targets(function, "mlp", None, "train")
    with torch.no_grad():
        said = (network or rung.network).eval()(blocks)
    return float(((said - targets[0]) ** 2).mean())


def test_the_centre_is_the_loss_at_the_weights() -> None:
    function = prices()
    for directions in ("path", "random"):
        found = landscape(function, "mlp", directions, side=15, seconds=1e6)
        right = loss_on_train(function)
        assert found.centre_loss == pytest.approx(right, rel=1e-5)
        row, column = np.flatnonzero(found.y == 0), np.flatnonzero(found.x == 0)
        assert len(row) == len(column) == 1
        assert found.losses[row[0], column[0]] == found.centre_loss
        assert found.losses.shape == (15, 15) and np.isfinite(found.losses).all()
        assert found.rows == len(numbers_of(function, "train")) and found.part == "train"
        assert found.losses.max() > 1.5 * found.centre_loss  # it is a landscape, not a plain


def test_the_path_lies_in_the_plane_and_ends_at_the_centre() -> None:
    function = prices()
    found = landscape(function, "mlp", side=15, seconds=1e6)
    assert found.kind == "path" and found.path is not None and found.path_losses is not None
    assert found.path_steps == weight_steps(function, "mlp")
    x, y = found.path.T
    assert found.x.min() <= x.min() and x.max() <= found.x.max()
    assert found.y is not None and found.y.min() <= y.min() and y.max() <= found.y.max()
    assert found.explained is not None and 0.5 < sum(found.explained) <= 1 + 1e-9
    assert found.explained[0] >= found.explained[1]
    # The losses on the path are those of the network as it was.
    for place in (0, len(found.path_steps) // 2):
        then = rung_at(function, "mlp", found.path_steps[place]).network
        assert found.path_losses[place] == pytest.approx(loss_on_train(function, then), rel=1e-4)
    assert found.path_losses[0] > 2 * found.centre_loss
    assert found.kept_step in range(1, found.path_steps[-1] + 1)
    near = int(np.argmin(np.abs(np.array(found.path_steps) - found.kept_step)))
    assert np.hypot(*found.path[near]) < 0.5 * np.hypot(*found.path[0])


def test_one_weight_gives_a_curve_and_two_a_surface() -> None:
    function = prices()
    network = neural(function, "mlp").network
    name = next(name for name, value in network.named_parameters() if value.dim() == 2)
    now = float(network.get_parameter(name).detach()[1, 0])
    curve = landscape(function, "mlp", weights=[(name, (1, 0))], side=11, seconds=1e6)
    assert curve.kind == "weight" and curve.y is None and curve.centre == (now,)
    for value, loss in zip(curve.x, curve.losses):
        moved = copy.deepcopy(network)
        with torch.no_grad():
            moved.get_parameter(name)[1, 0] = float(value)
        assert loss == pytest.approx(loss_on_train(function, moved), rel=1e-4)
    assert curve.path is not None and curve.path.shape == (len(curve.path_steps), 1)
    surface = landscape(function, "mlp", weights=[(name, (1, 0)), (name, (2, 0))], side=11, seconds=1e6)
    assert surface.y is not None and np.array_equal(surface.x, curve.x)
    assert np.array_equal(surface.losses[surface.y == surface.centre[1]][0], curve.losses)
    assert surface.losses[surface.y == surface.centre[1], surface.x == surface.centre[0]] == pytest.approx(
        curve.centre_loss
    )
    assert float(network.get_parameter(name).detach()[1, 0]) == now  # the run's own network has not moved


def test_the_courses_line_is_exact() -> None:
    found = line("mae")
    assert found.y is not None and found.path is not None and found.path_losses is not None
    place = int(np.argmin(np.abs(found.y - 2))), int(np.argmin(np.abs(found.x - 3)))
    assert (found.x[place[1]], found.y[place[0]]) == pytest.approx((3, 2))
    assert round(float(found.losses[place]), 2) == 4.48
    for loss in ("mae", "mse"):
        found = line(loss, side=21)
        assert found.y is not None
        for row, column in ((0, 0), (3, 17), (20, 20)):
            assert found.losses[row, column] == pytest.approx(mean_loss(found.x[column], found.y[row], loss))
    walked = line("mse", rate=0.06, steps=3000)
    assert walked.centre == pytest.approx(least_squares(), abs=1e-3)
    assert walked.path is not None and walked.path_losses is not None
    assert tuple(walked.path[0]) == (3, 2) and walked.path_losses[-1] == pytest.approx(walked.centre_loss)
    assert walked.centre_loss <= walked.losses.min() + 1e-9
    with pytest.raises(TaskError):
        line("hinge")


def points_of(rng: np.random.Generator, count: int) -> list[dict[str, np.ndarray]]:
    return [
        {"a": rng.normal(size=(3, 4)).astype(np.float32), "b": rng.normal(size=5).astype(np.float32)}
        for _ in range(count)
    ]


@given(st.integers(3, 12), st.integers(0, 999))
def test_principal_directions_are_those_of_the_svd(count: int, seed: int) -> None:
    points = points_of(np.random.default_rng(seed), count)
    start = {name: torch.from_numpy(value) for name, value in points[-1].items()}
    ways, coordinates, explained = principal(start, points)
    matrix = np.stack(
        [np.concatenate([p[n].ravel() - points[-1][n].ravel() for n in ("a", "b")]) for p in points]
    ).astype(float)
    _, lengths, right = np.linalg.svd(matrix)
    flat = np.stack([np.concatenate([way[n].numpy().ravel() for n in ("a", "b")]) for way in ways])
    assert np.allclose(flat @ flat.T, np.eye(2), atol=1e-4)
    assert np.allclose(np.abs((flat * right[:2]).sum(axis=1)), 1, atol=1e-2) or np.isclose(*lengths[1:3], rtol=0.05)
    assert np.allclose(coordinates, matrix @ flat.T, atol=1e-4)
    assert np.allclose(explained, lengths[:2] ** 2 / (lengths**2).sum(), atol=1e-6)
    assert np.allclose(coordinates[-1], 0, atol=1e-6)


def test_a_straight_path_has_one_direction() -> None:
    start = {"a": torch.zeros(3)}
    points = [{"a": np.array([n, 0.0, 0.0], np.float32)} for n in (2, 1, 0)]
    ways, coordinates, explained = principal(start, points)
    assert np.allclose(coordinates, [[2, 0], [1, 0], [0, 0]]) and explained == pytest.approx((1, 0))
    assert torch.isfinite(ways[1]["a"]).all()


def test_random_directions_are_as_long_as_the_filters() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 4))
    start = {name: value.detach() for name, value in model.named_parameters()}
    for way in random_directions(start, seed=1):
        assert sorted(way) == ["0.weight", "2.weight"]
        assert torch.allclose(way["0.weight"].flatten(1).norm(dim=1), start["0.weight"].flatten(1).norm(dim=1))
        assert torch.allclose(way["2.weight"].norm(dim=1), start["2.weight"].norm(dim=1))
    first, second = random_directions(start, seed=1)
    assert not torch.equal(first["0.weight"], second["0.weight"])
    assert torch.equal(first["0.weight"], random_directions(start, seed=1)[0]["0.weight"])


def test_a_plain_model_and_its_bowl() -> None:
    """L = w1^2 + 3 w2^2 around (1, 2): known at every point."""
    model = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 2.0]]))

    def bowl(each: nn.Module) -> torch.Tensor:
        return each.weight[0, 0] ** 2 + 3 * each.weight[0, 1] ** 2

    found = landscape_of(model, bowl, weights=[("weight", (0, 0)), ("weight", (0, 1))], side=21)
    assert found.y is not None
    assert np.allclose(found.losses, found.x[None] ** 2 + 3 * found.y[:, None] ** 2, atol=1e-4)
    assert found.centre == (1.0, 2.0) and found.path is None
    notices = [notice.code for notice in landscape_of(model, bowl, side=9).notices]
    assert notices == ["no-path"]
    mover = Mover(model, bowl)
    assert mover.loss([{"weight": torch.ones(1, 2)}], [1.0]) == pytest.approx(4 + 27)
    assert mover.loss([], ()) == pytest.approx(13)


def test_a_short_time_gives_a_coarse_picture() -> None:
    import time

    model = nn.Linear(2, 1)

    def slow(each: nn.Module) -> torch.Tensor:
        time.sleep(0.01)
        return each.weight.square().sum()

    begun = time.perf_counter()
    found = landscape_of(model, slow, "random", side=51, seconds=1.0)
    assert found.y is not None and len(found.x) < 12 and time.perf_counter() - begun < 30
    assert np.isfinite(found.losses[found.y == 0, found.x == 0])


def test_a_slow_network_is_measured_on_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    function = prices()
    rung = neural(function, "mlp")
    plain = type(rung).run

    def slow(self, blocks: list[torch.Tensor]) -> torch.Tensor:
        time.sleep(2e-4 * len(blocks[0]))
        return plain(self, blocks)

    monkeypatch.setattr(type(rung), "run", slow)
    found = landscape(function, "mlp", "random", side=31, seconds=1.5)
    assert found.rows == 64 and 9 <= len(found.losses) < 20
    blocks, targets, _ = blocks_and_targets(function, "mlp", None, "train")
    places = torch.linspace(0, len(targets[0]) - 1, 64).round().long()
    with torch.no_grad():
        right = rung.loss(rung.network([block[places] for block in blocks]), [targets[0][places]], {}).item()
    assert found.centre_loss == pytest.approx(right, rel=1e-5)


def test_wrong_questions() -> None:
    model = nn.Linear(2, 1)

    def loss(each: nn.Module) -> torch.Tensor:
        return each.weight.square().sum()

    for code, options in (
        ("no-path", {"directions": "path"}),
        ("bad-option", {"directions": "sideways"}),
        ("bad-option", {"side": 3}),
        ("bad-option", {"weights": [("weight", (0, 0))] * 2}),
        ("bad-option", {"weights": []}),
        ("unknown-weight", {"weights": [("weigth", (0, 0))]}),
        ("unknown-weight", {"weights": [("weight", (0, 5))]}),
        ("unknown-weight", {"weights": [("weight", (0,))]}),
    ):
        with pytest.raises(TaskError) as error:
            landscape_of(model, loss, **options)
        assert error.value.code == code
    with pytest.raises(TaskError) as error:
        landscape_of(model, lambda each: torch.rand(()), "random")
    assert error.value.code == "bad-option"


@pytest.mark.parametrize("family", ["category", "text", "picture"])
def test_other_runs_have_landscapes_too(family: str) -> None:
    function = small.FAMILIES[family]()
    found = landscape(function, None, side=9, seconds=2.0, rows=64, part="validation")
    assert found.losses.shape == (9, 9) and np.isfinite(found.centre_loss)
    assert found.kind == "path" and found.path_losses is not None
