"""Siamese networks, CLIP and two towers: the same for swapped sides, and equal to transformers.CLIPModel."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fofx.models.clip import CLIP
from fofx.models.siamese import Comparison, Siamese, contrastive_loss, pair_loss, supervised_contrast, unit
from fofx.models.towers import TwoTowers, symmetric_contrast, towers_loss


@pytest.fixture
def hugging_clip(torchvision):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    text = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 2, "max_position_embeddings": 9, "eos_token_id": 49, "bos_token_id": 48}
    vision = {"hidden_size": 24, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 3}
    vision |= {"image_size": 16, "patch_size": 4}
    config = transformers.CLIPConfig(
        text_config=text | {"pad_token_id": 0}, vision_config=vision, projection_dim=12, attn_implementation="sdpa"
    )
    return transformers.CLIPModel(config).eval()


OPTIONS = {"vocabulary": 50, "positions": 9, "end": 49, "size": 16, "patch": 4, "shared": 12}
OPTIONS |= {"widths": (24, 16), "layers": (3, 2), "heads": (3, 2)}


def scattered(model: nn.Module) -> nn.Module:
    """Scales and biases off their neutral start, where errors could hide."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def pictures_and_texts() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(1, 48, (5, 9))
    lengths = torch.tensor([9, 4, 2, 7, 3])
    ids[torch.arange(5), lengths - 1] = 49
    mask = torch.arange(9) < lengths[:, None]
    return torch.randn(5, 3, 16, 16).double(), ids * mask, mask


def test_clip_equals_hugging_face(hugging_clip):
    """The same names, scores, and gradients of every weight, of the picture and of the loss."""
    theirs = scattered(hugging_clip).double()
    ours = CLIP(**OPTIONS).double().eval()
    ours.load_state_dict({name: tensor.clone() for name, tensor in theirs.state_dict().items()})
    assert [(name, tensor.shape) for name, tensor in ours.state_dict().items()].sort() == [
        (name, tensor.shape) for name, tensor in theirs.state_dict().items()
    ].sort()
    pictures, ids, mask = pictures_and_texts()
    ours_seen, theirs_seen = (pictures.clone().requires_grad_() for _ in range(2))
    answer = theirs(input_ids=ids, pixel_values=theirs_seen, attention_mask=mask.long(), return_loss=True)
    mine = ours(ours_seen, ids, mask)
    torch.testing.assert_close(mine, answer.logits_per_image)
    loss = symmetric_contrast(mine)
    torch.testing.assert_close(loss, answer.loss)
    loss.backward()
    answer.loss.backward()
    torch.testing.assert_close(ours_seen.grad, theirs_seen.grad, rtol=1e-7, atol=1e-10)
    found, expected = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert found.keys() == expected.keys()
    for name, parameter in expected.items():
        torch.testing.assert_close(found[name].grad, parameter.grad, rtol=1e-6, atol=1e-9, msg=name)


def test_clip_without_a_mask_and_with_the_highest_number_as_the_end(hugging_clip):
    theirs = scattered(hugging_clip).double()
    theirs.text_model.eos_token_id = 2  # the reference then looks for the highest number
    ours = CLIP(**{**OPTIONS, "end": None}).double().eval()
    ours.load_state_dict(theirs.state_dict())
    pictures, ids, _ = pictures_and_texts()
    expected = theirs(input_ids=ids, pixel_values=pictures).logits_per_text
    torch.testing.assert_close(ours(pictures, ids).T, expected)


def test_the_defaults_are_those_of_vit_b_32(torchvision):
    transformers = pytest.importorskip("transformers")
    with torch.device("meta"):
        theirs = transformers.CLIPModel(transformers.CLIPConfig())
        ours = CLIP()
    assert {n: t.shape for n, t in ours.state_dict().items()} == {n: t.shape for n, t in theirs.state_dict().items()}


def test_clip_refuses_what_it_cannot_read():
    model = CLIP(**OPTIONS)
    with pytest.raises(ValueError, match="16x16 pixels, got 16x12"):
        model(torch.randn(1, 3, 16, 12), torch.ones(1, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="at most 9 tokens"):
        model(torch.randn(1, 3, 16, 16), torch.ones(1, 10, dtype=torch.int64))


def test_a_text_looks_back_only():
    model = CLIP(**OPTIONS).eval()
    ids = torch.randint(1, 48, (2, 9))
    other = ids.clone()
    other[:, 5:] = 7
    one, two = model.text_model.features(ids), model.text_model.features(other)
    torch.testing.assert_close(one[:, :5], two[:, :5])
    assert not torch.allclose(one[:, 5:], two[:, 5:])
    padded = model.text_model.features(ids, torch.zeros(2, 9, dtype=torch.bool))
    assert padded.isfinite().all()


def test_a_comparison_by_hand():
    first, second = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])
    root = 2**0.5
    expected = torch.tensor([[0.6 * root, 0.2 * root, 0.0, 0.8 * root, 0.8 * root]])
    torch.testing.assert_close(Comparison(2)(first, second), expected)
    torch.testing.assert_close(Comparison(2, ("cosine",))(first, second), expected[:, 4:])
    torch.testing.assert_close(Comparison(2)(first, second)[:, 4] / root, F.cosine_similarity(first, second))
    assert not Comparison(2)(torch.zeros(1, 2), second).isnan().any()
    with pytest.raises(ValueError, match="sum"):
        Comparison(2, ("sum",))


def test_swapped_sides_give_the_same_answer():
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(12, 9), nn.BatchNorm1d(9), nn.ReLU())
    model = Siamese(encoder, 9, outputs=2, hidden=5)
    first, second = torch.randn(2, 7, 3, 4)
    training = model(first, second)
    model.eval()
    for _ in range(2):
        torch.testing.assert_close(model(first, second), model(second, first), rtol=1e-6, atol=1e-7)
        model.train()
    torch.testing.assert_close(training, model(second, first), rtol=1e-5, atol=1e-6)


def test_both_sides_go_through_the_same_encoder():
    """Together in one batch where their shapes agree, one after the other where not; the same in evaluation."""
    torch.manual_seed(0)
    model = Siamese(nn.AdaptiveAvgPool1d(5), 5).eval()
    encoder = nn.Sequential(nn.AdaptiveAvgPool1d(4), nn.Linear(4, 5), nn.Tanh())
    model.encoder = encoder
    first, second = torch.randn(3, 8), torch.randn(3, 6)
    assert model(first, second).shape == (3, 2)
    compared = model.features(first, first[:, :8])
    torch.testing.assert_close(compared[:, -1], torch.full((3,), 5**0.5))
    torch.testing.assert_close(compared[:, :5], torch.zeros(3, 5))


def test_the_gradient_reaches_the_encoder_from_both_sides():
    encoder = nn.Linear(4, 3).double()
    model = Siamese(encoder, 3).double()
    first, second = torch.randn(2, 6, 4).double()
    same = torch.tensor([0, 1, 1, 0, 1, 0])
    F.cross_entropy(model(first, second), same).backward()
    joint = encoder.weight.grad.clone()
    model.zero_grad()
    one, two = encoder(first), encoder(second)  # written out, without the batch of both
    F.cross_entropy(model.head(model.compare(one, two)), same).backward()
    torch.testing.assert_close(joint, encoder.weight.grad)


def test_the_contrastive_loss_by_hand_and_its_gradient():
    first = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    second = torch.tensor([[3.0, 4.0], [0.3, 0.4], [3.0, 4.0]])
    same = torch.tensor([True, False, False])
    torch.testing.assert_close(contrastive_loss(first, second, same), torch.tensor((25 + 0.25 + 0) / 6))
    torch.testing.assert_close(contrastive_loss(first, second, same, 6.0), torch.tensor((25 + 5.5**2 + 1) / 6))
    equal = torch.zeros(2, 3, requires_grad=True)
    contrastive_loss(equal, torch.zeros(2, 3), torch.tensor([True, False])).backward()
    assert equal.grad.isfinite().all()
    assert torch.autograd.gradcheck(
        lambda one, two: contrastive_loss(one, two, same), (first.double().requires_grad_(), second.double() + 0.1)
    )


def test_the_supervised_contrast_by_hand():
    torch.manual_seed(0)
    items, owners = torch.randn(5, 3).double(), torch.tensor([0, 0, 1, 0, 2])
    sides = F.normalize(items, dim=1)
    total = []
    for one in (0, 1, 3):  # 2 and 4 are alone
        others = [other for other in range(5) if other != one]
        chances = torch.stack([sides[one] @ sides[other] for other in others]).div(0.1).log_softmax(0)
        total.append(-torch.stack([chances[n] for n, other in enumerate(others) if owners[other] == 0]).mean())
    torch.testing.assert_close(supervised_contrast(items, owners), torch.stack(total).mean())
    assert supervised_contrast(items, torch.arange(5)) == 0
    assert torch.autograd.gradcheck(lambda given: supervised_contrast(given, owners), items.requires_grad_())


def test_the_loss_of_pairs_is_the_answers_and_the_contrast():
    torch.manual_seed(0)
    model = Siamese(nn.Linear(4, 6), 6, parts=("cosine",), shared=3)
    first, second = torch.randn(2, 7, 4)
    right, owners = torch.tensor([0, 1, 1, 0, 1, 0, 0]), torch.randint(0, 3, (7, 2))
    judge = lambda found, wanted, options: F.cross_entropy(found, wanted)  # noqa: E731
    one, two = model.project(model.encoder(first)), model.project(model.encoder(second))
    expected = F.cross_entropy(model(first, second), right)
    expected = expected + supervised_contrast(torch.cat([one, two]), torch.cat([owners[:, 0], owners[:, 1]]))
    torch.testing.assert_close(pair_loss(model, [first, second], right, owners, judge, {}), expected)


def test_the_loss_of_towers_is_the_answers_and_the_contrast_of_those_that_fit():
    torch.manual_seed(0)
    model = TwoTowers(nn.Linear(4, 6), nn.Sequential(nn.Embedding(9, 5), nn.Flatten()), (6, 10), shared=3)
    model.fits = 1
    seen, words = torch.randn(6, 4), torch.tensor([[1, 2], [3, 4], [1, 2], [5, 6], [7, 8], [3, 3]])
    right = torch.tensor([1, 1, 1, 0, 1, 0])
    judge = lambda found, wanted, options: F.cross_entropy(found, wanted)  # noqa: E731
    rows = torch.tensor([0, 1, 2, 4])
    alike = torch.eye(4).bool()
    alike[0, 2] = alike[2, 0] = True  # the same words
    scores = model.scores(model.embed_first(seen)[rows], model.embed_second(words)[rows])
    expected = F.cross_entropy(model(seen, words), right) + symmetric_contrast(scores, alike)
    torch.testing.assert_close(towers_loss(model, [seen, words], right, judge, {}), expected)
    none = towers_loss(model, [seen, words], torch.zeros(6, dtype=torch.int64), judge, {})
    torch.testing.assert_close(none, F.cross_entropy(model(seen, words), torch.zeros(6, dtype=torch.int64)))


def test_the_contrast_within_a_batch_by_hand():
    torch.manual_seed(0)
    scores = torch.randn(4, 4).double()
    rows = -scores.log_softmax(1).diag().mean()
    columns = -scores.log_softmax(0).diag().mean()
    torch.testing.assert_close(symmetric_contrast(scores), (rows + columns) / 2)
    torch.testing.assert_close(symmetric_contrast(scores, torch.eye(4).bool()), (rows + columns) / 2)
    alike = torch.eye(4).bool()
    alike[0, 2] = alike[2, 0] = True  # the same title twice
    shares = alike.double() / alike.sum(1, keepdim=True)
    expected = -(shares * scores.log_softmax(1)).sum(1).mean() - (shares.T * scores.log_softmax(0)).sum(0).mean()
    torch.testing.assert_close(symmetric_contrast(scores, alike), expected / 2)


def test_two_towers_learn_what_belongs_together():
    """Pictures of a number and words for it: matched by contrast within the batch, then ranked."""
    torch.manual_seed(0)
    turn = torch.randn(6, 6)
    model = TwoTowers(nn.Linear(6, 8), nn.Embedding(12, 8), (8, 8), shared=8)
    words = torch.arange(12)
    looks = torch.randn(12, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(150):
        seen, read = model.embed_first(looks @ turn + 0.05 * torch.randn(12, 6)), model.embed_second(words)
        loss = symmetric_contrast(model.scores(seen, read))
        loss = loss + F.cross_entropy(model.judge(seen, read.roll(1, 0)), torch.zeros(12, dtype=torch.int64))
        loss = loss + F.cross_entropy(model.judge(seen, read), torch.ones(12, dtype=torch.int64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    seen, read = model.embed_first(looks @ turn), model.embed_second(words)
    assert (model.scores(seen, read).argmax(1) == words).float().mean() > 0.9
    assert (model(looks @ turn, words).argmax(1) == 1).float().mean() > 0.9
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(12))
    torch.testing.assert_close(model.features(looks @ turn, words)[:, 0], (seen * read).sum(1))


def test_the_temperature_has_an_end():
    model = TwoTowers(nn.Identity(), nn.Identity(), (3, 3), outputs=None)
    with torch.no_grad():
        model.logit_scale.fill_(20.0)
    assert model.temperature() == 100
    with pytest.raises(ValueError, match="2 outputs"):
        TwoTowers(nn.Identity(), nn.Identity(), (3, 3), outputs=5)


def test_a_row_of_zeros_has_no_direction():
    zero = torch.zeros(2, 3, requires_grad=True)
    unit(zero).sum().backward()
    assert zero.grad.isfinite().all()
