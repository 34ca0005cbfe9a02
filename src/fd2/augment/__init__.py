"""Batched, replayable, deterministic image augmentation."""
