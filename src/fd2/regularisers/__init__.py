"""Regulariser plug-ins, found by file name."""
