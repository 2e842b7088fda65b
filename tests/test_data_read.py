"""Reading: many formats, encodings, odd headers and cells; an ejected script reads the same frame."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fofx.data.again import read_again
from fofx.data.encoding import find_encoding
from fofx.data.read import read
from fofx.data.table import Table, distinct_names, unnumbered
from fofx.errors import DataError, FofxError, TaskError
from strategies import odd_columns, odd_csv


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_file(folder: Path, name: str, content: str | bytes) -> Table:
    """Read a file, and check that its `reader`, written down as JSON, gives the same frame again."""
    path = write(folder, name, content)
    table = read(path)
    again = read_again(str(path), json.loads(json.dumps(table.reader)))
    assert again.equals(table.frame)
    assert again.schema == table.frame.schema
    return table


def codes(table: Table) -> list[str]:
    return [notice.code for notice in table.notes]


def test_plain_csv(tmp_path):
    table = read_file(tmp_path, "a.csv", "x,name,y\n1,甲,1.5\n2,乙,\n")
    assert table.frame.to_dict(as_series=False) == {"x": [1, 2], "name": ["甲", "乙"], "y": [1.5, None]}
    assert (table.source, table.path, table.notes) == ("a.csv", str(tmp_path / "a.csv"), [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_found_and_stated(tmp_path, encoding):
    text = 'label,review\n1,房间很干净，服务也好\n0,"很吵,不会再来"\n' * 3
    table = read_file(tmp_path, "a.csv", text.encode(encoding))
    assert table.frame["review"][1] == "很吵,不会再来"
    assert table.frame["label"].to_list()[:2] == [1, 0] or table.frame["label"].dtype == pl.String
    assert ("encoding" in codes(table)) == (encoding != "utf-8")


def test_windows_1252_and_unknown(tmp_path):
    assert read_file(tmp_path, "a.csv", "name,v\ncafé,1\nnaïve,2\n".encode("cp1252")).frame["name"][0] == "café"
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, "b.csv", b"name,v\n\xe9\x81,1\n\xff\x8d,2\n"))
    assert caught.value.code == "unknown-encoding"


def test_a_wide_character_on_the_edge_of_a_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr("fofx.data.encoding.CHUNK", 7)
    assert find_encoding(write(tmp_path, "a.csv", "a\n中文字符测试一二三\nabcdefghijkl\n")) == "utf-8"
    assert (
        find_encoding(write(tmp_path, "b.csv", "a\n中文字符测试一二三\nabcdefghijkl\n".encode("gb18030"))) == "gb18030"
    )
    assert find_encoding(write(tmp_path, "c.csv", "abcdefgh中".encode()[:-1] + b"\x41")) in ("gb18030", "cp1252")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_with_quotes_and_newlines(tmp_path, separator):
    text = (
        separator.join("abc")
        + f'\n1{separator}"two{separator} words"{separator}"a ""b""\nc"\n2{separator}x{separator}y\n'
    )
    frame = read_file(tmp_path, "a.csv", text).frame
    assert frame.columns == ["a", "b", "c"]
    assert frame.row(0) == (1, f"two{separator} words", 'a "b"\nc')


def test_repeated_headers_line_up_between_train_and_test(tmp_path):
    train = read_file(tmp_path, "train.csv", "id,cli,pos,cli,pos,cli,pos\n1,1,2,3,4,5,6\n2,1,2,3,4,5,6\n")
    test = read_file(tmp_path, "test.csv", "id,cli,pos,cli,pos,cli\n1,1,2,3,4,5\n2,1,2,3,4,5\n")
    assert train.frame.columns == ["id", "cli_1", "pos_1", "cli_2", "pos_2", "cli_3", "pos_3"]
    assert test.frame.columns == train.frame.columns[:-1]
    assert [n.count for n in train.notes if n.code == "renamed-headers"] == [2]
    assert (train.resolve("pos"), train.resolve("cli_1"), train.resolve(" id ")) == ("pos_3", "cli_1", "id")
    with pytest.raises(TaskError, match=r"Did you mean 'cli_2'|Did you mean 'cli") as caught:
        train.resolve("clii")
    assert caught.value.code == "unknown-column"


def test_numbered_headers(tmp_path):
    table = read_file(tmp_path, "a.csv", "1id,2AL,3AK,4AZ, 5FL,NY\n0,1,0,0,0,2\n1,1,0,0,0,3\n")
    assert table.frame.columns == ["id", "AL", "AK", "AZ", "FL", "NY"]
    assert "numbered-headers" in codes(table)
    assert unnumbered(["1x", "2x", "3x", "4x", "5x"])[1] == 0
    assert unnumbered(["1a", "2b"])[1] == 0


@given(st.lists(st.sampled_from(["a", "b", "a_1", "a_2", "", " a", "a__1", "column_1", None]), max_size=12))
def test_names_become_distinct(names):
    fresh, families = distinct_names(names)
    assert len(fresh) == len(names) == len(set(fresh))
    assert all(fresh)
    for family, members in families.items():
        assert len(members) == sum((name or "").strip() == family for name in names)
    counts = [str(name or "").strip() for name in names]
    assert all(new == old for new, old in zip(fresh, counts) if old and counts.count(old) == 1)


def test_no_header(tmp_path):
    table = read_file(tmp_path, "a.csv", "1,2.5\n3,4\n5,6\n")
    assert table.frame.columns == ["column_1", "column_2"]
    assert table.frame.height == 3
    assert "no-header" in codes(table)
    words = read_file(tmp_path, "c.csv", "dog,size\ncat,3\ndog,4\ncat,5\n")
    assert words.frame.columns == ["dog", "size"]
    years = read_file(tmp_path, "b.csv", "country,2019,2020\nA,1,2\nB,3,4\n")
    assert years.frame.columns == ["country", "2019", "2020"]


def test_title_lines_above_the_header(tmp_path):
    table = read_file(tmp_path, "a.csv", "# measured in June\n\na,b\n1,2\n3,4\n")
    assert table.frame.to_dict(as_series=False) == {"a": [1, 3], "b": [2, 4]}
    assert "skipped-lines" in codes(table)


@pytest.mark.parametrize(
    "text",
    [
        "1\t很好，房间干净\n0\t很差，不来了\n1\t不错，下次还来\n0\t脏，而且吵\n",
        "1 很好，房间干净\n0 很差，不来了\n1 不错，下次还来\n0 脏，而且吵\n",
        "1,很好,房间,干净\n0,很差\n1,不错,下次还来\n0,脏,而且吵\n",
    ],
)
def test_one_review_a_line_with_its_label(tmp_path, text):
    table = read_file(tmp_path, "reviews.txt", text)
    assert table.frame.columns == ["label", "text"]
    assert table.frame["label"].to_list() == [1, 0, 1, 0]
    assert table.frame["text"][1].startswith("很差")


def test_label_behind_the_text_and_unquoted_commas(tmp_path):
    rows = "".join(f"film number {number}, well\t{'pos' if number % 2 else 'neg'}\n" for number in range(20))
    frame = read_file(tmp_path, "a.txt", rows).frame
    assert frame["label"].to_list() == ["neg", "pos"] * 10
    frame = read_file(
        tmp_path, "b.csv", "label,review\n1,good, very good\n0,bad\n1,nice, clean, warm\n0,so, so\n1,fine\n"
    ).frame
    assert frame.columns == ["label", "review"]
    assert frame["review"][2] == "nice, clean, warm"


def test_missing_words_and_mixed_columns(tmp_path):
    frame = read_file(tmp_path, "a.csv", "a,b,c\nNA,?,缺失\n1,-,x\nnan, ,y\n").frame
    assert frame.rows() == [(1, None, "x"), (None, None, "y")]  # the row without any value is left out
    lines = "\n".join(f"{row},{'oops' if row == 50 else row / 2}" for row in range(100))
    table = read_file(tmp_path, "b.csv", f"i,v\n{lines}\n")
    assert table.frame["v"].dtype == pl.Float64
    assert table.frame["v"][50] is None
    assert [(n.code, n.count) for n in table.notes] == [("not-numbers", 1)]
    half = "\n".join(["1,a", "2,b", "x,c", "y,d"])
    assert read_file(tmp_path, "c.csv", f"m,n\n{half}\n").frame["m"].dtype == pl.String


def test_few_different_words_in_many_rows(tmp_path):
    words = ["a", " b", "NA", "c "] * 3000
    frame = read_file(tmp_path, "a.csv", "w,n\n" + "".join(f"{word},1\n" for word in words)).frame
    assert frame["w"].to_list() == ["a", "b", None, "c"] * 3000


def test_types_beyond_the_first_thousands_of_rows(tmp_path):
    lines = "".join(f"{row},1\n" for row in range(5000)) + "0.5,2\n7,text\n"
    frame = read_file(tmp_path, "a.csv", f"a,b\n{lines}").frame
    assert frame["a"].dtype == pl.Float64
    assert frame["a"][5000] == 0.5
    assert frame["b"].null_count() == 1


def test_dates_percent_thousands_booleans(tmp_path):
    text = 'day,at,share,money,yes,comma\n2024年1月2日,2024-01-02 03:04,45%,"1,200",true,"1,5"\n'
    text += '2024年11月12日,2024-01-03 00:00,5.5%,"31,200.5",False,"2,25"\n'
    table = read_file(tmp_path, "a.csv", text)
    assert table.frame.row(1) == (
        datetime.date(2024, 11, 12), datetime.datetime(2024, 1, 3), 5.5, 31200.5, False, 2.25
    )  # fmt: skip
    assert "percent" in codes(table)


def test_broken_quotes_and_ragged_rows(tmp_path):
    table = read_file(tmp_path, "a.csv", 'a,b\n"x,2\ny,3\nz,4\n')
    assert table.frame["a"].to_list() == ['"x', "y", "z"]
    assert "broken-quotes" in codes(table)
    table = read_file(tmp_path, "b.csv", "a,b\n1,2\n1,2,3\n4\n")
    assert table.frame.rows() == [(1, 2), (1, 2), (4, None)]
    assert "ragged-rows" in codes(table)


def test_a_file_cut_short_inside_quotes(tmp_path):
    table = read_file(tmp_path, "a.csv", '"x","y"\n"1","0.0"\n"2","0')
    assert table.frame.height == 2
    assert "broken-quotes" in codes(table)


def test_infinite_huge_and_old_line_ends(tmp_path):
    frame = read_file(tmp_path, "a.csv", "a,b\ninf,1\n-Infinity,99999999999999999999999\n3,3\n").frame
    assert frame["a"].to_list() == [float("inf"), float("-inf"), 3.0]
    assert frame["b"][1] == 1e23
    assert read_file(tmp_path, "b.csv", "a,b\r1,2\r3,4\r").frame.rows() == [(1, 2), (3, 4)]


def test_names_with_wildcards_are_names(tmp_path):
    write(tmp_path, "a1.csv", "z\n1\n")
    assert read_file(tmp_path, "a[1]*.csv", "x,y\n1,2\n3,4\n").frame.columns == ["x", "y"]


def test_json(tmp_path):
    frame = read_file(tmp_path, "a.jsonl", '{"a":1,"b":"x"}\n\n{"a":2.5,"b":null,"c":[1,2]}\n').frame
    assert frame.rows() == [(1.0, "x", None), (2.5, None, "[1, 2]")]
    assert read_file(tmp_path, "b.json", '[{"a":1},{"a":"x"}]').frame["a"].to_list() == ["1", "x"]
    assert read_file(tmp_path, "c.json", '{"a":[1,2],"b":["x","y"]}').frame.rows() == [(1, "x"), (2, "y")]
    for name, text in (("d.jsonl", '{"a":1}\n{bad\n'), ("e.json", "3"), ("f.json", "[1,2]"), ("g.json", "[" * 100_000)):
        with pytest.raises(DataError) as caught:
            read(write(tmp_path, name, text))
        assert caught.value.code == "bad-json"


def test_excel_and_parquet(tmp_path):
    pytest.importorskip("fastexcel")
    frame = pd.DataFrame(
        {"n": [1, 2, None], "w": ["x", None, "z"], "t": pd.to_datetime(["2024-01-01"] * 3), "m": [1, "a", 2.5]}
    )
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    table = read(tmp_path / "a.xlsx")
    assert table.frame.columns == ["n", "w", "t", "m"]
    assert table.frame["n"].to_list() == [1, 2, None]
    assert table.frame["m"].to_list() == ["1", "a", "2.5"]
    assert table.frame["t"].dtype in (pl.Date, pl.Datetime("us"))
    assert read_again(str(tmp_path / "a.xlsx"), table.reader).equals(table.frame)
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.5, float("nan")]}).write_parquet(tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet")
    assert table.frame["c"].null_count() == 1
    assert read_again(str(tmp_path / "a.parquet"), table.reader).equals(table.frame)


def test_excel_reader_missing(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(DataError, match=r"fofx\[data\]") as caught:
        read(write(tmp_path, "a.xlsx", b"x"))
    assert caught.value.code == "excel-reader-missing"


def test_memory_sources():
    days = pd.to_datetime(["2024-01-01", None, "2024-01-03"])
    frame = pd.DataFrame({"a": [1, 2, None], "b": ["x", None, "z"], "c": days, "d": pd.Categorical(["u", "v", "u"])})
    table = read(frame.assign(e=[True, False, True], f=pd.array([1, None, 3], dtype="Int64")))
    assert table.frame["a"].to_list() == [1.0, 2.0, None]
    assert table.frame["d"].to_list() == ["u", "v", "u"]
    assert table.frame["c"].dtype == pl.Datetime("us")
    assert table.frame["f"].to_list() == [1.0, None, 3.0]
    assert read(pl.DataFrame({"a": [[1, 2], [3]]})).frame["a"].to_list() == ["[1, 2]", "[3]"]
    pair = read((np.array([[1.0, np.nan], [3, 4]]), np.array(["p", "q"])))
    assert pair.frame.to_dict(as_series=False) == {"x1": [1.0, 3.0], "x2": [None, 4.0], "y": ["p", "q"]}
    assert read(np.arange(6).reshape(3, 2)).frame.columns == ["x1", "x2"]
    assert read({"x": [1, 2], "y": ["a", None]}).frame["y"].null_count() == 1
    assert read([{"a": 1}, {"a": 2, "b": "x"}]).frame["b"].to_list() == [None, "x"]
    table = read({"x": [1]})
    assert read(table) is table


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (5, "unknown-format"), ({}, "empty-file"), ({"a": []}, "no-rows"), ({"a": [1], "b": [1, 2]}, "unequal-columns"),
        ((np.zeros((3, 2)), [1, 2]), "unequal-columns"), (np.zeros((2, 3, 4)), "wrong-shape"),
        (pl.DataFrame(), "empty-file"),
        ({"x": [b"q"]}, "no-columns"), ("no/such/file.csv", "no-such-file"), ("zero\0byte", "no-such-file"),
    ],
)  # fmt: skip
def test_bad_sources(source, code):
    with pytest.raises(DataError) as caught:
        read(source)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "empty-file"), ("a.csv", b" \n\n", "empty-file"), ("a.csv", b"a,b\n", "no-rows"),
        ("a.csv", b"a,b\nNA,?\n", "no-rows"), ("a.csv", bytes(range(256)) * 9, "not-text"),
        ("a.csv", b"\x89PNG..", "not-text"),
        ("a.parquet", b"PAR1 nothing", "unreadable-table"), ("a.xlsx", b"nothing", "unreadable-table"),
        ("a.weird", b"a", "unknown-format"), ("a.json", b"[]", "no-rows"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path, name, content, code):
    if name.endswith("xlsx"):
        pytest.importorskip("fastexcel")
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, name, content))
    assert caught.value.code == code


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whose rights are checked")
def test_no_permission(tmp_path):
    path = write(tmp_path, "a.csv", "a\n1\n")
    path.chmod(0)
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.code == "no-permission"


def test_ten_thousand_columns(tmp_path):
    header = ",".join(f"c{place}" for place in range(10_000))
    line = ",".join(map(str, range(10_000)))
    frame = read(write(tmp_path, "wide.csv", f"{header}\n{line}\n{line}\n")).frame
    assert frame.shape == (2, 10_000)
    assert frame["c9999"].to_list() == [9999, 9999]


def test_limit_rows(tmp_path):
    path = write(tmp_path, "a.csv", "a,b\n" + "1,2\n" * 100)
    assert read(path, limit_rows=7).frame.height == 7


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=odd_csv() | st.binary(max_size=300))
def test_odd_files_give_a_table_or_a_clear_error(tmp_path, data):
    try:
        table = read_file(tmp_path, "odd.csv", data)
    except FofxError:
        return
    assert table.frame.height > 0
    assert len(set(table.frame.columns)) == table.frame.width
    assert all(name == name.strip() and name for name in table.frame.columns)


@settings(max_examples=120, deadline=None)
@given(odd_columns(min_rows=1))
def test_odd_columns_keep_their_rows(columns):
    try:
        table = read(columns)
    except FofxError:
        return
    assert table.frame.height == len(columns["y"])
    for column in table.frame:
        assert not (column.dtype.is_float() and column.is_nan().any())
