"""Names of what the workflow makes; each spells its paths below the results folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

FD2 = ("plain", "fd2")
#: In place of a method: all real training images.
FULL_DATA = "full"
#: The method that every set is compared with.
RANDOM = "random"
TENSORS = "safetensors"
RECORD = "json"
#: Exports with soft labels, and with tensors as DD-Ranking reads them.
WITH_LABELS, DDRANKING = FORMS = ("with-labels", "ddranking")


@dataclass(frozen=True, order=True)
class Teacher:
    """A network trained on all training images.

    Attributes:
        dataset, backbone: names from the config and the plug-in folder.
        training: ``plain``, ``cal``, or either with ``-`` and a variant.
    """

    dataset: str
    backbone: str
    training: str

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Teacher:
        """From the fields of a path; see `fd2.config.paths.path_fields`."""
        return cls(fields["dataset"], fields["backbone"], fields["training"])

    @property
    def variant(self) -> str:
        """The variant that the training belongs to."""
        return self.training.partition("-")[2] or "base"

    def path(self, suffix: str = TENSORS) -> str:
        """Its weights; its record for the suffix json."""
        return f"teachers/{self.dataset}/{self.backbone}/{self.training}.{suffix}"

    def complexity(self, suffix: str = RECORD) -> str:
        """How complex the dataset's classes are to it; a table of them for the suffix csv."""
        return f"complexity/{self.dataset}/{self.backbone}/{self.training}.{suffix}"

    def continual(self, steps: int, seed: int) -> str:
        """Its accuracy where classes arrive in steps, in an order that the seed draws."""
        folder = f"continual/{self.dataset}/{FULL_DATA}/{self.backbone}/{self.training}"
        return f"{folder}/steps{steps}/seed{seed}.{RECORD}"


@dataclass(frozen=True, order=True)
class Expert:
    """One network trained on all training images, with its parameters after each epoch.

    Attributes:
        dataset, backbone: names from the config and the plug-in folder.
        variant: ``base``, or a variant that changes section ``train_expert``; see
            `fd2.config.experts.expert_variants`.
        number: 0, 1, 2, ...; each starts from weights of its own and sees images in an order of its
            own.
    """

    dataset: str
    backbone: str
    variant: str
    number: int

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Expert:
        """From the fields of a path; see `fd2.config.paths.path_fields`."""
        names = fields["dataset"], fields["backbone"], fields["variant"]
        return cls(*names, int(fields["number"]))

    def path(self, suffix: str = TENSORS) -> str:
        """Its trajectory; its record for the suffix json."""
        folder = f"trajectories/{self.dataset}/{self.backbone}/{self.variant}"
        return f"{folder}/expert{self.number}.{suffix}"


@dataclass(frozen=True, order=True)
class SetName:
    """A distilled or selected set of any number of images per class.

    Attributes:
        dataset, method, variant: names from the config and the plug-in folder; the method may be
            `FULL_DATA`.
        fd2: one of `FD2`.
    """

    dataset: str
    method: str
    fd2: str
    variant: str

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> SetName:
        """From the fields of a path; see `fd2.config.paths.path_fields`.

        All real images have neither FD² nor a variant.
        """
        full = {"method": FULL_DATA, "fd2": "plain", "variant": "base"}
        names = {**full, **fields}
        return cls(names["dataset"], names["method"], names["fd2"], names["variant"])

    def __str__(self) -> str:
        return f"{self.dataset}/{self.method}/{self.fd2}/{self.variant}"

    def group(self, group: int, suffix: str = TENSORS) -> str:
        """One group of slots; its record for the suffix json."""
        return f"distilled/{self}/group{group}.{suffix}"

    def images(self, ipc: int, suffix: str = TENSORS) -> str:
        """So many images per class; their record or picture for the suffixes json and png."""
        return f"distilled/{self}/ipc{ipc}.{suffix}"

    def labels(self, ipc: int) -> str:
        """The folder of soft labels."""
        return f"labels/{self}/ipc{ipc}"

    def measured(self, ipc: int) -> str:
        """Time and memory of an iteration of so many images per class."""
        return f"measured/{self}/ipc{ipc}.{RECORD}"

    def export(self, ipc: int, form: str = "") -> str:
        """The archive of so many images per class, of pictures or one of the other `FORMS`."""
        return f"exports/{self}/ipc{ipc}{'-' if form else ''}{form}.zip"

    def diagnosis(self, ipc: int | None, network: Teacher, suffix: str = TENSORS) -> str:
        """How a network sees the images; ``ipc`` is None for `FULL_DATA`."""
        images = f"{self.dataset}/{FULL_DATA}" if ipc is None else f"{self}/ipc{ipc}"
        return f"diagnostics/{images}/{network.backbone}/{network.training}.{suffix}"


@dataclass(frozen=True)
class OfSet:
    """What belongs to one set: a row of a sheet, or settings; fields as in `SetName`."""

    dataset: str
    method: str
    fd2: str
    variant: str

    @property
    def set_name(self) -> SetName:
        """The set."""
        return SetName(self.dataset, self.method, self.fd2, self.variant)


@dataclass(frozen=True, order=True)
class Cell:
    """One student trained once on one set: one number of one table.

    Attributes:
        set_name: the set.
        ipc: images per class.
        student: a backbone.
        seed: the student's.
    """

    set_name: SetName
    ipc: int
    student: str
    seed: int

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Cell:
        """From the fields of a path; see `fd2.config.paths.path_fields`."""
        ipc, seed = int(fields["ipc"]), int(fields["seed"])
        return cls(SetName.parse(fields), ipc, fields["student"], seed)

    def fields(self) -> dict[str, str | int]:
        """All names of the cell and its set by field, as its record holds them."""
        own = {"ipc": self.ipc, "student": self.student, "seed": self.seed}
        return {**asdict(self.set_name), **own}

    def path(self) -> str:
        """Its record, with its accuracy."""
        return f"students/{self._name()}.{RECORD}"

    def weights(self, suffix: str = TENSORS) -> str:
        """The student's weights; their record or ONNX for the suffixes json and onnx."""
        return f"weights/{self._name()}.{suffix}"

    def continual(self, steps: int) -> str:
        """Its accuracy where classes arrive in steps, in an order that its seed draws."""
        return f"continual/{self._row()}/steps{steps}/seed{self.seed}.{RECORD}"

    def _row(self) -> str:
        return f"{self.set_name}/ipc{self.ipc}/{self.student}"

    def _name(self) -> str:
        return f"{self._row()}/seed{self.seed}"


@dataclass(frozen=True, order=True)
class Annotated:
    """A distilled set with the boxes that an annotator saw in it.

    Attributes:
        set_name: the set.
        ipc: images per class.
        scenes: real images whose categories the boxes have.
        annotator: a name from the config.
    """

    set_name: SetName
    ipc: int
    scenes: str
    annotator: str

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Annotated:
        """From the fields of a path; see `fd2.config.paths.path_fields`."""
        names = SetName.parse(fields), int(fields["ipc"])
        return cls(*names, fields["scenes"], fields["annotator"])

    def path(self) -> str:
        """The boxes, in COCO's layout."""
        return f"annotations/{self.name}.{RECORD}"

    @property
    def name(self) -> str:
        """What its path and those of its detectors have in common."""
        return f"{self.set_name}/ipc{self.ipc}/{self.scenes}/{self.annotator}"


@dataclass(frozen=True, order=True)
class Detector:
    """A detector trained once.

    Attributes:
        scenes: real images that it is tested on.
        detector: a name from the config.
        seed: its own.
        annotated: the distilled images; None for the scenes' own training images.
    """

    scenes: str
    detector: str
    seed: int
    annotated: Annotated | None

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Detector:
        """From the fields of a path; see `fd2.config.paths.path_fields`."""
        annotated = Annotated.parse(fields) if "annotator" in fields else None
        return cls(fields["scenes"], fields["detector"], int(fields["seed"]), annotated)

    def fields(self) -> dict[str, str | int | None]:
        """All names by field, as its record holds them; real images are those of the scenes."""
        own = {"scenes": self.scenes, "detector": self.detector, "seed": self.seed}
        if self.annotated is None:
            real = SetName(self.scenes, FULL_DATA, "plain", "base")
            return {**asdict(real), "ipc": None, "annotator": None, **own}
        of_set = {"ipc": self.annotated.ipc, "annotator": self.annotated.annotator}
        return {**asdict(self.annotated.set_name), **of_set, **own}

    def path(self, suffix: str = RECORD) -> str:
        """Its record; weights, which those of real images have, for the suffix safetensors."""
        images = f"{self.scenes}/{FULL_DATA}" if self.annotated is None else self.annotated.name
        return f"detectors/{images}/{self.detector}/seed{self.seed}.{suffix}"
