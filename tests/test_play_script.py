"""The script of a playground: it runs without fofx, gives the screen's losses, and is read back."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.errors import FofxError
from fofx.play.script import STATE_LINE
from fofx.play.session import Session
from fofx.play.state import State
from fofx.play.steady import repeated, steady_start

# Runs a script where fofx cannot be imported, and with every warning an error.
ALONE = "import sys; sys.modules['fofx'] = None; import warnings; warnings.simplefilter('error'); exec(sys.stdin.read(), {'__name__': '__main__'})"


def difference(script):
    """What the script itself says is the largest difference from the screen."""
    done = subprocess.run([sys.executable, "-c", ALONE], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(re.search(r"largest difference from the screen: (\S+)$", done.stdout.strip())[1]), done.stdout


def agrees(session):
    script = session.code()
    worst, told = difference(script)
    assert worst < 1e-5
    last = told.strip().splitlines()[-2]
    losses = [float(number) for number in re.findall(r"loss (\d\S*?)(?:,|$)", last)]
    session_losses = session._measure()[:2]  # the script knows no penalty in its losses
    assert last.startswith(f"update {session.updates}:") and losses == pytest.approx(session_losses, abs=1e-5)
    again = Session.from_code(script)
    assert again.state == session.state and again.updates == session.updates
    assert again._parameters.tobytes() == session._parameters.tobytes()
    assert again.train_loss == session.train_loss


def test_the_first_playground():
    session = Session(State(layers=(8, 8), data="spiral", features=("x", "y", "sin(x)", "sin(y)")))
    session.epoch(40)
    session.step(3)
    agrees(session)


def test_after_changes_and_edits_with_the_memory_of_adam():
    state = State(
        data="xor", noise=20, optimizer="adam", regularisation="l1", penalty=0.001, dropout=0.2, layers=(6, 4)
    )
    session = Session(
        state.changed(activations=("gelu", "leaky"), loss="cross-entropy", features=("x", "max(x, y)/3", "1/x"))
    )
    session.epoch(5)
    session.step(7)
    session.change(rate=0.01, schedule="cosine", horizon=20, show_penalty=True)
    session.step(9)
    session.edit(0, 1, 2, 0.5)
    session.epoch(9)
    agrees(session)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"classes": 4, "data": "gauss", "activations": ("relu",), "optimizer": "momentum", "rate": 0.01},
        {"problem": "regression", "data": "multi-gauss", "regularisation": "l2", "penalty": 0.01, "init": "xavier"},
        {"problem": "regression", "data": "plane", "loss": "absolute", "schedule": "step", "horizon": 20, "init": "he"},
        {"layers": (), "features": ("x", "x*y"), "data": "circle", "init": "normal", "train_share": 33, "batch": 64},
        {"layers": (3,), "activations": ("sigmoid",), "output": "linear", "loss": "squared", "init": "zeros"},
        {"data": "own", "own": tuple((x, x * x / 4 - 3, x > 0) for x in np.linspace(-4, 4, 30).round(3).tolist())},
    ],
    ids=lambda fields: "-".join(str(value) for value in list(fields.values())[:2])[:40],
)
def test_every_kind_of_playground(fields):
    session = Session(State(**fields))
    session.epoch(30)
    session.sample_step()
    session.step(2)
    session.change(batch=7)
    session.epoch(4)
    agrees(session)


@pytest.mark.slow
def test_a_long_training():
    session = Session(State(layers=(8, 8), data="spiral", features=("x", "y", "sin(x)", "sin(y)")))
    session.epoch(400)
    agrees(session)


JUMPY = State(data="spiral", layers=(8, 8), optimizer="adam", rate=0.1, activations=("leaky",), seed=2)


def test_a_training_that_magnifies_rounding_begins_late_enough_in_its_script():
    session = Session(JUMPY)
    session.epoch(60)
    before = session.timeline.marks[-1].since[:]
    place, weights = steady_start(session), session._parameters.tobytes()
    assert 0 < place.place[2] < session.updates and "magnifies rounding errors" in session.code()
    assert session._parameters.tobytes() == weights and session.timeline.marks[-1].since == before
    whole = session.code(whole=True)
    assert "magnifies" not in whole and '"update": 0' in whole
    agrees(session)


def test_a_repeated_training_is_the_same_training():
    session = Session(JUMPY)
    session.epoch(7)
    end, losses = repeated(session, session.timeline.base, session.updates)
    assert end.tensors[0].tobytes() == session._parameters.tobytes() and end.place.tolist() == session._place.tolist()
    assert losses[-1].tolist() == [session.train_loss, session.test_loss]
    assert losses[:-1, 0].tolist() == session.history.train[1:]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_any_training_agrees_with_its_script(seed):
    random = np.random.default_rng(seed)
    fields = {
        "data": random.choice(["spiral", "xor"]).item(),
        "activations": (random.choice(["tanh", "relu", "gelu"]).item(),),
        "rate": random.choice([0.03, 0.1, 0.3]).item(),
        "optimizer": random.choice(["sgd", "momentum", "adam"]).item(),
        "dropout": random.choice([0.0, 0.2]).item(),
    }
    session = Session(State(layers=(8, 8), noise=20, seed=seed, **fields))
    session.epoch(80)
    if session.trouble is None:
        agrees(session)


def test_nothing_of_a_formula_or_a_point_runs_in_another_way():
    """The script holds only what the safe parser wrote: no name of Python's own comes through a formula."""
    script = Session(State(features=("x", "exp(y) ^ 2", "x > e"))).code()
    assert "np.exp(y) ** 2.0" in script and "(x > np.e) * 1.0" in script
    assert script.startswith(STATE_LINE) and "import fofx" not in script


HOSTILE = st.sampled_from(
    [
        "",
        "hello",
        STATE_LINE,
        STATE_LINE + "[]",
        STATE_LINE + '{"layers": [99]}',
        STATE_LINE + "{}\nSTART = {}\nUPDATES = 3",
        STATE_LINE + '{}\nSTART = {"epoch": 0, "row": 0, "update": 0, "moves": 0}\nUPDATES = 1e99',
        STATE_LINE + '{}\nSTART = {"epoch": 0, "row": 0, "update": 0, "moves": 0}\nUPDATES = -1',
        STATE_LINE + '{}\nSTART = {"epoch": 0, "row": 999, "update": 0, "moves": 0}\nUPDATES = 9',
        STATE_LINE + '{}\nSTART = {"epoch": true, "row": 0, "update": 0, "moves": 0}\nUPDATES = 9',
    ]
)
PLACE = {"epoch": 1, "row": 0, "update": 5, "moves": 5}


@settings(max_examples=50)
@given(HOSTILE | st.text(max_size=60))
def test_a_damaged_script_is_refused(text):
    with pytest.raises(FofxError) as caught:
        Session.from_code(text)
    assert caught.value.code == "bad-code"


@given(
    st.recursive(
        st.none() | st.floats() | st.text(max_size=3) | st.booleans(),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=12,
    )
)
def test_damaged_weights_are_refused(layers):
    text = f"{STATE_LINE}{{}}\nSTART = {json.dumps({**PLACE, 'layers': layers})}\nUPDATES = 6"
    with pytest.raises(FofxError):
        Session.from_code(text)


def test_what_would_take_too_long_is_refused():
    text = STATE_LINE + '{}\nSTART = {"epoch": 0, "row": 0, "update": 0, "moves": 0}\nUPDATES = 900000000'
    with pytest.raises(FofxError, match="too many"):
        Session.from_code(text)


def test_huge_weights_are_refused():
    session = Session(State(layers=()))
    session.edit(0, 0, 0, 2.0)
    script = session.code()
    for number in ("1e300", "NaN", "Infinity", '"2"', "[2.0]"):
        with pytest.raises(FofxError):
            Session.from_code(script.replace("[[[[2.0,", f"[[[[{number},"))
    assert Session.from_code(script).weights[0][0][0, 0] == 2
