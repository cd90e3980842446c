"""Changes of the bytes of a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

__all__ = ["change_bytes"]

BORDERS = [0, 1, 2, 7, 8, 15, 16, 63, 64, 127, 128, 255, 256, 1023, 1024, 4096, 32767, 65535]
BORDERS += [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]
"""Numbers that programs get wrong, for a field of up to 8 bytes."""
MOST_CHANGES = 4

Change = Callable[[bytearray, Random, Sequence[bytes]], None]


def change_bytes(data: bytes, rng: Random, others: Sequence[bytes] = ()) -> bytes:
    """The bytes with one to four changes.

    Arguments:
        others: files that pieces may come from.
    """
    changed = bytearray(data)
    for _ in range(rng.randint(1, MOST_CHANGES)):
        rng.choice(CHANGES)(changed, rng, others or (data,))
    return bytes(changed)


def _place(data: bytearray, rng: Random) -> int:
    """A place, mostly one that something was written to."""
    if not data:
        return 0
    place = rng.randrange(len(data))
    for _ in range(8):
        if data[place] or rng.random() < 0.1:
            break
        place = rng.randrange(len(data))
    return place


def _flip(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    if data:
        data[_place(data, rng)] = rng.randrange(256)


def _number(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    """A number at a border in the place of a field, or one that is off by one."""
    size = rng.choice((1, 2, 4, 8))
    start = _place(data, rng)
    start -= start % rng.choice((1, size))
    found = int.from_bytes(data[start : start + size], "little")
    value = rng.choice((*BORDERS, found - 1, found + 1, found * 2, len(data), len(data) - start))
    data[start : start + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")


def _cut(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    start = _place(data, rng)
    del data[start : start + rng.randint(1, 64)]


def _repeat(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    start = _place(data, rng)
    piece = data[start : start + rng.randint(1, 64)]
    data[start:start] = piece * rng.randint(1, 4)


def _clear(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    start, count = _place(data, rng), rng.randint(1, 32)
    piece = data[start : start + count]
    data[start : start + count] = bytes([rng.choice((0, 255))]) * len(piece)


def _copy(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    """A piece of the same file, such as an address, in another place."""
    count = rng.choice((2, 4, 8, 8, 16, 40))
    start, target = _place(data, rng), _place(data, rng)
    piece = data[start : start + count]
    data[target : target + len(piece)] = piece


def _splice(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    """A piece of another file, at its own place or elsewhere."""
    other = rng.choice(others)
    start, count = rng.randrange(len(other) + 1), rng.choice((8, 64, 512, 4096))
    target = rng.choice((start, _place(data, rng)))
    piece = other[start : start + count]
    data[target : target + len(piece)] = piece


CHANGES: list[Change] = [_flip, _flip, _set, _set, _number, _number, _number, _number]
CHANGES += [_cut, _remove, _repeat, _clear, _copy, _copy, _splice]
