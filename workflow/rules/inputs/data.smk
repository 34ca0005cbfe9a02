# What the rules look at of the data, and of archives that are downloaded.


def download_code(wildcards):
    return code("download", f"datasets.{wildcards.kind}")


@explained
def prepare_code(wildcards):
    """Refuses a user's folder that cannot be prepared, as far as listing it tells."""
    images_before(f"data/{wildcards.dataset}/manifest.json", wildcards.dataset)
    kind = SETTINGS.values["datasets"][wildcards.dataset]["kind"]
    return code("prepare", f"datasets.{kind}")


def prepare_download(wildcards):
    """The note of the unpacked archives, where the entry names no copy of its own.

    Its age does not count: what is in the archives stands in params and in the plug-in.
    """
    kind = download_kind(SETTINGS.values, wildcards.dataset)
    return ancient(f"<resources>/{kind}/downloaded.json") if kind else []


@cache
def listed_images(dataset):
    """Listed once, though Snakemake asks several times; what changed is told, also in a dry run."""
    record = Path(RESULTS, "data", dataset, "record.json")
    settings = SETTINGS.prepare(dataset)
    listing = folder_listing(settings, record)
    if workflow.is_main_process and listing != prepared_listing(record):
        change = folder_change(settings, RESULTS)
        if change is not None:
            logger.info(str(change))
    return listing


@explained
def prepare_images(wildcards):
    return listed_images(wildcards.dataset)


@cache
def counted_images(dataset):
    """Training images of each class of a user's folder, counted once; None of other data."""
    prepared = Path(RESULTS, "data", dataset, "manifest.json").is_file()
    where = SETTINGS.where("datasets", dataset)
    return training_counts(SETTINGS.prepare(dataset), where, prepared)


def images_before(output, dataset):
    """As `counted_images`, for an output that is yet to be made.

    None where it is there: Snakemake would take an existing file for given rather than refuse, so
    that the job itself has to speak. A job's own process does not count again.
    """
    if not workflow.is_main_process or Path(RESULTS, output).is_file():
        return None
    return counted_images(dataset)


def require_batches(output, wildcards, settings):
    """Refuse distilled sets too small for batch normalisation, before anything is distilled."""
    counts = images_before(output, wildcards.dataset)
    if counts is not None:
        half_batch_sizes(len(counts) * int(wildcards.ipc), settings["batch_size"])
