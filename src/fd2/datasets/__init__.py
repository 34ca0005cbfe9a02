"""Dataset kinds: a file each, found by its name, or several in a file with a table ``DATASETS``.

A kind offers ``SETTINGS_SCHEMA``, a closed JSON-schema object whose ``properties`` are the keys
special to it in a config entry, and ``source(settings, where) -> ImageSource``, which lists image
files with their class and split and decodes nothing. Settings fit the schema; ``where`` names the
config entry in errors.
"""
