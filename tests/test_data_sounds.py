"""Decoding sounds: values as soundfile's and soxr's, every kind of WAV, and nothing broken or huge gets through."""

from __future__ import annotations

import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as some

from fofx import sounds as module
from fofx.errors import DataError
from fofx.sounds import decode_sounds, fit_arrays, look_at, remarks, unreadable
from fofx.waves import TARGET, level, resample, trim_silence

RATE = 8000


def tones(rate: int, seconds: float = 0.5, below: float = 0.8, limit: int = 8000) -> np.ndarray:
    """Sines up to `below` of half of `limit`, so that no rate from `limit` on loses any of them; float64 -1..1."""
    generator = np.random.default_rng(0)
    time = np.arange(round(rate * seconds)) / rate
    frequencies = generator.uniform(50, below * limit / 2, 12)
    phases = generator.uniform(0, 6, 12)
    return np.mean([np.sin(2 * np.pi * f * time + p) for f, p in zip(frequencies, phases)], axis=0)


def save(path, samples: np.ndarray, rate: int = RATE, width: int = 2, channels: int = 1) -> str:
    """A WAV file by the standard library, from floats -1..1 of shape (S,) or (S, channels)."""
    whole = np.round(samples * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    if width == 1:
        whole = whole + 128
    data = whole.reshape(-1, 1) >> (8 * np.arange(width))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((data & 255).astype(np.uint8).tobytes())
    return str(path)


def one(path, rate: int = RATE, seconds: float = 0.5, **options) -> np.ndarray:
    found, lengths, bad = decode_sounds([path], rate, seconds, loudness=False, **options)
    assert bad == []
    return found[0, : lengths[0]] / 32767


@pytest.mark.parametrize(("width", "close"), [(1, 0.01), (2, 1e-4), (3, 5e-5), (4, 5e-5)])
def test_whole_numbers_of_every_width(tmp_path, width, close):
    samples = tones(RATE)
    found = one(save(tmp_path / "a.wav", samples, width=width))
    assert found.shape == samples.shape
    np.testing.assert_allclose(found, samples, atol=close)


@pytest.mark.parametrize(
    ("ending", "subtype", "close"),
    [
        ("flac", "PCM_16", 1e-4),
        ("wav", "FLOAT", 1e-4),
        ("wav", "ULAW", 0.03),
        ("ogg", "VORBIS", 0.1),
        ("aiff", None, 1e-4),
    ],
)
def test_other_formats_by_soundfile(tmp_path, ending, subtype, close):
    soundfile = pytest.importorskip("soundfile")
    samples = tones(RATE)
    path = str(tmp_path / f"a.{ending}")
    soundfile.write(path, samples, RATE, subtype=subtype)
    np.testing.assert_allclose(one(path), samples, atol=close)


def test_without_soundfile_plain_wav_is_read_and_the_rest_says_what_to_install(tmp_path, monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", tones(RATE), RATE)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    _, lengths, bad = decode_sounds([str(tmp_path / "a.flac"), save(tmp_path / "b.wav", tones(RATE))], RATE, 0.5)
    assert lengths.tolist() == [0, 4000]
    assert bad[0][0] == 0 and 'pip install "fofx[sound]"' in bad[0][1]


def test_channels_become_their_mean(tmp_path):
    left, right = tones(RATE), 0.3 * tones(RATE)[::-1]
    path = save(tmp_path / "a.wav", np.stack([left, right], axis=1), channels=2)
    np.testing.assert_allclose(one(path), (left + right) / 2, atol=1e-4)


@pytest.mark.parametrize(
    ("rate", "wanted"), [(44100, 16000), (16000, 8000), (8000, 16000), (48000, 22050), (11025, 8000)]
)
def test_resampling_equals_soxr(rate, wanted):
    soxr = pytest.importorskip("soxr")
    samples = tones(rate, limit=min(rate, wanted))
    found = resample(torch.from_numpy(samples), rate, wanted).numpy()
    expected = soxr.resample(samples, rate, wanted, quality="VHQ")
    assert abs(len(found) - len(expected)) <= 1
    inner = slice(
        wanted // 20, -wanted // 20
    )  # at the ends there is silence beyond, which both smooth in their own way
    np.testing.assert_allclose(found[: len(expected)][inner], expected[: len(found)][inner], atol=2e-4)
    polyphase = scipy.signal.resample_poly(samples, wanted, rate, window=("kaiser", 12.0))
    np.testing.assert_allclose(found[inner], polyphase[: len(found)][inner], atol=5e-3)  # its filter is a shorter one


def test_what_the_new_rate_cannot_hold_is_taken_away_and_does_not_fold_down():
    time = np.arange(48000) / 48000
    high = torch.from_numpy(np.sin(2 * np.pi * 6500 * time))
    assert resample(high, 48000, 8000)[800:-800].abs().max() < 1e-4
    kept = resample(torch.from_numpy(np.sin(2 * np.pi * 3000 * time)), 48000, 8000)[800:-800]
    assert abs(float(kept.abs().max()) - 1) < 1e-3


@given(some.integers(1000, 50_000), some.integers(1000, 50_000), some.integers(0, 300))
def test_any_two_rates(rate, wanted, length):
    found = resample(torch.ones(2, length), rate, wanted)
    assert found.shape[0] == 2
    assert abs(found.shape[1] - length * wanted / rate) <= 2
    assert torch.isfinite(found).all()


def test_batches_and_gradients_pass_through_resampling():
    samples = torch.randn(2, 3, 200, dtype=torch.float64, requires_grad=True)
    found = resample(samples, 16000, 8000)
    assert found.shape == (2, 3, 100)
    torch.testing.assert_close(found[1, 2], resample(samples[1, 2], 16000, 8000))
    assert torch.autograd.gradcheck(
        lambda part: resample(part, 3000, 2000), samples[0, 0, :20].detach().requires_grad_()
    )


def test_loudness_and_silence(tmp_path):
    quiet, loud = save(tmp_path / "q.wav", 0.01 * tones(RATE)), save(tmp_path / "l.wav", 0.9 * tones(RATE) + 0.05)
    found, lengths, bad = decode_sounds([quiet, loud], RATE, 1.0)
    assert bad == [] and lengths.tolist() == [4000, 4000]
    loudness = (found[:, :4000] / 32768.0).std(axis=1)
    np.testing.assert_allclose(loudness, TARGET, rtol=0.02)
    assert np.abs(found[:, :4000].mean(axis=1)).max() < 2  # around 0, whatever the sound card added
    click = torch.zeros(4000)
    click[100] = 1.0
    assert level(click).abs().max() <= 1.0
    assert not level(torch.zeros(50)).any() and not level(torch.full((50,), 0.4)).any()


def test_trimming_keeps_what_sounds(tmp_path):
    sounding = tones(RATE, 0.3)
    samples = np.concatenate([np.zeros(2000), sounding, np.zeros(3000)]) + 1e-5
    path = save(tmp_path / "a.wav", samples)
    found = one(path, seconds=1.0, trim=True)
    assert len(sounding) <= len(found) <= len(sounding) + 320
    start = int(np.argmax(np.correlate(found, sounding, "valid")))
    np.testing.assert_allclose(found[start : start + len(sounding)], sounding, atol=1e-3)
    silent = torch.zeros(300)
    assert trim_silence(silent, RATE) is silent
    assert len(trim_silence(torch.zeros(0), RATE)) == 0


def test_longer_and_shorter_sounds(tmp_path):
    paths = [save(tmp_path / f"{seconds}.wav", tones(RATE, seconds)) for seconds in (0.1, 0.5, 2.0)]
    found, lengths, bad = decode_sounds(paths, RATE, 0.5)
    assert found.shape == (3, 4000) and found.dtype == np.int16 and bad == []
    assert lengths.tolist() == [800, 4000, 4000]
    assert not found[0, 800:].any()
    told = {notice.code: notice.count for notice in remarks(paths, 0.5)}
    assert told == {"shortened-sounds": 1}


def test_threads_change_nothing(tmp_path):
    paths = [save(tmp_path / f"{n}.wav", tones(16000, 0.1 + n / 50), 16000) for n in range(12)]
    one_by_one, together = (decode_sounds(paths, RATE, 0.4, threads=threads) for threads in (1, 4))
    assert np.array_equal(one_by_one[0], together[0]) and np.array_equal(one_by_one[1], together[1])


def test_what_was_changed_is_told(tmp_path):
    stereo = save(tmp_path / "s.wav", np.stack([tones(RATE)] * 2, axis=1), channels=2)
    fast = save(tmp_path / "f.wav", tones(44100), 44100)
    silent = save(tmp_path / "z.wav", np.zeros(4000))
    cut = tmp_path / "c.wav"
    cut.write_bytes(Path(fast).read_bytes()[:20_000])
    paths = [stereo, fast, silent, str(cut)]
    _, lengths, bad = decode_sounds(paths, RATE, 0.5)
    assert bad == [] and lengths[3] == 1811  # what is there of it
    told = {notice.code: notice.count for notice in remarks([*paths, None, "gone.wav"], 0.5)}
    assert told == {"stereo-sounds": 1, "resampled-sounds": 2, "cut-sounds": 1, "silent-sounds": 1}
    assert look_at([stereo]) == [module.Heard(8000, 2, 4000)]


def test_bad_sounds_are_told_and_the_rest_is_read(tmp_path):
    good = save(tmp_path / "good.wav", tones(RATE))
    data = Path(good).read_bytes()
    (tmp_path / "header.wav").write_bytes(data[:44])
    (tmp_path / "half.wav").write_bytes(data[:30])
    (tmp_path / "text.wav").write_text("not a sound, but long enough to look like one " * 10)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "slow.wav").write_bytes(data[:24] + struct.pack("<II", 5, 10) + data[32:])
    (tmp_path / "none.wav").write_bytes(data[:22] + struct.pack("<H", 0) + data[24:])
    save(tmp_path / "sample.wav", np.array([0.5]))
    names = ["header.wav", "half.wav", "text.wav", "empty.wav", "slow.wav", "none.wav", "sample.wav", "gone.wav"]
    paths = [good, *(str(tmp_path / name) for name in names), None, str(tmp_path), good] * 2
    found, lengths, bad = decode_sounds(paths, RATE, 0.5, threads=2)
    assert [row for row, _ in bad] == [row for row in range(24) if row % 12 not in (0, 11)]
    assert bad == unreadable(paths)
    reasons = dict(bad)
    assert "0 samples" in reasons[1]
    assert "not a sound" in reasons[3]
    assert "empty" in reasons[4]
    assert "says 5 samples a second" in reasons[5]
    assert "1 samples" in reasons[7]
    assert "not exist" in reasons[8]
    assert reasons[9] == "no sound is given" and "folder" in reasons[10]
    assert not found[1].any() and found[23].any() and lengths[[1, 23]].tolist() == [0, 4000]


def test_a_header_that_promises_too_much_is_not_believed(tmp_path):
    data = Path(save(tmp_path / "a.wav", tones(RATE))).read_bytes()
    for promised in (2**31 - 2, 2**32 - 1, 9000):
        (tmp_path / "b.wav").write_bytes(data[:40] + struct.pack("<I", promised) + data[44:])
        _, lengths, bad = decode_sounds([str(tmp_path / "b.wav")], RATE, 1.0, trim=True)
        assert bad == [] and lengths[0] == 4000
        assert look_at([str(tmp_path / "b.wav")])[0].samples <= len(data) // 2


def test_a_huge_file_is_read_only_as_far_as_it_is_safe(tmp_path, monkeypatch):
    path = save(tmp_path / "a.wav", tones(RATE, 2.0))
    monkeypatch.setattr(module, "MOST", 6000)
    _, lengths, bad = decode_sounds([path], RATE, 0.7, trim=True)
    assert bad == [] and lengths[0] == 5600
    with pytest.raises(DataError, match="bad-rate"):
        decode_sounds([path], RATE, 2.0)


def test_sounds_in_memory():
    samples = np.stack([tones(16000), np.concatenate([tones(16000)[:4000], np.zeros(4000)]), np.zeros(8000)])
    whole = np.round(samples * 32767).astype(np.int16)
    floats, lengths = fit_arrays(samples.astype(np.float32), 16000, RATE, 1.0)
    assert floats.shape == (3, 8000) and floats.dtype == np.int16
    assert lengths.tolist() == [4000, 2000, 0]
    assert np.abs(floats.astype(int) - fit_arrays(whole, 16000, RATE, 1.0)[0]).max() <= 2
    assert np.isfinite(fit_arrays(np.full((1, 900), np.nan, np.float32), RATE, RATE, 1.0)[0]).all()


def test_wrong_rates():
    for rate, seconds in ((0, 1.0), (500, 1.0), (10**7, 1.0), (RATE, 0.0), (RATE, 10.0**7)):
        with pytest.raises(DataError, match="bad-rate"):
            decode_sounds([], rate, seconds)
    assert decode_sounds([], RATE, 1.0)[0].shape == (0, 8000)
