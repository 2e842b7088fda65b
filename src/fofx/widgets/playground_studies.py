"""What the playground's folded panels ask for: an example by hand, rivals, a second network, a sweep, the landscape, the code.

What takes longer than a frame runs in a thread of its own, one at a time, on copies, so that playing goes on meanwhile.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fofx.errors import TaskError
from fofx.play import network
from fofx.play.session import Session
from fofx.play.state import CHOICES, RANGES, State
from fofx.play.sweep import sweep
from fofx.widgets.playground_frames import LARGE, bytes_of, class_maps, numbers

MOST_MOVES = 8  # rows of the table of an example
MOST_VALUES, MOST_EPOCHS = 24, 5000  # of a sweep
LANDSCAPE = 61  # places along each side
SWEPT: tuple[str, ...] = (
    "seed",
    "rate",
    "activations",
    "layers",
    "regularisation",
    "penalty",
    "batch",
    "noise",
    "train_share",
)
SWEPT += ("optimizer", "init", "dropout")


class Studies:
    """Messages of the folded panels. A part of Playground, which has the sessions."""

    if TYPE_CHECKING:  # what Playground brings
        sessions: list[Session]
        lane: int
        _examples: dict[int, network.Layers]

        def send(self, content: Any, buffers: Any = None) -> None: ...
        def _of(self, content: dict[str, Any]) -> Session: ...
        def _changed(self) -> None: ...
        def _forget(self) -> None: ...
        def _failed(self, error: Exception) -> None: ...
        def do_pause(self, content: dict[str, Any]) -> None: ...

    _job: threading.Thread | None = None
    _ending: threading.Event | None = None

    def _start(self, work: Callable[[], None], ending: threading.Event) -> None:
        """Run `work` beside everything else; it looks at `ending` to see whether it is to end."""
        if self._job is not None and self._job.is_alive():
            raise TaskError("still-working", "One study at a time: stop the one under way, or wait for it.")
        self._ending = ending

        def run() -> None:
            try:
                work()
            except Exception as error:
                if not ending.is_set():
                    self._failed(error)

        self._job = threading.Thread(target=run, name="fofx-playground-study", daemon=True)
        self._job.start()

    def do_cancel(self, content: dict[str, Any]) -> None:
        if self._ending is not None:
            self._ending.set()

    def end_studies(self) -> None:
        """End the study under way."""
        if self._ending is not None:
            self._ending.set()
        if self._job is not None and self._job is not threading.current_thread():
            self._job.join(5)

    def study(self, seconds: float = 30.0) -> bool:
        """Wait for the study under way: for scripts and tests."""
        if self._job is not None:
            self._job.join(seconds)
        return self._job is None or not self._job.is_alive()

    # ------------------------------------------------------------------------------------------ one example

    def do_example(self, content: dict[str, Any]) -> None:
        """One update from one example, and the weights that it moved most."""
        self.do_pause(content)
        session = self._of(content)
        sample = session.sample_step()
        if sample is None:
            return
        self._examples[self.sessions.index(session)] = sample.gradient
        moves = []
        for layer, ((weights, biases), gradient, change) in enumerate(
            zip(session.weights, sample.gradient, sample.change)
        ):
            for (unit, source), after in np.ndenumerate(weights):
                moves.append((layer, unit, source, after, gradient[0][unit, source], change[0][unit, source]))
            for unit, after in enumerate(biases):
                moves.append((layer, unit, None, after, gradient[1][unit], change[1][unit]))
        moves.sort(key=lambda move: -abs(move[5]) if np.isfinite(move[5]) else 0)
        told = [
            {
                "layer": layer,
                "unit": unit,
                "source": source,
                "before": numbers(after - change),
                "gradient": numbers(float(slope)),
                "after": numbers(after),
            }
            for layer, unit, source, after, slope, change in moves[:MOST_MOVES]
        ]
        state = session.state
        several, two = state.outputs > 1, state.problem == "classification" and state.outputs == 1
        output = np.asarray(sample.outputs[-1], float)
        self.send(
            {
                "do": "example",
                "lane": self.sessions.index(session),
                "x": float(sample.point[0]),
                "y": float(sample.point[1]),
                "target": 2 * sample.answer - 1 if two else sample.answer,
                "target_class": int(sample.answer) if several else None,
                "output": numbers(output[int(sample.answer)] if several else output[0]),
                "loss": numbers(sample.loss),
                "moves": told,
            }
        )

    # ------------------------------------------------------------------------------------------ beside the network

    def do_rivals(self, content: dict[str, Any]) -> None:
        """K nearest neighbours, tree, naive Bayes and a linear model on the same points, beside the network as it is now."""
        session = self._of(content)
        state = session.state
        own = session.heat(LARGE)[-state.outputs :].copy()
        scores = (
            (session.train_accuracy, session.accuracy)
            if state.problem == "classification"
            else (session.train_loss, session.test_loss)
        )

        ending = threading.Event()

        def work() -> None:
            cards = [{"name": "network", "train": numbers(scores[0]), "test": numbers(scores[1]), "k": 0}]
            maps = [class_maps(own) if state.outputs > 1 else bytes_of(own[0]).tobytes()]
            for rival in Session(state).rivals(LARGE):
                cards.append(
                    {
                        "name": rival.name,
                        "train": numbers(rival.train),
                        "test": numbers(rival.test),
                        "k": rival.settings.get("k", 0),
                    }
                )
                maps.append(class_maps(rival.heat) if state.outputs > 1 else bytes_of(rival.heat[0]).tobytes())
            if not ending.is_set():
                classes = state.classes if state.problem == "classification" else 0
                message = {"do": "rivals", "cards": cards, "side": LARGE, "classes": classes, "problem": state.problem}
                self.send(message, maps)

        self._start(work, ending)

    def do_two(self, content: dict[str, Any]) -> None:
        """A second network beside the first, on the same points, with the same settings to begin with; or without it again."""
        if content.get("on") and len(self.sessions) == 1:
            self.sessions[0].reset()
            state = self.sessions[0].state
            self.sessions.append(Session(state.changed(seed=(state.seed + 1) % 2**32)))
            self.lane = 1
        elif not content.get("on") and len(self.sessions) == 2:
            self.sessions.pop(1 - self.lane if content.get("keep") == "chosen" else 1)
            self.lane = 0
        self._changed()

    # ------------------------------------------------------------------------------------------ sweep, landscape

    def do_sweep(self, content: dict[str, Any]) -> None:
        """Train the same playground anew for each value of one setting."""
        state = self._of(content).state
        name = str(content.get("name"))
        if name not in SWEPT:
            raise TaskError("bad-sweep", f"A sweep changes one of {', '.join(SWEPT)}, not {name!r}.")
        texts = [text.strip() for text in str(content.get("values", "")).split(",") if text.strip()][:MOST_VALUES]
        if not texts:
            raise TaskError("bad-sweep", "Give the values to try, with commas between them.")
        epochs = min(max(int(content.get("epochs") or 100), 1), MOST_EPOCHS)
        calm = state.changed(stop_epochs=0, stop_loss=0.0, stop_patience=0)
        ending = threading.Event()
        runs = sweep(calm, name, [value_of(name, text, state) for text in texts], epochs, ending.is_set)

        def work() -> None:
            rows: list[dict[str, Any]] = []
            message = {"do": "sweep", "name": name, "total": len(texts)}
            for text, done in zip(texts, runs):
                told = {
                    "train": numbers(done.train_loss),
                    "test": numbers(done.test_loss),
                    "accuracy": numbers(done.accuracy),
                }
                rows.append({"value": text, **told, "epochs": done.epochs})
                self.send({**message, "rows": list(rows), "over": False})
            self.send({**message, "rows": rows, "over": True})

        self._start(work, ending)

    def do_landscape(self, content: dict[str, Any]) -> None:
        """The training loss around the weights of now, along two of them or along two random directions."""
        session = self._of(content)
        still = copy.copy(session)
        still._parameters = session._parameters.copy()  # the session trains on meanwhile
        weights = None
        if content.get("way") == "weights":
            weights = tuple((int(each[0]), int(each[1]), each[2]) for each in content.get("weights", []))
            if len(weights) != 2 or weights[0] == weights[1]:
                raise TaskError("bad-landscape", "Choose two different weights.")
        ending = threading.Event()

        def work() -> None:
            found = still.landscape(weights, side=LANDSCAPE)
            if ending.is_set():
                return
            finite = found.loss[np.isfinite(found.loss)]
            message = {"do": "landscape", "side": LANDSCAPE, "here": list(found.here), "random": weights is None}
            message |= {
                "x": [float(found.across[0]), float(found.across[-1])],
                "y": [float(found.up[0]), float(found.up[-1])],
            }
            message |= {"low": numbers(finite.min(initial=np.inf)), "high": numbers(finite.max(initial=0.0))}
            self.send(message, [found.loss.astype(np.float32).tobytes()])

        self._start(work, ending)

    # ------------------------------------------------------------------------------------------ the code

    def do_code(self, content: dict[str, Any]) -> None:
        self.send({"do": "code", "text": self._of(content).code()})

    def do_from_code(self, content: dict[str, Any]) -> None:
        """What a script, or a URL, pasted back describes."""
        session = Session.from_code(str(content.get("text", ""))[:400_000])
        self.sessions[self.sessions.index(self._of(content))] = session
        for other in self.sessions:
            if other is not session:
                other.change(
                    **{
                        name: getattr(session.state, name)
                        for name in ("data", "problem", "classes", "count", "noise", "train_share", "data_seed", "own")
                    }
                )
        self._changed()


def value_of(name: str, text: str, state: State) -> Any:
    """The value of a setting that a word of a sweep stands for. TaskError when it stands for none."""
    if name == "activations":
        return (text,) * len(state.layers)
    if name == "layers":
        parts = [part for part in text.replace(" ", ";").split(";") if part]
        if not all(part.isdigit() for part in parts):
            raise TaskError("bad-sweep", f"Layers are written as 4;2, not {text!r}.")
        return tuple(int(part) for part in parts)
    if name in CHOICES:
        return text
    try:
        value = float(text)
    except ValueError:
        raise TaskError("bad-sweep", f"{name} takes numbers, not {text!r}.") from None
    whole = isinstance(RANGES[name][1], int)
    return int(value) if whole and value == int(value) else value
