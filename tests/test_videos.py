"""Decoding videos: frames as they were drawn, evenly spaced, and nothing broken or huge gets through."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from fofx import videos as module
from fofx.errors import DataError
from fofx.frame_times import durations_of, evenly, shown_at_middles
from fofx.videos import decode_videos, in_order, look_at_videos, resize_clips

GENERATOR = np.random.default_rng(0)


def clip(frames: int = 8, side: int = 24) -> np.ndarray:
    """A frame for each grey level, so that it says its own number."""
    return np.repeat(np.arange(frames, dtype=np.uint8) * 20, side * side * 3).reshape(frames, side, side, 3)


def save(path, pixels: np.ndarray, **options) -> str:
    images = [Image.fromarray(frame) for frame in pixels]
    images[0].save(path, save_all=True, append_images=images[1:], duration=100, loop=0, **options)
    return str(path)


def film(path, pixels: np.ndarray, codec: str = "mpeg4", rate: int = 10, **options) -> str:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = pixels.shape[2], pixels.shape[1], "yuv420p"
        stream.bit_rate = 4_000_000
        for name, value in options.items():
            setattr(stream.codec_context, name, value)
        for frame in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return str(path)


def levels(found: np.ndarray) -> list[int]:
    """The number that each frame of the first video says."""
    return np.rint(found[0].mean(axis=(1, 2, 3)) / 20).astype(int).tolist()


def one(path, frames=8, side=24, channels=3):
    found, bad = decode_videos([path], frames, side, channels)
    assert bad == []
    return found


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_animations_are_read_as_they_were_drawn(tmp_path, ending):
    path = save(tmp_path / f"a.{ending}", clip(), **({"lossless": True} if ending == "webp" else {}))
    found = one(path)
    assert found.shape == (1, 8, 3, 24, 24) and found.dtype == np.uint8
    assert np.abs(found[0].transpose(0, 2, 3, 1).astype(int) - clip()).max() <= 3
    assert levels(one(path, 3)) == [1, 4, 6] and levels(one(path, 16, channels=1)) == sorted(2 * [*range(8)])


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_a_frame_that_stands_still_is_shown_for_longer(tmp_path, ending):
    """Pillow writes equal frames once, with the sum of their durations."""
    pixels = clip(8)[[0, 1, 1, 1, 1, 2, 3, 4]]
    path = save(tmp_path / f"a.{ending}", pixels, **({"lossless": True} if ending == "webp" else {}))
    with Image.open(path) as image:
        assert image.n_frames == 5
    assert levels(one(path)) == [0, 1, 1, 1, 1, 2, 3, 4]
    assert look_at_videos([path])[0] == [(5, 24, 24)]


def test_frames_that_only_change_a_part_are_put_together(tmp_path):
    pixels = np.zeros((4, 16, 16, 3), np.uint8)
    for number in range(4):
        pixels[number:, 4 * number : 4 * number + 3, :8] = [250, 10, 60 * number]
    path = save(tmp_path / "a.gif", pixels)  # Pillow writes the changed boxes only
    assert np.abs(one(path, 4, 16)[0].transpose(0, 2, 3, 1).astype(int) - pixels).max() <= 8


def test_transparency_is_over_white(tmp_path):
    pixels = np.zeros((3, 8, 8, 4), np.uint8)
    pixels[1:, :4, :, 3] = 255
    found = one(save(tmp_path / "a.webp", pixels, lossless=True), 3, 8)
    assert (found[0, 0] == 255).all() and (found[0, 1, :, :4] == 0).all() and (found[0, 1, :, 4:] == 255).all()


def test_one_frame_is_a_video_that_stands_still(tmp_path):
    for name in ("a.gif", "b.png", "c.jpg"):
        Image.fromarray(clip(1)[0] + 100).save(tmp_path / name)
        found = one(tmp_path / name, 4)
        assert (found[0] == found[0, :1]).all() and abs(int(found[0, 0, 0, 0, 0]) - 100) < 4


def test_folders_of_frames_in_the_order_of_their_numbers(tmp_path):
    for number, frame in enumerate(clip(12)):
        Image.fromarray(frame).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    assert levels(one(tmp_path, 12)) == list(range(12))
    assert sorted(["b10", "9.png", "B9", "a", "10.png"], key=in_order) == ["a", "B9", "b10", "9.png", "10.png"]
    (tmp_path / "frame5.png").write_bytes(b"broken")
    _, bad = decode_videos([tmp_path], 12, 8)
    assert "frame5.png" in bad[0][1] and "not a picture" in bad[0][1]


def test_sizes_may_differ_between_and_inside_videos(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, size in enumerate([(10, 20), (40, 30), (8, 8)]):
        Image.fromarray(np.full((*size, 3), 60 * number, np.uint8)).save(folder / f"{number}.png")
    wide = save(tmp_path / "a.gif", np.full((2, 10, 40, 3), 200, np.uint8))
    found, bad = decode_videos([folder, wide], 3, (6, 9), 1)
    assert bad == [] and found.shape == (2, 3, 1, 6, 9)
    assert found[0, :, 0, 3, 3].tolist() == [0, 60, 120] and (found[1] == 200).all()


def test_bad_videos_are_told_and_the_rest_is_read(tmp_path, monkeypatch):
    save(tmp_path / "good.gif", clip())
    (tmp_path / "cut.gif").write_bytes((tmp_path / "good.gif").read_bytes()[:300])
    (tmp_path / "text.gif").write_text("not a video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "head.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100))
    (tmp_path / "bare").mkdir()
    long = save(tmp_path / "long.gif", GENERATOR.integers(0, 255, (6, 20, 20, 3), dtype=np.uint8))
    monkeypatch.setattr(module, "MOST_PIXELS", 2_300)
    names = ["cut.gif", "text.gif", "empty.mp4", "head.mp4", "bare", "gone.gif"]
    small = save(tmp_path / "small.gif", clip(2, 8))
    paths = [small, *(str(tmp_path / name) for name in names), long, None, "bad\0name", small]
    found, bad = decode_videos(paths, 2, 8, threads=2)
    assert [row for row, _ in bad] == list(range(1, 10))
    reasons = [reason for _, reason in bad]
    assert "not a video" in reasons[1] and "empty" in reasons[2] and "broken" in reasons[3]
    assert "no pictures" in reasons[4] and "not exist" in reasons[5]
    assert "6 frames of 20 x 20" in reasons[6] and "no video" in reasons[7]
    assert (found[1:10] == 0).all() and np.array_equal(found[10], found[0])


def test_a_playlist_opens_no_other_file(tmp_path):
    """FFmpeg would follow it to any file or address of this machine."""
    (tmp_path / "a.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n")
    (tmp_path / "b.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    _, bad = decode_videos([tmp_path / "a.mp4", tmp_path / "b.mp4"], 2, 8)
    assert all("not a video that fofx can read" in reason for _, reason in bad) and len(bad) == 2


def gif_bomb(side: int, frames: int) -> bytes:
    """A GIF of a huge canvas whose frames are one pixel each: a few bytes a frame."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b";"


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    (tmp_path / "wide.gif").write_bytes(gif_bomb(60_000, 2))
    (tmp_path / "long.gif").write_bytes(gif_bomb(8_000, 100))
    _, bad = decode_videos([tmp_path / "wide.gif", tmp_path / "long.gif"], 2, 8)
    assert "safe to open" in bad[0][1] and "100 frames of 8000 x 8000" in bad[1][1]


def test_thousands_of_frames_are_read(tmp_path):
    (tmp_path / "many.gif").write_bytes(gif_bomb(20, 5_000))
    assert one(tmp_path / "many.gif", 4, 8).shape == (1, 4, 3, 8, 8)
    (tmp_path / "more.gif").write_bytes(gif_bomb(1, 20_001))
    assert "more than 20,000 frames" in decode_videos([tmp_path / "more.gif"], 4, 8)[1][0][1]


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "mpeg4"), ("webm", "libvpx"), ("avi", "mpeg4"), ("mov", "mpeg4")]
)
def test_films(tmp_path, ending, codec):
    path = film(tmp_path / f"a.{ending}", clip(10, 32), codec)
    found = one(path, 10, 32)
    assert levels(found) == list(range(10))
    assert np.abs(found[0].transpose(0, 2, 3, 1).astype(int) - clip(10, 32)).max() <= 12
    assert levels(one(path, 4)) == [1, 3, 6, 8]
    assert look_at_videos([path]) == ([(10, 32, 32)], True)


def test_long_films_are_read_by_jumps(tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", clip(12, 32), gop_size=4)
    through = one(path, 5, 32)
    monkeypatch.setattr(module, "STEP_BY_STEP", 3)
    assert np.array_equal(one(path, 5, 32), through)
    monkeypatch.setattr(module, "MOST_FRAMES", 10)
    assert "more than 10 frames" in decode_videos([path], 5, 32)[1][0][1]


def test_a_film_cut_short(tmp_path):
    film(tmp_path / "a.webm", GENERATOR.integers(0, 255, (20, 64, 64, 3), dtype=np.uint8), "libvpx")
    data = (tmp_path / "a.webm").read_bytes()
    (tmp_path / "half.webm").write_bytes(data[: len(data) // 2])
    assert one(tmp_path / "half.webm", 6).shape == (1, 6, 3, 24, 24)  # what is there
    film(tmp_path / "b.mp4", clip(10, 32))
    (tmp_path / "half.mp4").write_bytes((tmp_path / "b.mp4").read_bytes()[:600])  # its index stood at the end
    assert "cut short" in decode_videos([tmp_path / "half.mp4"], 2, 8)[1][0][1]


def test_without_av_the_reason_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(100))
    monkeypatch.setitem(sys.modules, "av", None)
    _, bad = decode_videos([tmp_path / "a.mp4"], 2, 8)
    assert "fofx[video]" in bad[0][1]


def test_looking_at_videos(tmp_path):
    colour = np.zeros((3, 10, 14, 3), np.uint8)
    colour[..., 0] = 200
    paths = [save(tmp_path / "a.gif", clip(5, 12)), save(tmp_path / "b.gif", np.stack([colour[0], colour[0] // 2]))]
    assert look_at_videos(paths[:1]) == ([(5, 12, 12)], True)
    assert look_at_videos([*paths, "gone"]) == ([(5, 12, 12), (2, 10, 14)], False)
    assert look_at_videos(["gone"]) == ([], False)


def test_arrays_are_chosen_from_evenly_and_resized():
    clips = np.stack([clip(10, 8), clip(10, 8)[::-1]])
    found = resize_clips(clips, 4, 8, 3)
    assert found.shape == (2, 4, 3, 8, 8) and levels(found) == [1, 3, 6, 8] and levels(found[1:]) == [8, 6, 3, 1]
    assert resize_clips(clips[..., 0], 12, (4, 6), 1).shape == (2, 12, 1, 4, 6)


@given(some.integers(1, 500), some.integers(1, 64))
def test_even_spacing(count, frames):
    chosen = evenly(count, frames)
    assert len(chosen) == frames and chosen[0] >= 0 and chosen[-1] < count and (np.diff(chosen) >= 0).all()
    assert frames < 2 or np.ptp(np.diff(chosen)) <= 1
    assert chosen[0] == pytest.approx(
        count - 1 - chosen[-1], abs=1
    )  # the middle of the video is the middle of the choice
    assert frames != count or chosen.tolist() == list(range(count))


@given(some.lists(some.integers(1, 30), min_size=1, max_size=12), some.integers(1, 40))
def test_frames_are_chosen_by_how_long_they_are_shown(lengths, frames):
    """The same choice as from a video in which each frame is written as often as it is long."""
    written = np.repeat(np.arange(len(lengths)), lengths)
    assert np.array_equal(shown_at_middles(lengths, frames), written[evenly(len(written), frames)])


@given(some.binary(max_size=60))
def test_durations_of_any_bytes(data):
    for start in (b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b""):
        assert all(0 < each < 1e8 for each in durations_of(start + data))


def test_wrong_sizes():
    for frames, side, channels in ((0, 8, 3), (2, 0, 3), (2, (3, 0), 3), (2, 8, 2)):
        with pytest.raises(DataError):
            decode_videos([], frames, side, channels)
    assert decode_videos([], 2, 8)[0].shape == (0, 2, 3, 8, 8)
