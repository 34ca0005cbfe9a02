"""The house's architecture, read from its imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "fd2"
#: From the top down: a module imports from its own layer and those below.
LAYERS = (
    {"commands", "__main__"},
    {"watch"},
    {"planning", "health", "lineage", "loading"},
    {"stages"},
    {
        *("datasets", "backbones", "methods", "regularisers", "figures"),
        *(
            "networks",
            "losses",
            "augment",
            "engine",
            "matching",
            "trajectories",
            "training",
            "replay",
            "tables",
            "report",
            "downloads",
            "imports",
            "diagnostics",
            "detection",
        ),
    },
    {"runtime"},
    {"artifacts"},
    {"image_counts", "epochs"},
    {"config"},
    {"errors"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
PLUGINS = ("datasets", "backbones", "methods", "regularisers", "figures")
HEAVY = ("torch", "torchvision", "timm", "numpy", "PIL", "matplotlib", "pandas")
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
MODULES = sorted(PACKAGE.rglob("*.py"))
LOGGER = ROOT / "src" / "snakemake_logger_plugin_fd2" / "__init__.py"
SCRIPTS = sorted((ROOT / "workflow" / "scripts").glob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """Dotted names of all imports, also those inside functions and for types alone."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import, line {node.lineno}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_belongs_to_a_layer() -> None:
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert parts - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = list(imported(path))
    assert not [name for name in names if name.split(".")[0] == "snakemake"]
    inside = {name.split(".")[1] for name in names if name.startswith("fd2.")}
    upward = {other for other in inside if LEVEL.get(other, -1) < LEVEL.get(part, 0)} & set(LEVEL)
    assert not upward, f"{part} imports from {upward}, which is above it"


def test_folders_do_not_import_each_other_in_circles() -> None:
    below: dict[str, set[str]] = {}
    for path in MODULES:
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        inside = {name.split(".")[1] for name in imported(path) if name.startswith("fd2.")}
        below.setdefault(part, set()).update((inside & set(LEVEL)) - {part})
    # Refused with the circle's folders by name.
    assert set(TopologicalSorter(below).static_order()) == set(below)


@pytest.mark.parametrize("folder", PLUGINS)
def test_plugins_of_a_folder_do_not_know_each_other(folder: str) -> None:
    for path in (PACKAGE / folder).glob("*.py"):
        for name in imported(path):
            if name.startswith(f"fd2.{folder}."):
                sibling = name.split(".")[2]
                assert sibling.startswith("_"), f"{name_of(path)} imports {name}"


def test_snakemake_starts_with_the_logger_without_all_of_fd2() -> None:
    # Snakemake imports each plug-in whenever it starts, also where the logger is not asked for.
    code = """
import sys
from snakemake_logger_plugin_fd2 import LogHandler
print([name for name in sys.modules if name.split(".")[0] == "fd2"], LogHandler.__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("[] LogHandler", "")


def test_no_method_knows_fd2_and_fd2_no_method() -> None:
    for folder, foreign in (("methods", "regularisers"), ("regularisers", "methods")):
        for path in (PACKAGE / folder).glob("*.py"):
            assert not [name for name in imported(path) if name.startswith(f"fd2.{foreign}")]


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Calls by their written name: ``yaml.load``, ``eval``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def needs_encoding(name: str, call: ast.Call) -> bool:
    """Whether a call reads or writes text, also where a linter cannot tell the object's type."""
    last = name.split(".")[-1]
    if last in ("read_text", "write_text"):
        return name != last
    # In an archive all is bytes.
    binary = ("Image.open", "tarfile.open", "os.open", "archive.open")
    if last in ("open", "fdopen") and name not in binary:
        words = [word for part in (*call.args, *call.keywords) for word in ast.walk(part)]
        return not any(
            isinstance(word, ast.Constant) and str(word.value) in ("rb", "wb", "ab", "rb+", "xb")
            for word in words
        )
    return any(word.arg == "text" and ast.unparse(word.value) == "True" for word in call.keywords)


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS, LOGGER], ids=name_of)
def test_nothing_unsafe_is_called(path: Path) -> None:
    tree = parse(path)
    assert not {name.split(".")[0] for name in imported(path)} & PICKLERS
    for name, call in calls(tree):
        where = f"{name_of(path)}, line {call.lineno}: {name}"
        keywords = {word.arg: ast.unparse(word.value) for word in call.keywords}
        assert name not in ("eval", "exec", "yaml.load", "os.system", "os.popen"), where
        assert keywords.get("shell", "False") == "False", where
        assert keywords.get("allow_pickle", "False") == "False", where
        assert not needs_encoding(name, call) or "encoding" in keywords, where
        if name == "torch.load":
            assert name_of(path) in (
                "src/fd2/networks/legacy_weights.py",
                "src/fd2/imports/tensor_files.py",
            ), where
            assert keywords["weights_only"] == "True", where
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    assert all(handler.type is not None for handler in handlers), f"bare except in {path}"


@pytest.mark.parametrize(
    "path", [ROOT / "Snakefile", *sorted((ROOT / "workflow/rules").glob("*.smk"))], ids=name_of
)
def test_rules_start_no_shell(path: Path) -> None:
    shell = r"^\s*shell\s*[:(]|shell\s*=\s*True|os\.(system|popen)"
    assert not re.search(shell, path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_are_short_and_documented(path: Path) -> None:
    tree = parse(path)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert ast.get_docstring(tree)
    for owner in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in owner.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name[0] == "_":
                continue
            # The function that it overloads stands below.
            if [ast.unparse(one) for one in node.decorator_list] != ["overload"]:
                assert ast.get_docstring(node), f"{name_of(path)}: {node.name} has no docstring"


def test_the_plan_is_made_without_heavy_imports() -> None:
    code = f"""
import sys
from pathlib import Path
import yaml
from fd2.config import plugins
from fd2.config.paths import ArtefactPaths
from fd2.config.checks import checked_configuration
for folder in plugins.FOLDERS:
    for name in plugins.names(folder):
        plugins.load(folder, name)
folder = Path({str(ROOT / "config")!r})
config = yaml.safe_load((folder / "config.yaml").read_text())
ArtefactPaths(checked_configuration(config, "config.yaml", folder)).regex()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
