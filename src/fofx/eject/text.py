"""What a script says and how it is laid out: title, headings in two languages, settings, imports."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fofx.rungs.base import quoted

if TYPE_CHECKING:
    from fofx.finding import Finding

WIDTH = 120
HEADINGS = {
    "settings": "Settings 设置",
    "data": "Data 数据",
    "split": "Split: learn, choose, judge 划分",
    "fields": "Fields: from values to tensors and back 字段",
    "model": "1 A function with unknown parameters 带未知参数的函数",
    "loss": "2 The loss 损失",
    "optimize": "3 Optimize 优化",
    "average": "The average 平均",
    "test": "Test 测试",
}


def heading(key: str) -> str:
    words = HEADINGS[key]
    wide = sum(2 if ord(letter) > 0x2E80 else 1 for letter in words)
    return f"# {words} {'-' * (WIDTH - wide - 3)}\n\n"


def title(function: Finding, name: str, weights: dict[str, int]) -> str:
    """The docstring at the top: what the script finds, how to run it, where it came from."""
    versions = function.record["versions"]
    what = f"{name}: {function.task}"
    first = textwrap.shorten(what, WIDTH - 4, placeholder=" ...").replace('"""', "'''").replace("\\", "/")
    lines = [f'"""{first}', ""]
    more = (
        "Plain Python: torch, numpy, polars. Written by fofx "
        + versions["fofx"]
        + " from a run whose seed and settings stand below; "
    )
    more += "with the same versions (" + ", ".join(
        f"{k} {versions[k]}" for k in ("torch", "numpy", "polars") if k in versions
    )
    more += ") it gives the same numbers. Run it: python THIS_FILE [DATA]"
    lines += textwrap.wrap(more, WIDTH)
    if weights:
        lines += textwrap.wrap("It is an average: each member is fitted by a function of its own.", WIDTH)
    return "\n".join(lines) + '\n"""\n\nfrom __future__ import annotations\n\n'


def settings_text(settings: dict[str, Any]) -> str:
    """`NAME = value` lines; what is long goes over several."""
    return "".join(f"{name} = {_literal(value, len(name) + 3)}\n" for name, value in settings.items())


def _literal(value: Any, used: int, indent: str = "") -> str:
    plain = quoted(value)
    if len(plain.encode()) + used <= WIDTH:
        return plain
    inner = indent + "    "
    if isinstance(value, dict):
        rows = [
            f"{inner}{quoted(key)}: {_literal(each, len(inner) + len(repr(key)) + 3, inner)},\n"
            for key, each in value.items()
        ]
        if all(isinstance(each, str | int | float) for each in value.values()):
            rows = [line + "\n" for line in _filled([f"{quoted(k)}: {quoted(v)}" for k, v in value.items()], inner)]
        return "{\n" + "".join(rows) + indent + "}"
    if isinstance(value, list | tuple):
        return (
            "[  # fmt: skip\n"
            + "".join(line + "\n" for line in _filled([quoted(each) for each in value], inner))
            + indent
            + "]"
        )
    if isinstance(value, str) and len(value) > WIDTH:
        pieces = [value[at : at + WIDTH - 10] for at in range(0, len(value), WIDTH - 10)]
        return "(\n" + "".join(f"{inner}{quoted(piece)}\n" for piece in pieces) + indent + ")"
    return plain


def _filled(words: list[str], indent: str) -> list[str]:
    """Words with commas, as many on a line as fit."""
    lines = [indent]
    for word in words:
        if len((lines[-1] + word).encode()) + 2 > WIDTH and lines[-1].strip():
            lines[-1] = lines[-1].rstrip()
            lines.append(indent)
        lines[-1] += word + ", "
    lines[-1] = lines[-1].rstrip()
    return lines


def sorted_imports(statements: Iterable[str]) -> str:
    """Imports as isort puts them: the standard library, then the rest; `import` before `from`."""
    joined: dict[str, set[str]] = {}
    plain: list[str] = []
    for statement in set(statements):
        if statement.startswith("from ") and " as " not in statement:
            home, what = statement.removeprefix("from ").split(" import ")
            joined.setdefault(home, set()).add(what)
        else:
            plain.append(statement)
    plain += [f"from {home} import {', '.join(sorted(what, key=_order))}" for home, what in joined.items()]
    groups: tuple[list[str], list[str]] = ([], [])
    for statement in plain:
        home = statement.split()[1].split(".")[0]
        groups[home not in sys.stdlib_module_names].append(statement)
    texts = [
        "\n".join(sorted(group, key=lambda s: (s.startswith("from "), s.split()[1], s))) for group in groups if group
    ]
    return "\n\n".join(texts) + "\n"


def _order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name
