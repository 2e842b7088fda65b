"""The classical models, interpretable by construction: nearest neighbours, decision tree, boosting, naive Bayes.

Each file holds one readable numpy model that predicts from the evidence it shows; `fast` holds compiled twins that give
the same answers. Nothing is imported here, so that asking for one model does not load the others.

One contract: `fit(features (N, D), target (N,)) -> self`, `predict(features)`, `probabilities(features)` for
classifiers, `unseen(features)` for what training never met, `state() -> (json_dict, {name: ndarray})`, `from_state`.
`PIECES` of each module are the functions and classes that, pasted one after the other below `import numpy as np`,
are the whole model.
"""
