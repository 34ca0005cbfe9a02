"""Any convolutional network of timm or torchvision as a backbone, by its library's name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from fd2.config.networks import PHOTOGRAPHS, NetworkInput, check_initialisation

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone
    from fd2.networks.network_of_library import Structure


@dataclass(frozen=True)
class LibraryBackbone:
    """A network that no table here describes: what it is, a forward pass shows.

    The library is imported when the first question is asked.

    Attributes:
        name: the backbone's.
        source: the library, ``timm`` or ``torchvision``.
        model: the library's name of the network.
    """

    name: str
    source: str
    model: str

    @property
    def ORIGIN(self) -> tuple[str, str]:  # noqa: N802
        """Library, and the network's name there."""
        return self.source, self.model

    @property
    def INITIALISATIONS(self) -> tuple[str, ...]:  # noqa: N802
        """With ``imagenet`` where the library knows trained weights."""
        trained = _module(self.source).has_weights(self.model)
        return ("scratch", "imagenet") if trained else ("scratch",)

    @property
    def BATCH_NORM(self) -> bool:  # noqa: N802
        """Whether the network has batch norm."""
        return bool(self._structure().batch_norms)

    @property
    def POOLS_FEATURES(self) -> bool:  # noqa: N802
        """Whether the last map is averaged before it is classified."""
        return self._structure().averages

    def check(self, images: NetworkInput) -> None:
        """Refuse a network that is not convolutional, or does not take such images.

        Raises:
            FD2Error: says what the network lacks.
        """
        self._structure(images)

    def build(
        self,
        num_classes: int,
        initialisation: str,
        weights_file: Path | None = None,
        *,
        seed: int,
        images: NetworkInput = PHOTOGRAPHS,
    ) -> Backbone:
        """The network for such images; ``seed`` is of all weights not loaded.

        Without a ``weights_file``, trained weights are downloaded by the library.

        Raises:
            FD2Error: for an unknown initialisation, weights that cannot be had, or a network that
                `check` refuses.
        """
        from fd2.networks.first_layer import fit_first_layer
        from fd2.networks.initialisation import fresh_weights

        check_initialisation(self.name, self.INITIALISATIONS, initialisation, images, weights_file)
        structure = self._structure(images)
        made, trained = _module(self.source), initialisation != "scratch"
        with fresh_weights(seed):
            if trained:
                body = made.create_trained(self.model, num_classes, weights_file)
            else:
                body = made.create(self.model, num_classes)
        fit_first_layer(body.network, images, seed, trained=trained)
        body.take(structure)
        network: Backbone = body
        return network

    def _structure(self, images: NetworkInput | None = None) -> Structure:
        return _structure(self, images)


@cache
def _structure(backbone: LibraryBackbone, images: NetworkInput | None) -> Structure:
    """What a forward pass shows; without images, on those that the library has in mind."""
    from fd2.networks.network_of_library import look

    made = _module(backbone.source)
    seen = images or NetworkInput(resolution=made.resolution(backbone.model))
    where = f"backbone {backbone.name} of {backbone.source}"
    return look(lambda: made.create(backbone.model, 2), seen, where)


def _module(library: str) -> ModuleType:
    """What makes networks of a library."""
    if library == "timm":
        from fd2.networks import timm_network

        return timm_network
    from fd2.networks import torchvision_network

    return torchvision_network
