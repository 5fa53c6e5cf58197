"""Where in its text speech is, for models whose tokens are spelled: what may be said next.

A token says which sound it is, so that nothing can be left out, said twice or added: the model
chooses how long a sound lasts, how it is said, and where it pauses.

Letters in shapes: P phones, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from myna.audio.spelling import SILENCE, units
from myna.engines.base import Floats, TokenRequest
from myna.engines.randomness import Purpose, Stream
from myna.specs import TokenModelSpec

_LONGEST = 15
"""Tokens of one sound: 0.6 s."""
_LONGEST_PAUSE = 20
"""Tokens of silence inside a text."""
_LONGEST_END = 8
"""Tokens of silence before the first sound, and behind the last one."""
_LEAST_CHANCE = 1e-6
"""Of going on, so that logarithms are numbers."""


class Course:
    """The way of one request through its text.

    How long a sound lasts is drawn from what the model says of it, as a quantile: at temperature 1
    any, at lower ones one nearer the median, which is what it is at 0. So chance makes no sound too
    short to be heard, and none shorter or longer than usual on the whole.

    Args:
        request: its sounds are known, and one at least is none.
        spec: of a model whose tokens are spelled.
        temperature: of the durations.
    """

    def __init__(self, request: TokenRequest, spec: TokenModelSpec, temperature: float) -> None:
        sounds = request.sounds
        assert spec.spelling is not None, "only models that spell have a course"
        assert sounds is not None, "checked with the request"
        self._end, self._levels = spec.end, spec.spelling.levels
        self._random = Stream(request.seed, request.part, Purpose.PACE)
        self._spread = min(temperature, 1.0)
        spoken = np.flatnonzero(sounds)
        # A mark between two sounds is where speech may pause.
        joined = np.diff(spoken, prepend=-1) == 1
        said = sounds[spoken].tolist()
        places = units(said, joined.tolist())
        firsts = [places.index(unit) for unit in range(places[-1] + 1)]
        self._sounds = [said[first] for first in firsts]
        self._pauses = [not joined[first] for first in firsts] + [True]
        """Before each unit, and behind the last."""
        self._pauses[0] = True
        self._unit = -1
        """That was said last; -1 before the first."""
        self._silent = False
        self._begin()

    def choices(self, logits: Floats) -> Floats:
        """Log-probabilities (V,) of the next token, of logits (V,); -inf for what cannot come.

        Whatever other sound a model expects, it is the next one of the text, which therefore gets
        the probability of all that cannot come: how long a sound lasts does not depend on how
        sure the model is of what follows.
        """
        chances = logits - _log_sum(logits)
        stay, onward = self._staying(), self._onward()
        choices = np.full_like(logits, -np.inf)
        stays = 0.0
        if stay is not None:
            stays = float(np.exp(_log_sum(chances[stay])))
            self._survival *= stays
            if self._survival > self._until or not onward:
                choices[stay] = chances[stay]
                return choices
        others = 0.0
        for each in onward[1:]:
            choices[each] = chances[each]
            others += float(np.exp(_log_sum(chances[each])))
        first = chances[onward[0]]
        left = np.log(max(1.0 - stays - others, _LEAST_CHANCE))
        choices[onward[0]] = first - _log_sum(first) + np.float32(left)
        return choices

    def go(self, token: int) -> None:
        """A token was said."""
        sound = token // self._levels
        if sound == SILENCE:
            if not self._silent:
                self._silent = True
                self._begin()
            self._count += 1
        elif not self._silent and self._unit >= 0 and sound == self._sounds[self._unit]:
            self._count += 1
        else:
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
        drawn = float(self._random.uniform(1)[0])
        self._until = 0.5 + (drawn - 0.5) * self._spread
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


def _log_sum(logits: Floats) -> float:
    """Logarithm of the sum of the exponentials."""
    most = float(logits.max())
    return most + float(np.log(np.exp(logits - most).sum(dtype=np.float64)))
