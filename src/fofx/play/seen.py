"""What can be seen of a playground: losses, weights, gradients, every unit's output at every point.

N points. Everything is computed from the present weights when it is asked for; nothing is kept that could be out of date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fofx.errors import TaskError
from fofx.play import kernels, network
from fofx.play.state import State
from fofx.play.updates import rate_at

ALL = np.empty(0, np.int64)  # for the compiled loop: no rows in particular


class History(NamedTuple):
    """The losses at the end of each epoch and after each change, without the penalty. Equally long lists.

    The accuracies are None for regression."""

    updates: list[int]
    train: list[float]
    test: list[float]
    penalty: list[float]
    train_accuracy: list[float | None]
    test_accuracy: list[float | None]


@dataclass(frozen=True)
class Sample:
    """One example on its way through the network and back.

    row: its number among the training points. outputs: every layer's outputs, the features first. gradient: of this
    example's loss alone. change: what its update added to the weights and biases.
    """

    row: int
    point: np.ndarray  # (2,)
    answer: float
    outputs: list[np.ndarray]
    loss: float
    gradient: network.Layers
    change: network.Layers


class Mistake(NamedTuple):
    """A point that is answered wrongly. row: its number in its part."""

    row: int
    point: np.ndarray  # (2,)
    answer: float
    said: float
    loss: float


class Seen:
    """The readable half of a `Session`, which owns what is declared here."""

    state: State
    train_points: np.ndarray  # (N, 2)
    train_answers: np.ndarray  # (N,)
    test_points: np.ndarray
    test_answers: np.ndarray
    _net: np.ndarray
    _parameters: np.ndarray
    _mask: np.ndarray
    _place: np.ndarray
    _learnt: tuple[np.ndarray, np.ndarray]
    _tested: tuple[np.ndarray, np.ndarray]
    _rows: list[tuple]
    _measured: tuple | None

    def _measure(self) -> tuple:
        """Losses of training and test, the penalty, right answers of both: measured once for the same weights."""
        if self._measured is None:
            train, right = kernels.measure(self._net, self._parameters, *self._learnt)
            test, tested = kernels.measure(self._net, self._parameters, *self._tested)
            rule = network.rule(self.state)
            penalty = kernels.penalty_of(self._parameters, self._mask, rule.l1, rule.l2)
            self._measured = (train, test, penalty, right, tested)
        return self._measured

    @property
    def epochs(self) -> int:
        return int(self._place[0])

    @property
    def updates(self) -> int:
        return int(self._place[2])

    @property
    def penalty(self) -> float:
        """What the penalty adds to the loss."""
        return float(self._measure()[2])

    @property
    def train_loss(self) -> float:
        """Mean loss over the training points now; with `show_penalty`, the penalty is in it."""
        return float(self._measure()[0]) + (self.penalty if self.state.show_penalty else 0.0)

    @property
    def test_loss(self) -> float:
        return float(self._measure()[1]) + (self.penalty if self.state.show_penalty else 0.0)

    @property
    def train_accuracy(self) -> float | None:
        """Share of right classes; None for regression."""
        return self._measure()[3] / len(self.train_answers) if self.state.problem == "classification" else None

    @property
    def accuracy(self) -> float | None:
        """Share of right classes among the test points; None for regression."""
        return self._measure()[4] / len(self.test_answers) if self.state.problem == "classification" else None

    @property
    def rate(self) -> float:
        """The learning rate of this epoch, after the schedule."""
        return float(rate_at(network.rule(self.state), self.epochs))

    @property
    def history(self) -> History:
        columns = [list(column) for column in zip(*self._rows)]
        return History(*columns)

    @property
    def weights(self) -> network.Layers:
        """Copies of the weights (outputs, inputs) and biases (outputs,) of every layer."""
        return network.plain(self._net, self._parameters)

    @property
    def next_rows(self) -> np.ndarray:
        """The numbers of the training points that the next update takes."""
        order = kernels.order_of(len(self.train_answers), self.state.seed, self.epochs)
        return order[self._place[1] : self._place[1] + self.state.batch]

    def gradient(self, rows: Any = None) -> network.Layers:
        """The gradient of the mean loss over some training points (None: all), without dropout and penalty."""
        only = np.arange(len(self.train_answers)) if rows is None else np.array(rows, np.int64).reshape(-1)
        if not len(only) or only.min() < 0 or only.max() >= len(self.train_answers):
            raise TaskError(
                "no-such-row", f"The gradient is taken over training points 0 to {len(self.train_answers) - 1}."
            )
        found, rest = np.zeros_like(self._parameters), np.zeros_like(self._parameters)
        rule = network.rule(self.state)._replace(dropout=0.0, batch=len(only))
        tensors = (self._parameters, rest, rest, found, self._mask)
        place, progress, history = np.zeros(4, np.int64), np.zeros(2), np.empty((0, 6))
        kernels.descend(self._net, rule, tensors, self._learnt, self._tested, place, progress, history, 1, only)
        return network.plain(self._net, found)

    @property
    def gradients(self) -> network.Layers:
        """The gradient over the next batch, as the next step will use it, in the shapes of `weights`."""
        return self.gradient(self.next_rows)

    def outputs(self, points: np.ndarray) -> np.ndarray:
        """Every unit's output at points (N, 2): (units, N) float32, features first, then layer by layer.

        The last layer by cross-entropy: a probability for each class, or for two classes p(1) - p(0), from -1 to 1.
        """
        results = np.empty((sum(self.state.sizes), len(points)), np.float32)
        inputs = network.inputs(self.state, np.asarray(points, float))
        kernels.measure_outputs(self._net, self._parameters, inputs, np.zeros(len(points), np.float32), results)
        if self.state.cross_entropy:
            last = results[-self.state.outputs :]
            if self.state.outputs == 1:
                last[:] = np.tanh(last / 2)
            else:
                powers = np.exp(last - last.max(axis=0))
                last[:] = powers / powers.sum(axis=0)
        return results

    def predict(self, points: np.ndarray) -> np.ndarray:
        """The class (N,) int64 or the number (N,) at points (N, 2)."""
        last = self.outputs(points)[-self.state.outputs :]
        if self.state.problem == "regression":
            return last[0]
        return last.argmax(axis=0) if len(last) > 1 else (last[0] > 0).astype(np.int64)

    def heat(self, side: int = 100) -> np.ndarray:
        """Every unit's output over the square from -6 to 6: (units, side, side) float32, the top row first."""
        if not 1 <= side <= 400:
            raise TaskError("bad-side", f"A heat map has 1 to 400 pixels a side, not {side!r}.")
        return self.outputs(network.grid(side)).reshape(-1, side, side)

    def mistakes(self) -> np.ndarray:
        """The points that are given another class: their numbers (M,), training points first, then test points.

        Empty for regression, where every answer is a little wrong: see `worst`.
        """
        if self.state.problem == "regression":
            return np.empty(0, np.int64)
        said = self.predict(np.concatenate([self.train_points, self.test_points]))
        return np.flatnonzero(said != np.concatenate([self.train_answers, self.test_answers]))

    def worst(self, most: int = 20, part: str = "test") -> list[Mistake]:
        """The points of a part ("train" or "test") with another answer than the right one, by their loss, the worst first."""
        learnt = part == "train"
        points = self.train_points if learnt else self.test_points
        answers = self.train_answers if learnt else self.test_answers
        said, losses = self.predict(points), self.losses(part)
        wrong = np.flatnonzero(said != answers)
        rows = wrong[np.argsort(-losses[wrong], kind="stable")][:most]
        return [
            Mistake(int(row), points[row], float(answers[row]), float(said[row]), float(losses[row])) for row in rows
        ]

    def losses(self, part: str = "test") -> np.ndarray:
        """The loss of every point of a part ("train" or "test"), without the penalty: (N,) float64."""
        inputs, answers = self._learnt if part == "train" else self._tested
        wide = len(inputs) // len(answers)
        rows = [
            kernels.measure(self._net, self._parameters, inputs[row * wide : (row + 1) * wide], answers[row : row + 1])
            for row in range(len(answers))
        ]
        return np.array([loss for loss, _ in rows])

    def rivals(self, side: int = 50) -> list[Any]:
        """KNN, tree, naive Bayes and a line on the same points: see `fofx.play.rivals.Rival`."""
        from fofx.play.rivals import rivals

        return rivals(self, side)  # type: ignore[arg-type]

    def landscape(self, weights: Any = None, side: int = 41, reach: float | None = None, seed: int = 0) -> Any:
        """The loss around the present weights: see `fofx.play.landscape.landscape`."""
        from fofx.play.landscape import landscape

        return landscape(self, weights, side, reach, seed)  # type: ignore[arg-type]
