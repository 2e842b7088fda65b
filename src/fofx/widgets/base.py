"""What every widget is: a Python class with traits and one JavaScript file beside it, in the anywidget format.

    class Line(Widget):
        name = "line"                            # line.js beside this file; texts "line.*" of the words
        weight = traitlets.Float(3.0).tag(sync=True)

The JavaScript that runs is `kit.js` (what all widgets share: texts, colours, canvases, controls, cleaning up) followed by the
widget's own file, joined into one module here. So there is no build, and nothing is fetched. All maths is done in Python; the
page only draws numbers that it was sent, and says what was clicked.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from fofx.errors import FofxError
from fofx.words import LANGUAGES, language, table

HERE = Path(__file__).parent
ALWAYS = "kit."  # texts that every widget may need
log = logging.getLogger("fofx.widgets")


class Widget(anywidget.AnyWidget):
    """A widget in one language and theme. Subclasses say `name`, their traits, and what a message does (`receive`)."""

    name: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]] = ()  # further files of a large widget, joined before NAME.js
    lang = traitlets.Enum(LANGUAGES).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    trouble = traitlets.Dict(allow_none=True, default_value=None).tag(
        sync=True
    )  # {"code", "text"}: shown above the widget

    def __init_subclass__(cls, **more: Any) -> None:
        if "name" in vars(cls):  # not the class that anywidget derives for one instance
            cls._esm = script(cls.name, cls.parts)
            cls._css = styles(cls.name)
        super().__init_subclass__(**more)

    def __init__(self, lang: str | None = None, **traits: Any) -> None:
        super().__init__(lang=language(lang), **traits)
        self.on_msg(self._received)

    @traitlets.default("words")
    def _first_words(self) -> dict[str, str]:
        return texts(self.name, self.lang)

    @traitlets.observe("lang")
    def _other_words(self, change: Any) -> None:
        self.words = texts(self.name, change["new"])

    def _received(self, widget: Any, content: Any, buffers: list[Any]) -> None:
        """A message from the page. An error is shown in the widget, which goes on: a click must not end it."""
        try:
            self.receive(content if isinstance(content, dict) else {}, buffers or [])
        except FofxError as error:
            self.trouble = {"code": error.code, "text": error.message}
        except Exception as error:  # a message may hold anything
            log.exception("the widget %s could not carry out %r", self.name, content)
            self.trouble = {"code": "unexpected", "text": f"{type(error).__name__}: {error}"}
        else:
            self.trouble = None  # type: ignore[assignment]

    def receive(self, content: dict[str, Any], buffers: list[Any]) -> None:
        """Carry out one message {"do": ..., ...} of the page; raise FofxError for what cannot be done."""


def texts(name: str, lang: str) -> dict[str, str]:
    """The texts of one widget, and those of the kit."""
    return {key: text for key, text in table(lang).items() if key.startswith((f"{name}.", ALWAYS))}


def script(name: str, parts: tuple[str, ...] = ()) -> str:
    """The kit, the widget's further parts and its own file as one module."""
    files = ["kit.js", *(f"{part}.js" for part in parts), f"{name}.js"]
    return "\n".join((HERE / file).read_text(encoding="utf-8") for file in files)


def styles(name: str) -> str:
    """The kit's styles and the widget's own, where it has some."""
    files = [HERE / "kit.css", HERE / f"{name}.css"]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())
