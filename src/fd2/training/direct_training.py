"""Training of students as in dataset condensation, protocol ``direct``: SGD and DSA."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional

from fd2.artifacts.soft_labels import epoch_logits
from fd2.augment.differentiable import draw_augmentations
from fd2.config.settings import LEARNED
from fd2.image_counts import even_sizes
from fd2.runtime.seeds import torch_generator
from fd2.runtime.state import Snapshot
from fd2.training.optimisers import set_learning_rate
from fd2.training.student_training import Pass, StudentTraining

_STEP = 0.1


class DirectTraining(StudentTraining):
    """One student's training run on class labels, or on a vector of logits for each image.

    SGD with momentum and one weight decay for all; of epochs 0 to E those after ⌊E/2⌋ + 1 have a
    tenth of the rate and a new optimiser, without momentum. Each batch sees one operation of
    differentiable augmentation, each of its images with parameters of its own. Source: the public
    code of DC, DSA and DM, utils.py, https://github.com/VICO-UoE/DatasetCondensation. There the
    last batch holds what is left over; here all have nearly equal sizes, as everywhere in fd2.

    On logits, learned by the set's method or stored as soft labels of the images as they are, the
    loss is the cross-entropy with their softmax, without a temperature. Source: the public code of
    DATM, distill/evaluation.py, https://github.com/NUS-HPC-AI-Lab/DATM; for soft labels EDF's
    paper, Wang et al., CVPR 2025, appendix C.2.
    """

    def _prepare(self) -> None:
        direct = self.settings.direct
        assert direct is not None
        self.direct = direct
        self._targets = self.data.labels
        if self.settings.labels == LEARNED:
            assert self.data.learned_labels is not None
            self._targets = self.data.learned_labels.softmax(dim=1)
        elif self.settings.labels == "soft":
            assert self.data.soft is not None
            self._targets = epoch_logits(self.data.soft, 0, self.device).softmax(dim=1)
        self._sizes = even_sizes(len(self.data.images), direct.batch_size)
        self.batches = len(self._sizes)

    def _optimiser(self) -> torch.optim.Optimizer:
        settings = self.settings
        return torch.optim.SGD(
            self.student.parameters(),
            self.learning_rate,
            momentum=self.direct.momentum,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def _begin(
        self, epoch: int, optimiser: torch.optim.Optimizer, resumed: Snapshot | None
    ) -> None:
        last = self.settings.epochs - 1
        last_high = last // 2 + 1
        rate = self.learning_rate
        set_learning_rate(optimiser, rate if epoch <= last_high else _STEP * rate)
        if epoch == last_high + 1 and resumed is None:
            optimiser.state.clear()

    def _batches(self, epoch: int, begin: int) -> Iterator[Iterator[Pass]]:
        data = self.data
        draws = torch_generator(*self._names, "direct", epoch)
        order = torch.randperm(len(data.images), generator=draws)
        for number, ids in enumerate(order.split(self._sizes)):
            record = None
            if self.direct.augmentation:
                record = draw_augmentations(draws, self.direct.augmentation, len(ids), shared=True)
            if number < begin:
                continue
            rows = ids.to(self.device, non_blocking=True)
            images = data.images[rows]
            logits = self._logits(images if record is None else record.apply(images))
            loss = functional.cross_entropy(logits, self._targets[rows])
            yield iter([("cross-entropy", loss, logits, data.labels[rows])])
