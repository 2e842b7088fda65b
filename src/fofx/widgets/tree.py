"""The decision tree, cut by cut: what every question would cost, the tree that one builds, and one row on its way down.

    Tree()                                     # the course's eleven mails; third=False leaves out the third column
    Tree(data={"size": [1, 2, 9], "kind": ["a", "a", "b"]}, label="kind", criterion="entropy")
N rows, D questions' columns, C classes. A node is named by the way to it: "" is the top, "l" its left side, "lr" ...
"""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets

from fofx.classic.tree import Tree as Classic
from fofx.errors import DataError, TaskError
from fofx.tasks import spam
from fofx.widgets.pasted import columns_of, is_numeric, last_with_classes, plain
from fofx.widgets.study import Study, Table

ROWS = 300
CLASSES = 8
VALUES = 12  # of a column of text; one with more is left out, as names and numbers of rows are
DEPTH = 10
LISTED = 60  # lines of the cost table that are sent
YES = {"yes", "true", "y", "1", "是", "有", "对"}


class Tree(Study):
    """cuts: {way: [column, threshold]}, the questions asked so far. node: the way to the node that is looked at.

    row: the row that is followed, its D numbers ([] for none). third: whether the mails' third column is there.
    table, label: own columns and the one to answer ({} and "" for the course's mails). criterion: "gini" or "entropy".
    """

    name = "tree"
    cuts = traitlets.Dict({}).tag(state=True)
    node = traitlets.Unicode("").tag(state=True)
    row: traitlets.List = traitlets.List([]).tag(state=True)
    third = traitlets.Bool(True).tag(state=True)
    criterion = traitlets.Enum(("gini", "entropy"), "gini").tag(state=True)
    table = Table(ROWS).tag(state=True)
    label = traitlets.Unicode("").tag(state=True)

    def __init__(self, data: Any = None, lang: str | None = None, **fields: Any) -> None:
        self._known: dict[str, Any] = {}
        if data is not None:
            table = plain(data, ROWS)
            fields = {"table": table, "label": last_with_classes(table, CLASSES), **fields}
        super().__init__(lang, **fields)

    @traitlets.validate("cuts")
    def _cuts(self, proposal: Any) -> dict[str, list[Any]]:
        for way, cut in proposal["value"].items():
            known = isinstance(way, str) and set(way) <= {"l", "r"} and len(way) < DEPTH
            if not known or not isinstance(cut, list | tuple) or len(cut) != 2 or not is_numeric(cut):
                raise traitlets.TraitError(f"Expected cuts as {{way: [column, threshold]}}, got {way!r}: {cut!r}.")
        return {way: [int(column), float(threshold)] for way, (column, threshold) in proposal["value"].items()}

    @traitlets.validate("row")
    def _row(self, proposal: Any) -> list[float]:
        if not is_numeric(proposal["value"]):
            raise traitlets.TraitError(f"Expected a row of numbers, got {proposal['value']!r}.")
        return [float(value) for value in proposal["value"]]

    # ---- what the page asks for

    def change(self, values: dict[str, Any]) -> None:
        """Another table, or one column more or less, begins a new tree."""
        if any(name in values and values[name] != getattr(self, name) for name in ("third", "table", "label")):
            values = {"cuts": {}, "node": "", "row": [], **values}
        super().change(values)

    def act(self, content: dict[str, Any]) -> None:
        do = content.get("do")
        if do == "cut":
            self.cut(content.get("column"), content.get("threshold"))
        elif do == "best":
            best = self.model()["classic"].best_cut(self.grown()[self.node]["rows"])
            if best is None or len(self.node) >= DEPTH:
                raise TaskError("no-cut", "There is nothing left to cut in this node.")
            self.cut(best[0], float(best[1]))
        elif do == "grow":
            self.grow()
        elif do == "prune":
            self.cuts = {way: cut for way, cut in self.cuts.items() if not way.startswith(self.node)}
        elif do == "follow":
            rows, number = self.model()["features"], content.get("row")
            if number is not None and not (isinstance(number, int) and 0 <= number < len(rows)):
                raise TaskError("bad-value", f"Expected the number of a row, got {number!r}.")
            self.row = [] if number is None else rows[number].tolist()
        elif do == "paste":
            table = columns_of(content.get("text"), ROWS)
            self.change({"table": table, "label": last_with_classes(table, CLASSES), "guess": None})
        elif do == "course":
            self.change({"table": {}, "label": "", "third": True})
        else:
            super().act(content)

    def cut(self, column: Any, threshold: Any) -> None:
        """Ask this question at the node that is looked at, and look at the next one that is still mixed."""
        if not isinstance(column, int) or not is_numeric([threshold]) or len(self.node) >= DEPTH:
            raise TaskError("bad-value", f"Expected a column and a threshold, got {column!r} and {threshold!r}.")
        kept = {way: cut for way, cut in self.cuts.items() if not way.startswith(self.node)}
        self.cuts = {**kept, self.node: [column, float(threshold)]}
        grown = self.grown()
        if self.node not in grown or grown[self.node]["column"] < 0:
            raise TaskError("no-cut", "This question leaves one side empty: it tells nothing apart.")
        self.node = next((way for way, each in grown.items() if each["column"] < 0 and each["impurity"] > 0), self.node)

    def grow(self) -> None:
        """The best cut in every mixed node at and below the one that is looked at, until nothing can be cut."""
        classic: Classic = self.model()["classic"]
        while True:
            cuts = dict(self.cuts)
            for way, each in self.grown().items():
                mixed = each["column"] < 0 and each["impurity"] > 0 and len(way) < DEPTH and way.startswith(self.node)
                best = classic.best_cut(each["rows"]) if mixed else None
                if best is not None:
                    cuts[way] = [best[0], float(best[1])]
            if cuts == self.cuts:
                return
            self.cuts = cuts

    # ---- what it shows

    def model(self) -> dict[str, Any]:
        """The questions' columns, the rows as numbers, and the classic tree that knows what a cut costs."""
        key = (self.table, self.label, self.third, self.criterion)
        if self._known.get("key") != key:
            table = self.table or spam.data(self.third)
            label = (self.label or last_with_classes(table, CLASSES)) if self.table else "spam"
            questions, features, left_out = as_questions(table, label)
            target = np.array([str(answer) for answer in table[label]])
            if not 2 <= len(np.unique(target)) <= CLASSES:
                raise DataError(
                    "too-many-classes", f"Expected 2 to {CLASSES} classes in {label!r}, got {len(np.unique(target))}."
                )
            classic = Classic(criterion=self.criterion).fit(features, target)
            self._known = {
                "key": key,
                "questions": questions,
                "features": features,
                "classic": classic,
                "left_out": left_out,
            }
        return self._known

    def grown(self) -> dict[str, dict[str, Any]]:
        """The tree of the cuts made so far: its nodes by way, left before right. A cut that divides nothing is no cut."""
        classic: Classic = self.model()["classic"]
        found: dict[str, dict[str, Any]] = {}
        waiting = [("", np.arange(len(classic.features)))]
        while waiting:
            way, rows = waiting.pop()
            value, mixed = classic.summary(rows)
            found[way] = {
                "rows": rows,
                "value": value,
                "impurity": float(mixed),
                "column": -1,
                "threshold": float("nan"),
            }
            column, threshold = self.cuts.get(way, (-1, 0.0))
            if not 0 <= column < classic.features.shape[1]:
                continue
            left = classic.features[rows, column] <= np.float64(threshold)
            if left.all() or not left.any():
                continue
            found[way].update(column=column, threshold=threshold)
            waiting += [(f"{way}r", rows[~left]), (f"{way}l", rows[left])]
        return found

    def as_classic(self, grown: dict[str, dict[str, Any]]) -> Classic:
        """The same tree as a fitted `fofx.classic.tree.Tree`, which answers and says its way."""
        classic, made = self.model()["classic"], Classic(criterion=self.criterion)
        made.features, made.target, made.classes = classic.features, classic.target, classic.classes
        made.low, made.high = classic.low, classic.high
        number = {way: at for at, way in enumerate(grown)}
        made.nodes = {
            "feature": np.array([each["column"] for each in grown.values()]),
            "threshold": np.array([each["threshold"] for each in grown.values()]),
            "left": np.array([number.get(f"{way}l", -1) for way in grown]),
            "right": np.array([number.get(f"{way}r", -1) for way in grown]),
            "rows": np.array([len(each["rows"]) for each in grown.values()]),
            "depth": np.array([len(way) for way in grown]),
            "impurity": np.array([each["impurity"] for each in grown.values()]),
            "value": np.array([each["value"] for each in grown.values()]),
        }
        return made

    def compute(self) -> dict[str, Any]:
        known, grown = self.model(), self.grown()
        classic: Classic = known["classic"]
        tree, count = self.as_classic(grown), len(classic.classes)
        node = self.node if self.node in grown else ""
        root = classic.best_cut(np.arange(len(classic.features)))
        return {
            "node": node,
            "questions": known["questions"],
            "left_out": known["left_out"],
            "classes": [str(one) for one in classic.classes],
            "features": known["features"].tolist(),
            "target": classic.target.tolist(),
            "nodes": [
                {
                    "way": way,
                    "column": each["column"],
                    "threshold": each["threshold"] if each["column"] >= 0 else None,
                    "rows": each["rows"].tolist(),
                    "counts": np.bincount(classic.target[each["rows"]], minlength=count).tolist(),
                    "impurity": each["impurity"],
                    "answer": int(each["value"].argmax()),
                }
                for way, each in grown.items()
            ],
            "costs": self.costs(classic, grown[node]["rows"]) if len(node) < DEPTH else {"lines": [], "all": 0},
            "followed": self.followed(tree, list(grown)),
            "right": int((tree.predict(known["features"]) == classic.classes[classic.target]).sum()),
            "alike": alike(known["features"], classic.target),
            "answer": root
            and {"column": root[0], "cost": float(classic.split_costs()["cost"].min()), "each": cheapest(classic)},
        }

    def costs(self, classic: Classic, rows: np.ndarray) -> dict[str, Any]:
        """Every cut of every column at this node, the cheapest first, from `Tree.split_costs`."""
        table, best = classic.split_costs(rows), classic.best_cut(rows)
        order = np.argsort(table["total"], kind="stable")
        lines = []
        for at in order[:LISTED]:
            column, threshold = int(table["feature"][at]), float(table["threshold"][at])
            left = classic.features[rows, column] <= table["threshold"][at]
            sides = [
                np.bincount(classic.target[rows[side]], minlength=len(classic.classes)).tolist()
                for side in (left, ~left)
            ]
            line = {name: float(table[name][at]) for name in ("impurity_left", "impurity_right", "cost")}
            is_best = best is not None and (column, threshold) == (best[0], float(best[1]))
            lines.append(
                {"column": column, "threshold": threshold, "left": sides[0], "right": sides[1], "best": is_best, **line}
            )
        lines.sort(key=lambda line: not line["best"])  # of equally cheap cuts, first the one that the tree would take
        return {"lines": lines, "all": len(order)}

    def followed(self, tree: Classic, ways: list[str]) -> dict[str, Any] | None:
        """The way of one row down the tree, and whether training ever had such a row."""
        known = self.model()
        if len(self.row) != known["features"].shape[1]:
            return None
        row = np.array(self.row)
        path = tree.path(row)
        value = path[-1]["value"]
        same = np.flatnonzero((known["features"] == row).all(axis=1))
        return {
            "ways": [ways[step["node"]] for step in path],
            "answer": int(value.argmax()),
            "share": float(value.max()),
            "rows": int(path[-1]["rows"]),
            "same": same.tolist(),
            "outside": bool(tree.unseen(row[None]).any()),
        }


def cheapest(classic: Classic) -> list[float | None]:
    """The lowest cost that each column reaches at the top (D,); None where it cannot be cut."""
    table = classic.split_costs()
    found = []
    for column in range(classic.features.shape[1]):
        cost = table["cost"][table["feature"] == column]
        found.append(float(cost.min()) if len(cost) else None)
    return found


def alike(features: np.ndarray, target: np.ndarray) -> list[list[int]]:
    """Groups of rows with equal inputs and different answers: no tree tells them apart."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for number, row in enumerate(features.tolist()):
        groups.setdefault(tuple(row), []).append(number)
    return [rows for rows in groups.values() if len(set(target[rows].tolist())) > 1]


def as_questions(table: dict[str, list[Any]], label: str) -> tuple[list[dict[str, Any]], np.ndarray, list[str]]:
    """What can be asked (D dicts of name, no, yes; numbers have no "yes"), the rows as numbers (N, D), what is left out."""
    if label not in table:
        raise DataError("unknown-column", f"Expected a column of {', '.join(table)}, got {label!r}.")
    questions: list[dict[str, Any]] = []
    columns: list[list[float]] = []
    left_out: list[str] = []
    for name, column in table.items():
        if name == label:
            continue
        values = sorted({str(value) for value in column}, key=lambda value: (value.lower() in YES, value))
        if is_numeric(column):
            questions.append({"name": name})
            columns.append([float(value) for value in column])
        elif len(values) == 2:
            questions.append({"name": name, "no": values[0], "yes": values[1]})
            columns.append([float(str(value) == values[1]) for value in column])
        elif 2 < len(values) <= VALUES:
            for one in values:  # one question for each value: is it this one?
                questions.append({"name": f"{name} = {one}", "no": "no", "yes": "yes"})
                columns.append([float(str(value) == one) for value in column])
        else:
            left_out.append(name)
    if not questions:
        raise DataError("too-few-columns", "Expected at least one column to ask about: numbers, or text of few values.")
    return questions, np.array(columns).T, left_out
