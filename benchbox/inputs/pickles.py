"""A pickle, read as data.

A pickle is a program for a stack machine. `pickletools.genops` decodes its instructions and runs none of them. Only
those that build containers are carried out here, and any other one is refused: nothing is imported, and a call that the
program describes is kept as a `Call` and never made.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import IO, Any

LITERALS = frozenset({
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
})  # fmt: skip
"""Instructions that push their own argument."""

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
CONTAINERS = {"EMPTY_DICT": dict, "EMPTY_LIST": list}


@dataclass(frozen=True, eq=False)
class GlobalName:
    """A class or function that the pickle names. It is not looked up."""

    module: Any
    name: Any

    @property
    def text(self) -> str:
        """As in an import; empty where the file gives something else than two strings."""
        return f"{self.module}.{self.name}" if isinstance(self.module, str) and isinstance(self.name, str) else ""


@dataclass(eq=False)
class Call:
    """A call that the pickle describes: a function, its arguments, and the state of the result. It is not made."""

    function: Any
    arguments: Any
    state: Any = None


class StackMachine:
    """Carries out the instructions that build containers. ValueError for any other instruction.

    Time and memory are proportional to the bytes that are read: a step moves references, and hashes strings only.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        """The value that the pickle describes."""
        for instruction, argument, _ in pickletools.genops(file):
            self.step(instruction.name, argument)
        return self.pop(1)[0]

    def step(self, instruction: str, argument: Any) -> None:
        if instruction in LITERALS:
            self.stack.append(argument)
        elif instruction in CONSTANTS:
            self.stack.append(CONSTANTS[instruction])
        elif instruction in CONTAINERS:
            self.stack.append(CONTAINERS[instruction]())
        else:
            self.combine(instruction, argument)

    def combine(self, instruction: str, argument: Any) -> None:
        """Instructions that use the stack, its marks or the memo."""
        match instruction:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "MARK":
                self.marks.append(len(self.stack))
            case "MEMOIZE" | "BINPUT" | "LONG_BINPUT":
                self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[argument])
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(self.pop(int(instruction[-1]))))
            case "TUPLE":
                self.stack.append(tuple(self.pop_to_mark()))
            case "SETITEM":
                self.set_items(self.pop(2))
            case "SETITEMS":
                self.set_items(self.pop_to_mark())
            case "APPEND":
                self.extend(self.pop(1))
            case "APPENDS":
                self.extend(self.pop_to_mark())
            case "GLOBAL":
                self.stack.append(GlobalName(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                self.stack.append(GlobalName(*self.pop(2)))
            case "REDUCE":
                self.stack.append(Call(*self.pop(2)))
            case "BUILD":
                self.set_state(*self.pop(2))
            case _:
                raise ValueError(f"it has the instruction {instruction}, which a dictionary of arrays does not need")

    def pop(self, count: int) -> list[Any]:
        return self.pop_from(len(self.stack) - count)

    def pop_to_mark(self) -> list[Any]:
        return self.pop_from(self.marks.pop())

    def pop_from(self, start: int) -> list[Any]:
        if not 0 <= start <= len(self.stack):
            raise ValueError("it takes more from the stack than there is")
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def set_items(self, values: list[Any]) -> None:
        """Put keys and values, alternating, into the dictionary on top of the stack."""
        keys, target = values[::2], self.stack[-1]
        if not isinstance(target, dict) or not all(isinstance(key, str) for key in keys):
            raise ValueError("it sets items of something else than a dictionary of names")
        target.update(zip(keys, values[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise ValueError(f"it appends to a {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(values)

    def set_state(self, target: Any, state: Any) -> None:
        if not isinstance(target, Call):
            raise ValueError(f"it sets the state of a {type(target).__name__}")
        target.state = state
        self.stack.append(target)
