"""Log-mel frames, MFCC and sound augmentation: equal to librosa's and SciPy's, and what must hold for every sound."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as some

from fofx.mel import FLOOR, frame_counts, frame_sizes, from_mel, log_mel, mel_filters, mfcc, to_mel
from fofx.perturb import change_pitch, change_speed, mask_frames, stretch

RATES = [8000, 16000, 22050, 44100]


def noise(count: int = 3, size: int = 4000) -> torch.Tensor:
    torch.manual_seed(0)
    return 0.1 * torch.randn(count, size)


def tone(hertz: float, rate: int = 8000, seconds: float = 1.0) -> torch.Tensor:
    return 0.5 * torch.sin(2 * math.pi * hertz * torch.arange(round(rate * seconds)) / rate)


def pitch_of(wave: torch.Tensor, rate: int = 8000) -> float:
    middle = wave[len(wave) // 4 : -len(wave) // 4]
    spectrum = torch.fft.rfft(middle * torch.hann_window(len(middle))).abs()
    return float(spectrum.argmax()) * rate / len(middle)


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("bands", [40, 64])
def test_log_mel_and_mfcc_equal_librosa(rate, bands):
    librosa = pytest.importorskip("librosa")
    length, hop, size = frame_sizes(rate)
    waves = noise(2, rate // 2)
    np.testing.assert_allclose(
        mel_filters(rate, size, bands).T, librosa.filters.mel(sr=rate, n_fft=size, n_mels=bands), atol=1e-7
    )
    found = log_mel(waves, rate, bands)
    for wave, frames in zip(waves, found):
        power = librosa.feature.melspectrogram(
            y=wave.numpy(), sr=rate, n_fft=size, hop_length=hop, win_length=length, n_mels=bands, pad_mode="constant"
        )
        expected = np.log(power + FLOOR)
        np.testing.assert_allclose(frames.T, expected, atol=1e-4)
        np.testing.assert_allclose(mfcc(frames).T, librosa.feature.mfcc(S=expected, n_mfcc=20), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_stretching_equals_librosa(factor):
    librosa = pytest.importorskip("librosa")
    waves = noise(2, 6000).double()
    expected = librosa.effects.time_stretch(waves.numpy(), rate=factor, n_fft=512)
    np.testing.assert_allclose(stretch(waves, factor), expected, atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_log_mel_equals_its_definition(rate):
    """The short-time Fourier transform by SciPy, frame by frame, and the bands as sums over it."""
    length, hop, size = frame_sizes(rate)
    wave = noise(1, rate // 4)[0].double()
    window = np.zeros(size)
    window[(size - length) // 2 :][:length] = scipy.signal.get_window("hann", length)
    padded = np.pad(wave.numpy(), size // 2)
    frames = np.stack([padded[at : at + size] for at in range(0, len(wave) + 1, hop)])
    power = np.abs(scipy.fft.rfft(frames * window)) ** 2
    expected = np.log(power @ mel_filters(rate, size, 64).double().numpy() + FLOOR)
    found = log_mel(wave[None], rate)[0]
    assert found.shape == (1 + len(wave) // hop, 64)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    np.testing.assert_allclose(mfcc(found, 13), scipy.fft.dct(expected, norm="ortho")[:, :13], atol=1e-8)


@pytest.mark.parametrize("rate", RATES)
def test_every_band_hears_something_and_the_scale_turns_back(rate):
    filters = mel_filters(rate, frame_sizes(rate)[2], 64)
    assert (filters >= 0).all() and (filters.sum(dim=0) > 0).all()
    for hertz in (0.0, 400.0, 1000.0, 7000.0):
        assert float(from_mel(torch.tensor(to_mel(hertz), dtype=torch.float64))) == pytest.approx(hertz)


def test_whole_numbers_silence_and_single_samples():
    whole = (noise() * 32768).round().to(torch.int16)
    torch.testing.assert_close(log_mel(whole, 8000), log_mel(whole.float() / 32768, 8000))
    assert torch.equal(log_mel(torch.zeros(2, 800), 8000), torch.full((2, 11, 64), math.log(FLOOR)))
    assert log_mel(torch.ones(1, 1), 8000).shape == (1, 1, 64)
    assert frame_counts(torch.tensor([0, 79, 80, 4000]), 8000).tolist() == [1, 1, 2, 51]


def test_padding_changes_no_frame_before_it():
    wave = noise(1, 1600)
    short, long = log_mel(wave, 8000), log_mel(torch.nn.functional.pad(wave, (0, 2400)), 8000)
    torch.testing.assert_close(long[:, : short.shape[1]], short)


def test_gradients_of_the_log_mel():
    wave = noise(1, 240).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda part: log_mel(part, 8000, 8), wave)


@given(some.integers(1, 40), some.integers(1, 30), some.floats(0, 1), some.floats(0, 1), some.integers(0, 3))
def test_masks_hide_stretches_and_bands_and_nothing_else(steps, bands, time, band, masks):
    torch.manual_seed(steps)
    frames = torch.randn(3, steps, bands)
    lengths = torch.tensor([steps, max(1, steps // 2), 1])
    found = mask_frames(frames, lengths, time, band, masks)
    changed = found != frames
    for row, length in enumerate(lengths.tolist()):
        assert not changed[row, length:].any()
        inside = changed[row, :length]
        whole = inside.all(dim=1)[:, None] | inside.all(dim=0)
        assert torch.equal(inside, whole & inside) and int(inside.all(dim=1).sum()) >= 0
        torch.testing.assert_close(found[row][changed[row]], frames[row, :length].mean().expand(int(inside.sum())))
    assert masks or not changed.any()


def test_masks_differ_by_row_and_follow_the_seed():
    frames = torch.randn(8, 100, 40)
    torch.manual_seed(3)
    one = mask_frames(frames)
    torch.manual_seed(3)
    assert torch.equal(one, mask_frames(frames))
    hidden = (one != frames).all(dim=2)
    assert len({tuple(row.tolist()) for row in hidden}) == 8
    share = float((one != frames).float().mean())
    assert 0.2 < share < 0.4


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_another_speed_changes_pitch_and_length(factor):
    waves = torch.stack([tone(400.0), tone(600.0)])
    waves[1, 4000:] = 0
    found, lengths = change_speed(waves, torch.tensor([8000, 4000]), torch.tensor([factor, 1.0]))
    assert found.shape == waves.shape
    assert lengths.tolist() == [min(8000, math.ceil(8000 / factor)), 4000]
    assert torch.equal(found[1], waves[1])
    assert pitch_of(found[0, : int(lengths[0])]) == pytest.approx(400 * factor, abs=5)
    assert not found[0, int(lengths[0]) :].any()


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.26])
def test_another_pitch_or_pace_alone(factor):
    wave = tone(500.0)[None]
    higher = change_pitch(wave, factor)
    assert higher.shape == wave.shape
    assert pitch_of(higher[0]) == pytest.approx(500 * factor, abs=5)
    faster = stretch(wave, factor)
    assert faster.shape[1] == round(8000 / factor)
    assert pitch_of(faster[0]) == pytest.approx(500, abs=5)
    if factor == 1.0:
        torch.testing.assert_close(faster[:, 500:-500], wave[:, 500:-500], atol=1e-4, rtol=0)
