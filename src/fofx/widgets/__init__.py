"""Widgets in the anywidget format: the same in Jupyter, VS Code, Colab and the studio. One class and one JavaScript file each.

from fofx.widgets.line import Line
Line()                       # in a notebook cell
"""
