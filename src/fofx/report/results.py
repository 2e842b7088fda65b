"""How the winner did on the test rows: for classes who was taken for whom, for numbers how far the answers lie from right.

Shapes: N test rows, K classes.
"""

from __future__ import annotations

import numpy as np

from fofx.explain.markup import escape, words
from fofx.fields.category import Category
from fofx.fields.number import Number
from fofx.report import charts
from fofx.report.facts import Facts
from fofx.report.shown import import_kinds, results_by, results_of

MOST_CLASSES = 12  # shown of a confusion matrix
MOST_OUTPUTS = 3  # outputs that get charts


def results(facts: Facts) -> str:
    """The section for each output, or a sentence when there are no test rows to show."""
    if not facts.test.height:
        return f"<p>{words('report.no-predictions')}</p>"
    import_kinds()
    outputs = facts.function.outputs
    first = {type(field): field for field in reversed(facts.function.fields)}
    pieces = [results_by(field, facts) for field in first.values()]
    for output in outputs[:MOST_OUTPUTS]:
        if len(outputs) > 1:
            pieces.append(f"<h3>{escape(output.name)}</h3>")
        pieces.append(results_of(output, facts))
    if len(outputs) > MOST_OUTPUTS:
        pieces.append(f'<p class="quiet">{words("report.more-outputs", count=len(outputs) - MOST_OUTPUTS)}</p>')
    return "".join(pieces)


@results_of.register
def numbers(output: Number, facts: Facts) -> str:
    """Right against answered, and the errors."""
    rows = facts.sample[: charts.MOST_POINTS] if len(facts.sample) <= charts.MOST_POINTS else spread(facts.sample)
    right, predicted = facts.right_of(output), facts.predicted_of(output)
    errors = predicted - right
    reach = facts.function.record.get("interval", {}).get(output.name)
    remark = ""
    if reach:
        share = float(np.mean(np.abs(errors) <= reach))
        remark = f"<p>{words('report.reach', reach=f'{reach:.4g}', share=f'{share:.0%}')}</p>"
    return time_chart(facts, right, predicted, reach) + (
        f'<div class="charts"><figure>{charts.answers(right[rows], predicted[rows])}'
        f"<figcaption>{words('report.caption.answers', shown=f'{len(rows):,}', rows=f'{len(right):,}')}</figcaption></figure>"
        f"<figure>{charts.residuals(errors)}<figcaption>{words('report.caption.residuals')}</figcaption></figure></div>{remark}"
    )


def time_chart(facts: Facts, right: np.ndarray, predicted: np.ndarray, reach: float | None) -> str:
    """Where the rows were split in the order of time: the last test rows in that order, with the interval of the answers."""
    column = facts.function.record.get("columns", {}).get("time")
    if column is None or facts.frame is None or column not in facts.frame.columns:
        return ""
    order = facts.frame[column].arg_sort().to_numpy()[-charts.MOST_MOMENTS :]
    caption = words("report.caption.in-time", shown=len(order), column=column)
    drawn = charts.in_time(right[order], predicted[order], reach)
    return f'<figure class="broad">{drawn}<figcaption>{caption}</figcaption></figure>'


def spread(rows: np.ndarray) -> np.ndarray:
    return rows[np.linspace(0, len(rows) - 1, charts.MOST_POINTS).astype(int)]


@results_of.register
def classes(output: Category, facts: Facts) -> str:
    """The confusion matrix; of very many classes those with the most mistakes, and the most frequent confusions."""
    right, predicted = facts.right_of(output), facts.predicted_of(output)
    names = list(output.names)
    if (right < 0).any():
        right = np.where(right < 0, len(names), right)
        names.append("?")
    matrix = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(matrix, (right, predicted), 1)  # (K, K): row right, column answered
    kept = np.arange(len(names))
    remark = ""
    if len(names) > MOST_CLASSES:
        kept = worst(matrix)
        remark = f'<p class="quiet">{words("report.worst-classes", shown=len(kept), classes=len(names))}</p>'
    table = confusion(matrix, names, kept, others=len(kept) < len(names))
    return f"<p>{words('report.caption.confusion')}</p>{table}{remark}{confusions(matrix, names)}"


def worst(matrix: np.ndarray) -> np.ndarray:
    """The classes of the most frequent mistakes, each beside the one it is taken for; then those with the most mistakes."""
    off = matrix - np.diag(np.diag(matrix))  # (K, K)
    pairs = np.argsort(-off, axis=None, kind="stable")[: (off > 0).sum()]
    order = [int(k) for pair in pairs for k in divmod(int(pair), len(matrix))]
    order += np.argsort(-off.sum(axis=1), kind="stable").tolist()
    return np.sort(list(dict.fromkeys(order))[:MOST_CLASSES])


def confusion(matrix: np.ndarray, names: list[str], kept: np.ndarray, others: bool) -> str:
    """The matrix as a table: a row for each right class, a column for each answer, shaded by the share of the row."""
    totals = matrix.sum(axis=1)  # (K,)
    head = "".join(f'<th scope="col"><span>{escape(short(names[k]))}</span></th>' for k in kept)
    head += f"<th>{words('report.others')}</th>" if others else ""
    lines = [f'<tr><th class="corner">{words("report.corner")}</th>{head}<th>{words("report.recall")}</th></tr>']
    for row in kept:
        cells = []
        for column in kept:
            count = int(matrix[row, column])
            share = count / totals[row] if totals[row] else 0.0
            side = "hit" if row == column else "miss"
            cells.append(f'<td class="{side}" style="--much:{share:.3f}">{count or "·"}</td>')
        if others:
            rest = int(totals[row] - matrix[row, kept].sum())
            cells.append(f'<td class="miss" style="--much:{rest / max(totals[row], 1):.3f}">{rest or "·"}</td>')
        recall = f"{matrix[row, row] / totals[row]:.0%}" if totals[row] else "–"
        lines.append(f'<tr><th scope="row">{escape(short(names[row]))}</th>{"".join(cells)}<td>{recall}</td></tr>')
    return f'<div class="wide"><table class="confusion">{"".join(lines)}</table></div>'


def confusions(matrix: np.ndarray, names: list[str], most: int = 6) -> str:
    """The most frequent mistakes in words, where there are more than two classes."""
    if len(names) < 3:
        return ""
    off = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    pairs = [(int(at // len(names)), int(at % len(names))) for at in order]
    lines = [
        f"<li>{words('report.taken', right=names[a], answered=names[b], count=int(off[a, b]))}</li>"
        for a, b in pairs
        if off[a, b]
    ]
    return f"<h3>{words('report.frequent')}</h3><ul>{''.join(lines)}</ul>" if lines else ""


def short(name: str, most: int = 14) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
