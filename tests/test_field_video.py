"""Videos end to end: arrays, class folders of GIF files and films, folders of frames; found, taken home, explained, shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import fofx
from fofx.augment import augment_videos
from fofx.data.read import read
from fofx.errors import DataError
from fofx.fields.picture import Picture
from fofx.fields.video import Video
from test_eject import run_scripts, same_as_the_run

WAYS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}


def dots(count: int = 80, side: int = 12, frames: int = 5, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """(N, F, S, S, 3) uint8: a bright dot that goes one way over a grey ground; no single frame tells which."""
    dice = np.random.default_rng(seed)
    clips = dice.integers(60, 90, (count, frames, side, side, 3)).astype(np.uint8)
    labels = [list(WAYS)[number % len(WAYS)] for number in range(count)]
    for number, label in enumerate(labels):
        spot = dice.integers(frames, side - frames, 2) if side > 2 * frames else np.full(2, side // 2)
        for frame in range(frames):
            row, column = spot + (frame - frames // 2) * np.array(WAYS[label])
            clips[number, frame, row : row + 2, column : column + 2] = (250, 240, 30)
    return clips, labels


def save_gif(path: Path, clip: np.ndarray) -> None:
    images = [Image.fromarray(frame) for frame in clip]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("video")


@pytest.fixture(scope="module")
def arrays(place: Path) -> fofx.Function:
    clips, labels = dots()
    options = {"model": "frames", "budget": 3, "out": str(place), "name": "arrays"}
    return fofx.find({"clip": clips, "way": labels}, "way", **options)


@pytest.fixture(scope="module")
def files(place: Path) -> fofx.Function:
    clips, labels = dots(60)
    for number, (clip, label) in enumerate(zip(clips, labels)):
        home = place / "clips" / label
        home.mkdir(parents=True, exist_ok=True)
        save_gif(home / f"{number}.gif", clip)
    (place / "clips" / "up" / "2.gif").write_bytes(b"GIF89a and nothing more")
    return fofx.find(str(place / "clips"), model="frames", budget=1, out=str(place), name="files")


def test_arrays_are_videos(arrays: fofx.Function) -> None:
    assert [(column.name, column.kind) for column in arrays.task.inputs] == [("clip", "video")]
    assert arrays.task.cell == (3, 2)
    field = arrays.fields[0]
    assert (field.frames, field.side, field.channels) == (5, 12, 3)
    one = arrays.test_frame["clip"].to_numpy()[0]
    assert arrays(one).value in WAYS and arrays({"clip": one}).value == arrays(one).value
    assert len(arrays(arrays.test_frame["clip"].to_numpy())) == arrays.test_frame.height
    with pytest.raises(fofx.TaskError, match="works on series"):
        fofx.find({"clip": dots()[0], "way": dots()[1]}, "way", model="dlinear", budget=1)


def test_class_folders_of_animations_are_videos(files: fofx.Function, place: Path) -> None:
    assert [(column.name, column.kind) for column in files.task.inputs] == [("video", "video")]
    assert [note.code for note in files.warnings if note.code.startswith("broken")] == ["broken-videos"]
    answer = files(str(place / "clips" / "left" / "0.gif"))
    assert answer.value in WAYS
    again = fofx.load(files.run.path)
    assert np.array_equal(again.predict(files.test_frame)["label"], files.predict(files.test_frame)["label"])


def test_scripts_give_the_numbers_of_the_run(arrays: fofx.Function, files: fofx.Function, place: Path) -> None:
    asked = [(arrays, "frames"), (arrays, "linear"), (files, "frames"), (files, "majority")]
    made = [(f, rung, f.eject(place / f"{f.run.name}-{rung}.py", rung=rung)) for f, rung in asked]
    run_scripts([script for _, _, script in made])
    for each in made:
        same_as_the_run(*each)


def test_a_table_may_name_films_and_folders_of_frames(tmp_path: Path) -> None:
    clips, labels = dots(6)
    for number, clip in enumerate(clips):
        (tmp_path / f"clip{number}").mkdir()
        for frame, pixels in enumerate(clip):
            Image.fromarray(pixels).save(tmp_path / f"clip{number}" / f"{frame}.png")
        save_gif(tmp_path / f"{number}.gif", clip)
    pl.DataFrame({"file": [f"clip{n}" for n in range(6)], "way": labels}).write_csv(tmp_path / "frames.csv")
    pl.DataFrame({"file": [f"{n}.gif" for n in range(6)], "way": labels}).write_csv(tmp_path / "gifs.csv")
    encoded = []
    for name in ("frames.csv", "gifs.csv"):
        table = read(str(tmp_path / name))
        assert table.kinds["file"] == "video"
        field = Video("file")
        field.learn(table.frame["file"])
        encoded.append(field.encode(table.frame["file"]))
    assert encoded[0].shape == (6, 5, 3, 12, 12)
    assert (encoded[0].int() - encoded[1].int()).abs().float().mean() < 3  # a GIF has 256 colours
    assert torch.equal(encoded[0].permute(0, 1, 3, 4, 2), torch.from_numpy(clips))


def test_classes_that_are_folders_too_are_no_videos(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "1.png")
    pl.DataFrame({"animal": ["cat", "dog"] * 10, "weight": range(20)}).write_csv(tmp_path / "table.csv")
    assert "animal" not in read(str(tmp_path / "table.csv")).kinds


def test_still_gifs_are_pictures(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(tmp_path / name / f"{number}.gif")
    assert read(str(tmp_path)).kinds["picture"] == "picture"


def test_what_carried_an_answer_is_seen_frame_by_frame(arrays: fofx.Function) -> None:
    explained = arrays.explain(arrays.test_frame[:1])
    heat, shown = explained.heat["clip"], explained.pictures["clip"]
    assert heat.shape == shown.shape[:2] == (12, 60) and np.abs(heat).max() > 0
    clip = arrays.test_frame["clip"].to_numpy()[0]
    assert np.array_equal(shown[:, :12], clip[0]) and np.array_equal(shown[:, 48:], clip[4])
    assert 'class="looked strip"' in explained.to_html("en")


def test_the_report_plays_videos(arrays: fofx.Function) -> None:
    from fofx.report.of_video import moving, played

    text = played(arrays.fields[0], arrays.test_frame["clip"][:1])
    assert 'src="data:image/png;base64,' in text and "5" in text
    assert moving(np.zeros((3, 8, 8, 1), np.uint8)).startswith("data:image/png;base64,")
    assert "视频 (video)" in arrays.report_path.read_text(encoding="utf-8")


def test_the_look_of_a_video_is_chosen_within_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from fofx.fields import video as module

    field = Video("clip")
    column = pl.Series("clip", np.zeros((10, 40, 64, 80, 3), np.uint8))
    field.learn(column)
    assert (field.frames, field.side, field.channels, field.original_frames) == (8, 48, 3, 40)
    assert field.encode(column[:2]).shape == (2, 8, 3, 48, 48)
    assert field.flat_numbers(column[:2]).shape == (2, 4 * 12 * 12)
    monkeypatch.setattr(module, "MOST_BYTES", 150_000)
    field.learn(column)
    assert 10 * field.frames * 3 * field.side**2 <= 150_000 and field.side >= 16 and field.frames >= 2
    field.learn(pl.Series("clip", np.zeros((4, 1, 10, 10), np.uint8)))
    assert (field.frames, field.side, field.channels) == (2, 10, 1)


def test_odd_columns(tmp_path: Path) -> None:
    pictures = pl.Series("x", np.zeros((2, 8, 8, 3), np.uint8))
    clips = pl.Series("x", np.zeros((2, 3, 8, 8), np.uint8))
    assert Picture.recognises(pictures) and not Video.recognises(pictures)
    assert Video.recognises(clips) and not Picture.recognises(clips)
    with pytest.raises(DataError, match="should hold videos"):
        Video("x").learn(pl.Series("x", [1.0, 2.0]))
    (tmp_path / "a.gif").write_bytes(b"no video")
    field = Video("x")
    field.learn(pl.Series("x", [str(tmp_path / "a.gif")]))
    with pytest.raises(DataError, match=r"the first is .*a\.gif"):
        field.encode(pl.Series("x", [str(tmp_path / "a.gif")]))
    save_gif(tmp_path / "still.gif", np.zeros((1, 8, 8, 3), np.uint8))
    (note,) = Video.remarks(pl.Series("x", [str(tmp_path / "still.gif")]))
    assert (note.code, note.count) == ("still-videos", 1)


def test_augmentation_changes_all_frames_alike() -> None:
    torch.manual_seed(0)
    picture = torch.randint(0, 255, (4, 1, 3, 16, 16)).float()
    still = picture.expand(4, 6, 3, 16, 16).to(torch.uint8)
    changed = augment_videos(still)
    assert changed.shape == still.shape and not torch.equal(changed, still.float())
    torch.testing.assert_close(changed[:, 0], changed[:, 5])
