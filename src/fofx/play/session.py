"""One playground under way: data, weights and history, one step at a time, forwards and back. It knows no screen.

    session = Session(State(data="spiral", features=("x", "y", "sin(x)", "sin(y)"), layers=(8, 8)))
    session.epoch(100)
    session.train_loss, session.test_loss, session.accuracy
    session.heat(100)

N points, F features, L layers after the input. Classes are the numbers 0, 1, ...; two classes are learnt as -1 and 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fofx.errors import Notice, TaskError
from fofx.play import kernels, network
from fofx.play.carry import carried
from fofx.play.data import DATA, parts
from fofx.play.seen import ALL, Sample, Seen
from fofx.play.state import State
from fofx.play.timeline import Snapshot, Timeline
from fofx.play.trouble import explained
from fofx.play.updates import Rule

AT_ONCE = 250_000  # updates of one call of the compiled loop: bounds what it writes down
MOST_HISTORY = 2000  # epochs that are kept; beyond, every second is forgotten
FREE = ("show_penalty", "show_test", "discretize", "hide", "stop_loss", "stop_epochs", "stop_patience")
FRESH = ("seed", "init", "problem", "classes")  # what begins anew
OF_DATA = ("data", "problem", "classes", "count", "noise", "train_share", "data_seed", "own")


class Session(Seen):
    """A playground. Everything it shows is computed from its weights when it is asked for."""

    def __init__(self, state: State | None = None, points: tuple[Any, Any] | None = None) -> None:
        """points: (N, 2) places and (N,) answers of one's own, which then stand in the state as `own`."""
        state = state or State()
        if points is not None:
            places, answers = np.asarray(points[0], float).reshape(-1, 2), np.asarray(points[1], float)
            if len(places) != len(answers):
                raise TaskError("bad-points", f"{len(places)} points need as many answers, not {len(answers)}.")
            own = tuple((x, y, answer) for (x, y), answer in zip(places.tolist(), answers.tolist()))
            state = state.changed(data="own", own=own)
        self.notices: list[Notice] = list(state.notices)
        self.chart_every = 1  # the history has every so manieth epoch: to measure costs as much time as to learn
        self._begin(state)
        self.timeline = Timeline(self._snapshot())

    # ------------------------------------------------------------------------------------------------ beginning

    def _begin(self, state: State) -> None:
        """New data and the first weights."""
        self.state = state
        self._lay_out(network.first_weights(state.sizes, state.init, np.random.default_rng(state.seed)))
        self._make_data()
        self._place = np.zeros(4, np.int64)
        self._progress = np.array([np.inf, 0.0])
        self._begun, self.stopped, self.trouble = True, "", None  # type: bool, str, Notice | None
        self.remedy: dict[str, Any] = {}
        self._rows: list[tuple] = []
        self._note()

    def _lay_out(self, layers: network.Layers) -> None:
        """Room for these weights and biases, with the optimizer's memory empty."""
        self._net = network.table(self.state)
        self._parameters = network.packed(self._net, layers)
        self._moments = np.zeros_like(self._parameters), np.zeros_like(self._parameters)
        self._gradient = np.zeros_like(self._parameters)
        self._mask = network.weight_mask(self._net)
        self._measured: tuple | None = None

    def _make_data(self) -> None:
        state = self.state
        if state.data == "own":
            table = np.array(state.own)  # (N, 3)
            points, answers = table[:, :2], table[:, 2]
        else:
            random = np.random.default_rng(state.data_seed)
            points, answers = DATA[state.data](state.count, state.noise / 100, state.classes, random)
        if state.problem == "classification":
            answers = answers.astype(np.int64)
        train, test = parts(len(points), state.train_share, np.random.default_rng(state.data_seed))
        self.train_points, self.train_answers = points[train], answers[train]
        self.test_points, self.test_answers = points[test], answers[test]
        self._make_inputs()

    def _make_inputs(self) -> None:
        state = self.state
        self._learnt = network.inputs(state, self.train_points), network.targets(state, self.train_answers)
        self._tested = network.inputs(state, self.test_points), network.targets(state, self.test_answers)
        self._measured = None

    def reset(self) -> None:
        """The first weights again, and nothing to go back to."""
        self._begin(self.state)
        self.timeline = Timeline(self._snapshot())

    def _set_out(self, tensors: list[np.ndarray], place: np.ndarray) -> None:
        """Begin from given parameters and moments instead of the first weights."""
        self._parameters, self._moments = tensors[0], (tensors[1], tensors[2])
        self._place, self._begun, self._measured, self._rows = place, False, None, []
        self._progress = np.array([np.inf, float(place[0])])
        self._note()
        self.timeline = Timeline(self._snapshot())

    @classmethod
    def from_code(cls, text: str) -> Session:
        """The playground a script of `code()` was taken from, as far as the script trains. TaskError "bad-code"."""
        from fofx.play.script import opened

        return opened(cls, text)

    @classmethod
    def from_url(cls, url: str) -> Session:
        """A new playground with the settings of a URL; `notices` say what was beyond the limits."""
        return cls(State.from_url(url))

    def code(self, whole: bool = False) -> str:
        """What is on the screen as one plain PyTorch script that gives the same losses. TaskError "no-code".

        A training that magnifies rounding errors begins late enough in the script that it still gives them; with `whole`
        it begins where the present settings did, and other losses may come out.
        """
        from fofx.play.script import code

        return code(self, whole)

    # ------------------------------------------------------------------------------------------------ the way

    def _snapshot(self) -> Snapshot:
        tensors = (self._parameters.copy(), self._moments[0].copy(), self._moments[1].copy())
        return Snapshot(self.state, tensors, self._place.copy(), self._progress.copy(), self._begun)

    def _restore(self, there: Snapshot) -> None:
        before = self.state
        self.state = there.state.changed(**{name: getattr(before, name) for name in FREE})
        self._net = network.table(self.state)
        self._parameters, *moments = (tensor.copy() for tensor in there.tensors)
        self._moments = moments[0], moments[1]
        self._gradient, self._mask = np.zeros_like(self._parameters), network.weight_mask(self._net)
        self._place, self._progress, self._begun = there.place.copy(), there.progress.copy(), there.begun
        self.stopped, self.trouble, self.remedy = "", None, {}
        if any(getattr(before, name) != getattr(self.state, name) for name in OF_DATA):
            self._make_data()
        elif before.features != self.state.features:
            self._make_inputs()
        self._measured = None

    def _descend(self, updates: int, rule: Rule) -> np.ndarray:
        """The compiled loop; what it measured at the end of each epoch (epochs, 6)."""
        rows = len(self.train_answers)
        history = np.empty((updates // -(-rows // min(rule.batch, rows)) + 2, 6))
        tensors = (self._parameters, *self._moments, self._gradient, self._mask)
        written, reason = kernels.descend(
            self._net, rule, tensors, self._learnt, self._tested, self._place, self._progress, history, updates, ALL
        )
        self._measured = None
        self.stopped = kernels.REASONS[reason]
        return history[:written]

    def _record(self, measured: np.ndarray) -> None:
        counts = np.array([len(self.train_answers), len(self.test_answers)])
        for row in measured:
            train, test, penalty = float(row[1]), float(row[2]), float(row[5])
            shares = (row[3:5] / counts).tolist() if self.state.problem == "classification" else (None, None)
            self._rows.append((int(row[0]), train, test, penalty, *shares))
        while len(self._rows) > MOST_HISTORY:
            self._rows = self._rows[::2]

    def _note(self) -> None:
        """A point of the chart for the present weights: at the start and after a change."""
        train, test, penalty, right, tested = self._measure()
        self._record(np.array([[self.updates, train, test, right, tested, penalty]]))

    def step(self, updates: int = 1) -> int:
        """Do updates, each on the next batch. Returns how many were done: a stop rule or trouble ends them early."""
        if updates < 1 or self.trouble is not None:
            return 0
        before, left = self.updates, updates
        while left > 0:
            self.timeline.passed(self._snapshot())
            self._record(self._descend(min(left, AT_ONCE), network.rule(self.state, self.chart_every)))
            left = updates - (self.updates - before)
            if self.stopped:
                break
        if self.stopped == "not-finite":
            self.trouble, self.remedy = explained(self)
        return self.updates - before

    def epoch(self, epochs: int = 1) -> int:
        """Go on to the end of the epoch, and so many in all. Returns the updates done."""
        rows, batch = len(self.train_answers), self.state.batch
        left = -(-(rows - int(self._place[1])) // batch)
        return self.step(left + (epochs - 1) * -(-rows // batch)) if epochs > 0 else 0

    def back(self, updates: int = 1) -> bool:
        """Undo so many updates, or the last change when none was done since. False where everything began.

        What comes back is the same to the last bit; `step` then does the same updates again.
        """
        base = self.timeline.base
        wanted = self.updates - max(1, updates)
        if self.updates > base.place[2]:
            wanted = max(wanted, int(base.place[2]))
            self._restore(self.timeline.nearest(wanted))
            if wanted > self.updates:
                calm = network.rule(self.state, 2**40)
                calm = calm._replace(stop_loss=0.0, stop_epochs=0, stop_patience=0)
                self._descend(wanted - self.updates, calm)
                self.stopped = ""
            self._rows = [row for row in self._rows if row[0] <= wanted]
            return True
        before = self.timeline.undo()
        if before is None:
            return False
        self._restore(before[0])
        self._rows = before[1]
        return True

    def sample_step(self) -> Sample | None:
        """Take only the next example: its way through, its gradient, and an update on it alone. `back` undoes it.

        None when there is trouble. The gradient is without dropout and penalty; the update is with them.
        """
        if self.trouble is not None:
            return None
        before, rows, row = self._snapshot(), list(self._rows), int(self.next_rows[0])
        values = self.outputs(self.train_points[row : row + 1])[:, 0]
        outputs = np.split(values, np.cumsum(self.state.sizes)[:-1])
        gradient, old = self.gradient([row]), self.weights
        loss, _ = kernels.measure(self._net, self._parameters, *self._one(row))
        self._record(self._descend(1, network.rule(self.state)._replace(batch=1)))
        if self.stopped == "not-finite":
            self.trouble, self.remedy = explained(self)
        self._begun = False
        self.timeline.mark(f"sample {self.updates}", before, rows, self._snapshot())
        change = [(new[0] - was[0], new[1] - was[1]) for new, was in zip(self.weights, old)]
        point, answer = self.train_points[row], float(self.train_answers[row])
        return Sample(row, point, answer, outputs, float(loss), gradient, change)

    def _one(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        wide = len(self._learnt[0]) // len(self.train_answers)
        return self._learnt[0][row * wide : (row + 1) * wide], self._learnt[1][row : row + 1]

    # ------------------------------------------------------------------------------------------------ changes

    def edit(self, layer: int, unit: int, source: int | str, value: float) -> None:
        """Set the weight from `source` (a number) or the "bias" of a unit; layer 0 is the one that reads the features."""
        sizes = self.state.sizes
        inside = 0 <= layer < len(sizes) - 1 and 0 <= unit < sizes[layer + 1]
        if not inside or (source != "bias" and not (isinstance(source, int) and 0 <= source < sizes[layer])):
            raise TaskError("no-such-weight", f"There is no weight from {source!r} to unit {unit} of layer {layer}.")
        if not abs(value) <= 1e6:
            raise TaskError("bad-weight", f"A weight is a number within a million, not {value!r}.")
        before, rows = self._snapshot(), list(self._rows)
        weights, bias = network.views(self._net, self._parameters)[layer]
        if isinstance(source, int):
            weights[unit, source] = value
        else:
            bias[unit] = value
        self._changed(f"edit {layer} {unit} {source}", before, rows, begun=False)

    def change(self, **fields: Any) -> None:
        """Other settings, keeping the weights where they still have a place; seed, init, problem and classes begin anew.

        A new feature, neuron or layer begins as at the start, the others go on. `back` undoes the change.
        """
        old, state = self.state, self.state.changed(**fields)
        moved = [name for name in state.to_all() if getattr(state, name) != getattr(old, name)]
        if all(name in FREE for name in moved):
            self.state = state
            if "stop_patience" in moved:
                self._progress = np.array([np.inf, float(self._place[0])])
            return
        before, rows, layers = self._snapshot(), list(self._rows), self.weights
        if any(name in FRESH for name in moved):
            self._begin(state)
            self.timeline.mark(" ".join(moved), before, rows, self._snapshot())
            return
        self.state = state
        if old.sizes != state.sizes or old.features != state.features:
            self._lay_out(carried(old, layers, state))
            self._place[3] = 0
        elif "optimizer" in moved:
            self._moments[0][:], self._moments[1][:], self._place[3] = 0, 0, 0
        self._net = network.table(state)
        if any(name in OF_DATA for name in moved):
            self._make_data()
            self._place[1] = 0  # an epoch begun on other data is not gone on with
        elif "features" in moved:
            self._make_inputs()
        same_start = self.updates == 0 and self._begun and old.sizes == state.sizes and old.features == state.features
        self._changed(" ".join(moved), before, rows, begun=same_start)

    def _changed(self, what: str, before: Snapshot, rows: list, begun: bool) -> None:
        """The weights, the loss or the rule are others now: measure, draw, and let the stop rules begin anew."""
        self._measured, self._begun = None, begun
        self._progress = np.array([np.inf, float(self._place[0])])
        self.trouble, self.remedy, self.stopped = None, {}, ""
        self._note()
        self.timeline.mark(what, before, rows, self._snapshot())

    def cure(self) -> bool:
        """One click when there is trouble: back to the last weights that were not worse than where the present settings
        began to hold, or before, and on with the settings of `remedy` and an empty memory of the optimizer."""
        if self.trouble is None:
            return False
        remedy = dict(self.remedy)
        rows = self._rows
        while True:
            mark = self.timeline.marks[-1]
            self._restore(mark.after)
            start = self._measure()[0]
            if np.isfinite(start):
                break
            before = self.timeline.undo()
            if before is None:
                self.reset()
                break
            rows = before[1]
        for there in reversed(mark.since):
            self._restore(there)
            if self._measure()[0] <= 1.5 * start:
                break
        else:
            if np.isfinite(start):
                self._restore(mark.after)
        self._rows = [row for row in rows if row[0] <= self.updates]
        self._moments[0][:], self._moments[1][:], self._place[3] = 0, 0, 0
        self.change(**remedy)
        return True
