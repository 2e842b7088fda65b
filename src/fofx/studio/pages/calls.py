"""What was chosen on a page, as the same call in Python and the same line of the command line.

`asked` is what `Jobs.start` takes: {"task" | "upload" | "path": ..., "outputs": [...], further arguments of `fofx.find`}.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

DEFAULTS: dict[str, Any] = {
    "inputs": None, "model": "auto", "budget": 60.0, "seed": 0, "split": None, "group": None, "time": None, "kinds": {},
    "strict": False, "class_weights": False, "label_smoothing": 0.0, "augment": True, "name": None, "recipe": None,
    "test": None, "validation": None,
}  # fmt: skip
FLAGS = {"strict": "--strict", "class_weights": "--class-weights"}
WORDS = ("model", "budget", "test", "validation", "split", "group", "time", "seed", "name", "recipe")


def given(asked: Mapping[str, Any], built_in: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The arguments that differ from the defaults, in the order of `find`. `built_in` holds those that a task brings itself."""
    found = {"outputs": asked["outputs"], **{key: asked.get(key, default) for key, default in DEFAULTS.items()}}
    return {
        key: value
        for key, value in found.items()
        if key == "budget" or (value is not None and value != DEFAULTS.get(key) and value != (built_in or {}).get(key))
    }


def python_call(asked: Mapping[str, Any], source: str = "", built_in: Mapping[str, Any] | None = None) -> str:
    """
    >>> print(python_call({"task": "river", "outputs": "next_level", "time": "date", "budget": 30.0}))
    import fofx
    <BLANKLINE>
    f = fofx.find(
        fofx.tasks()["river"].data(),
        outputs="next_level",
        budget=30,
        time="date",
    )
    """
    name = asked.get("task")
    first = f"fofx.tasks()[{quoted(name)}].data()" if name else quoted(source or str(asked.get("path", "")))
    arguments = [first, *(f"{key}={quoted(value)}" for key, value in given(asked).items())]
    lines = ",\n".join(f"    {argument}" for argument in arguments)
    return f"import fofx\n\nf = fofx.find(\n{lines},\n)"


def command(
    asked: Mapping[str, Any],
    source: str = "",
    columns: Sequence[str] = (),
    built_in: Mapping[str, Any] | None = None,
) -> str:
    """The same on the command line. `columns` are all inputs, needed where the kind of one of them was corrected.

    >>> command({"path": "my data.csv", "outputs": ["y"], "kinds": {"y": "category"}, "budget": 20.0})
    "fofx find 'my data.csv' --output y:category --budget 20"
    """
    own = dict(built_in or {}) if asked.get("task") else {}
    found = given(asked, own)
    kinds = dict(found.get("kinds") or {})
    outputs = [asked["outputs"]] if isinstance(asked["outputs"], str) else list(asked["outputs"])
    words = ["fofx", "run", asked["task"]] if asked.get("task") else ["fofx", "find", source or str(asked.get("path"))]
    if asked["outputs"] != own.get("outputs") or any(name in kinds for name in outputs):
        for name in outputs:
            words += ["--output", f"{name}:{kinds[name]}" if name in kinds else name]
    inputs = found.get("inputs")
    if inputs is None and any(name not in outputs for name in kinds):
        inputs = list(columns)
    for name in inputs or ():
        words += ["--input", f"{name}:{kinds[name]}" if name in kinds else name]
    for key in WORDS:
        if key in found:
            value = found[key]
            words += [f"--{key}", f"{value:g}" if isinstance(value, float) else str(value)]
    words += [flag for key, flag in FLAGS.items() if found.get(key)]
    if found.get("label_smoothing"):
        words += ["--label-smoothing", f"{found['label_smoothing']:g}"]
    if found.get("augment") is False:
        words.append("--no-augment")
    return shlex.join(words)


def quoted(value: Any) -> str:
    """A value as Python text, with double quotes and whole seconds without a point."""
    if isinstance(value, str):
        text = repr(value)
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text else text
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(quoted, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{quoted(key)}: {quoted(each)}' for key, each in value.items())}}}"
    return repr(value)


def asked_of(record: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """(asked, source) of a run: what it was asked, and where its data are; a built-in task by its name."""
    from fofx.tasks import tasks

    data = record["data"]
    asked = {**record["asked"], **{part: data[part] for part in ("test", "validation") if data.get(part)}}
    if len(asked.get("outputs") or ()) == 1:
        asked["outputs"] = asked["outputs"][0]
    source = str(data.get("path") or data.get("source") or "data")
    if not data.get("path") and data.get("source") in tasks():
        asked["task"] = data["source"]
    return asked, source
