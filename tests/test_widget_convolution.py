"""The sliding kernel: every number by hand, the run's filter as its network applies it, pictures of all sorts, and the page."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.errors import FofxError, TaskError
from fofx.see.rows import blocks_and_targets
from fofx.widgets.convolution import KERNELS, LARGEST_FILE, Convolution
from small import number_function, pictures, quick
from stage import needs_browser, stage
from until import until


def numbers(widget: Convolution, name: str) -> np.ndarray:
    return np.frombuffer(getattr(widget, name), np.float32)


@cache
def network():
    return quick(pictures(60, side=10, colour=True), model="cnn", budget=1.0, name="convolution")


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(0, 3), st.floats(-2, 2), st.sampled_from(sorted(KERNELS)), st.integers(0, 9))
def test_every_sum_is_its_window_times_the_kernel(
    stride: int, padding: int, bias: float, kernel: str, digit: int
) -> None:
    widget = Convolution(lang="en", stride=stride, padding=padding, bias=bias, kernel=kernel, digit=digit, relu=True)
    channels, height, width, side, down, across = widget.size[:6]
    picture = np.zeros((height + 2 * padding, width + 2 * padding))
    picture[padding : padding + height, padding : padding + width] = numbers(widget, "pixels").reshape(height, width)
    sums, products = (
        numbers(widget, "sums").reshape(down, across),
        numbers(widget, "products").reshape(down * across, -1),
    )
    assert (channels, down) == (1, (height + 2 * padding - side) // stride + 1)
    for place in range(down * across):
        top, left = place // across * stride, place % across * stride
        window = picture[top : top + side, left : left + side] * np.array(KERNELS[kernel])
        np.testing.assert_allclose(products[place], window.ravel(), atol=1e-5)
        assert sums[place // across, place % across] == pytest.approx(window.sum() + bias, abs=1e-4)
    np.testing.assert_array_equal(numbers(widget, "activated"), np.maximum(sums.ravel(), 0))
    np.testing.assert_allclose(numbers(widget, "dots"), products.sum(axis=1), atol=1e-4)


def test_pooling_takes_two_by_two() -> None:
    widget = Convolution(lang="en", padding=1, pool="max")
    sums = numbers(widget, "sums").reshape(8, 8)
    blocks = sums.reshape(4, 2, 4, 2).transpose(0, 2, 1, 3).reshape(4, 4, 4)
    np.testing.assert_array_equal(numbers(widget, "pooled").reshape(4, 4), blocks.max(axis=2))
    widget.pool = "mean"
    np.testing.assert_allclose(numbers(widget, "pooled").reshape(4, 4), blocks.mean(axis=2), atol=1e-6)
    assert widget.size[6:] == [4, 4]


def test_a_learnt_filter_gives_what_the_network_gives() -> None:
    function = network()
    widget = Convolution(function=function, row=2, filter=5, lang="en")
    layer = function.rung("cnn").network.encoders[0].model.stages[0].layers.convolution_1
    seen = []
    hook = layer.register_forward_hook(lambda module, given, output: seen.append(output))
    with torch.no_grad():
        function.rung("cnn").run(blocks_and_targets(function, "cnn", [2]).blocks)
    hook.remove()
    right = seen[0][0, 5].numpy()
    assert widget.size[4:6] == list(right.shape) and widget.filters == len(layer.weight)
    np.testing.assert_allclose(numbers(widget, "sums").reshape(right.shape), right, atol=1e-5)
    assert widget.size[0] == 3 and (widget.stride, widget.padding) == (layer.stride[0], layer.padding[0])
    widget.kernel = "blur"  # an own kernel looks at the grey picture
    assert widget.size[0] == 1 and 0 <= numbers(widget, "pixels").min() <= numbers(widget, "pixels").max() <= 1
    widget.kernel, widget.source, widget.digit = "filter", "digit", 7
    assert widget.size[:3] == [3, 8, 8] and widget.trouble is None


def test_without_such_a_network_it_says_so() -> None:
    with pytest.raises(TaskError) as caught:
        Convolution(function=number_function())
    assert caught.value.code in ("no-filters", "no-network")
    widget = Convolution(lang="en")
    for trait, value in (("kernel", "filter"), ("source", "run"), ("kernel", "none such"), ("side", 1000)):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, trait, value)


def file_of(picture: np.ndarray, kind: str = "PNG") -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(picture).save(made, kind)
    return made.getvalue()


def test_an_uploaded_picture_is_decoded_here_and_cut_to_size() -> None:
    picture = np.zeros((12, 12, 3), np.uint8)
    picture[:6] = [200, 200, 200]
    widget = Convolution(lang="en", side=12)
    widget._received(widget, {"do": "upload"}, [file_of(picture)])
    assert widget.trouble is None and widget.source == "own"
    np.testing.assert_allclose(numbers(widget, "pixels").reshape(12, 12), picture[..., 0] / 255, atol=1e-6)
    widget._received(
        widget, {"do": "upload", "data": base64.b64encode(file_of(picture[::-1].copy(), "BMP")).decode()}, []
    )
    np.testing.assert_allclose(numbers(widget, "pixels").reshape(12, 12), picture[::-1, :, 0] / 255, atol=1e-6)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40), bytes(LARGEST_FILE + 1)])
def test_a_file_that_is_no_picture_is_an_error_that_leaves_all_as_it_was(data: bytes) -> None:
    widget = Convolution(lang="en")
    before = widget.pixels
    widget._received(widget, {"do": "upload"}, [data])
    assert widget.trouble["code"] in ("bad-picture", "large-picture") and widget.pixels == before
    widget._received(widget, {"do": "upload", "data": "%%%"}, [])
    assert widget.trouble["code"] == "bad-picture" and widget.source == "digit"


def test_drawing_changes_the_pixels_and_nothing_else() -> None:
    widget = Convolution(lang="en", source="own", side=12)
    widget._received(widget, {"do": "draw", "cells": [[0, 1, 255], [11, 11, 127], [40, 2, 255], [-1, 0, 255]]}, [])
    drawn = np.zeros((12, 12), np.float32)
    drawn[0, 1], drawn[11, 11] = 1, 127 / 255
    np.testing.assert_allclose(numbers(widget, "pixels").reshape(12, 12), drawn)
    widget._received(widget, {"do": "clear"}, [])
    assert not numbers(widget, "pixels").any()
    digit = Convolution(lang="en", digit=4)
    digit._received(digit, {"do": "draw", "cells": [[0, 0, 255]]}, [])
    assert digit.source == "own" and digit.trouble is None


@pytest.mark.parametrize(
    "wrong", [[], [[1, 2]], [[1, 2], [3]], "no", [["a"]], [[float("nan")]], np.ones((8, 8)).tolist(), None]
)
def test_a_kernel_that_is_none_is_refused(wrong: object) -> None:
    widget = Convolution(lang="en")
    before = widget.sums
    widget._received(widget, {"do": "kernel", "numbers": wrong}, [])
    assert widget.trouble["code"] == "bad-option" and widget.sums == before
    widget._received(widget, {"do": "kernel", "numbers": [[2.0]]}, [])
    assert widget.trouble is None and widget.size[3] == 1
    np.testing.assert_allclose(numbers(widget, "sums"), 2 * numbers(widget, "pixels"))


def test_products_of_a_large_picture_are_sent_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    import fofx.widgets.convolution as own

    whole = numbers(Convolution(lang="en"), "products").reshape(36, 9)
    monkeypatch.setattr(own, "MESSAGE", 700)
    widget = Convolution(lang="en")
    for at in (0, 5, 6, 20, 35, 3):
        widget.at = at
        part = numbers(widget, "products").reshape(-1, 9)
        assert len(part) < 36
        np.testing.assert_array_equal(part[at - widget.first], whole[at])


def test_an_own_array_is_taken_or_refused() -> None:
    widget = Convolution(np.full((28, 20), 51, np.uint8), lang="en")
    assert widget.size[:3] == [1, 28, 28] and np.allclose(numbers(widget, "pixels"), 0.2)
    with pytest.raises(FofxError):
        Convolution(np.zeros((3, 3)))


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_steps_draws_and_takes_own_numbers(width: int) -> None:
    widget = Convolution(lang="en", at=0)
    with stage(widget, width=width) as page:
        for _ in range(2):
            page.get_by_role("button", name="Step", exact=True).click()
        page.wait_for_function(
            "document.querySelector('.conv-name + .conv-calc') && document.body.innerText.includes('Window 3 of 36')"
        )
        assert f"{numbers(widget, 'sums')[2]:.4g}".rstrip("0") in page.locator(".conv-total").inner_text()
        page.get_by_role("button", name="Play").click()
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("combobox", name="Kernel", exact=True).select_option("own")
        page.get_by_label("Weight in row 1, column 1").fill("4")
        page.get_by_label("Weight in row 1, column 1").press("Enter")
        until(page, lambda: widget._numbers[0][0] == 4.0)
        page.get_by_label("Draw on the picture").check()
        page.locator("canvas").first.focus()
        before = widget.pixels
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        until(page, lambda: widget.source == "own" and widget.pixels != before)
        page.set_input_files(
            "input[type=file]",
            {"name": "a.png", "mimeType": "image/png", "buffer": file_of(np.full((9, 9), 255, np.uint8))},
        )
        until(page, lambda: numbers(widget, "pixels").min() == 1.0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
