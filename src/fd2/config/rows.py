"""The rows of sheets by kind: their fields are the columns, and those with a default optional."""

from __future__ import annotations

from dataclasses import dataclass

from fd2.config.names import FULL_DATA, RANDOM, Annotated, Cell, Detector, OfSet, Teacher


@dataclass(frozen=True)
class StudentRow(OfSet):
    """Students of all seeds on one set, and the published numbers.

    With the method `FULL_DATA` it is the teacher ``student`` (``fd2`` tells with or without
    counterfactual attention). Without a variant the row shows published numbers alone, and method
    and student are any names.

    Attributes:
        ipc: images per class; None for full data.
        student: a backbone.
        published: top-1 in percent, at most two numbers: the table's, and another that its source
            prints elsewhere for the same cell.
        label: what an ablation's row tries, e.g. ``ρ = 0.1``.
    """

    ipc: int | None
    student: str
    published: tuple[float, ...] = ()
    label: str = ""

    @property
    def teacher(self) -> Teacher:
        """The teacher of full data."""
        training = "cal" if self.fd2 == "fd2" else "plain"
        return Teacher(self.dataset, self.student, training)

    def cells(self, seeds: list[int]) -> list[Cell]:
        """One cell a seed; none for full data and for published numbers alone."""
        if self.ipc is None or not self.variant:
            return []
        return [Cell(self.set_name, self.ipc, self.student, seed) for seed in seeds]

    def sources(self, seeds: list[int]) -> list[str]:
        """Paths below the results folder of the files that hold the row's numbers."""
        if self.ipc is None:
            return [self.teacher.path("json")]
        return [cell.path() for cell in self.cells(seeds)]


@dataclass(frozen=True)
class WorthRow(StudentRow):
    """As `StudentRow`, of a table that has the bytes of each set beside its accuracy."""


@dataclass(frozen=True)
class ScoreRow(OfSet):
    """A set whose students are asked what labels and augmentation add; see `fd2.tables.scores`.

    Attributes:
        variant: trains students as is usual for the method.
        ipc: images per class.
        student: a backbone.
        hard: variant that trains them under class labels; empty where ``variant`` does.
        unaugmented: variant that trains them without augmentation; empty leaves its score out.
        label: what the row is called in place of its variant.
    """

    ipc: int
    student: str
    hard: str = ""
    unaugmented: str = ""
    label: str = ""

    def students(self) -> dict[str, StudentRow]:
        """The row's parts by their role: ``full`` is the student's network on all real images."""
        own = {"own": self.variant, "hard": self.hard or self.variant}
        twice = {"own": self.variant}
        if self.unaugmented:
            own["unaugmented"] = twice["unaugmented"] = self.unaugmented

        def part(method: str, variant: str) -> StudentRow:
            return StudentRow(self.dataset, method, self.fd2, variant, self.ipc, self.student)

        return {
            "full": StudentRow(self.dataset, FULL_DATA, "plain", "base", None, self.student),
            **{role: part(self.method, variant) for role, variant in own.items()},
            **{f"random_{role}": part(RANDOM, variant) for role, variant in twice.items()},
        }

    def sources(self, seeds: list[int]) -> list[str]:
        """As `StudentRow.sources`, of all parts."""
        parts = self.students().values()
        return list(dict.fromkeys(path for part in parts for path in part.sources(seeds)))


@dataclass(frozen=True)
class TeacherRow:
    """A teacher with counterfactual attention: both heads beside their published numbers.

    Attributes:
        dataset, backbone: names from the config and the plug-in folder.
        variant: ``base``, or one that changes the teacher.
        published_backbone, published_cal: top-1 of either head; see `StudentRow.published`.
    """

    dataset: str
    backbone: str
    variant: str = "base"
    published_backbone: tuple[float, ...] = ()
    published_cal: tuple[float, ...] = ()

    @property
    def teacher(self) -> Teacher:
        """The teacher."""
        training = "cal" if self.variant == "base" else f"cal-{self.variant}"
        return Teacher(self.dataset, self.backbone, training)

    def sources(self, seeds: list[int]) -> list[str]:
        """As `StudentRow.sources`; seeds do not matter."""
        return [self.teacher.path("json")]


@dataclass(frozen=True)
class DiagnosticRow(OfSet):
    """One set seen through one network.

    Attributes:
        ipc: images per class; None for the method `FULL_DATA`.
        backbone, training: of the network, a teacher.
    """

    ipc: int | None
    backbone: str
    training: str

    @property
    def network(self) -> Teacher:
        """The network."""
        return Teacher(self.dataset, self.backbone, self.training)

    def path(self, suffix: str = "json") -> str:
        """The diagnosis below the results folder."""
        return self.set_name.diagnosis(self.ipc, self.network, suffix)

    def sources(self, seeds: list[int]) -> list[str]:
        """As `StudentRow.sources`; seeds do not matter."""
        return [self.path()]


@dataclass(frozen=True)
class ComplexityRow:
    """A dataset whose classes a network finds more or less complex.

    Attributes:
        dataset: a name from the config.
        backbone, training: of the network, a teacher.
        group: the classes that are compared with each other, a name in ``complexity.groups``; empty
            for all.
        published: complexity of the classes, from 0 to 1; None if unknown.
    """

    dataset: str
    backbone: str
    training: str
    group: str = ""
    published: float | None = None

    @property
    def network(self) -> Teacher:
        """The network."""
        return Teacher(self.dataset, self.backbone, self.training)

    def sources(self, seeds: list[int]) -> list[str]:
        """As `StudentRow.sources`; seeds do not matter."""
        return [self.network.complexity()]


@dataclass(frozen=True)
class ContinualRow(OfSet):
    """Students of all seeds on one set, whose classes arrive in steps.

    With the method `FULL_DATA` they are teachers, as in `StudentRow`.

    Attributes:
        ipc: images per class; None for full data.
        student: a backbone.
        steps: in which the classes arrive.
        label: what the row is called in place of its variant.
    """

    ipc: int | None
    student: str
    steps: int
    label: str = ""

    @property
    def students(self) -> StudentRow:
        """The same where all classes are there from the start."""
        own = (self.dataset, self.method, self.fd2, self.variant, self.ipc, self.student)
        return StudentRow(*own, label=self.label)

    def sources(self, seeds: list[int]) -> list[str]:
        """As `StudentRow.sources`."""
        if self.ipc is None:
            return [self.students.teacher.continual(self.steps, seed) for seed in seeds]
        return [cell.continual(self.steps) for cell in self.students.cells(seeds)]


@dataclass(frozen=True)
class DetectionRow(OfSet):
    """Detectors of all seeds on one annotated set, tested on real images.

    With the method `FULL_DATA` they are trained on the real training images.

    Attributes:
        ipc: images per class; None for full data.
        scenes: annotated real images, a name from the config.
        annotator: of the set; empty for full data.
        detector: a name from the config.
        label: what the row is called in place of its variant.
    """

    ipc: int | None
    scenes: str
    annotator: str
    detector: str
    label: str = ""

    def detectors(self, seeds: list[int]) -> list[Detector]:
        """One a seed."""
        annotated = None
        if self.ipc is not None:
            annotated = Annotated(self.set_name, self.ipc, self.scenes, self.annotator)
        return [Detector(self.scenes, self.detector, seed, annotated) for seed in seeds]

    def sources(self, seeds: list[int]) -> list[str]:
        """As `StudentRow.sources`."""
        return [detector.path() for detector in self.detectors(seeds)]


@dataclass(frozen=True)
class IterationRow(OfSet):
    """Time and memory of one iteration.

    Without a variant the row shows published numbers alone, and the method is any name.

    Attributes:
        ipc: images per class.
        published_ms: milliseconds per iteration; None if unknown.
        published_gb: peak GPU memory in GB; None if unknown.
    """

    ipc: int
    published_ms: float | None = None
    published_gb: float | None = None

    def sources(self, seeds: list[int]) -> list[str]:
        """As `StudentRow.sources`; none for published numbers alone."""
        return [self.set_name.measured(self.ipc)] if self.variant else []


@dataclass(frozen=True)
class GroupRow(OfSet):
    """Time that the groups of one distilled set took.

    Attributes:
        ipc: images per class, the first groups' slots.
        published_seconds: for all iterations of one image of each class; None if unknown.
        label: what an ablation's row tries.
    """

    ipc: int
    published_seconds: float | None = None
    label: str = ""

    def sources(self, seeds: list[int]) -> list[str]:
        """The set whose groups' records tell the time."""
        return [self.set_name.images(self.ipc)]


#: What a network sees, and what iterations cost.
SeenRow = DiagnosticRow | ComplexityRow
TimedRow = IterationRow | GroupRow
SheetRow = StudentRow | ScoreRow | TeacherRow | SeenRow | ContinualRow | DetectionRow | TimedRow
KINDS: dict[str, type[SheetRow]] = {
    "students": StudentRow,
    "worth": WorthRow,
    "scores": ScoreRow,
    "teachers": TeacherRow,
    "diagnostics": DiagnosticRow,
    "complexity": ComplexityRow,
    "continual": ContinualRow,
    "detection": DetectionRow,
    "iterations": IterationRow,
    "groups": GroupRow,
}
