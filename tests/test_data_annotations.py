"""Pictures with boxes: every layout of COCO, YOLO and Pascal VOC, and everything that can be wrong in one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fofx.boxes.written import Badly, as_written, read_written, written
from fofx.data.annotations import find_annotations, read_annotations
from fofx.data.box_columns import find_box_columns, holds_boxes
from fofx.data.marked import upright
from fofx.data.table import Table
from fofx.errors import DataError


def picture(path: Path, width: int = 40, height: int = 30, turn: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.full((height, width, 3), 90, np.uint8))
    exif = Image.Exif()
    if turn != 1:
        exif[0x0112] = turn
    image.save(path, exif=exif) if turn != 1 else image.save(path)
    return path


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def coco(*images: tuple, names: tuple = ("sheep", "dog"), **more: Any) -> dict:
    """images: (file name, [(class number, [left, top, width, height]), ...])."""
    notes = [
        {"image_id": number, "category_id": one, "bbox": box}
        for number, (_, boxes) in enumerate(images, 1)
        for one, box in boxes
    ]
    return {
        "images": [
            {"id": number, "file_name": name, "width": 40, "height": 30} for number, (name, _) in enumerate(images, 1)
        ],
        "annotations": notes,
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
    } | more


def voc(name: str, *objects: tuple, size: tuple[int, int] = (40, 30)) -> str:
    rows = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for label, a, b, c, d in objects
    )
    return (
        f"<annotation><filename>{name}</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{rows}</annotation>"
    )


def found(root: Path) -> Table:
    table = find_annotations(root)
    assert table is not None
    assert table.kinds == {"picture": "picture", "boxes": "boxes"}
    assert all(os.path.isabs(path) for path in table.frame["picture"])
    return table


def shown(table: Table) -> dict[str, Any]:
    """{picture: [(label, box)]}."""
    cells = (json.loads(cell) for cell in table.frame["boxes"])
    return {
        os.path.relpath(path, table.path): [(one["label"], one["box"]) for one in cell["boxes"]]
        for path, cell in zip(table.frame["picture"], cells)
    }


def parts(table: Table) -> dict[str, str] | None:
    if table.parts is None:
        return None
    return {os.path.relpath(path, table.path): part for path, part in zip(table.frame["picture"], table.parts)}


def said(table: Table) -> dict[str, int]:
    return {notice.code: notice.count for notice in table.notes}


def code_of(function, *arguments) -> str:
    with pytest.raises(DataError) as caught:
        function(*arguments)
    return caught.value.code


SHEEP = ("sheep", [1, 2, 10, 12])

# --------------------------------------------------------------------------------------------------------------- COCO


@pytest.mark.parametrize(
    "sheet, folder, name",
    [
        ("annotations.json", "", "1.png"),
        ("annotations.json", "images", "1.png"),
        ("instances.json", "images", "images/1.png"),
        ("annotations/instances_default.json", "images", "1.png"),
        ("annotations/instances_default.json", "images/default", "1.png"),
        ("labels.json", "data", "1.png"),
        ("_annotations.coco.json", "", "./1.png"),
        ("result.json", "images", r"C:\Users\x\images\1.png"),
        ("coco.json", "deep/down", "elsewhere/1.png"),
    ],
)
def test_coco_pictures_are_found(tmp_path, sheet, folder, name):
    picture(tmp_path / folder / "1.png")
    put(tmp_path / sheet, coco((name, [(0, [1, 2, 10, 12])])))
    table = found(tmp_path)
    assert list(shown(table).values()) == [[SHEEP]]
    assert parts(table) is None
    read = read_annotations(tmp_path / sheet)
    assert read is not None and read.frame.equals(table.frame)


def test_coco_parts_from_file_names(tmp_path):
    for part, name in (("train2017", "7.jpg"), ("val2017", "7.jpg")):  # the same name in both
        picture(tmp_path / part / name)
        put(tmp_path / f"annotations/instances_{part}.json", coco((name, [(1, [0, 0, 5, 5])])))
        put(tmp_path / f"annotations/captions_{part}.json", {"images": [], "annotations": [{"caption": "x"}]})
        put(tmp_path / f"annotations/person_keypoints_{part}.json", coco((name, [(0, [0, 0, 9, 9])])))
    table = found(tmp_path)
    assert parts(table) == {"train2017/7.jpg": "train", "val2017/7.jpg": "validation"}
    assert shown(table)["val2017/7.jpg"] == [("dog", [0, 0, 5, 5])]


def test_coco_parts_from_folders(tmp_path):
    for part in ("train", "valid", "test"):
        picture(tmp_path / part / "1_jpg.rf.png")
        sheet = coco(("1_jpg.rf.png", [(1, [3, 3, 4, 4])]), names=("animals", "sheep"))
        put(tmp_path / part / "_annotations.coco.json", sheet)
    table = found(tmp_path)
    assert sorted(parts(table).values()) == ["test", "train", "validation"]
    assert len(shown(table)) == 3


def test_a_coco_file_can_be_given_itself(tmp_path):
    picture(tmp_path / "images" / "a.png")
    sheet = put(tmp_path / "annotations" / "train.json", coco(("a.png", [(0, [1, 2, 10, 12])])))
    table = read_annotations(sheet)
    assert table is not None
    assert shown(table) == {"images/a.png": [SHEEP]}
    assert read_annotations(put(tmp_path / "rows.json", [{"x": 1}])) is None
    assert read_annotations(put(tmp_path / "columns.json", {"x": [1, 2]})) is None


def test_coco_crowds_outlines_and_empty_pictures(tmp_path):
    for name in ("1.png", "2.png", "3.png"):
        picture(tmp_path / name)
    sheet = coco(("1.png", []), ("2.png", []))
    sheet["annotations"] = [
        {"image_id": 1, "category_id": 0, "bbox": [0, 0, 20, 20], "iscrowd": 1, "segmentation": {"counts": []}},
        {"image_id": "1", "category_id": 1.0, "segmentation": [[1, 2, 9, 2, 9, 8], [3, 3, 11, 4, 4, 5]]},
    ]
    put(tmp_path / "annotations.json", sheet)
    table = found(tmp_path)
    first, second = (json.loads(cell) for cell in table.frame["boxes"])
    assert first["size"] == [40, 30]
    assert first["boxes"] == [
        {"label": "sheep", "box": [0, 0, 20, 20], "crowd": True},
        {"label": "dog", "box": [1, 2, 10, 6]},
    ]
    assert second["boxes"] == []
    assert said(table) == {"unlisted-pictures": 1, "pictures-without-boxes": 1}


def test_everything_wrong_with_boxes_is_said(tmp_path):
    picture(tmp_path / "1.png")
    wrong = [
        (0, [1, 2, 10, 12]),
        (0, [-5, -5, 20, 20]),  # reaches outside
        (0, [39.5, 0, 30, 10]),
        (0, [50, 0, 5, 5]),  # wholly outside
        (0, [5, 5, 0, 5]),  # no area
        (0, [5, 5, -3, 5]),
        (None, [1, 1, 2, 2]),  # no class
        (7, [1, 1, 2, 2]),  # a class without name
        (0, [1, 2]),
        (0, "box"),
        (0, None),
        (0, [1, 2, None, 4]),
        (0, [1, 2, 10, 12]),  # twice
    ]
    put(tmp_path / "annotations.json", coco(("1.png", wrong), ("gone.png", [(0, [0, 0, 5, 5])])))
    table = found(tmp_path)
    assert shown(table)["1.png"] == [
        SHEEP,
        ("sheep", [0, 0, 15, 15]),
        ("sheep", [39.5, 0, 0.5, 10]),
        ("7", [1, 1, 2, 2]),
    ]
    assert said(table) == {
        "boxes-clipped": 2,
        "boxes-empty": 3,
        "boxes-without-class": 1,
        "classes-beyond-names": 1,
        "boxes-unreadable": 4,
        "boxes-repeated": 1,
        "missing-pictures": 1,
    }


def test_coco_numbers_that_are_not_finite(tmp_path):
    picture(tmp_path / "1.png")
    sheet = json.dumps(coco(("1.png", [(0, [1, 2, 10, 12]), (0, [1, 2, 3, 4])])))
    put(tmp_path / "annotations.json", sheet.replace("[1, 2, 3, 4]", "[NaN, 2, Infinity, 4]"))
    assert said(found(tmp_path)) == {"boxes-unreadable": 1}


def test_broken_coco_files(tmp_path):
    picture(tmp_path / "1.png")
    sheet = tmp_path / "annotations.json"
    for content in ('{"images": [', '{"images": [], "annotations": {}, "categories": []}', "{" * 100_000):
        put(sheet, content)
        assert code_of(find_annotations, tmp_path) == "broken-annotations"
    put(sheet, coco(("gone.png", [(0, [0, 0, 5, 5])])))
    assert code_of(find_annotations, tmp_path) == "no-annotated-pictures"
    put(sheet, coco(("1.png", [(0, [0, 0, 0, 0])])))
    with pytest.raises(DataError, match="no area") as caught:
        find_annotations(tmp_path)
    assert caught.value.code == "no-boxes"
    put(sheet, {"images": [1, {"file_name": "1.png"}], "annotations": [2, {}], "categories": [3]})
    assert code_of(find_annotations, tmp_path) == "no-boxes"


def test_pictures_of_another_size_take_their_boxes_along(tmp_path):
    picture(tmp_path / "1.png", 80, 60)
    put(tmp_path / "annotations.json", coco(("1.png", [(0, [1, 2, 10, 12])])))
    table = found(tmp_path)
    assert shown(table)["1.png"] == [("sheep", [2, 4, 20, 24])]
    assert json.loads(table.frame["boxes"][0])["size"] == [80, 60]
    assert said(table) == {"boxes-rescaled": 1}


@pytest.mark.parametrize("turn", [1, 2, 3, 4, 5, 6, 7, 8])
def test_boxes_of_turned_pictures(tmp_path, turn):
    """A white block drawn on the stored picture is where the box says on the picture as it is seen."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[4:12, 5:25] = 255
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(pixels).save(tmp_path / "1.png", exif=exif)
    put(tmp_path / "annotations.json", coco(("1.png", [(0, [5, 4, 20, 8])])))
    table = found(tmp_path)
    cell = json.loads(table.frame["boxes"][0])
    if turn < 5:  # the stated size cannot tell: boxes are taken to be drawn on what people see
        assert cell["boxes"][0]["box"] == [5, 4, 20, 8]
        return
    assert cell["size"] == [30, 40]
    left, top, width, height = cell["boxes"][0]["box"]
    from fofx.pictures import decode

    seen = decode(str(tmp_path / "1.png"), 40, 30, 1)
    white = np.argwhere(seen > 127)
    assert white.min(axis=0).tolist() == [top, left]
    assert (white.max(axis=0) + 1).tolist() == [top + height, left + width]
    assert said(table) == {"boxes-turned": 1}
    assert upright((0, 0, 40, 30), turn, 40, 30) == (0, 0, 30, 40)


def test_pictures_that_cannot_be_opened(tmp_path):
    picture(tmp_path / "1.png")
    put(tmp_path / "2.png", "no picture")
    put(tmp_path / "annotations.json", coco(("1.png", [(0, [1, 2, 10, 12])]), ("2.png", [(0, [1, 2, 10, 12])])))
    table = found(tmp_path)
    assert list(shown(table)) == ["1.png"]
    assert said(table) == {"broken-pictures": 1}


def test_annotations_name_nothing_outside_the_folder(tmp_path):
    secret = picture(tmp_path / "secret.png")
    root = tmp_path / "set"
    picture(root / "1.png")
    (root / "link.png").symlink_to(secret)
    names = ("1.png", "../secret.png", str(secret), "link.png")
    put(root / "annotations.json", coco(*((name, [(0, [1, 2, 10, 12])]) for name in names)))
    table = found(root)
    assert shown(table) == {"1.png": [SHEEP]}
    assert said(table)["missing-pictures"] == 3


def test_one_picture_named_twice_has_the_boxes_of_both(tmp_path):
    picture(tmp_path / "1.png")
    put(tmp_path / "annotations.json", coco(("1.png", [(0, [1, 2, 10, 12])]), ("1.png", [(1, [0, 0, 5, 5])])))
    assert shown(found(tmp_path)) == {"1.png": [SHEEP, ("dog", [0, 0, 5, 5])]}


# --------------------------------------------------------------------------------------------------------------- YOLO

LINE = "0 0.15 0.266666 0.25 0.4\n"  # sheep at 1, 2, 10 x 12 of 40 x 30


@pytest.mark.parametrize(
    "image, label",
    [
        ("images/1.jpg", "labels/1.txt"),
        ("1.jpg", "1.txt"),
        ("images/1.jpg", "images/1.txt"),
        ("set/images/a/1.jpg", "set/labels/a/1.txt"),
    ],
)
def test_yolo_layouts(tmp_path, image, label):
    picture(tmp_path / image)
    put(tmp_path / label, LINE)
    put(tmp_path / "classes.txt", "sheep\ndog\n")
    put(tmp_path / "README.txt", "read me first")
    table = found(tmp_path)
    assert shown(table) == {image: [SHEEP]}
    assert parts(table) is None
    assert said(table) == {}


def yolo(root: Path, *images: str) -> None:
    for image in images:
        picture(root / image)
        put(root / image.replace("images", "labels").replace(".jpg", ".txt"), LINE)


@pytest.mark.parametrize("names", ["names: [sheep, dog]", "names:\n  0: sheep\n  1: dog", "names: {1: dog, 0: sheep}"])
@pytest.mark.parametrize(
    "images, entries",
    [
        (("images/train/1.jpg", "images/val/2.jpg"), "train: images/train\nval: images/val"),
        (("train/images/1.jpg", "valid/images/2.jpg"), "train: ../train/images\nval: ../valid/images"),
        (("one/images/1.jpg", "two/images/2.jpg"), "train: one/images\nval: [two/images]"),
        (("images/1.jpg", "images/2.jpg"), "train: train.txt\nval: val.txt"),
    ],
)
def test_yolo_settings(tmp_path, names, images, entries):
    pytest.importorskip("yaml")
    yolo(tmp_path, *images)
    put(tmp_path / "data.yaml", f"path: ../somewhere\n{entries}\nnc: 2\n{names}\n")
    if "txt" in entries:
        put(tmp_path / "train.txt", f"./{images[0]}\n")
        put(tmp_path / "val.txt", f"data/custom/{images[1]}\n")
    table = found(tmp_path)
    assert shown(table) == {image: [SHEEP] for image in images}
    assert parts(table) == {images[0]: "train", images[1]: "validation"}


def test_yolo_lines(tmp_path):
    picture(tmp_path / "images/1.jpg")
    lines = [
        "0 0.15 0.266666 0.25 0.4",
        "",
        "1 0.5 0.5 0.2 0.2 0.87",  # with a score
        "1 0.1 0.1 0.3 0.1 0.3 0.4",  # an outline
        "0, 0.9, 0.5, 0.4, 0.2",  # reaches outside
        "4 0.5 0.5 0.1 0.1",
        "0 nan 0.5 0.1 0.1",
        "0 0.5 0.5 0 0.1",
    ]
    put(tmp_path / "labels/1.txt", "\r\n".join(lines))
    put(tmp_path / "obj.names", "sheep\ndog\n\n")
    table = found(tmp_path)
    assert shown(table)["images/1.jpg"] == [
        SHEEP,
        ("dog", [16, 12, 8, 6]),
        ("dog", [4, 3, 8, 9]),
        ("sheep", [28, 12, 12, 6]),
        ("4", [18, 13.5, 4, 3]),
    ]
    assert said(table) == {"boxes-clipped": 1, "boxes-empty": 1, "boxes-unreadable": 1, "classes-beyond-names": 1}


def test_yolo_pictures_without_labels_and_labels_without_pictures(tmp_path):
    yolo(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg", "images/4.jpg", "images/5.jpg")
    (tmp_path / "labels/2.txt").unlink()
    put(tmp_path / "labels/3.txt", "")
    put(tmp_path / "labels/9.txt", LINE)
    put(tmp_path / "labels/5.txt", "0 0.5 0.5\n")
    table = found(tmp_path)
    sheep = [("0", SHEEP[1])]
    assert shown(table) == {"images/1.jpg": sheep, "images/2.jpg": [], "images/3.jpg": [], "images/4.jpg": sheep}
    assert said(table) == {
        "pictures-without-labels": 1,
        "pictures-without-boxes": 2,
        "missing-pictures": 1,
        "broken-annotations": 1,
        "classes-without-names": 0,
    }


def test_texts_beside_pictures_are_no_boxes(tmp_path):
    for number in range(3):
        picture(tmp_path / f"{number}.jpg")
        put(tmp_path / f"{number}.txt", "a sheep in a field")
    assert find_annotations(tmp_path) is None


@pytest.mark.parametrize("content", ["sheep 1 2 3 4", "0 12 13 20 20", "0.5 0.1 0.1 0.1 0.1", "-1 0.1 0.1 0.1 0.1"])
def test_label_files_that_hold_no_boxes(tmp_path, content):
    picture(tmp_path / "images/1.jpg")
    put(tmp_path / "labels/1.txt", content)
    assert code_of(find_annotations, tmp_path) == "broken-annotations"


def test_broken_yolo_settings(tmp_path):
    pytest.importorskip("yaml")
    yolo(tmp_path, "images/1.jpg")
    put(tmp_path / "data.yaml", "names: [a, b\nx: {")
    assert code_of(find_annotations, tmp_path) == "broken-annotations"


def test_yaml_cannot_grow_or_run_code(tmp_path):
    pytest.importorskip("yaml")
    yolo(tmp_path, "images/1.jpg")
    put(tmp_path / "data.yaml", "names: !!python/object/apply:os.system ['true']\n")
    assert code_of(find_annotations, tmp_path) == "broken-annotations"
    put(tmp_path / "data.yaml", "names: {999999999: x}\n")
    assert said(found(tmp_path))["classes-without-names"] == 0


# ---------------------------------------------------------------------------------------------------------- Pascal VOC


@pytest.mark.parametrize(
    "image, sheet",
    [
        ("JPEGImages/1.jpg", "Annotations/1.xml"),
        ("1.jpg", "1.xml"),
        ("images/1.jpg", "annotations/1.xml"),
        ("images/train/1.jpg", "annotations/train/1.xml"),
        ("VOC2007/JPEGImages/1.jpg", "VOC2007/Annotations/1.xml"),
        ("other/1.jpg", "xml/a_1.xml"),
    ],
)
def test_voc_layouts(tmp_path, image, sheet):
    picture(tmp_path / image)
    put(tmp_path / sheet, voc("1.jpg", ("sheep", 1, 2, 11, 14), ("dog", 0, 0, 5, 5)))
    table = found(tmp_path)
    assert shown(table) == {image: [SHEEP, ("dog", [0, 0, 5, 5])]}
    assert parts(table) == ({image: "train"} if "train" in image else None)


def test_voc_lists_of_parts(tmp_path):
    for number in "123":
        picture(tmp_path / f"JPEGImages/{number}.jpg")
        put(tmp_path / f"Annotations/{number}.xml", voc(f"{number}.jpg", ("sheep", 1, 2, 11, 14)))
    put(tmp_path / "ImageSets/Main/train.txt", "1\n")
    put(tmp_path / "ImageSets/Main/val.txt", "2\n")
    put(tmp_path / "ImageSets/Main/test.txt", "3\n")
    put(tmp_path / "ImageSets/Main/sheep_train.txt", "1  1\n")
    picture(tmp_path / "JPEGImages/4.jpg")
    table = found(tmp_path)
    assert list(parts(table).values()) == ["train", "validation", "test"]
    assert said(table) == {"unlisted-pictures": 1}


def test_voc_counts_pixels_from_one_as_pascal_does(tmp_path):
    picture(tmp_path / "1.jpg")
    put(tmp_path / "1.xml", voc("1.jpg", ("sheep", 1, 3, 40, 14)))  # from the first pixel to the last
    assert shown(found(tmp_path))["1.jpg"] == [("sheep", [0, 2, 40, 12])]
    put(tmp_path / "1.xml", voc("1.jpg", ("sheep", 1, 3, 39, 14)))  # nothing says so
    assert shown(found(tmp_path))["1.jpg"] == [("sheep", [1, 3, 38, 11])]


def test_voc_odd_files(tmp_path):
    for number in range(7):
        picture(tmp_path / f"{number}.jpg")
    put(tmp_path / "0.xml", voc("0.jpg", ("sheep", 1, 2, 11, 14)))
    put(tmp_path / "1.xml", voc("1.jpg", size=(0, 0)))
    put(tmp_path / "2.xml", "<annotation><object></annotation>")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    put(tmp_path / "3.xml", bomb + voc("3.jpg", ("&b;", 1, 2, 3, 4)))
    reach = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    put(tmp_path / "4.xml", reach + voc("4.jpg", ("&a;", 1, 2, 3, 4)))
    put(tmp_path / "5.xml", "<html/>")
    put(tmp_path / "gone.xml", voc("gone.jpg", ("sheep", 1, 2, 3, 4)))
    head = '<?xml version="1.0" encoding="gb2312"?>'
    (tmp_path / "6.xml").write_bytes(
        (head + voc("6.jpg", ("绵羊", 0, "x", 3, 4), ("绵羊", 0, 0, 3, 4))).encode("gb2312")
    )
    table = found(tmp_path)
    assert shown(table) == {"0.jpg": [SHEEP], "1.jpg": [], "6.jpg": [("绵羊", [0, 0, 3, 4])]}
    assert said(table) == {
        "broken-annotations": 3,
        "missing-pictures": 1,
        "unlisted-pictures": 4,
        "boxes-unreadable": 1,
        "pictures-without-boxes": 1,
    }


def test_only_broken_xml(tmp_path):
    picture(tmp_path / "JPEGImages/1.jpg")
    put(tmp_path / "Annotations/1.xml", "<annotation>")
    assert code_of(find_annotations, tmp_path) == "broken-annotations"


# -------------------------------------------------------------------------------------------- folders of something else


def test_class_folders_have_no_annotations(tmp_path):
    picture(tmp_path / "cat/1.png")
    picture(tmp_path / "dog/1.png")
    put(tmp_path / "meta.json", {"made": "today"})
    put(tmp_path / "notes.txt", "words")
    put(tmp_path / "page.xml", "<page/>")
    assert find_annotations(tmp_path) is None
    (tmp_path / "empty").mkdir()
    assert find_annotations(tmp_path / "empty") is None


def test_the_frame_can_be_read_again(tmp_path):
    from fofx.data.again import read_again

    picture(tmp_path / "a.png")
    put(tmp_path / "annotations.json", coco(("a.png", [(0, [1, 2, 10, 12])])))
    table = found(tmp_path)
    assert read_again(table.path, json.loads(json.dumps(table.reader))).equals(table.frame)


@given(st.binary(max_size=300), st.sampled_from(["annotations.json", "1.xml", "1.txt", "data.yaml"]))
def test_any_bytes_are_annotations_or_a_clear_error(tmp_path_factory, content, name):
    root = tmp_path_factory.mktemp("any")
    picture(root / "1.jpg")
    put(root / "2.txt", LINE)
    picture(root / "2.jpg")
    (root / name).write_bytes(content)
    try:
        table = find_annotations(root)
    except DataError as error:
        assert error.code in ("broken-annotations", "no-boxes", "no-annotated-pictures")
    else:
        assert table is None or len(table) >= 1


# ------------------------------------------------------------------------------------------------------ text and memory


@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=5).map(lambda text: f"x{text.strip()}".strip()),
            st.tuples(*[st.integers(1, 9000).map(lambda n: n / 4)] * 4),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_text_and_back(boxes):
    size, again = read_written(written((640, 480), boxes))
    assert size == (640, 480)
    assert again == boxes


@pytest.mark.parametrize(
    "cell",
    [
        "sheep", "7", "{", "[" * 5000, '{"size": [4, 4]}', "[1]", '[{"box": [0, 0, 1, 1]}]', '[{"label": "a"}]',
        '{"size": [0, 4], "boxes": []}', '{"size": "big", "boxes": []}', '[{"label": "a", "box": [0, 0, 0, 1]}]',
        '[{"label": "a", "box": [0, 0, NaN, 1]}]', '[{"label": " ", "box": [0, 0, 1, 1]}]',
    ],
)  # fmt: skip
def test_texts_that_are_no_boxes(cell):
    with pytest.raises(Badly):
        read_written(cell, (4, 4))


def test_a_list_needs_its_pictures_size():
    with pytest.raises(Badly, match="size"):
        read_written([{"label": "a", "box": [0, 0, 1, 1]}])
    assert read_written([{"label": "a", "box": [0, 0, 1, 1]}], (5, 6)) == ((5, 6), [("a", (0, 0, 1, 1), False)])


def test_lists_in_memory_become_the_one_form(tmp_path):
    arrays = pl.Series("picture", np.zeros((4, 30, 40, 3), np.uint8))
    boxes = [
        [{"label": "sheep", "box": [1, 2, np.int64(10), np.float32(12)]}, {"label": "dog", "box": [35, 0, 10, 5]}],
        [],
        {"size": [80, 60], "boxes": [{"label": "sheep", "box": [2, 4, 20, 24]}]},
        None,
    ]
    column = pl.Series("seen", [as_written(cell) for cell in boxes], dtype=pl.String)
    assert holds_boxes(column)
    table = Table(pl.DataFrame([arrays, column]), "memory")
    find_box_columns(table)
    assert table.kinds == {"seen": "boxes"}
    cells = [cell and json.loads(cell) for cell in table.frame["seen"]]
    assert cells[0] == {
        "size": [40, 30],
        "boxes": [{"label": "sheep", "box": [1, 2, 10, 12]}, {"label": "dog", "box": [35, 0, 5, 5]}],
    }
    assert cells[1] == {"size": [40, 30], "boxes": []}
    assert cells[2]["boxes"] == cells[0]["boxes"][:1]
    assert cells[3] is None
    assert said(table) == {"boxes-clipped": 1, "boxes-rescaled": 1, "pictures-without-boxes": 1}


def test_a_column_of_json_in_a_table(tmp_path):
    paths = [str(picture(tmp_path / f"{number}.png")) for number in range(3)]
    cells = ['[{"label": "sheep", "box": [1, 2, 10, 12]}]', "[]", '[{"label": "a", "box": "wide"}, 7]']
    table = Table(pl.DataFrame({"picture": paths, "boxes": cells}), "t.csv", kinds={"picture": "picture"})
    find_box_columns(table)
    assert table.kinds["boxes"] == "boxes"
    assert json.loads(table.frame["boxes"][0]) == {
        "size": [40, 30],
        "boxes": [{"label": "sheep", "box": [1, 2, 10, 12]}],
    }
    assert table.frame["boxes"][2] == cells[2]  # it is set aside by the field, with its reason


def test_other_columns_of_json_are_left_alone():
    for cells in (['{"a": 1}', '{"a": 2}'], ["[1, 2]", "[3]"], ["words", "[]"], ["[]", "[]"], [None, None]):
        assert not holds_boxes(pl.Series("x", cells, dtype=pl.String))
    assert not holds_boxes(pl.Series("x", [1, 2]))
