"""Say many requests with whatever room an engine has: as one ends, the next takes its place."""

from collections import deque
from collections.abc import Iterator, Sequence

from myna.datatypes import SemanticTokens
from myna.engines.base import Generation, TokenRequest
from myna.engines.drawing import Drawing


def generate(
    generation: Generation, requests: Sequence[TokenRequest]
) -> Iterator[tuple[int, SemanticTokens]]:
    """Say all; yields (index, tokens) as each one ends. What is dropped half-way makes room."""
    waiting = deque(enumerate(requests))
    running: list[tuple[int, Drawing]] = []
    try:
        while waiting or running:
            while waiting and generation.room:
                index, request = waiting.popleft()
                running.append((index, generation.add(request)))
            for ended in [each for each in running if each[1].done]:
                running.remove(ended)
                generation.remove(ended[1])
                yield ended[0], ended[1].result()
            if running:
                generation.advance([drawing for _, drawing in running])
    finally:
        for _, drawing in running:
            generation.remove(drawing)
