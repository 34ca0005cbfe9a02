"""The files that cross a rule's boundary: the only code that knows their formats."""
