"""The command ``fd2``."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from importlib import import_module

from fd2.errors import FD2Error, system_fault

#: Sub-commands: modules of ``fd2.commands`` with HELP, EXAMPLE, add_arguments for options that not
#: all have, and run, which takes the arguments and Snakemake's options behind ``--`` and returns
#: the exit code.
COMMANDS = ("init", "import", "plan", "run", "cost", "doctor", "why", "adopt", "export")
#: Whose module has another name, because no module can have theirs.
_MODULES = {"import": "import_set"}


def parser() -> argparse.ArgumentParser:
    """The command line with all sub-commands."""
    whole = argparse.ArgumentParser(
        prog="fd2",
        description="What a run will take, what it took, what is wrong, what holds, and exports.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--configfile",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="config files, later ones win",
    )
    common.add_argument("--json", action="store_true", help="print JSON")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        try:
            module = import_module(f"fd2.commands.{_MODULES.get(name, name)}")
        except ImportError as error:
            # Where packages are broken, fd2 doctor still says which.
            commands.add_parser(name, parents=[common], help=f"cannot start: {error}")
            continue
        one = commands.add_parser(
            name,
            parents=[common],
            help=module.HELP,
            description=module.HELP[0].upper() + module.HELP[1:] + ".",
            epilog=f"example: {module.EXAMPLE}",
        )
        if hasattr(module, "add_arguments"):
            module.add_arguments(one)
        one.set_defaults(run=module.run)
    return whole


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; what follows ``--`` goes to Snakemake.

    Args:
        words: the command line; that of the process by default.

    Returns:
        The exit code: 0, 1 for a fault that is told on standard error, or the command's own.
    """
    given = list(sys.argv[1:] if words is None else words)
    cut = given.index("--") if "--" in given else len(given)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every locale has letters such as those of SRe²L.
            stream.reconfigure(errors="backslashreplace")
    arguments = parser().parse_args(given[:cut])
    if not hasattr(arguments, "run"):
        import_module(f"fd2.commands.{_MODULES.get(arguments.command, arguments.command)}")
    try:
        return int(arguments.run(arguments, given[cut + 1 :]))
    except FD2Error as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {system_fault(error)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
