"""A loss that is not finite: the error names step, learning rate, the first layer, and what to do."""

import pytest
import torch
from torch import nn

from fofx.errors import FindError
from fofx.losses import squared_error
from fofx.optimize import Recipe, optimize

ROWS = 32


class Root(nn.Module):
    """|x|^(1/2): finite at 0, its gradient is not."""

    def forward(self, x):
        return x.abs().sqrt()


def descend(model, inputs=None, targets=None, **recipe):
    torch.manual_seed(0)
    inputs = torch.randn(ROWS, 4) if inputs is None else inputs
    targets = torch.randn(ROWS, 1) if targets is None else targets
    recipe = Recipe(steps=50, batch=8, optimizer="sgd", schedule="constant", warmup=0.0, **recipe)
    done = 0
    with pytest.raises(FindError) as caught:
        for step in optimize(model, lambda picked: squared_error(model(inputs[picked]), targets[picked]), ROWS, recipe):
            done = step.number
    assert caught.value.code == "not-finite"
    assert f"Step {done + 1}, learning rate {recipe.rate:g}" in str(caught.value)
    assert "What to do: " in str(caught.value)
    assert not any(module._forward_hooks for module in model.modules())
    return str(caught.value), done


def body():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Linear(8, 1))


def test_an_infinite_input():
    text, done = descend(body(), inputs=torch.full((ROWS, 4), torch.inf))
    assert "the input of layer '0' is already not finite" in text and done == 0


def test_an_infinite_target():
    text, _ = descend(body(), targets=torch.full((ROWS, 1), torch.inf))
    assert "the loss itself is not" in text


def test_a_layer_whose_output_overflows():
    model = body()
    with torch.no_grad():
        model[2][0].weight.fill_(3e38)
    text, done = descend(model)
    assert "the first layer to overflow is '2.0'" in text and done == 0
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())  # no update was made


def test_a_learning_rate_that_is_too_high():
    text, done = descend(body(), rate=1e4)
    assert done > 0
    assert "divide the learning rate by 10" in text


def test_weights_that_are_not_finite():
    model = body()
    with torch.no_grad():
        model[2][0].bias[3] = torch.nan
    text, _ = descend(model)
    assert "the weights of layer '2.0' are not finite" in text


def test_a_gradient_that_is_not_finite():
    model = nn.Sequential(nn.Linear(4, 4), Root(), nn.Linear(4, 1))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.zero_()
    text, done = descend(model, clip=1.0)
    assert "the gradient that reaches layer '0' is not" in text and done == 0
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
