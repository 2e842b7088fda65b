"""Where a weight meets the data: every operation of a network that multiplies one weight with a row's values, seen as it happens.

A weight may be shared: a convolution uses it at every place of a picture, a recurrent cell at every step of time. Each meeting
is a `Use`: what the operation gave, z, and dz/dw, how much each number of z changes with this one weight (for a convolution:
the pixel under the weight; for a cell: the memory it multiplies; for an embedding: 1 where the token stands).
Nothing is asked of the network: all functions of torch that are called while it answers pass here, with their arguments. What is
made of weights alone (a transposed matrix, a slice of a table) is followed until it meets the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from fofx.errors import TaskError


@dataclass
class Use:
    """One meeting of the weight with the data. `name` is torch's for the operation; z and slope have one shape."""

    name: str
    output: torch.Tensor  # z, part of the graph
    slope: torch.Tensor  # dz/dw


class Uses(TorchFunctionMode):
    """While it lasts, `found` collects the uses of `parameter[place]`.

    with Uses(weight, (3, 0), inputs) as uses:
        outputs = model(inputs)
    uses.found
    """

    def __init__(self, parameter: nn.Parameter, place: tuple[int, ...], inputs: list[torch.Tensor]) -> None:
        super().__init__()
        one = torch.zeros_like(parameter)
        one[place] = 1.0
        self.found: list[Use] = []
        self.data = {id(each): each for each in inputs}  # what hangs on the row; kept, so that no number is given twice
        self.carried: dict[int, tuple[torch.Tensor, torch.Tensor]] = {
            id(parameter): (parameter, one)
        }  # what is made of weights alone: tensor, its slope

    def __torch_function__(self, function: Callable, types: Any, given: tuple = (), named: dict | None = None) -> Any:
        named = named or {}
        tensors = list(tensors_in((given, named)))
        data = any(id(each) in self.data for each in tensors)
        carries = any(id(each) in self.carried for each in tensors)
        slopes = self._slopes(function, given, named) if carries else ()
        out = function(*given, **named)
        if slopes and out is None:
            raise refuse("a weight is written into another tensor in place")
        for each in tensors_in(out):
            if data:
                self.data[id(each)] = each
        if not slopes:
            return out
        if not data:
            self.carried |= {id(each): (each, slope) for each, slope in zip(tensors_in(out), slopes, strict=True)}
            return out
        return self._used(name_of(function), out, iter(slopes))

    def _used(self, name: str, out: Any, slopes: Iterator[torch.Tensor]) -> Any:
        """Note a use; the network goes on with a copy, so that nothing that works in place changes what was noted."""
        if isinstance(out, tuple | list):
            return type(out)(self._used(name, part, slopes) for part in out)
        if not torch.is_tensor(out):
            return out
        slope = next(slopes)
        if not out.requires_grad:
            return out
        self.found.append(Use(name, out, slope))
        copied = out.clone()
        self.data[id(copied)] = copied
        return copied

    def _slopes(self, function: Callable, given: tuple, named: dict) -> tuple[torch.Tensor, ...]:
        """d out / dw of one operation, all other arguments held, for each tensor that it gives.

        Torch goes backwards: v -> J^T v. That is linear in v, and deriving it by v towards the carriers' slopes gives J slope.
        """
        carriers = [each for each in tensors_in((given, named)) if id(each) in self.carried]
        carriers = list({id(each): each for each in carriers}.values())
        slopes = [self.carried[id(each)][1] for each in carriers]
        own = [each.detach().clone().requires_grad_(True) for each in carriers]
        put = {id(old): new for old, new in zip(carriers, own, strict=True)}
        try:
            with sdpa_kernel(SDPBackend.MATH):  # the fused forms of attention can be derived only once
                outs = tuple(tensors_in(function(*replaced(given, put), **replaced(named, put))))
                return tuple(forward(out, own, slopes) for out in outs)
        except RuntimeError as problem:
            raise refuse(f"{name_of(function)!r} cannot be derived twice: {str(problem).splitlines()[0]}") from problem


def forward(out: torch.Tensor, given: list[torch.Tensor], slopes: list[torch.Tensor]) -> torch.Tensor:
    """The derivative of `out` when `given` move along `slopes`."""
    if not out.requires_grad:
        return torch.zeros_like(out)
    start = torch.zeros_like(out, requires_grad=True)
    back = torch.autograd.grad(out, given, start, create_graph=True, allow_unused=True)
    pairs = [(each, slope) for each, slope in zip(back, slopes, strict=True) if each is not None]
    (found,) = torch.autograd.grad([each for each, _ in pairs], start, [slope for _, slope in pairs])
    return found.detach()


def refuse(why: str) -> TaskError:
    return TaskError("no-chain", f"The chain rule of this weight cannot be shown: {why}.")


def name_of(function: Callable) -> str:
    """
    >>> name_of(torch.nn.functional.conv2d), name_of(torch.Tensor.__matmul__)
    ('conv2d', 'matmul')
    """
    name = getattr(function, "__name__", str(function)).strip("_")
    return {"rmatmul": "matmul", "radd": "add", "rmul": "mul", "getitem": "index"}.get(name, name)


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in tuples, lists and dicts, in order."""
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors_in(each)


def replaced(value: Any, put: dict[int, torch.Tensor]) -> Any:
    """The same arguments with some tensors changed for others; every other one by itself, so that nothing is derived twice."""
    if torch.is_tensor(value):
        return put[id(value)] if id(value) in put else value.detach().clone()
    if isinstance(value, tuple | list):
        return type(value)(replaced(each, put) for each in value)
    if isinstance(value, dict):
        return {key: replaced(each, put) for key, each in value.items()}
    return value
