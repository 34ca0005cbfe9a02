"""Whether commands can name the workflow's folder and Python; without any package but this one.

``python -m fd2.health.paths`` looks at the present folder, before an environment is made in it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from fd2.errors import FD2Error

#: Where a shell takes a command apart, or puts something else in place.
_BREAKING = re.compile(r"""[\s'"$()&;<>|`\\*?]""")


def require_plain_paths(*folders: Path) -> None:
    """Refuse blanks and other signs in the paths of the workflow and of Python.

    Snakemake starts each job as a command that names the interpreter, which as a rule lies in the
    workflow's folder, and conda makes its environments there.

    Raises:
        FD2Error: names the path and the signs.
    """
    for path in (*map(str, folders), sys.executable):
        signs = " ".join(sorted({repr(sign) for sign in _BREAKING.findall(path)}))
        if signs:
            raise FD2Error(
                f"the path holds {signs}, where the commands of Snakemake and conda break",
                path,
                "move the workflow to a path of letters, digits, '-', '_' and '.', and install"
                " its environment again",
            )


if __name__ == "__main__":
    try:
        require_plain_paths(Path.cwd())
    except FD2Error as error:
        sys.exit(f"error: {error}")
