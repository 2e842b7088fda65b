r"""A network as a tree of blocks: each block's formula, source, weights, and the shapes that one real row has on its way through.

Formulas say what the class does, in the letters of its file. Shapes are measured by running a row of the run, never guessed.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fofx.models.window import Peek
from fofx.rungs.neural import Neural

MOST_SOURCE = 12_000  # characters of a source that is shown

FORMULAS: dict[str, str] = {
    "Linear": r"y = W x + b",
    "Conv2d": r"y_{o,i,j} = b_o + \sum_{c,u,v} w_{o,c,u,v} \, x_{c,\, s i + u,\, s j + v}",
    "SameConvolution": r"y_{o,i,j} = b_o + \sum_{c,u,v} w_{o,c,u,v} \, x_{c,\, s i + u,\, s j + v}",
    "BatchNorm1d": r"y = \gamma \, \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta",
    "BatchNorm2d": r"y_c = \gamma_c \, \frac{x_c - \mu_c}{\sqrt{\sigma_c^2 + \epsilon}} + \beta_c",
    "LayerNorm": r"y = \gamma \odot \frac{x - \mathrm{mean}(x)}{\sqrt{\mathrm{var}(x) + \epsilon}} + \beta",
    "ReLU": r"y = \max(0, x)",
    "ReLU6": r"y = \min(\max(0, x), 6)",
    "GELU": r"y = x \, \Phi(x)",
    "Tanh": r"y = \tanh x",
    "Sigmoid": r"y = \frac{1}{1 + e^{-x}}",
    "Dropout": r"y = \frac{m \odot x}{1 - p}, \quad m_i \sim \mathrm{Bernoulli}(1 - p); \quad y = x \ \mathrm{afterwards}",
    "MaxPool2d": r"y_{c,i,j} = \max_{u,v} \, x_{c,\, s i + u,\, s j + v}",
    "AvgPool2d": r"y_{c,i,j} = \frac{1}{k^2} \sum_{u,v} x_{c,\, s i + u,\, s j + v}",
    "AdaptiveAvgPool2d": r"y_c = \frac{1}{H W} \sum_{i,j} x_{c,i,j}",
    "Flatten": r"(C, H, W) \to (C \cdot H \cdot W)",
    "Identity": r"y = x",
    "Embedding": r"y_t = E_{\mathrm{id}_t}",
    "RNN": r"h_t = \tanh(W x_t + U h_{t-1} + b)",
    "GRU": r"h_t = (1 - z_t) \odot \tanh\left(W x_t + r_t \odot U h_{t-1}\right) + z_t \odot h_{t-1}",
    "LSTM": r"c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh c_t",
    "Network": r"\hat{y} = W \left[ a \, ; b \, ; c \right] + \mathrm{bias}",
    "Pixels": r"x = \frac{\mathrm{bytes} / 255 - \mu_c}{\sigma_c}",
    "Words": r"\mathrm{ids}, \ \mathrm{mask} = [\mathrm{ids} \neq 0]",
    "MLP": r"h_{k} = \max(0, W_k h_{k-1} + b_k), \qquad \hat{y} = W h + b",
    "ConvolutionStage": r"h = \mathrm{pool}\left(\max(0, \mathrm{norm}(w * x))\right)",
    "CNN": r"\hat{y} = W \, \mathrm{pool}(h_K) + b, \qquad h_k = \mathrm{stage}_k(h_{k-1})",
    "BasicBlock": r"y = \max\left(0, \, x + F(x)\right)",
    "Bottleneck": r"y = \max\left(0, \, x + F(x)\right)",
    "ResNet": r"h_{k} = \max\left(0, h_{k-1} + F_k(h_{k-1})\right), \qquad \hat{y} = W \, \mathrm{mean}(h_K) + b",
    "SelfAttention": r"\mathrm{softmax}\left( \frac{Q K^{\top}}{\sqrt{d}} \right) V",
    "ViTAttention": r"\mathrm{softmax}\left( \frac{Q K^{\top}}{\sqrt{d}} \right) V",
    "BERTSelf": r"\mathrm{softmax}\left( \frac{Q K^{\top}}{\sqrt{d}} \right) V",
    "TransformerBlock": r"t' = t + \mathrm{attention}(\mathrm{norm}(t)), \qquad t'' = t' + \mathrm{MLP}(\mathrm{norm}(t'))",
    "ViTBlock": r"t' = t + \mathrm{attention}(\mathrm{norm}(t)), \qquad t'' = t' + \mathrm{MLP}(\mathrm{norm}(t'))",
    "Transformer": r"\hat{y} = W \, \frac{1}{T} \sum_t h_t + b",
    "ViT": r"\hat{y} = W \, h_{\mathrm{class}} + b",
    "Recurrent": r"h_t = f(x_t, h_{t-1})",
    "TextRNN": r"h_t = f(E_{\mathrm{id}_t}, h_{t-1}), \qquad \hat{y} = W h + b",
    "PiecewiseLinear": r"e_j(x) = \mathrm{clamp}\left( \frac{x - l_j}{s_j} \right), \qquad y = u x + o + \sum_j e_j(x) \, w_j",
    "MemberLinear": r"y_k = \left( W \odot (r_k s_k^{\top}) \right)^{\top} x + b_k",
    "MemberHeads": r"\hat{y}_k = W_k h_k + b_k",
    "TabM": r"\hat{y} = \frac{1}{K} \sum_k f_k(x)",
    # rungs without a network
    "mean": r"\hat{y} = \frac{1}{N} \sum_n y_n",
    "majority": r"p(c) = \frac{1}{N} \sum_n [y_n = c]",
    "last value": r"\hat{y}_{t} = y_{t-1}",
    "linear": r"\hat{y} = W x + b",
    "knn": r"\hat{y} = \frac{\sum_{k} y_k / d_k}{\sum_{k} 1 / d_k}, \qquad d_k = \| x - x_k \|",
    "tree": r"\hat{y} = \mathrm{mean} \{ y_n : x_n \ \mathrm{in\ the\ leaf\ of}\ x \}",
    "boosting": r"F_m(x) = F_{m-1}(x) + \eta \, \mathrm{tree}_m(x)",
    "bayes": r"p(c \mid x) \propto p(c) \prod_i p(x_i \mid c)",
    "average": r"\hat{y} = \sum_m \frac{k_m}{\sum k} \, f_m(x)",
    "efficientnet-frozen": r"\hat{y} = W \, \varphi(x) + b, \qquad \varphi \ \mathrm{frozen}",
}  # fmt: skip


@dataclass
class Block:
    """One module. shapes: what came in and what went out for one row, as text; None where it was not called on its own."""

    name: str
    kind: str
    weights: int
    formula: str | None
    file: str | None
    line: int | None
    source: str
    into: str | None = None
    out: str | None = None
    more: str = ""
    parts: list[Block] = field(default_factory=list)


def tree_of(rung: Neural, blocks: list[torch.Tensor] | None) -> Block:
    """The blocks of a rung's network; with `blocks` of one row, also every shape."""
    seen: dict[str, tuple[str, str]] = {}
    handles = []
    network = rung.network
    if blocks is not None:
        for name, module in network.named_modules():
            handles.append(module.register_forward_hook(_recorder(seen, name)))
        try:
            network.eval()
            with torch.no_grad():
                network(blocks)
        finally:
            for handle in handles:
                handle.remove()
    return _block("", network, seen)


def _recorder(seen: dict[str, tuple[str, str]], name: str) -> Any:
    def record(module: nn.Module, inputs: tuple, output: Any) -> None:
        seen[name] = shapes_of(inputs), shapes_of(output)

    return record


def shapes_of(value: Any) -> str:
    """
    >>> shapes_of((torch.zeros(1, 3), [torch.zeros(2)]))
    '(1, 3), (2)'
    """
    if isinstance(value, torch.Tensor):
        return f"({', '.join(map(str, value.shape))})"
    if isinstance(value, list | tuple):
        return ", ".join(text for text in map(shapes_of, value) if text)
    return ""


def _block(name: str, module: nn.Module, seen: dict[str, tuple[str, str]]) -> Block:
    kind = type(module).__name__
    file, line, source = source_of(type(module))
    into, out = seen.get(name, (None, None))
    prefix = f"{name}." if name else ""
    parts = []
    for part, child in module.named_children():
        if isinstance(child, nn.ModuleList):  # a list does nothing of its own
            parts += [_block(f"{prefix}{part}.{number}", each, seen) for number, each in child.named_children()]
        elif not isinstance(child, Peek) and not (kind == "Network" and isinstance(child, nn.Identity)):
            parts.append(_block(prefix + part, child, seen))
    own = kind == "Sequential"
    if kind == "Network" and len(getattr(module, "encoders", ())) == 1:
        formula: str | None = r"\hat{y} = f(x)"
    else:
        formula = FORMULAS.get(kind)
    return Block(
        name=name,
        kind=kind,
        weights=sum(parameter.numel() for parameter in module.parameters()),
        formula=formula,
        file=None if own else file,
        line=line,
        source="" if own else source,
        into=into,
        out=out,
        more=module.extra_repr() if not own and file and file.startswith("torch") else "",
        parts=parts,
    )


def source_of(kind: type) -> tuple[str | None, int | None, str]:
    """(file, line, source) of a class; the file as it is named within its package, such as fofx/models/mlp.py."""
    try:
        lines, line = inspect.getsourcelines(kind)
        path = inspect.getsourcefile(kind) or ""
    except (OSError, TypeError):
        return None, None, ""
    top = kind.__module__.split(".")[0]
    package = Path(getattr(sys.modules.get(top), "__file__", None) or path).parent
    try:
        file = str(Path(top) / Path(path).relative_to(package)).replace("\\", "/")
    except ValueError:
        file = Path(path).name
    source = "".join(lines) if top == "fofx" else ""
    return file, line, source[:MOST_SOURCE]
