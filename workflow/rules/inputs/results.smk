# What tables, figures, the page and exports are made of.


@explained
def diagnostic_tables(wildcards):
    """The tables whose sheets list diagnoses; a target with none of them has nothing to do."""
    return [
        folder(f"tables/{table}.md")
        for table in SETTINGS.values["tables"]
        if SETTINGS.sheet(table).kind == "diagnostics"
    ]


@explained
def table_inputs(wildcards):
    check_table(SETTINGS, wildcards.table)
    for group in class_groups(wildcards.table):
        manifest = Path(RESULTS, "data", group["dataset"], "manifest.json")
        if manifest.is_file():
            members(group, read_manifest(manifest).classes)
    return [folder(path) for path in table_sources(wildcards.table)]


@explained
def table_sources(table):
    """Paths below the results folder of what fills a table."""
    return SETTINGS.sheet(table).sources(SETTINGS.values["seeds"])


@explained
def student_rows(table):
    return SETTINGS.sheet(table).rows_of(StudentRow)


def table_seeds(wildcards):
    """The students' seeds; none for a table without students."""
    seeded = (StudentRow, ScoreRow, ContinualRow, DetectionRow)
    rows = SETTINGS.sheet(wildcards.table).rows
    return SETTINGS.values["seeds"] if isinstance(rows[0], seeded) else []


def class_groups(table):
    """The groups of classes that a sheet of complexity names, with their names."""
    rows = SETTINGS.sheet(table).rows_of(ComplexityRow)
    groups = SETTINGS.values["complexity"]["groups"]
    named = dict.fromkeys(row.group for row in rows if row.group)
    return [{"name": name, **groups[name]} for name in named]


@explained
def table_facts(wildcards):
    """What the settings say of each row, to find the rows to compare with each other.

    Of a sheet of complexity, the groups of classes.
    """
    continual = SETTINGS.sheet(wildcards.table).rows_of(ContinualRow)
    rows = [*student_rows(wildcards.table), *(row.students for row in continual)]
    facts = [row_facts(SETTINGS, row) for row in rows]
    return as_json(facts or class_groups(wildcards.table))


@explained
def table_found(wildcards):
    """A digest of a table's files that are there, so that a partial table follows them.

    It takes no ``output``: params that are derived from files rerun nothing.
    """
    return digest_of_files(RESULTS / path for path in table_sources(wildcards.table))


def figure_spec(wildcards):
    return as_json(SETTINGS.values["figures"][wildcards.figure])


@explained
def figure_inputs(wildcards):
    spec = SETTINGS.values["figures"][wildcards.figure]
    manifest = Path(RESULTS, "data", spec["dataset"], "manifest.json")
    classes = read_manifest(manifest).classes if manifest.is_file() else None
    check_figure(SETTINGS, wildcards.figure, classes, manifest)
    plugin = plugins.load("figures", spec["kind"])
    asked = plugin.inputs(spec, SETTINGS.values["seeds"])
    # A row's variant may share the artefact with base, as in tables.
    found = {
        role: [PATHS.shared(path) for path in paths] for role, paths in asked.items()
    }
    roles = {role: [folder(path) for path in paths] for role, paths in found.items()}
    records = [folder(path) for path in figure_records(found)]
    return {
        "code": code("draw", f"figures.{spec['kind']}"),
        **roles,
        "records": records,
    }


def figure_records(found):
    """The JSON file beside each artefact that a figure reads; its caption names what they say."""
    paths = [Path(path) for of_role in found.values() for path in of_role]
    beside = [
        (
            path.with_name("record.json")
            if path.name == "manifest.json"
            else path.with_suffix(".json")
        )
        for path in paths
    ]
    return list(dict.fromkeys(str(path) for path in beside))


def page_tables(partial):
    """Markdown of each table by name: those of the default target, then further ones there are.

    Of those that were not asked for none is missing: they may be of data that nobody has. The partial
    page shows partial tables, which follow the results; further ones have none.
    """
    own = "tables/partial" if partial else "tables"
    found = {name: str(RESULTS / own / f"{name}.md") for name in DEFAULT_TABLES}
    return found | further("table", "tables", ".md", DEFAULT_TABLES)


def page_figures():
    """Bitmap of each figure by name, likewise."""
    found = {name: str(RESULTS / "figures" / f"{name}.png") for name in FIGURES}
    return found | further("figure", "figures", ".png", FIGURES)


def further(field, where, suffix, asked):
    """Files of the config's other tables or figures that are there."""
    names = [name for name in PATHS.names(field) if name not in asked]
    paths = {name: RESULTS / where / f"{name}{suffix}" for name in names}
    return {name: str(path) for name, path in paths.items() if path.is_file()}


@explained
def page_content(partial):
    """What the page is made of."""
    called = workflow.config_settings
    sources = {}
    for name in page_tables(partial):
        sources[name] = [str(RESULTS / path) for path in table_sources(name)]
    content = {
        "results": str(RESULTS),
        "benchmarks": SETTINGS.values["pathvars"]["benchmarks"],
        "tables": page_tables(partial),
        "numbers": sources,
        "figures": page_figures(),
        "settings": SETTINGS.values,
        "config_files": [os.path.relpath(path) for path in called.configfiles],
        "config": dict(called.config),
    }
    return as_json(content)


@explained
def page_found(partial):
    """A digest of what the page shows beside its inputs, so that it follows these files."""
    asked = DEFAULT_TABLES if partial else [*DEFAULT_TABLES, *FIGURES]
    shown = page_tables(partial) | page_figures()
    more = [path for name, path in shown.items() if name not in asked]
    return digest_of_files([*more, *(RESULTS.rglob("*.json") if partial else ())])


def digest_of_files(paths):
    """One digest of the names and contents of those that exist, so that params follow them."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(map(str, paths)):
        if Path(path).is_file():
            digest.update(f"{path}\0".encode() + Path(path).read_bytes())
    return digest.hexdigest()


def export_code(wildcards):
    return code("export", f"methods.{wildcards.method}")


@explained
def export_groups(wildcards):
    """The groups' files tell how an assembled set was made."""
    if wildcards.method not in OPTIMISING:
        return []
    name = SETTINGS.set_at(asked_set(wildcards), "distill")
    groups = SETTINGS.groups(name, int(wildcards.ipc))
    return [folder(name.group(group)) for group in groups]


@explained
def export_record(wildcards):
    """The record of a selection tells what its images are made of."""
    if wildcards.method not in SELECTING:
        return []
    name = SETTINGS.set_at(asked_set(wildcards), "distill")
    return [folder(name.images(int(wildcards.ipc), "json"))]


@explained
def export_training(wildcards):
    """Settings of a student of the set: of its first row in the sheets, or the dataset's."""
    name, ipc = SetName.parse(dict(wildcards.items())), int(wildcards.ipc)
    rows = [
        row
        for table in TABLES
        for row in student_rows(table)
        if row.variant and row.ipc
    ]
    of_set = [row for row in rows if (row.set_name, row.ipc) == (name, ipc)]
    of_data = [row for row in rows if row.dataset == name.dataset]
    # Without any row: what holds for students that no override names.
    student = next((row.student for row in of_set + of_data), "resnet18")
    return SETTINGS.evaluate(Cell(name, ipc, student, SEEDS[0]))


@explained
def export_records(wildcards):
    """Digests of the records there are that tell what a set is worth, by their paths.

    Of its students, of students of as many random real images, and of teachers; and of the crops that
    it began from. They are no inputs: for an archive none is made. A param, so that the card follows.
    """
    name, ipc = SetName.parse(dict(wildcards.items())), int(wildcards.ipc)

    def labels(one):
        return SETTINGS.relabel(one, ipc), SETTINGS.relabel_teachers(one, ipc)

    def cells(method, fd2, variant):
        """Records of students of a set, of all variants that share its images and the labels."""
        owner = SetName(name.dataset, method, fd2, variant)
        sharing = [
            one
            for one in (
                replace(owner, variant=v) for v in ["base", *SETTINGS.variants()]
            )
            if SETTINGS.set_at(one, "distill") == SETTINGS.set_at(owner, "distill")
            and (fd2 != name.fd2 or labels(one) == labels(name))
        ]
        folders = [RESULTS / f"students/{one}/ipc{ipc}" for one in sharing]
        return [path for each in folders for path in each.glob("*/seed*.json")]

    random = []
    for fd2 in FD2 if name.method != "random" else ():
        random += cells("random", fd2, name.variant) or cells("random", fd2, "base")
    teachers = RESULTS / "teachers" / name.dataset
    distilled = SETTINGS.set_at(name, "distill")
    kind = SETTINGS.patch_kind(distilled) if name.method in OPTIMISING else None
    patches = RESULTS / f"patches/{name.dataset}/{kind}.safetensors"
    found = {
        "patches": [patches] if patches.is_file() else [],
        "students": cells(name.method, name.fd2, name.variant),
        "random": random,
        "teachers": [*teachers.glob("*/plain.json"), *teachers.glob("*/cal.json")],
    }
    return {
        kind: {str(path): file_digest(path) for path in sorted(paths)}
        for kind, paths in found.items()
    }
