"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from fd2.config.settings import PretrainSettings


def teacher_optimiser(network: nn.Module, settings: PretrainSettings) -> Optimizer:
    """SGD or AdamW over every parameter, with one weight decay."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimiser == "sgd":
        momentum = settings.momentum
        return SGD(network.parameters(), rate, momentum=momentum, weight_decay=decay, fused=True)
    return AdamW(network.parameters(), rate, weight_decay=decay, fused=True)


def teacher_schedule(
    optimiser: Optimizer, settings: PretrainSettings, steps_per_epoch: int
) -> LRScheduler:
    """The learning rate, to be stepped after each optimiser step.

    ``exponential``: decay ** (epoch / duration), constant within an epoch. ``cosine``: to zero over
    all steps. ``one_cycle``: torch's, with the learning rate as its maximum.
    """
    # Without an epoch no step asks for it.
    steps = max(1, settings.epochs * steps_per_epoch)
    if settings.schedule == "one_cycle":
        return OneCycleLR(
            optimiser, settings.learning_rate, total_steps=steps + 1, cycle_momentum=False
        )
    if settings.schedule == "cosine":
        return LambdaLR(optimiser, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
    decay, duration = settings.schedule_decay, settings.schedule_duration
    return LambdaLR(optimiser, lambda step: decay ** (step // steps_per_epoch / duration))


def student_optimiser(
    network: nn.Module, rate: float, weight_decay: float, momentum: float | None = None
) -> Optimizer:
    """AdamW, or SGD where there is a momentum, with weight decay on weights of more than one axis.

    So all decoupled methods do. Source: the public code of SRe²L, train/train_FKD.py.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (decayed if "weight" in name and parameter.ndim > 1 else free).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    if momentum is not None:
        return SGD(groups, rate, momentum=momentum, fused=True)
    return AdamW(groups, lr=rate, fused=True)


def clear_gradients(optimiser: Optimizer, compile_mode: str) -> None:
    """Clear the gradients before a step's first backward pass.

    CUDA graphs (``compile_mode`` "reduce-overhead") write their gradients into memory that their
    next run overwrites, but a step has several backward passes. There gradients are zeros in memory
    of their own, which every pass adds to.
    """
    if compile_mode != "reduce-overhead":
        optimiser.zero_grad(set_to_none=True)
        return
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
    optimiser.zero_grad(set_to_none=False)


def stretched_cosine(rate: float, epoch: int, epochs: int, eta: float) -> float:
    """``rate * (1 + cos(pi * epoch / (epochs * eta))) / 2``: at eta 2 the end is half the rate."""
    return rate * 0.5 * (1 + math.cos(math.pi * epoch / (epochs * eta)))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimiser.param_groups:
        group["lr"] = rate
