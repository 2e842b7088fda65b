"""Source text made simpler: branches that cannot be taken are cut, and names are found with what they stand for.

A reader that knows ten formats is long; a script reads one file of one format. `fold` is told which values an expression
can have (`{"kind": {"Int64", "Float64"}}`) and removes the branches that these values never reach.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Mapping
from functools import cache
from typing import Any

Possible = Mapping[str, set]  # source of an expression -> the values that it can have


def fold(source: str, possible: Possible) -> str:
    """The source without the `if` branches that `possible` rules out; comments and layout stay."""
    while True:
        edited = _fold_once(source, possible)
        if edited is None:
            return source
        source = edited


def truth(test: ast.expr, possible: Possible) -> bool | None:
    """Whether a test is always true, never true, or sometimes (None)."""
    if isinstance(test, ast.BoolOp):
        each = [truth(part, possible) for part in test.values]
        decides = isinstance(test.op, ast.Or)
        if decides in each:
            return decides
        return None if None in each else not decides
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth(test.operand, possible)
        return None if inner is None else not inner
    known = possible.get(ast.unparse(test))
    if known is not None:
        return _agree(bool(value) for value in known)
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        known = possible.get(ast.unparse(test.left))
        try:
            other = ast.literal_eval(test.comparators[0])
        except ValueError:
            return None
        if known is None:
            return None
        if isinstance(test.ops[0], ast.Eq):
            return _agree(value == other for value in known)
        return _agree(value in other for value in known) if isinstance(test.ops[0], ast.In) else None
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "startswith":
        known = possible.get(ast.unparse(test.func.value))
        word = test.args[0].value if isinstance(test.args[0], ast.Constant) else None
        if known is not None and isinstance(word, str):
            return _agree(str(value).startswith(word) for value in known)
    return None


def _agree(answers: Any) -> bool | None:
    found = set(answers)
    return found.pop() if len(found) == 1 else None


def _fold_once(source: str, possible: Possible) -> str | None:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp) and (answer := truth(node.test, possible)) is not None:
            return replace(source, [(node, segment(source, node.body if answer else node.orelse))])
        if isinstance(node, ast.For) and truth(node.iter, possible) is False:  # nothing to go through
            return cut(source, node)
        if isinstance(node, ast.FunctionDef) and possible:
            if (idle := _idle(node)) is not None:
                return cut(source, idle)
            if (spare := _spare_target(node)) is not None:
                return replace(source, [(spare, "")])
        if isinstance(node, ast.If) and (answer := truth(node.test, possible)) is not None:
            return _without_branch(source, node, answer)
        for block in (getattr(node, name, None) for name in ("body", "orelse")):
            ends = [isinstance(step, ast.Return | ast.Raise) for step in block] if isinstance(block, list) else []
            if True in ends[:-1]:  # nothing below a return is reached
                lines = source.splitlines(keepends=True)
                place = ends.index(True)
                del lines[block[place].end_lineno : block[-1].end_lineno]  # type: ignore[index]
                return "".join(lines)
    return None


def cut(source: str, node: ast.stmt) -> str:
    """The source without one statement; `pass` where nothing else would be left of a block."""
    lines = source.splitlines(keepends=True)
    alone = any(
        len(block) == 1 and getattr(block[0], "lineno", 0) == node.lineno
        for each in ast.walk(ast.parse(source))
        for block in (getattr(each, "body", None), getattr(each, "orelse", None))
        if isinstance(block, list)
    )
    lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + "pass\n"] if alone else []
    return "".join(lines)


def _idle(function: ast.FunctionDef) -> ast.stmt | None:
    """A statement that gives a value to a name which the function never reads."""
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            stored = {
                n.id for n in ast.walk(node.targets[0]) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            if stored and not stored & read:
                return node
    return None


def _spare_target(function: ast.FunctionDef) -> tuple[int, int, int, int] | None:
    """Where, in a statement such as `a = b = value`, a name stands that the function never reads."""
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) > 1:
            for target, after in zip(node.targets, [*node.targets[1:], node.value]):
                if isinstance(target, ast.Name) and target.id not in read:
                    return target.lineno, target.col_offset, after.lineno, after.col_offset
    return None


def _without_branch(source: str, node: ast.If, answer: bool) -> str:
    """One `if` (or `elif`) whose test is always true or never true, taken out."""
    lines = source.splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno or node.lineno
    body_end = node.body[-1].end_lineno or 0
    chained = lines[first].lstrip().startswith("elif")
    start = node.body[0].lineno - 1
    while start > first + 1 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    if answer:
        body = lines[start:body_end]
        indent = " " * node.col_offset
        lines[first:last] = [indent + "else:\n", *body] if chained else [line.removeprefix("    ") for line in body]
    elif not node.orelse:
        del lines[first:last]
    elif isinstance(node.orelse[0], ast.If) and lines[node.orelse[0].lineno - 1].lstrip().startswith("elif"):
        below = node.orelse[0].lineno - 1
        if not chained:
            lines[below] = lines[below].replace("elif", "if", 1)
        del lines[first:below]
    elif chained:
        del lines[first:body_end]
    else:
        lines[first:last] = [line.removeprefix("    ") for line in lines[node.orelse[0].lineno - 1 : last]]
    return "".join(lines)


def without_idle(source: str) -> str:
    """The source without values that no function reads."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    idle = next((found for function in functions if (found := _idle(function)) is not None), None)
    return source if idle is None else without_idle(cut(source, idle))


def segment(source: str, node: ast.AST) -> str:
    return ast.get_source_segment(source, node) or ""


def replace(source: str, edits: list[tuple[Any, str]]) -> str:
    """Replace the text of nodes (or of (line, column, line, column) in bytes, lines from 1) by new texts."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    text = b"".join(lines)
    places = []
    for node, new in edits:
        where = node if isinstance(node, tuple) else span(node)
        places.append((starts[where[0] - 1] + where[1], starts[where[2] - 1] + where[3], new))
    for begin, end, new in sorted(places, reverse=True):
        text = text[:begin] + new.encode() + text[end:]
    return text.decode()


def span(node: Any) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


@cache
def names_in(source: str) -> set[str]:
    """The names that a piece of source takes from outside itself, annotations left aside."""
    tree = _Bare().visit(ast.parse(source))
    found: set[str] = set()

    def walk(table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            outside = symbol.is_referenced() and not symbol.is_assigned() and not symbol.is_imported()
            if symbol.is_global() or (table.get_type() == "module" and outside and not symbol.is_namespace()):
                found.add(symbol.get_name())
        for inner in table.get_children():
            walk(inner)

    top = symtable.symtable(ast.unparse(ast.fix_missing_locations(tree)), "piece", "exec")
    walk(top)
    own = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_namespace() or s.is_imported()}
    return found - own


class _Bare(ast.NodeTransformer):
    """Takes annotations away: they are never evaluated."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)


def annotations_in(tree: ast.AST) -> list[ast.expr]:
    """Every annotation of a tree."""
    found: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            found.append(node.returns)
    return [each for each in found if each is not None]
