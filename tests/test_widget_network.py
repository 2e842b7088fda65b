"""A run's own network: its weights and values for a row, its blocks, the chain rule for a weight, and earlier moments of learning."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import traitlets

from fofx.errors import TaskError
from fofx.models.window import watch
from fofx.see import frames
from fofx.see.chain import chain
from fofx.see.rows import blocks_and_targets
from fofx.see.through import through
from fofx.widgets.network import Network
from fofx.widgets.network_values import MOST_CHANNELS, MOST_SIDE, pieces_of
from small import pictures, quick, reviews, table
from stage import needs_browser, stage
from until import until


@cache
def mlp():
    columns = table()
    rows = {name: columns[name] for name in ("size", "colour", "price")}
    return quick(rows, "price", model="mlp", budget=1.0, name="layers")


@cache
def cnn():
    return quick(pictures(60, colour=True), model="cnn", budget=1.0, name="blocks")


def layer_of(widget: Network, number: int) -> dict[str, np.ndarray]:
    numbers, layer = np.frombuffer(widget.numbers, np.float32), widget.dense[number]
    units, inputs, first = layer["units"], layer["inputs"], layer["first"]
    parts = np.split(numbers[first : first + units * (inputs + 3)], np.cumsum([units * inputs, units, units]))
    return dict(zip(("weight", "bias", "sums", "outputs"), [parts[0].reshape(units, inputs), *parts[1:]], strict=True))


def test_layers_hold_the_networks_weights_and_what_it_does_with_the_row() -> None:
    function = mlp()
    widget = Network(function, row=5, lang="en")
    network = function.rung("mlp").network
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    inputs = np.frombuffer(widget.numbers, np.float32)[: widget.dense[0]["inputs"]]
    np.testing.assert_allclose(
        inputs, blocks_and_targets(function, "mlp", [5], "train").blocks[0][0].numpy(), atol=1e-6
    )
    entering = inputs
    for number, layer in enumerate(widget.dense):
        parts = layer_of(widget, number)
        np.testing.assert_array_equal(parts["weight"], state[f"{layer['name']}.weight"])
        np.testing.assert_array_equal(parts["bias"], state[f"{layer['name']}.bias"])
        np.testing.assert_allclose(parts["sums"], parts["weight"] @ entering + parts["bias"], atol=1e-5)
        right = np.maximum(parts["sums"], 0) if layer["activation"] == "ReLU" else parts["sums"]
        if layer["activation"] in ("ReLU", "Identity"):
            np.testing.assert_allclose(parts["outputs"], right, atol=1e-6)
        entering = parts["outputs"]
    frame = blocks_and_targets(function, "mlp", [5], "train").frame
    assert widget.answers[0]["own"] == pytest.approx(float(function.predict(frame, "mlp")["price"][0]), rel=1e-4)
    assert widget.answers[0]["truth"] == frame["price"][0] and widget.features[0]["own"] == frame["size"][0]


def test_a_weight_gets_its_chain_rule_and_torch_agrees() -> None:
    function = mlp()
    widget = Network(function, row=2, lang="en")
    widget._received(widget, {"do": "weight", "layer": 1, "unit": 3, "source": 7}, [])
    right = chain(function, 2, (1, 3, 7), "mlp", "train")
    assert widget.trouble is None and widget.weight == [1, 3, 7]
    assert widget.chain["gradient"] == right.gradient and widget.chain["next"] == right.next
    assert widget.chain["difference"] <= 1e-6
    product = np.prod([each["value"] for each in widget.chain["factors"] if each["in_product"]])
    assert product == pytest.approx(widget.chain["torch_gradient"], rel=1e-6, abs=1e-12)
    assert all(each["formula"].startswith("<svg") for each in widget.chain["factors"])
    widget.row = 3  # another row, the same weight
    assert widget.chain["gradient"] == chain(function, 3, (1, 3, 7), "mlp", "train").gradient
    widget._received(widget, {"do": "weight", "layer": 0, "unit": 0, "source": -1}, [])
    assert widget.chain["gradient"] == chain(function, 3, (0, 0, None), "mlp", "train").gradient
    widget._received(widget, {"do": "weight", "layer": 9, "unit": 0, "source": 0}, [])
    assert widget.trouble["code"] == "unknown-weight" and widget.weight == [0, 0, -1]
    widget._received(widget, {"do": "forget"}, [])
    assert (widget.weight, widget.chain) == ([], {})


def test_earlier_steps_have_the_weights_that_were_recorded() -> None:
    function = mlp()
    widget = Network(function, lang="en")
    assert widget.recorded == "weights" and widget.steps == frames.weight_steps(function, "mlp")
    widget.explain(1, 0, 0)
    now, losses = widget.chain["value"], [widget.loss]
    for step in (widget.steps[0], widget.steps[-1]):
        widget.step = step
        kept = frames.weights(function, "mlp", step)
        np.testing.assert_array_equal(layer_of(widget, 1)["weight"], kept[f"{widget.dense[1]['name']}.weight"])
        assert widget.chain["value"] == kept[f"{widget.dense[1]['name']}.weight"][0, 0]
        losses.append(widget.loss)
    assert len(set(losses)) > 1
    widget.step = -1
    assert widget.chain["value"] == now and widget.loss == losses[0]
    widget.step = 10**9
    assert widget.step == widget.steps[-1]


def test_blocks_and_windows_of_any_network() -> None:
    function = cnn()
    widget = Network(function, row=1, part="test", lang="en")
    assert widget.dense == [] and "cnn" in widget.reason and widget.answers[0]["truth"] in ("left", "right")
    network = function.rung("cnn").network
    blocks = {block["name"]: block for block in widget.tree}
    assert set(blocks) == {name for name, _ in network.named_modules()}
    assert blocks[""]["parameters"] == sum(p.numel() for p in network.parameters())
    assert (blocks[""]["takes"], blocks[""]["gives"]) == ([3, 12, 12], [2])
    with torch.no_grad(), watch(network) as seen:
        network(blocks_and_targets(function, "cnn", [1], "test").blocks)
    values = np.frombuffer(widget.values, np.float32)
    assert [window["name"] for window in widget.windows] == [name for name in blocks if blocks[name]["window"]]
    for window in widget.windows:
        right = seen[window["name"]][0].numpy()
        kept = values[window["first"] :][: int(np.prod(window["kept"]))].reshape(window["kept"])
        assert window["shape"] == list(right.shape)
        np.testing.assert_array_equal(kept, right[:MOST_CHANNELS] if right.ndim == 3 else right.reshape(1, 1, -1))
        assert window["most"] == pytest.approx(float(np.abs(kept).max()))


def test_any_weight_of_any_network_gets_its_chain_rule() -> None:
    function = cnn()
    widget = Network(function, row=1, part="test", lang="en")
    network = function.rung("cnn").network
    assert widget.parameters == [[name, list(each.shape)] for name, each in network.named_parameters()]
    name = "encoders.0.model.stages.1.layers.convolution_1.weight"
    widget._received(widget, {"do": "parameter", "name": name}, [])
    weight = network.get_parameter(name).detach().numpy()
    drawn = np.frombuffer(widget.numbers_of, np.float32).reshape(widget.table["rows"], widget.table["columns"])
    np.testing.assert_array_equal(drawn, weight.reshape(len(weight), -1)[:256, :1024])
    widget._received(widget, {"do": "pick", "name": name, "place": [3, 2, 1, 0]}, [])
    right = through(function, 1, name, (3, 2, 1, 0), "cnn", "test")
    assert widget.trouble is None and widget.picked == [3, 2, 1, 0]
    assert widget.through["gradient"] == right.gradient and widget.through["next"] == right.next
    assert widget.through["difference"] <= 1e-6 and all(
        p["formula"].startswith("<svg") for p in widget.through["passages"]
    )
    maps = np.frombuffer(widget.maps, np.float32)
    for number, passage in enumerate(right.passages):
        if passage.gradient is not None:
            piece = next(each for each in widget.through["pictures"] if each["name"] == str(number))
            kept = maps[piece["first"] :][: int(np.prod(piece["kept"]))]
            own = (
                passage.gradient.reshape(-1, *passage.gradient.shape[-2:])[:8]
                if passage.gradient.ndim > 2
                else passage.gradient
            )
            np.testing.assert_array_equal(kept, own.astype(np.float32).ravel())
    widget.row = 2  # another row, the same weight
    assert widget.through["gradient"] == through(function, 2, name, (3, 2, 1, 0), "cnn", "test").gradient
    widget.step = widget.steps[0]
    assert widget.through["value"] == pytest.approx(
        float(frames.weights(function, "cnn", widget.step)[name][3, 2, 1, 0]), abs=1e-6
    )
    kept = widget.through
    for wrong in (
        {"name": name, "place": [99, 0, 0, 0]},
        {"name": name, "place": [1]},
        {"name": "nothing", "place": [0]},
    ):
        widget._received(widget, {"do": "pick", **wrong}, [])
        assert widget.trouble["code"] == "unknown-weight" and (widget.picked, widget.through) == ([3, 2, 1, 0], kept)
    widget._received(widget, {"do": "forget"}, [])
    assert (widget.picked, widget.through, widget.maps) == ([], {}, b"")


def test_maps_too_large_to_draw_are_thinned_by_whole_steps() -> None:
    maps = np.arange(30 * 100 * 90, dtype=np.float32).reshape(30, 100, 90)
    (window,), values = pieces_of({"a": maps})
    down, across = window["every"]
    kept = np.frombuffer(values, np.float32).reshape(window["kept"])
    assert max(kept.shape[1:]) <= MOST_SIDE and len(kept) == MOST_CHANNELS
    np.testing.assert_array_equal(kept, maps[:MOST_CHANNELS, ::down, ::across])


def test_a_network_without_recorded_weights_shows_the_windows_that_were(monkeypatch: pytest.MonkeyPatch) -> None:
    function = cnn()
    monkeypatch.setattr(frames, "weight_steps", lambda run, rung: [])
    widget = Network(function, row=30, part="test", lang="en")
    assert widget.recorded == "windows" and widget.steps == frames.frames(function, "cnn")
    step = widget.steps[1]
    widget.step = step
    assert (widget.part, widget.row, widget.answers) == ("validation", frames.SAMPLE - 1, [])
    assert widget.parameters == [], "weights that were not recorded cannot be picked"
    right = frames.frame(function, "cnn", step)
    window = widget.windows[0]
    kept = np.frombuffer(widget.values, np.float32)[: int(np.prod(window["kept"]))].reshape(window["kept"])
    np.testing.assert_array_equal(kept, right[window["name"]][widget.row][:MOST_CHANNELS])


def test_the_linear_rung_texts_and_ensembles_are_shown_too() -> None:
    widget = Network(mlp(), rung="linear", lang="en")
    assert len(widget.dense) == 1 and widget.tree == []
    widget.explain(0, 0, 0)
    assert widget.chain["difference"] <= 1e-6
    widget.rung = "mlp"
    assert len(widget.dense) == 3 and widget.weight == []
    assert widget.parameters and widget.picked == []
    widget.rung = "linear"
    assert widget.parameters == [] and widget.through == {}
    text = Network(quick(reviews(60), "label", model="gru", budget=0.6, name="words"), lang="zh")
    assert text.dense == [] and text.windows and text.answers
    text._received(text, {"do": "pick", "name": "encoders.0.model.recurrent.fused.0.weight_hh_l0", "place": [2, 1]}, [])
    assert text.trouble is None and text.through["operations"][0][1] > 1 and text.through["difference"] <= 1e-6
    columns = table()
    rows = {name: columns[name] for name in ("size", "price")}
    ensemble = Network(quick(rows, "price", model="tabm", budget=0.6, name="members"), lang="en")
    assert ensemble.windows and ensemble.reason


def test_what_is_not_there_is_refused() -> None:
    columns = table()
    rows = {name: columns[name] for name in ("size", "price")}
    with pytest.raises(TaskError) as caught:
        Network(mlp(), rung="tree")
    assert caught.value.code == "no-network"
    widget = Network(quick(rows, "price", model="knn", budget=0.6, name="none"), lang="en")
    assert widget.rungs == ["linear"]
    with pytest.raises(traitlets.TraitError):
        widget.rung = "mlp"
    widget.row = 10**6
    assert widget.row == widget.rows - 1


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_a_weight_is_found_by_keyboard_and_by_pointer(width: int) -> None:
    widget = Network(mlp(), lang="en")
    with stage(widget, width=width) as page:
        canvas = page.locator("canvas.fofx-canvas").first
        canvas.focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        page.wait_for_function("document.querySelector('.net-chain h3')")
        layer, unit, source = widget.weight
        row = np.abs(layer_of(widget, layer)["weight"][unit])
        assert source == row.argmax()
        assert (
            page.locator(".net-chain svg").count() >= 4 and "null" not in page.locator(".net-chain").first.inner_text()
        )
        page.locator(".net-explain").nth(3).click()
        until(page, lambda: widget.weight[2] != source)
        page.get_by_role("button", name="Close").click()
        page.wait_for_function("document.querySelector('.net-chain').hidden")
        box = canvas.bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
        page.get_by_role("button", name="›").click() if page.get_by_role(
            "button", name="›"
        ).count() else page.get_by_label("+").click()
        until(page, lambda: widget.row == 1)
        page.locator(".net-blocks > summary").press("Enter")
        assert page.locator(".net-window").count() == len(widget.windows)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []


@needs_browser
def test_time_is_scrubbed_and_blocks_unfold_in_chinese() -> None:
    widget = Network(cnn(), lang="zh", theme="dark")
    with stage(widget, width=390, scheme="dark") as page:
        bar = page.locator("input[type=range]")
        bar.focus()
        page.keyboard.press("Home")
        until(page, lambda: widget.step == widget.steps[0] == 0)
        assert page.locator(".net-map").count() > 30
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.said == [] and page.asked == []


@needs_browser
@pytest.mark.parametrize(("width", "lang"), [(390, "zh"), (1280, "en")])
def test_a_kernels_weight_is_picked_and_followed(width: int, lang: str) -> None:
    widget = Network(cnn(), row=1, part="test", lang=lang)
    with stage(widget, width=width) as page:
        plot = page.locator(".net-picker canvas")
        page.locator(".net-picker select").select_option("encoders.0.model.stages.1.layers.convolution_1.weight")
        until(page, lambda: widget.parameter.endswith("convolution_1.weight"))
        page.wait_for_function("document.querySelectorAll('.net-place input').length === 4")
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
        until(page, lambda: bool(widget.through))
        first = widget.picked
        shape = widget.table["shape"]
        column = int(0.3 * np.prod(shape[1:]))
        assert first[0] == shape[0] // 2 and abs(int(np.ravel_multi_index(first[1:], shape[1:])) - column) <= 1
        page.wait_for_selector(".net-any .net-chain .net-factor")
        assert page.locator(".net-any .net-factor").count() == len(widget.through["passages"])
        assert (
            page.locator(".net-any .net-gradient .net-map").count() > 2
            and page.locator(".net-both .net-map").count() == 2
        )
        assert (
            "null" not in page.locator(".net-any").inner_text()
            and "undefined" not in page.locator(".net-any").inner_text()
        )
        plot.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        until(page, lambda: widget.picked != first)
        page.locator(".net-place input").nth(0).fill("1")
        page.locator(".net-place input").nth(0).press("Enter")
        until(page, lambda: widget.picked[0] == 0)
        page.evaluate("document.querySelectorAll('.net-tree details').forEach((fold) => (fold.open = true))")
        page.locator(".net-tree .net-own").first.click()
        until(page, lambda: widget.parameter == widget.parameters[0][0] and widget.picked == [])
        page.wait_for_function("document.querySelector('.net-any .net-chain').hidden")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.said == [] and page.asked == []
