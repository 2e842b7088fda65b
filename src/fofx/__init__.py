"""fofx finds a function from data and shows how it was found."""

__version__ = "0.1.0"
