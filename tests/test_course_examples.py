"""The course's worked examples, with their exact numbers."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from fofx.classic.bayes import CategoricalBayes
from fofx.errors import TaskError
from fofx.tasks import line, neighbours, spam, transport


def test_the_line_at_three_and_two():
    assert line.predictions(3, 2) == [5, 8, 11, 14, 17, 20]
    np.testing.assert_allclose(line.losses(3, 2), [1.9, 2.9, 4.1, 5.3, 6.2, 6.5])
    assert round(line.mean_loss(3, 2), 2) == 4.48
    np.testing.assert_allclose(line.mean_loss(3, 2), 26.9 / 6)
    np.testing.assert_allclose(line.losses(3, 2, "mse"), np.array([1.9, 2.9, 4.1, 5.3, 6.2, 6.5]) ** 2)
    assert line.gradient(3, 2) == (3.5, 1.0)  # all six guesses too high: the mean of x, and 1


@pytest.mark.parametrize("loss", ["mae", "mse"])
@pytest.mark.parametrize("start", [(3.0, 2.0), (0.0, 0.0), (2.0, 1.0), (-1.5, 20.0)])
def test_the_gradient_is_that_of_autograd(loss, start):
    w, b = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in start)
    x, y = torch.tensor(line.X, dtype=torch.float64), torch.tensor(line.Y, dtype=torch.float64)
    gap = w * x + b - y
    (gap.abs() if loss == "mae" else gap**2).mean().backward()
    assert w.grad is not None and b.grad is not None
    np.testing.assert_allclose(line.gradient(*start, loss), (w.grad.item(), b.grad.item()), rtol=1e-12)


def test_at_a_gap_of_zero_the_sign_is_zero(monkeypatch):
    monkeypatch.setattr(line, "Y", [2.0 * x + 1 for x in line.X])
    assert line.gradient(2.0, 1.0) == (0, 0) and line.mean_loss(2.0, 1.0) == 0


def test_the_first_steps_by_hand():
    path = list(line.descend(3, 2, 0.1, 2))
    assert [step["step"] for step in path] == [0, 1, 2]
    assert (path[0]["w"], path[0]["b"], path[0]["dw"], path[0]["db"]) == (3, 2, 3.5, 1)
    np.testing.assert_allclose((path[1]["w"], path[1]["b"]), (2.65, 1.9))
    np.testing.assert_allclose((path[2]["w"], path[2]["b"]), (2.3, 1.8))
    assert path[0]["loss"] > path[1]["loss"] > path[2]["loss"]


def test_mse_comes_to_least_squares_and_mae_to_and_fro():
    w, b = np.polyfit(line.X, line.Y, 1)
    np.testing.assert_allclose(line.least_squares(), (w, b))
    *_, last = line.descend(3, 2, 0.06, 3000, "mse")
    np.testing.assert_allclose((last["w"], last["b"]), (w, b), atol=1e-8)
    *_, wild = line.descend(3, 2, 0.066, 400, "mse")
    assert wild["loss"] > 1e3  # above 0.064 every step overshoots by more than the last
    tail = [step["loss"] for step in line.descend(3, 2, 0.05, 400)][-50:]
    assert max(tail) < 1.0 and max(tail) - min(tail) > 1e-3


def test_the_answer_for_seven():
    w, b = line.least_squares()
    np.testing.assert_allclose(w, 35.45 / 17.5)
    np.testing.assert_allclose(b, 48.1 / 6 - 3.5 * 35.45 / 17.5)
    assert round(line.answer(), 3) == 15.107 and line.answer(1.0) == w + b


def test_an_unknown_loss_is_refused():
    with pytest.raises(TaskError, match="bad-option"):
        line.gradient(1, 1, "huber")


def bits(*counts):
    shares = np.array([count for count in counts if count]) / sum(counts)
    return -(shares * np.log2(shares)).sum()


def test_spam_costs_by_hand():
    """Root: 7 good, 4 spam. known: 5+0 | 2+4. keyword: 2+3 | 5+1. attachment: 0+1 | 7+3."""
    by_hand = {
        "known_sender": Fraction(6, 11) * Fraction(4, 9),
        "spam_keyword": Fraction(5, 11) * Fraction(12, 25) + Fraction(6, 11) * Fraction(5, 18),
        "suspicious_attachment": Fraction(10, 11) * Fraction(21, 50),
    }
    assert list(by_hand.values()) == [Fraction(8, 33), Fraction(61, 165), Fraction(21, 55)]
    table = spam.tree().split_costs()
    assert table["feature"].tolist() == [0, 1, 2] and table["threshold"].tolist() == [0.5] * 3
    np.testing.assert_allclose(table["cost"], [float(cost) for cost in by_hand.values()])
    np.testing.assert_allclose(spam.tree().nodes["impurity"][0], 56 / 121)
    entropy = spam.tree(criterion="entropy")
    costs = [6 * bits(2, 4) / 11, (5 * bits(2, 3) + 6 * bits(5, 1)) / 11, 10 * bits(7, 3) / 11]
    np.testing.assert_allclose(entropy.split_costs()["cost"], costs)
    np.testing.assert_allclose(costs, [0.500889, 0.795899, 0.801174], atol=1e-6)
    np.testing.assert_allclose(entropy.nodes["impurity"][0], bits(7, 4))
    assert spam.tree().nodes["feature"][0] == entropy.nodes["feature"][0] == 0


def test_spam_with_two_and_with_three_columns():
    assert spam.cannot_tell_apart(third=False) == {("no", "no"): [8, 9, 10]}
    assert spam.cannot_tell_apart(third=True) == {}
    for third, right in ((False, 10), (True, 11)):
        features, target = spam.numbers(third)
        model = spam.tree(third)
        assert (model.predict(features) == target).sum() == right
    probabilities = spam.tree(False).probabilities([[0.0, 0.0]])
    np.testing.assert_allclose(probabilities, [[2 / 3, 1 / 3]])  # two good, one spam, equal inputs
    assert list(spam.data(False)) == ["known_sender", "spam_keyword", "spam"]
    assert spam.data()["spam"].count("yes") == 4


def test_spam_never_seen():
    assert spam.never_seen(third=False) == []
    unseen = spam.never_seen()
    assert unseen == [("yes", "yes", "yes"), ("yes", "no", "yes"), ("no", "yes", "yes")]
    model = spam.tree()
    path = model.path(np.array([1.0, 0.0, 1.0]))  # a known sender with a suspicious attachment: waved through
    assert [step.get("feature") for step in path] == [0, None]
    assert model.predict([[1.0, 0.0, 1.0]]).tolist() == ["no"]
    assert model.unseen([[1.0, 0.0, 2.0]]).tolist() == [[False, False, True]]


def test_the_tree_reads_as_questions():
    assert spam.tree(False).text(spam.columns(False)).splitlines() == [
        "known_sender <= 0.5?",
        "    yes: spam_keyword <= 0.5?",
        "        yes: no (3 rows, 67%)",
        "        no: yes (3 rows, 100%)",
        "    no: no (5 rows, 100%)",
    ]


def test_transport_exactly():
    assert transport.prior() == {"plane": Fraction(1, 5), "train": Fraction(1, 2), "car": Fraction(3, 10)}
    assert transport.chance() == {"plane": Fraction(9, 10), "train": Fraction(4, 5), "car": Fraction(1, 2)}
    product = [Fraction(1, 5) * Fraction(9, 10), Fraction(1, 2) * Fraction(4, 5), Fraction(3, 10) * Fraction(1, 2)]
    assert transport.posterior()["plane"] == product[0] / sum(product) == Fraction(18, 73)
    assert sum(transport.posterior().values()) == sum(transport.posterior(False).values()) == 1
    assert transport.posterior(False)["car"] == Fraction(15, 27)


def test_naive_bayes_finds_the_transport_fractions():
    model = transport.bayes()
    for arrived in (True, False):
        shown = model.factors([float(arrived)])
        for number, name in enumerate(shown["classes"]):
            assert shown["prior"][number] == pytest.approx(float(transport.prior()[name]))
            chance = transport.chance()[name] if arrived else 1 - transport.chance()[name]
            assert shown["factors"][0][number] == pytest.approx(float(chance))
            assert shown["posterior"][number] == pytest.approx(float(transport.posterior(arrived)[name]))
    assert model.predict([[1.0], [0.0]]).tolist() == ["train", "car"]
    features, target = transport.numbers()
    assert (model.predict(features) == target).sum() == 55  # 40 trains that arrived, 15 cars that did not
    assert isinstance(model, CategoricalBayes) and len(target) == 100


def test_the_map_counts_exactly():
    places = neighbours.points()
    assert neighbours.votes(places["at Peking"], 100) == {"Peking": 100, "Sichuan": 0, "Tsinghua": 0}
    assert neighbours.votes(places["between"], 100) == {"Peking": 11, "Sichuan": 0, "Tsinghua": 89}
    assert neighbours.votes(places["between"], 200) == {"Peking": 89, "Sichuan": 0, "Tsinghua": 111}
    assert neighbours.votes(places["at Sichuan"], 200) == {"Peking": 12, "Sichuan": 180, "Tsinghua": 8}
    assert neighbours.votes(places["at Sichuan"], 20) == {"Peking": 12, "Sichuan": 0, "Tsinghua": 8}  # K changes it


def test_the_map_is_drawn_the_same_every_time():
    first, again = neighbours.data(), neighbours.data()
    assert first == again
    assert {len(column) for column in first.values()} == {800}
    assert min(first["x"]) > 0 and max(first["x"]) < 11 and min(first["y"]) > 0 and max(first["y"]) < 8.5


@pytest.mark.parametrize("module", [line, spam, transport, neighbours])
def test_a_task_says_what_it_is(module):
    task = module.TASK
    columns = task["data"]()
    assert task["outputs"] in columns and len({len(column) for column in columns.values()}) == 1
    assert set(task["options"]["kinds"]) == set(columns)
    for words in ("question", "honesty", "good"):
        assert set(task[words]) == {"en", "zh"} and all(task[words].values())
    assert "Honesty:" in module.__doc__ and "Question:" in module.__doc__ and "Cell:" in module.__doc__
