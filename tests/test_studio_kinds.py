"""How the studio's pages show each kind: a control to change it, its answer over a picture or a time line, and what decided.

Each kind is one file of_KIND.py; the pages ask for it by name. In real Chromium every kind's pages are opened in the slow tests.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

pytest.importorskip("nicegui")
from fofx.errors import DataError, TaskError
from fofx.fields import kinds as known_kinds
from fofx.find import find
from fofx.finding import Finding
from fofx.studio import contents
from fofx.studio.pages import inside_kinds, kinds, of_picture, of_series, of_sound, of_video, overlaid, pairs
from stage import needs_browser
from studio_stage import Running, running
from test_studio_browser import PATIENCE, Visit, visiting

RANDOM = np.random.default_rng(0)
SHOWN = {"number", "category", "date", "text", "picture", "sound", "video", "series"}


def squares(rows: int = 40) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Pictures (N, 24, 32, 3) with one square each, masks (N, 24, 32) and boxes of it, red or blue."""
    pictures = RANDOM.integers(0, 60, (rows, 24, 32, 3)).astype(np.uint8)
    masks, boxes = np.zeros((rows, 24, 32), np.uint8), []
    for row in range(rows):
        top, left = int(RANDOM.integers(0, 12)), int(RANDOM.integers(0, 20))
        pictures[row, top : top + 12, left : left + 12] = [[220, 60, 60], [60, 60, 220]][row % 2]
        masks[row, top : top + 12, left : left + 12] = 1 + row % 2
        found = {"label": ("red", "blue")[row % 2], "box": [left, top, 12, 12]}
        boxes.append(json.dumps({"size": [32, 24], "boxes": [found]}))
    return pictures, masks, boxes


def tones(rows: int = 40) -> tuple[np.ndarray, list[str]]:
    """Sounds (N, 4000) of 16 kHz, low and high."""
    time = np.arange(4000) / 16000
    pitches = np.where(np.arange(rows) % 2, 900, 300) * (1 + 0.1 * RANDOM.normal(size=rows))
    sounds = 8000 * np.sin(2 * np.pi * pitches[:, None] * time) + RANDOM.normal(0, 200, (rows, 4000))
    return sounds.astype(np.int16), ["high" if row % 2 else "low" for row in range(rows)]


def level(rows: int = 160) -> list[float]:
    return (10 + 3 * np.sin(np.arange(rows) / 6) + RANDOM.normal(0, 0.2, rows)).round(3).tolist()


def make(folder: Path) -> dict[str, Finding]:
    """A small run of each kind."""
    more: dict[str, Any] = {"out": str(folder), "budget": 2}
    pictures, masks, boxes = squares()
    sounds, pitch = tones()
    voices = [f"v{row % 10}" for row in range(40)]
    made = {
        "mask": find({"picture": pictures, "mask": masks}, "mask", model="linear", name="mask", **more),
        "boxes": find({"picture": pictures, "boxes": boxes}, "boxes", kinds={"boxes": "boxes"}, model="linear cells", name="boxes", **more),
        "sound": find({"sound": sounds, "pitch": pitch}, "pitch", model="knn", name="sound", **more),
        "pair": find({"sound": sounds, "who": voices}, pairs="who", model="knn", name="pair", **more),
        "series": find({"level": level()}, "level", past=12, horizon=2, model="linear", name="series", **more),
    }  # fmt: skip
    if "video" in known_kinds():
        clips = np.zeros((40, 6, 16, 16), np.uint8)
        for row in range(40):
            for frame in range(6):
                at = 2 * (frame if row % 2 else 5 - frame)
                clips[row, frame, 5:10, at : at + 5] = 200 + row
        way = ["right" if row % 2 else "left" for row in range(40)]
        made["video"] = find(
            {"clip": clips, "way": way}, "way", kinds={"clip": "video"}, model="knn", name="video", **more
        )
    return made


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    return make(tmp_path_factory.mktemp("runs"))


def rows_of(function: Finding, count: int = 1) -> pl.DataFrame:
    from fofx.see.rows import frame_of

    return frame_of(function, "test", list(range(count)))


def test_every_input_kind_has_a_file_that_controls_and_shows_it() -> None:
    for name, cls in known_kinds().items():
        if name not in SHOWN:
            continue
        field = cls("x")
        assert kinds.asked("control", field) is not None, name
        assert getattr(field, "block", "") == "vector" or kinds.asked("seen", field) is not None
    assert kinds.asked("control", known_kinds()["number"]("x")) is kinds.asked("control", known_kinds()["date"]("y"))
    strange = SimpleNamespace(kind="nothing at all", block="")
    assert kinds.asked("control", strange) is None and kinds.seen(None, strange, 1) is False  # type: ignore[arg-type]


def test_rows_of_several_arrays_are_known_again_by_another_process() -> None:
    """The studio shows what another process has found: the mark of the rows must not hang on the order of a set."""
    import os
    import subprocess
    import sys

    script = "import numpy as np, polars as pl; from fofx.prepare import fingerprint; "
    script += "print(fingerprint(pl.DataFrame({c: np.full((3, 2), n, np.int16) for n, c in enumerate('abcd')})))"
    marks = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        marks.add(done.stdout)
    assert len(marks) == 1


def test_answers_lie_over_their_pictures(found: dict[str, Finding]) -> None:
    for name in ("mask", "boxes"):
        function = found[name]
        output = function.outputs[0]
        rows, places, of = overlaid.worst(function, None, output, 3)
        assert len(rows) == len(places) == 3 and of == function.record["data"]["rows"]["test"]
        costs = overlaid.kept_costs(function, output)
        assert costs is not None and costs[places[0]] == costs.max()
        assert rows[0]["picture"].shape == (24, 32, 3) and rows[0]["size"] == [32, 24]
        again, _, _ = overlaid.worst(function, function.naive, output, 3)
        assert len(again) == 3
        frame = rows_of(function).select([field.name for field in function.fields])
        bare = overlaid.overlay_rows(function, output, frame, function.predict(frame)[output.name], ["new"])[0]
        assert bare.get("mask") is None and bare.get("boxes") is None and bare["name"] == "new"
        shown = kinds.asked("classes", output)
        assert shown is not None and len(shown(output)) == (3 if name == "mask" else 2)


def test_forecasts_of_the_test_part(found: dict[str, Finding]) -> None:
    function = found["series"]
    assert of_series.forecasting(function) and not of_series.forecasting(found["sound"])
    (each,) = of_series.test_forecasts(function, None)
    count = function.record["data"]["rows"]["test"]
    assert each["past"].shape == (count, 12) and each["forecast"].shape == each["right"].shape == (count, 2)
    assert "last value" in each["naive"]
    np.testing.assert_allclose(each["naive"]["last value"][:, 0], each["past"][:, -1], rtol=1e-5)
    moment = of_series.worst_moment(each)
    off = np.abs(each["forecast"] - each["right"]).mean(axis=1)
    assert off[moment] == off.max()
    field = function.fields[0]
    np.testing.assert_array_equal(of_series.pasted(field, ", ".join(map(str, range(15)))), np.arange(3, 15))
    for text in ("1, 2", "", "1 " * 150_000):
        with pytest.raises(TaskError) as raised:
            of_series.pasted(field, text)
        assert raised.value.code == "bad-series"
    with pytest.raises(DataError):
        of_series.pasted(field, "some words")


def test_sounds_come_as_files_or_recordings(found: dict[str, Finding]) -> None:
    data = of_sound.as_wav(tones(2)[0][1], 16000)
    contents.demand_sound(data)
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnframes()) == (16000, 4000)
    answer = found["sound"]({"sound": data})  # type: ignore[operator]
    assert answer.value == "high"
    for bad in (b"", b"RIFF1234WAVE nothing", b"GIF89a", data[:50]):
        with pytest.raises(DataError) as raised:
            contents.demand_sound(bad)
        assert raised.value.code == "bad-sound"
    assert of_sound.over_time(None) is None and of_sound.over_time([[1.0, 2.0], [3.0, 4.0]]) == [2.0, 3.0]


def test_videos_are_judged_by_their_content(tmp_path: Path) -> None:
    held = io.BytesIO()
    frames = [Image.fromarray(np.full((20, 30), 40 * number, np.uint8)) for number in range(5)]
    frames[0].save(held, "GIF", save_all=True, append_images=frames[1:], duration=100)
    clip = of_video.opened(held.getvalue())
    assert clip.shape == (5, 20, 30, 3) and clip[4].mean() > clip[0].mean()
    for bad in (b"", b"GIF89a", b"#!/bin/sh", held.getvalue()[:40]):
        with pytest.raises(DataError) as raised:
            of_video.opened(bad)
        assert raised.value.code == "bad-video"
    with pytest.raises(TaskError) as gone:
        of_video.frames_of(str(tmp_path / "gone.gif"))
    assert gone.value.code == "bad-video"


def test_a_pair_is_shown_with_what_decided(found: dict[str, Finding]) -> None:
    function = found["pair"]
    assert pairs.sides_of(function) and pairs.sides_of(found["sound"]) is None and pairs.sides_of(found["mask"]) is None
    row, truth, explanation = inside_kinds.decided(function, None, {"row": 2})
    widget = pairs.sides(function, row, explanation, truth, "en")
    assert [each["kind"] for each in widget.sides] == ["sound", "sound"] and widget.answer["right"] in ("yes", "no")
    assert widget.first_samples == row["first"].tobytes()


def test_whole_pictures_keep_their_shape(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.fromarray(np.zeros((100, 1000, 3), np.uint8)).save(path)
    pixels, size = of_picture.whole(str(path))
    assert pixels is not None and pixels.shape == (64, 640, 3) and size == [1000, 100]
    assert of_picture.whole(str(tmp_path / "gone.png")) == (None, None)


# ---- in a browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("runs")
    make(folder)
    with running(folder) as server:
        yield server


WIDGETS = {
    "mask": "overlay",
    "boxes": "overlay",
    "series": "forecast",
    "sound": "sound",
    "pair": "sides",
    "video": "clip",
}
INSIDE = {
    "mask": "overlay",
    "boxes": "overlay",
    "series": "forecast",
    "sound": "played",
    "pair": "pair",
    "video": "played",
}


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "lang"), [(1280, "en"), (390, "zh")])
def test_every_kind_has_its_pages(studio: Running, width: int, lang: str) -> None:
    for run, widget in WIDGETS.items():
        if run == "video" and "video" not in known_kinds():
            continue
        with visiting(studio, width, lang) as visit:
            open_pages(visit, run, widget)


def open_pages(visit: Visit, run: str, widget: str) -> None:
    page = visit.page
    visit.open(f"/run/{run}")
    page.locator(".tiles").first.wait_for()
    visit.open(f"/run/{run}/predict")
    place = {"mask": ".fofx-overlay", "boxes": ".fofx-overlay", "series": ".fofx-forecast"}.get(run, ".tile b")
    page.locator(place).first.wait_for(timeout=PATIENCE)
    visit.open(f"/run/{run}/mistakes")
    if run in ("mask", "boxes", "series"):
        page.locator(f".fofx-{widget}").first.wait_for(timeout=PATIENCE)
    else:
        page.locator(".fx-main h2, .fx-main .empty, .fx-main .card").first.wait_for(timeout=PATIENCE)
    visit.open(f"/run/{run}/inside?show={INSIDE[run]}")
    page.locator(f"#{INSIDE[run]} .fofx-{widget} canvas").first.wait_for(timeout=PATIENCE)
    assert page.locator(".fofx-trouble:not([hidden])").count() == 0


@needs_browser
@pytest.mark.slow
def test_a_sound_is_dropped_and_numbers_are_pasted(studio: Running, tmp_path: Path) -> None:
    path = tmp_path / "new.wav"
    path.write_bytes(of_sound.as_wav(tones(2)[0][0], 16000))
    with visiting(studio, 1280, "en") as visit:
        visit.open("/run/sound/predict")
        visit.page.locator(".fofx-sound").wait_for()
        for data, value in ((path, "low"), (None, "high")):
            if data is None:
                path.write_bytes(of_sound.as_wav(tones(2)[0][1], 16000))
            visit.page.locator("input[type=file]").last.set_input_files(path)
            visit.wait(f"document.querySelector('.tile b')?.textContent === '{value}'")
        visit.open("/run/series/predict")
        visit.page.locator(".fofx-forecast").wait_for()
        visit.page.locator("textarea").fill(", ".join(["100"] * 12))
        visit.wait("Number(document.querySelector('.tile b')?.textContent) > 40")
