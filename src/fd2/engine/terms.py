"""The loss of one teacher for one view of the images."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from fd2.augment.views import Views
from fd2.errors import FD2Error
from fd2.losses.batch_norm import BatchNormStatistics
from fd2.networks.compilation import compiled
from fd2.networks.stored_teacher import LoadedTeacher
from fd2.networks.teacher import TeacherOutput
from fd2.regularisers._interface import EarlierAttention, Regulariser, Step


class TeacherTerms:
    """Class loss, batch-norm statistics and regularisers under one frozen teacher.

    FD² eq. 12: L = w_bn L_bn + L_cls + sum of weighted regularisers. The attention head runs only
    for a ``cal_ratio`` above 0 and for regularisers that need it; without them the loss is the
    plain method's to the last bit.

    Args:
        teacher: frozen.
        index: the teacher's position among the method's.
        cal_ratio: rho of FD² eq. 11; None takes the one the teacher was trained with.
        batch_norm_weight: weight of the batch-norm statistics.
        first_multiplier: extra factor of the first layer.
        regularisers: by name; those of weight 0 are left out.
        compile_mode: see `fd2.networks.compilation.compiled`.

    Raises:
        FD2Error: if the teacher lacks an attention head that is needed, or its backbone cannot be
            compiled here.
    """

    def __init__(
        self,
        teacher: LoadedTeacher,
        index: int,
        cal_ratio: float | None,
        batch_norm_weight: float,
        first_multiplier: float,
        regularisers: Mapping[str, Regulariser],
        compile_mode: str = "none",
    ) -> None:
        self.teacher = teacher
        self._index = index
        self._cal_ratio = float(teacher.metadata["cal_ratio"]) if cal_ratio is None else cal_ratio
        self._batch_norm_weight = batch_norm_weight
        self._regularisers = {name: r for name, r in regularisers.items() if r.weight > 0}
        network = teacher.network
        self._runs_head = self._needs_head()
        layers = network.batch_norms()
        if self._cal_ratio:
            layers = [*layers, *network.cal_batch_norms()]
        self._statistics = BatchNormStatistics(layers, first_multiplier)
        device = next(network.parameters()).device
        self._features = compiled(
            network.backbone.features, compile_mode, device, "distill.compile"
        )

    def _needs_head(self) -> bool:
        named = [f"cal_ratio {self._cal_ratio}"] if self._cal_ratio else []
        named += [
            f"regulariser {name}"
            for name, r in self._regularisers.items()
            if r.needs_head or r.earlier_attention
        ]
        if named and self.teacher.network.cal is None:
            raise FD2Error(
                "teacher without attention head",
                ", ".join(named),
                "use a teacher trained with an attention head, or leave this out",
            )
        return bool(named)

    @property
    def earlier_attention(self) -> tuple[EarlierAttention, ...]:
        """The forms in which the regularisers compare with earlier images."""
        forms = {r.earlier_attention for r in self._regularisers.values()}
        return tuple(sorted(form for form in forms if form is not None))

    def losses(
        self,
        images: Tensor,
        views: Views,
        labels: Tensor,
        earlier_attention: Mapping[EarlierAttention, Tensor],
    ) -> dict[str, Tensor]:
        """Weighted terms by name, whose sum is the loss; arguments as in `Step`."""
        output = self._forward(images)
        terms = {
            "class": dual_head_cross_entropy(
                output.backbone_logits, output.cal_logits, labels, self._cal_ratio
            ),
            "batch_norm": self._batch_norm_weight * self._statistics.loss(),
        }
        network = self.teacher.network
        prototypes = None if network.cal is None else network.prototypes
        step = Step(images, views, labels, output, self._index, prototypes, earlier_attention)
        for name, regulariser in self._regularisers.items():
            terms[name] = regulariser.weight * regulariser.loss(step)
        return terms

    def _forward(self, images: Tensor) -> TeacherOutput:
        network = self.teacher.network
        features = self._features(images)
        if self._runs_head:
            return network.heads(features)
        return TeacherOutput(network.backbone.classify(features), features, None, None, None)


def dual_head_cross_entropy(
    backbone_logits: Tensor, cal_logits: Tensor | None, labels: Tensor, cal_ratio: float
) -> Tensor:
    """L_cls = (1 - rho) CE(z, y) + rho CE(p, y) (FD² eq. 11).

    Args:
        backbone_logits: z [B, C].
        cal_logits: p [B, C]; ignored, and may be None, for ``cal_ratio`` 0.
        labels: y [B] long, or class probabilities [B, C].
        cal_ratio: rho in [0, 1].

    Returns:
        Scalar; exactly CE(z, y) for ``cal_ratio`` 0.
    """
    backbone_loss = F.cross_entropy(backbone_logits, labels)
    if cal_ratio == 0:
        return backbone_loss
    assert cal_logits is not None
    return (1 - cal_ratio) * backbone_loss + cal_ratio * F.cross_entropy(cal_logits, labels)
