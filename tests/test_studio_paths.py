"""A shared studio: nothing that a visitor uploads, types or imports makes a file of its computer be opened or shown."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

import fofx
from fofx.errors import DataError, FofxError, RunError
from fofx.studio.jobs import Jobs
from fofx.studio.limits import Limits, shared
from fofx.studio.workspace import Workspace


def secret_in(folder: Path) -> Path:
    Image.new("RGB", (9, 7), (200, 10, 10)).save(folder / "secret.png")
    return folder / "secret.png"


def test_with_sharing_a_table_names_only_its_own_pictures(tmp_path: Path) -> None:
    """Whether a file is there makes no difference: an upload must not tell what lies on this disk, now or later."""
    secret = secret_in(tmp_path)
    shares = Workspace(tmp_path / "shared", shared())
    for name in (
        str(secret),
        "../../../../secret.png",
        "/not/there.png",
        "../../not-there.JPG",
        "a/../../b.gif",
        "/s.wav",
    ):
        for rows in (f"picture,label\n{name},a\n{name},b\n", f"label,note,picture\na,,{name}\nb,,own.png\n"):
            with pytest.raises(DataError, match="outside-upload"):
                shares.upload("pictures.csv", rows.encode())
    assert not shares.uploads() and not list((shares.own / "new").glob("*"))
    frame = pl.DataFrame({"picture": [str(secret)] * 3, "label": ["a", "b", "a"]})
    packed = io.BytesIO()
    frame.write_parquet(packed)
    with pytest.raises(DataError, match="outside-upload"):
        shares.upload("pictures.parquet", packed.getvalue())
    assert shares.upload("own.csv", b"picture,label\ncat/1.png,a\n./2.png,b\n").kind == "table"
    assert shares.upload("log.csv", b"page,seconds\n/index,1\n/about,2\n/etc/hosts,3\n/logo.png,4\n").kind == "table"
    assert Workspace(tmp_path / "alone").upload("pictures.csv", f"picture,label\n{secret},a\n".encode()).kind == "table"


def test_a_few_files_among_many_cells_are_found_where_a_reader_would_look(tmp_path: Path) -> None:
    """Readers look at some 200 cells of a column: names of files at just these places make it a column of pictures."""
    cells = [f"word {n}" if n % 10 else f"/secret/{n}.png" for n in range(2000)]
    with pytest.raises(DataError, match="outside-upload"):
        Workspace(tmp_path, shared()).upload("a.csv", "\n".join(["picture", *cells]).encode())


def test_with_sharing_no_cell_can_be_made_a_picture(tmp_path: Path) -> None:
    """Neither on the page of settings nor behind it."""
    from fofx.studio.pages import inspect

    secret = secret_in(tmp_path)
    jobs = Jobs(Workspace(tmp_path / "shared", Limits(shared=True, running=0)))
    rows = "note,label\n" + "".join(f"{secret} is mine,{'ab'[n % 2]}\n" for n in range(20))
    key = jobs.workspace.upload("notes.csv", rows.encode()).key
    source = inspect.open_source(jobs.workspace, {"upload": key})
    for kind in ("picture", "sound", "video", "mask"):
        settings = {**inspect.first_settings(source, {}), "kinds": {"note": kind}}
        with pytest.raises(FofxError, match="outside-upload"):
            inspect.look(source, settings)
        with pytest.raises(FofxError, match="outside-upload"):
            jobs.start({"upload": key, "outputs": ["label"], "kinds": {"note": kind}})
    assert not jobs.all()
    jobs.start({"task": "digits", "kinds": {"picture": "picture", "label": "category"}})  # its own rows, no files
    jobs.start({"upload": key, "outputs": ["label"], "kinds": {"note": "text"}})
    assert len(jobs.all()) == 2


def test_with_sharing_no_path_typed_by_hand_is_used(tmp_path: Path) -> None:
    from fofx.studio.pages import inspect

    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    jobs = Jobs(Workspace(tmp_path / "shared", Limits(shared=True, running=0)))
    file = str(tmp_path / "a.csv")
    key = jobs.workspace.upload("a.csv", b"x,y\n1,2\n").key
    with pytest.raises(DataError, match="not-shared"):
        inspect.open_source(jobs.workspace, {"path": file})
    with pytest.raises(DataError, match="not-shared"):
        jobs.start({"path": file})
    for part in ("test", "validation"):
        with pytest.raises(FofxError, match="no-upload"):
            jobs.start({"upload": key, part: file})
    with pytest.raises(RunError, match="bad-name"):
        jobs.start({"upload": key, "recipe": str(tmp_path)})
    assert not jobs.all()


def test_rows_of_a_strangers_run_that_name_files_are_not_taken(tmp_path: Path) -> None:
    """A run that keeps its rows may name pictures by path; from another machine these would be files of this one."""
    secret = secret_in(tmp_path)
    rows = {"picture": [str(secret)] * 40, "label": ["a", "b"] * 20, "x": [1.0, 2.0] * 20}
    maker = Workspace(tmp_path / "maker")
    fofx.find(
        pl.DataFrame(rows),
        "label",
        kinds={"picture": "picture"},
        model="linear",
        budget=1,
        out=str(maker.folder),
        name="spy",
    )
    assert (maker.folder / "spy" / "data.parquet").exists()
    other = Workspace(tmp_path / "other", shared())
    name = other.import_run(maker.export("spy").read_bytes())
    assert not (other.folder / name / "data.parquet").exists()
    from fofx.see.rows import frame_of

    with pytest.raises(RunError, match="data-gone"):
        frame_of(other.load(name), "test")
