"""The shelf of tables: a file is read once, again when it has changed, and what is kept is bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import fofx.data.read
from fofx.errors import DataError
from fofx.studio.pages import inspect
from fofx.studio.tables import Shelf
from fofx.studio.workspace import Workspace


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which files are really read."""
    done: list[str] = []
    true = fofx.data.read.read
    monkeypatch.setattr(fofx.data.read, "read", lambda path: done.append(Path(path).name) or true(path))
    return done


def test_a_file_is_read_once_and_again_when_it_has_changed(tmp_path: Path, reads: list[str]) -> None:
    file, shelf = tmp_path / "a.csv", Shelf()
    file.write_text("x,y\n1,2\n")
    first, again = shelf.read(file), shelf.read(str(file))
    assert reads == ["a.csv"] and again.frame is first.frame
    file.write_text("x,y\n1,2\n3,4\n")
    assert shelf.read(file).frame.height == 2 and len(reads) == 2
    file.write_text("x,y\n1,2\n3,5\n")  # as large as before
    os.utime(file, ns=(1, 1))
    assert shelf.read(file).frame["y"].to_list() == [2, 5] and len(reads) == 3
    assert len(shelf._kept) == 1, "of one file only the newest table is kept"


def test_what_one_visitor_does_to_a_table_no_other_sees(tmp_path: Path) -> None:
    file, shelf = tmp_path / "a.csv", Shelf()
    file.write_text("x,y\n1,2\n")
    mine = shelf.read(file)
    mine.kinds["x"] = "text"
    mine.notes.append("?")  # type: ignore[arg-type]
    mine.frame = mine.frame.head(0)
    other = shelf.read(file)
    assert other.kinds == {} and "?" not in other.notes and other.frame.height == 1


def test_what_is_kept_is_bounded(tmp_path: Path, reads: list[str]) -> None:
    for name in "abc":
        (tmp_path / f"{name}.csv").write_text("x\n" + "1\n" * 1000)
    size = Shelf().read(tmp_path / "a.csv").frame.estimated_size()
    few, small, none = Shelf(most=2), Shelf(largest=2 * size), Shelf(largest=size - 1)
    reads.clear()
    for shelf in (few, small):
        for name in "abacab":  # the one not used for the longest time goes
            shelf.read(tmp_path / f"{name}.csv")
        assert reads == ["a.csv", "b.csv", "c.csv", "b.csv"] and len(shelf._kept) == 2
        reads.clear()
    none.read(tmp_path / "a.csv")
    assert none.read(tmp_path / "a.csv").frame.height == 1000 and len(reads) == 2


def test_folders_and_what_is_not_there_are_not_kept(tmp_path: Path, reads: list[str]) -> None:
    shelf = Shelf()
    for path in (tmp_path / "none.csv", tmp_path, "a\0b"):
        for _ in range(2):
            with pytest.raises(DataError):
                shelf.read(path)
    assert len(reads) == 6 and not shelf._kept


def test_a_page_of_settings_that_is_loaded_again_reads_nothing(tmp_path: Path, reads: list[str]) -> None:
    workspace = Workspace(tmp_path)
    key = workspace.upload("a.csv", b"x,y\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(30))).key
    for asked in ("{}", '{"outputs": ["x"]}', '{"outputs": ["y"], "seed": 3}'):
        source = inspect.open_source(workspace, {"upload": key, "asked": asked})
        inspect.look(source, inspect.first_settings(source, {"asked": asked}))
    assert len(reads) == 1
