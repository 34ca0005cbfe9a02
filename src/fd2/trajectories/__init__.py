"""Trajectory matching: steps on synthetic images that end where an expert's training ended."""
