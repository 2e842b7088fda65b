"""Nearest training rows: those that scikit-learn finds in the same features, and for knn the rows that it counted."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

import see_small
from fofx.encoded import Inputs
from fofx.errors import TaskError
from fofx.see import neighbours as module
from fofx.see.features import head_of, penultimate, space_of
from fofx.see.neighbours import nearest, neighbours
from fofx.see.rows import blocks_and_targets, frame_of, numbers_of, table_of


@pytest.mark.parametrize("family", ["number", "category", "text", "picture", "several"])
def test_the_nearest_rows_are_scikit_learns_in_the_features_before_the_head(family: str) -> None:
    function = see_small.several_function() if family == "several" else see_small.again(family)
    name = see_small.network_of(function)
    network = function.rung(name).network
    seen: dict[str, torch.Tensor] = {}
    last = [module for module in network.modules() if isinstance(module, torch.nn.Linear)][-1]  # the layer that answers

    def features(part: str) -> np.ndarray:
        handle = last.register_forward_pre_hook(lambda module, given: seen.update(x=given[0]))
        with torch.no_grad():
            rows = [
                blocks_and_targets(function, name, [n], part).blocks for n in range(len(numbers_of(function, part)))
            ]
            found = [(network(blocks), seen["x"].numpy()[0])[1] for blocks in rows]  # row by row: no padding at all
        handle.remove()
        return np.stack(found)

    known, asked = features("train"), features("test")[:4]
    distances, places = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(known).kneighbors(asked)
    found = neighbours(function, [0, 1, 2, 3], name, k=6)
    assert found.space == "features" and found.shares is None
    assert np.allclose(found.distances, distances, atol=1e-4)
    same = np.isclose(np.linalg.norm(asked[:, None] - known[found.places], axis=2), distances, atol=1e-4)
    assert same.all() and (found.places == places).mean() > 0.9  # of equals either may come first
    table = table_of(function)
    output = function.outputs[0].name
    assert found.rows.tolist() == numbers_of(function, "train")[found.places].tolist()
    assert [str(v) for each in found.labels for v in each] == [str(v) for v in table[output][found.rows.reshape(-1)]]
    assert found.frame.equals(table[found.rows.reshape(-1)])


def test_knn_shows_the_very_rows_that_it_counts() -> None:
    function = see_small.three_function()
    rung = function.rung("knn")
    found = neighbours(function, None, "knn")
    model = rung.models["label"]
    known, asked = (
        rung.features(Inputs(frame_of(function, part), function.fields)) for part in ("train", "test")
    )  # (N, D), (M, D)
    right = function.outputs[0].truth(frame_of(function, "train")["label"])
    oracle = KNeighborsClassifier(n_neighbors=model.k, weights="distance", algorithm="brute").fit(known, right)
    distances, places = oracle.kneighbors(asked)
    assert found.space == "evidence" and found.places.shape == (len(asked), model.k)
    assert np.allclose(found.distances, distances, atol=1e-5) and (found.places == places).mean() > 0.95
    votes = np.zeros((len(asked), 3))
    for row, (labels, shares) in enumerate(zip(found.labels, found.shares)):
        for label, share in zip(labels, shares):
            votes[row, function.outputs[0].names.index(label)] += share
    said = function.predict(frame_of(function, "test"), "knn")["label"]
    assert np.allclose(votes, said, atol=1e-6)  # the votes are the answer
    assert np.allclose(oracle.predict_proba(asked), said, atol=1e-5)


def test_the_evidence_of_a_number_gives_the_number_also_in_time_order() -> None:
    function = see_small.timed_function()
    found = neighbours(function, [0, 1, 2], "knn")
    said = function.predict(frame_of(function, "test", [0, 1, 2]), "knn")["y"]
    assert np.allclose((np.array(found.labels) * found.shares).sum(axis=1), said)
    assert found.frame["y"].to_list() == table_of(function)["y"][found.rows.reshape(-1)].to_list()


def test_a_training_row_finds_itself() -> None:
    function = see_small.three_function()
    for name, space in (("knn", None), ("mlp", None), ("tree", None), ("mlp", "raw")):
        found = neighbours(function, [5, 17], name, k=2, space=space, part="train")
        assert found.places[:, 0].tolist() == [5, 17] and np.allclose(found.distances[:, 0], 0, atol=1e-5)


@pytest.mark.parametrize("rung", ["majority", "linear", "tree", "mlp"])
def test_raw_neighbours_are_those_of_the_plain_numbers(rung: str) -> None:
    function = see_small.three_function()
    known, asked = (Inputs(frame_of(function, part), function.fields).vector().numpy() for part in ("train", "test"))
    distances, _ = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(known).kneighbors(asked)
    found = neighbours(function, None, rung, k=3, space="raw")
    assert found.space == "raw" and np.allclose(found.distances, distances, atol=1e-4)


def test_texts_are_compared_by_their_n_grams() -> None:
    function = see_small.again("text")
    text = frame_of(function, "train", [7])["text"][0]
    for rung in ("linear", "bayes", "gru"):
        found = neighbours(function, {"text": text}, rung, k=3, space="raw")
        assert found.places[0, 0] == 7 and found.distances[0, 0] == pytest.approx(0, abs=1e-3)
        assert found.distances[0, 1] > 0.1


def test_of_equal_rows_the_first_comes_first() -> None:
    known = np.array([[1.0, 0], [0, 0], [1, 0], [0, 0]], dtype=np.float32)
    distances, numbers = nearest(known[:1] * 0, known, 9)
    assert numbers.tolist() == [[1, 3, 0, 2]] and distances.tolist() == [[0, 0, 1, 1]]


def test_of_very_many_rows_some_are_drawn_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 20)
    function = see_small.three_function()
    first, second = (neighbours(function, [0], "mlp", k=20) for _ in range(2))
    assert first.rows.tolist() == second.rows.tolist() and len(set(first.rows[0])) == 20
    assert [(note.code, note.count) for note in first.notes] == [("some-rows", 20)]


def test_features_do_not_depend_on_the_rows_beside() -> None:
    """Texts are sorted by length and padded on the way; each row's features are its own."""
    function = see_small.again("text")
    frame = pl.DataFrame({"text": ["good", "The film: a joy to see, great, 很好看。", "", "awful, a waste of time"]})
    rung = function.rung("transformer")
    together = penultimate(rung, Inputs(frame, function.fields))
    alone = [penultimate(rung, Inputs(frame[n : n + 1], function.fields))[0] for n in range(4)]
    assert np.allclose(together, alone, atol=1e-5) and len({tuple(row) for row in together.round(4)}) == 4


def test_the_head_is_the_last_layer_with_weights() -> None:
    from fofx.models.tabm import MemberHeads

    function = see_small.three_function()
    network = function.rung("mlp").network
    assert head_of(network) is network.encoders[0].head
    assert isinstance(head_of(function.rung("tabm").network), MemberHeads)
    assert (
        head_of(see_small.several_function().rung("cnn").network)
        is see_small.several_function().rung("cnn").network.join
    )
    points = space_of(function, "tabm").points(frame_of(function, "test"))
    model = function.rung("tabm").network.encoders[0]
    assert points.shape == (frame_of(function, "test").height, model.members * model.width)


def test_what_cannot_be_had_is_said() -> None:
    function = see_small.three_function()
    for code, call in {
        "no-features": lambda: neighbours(function, [0], "tree", space="features"),
        "no-evidence": lambda: neighbours(function, [0], "mlp", space="evidence"),
        "unknown-space": lambda: neighbours(function, [0], "mlp", space="pixels"),
        "bad-option": lambda: neighbours(function, [0], "mlp", k=0),
        "unknown-rung": lambda: neighbours(function, [0], "forest"),
        "unknown-row": lambda: neighbours(function, [9999], "mlp"),
    }.items():
        with pytest.raises(TaskError) as error:
            call()
        assert error.value.code == code
