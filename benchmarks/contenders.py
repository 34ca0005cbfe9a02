"""What is measured: groups of contenders whose repetitions alternate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.problem import FOUR_TEACHERS


@dataclass(frozen=True)
class Sizes:
    """How large the measured problems are.

    Attributes:
        classes: images optimised together, one a class.
        size: height and width in pixels.
        images: of the stages other than distil.
        batch_real: real images of a class in a step of DM and DSA.
        epochs: of a student of DM and DSA, and at most of a network between two steps of DSA.
        repetitions: of every contender.
        matrix: rows of the matrices that measure the machine.
    """

    classes: int
    size: int
    images: int
    batch_real: int
    epochs: int
    repetitions: int
    matrix: int


#: A dense and a depthwise network: what helps one may harm the other.
TRAINED = ("resnet18", "tf_efficientnet_lite0")
FULL = Sizes(100, 224, images=100, batch_real=256, epochs=50, repetitions=5, matrix=3072)
QUICK = Sizes(4, 32, images=8, batch_real=4, epochs=1, repetitions=1, matrix=128)


@dataclass(frozen=True)
class Contender:
    """One way of doing one thing.

    Attributes:
        group: contenders of a group do the same work and alternate.
        label: within the group.
        measure: ``distil``, ``teacher``, ``patches``, ``relabel`` or ``student``; ``dm``,
            ``dsa``, or ``direct`` for a student of that protocol; ``trajectory``.
        unit: what is counted.
        implementation: ``engine`` or ``reference``; ``plain`` or ``cal`` for teachers; the
            engine of DM and DSA is ``all classes at once`` or ``class by class``; of a
            trajectory, one of `fd2.trajectories.gradient.MEMORY`.
        teachers: backbones, in turn; the one that is trained.
        fd2: with FD²'s loss terms.
        precision: ``float32`` or ``bfloat16``; of DM that of real images.
        allocator: ``default``, as a reader's own script runs, or ``tuned``, as jobs run.
        memory_format: as the setting of that name.
        compile: likewise, of DM for real images; needs a compiler unless ``none``.
        images_per_class: of DM, DSA and their students, and of trajectories.
        inner_steps: of the student whose trajectory is matched.
    """

    group: str
    label: str
    measure: str
    unit: str
    implementation: str = "engine"
    teachers: tuple[str, ...] = ()
    fd2: bool = False
    precision: str = "float32"
    allocator: str = "tuned"
    memory_format: str = "channels_last"
    compile: str = "none"
    images_per_class: int = 1
    inner_steps: int = 0


def contenders(
    four_teachers: tuple[str, ...] = FOUR_TEACHERS, trained: tuple[str, ...] = TRAINED
) -> list[Contender]:
    """All of them, in the order of the table.

    Args:
        four_teachers: of FADRM+.
        trained: backbones of the teachers and students that are trained in every way; the first
            is also looked through in every way.
    """
    fd2_step = Contender("", "", "distil", "iteration", teachers=trained[:1], fd2=True)
    teacher_step = Contender("", "", "teacher", "image", "plain")
    student_step = Contender("", "", "student", "step")
    return [
        *_sre2lpp("SRe²L++ + FD², ResNet18", fd2=True),
        *_sre2lpp("SRe²L++, ResNet18", fd2=False),
        *_overhead("SRe²L++, what FD² adds", ("resnet18",), ("float32", "bfloat16")),
        *_overhead("FADRM+, four teachers in turn", four_teachers, ("bfloat16",)),
        *_ways(f"SRe²L++ + FD², ways to compute, {trained[0]}", fd2_step),
        Contender("teacher training", "plain", "teacher", "image", "plain", trained[:1]),
        Contender("teacher training", "CAL", "teacher", "image", "cal", trained[:1]),
        *(
            way
            for backbone in trained
            for way in _ways(
                f"teacher, ways to compute, {backbone}",
                replace(teacher_step, teachers=(backbone,)),
            )
        ),
        Contender("patch scoring", "2×2", "patches", "crop"),
        Contender("relabel", "half batches", "relabel", "image"),
        *(
            way
            for backbone in trained
            for way in _ways(
                f"student, ways to compute, {backbone}",
                replace(student_step, teachers=(backbone,)),
            )
        ),
        *(way for images_per_class in (1, 10) for way in _matching(images_per_class)),
        *(
            Contender(
                f"trajectory, {steps} steps",
                label,
                "trajectory",
                "iteration",
                memory,
                inner_steps=steps,
            )
            for steps in (10, 40)
            for memory, label in _MEMORY.items()
        ),
    ]


#: The first is the reference.
_MEMORY = {
    "graph": "autograd through all steps",
    "sweep": "back over the parameters",
    "tesla": "TESLA, which is not the same gradient",
}


def _matching(count: int) -> list[Contender]:
    """DM, DSA and students of theirs at so many images per class."""
    ways = ("reference", "all classes at once", "class by class")
    rows = [(name, "step", way) for name in ("DM", "DSA") for way in ways]
    rows += [("direct", "epoch", way) for way in ("reference", "engine")]
    found = [
        Contender(f"{name}, IPC {count}", way, name.lower(), unit, way, images_per_class=count)
        for name, unit, way in rows
    ]
    half = replace(found[1], label=f"{ways[1]}, bfloat16", precision="bfloat16")
    fast = replace(half, label=f"{half.label}, compiled", compile="default")
    return [*found[: len(ways)], half, fast, *found[len(ways) :]]


def _ways(group: str, default: Contender) -> list[Contender]:
    """The settings for precision, memory format and compilation, each changed alone."""
    changes = {
        "as config.yaml has it": {},
        "bfloat16": {"precision": "bfloat16"},
        "contiguous": {"memory_format": "contiguous"},
        "compiled": {"compile": "default"},
    }
    return [
        replace(default, group=group, label=label, **changed) for label, changed in changes.items()
    ]


def _sre2lpp(group: str, *, fd2: bool) -> list[Contender]:
    teachers = ("resnet18",)
    rows = [
        ("reference, as a reader runs it", "reference", "float32", "default"),
        ("reference, jobs' allocator", "reference", "float32", "tuned"),
        ("engine, float32", "engine", "float32", "tuned"),
        ("engine, bfloat16", "engine", "bfloat16", "tuned"),
    ]
    return [
        Contender(group, label, "distil", "iteration", which, teachers, fd2, precision, allocator)
        for label, which, precision, allocator in rows
    ]


def _overhead(
    group: str, teachers: tuple[str, ...], precisions: tuple[str, ...]
) -> list[Contender]:
    """The engine with and without FD²'s terms, side by side.

    No reference: the graphs of four float32 teachers would not fit beside the others.
    """
    return [
        Contender(
            group,
            f"engine, {precision}, {name}",
            "distil",
            "iteration",
            "engine",
            teachers,
            fd2,
            precision,
        )
        for precision in precisions
        for name, fd2 in (("plain", False), ("FD²", True))
    ]
