"""The line: six points, a weight and a bias, and the first gradient descent.

Question: given x = 1..6 with y = 3.1 5.1 6.9 8.7 10.8 13.5, what is y at x = 7?
Cell: vector in, number out (regression).
Honesty: the six points are the course's own example, written down as y = 2x + 1 plus noise; nobody measured them. Six
rows are far too few to compare models by: the task is there to be computed by hand.
"""

from collections.abc import Iterator

X = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
Y = [3.1, 5.1, 6.9, 8.7, 10.8, 13.5]


def data() -> dict[str, list]:
    """The columns x and y."""
    return {"x": list(X), "y": list(Y)}


def predictions(w: float, b: float) -> list[float]:
    """w x + b at the six points: 5 8 11 14 17 20 for w = 3, b = 2."""
    return [w * x + b for x in X]


def losses(w: float, b: float, loss: str = "mae") -> list[float]:
    """Each point's loss: |w x + b - y| for "mae", its square for "mse"."""
    gaps = [guess - y for guess, y in zip(predictions(w, b), Y, strict=True)]
    return [abs(gap) if chosen(loss) == "mae" else gap * gap for gap in gaps]


def mean_loss(w: float, b: float, loss: str = "mae") -> float:
    """L(w, b), the mean of the six losses: 4.48 for "mae" at w = 3, b = 2."""
    return sum(losses(w, b, loss)) / len(X)


def gradient(w: float, b: float, loss: str = "mae") -> tuple[float, float]:
    """(dL/dw, dL/db) by hand.

    mae: the mean of sign(gap) x and of sign(gap); at a gap of exactly 0 the sign is taken as 0, as torch does.
    mse: the mean of 2 gap x and of 2 gap.
    """
    gaps = [guess - y for guess, y in zip(predictions(w, b), Y, strict=True)]
    if chosen(loss) == "mae":
        pulls = [float(gap > 0) - float(gap < 0) for gap in gaps]
    else:
        pulls = [2 * gap for gap in gaps]
    return sum(pull * x for pull, x in zip(pulls, X, strict=True)) / len(X), sum(pulls) / len(X)


def descend(w: float, b: float, rate: float, steps: int, loss: str = "mae") -> Iterator[dict]:
    """Yield where gradient descent stands before the first step and after each: step, w, b, loss, dw, db.

    For "mse" a rate below 0.064 converges (2 divided by the largest curvature of these six points). For "mae" a fixed
    rate ends up stepping to and fro around the bottom: the gradient does not shrink as the loss does.
    """
    for step in range(steps + 1):
        dw, db = gradient(w, b, loss)
        yield {"step": step, "w": w, "b": b, "loss": mean_loss(w, b, loss), "dw": dw, "db": db}
        w, b = w - rate * dw, b - rate * db


def least_squares() -> tuple[float, float]:
    """The (w, b) with the smallest mean square error, in closed form: about 2.026 and 0.927."""
    mean_x, mean_y = sum(X) / len(X), sum(Y) / len(Y)
    w = sum((x - mean_x) * (y - mean_y) for x, y in zip(X, Y, strict=True)) / sum((x - mean_x) ** 2 for x in X)
    return w, mean_y - w * mean_x


def answer(x: float = 7.0) -> float:
    """What the least-squares line says at x: about 15.107 at x = 7."""
    w, b = least_squares()
    return w * x + b


def chosen(loss: str) -> str:
    if loss not in ("mae", "mse"):
        from fofx.errors import TaskError

        raise TaskError("bad-option", f'Expected loss to be "mae" or "mse", got {loss!r}.')
    return loss


TASK = dict(
    name="line",
    question={
        "en": "Six points lie near a line. What is y at x = 7?",
        "zh": "六个点大致在一条直线上。x = 7 时，y 是多少？",
    },
    cell=("vector", "regression"),
    data=data,
    outputs="y",
    options={"kinds": {"x": "number", "y": "number"}},
    honesty={
        "en": "Made-up points: y = 2x + 1 plus noise, written down by the course. Six rows cannot rank models.",
        "zh": "虚构的点：课程写下的 y = 2x + 1 加噪声。六行数据不足以比较模型的好坏。",
    },
    good={
        "en": "The least-squares line answers 15.11 at x = 7 (2x + 1 gives 15). Scores on one or two rows mean little.",
        "zh": "最小二乘直线在 x = 7 处给出 15.11（2x + 1 给出 15）。只有一两行的得分说明不了什么。",
    },
)
