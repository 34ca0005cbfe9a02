"""Where an artefact comes from, read back from what it carries."""
