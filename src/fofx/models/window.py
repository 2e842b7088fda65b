"""Windows: an identity layer at every value worth seeing, and one recorder for all of them.

    with watch(model) as seen:
        model(pictures)
    seen["layer1.0.seen"]        # what passed there last, detached

A model with two paths (attention, recurrence) takes the visible one while somebody looks, and the fast one otherwise;
tests prove that both give the same values and gradients.
"""

from __future__ import annotations

import torch
from torch import nn


class Peek(nn.Identity):
    """A window: passes its input on unchanged, so that `watch` can record it."""

    @property
    def watched(self) -> bool:
        """Whether somebody looks through this window now."""
        return bool(self._forward_hooks)


class watch:  # lower case, because it is read as a verb: `with watch(model) as seen`
    """Record what passes each window of `model` while the `with` block runs.

    Gives a dict from the window's qualified name to the tensor that passed there last: detached, not copied, on the
    device it was made on. `names` limits it to windows whose name begins with one of these words; naming a window that
    does not exist is a KeyError. Nothing stays on the model afterwards, also when the block ends by an error.
    """

    def __init__(self, model: nn.Module, names: tuple[str, ...] = ()) -> None:
        self.windows = {name: module for name, module in model.named_modules() if isinstance(module, Peek)}
        if names:
            for name in names:
                if not any(window.startswith(name) for window in self.windows):
                    raise KeyError(
                        f"no window begins with {name!r}; this model has {', '.join(self.windows) or 'none'}"
                    )
            self.windows = {name: module for name, module in self.windows.items() if name.startswith(tuple(names))}
        self.seen: dict[str, torch.Tensor] = {}
        self.handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> dict[str, torch.Tensor]:
        for name, window in self.windows.items():
            self.handles.append(window.register_forward_hook(self._recorder(name)))
        return self.seen

    def __exit__(self, *error: object) -> None:
        while self.handles:
            self.handles.pop().remove()

    def _recorder(self, name: str):
        def record(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            self.seen[name] = output.detach()

        return record


def windowed(*layers: nn.Module) -> nn.Sequential:
    """Layers in a row, numbered as torchvision numbers them, with a window after each ReLU that has no number.

    A window holds no weights, so the names in the state stay those of the reference ("0.weight", "3.weight", ...).
    """
    row = nn.Sequential()
    for number, layer in enumerate(layers):
        row.add_module(str(number), layer)
        if isinstance(layer, nn.ReLU):
            row.add_module(f"seen_{number}", Peek())
    return row
