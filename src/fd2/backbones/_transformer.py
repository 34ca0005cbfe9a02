"""Any plain vision transformer of timm with a class token as a backbone, DeiT among them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fd2.config.networks import PHOTOGRAPHS, NetworkInput, check_initialisation
from fd2.config.transformers import TransformerShape
from fd2.errors import FD2Error

if TYPE_CHECKING:
    from fd2.networks.backbone import Backbone

_LIBRARY = "timm"


@dataclass(frozen=True)
class TransformerBackbone:
    """A vision transformer that classifies its class token; it has no feature map.

    timm is imported when the first question is asked.

    Attributes:
        name: the backbone's.
        model: timm's name of the network.
    """

    name: str
    model: str

    TRANSFORMER = True
    BATCH_NORM = False
    POOLS_FEATURES = False

    @property
    def ORIGIN(self) -> tuple[str, str]:  # noqa: N802
        """Library, and the network's name there."""
        return _LIBRARY, self.model

    @property
    def INITIALISATIONS(self) -> tuple[str, ...]:  # noqa: N802
        """With ``imagenet`` where timm knows trained weights."""
        from fd2.networks import timm_network

        trained = timm_network.has_weights(self.model)
        return ("scratch", "imagenet") if trained else ("scratch",)

    def check(self, images: NetworkInput) -> None:
        """Refuse a network without class token, or one that does not take such images.

        Raises:
            FD2Error: says what the network lacks, or which setting does not fit.
        """
        if images.stem != "imagenet":
            raise FD2Error(
                f"a vision transformer with stem '{images.stem}', which is of convolutions",
                f"backbone {self.name}",
                "set 'stem: imagenet'; 'transformer.patch_size' fits it to small images",
            )
        _checked(self.name, self.model, images)

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

        Without a ``weights_file``, trained weights are downloaded by timm; it resizes their
        position embeddings, and their patch embedding where patches have another size.

        Raises:
            FD2Error: for an unknown initialisation, weights that cannot be had or do not fit the
                shape, or a network that `check` refuses.
        """
        from fd2.networks import vision_transformer
        from fd2.networks.first_layer import fit_first_layer
        from fd2.networks.initialisation import fresh_weights

        check_initialisation(self.name, self.INITIALISATIONS, initialisation, images, weights_file)
        self.check(images)
        trained, shape = initialisation != "scratch", images.transformer or TransformerShape()
        if trained and (shape.width, shape.depth, shape.heads) != (None, None, None):
            raise FD2Error(
                "trained weights for a width, depth or number of heads of one's own",
                f"backbone {self.name}",
                "set 'transformer.width', 'depth' and 'heads' to null, or "
                "'initialisation: scratch'",
            )
        with fresh_weights(seed):
            network = vision_transformer.create(
                self.model, num_classes, shape, images.resolution, weights_file, trained=trained
            )
        fit_first_layer(network.network, images, seed, trained=trained)
        body: Backbone = network
        return body


@cache
def _checked(name: str, model: str, images: NetworkInput) -> None:
    from fd2.networks.vision_transformer import check_shape

    shape = images.transformer or TransformerShape()
    check_shape(model, shape, images.resolution, f"backbone {name} of {_LIBRARY}")
