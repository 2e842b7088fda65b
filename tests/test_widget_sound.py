"""A sound on a page: its outline and spectrogram are those of its samples, a page may send a new one, and what is no sound is said."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from fofx.errors import TaskError
from fofx.mel import log_mel
from fofx.widgets.heard import BANDS, hear
from fofx.widgets.sound import Sound
from stage import needs_browser, stage
from until import until

RATE = 8000


def tone(hertz: float = 440.0, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return (0.6 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return held.getvalue()


def send(widget: Sound, **content: object) -> None:
    widget._received(widget, content, [])


def test_outline_and_spectrogram_are_those_of_the_samples(tmp_path: Path) -> None:
    samples = np.concatenate([tone(seconds=1.0), np.zeros(RATE, np.float32)])
    found = hear(samples, RATE)
    assert found.outline.shape == (2, 1200) and (found.outline[0] <= found.outline[1]).all()
    assert found.outline.max() == pytest.approx(samples.max()) and abs(found.outline[:, 700:]).max() == 0
    decibels = log_mel(torch.from_numpy(samples)[None], RATE, BANDS)[0].numpy() * 10 / np.log(10)
    assert found.mel.shape == decibels.shape and found.about["seconds"] == 2.0
    np.testing.assert_array_equal(found.mel[:90].argmax(axis=1), decibels[:90].argmax(axis=1))
    assert found.mel[150:].max() == 0
    hertz, place = found.about["pitches"][1]
    assert hertz == 250 and hear(tone(250.0), RATE).mel[20].argmax() == pytest.approx(place, abs=1)
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(samples))
    again = hear(str(path))
    assert np.abs(again.samples.astype(int) - found.samples).max() <= 1 and again.about == found.about
    long = hear(np.zeros(30 * RATE, np.int16), RATE)
    assert len(long.mel) <= 1200 and long.mel.max() == 0


def test_effects_lie_over_the_time() -> None:
    widget = Sound(tone(), RATE, effects=[0.1, -0.2], lang="en")
    assert widget.effects == [[0.0, 0.25, 0.1], [0.25, 0.5, -0.2]]
    widget.show(tone(), RATE, effects=[1.0, 2.0], upto=0.2)
    assert widget.effects == [[0.0, 0.1, 1.0], [0.1, 0.2, 2.0]]
    widget.show(tone(seconds=0.2), RATE, effects=[(0.1, 0.15, 1.0)])
    assert widget.effects == [[0.1, 0.15, 1.0]] and widget.about["seconds"] == pytest.approx(0.2)


def test_a_page_sends_a_recording_or_a_file() -> None:
    widget, taken = Sound(takes=True, lang="en"), []
    widget.on_take = lambda samples, rate: taken.append((samples, rate))
    samples = np.rint(tone() * 32767).astype("<i2")
    send(widget, do="record", data=base64.b64encode(samples.tobytes()).decode(), rate=RATE)
    send(widget, do="file", data=base64.b64encode(wav(tone(seconds=0.3, rate=16000), 16000)).decode())
    assert widget.trouble is None and [rate for _, rate in taken] == [RATE, 16000]
    np.testing.assert_array_equal(taken[0][0], samples)
    assert widget.about["seconds"] == pytest.approx(0.3)
    for content in (
        {"do": "record", "data": "?", "rate": RATE},
        {"do": "record", "data": "AAAA", "rate": RATE},
        {"do": "record", "data": base64.b64encode(samples.tobytes()).decode(), "rate": float("nan")},
        {"do": "record", "data": base64.b64encode(bytes(2 * 30 * RATE)).decode(), "rate": RATE},
        {"do": "file", "data": base64.b64encode(b"RIFF but no sound").decode()},
        {"do": "file", "data": base64.b64encode(bytes(3_000_000)).decode()},
    ):
        send(widget, **content)
        assert widget.trouble["code"] == "bad-sound" and len(taken) == 2
    shut = Sound(tone(), RATE, lang="en")
    send(shut, do="record", data=base64.b64encode(samples.tobytes()).decode(), rate=RATE)
    assert shut.about["seconds"] == 0.5 and len(taken) == 2


def test_what_is_no_sound_is_said(tmp_path: Path) -> None:
    for given, rate in (
        (None, None),
        (tone(), None),
        (tone()[:10], RATE),
        (np.zeros((2, 900), np.float32), RATE),
        (str(tmp_path / "gone.wav"), None),
    ):
        with pytest.raises(TaskError) as raised:
            Sound(given, rate)
        assert raised.value.code == "bad-sound"
    for effects in ([float("nan")], ["much"], [(1, 2)]):
        with pytest.raises(TaskError) as raised:
            Sound(tone(), RATE, effects=effects)
        assert raised.value.code == "bad-effects"


@needs_browser
@pytest.mark.parametrize(("width", "lang", "scheme"), [(1280, "en", "light"), (390, "zh", "dark")])
def test_the_page_scrubs_plays_and_takes_a_file(width: int, lang: str, scheme: str, tmp_path: Path) -> None:
    widget = Sound(tone(seconds=1.0), RATE, effects=[0.1, -0.2, 0.3], takes=True, lang=lang)
    path = tmp_path / "new.wav"
    path.write_bytes(wav(tone(seconds=0.25)))
    with stage(widget, width=width, scheme=scheme) as page:
        clock = page.locator(".sound-clock")
        page.locator("canvas").first.focus()
        page.keyboard.press("End")
        until(page, lambda: clock.inner_text() == "1.00 / 1.00 s")
        page.get_by_role("button", name=widget.words["kit.play"], exact=True).click()
        until(page, lambda: not clock.inner_text().startswith(("1.00", "0.00")))
        page.get_by_role("button", name=widget.words["sound.record"], exact=True).click()
        until(page, lambda: page.locator(".sound-said").inner_text() != "")  # no microphone on this page: it says so
        page.locator("input[type=file]").set_input_files(path)
        until(page, lambda: clock.inner_text().endswith("0.25 s"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
