"""Augmentation drawn once, stored, and replayed: what the teacher labelled is what students see."""
