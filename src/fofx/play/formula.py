"""A feature by formula, such as "x * y" or "sin(x) + 0.5": read by a small grammar, never run as Python.

The text is cut into tokens, parsed by `ast`, and every node must be on a short list; anything else is a FofxError. The
numbers are numpy's float64 throughout, so that no power can grow without end.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cache

import numpy as np

from fofx.errors import TaskError, nearest

LONGEST = 160  # characters, also in the spelling of `canonical`
LARGEST = 1e4  # values of a feature are kept within this
NAMES = ("x", "y", "pi", "e")
ALIKE = (np.sin, np.cos, np.tan, np.tanh, np.exp, np.log, np.sqrt, np.sign, np.floor, np.minimum, np.maximum)
FUNCTIONS: dict[str, np.ufunc] = {each.__name__: each for each in ALIKE} | {"abs": np.abs, "atan2": np.arctan2}
NUMPY = {name: f"np.{function.__name__}" for name, function in FUNCTIONS.items()}
SHORT = {"min": "minimum", "max": "maximum"}
OPERATORS: dict[type, Callable[..., np.ndarray]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![A-Za-z_0-9.])"
    r"|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<sign>\*\*|<=|>=|[-+*/^(),<>]))"
)


def wrong(text: str, why: str) -> TaskError:
    return TaskError("bad-formula", f"{text!r} is no formula of x and y: {why}")


def tokens(text: str) -> str:
    """The text with one space between its tokens, `^` written as `**` and short names in full."""
    found, place, text = [], 0, text.strip()
    while place < len(text):
        token = TOKEN.match(text, place)
        if token is None:
            raise wrong(text, f"it stops making sense at {text[place : place + 8]!r}.")
        word = token[token.lastgroup or 0]
        found.append("**" if word == "^" else SHORT.get(word, word) if token["name"] else word)
        place = token.end()
    return " ".join(found)


def checked(node: ast.AST, text: str) -> ast.expr:
    """The expression, when it is on the list with all its parts."""
    parts: list[ast.AST] = []
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            pass
        case ast.Name(id=name):
            if name not in NAMES:
                near = nearest(name, [*NAMES, *FUNCTIONS])
                raise wrong(text, f"it may name {', '.join(NAMES)}, not {name!r}.{near}")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            parts = [left, right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            parts = [operand]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            parts = [left, right]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            if name not in FUNCTIONS:
                raise wrong(text, f"there is no function {name!r}.{nearest(name, FUNCTIONS)}")
            if len(arguments) != FUNCTIONS[name].nin:
                raise wrong(text, f"{name} takes {FUNCTIONS[name].nin} value(s), not {len(arguments)}.")
            parts = list(arguments)
        case _:
            raise wrong(text, "it may hold numbers, x, y, + - * / ** ( ), < >, and functions such as sin(x).")
    for part in parts:
        checked(part, text)
    assert isinstance(node, ast.expr)
    return node


@cache
def parsed(text: str) -> ast.expr:
    """The checked expression of a formula. TaskError "bad-formula" when it is none."""
    if not isinstance(text, str) or not text.strip():
        raise wrong(str(text), "it is empty.")
    if len(text) > LONGEST:
        raise wrong(text[:20] + "...", f"it is longer than {LONGEST} characters.")
    try:
        tree = ast.parse(tokens(text), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as trouble:
        raise wrong(text, "a bracket, a sign or a value is missing or too much.") from trouble
    return checked(tree.body, text)


def canonical(text: str) -> str:
    """The formula in one spelling: "x^2" and "x ** 2" are the same feature.

    >>> canonical("X*0.5".lower()), canonical("x^2")
    ('x * 0.5', 'x ** 2')
    """
    written = ast.unparse(parsed(text))
    if len(written) > LONGEST:
        raise wrong(text[:20] + "...", f"it is longer than {LONGEST} characters.")
    return written


def evaluated(node: ast.expr, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    match node:
        case ast.Constant(value=int() | float()):
            return np.asarray(node.value, np.float64)
        case ast.Name(id=name):
            return {"x": x, "y": y, "pi": np.asarray(np.pi), "e": np.asarray(np.e)}[name]
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](evaluated(left, x, y), evaluated(right, x, y))
        case ast.UnaryOp(op=op, operand=operand):
            value = evaluated(operand, x, y)
            return np.negative(value) if isinstance(op, ast.USub) else value
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return OPERATORS[type(op)](evaluated(left, x, y), evaluated(right, x, y)) * np.float64(1)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*[evaluated(each, x, y) for each in arguments])
    raise AssertionError("a node that was not checked")


def values(text: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The formula's value at every point: float64 of the shape of `x`; what is no number is 0, what is huge is cut."""
    with np.errstate(all="ignore"):
        found = np.broadcast_to(evaluated(parsed(text), x.astype(np.float64), y.astype(np.float64)), x.shape)
        return np.clip(np.nan_to_num(found, nan=0.0), -LARGEST, LARGEST)


def as_numpy(text: str) -> str:
    """The formula as a line of numpy, for the script to take home.

    >>> as_numpy("sin(x) + pi")
    'np.sin(x) + np.pi'
    """

    class Renamed(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if not isinstance(node, ast.expr) or isinstance(node, ast.Name):
                return super().visit(node)
            if not any(isinstance(part, ast.Name) and part.id in "xy" for part in ast.walk(node)):
                with np.errstate(
                    all="ignore"
                ):  # a part without x and y: its value, since Python's own 1 / 0 would fail
                    value = float(evaluated(node, np.zeros(()), np.zeros(())))
                return ast.parse(
                    repr(value)
                    if np.isfinite(value)
                    else f"{'-' if value < 0 else ''}np.{'nan' if np.isnan(value) else 'inf'}",
                    mode="eval",
                ).body
            return super().visit(node)

        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.parse(
                NUMPY.get(node.id, f"np.{node.id}" if node.id in ("pi", "e") else node.id), mode="eval"
            ).body

        def visit_Compare(self, node: ast.Compare) -> ast.AST:
            self.generic_visit(node)
            return ast.BinOp(node, ast.Mult(), ast.Constant(1.0))

    copy = ast.parse(ast.unparse(parsed(text)), mode="eval")
    return ast.unparse(ast.fix_missing_locations(Renamed().visit(copy.body)))
