"""Who looks at whom, as it passed the windows of a real model: a run's transformer, an own text, a causal layer, a ViT."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import traitlets

from fofx.errors import TaskError
from fofx.models.attention import SelfAttention
from fofx.see import activations as see
from fofx.widgets.attention import MOST, Attention
from small import number_function, pictures, quick, reviews
from stage import needs_browser, stage
from until import until


@cache
def transformer():
    return quick(reviews(80), "label", model="transformer", budget=1.0, name="attention")


@cache
def vit():
    return quick(pictures(60, side=16), model="vit", budget=1.0, name="patches")


def square(widget: Attention, name: str = "weights") -> np.ndarray:
    return np.frombuffer(getattr(widget, name), np.float32).reshape(len(widget.tokens), -1)


def test_weights_of_a_row_are_those_of_the_network() -> None:
    widget, right = Attention(transformer(), row=3, lang="en"), see.attention(transformer(), [3], "transformer")
    assert right.tokens is not None and widget.tokens == right.tokens[0]
    length = len(widget.tokens)
    for layer, weights in enumerate(right.weights):
        for head in range(weights.shape[1]):
            widget.layer, widget.head = layer, head
            np.testing.assert_array_equal(square(widget), weights[0, head, :length, :length])
        widget.measure = "mean"
        np.testing.assert_allclose(square(widget), weights[0, :, :length, :length].mean(axis=0), atol=1e-7)
        widget.measure = "head"
    np.testing.assert_allclose(square(widget).sum(axis=1), 1, atol=1e-5)
    widget.measure = "rollout"
    np.testing.assert_allclose(square(widget), right.rollout()[0, :length, :length], atol=1e-6)
    np.testing.assert_allclose(square(widget, "reaches").ravel(), right.answer()[0, :length], atol=1e-6)
    every = np.frombuffer(widget.overview, np.uint8).reshape(sum(widget.heads), length, length)
    np.testing.assert_allclose(every[1] / 255, right.weights[0][0, 1, :length, :length], atol=0.5 / 255 + 1e-6)
    assert not widget.causal


def test_an_own_text_is_read_and_answered() -> None:
    function = transformer()
    widget = Attention(function, lang="en")
    before = widget.tokens
    widget._received(widget, {"do": "read", "text": "A dull film, awful."}, [])
    assert widget.trouble is None and widget.tokens != before and widget.source == "text"
    assert widget.tokens == function.fields[0].tokens("A dull film, awful.")
    said = function("A dull film, awful.")
    assert widget.answer["values"]["label"] == f"{said.value} ({max(said.probabilities.values()):.0%})"
    widget.source = "row"
    assert widget.tokens == before and widget.answer["truth"]["label"] in ("good", "bad")
    for text, code in (("  ", "empty-text"), ("x" * 30_000, "long-text")):
        widget._received(widget, {"do": "read", "text": text}, [])
        assert widget.trouble["code"] == code and widget.tokens == before


def test_a_long_text_is_drawn_up_to_its_first_positions() -> None:
    widget = Attention(transformer(), text="bad " * 150, lang="en")
    length = len(widget.tokens) + widget.hidden
    assert len(widget.tokens) == min(MOST, length) and square(widget).shape == (len(widget.tokens),) * 2


def test_a_causal_layer_is_shown_as_such_and_a_free_one_is_not() -> None:
    torch.manual_seed(0)
    tokens = ["the", "cat", "sat"]
    causal, free = (SelfAttention(8, 2, causal=flag) for flag in (True, False))
    widget = Attention(model=causal, inputs=torch.randn(1, 3, 8), tokens=tokens, lang="en", head=1)
    assert widget.causal and not square(widget)[np.triu_indices(3, 1)].any() and square(widget)[0, 0] == 1
    assert widget.heads == [2] and widget.tokens == tokens
    assert not Attention(model=free, inputs=torch.randn(1, 3, 8), lang="en").causal
    with pytest.raises(TaskError):
        Attention(model=causal, inputs=torch.randn(1, 3, 8), tokens=["too", "few"])
    with pytest.raises(traitlets.TraitError):
        widget.source = "text"


def test_a_vit_looks_over_its_patches() -> None:
    widget, right = Attention(vit(), lang="en"), see.attention(vit(), [0])
    assert right.grid is not None and widget.grid == list(right.grid)
    assert len(widget.tokens) == 1 + right.grid[0] * right.grid[1] or widget.hidden
    shown = len(widget.tokens)
    np.testing.assert_array_equal(square(widget), right.weights[0][0, 0, :shown, :shown])
    assert len(widget.picture) == np.prod(widget.picture_size)
    widget._received(widget, {"do": "read", "text": "words"}, [])
    assert widget.trouble["code"] == "no-text"


def test_a_run_without_attention_says_so() -> None:
    with pytest.raises(TaskError) as caught:
        Attention(number_function())
    assert caught.value.code == "no-attention"


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_positions_and_heads_are_picked_by_keyboard(width: int) -> None:
    widget = Attention(transformer(), lang="en", theme="dark")
    with stage(widget, width=width, scheme="dark") as page:
        page.locator("canvas.fofx-canvas").focus()
        page.keyboard.press("ArrowDown")
        page.wait_for_function("document.querySelector('.att-detail table')")
        row = square(widget)[0]
        first = page.locator(".att-detail td").all_text_contents()[:2]
        assert first == [f"{row.argmax() + 1} {widget.tokens[row.argmax()]}", f"{row.max():.3f}"]
        page.get_by_role("radio", name="layer 1, head 2").press("Enter")
        page.wait_for_function("document.querySelector('[aria-checked=true]').dataset.head === '0.1'")
        page.get_by_label("Your own text").fill("a great joy to see")
        page.get_by_role("button", name="Read this text").click()
        page.wait_for_function("document.querySelector('.att-reach').innerText.includes('joy')")
        page.get_by_role("combobox", name="View").select_option("matrix")
        page.get_by_role("combobox", name="Show").select_option("rollout")
        until(page, lambda: (widget.view, widget.measure) == ("matrix", "rollout"))
        assert (widget.source, widget.token) == ("text", 0)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []


@needs_browser
def test_patches_are_drawn_on_their_picture() -> None:
    widget = Attention(vit(), lang="zh")
    with stage(widget, width=390) as page:
        page.locator("canvas.fofx-canvas").click(position={"x": 200, "y": 200})
        until(page, lambda: widget.token > 0)
        assert page.said == [] and page.asked == []
