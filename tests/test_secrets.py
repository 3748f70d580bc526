"""A candidate cannot find the test or the expected values anywhere in its memory; a control shows that it would."""

from __future__ import annotations

import asyncio

from codebench.sandbox import Conclusion, Job, Limits, SandboxOpener, SandboxOptions

# Finds every copy of `half_a + half_b` in the process's own readable memory. Only ever joined in a bytearray that is
# wiped, so that the scanner does not find itself.
SCANNER = r"""
import ctypes, re

def scan(needle):
    hits = 0
    for line in open('/proc/self/maps'):
        fields = line.split()
        start, end = (int(x, 16) for x in fields[0].split('-'))
        if 'r' not in fields[1] or '[v' in line:
            continue
        try:
            data = ctypes.string_at(start, end - start)
        except (OSError, ValueError):
            continue
        position = data.find(needle)
        while position >= 0:
            hits += 1
            position = data.find(needle, position + 1)
    return hits

def find(half_a, half_b):
    needle = bytearray(half_a + half_b)
    own = bytes(needle)
    total = scan(own)
    return total

CONTROL = 'planted-' + 'by-the-candidate'

def solve(half_a, half_b):
    return find(half_a, half_b), find(CONTROL[:8].encode(), CONTROL[8:].encode())
"""


def _run(opener: SandboxOpener, source: str, test: str, context: str) -> tuple[Conclusion, str]:
    async def run() -> tuple[Conclusion, str]:
        limits = Limits(timeout_s=20.0)
        async with opener(SandboxOptions(workers=1, limits=limits)) as sandbox:
            job = Job(source=source, entry_point="solve", context=context, test=test, limits=limits)
            await sandbox.run(job)  # the second run of the same job would find what the first had left
            seen = await sandbox.run(job)
            return seen.report.conclusion, seen.report.detail

    return asyncio.run(run())


def test_the_test_is_nowhere_in_the_candidates_memory(opener: SandboxOpener) -> None:
    """The needle of a string that is nowhere (sent in two halves) is found as often as that of the planted secrets."""
    measure = """
def check(candidate):
    nowhere = 'no-such-' + 'thing-exists-5521'
    baseline, control = candidate(nowhere[:8].encode(), nowhere[8:].encode())
    assert control > baseline, (baseline, control)
    SECRET = 'tuna-secret-of-the-test-7731'
    EXPECTED = [1, 'egg-expected-value-of-the-test-9942']
    for secret in (SECRET, EXPECTED[1], CONTEXT_SECRET):
        half = len(secret) // 2
        hits, _ = candidate(secret[:half].encode(), secret[half:].encode())
        assert hits <= baseline, (secret[:4], hits, baseline)
"""
    conclusion, detail = _run(opener, SCANNER, measure, "CONTEXT_SECRET = 'cod-secret-of-the-prompt-1107'\n")
    assert conclusion is Conclusion.COMPLETED, detail


def test_the_scan_would_find_a_test_that_leaked(opener: SandboxOpener) -> None:
    """The control: the same scan sees a secret that the candidate's own source holds."""
    leaky = SCANNER + "\nLEAK = ['tuna-secret-of-the-test-7731' + str(i) for i in range(3)]\n"
    measure = """
def check(candidate):
    nowhere = 'no-such-' + 'thing-exists-5521'
    baseline, _ = candidate(nowhere[:8].encode(), nowhere[8:].encode())
    secret = 'tuna-secret-of-the-test-7731'
    hits, _ = candidate(secret[:14].encode(), secret[14:].encode())
    assert hits > baseline, (hits, baseline)
"""
    conclusion, detail = _run(opener, leaky, measure, "")
    assert conclusion is Conclusion.COMPLETED, detail
