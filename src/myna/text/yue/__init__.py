"""Cantonese.

The readings come from ToJyutping (extra `yue`). Compatible, numbers are written out as in Mandarin
and all characters simplified, because the voices were trained so; improved, neither is.

Source: the compatible rules are those of GPT-SoVITS (MIT), revision 48b1a01; compared with recorded
readings in tests/parity.
"""

from myna.text.yue.g2p import g2p
from myna.text.yue.jyutping import spelled
from myna.text.yue.normaliser import normalise
from myna.text.yue.saying import say_as

__all__ = ["g2p", "normalise", "say_as", "spelled"]
