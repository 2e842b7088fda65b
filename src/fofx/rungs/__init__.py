"""Rungs: the models tried for a task, each fitted within a time budget and kept as plain data."""
