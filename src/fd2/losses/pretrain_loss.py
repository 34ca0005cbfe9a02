"""The losses of teacher training with an attention head."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from fd2.networks.formats import at_least_float32
from fd2.networks.prototypes import class_centres


def centre_loss(features: Tensor, prototypes: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch of ||f - p_y / ||p_y|| ||² (the pull of FD² eq. 5), a scalar >= 0.

    Features f [B, P] are of the raw images, labels y [B] long. No gradient flows into the
    prototypes [C, P], which are those before this step's update.
    """
    centres = class_centres(prototypes.detach(), labels)
    return (at_least_float32(features) - centres).square().sum(dim=1).mean()


def cal_pretrain_loss(
    logits: Tensor, effects: Tensor, features: Tensor, prototypes: Tensor, labels: Tensor
) -> Tensor:
    """L_CAL = CE(p, y) + CE(e, y) + centre term (FD² eq. 6).

    Logits and effects hold V views of the batch one after the other, the raw images first. With
    the attention crop and drop (V = 3), the mean over all 3B rows is CE(p_raw)/3 + 2/3 CE(p_aug).

    Args:
        logits: p [V*B, C].
        effects: e [V*B, C].
        features: f [B, P] of the raw images.
        prototypes: [C, P], before this step's update.
        labels: y [B] long.

    Returns:
        Scalar >= 0.
    """
    repeated = labels.repeat(logits.shape[0] // labels.shape[0])
    class_loss = F.cross_entropy(logits, repeated) + F.cross_entropy(effects, repeated)
    return class_loss + centre_loss(features, prototypes, labels)


def teacher_loss(
    backbone_logits: Tensor, labels: Tensor, cal_loss: Tensor, cal_ratio: float
) -> Tensor:
    """L = (1 - rho) CE(z, y) + rho L_CAL (FD² eq. 8), rho = ``cal_ratio`` in [0, 1].

    Logits z [B, C] are of the raw images, labels y [B] long.
    """
    return (1 - cal_ratio) * F.cross_entropy(backbone_logits, labels) + cal_ratio * cal_loss
