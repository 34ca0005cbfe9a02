"""Object detection: annotated images, torchvision's detectors, and their mean average precision."""
