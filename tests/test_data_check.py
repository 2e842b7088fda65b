"""Checks: each finds what was planted, counts it right, names the remedy, and stays silent on honest data."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from PIL import Image

from fofx.data.check import check
from fofx.data.leaks import duplicate_groups, special_groups
from fofx.data.near import near_pictures, near_texts, normal, shingles, signatures
from fofx.data.read import read
from fofx.data.split import split
from fofx.data.windows import find_families, window_groups
from fofx.errors import FofxError
from strategies import odd_columns

GENERATOR = np.random.default_rng(0)


def found(frame, inputs, outputs, parts=None) -> dict:
    parts = parts or split(frame.height)
    return {notice.code: notice for notice in check(frame, inputs, outputs, parts)}


def numbers(rows=200, columns=3) -> pl.DataFrame:
    grid = GENERATOR.normal(size=(rows, columns))
    frame = pl.DataFrame(grid, schema=[f"a{'bcdefgh'[place]}" for place in range(columns)])
    return frame.with_columns(pl.Series("y", grid.sum(1) + GENERATOR.normal(size=rows)))


INPUTS = {"ab": "number", "ac": "number", "ad": "number"}


def test_honest_numbers_are_left_in_peace():
    assert found(numbers(), INPUTS, {"y": "number"}) == {}


def test_honest_toys_are_left_in_peace():
    line = pl.DataFrame({"x": [1, 2, 3, 4, 5, 6], "y": [3.1, 5.1, 6.9, 8.7, 10.8, 13.5]})
    assert set(found(line, {"x": "number"}, {"y": "number"})) == {"few-rows"}
    spam = pl.DataFrame(
        {
            "known": ["yes"] * 6 + ["no"] * 5,
            "word": ["yes", "yes", "no", "no", "no", "yes", "yes", "yes", "no", "no", "no"],
            "spam": ["no"] * 5 + ["yes"] * 3 + ["no", "no", "yes"],
        }
    )
    notices = found(spam, {"known": "category", "word": "category"}, {"spam": "category"})
    assert set(notices) == {"few-rows", "contradictions"}
    assert notices["contradictions"].count == 3 + 3  # yes yes: no no yes; no no: no no yes


def test_exact_duplicates_are_counted_for_test_and_validation():
    frame = numbers()
    parts = split(200)
    rows = np.arange(200)
    rows[parts.test[:7]] = parts.train[:7]
    rows[parts.validation[:3]] = parts.train[:3]
    notice = found(frame[rows], INPUTS, {"y": "number"}, parts)["leak-duplicates"]
    assert notice.count == 10
    assert "7 of 30 test rows and 3 of 30 validation rows" in notice.text
    assert "group" in notice.text
    kept = split(200, groups=duplicate_groups(frame[rows], INPUTS))
    assert "leak-duplicates" not in found(frame[rows], INPUTS, {"y": "number"}, kept)


def sentences(count: int) -> list[str]:
    words = [f"w{number}q" for number in range(400)]
    return [" ".join(GENERATOR.choice(words, 12)) for _ in range(count)]


def test_near_duplicate_texts():
    texts = sentences(300)
    parts = split(300)
    for row in parts.test[:5]:
        texts[row] = texts[parts.train[row % 50]].upper().replace(" ", ", ") + "!"
    for row in parts.test[5:9]:
        texts[row] = texts[parts.train[row % 50]] + " end"
    frame = pl.DataFrame({"t": texts, "y": ["a", "b"] * 150})
    notices = found(frame, {"t": "text"}, {"y": "category"}, parts)
    assert notices["leak-near-duplicates"].count == 9
    assert "leak-duplicates" not in notices


def test_near_texts_agree_with_brute_force():
    known = sentences(60)
    asked = (
        [text[: 40 + 3 * place] + " other" for place, text in enumerate(known[:15])] + sentences(15) + ["", "ab", None]
    )
    answer = near_texts(known, asked)
    for text, row in zip(asked, answer):
        best = 0.0
        if text and len(normal(text)) >= 15:
            mine = shingles(normal(text))
            best = max(len(mine & other) / len(mine | other) for other in (shingles(normal(k)) for k in known))
        assert (row >= 0) == (best >= 0.8)


def test_minhash_estimates_the_jaccard_index():
    base = "".join(chr(0x4E00 + value) for value in GENERATOR.integers(0, 3000, 400))
    others = [base[:cut] + base[:cut][::-1] for cut in (100, 200, 300, 390)]
    marks = signatures([base, *others])
    for place, other in enumerate(others, 1):
        truth = len(shingles(base) & shingles(other)) / len(shingles(base) | shingles(other))
        assert abs((marks[0] == marks[place]).mean() - truth) < 0.3


def test_near_duplicate_pictures(tmp_path):
    paths = []
    for number in range(40):
        small = Image.fromarray(GENERATOR.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        small.resize((64, 64), Image.Resampling.BICUBIC).save(tmp_path / f"{number}.png")
        paths.append(str(tmp_path / f"{number}.png"))
    Image.open(paths[3]).resize((50, 50)).save(tmp_path / "again.jpg", quality=80)
    (tmp_path / "broken.png").write_text("x")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "flat.png")
    asked = [str(tmp_path / name) for name in ("again.jpg", "broken.png", "flat.png")]
    assert near_pictures([*paths, asked[2]], asked).tolist() == [3, -1, -1]


def windows(chains=8, days=30, steps=3) -> pl.DataFrame:
    """Rows of `steps` days out of several series: what the course's survey table looks like."""
    rows = []
    for _ in range(chains):
        series = GENERATOR.normal(size=(days, 2)).cumsum(0)
        rows += [series[day : day + steps].reshape(-1) for day in range(days - steps + 1)]
    names = [f"{name}_{step + 1}" for step in range(steps) for name in ("ill", "pos")]
    return pl.DataFrame(np.array(rows), schema=names)


def test_overlapping_windows():
    frame = windows()
    inputs = {name: "number" for name in frame.columns if name != "pos_3"}
    notice = found(frame, inputs, {"pos_3": "number"})["leak-windows"]
    parts = split(frame.height)
    trained = {row: frame.row(int(row)) for row in parts.train}
    known = {(row[0], row[1]) for row in trained.values()} | {(row[2], row[3]) for row in trained.values()}
    answered = sum((row[4], row[5]) in known for row in (frame.row(int(row)) for row in parts.test))
    assert f"For {answered} test rows" in notice.text
    assert 'group="windows"' in notice.text
    groups = window_groups(frame)
    assert groups.tolist() == np.repeat(np.arange(8), 28).tolist()
    assert "leak-windows" not in found(frame, inputs, {"pos_3": "number"}, split(frame.height, groups=groups))
    assert np.array_equal(special_groups("windows", frame, inputs), groups)


def test_one_long_series_asks_for_time_order():
    series = GENERATOR.normal(size=200).cumsum()
    frame = pl.DataFrame(
        np.array([series[day : day + 6] for day in range(194)]), schema=[f"lag{step}" for step in range(6)]
    )
    inputs = {f"lag{step}": "number" for step in range(5)}
    notice = found(frame, inputs, {"lag5": "number"})["leak-windows"]
    assert "time=" in notice.text


def test_columns_with_numbers_in_their_names_are_no_windows():
    frame = pl.DataFrame(GENERATOR.normal(size=(100, 5)), schema=[f"x{place}" for place in range(1, 6)])
    assert window_groups(frame) is None
    small = pl.DataFrame(GENERATOR.integers(0, 3, size=(100, 5)), schema=[f"x{place}" for place in range(1, 6)])
    assert window_groups(small) is None
    assert find_families(pl.DataFrame({"x1": [1], "x5": [2]})) is None


def test_a_column_that_gives_the_answer_away():
    frame = numbers().with_columns(copy=pl.col("y") * 3 + 1, noisy=pl.col("y") + GENERATOR.normal(size=200))
    inputs = INPUTS | {"copy": "number", "noisy": "number"}
    notices = [n for n in check(frame, inputs, {"y": "number"}, split(200)) if n.code == "leak-answer"]
    assert len(notices) == 1
    assert "'copy'" in notices[0].text
    classes = frame.with_columns(
        label=pl.when(pl.col("y") > 0).then(pl.lit("high")).otherwise(pl.lit("low")),
        code=pl.when(pl.col("y") > 0).then(pl.lit("A") + (pl.col("ab") > 0).cast(pl.String)).otherwise(pl.lit("B")),
    )
    kinds = {"ab": "number", "y": "number", "code": "category", "noisy": "number"}
    texts = [n.text for n in check(classes, kinds, {"label": "category"}, split(200)) if n.code == "leak-answer"]
    assert [("'y'" in text, "'code'" in text) for text in texts] == [(True, False), (False, True)]


def test_the_small_checks():
    rows = 100
    frame = pl.DataFrame(
        {
            "id": range(rows),
            "code": [f"c{row}" for row in range(rows)],
            "same": [1] * rows,
            "odd": [float("inf")] * 2 + [float(row % 7) for row in range(rows - 2)],
            "value": GENERATOR.normal(size=rows),
            "label": ["rare"] * 3 + [None] * 2 + ["common"] * (rows - 5),
        }
    )
    inputs = {"id": "number", "code": "category", "same": "number", "odd": "number", "value": "number"}
    parts = split(rows, parts=["test"] * 20 + ["train"] * 60 + ["validation"] * 20)
    notices = found(frame, inputs, {"label": "category"}, parts)
    counts = {code: notice.count for code, notice in notices.items()}
    assert counts == {
        "missing-outputs": 2, "infinite-values": 2, "constant-columns": 1, "id-columns": 2,
        "imbalance": 3, "unseen-class": 3,
    }  # fmt: skip
    assert "class_weights" in notices["imbalance"].text


def test_contradictory_labels():
    texts = [*sentences(50), "the same", "the same", "the same"]
    frame = pl.DataFrame({"t": texts, "y": ["a", "b"] * 25 + ["a", "a", "b"]})
    assert found(frame, {"t": "text"}, {"y": "category"})["contradictions"].count == 3


def test_a_hundred_thousand_rows():
    rows = 100_000
    frame = pl.DataFrame(GENERATOR.normal(size=(rows, 12)), schema=[f"v_{place}" for place in range(12)])
    frame = frame.with_columns(c=pl.Series(GENERATOR.integers(0, 5, rows)).cast(pl.String))
    inputs = {name: "number" for name in frame.columns[:-1]}
    assert found(frame, inputs, {"c": "category"}) == {}


@settings(max_examples=60, deadline=None)
@given(odd_columns(min_rows=1))
def test_odd_tables_never_break_a_check(columns):
    try:
        frame = read(columns).frame
        parts = split(frame.height)
    except FofxError:
        return
    kinds = {name: "number" if kind.is_numeric() else "category" for name, kind in frame.schema.items()}
    output = frame.columns[-1]
    inputs = {name: kind for name, kind in kinds.items() if name != output}
    for notice in check(frame, inputs, {output: kinds[output]}, parts):
        assert notice.count > 0
    texts = {name: "text" for name, kind in frame.schema.items() if kind == pl.String and name != output}
    check(frame, texts, {output: kinds[output]}, parts)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_tiny_tables(rows):
    frame = pl.DataFrame({"a": list(range(rows)), "y": ["p"] * rows})
    assert "few-rows" in found(frame, {"a": "number"}, {"y": "category"})
    check(frame, {}, {"y": "category"}, split(rows))
