"""A run as a zip and back: `write` packs the same bytes each time, `read` takes in a stranger's zip without trusting it.

Only data goes in and out: JSON, safetensors and Parquet. No page (report.html) and no script is taken from a stranger: both are
made anew here. Where the run's data lay on the stranger's machine is forgotten, so that nothing here is read in their name.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from fofx.errors import DataError, FofxError, RunError
from fofx.studio.contents import demand_inside, demand_parquet, demand_zip, unpack
from fofx.studio.limits import Limits
from fofx.studio.paths import names_files

# The files of a run that carry it; an entry of the zip is one of these, below rungs/NAME/ where the second list says so.
OWN = {"run.json", "fields.json", "recipes.json", "history.jsonl"}
OWN |= {"weights.safetensors", "rows.safetensors", "data.parquet", "predictions.parquet"}
OF_RUNG = re.compile(
    r"rungs/[0-9A-Za-z_.-]{1,100}/(?:(?:rung|recipe)\.json|history\.jsonl|weights\.safetensors|[\w-]+\.safetensors)"
)
OF_FRAMES = re.compile(r"rungs/[0-9A-Za-z_.-]{1,100}/frames/(?:[\w-]{1,40}/)?[\w.-]{1,100}\.safetensors")
LEFT_OUT = {"checkpoint.safetensors"}  # only a run that is not done needs it
LONG_AGO = (1980, 1, 1, 0, 0, 0)


def belongs(name: str) -> bool:
    """Whether `name`, a path within a run, is a file that carries it.

    >>> belongs("rungs/mlp/weights.safetensors"), belongs("rungs/mlp/frames/weights/0000010.safetensors"), belongs("run.json")
    (True, True, True)
    >>> belongs("report.html"), belongs("../run.json"), belongs("rungs/../../x.json")
    (False, False, False)
    """
    if PurePosixPath(name).name in LEFT_OUT or ".." in name.split("/"):
        return False
    return name in OWN or bool(OF_RUNG.fullmatch(name) or OF_FRAMES.fullmatch(name))


def write(folder: Path, target: Path) -> Path:
    """`target`: a zip of the run in `folder`. RunError "unfinished-run" when it is not done."""
    if json.loads((folder / "run.json").read_text(encoding="utf-8")).get("status") != "done":
        raise RunError("unfinished-run", f"{folder.name} was not finished; only whole runs can be exported.")
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    )
    with zipfile.ZipFile(target, "w") as packed:
        for name in filter(belongs, names):
            entry = zipfile.ZipInfo(f"{folder.name}/{name}", LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            with open(folder / name, "rb") as source, packed.open(entry, "w", force_zip64=True) as place:
                while block := source.read(1 << 20):
                    place.write(block)
    return target


def read(packed: Path, place: Path, limits: Limits) -> Path:
    """The run in the zip as a folder below `place`, opened once to see that it is whole.

    DataError "bad-zip" or "too-large"; nothing of it is used before every check has passed.
    """
    files = {
        demand_inside(entry, "bad-zip"): entry for entry in demand_zip(packed, limits, "bad-zip") if not entry.is_dir()
    }
    tops = [PurePosixPath(name).parent for name in files if PurePosixPath(name).name == "run.json"]
    if len(tops) != 1 or len(tops[0].parts) > 1:
        raise DataError("bad-zip", "The zip should hold one run: a folder with a run.json.")
    top = tops[0].as_posix()
    inner = {name: name if top == "." else name.removeprefix(f"{top}/") for name in files}
    wanted = {inner[name]: entry for name, entry in files.items() if belongs(inner[name])}
    strange = [name for name in files if inner[name] not in wanted and not known_extra(inner[name])]
    if strange:
        raise DataError("bad-zip", f"{strange[0][:100]!r} is no file of a run.")
    name = re.sub(r"[^0-9A-Za-z一-鿿_.-]+", "-", tops[0].name).strip("-.")[:80] or "imported"
    folder = place / name
    unpack(packed, wanted, folder, limits, "bad-zip")
    try:
        forget_places(folder / "run.json")
        for parquet in folder.glob("*.parquet"):
            demand_parquet(parquet, limits)
        demand_loads(folder)
    except DataError as problem:
        raise (
            problem
            if problem.code == "too-large"
            else DataError("bad-zip", f"The run in the zip is damaged: {problem}")
        ) from problem
    except (
        FofxError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
        RecursionError,
        RuntimeError,
    ) as problem:
        raise DataError("bad-zip", f"The run in the zip is damaged: {str(problem)[:200]}") from problem
    return folder


def known_extra(name: str) -> bool:
    """Files that may stand in a run and are not taken: pages and scripts are made anew, checkpoints not needed."""
    return (
        PurePosixPath(name).name in LEFT_OUT
        or re.fullmatch(r"[\w.-]+\.(html|py)|\.DS_Store|__MACOSX/.*", name) is not None
    )


def forget_places(path: Path) -> None:
    """Take every path of the other machine out of run.json: see/ would read the data again from there."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    data = record["data"]
    for word in ("path", "test", "validation"):
        if data.get(word) is not None:
            data[word] = None
    record["asked"]["recipe"] = None
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(record, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(beside, path)


def demand_loads(folder: Path) -> None:
    """Open the run, every rung that was fitted, and the index of every file of tensors. Rows that name files are taken out."""
    import polars as pl
    from safetensors import SafetensorError, safe_open

    from fofx.function import load

    for file in folder.rglob("*.safetensors"):
        try:
            with safe_open(file, framework="pt"):
                pass
        except SafetensorError as problem:
            raise RunError("damaged-run", f"{file.relative_to(folder)} is damaged: {problem}.") from problem
    function = load(folder)
    rows = folder / "data.parquet"
    columns: list[Any] = [*function.task.inputs, *function.task.outputs, *function.fields, *function.outputs]
    kinds = [(each.name, each.kind) for each in columns]
    if rows.exists() and names_files(pl.read_parquet(rows, n_rows=1), kinds):
        rows.unlink()  # pages then say that the rows are gone, instead of opening this machine's files of those names
    for result in function.rungs:
        if result.error is None:
            function.rung(result.name)
