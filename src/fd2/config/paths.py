"""Which artefact paths there are, and what is wrong with one that is none of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import product

from fd2.config import plugins
from fd2.config.experts import expert_variants
from fd2.config.names import FD2
from fd2.config.patch_kinds import patch_kinds
from fd2.config.resolve import Configuration
from fd2.config.schema import WHOLE_SETS
from fd2.config.stages import TARGETS
from fd2.errors import FD2Error, shown, suggest

#: Every artefact's path below the results folder, as the rules write it; ``{field}`` or
#: ``{field:set}`` where a field takes other words in other places.
TEMPLATES = (
    "data/{dataset}/{file:prepared}",
    "teachers/{dataset}/{backbone}/{training}.{suffix:tensors}",
    "patches/{dataset}/{kind}.{suffix:tensors}",
    "trajectories/{dataset}/{backbone}/{variant:experts}/expert{number}.{suffix:tensors}",
    "distilled/{dataset}/{method:optimising}/{fd2}/{variant:distill}/group{group}.{suffix:tensors}",
    "distilled/{dataset}/{method}/{fd2}/{variant:distill}/ipc{ipc}.{suffix:set}",
    "labels/{dataset}/{method}/{fd2}/{variant:relabel}/ipc{ipc}/{file:labels}",
    "students/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.json",
    "weights/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/seed{seed}.{suffix:weights}",
    "measured/{dataset}/{method:measured}/{fd2}/{variant:distill}/ipc{ipc}.json",
    "diagnostics/{dataset}/full/{backbone}/{training}.{suffix:tensors}",
    "diagnostics/{dataset}/{method}/{fd2}/{variant:distill}/ipc{ipc}/{backbone}/{training}.{suffix:tensors}",
    "complexity/{dataset}/{backbone}/{training}.{suffix:classes}",
    "continual/{dataset}/full/{backbone}/{training}/steps{steps}/seed{seed}.json",
    "continual/{dataset}/{method}/{fd2}/{variant}/ipc{ipc}/{student}/steps{steps}/seed{seed}.json",
    "scenes/{scenes}/{file:scenes}",
    "annotations/{dataset}/{method}/{fd2}/{variant:distill}/ipc{ipc}/{scenes}/{annotator}.json",
    "detectors/{scenes}/full/{detector}/seed{seed}.{suffix:tensors}",
    "detectors/{dataset}/{method}/{fd2}/{variant:distill}/ipc{ipc}/{scenes}/{annotator}/{detector}/seed{seed}.json",
    "exports/{dataset}/{method}/{fd2}/{variant:distill}/ipc{ipc}.zip",
    "exports/{dataset}/{method}/{fd2}/{variant:distill}/ipc{ipc}-ddranking.zip",
    "exports/{dataset}/{method}/{fd2}/{variant:relabel}/ipc{ipc}-with-labels.zip",
    "tables/{table}.{suffix:table}",
    "tables/partial/{table}.{suffix:table}",
    "figures/{figure}.{suffix:figure}",
    "report/{file:report}",
)
#: Each number has one spelling: seed00 would be a second seed0.
NUMBERS = {
    **dict.fromkeys(("ipc", "steps"), "[1-9][0-9]*"),
    **dict.fromkeys(("group", "seed", "number"), "(?:0|[1-9][0-9]*)"),
}
#: Libraries have more networks than one expression should list: whether there is such a one, the
#: plug-ins know.
NETWORKS = {"backbone": plugins.BACKBONE, "student": plugins.BACKBONE}
FILES = {
    "file:prepared": (
        *("manifest.json", "train.npy", "train_labels.npy", "test.npy", "test_labels.npy"),
        "record.json",
    ),
    "file:scenes": ("train.safetensors", "val.safetensors", "record.json"),
    "file:labels": ("logits.npy", "augmentation.safetensors", "record.json"),
    "file:report": (
        *("index.html", "classes.csv", "confusions.csv"),
        *("partial.html", "partial_classes.csv", "partial_confusions.csv"),
    ),
    "suffix:tensors": ("safetensors", "json"),
    "suffix:set": ("safetensors", "json", "png"),
    "suffix:weights": ("safetensors", "json", "onnx"),
    "suffix:classes": ("json", "csv"),
    "suffix:table": ("csv", "md", "tex"),
    "suffix:figure": ("png", "pdf", "csv", "md"),
}
_FIELD = re.compile(r"\{([a-z0-9]+)(:[a-z]+)?\}")


@cache
def _named_patterns() -> list[re.Pattern[str]]:
    patterns = []
    for template in TEMPLATES:
        stem = re.sub(r"(/\{file:[a-z]+\}|\.[^/]+)$", "", template)
        end = _FIELD.sub(
            lambda match: f"(?:{'|'.join(map(re.escape, FILES[match[1] + match[2]]))})",
            template[len(stem) :].replace(".", r"\."),
        )
        fields = _FIELD.sub(
            lambda match: f"(?P<{match[1]}>{NUMBERS.get(match[1], '[^/]+?')})", stem
        )
        patterns.append(re.compile(f"{fields}(?:{end})?"))
    return patterns


def path_fields(path: str) -> dict[str, str]:
    """The names in a path by field, such as ``dataset`` and ``ipc``.

    Args:
        path: below the results folder; without the suffix, or the file where one job fills a
            folder, it is the job's name.

    Returns:
        Nothing for a path of another shape.
    """
    matches = (pattern.fullmatch(path) for pattern in _named_patterns())
    return next((match.groupdict() for match in matches if match), {})


class ArtefactPaths:
    """The paths, below the results folder, of everything that a config can make.

    Args:
        configuration: gives the names of datasets, variants, tables and figures.
    """

    def __init__(self, configuration: Configuration) -> None:
        values = configuration.values
        self._words: dict[str, Iterable[str]] = {
            "dataset": values["datasets"],
            "backbone": plugins.names("backbones"),
            "student": plugins.names("backbones"),
            "training": configuration.trainings(),
            "kind": patch_kinds(values),
            "method": plugins.names("methods"),
            "method:optimising": configuration.methods("optimisation"),
            "method:measured": configuration.methods("optimisation", "selection", *WHOLE_SETS),
            "fd2": FD2,
            "variant": ("base", *configuration.variants()),
            "variant:experts": expert_variants(values),
            "variant:distill": configuration.variants_at("distill"),
            "variant:relabel": configuration.variants_at("relabel"),
            "table": configuration.tables(),
            "figure": values["figures"],
            "scenes": values["detection"]["scenes"],
            "annotator": values["detection"]["annotators"],
            "detector": values["detection"]["detectors"],
            **FILES,
        }

    def names(self, field: str) -> list[str]:
        """What a field of `TEMPLATES` may be, in the config's order; e.g. every ``table``."""
        return [str(word) for word in self._words[field]]

    def regex(self) -> str:
        """A regular expression that fully matches every path there is, without groups' names."""
        return "|".join(self._regex(template) for template in TEMPLATES)

    def shared(self, path: str) -> str:
        """Where an artefact of a variant lies: its own path, or base's where it shares that one.

        Args:
            path: below the results folder; of any shape.
        """
        for pattern in _named_patterns():
            match = pattern.fullmatch(path)
            if match and match.groupdict().get("variant") in self.names("variant"):
                start, end = match.span("variant")
                of_base = f"{path[:start]}base{path[end:]}"
                own = re.fullmatch(self.regex(), path)
                return path if own or not re.fullmatch(self.regex(), of_base) else of_base
        return path

    def no_target(self, name: str) -> FD2Error:
        """What is wrong with the name of a target that there is not."""
        near = suggest(name, [*self.names("table"), *self.names("figure"), *TARGETS])
        return FD2Error(
            f"no target {shown(name)}",
            "command line",
            f"{near}; a sheet is one where a config lists it under 'tables'",
        )

    def fault(self, path: str) -> FD2Error:
        """What is wrong with a path that `regex` does not match.

        Args:
            path: below the results folder, with ``/``.

        Returns:
            An error that names the first part that is not known, and the nearest that is. Of a path
            that `regex` matches, that is a network.
        """
        segments = path.split("/")
        alive = [template.split("/") for template in TEMPLATES]
        for position, segment in enumerate(segments):
            possible = [t for t in alive if len(t) > position]
            if not possible:
                return FD2Error(
                    f"'{segments[position - 1]}' is a file, nothing lies below it",
                    path,
                    f"ask for {'/'.join(segments[:position])}",
                )
            alive = [t for t in possible if self._fits(t[position], segment)]
            if not alive:
                return self._unknown(path, position, {t[position] for t in possible})
        written = " or ".join(sorted(_shape("/".join(template)) for template in alive))
        return FD2Error("a folder, not a file", path, f"a target is written {written}")

    def _unknown(self, path: str, position: int, expected: set[str]) -> FD2Error:
        segments = path.split("/")
        segment = segments[position]
        what = _what(expected)
        if what == "variant" and segment in self._words["variant"]:
            shared = "/".join([*segments[:position], "base", *segments[position + 1 :]])
            return FD2Error(
                f"variant '{segment}' has no {segments[0]}/ of its own",
                path,
                f"it changes nothing that shapes them and shares those of base: ask for {shared}",
            )
        plain = re.sub(r"^(\D+)0+(?=\d)", r"\1", segment)
        if plain != segment and any(re.fullmatch(self._regex(part), plain) for part in expected):
            return FD2Error(f"the number in '{segment}' begins with 0", path, f"write {plain}")
        if what in NETWORKS:
            fix = plugins.known("backbones", segment)
        else:
            fix = suggest(segment, {word for part in expected for word in self._spelt(part)})
        return FD2Error(f"unknown {what} '{segment}'", path, fix)

    def _fits(self, part: str, segment: str) -> bool:
        """Whether a segment of a path is one that a part of a template stands for."""
        network = part.strip("{}") in NETWORKS
        known = not network or plugins.is_known("backbones", segment)
        return known and re.fullmatch(self._regex(part), segment) is not None

    def _regex(self, template: str) -> str:
        def words(match: re.Match[str]) -> str:
            if pattern := NUMBERS.get(match[1]) or NETWORKS.get(match[1]):
                return pattern
            allowed = self._words[match[1] + (match[2] or "")]
            return "(?:" + ("|".join(re.escape(str(w)) for w in allowed) or "(?!)") + ")"

        # Dots outside fields are the suffixes' own.
        return _FIELD.sub(words, template.replace(".", r"\."))

    def _spelt(self, part: str) -> list[str]:
        """Every spelling of one part of a path; ``N`` stands for a number."""
        pieces = []
        last = 0
        for match in _FIELD.finditer(part):
            name = match[1] + (match[2] or "")
            words = ["N"] if match[1] in NUMBERS else [str(w) for w in self._words[name]]
            pieces += [[part[last : match.start()]], words]
            last = match.end()
        return ["".join(choice) for choice in product(*pieces, [part[last:]])]


def _what(expected: set[str]) -> str:
    """One noun for a part of a path: its field where it is one field, or a folder or a file."""
    fields = {match[1] for part in expected if (match := _FIELD.fullmatch(part))}
    if len(fields) == 1 and all(_FIELD.fullmatch(part) for part in expected):
        return fields.pop()
    return "file" if any("." in part for part in expected) else "folder"


def _shape(template: str) -> str:
    """A template for readers: ``students/DATASET/.../ipcN/STUDENT/seedN.json``."""
    return _FIELD.sub(lambda m: "N" if m[1] in NUMBERS else m[1].upper(), template)
