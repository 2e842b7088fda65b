"""Take the code home: a rung of a run as one plain Python file, without fofx, that a student can read in one sitting.

The file reads the same data, makes the same split, fits the same model with the same seed, and so gives the same loss curve. Its
functions and classes are the engine's own source, pasted as far as they are used; its steps are the course's: data, a function with
unknown parameters, the loss, optimize, test.
"""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fofx import metrics
from fofx.eject.bundle import Bundle
from fofx.eject.data import data_code, in_memory, unused
from fofx.eject.text import heading, settings_text, sorted_imports, title
from fofx.errors import RunError, TaskError, nearest
from fofx.rungs.average import mix
from fofx.rungs.base import Code, quoted

if TYPE_CHECKING:
    from fofx.finding import Finding

METRICS = {
    "rmse": "rmse({right}, {found})",
    "r2": "r2({right}, {found})",
    "accuracy": "accuracy({right}, {found}.argmax(axis=1))",
}
METRICS["f1"] = "f1({right}, {found}.argmax(axis=1), {found}.shape[1])"


def eject(function: Finding, path: str | Path | None = None, rung: str | None = None) -> Path:
    """Write the winning rung (or another) as one plain script; by default into the run folder, as NAME.py.

    In-memory data are put beside it as NAME.parquet. Raises TaskError "unknown-rung" or "cannot-eject", RunError
    "cannot-write".
    """
    name = rung or function.winner
    known = [result.name for result in function.rungs if result.error is None]
    if name not in known:
        raise TaskError(
            "unknown-rung", f"There is no rung {name!r} in this run.{nearest(name, known)} It has {', '.join(known)}."
        )
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    target = Path(path) if path is not None else function.run.path / f"{safe}.py"
    copy = target.with_suffix(".parquet")
    text = script(function, name, copy.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if in_memory(function.run):
            shutil.copyfile(function.run.path / "data.parquet", copy)
        target.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise RunError("cannot-write", f"{target} cannot be written ({problem.strerror}).") from problem
    return target


def script(function: Finding, name: str, beside: str) -> str:
    """The text of the script."""
    record = function.record
    data = data_code(function.run, record, function.fields, function.outputs, beside)
    weights = function.rung(name).weights if name == "average" else {}  # type: ignore[attr-defined]
    codes = {member: function.rung(member).script(record) for member in (weights or [name])}
    sections = [("settings", ""), *data.steps]
    settings = dict(data.settings)
    neural = any("loss" in dict(code.steps) for code in codes.values())
    if neural:
        sections[-1] = (sections[-1][0], sections[-1][1] + "history = []  # a line for every step\n")
    else:
        sections = [(key, _without_history(lines)) for key, lines in sections]
    if weights:
        sections += _members(codes, weights)
    else:
        settings |= codes[name].settings
        sections += _steps(codes[name])
    sections.append(("test", _test(function, name, neural)))
    things = [*data.things, *(thing for code in codes.values() for thing in code.things), mix]
    things += [getattr(metrics, metric) for metric in METRICS]
    possible = {key: value for code in (data, *codes.values()) for key, value in code.possible.items()}
    own = "\n".join(lines for _, lines in sections)
    bundle = Bundle(
        {thing.__name__: thing for thing in things}, possible, own, unused(function.fields, function.outputs)
    )
    body, order = [], [key for key, _ in sections]
    for key, lines in sections:
        if key == "settings":
            body.append(heading(key) + settings_text(settings))
            continue
        before_loss = "loss" in order and order.index(key) < order.index("loss")
        pieces = bundle.write(lines, later="fofx.losses" if before_loss else "")
        parts = [part.strip("\n") for part in (pieces, lines) if part.strip()]
        gap = "\n" if parts[0].startswith(("def ", "class ", "@")) else ""
        body.append(heading(key) + gap + "\n\n\n".join(parts) + "\n")
    imports = sorted_imports(bundle.imports.values())
    return title(function, name, weights) + imports + "\n" + "\n\n".join(part.rstrip() + "\n" for part in body)


def _without_history(lines: str) -> str:
    """Without the option that only a descent has."""
    return "".join(line for line in lines.splitlines(keepends=True) if '"--history"' not in line)


def _steps(code: Code) -> list[tuple[str, str]]:
    steps = list(code.steps)
    return [
        (key, code.helpers + "\n\n" + lines if n == 0 and code.helpers else lines)
        for n, (key, lines) in enumerate(steps)
    ]


def _members(codes: dict[str, Code], weights: dict[str, int]) -> list[tuple[str, str]]:
    """Each member as a function that fits it and gives its `predict`; then their average."""
    found, names = [], []
    for member, code in codes.items():
        name = "fit_" + "".join(letter if letter.isalnum() else "_" for letter in member)
        names.append(f"{member!r}: {name}()")
        lines = [settings_text(code.settings), code.helpers]
        lines += [f"# {heading(key).splitlines()[0].removeprefix('# ')}\n{text}" for key, text in code.steps]
        inner = "\n".join(_compact(text) for text in lines if text.strip())
        found.append(
            (
                "model",
                f'def {name}():\n    """The rung {member!r} on its own."""\n'
                + textwrap.indent(inner, "    ")
                + "\n    return predict\n",
            )
        )
    last = f"members = {{{', '.join(names)}}}\nWEIGHTS = {weights!r}  # how often each was taken\n\n\n"
    last += 'def predict(frame):\n    """The weighted mean of what the members say."""\n'
    last += "    return mix({name: member(frame) for name, member in members.items()}, WEIGHTS)\n"
    joined = "\n\n".join(text for _, text in found)
    return [("model", joined), ("average", last)]


def _compact(text: str) -> str:
    """Single blank lines, as inside a function."""
    text = text.strip("\n")
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text + "\n"


def _test(function: Finding, name: str, neural: bool) -> str:
    """Lines that score the validation and the test rows beside the run's own scores."""
    result = next(result for result in function.rungs if result.name == name)
    metric = function.metric
    each = {output.name: output.graded if metric == "score" else metric for output in function.outputs}
    parts = []
    for output, word in each.items():
        right = f"truth[{quoted(output)}]"
        said = METRICS.get(word, "output.metrics({found}, {right})[" + quoted(word) + "]")
        parts.append(said.format(right=right, found=f"found[{quoted(output)}]"))
    lines = 'def score(found, frame):\n    """The run\'s main metric of predictions."""\n'
    lines += "    truth = {output.name: output.truth(frame[output.name]) for output in outputs}\n"
    if len(parts) == 1:
        lines += f"    return {parts[0]}\n"
    else:
        rows = "".join(f"        {part},\n" for part in parts)
        lines += f"    each = [\n{rows}    ]\n    return np.mean([value for value in each if value is not None])\n"
    lines += '\n\nanswers = {"validation": predict(validation), "test": predict(test)}\n'
    lines += f'for part, frame, before in (("validation", validation, {_short(result.validation)}), ("test", test, {_short(result.test)})):\n'
    lines += f'    print(f"{{part}} {metric}: {{score(answers[part], frame):.6g}} (the run: {{before}})")\n'
    if neural:
        lines += 'if options.history:\n    with open(options.history, "w", encoding="utf-8") as file:\n'
        lines += '        file.writelines(json.dumps(line) + "\\n" for line in history)\n'
    return lines


def _short(value: Any) -> str:
    return "None" if value is None else f"{value:.6g}"
