"""Mask files and folders: every layout, numbers and colours and their names, sizes, and nothing broken gets through."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fofx import pictures
from fofx.data.masks import find_masks
from fofx.data.read import read
from fofx.errors import DataError
from fofx.legend import Look, learn_legend, pixels_by_class
from fofx.mask_names import listed_classes, parse_classes
from fofx.maskfiles import decode_masks, look_at_masks, nearest_pixels
from fofx.masks import VOID

MAP = np.repeat(np.repeat(np.array([[0, 1, 2], [2, 1, 255]], np.uint8), 4, 0), 4, 1)  # (8, 12)


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **options) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return str(path)


def photo(path: Path, height: int = 8, width: int = 12) -> str:
    return save(path, np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def layout(root: Path, pictures: list[str], masks: list[str], pixels: np.ndarray = MAP) -> Path:
    for name in pictures:
        photo(root / name)
    for name in masks:
        save(root / name, pixels)
    return root


def shown(table) -> list[tuple]:
    names = [
        tuple(None if path is None else os.path.relpath(path, table.path) for path in row) for row in table.frame.rows()
    ]
    return [(*name, part) for name, part in zip(names, table.parts if table.parts is not None else [None] * len(names))]


def codes(table) -> dict[str, int]:
    return {note.code: note.count for note in table.notes}


def in_palette(pixels: np.ndarray, colours: list[int]) -> Image.Image:
    image = Image.frombytes("P", pixels.shape[::-1], pixels.tobytes())
    image.putpalette(colours)
    return image


COLOURS = np.array([[128, 64, 128], [0, 0, 0], [64, 0, 128]], np.uint8)


# files


def test_numbers_in_every_form(tmp_path):
    wanted = np.where(MAP == 255, VOID, MAP)
    palette = [value for row in range(256) for value in (row, 255 - row, 7)]
    forms = [
        save(tmp_path / "grey.png", MAP),
        save(tmp_path / "palette.png", in_palette(MAP, palette)),
        save(tmp_path / "deep.png", MAP.astype(np.uint16)),
        save(tmp_path / "wide.tif", MAP.astype(np.int32)),
        save(tmp_path / "float.tif", MAP.astype(np.float32)),
        save(tmp_path / "rgb.png", np.dstack([MAP] * 3)),
        save(tmp_path / "alpha.png", np.dstack([MAP] * 3 + [np.zeros_like(MAP)])),
        save(tmp_path / "la.png", MAP, mode="LA"),
        save(tmp_path / "grey.bmp", MAP),
    ]
    for path in forms:
        legend = learn_legend(look_at_masks([path]))
        assert legend == {"by": "number", "names": ["0", "1", "2"], "values": [0, 1, 2], "void": [255]}, path
        maps, bad = decode_masks([path], MAP.shape, legend)
        assert bad == [] and np.array_equal(maps[0], wanted), path


def test_deep_numbers_beyond_a_byte(tmp_path):
    path = save(tmp_path / "a.png", (MAP.astype(np.uint16) % 255) * 10_000)
    legend = learn_legend(look_at_masks([path]))
    assert legend["values"] == [0, 10_000, 20_000] and legend["void"] == []
    assert np.array_equal(decode_masks([path], MAP.shape, legend)[0][0], MAP % 255)


def test_black_and_white_are_two_classes(tmp_path):
    ones = save(tmp_path / "a.png", MAP > 0)  # one bit a pixel
    legend = learn_legend(look_at_masks([ones]))
    assert legend["values"] == [0, 1]
    full = save(tmp_path / "b.png", np.where(MAP > 0, 255, 0).astype(np.uint8))
    legend = learn_legend(look_at_masks([full]))
    assert legend["values"] == [0, 255] and legend["void"] == []
    assert np.array_equal(decode_masks([full], MAP.shape, legend)[0][0], MAP > 0)


def test_black_and_white_with_smoothed_edges(tmp_path):
    circle = np.hypot(*np.mgrid[-40:40, -40:40]) < 25
    path = save(tmp_path / "a.jpg", (circle * 255).astype(np.uint8), quality=80)
    legend = learn_legend(look_at_masks([path]))
    assert legend["by"] == "shade" and legend["names"] == ["0", "255"]
    assert (decode_masks([path], circle.shape, legend)[0][0] == circle).mean() > 0.995
    known, void, unknown = pixels_by_class(look_at_masks([path])[0], legend)
    assert sum(known) == circle.size and void == unknown == 0


def test_colours(tmp_path):
    numbers = MAP % 255
    path = save(tmp_path / "a.png", COLOURS[numbers])
    legend = learn_legend(look_at_masks([path]))
    assert legend["by"] == "colour" and legend["names"] == ["#000000", "#400080", "#804080"]
    listed = parse_classes("128 64 128 road\n64 0 128 car\n0 0 0 void")
    legend = learn_legend(look_at_masks([path]), listed)
    assert legend["names"] == ["road", "car"] and legend["void"] == [0]
    wanted = np.choose(numbers, [0, VOID, 1])
    assert np.array_equal(decode_masks([path], MAP.shape, legend)[0][0], wanted)
    alike = save(tmp_path / "b.png", Image.fromarray(COLOURS[numbers]).quantize(3))  # the same, saved with a palette
    assert np.array_equal(decode_masks([alike], MAP.shape, legend)[0][0], wanted)


def test_palettes_that_differ_mean_their_colours(tmp_path):
    there = save(tmp_path / "a.png", in_palette(MAP % 255, COLOURS.reshape(-1).tolist()))
    order = [2, 0, 1]  # the same colours under other numbers
    numbers = np.argsort(order)[MAP % 255].astype(np.uint8)
    other = save(tmp_path / "b.png", in_palette(numbers, COLOURS[order].reshape(-1).tolist()))
    legend = learn_legend(look_at_masks([there, other]))
    assert legend["by"] == "colour"
    maps, _ = decode_masks([there, other], MAP.shape, legend)
    assert np.array_equal(maps[0], maps[1])


def test_photographs_are_no_masks(tmp_path):
    with pytest.raises(DataError) as error:
        learn_legend(look_at_masks([photo(tmp_path / "a.png", 60, 60)]))
    assert error.value.code == "not-masks"
    noise = np.random.default_rng(1).integers(0, 256, (99, 99), dtype=np.uint8)
    with pytest.raises(DataError) as error:
        learn_legend(look_at_masks([save(tmp_path / "b.png", noise)]))
    assert error.value.code == "not-masks"
    many = [{"name": f"k{number}", "number": number, "colour": None} for number in range(300)]
    with pytest.raises(DataError) as error:
        learn_legend([Look(1, 1, {0: 1}, {0: 1})], many)
    assert error.value.code == "too-many-classes"


def test_stray_colours_of_blended_edges_are_unknown():
    looks = [Look(100, 100, {}, {0xFF0000: 5000, 0x00FF00: 4920, **{n * 7919: 1 for n in range(1, 81)}}, form="colour")]
    legend = learn_legend(looks)
    assert legend["names"] == ["#00ff00", "#ff0000"]
    assert pixels_by_class(looks[0], legend) == ([4920, 5000], 0, 80)


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    tall=st.integers(1, 12),
    wide=st.integers(1, 12),
    cover=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_nearest_pixels_are_pillows(height, width, tall, wide, cover):
    values = np.random.default_rng(height * 9 + width).integers(0, 256, (tall, wide), dtype=np.uint8)
    ours = nearest_pixels(values, height, width, cover)
    image = Image.fromarray(values)
    scale = (min(wide / width, tall / height),) * 2 if cover else (wide / width, tall / height)
    left, top = (wide - scale[0] * width) / 2, (tall - scale[1] * height) / 2
    box = (left, top, left + scale[0] * width, top + scale[1] * height)
    theirs = np.asarray(image.resize((width, height), Image.Resampling.NEAREST, box=box))
    exact = [
        abs(start + (np.arange(n) + 0.5) * s - np.round(start + (np.arange(n) + 0.5) * s)) > 1e-6
        for start, n, s in ((top, height, scale[1]), (left, width, scale[0]))
    ]  # centres that lie on no border
    assert ours.shape == (height, width)
    assert np.array_equal(ours[np.ix_(*exact)], theirs[np.ix_(*exact)])


def test_sizes_never_blend_classes(tmp_path):
    path = save(tmp_path / "a.png", MAP)
    legend = learn_legend(look_at_masks([path]))
    for size in ((3, 5), (20, 31), (1, 1)):
        maps, _ = decode_masks([path], size, legend)
        assert maps.shape == (1, *size) and set(np.unique(maps)) <= {0, 1, 2, VOID}
    assert np.array_equal(decode_masks([path], (2, 3), legend)[0][0], [[0, 1, 2], [2, 1, VOID]])


def test_broken_and_huge_files_are_told(tmp_path, monkeypatch):
    good = save(tmp_path / "good.png", MAP)
    content = Path(
        save(tmp_path / "cut.png", np.random.default_rng(0).integers(0, 3, (99, 99), dtype=np.uint8))
    ).read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.png").write_text("this is no picture")
    fractions = save(tmp_path / "half.tif", np.full((4, 4), 0.5, np.float32))
    paths = [good, str(tmp_path / "cut.png"), str(tmp_path / "text.png"), str(tmp_path / "gone.png"), fractions, None]
    wrong = [look.wrong for look in look_at_masks(paths)]
    assert wrong[0] == "" and all(wrong[1:])
    assert "fractions" in wrong[4] and "does not exist" in wrong[3]
    legend = learn_legend(look_at_masks([good]))
    maps, bad = decode_masks(paths, MAP.shape, legend)
    assert [row for row, _ in bad] == [1, 2, 3, 4, 5] and (maps[1:] == VOID).all()
    monkeypatch.setattr(pictures, "LARGEST", 50)
    assert "safe to open" in look_at_masks([save(tmp_path / "new.png", MAP)])[0].wrong


# names


@pytest.mark.parametrize(
    "text",
    [
        "road\ncar\nvoid",
        "0 road\n1 car\n2 void",
        "road: 0\ncar: 1\nvoid: 2",
        "road,0\ncar,1\nvoid,2",
        "# x\nname\nroad\ncar\nvoid",
    ],
)
def test_names_with_or_without_numbers(text):
    entries = parse_classes(text)
    assert [entry["name"] for entry in entries] == ["road", "car", "void"]
    look = Look(1, 6, {0: 3, 1: 2, 2: 1}, {0: 3, 0x10101: 2, 0x20202: 1})
    legend = learn_legend([look], entries)
    assert legend == {"by": "number", "names": ["road", "car"], "values": [0, 1], "void": [2, 255]}
    assert pixels_by_class(look, legend) == ([3, 2], 1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "128 64 128\tthe road\n64 0 128\tcar",
        "name,r,g,b\nthe road,128,64,128\ncar,64,0,128",
        '"name","r","g","b"\n"the road","128","64","128"\n"car","64","0","128"',
        "# label:color_rgb:parts:actions\nthe road:128,64,128::\ncar:64,0,128::",
        "0 the road 128 64 128\n1 car 64 0 128",
        "the road #804080\ncar #400080",
    ],
)
def test_names_with_colours(text):
    entries = parse_classes(text)
    assert [(entry["name"], entry["colour"]) for entry in entries] == [("the road", 0x804080), ("car", 0x400080)]


@pytest.mark.parametrize(
    "found",
    [
        {"sky": 0, "road": 1},
        {"0": "sky", "1": "road"},
        {"classes": [{"name": "sky", "id": 0}, {"name": "road", "id": 1}]},
        [{"label": "sky", "index": 0, "color": [1, 2, 3]}, {"label": "road", "index": 1, "color": [4, 5, 6]}],
    ],
)
def test_names_in_json(found):
    assert [(entry["name"], entry["number"]) for entry in parse_classes(json.dumps(found), True)] == [
        ("sky", 0),
        ("road", 1),
    ]


def test_odd_lists_of_names():
    assert [entry["name"] for entry in parse_classes("lane 1\nlane 2")] == ["lane 1", "lane 2"]
    assert parse_classes("same\nsame") == [] and parse_classes("") == [] and parse_classes("{", True) == []
    assert [entry["number"] for entry in parse_classes("[1, 2]", True)] == [None, None]
    looks = [Look(1, 3, {1: 1, 2: 1, 3: 1}, {})]
    three = parse_classes("a\nb\nc")
    assert learn_legend(looks, three)["values"] == [1, 2, 3]  # counted from 1
    assert learn_legend([Look(1, 3, {0: 1, 127: 1, 255: 1}, {})], three)["values"] == [0, 127, 255]
    assert learn_legend([Look(1, 3, {0: 1, 1: 1, 2: 1, 9: 1}, {})], three)["values"] == [0, 1, 2]  # 9 is unknown
    camvid = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "person", "cyclist"]
    camvid.append("unlabelled")
    legend = learn_legend([Look(1, 12, dict.fromkeys(range(12), 1), {})], parse_classes("\n".join(camvid)))
    assert legend["names"] == camvid[:11] and legend["void"] == [11, 255]


@given(text=st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_a_list_of_classes_or_none(text):
    for entry in parse_classes(text) + parse_classes(text, True):
        assert entry["name"] and (entry["colour"] is None or 0 <= entry["colour"] <= 0xFFFFFF)


def test_the_file_of_names_is_found(tmp_path):
    (tmp_path / "readme.txt").write_text("a\nb")
    (tmp_path / "train.txt").write_text("a\nb")
    assert listed_classes([str(tmp_path)]) == []
    (tmp_path / "codes.txt").write_bytes("天空\n道路".encode("gb18030"))
    assert [entry["name"] for entry in listed_classes([str(tmp_path)])] == ["天空", "道路"]
    (tmp_path / "label_colors.txt").write_text("1 2 3 a\n4 5 6 b")
    assert [entry["name"] for entry in listed_classes([str(tmp_path)])] == ["a", "b"]


# folders


@pytest.mark.parametrize(
    ("pictures", "masks", "part"),
    [
        (["pictures/1.jpg", "pictures/2.jpg"], ["masks/1.png", "masks/2.png"], None),
        (["images/1.jpg", "images/2.jpg"], ["labels/1_L.png", "labels/2_P.png"], None),
        (["data/img/1.png", "data/img/2.png"], ["data/mask/1.png", "data/mask/2.png"], None),
        (["JPEGImages/1.jpg", "JPEGImages/2.jpg"], ["SegmentationClass/1.png", "SegmentationClass/2.png"], None),
        (["1.jpg", "2.jpg"], ["1_mask.png", "2_mask.png"], None),
        (["a/1_sat.jpg", "a/2_sat.jpg"], ["a/1_mask.png", "a/2_mask.png"], None),
        (["train/images/1.jpg", "train/images/2.jpg"], ["train/masks/1.png", "train/masks/2.png"], "train"),
        (["images/training/1.jpg", "images/training/2.jpg"], ["annotations/training/1.png", "annotations/training/2.png"], "train"),
        (["train/1.png", "train/2.png"], ["trainannot/1.png", "trainannot/2.png"], "train"),
        (["val/1.png", "val/2.png"], ["val_labels/1_L.png", "val_labels/2_L.png"], "validation"),
        (["leftImg8bit/test/b/1_leftImg8bit.png", "leftImg8bit/test/c/1_leftImg8bit.png"],
         ["gtFine/test/b/1_gtFine_labelIds.png", "gtFine/test/c/1_gtFine_labelIds.png"], "test"),
        (["图片/1.jpg", "图片/2.jpg"], ["标注/1.png", "标注/2.png"], None),
    ],
)  # fmt: skip
def test_layouts(tmp_path, pictures, masks, part):
    table = find_masks(layout(tmp_path, pictures, masks))
    assert shown(table) == [(picture, mask, part) for picture, mask in zip(pictures, masks)]
    assert table.kinds == {"picture": "picture", "mask": "mask"} and codes(table) == {}
    assert table.reader["rows"] == [[picture, mask] for picture, mask in zip(pictures, masks)]
    assert json.loads(json.dumps(table.reader))["given"]["mask"]["legend"]["names"] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "names",
    [
        ["cat/1.png", "dog/1.png"],
        ["train/mask/1.png", "train/nomask/1.png"],
        ["images/1.png", "images/2.png"],
        ["1.png", "2_mask.png"],
        [],
    ],
)
def test_other_folders_are_none(tmp_path, names):
    assert find_masks(layout(tmp_path, names, [])) is None


def test_lists_tell_the_parts(tmp_path):
    names = [f"{number}" for number in range(4)]
    root = layout(tmp_path, [f"JPEGImages/{n}.jpg" for n in names], [f"SegmentationClass/{n}.png" for n in names])
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("0\n1\n")
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("2\n3\n")
    assert [part for *_, part in shown(find_masks(root))] == ["train", "train", "validation", "validation"]


def test_instances_and_colours_beside_the_numbers_are_left(tmp_path):
    root = layout(tmp_path, ["images/1.png"], ["gt/1_gtFine_labelIds.png"])
    photo(root / "gt" / "1_gtFine_color.png")
    photo(root / "gt" / "1_gtFine_instanceIds.png")
    assert shown(find_masks(root)) == [("images/1.png", "gt/1_gtFine_labelIds.png", None)]


def test_what_does_not_fit_is_set_aside_and_said(tmp_path):
    root = layout(tmp_path, [f"pictures/{n}.png" for n in range(8)], [f"masks/{n}.png" for n in range(6)])
    photo(root / "pictures" / "1.png", 8, 8)  # the mask is 12 x 8
    photo(root / "pictures" / "2.png", 16, 24)  # the mask is half as large, of the same shape
    (root / "masks" / "3.png").write_bytes(b"broken")
    save(root / "masks" / "4.png", np.full((8, 12), 255, np.uint8))
    save(root / "masks" / "5.png", np.where(MAP == 255, 77, MAP).astype(np.uint8))
    save(root / "masks" / "lone.png", MAP)
    (root / "classes.txt").write_text("sky\nroad\ncar")
    table = find_masks(root)
    assert [row[0] for row in shown(table)] == [f"pictures/{n}.png" for n in (0, 2, 5, 6, 7)]
    assert [row[2] for row in shown(table)] == ["train"] * 3 + ["unlabeled"] * 2
    wanted = dict.fromkeys(("broken-masks", "mask-size", "void-masks", "unknown-classes", "no-picture"), 1) | {
        "no-mask": 2
    }
    assert codes(table) == wanted
    assert "12x8, its picture 8x8" in next(note.text for note in table.notes if note.code == "mask-size")
    assert table.reader["given"]["mask"]["legend"]["names"] == ["sky", "road", "car"]
    maps, _ = decode_masks([table.frame["mask"][2]], (8, 12), table.reader["given"]["mask"]["legend"])
    assert (maps[0] == VOID).sum() == (MAP == 255).sum()


def test_a_picture_that_was_turned_fits_its_upright_mask(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    root = layout(tmp_path, ["pictures/1.png"], ["masks/1.png", "masks/2.png"])
    save(root / "pictures" / "2.png", np.zeros((12, 8, 3), np.uint8), exif=exif)  # shown 12 wide, 8 high
    assert len(find_masks(root)) == 2


def test_a_table_of_paths(tmp_path):
    root = layout(tmp_path, [f"a/{n}.png" for n in range(3)], [f"b/{n}.png" for n in range(3)])
    (root / "b" / "classes.txt").write_text("sky\nroad\ncar")
    lines = ["image,label_path,place", *(f"a/{n}.png,b/{n}.png,here" for n in range(3))]
    (root / "list.csv").write_text("\n".join(lines))
    table = read(root / "list.csv")
    assert table.kinds == {"image": "picture", "label_path": "mask"}
    assert table.reader["given"]["label_path"]["legend"]["names"] == ["sky", "road", "car"]
    photo(root / "b" / "0.png", 80, 80)
    assert read(root / "list.csv").kinds == {"image": "picture", "label_path": "picture"}  # photographs are no masks


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("mask-size", lambda root: photo(root / "pictures" / "1.png", 12, 8)),
        ("broken-masks", lambda root: (root / "masks" / "1.png").write_bytes(b"broken")),
        ("void-masks", lambda root: (root / "classes.txt").write_text("sky 7\nroad 8")),
        ("one-class", lambda root: save(root / "masks" / "1.png", np.zeros((8, 12), np.uint8))),
        ("unmatched-masks", lambda root: os.rename(root / "masks" / "1.png", root / "masks" / "x.png")),
        ("not-masks", lambda root: photo(root / "masks" / "1.png", 80, 120)),
    ],
)
def test_one_clear_error(tmp_path, code, change):
    root = layout(tmp_path, ["pictures/1.png"], ["masks/1.png"])
    change(root)
    with pytest.raises(DataError) as error:
        find_masks(root)
    assert error.value.code == code and len(error.value.message) > 20
