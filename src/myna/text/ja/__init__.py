"""Japanese.

Words, readings and accents come from jpreprocess (extra `ja`) and the dictionary naist-jdic, which
is part of the package; numbers, signs and readings by context are rules of our own.

Source: phones and marks are those the published voices were trained with, GPT-SoVITS (MIT) revision
48b1a01 and Open JTalk 1.11 (BSD-3-Clause), mistakes included; compared with recorded readings in
tests/parity.
"""

from myna.text.ja.g2p import g2p
from myna.text.ja.normaliser import normalise
from myna.text.ja.saying import say_as
from myna.text.ja.spelling import spelled

__all__ = ["g2p", "normalise", "say_as", "spelled"]
