"""What the widgets of the course's worked examples share: state as plain data, undo, and one picture of numbers.

    class Line(Study):
        name = "line"
        w = Number(3.0, low=-1e6, high=1e6).tag(state=True)     # part of the state: undone, reset, put in a URL
        def compute(self): return {"mean": ...}                 # everything the page draws, from the state alone

A page sends {"do": ..., "gesture": 7, "serial": 12}. All messages of one gesture (a drag, a run of the play button) are
undone together. The answer is one trait, `view`: the state and what `compute` made of it.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import traitlets

from fofx.errors import FofxError, Notice, TaskError
from fofx.widgets.base import HERE, Widget, styles, texts
from fofx.widgets.pasted import plain
from fofx.words import notice

KEPT = 200  # how many actions can be undone


class Number(traitlets.Float):
    """A finite number from `low` to `high`."""

    def __init__(self, default: float = 0.0, low: float = -1e9, high: float = 1e9, **more: Any) -> None:
        super().__init__(default, **more)
        self.low, self.high = low, high

    def validate(self, obj: Any, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise traitlets.TraitError(f"Expected {self.name} to be a finite number, got {value!r}.")
        if not self.low <= value <= self.high:
            raise traitlets.TraitError(f"Expected {self.name} from {self.low:g} to {self.high:g}, got {value:g}.")
        return float(value)


class Count(traitlets.Int):
    """A whole number from `low` to `high`."""

    def __init__(self, default: int = 0, low: int = 0, high: int = 10**6, **more: Any) -> None:
        super().__init__(default, **more)
        self.low, self.high = low, high

    def validate(self, obj: Any, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise traitlets.TraitError(
                f"Expected {self.name} to be a whole number from {self.low} to {self.high}, got {value!r}."
            )
        return value


class Table(traitlets.Dict):
    """Columns by name, at most `rows` long, as `pasted.plain` makes them; {} for the course's own."""

    def __init__(self, rows: int, **more: Any) -> None:
        super().__init__({}, **more)
        self.rows = rows

    def validate(self, obj: Any, value: Any) -> dict[str, list[Any]]:
        found = super().validate(obj, value)
        return plain(found, self.rows) if found else {}


class Study(Widget):
    """A widget whose whole state is plain data. Subclasses tag their fields `state=True` and say `compute` and `act`.

    state (constructor and trait): only the fields that differ from their defaults, as plain data for a URL; setting it
    restores them, and a value that is out of bounds becomes the default, which `trouble` says.
    guess: None (not yet asked), "skip", or what the learner guessed; `ask` False leaves the question out.
    """

    parts: ClassVar[tuple[str, ...]] = ("study",)
    view = traitlets.Dict().tag(sync=True)
    heard = traitlets.Int(0).tag(sync=True)  # the last message that was carried out
    ask = traitlets.Bool(True).tag(sync=True)
    state = traitlets.Dict()
    guess = traitlets.Any(None, allow_none=True).tag(state=True)

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if "name" in vars(cls):
            cls._css = (HERE / "study.css").read_text(encoding="utf-8") + styles(cls.name)

    def __init__(self, lang: str | None = None, state: dict[str, Any] | None = None, **fields: Any) -> None:
        self._past: list[dict[str, Any]] = []
        self._future: list[dict[str, Any]] = []
        self._gesture: Any = None
        self._working = True
        super().__init__(lang, **fields)
        self._first = self.fields()
        self._working = False
        self.refresh()
        if state:
            self.restore(state)
        self.observe(self._changed, [*self.field_names(), "state"])

    # ---- state as plain data

    def field_names(self) -> list[str]:
        """The names of the fields that make up the state."""
        return sorted(self.trait_names(state=True))

    def fields(self) -> dict[str, Any]:
        """The whole state: every field with its value."""
        return {name: getattr(self, name) for name in self.field_names()}

    def defaults(self) -> dict[str, Any]:
        return {name: trait.default(self) for name, trait in self.traits(state=True).items()}

    def restore(self, state: dict[str, Any]) -> list[Notice]:
        """Take over a state that was written down, such as one from a URL; what cannot be taken over is said."""
        wrong, fields = [], self.defaults()
        before = self.fields()
        self._working = True
        try:
            for name, value in fields.items():
                setattr(self, name, value)
            for name in sorted(state):
                try:
                    if name not in fields:
                        raise TaskError("unknown-state", f"There is no field {name!r}.")
                    setattr(self, name, state[name])
                except (traitlets.TraitError, FofxError):
                    wrong.append(name)
            try:
                self.compute()
            except FofxError:  # fields that are each allowed, and not together
                wrong = sorted(state)
                for name, value in fields.items():
                    setattr(self, name, value)
        finally:
            self._working = False
        if before != self.fields():
            self._remember(before, None)
        self.refresh()
        if not wrong:
            return []
        text = f"Not taken over, the defaults are used instead: {', '.join(wrong)}."
        note = Notice("state-not-taken", text, len(wrong))
        self.trouble = {"code": note.code, "text": notice(note, self.lang)}
        return [note]

    def _changed(self, change: Any) -> None:
        """A field or the state was set from Python."""
        if self._working:
            return
        if change["name"] == "state":
            self.restore(change["new"])
        else:
            self.refresh()

    def refresh(self, view: dict[str, Any] | None = None) -> None:
        """Show the state as it is now: `view` is what `compute` made of it, where that was done already."""
        self._working = True
        try:
            view = self.compute() if view is None else view
            fields, defaults = self.fields(), self.defaults()
            history = {"undo": bool(self._past), "redo": bool(self._future)}
            self.state = {name: value for name, value in fields.items() if value != defaults[name]}
            self.view = {**view, "state": fields, "history": history}
        finally:
            self._working = False

    # ---- messages

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        before, self._working, view = self.fields(), True, None
        do = content.get("do")
        try:
            if do in ("undo", "redo"):
                self._travel(do)
            elif do == "reset":
                self._put(self._first)
            elif do == "set":
                self.change(content.get("values", {}))
            else:
                self.act(content)
            view = self.compute()  # what cannot be computed is not taken over
        except traitlets.TraitError as error:
            self._put(before)
            raise TaskError("bad-value", str(error)) from error
        except Exception:
            self._put(before)
            raise
        finally:
            if do not in ("undo", "redo") and before != self.fields():
                self._remember(before, content.get("gesture"))
            self.refresh(view)
            serial = content.get("serial", 0)
            self.heard = serial if isinstance(serial, int) else 0

    def change(self, values: dict[str, Any]) -> None:
        """Set fields of the state by name; subclasses may tie fields together."""
        for name in values:
            if name not in self.field_names():
                raise TaskError("unknown-state", f"Expected one of {', '.join(self.field_names())}, got {name!r}.")
        for name, value in values.items():
            setattr(self, name, value)

    def act(self, content: dict[str, Any]) -> None:
        """Carry out {"do": ...} other than set, reset, undo and redo."""
        raise TaskError("unknown-action", f"This widget cannot {content.get('do')!r}.")

    def compute(self) -> dict[str, Any]:
        """All numbers that the page draws, as plain data, from the fields alone."""
        return {}

    @traitlets.validate("guess")
    def _sensible(self, proposal: Any) -> Any:
        value = proposal["value"]
        if value is None or (isinstance(value, str) and len(value) <= 200):
            return value
        if isinstance(value, int | float) and math.isfinite(value):
            return value
        raise traitlets.TraitError(f"Expected a guess to be a number or a word, got {value!r}.")

    # ---- undo

    def _remember(self, before: dict[str, Any], gesture: Any) -> None:
        if gesture is None or gesture != self._gesture or not self._past:
            self._past = [*self._past[-KEPT + 1 :], before]
        self._gesture, self._future = gesture, []

    def _travel(self, do: str) -> None:
        source, target = (self._past, self._future) if do == "undo" else (self._future, self._past)
        if source:
            target.append(self.fields())
            self._put(source.pop())
        self._gesture = None

    def _put(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self, name, value)

    # ---- words: the widget's own, the kit's, and those of the study widgets

    @traitlets.default("words")
    def _first_words(self) -> dict[str, str]:
        return {**texts(self.name, self.lang), **texts("study", self.lang)}

    @traitlets.observe("lang")
    def _other_words(self, change: Any) -> None:
        self.words = {**texts(self.name, change["new"]), **texts("study", change["new"])}


def put(items: list[Any], place: Any, item: Any) -> list[Any]:
    """A new list with one item changed."""
    return [item if number == place else old for number, old in enumerate(items)]


def without(items: list[Any], place: Any) -> list[Any]:
    """A new list with one item left out."""
    return [old for number, old in enumerate(items) if number != place]
