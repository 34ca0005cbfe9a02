"""Our scores beside those of DD-Ranking's package, from the same accuracies as fractions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.artifacts.test_ddranking import by_package

from fd2.tables.scores import (
    augmentation_robust_score,
    hard_label_recovery,
    label_robust_score,
)

#: It gives its evaluators accuracies in place of those of networks that they would train, in the
#: order in which they ask.
SCRIPT = """
import json, sys, torch
import ddranking.metrics.aug_robust as augmented
import ddranking.metrics.soft_label as soft

full, hard, own, random, plain, random_plain = json.loads(sys.argv[1])
weight = float(sys.argv[2])
for module in (augmented, soft):
    module.save_results = lambda *_: None

def made(kind, **answers):
    evaluator = kind.__new__(kind)
    shared = dict(ipc=1, num_classes=2, num_eval=len(full), rank=0, use_dist=False, save_path="")
    shared |= dict(eval_full_data=True, soft_label_mode="M", label_type="soft")
    vars(evaluator).update(shared)
    for name, values in answers.items():
        turns = iter([value for pair in zip(*values) for value in pair])
        setattr(evaluator, f"_compute_{name}_metrics_helper", lambda t=turns, **_: (next(t), 0.1))
    evaluator._get_random_data_helper = lambda eval_iter: (None,) * size
    return evaluator.compute_metrics

size = 3
labels = made(soft.LabelRobustScoreSoft, hard_label=(hard, full), soft_label=(own, random))
found = labels(image_tensor=torch.zeros(1), lrs_lambda=weight)
size = 4
views = dict(with_aug=(own, random), without_aug=(plain, random_plain))
found |= made(augmented.AugmentationRobustScore, **views)(torch.zeros(1), ars_lambda=weight)
print("scores", json.dumps({name: float(value) for name, value in found.items()}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_the_package_computes_the_same(tmp_path: Path, weight: float) -> None:
    accuracies = np.random.default_rng(0).uniform(0, 1, (6, 4))
    words = (json.dumps(accuracies.tolist()), str(weight))
    found = json.loads(by_package(SCRIPT, *words, folder=tmp_path).split("scores ")[1])
    full, hard, own, random, plain, random_plain = accuracies
    recovery, improvement = hard_label_recovery(full, hard), own - random
    for name, values in (
        ("hard_label_recovery", recovery),
        ("improvement_over_random", improvement),
        ("label_robust_score", label_robust_score(recovery, improvement, weight)),
        ("without_aug_scores", plain - random_plain),
        (
            "augmentation_robust_score",
            augmentation_robust_score(improvement, plain - random_plain, weight),
        ),
    ):
        assert found[f"{name}_mean"] == pytest.approx(values.mean()), name
        # Of all runs, where our tables show the deviation of a sample.
        assert found[f"{name}_std"] == pytest.approx(values.std()), name
