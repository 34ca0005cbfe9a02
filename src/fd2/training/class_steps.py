"""In which order classes arrive, and how many at each step.

Class-incremental learning as DM evaluates sets (arXiv:2110.04181), after GDumb (Prabhu
et al., ECCV 2020). Torch-free.
"""

from __future__ import annotations

from fd2.errors import FD2Error
from fd2.runtime.seeds import numpy_generator


def step_sizes(classes: int, steps: int, where: str) -> list[int]:
    """Classes that arrive at each step: equal numbers, the first steps one more where need be.

    Args:
        classes: of the dataset.
        steps: at least 1.
        where: the steps were asked for, for the error.

    Raises:
        FD2Error: if a step has no class, or the first only one, which is nothing to tell apart.
    """
    size, larger = divmod(classes, steps)
    sizes = [size + 1] * larger + [size] * (steps - larger)
    if sizes[-1] < 1 or sizes[0] < 2:
        raise FD2Error(
            f"{classes} classes in {steps} steps",
            where,
            f"ask for at most {classes - 1} steps, so that each has a class and the first has two",
        )
    return sizes


def classes_seen(dataset: str, classes: int, steps: int, seed: int) -> list[list[int]]:
    """Ids of all classes that have arrived by each step, ascending.

    The order of arrival is drawn by the dataset's name and the seed alone, so that all methods have
    the same. Ascending, because a network that is trained anew has no use for the order: after the
    last step it learns from all classes as it does where they are there from the start.

    Raises:
        FD2Error: as `step_sizes`.
    """
    sizes = step_sizes(classes, steps, f"dataset '{dataset}'")
    order = numpy_generator("classes arrive", dataset, seed).permutation(classes).tolist()
    return [sorted(order[: sum(sizes[: step + 1])]) for step in range(steps)]
