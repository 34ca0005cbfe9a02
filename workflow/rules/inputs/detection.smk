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


@explained
def annotate_code(wildcards):
    """Refuses a class map that names what there is not, where the dataset's classes are known."""
    mapped = class_map(SETTINGS, wildcards.annotator)
    manifest = Path(RESULTS, "data", wildcards.dataset, "manifest.json")
    if mapped is not None and workflow.is_main_process and manifest.is_file():
        mapped.require(read_manifest(manifest).classes, None)
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
