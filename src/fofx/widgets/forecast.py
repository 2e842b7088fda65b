"""Forecast: the past of a series, its forecast with an interval, what came, and the naive answers, moment by moment.

    Forecast(past, forecast, right=right, low=low, high=high, naive={"last value": last}, times=months)

Shapes: N moments, P past values, H values ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import traitlets

from fofx.errors import TaskError
from fofx.widgets.shown import Shown, finite, packed


class Forecast(Shown):
    """One series at N moments: past (N, P), forecast (N, H); right, low and high (N, H) or None; naive: {name: (N, H)}.

    times: a label for each moment, the first that is forecast. What is not known is NaN. One moment alone: (P,) and (H,).
    TaskError "bad-series" when the shapes do not fit one another.
    """

    name = "forecast"
    title = traitlets.Unicode("").tag(sync=True)
    series = traitlets.Unicode("").tag(sync=True)  # its name
    moment = traitlets.Int(0, min=0).tag(sync=True)
    count = traitlets.Int(1).tag(sync=True)  # N
    names: traitlets.List = traitlets.List().tag(sync=True)  # of the naive answers
    times: traitlets.List = traitlets.List().tag(sync=True)
    away: traitlets.List = traitlets.List().tag(sync=True)  # naive answers that are not drawn
    now: traitlets.Dict = traitlets.Dict().tag(
        sync=True
    )  # {"past", "forecast", "right", "low", "high", "naive": [...]}
    course = traitlets.Bytes(b"").tag(
        sync=True
    )  # float32 (2 + naive answers, N): right, forecast and these, first step
    table: traitlets.List = traitlets.List().tag(sync=True)  # of each answer {"name", "all", "first", "last", "here"}
    inside = traitlets.Float(None, allow_none=True).tag(sync=True)  # share of right values within the interval

    def __init__(
        self,
        past: Any,
        forecast: Any,
        right: Any = None,
        low: Any = None,
        high: Any = None,
        naive: Mapping[str, Any] | None = None,
        times: Sequence[Any] | None = None,
        lang: str | None = None,
        **traits: Any,
    ) -> None:
        self._past = rows_of("past", past)
        self._forecast = rows_of("forecast", forecast, len(self._past))
        shape = self._forecast.shape
        given = {"right": right, "low": low, "high": high}
        self._given = {name: None if v is None else rows_of(name, v, *shape) for name, v in given.items()}
        self._naive = {str(name): rows_of(str(name), value, *shape) for name, value in (naive or {}).items()}
        if times is not None and len(times) != shape[0]:
            raise TaskError("bad-series", f"Expected a time for each of {shape[0]} moments, got {len(times)}.")
        self._ready = False
        super().__init__(lang, **traits)
        self.count, self.names = shape[0], list(self._naive)
        self.times = [str(each) for each in times] if times is not None else []
        nothing = np.full(shape, np.nan)
        self._right = nothing if self._given["right"] is None else self._given["right"]
        first = [self._right[:, 0], self._forecast[:, 0], *(each[:, 0] for each in self._naive.values())]
        self.course = packed(first)
        self.inside = self._share_inside()
        self._ready = True
        self.moment = self.moment  # within bounds
        self._show()

    @traitlets.validate("moment")
    def _known_moment(self, proposal: Any) -> int:
        return min(proposal["value"], self.count - 1) if self._ready else proposal["value"]

    @traitlets.observe("moment")
    def _other_moment(self, change: Any) -> None:
        if self._ready:
            self._show()

    def _show(self) -> None:
        at = self.moment
        with self.hold_sync():
            self.now = {
                "past": plain(self._past[at]),
                "forecast": plain(self._forecast[at]),
                **{name: None if value is None else plain(value[at]) for name, value in self._given.items()},
                "naive": [plain(each[at]) for each in self._naive.values()],
            }
            self.table = [self._errors("", self._forecast), *(self._errors(*each) for each in self._naive.items())]

    def _errors(self, name: str, answer: np.ndarray) -> dict[str, Any]:
        """Mean absolute errors: over all moments and steps, of the first and the last step, and at the moment shown."""
        off = np.abs(answer - self._right)  # (N, H)
        parts = {"all": off, "first": off[:, 0], "last": off[:, -1], "here": off[self.moment]}
        return {"name": name} | {key: mean(part) for key, part in parts.items()}

    def _share_inside(self) -> float | None:
        low, high = self._given["low"], self._given["high"]
        if low is None or high is None:
            return None
        known = np.isfinite(self._right) & np.isfinite(low) & np.isfinite(high)
        return mean(((low <= self._right) & (self._right <= high))[known].astype(np.float64))


def mean(values: np.ndarray) -> float | None:
    """The mean of what is known."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def plain(values: np.ndarray) -> list[float | None]:
    return [finite(value, 9) for value in values]


def rows_of(name: str, values: Any, rows: int | None = None, width: int | None = None) -> np.ndarray:
    """Numbers as (N, width) float64, NaN where none is known; one row may come alone. TaskError "bad-series"."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TaskError("bad-series", f"Expected {name} as numbers; {error}.") from error
    if found.ndim == 1:
        found = found[:, None] if rows is not None and width == 1 and len(found) == rows else found[None]
    fits = found.ndim == 2 and found.size and rows in (None, len(found)) and width in (None, found.shape[-1])
    if not fits:
        wanted = f"({rows or 'moments'}, {width or 'steps'})"
        raise TaskError("bad-series", f"Expected {name} of shape {wanted}, got {found.shape}.")
    return np.where(np.isfinite(found), found, np.nan)
