"""Decode videos into one array of bytes: some frames of each, evenly spaced in time, of one size; safe against broken or
huge files. The frames are those in the middle of equal spans of the video.

A video is a GIF, an animated PNG or WebP, a folder of pictures in the order of their names ("2" before "10"), or a film (MP4,
MOV, WebM, MKV, AVI ...), for which the package `av` must be installed (`pip install 'fofx[video]'`). What a file is, its first
bytes say, not its name: FFmpeg is never left to guess, because some of its formats open other files.

Shapes: N videos, F frames, C channels (1 grey, 3 red-green-blue), H height, W width; values 0..255.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from fofx.errors import DataError
from fofx.frame_times import MOST_UNPACKED, TooMany, durations_of, evenly, shown_at_middles
from fofx.pictures import LARGEST, Unreadable, decode, fitted, opened, resize_arrays

MOST_FRAMES = 200_000  # of a film, files of a folder
MOST_PIXELS = 2_000_000_000  # of all frames of an animation together: to see its last, all must be unpacked
STEP_BY_STEP = 300  # frames: a longer film is read by jumping to the wanted moments
JUMP = 1_000  # frames that are unpacked at most to come from a jump's landing to the wanted one
STILLS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
READABLE = "GIF, animated PNG or WebP, MP4, MOV, WebM, MKV, AVI, or a folder of pictures"

Shrink = Callable[[Image.Image], np.ndarray]  # a frame as (H, W) or (H, W, C)


def decode_videos(
    paths: Sequence[Any], frames: int, side: int | tuple[int, int], channels: int = 3, threads: int | None = None
) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """(videos, bad): uint8 of shape (N, F, C, H, W), and (row, reason) of every video that could not be read.

    paths: path strings of files or folders (None: no video); frames: how many, evenly spaced in time, some twice where a
    video has fewer; side: a square's side, or (height, width), of which the middle of each frame is cut. Rows
    that are bad stay black. Raises DataError "bad-size" for sizes and frames below 1 or channels other than 1 and 3.
    """
    height, width = (side, side) if isinstance(side, int) else side
    if height < 1 or width < 1 or frames < 1 or channels not in (1, 3):
        words = f"got {frames} frames of size {side} and {channels} channels"
        raise DataError("bad-size", f"Expected at least 1 frame, a size of at least 1, and 1 or 3 channels; {words}.")
    videos = np.zeros((len(paths), frames, channels, height, width), dtype=np.uint8)  # (N, F, C, H, W)
    bad: list[tuple[int, str]] = []

    def one(row: int) -> None:
        try:
            clip = read_clip(paths[row], frames, height, width, channels)  # (F, H, W) or (F, H, W, C)
            videos[row] = clip[:, None] if channels == 1 else clip.transpose(0, 3, 1, 2)  # (F, C, H, W)
        except Unreadable as error:
            bad.append((row, str(error)))

    threads = threads or min(8, os.cpu_count() or 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which does not matter here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        if threads == 1 or len(paths) < 4:
            for row in range(len(paths)):
                one(row)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, range(len(paths))))
    return videos, sorted(bad)


def read_clip(path: Any, frames: int, height: int, width: int, channels: int) -> np.ndarray:
    """One video as uint8 of shape (F, H, W) for one channel or (F, H, W, C). Raises Unreadable."""
    form = form_of(path)
    mode = "RGB" if channels == 3 else "L"

    def shrink(image: Image.Image) -> np.ndarray:
        return fitted(image, height, width, mode)

    if form == "folder":
        names = stills_in(path)
        found = []
        for number in evenly(len(names), frames):
            try:
                found.append(decode(os.path.join(path, names[number]), height, width, channels))
            except Unreadable as error:
                raise Unreadable(f"its frame {names[number]!r}: {error}") from None
        return np.stack(found)
    return np.stack(_animation(path, frames, shrink) if form == "picture" else _film(path, frames, shrink, form))


def form_of(path: Any) -> str:
    """What a path holds, by its first bytes: "folder", "picture" (perhaps animated) or FFmpeg's name of a format."""
    if path is None:
        raise Unreadable("no video is given")
    try:
        if os.path.isdir(path):
            return "folder"
        with open(path, "rb") as file:
            head = file.read(400)
    except FileNotFoundError:
        raise Unreadable("the file does not exist") from None
    except PermissionError:
        raise Unreadable("no permission to read the file") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"it cannot be read ({error})") from None
    if head[:4] in (b"GIF8", b"\x89PNG") or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[:2] == b"\xff\xd8":
        return "picture"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:1] == b"\x47" and head[188:189] == b"\x47":
        return "mpegts"
    starts = {
        b"\x1aE\xdf\xa3": "matroska",
        b"\x00\x00\x01\xba": "mpeg",
        b"OggS": "ogg",
        b"FLV\x01": "flv",
        b"0&\xb2u": "asf",
    }
    if head[:4] in starts:
        return starts[head[:4]]
    raise Unreadable("it is empty" if not head else f"it is not a video that fofx can read ({READABLE})")


def stills_in(folder: Any) -> list[str]:
    """Names of the pictures in a folder, in the order of the numbers in them."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.lower().endswith(STILLS) and not entry.name.startswith("."):
                    names.append(entry.name)
                if len(names) > MOST_FRAMES:
                    raise Unreadable(f"the folder holds more than {MOST_FRAMES:,} pictures")
    except OSError as error:
        raise Unreadable(f"the folder cannot be read ({error.strerror or error})") from None
    if not names:
        raise Unreadable("the folder holds no pictures")
    return sorted(names, key=in_order)


def in_order(name: str) -> list[tuple[int, str]]:
    """For sorting: numbers inside a name count as numbers."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d{1,18})", name.lower()) if part
    ]


def _animation(path: Any, frames: int, shrink: Shrink) -> list[np.ndarray]:
    """Frames of a GIF, PNG, WebP or a still picture, each as it is shown, over white."""
    with opened(path) as image:
        durations = _durations(path)
        if len(durations) > 1 and len(durations) * image.width * image.height > MOST_PIXELS:
            size = f"{len(durations):,} frames of {image.width} x {image.height} pixels"
            raise Unreadable(f"it has {size}, more than are safe to unpack; shorten it, or save it as a film")
        wanted = shown_at_middles(durations, frames).tolist()
        found: dict[int, np.ndarray] = {}
        for number in sorted(set(wanted)):
            image.seek(number)
            found[number] = shrink(image)
    return [found[number] for number in wanted]


def _durations(path: Any) -> list[int]:
    with open(path, "rb") as file:
        try:
            return durations_of(file.read())
        except TooMany:
            raise Unreadable(f"it has more than {MOST_UNPACKED:,} frames; shorten it, or save it as a film") from None


@contextmanager
def _open_film(path: Any, form: str) -> Iterator[Any]:
    """The container and the video stream of a film. Whatever is wrong with it, in the block too, is raised as Unreadable."""
    try:
        import av
    except ImportError:
        raise Unreadable("films need the package av: pip install 'fofx[video]'") from None
    try:
        # a file object and a named format: FFmpeg opens no other file or address, whatever the film says
        with open(path, "rb") as file, av.open(file, format=form) as container:
            if not container.streams.video:
                raise Unreadable("it holds no pictures; perhaps it is cut short")
            stream = container.streams.video[0]
            if stream.width * stream.height > LARGEST:
                raise Unreadable(f"its frames have more than the {LARGEST:,} pixels that are safe to open")
            yield container, stream
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable("there is not enough memory to open it") from None
    except Exception as error:  # FFmpeg's many errors, and what broken files make of them
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreadable(f"it is broken, or no decoder is installed for it ({reason})") from None


def _stamps(path: Any, form: str) -> list[int]:
    """The presentation times of all frames, ascending, without unpacking any."""
    with _open_film(path, form) as (container, stream):
        stamps: list[int] = []
        for packet in container.demux(stream):
            if packet.size:
                stamp = packet.pts if packet.pts is not None else packet.dts
                stamps.append(len(stamps) if stamp is None else stamp)
            if len(stamps) > MOST_FRAMES:
                raise Unreadable(f"it has more than {MOST_FRAMES:,} frames; cut it into clips")
    if not stamps:
        raise Unreadable("it has no frames")
    return sorted(stamps)


def _film(path: Any, frames: int, shrink: Shrink, form: str) -> list[np.ndarray]:
    """Frames of a film, upright. A short one is read through, a long one by jumps."""
    stamps = _stamps(path, form)
    spans = np.maximum(np.diff(stamps), 1) if len(stamps) > 1 else np.ones(1)
    numbers = shown_at_middles([*spans, int(np.median(spans))][: len(stamps)], frames).tolist()
    found: list[np.ndarray] = []
    with _open_film(path, form) as (container, stream):
        if len(stamps) <= STEP_BY_STEP:
            for number, frame in enumerate(container.decode(stream)):
                if number in numbers:
                    found += [shrink(_upright(frame))] * numbers.count(number)
                if len(found) == frames:
                    break
        else:
            for number in numbers:
                container.seek(stamps[number], stream=stream)
                for tried, frame in enumerate(container.decode(stream)):
                    if frame.pts is None or frame.pts >= stamps[number] or tried >= JUMP:
                        found.append(shrink(_upright(frame)))
                        break
    if not found:
        raise Unreadable("none of its frames can be unpacked")
    return found + [found[-1]] * (frames - len(found))  # a film whose end is missing stays still


def _upright(frame: Any) -> Image.Image:
    """A frame of a film as a picture, turned as a phone says that it was held."""
    if frame.width * frame.height > LARGEST:
        raise Unreadable(f"its frames have more than the {LARGEST:,} pixels that are safe to open")
    clear = any(component.is_alpha for component in frame.format.components)
    image = Image.fromarray(frame.to_ndarray(format="rgba" if clear else "rgb24"))
    turn = round(frame.rotation / 90) * 90 % 360
    return image.rotate(turn, expand=True) if turn else image


def look_at_videos(paths: list[str]) -> tuple[list[tuple[int, int, int]], bool]:
    """(frames, height, width) of the videos that can be read, and whether all of them are grey."""
    shapes, grey = [], True
    for path in paths:
        try:
            form = form_of(path)
            if form == "folder":
                names = stills_in(path)
                with opened(os.path.join(path, names[0])) as image:
                    shapes.append((len(names), image.height, image.width))
            elif form == "picture":
                with opened(path) as image:
                    shapes.append((len(_durations(path)), image.height, image.width))
            else:
                count = len(_stamps(path, form))
                with _open_film(path, form) as (_, stream):
                    shapes.append((count, stream.height, stream.width))
            if grey:
                clip = read_clip(path, 2, 32, 32, 3).astype(np.int16)  # (2, 32, 32, 3)
                grey = int((clip.max(axis=3) - clip.min(axis=3)).max()) < 8
        except Unreadable:
            continue
    return shapes, grey and bool(shapes)


def resize_clips(clips: np.ndarray, frames: int, side: int | tuple[int, int], channels: int) -> np.ndarray:
    """Clips in memory, (N, F, H, W) or (N, F, H, W, C) uint8, to (N, frames, channels, height, width), evenly spaced."""
    chosen = clips[:, evenly(clips.shape[1], frames)]  # (N, F, H, W) or (N, F, H, W, C)
    small = resize_arrays(chosen.reshape(-1, *chosen.shape[2:]), side, channels)  # (N * F, C, H, W)
    return small.reshape(len(clips), frames, *small.shape[1:])  # (N, F, C, H, W)
