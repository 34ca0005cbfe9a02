"""The class term of distillation with two heads."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from fd2.errors import FD2Error


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

    Raises:
        FD2Error: if ``cal_ratio`` is positive and there are no attention head's logits.
    """
    backbone_loss = F.cross_entropy(backbone_logits, labels)
    if cal_ratio == 0:
        return backbone_loss
    if cal_logits is None:
        raise FD2Error(
            f"cal_ratio {cal_ratio} for a teacher without attention head",
            "class loss",
            "set cal_ratio to 0 or use a teacher trained with an attention head",
        )
    return (1 - cal_ratio) * backbone_loss + cal_ratio * F.cross_entropy(cal_logits, labels)
