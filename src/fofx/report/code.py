"""The three steps of each rung that made the answer, as plain PyTorch text: the model, the loss, how it was optimized.

For reading; `fofx eject` writes the whole script that runs. Every number is that of the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fofx.fields.number import Number
from fofx.rungs.average import Average
from fofx.rungs.base import Rung
from fofx.rungs.neural import Neural

if TYPE_CHECKING:
    from fofx.finding import Finding

Steps = tuple[str, str, str, str]  # rung's name, model, loss, optimize
LIMIT = 9000  # characters of a printed network


def steps_in_code(function: Finding) -> list[Steps]:
    """The steps of the winner, or of each member when the winner is an average."""
    winner = function.rung(function.winner)
    if isinstance(winner, Average):
        whole = sum(winner.weights.values())
        shares = " + ".join(f"{count}/{whole} * {variable(name)}(x)" for name, count in winner.weights.items())
        members = [one(function, function.rung(name)) for name in winner.weights]
        chosen = "# the weights are chosen greedily on the validation rows (Caruana et al. 2004)"
        return [
            (winner.name, f"answer = {shares}", "# no loss of its own: the cost on the validation rows", chosen),
            *members,
        ]
    return [one(function, winner)]


def variable(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def one(function: Finding, rung: Rung) -> Steps:
    """The steps of one rung."""
    recipe = next((result.recipe for result in function.rungs if result.name == rung.name), {})
    if isinstance(rung, Neural):
        return (rung.name, model_of(rung), loss_of(function), descent_of(recipe))
    number = isinstance(function.outputs[0], Number)
    output = function.outputs[0]
    if rung.family == "naive":
        text = {"mean": "answer = y_train.mean()", "last value": "answer = x[last_value_column]"}
        text |= {"seasonal value": "answer = past[:, steps - 1 - season]    # one season before"}
        text |= {"drift": "answer = past[:, -1] + steps * (past[:, -1] - past[:, 0]) / (past.shape[1] - 1)"}
        return rung.name, text.get(rung.name, "probabilities = counts / counts.sum()"), "", "# nothing to optimize"
    if f"{output.name}.weight" in getattr(rung, "weights", {}):
        features, classes = rung.weights[f"{output.name}.weight"].shape  # type: ignore[attr-defined]
        model = f"model = nn.Linear({features}, {classes})    # y = x W + b"
        strength = (recipe.get("strength") or {}).get(output.name, 1.0)
        if number:
            loss = f"loss = ((model(x) - y) ** 2).sum() + {strength:g} * (model.weight ** 2).sum()    # ridge"
            return (
                rung.name,
                model,
                loss,
                f"W = torch.linalg.solve(X.T @ X + {strength:g} * I, X.T @ y)    # in one step, x and y centred",
            )
        loss = f"loss = F.cross_entropy(model(x), y, reduction='sum') + (model.weight ** 2).sum() / (2 * {strength:g})"
        return (
            rung.name,
            model,
            loss,
            "# L-BFGS over all rows at once: the loss is convex, so the minimum is the only one",
        )
    setting = getattr(rung, "setting", "")
    several = len(function.outputs) > 1
    settings = (recipe.get("chosen") or {}).items()
    chosen = ", ".join(f"{setting} = {value}" + (f" for {name}" if several else "") for name, value in settings)
    chosen = f"# chosen on the validation rows: {chosen}" if chosen else ""
    value = (recipe.get("chosen") or {}).get(output.name)
    if rung.name == "knn":
        model = f"nearest = torch.cdist(x, X_train).topk({value}, largest=False)\nweights = 1 / nearest.values\n"
        model += f"answer = weighted {'mean of y_train' if number else 'vote of y_train'}[nearest.indices]"
        return rung.name, model, "", f"# nothing to optimize: the training rows are the model\n{chosen}"
    if rung.name == "tree":
        model = f"def tree(x, node):\n    if node.leaf: return node.{'mean' if number else 'shares'}\n"
        model += "    return tree(x, node.left if x[node.column] <= node.threshold else node.right)"
        loss = (
            "# of each cut: "
            + ("variance" if number else "gini impurity")
            + " of the two sides, weighted by their rows"
        )
        return (
            rung.name,
            model,
            loss,
            f"# greedy: at each node the cut of least cost, down to the chosen depth\n{chosen}",
        )
    if rung.name == "boosting":
        model = "answer = base\nfor tree in trees: answer = answer + rate * tree(x)"
        model += "" if number else "\nprobabilities = softmax(answer)    # with two classes: sigmoid"
        loss = "loss = F.mse_loss(answer, y)" if number else "loss = F.cross_entropy(answer, y)"
        grown = "# each new tree is fitted to the gradient of the loss, cut by cut; it stops where validation is best"
        return rung.name, model, loss, f"{grown}\n{chosen}"
    if rung.name == "bayes":
        model = "log p(class | x) = log p(class) + sum_i log p(x_i | class) + constant"
        return (
            rung.name,
            model,
            "# maximum likelihood: the counts (or mean and variance) of each class",
            f"# counted in one pass\n{chosen}",
        )
    return rung.name, f"# {rung.name}", "", chosen


def model_of(rung: Neural) -> str:
    text = str(rung.network)
    weights = sum(parameter.numel() for parameter in rung.network.parameters())
    return f"# {weights:,} parameters\n" + (text if len(text) <= LIMIT else text[:LIMIT] + "\n...")


def loss_of(function: Finding) -> str:
    """The loss as written in PyTorch; several outputs' losses are added up."""
    lines = [output.loss_line(function.record["asked"]) for output in function.outputs]
    if len(lines) > 6:
        lines = [*lines[:5], f"# and {len(lines) - 5} more outputs, each with a loss of its own"]
    return "\n".join(lines[:1] + [line.replace("loss =", "loss +=") for line in lines[1:]])


def descent_of(whole: dict) -> str:
    """The loop with the recipe's numbers."""
    recipe = whole.get("optimize")
    if not recipe:
        return ""
    kind = {"adamw": "AdamW", "adam": "Adam"}.get(recipe["optimizer"], "SGD")
    momentum = ", momentum=0.9" if recipe["optimizer"] == "momentum" else ""
    steps = min(recipe["steps"], recipe.get("stop_at") or recipe["steps"])
    lines = [
        f"torch.manual_seed({recipe['seed']})",
        f"optimizer = torch.optim.{kind}(model.parameters(), lr={recipe['rate']:g}{momentum}, weight_decay={recipe['decay']:g})",
        f"for step in range({steps}):    # schedule {recipe['schedule']} over {recipe['steps']} steps, at most {recipe['rate']:g}",
        f"    x, y = next(batches)    # {recipe['batch']} rows" + (", augmented" if whole.get("augment") else ""),
        "    optimizer.zero_grad()",
        "    loss = loss_of(model(x), y)",
        "    loss.backward()",
        f"    nn.utils.clip_grad_norm_(model.parameters(), {recipe['clip']:g})" if recipe.get("clip") else "",
        "    optimizer.step()",
        f"    # every {recipe['check_every']} steps: loss on the validation rows; the best weights are kept",
    ]
    return "\n".join(line for line in lines if line)
