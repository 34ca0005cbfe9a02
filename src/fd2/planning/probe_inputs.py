"""Inputs of a probe: random pixels and untrained teachers, in real files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fd2.artifacts.files import file_digest
from fd2.artifacts.images import write_distilled, write_slots
from fd2.artifacts.manifests import Manifest
from fd2.artifacts.prepared import open_prepared, write_prepared
from fd2.artifacts.soft_labels import write_soft_labels
from fd2.augment.normalise import Normaliser
from fd2.config.networks import NetworkInput
from fd2.config.settings import EvaluateSettings
from fd2.networks.stored_teacher import build_teacher, write_teacher
from fd2.networks.teacher import recalibrate_batch_norm
from fd2.replay.plan import plan_augmentation
from fd2.runtime.seeds import numpy_generator, torch_generator
from fd2.trajectories.flat_network import flat_network
from fd2.trajectories.stored_expert import invented_weights, write_expert

#: Of every channel.
_MEAN, _STD = 0.5, 0.25
_STATISTICS_IMAGES = 8


class ProbeInputs:
    """Writes the inputs of one probe into a folder.

    Args:
        folder: a temporary one.
        shape: ``[K, H, W]`` of an image.
        classes: C.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], classes: int) -> None:
        self.folder = folder
        self.channels, self.resolution, _ = shape
        self.classes = classes
        self._statistics = {"mean": (_MEAN,) * self.channels, "std": (_STD,) * self.channels}
        self._facts: dict[str, Any] = {"manifest": "", **self._statistics}

    def data(self, train: int, test: int) -> Path:
        """Prepared data with so many images; the classes take turns."""
        folder = self.folder / "data"
        counts = {"train": train, "test": test}
        manifest = Manifest(
            dataset="probe",
            resolution=self.resolution,
            classes=tuple(str(position) for position in range(self.classes)),
            files={
                split: [
                    {"path": str(n), "class": n % self.classes, "sha256": ""} for n in range(count)
                ]
                for split, count in counts.items()
            },
            **self._statistics,
            source={},
        )
        shape = (self.resolution, self.resolution, self.channels)
        rng = numpy_generator("probe", "data")
        images = {
            split: rng.integers(256, size=(count, *shape), dtype=np.uint8)
            for split, count in counts.items()
        }
        self._facts["manifest"] = write_prepared(folder, manifest, images).digest()
        return folder

    def teachers(self, built: Mapping[str, tuple[int | None, Mapping[str, Any]]]) -> list[Path]:
        """Untrained teachers, with batch-norm statistics that fit random images.

        ``built`` has attention maps (None: plain), and stem and transformer, by backbone.
        """
        paths = []
        pixels = {"channels": self.channels, "resolution": self.resolution}
        for backbone, (maps, built_for) in built.items():
            seen = NetworkInput.of({**built_for, **pixels})
            teacher = build_teacher(
                backbone, self.classes, maps, initialisation="scratch", seed=0, images=seen
            )
            images = self._pixels(_STATISTICS_IMAGES)
            recalibrate_batch_norm(teacher, [Normaliser(**self._statistics).normalise(images)])
            facts = {
                **{"stage": "pretrain", "backbone": backbone, "classes": self.classes},
                **{"attention_maps": maps, "cal_ratio": 0.5 if maps else 0.0},
                **{**asdict(seen), **self._facts},
            }
            paths.append(self.folder / f"{backbone}.safetensors")
            write_teacher(paths[-1], teacher, facts)
        return paths

    def expert(self, backbone: str, epochs: int) -> Path:
        """An expert of no training, of so many epochs."""
        network = flat_network(backbone, open_prepared(self.folder / "data"), torch.device("cpu"))
        facts = {
            **{"stage": "train_expert", "backbone": backbone, "classes": self.classes},
            **{"channels": self.channels, "resolution": self.resolution, **self._facts},
        }
        path = self.folder / "expert0.safetensors"
        write_expert(path, invented_weights(network, epochs), network, facts)
        return path

    def patches(self, slots: int = 1) -> Path:
        """So many slots of initial images."""
        path = self.folder / "patches.safetensors"
        images = self._pixels(slots * self.classes).unflatten(0, (slots, self.classes))
        write_slots(path, images, tuple(range(slots)), {"manifest": self._facts["manifest"]})
        return path

    def distilled(self, count: int) -> Path:
        """A distilled set of so many images per class, with all that a method may learn."""
        path = self.folder / "distilled.safetensors"
        images = self._pixels(count * self.classes).unflatten(0, (count, self.classes))
        logits = torch.zeros(count, self.classes, self.classes)
        write_distilled(path, images, self._facts, learned_labels=logits, learned_rate=0.01)
        return path

    def labels(self, distilled: Path, count: int, settings: EvaluateSettings) -> Path:
        """Soft labels for a student of a distilled set of so many images per class."""
        images, epochs = count * self.classes, settings.epochs
        augmentation = plan_augmentation(
            ("probe",),
            images,
            epochs,
            self.resolution,
            batch_size=settings.batch_size,
            crop_scale=settings.crop_scale,
            cutmix_alpha=1.0,
        )
        rng = numpy_generator("probe", "labels")
        logits = rng.standard_normal((epochs, images, self.classes)).astype(np.float16)
        facts = {
            "manifest": self._facts["manifest"],
            "inputs": {"distilled": file_digest(distilled)},
        }
        write_soft_labels(self.folder / "labels", augmentation, logits, facts)
        return self.folder / "labels"

    def _pixels(self, count: int) -> torch.Tensor:
        shape = (count, self.channels, self.resolution, self.resolution)
        generator = torch_generator("probe", "pixels")
        return torch.randint(256, shape, generator=generator, dtype=torch.uint8)
