"""BERT: a transformer encoder that has read a library, ready to be told what to look for.

Devlin, Chang, Lee, Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2018.
State names are those of Hugging Face's BertModel. A checkpoint folder is read from its config.json and
model.safetensors; pickled weights (pytorch_model.bin) can run code when opened and are refused.
"""

# B texts, T positions, C channels, N heads, K channels of a head

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from fofx.errors import FofxError
from fofx.models.attention import attend, real_positions
from fofx.models.dropout import Dropout
from fofx.models.window import Peek


class BERTSelf(nn.Module):
    """Queries, keys, values and their meeting: (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.weights = Peek()

    def forward(self, tokens: torch.Tensor, allowed: torch.Tensor | None) -> torch.Tensor:
        parts = [part(tokens).unflatten(2, (self.heads, -1)) for part in (self.query, self.key, self.value)]
        queries, keys, values = (part.transpose(1, 2) for part in parts)  # each (B, N, T, K)
        mixed = attend(queries, keys, values, allowed, self.weights)  # (B, N, T, K)
        return mixed.transpose(1, 2).flatten(2)  # (B, T, C)


class BERTAdd(nn.Module):
    """A linear layer beside a shortcut, normalized after the sum ("post-norm")."""

    def __init__(self, inputs: int, width: int, dropout: float, epsilon: float) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, width)
        self.LayerNorm = nn.LayerNorm(width, eps=epsilon)
        self.dropout = Dropout(dropout)

    def forward(self, inner: torch.Tensor, shortcut: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.dropout(self.dense(inner)) + shortcut)  # (B, T, C)


class BERTLayer(nn.Module):
    """Look at the others, then think alone: (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, heads: int, wide: int, dropout: float, epsilon: float, activation: str) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": BERTSelf(width, heads), "output": BERTAdd(width, width, dropout, epsilon)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, wide)})
        self.output = BERTAdd(wide, width, dropout, epsilon)
        self.activation = activation
        self.seen = Peek()

    def forward(self, tokens: torch.Tensor, allowed: torch.Tensor | None) -> torch.Tensor:
        tokens = self.attention["output"](self.attention["self"](tokens, allowed), tokens)
        wide = self.intermediate["dense"](tokens)  # (B, T, wide)
        wide = F.relu(wide) if self.activation == "relu" else F.gelu(wide, approximate=self.activation)
        return self.seen(self.output(wide, tokens))  # (B, T, C)


class BERT(nn.Module):
    """ids (B, T) int64 and mask (B, T) bool, True at real tokens -> (B, outputs), from the mean over the real tokens.

    With `outputs=None` there is no head and the mean (B, C) comes out. `features` gives the tokens (B, T, C), 0 at
    padding. `pooler=True` adds Hugging Face's pooler (a layer on the first token), used in place of the mean.
    `activation` is "none" (the exact GELU), "tanh" (GELU by tanh) or "relu". There is no dropout on the attention
    weights, so that watching changes nothing; otherwise a text gives what BertModel gives.
    """

    def __init__(
        self,
        vocabulary: int,
        outputs: int | None = None,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        wide: int = 3072,
        positions: int = 512,
        sentences: int = 2,
        padding: int | None = 0,
        dropout: float = 0.1,
        epsilon: float = 1e-12,
        activation: str = "none",
        pooler: bool = False,
    ) -> None:
        super().__init__()
        self.width = width
        self.positions = positions
        words = nn.Embedding(vocabulary, width, padding_idx=padding)
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": words,
                "position_embeddings": nn.Embedding(positions, width),
                "token_type_embeddings": nn.Embedding(sentences, width),
                "LayerNorm": nn.LayerNorm(width, eps=epsilon),
            }
        )
        self.dropout = Dropout(dropout)
        self.embedded = Peek()
        blocks = (BERTLayer(width, heads, wide, dropout, epsilon, activation) for _ in range(layers))
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(blocks)})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)}) if pooler else None
        self.pooled = Peek()
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        if padding is not None:
            with torch.no_grad():
                words.weight[padding] = 0
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)
        self.outputs = Peek()

    def features(
        self, ids: torch.Tensor, mask: torch.Tensor | None = None, sentence: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`sentence` (B, T) int64 says which of two sentences a token belongs to; all to the first when it is None."""
        length = ids.shape[1]
        if length > self.positions:
            raise ValueError(f"expected at most {self.positions} tokens in a text, got {length}.")
        places = torch.arange(length, device=ids.device)
        sentence = torch.zeros_like(ids) if sentence is None else sentence
        tokens = self.embeddings["word_embeddings"](ids)  # (B, T, C)
        tokens = tokens + self.embeddings["token_type_embeddings"](sentence)
        tokens = tokens + self.embeddings["position_embeddings"](places)
        tokens = self.embedded(self.embeddings["LayerNorm"](tokens))
        tokens = self.dropout(tokens)
        allowed = real_positions(mask)  # (B, 1, 1, T)
        for layer in self.encoder["layer"].children():
            tokens = layer(tokens, allowed)
        return tokens if mask is None else tokens * mask[:, :, None]

    def pool(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The mean over the real tokens, 0 for a text without any; or what the pooler says. (B, T, C) -> (B, C)"""
        if self.pooler is not None:
            return torch.tanh(self.pooler["dense"](tokens[:, 0]))  # (B, C)
        if mask is None:
            return tokens.mean(dim=1)  # (B, C)
        return tokens.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)  # (B, C)

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None = None, sentence: torch.Tensor | None = None
    ) -> torch.Tensor:
        pooled = self.pooled(self.pool(self.features(ids, mask, sentence), mask))  # (B, C)
        return self.outputs(self.head(self.dropout(pooled)))  # (B, outputs)

    @classmethod
    def from_folder(cls, path, outputs: int | None = None, pooler: bool = False):
        """The model of a Hugging Face checkpoint folder. Errors: see `read_checkpoint`."""
        options, tensors = read_checkpoint(path, pooler)
        model = cls(**options, outputs=outputs, pooler=pooler)
        expected = {name for name in model.state_dict() if not name.startswith("head.")}
        missing = sorted(expected - tensors.keys())
        if missing:
            raise FofxError("bad-checkpoint", f"{path}: the weights lack {missing[0]!r} and {len(missing) - 1} more.")
        try:
            model.load_state_dict({name: tensors[name] for name in expected}, strict=False)
        except RuntimeError as error:
            raise FofxError("bad-checkpoint", f"{path}: config.json and the weights do not fit: {error}") from None
        return model


def read_checkpoint(path, pooler: bool = False) -> tuple[dict, dict]:
    """Options for `BERT` and named tensors of a Hugging Face folder; nothing in the folder is run.

    Errors: "checkpoint-missing" (no such folder or files), "pickled-weights" (only pytorch_model.bin is there),
    "bad-checkpoint" (not a BERT, or broken).
    """
    import json
    from pathlib import Path

    from safetensors.torch import load_file

    folder = Path(path)
    weights = folder / "model.safetensors"
    if not (folder / "config.json").is_file():
        raise FofxError("checkpoint-missing", f"expected a checkpoint folder with a config.json, got {str(path)!r}.")
    if not weights.is_file():
        if any(folder.glob("*.bin")) or any(folder.glob("*.pt*")):
            raise FofxError(
                "pickled-weights",
                f"{path} holds pickled weights, which can run code when they are opened; save the model again with "
                "save_pretrained(folder, safe_serialization=True) and give that folder.",
            )
        raise FofxError("checkpoint-missing", f"expected model.safetensors in {str(path)!r}; it is not there.")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type", "bert")
        activation = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "relu": "relu"}.get(
            config.get("hidden_act", "gelu")
        )
        if kind != "bert" or activation is None or config.get("position_embedding_type", "absolute") != "absolute":
            raise FofxError(
                "bad-checkpoint",
                f"expected a BERT with absolute positions and GELU or ReLU, got model_type {kind!r}, "
                f"hidden_act {config.get('hidden_act')!r}, positions {config.get('position_embedding_type')!r}.",
            )
        options = {
            "vocabulary": config["vocab_size"],
            "width": config["hidden_size"],
            "layers": config["num_hidden_layers"],
            "heads": config["num_attention_heads"],
            "wide": config["intermediate_size"],
            "positions": config["max_position_embeddings"],
            "sentences": config.get("type_vocab_size", 2),
            "padding": config.get("pad_token_id", 0),
            "dropout": config.get("hidden_dropout_prob", 0.1),
            "epsilon": config.get("layer_norm_eps", 1e-12),
            "activation": activation,
        }
        tensors = load_file(weights)
    except FofxError:
        raise
    except Exception as error:
        raise FofxError("bad-checkpoint", f"{path} cannot be read as a BERT checkpoint: {error}") from None
    clean = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("bert.")  # a BERT saved with a head on top
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        clean[name] = tensor.float() if tensor.is_floating_point() else tensor
    return options, clean


PIECES = (FofxError, Peek, Dropout, real_positions, attend, BERTSelf, BERTAdd, BERTLayer, BERT, read_checkpoint)
