"""A run that gives boxes, from a folder as users have it: report, script without fofx, the same recipe again, explanation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fofx
from fofx.data.read import read
from test_eject import run_scripts, same_as_the_run


def squares(folder: Path, count: int = 60) -> Path:
    """A folder with COCO annotations: pictures of two sizes with bright blocks ("day") and dark ones ("night")."""
    dice = np.random.default_rng(3)
    sheet: dict[str, list] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "day"}, {"id": 2, "name": "night"}],
    }
    for number in range(count):
        width, height = ((40, 30), (80, 60))[number % 2]
        pixels = np.full((height, width, 3), 120, np.uint8)
        for one in dice.choice([1, 2], dice.integers(0, 3), replace=False):
            wide, high = dice.integers(width // 4, width // 2), dice.integers(height // 3, height // 2)
            left, top = dice.integers(0, width - wide), dice.integers(0, height - high)
            pixels[top : top + high, left : left + wide] = (250, 240, 230) if one == 1 else (5, 10, 20)
            box = [int(left), int(top), int(wide), int(high)]
            sheet["annotations"].append({"image_id": number, "category_id": int(one), "bbox": box})
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        sheet["images"].append({"id": number, "file_name": f"{number}.png", "width": width, "height": height})
    (folder / "annotations.json").write_text(json.dumps(sheet), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[fofx.Function, Path]:
    folder = squares(tmp_path_factory.mktemp("boxes") / "set")
    found = fofx.find(str(folder), budget=3, out=str(folder.parent), name="run")
    return found, folder


@pytest.mark.slow
def test_scripts_give_the_numbers_of_the_run(run) -> None:
    found, folder = run
    rungs = ["detector", "linear cells", "usual boxes", "nothing"]
    scripts = {rung: found.eject(folder.parent / f"{rung.replace(' ', '_')}.py", rung=rung) for rung in rungs}
    run_scripts(list(scripts.values()))
    for rung, script in scripts.items():
        same_as_the_run(found, rung, script)


@pytest.mark.slow
def test_the_recipe_gives_the_same_weights(run) -> None:
    found, folder = run
    again = fofx.find(str(folder), budget=3, recipe=str(found.run.path), out=str(folder.parent), name="again")
    frame = found.test_frame
    for rung in ("linear cells", "detector"):
        np.testing.assert_array_equal(found.predict(frame, rung)["boxes"], again.predict(frame, rung)["boxes"])


@pytest.mark.slow
def test_the_report_shows_boxes_over_pictures(run) -> None:
    found, _ = run
    for lang in ("en", "zh"):
        page = found.report(lang=lang).read_text(encoding="utf-8")
        assert page.count("<rect") >= 3 and "data:image/png" in page
        assert "report." not in page.replace("report.html", "")


@pytest.mark.slow
def test_what_carried_a_box(run) -> None:
    found, folder = run
    explained = found.explain(str(folder / "images" / "1.png"))
    assert explained is not None and "picture" in str(explained)


@pytest.mark.slow
def test_predictions_are_kept_in_pixels(run) -> None:
    found, _ = run
    kept = pl.read_parquet(found.run.path / "predictions.parquet")
    assert {"boxes", "boxes predicted", "boxes cost"} <= set(kept.columns)
    for cell, other in zip(kept["boxes"], kept["boxes predicted"]):
        assert json.loads(cell)["size"] == json.loads(other)["size"]


def test_folders_and_files_are_read_as_boxes(tmp_path: Path) -> None:
    folder = squares(tmp_path / "set", 4)
    table = read(folder)
    assert table.kinds == {"picture": "picture", "boxes": "boxes"}
    assert read(folder / "annotations.json").frame.equals(table.frame)
    listed = [{"picture": path, "boxes": cell} for path, cell in table.frame.iter_rows()]
    (tmp_path / "rows.json").write_text(json.dumps(listed), encoding="utf-8")
    assert read(tmp_path / "rows.json").kinds == {"picture": "picture", "boxes": "boxes"}
    assert read(tmp_path / "rows.json").frame.equals(table.frame)
