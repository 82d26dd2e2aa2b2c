"""Randomness as an argument: every draw is a pure function of a seed and of its purpose.

Nothing here has state, so neither the order of the work nor the number of workers can change a result.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def stable_hash(*keys: object) -> int:
    """Hashes keys to 64 bits, the same in every process and Python version (unlike `hash`).

    >>> stable_hash("cat/31.jpg")
    6000621471981884257
    """
    return int.from_bytes(blake2b(repr(keys).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def stable_hashes(names: list[str]) -> NDArray[np.uint64]:
    """Hashes each of N names; returns (N,) uint64. The same as `stable_hash`, in half the time."""
    keys = [f"({name!r},)".encode("utf-8", "surrogatepass") for name in names]
    return np.frombuffer(b"".join([blake2b(key, digest_size=8).digest() for key in keys]), dtype="<u8").astype(np.uint64)


def rng_for(seed: int, *keys: object) -> np.random.Generator:
    """Makes the generator for one purpose, for example `rng_for(seed, "shuffle", epoch)`.

    >>> float(rng_for(0, "shuffle", 1).random()) == float(rng_for(0, "shuffle", 1).random())
    True
    """
    return np.random.Generator(np.random.PCG64(stable_hash(seed, *keys)))


def uniforms_for(items: NDArray[np.uint64], seed: int, *keys: object) -> NDArray[np.float64]:
    """Draws one number in [0, 1) for each item: a pure function of (seed, keys, item), whatever the other items are.

    Args:
        items: (N,) hashes of the items, from `stable_hashes`.
        seed: the seed of the section.
        *keys: the purpose of the number, and the epoch.

    Returns:
        (N,) float64.
    """
    numbers: NDArray[np.float64] = uniforms(items, np.array([stable_hash(seed, *keys)], dtype=np.uint64))[0]
    return numbers


def uniforms(items: NDArray[np.uint64], purposes: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Draws one number in [0, 1) for each item and purpose.

    Args:
        items: (N,) hashes of the items.
        purposes: (P,) hashes of the purposes, each including the seed.

    Returns:
        (P, N) float64.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    """
    mixed = items ^ purposes[:, np.newaxis]
    for _ in range(2):  # twice: purposes enter by xor, which shows after one round
        mixed = _mixed(mixed)
    numbers: NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers


def of_copies(items: NDArray[np.uint64], copies: NDArray[np.integer] | int) -> NDArray[np.uint64]:
    """Hashes of copies of items, (N,) uint64; copy 0 has the hash of its item. `copies` is (N,) or one number for all."""
    return items + np.asarray(copies).astype(np.uint64) * _GOLDEN  # wraps around on purpose


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values + _GOLDEN
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values
