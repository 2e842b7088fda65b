"""The runs folder: lists, deletion with undo, zips out and in, uploads; and that nothing a visitor names is trusted."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fofx
from fofx.errors import DataError, FofxError, RunError
from fofx.studio import archive, contents
from fofx.studio.limits import Limits, shared
from fofx.studio.workspace import Workspace, demand_name


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run that is done."""
    folder = Path(tmp_path_factory.mktemp("runs"))
    numbers = np.arange(60.0)
    fofx.find(
        {"x": list(numbers), "y": list(numbers * 2)}, "y", model="linear", budget=1, out=str(folder), name="double"
    )
    return folder


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(made, tmp_path / "runs")
    return Workspace(tmp_path / "runs")


# ---- runs


def test_a_list_says_what_each_run_is(workspace: Workspace) -> None:
    (line,) = workspace.runs()
    assert (line.name, line.status, line.inputs, line.outputs) == ("double", "done", ["x"], ["y"])
    assert line.winner == "linear" and line.metric == "rmse" and not line.more_is_better
    assert line.score == workspace.load("double").scores["rmse"] and line.rows == 60
    assert line.kinds == {"x": "number", "y": "number"}


def test_an_empty_or_missing_folder_has_no_runs(tmp_path: Path) -> None:
    assert Workspace(tmp_path).runs() == [] and Workspace(tmp_path / "none").runs() == []
    assert not (tmp_path / "none").exists(), "looking makes nothing"


def test_only_what_changed_is_read_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from fofx.studio import workspace as module

    read: list[str] = []
    true = module.line_of
    monkeypatch.setattr(module, "line_of", lambda folder, changed: read.append(folder.name) or true(folder, changed))
    for _ in range(3):
        workspace.runs()
    assert read == ["double"]
    record = workspace.folder / "double" / "run.json"
    record.write_text(record.read_text().replace('"winner": "linear"', '"winner": "mean"'))
    assert workspace.runs()[0].winner == "mean" and read == ["double", "double"]
    shutil.rmtree(workspace.folder / "double")
    assert workspace.runs() == []


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"task": 3}', '{"task": {"inputs": [1]}}', "[" * 100_000, '{"data": 5, "status": "done"}'],
)
def test_a_damaged_run_is_listed_and_hides_no_other(workspace: Workspace, text: str) -> None:
    (workspace.folder / "bad").mkdir()
    (workspace.folder / "bad" / "run.json").write_text(text)
    assert {line.name: line.status for line in workspace.runs()} == {"double": "done", "bad": "damaged"}
    with pytest.raises(FofxError):
        workspace.load("bad")


def test_a_run_whose_process_is_gone_is_cut_short(workspace: Workspace) -> None:
    record = workspace.folder / "double" / "run.json"
    record.write_text(record.read_text().replace('"status": "done"', '"status": "running"'))
    old = time.time() - 3600
    for path in (workspace.folder / "double").rglob("*"):
        os.utime(path, (old, old))
    assert workspace.runs()[0].status == "cut-short"
    workspace.busy = lambda name: name == "double"
    assert workspace.runs()[0].status == "running"
    with pytest.raises(RunError, match="still-training"):
        workspace.delete("double")


def test_a_run_that_another_program_trains_is_running(workspace: Workspace) -> None:
    """`fofx find` in a terminal: there is no job, but its files grow."""
    record = workspace.folder / "double" / "run.json"
    record.write_text(record.read_text().replace('"status": "done"', '"status": "running"'))
    assert workspace.runs()[0].status == "running"


BAD_NAMES = [
    "..",
    ".",
    "",
    "../runs",
    "a/b",
    "a\\b",
    "/etc",
    ".fofx",
    "a\0b",
    "a\nb",
    "x" * 200,
    "double/../double",
    "%2e%2e",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_leads_nowhere_else(workspace: Workspace, name: str) -> None:
    for use in (workspace.path_of, workspace.load, workspace.delete, workspace.export):
        with pytest.raises(RunError) as problem:
            use(name)
        assert problem.value.code in ("bad-name", "no-run")


@given(st.text(max_size=30))
def test_every_name_that_is_let_through_is_one_folder(name: str) -> None:
    try:
        demand_name(name)
    except RunError:
        return
    assert Path("/runs", name).parent == Path("/runs") and os.path.normpath(f"/runs/{name}") == f"/runs/{name}"


def test_a_link_to_elsewhere_is_no_run(workspace: Workspace, tmp_path: Path) -> None:
    shutil.copytree(workspace.folder / "double", tmp_path / "outside")
    (workspace.folder / "link").symlink_to(tmp_path / "outside")
    assert [line.name for line in workspace.runs()] == ["double"]
    with pytest.raises(RunError, match="no-run"):
        workspace.load("link")


# ---- delete, undo


def test_a_deleted_run_comes_back(workspace: Workspace) -> None:
    before = workspace.load("double").scores
    ticket = workspace.delete("double")
    assert workspace.runs() == [] and not (workspace.folder / "double").exists()
    assert workspace.undo(ticket) == "double" and workspace.load("double").scores == before
    with pytest.raises(RunError, match="no-ticket"):
        workspace.undo(ticket)


def test_undo_writes_over_nothing(workspace: Workspace) -> None:
    kept = workspace.export("double").read_bytes()
    ticket = workspace.delete("double")
    assert workspace.import_run(kept) == "double"
    assert workspace.undo(ticket) == "double-2"
    assert {line.name for line in workspace.runs()} == {"double", "double-2"}


@pytest.mark.parametrize("ticket", ["", "..", "../../double", "0" * 24, "/etc"])
def test_a_made_up_ticket_brings_nothing(workspace: Workspace, ticket: str) -> None:
    with pytest.raises(RunError, match="no-ticket"):
        workspace.undo(ticket)


def test_what_was_deleted_long_ago_is_removed(workspace: Workspace) -> None:
    ticket = workspace.delete("double")
    workspace.purge()
    assert (workspace.own / "trash" / ticket).exists()
    old = time.time() - workspace.limits.undo - 1
    os.utime(workspace.own / "trash" / ticket, (old, old))
    workspace.purge()
    assert not (workspace.own / "trash" / ticket).exists()


# ---- zip


def test_a_zip_holds_the_run_and_is_the_same_each_time(workspace: Workspace) -> None:
    packed = workspace.export("double")
    again = workspace.export("double")
    assert packed.read_bytes() == again.read_bytes() and packed != again
    names = zipfile.ZipFile(packed).namelist()
    assert (
        names == sorted(names)
        and "double/run.json" in names
        and all(archive.belongs(n.split("/", 1)[1]) for n in names)
    )
    assert not any(name.endswith((".html", ".py")) for name in names)
    name = workspace.import_run(packed.read_bytes())
    assert name == "double-2"
    one, other = workspace.load("double"), workspace.load(name)
    assert one.scores == other.scores and one({"x": 7.0}).value == other({"x": 7.0}).value
    shutil.copytree(workspace.folder / name, workspace.folder / "double-moved")
    assert not list((workspace.own / "new").iterdir()), "nothing is left half-way"


def test_an_unfinished_run_is_not_exported(workspace: Workspace) -> None:
    record = workspace.folder / "double" / "run.json"
    record.write_text(record.read_text().replace('"status": "done"', '"status": "running"'))
    with pytest.raises(RunError, match="unfinished-run"):
        workspace.export("double")


def repacked(packed: Path, change: Any = None, **more: bytes) -> bytes:
    """The zip again, with its entries changed by `change(name, data)` (None leaves one out), and `more` entries."""
    out = io.BytesIO()
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name) if change is None else change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in more.items():
            new.writestr(name, data)
    return out.getvalue()


def test_places_of_the_other_machine_are_forgotten(workspace: Workspace) -> None:
    def with_paths(name: str, data: bytes) -> bytes:
        if not name.endswith("/run.json"):
            return data
        record = json.loads(data)
        record["data"].update(path="/etc/passwd", test="/etc/shadow")
        record["asked"]["recipe"] = "/home/other/run"
        return json.dumps(record).encode()

    name = workspace.import_run(repacked(workspace.export("double"), with_paths))
    text = (workspace.folder / name / "run.json").read_text()
    assert "/etc" not in text and "/home/other" not in text
    workspace.load(name)


def test_pages_and_scripts_in_a_zip_are_not_taken(workspace: Workspace) -> None:
    more = {
        "double/report.html": b"<script>alert(1)</script>",
        "double/double.py": b"import os",
        "__MACOSX/double/._run.json": b"x",
    }
    name = workspace.import_run(repacked(workspace.export("double"), None, **more))
    assert not any(path.suffix in (".html", ".py") for path in (workspace.folder / name).rglob("*"))


BAD_ENTRIES = {
    "../evil.json": "leaves", "/etc/evil.json": "leaves", "double/../../run.json": "leaves", "double\\..\\x.json": "leaves",
    "C:/x.json": "leaves", "double/evil.pkl": "no file of a run", "double/rungs/x/evil.so": "no file of a run",
    "double/.hidden/x.json": "no file of a run", "double/" + "a" * 300 + ".json": "leaves",
}  # fmt: skip


@pytest.mark.parametrize("entry", BAD_ENTRIES)
def test_a_zip_with_a_strange_entry_is_refused_whole(workspace: Workspace, entry: str, tmp_path: Path) -> None:
    packed = repacked(workspace.export("double"), None, **{entry: b"{}"})
    before = sorted(path for path in tmp_path.rglob("*") if "exports" not in path.parts)
    with pytest.raises(DataError, match=BAD_ENTRIES[entry]) as problem:
        workspace.import_run(packed)
    assert problem.value.code == "bad-zip"
    assert sorted(path for path in tmp_path.rglob("*") if "exports" not in path.parts and path.name != "new") == before


def special(packed: Path, mode: int, name: str = "double/rungs/linear/rung.json") -> bytes:
    out = io.BytesIO(repacked(packed, lambda n, data: None if n == name else data))
    with zipfile.ZipFile(out, "a") as new:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.create_system = 3
        new.writestr(entry, "/etc/passwd")
    return out.getvalue()


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010666, 0o140777], ids=["link", "device", "pipe", "socket"])
def test_a_zip_with_a_link_or_a_device_is_refused(workspace: Workspace, mode: int) -> None:
    with pytest.raises(DataError, match="bad-zip"):
        workspace.import_run(special(workspace.export("double"), mode))
    assert [line.name for line in workspace.runs()] == ["double"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_the_same_name_twice_is_refused(workspace: Workspace) -> None:
    packed = repacked(workspace.export("double"))
    out = io.BytesIO(packed)
    with zipfile.ZipFile(out, "a") as new:
        new.writestr("double/RUN.json", b"{}")
    with pytest.raises(DataError, match="bad-zip"):
        workspace.import_run(out.getvalue())


def test_two_runs_or_none_in_a_zip_are_refused(workspace: Workspace) -> None:
    packed = workspace.export("double")
    for zipped in (
        repacked(packed, None, **{"other/run.json": b"{}"}),
        repacked(packed, lambda n, data: None if n.endswith("/run.json") else data),
    ):
        with pytest.raises(DataError, match="bad-zip"):
            workspace.import_run(zipped)


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("run.json", b"{}"), ("run.json", b"[" * 200_000), ("run.json", b'{"status": "running", "data": {}, "asked": {}}'),
        ("fields.json", b"{}"), ("fields.json", None), ("rungs/linear/rung.json", b"null"),
        ("rungs/linear/weights.safetensors", b"\x80\x04junk"),
        ("predictions.parquet", b"PAR1 but no more"),
    ],
)  # fmt: skip
def test_a_damaged_run_in_a_zip_is_refused_and_leaves_nothing(
    workspace: Workspace, file: str, data: bytes | None
) -> None:
    given = repacked(workspace.export("double"), lambda name, old: data if name == f"double/{file}" else old)
    with pytest.raises(DataError) as problem:
        workspace.import_run(given)
    assert problem.value.code == "bad-zip"
    assert [line.name for line in workspace.runs()] == ["double"] and not list((workspace.own / "new").iterdir())


@pytest.mark.parametrize("given", [b"", b"PK", b"not a zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_zip_is_refused(workspace: Workspace, given: bytes) -> None:
    with pytest.raises(DataError):
        workspace.import_run(given)


# ---- uploads


def test_an_upload_keeps_its_name_and_lies_under_one_that_nobody_knows(workspace: Workspace) -> None:
    upload = workspace.upload("C:\\my data\\../pets & <b>.csv", b"a,b\n1,2\n")
    assert upload.name == "pets & <b>.csv" and upload.path.name == "pets-b.csv" and upload.kind == "table"
    assert upload.path.read_bytes() == b"a,b\n1,2\n" and upload.path.is_relative_to(
        workspace.own / "uploads" / upload.key
    )
    assert len(upload.key) == 24 and upload.key != workspace.upload("pets.csv", b"a\n1\n").key
    assert workspace.upload_of(upload.key) == upload
    assert [each.key for each in workspace.uploads()][-1] == upload.key
    assert not os.access(upload.path, os.X_OK)
    workspace.forget(upload.key)
    with pytest.raises(DataError, match="no-upload"):
        workspace.upload_of(upload.key)


def test_pasted_text_is_a_table(workspace: Workspace) -> None:
    assert workspace.paste("a\tb\n1\t2\n").path.suffix == ".tsv"
    pasted = workspace.paste("a,b\n1,2\n")
    assert fofx.data.read.read(pasted.path).frame.to_dict(as_series=False) == {"a": [1], "b": [2]}


def test_an_upload_can_be_a_stream(workspace: Workspace) -> None:
    assert workspace.upload("a.csv", io.BytesIO(b"a\n1\n")).size == 4


@pytest.mark.parametrize("key", ["", "..", "../../double", "0" * 24, "a/b", "/etc/passwd"])
def test_a_made_up_key_finds_nothing(workspace: Workspace, key: str) -> None:
    with pytest.raises(DataError, match="no-upload"):
        workspace.upload_of(key)


def parquet() -> bytes:
    out = io.BytesIO()
    pl.DataFrame({"a": [1, 2]}).write_parquet(out)
    return out.getvalue()


def excel() -> bytes:
    out = io.BytesIO()
    pl.DataFrame({"a": [1, 2]}).write_excel(out)
    return out.getvalue()


def picture(kind: str = "PNG", size: tuple[int, int] = (9, 7)) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", size, (200, 10, 10)).save(out, kind)
    return out.getvalue()


GOOD = {
    "a.csv": b"a,b\n1,2\n", "a.tsv": b"a\tb\n", "a.json": b'[{"a": 1}]', "a.jsonl": b'{"a": 1}\n', "BMI.csv": b"BMI,P5\n1,2\n",
    "a.CSV": "名,值\n一,1\n".encode("gb18030"), "utf16.csv": "a,b\n1,2\n".encode("utf-16"), "a.parquet": parquet(),
    "a.xlsx": excel(), "a.png": picture(), "a.jpg": picture("JPEG"), "a.webp": picture("WEBP"), "a.gif": picture("GIF"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_what_is_what_it_says_is_taken(workspace: Workspace, name: str) -> None:
    upload = workspace.upload(name, GOOD[name])
    assert upload.kind == ("picture" if name.endswith(("png", "jpg", "webp", "gif")) else "table")


BAD = {
    "a.csv": parquet(), "b.csv": excel(), "c.csv": b"\x7fELF\0\0\0\0", "d.csv": b"a,b\0c\n", "e.csv": picture(), "f.csv": b"",
    "a.png": b"<svg onload=alert(1)>", "b.png": picture()[:30], "c.jpg": b"GIF89a" + b"\0" * 40, "d.svg": b"<svg/>",
    "a.parquet": b"PAR1PAR1", "b.parquet": b"a,b\n", "a.xlsx": b"PK\x03\x04junk", "a.html": b"<script>", "a.exe": b"MZ",
    "a.pkl": b"\x80\x04K\x01.", "noending": b"a,b\n", "a.zip": b"PK\x03\x04junk", "a.pt": b"PK\x03\x04", "a.py": b"import os",
    "a.csv.exe": b"a,b\n", "a.xls": b"\xd0\xcf\x11\xe0",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_what_it_says_is_refused_and_leaves_nothing(workspace: Workspace, name: str) -> None:
    with pytest.raises(DataError) as problem:
        workspace.upload(name, BAD[name])
    assert problem.value.code in ("bad-upload", "bad-picture", "unknown-format", "empty-file")
    assert workspace.uploads() == [] and not list((workspace.own / "new").iterdir())


@given(st.text(max_size=40), st.binary(max_size=300))
def test_no_name_and_no_content_lead_out_of_the_folder(name: str, data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(Path(place, "runs"))
        try:
            upload = workspace.upload(name, data)
        except FofxError:
            return
        assert upload.path.resolve().is_relative_to(workspace.own / "uploads" / upload.key)
        assert {path.name for path in Path(place).iterdir()} == {"runs"}


def pictures_zip(**more: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for label in ("cat", "dog"):
            for number in range(2):
                new.writestr(f"pets/{label}/{number}.png", picture())
        new.writestr("pets/readme.txt", "not taken")
        new.writestr("__MACOSX/pets/cat/._0.png", "not taken")
        for name, data in more.items():
            new.writestr(name, data)
    return out.getvalue()


def test_a_zip_of_pictures_becomes_a_folder_by_class(workspace: Workspace) -> None:
    upload = workspace.upload("my pets.zip", pictures_zip())
    assert upload.kind == "pictures" and upload.path.is_dir()
    assert {path.relative_to(upload.path).as_posix() for path in upload.path.rglob("*.*")} == {
        "cat/0.png",
        "cat/1.png",
        "dog/0.png",
        "dog/1.png",
    }
    table = fofx.data.read.read(upload.path)
    assert sorted(set(table.frame["label"].to_list())) == ["cat", "dog"]


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "pets/../../x.png"])
def test_pictures_cannot_leave_their_folder(workspace: Workspace, name: str) -> None:
    with pytest.raises(DataError, match="bad-upload"):
        workspace.upload("pets.zip", pictures_zip(**{name: picture()}))


def test_every_picture_of_a_zip_is_opened(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="bad-picture"):
        workspace.upload("pets.zip", pictures_zip(**{"pets/cat/9.png": b"<script>"}))
    with pytest.raises(DataError, match="bad-upload"):
        workspace.upload("pets.zip", repacked_without_pictures())


def repacked_without_pictures() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        new.writestr("a.txt", "nothing")
    return out.getvalue()


# ---- limits


def test_with_sharing_there_is_only_so_much_room(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Limits(shared=True, stored=1000))
    workspace.upload("a.csv", b"a\n" + b"1\n" * 200)
    with pytest.raises(RunError, match="full"):
        workspace.upload("a.csv", b"a\n" + b"1\n" * 200)
    for key in [upload.key for upload in workspace.uploads()]:
        workspace.forget(key)
    workspace.upload("a.csv", b"a\n" + b"1\n" * 200)


def test_with_sharing_no_path_of_this_machine_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not-shared"):
        Workspace(tmp_path, shared()).local("/etc/passwd")
    assert Workspace(tmp_path).local(" ~/x.csv ") == Path.home() / "x.csv"


@given(st.lists(st.integers(0, 60), max_size=30), st.integers(5, 50), st.integers(1, 20))
def test_lines_are_measured_whatever_the_blocks(lengths: list[int], most: int, block: int) -> None:
    import tempfile

    text = b"\n".join(b"x" * length for length in lengths)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "a.csv")
        file.write_bytes(text)
        before, contents.BLOCK = contents.BLOCK, block
        try:
            contents.demand_text(file, ".csv", Limits(line=most))
            fits = True
        except DataError as problem:
            assert problem.code == "too-large"
            fits = False
        finally:
            contents.BLOCK = before
    assert fits == (max(lengths, default=0) <= most)
