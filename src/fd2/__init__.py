"""fd2: fine-grained dataset distillation as a library of stages."""

__version__ = "0.1.0"
