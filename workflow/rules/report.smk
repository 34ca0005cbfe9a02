# After a run that left every default target: Snakemake's HTML report, and where everything is.

from fd2.config.figures import tabled_datasets
from fd2.report.escapes import restructured
from jinja2.defaults import DEFAULT_FILTERS

# Snakemake renders the captions in an environment of its own, where no value is escaped.
DEFAULT_FILTERS["rst"] = restructured


def collect_report():
    """Write report.html once all of the default targets exist, and print the paths.

    A run of single cells makes none before the tables exist.
    """
    tables = [RESULTS / "tables" / f"{name}.md" for name in SETTINGS.values["tables"]]
    figures = [RESULTS / "figures" / f"{name}.png" for name in FIGURES]
    page = RESULTS / "report/index.html"
    targets = [str(path) for path in (*tables, *figures, page)]
    datasets = tabled_datasets(SETTINGS)
    manifests = [RESULTS / "data" / name / "manifest.json" for name in datasets]
    if not all(Path(path).exists() for path in (*targets, *manifests)):
        return
    # Where data is newer than the page, what these were made from is put aside.
    if newest(manifests) > newest([page]):
        return
    html = Path("report.html")
    paths = [Path(path) for path in targets]
    if not html.exists() or newest(paths) >= newest([html]):
        write_report(html, targets)
    if VIEWS:
        return  # It tells where all lies.
    for path in (*targets, html):
        print(f"made: {path}")


def newest(paths):
    """When the last of these files was written."""
    return max(path.stat().st_mtime for path in paths)


def write_report(html, targets):
    """Snakemake's report of these files.

    The nested call reads the effective config from a file, because command-line settings are part
    of it.
    """
    import subprocess
    import tempfile

    import yaml

    with tempfile.NamedTemporaryFile(
        "w", suffix=".yaml", encoding="utf-8"
    ) as effective:
        yaml.safe_dump(SETTINGS.values, effective, sort_keys=False)
        effective.flush()
        command = [sys.executable, "-m", "snakemake", *targets, "--nolock"]
        command += ["--snakefile", str(ROOT / "Snakefile"), "--quiet", "all"]
        command += ["--report", str(html), "--configfile", effective.name]
        subprocess.run(command, check=True)


onsuccess:
    collect_report()
