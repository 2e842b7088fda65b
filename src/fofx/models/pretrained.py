"""Encoders that others have trained or named: EfficientNet-Lite0, any timm network, a BERT or transformers checkpoint folder.

Nothing is fetched: weights come from an installed package or a folder on this machine. A checkpoint brings its own tokenizer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fofx.errors import RunError, TaskError

LONGEST = 160  # tokens of a text that a checkpoint reads
IMAGENET = {"mean": [0.5, 0.5, 0.5], "spread": [0.5, 0.5, 0.5]}  # how EfficientNet-Lite's pictures were scaled


def text_part(name: str, block: str) -> dict:
    """The shape of a text encoder from a checkpoint folder: "bert/FOLDER" (our BERT) or "hf/FOLDER" (transformers')."""
    family, folder = name.split("/", 1)
    path = Path(folder)
    if not (path / "config.json").is_file():
        raise TaskError("checkpoint-missing", f"{name!r} should name a folder with a config.json; {folder!r} has none.")
    part: dict[str, Any] = {
        "block": block,
        "model": family,
        "folder": str(path.resolve()),
        "tokenizer": tokenizer_json(path),
    }
    if family == "bert":
        from fofx.models.bert import read_checkpoint

        part["options"], _ = read_checkpoint(path)
        part["length"] = min(LONGEST, part["options"]["positions"])
    else:
        part["config"] = json.loads((path / "config.json").read_text(encoding="utf-8"))
        part["length"] = min(LONGEST, int(part["config"].get("max_position_embeddings", LONGEST)) - 2)
    return part


def tokenizer_json(folder: Path) -> str:
    """The checkpoint's tokenizer (tokenizer.json, or a BERT vocab.txt) as the JSON of the `tokenizers` package."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(folder / "tokenizer.json")).to_str()
    if (folder / "vocab.txt").is_file():
        settings = folder / "tokenizer_config.json"
        lower = (
            json.loads(settings.read_text(encoding="utf-8")).get("do_lower_case", True) if settings.is_file() else True
        )
        return BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lower).to_str()
    raise TaskError("checkpoint-missing", f"{folder} has neither a tokenizer.json nor a vocab.txt.")


def encode_by(texts: list[str], tokenizer: str, length: int) -> torch.Tensor:
    """Token numbers (N, T) int32 by a checkpoint's own tokenizer, with its special tokens; 0 is padding."""
    from tokenizers import Tokenizer

    cutter = Tokenizer.from_str(tokenizer)
    cutter.enable_truncation(length)
    cutter.enable_padding(pad_id=0)
    return torch.tensor([row.ids for row in cutter.encode_batch(texts)], dtype=torch.int32)  # (N, T)


class Checkpoint(nn.Module):
    """Any transformers encoder: the mean of its last hidden states over the real tokens, then one linear layer."""

    def __init__(self, body: nn.Module, width: int, outputs: int | None) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        tokens = self.body(input_ids=ids, attention_mask=mask.long()).last_hidden_state  # (B, T, C)
        pooled = (tokens * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)  # (B, C)
        return self.head(pooled)


def make(part: dict, outputs: int | None, pretrained: bool) -> nn.Module:
    """The encoder of a shape's part; with `pretrained` its published weights are read from where they lie."""
    family = part["model"].split("/")[0]
    if family == "efficientnet":
        from fofx.models.efficientnet_lite import EfficientNetLite, load_pretrained

        return load_pretrained(outputs) if pretrained else EfficientNetLite(outputs)
    if family == "bert":
        from fofx.models.bert import BERT

        if pretrained and Path(part["folder"]).is_dir():
            return BERT.from_folder(part["folder"], outputs)
        return BERT(**part["options"], outputs=outputs)
    if family == "hf":
        transformers = demand("transformers")
        if pretrained and Path(part["folder"]).is_dir():
            body = transformers.AutoModel.from_pretrained(part["folder"], local_files_only=True, use_safetensors=True)
        else:
            config = transformers.AutoConfig.for_model(**part["config"])
            body = transformers.AutoModel.from_config(config)
        return Checkpoint(body, body.config.hidden_size, outputs)
    if family == "timm":
        demand_source(part["model"])
        timm, name = demand("timm"), part["model"].split("/", 1)[1]
        return timm.create_model(name, pretrained=False, num_classes=outputs or 0, in_chans=part["channels"])
    raise RunError("damaged-run", f"The run names a model {part['model']!r} that this fofx does not know.")


def demand_source(name: str) -> None:
    """TaskError unless the network or checkpoint that a rung's name points to is there."""
    family, _, rest = name.partition("/")
    if family == "timm" and rest not in demand("timm").list_models():
        raise TaskError("unknown-model", f"timm has no model {rest!r}; timm.list_models() lists them.")
    if family == "hf":
        demand("transformers")
    if family in ("hf", "bert") and rest and not (Path(rest) / "config.json").is_file():
        raise TaskError("checkpoint-missing", f"{name!r} should name a folder with a config.json; {rest!r} has none.")


def demand(package: str):
    """An optional package, or a TaskError that says how to get it."""
    import importlib

    try:
        return importlib.import_module(package)
    except (ImportError, RuntimeError) as problem:
        raise TaskError(
            "package-missing", f'{package} is needed for this model: pip install "fofx[hub]" ({problem}).'
        ) from problem
