"""Mandarin.

The readings come from pypinyin and the words from jieba (extra `zh`); numbers, tone sandhi and
erhua are rules of our own over word lists in `data`.

Source: the rules are those the published voices were trained with, GPT-SoVITS (MIT) revision
48b1a01 and PaddleSpeech (Apache-2.0), mistakes included; compared with recorded readings in
tests/parity.
"""

from myna.text.zh.g2p import g2p, spelled
from myna.text.zh.normaliser import normalise
from myna.text.zh.say_as import say_as

__all__ = ["g2p", "normalise", "say_as", "spelled"]
