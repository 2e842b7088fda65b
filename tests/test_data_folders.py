"""Folders of pictures and sounds: every layout of train, validation, test, unlabelled; links; order; columns of paths."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fofx.data.again import read_again
from fofx.data.folders import natural
from fofx.data.read import read
from fofx.errors import DataError


def picture(path: Path, shade: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4, 3), shade, np.uint8)).save(path)


def pictures(root: Path, *names: str) -> Path:
    for shade, name in enumerate(names):
        picture(root / name, shade)
    return root


def shown(table) -> list[tuple]:
    names = [os.path.relpath(path, table.path) for path in table.frame["picture"]]
    parts = table.parts.to_list() if table.parts is not None else [None] * len(names)
    return list(zip(names, table.frame["label"], parts))


def counted(table, code: str) -> int:
    return sum(notice.count for notice in table.notes if notice.code == code)


def test_class_folders_in_natural_order(tmp_path):
    root = pictures(tmp_path / "set", "cat/10.png", "cat/2.png", "dog/1.jpg", "dog/.hidden.png", ".git/x.png")
    (root / "dog" / "notes.txt").write_text("x")
    table = read(root)
    assert shown(table) == [("cat/2.png", "cat", None), ("cat/10.png", "cat", None), ("dog/1.jpg", "dog", None)]
    assert table.kinds == {"picture": "picture", "label": "category"}
    assert counted(table, "skipped-files") == 2
    assert all(os.path.isabs(path) for path in table.frame["picture"])
    assert read_again(table.path, table.reader).equals(table.frame)


@pytest.mark.parametrize(
    "names",
    [
        ("train/cat/1.png", "train/dog/1.png", "valid/cat/2.png", "test/dog/3.png"),
        ("training/cat/1.png", "training/dog/1.png", "validation/cat/2.png", "testing/dog/3.png"),
        ("cat/train/1.png", "dog/train/1.png", "cat/val/2.png", "dog/test/3.png"),
        ("data/train/cat/1.png", "data/train/dog/1.png", "data/valid/cat/2.png", "data/test/dog/3.png"),
        ("train/images/cat/1.png", "train/images/dog/1.png", "valid/images/cat/2.png", "test/images/dog/3.png"),
    ],
)
def test_parts_above_and_below(tmp_path, names):
    found = {(label, part) for _, label, part in shown(read(pictures(tmp_path / "set", *names)))}
    assert found == {("cat", "train"), ("dog", "train"), ("cat", "validation"), ("dog", "test")}


def test_labelled_and_unlabelled_as_in_food_11(tmp_path):
    names = ["training/labeled/00/1.jpg", "training/labeled/01/1.jpg", "training/unlabeled/00/5.jpg"]
    table = read(
        pictures(tmp_path / "food-11", *names, "validation/00/7.jpg", "validation/01/7.jpg", "testing/01/9.jpg")
    )
    assert shown(table) == [
        ("testing/01/9.jpg", "01", "test"),
        ("training/labeled/00/1.jpg", "00", "train"),
        ("training/labeled/01/1.jpg", "01", "train"),
        ("training/unlabeled/00/5.jpg", None, "unlabeled"),
        ("validation/00/7.jpg", "00", "validation"),
        ("validation/01/7.jpg", "01", "validation"),
    ]
    assert counted(table, "unlabelled") == 1


def test_a_class_called_train_is_a_class(tmp_path):
    table = read(pictures(tmp_path / "set", "train/1.png", "plane/1.png", "car/1.png"))
    assert sorted(table.frame["label"]) == ["car", "plane", "train"]
    assert table.parts is None


def test_pictures_without_class_folder(tmp_path):
    table = read(pictures(tmp_path / "set", "cat/1.png", "dog/1.png", "loose.png"))
    assert ("loose.png", None, "unlabeled") in shown(table)
    names = [f"train/{number % 2}_{number}.png" for number in range(12)]
    table = read(pictures(tmp_path / "flat", *names, "test/0_99.png"))
    assert counted(table, "labels-from-names") == 13
    assert shown(table)[0] == ("test/0_99.png", "0", "test")


def test_links_do_not_lead_outside(tmp_path):
    root = pictures(tmp_path / "set", "cat/1.png", "dog/1.png")
    picture(tmp_path / "secret" / "x.png")
    (root / "cat" / "out.png").symlink_to(tmp_path / "secret" / "x.png")
    (root / "cat" / "in.png").symlink_to(root / "dog" / "1.png")
    (root / "cat" / "gone.png").symlink_to(root / "nowhere.png")
    (root / "loop").symlink_to(root)
    (root / "other").symlink_to(tmp_path / "secret")
    table = read(root)
    assert [name for name, _, _ in shown(table)] == ["cat/1.png", "cat/in.png", "dog/1.png"]
    assert counted(table, "skipped-links") == 4


def test_unclear_folders(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert caught.value.code == "no-pictures"
    (tmp_path / "train.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"train\.csv") as caught:
        read(tmp_path)
    assert caught.value.code == "unclear-folder"


def test_a_column_of_picture_paths(tmp_path):
    pictures(tmp_path, "img/1.png", "img/2.png")
    (tmp_path / "t.csv").write_text("file,size,label\nimg/1.png,3,a\nimg/2.png,4,b\nimg/3.png,4,b\n")
    table = read(tmp_path / "t.csv")
    assert table.kinds == {"file": "picture"}
    assert table.frame["file"].to_list() == [str(tmp_path / "img" / f"{number}.png") for number in (1, 2, 3)]
    assert counted(table, "missing-pictures") == 1
    assert read_again(table.path, table.reader).equals(table.frame)
    (tmp_path / "u.csv").write_text("file,label\nno/1.png,a\nno/2.png,b\n")
    assert read(tmp_path / "u.csv").kinds == {}


def sounds(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"what is inside is not looked at here")
    return root


def test_speaker_folders_of_sounds(tmp_path):
    root = sounds(tmp_path / "set", "train/ann/2.wav", "train/ann/10.WAV", "train/bo/1.flac", "test/ann/3.wav")
    picture(root / "train" / "ann" / "cover.png")
    table = read(root)
    assert table.frame.columns == ["sound", "label"]
    assert table.kinds == {"sound": "sound", "label": "category"}
    names = [os.path.relpath(path, table.path) for path in table.frame["sound"]]
    assert names == ["test/ann/3.wav", "train/ann/2.wav", "train/ann/10.WAV", "train/bo/1.flac"]
    assert table.frame["label"].to_list() == ["ann", "ann", "ann", "bo"]
    assert table.parts.to_list() == ["test", "train", "train", "train"]
    assert counted(table, "skipped-files") == 1
    assert read_again(table.path, table.reader).equals(table.frame)


def test_a_folder_is_of_the_kind_that_most_files_are_of(tmp_path):
    root = sounds(tmp_path / "set", "cat/1.wav")
    picture(root / "cat" / "1.png")
    picture(root / "dog" / "1.png")
    assert read(root).kinds["picture"] == "picture"
    sounds(root, "cat/2.wav", "dog/1.wav")
    assert read(root).kinds["sound"] == "sound"


def test_a_column_of_sound_paths(tmp_path):
    sounds(tmp_path, "clips/1.wav", "clips/2.wav")
    (tmp_path / "t.csv").write_text("clip,said\nclips/1.wav,yes\nclips/2.wav,no\nclips/3.wav,no\n,no\n")
    table = read(tmp_path / "t.csv")
    assert table.kinds == {"clip": "sound"}
    assert table.frame["clip"].to_list() == [*(str(tmp_path / "clips" / f"{n}.wav") for n in (1, 2, 3)), None]
    assert counted(table, "missing-pictures") == 1
    assert read_again(table.path, table.reader).equals(table.frame)


def test_natural_order():
    names = ["a10", "a2", "b1", "A3", "10", "9", "a²", "٣"]
    assert sorted(names, key=natural)[:5] == ["٣", "9", "10", "a2", "A3"]
