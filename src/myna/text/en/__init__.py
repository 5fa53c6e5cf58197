"""English.

Words are looked up in CMUdict and a list of names; a word in neither is split into words that are,
or guessed from its letters.

Source: the compatible rules and the differences from CMUdict are those the published voices were
trained with, GPT-SoVITS (MIT) revision 48b1a01 and g2p_en (Apache-2.0), mistakes included; compared
with recorded readings in tests/parity.
"""

from myna.text.en.g2p import g2p
from myna.text.en.normaliser import normalise
from myna.text.en.saying import say_as
from myna.text.en.spelling import spelled

__all__ = ["g2p", "normalise", "say_as", "spelled"]
