"""The draws that ENAMEL's input generators share, call for call as enam 0.2.0 makes them, so that inputs are the same.

This module is sent into the sandbox as text, before a problem's own generator.
"""

import random
import string  # noqa: F401 - for the generators
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def quick_draws(generator: random.Random) -> tuple[Callable[[int, int], int], Callable[[Sequence[_Item]], _Item]]:
    """`randint` and `choice` that draw from `generator` as its own do, bit for bit, in half the time.

    Random._randbelow asks for as many bits as the range has, until they are below it.
    """
    bits = generator.getrandbits

    def randint(a: int, b: int) -> int:
        n = b - a + 1
        if n <= 0:
            raise ValueError(f"empty range for randint({a}, {b})")
        k = n.bit_length()
        r = bits(k)
        while r >= n:
            r = bits(k)
        return a + r

    def choice(items: Sequence[_Item]) -> _Item:
        n = len(items)
        k = n.bit_length()
        r = bits(k) if n else 0
        while r >= n > 0:
            r = bits(k)
        return items[r]

    return randint, choice


def rand_parens(size: int, valid: bool = True, par: str = "()", sep: str | None = "") -> str | list[str]:
    """A string of about `size` brackets: balanced groups joined by `sep` (None: their list), or one with a flaw."""
    if not valid:
        half = (size + 1) // 2 - 1
        return f"{rand_parens(half, par=par)}{par[1]}{par[0]}{rand_parens(half, par=par)}"
    size += size % 2
    groups: list[str] = []
    depth = 0
    for position in range(size):
        # Where both are possible a coin decides; it is thrown in no other case, for the sake of the sequence.
        if depth == 0 or (depth < size - position and random.randint(0, 1)):
            if depth == 0:
                groups.append("")
            groups[-1] += par[0]
            depth += 1
        else:
            groups[-1] += par[1]
            depth -= 1
    return groups if sep is None else sep.join(groups)


def miller_rabin(n: int, k: int = 5) -> bool:
    """Is n > 0 probably prime, after `k` random witnesses?"""
    if n in (2, 3):
        return True
    if n == 1 or n % 2 == 0:
        return False
    twos = ((n - 1) & (1 - n)).bit_length() - 1
    odd = (n - 1) >> twos
    return all(_passes(random.randint(2, n - 2), n, odd, twos) for _ in range(k))


def _passes(witness: int, n: int, odd: int, twos: int) -> bool:
    x = pow(witness, odd, n)
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False


def rand_probably_prime(lb: int, ub: int | None = None) -> int:
    """A probable prime in [lb, ub]; without `ub`, in [lb / 2, lb]."""
    if ub is None:
        ub = max(lb, 3)
        lb = ub // 2
    else:
        lb = max(lb, 0)
        ub = max(2 * lb, ub, 3)
    while not miller_rabin(number := random.randint(lb, ub)):
        pass
    return number


_TRAPS = (30031, 561, 2, 125)  # 2·3·5·7·11·13 + 1, a Carmichael number, the even prime, a power


def rand_primality(size: int, lid: int, cid: int) -> int:
    """A number to be tested for primality: a trap, a prime, the square of one, or the product of two."""
    size = max(size, 4)
    if lid == 0 and cid < len(_TRAPS):
        return _TRAPS[cid]
    if cid % 3 == 0:
        return rand_probably_prime(size)
    root = int(size**0.5 + 1)
    if cid % 3 == 1:
        return rand_probably_prime(root) ** 2
    return rand_probably_prime(root) * rand_probably_prime(root)
