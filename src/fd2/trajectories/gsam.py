"""Gradients for flat minima: adaptive GSAM.

Sources: Zhuang et al., *Surrogate Gap Minimization Improves Sharpness-Aware Training*, ICLR 2022,
algorithm 1; with the adaptive perturbation of Kwon et al., *ASAM*, ICML 2021, as in the public code
of FTD, https://github.com/AngusDujw/FTD-distillation, whose experts DATM and EDF take.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fd2.config.experts import GsamSettings

_EPSILON = 1e-12


def gsam_gradient(
    vector: Tensor, gradient: Tensor, at: Callable[[Tensor], Tensor], settings: GsamSettings
) -> Tensor:
    """What a step goes along in place of the gradient, ``[P]``.

    With e = ρ p² g / (‖|p| g‖ + 1e-12) and g_p the gradient at p + e, it is
    g_p - α (g - (⟨g, g_p⟩ / ⟨g_p, g_p⟩) g_p): the gradient of the loss nearby, less a share of what
    of g is across it.

    Args:
        vector: the parameters p ``[P]``.
        gradient: g, the gradient there ``[P]``.
        at: gives the gradient of the same batch at other parameters.
        settings: ρ and α.
    """
    norm = (vector.abs() * gradient).norm() + _EPSILON
    perturbed = at(vector + settings.rho / norm * vector.square() * gradient)
    # Where the second gradient is 0, nothing is along it.
    squared = perturbed.square().sum().clamp(min=torch.finfo(perturbed.dtype).tiny)
    across = gradient - (gradient * perturbed).sum() / squared * perturbed
    return perturbed - settings.alpha * across
