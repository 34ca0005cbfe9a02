"""t-SNE of features: how classes of real and of distilled images lie, set beside set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fd2.errors import FD2Error
from fd2.figures._rows import diagnosis_inputs, schema
from fd2.figures._sets import diagnosis_title, open_diagnosed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS_SCHEMA = schema(
    "t-SNE of the features of some classes.",
    *("dataset", "ipc", "backbone", "training", "rows"),
    class_count={
        **{"type": "integer", "minimum": 1},
        "description": "Number of classes, drawn at random; all if there are fewer.",
    },
    images_per_class={
        **{"type": "integer", "minimum": 1},
        "description": "Most images of a class in each row; real ones are drawn at random.",
    },
    perplexity={
        **{"type": "number", "minimum": 1},
        "description": "Of t-SNE; at most a third of the images.",
    },
    seed={"type": "integer", "minimum": 0, "description": "Of the classes and of t-SNE."},
)
inputs = diagnosis_inputs
FEWEST_IMAGES = 4


def drawn_classes(count: int, classes: int, seed: int) -> list[int]:
    """Sorted ids of ``count`` of the classes, drawn at random; all if there are fewer."""
    from fd2.runtime.seeds import numpy_generator

    rng = numpy_generator("feature_embedding", seed)
    chosen: list[int] = rng.permutation(classes)[:count].tolist()
    return sorted(chosen)


def embed(features: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    """t-SNE (van der Maaten and Hinton, 2008) of features of length 1, with scikit-learn.

    It starts from the first two principal components. The same arguments give the same points.

    Args:
        features: ``[N, D]``, N >= 4.
        perplexity: lowered to (N - 1) / 3 where it is above.
        seed: of everything random.

    Returns:
        float32 ``[N, 2]``.

    Raises:
        FD2Error: for fewer than four images.
    """
    import numpy as np
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    count = len(features)
    if count < FEWEST_IMAGES:
        raise FD2Error(
            f"t-SNE of {count} images",
            "figure of kind 'feature_embedding'",
            "raise 'class_count' or 'ipc', or add rows",
        )
    lengths = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    unit = features / np.where(lengths > 0, lengths, 1)
    model = TSNE(init="pca", perplexity=min(perplexity, (count - 1) / 3), random_state=seed % 2**32)
    # Sums on several threads round differently, and t-SNE makes a little much.
    with threadpool_limits(1):
        points: np.ndarray = model.fit_transform(unit)
    return points


def points(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> pd.DataFrame:
    """All rows' images in one embedding, so that places compare between rows.

    Returns:
        One line an image: ``label``, ``class``, ``image`` (its id in the set, or its position in
        the training split), ``x``, ``y``.

    Raises:
        FD2Error: if a diagnosis is missing or damaged, or was made from other data, or there are
            too few images.
    """
    import numpy as np
    import pandas as pd

    manifest, sets = open_diagnosed(spec, files)
    classes = drawn_classes(spec["class_count"], len(manifest.classes), spec["seed"])
    frames, features = [], []
    for label, arrays in sets:
        ids = arrays["labels"]
        chosen = np.concatenate(
            [np.flatnonzero(ids == c)[: spec["images_per_class"]] for c in classes]
        )
        names = [manifest.classes[c] for c in ids[chosen]]
        images = arrays["ids"][chosen]
        frames.append(pd.DataFrame({"label": label, "class": names, "image": images}))
        features.append(arrays["features"][chosen])
    frame = pd.concat(frames, ignore_index=True)
    embedded = embed(np.concatenate(features), spec["perplexity"], spec["seed"])
    return frame.assign(x=embedded[:, 0], y=embedded[:, 1])


def draw(spec: Mapping[str, Any], files: Mapping[str, list[Path]]) -> tuple[Figure, pd.DataFrame]:
    """A panel a row of `points`: its images by class, the other rows' in grey."""
    from fd2.figures._drawing import explain, new_figure

    frame = points(spec, files)
    labels = list(dict.fromkeys(frame["label"]))
    figure = new_figure(3.2 * len(labels), 4.2)
    shared = None
    for position, label in enumerate(labels):
        axes = figure.add_subplot(1, len(labels), position + 1, sharex=shared, sharey=shared)
        shared = axes
        _scatter(axes, frame, label)
    explain(figure, diagnosis_title(spec, "t-SNE"), columns=3, size=7)
    return figure, frame


def _scatter(axes: Axes, frame: pd.DataFrame, label: str) -> None:
    from fd2.figures._drawing import COLOURS, MARKERS, mark

    others = frame[frame["label"] != label]
    axes.scatter(others["x"], others["y"], s=3, color="#BBBBBB", linewidths=0)
    for position, name in enumerate(dict.fromkeys(frame["class"])):
        own = frame[(frame["label"] == label) & (frame["class"] == name)]
        axes.scatter(
            own["x"],
            own["y"],
            s=26,
            color=mark(COLOURS, position),
            marker=mark(MARKERS, position),
            edgecolors="black",
            linewidths=0.4,
            label=name,
        )
    axes.set_title(label, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
