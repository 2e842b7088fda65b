"""Does a probability of 80 % come true in 80 of 100 cases? And do the intervals of numbers hold as often as they promise?

Classes: the reliability diagram (Murphy and Winkler 1977), the expected calibration error (Naeini, Cooper and Hauskrecht
2015) and the Brier score (Brier 1950). Numbers: the share of right answers that lie within a distance of the answer, the
distance being what so many validation answers kept (split conformal prediction, Vovk 2005). Shapes: N rows, K classes, B bins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fofx.errors import FofxError, Notice, TaskError
from fofx.finding import Finding
from fofx.report.facts import wilson
from fofx.see.answers import Answers, answers, class_number, output_of
from fofx.see.rows import row_error

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # shares that intervals promise


@dataclass
class Reliability:
    """Probabilities in bins, beside how often they came true.

    about : the class whose probability it is; None: that of the answer, whichever it is ("is it right?").
    edges : (B + 1,) of the bins. counts: (B,) rows in each. said: (B,) mean probability; came: (B,) share that came true;
            NaN in an empty bin. low, high: (B,) where that share would lie in 95 of 100 draws of as many rows (Wilson).
    ece   : mean of |came - said|, weighed by the rows. worst: the largest of them.
    brier : mean squared distance of the probabilities from what came: of all classes together (0 to 2), or of one class
            (0 to 1); None when only the answer's probability is known.
    """

    rung: str
    output: str
    part: str
    about: str | None
    edges: np.ndarray
    counts: np.ndarray
    said: np.ndarray
    came: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ece: float
    worst: float
    brier: float | None
    notes: list[Notice] = field(default_factory=list)


@dataclass
class Coverage:
    """Intervals around a number's answer: what they promise and what they hold.

    promised: (L,) shares. reach: (L,) half the width of the interval, in the number's unit, from the validation rows.
    held    : (L,) the share of the part's right answers inside; low, high: its interval (Wilson, 95 %).
    bias    : the mean of answered minus right.
    """

    rung: str
    output: str
    part: str
    promised: np.ndarray
    reach: np.ndarray
    held: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bias: float
    rows: int
    notes: list[Notice] = field(default_factory=list)


def calibration(
    function: Finding,
    rung: str | None = None,
    output: str | None = None,
    part: str = "test",
    bins: int = 10,
    how: str = "width",
    about: str | None = None,
) -> Reliability | Coverage:
    """Reliability of an output of classes, coverage of one of numbers, for a rung (by default the winner) on a part.

    how  : "width" makes bins of equal width, "count" of about equally many rows. about: one class by its name.
    Raises TaskError "bad-option", "unknown-class", "no-rows", "no-classes" (`about` for a number), "unknown-rung",
    "unknown-output", "unknown-part"; RunError "data-gone" where rows are needed that cannot be read again.
    """
    end = output_of(function, output)
    if end.kind == "number":
        if about is not None:
            class_number(end, about)  # raises: a number has no classes
        return _coverage(function, rung, end.name, part)
    target = None if about is None else class_number(end, about)
    said = _with_probabilities(function, rung, end.name, part, whole=target is not None)
    if not len(said):
        raise TaskError("no-rows", f"The {part} part has no rows.")
    score = None
    if target is not None and said.probabilities is not None:
        chance, came = said.probabilities[:, target], said.truth == target
        score = float(np.mean((chance - came) ** 2))
    else:
        chance, came = np.asarray(said.sure), said.predicted == said.truth
        if said.probabilities is not None:
            score = brier(said.probabilities, said.truth)
    edges, counts, mean, share = reliability(chance, came, bins, how)
    between = [wilson(round(s * n), int(n)) if n else (np.nan, np.nan) for s, n in zip(np.nan_to_num(share), counts)]
    full = counts > 0
    gaps = np.abs(share - mean)[full]
    return Reliability(
        rung=said.rung,
        output=end.name,
        part=part,
        about=None if target is None else end.names[target],  # type: ignore[attr-defined]
        edges=edges,
        counts=counts,
        said=mean,
        came=share,
        low=np.array([low for low, _ in between]),
        high=np.array([high for _, high in between]),
        ece=float((gaps * counts[full]).sum() / counts.sum()),
        worst=float(gaps.max()),
        brier=score,
        notes=list(said.notes),
    )


def _with_probabilities(function: Finding, rung: str | None, output: str, part: str, whole: bool) -> Answers:
    """Answers with the probabilities of all classes; of the answers alone when the data are gone, unless `whole`."""
    try:
        return answers(function, rung, output, part, probabilities=True)
    except FofxError as problem:
        if whole or part == "train" or rung not in (None, function.winner) or not row_error(problem):
            raise
        said = answers(function, rung, output, part)
        text = f"Only the probability of the answer is known, so there is no Brier score: {problem.message}"
        said.notes.append(Notice("no-brier", text, len(said)))
        return said


def reliability(
    chance: np.ndarray, came: np.ndarray, bins: int = 10, how: str = "width"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(edges (B + 1,), counts (B,), mean probability (B,), share that came true (B,)) of probabilities (N,) and truths (N,).

    A value on an edge belongs to the lower bin. Empty bins have NaN. Raises TaskError "bad-option".
    """
    if how not in ("width", "count") or not 1 <= bins <= 1000:
        raise TaskError("bad-option", f"Bins are made by width or count, 1 to 1000 of them, not {how!r} and {bins}.")
    edges = np.linspace(0, 1, bins + 1) if how == "width" else np.quantile(chance, np.linspace(0, 1, bins + 1))
    place = np.searchsorted(edges[1:-1], chance)  # (N,)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, weights=chance, minlength=bins) / counts
        share = np.bincount(place, weights=came.astype(float), minlength=bins) / counts
    return edges, counts, mean, share


def brier(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The mean over rows of the sum over classes of (probability - (1 if it is the right class else 0))^2: (N, K), (N,)."""
    right = truth[:, None] == np.arange(
        probabilities.shape[1]
    )  # (N, K); no class is right where training never showed it
    return float(np.mean(((probabilities - right) ** 2).sum(axis=1)))


def _coverage(function: Finding, rung: str | None, output: str, part: str) -> Coverage:
    """How often the intervals hold that the validation rows' errors make."""
    before, said = answers(function, rung, output, "validation"), answers(function, rung, output, part)
    if not len(before) or not len(said):
        raise TaskError("no-rows", f"The {part if len(before) else 'validation'} part has no rows.")
    promised = np.array(LEVELS)
    reach = reaches(np.abs(before.predicted - before.truth), promised)  # (L,)
    errors = said.predicted - said.truth  # (N,)
    inside = (np.abs(errors)[:, None] <= reach).sum(axis=0)  # (L,)
    between = np.array([wilson(int(hits), len(said)) for hits in inside])  # (L, 2)
    notes = list(said.notes)
    if part == "validation":
        text = "The intervals were made from these very rows, so that they hold here by construction; look at the test rows."
        notes.append(Notice("own-interval", text, len(said)))
    return Coverage(
        rung=said.rung,
        output=output,
        part=part,
        promised=promised,
        reach=reach,
        held=inside / len(said),
        low=between[:, 0],
        high=between[:, 1],
        bias=float(errors.mean()),
        rows=len(said),
        notes=notes,
    )


def reaches(errors: np.ndarray, promised: np.ndarray) -> np.ndarray:
    """The distance within which the promised shares of the errors (N,) lie, one row more counted as outside: (L,)."""
    return np.quantile(errors, np.minimum(1.0, promised * (1 + 1 / len(errors))))
