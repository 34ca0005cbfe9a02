"""Sets that others made: read from their files, checked, and brought into this project's order."""
