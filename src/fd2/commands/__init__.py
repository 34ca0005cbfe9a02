"""The commands of ``fd2``: one module a sub-command, each with its arguments and its text."""
