"""Numbers behind the pictures: how classes lie in feature space, and where a network looks."""
