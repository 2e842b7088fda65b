"""One file per model, plain torch, readable alone. Nothing is imported here, so that torch loads late."""
