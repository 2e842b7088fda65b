"""The playground: a small network that learns points of a plane before one's eyes. All of TensorFlow Playground, and more.

    from fofx.widgets.playground import Playground
    Playground()                                     # in a notebook cell
    Playground("data=spiral&layers=8;8&rate=0.1")    # a state from a URL

The engine is `fofx.play`; this class carries what the page asks over to it (playground_worker.py has the thread) and sends
frames back (playground_frames.py). Messages of the page are {"do": NAME, ...}, one method `do_NAME` each here, in
playground_points.py, playground_shape.py or playground_studies.py; frames and results go back as messages with binary buffers. `state_url` mirrors every setting: a host
page may keep it in its address, and setting it changes the playground.
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote, unquote

import numpy as np
import traitlets

from fofx.errors import FofxError, TaskError
from fofx.play import network
from fofx.play.session import Session
from fofx.play.state import (
    ACTIVATIONS,
    CHOICES,
    HIDEABLE,
    LAYERS,
    MOST_FEATURES,
    NAMES,
    NEURONS,
    PENALTIES,
    RANGES,
    RATES,
    State,
)
from fofx.widgets.base import Widget
from fofx.widgets.playground_frames import lane_frame
from fofx.widgets.playground_points import Points, thumbnails
from fofx.widgets.playground_shape import Shape
from fofx.widgets.playground_studies import Studies
from fofx.widgets.playground_worker import Frame, Worker
from fofx.words import notice

SHARED = ("data", "problem", "classes", "count", "noise", "train_share", "data_seed", "own", "show_test", "discretize")
SECOND = "&second="  # behind it, in state_url, the other network's state, with its signs escaped
SPEEDS = (1, 2, 5, 20, 100)  # epochs from one frame to the next
STEPS = ("epoch", "batch", "sample")
LIMITS = {
    "rates": list(RATES),
    "penalties": list(PENALTIES),
    "activations": list(ACTIVATIONS),
    "ranges": {name: list(reach) for name, reach in RANGES.items()},
    "layers": LAYERS,
    "units": NEURONS,
    "features": MOST_FEATURES,
    "hide": list(HIDEABLE),
    **{
        name: list(CHOICES[name])
        for name in ("problem", "output", "loss", "regularisation", "optimizer", "schedule", "init")
    },
}


class Playground(Points, Shape, Studies, Widget):
    """One playground, with one network or two beside each other on the same points.

    `sessions` are the engine's, to be used from Python while nothing plays: `playground.sessions[0].weights`.
    """

    name = "playground"
    parts: ClassVar[tuple[str, ...]] = (
        "playground_tools",
        "playground_card",
        "playground_network",
        "playground_output",
        "playground_bar",
        "playground_more",
        "playground_study",
    )
    states: Any = traitlets.List().tag(sync=True)  # every control of each network, without own points
    lane = traitlets.Int(0).tag(sync=True)  # the network that the controls set
    limits = traitlets.Dict(LIMITS).tag(sync=True)
    state_url = traitlets.Unicode("").tag(sync=True)
    points = traitlets.Bytes(b"").tag(sync=True)  # float32 (N, 4): x, y, answer, 1 for test
    thumbs = traitlets.Dict().tag(sync=True)  # the data sets of this kind of problem: name -> [[x, y, answer], ...]
    features: Any = traitlets.List().tag(sync=True)  # formulas that are shown, chosen or not
    feature_maps = traitlets.Bytes(b"").tag(sync=True)
    class_names: Any = traitlets.List().tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Enum(SPEEDS, 1).tag(sync=True)
    step_by = traitlets.Enum(STEPS, "epoch").tag(sync=True)

    def __init__(self, state: State | str = "", lang: str | None = None, **traits: Any) -> None:
        url = state.to_url() if isinstance(state, State) else state or traits.pop("state_url", "")
        traits.pop("state_url", None)
        self.sessions: list[Session] = []
        self._written = ""  # the state_url that this class wrote itself
        self._looks: dict[int, tuple[int, int]] = {}  # lane -> the unit that is seen large
        self._gradients = self._mistakes = False
        self._examples: dict[int, network.Layers] = {}  # lane -> the gradient of the example that was stepped last
        self._known: list[
            tuple[int, float]
        ] = []  # of each loss curve: points that the page has, and the last one's update
        self._version = self._seq = 0
        self._worker = Worker(self._advance, self._picture, self._pass_on, self._failed)
        super().__init__(lang=lang, **traits)
        self._load(url)
        if getattr(self.comm, "on_close", None):
            self.comm.on_close(lambda *_: self.close())

    # ------------------------------------------------------------------------------------------ from the page

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """One message of the page: answered from the thread, so that the host's loop never waits for the engine."""
        name = str(content.get("do", "")).replace("-", "_")
        if name == "next":
            if content.get("version") == self._version:
                self._known = [(int(length), float(last)) for length, last in content.get("known", [])]
            return self._worker.asked()
        method = getattr(self, f"do_{name}", None)
        if method is None:
            raise TaskError("unknown-message", f"The playground knows no {content.get('do')!r}.")
        if name == "cancel":  # must not wait behind what it is to cancel
            return method(content)

        def carry_out() -> None:
            if self.trouble and name not in ("ready", "look"):
                self.trouble = None  # type: ignore[assignment]
            method(content)

        self._worker.submit(carry_out)

    def _received(self, widget: Any, content: Any, buffers: list[Any]) -> None:
        """As every widget, but a trouble is taken back when the next thing is carried out, which is in the thread."""
        try:
            self.receive(content if isinstance(content, dict) else {}, buffers or [])
        except Exception as error:  # a message may hold anything
            self._failed(error)

    def _of(self, content: dict[str, Any]) -> Session:
        """The session of the lane that a message names."""
        lane = content.get("lane", self.lane)
        if not isinstance(lane, int) or not 0 <= lane < len(self.sessions):
            raise TaskError("unknown-lane", f"There are {len(self.sessions)} network(s), no number {lane!r}.")
        return self.sessions[lane]

    def do_ready(self, content: dict[str, Any]) -> None:
        """A page has opened: it knows no curve yet."""
        self._forget()

    def do_play(self, content: dict[str, Any]) -> None:
        if any(session.trouble for session in self.sessions):
            return
        self.playing = self._worker.playing = True

    def do_pause(self, content: dict[str, Any]) -> None:
        self.playing = self._worker.playing = False

    def do_reset(self, content: dict[str, Any]) -> None:
        for session in self.sessions:
            session.reset()
        self._forget()

    def do_step(self, content: dict[str, Any]) -> None:
        """One epoch, batch or sample, as `step_by` says."""
        self.do_pause(content)
        self._examples.clear()
        for session in self.sessions:
            if self.step_by == "epoch":
                session.epoch(1)
            elif self.step_by == "batch":
                session.step(1)
            else:
                session.sample_step()

    def do_back(self, content: dict[str, Any]) -> None:
        self.do_pause(content)
        for session in self.sessions:
            rows = len(session.train_answers)
            session.back(-(-rows // session.state.batch) if self.step_by == "epoch" else 1)
        self._changed()

    def do_speed(self, content: dict[str, Any]) -> None:
        self.speed = content["speed"]

    def do_step_by(self, content: dict[str, Any]) -> None:
        self.step_by = content["unit"]

    def do_choose(self, content: dict[str, Any]) -> None:
        self._of(content)
        self.lane = content["lane"]

    def do_change(self, content: dict[str, Any]) -> None:
        """Set controls of one network; those of the data are set for both."""
        fields = content.get("fields")
        if not isinstance(fields, dict):
            raise TaskError("bad-state", "A change needs its fields.")
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        chosen = self._of(content)
        shared = {name: value for name, value in fields.items() if name in SHARED}
        chosen.change(**fields)
        for session in self.sessions:
            if session is not chosen and shared:
                session.change(**shared)
        self._changed()

    def do_regenerate(self, content: dict[str, Any]) -> None:
        seed = int(np.random.default_rng().integers(1, 100_000))
        for session in self.sessions:
            session.change(data_seed=seed)
        self._changed()

    def do_remedy(self, content: dict[str, Any]) -> None:
        """Back to the last finite weights, with the setting that mends what happened."""
        self._of(content).cure()
        self._changed()

    def do_look(self, content: dict[str, Any]) -> None:
        """Which unit is seen large."""
        lane, layer, unit = content.get("lane", 0), content.get("layer"), content.get("unit")
        if layer is None:
            self._looks.pop(lane, None)
        else:
            self._looks[int(lane)] = (int(layer), int(unit or 0))

    def do_gradients(self, content: dict[str, Any]) -> None:
        self._gradients = bool(content.get("on"))

    def do_mistakes(self, content: dict[str, Any]) -> None:
        self._mistakes = bool(content.get("on"))

    # ------------------------------------------------------------------------------------------ to the page

    @traitlets.observe("state_url")
    def _other_url(self, change: Any) -> None:
        if self.sessions and change["new"] != self._written:
            url = change["new"]
            self._worker.submit(lambda: self._load(url))

    def _load(self, url: str) -> None:
        """Begin anew with the state, or the two states, of a URL; what is beyond the limits becomes a default, and is told."""
        first, _, second = url.partition(SECOND)
        states = [State.from_url(first)] + ([State.from_url(unquote(second))] if second else [])
        self.sessions = [Session(state) for state in states]
        self.lane = 0
        self._looks.clear()
        self._painted = None
        self._changed()
        self._tell([note for state in states for note in state.notices])

    def _tell(self, notes: Any) -> None:
        if notes:
            self.trouble = {"code": notes[0].code, "text": " ".join(notice(note, self.lang) for note in notes[:3])}

    def _changed(self) -> None:
        """Pass on what follows from the states."""
        states = [session.state for session in self.sessions]
        if states[0].data != "own":
            self._painted = None
            self._names = ()
        elif self._painted is not None:
            self._painted = list(states[0].own)
        names = [name for name in NAMES if name != "own"]
        self.lane = min(self.lane, len(states) - 1)
        self._show_features([formula for state in states for formula in state.features])
        self.class_names = ([*self._names] + [str(number + 1) for number in range(states[0].classes)])[
            : states[0].classes
        ]
        self.thumbs = thumbnails(states[0])
        self.points = self._rows().tobytes()
        self.states = [{name: plain(getattr(state, name)) for name in names} for state in states]
        urls = [state.to_url() for state in states]
        self._written = urls[0] + (SECOND + quote(urls[1], safe="") if len(urls) > 1 else "")
        self.state_url = self._written
        self._forget()

    def _forget(self) -> None:
        """What the page has of the curves, and of an example's gradients, no longer holds."""
        self._examples.clear()
        self._version += 1
        self._known = []

    def _advance(self) -> bool:
        """Train on by what lies between two frames; False when there is nothing to go on with."""
        self._examples.clear()
        going = [session.epoch(self.speed) and not session.stopped for session in self.sessions if not session.trouble]
        over = not any(going) or any(session.trouble for session in self.sessions)
        if over:
            self.playing = False
        return not over

    def _picture(self) -> Frame:
        self._seq += 1
        message: dict[str, Any] = {"do": "frame", "seq": self._seq, "version": self._version, "lanes": []}
        buffers: list[bytes] = []
        known = [*self._known, (0, 0.0), (0, 0.0)]
        for lane, session in enumerate(self.sessions):
            look = self._look(lane, session.state)
            gradients = self._gradients and self._examples.get(lane, True)
            made = lane_frame(session, known[lane], look, self.features, gradients, self._mistakes, self.lang)
            message["lanes"].append(made[0])
            buffers += made[1]
        return message, buffers

    def _look(self, lane: int, state: State) -> tuple[int, int] | None:
        """The unit to be seen large, when there is such a one."""
        look = self._looks.get(lane)
        if look is None or not 0 <= look[0] < len(state.sizes):
            return None
        units = len(self.features) if look[0] == 0 else state.sizes[look[0]]
        return look if 0 <= look[1] < units else None

    def _pass_on(self, frame: Frame) -> None:
        self.send(*frame)

    def _failed(self, error: Exception) -> None:
        self.playing = self._worker.playing
        if isinstance(error, FofxError):
            self.trouble = {"code": error.code, "text": error.message}
        else:
            self.log.error("the playground could not go on", exc_info=error)
            self.trouble = {"code": "unexpected", "text": f"{type(error).__name__}: {error}"}

    def settle(self, seconds: float = 30.0) -> bool:
        """Wait until everything that was asked so far is done: for scripts and tests."""
        return self._worker.settle(seconds)

    def close(self) -> None:
        """End the thread and the widget."""
        if "_worker" in vars(self):
            self._worker.end()
            self.end_studies()
        super().close()


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
