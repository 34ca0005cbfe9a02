# What the rules of soft labels ask for.


def relabelling_teachers(wildcards):
    return SETTINGS.relabel_teachers(of_set(wildcards), int(wildcards.ipc))


@explained
def relabel_teachers(wildcards):
    return [folder(teacher.path()) for teacher in relabelling_teachers(wildcards)]


@explained
def relabel_code(wildcards):
    if brings_labels(SETTINGS, of_set(wildcards), int(wildcards.ipc)):
        # Where import_labels refuses, Snakemake asks this rule too, and tells what either says.
        import_labels_code(wildcards)
    settings = relabel_settings(wildcards)
    require_labels_of(SETTINGS, of_set(wildcards), int(wildcards.ipc), brought=False)
    logits = f"{of_set(wildcards).labels(wildcards.ipc)}/logits.npy"
    require_batches(logits, wildcards, settings)
    counts = images_before(logits, wildcards.dataset)
    if counts is not None and settings["storage"] is not None:
        require_classes(settings["storage"]["top_k"], len(counts), wildcards.dataset)
    backbones = [teacher.backbone for teacher in relabelling_teachers(wildcards)]
    return code("relabel", *(f"backbones.{backbone}" for backbone in backbones))


@explained
def relabel_settings(wildcards):
    return SETTINGS.relabel(of_set(wildcards), int(wildcards.ipc))


@explained
def import_labels_code(wildcards):
    """Refuses files that are not there, before a teacher is trained."""
    settings = build(ImportedLabelSettings, import_labels_settings(wildcards))
    logits = f"{of_set(wildcards).labels(wildcards.ipc)}/logits.npy"
    if workflow.is_main_process and not Path(RESULTS, logits).is_file():
        own, ipc = settings.method_settings, settings.images_per_class
        label_files(own, ipc, settings.stored_epochs)
    return code("import_labels")


@explained
def import_labels_settings(wildcards):
    name, ipc = of_set(wildcards), int(wildcards.ipc)
    require_labels_of(SETTINGS, name, ipc, brought=True)
    return imported_label_settings(SETTINGS, name, ipc)


@explained
def import_labels_listing(wildcards):
    settings = build(ImportedLabelSettings, import_labels_settings(wildcards))
    record = Path(RESULTS, of_set(wildcards).labels(wildcards.ipc), "record.json")
    own, ipc = settings.method_settings, settings.images_per_class
    return label_listing(own, ipc, settings.stored_epochs, record)
