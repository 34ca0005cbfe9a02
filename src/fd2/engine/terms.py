"""The loss of one teacher for one view of the images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from fd2.augment.views import Views
from fd2.losses.batch_norm import BatchNormStatistics
from fd2.losses.class_loss import dual_head_cross_entropy
from fd2.losses.regulariser import Regulariser, SlotContext
from fd2.networks.compilation import compiled
from fd2.networks.stored_teacher import LoadedTeacher
from fd2.networks.teacher import TeacherOutput


class TeacherTerms:
    """Class loss, batch-norm statistics and regularisers under one frozen teacher.

    FD² eq. 12: L = w_bn L_bn + L_cls + sum of weighted regularisers. With ``cal_ratio`` 0 and no
    regulariser of positive weight the attention head is not run at all, and the loss is the plain
    method's to the last bit.

    Args:
        teacher: frozen.
        index: the teacher's position in the contexts.
        cal_ratio: rho of FD² eq. 11; None takes the one the teacher was trained with.
        batch_norm_weight: weight of the batch-norm statistics.
        first_multiplier: extra factor of the first layer.
        regularisers: those of weight 0 are left out.
        compile_mode: see `fd2.networks.compilation.compiled`.

    Raises:
        FD2Error: if the teacher's backbone cannot be compiled here.
    """

    def __init__(
        self,
        teacher: LoadedTeacher,
        index: int,
        cal_ratio: float | None,
        batch_norm_weight: float,
        first_multiplier: float,
        regularisers: Sequence[Regulariser],
        compile_mode: str = "none",
    ) -> None:
        self.teacher = teacher
        self._index = index
        own_ratio = float(teacher.metadata["cal_ratio"])
        self._cal_ratio = own_ratio if cal_ratio is None else cal_ratio
        self._batch_norm_weight = batch_norm_weight
        self._regularisers = [r for r in regularisers if r.weight > 0]
        self._needs_attention = bool(self._cal_ratio or self._regularisers)
        network = teacher.network
        layers = network.batch_norms()
        if self._cal_ratio:
            layers = [*layers, *network.cal_batch_norms()]
        self._statistics = BatchNormStatistics(layers, first_multiplier)
        device = next(network.parameters()).device
        self._features = compiled(
            network.backbone.features, compile_mode, device, "distill.compile"
        )

    def losses(self, images: Tensor, context: SlotContext, views: Views) -> dict[str, Tensor]:
        """Weighted terms by name; their sum is the loss.

        Args:
            images: normalised, seen through ``views``, ``[B, 3, H, W]``.
            context: labels, prototypes and earlier attention.
            views: of this iteration.
        """
        output = self._forward(images)
        terms = {
            "class": dual_head_cross_entropy(
                output.backbone_logits, output.cal_logits, context.labels, self._cal_ratio
            ),
            "batch_norm": self._batch_norm_weight * self._statistics.loss(),
        }
        for regulariser in self._regularisers:
            loss = regulariser.loss(output, self._index, context, views)
            terms[regulariser.name] = regulariser.weight * loss
        return terms

    def _forward(self, images: Tensor) -> TeacherOutput:
        network = self.teacher.network
        features = self._features(images)
        if self._needs_attention:
            return network.heads(features)
        return TeacherOutput(network.backbone.classify(features), features, None, None, None)

    def close(self) -> None:
        """Remove the hooks from the teacher."""
        self._statistics.remove()
