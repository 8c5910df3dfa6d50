"""A key of what an event says in five numbers: the xxh3 (64 bits) of their forty bytes. Compiled.

Compiled it is computed here, where the numbers are at hand: to write them into a bytes object and to call the library
takes several times as long. Pure it is the other way round. Both give the same bits, which are in checkpoints.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i64_le, write_i64_le
from mypy_extensions import i64
from xxhash import xxh3_64_digest

__all__ = ["computed_key", "five_key", "library_key"]

LOW: Final[i64] = 0xFFFF_FFFF  # the lower half of a number


def five_key(room: BytesWriter, a: i64, b: i64, c: i64, d: i64, e: i64, seed: i64) -> i64:
    """Return the key of five numbers, as the digest's bytes read as an i64; *room* is room to work in."""
    if COMPILED:
        return computed_key(a, b, c, d, e, seed)
    return library_key(room, a, b, c, d, e, seed)


def library_key(room: BytesWriter, a: i64, b: i64, c: i64, d: i64, e: i64, seed: i64) -> i64:
    """Return `five_key` as the library has it."""
    room.truncate(0)
    write_i64_le(room, a)
    write_i64_le(room, b)
    write_i64_le(room, c)
    write_i64_le(room, d)
    write_i64_le(room, e)
    key: bytes = _digest(room.getvalue(), seed)
    return read_i64_le(key, 0)


def computed_key(a: i64, b: i64, c: i64, d: i64, e: i64, seed: i64) -> i64:
    """Return `five_key` by arithmetic of i64s that wrap, as only compiled ones do.

    XXH3_64bits_withSeed for 33 to 64 bytes, github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md; its digest is
    big-endian.
    """
    # The words of xxh3's secret, and two of its primes.
    secret_0 = _word(-0x41B45BDD, 0x396CFEB8)
    secret_1 = _word(0x1CAD21F7, 0x2C81017C)
    secret_2 = _word(-0x24686F7D, 0xE96DD4DE)
    secret_3 = _word(0x1F67B3B7, 0xA4A44072)
    secret_4 = _word(0x78E5C0CC, 0x4EE679CB)
    secret_5 = _word(0x2172FFCC, 0x7DD05A82)
    secret_6 = _word(-0x71DBBC09, 0x744608B8)
    secret_7 = _word(0x4C263A81, 0xE69035E0)
    forty_primes = _word(-0x4754FC44, 0xECD7A518)
    last_prime = _word(0x16566791, 0x9E3779F9)
    key = forty_primes
    key += _folded(c ^ (secret_4 + seed), d ^ (secret_5 - seed))
    key += _folded(b ^ (secret_6 + seed), c ^ (secret_7 - seed))
    key += _folded(a ^ (secret_0 + seed), b ^ (secret_1 - seed))
    key += _folded(d ^ (secret_2 + seed), e ^ (secret_3 - seed))
    key ^= key >> 37 & 0x7FF_FFFF
    key *= last_prime
    key ^= key >> 32 & LOW
    return _reversed(key)


def _word(high: i64, low: i64) -> i64:
    """Return a number by its halves: mypyc takes a literal of more than 62 bits for an int of Python."""
    return high << 32 | low


def _folded(a: i64, b: i64) -> i64:
    """Return the upper half of the product of two numbers, taken without a sign, xor its lower half."""
    a_low = a & LOW
    a_high = a >> 32 & LOW
    b_low = b & LOW
    b_high = b >> 32 & LOW
    low = a_low * b_low
    middle = a_high * b_low
    cross = (low >> 32 & LOW) + (middle & LOW) + a_low * b_high
    high = (middle >> 32 & LOW) + (cross >> 32 & LOW) + a_high * b_high
    return high ^ ((cross << 32) | (low & LOW))


def _reversed(number: i64) -> i64:
    """Return *number* with its bytes in the opposite order."""
    bytes_ = _word(0x00FF_00FF, 0x00FF_00FF)
    pairs = _word(0x0000_FFFF, 0x0000_FFFF)
    number = (number & bytes_) << 8 | (number >> 8 & bytes_)
    number = (number & pairs) << 16 | (number >> 16 & pairs)
    return number << 32 | (number >> 32 & LOW)


COMPILED: Final = not hasattr(computed_key, "__code__")
_digest: Final = xxh3_64_digest  # looked up once
