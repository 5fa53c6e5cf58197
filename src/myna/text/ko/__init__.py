"""Korean.

Parts of speech come from python-mecab-ko (extra `ko`), which is optional: without it they are
guessed, and the journal says so. The rules of pronunciation are our own, over tables in `data`.

Source: the rules are those the published voices were trained with, GPT-SoVITS (MIT) revision
48b1a01 and g2pk2 (Apache-2.0), mistakes included; compared with recorded readings in tests/parity.
"""

from myna.text.ko.g2p import g2p
from myna.text.ko.normaliser import normalise
from myna.text.ko.saying import say_as
from myna.text.ko.spelling import spelled

__all__ = ["g2p", "normalise", "say_as", "spelled"]
