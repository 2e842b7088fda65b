"""Boxes round objects: their geometry, suppressing doubles, average precision, and the maps that a detector answers with.

A box is its corners: left, top, right, bottom, in any unit, the same for all; y grows downwards. Nothing is imported here,
so that torch loads late: `from fofx.boxes.geometry import overlaps`.
"""
