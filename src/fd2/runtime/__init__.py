"""What a job needs around its computation: device, seeds, memory, log and progress."""
