"""Spam: eleven mails, two questions that a tree can ask, and a third that it turns out to need.

Question: is a mail spam, from whether the sender is known, a spam keyword occurs, and an attachment looks suspicious?
Cell: vector in, category out (classification).
Honesty: eleven mails of the course, made up to be counted by hand. Their third column (suspicious attachment) is this
project's filling-in of the course's remark that a third feature would help: yes for the one spam without a keyword.
"""

COLUMNS = ("known_sender", "spam_keyword", "suspicious_attachment", "spam")
ROWS = (
    ("yes", "yes", "no", "no"),
    ("yes", "yes", "no", "no"),
    ("yes", "no", "no", "no"),
    ("yes", "no", "no", "no"),
    ("yes", "no", "no", "no"),
    ("no", "yes", "no", "yes"),
    ("no", "yes", "no", "yes"),
    ("no", "yes", "no", "yes"),
    ("no", "no", "no", "no"),
    ("no", "no", "no", "no"),
    ("no", "no", "yes", "yes"),
)


def columns(third: bool = True) -> tuple[str, ...]:
    """The names of the input columns, with or without the third."""
    return COLUMNS[:3] if third else COLUMNS[:2]


def data(third: bool = True) -> dict[str, list]:
    """The table as columns of "yes" and "no"; `third` keeps suspicious_attachment."""
    return {name: [row[COLUMNS.index(name)] for row in ROWS] for name in (*columns(third), "spam")}


def numbers(third: bool = True) -> tuple[list[list[float]], list[str]]:
    """The table for a model of numbers: features with 1 for yes and 0 for no, and the target "yes" / "no"."""
    width = len(columns(third))
    return [[float(cell == "yes") for cell in row[:width]] for row in ROWS], [row[3] for row in ROWS]


def cannot_tell_apart(third: bool = True) -> dict[tuple[str, ...], list[int]]:
    """Mails with equal inputs and different answers: inputs -> row numbers. No function of these inputs is right."""
    width = len(columns(third))
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(ROWS):
        groups.setdefault(row[:width], []).append(number)
    return {inputs: rows for inputs, rows in groups.items() if len({ROWS[row][3] for row in rows}) > 1}


def never_seen(third: bool = True) -> list[tuple[str, ...]]:
    """Combinations of yes and no that no mail has: what a model answers there, it answers without evidence."""
    from itertools import product

    width = len(columns(third))
    seen = {row[:width] for row in ROWS}
    return [inputs for inputs in product(("yes", "no"), repeat=width) if inputs not in seen]


def tree(third: bool = True, criterion: str = "gini"):
    """The decision tree of the table, fitted: ask it for split_costs(), path(row), text(columns(third))."""
    from fofx.classic.tree import Tree

    features, target = numbers(third)
    return Tree(criterion=criterion).fit(features, target)


TASK = dict(
    name="spam",
    question={
        "en": "Is this mail spam?",
        "zh": "这封邮件是垃圾邮件吗？",
    },
    cell=("vector", "classification"),
    data=data,
    outputs="spam",
    options={"kinds": dict.fromkeys(COLUMNS, "category")},
    honesty={
        "en": "Eleven made-up mails, to be counted by hand. Too few to rank models.",
        "zh": "十一封虚构的邮件，便于手算。数量太少，不足以比较模型的好坏。",
    },
    good={
        "en": "With two columns no function gets more than 10 of 11: one spam equals two good mails. With three: 11.",
        "zh": "只有两列时最多答对 11 封中的 10 封：一封垃圾邮件与两封正常邮件的输入完全相同。有三列时可全对。",
    },
)
