"""A text that is being written is read by whoever says it, from the start if need be."""

from __future__ import annotations

import asyncio

from myna_ray.prompter import Prompter


def test_who_reads_waits_for_who_writes() -> None:
    async def play() -> tuple[list[str], list[str]]:
        prompter = Prompter()
        first = asyncio.create_task(_read(prompter))
        await asyncio.sleep(0)
        await prompter.write("a", 0, ["One. ", "Two"], over=False)
        await asyncio.sleep(0)
        await prompter.write("a", 2, [". Three."], over=True)
        return await first, await _read(prompter)

    first, again = asyncio.run(play())
    assert first == again == ["One. ", "Two", ". Three."]


def test_what_is_written_twice_counts_once() -> None:
    async def play() -> list[str]:
        prompter = Prompter()
        for _ in range(2):
            await prompter.write("a", 0, ["One. "], over=False)
        await prompter.write("a", 1, [], over=True)
        return await _read(prompter)

    assert asyncio.run(play()) == ["One. "]


def test_who_waits_for_a_forgotten_text_is_let_go() -> None:
    async def play() -> list[str]:
        prompter = Prompter()
        reading = asyncio.create_task(_read(prompter))
        await asyncio.sleep(0)
        await prompter.forget("a")
        await prompter.forget("never written")
        return await reading

    assert asyncio.run(play()) == []


async def _read(prompter: Prompter) -> list[str]:
    found: list[str] = []
    over = False
    while not over:
        pieces, over = await prompter.read("a", len(found))
        found += pieces
    return found
