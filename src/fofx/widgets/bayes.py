"""Bayes' rule as areas, update after update; and naive Bayes as factors that are multiplied for one row.

    Bayes()                                               # the course's journeys: plane, train or car, given arrival
    Bayes(names=["ill", "well"], prior=[1, 99], evidence=[{"name": "test", "chances": [90, 5], "seen": True, "used": True}])
    Bayes(part="factors", row=[0, 1, 0])                  # the course's mails
    Bayes(data=columns, label="play")                     # naive Bayes on one's own small table
T causes (means of transport), C classes, D columns, N rows. Shares are whole percents, so that all sums are exact.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import traitlets

from fofx.classic.bayes import CategoricalBayes
from fofx.errors import DataError, TaskError
from fofx.tasks import spam, transport
from fofx.widgets.pasted import columns_of, last_with_classes, plain
from fofx.widgets.study import Number, Study, Table, put, without

CAUSES = 6
PIECES = 3  # of evidence
ROWS = 500
VALUES = 12  # different values of a column; one with more is left out
CLASSES = 6
# "came back the same day" is this project's own, like the numbers of the transport task: made up, no real route
SAME_DAY = {"plane": 80, "train": 60, "car": 20}
NAMES = list(transport.JOURNEYS)
EVIDENCE = [
    {
        "name": "arrived",
        "chances": [int(100 * chance) for chance in transport.chance().values()],
        "seen": True,
        "used": True,
    },
    {"name": "same day", "chances": [SAME_DAY[name] for name in NAMES], "seen": True, "used": False},
]


class Bayes(Study):
    """part: "update" (one cause, chained evidence) or "factors" (naive Bayes on a table).

    names, prior: T causes and how many of all journeys each makes (whole numbers). evidence: pieces {"name", "chances":
    T percents, "seen": whether it was so, "used"}. row: the value of every column (numbers of `columns[..].values`).
    alpha: what naive Bayes adds to every count. third: the mails' third column. table, label: own columns.
    """

    name = "bayes"
    part = traitlets.Enum(("update", "factors"), "update").tag(state=True)
    names: Any = traitlets.List(NAMES).tag(state=True)
    prior: Any = traitlets.List([made for made, _ in transport.JOURNEYS.values()]).tag(state=True)
    evidence: Any = traitlets.List(EVIDENCE).tag(state=True)
    row: Any = traitlets.List([]).tag(state=True)
    alpha = Number(1.0, 0, 10).tag(state=True)
    third = traitlets.Bool(True).tag(state=True)
    table = Table(ROWS).tag(state=True)
    label = traitlets.Unicode("").tag(state=True)

    def __init__(self, data: Any = None, lang: str | None = None, **fields: Any) -> None:
        self._known: dict[str, Any] = {}
        if data is not None:
            table = plain(data, ROWS)
            fields = {"part": "factors", "table": table, "label": last_with_classes(table, CLASSES), **fields}
        super().__init__(lang, **fields)

    @traitlets.validate("names")
    def _names(self, proposal: Any) -> list[str]:
        found = proposal["value"]
        if not 2 <= len(found) <= CAUSES or not all(isinstance(name, str) and len(name) <= 40 for name in found):
            raise traitlets.TraitError(f"Expected 2 to {CAUSES} names, got {found!r}.")
        return list(found)

    @traitlets.validate("prior")
    def _prior(self, proposal: Any) -> list[int]:
        found = proposal["value"]
        if not all(whole(part, 1000) for part in found) or not sum(found):
            raise traitlets.TraitError(f"Expected whole numbers from 0 to 1000, not all 0, got {found!r}.")
        return list(found)

    @traitlets.validate("evidence")
    def _evidence(self, proposal: Any) -> list[dict[str, Any]]:
        found = proposal["value"]
        good = 1 <= len(found) <= PIECES and all(
            isinstance(piece, dict)
            and isinstance(piece.get("name"), str)
            and len(piece["name"]) <= 40
            and isinstance(piece.get("chances"), list)
            and all(whole(chance, 100) for chance in piece["chances"])
            for piece in found
        )
        if not good:
            raise traitlets.TraitError(f"Expected 1 to {PIECES} pieces of evidence with percents, got {found!r}.")
        names = ("name", "chances")
        flags = ("seen", "used")
        return [
            {**{name: piece[name] for name in names}, **{flag: bool(piece.get(flag, True)) for flag in flags}}
            for piece in found
        ]

    # ---- what the page asks for

    def change(self, values: dict[str, Any]) -> None:
        if any(name in values and values[name] != getattr(self, name) for name in ("third", "table", "label")):
            values = {"row": [], **values}
        super().change(values)

    def act(self, content: dict[str, Any]) -> None:
        do, cause, piece = content.get("do"), content.get("cause"), content.get("piece")
        if do in ("prior", "chance", "rename", "drop") and not (
            isinstance(cause, int) and 0 <= cause < len(self.names)
        ):
            raise TaskError("bad-value", f"Expected the number of a cause, got {cause!r}.")
        if do in ("chance", "piece") and not (isinstance(piece, int) and 0 <= piece < len(self.evidence)):
            raise TaskError("bad-value", f"Expected the number of a piece of evidence, got {piece!r}.")
        if do == "prior":
            self.prior = put(self.prior, cause, content.get("value"))
        elif do == "border":
            self.border(content.get("border"), content.get("value"))
        elif do == "chance":
            changed = {
                **self.evidence[piece],
                "chances": put(self.evidence[piece]["chances"], cause, content.get("value")),
            }
            self.evidence = put(self.evidence, piece, changed)
        elif do == "piece":
            told = {name: content[name] for name in ("name", "seen", "used") if name in content}
            self.evidence = put(self.evidence, piece, {**self.evidence[piece], **told})
        elif do == "swap":
            self.evidence = (
                [self.evidence[1], self.evidence[0], *self.evidence[2:]] if len(self.evidence) > 1 else self.evidence
            )
        elif do == "rename":
            self.names = put(self.names, cause, content.get("name"))
        elif do == "add" and len(self.names) < CAUSES:
            self.change({"names": [*self.names, str(content.get("name", "?"))], "prior": [*self.prior, 10]})
            self.evidence = [{**piece, "chances": [*piece["chances"], 50]} for piece in self.evidence]
        elif do == "drop" and len(self.names) > 2:
            self.change({"names": without(self.names, cause), "prior": without(self.prior, cause)})
            self.evidence = [{**piece, "chances": without(piece["chances"], cause)} for piece in self.evidence]
        elif do == "paste":
            table = columns_of(content.get("text"), ROWS)
            self.change({"table": table, "label": last_with_classes(table, CLASSES)})
        elif do == "course":
            fields = ("names", "prior", "evidence") if self.part == "update" else ("table", "label", "third", "row")
            self.change({name: self.defaults()[name] for name in fields})
        else:
            super().act(content)

    def border(self, border: Any, value: Any) -> None:
        """Move the border after cause number `border` to `value` percent of the width: its two neighbours share anew."""
        if not whole(border, len(self.prior) - 2) or not whole(value, 100):
            raise TaskError("bad-value", f"Expected a border and a whole percent, got {border!r} and {value!r}.")
        total = sum(self.prior)
        both = self.prior[border] + self.prior[border + 1]
        left = min(both, max(0, round(value * total / 100) - sum(self.prior[:border])))
        self.prior = put(put(self.prior, border, left), border + 1, both - left)

    # ---- what it shows

    def compute(self) -> dict[str, Any]:
        return {"updates": self.updates(), "factors": self.factors(), "answer": self.answer()}

    def answer(self) -> dict[str, Any]:
        """What is asked to be guessed: the first cause after the first evidence; or the last class, of this row."""
        if self.part == "update":
            first = self.updates()[0]
            return {
                "value": first["posterior"] and 100 * first["posterior"][0],
                "parts": first["parts"] and first["parts"][0],
            }
        found = self.factors()
        return {"value": 100 * found["posterior"][-1], "parts": None}

    def updates(self) -> list[dict[str, Any]]:
        """One update for each piece of evidence that is used: prior, likelihood, product, their sum, posterior."""
        if not len(self.names) == len(self.prior) or any(
            len(piece["chances"]) != len(self.names) for piece in self.evidence
        ):
            raise TaskError("bad-value", "Expected one number a cause in the prior and in every piece of evidence.")
        belief: list[Fraction] | None = [Fraction(part, sum(self.prior)) for part in self.prior]
        found = []
        for number, piece in enumerate(self.evidence):
            if not piece["used"]:
                continue
            likelihood = [Fraction(chance if piece["seen"] else 100 - chance, 100) for chance in piece["chances"]]
            update: dict[str, Any] = {"piece": number, "prior": plainly(belief), "likelihood": plainly(likelihood)}
            product = belief and [a * b for a, b in zip(belief, likelihood, strict=True)]
            total = sum(product) if product else Fraction(0)
            belief = [part / total for part in product] if product and total else None  # else it cannot have happened
            update |= {"product": plainly(product), "evidence": float(total), "posterior": plainly(belief)}
            short = belief and all(part.denominator < 10**5 for part in belief)
            update["parts"] = [[part.numerator, part.denominator] for part in belief] if belief and short else None
            found.append(update)
        if not found:
            raise TaskError("bad-value", "Expected at least one piece of evidence that is used.")
        return found

    def model(self) -> dict[str, Any]:
        """Naive Bayes on the table, by counting; kept until the table or alpha changes."""
        key = (self.table, self.label, self.third, self.alpha)
        if self._known.get("key") != key:
            table = self.table or spam.data(self.third)
            label = (self.label or last_with_classes(table, CLASSES)) if self.table else "spam"
            if label not in table:
                raise DataError("unknown-column", f"Expected a column of {', '.join(table)}, got {label!r}.")
            columns, codes, left_out = [], [], []
            for name, column in table.items():
                values = sorted({str(value) for value in column})
                if name == label:
                    continue
                if len(values) > VALUES:
                    left_out.append(name)
                    continue
                columns.append({"name": name, "values": values})
                codes.append([float(values.index(str(value))) for value in column])
            target = np.array([str(answer) for answer in table[label]])
            if not columns or not 2 <= len(np.unique(target)) <= CLASSES:
                raise DataError(
                    "too-few-columns", f"Expected columns of few values and 2 to {CLASSES} classes in {label!r}."
                )
            rows = np.array(codes).T  # (N, D)
            bayes = CategoricalBayes(alpha=self.alpha).fit(rows, target)
            self._known = {
                "key": key,
                "bayes": bayes,
                "columns": columns,
                "left_out": left_out,
                "rows": rows,
                "target": target,
            }
        return self._known

    def factors(self) -> dict[str, Any]:
        """Everything that naive Bayes multiplies for this row, from `CategoricalBayes.factors`, and its counts."""
        known = self.model()
        bayes: CategoricalBayes = known["bayes"]
        row = self.row if len(self.row) == len(known["columns"]) else [0] * len(known["columns"])
        for value, column in zip(row, known["columns"], strict=True):
            if not whole(value, len(column["values"]) - 1):
                raise TaskError("bad-value", f"Expected a value's number in {column['name']!r}, got {value!r}.")
        found = bayes.factors(np.array(row, np.float64))
        place = bayes.offsets[:-1] + np.array(row)  # (D,): where this row's values are counted
        stages = np.cumprod(np.vstack([found["prior"], found["factors"]]), axis=0)  # (D + 1, C)
        sums = stages.sum(axis=1)
        same = np.flatnonzero((known["rows"] == np.array(row)).all(axis=1))
        return {
            "columns": known["columns"],
            "left_out": known["left_out"],
            "row": list(row),
            "classes": [str(one) for one in bayes.classes],
            "class_rows": bayes.class_rows.tolist(),
            "counts": bayes.counts[:, place].T.tolist(),  # (D, C)
            "possible": bayes.possible.tolist(),
            "prior": found["prior"].tolist(),
            "factors": found["factors"].tolist(),
            "product": found["product"].tolist(),
            "posterior": found["posterior"].tolist(),
            "ruled_out": bool(sums[-1] == 0),
            "stages": [(stage / total).tolist() if total else None for stage, total in zip(stages, sums, strict=True)],
            "seen": [[str(one), int((known["target"][same] == one).sum())] for one in bayes.classes],
        }


def whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def plainly(parts: list[Fraction] | None) -> list[float] | None:
    return None if parts is None else [float(part) for part in parts]
