# What the rules of object detection ask for.


@explained
def of_scenes(wildcards):
    return scenes_settings(SETTINGS, wildcards.scenes)


@explained
def scenes_files(wildcards):
    """Bytes of the annotation files by their split; as they were where a file is not there.

    A param and no input: what was prepared stays good while the disk with the images is away, and a plan
    can be made without it. A file that never was the job refuses.
    """
    record = Path(RESULTS, "scenes", wildcards.scenes, "record.json")
    try:
        return build(ScenesSettings, of_scenes(wildcards)).annotation_bytes()
    except (FD2Error, FileNotFoundError):
        return read_content(record)["annotation_bytes"] if record.is_file() else None


def of_annotated(wildcards):
    return explained(annotate_settings)(SETTINGS, asked_annotated(wildcards))


def asked_annotated(wildcards):
    """The annotated set that a rule makes or takes; not more images than are distilled."""
    of_set(wildcards), asked_set(wildcards)
    return Annotated.parse(dict(wildcards.items()))


@cache
def annotated_categories(scenes):
    """Read once, though Snakemake asks for every set."""
    return build(ScenesSettings, scenes_settings(SETTINGS, scenes)).categories()


def known_categories(wildcards):
    """Those of the scenes as prepared, or of the annotation file; None where neither tells them."""
    record = Path(RESULTS, "scenes", wildcards.scenes, "record.json")
    if record.is_file():
        content = read_content(record)
        if content["annotation_bytes"] == scenes_files(wildcards):
            return content["scenes"]["categories"]
    return annotated_categories(wildcards.scenes)


@explained
def annotate_code(wildcards):
    """Refuses an annotator that does not fit the dataset's classes or the scenes' categories, where these are
    known; not where its boxes are there, see `images_before`."""
    output = Path(RESULTS, asked_annotated(wildcards).path())
    if workflow.is_main_process and not output.is_file():
        mapped = class_map(SETTINGS, wildcards.annotator)
        manifest = Path(RESULTS, "data", wildcards.dataset, "manifest.json")
        if mapped is not None and manifest.is_file():
            mapped.require(read_manifest(manifest).classes, None)
        categories = known_categories(wildcards)
        if categories is not None:
            check_annotator(SETTINGS, wildcards.annotator, wildcards.scenes, categories)
    return code("annotate")


@explained
def annotate_detector(wildcards):
    """The detector trained here, or nothing."""
    detector = annotator_detector(SETTINGS, asked_annotated(wildcards))
    return [] if detector is None else folder(detector.path("safetensors"))


@explained
def annotate_class_map(wildcards):
    mapped = class_map(SETTINGS, wildcards.annotator)
    return [] if mapped is None else own(mapped.path.relative_to(ROOT))


@explained
def of_detector(wildcards):
    return detector_settings(SETTINGS, Detector.parse(dict(wildcards.items())))
