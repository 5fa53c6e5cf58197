"""Characters as a text encoder reads them."""

import numpy as np

from myna.checkpoints.store import ModelFolder
from myna.engines.base import Ids
from myna.errors import EngineError
from myna.specs import RobertaSpec


class WordPieces:
    """The vocabulary of a text encoder."""

    def __init__(self, folder: ModelFolder, spec: RobertaSpec) -> None:
        vocabulary = folder.vocabulary
        assert vocabulary is not None, "a text encoder is never stored without its vocabulary"
        pieces = vocabulary.read_text("utf-8").removesuffix("\n").split("\n")
        self._index = {piece: index for index, piece in enumerate(pieces)}
        self._longest = spec.positions - 2

    def ids(self, text: str) -> Ids:
        """(C + 2,) of a text's characters, between the marks of its start and its end.

        Raises:
            EngineError: it is longer than the encoder reads.
        """
        if len(text) > self._longest:
            raise EngineError(
                f"A stretch of {len(text)} characters is too long for the text encoder, which "
                f"reads {self._longest}. Cut the text into sentences first."
            )
        unknown = self._index["[UNK]"]
        inner = [self._index.get(char, unknown) for char in text]
        return np.array([self._index["[CLS]"], *inner, self._index["[SEP]"]], dtype=np.int64)
