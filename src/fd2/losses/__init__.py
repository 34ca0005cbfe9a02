"""Loss functions, vectorised over samples, classes and prototypes."""
