"""The first part of a script: read the same rows, clean and split them in the same way, let the fields learn.

Where the rows came from a file, the script reads that file. Where they were in memory, the run has kept them and a copy is
put beside the script. A split by a rule is made again by that rule; one that was given (parts, overlapping windows) is written
down in a few letters.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import polars as pl

from fofx.data.again import read_again
from fofx.data.split import _moments, codes_of, grouped_parts, random_parts, stratified_parts, time_parts
from fofx.eject.pieces import class_folders, unpack
from fofx.encoded import pair_of
from fofx.fields import Field, Output, field_class
from fofx.fields.number import Number
from fofx.prepare import plural
from fofx.run import Run
from fofx.rungs.base import Code, quoted

FRACTIONS = "(0.7, 0.15, 0.15)"


def data_code(run: Run, record: dict, fields: list[Field], outputs: list[Any], beside: str) -> Code:
    """The Code of reading, splitting and learning. `beside` is the name of the copy of the data beside the script."""
    settings: dict[str, Any] = {}
    things: list[Any] = [read_again, class_folders, unpack, codes_of, grouped_parts, random_parts]
    things += [stratified_parts, time_parts, _moments, *(type(field) for field in (*fields, *outputs))]
    possible: dict[str, dict[str, set]] = {}
    steps = [
        ("data", _read(run, record, outputs, settings, possible, beside)),
        ("split", _split(run, record, outputs, settings)),
    ]
    settings["SEED"] = record["asked"]["seed"]
    steps.append(("fields", _learn(fields, outputs, settings)))
    asked = {} if record["asked"]["class_weights"] else {"options.get('class_weights')": {False}}
    possible |= {type(output).__name__: asked for output in outputs}
    schema = pl.read_parquet_schema(run.path / "data.parquet") if in_memory(run) else {}
    for field in (*fields, *outputs):
        known = {
            f"self.{word} is None": {False} for word in field.given
        }  # a script is told what it would have to look up
        possible.setdefault(type(field).__name__, {}).update(known)
        if not field.block:
            files = {
                schema[other.name] == pl.String if schema else True
                for other in (*fields, *outputs)
                if type(other) is type(field)
            }
            possible.setdefault(type(field).__name__, {}).update({"column.dtype == pl.String": files})
    return Code(settings, [(key, "\n".join(lines) + "\n") for key, lines in steps], things, possible)


def unused(fields: list[Field], outputs: list[Any]) -> dict[type, set[str]]:
    """What is never asked of a kind, because its columns only go in or only come out."""
    inward, outward = {type(field) for field in fields}, {type(output) for output in outputs}
    answers = {name for name in vars(Output) if not name.startswith("_")}
    without = dict.fromkeys(inward - outward, answers) | {
        kind: {"encode", "feature_names"} for kind in outward - inward
    }
    about = {base for kind in inward | outward for base in kind.__mro__ if issubclass(base, Field)}
    return {base: without.get(base, set()) | set(Field.__annotations__) for base in about}


def in_memory(run: Run) -> bool:
    """Whether the run keeps the rows itself, because they came from a variable."""
    return run.has("data.parquet")


def _read(run: Run, record: dict, outputs: list[Any], settings: dict, possible: dict, beside: str) -> list[str]:
    names = [output.name for output in outputs]
    if in_memory(run):
        settings["DATA"] = beside
        beside = "DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), DATA)  # it lies beside this file"
        return [beside, *_arguments("DATA"), "frame = pl.read_parquet(options.data)"]
    data = record["data"]
    settings["DATA"] = data["path"]
    lines = _arguments("DATA")
    readers = {"READER": data["reader"]}
    readers |= {f"{part.upper()}_READER": data["readers"][part] for part in ("test", "validation") if data.get(part)}
    reading = []
    for name, reader in readers.items():
        part = name.removesuffix("_READER").lower() if name != "READER" else ""
        if part:
            settings[part.upper()] = data[part]
        where = part.upper() if part else "options.data"
        settings[name] = reader
        if reader["format"] == "folder" and class_folders(data[part or "path"]) == [
            tuple(row) for row in reader["rows"]
        ]:
            settings[name] = {
                "format": "folder",
                "pictures": reader["pictures"],
            }  # it need not list what can be looked up
            reading.append(f'read_again({where}, {{**{name}, "rows": class_folders({where})}})')
        else:
            reading.append(f"read_again({where}, {name})")
    _narrow(list(readers.values()), possible)
    if len(reading) == 1:
        lines.append(f"frame = {reading[0]}")
    else:
        lines += [f"frame = {reading[0]}", "more = [" + ", ".join(reading[1:]) + "]"]
        lines.append("more = [each.select([name for name in frame.columns if name in each.columns]) for each in more]")
        lines.append('frame = pl.concat([frame, *more], how="diagonal_relaxed")')
    types = {name: kind for reader in readers.values() for name, kind in reader.get("types", {}).items()}
    columns = [*record["task"]["inputs"], *record["task"]["outputs"]]
    said = [c["name"] for c in columns if c["kind"] == "number" and types.get(c["name"]) == "String"]
    if said:
        lines.append(f"frame = frame.with_columns(pl.col({quoted(said)}).cast(pl.Float64, strict=False))")
    lines.append(f"frame = frame.drop_nulls({quoted(names)})  # rows without an answer teach nothing")
    real = ("Float", "percent", "comma", "thousands")
    if any(types.get(name, "").startswith(real) or name in said for name in names):
        numbers = [output.name for output in outputs if isinstance(output, Number)]
        lines.append(f"frame = frame.filter(pl.all_horizontal(pl.col({quoted(numbers)}).is_finite()))")
    if any(notice["code"] == "one-sided-pair" for notice in record["warnings"]):
        sides = quoted([column["name"] for column in record["task"]["inputs"]])
        lines.append(f"frame = frame.drop_nulls({sides})  # a pair needs both sides")
    for column in columns:
        if any(notice["code"] == f"broken-{plural(column['kind'])}" for notice in record["warnings"]):
            kind = field_class(column["kind"]).__name__
            lines.append(f"broken = [row for row, why in {kind}.broken(frame[{quoted(column['name'])}])]")
            lines.append("frame = frame[np.setdiff1d(np.arange(frame.height), broken)]")
    return lines


def _arguments(default: str) -> list[str]:
    return [
        "arguments = argparse.ArgumentParser(description=__doc__)",
        f'arguments.add_argument("data", nargs="?", default={default}, help="where the data are")',
        'arguments.add_argument("--history", help="a file for the loss of every step, a line of JSON each")',
        "options = arguments.parse_args()",
    ]


def _narrow(readers: list[dict], possible: dict) -> None:
    """Which branches of the readers are needed."""
    formats = {reader["format"] for reader in readers}
    kinds = {kind for reader in readers for kind in reader.get("types", {}).values()} | (
        {"String"}
        if any(name not in reader.get("types", {}) for reader in readers for name in reader.get("names", ()))
        else set()
    )
    pictures = {bool(reader.get("pictures")) for reader in readers}
    possible["read_again"] = {"reader['format']": formats}
    possible["text_cells"] = {"reader['format']": formats, "how": formats}
    for key in ("header", "ragged", "side"):
        known = {reader[key] for reader in readers if key in reader}
        if known:
            possible["text_cells"][f"reader['{key}']"] = known
    possible["typed"] = {"kind": kinds}
    possible["read_again"]["reader.get('pictures', [])"] = pictures


def _split(run: Run, record: dict, outputs: list[Any], settings: dict) -> list[str]:
    asked, how = record["asked"], record["data"]["split"]
    labels = f"codes_of(frame[{quoted(outputs[0].name)}].to_list())" if outputs[0].stratified else None
    group, order = asked["group"], asked["time"]
    order_name, group_name = (record["columns"].get(word) for word in ("time", "group"))
    if how.startswith("as given") or (group and group_name is None):
        part = run.read_tensors("rows.safetensors")["part"].numpy()
        settings["PARTS"] = base64.b85encode(zlib.compress(part.astype(np.uint8).tobytes(), 9)).decode()
        lines = ["part = unpack(PARTS)  # 0 train, 1 validation, 2 test, for every row"]
    elif group:
        column = f'frame[{quoted(group_name)}].cast(pl.String).fill_null("").to_list()'
        lines = [f"groups = codes_of({column})  # rows of one group stay together"]
        classes = labels or "np.zeros(frame.height, dtype=np.int64)"
        lines.append(f"part = grouped_parts(groups, {classes}, {FRACTIONS}, SEED)")
    elif order:
        lines = [
            f"part = time_parts(_moments(frame[{quoted(order_name)}].to_list()), {FRACTIONS})  # the earliest train"
        ]
    elif labels:
        lines = [f"part = stratified_parts({labels}, {FRACTIONS}, SEED)"]
    else:
        lines = [f"part = random_parts(frame.height, {FRACTIONS}, SEED)"]
    lines.append("train, validation, test = (frame[np.flatnonzero(part == number)] for number in range(3))")
    sizes = record["data"]["rows"]
    same = tuple(sizes[name] for name in ("train", "validation", "test"))
    lines.append(f"if (train.height, validation.height, test.height) != {same}:")
    lines.append('    print("These are not the rows of the run: the numbers below will differ from its own.")')
    if order:
        lines.append(f'ranks = frame[{quoted(order_name)}].rank("dense").fill_null(0).to_numpy()[part == 0]')
        lines.append('train = train[np.argsort(ranks, kind="stable")]')
    return lines


def _learn(fields: list[Field], outputs: list[Any], settings: dict) -> list[str]:
    """The fields by how they enter a model; each learns from the training rows."""
    lines, every = [], []
    flat = [field for field in fields if field.shelf == "columns"]
    classes = dict.fromkeys(type(field).__name__ for field in flat)
    if flat:
        if len(classes) == 1:
            settings["INPUTS"] = [field.name for field in flat]
            lines.append(f"columns = [{next(iter(classes))}(name) for name in INPUTS]")
        else:
            settings["INPUTS"] = {field.name: field.kind for field in flat}
            kinds = ", ".join(f'"{kind}": {name}' for kind, name in {f.kind: type(f).__name__ for f in flat}.items())
            lines.append(f"kinds = {{{kinds}}}")
            lines.append("columns = [kinds[kind](name) for name, kind in INPUTS.items()]")
        every.append("*columns")
    for shelf in dict.fromkeys(field.shelf for field in fields if field.shelf != "columns"):
        own = [field for field in fields if field.shelf == shelf]
        made = ", ".join(f"{quoted(field.name)}: {type(field).__name__}({quoted(field.name)})" for field in own)
        lines.append(f"{shelf} = {{{made}}}")
        every.append(f"*{shelf}.values()")
    if len(outputs) == 1:
        lines.append(f"output = {type(outputs[0]).__name__}({quoted(outputs[0].name)})")
        lines.append("outputs = [output]")
    else:
        lines.append("outputs = [" + ", ".join(f"{type(o).__name__}({quoted(o.name)})" for o in outputs) + "]")
    given = {
        field.name: {word: getattr(field, word) for word in field.given} for field in (*fields, *outputs) if field.given
    }
    if given:
        settings["GIVEN"] = given
        lines.append(f"for field in [{', '.join([*every, '*outputs'])}]:")
        lines.append("    vars(field).update(GIVEN.get(field.name, {}))  # what the whole set of data told")
    pair = pair_of(fields)
    lines.append(f"for field in [{', '.join(every) if not pair else ''}{', ' if not pair else ''}*outputs]:")
    lines.append("    field.learn(train[field.name])  # from the training rows only")
    if pair:
        names = quoted([field.name for field in pair])
        lines.append(
            f"for field in [{', '.join(every)}]:  # the two sides of a pair learn from both, so that they are alike"
        )
        lines.append(
            f"    field.learn(pl.concat([train[name].alias(field.name) for name in sorted({names}, key=lambda n: n != field.name)]))"
        )
    if any(type(output).attune is not Output.attune for output in outputs):
        lines.append(f"output.attune([{', '.join(every)}])")
    for output in outputs:
        if output.stratified:
            one = "output" if len(outputs) == 1 else f"outputs[{outputs.index(output)}]"
            lines.append(f"known = {one}.truth(validation[{one}.name]) >= 0  # of classes that training had")
            lines.append("validation = validation.filter(known)")
    return lines
