"""The built-in voices: what is in the package, and the codes in which it is kept."""

from __future__ import annotations

import csv
import io
import wave
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from fofx.errors import DataError
from fofx.sounds import decode_sounds
from fofx.tasks import _voices
from fofx.tasks._voices import RATE, as_wav, compressed, expanded, voices


def test_every_voice_says_words_of_both_languages():
    found = voices()
    assert len(found.samples) == len(found.voices) == len(found.words) == 1920
    assert set(Counter(found.voices).values()) == {12}
    assert set(Counter(zip(found.voices, found.languages)).values()) == {6}
    spoken = Counter(zip(found.voices, found.words))
    assert max(spoken.values()) == 1  # no word twice by one voice
    assert len({word for _, word in spoken}) == 30
    lengths = np.array([len(samples) for samples in found.samples])
    assert lengths.min() >= 0.1 * RATE and lengths.max() <= RATE
    loudness = np.array([samples.std() for samples in found.samples]) / 32768
    assert (loudness > 0.03).all() and (loudness < 0.11).all()
    assert len({samples.tobytes() for samples in found.samples}) == 1920


@given(some.integers(-32768, 32767))
def test_codes_keep_a_sample_to_a_small_share_of_its_strength(sample):
    code = compressed(np.array([sample], dtype=np.int16))
    assert abs(int(code[0])) <= 63
    back = int(expanded(code)[0])
    assert abs(back - sample) <= 0.05 * abs(sample) + 8
    assert np.array_equal(compressed(np.array([back], dtype=np.int16)), code)


def test_bytes_of_a_wav_file():
    samples = np.array([0, 1, -2, 32767, -32768] * 100, dtype=np.int16)
    with wave.open(io.BytesIO(as_wav(samples, 11025)), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (11025, 1, 2)
        assert np.array_equal(np.frombuffer(file.readframes(1000), "<i2"), samples)
    found, lengths, bad = decode_sounds([as_wav(samples, RATE), b"not a sound", b""], RATE, 1.0, loudness=False)
    assert np.abs(found[0, :500].astype(int) - samples).max() <= 2 and lengths.tolist() == [500, 0, 0]
    assert [row for row, _ in bad] == [1, 2]


def test_a_damaged_package_says_so(tmp_path, monkeypatch):
    def told(codes: bytes, rows: list) -> str:
        (tmp_path / "clips.xz").write_bytes(codes)
        with (tmp_path / "index.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["voice", "language", "word", "samples"], *rows])
        with pytest.raises(DataError) as caught:
            voices.__wrapped__()
        assert caught.value.code == "damaged-package"
        return caught.value.message

    monkeypatch.setattr(_voices, "FOLDER", tmp_path)
    import lzma

    row = [0, "en", "yes", 4]
    assert "cannot be read" in told(b"nothing", [row])
    assert "do not fit" in told(lzma.compress(bytes(3)), [row])
    assert "do not fit" in told(lzma.compress(b""), [])
    assert "cannot be read" in told(lzma.compress(bytes(4)), [[0, "en", "yes", "four"]])
