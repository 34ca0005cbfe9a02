"""The distillation engine: optimises images under a method's recipe and FD²'s regularisers."""
