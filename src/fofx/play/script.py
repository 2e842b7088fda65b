"""The code: what is on the screen of a playground as one plain PyTorch script, and the way back from it.

The script needs numpy and torch. It makes the same data, the same first weights and the same order of rows, trains from
where the present settings began to hold to where the screen is, and prints its losses beside the screen's.
"""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from fofx.errors import TaskError
from fofx.play import chance, data, network
from fofx.play.formula import LARGEST, as_numpy
from fofx.play.state import State
from fofx.play.steady import steady_start
from fofx.play.timeline import Snapshot

if TYPE_CHECKING:
    from fofx.play.session import Session

STATE_LINE, START_LINE, UPDATES_LINE = "# fofx playground: ", "START = ", "UPDATES = "
LONGEST, MOST_WORK = 2_000_000, 5e9  # characters that are read back; updates * batch * parameters that are repeated
MODULES = {
    "tanh": "torch.nn.Tanh()",
    "relu": "torch.nn.ReLU()",
    "leaky": "torch.nn.LeakyReLU(0.01)",
    "gelu": "torch.nn.GELU()",
    "sigmoid": "torch.nn.Sigmoid()",
}
LATER = """# This training magnifies rounding errors: a difference in the eighth digit of a weight grows from update to update
# until the losses differ. So the script begins at update {update}, with the weights of the screen."""
OPTIMIZERS = {
    "sgd": "torch.optim.SGD(groups, lr=RATE)",
    "momentum": "torch.optim.SGD(groups, lr=RATE, momentum=0.9)",
    "adam": "torch.optim.Adam(groups, lr=RATE)",
}
LOSSES = {
    "squared": "    return ((outputs[:, 0] - targets) ** 2 / 2).mean()",
    "absolute": "    return (outputs[:, 0] - targets).abs().mean()",
    "one": "    return F.softplus(-outputs[:, 0] * targets).mean()  # -log of the probability 1 / (1 + e^-z) of the right class",
    "many": "    return F.cross_entropy(outputs, targets)",
}
RATES = {
    "constant": "    return RATE",
    "cosine": "    return RATE * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1, epoch / HORIZON))) / 2)",
    "step": "    return RATE * 0.1 ** ((2 * epoch >= HORIZON) + (4 * epoch >= 3 * HORIZON))",
}


def numbers(array: np.ndarray) -> list:
    """Float32 numbers in their shortest exact spelling."""
    return json.loads("[" + ", ".join(str(number) for number in array.reshape(-1)) + "]")


def points_part(state: State) -> list[str]:
    """Lines that make `points` and `answers`, and their two parts."""
    if state.data == "own":
        rows = [f"    {list(point)}," for point in state.own]
        lines = ["# x, y, answer", "OWN = np.array([", *rows, "])", "points, answers = OWN[:, :2], OWN[:, 2]"]
    else:
        made = data.DATA[state.data]
        given = f"{state.count}, {state.noise / 100}, {state.classes}, np.random.default_rng({state.data_seed})"
        lines = [inspect.getsource(made), "", f"points, answers = {made.__name__}({given})"]
    split = f"learnt, tested = parts(len(points), {state.train_share}, np.random.default_rng({state.data_seed}))"
    return [inspect.getsource(data.parts), "", *lines, split]


def features_part(state: State) -> list[str]:
    formulas = [f"        {as_numpy(each)}," for each in state.features]
    plain = set(state.features) <= {"x", "y", "x * x", "y * y", "x * y", "sin(x)", "sin(y)"}
    kept = "rows" if plain else f"np.clip(np.nan_to_num(rows, nan=0.0), {-LARGEST}, {LARGEST})"
    return [
        "def features(points):",
        '    """What the network sees of each point: (N, F)."""',
        "    x, y = points.T.astype(np.float64)",
        "    columns = [",
        *formulas,
        "    ]",
        *([] if plain else ['    with np.errstate(all="ignore"):']),
        f"    {'' if plain else '    '}rows = np.stack([np.broadcast_to(column, x.shape) for column in columns], axis=1)",
        f"    return torch.tensor({kept}, dtype=torch.float32)",
    ]


def targets_part(state: State) -> list[str]:
    if state.cross_entropy and state.outputs > 1:
        return ["targets = torch.tensor(answers.astype(np.int64))"]
    wanted = "2 * answers - 1" if state.problem == "classification" else "answers"
    return [f"targets = torch.tensor({wanted}, dtype=torch.float32)"]


def model_part(state: State) -> list[str]:
    lines, sizes = [], state.sizes
    for layer, activation in enumerate((*state.activations, state.output_used)):
        parts = [f"torch.nn.Linear({sizes[layer]}, {sizes[layer + 1]})"]
        parts += [MODULES[activation]] if activation in MODULES else []
        if state.dropout and layer + 2 < len(sizes):
            parts.append(f"Dropout({layer + 3})")
        lines.append("    " + ", ".join(parts) + ",")
    return ["model = torch.nn.Sequential(", *lines, ")"]


DROPOUT = '''class Dropout(torch.nn.Module):
    """Leaves some outputs out of an update and enlarges the others; which ones depends on seed, layer and update."""

    def __init__(self, purpose):
        super().__init__()
        self.purpose = purpose

    def forward(self, x):
        if not self.training:
            return x
        kept = draws(x.numel(), SEED, self.purpose, update) >= int(DROPOUT * 2**32)
        return x * torch.tensor(kept.reshape(x.shape) / (1 - DROPOUT), dtype=torch.float32)

'''

LOOP = '''

def losses():
    """Training and test loss now."""
    model.eval()
    with torch.no_grad():
        found = [float(loss_of(model(inputs[rows]), targets[rows])) for rows in (learnt, tested)]
    model.train()
    return found


epoch, row, update = START["epoch"], START["row"], START["update"]
found = {update: losses()}
while update < UPDATES:
    order = learnt[order_of_rows(len(learnt), SEED, epoch)]
    while row < len(order) and update < UPDATES:
        batch = order[row : row + BATCH]  # the last batch of an epoch may be smaller
        for group in optimizer.param_groups:
            group["lr"] = rate_at(epoch)
        loss = loss_of(model(inputs[batch]), targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
L1_STEP        update += 1
        row += BATCH
    if row >= len(order):
        epoch, row = epoch + 1, 0
    found[update] = losses()

worst = 0.0
for update, seen in SCREEN.items():
    print(f"update {update}: training loss {found[update][0]:.7f}, test loss {found[update][1]:.7f}")
    worst = max(worst, *(abs(mine - theirs) for mine, theirs in zip(found[update], seen)))
print(f"largest difference from the screen: {worst:.2e}")
'''

L1_STEP = """        with torch.no_grad():  # L1: every weight moves towards 0 by rate * penalty, and stops there
            for weight in weights:
                weight.copy_(F.softshrink(weight, rate_at(epoch) * PENALTY))
"""


def start_of(session: Session, there: Snapshot) -> dict[str, Any]:
    """The place where the script begins, and the weights unless they are the first ones of the seed."""
    epoch, row, update, moves = (int(number) for number in there.place)
    start: dict[str, Any] = {"epoch": epoch, "row": row, "update": update, "moves": moves}
    if there is session.timeline.base and there.begun:
        return start
    names = ["layers", *(["first"] if session.state.optimizer != "sgd" and moves else [])]
    names += ["second"] if session.state.optimizer == "adam" and moves else []
    for name, tensor in zip(names, there.tensors):
        layers = network.plain(session._net, tensor)
        start[name] = [[[numbers(line) for line in weights], numbers(bias)] for weights, bias in layers]
    return start


def weights_part(state: State, start: dict[str, Any]) -> list[str]:
    lines = ["linear = [layer for layer in model if isinstance(layer, torch.nn.Linear)]"]
    if "layers" not in start:
        sizes = list(state.sizes)
        made = f"first_weights({sizes}, {state.init!r}, np.random.default_rng(SEED))"
        lines = [
            inspect.getsource(network.first_weights).replace("pairwise(sizes)", "zip(sizes[:-1], sizes[1:])"),
            "",
            *lines,
        ]
    else:
        made = 'START["layers"]'
    lines += [
        f"for layer, (weight, bias) in zip(linear, {made}):",
        "    layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)",
        "weights, biases = [layer.weight for layer in linear], [layer.bias for layer in linear]",
        "# a penalty falls on weights, not on biases",
        f'groups = [{{"params": weights, "weight_decay": {"PENALTY" if state.regularisation == "l2" else 0.0}}}, {{"params": biases}}]',
        f"optimizer = {OPTIMIZERS[state.optimizer]}",
    ]
    if "first" in start:
        name = "exp_avg" if state.optimizer == "adam" else "momentum_buffer"
        lines += ["# the optimizer's memory of the updates before", "for number, layer in enumerate(linear):"]
        lines += ["    for place, parameter in enumerate((layer.weight, layer.bias)):"]
        known = [f'"{name}": torch.tensor(START["first"][number][place])']
        if state.optimizer == "adam":
            known += ['"exp_avg_sq": torch.tensor(START["second"][number][place])']
            known += ['"step": torch.tensor(float(START["moves"]))']
        lines += [f"        optimizer.state[parameter] = {{{', '.join(known)}}}"]
    return lines


def screen_part(session: Session, there: Snapshot) -> list[str]:
    """Up to 20 points of the chart since the script's beginning, and the present one: update -> losses without penalty."""
    since = [row for row in session._rows if there.place[2] < row[0] < session.updates]
    chosen = [since[index * len(since) // 20] for index in range(20)] if len(since) > 20 else since
    train, test = (float(loss) for loss in session._measure()[:2])
    lines = [f"    {row[0]}: ({row[1]:.9g}, {row[2]:.9g})," for row in chosen]
    return [
        "# update: training and test loss on the screen",
        "SCREEN = {",
        *lines,
        f"    {session.updates}: ({train:.9g}, {test:.9g}),",
        "}",
    ]


def code(session: Session, whole: bool = False) -> str:
    """The script. whole: from where the present settings began to hold, even when the training magnifies rounding errors
    so much that other losses come out (`steady`). TaskError "no-code" when the loss is not finite: there is nothing to repeat."""
    if session.trouble is not None or not all(np.isfinite(session._measure()[:2])):
        raise TaskError("no-code", "The loss is not a number: cure the playground first, then take the code.")
    state, base = session.state, session.timeline.base
    there = base if whole else steady_start(session)
    start = start_of(session, there)
    kind = state.loss_used if not state.cross_entropy else "many" if state.outputs > 1 else "one"
    l1 = state.regularisation == "l1"
    parts = [
        STATE_LINE + state.to_json(),
        '"""What is on the screen of a fofx playground, as plain PyTorch: the same data, weights, order of rows and losses."""',
        "",
        "import math" if state.schedule == "cosine" else "",
        "import numpy as np",
        "import torch",
        "import torch.nn.functional as F" if kind in ("one", "many") or l1 else "",
        "",
        f"RATE, BATCH, SEED = {state.rate!r}, {state.batch}, {state.seed}",
        f"PENALTY = {state.penalty!r}" if state.regularisation != "none" else "",
        f"HORIZON = {state.horizon}" if state.schedule != "constant" else "",
        f"DROPOUT = {state.dropout!r}" if state.dropout else "",
        *([] if there is base else [LATER.format(update=start["update"])]),
        START_LINE + json.dumps(start),
        f"{UPDATES_LINE}{session.updates}",
        *screen_part(session, there),
        "torch.set_num_threads(1)  # faster for a network this small",
        *("", "# ---- the data", "", ""),
        *points_part(state),
        *("", ""),
        *features_part(state),
        *("", ""),
        "inputs = features(points)  # (N, F)",
        *targets_part(state),
        *("", "# ---- numbers by chance: the order of rows", "", ""),
        *(inspect.getsource(part) + "\n" for part in (chance.mixed, chance.draws, chance.order_of_rows)),
        *("# ---- the model, the loss, the optimizer", "", ""),
        *([DROPOUT] if state.dropout else []),
        *model_part(state),
        *weights_part(state, start),
        *("", "", "def loss_of(outputs, targets):", LOSSES[kind]),
        *("", "", "def rate_at(epoch):", RATES[state.schedule]),
        LOOP.replace("L1_STEP", L1_STEP if l1 else ""),
    ]
    text = "\n".join(parts)
    while "\n\n\n\n" in text:
        text = text.replace("\n\n\n\n", "\n\n\n")
    return text


def line_of(text: str, beginning: str) -> Any:
    """The JSON behind the first line that begins so; None when there is no such line or it is damaged."""
    for line in text.splitlines():
        if line.startswith(beginning):
            try:
                return json.loads(line.removeprefix(beginning))
            except (ValueError, RecursionError):
                return None
    return None


def tensors_of(session: Session, start: dict[str, Any]) -> list[np.ndarray]:
    """The parameters and moments that a script holds. TaskError "bad-code" when they do not fit its network."""
    found, sizes = [], session.state.sizes
    for name in ("layers", "first", "second"):
        if name not in start:
            found.append(np.zeros_like(session._parameters))
            continue
        try:
            layers = []
            for (weights, bias), inputs, outputs in zip(start[name], sizes[:-1], sizes[1:], strict=True):
                flat = np.array([*(number for line in weights for number in line), *bias], object)
                whole = len(weights) == len(bias) == outputs and {len(line) for line in weights} == {inputs}
                if not whole or not all(type(number) in (int, float) and abs(number) < 1e38 for number in flat):
                    raise ValueError
                split = flat.astype(np.float32)
                layers.append((split[:-outputs].reshape(outputs, inputs), split[-outputs:]))
        except (TypeError, ValueError):
            text = f"The {name} in this script do not fit its network of sizes {sizes}."
            raise TaskError("bad-code", text) from None
        found.append(network.packed(session._net, layers))
    return found


def opened(session_of: Any, text: str) -> Session:
    """The playground that a script was taken from, trained as far as the script trains. See `Session.from_code`."""
    text = text[:LONGEST]
    given = line_of(text, STATE_LINE)
    if not isinstance(given, dict):
        raise TaskError("bad-code", f"This is no playground's script: no line begins with {STATE_LINE!r}.")
    session: Session = session_of(State.from_json(json.dumps(given)))
    start, updates = line_of(text, START_LINE), line_of(text, UPDATES_LINE)
    names = ("epoch", "row", "update", "moves")
    place: list[Any] = [start.get(name) if isinstance(start, dict) else None for name in names]
    whole = all(type(number) is int and 0 <= number < 2**40 for number in (*place, updates))
    if not whole or place[1] >= len(session.train_answers) or updates < place[2]:
        raise TaskError("bad-code", "The START and UPDATES of this script are damaged.")
    batch = min(session.state.batch, len(session.train_answers))
    if (updates - place[2]) * batch * len(session._parameters) > MOST_WORK:
        raise TaskError("long-code", f"{updates - place[2]} updates of this network are too many to repeat here.")
    if "layers" in start:
        session._set_out(tensors_of(session, start), np.array(place, np.int64))
    if updates > session.updates:
        session.step(updates - session.updates)
    return session
