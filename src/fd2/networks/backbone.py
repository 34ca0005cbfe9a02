"""A classification network cut at its final feature map."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from torch import Tensor, nn


class Backbone(nn.Module):
    """Features, global average pooling and a classifier: z = FC(GAP(F)), FD² eq. 7.

    Args:
        extractor: images [B, K, H, W] to the final feature map F [B, D, h, w], after the last
            activation. K is 3, or 1 if it was built for one-channel data.
        head: embeddings to logits [B, C], with the architecture's own dropout.
        feature_channels: D.
        flattens: whether the embedding is the flattened map, and not its average.
        classifier: what the architecture's library calls the head; see `plain_names`.
    """

    def __init__(
        self,
        extractor: nn.Module,
        head: nn.Module,
        feature_channels: int,
        *,
        flattens: bool = False,
        classifier: str = "head",
    ) -> None:
        super().__init__()
        self.extractor = extractor
        self.head = head
        self.feature_channels = feature_channels
        self.flattens = flattens
        self.classifier = classifier

    def features(self, images: Tensor) -> Tensor:
        """Images [B, K, H, W] to the feature map [B, D, h, w] that average pooling sees."""
        features: Tensor = self.extractor(images)
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Feature map [B, D, h, w] to logits z [B, C] (FD² eq. 7)."""
        logits: Tensor = self.head(self.embedding(features))
        return logits

    def embedding(self, features: Tensor) -> Tensor:
        """Feature map [B, D, h, w] to what the classifier sees: [B, D], or [B, D*h*w] flattened."""
        return features.flatten(1) if self.flattens else features.mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, K, H, W] to logits [B, C]."""
        return self.classify(self.features(images))

    def batch_norms(self) -> list[nn.BatchNorm2d]:
        """All batch-norm layers in forward order, the one nearest to the image first."""
        return [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]

    def plain_names(self) -> dict[str, str]:
        """For each name in the state dict that of the architecture's library, as its files have."""
        named = {"extractor.": "", "head.": f"{self.classifier}."}
        return {
            name: named[part] + name.removeprefix(part)
            for name in self.state_dict()
            for part in named
            if name.startswith(part)
        }

    def fitted(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights under the library's names, changed where they depend on the size of images."""
        return state

    def classifier_names(self) -> set[str]:
        """Names in the state dict of what depends on the number of classes, or follows the map."""
        return {name for name in self.state_dict() if name.startswith("head.")}


def cut(model: nn.Module, children: Sequence[str], *extra: tuple[str, nn.Module]) -> nn.Sequential:
    """Chain some children of a model, in forward order, under their own names.

    The names of weights stay. Modules of ``extra`` follow under theirs.
    """
    named = [(name, model.get_submodule(name)) for name in children]
    return nn.Sequential(OrderedDict([*named, *extra]))
