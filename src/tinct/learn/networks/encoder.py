"""Networks whose encoder is a recogniser, and may start from its pretrained weights."""

from __future__ import annotations

from tinct.learn.networks.backbone import Backbone
from tinct.learn.networks.layers import Network


class EncoderNetwork(Network):
    """A network with an encoder that has pretrained weights.

    Attributes:
        backbone: the encoder's name in `tinct.learn.networks.backbones`.
        encoder: the recogniser without its classifier.
        frozen: whether the encoder's weights stay as they are.
        pretrainable: whether published weights fit it.
    """

    backbone: str
    encoder: Backbone
    frozen: bool = False
    pretrainable: bool = True
