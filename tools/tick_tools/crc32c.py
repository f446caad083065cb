"""CRC-32C (Castagnoli, RFC 3720) in pure Python, by folding.

A CRC is linear: the first half of the data, moved forward over the second half and added to it (XOR), leaves a
message of half the length with the same CRC. To move a 32-bit word forward by a fixed distance is one table lookup
a byte, and `bytes.translate` does that for all words at once when the four bytes of the words lie in four planes.
So a block takes about twelve steps of the interpreter, not one a word.
"""

from __future__ import annotations

from functools import cache
from typing import Union

Bytes = Union[bytes, bytearray, memoryview]
Shift = tuple[list[int], ...]

_POLYNOMIAL = 0x82F63B78
_MASK = 0xFFFFFFFF
_FOLD_FROM = 64
_CHUNK = 1 << 17


def _byte_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_STEP = _byte_table()


def _moved(shift: Shift, word: int) -> int:
    return shift[0][word & 255] ^ shift[1][(word >> 8) & 255] ^ shift[2][(word >> 16) & 255] ^ shift[3][word >> 24]


@cache
def _shift(distance: int) -> Shift:
    """What each byte of a CRC register becomes after `distance` zero bytes, a power of two from 4 on."""
    tables = []
    for position in range(4):
        table = []
        for value in range(256):
            word = value << (8 * position)
            if distance == 4:
                for _ in range(4):
                    word = _STEP[word & 255] ^ (word >> 8)
            else:
                half = _shift(distance // 2)
                word = _moved(half, _moved(half, word))
            table.append(word)
        tables.append(table)
    return tuple(tables)


@cache
def _planes(distance: int) -> list[list[bytes]]:
    """`planes[i][j]` translates byte i of a word into its share of byte j of the moved word."""
    return [[bytes((word >> (8 * j)) & 255 for word in table) for j in range(4)] for table in _shift(distance)]


def _fold(data: Bytes, crc: int) -> int:
    words = 1 << (-(-len(data) // 4) - 1).bit_length()
    message = bytearray(4 * words - len(data))
    start = len(message)
    message += data
    for position in range(4):
        message[start + position] ^= (crc >> (8 * position)) & 255
    planes = [bytes(message[position::4]) for position in range(4)]
    while words > 1:
        words //= 2
        tables = _planes(4 * words)
        folded = []
        for j in range(4):
            total = int.from_bytes(planes[j][words:], "little")
            for i in range(4):
                total ^= int.from_bytes(planes[i][:words].translate(tables[i][j]), "little")
            folded.append(total.to_bytes(words, "little"))
        planes = folded
    return _moved(_shift(4), int.from_bytes(b"".join(planes), "little"))


def crc32c(data: Bytes, crc: int = 0) -> int:
    """Return the CRC-32C of `data`.

    Parameters
    ----------
    data
        Any contiguous bytes.
    crc
        The result for the bytes before, to compute a CRC in parts.

    Examples
    --------
    >>> hex(crc32c(b'123456789'))
    '0xe3069283'
    """
    crc ^= _MASK
    if len(data) < _FOLD_FROM:
        for byte in data:
            crc = _STEP[(crc ^ byte) & 255] ^ (crc >> 8)
        return crc ^ _MASK
    for start in range(0, len(data), _CHUNK):
        part = data[start : start + _CHUNK]
        crc = _fold(part, crc) if len(part) >= 4 else crc32c(part, crc ^ _MASK) ^ _MASK
    return crc ^ _MASK
