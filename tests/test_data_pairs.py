"""Pairs made of labelled items: balanced, bounded, repeatable, and judged on identities that training never saw."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fofx.data.pair_items import item_codes, pair_groups, pair_leaks, swapped_contradictions, whole_pairs
from fofx.data.pairs import IDENTITIES, SAME, pair_table
from fofx.data.split import Split, split
from fofx.data.table import Table
from fofx.errors import DataError, FofxError, TaskError


def labelled(*counts: int, **columns) -> Table:
    """A table of items "who/number" with so many for each identity."""
    rows = [(f"{who}/{number}.wav", f"p{who}") for who, count in enumerate(counts) for number in range(count)]
    frame = pl.DataFrame({"sound": [row[0] for row in rows], "speaker": [row[1] for row in rows], **columns})
    return Table(frame, "speakers", kinds={"sound": "sound"})


def codes(table: Table) -> set[str]:
    return {note.code for note in table.notes}


def part(table: Table, word: str) -> pl.DataFrame:
    return table.frame.filter(table.parts == word)


def people(frame: pl.DataFrame) -> set[str]:
    return set(frame[IDENTITIES[0]]) | set(frame[IDENTITIES[1]])


def items(frame: pl.DataFrame) -> set[str]:
    return set(frame["first"]) | set(frame["second"])


def demand_sense(table: Table, most: int = 6000) -> None:
    """What must hold for pairs of any origin."""
    frame = table.frame
    assert 6 <= len(frame) <= most
    for word in ("train", "validation", "test"):
        here = part(table, word)
        assert len(here)
        assert (here[SAME] == "yes").sum() == (here[SAME] == "no").sum()
    right = (frame[IDENTITIES[0]] == frame[IDENTITIES[1]]) == (frame[SAME] == "yes")
    assert right.all()
    assert (frame["first"] != frame["second"]).all()
    unordered = [tuple(sorted(pair)) for pair in zip(frame["first"], frame["second"])]
    assert len(set(unordered)) == len(unordered)
    for side, name in zip(("first", "second"), IDENTITIES):
        assert all(f"p{item.split('/')[0]}" == who for item, who in zip(frame[side], frame[name]))


def test_many_identities_are_never_in_two_parts():
    table = pair_table(labelled(*[5] * 30), "speaker", most=600)
    demand_sense(table, 600)
    groups = [people(part(table, word)) for word in ("train", "validation", "test")]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert [len(group) for group in groups] == [20, 5, 5]
    assert table.kinds["first"] == table.kinds["second"] == "sound"
    assert codes(table) == {"pairs-made"}


def test_the_same_seed_gives_the_same_pairs():
    source = labelled(*[4] * 12)
    one, again, other = (pair_table(source, "speaker", seed=seed) for seed in (1, 1, 2))
    assert one.frame.equals(again.frame) and one.parts.equals(again.parts)
    assert not one.frame.equals(other.frame)


def test_pairs_are_even_over_the_identities():
    """One with a hundred items must not outvote the others."""
    table = pair_table(labelled(100, *[8] * 20), "speaker", most=800)
    train = part(table, "train").filter(pl.col(SAME) == "yes")
    assert train[IDENTITIES[0]].value_counts()["count"].max() < 0.2 * len(train)


@pytest.mark.parametrize("counts", [(30, 30, 30), (9, 4, 4), (4, 4, 8)])
def test_three_speakers_one_of_whom_is_held_out(counts):
    table = pair_table(labelled(*counts), "speaker")
    demand_sense(table)
    known = people(part(table, "train"))
    assert len(known) == 2
    for word in ("validation", "test"):
        here = part(table, word)
        new = ~here[IDENTITIES[0]].is_in(known) | ~here[IDENTITIES[1]].is_in(known)
        assert new.all()
    parts = [items(part(table, word)) for word in ("train", "validation", "test")]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert "few-identities" in codes(table)


@pytest.mark.parametrize("speakers", [4, 5])
def test_a_few_speakers_one_held_out_for_each_part(speakers):
    table = pair_table(labelled(*[10] * speakers), "speaker")
    demand_sense(table)
    known, tuned, tested = (people(part(table, word)) for word in ("train", "validation", "test"))
    assert len(known) == speakers - 2
    assert len(tuned - known) == len(tested - known) == 1 and tuned - known != tested - known
    assert not items(part(table, "train")) & items(part(table, "test"))
    assert "few-identities" in codes(table)


def test_two_speakers_are_judged_on_new_items_and_it_is_said():
    table = pair_table(labelled(20, 20), "speaker")
    demand_sense(table)
    assert not items(part(table, "train")) & items(part(table, "test"))
    note = next(note for note in table.notes if note.code == "few-identities")
    assert "does not hold for new ones" in note.text


def test_six_speakers_are_enough():
    table = pair_table(labelled(*[3] * 6), "speaker")
    demand_sense(table)
    assert "few-identities" not in codes(table)
    assert [len(people(part(table, word))) for word in ("train", "validation", "test")] == [2, 2, 2]


def test_one_identity_cannot_differ():
    with pytest.raises(DataError) as caught:
        pair_table(labelled(10), "speaker")
    assert caught.value.code == "one-identity"


def test_only_single_examples_cannot_be_the_same():
    with pytest.raises(DataError) as caught:
        pair_table(labelled(*[1] * 20), "speaker")
    assert caught.value.code == "few-pairs"


def test_an_identity_with_one_example_only_differs():
    table = pair_table(labelled(*[6] * 9, *[1] * 15), "speaker")
    demand_sense(table)
    note = next(note for note in table.notes if note.code == "single-examples")
    assert note.count == 15
    single = {f"p{who}" for who in range(9, 24)}
    assert single & people(table.frame)
    assert not single & people(table.frame.filter(pl.col(SAME) == "yes"))


def test_rows_that_are_of_no_use_are_set_aside_and_said():
    source = labelled(*[5] * 10)
    source.frame = pl.concat(
        [
            source.frame,
            pl.DataFrame(
                {"sound": [None, "x.wav", "0/0.wav", "1/0.wav"], "speaker": ["p1", None, "p0", "p2"]},
                schema=source.frame.schema,
            ),
        ]
    )
    table = pair_table(source, "speaker")
    demand_sense(table)
    counts = {note.code: note.count for note in table.notes}
    assert counts["incomplete-items"] == 2
    assert counts["repeated-items"] == 1
    assert counts["contradictory-identities"] == 2
    assert "1/0.wav" not in items(table.frame)


def test_the_given_parts_stay():
    source = labelled(*[6] * 12)
    where = ["train"] * 36 + ["validation"] * 18 + ["test"] * 18
    source.parts = pl.Series("part", where)
    table = pair_table(source, "speaker")
    demand_sense(table)
    assert people(part(table, "test")) == {"p9", "p10", "p11"}
    assert "leak-pair-identities" not in codes(table)
    source.parts = pl.Series("part", [["train", "train", "validation", "test"][row % 4] for row in range(72)])
    table = pair_table(source, "speaker")
    assert next(note for note in table.notes if note.code == "leak-pair-identities").count == 12
    source.parts = pl.Series("part", ["train"] * 54 + ["test"] * 18)
    table = pair_table(source, "speaker")
    demand_sense(table)
    assert people(part(table, "test")) == {"p9", "p10", "p11"}
    assert not people(part(table, "validation")) & people(part(table, "train"))


def test_pairs_can_be_kept_apart_by_another_column():
    """Three makers, motifs that training never saw."""
    motifs, makers = range(40), ("a", "b", "c")
    rows = [(f"{maker}/{motif}.png", maker, f"m{motif}") for maker in makers for motif in motifs]
    frame = pl.DataFrame(rows, schema=["picture", "maker", "motif"], orient="row")
    table = pair_table(Table(frame, "drawings"), "maker", apart="motif", most=900)
    seen = {word: {item.split("/")[1] for item in items(part(table, word))} for word in ("train", "validation", "test")}
    assert not seen["train"] & seen["test"] and not seen["train"] & seen["validation"]
    assert people(part(table, "test")) == set(makers)
    assert "differ in 'motif'" in table.notes[-1].text


def test_pictures_in_memory_make_pairs():
    pictures = np.random.default_rng(0).integers(0, 255, (40, 6, 6), dtype=np.uint8)
    frame = pl.DataFrame({"picture": pictures, "person": [f"p{row // 4}" for row in range(40)]})
    table = pair_table(Table(frame, "arrays", kinds={"picture": "picture"}), "person")
    assert table.frame["first"].to_numpy().shape[1:] == (6, 6)
    assert len(table.frame) > 20


def test_hard_negatives_are_alike():
    source = labelled(*[6] * 20)

    def alike(one: pl.Series, two: pl.Series) -> np.ndarray:
        who = [column.str.extract(r"^(\d+)").cast(pl.Int64).to_numpy() for column in (one, two)]
        return -np.abs(who[0] - who[1])

    def gap(table: Table) -> float:
        different = part(table, "train").filter(pl.col(SAME) == "no")
        who = [different[name].str.slice(1).cast(pl.Int64).to_numpy() for name in IDENTITIES]
        return float(np.median(np.abs(who[0] - who[1])))

    plain, some, only = (
        pair_table(source, "speaker", most=400),
        pair_table(source, "speaker", most=400, alike=alike),
        pair_table(source, "speaker", most=400, alike=alike, hard=1.0),
    )
    for table in (plain, some, only):
        demand_sense(table, 400)
    assert gap(plain) > gap(some) > gap(only)
    with pytest.raises(TaskError, match="similarities"):
        pair_table(source, "speaker", alike=lambda one, two: [1.0])


@pytest.mark.parametrize(
    "options", [{"most": 1}, {"hard": 2.0}, {"identity": "speeker"}, {"item": "speaker"}, {"apart": "speaker"}]
)
def test_bad_options_are_told(options):
    with pytest.raises(TaskError):
        pair_table(labelled(*[5] * 8), **{"identity": "speaker", **options})


def test_several_columns_need_a_word():
    source = labelled(*[5] * 8, age=list(range(40)))
    with pytest.raises(TaskError, match="sound, age"):
        pair_table(source, "speaker")
    demand_sense(pair_table(source, "speaker", "sound"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=15), st.integers(0, 5), st.sampled_from([20, 50, 3000]))
def test_any_counts_give_pairs_or_say_why_not(counts, seed, most):
    try:
        table = pair_table(labelled(*counts), "speaker", seed=seed, most=most)
    except FofxError as problem:
        assert problem.code in ("one-identity", "few-pairs")
        return
    demand_sense(table, most)
    if "few-identities" not in codes(table):
        assert not people(part(table, "train")) & people(part(table, "test"))
        assert not people(part(table, "validation")) & people(part(table, "test"))


# ---- pairs that are given


def given_pairs(*pairs: tuple) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=["a", "b", "same"], orient="row")


def test_a_pair_with_one_side_is_set_aside():
    frame = given_pairs(("1", "2", "yes"), (None, "3", "no"), ("4", None, "no"))
    kept, whole, notes = whole_pairs(frame, "a", "b")
    assert kept["a"].to_list() == ["1"] and whole.tolist() == [True, False, False]
    assert [(note.code, note.count) for note in notes] == [("one-sided-pair", 2)]
    assert whole_pairs(kept, "a", "b")[2] == []
    with pytest.raises(DataError, match="both sides"):
        whole_pairs(frame[1:], "a", "b")


def test_pairs_hang_together_by_their_items():
    frame = given_pairs(("1", "2", "y"), ("3", "2", "n"), ("4", "5", "y"), ("5", "3", "n"), ("6", "7", "y"))
    groups = pair_groups(frame, "a", "b")
    assert groups[0] == groups[1] == groups[2] == groups[3] != groups[4]
    missing = given_pairs((None, "2", "y"), (None, "3", "n"))
    assert len(set(pair_groups(missing, "a", "b"))) == 2
    assert item_codes(frame, "a", "b")[1, 1] == item_codes(frame, "a", "b")[0, 1]


def test_items_of_test_pairs_in_training_are_found_and_a_split_avoids_them():
    random = np.random.default_rng(0)
    rows = []
    for family in range(40):
        for _ in range(5):
            one, two = random.choice(6, 2, replace=False)
            rows.append((f"{family}-{one}", f"{family}-{two}", "yes" if one % 2 == two % 2 else "no"))
    frame = given_pairs(*rows)
    plain = split(len(frame), seed=0)
    (note,) = pair_leaks(frame, "a", "b", plain)
    trained = set(frame[plain.train]["a"]) | set(frame[plain.train]["b"])
    asked = [frame[part] for part in (plain.test, plain.validation)]
    expected = sum((part["a"].is_in(trained) | part["b"].is_in(trained)).sum() for part in asked)
    assert note.code == "leak-pair-items" and note.count == expected > 0
    assert "--group pairs" in note.text
    kept = split(len(frame), groups=pair_groups(frame, "a", "b"), seed=0)
    assert pair_leaks(frame, "a", "b", kept) == []


def test_a_chain_of_all_pairs_is_told_another_remedy():
    frame = given_pairs(*[(str(row), str(row + 1), "yes") for row in range(30)])
    (note,) = pair_leaks(frame, "a", "b", Split(np.arange(20), np.arange(20, 25), np.arange(25, 30), ""))
    assert "--group pairs" not in note.text and "pairs=COLUMN" in note.text


def test_the_other_order_with_another_answer():
    frame = given_pairs(("1", "2", "yes"), ("2", "1", "no"), ("3", "4", "yes"), ("4", "3", "yes"))
    assert [note.count for note in swapped_contradictions(frame, "a", "b", "same")] == [2]
    assert swapped_contradictions(frame[2:], "a", "b", "same") == []
