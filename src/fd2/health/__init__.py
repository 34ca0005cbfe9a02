"""Checks of a machine, an environment and a folder; each finding is fine or says what to do."""
