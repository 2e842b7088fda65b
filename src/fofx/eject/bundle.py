"""The source of functions and classes, with everything that they need, as text that runs without fofx.

What is pasted into a script is the engine's own source, so nothing is written twice. A method, a class attribute or a base
class that nothing in the script uses is left out.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Mapping
from functools import cache
from typing import Any

from fofx.eject.source import Possible, annotations_in, cut, fold, names_in, replace, span, without_idle

WIDTH = 120
PLAIN_IMPORTS = {
    "argparse": "import argparse",
    "json": "import json",
    "math": "import math",
    "np": "import numpy as np",
    "os": "import os",
    "pl": "import polars as pl",
    "sparse": "import scipy.sparse as sparse",
    "torch": "import torch",
}


class Bundle:
    """Collects pieces. `things` are the objects that the script's own lines call by name; `possible` says for a function
    which values its expressions can have; `without` which members of a class are never asked for; `own` are the lines."""

    def __init__(
        self,
        things: dict[str, Any],
        possible: Mapping[str, Possible],
        own: str,
        without: dict[type, set[str]] | None = None,
    ) -> None:
        self.things, self.possible, self.without = things, possible, without or {}
        self._folded: dict[Any, str] = {}
        self._texts: dict[tuple[Any, int], str] = {}
        self.imports: dict[str, str] = {}
        self.needed: dict[str, Any] = {}  # name -> object, in the order in which they must stand
        self.attributes = _attributes(own)
        while True:  # until no more attributes are found: each may keep a method, which may need more
            before = len(self.attributes)
            self.needed, self.imports = {}, {}
            self.uses(own)
            for thing in list(self.needed.values()):
                self.attributes |= _attributes(self.text(thing))
            if len(self.attributes) == before:
                break
        self.written: set[str] = set()
        self.delayed: list[str] = []

    # ---- what is needed

    def uses(self, lines: str) -> list[str]:
        """The names of the things that these lines need, each after what it needs itself."""
        order: list[str] = []
        for name in _in_order(names_in(lines), lines):
            if name in self.things and not _ours(self.things[name]):
                self.imports[name] = f"from {self.things[name].__module__} import {name}"
            elif name in self.things:
                self._need(name, self.things[name], order)
            elif name in PLAIN_IMPORTS:
                self.imports[name] = PLAIN_IMPORTS[name]
        return order

    def _need(self, name: str, thing: Any, order: list[str], above: tuple[str, ...] = ()) -> None:
        if name in order or name in above:
            return
        if name in self.needed and self.needed[name] is not thing and not isinstance(thing, _Constant):
            raise RuntimeError(f"two things are called {name!r} in one script: {thing!r} and {self.needed[name]!r}")
        source, module = self.text(thing), _module(thing)
        above_it = [base for base in self._bases_of(thing) if _ours(base)] if isinstance(thing, type) else []
        for needed_name, needed in [*((base.__name__, base) for base in above_it), *self._resolve(source, module)]:
            if needed_name != name:
                self._need(needed_name, needed, order, (*above, name))
        if name not in order:
            order.append(name)
            self.needed[name] = thing

    def _resolve(self, source: str, module: types.ModuleType) -> list[tuple[str, Any]]:
        """The things of fofx that a source needs; other imports are noted."""
        found: list[tuple[str, Any]] = []
        tree = ast.parse(source)
        for name in _in_order(names_in(source), source):
            if name in dir(builtins) and name not in vars(module):
                continue
            value = vars(module).get(name)
            if isinstance(value, types.ModuleType) and value.__name__.startswith("fofx"):
                found += [(part, getattr(value, part)) for part in _parts_of(tree, name)]
            elif _ours(value):
                found.append((getattr(value, "__name__", name), value))
            elif (statement := _import_of(module, name)) is not None:
                self.imports[name] = statement
            elif name in vars(module):
                found.append((name, _Constant(module, name)))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fofx"):
                home = importlib.import_module(node.module or "")
                found += [(alias.name, getattr(home, alias.name)) for alias in node.names]
        for annotation in annotations_in(tree):
            for inner in ast.walk(annotation):
                if isinstance(inner, ast.Name) and not _ours(vars(module).get(inner.id)):
                    statement = _import_of(module, inner.id)
                    if statement is not None:
                        self.imports[inner.id] = statement
        return found

    # ---- its text

    def text(self, thing: Any) -> str:
        """The source of one thing, without what the script does not use."""
        if isinstance(thing, _Constant):
            return thing.source
        key = (thing, len(self.attributes))  # these only become more
        if key not in self._texts:
            if thing not in self._folded:
                self._folded[thing] = fold(_source(thing), self.possible.get(thing.__name__, {}))
            source = self._folded[thing]
            self._texts[key] = self._lean(source, thing) if isinstance(thing, type) else source
        return self._texts[key]

    def _lean(self, source: str, thing: type) -> str:
        """A class without the members and the bases that nothing uses."""
        tree = ast.parse(source)
        (node,) = tree.body
        assert isinstance(node, ast.ClassDef)
        lines = source.splitlines(keepends=True)
        gone: list[tuple[int, int]] = []
        for member in node.body:
            if not self._used(member) or _named(member) in self.without.get(thing, ()):
                gone.append((_first_line(member), member.end_lineno or 0))
        about = node.body[0]
        if inspect.isabstract(thing) and isinstance(about, ast.Expr) and (about.end_lineno or 0) > about.lineno:
            gone.append((about.lineno + 1, about.end_lineno or 0))  # how the engine uses it is no matter here
            lines[about.lineno - 1] = lines[about.lineno - 1].rstrip() + '"""\n'
        for first, last in sorted(gone, reverse=True):
            del lines[first - 1 : last]
        source = "".join(lines).rstrip() + "\n"
        if hasattr(thing, "learnt"):  # a field: what it learns for other purposes is left out
            source = without_idle(self._without_stores(source))
        (node,) = ast.parse(source).body
        assert isinstance(node, ast.ClassDef)
        bases = ", ".join(dict.fromkeys(_written(base) for base in self._bases_of(thing)))
        if ", ".join(ast.unparse(base) for base in node.bases) != bases:
            colon = source.index(":", source.index(")"))
            source = f"class {node.name}{f'({bases})' if bases else ''}" + source[colon:]
        return source

    def _without_stores(self, source: str) -> str:
        """The source without the statements `self.X = ...` whose X nobody reads."""
        for statement in ast.walk(ast.parse(source)):
            if isinstance(statement, ast.Assign) and (stored := _stores(statement)) and not stored & self.attributes:
                return self._without_stores(cut(source, statement))
        return source

    def _used(self, member: ast.stmt) -> bool:
        if isinstance(member, ast.FunctionDef):
            if any("abstractmethod" in ast.unparse(each) for each in member.decorator_list):
                return False
            dunder = member.name.startswith("__")
            return dunder or member.name == "forward" or member.name in self.attributes
        if isinstance(member, ast.Assign | ast.AnnAssign):
            names = [
                ast.unparse(each) for each in (member.targets if isinstance(member, ast.Assign) else [member.target])
            ]
            return any(name in self.attributes for name in names)
        return True

    def _bases_of(self, thing: type) -> list[type]:
        """The base classes that are written; one of which nothing is left is passed over."""
        found: list[type] = []
        for base in thing.__bases__:
            if base is object or base.__module__ == "abc":
                continue
            if not _ours(base) or issubclass(base, BaseException):
                found.append(base)
                continue
            node = ast.parse(self.text(base)).body[0]
            empty = isinstance(node, ast.ClassDef) and all(isinstance(each, ast.Expr | ast.Pass) for each in node.body)
            found += self._bases_of(base) if empty else [base]
        return list(dict.fromkeys(found))

    def write(self, lines: str, later: str = "") -> str:
        """The sources that these lines need and that are not yet written, ready to be pasted above them.

        What comes from the module `later` is left for a section of its own: it is asked for when everything stands.
        """
        pieces = []
        for name in self.uses(lines):
            if later and _module(self.needed[name]).__name__ == later:
                self.delayed.append(name)
            elif name not in self.written:
                self.written.add(name)
                pieces.append(self._standalone(self.needed[name]))
        if not later:
            pieces = [
                self._standalone(self.needed[n]) for n in dict.fromkeys(self.delayed) if n not in self.written
            ] + pieces
            self.written |= set(self.delayed)
            self.delayed = []
        blocks: list[str] = []
        for piece in pieces:
            short = not piece.startswith(("def ", "class ", "@"))
            joined = short and blocks and not blocks[-1].startswith(("def ", "class ", "@"))
            if joined:
                blocks[-1] += piece
            else:
                blocks.append(piece)
        return "\n\n".join(blocks)

    def _standalone(self, thing: Any) -> str:
        """The text, with `module.name` of fofx as `name`, without imports of fofx and without annotations of absent things."""
        source, module = self.text(thing), _module(thing)
        tree = ast.parse(source)
        edits: list[tuple[Any, str]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                value = vars(module).get(node.value.id)
                if isinstance(value, types.ModuleType) and value.__name__.startswith("fofx"):
                    edits.append((node, node.attr))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fofx"):
                edits.append(((node.lineno, 0, (node.end_lineno or 0) + 1, 0), ""))
            elif isinstance(node, ast.arg | ast.AnnAssign) and self._absent(node.annotation, module):
                begin = span(node.target if isinstance(node, ast.AnnAssign) else node)
                name_end = begin[1] + len((node.arg if isinstance(node, ast.arg) else "").encode())
                name_end = begin[3] if isinstance(node, ast.AnnAssign) else name_end
                edits.append(((begin[0], name_end, *span(node.annotation)[2:]), ""))
            elif isinstance(node, ast.FunctionDef) and self._absent(node.returns, module):
                line = source.splitlines()[span(node.returns)[0] - 1].encode()
                arrow = line.rindex(b"->", 0, span(node.returns)[1])
                edits.append(((span(node.returns)[0], arrow - 1, *span(node.returns)[2:]), ""))
        text = replace(source, edits)
        while "\n\n\n" in text:
            text = text.replace("\n\n\n", "\n\n")
        text = "\n".join(line.split("  # type: ignore")[0].rstrip() for line in text.splitlines())
        return "\n".join(_wrapped(line) for line in _tight(text).splitlines()) + "\n"

    def _absent(self, annotation: ast.expr | None, module: types.ModuleType) -> bool:
        """Whether an annotation names something of fofx that the script does not have."""
        if annotation is None:
            return False
        names = [node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)]
        constants = [n for n in names if n in vars(module) and n not in self.needed and _import_of(module, n) is None]
        return any(_ours(vars(module).get(n)) and n not in self.needed for n in names) or bool(constants)


class _Constant:
    """A module-level value such as `DAY = 86_400.0`: its statement is what is pasted."""

    def __init__(self, module: types.ModuleType, name: str) -> None:
        self.module, self.__name__ = module, name
        source = inspect.getsource(module)
        for node in ast.parse(source).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                self.source = (ast.get_source_segment(source, node) or "") + "\n"
                return
            if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) == name for a in node.names):
                home = _Constant(importlib.import_module(node.module or ""), name)
                self.module, self.source = home.module, home.source
                return
        raise RuntimeError(f"the value {name!r} of {module.__name__} has no statement that could be pasted")


def _in_order(names: set[str], source: str) -> list[str]:
    """Names by where they first stand in a source."""
    return sorted(names, key=lambda name: (found.start() if (found := re.search(rf"\b{name}\b", source)) else 0, name))


def _written(base: type) -> str:
    return f"nn.{base.__name__}" if base.__module__.startswith("torch.nn") else base.__name__


def _module(thing: Any) -> types.ModuleType:
    return thing.module if isinstance(thing, _Constant) else sys.modules[thing.__module__]


def _ours(value: Any) -> bool:
    return isinstance(value, type | types.FunctionType) or hasattr(value, "__wrapped__") if _from_fofx(value) else False


def _from_fofx(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).split(".")[0] == "fofx"


def _parts_of(tree: ast.AST, name: str) -> list[str]:
    """What is asked of the module `name`, as in `name.part`."""
    asked = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    return [node.attr for node in asked if isinstance(node.value, ast.Name) and node.value.id == name]


@cache
def _source(thing: Any) -> str:
    return textwrap.dedent(inspect.getsource(thing))


@cache
def _imports_of(module: types.ModuleType) -> dict[str, str]:
    """The import statement behind each name that a module imports, but not from fofx."""
    found: dict[str, str] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        home = getattr(node, "module", "") or ""
        if not isinstance(node, ast.Import | ast.ImportFrom) or home == "__future__" or home.startswith("fofx"):
            continue
        for alias in node.names:
            what = alias.name + (f" as {alias.asname}" if alias.asname else "")
            found[alias.asname or alias.name] = f"from {home} import {what}" if home else f"import {what}"
    return found


def _import_of(module: types.ModuleType, name: str) -> str | None:
    return _imports_of(module).get(name)


@cache
def _attributes(source: str) -> set[str]:
    """Names that are asked of objects, as in `x.name`; those of modules do not count."""
    modules = {"os", "np", "pl", "torch", "math", "json", "io", "nn", "F", "re", "sys", "argparse", "Image"}
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and not (isinstance(node.value, ast.Name) and node.value.id in modules)
    }


def _named(member: ast.stmt) -> str:
    """The name that a class gives to a member."""
    target = member.targets[0] if isinstance(member, ast.Assign) else getattr(member, "target", None)
    return str(getattr(member, "name", "")) or (target.id if isinstance(target, ast.Name) else "")


def _stores(statement: ast.Assign) -> set[str]:
    """The names X of a statement that does nothing but `self.X = ...`; empty for any other."""
    targets = [each for t in statement.targets for each in (t.elts if isinstance(t, ast.Tuple) else [t])]
    own = [t.attr for t in targets if isinstance(t, ast.Attribute) and ast.unparse(t.value) == "self"]
    return set(own) if len(own) == len(targets) else set()


def _first_line(member: ast.stmt) -> int:
    decorators = getattr(member, "decorator_list", [])
    return min([member.lineno, *(each.lineno for each in decorators)])


def _wrapped(line: str) -> str:
    """A line of words that is too long, as two; lines of code are never too long."""
    indent = line[: len(line) - len(line.lstrip())]
    code = (
        len(line) <= WIDTH
        or not re.match(r"\s*(\"\"\"|[A-Za-z(`]+ [a-z`(])", line)
        or line.lstrip().startswith("return ")
    )
    return line if code else "\n".join(textwrap.wrap(line, WIDTH, initial_indent="", subsequent_indent=indent))


def _tight(text: str) -> str:
    """No blank line at the end, nor between a header and what follows it."""
    lines = text.rstrip().splitlines()
    kept = [
        line
        for n, line in enumerate(lines)
        if line or not (n and lines[n - 1].endswith(":") and "#" not in lines[n - 1])
    ]
    return "\n".join(kept)
