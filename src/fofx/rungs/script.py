"""How a neural rung is written as plain PyTorch lines: the network as one expression, the loss, and the loop itself.

The functions and classes that the lines call are the engine's own, pasted from their source; only the loop, which the engine
keeps apart from who watches it, is written out here, as the beginning of `fofx.optimize` shows it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from typing import Any

from fofx.errors import TaskError
from fofx.fields import block_class
from fofx.models import pretrained
from fofx.network import Network, PairNetwork, TowersNetwork
from fofx.optimize import alike, batches, clip_gradient, learning_rate, make_optimizer
from fofx.repeated import Repeated
from fofx.rungs import shapes
from fofx.rungs.base import Code, quoted

LOOP = """
optimizer = make_optimizer(model.parameters(), OPTIMIZER, RATE, DECAY)
best, waited, weights = math.inf, 0, model.state_dict()
torch.manual_seed(SEED)  # dropout and augmentation draw from here
model.train()
picks = batches(len(train), BATCH, SEED, device=str(device))
for step, (epoch, picked) in zip(range(1, LAST + 1), picks):
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step - 1, STEPS, RATE, SCHEDULE, WARMUP)
    optimizer.zero_grad()
    loss = loss_of(picked)
    loss.backward()
    clip_gradient(model.parameters(), CLIP)
    optimizer.step()
    history.append({"rung": NAME, "step": step, "epoch": epoch + 1, "loss": loss.item()})
    if step % LOOK_EVERY and step < LAST:
        continue
    model.eval()  # a look at the validation rows: the best weights are kept
    with torch.no_grad():
        now = LOSS_BETWEEN(run(x_validation), y_validation, {}).item()
    model.train()
    history[-1]["validation"] = now
    print(f"step {step}: loss {loss.item():.6f}, validation {now:.6f}")
    waited += 1
    if now < best:
        best, waited, weights = now, 0, {name: value.clone() for name, value in model.state_dict().items()}
    if waited == PATIENCE:
        break
model.load_state_dict(weights)
model.eval()
"""

DEVICE = """device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if torch.backends.mps.is_available():
    device = torch.device("mps")"""

RUN = '''
def run(x):
    """The model's outputs for many rows, {most} at a time."""
    return torch.cat([model({part}) for at in range(0, len({first}), {most})])
'''

RUN_SORTED = '''
def lengths_of(x):
    """How many tokens each row has."""
    return {counted}


def run(x):
    """The model's outputs for many rows, {most} at a time, from short texts to long ones."""
    order = lengths_of(x).argsort(stable=True)
    places = [order[at : at + {most}].to(device) for at in range(0, len(order), {most})]
    found = torch.cat([model({placed}) for place in places])
    return found[order.argsort().to(device)]
'''


def neural_script(rung: Any, record: dict) -> Code:
    """The Code of a fitted neural rung."""
    at_once, most_looked_at = rung.at_once, rung.most_looked_at
    result = next(result for result in record["rungs"] if result["name"] == rung.name)
    recipe, shape, asked = result["recipe"], result["recipe"]["shape"], record["asked"]
    plan = recipe["optimize"]
    parts = shape["encoders"]
    seed = "SEED" if plan["seed"] == asked["seed"] else str(plan["seed"])
    settings = {
        "NAME": rung.name, "THREADS": recipe["threads"], "STEPS": plan["steps"],
        "LAST": min(plan["steps"], plan["stop_at"] or plan["steps"]), "BATCH": plan["batch"], "OPTIMIZER": plan["optimizer"],
        "RATE": plan["rate"], "DECAY": plan["decay"], "SCHEDULE": plan["schedule"], "WARMUP": plan["warmup"],
        "CLIP": plan["clip"], "LOOK_EVERY": plan["check_every"], "PATIENCE": plan["patience"],
    }  # fmt: skip
    things: list[Any] = [
        alike,
        batches,
        clip_gradient,
        learning_rate,
        make_optimizer,
        Network,
        PairNetwork,
        TowersNetwork,
    ]
    own = rung.own_loss()
    things += own.things if own else []
    alone = len(parts) == 1
    encoders = []
    for part in parts[:1] if "pair" in shape else parts:
        call, thing = model_call(part, shape["outputs"] if alone else None)
        reader = block_class(part["kind"]).reader(part)
        if reader is not None:
            call = f"{reader[0].__name__}({', '.join([*map(quoted, reader[1]), call])})"
            things.append(reader[0])
        encoders.append(call)
        things.append(thing)
        if "edges" in part:
            from fofx.models.tabm import quantile_edges

            things.append(quantile_edges)
    names = ["x"] if alone else [f"x{number}" for number in range(1, len(parts) + 1)]
    helpers = '\ndef tensors(frame):\n    """What the model takes, row by row."""\n'
    helpers += "".join(f"    {name} = {_tensor(part)}.to(device)\n" for name, part in zip(names, parts))
    things += [Repeated] if any(part.get("repeats") for part in parts) else []
    helpers += f"    return {names[0] if alone else '[' + ', '.join(names) + ']'}\n"
    looked_at = (
        "validation" if record["data"]["rows"]["validation"] <= most_looked_at else f"validation[:{most_looked_at}]"
    )
    model = ["torch.set_num_threads(THREADS)", DEVICE, f"x, x_validation = tensors(train), tensors({looked_at})"]
    first = "x" if alone else "x[0]"
    if any("edges" in part for part in parts):
        bins = "min(32, max(4, len(x) // 25))"
        model.append(
            f"edges = quantile_edges({first}[:20_000].cpu(), bins={bins})  # where the numbers' bins begin and end"
        )
    model.append("torch.manual_seed(SEED)")
    if alone:
        model.append(f"model = {encoders[0]}")
    else:
        rows = "".join(f"    {call},\n" for call in encoders)
        where = next(rung.network.parameters()).device
        probed = zip(rung.network.encoders, (block_class(part["kind"]).probe(part) for part in parts))
        widths = [shapes.width_of(encoder, probe.to(where)) for encoder, probe in probed]
        rung.network.eval()
        made = f"Network(encoders, widths={widths}, outputs={shape['outputs']})"
        options = ", ".join(
            f"{key}={quoted(each)}" for key, each in (shape.get("pair") or shape.get("towers") or {}).items()
        )
        if "pair" in shape:
            made = f"PairNetwork(encoders[0], {widths[0]}, outputs={shape['outputs']}, {options})"
        elif "towers" in shape:
            made = f"TowersNetwork(encoders[0], encoders[1], {widths}, {options})"
        model.append(f"encoders = [\n{rows}]\nmodel = {made}")
    if any("side" in part for part in parts):
        model.append("model = model.to(memory_format=torch.channels_last)  # convolutions are faster so")
    model.append("model = model.to(device)")
    probes = [block_class(part["kind"]).probe(part) for part in parts]
    texts = [n for n, part in enumerate(parts) if block_class(part["kind"]).lengths(probes[n]) is not None]
    run = (RUN_SORTED if texts else RUN).format(
        first=first,
        most=at_once,
        part=f"x[at : at + {at_once}]" if alone else f"[block[at : at + {at_once}] for block in x]",
        placed="x[place]" if alone else "[block[place] for block in x]",
        counted=" + ".join(_lengths(parts[n], "x" if alone else f"x[{n}]") for n in texts),
    )
    between = "output.loss" if len(rung.outputs) == 1 else "loss_between"
    things += augmenting(rung)
    lines = (
        LOOP.replace("LOSS_BETWEEN", between).replace("(SEED)", f"({seed})").replace("BATCH, SEED", f"BATCH, {seed}")
    )
    if texts:
        lines = lines.replace(
            "\noptimizer =", "\nlengths = lengths_of(x)  # rows of like length share a batch\noptimizer =", 1
        )
        lines = lines.replace("device=str(device))", "device=str(device), lengths=lengths)")
    if plan.get("precision", "float32") != "float32":  # on a GPU
        half = (
            f"    with torch.autocast(device.type, dtype=torch.{plan['precision']}):\n        loss = loss_of(picked)\n"
        )
        lines = lines.replace("    loss = loss_of(picked)\n", half)
    if plan["clip"] is None:
        lines = lines.replace("    clip_gradient(model.parameters(), CLIP)\n", "")
        del settings["CLIP"]
    if plan["patience"] is None:
        lines = lines.replace("    if waited == PATIENCE:\n        break\n", "").replace("    waited += 1\n", "")
        lines = lines.replace("best, waited, weights = math.inf, 0, ", "best, weights = math.inf, ")
        lines = lines.replace("best, waited, weights = now, 0, ", "best, weights = now, ")
        del settings["PATIENCE"]
    predict = PREDICT_ONE if len(rung.outputs) == 1 else PREDICT_MANY
    if rung.outputs[0].mapped:
        predict = PREDICT_MAP.replace("AT_ONCE", str(at_once))
    return Code(
        settings,
        [
            ("model", "\n".join(model) + "\n\n" + run),
            ("loss", _loss(rung, parts, recipe, asked, looked_at)),
            ("optimize", lines + predict),
        ],
        things,
        {
            "learning_rate": {"schedule": {plan["schedule"]}},
            "make_optimizer": {"name": {plan["optimizer"]}},
            "batches": {"lengths is None": {not texts}},
            "Recurrent": {"self.kind": {part["model"] for part in parts}},
        },
        helpers,
    )


PREDICT_ONE = '''

def predict(frame):
    """What the model says of each row."""
    with torch.no_grad():
        return {output.name: output.predictions(run(tensors(frame)).cpu())}
'''

PREDICT_MAP = '''

def predict(frame):
    """What the model says of each row, a few rows at a time: its maps are large."""
    x = tensors(frame)
    with torch.no_grad():
        parts = [output.predictions(model(x[at : at + AT_ONCE]).cpu()) for at in range(0, len(x), AT_ONCE)]
    return {output.name: np.concatenate(parts)}
'''

PREDICT_MANY = '''

def predict(frame):
    """What the model says of each row, for every output."""
    with torch.no_grad():
        found = run(tensors(frame)).cpu()
    return {output.name: output.predictions(each) for output, each in zip(outputs, shares(found))}
'''

SHARES = '''

def shares(found):
    """Each output's own share of the model's numbers."""
    return found.split([output.size for output in outputs], dim=-1)
'''


def _loss(rung: Any, parts: list[dict], recipe: dict, asked: dict, looked_at: str) -> str:
    """Lines that define `loss_between` and `loss_of`."""
    options = {key: asked[key] for key in ("class_weights", "label_smoothing") if asked.get(key)}
    options = options if any(output.stratified for output in rung.outputs) else {}
    if len(rung.outputs) == 1:
        lines = "y, y_validation = (output.targets(frame[output.name]).to(device) for frame in (train, LOOKED_AT))\n"
        between, picked = "output.loss", "y[picked]"
    else:
        lines = "y, y_validation = (\n    [output.targets(frame[output.name]).to(device) for output in outputs]"
        lines += " for frame in (train, LOOKED_AT)\n)\n" + SHARES
        lines += '\n\ndef loss_between(found, right, options):\n    """The outputs\' losses, added up."""\n'
        lines += "    losses = zip(outputs, shares(found), right)\n"
        lines += "    return sum(output.loss(each, wanted, options) for output, each, wanted in losses)\n"
        between, picked = "loss_between", "[each[picked] for each in y]"
    alone = len(parts) == 1
    batch = "    batch = x[picked]\n" if alone else "    batch = [block[picked] for block in x]\n"
    changes, joint = shapes.augmentations(rung.shape, rung.outputs) if recipe.get("augment") else ({}, None)
    for number, (change, arguments) in changes.items():
        name = "batch" if alone else f"batch[{number}]"
        words = "".join(f", {key}={quoted(value)}" for key, value in arguments.items())
        batch += f"    {name} = {change.__name__}({name}{words})\n"
    if joint:
        words = "".join(f", {key}={quoted(value)}" for key, value in joint[1].items())
        batch += f"    batch, wanted = {joint[0].__name__}(batch, y[picked]{words})\n"
        picked = "wanted"
    lines += '\n\ndef loss_of(picked):\n    """The mean loss of the picked training rows."""\n' + batch
    lines = lines.replace("LOOKED_AT", looked_at)
    own = rung.own_loss()
    if own:
        head, tail = lines.split("\n\ndef loss_of", 1)
        call = own.call.replace("RIGHT", picked).replace("OPTIONS", quoted(options))
        return f"{head}{own.lines}\n\ndef loss_of{tail}    return {call}\n"
    return lines + f"    return {between}(model(batch), {picked}, {quoted(options)})\n"


def _lengths(part: dict, name: str) -> str:
    """The expression for how long each row is."""
    source = textwrap.dedent(inspect.getsource(block_class(part["kind"]).lengths))
    said = next(node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Return))
    assert said is not None
    if part.get("repeats"):
        return ast.unparse(said).replace("tensor", f"{name}.items") + f"[{name}.places].cpu()"
    return ast.unparse(said).replace("tensor", name) + ".cpu()"


def _tensor(part: dict) -> str:
    """The expression of `frame` that gives a part's tensor; what repeats is encoded once."""
    plain = block_class(part["kind"]).script_tensor(part)
    column = f"frame[{quoted(part['block'])}]"
    return (
        f"Repeated.read({column}, lambda values: {plain.replace(column, 'values')})" if part.get("repeats") else plain
    )


def augmenting(rung: Any) -> list[Any]:
    """The functions that make new rows from old ones."""
    changes, joint = shapes.augmentations(rung.shape, rung.outputs)
    return [change for change, _ in changes.values()] + ([joint[0]] if joint else [])


def model_call(part: dict, outputs: int | None) -> tuple[str, Any]:
    """The call that makes a part's network, as its kind's `network` has it, with its values filled in; and what is called."""
    known: dict[str, Any] = {"name": part["model"], "outputs": outputs, "pretrained": True}
    kind = shapes.maker(part)
    home = inspect.getmodule(kind)
    for function in (kind.network, pretrained.make):
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        known["family"] = part["model"]
        for branch in ast.walk(tree):
            if not isinstance(branch, ast.If) or not _taken(branch.test, known):
                continue
            made = next(step.value for step in branch.body if isinstance(step, ast.Return))
            made = made.body if isinstance(made, ast.IfExp) else made  # `pretrained` is meant
            homes = [step for step in branch.body if isinstance(step, ast.ImportFrom)]
            assert isinstance(made, ast.Call) and isinstance(made.func, ast.Name)
            for step in branch.body:
                if isinstance(step, ast.Assign):
                    known[ast.unparse(step.targets[0])] = _value(step.value, part, known, home)
            words = [_literal(each, part, known, home) for each in made.args]
            words += [f"{each.arg}={_literal(each.value, part, known, home)}" for each in made.keywords]
            thing = getattr(importlib.import_module(homes[0].module or ""), made.func.id)
            return f"{made.func.id}({', '.join(words)})", thing
    raise TaskError("cannot-eject", f"The model {part['model']!r} cannot be written as one plain script.")


def _taken(test: ast.expr, known: dict[str, Any]) -> bool:
    if (
        not isinstance(test, ast.Compare)
        or not isinstance(test.left, ast.Name)
        or test.left.id not in ("name", "family")
    ):
        return False
    value, other = known[test.left.id], ast.literal_eval(test.comparators[0])
    return value == other if isinstance(test.ops[0], ast.Eq) else value in other


def _literal(node: ast.expr, part: dict, known: dict[str, Any], home: Any) -> str:
    return "edges" if ast.unparse(node) == "part['edges']" else quoted(_value(node, part, known, home))


def _value(node: ast.expr, part: dict, known: dict[str, Any], home: Any) -> Any:
    """What an argument in a kind's `network` is for this part; `home` is the module of the kind."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return part[node.slice.value]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        values = [_value(each, part, known, home) for each in node.args]
        return tuple(values[0]) if node.func.id == "tuple" else getattr(home, node.func.id)(*values)
    raise TaskError("cannot-eject", f"{ast.unparse(node)!r} cannot be written as one plain value.")
