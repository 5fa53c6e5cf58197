"""Where in its text speech is, for models whose tokens are spelled: what may be said next.

A token says which sound it is, so that nothing can be left out, said twice or added: the model
chooses how long a sound lasts, how it is said, and where it pauses.

Letters in shapes: P phones, V vocabulary.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from myna.audio.spelling import SILENCE, told_apart
from myna.engines.base import Floats, Ids, TokenRequest
from myna.engines.randomness import Purpose, Stream
from myna.errors import EngineError
from myna.specs import TokenModelSpec

_LONGEST = 15
"""Tokens of one sound: 0.6 s."""
_LONGEST_PAUSE = 20
"""Tokens of silence inside a text."""
_LONGEST_END = 8
"""Tokens of silence before the first sound, and behind the last one."""
_LASTING = 0.2
"""Chance to last longer at which sounds end, rather than a half. A model that is unsure expects too
much that they are over: at the median, held-out sentences were 11 % too short, and not at 0.35.
Here they are about a tenth longer, and understood better: with one decoder 31.0 and 26.2 % of words
were wrong at 0.35 (of 294 words with each of two voices), and 22.8 and 19.4 % at 0.22.
"""
_LEAST_CHANCE = 1e-6
_LEAST_SPREAD = 0.05
"""Below it, only the likeliest follows."""

Doubles = NDArray[np.float64]


class Course:
    """The way of one request through its text.

    How long a sound lasts, how high and how loud it is, are drawn from what the model says of it,
    as quantiles: at temperature 1 any, at lower ones one nearer the middle, which is what it is at
    0. So chance makes no sound too short or too soft to be heard.

    Args:
        request: its sounds are known, and one at least is none. Tokens of its prompt say the first
            of them.
        spec: of a model whose tokens are spelled.
        temperature: how far from the middle; above 1 is as 1.

    Raises:
        EngineError: nothing is left to say behind the prompt.
    """

    def __init__(self, request: TokenRequest, spec: TokenModelSpec, temperature: float) -> None:
        sounds = request.sounds
        assert spec.spelling is not None, "only models that spell have a course"
        assert sounds is not None, "checked with the request"
        self._end, self._levels = spec.end, spec.spelling.levels
        self._shape = (len(spec.spelling.pitch) + 1, len(spec.spelling.loudness) + 1)
        self._random = Stream(request.seed, request.part, Purpose.PACE)
        self._spread = min(temperature, 1.0)
        told = told_apart(sounds)
        self._sounds = told.sounds
        # A mark between two sounds is where speech may pause.
        self._pauses = [*told.after_mark, True]
        """Before each unit, and behind the last."""
        self._pauses[0] = True
        self._unit = -1
        """That was said last; -1 before the first."""
        self._silent = False
        self._begin()
        if len(request.prompt):
            self._go_on_from(request.prompt)

    def draw(self, logits: Floats) -> int:
        """The next token, of logits (V,); it is said.

        Whatever other sound a model expects, it is the next one of the text, which therefore gets
        the probability of all that cannot come: how long a sound lasts does not depend on how
        sure the model is of what follows.
        """
        chances = np.exp(logits - logits.max(), dtype=np.float64)
        chances /= chances.sum()
        tokens = self._staying_on(chances) or self._moving_on(chances)
        if len(chances[tokens]) < self._levels:
            token = int(tokens.start)
        else:
            pitch = self._level(chances[tokens].reshape(self._shape).sum(1))
            loudness = self._level(chances[tokens].reshape(self._shape)[pitch])
            token = int(tokens.start) + pitch * self._shape[1] + loudness
        self._go(token)
        return token

    def _staying_on(self, chances: Doubles) -> slice | None:
        """Tokens of what is said already, if it goes on."""
        stay = self._staying()
        if stay is None:
            return None
        self._survival *= float(chances[stay].sum())
        return stay if self._survival > self._until else None

    def _moving_on(self, chances: Doubles) -> slice:
        """Tokens of what follows."""
        stay, onward = self._staying(), self._onward()
        if not onward:
            assert stay is not None, "silence goes on until the end"
            return stay
        others = [float(chances[each].sum()) for each in onward[1:]]
        stays = 0.0 if stay is None else float(chances[stay].sum())
        odds = np.array([max(1.0 - stays - sum(others), _LEAST_CHANCE), *others])
        odds = (odds / odds.max()) ** (1 / max(self._spread, _LEAST_SPREAD))
        drawn = float(self._random.uniform(1)[0])
        return onward[
            int(np.searchsorted(np.cumsum(odds / odds.sum()), drawn).clip(max=len(odds) - 1))
        ]

    def _level(self, chances: Doubles) -> int:
        """A quantile of chances (levels,)."""
        steps = np.cumsum(chances / max(float(chances.sum()), _LEAST_CHANCE))
        return min(int(np.searchsorted(steps, self._quantile())), len(chances) - 1)

    def _quantile(self, middle: float = 0.5) -> float:
        """A number from 0 to 1, as often below `middle` as above it."""
        off = (2 * float(self._random.uniform(1)[0]) - 1) * self._spread
        return middle + off * (middle if off < 0 else 1 - middle)

    def _go_on_from(self, prompt: Ids) -> None:
        """These tokens were said: whole sounds, the last of which is over.

        Raises:
            EngineError: nothing would be left to say.
        """
        for token in prompt.tolist():
            self._go(token)
            if self._last:
                raise EngineError("The tokens of the prompt say all sounds that the request has.")
        self._pauses[self._unit + 1] = True
        if not self._silent:
            self._count = _LONGEST

    def _go(self, token: int) -> None:
        """A token was said."""
        if token == self._end:
            return
        sound = token // self._levels
        if sound == SILENCE:
            if not self._silent:
                self._silent = True
                self._begin()
        elif self._silent or self._unit < 0 or sound != self._sounds[self._unit]:
            self._unit += 1
            self._silent = False
            self._begin()
        self._count += 1

    def _begin(self) -> None:
        """Of a sound or a silence."""
        self._count = 0
        """Tokens that it has lasted."""
        self._survival = 1.0
        """How likely one lasts so long."""
        self._until = self._quantile(_LASTING)
        """It ends when this is likelier."""

    @property
    def _last(self) -> bool:
        return self._unit == len(self._sounds) - 1

    def _staying(self) -> slice | None:
        """Tokens by which what is said goes on; None if it has lasted long enough."""
        if self._silent:
            longest = _LONGEST_END if self._last or self._unit < 0 else _LONGEST_PAUSE
            return slice(SILENCE, SILENCE + 1) if self._count < longest else None
        if self._unit < 0 or self._count >= _LONGEST:
            return None
        return self._tokens(self._sounds[self._unit])

    def _onward(self) -> list[slice]:
        """Tokens by which something else follows: first the next sound or the end, where it can."""
        found = []
        if self._last:
            found.append(slice(self._end, self._end + 1))
        elif self._silent or self._unit < 0 or not self._same_again():
            found.append(self._tokens(self._sounds[self._unit + 1]))
        if not self._silent and self._pauses[self._unit + 1]:
            found.append(slice(SILENCE, SILENCE + 1))
        return found

    def _same_again(self) -> bool:
        """Whether the next sound is the one being said: only silence can tell them apart."""
        return bool(self._sounds[self._unit] == self._sounds[self._unit + 1])

    def _tokens(self, sound: int) -> slice:
        return slice(sound * self._levels, (sound + 1) * self._levels)
