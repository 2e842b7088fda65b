"""The kind sound: files, bytes and arrays to frames of one byte a band; what `find` makes of them, and the ejected script."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch

import fofx
import fofx.data.read
from fofx.errors import DataError
from fofx.fields import kinds, make_field
from fofx.fields.sound import Sound, cepstral_summary, frames_as_bytes, once
from fofx.mel import log_mel, mfcc
from fofx.models.spectrogram import LOW, STEP
from fofx.perturb import vary_frames
from fofx.sounds import decode_sounds
from fofx.tasks._voices import as_wav

RATE = 8000


def hum(pitch: float, seconds: float = 0.4, seed: int = 0) -> np.ndarray:
    """A buzzing tone with noise, int16."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * pitch * k * time + generator.uniform(0, 6)) / k for k in range(1, 8))
    return (4000 * (wave + 0.2 * generator.normal(size=len(time)))).clip(-32767, 32767).astype(np.int16)


def folder(place, rows: int = 16):
    for number in range(rows):
        for name, pitch in (("high", 330), ("low", 110)):
            (place / name).mkdir(parents=True, exist_ok=True)
            sound = hum(pitch * (1 + 0.02 * (number % 5)), 0.3 + 0.02 * (number % 4), number)
            (place / name / f"{number}.wav").write_bytes(as_wav(sound))
    return place


def learnt(column: pl.Series) -> Sound:
    field = Sound(column.name)
    field.learn(column)
    return field


def test_paths_bytes_and_arrays_give_the_same_frames(tmp_path):
    samples = np.stack([hum(100), hum(200)])
    files = [as_wav(each) for each in samples]
    paths = []
    for number, data in enumerate(files):
        paths.append(str(tmp_path / f"{number}.wav"))
        (tmp_path / f"{number}.wav").write_bytes(data)
    by_path, by_bytes = (learnt(pl.Series("s", values)) for values in (paths, files))
    assert (by_path.rate, by_path.bands, by_path.seconds) == (8000, 40, 0.4)
    frames = by_path.encode(pl.Series("s", paths))
    assert frames.dtype == torch.uint8 and frames.shape == (2, 41, 40)
    assert torch.equal(frames, by_bytes.encode(pl.Series("s", files)))
    arrays = pl.Series("s", np.repeat(samples, 2, axis=1))  # arrays count as 16 kHz
    field = learnt(arrays)
    assert (field.rate, field.bands, field.seconds) == (16_000, 64, 0.4)
    assert field.encode(arrays).shape == (2, 41, 64)
    assert make_field(field.state()).state() == field.state()


def test_bytes_keep_the_frames_to_half_a_step_and_mark_padding():
    sounds, lengths, _ = decode_sounds([as_wav(hum(150)), as_wav(hum(150, 0.1))], RATE, 0.4)
    codes = frames_as_bytes(sounds, lengths, RATE, 40)
    exact = log_mel(torch.from_numpy(sounds), RATE, 40)
    back = LOW + (codes.float() - 1) * STEP
    assert (back - exact)[0].abs().max() <= STEP / 2 + 1e-4
    assert (codes[1, :11] > 0).all() and not codes[1, 11:].any()
    assert Sound.lengths(codes).tolist() == [41, 11]
    assert frames_as_bytes(sounds[:0], lengths[:0], RATE, 40).shape == (0, 41, 40)


def test_the_summary_is_mean_and_spread_of_the_cepstrum():
    sounds, lengths, _ = decode_sounds([as_wav(hum(150)), as_wav(hum(250, 0.2))], RATE, 0.4)
    codes = frames_as_bytes(sounds, lengths, RATE, 40)
    found = cepstral_summary(codes)
    assert found.shape == (2, 57)
    alone = mfcc(log_mel(torch.from_numpy(sounds[1:, :1600]), RATE, 40), 20)[0, :21, 1:]
    torch.testing.assert_close(found[1, :19], alone.mean(dim=0), atol=0.15, rtol=0.02)
    torch.testing.assert_close(found[1, 19:38], alone.std(dim=0, correction=0), atol=0.15, rtol=0.1)
    padded = torch.cat([codes, torch.zeros(2, 30, 40, dtype=torch.uint8)], dim=1)
    torch.testing.assert_close(cepstral_summary(padded), found)


def test_every_sound_is_decoded_once(monkeypatch):
    import fofx.fields.sound as module

    asked: list[int] = []

    def counted(values, *rest):
        asked.append(len(values))
        return decode_sounds(values, *rest)

    monkeypatch.setattr(module, "decode_sounds", counted)
    files = [as_wav(hum(100)), as_wav(hum(200))]
    column = pl.Series("s", [files[0], files[1], files[0], files[0]])
    frames = learnt(column).encode(column)
    assert asked == [2]
    assert torch.equal(frames[0], frames[3]) and not torch.equal(frames[0], frames[1])
    assert once(["a", "b", "a"])[1].tolist() == [0, 1, 0]


def test_recognised_and_broken():
    good = as_wav(hum(100))
    assert Sound.recognises(pl.Series([good, None])) and not Sound.recognises(pl.Series([b"text", good]))
    assert Sound.recognises(pl.Series(np.zeros((2, 800), np.int16)))
    assert not Sound.recognises(pl.Series(np.zeros((2, 800))))  # a series
    bad = Sound.broken(pl.Series([good, b"RIFFxx", None, b"RIFFxx"]))
    assert [row for row, _ in bad] == [1, 2, 3] and "no sound" in bad[1][1]
    with pytest.raises(DataError, match="broken-sound"):
        learnt(pl.Series("s", [good])).encode(pl.Series("s", [b"RIFFxx"]))
    assert kinds()["sound"] is Sound and Sound.many((3, 800)) and not Sound.many((800,))


def test_augmentation_keeps_padding_and_draws_from_the_seed():
    codes = torch.randint(1, 255, (4, 30, 40), dtype=torch.uint8)
    codes[1, 12:] = 0
    torch.manual_seed(1)
    one = vary_frames(codes)
    torch.manual_seed(1)
    assert torch.equal(one, vary_frames(codes))
    assert ((one == 0) == (codes == 0)).all() and one.max() <= 255
    assert (one - codes).abs().mean() > 1


def test_found_and_taken_home(tmp_path):
    f = fofx.find(folder(tmp_path / "hums"), model="spectrogram-cnn", budget=2, out=str(tmp_path), name="run")
    scores = {result.name: result.test for result in f.rungs}
    assert scores["linear"] == 1.0 and scores["majority"] <= 0.6
    assert f(str(tmp_path / "hums" / "low" / "3.wav")).value in ("low", "high")
    assert (tmp_path / "run" / "report.html").is_file()
    script = f.eject(tmp_path / "home.py", rung="spectrogram-cnn")
    asked = [sys.executable, "-I", str(script), "--history", str(tmp_path / "h.jsonl")]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    home = [json.loads(line)["loss"] for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    lines = (tmp_path / "run" / "rungs" / "spectrogram-cnn" / "history.jsonl").read_text().splitlines()
    assert len(home) == len(lines) >= 20
    np.testing.assert_allclose(home, [json.loads(line)["loss"] for line in lines], atol=1e-6)


def test_bytes_in_memory_are_a_column_of_sounds():
    table = fofx.data.read.read({"clip": [as_wav(hum(100)), as_wav(hum(200))], "raw": [b"a", b"b"], "n": [1, 2]})
    assert table.frame.columns == ["clip", "n"] and table.frame.schema["clip"] == pl.Binary
    assert [notice.code for notice in table.notes] == ["unreadable-columns"]


def test_odd_sounds_are_set_aside_or_told_and_the_rest_is_learnt_from(tmp_path):
    place = folder(tmp_path / "hums", rows=8)
    whole = (place / "low" / "1.wav").read_bytes()
    (place / "low" / "text.wav").write_text("no sound at all")
    (place / "low" / "sample.wav").write_bytes(as_wav(np.array([5], np.int16)))
    (place / "high" / "silent.wav").write_bytes(as_wav(np.zeros(3000, np.int16)))
    (place / "high" / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (place / "high" / "fast.wav").write_bytes(as_wav(np.repeat(hum(330), 2), 16_000))
    f = fofx.find(place, model="linear", budget=1, out=str(tmp_path), name="odd")
    told = {each["code"]: each["count"] for each in f.record["warnings"]}
    wanted = {"broken-sounds": 2, "silent-sounds": 1, "cut-sounds": 1, "resampled-sounds": 1}
    assert wanted.items() <= told.items()
    with pytest.raises(DataError, match="broken-sounds"):
        fofx.find({"clip": [b"RIFF" + bytes([n]) for n in range(9)], "y": ["a", "b", "a"] * 3}, "y", out=str(tmp_path))
