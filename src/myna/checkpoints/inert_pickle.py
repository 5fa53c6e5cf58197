"""Read a pickle as data: an interpreter of its instructions that has nothing to execute.

Python's own unpickler imports what a pickle names and calls it. This one knows no imports and no
attributes: a name is looked up in the caller's short list or refused on sight, a call reaches only
functions of that list, and the instructions that no checkpoint needs do not exist.
"""

import pickletools
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from myna.errors import CheckpointError, UnsafeCheckpointError

MOST_BYTES = 8 << 20
"""Longest pickle that is read; the largest published one has a few hundred kilobytes."""

_LITERALS = frozenset(
    {
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "LONG4",
        "BINFLOAT",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
    }
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})

_SIGNS_OF_DAMAGE = (
    *(ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error),
    Warning,  # Python warns of odd escapes in names, and a program may make that an error
)

_MARK = object()


@dataclass(frozen=True, slots=True)
class Name:
    """A name the pickle may use. `call` makes the value where the pickle calls the name."""

    dotted: str
    call: Callable[..., Any] | None = None


@dataclass(slots=True)
class Fields:
    """Stands in for an object of which only its attributes matter."""

    values: dict[str, Any] = field(default_factory=dict)


def read(data: bytes, source: Path, names: Mapping[str, Name], refer: Callable[[Any], Any]) -> Any:
    """The value a pickle describes, made of plain values, `Name`s and what their calls return.

    Args:
        data: one pickle.
        source: the file it stands in, for messages.
        names: all that the pickle may name, by dotted name.
        refer: resolves a reference to data outside the pickle.

    Raises:
        UnsafeCheckpointError: it names, calls or changes anything else. Nothing was executed.
        CheckpointError: it is damaged, or longer than any checkpoint's.
    """
    if len(data) > MOST_BYTES:
        raise CheckpointError(
            f"{source} describes its tensors in {len(data) >> 20} MiB; no checkpoint needs that."
        )
    machine = _Machine(source, names, refer, copies=len(data))
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.step(opcode.name, argument)
        (result,) = machine.stack
    except _SIGNS_OF_DAMAGE as error:
        raise CheckpointError(
            f"{source} is damaged: its list of tensors cannot be read "
            f"({type(error).__name__}: {error})."
        ) from error
    return result


class _Machine:
    def __init__(
        self, source: Path, names: Mapping[str, Name], refer: Callable[[Any], Any], *, copies: int
    ) -> None:
        self.source, self.names, self.refer = source, names, refer
        self.copies_left = copies
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        if opcode in _LITERALS:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in _EMPTY:
            stack.append(_EMPTY[opcode]())
        elif opcode in _SHORT_TUPLES:
            count = _SHORT_TUPLES[opcode]
            stack.append(tuple([self.pop() for _ in range(count)][::-1]))
        elif opcode not in _IGNORED:
            action = getattr(self, f"_{opcode.lower()}", None)
            if action is None:
                raise self.unsafe(f"uses the instruction {opcode}")
            action(argument)

    def unsafe(self, what: str) -> UnsafeCheckpointError:
        return UnsafeCheckpointError(
            f"{self.source} {what}. Nothing in it was executed. Expected only tensors, numbers, "
            f"texts, lists and dictionaries. Do not load this file with other programs, "
            f"unless you trust its author with your computer."
        )

    def copy(self, *groups: Collection[Any]) -> None:
        """Account for values that a call takes over: no more than the pickle has bytes.

        A group is written once and may be named again in two bytes; copied each time, it would grow
        without bound.
        """
        self.copies_left -= sum(map(len, groups))
        if self.copies_left < 0:
            raise ValueError("copies more values than it holds")

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a group ends before it begins")
        return value

    def group(self) -> list[Any]:
        """Everything above the last mark, which goes too."""
        values: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def _mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self.group()))

    def _append(self, _: Any) -> None:
        self.extend([self.pop()])

    def _appends(self, _: Any) -> None:
        self.extend(self.group())

    def extend(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("appends to what is no list")
        self.stack[-1].extend(values)

    def _setitem(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self.update([key, value])

    def _setitems(self, _: Any) -> None:
        self.update(self.group())

    def update(self, pairs: list[Any]) -> None:
        if type(self.stack[-1]) is not dict:
            raise TypeError("sets items of what is no dictionary")
        # other keys than these would have to be hashed, which nesting can make costly
        if not all(isinstance(key, str | int) for key in pairs[::2]):
            raise TypeError("has a dictionary key that is neither text nor number")
        self.stack[-1].update(zip(pairs[::2], pairs[1::2], strict=True))

    def _binput(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def _memoize(self, _: Any) -> None:
        self._binput(len(self.memo))

    def _binget(self, index: int) -> None:
        self.stack.append(self.memo[index])

    _long_binput, _long_binget = _binput, _binget

    def _global(self, dotted: str) -> None:
        self.look_up(dotted.replace(" ", "."))

    def _stack_global(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError("asks for a name that is no text")
        self.look_up(f"{module}.{name}")

    def look_up(self, dotted: str) -> None:
        if dotted not in self.names:
            raise self.unsafe(f"asks for {dotted[:100]}")
        self.stack.append(self.names[dotted])

    def _reduce(self, _: Any) -> None:
        arguments, name = self.pop(), self.pop()
        if not isinstance(name, Name) or name.call is None:
            raise self.unsafe(f"calls {_describe(name)}")
        self.copy(arguments, *(a for a in arguments if isinstance(a, list | tuple | dict)))
        self.stack.append(name.call(*arguments))

    _newobj = _reduce

    def _build(self, _: Any) -> None:
        state, target = self.pop(), self.stack[-1]
        if isinstance(target, Fields):
            if type(state) is not dict:
                raise TypeError("sets attributes from what is no dictionary")
            self.copy(state)
            target.values.update(state)
        elif type(target) is not dict:  # a dictionary's attributes carry nothing we need
            raise self.unsafe(f"sets attributes of {_describe(target)}")

    def _binpersid(self, _: Any) -> None:
        self.stack.append(self.refer(self.pop()))


def _describe(value: Any) -> str:
    return value.dotted if isinstance(value, Name) else f"a {type(value).__name__}"
