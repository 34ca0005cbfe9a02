"""Sets that stand for real images by what networks make of both: features, gradients, coresets."""
