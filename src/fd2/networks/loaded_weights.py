"""Weights from a state dict with a library's names, loaded into a backbone part by part."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from fd2.errors import FD2Error, listing
from fd2.networks.backbone import Backbone

#: A counter that old files lack; it shapes nothing.
_COUNTER = "num_batches_tracked"
_FIX = "give weights of the same architecture, under the names that its library gives them"


def load_weights(backbone: Backbone, state: Mapping[str, Tensor], where: str) -> None:
    """Copy trained weights into a backbone, changed in place.

    A classifier of another size, or of another name, is left out, and stays fresh. So are parts
    that the backbone does not have at all, such as second classifiers. A backbone of one channel
    sees what weights of three channels do to the channel three times.

    Args:
        backbone: with the stem and the channels that it shall have.
        state: tensors by the names of the architecture's library, or by those with ``module.``
            before them, as data-parallel training writes them.
        where: the file, for errors.

    Raises:
        FD2Error: names the tensors that are missing, of another shape, or without a place.
    """
    given = {name.removeprefix("module."): value for name, value in state.items()}
    own, free = backbone.state_dict(), backbone.classifier_names()
    plain = backbone.plain_names()
    loaded: dict[str, Tensor] = {}
    missing, misfits = [], []
    for name, value in own.items():
        source = given.get(plain[name])
        if source is None:
            if name not in free and not name.endswith(_COUNTER):
                missing.append(plain[name])
            continue
        if _sees_three(source, value):
            source = source.sum(1, keepdim=True)
        if source.shape == value.shape:
            loaded[name] = source
        elif name not in free:
            misfits.append(f"{plain[name]} {list(source.shape)} for {list(value.shape)}")
    parts = {name.partition(".")[0] for name in plain.values()}
    strange = [n for n in given if n not in plain.values() and n.partition(".")[0] in parts]
    for what, names in (
        ("lack", missing),
        ("are of another shape in", misfits),
        ("have no place for", strange),
    ):
        if names:
            raise FD2Error(f"the weights {what} {listing(names, most=5)}", where, _FIX)
    # Its own state dict, because that tells the layers' versions, which MNASNet asks for.
    own.update(loaded)
    backbone.load_state_dict(own)


def _sees_three(source: Tensor, value: Tensor) -> bool:
    """Whether a convolution's weights are of three channels where the network has one."""
    if source.ndim != 4 or value.ndim != 4:
        return False
    rest = source.shape[0] == value.shape[0] and source.shape[2:] == value.shape[2:]
    return rest and source.shape[1] == 3 and value.shape[1] == 1
