r"""Formulas as SVG with a real math font, offline: ziamath draws LaTeX with STIX Two Math, as paths in the colour of the text.

>>> formula(r"y = wx + b").startswith('<svg class="formula" role="img" aria-label="y = wx + b"')
True
"""

from __future__ import annotations

import threading
import warnings
from functools import cache
from html import escape

# What each step of the course looks like; the same three stand on the home page and above every run's model.
MODEL = r"\hat{y} = f_{\theta}(x)"
LOSS = r"L(\theta) = \frac{1}{N} \sum_{n=1}^{N} e\left(y_n, \hat{y}_n\right)"
OPTIMIZE = r"\theta \leftarrow \theta - \eta \, \frac{\partial L}{\partial \theta}"
FIND = r"\theta^{*} = \arg\min_{\theta} L(\theta)"

_drawing = threading.Lock()  # ziamath keeps its options in one place


@cache
def formula(latex: str, size: float = 18) -> str:
    """The formula as an `<svg>` that takes the colour of the text around it; screen readers get the LaTeX."""
    with _drawing, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # how ziamath finds its font has an older name
        import ziamath

        ziamath.config.svg2 = False  # plain paths: shared <symbol> ids of two sizes would draw over one another
        drawn = ziamath.Latex(latex, size=size, color="currentColor").svg()
    return drawn.replace("<svg ", f'<svg class="formula" role="img" aria-label="{escape(latex)}" ', 1)
