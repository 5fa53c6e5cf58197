"""The tokens of a request, drawn one after another: the same on every engine.

An engine computes logits. Which request may be asked, what is drawn from them, and when speech
ends, is decided here.
"""

import numpy as np

from myna.datatypes import SemanticTokens
from myna.engines.base import Floats, Ids, TokenRequest
from myna.engines.course import Course
from myna.engines.randomness import Purpose, Stream
from myna.engines.sampling import distribution, draw, penalise
from myna.errors import EngineError
from myna.specs import TOKENS_PER_SECOND, FamilySpec, TokenModelSpec

NO_NUMBERS = (
    "are no numbers. If this happens in half precision, load the model with precision='float32'."
)
"""Ends what an engine says of values that are not finite."""


class Drawing:
    """The tokens of one request, as they are drawn."""

    def __init__(self, request: TokenRequest, spec: TokenModelSpec) -> None:
        self._spec, self._sampling = spec, request.sampling.filled(spec.sampling)
        self._random = Stream(request.seed, request.part, Purpose.TOKENS)
        self._start = len(request.prompt)
        self._most = most_tokens(request, spec)
        self._least = max(spec.least_tokens, request.least)
        # Room for all that may be said, so that nothing is copied per token.
        self._said = np.concatenate([request.prompt, np.zeros(self._most, dtype=np.int64)])
        self._count = 0
        self._ended = False
        self._error: EngineError | None = None
        self._course = None
        if spec.spelling is not None:
            assert request.sounds is not None, "checked with the request"
            greedy = self._sampling.top_k == 1
            self._course = Course(request, spec, 0.0 if greedy else self._sampling.temperature)

    @property
    def done(self) -> bool:
        """Whether speech ended, or as much was said as may be, or drawing failed."""
        return self._ended or self._count == self._most or self._error is not None

    @property
    def count(self) -> int:
        """Tokens drawn so far."""
        return self._count

    @property
    def ids(self) -> Ids:
        """(T,) what was drawn so far, without the prompt.

        Raises:
            EngineError: drawing failed.
        """
        if self._error is not None:
            raise self._error
        return self._said[self._start : self._start + self._count].copy()

    @property
    def last(self) -> int:
        """The token drawn last."""
        return int(self._said[self._start + self._count - 1])

    @property
    def position(self) -> int:
        """Of the last token in its stream."""
        return self._start + self._count - 1

    def take(self, logits: Floats) -> None:
        """Draw a token from its logits (V,), or end; or fail, of which `ids` and `result` tell, so
        that others who are drawn at the same time go on."""
        if not np.isfinite(logits).all():
            self._error = EngineError(f"The token model returned values that {NO_NUMBERS}")
            return
        if self._course is not None:
            token = likeliest = self._course.draw(logits)
        else:
            token, likeliest = self._draw(logits)
        # A likeliest token that says "end" ends speech even if chance drew another.
        if self._spec.end in (token, likeliest):
            self._ended = True
        else:
            self._said[self._start + self._count] = token
            self._count += 1

    def _draw(self, logits: Floats) -> tuple[int, int]:
        """A token, and the likeliest one."""
        sampling = self._sampling
        if self._count < self._least:
            logits = logits[: self._spec.end]
        said = self._said[: self._start + self._count]
        penalised = penalise(logits, said, sampling.repetition_penalty)
        exponential = self._random.exponential(len(penalised))
        return draw(distribution(penalised, sampling), exponential), int(penalised.argmax())

    def result(self) -> SemanticTokens:
        """What was drawn so far, without the prompt.

        Raises:
            EngineError: drawing failed.
        """
        return SemanticTokens(ids=self.ids, ended=self._ended)


def check(request: TokenRequest, spec: TokenModelSpec) -> None:
    """Refuse what the model cannot say.

    Raises:
        EngineError: the request is empty, longer than the model's positions, or, for a model whose
            tokens are spelled, without sounds that can be.
    """
    phones, tokens = len(request.phones), len(request.prompt) + most_tokens(request, spec)
    if not phones:
        raise EngineError("There is nothing to say: the sentence has no phones.")
    if spec.spelling is not None:
        sounds, most = request.sounds, spec.spelling.sounds
        if (
            sounds is None
            or len(sounds) != phones
            or not 0 <= sounds.min() <= sounds.max() < most
            or not sounds.any()
        ):
            raise EngineError(
                "This model spells what it says, and the request has no sounds that it can spell."
            )
    if phones > spec.positions or tokens > spec.positions:
        raise EngineError(
            f"A sentence has {phones} phones and up to {tokens} tokens, with those of its "
            f"prompt; the model reads {spec.positions} of each. Cut the text into sentences."
        )


def refuse_spelled(spec: FamilySpec) -> None:
    """Refuse to hear tokens that are spelled.

    Raises:
        EngineError: the family's are.
    """
    if spec.token_model.spelling is not None:
        raise EngineError(
            f"Tokens of the family {spec.name} are spelled: they come from a text that is laid on "
            f"its recording (`myna.dataset`), never from the recording alone."
        )


def most_tokens(request: TokenRequest, spec: TokenModelSpec) -> int:
    """Tokens after which the request is given up."""
    asked = round(request.sampling.longest_seconds * TOKENS_PER_SECOND)
    return min(asked, spec.most_tokens)


def longest(request: TokenRequest, spec: TokenModelSpec) -> int:
    """Positions that a request may come to need."""
    return len(request.phones) + len(request.prompt) + most_tokens(request, spec)
