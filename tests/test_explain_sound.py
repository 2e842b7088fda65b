"""What of a sound carried an answer: the piece that was taken away and no other; the picture in the report."""

from __future__ import annotations

import io
import wave

import numpy as np
import polars as pl
import torch

from fofx.explain.occlude import variants_of
from fofx.explain.of_sound import HEIGHT, WIDTH, of_sound, one_sound, pitch_edges, spectrogram_picture
from fofx.fields.sound import Sound
from fofx.report.of_sound import of_sound as drawn
from fofx.tasks._voices import as_wav

RATE = 8000


def chirps() -> np.ndarray:
    """A low tone in the first half, a high one in the second: int16."""
    time = np.arange(4000) / RATE
    wave = np.where(time < 0.25, np.sin(2 * np.pi * 200 * time), np.sin(2 * np.pi * 3000 * time))
    return (6000 * wave).astype(np.int16)


def learnt(column: pl.Series) -> Sound:
    field = Sound(column.name)
    field.learn(column)
    return field


def samples(data: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(data), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_each_piece_is_taken_away_where_it_is():
    column = pl.Series("s", [as_wav(chirps())])
    field = learnt(column)
    assert variants_of.dispatch(Sound) is of_sound
    variants = variants_of(field, column, 8)
    heard = [samples(value) for value in variants.column]
    assert variants.count == 1 + 8 * 4 and len(heard) == 34
    assert np.abs(heard[0].astype(int) - chirps()).max() <= 1 and not heard[1].any()
    low_early, high_late = heard[2], heard[-1]  # from left to right, and there from below upwards
    kept = [np.abs(each[1000:2800]).mean() / np.abs(heard[0][1000:2800]).mean() for each in (low_early, high_late)]
    assert np.abs(low_early[100:700]).mean() < 0.2 * np.abs(heard[0][100:700]).mean()
    assert np.abs(high_late[3400:3900]).mean() < 0.2 * np.abs(heard[0][3400:3900]).mean()
    assert min(kept) > 0.8

    def loss(each: np.ndarray) -> float:  # a model that listens to the low tone alone
        return 1.0 - np.abs(np.fft.rfft(each.astype(float))[100]) / np.abs(np.fft.rfft(heard[0].astype(float))[100])

    found = variants.finish(np.array([loss(each) for each in heard[1:]]))
    assert found.whole > 0.99 and found.heat.shape == (HEIGHT, WIDTH)
    below, left = slice(HEIGHT * 3 // 4, HEIGHT), slice(0, WIDTH // 2)
    assert found.heat[below, left].mean() > 5 * abs(found.heat[: HEIGHT // 2].mean())
    assert found.heat[below, left].mean() > 3 * found.heat[below, WIDTH * 3 // 4 :].mean()


def test_pitches_are_shared_out_without_a_gap():
    edges = pitch_edges(RATE, 129)
    assert edges[0] == 0 and edges[-1] == 129 and len(edges) == 5 and sorted(set(edges)) == edges


def test_the_picture_shows_low_tones_below_and_time_to_the_right():
    column = pl.Series("s", [as_wav(chirps())])
    field = learnt(column)
    picture = spectrogram_picture(one_sound(field, column), RATE, 40)
    assert picture.shape == (HEIGHT, WIDTH, 1) and picture.dtype == np.uint8
    dark = 255 - picture[..., 0].astype(int)
    assert dark[HEIGHT // 2 :, : WIDTH // 3].mean() > 2 * dark[: HEIGHT // 2, : WIDTH // 3].mean()
    assert dark[: HEIGHT // 4, -WIDTH // 3 :].mean() > 2 * dark[-HEIGHT // 4 :, -WIDTH // 3 :].mean()
    assert drawn(field, column).startswith("<img")
    assert spectrogram_picture(torch.zeros(800), RATE, 40).shape == (HEIGHT, WIDTH, 1)


def test_arrays_and_lost_files():
    arrays = pl.Series("s", np.repeat(chirps(), 2)[None])
    field = learnt(arrays)
    assert abs(float(one_sound(field, arrays).abs().max()) - 6000 / 32768) < 0.01
    assert variants_of(field, arrays, 4).count == 1 + 4 * 4
    assert not one_sound(learnt(pl.Series("s", [as_wav(chirps())])), pl.Series("s", ["gone.wav"])).any()
