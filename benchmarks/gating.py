"""How often a gate on a regression opens, closes, or decides nothing, for models of which the truth is known.

python -m benchmarks.gating [--rounds 200]

Each problem is right before with a chance of 0.6. A share of the problems (the churn) is answered anew by chance, as a
model does that is no better or worse; the planted regression makes that many right ones wrong besides.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter

from codebench.runs.decisions import Change, Decision, decide_regression
from codebench.runs.paired import paired_interval
from codebench.runs.significance import paired_test

MARGIN = 0.05
SKILL = 0.6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    print(f"max_regression = {MARGIN:g}, {rounds} rounds each; shares of pass / fail / inconclusive")
    print("problems  churn   the same      0.05 worse    0.10 worse    0.20 worse")
    for problems in (73, 164, 500, 1140):
        for churn in (0.0, 0.1):
            cells = [_shares(problems, churn, planted, rounds) for planted in (0.0, 0.05, 0.1, 0.2)]
            print(f"{problems:8,}  {churn:.2f}    {'  '.join(cells)}", flush=True)


def _shares(problems: int, churn: float, planted: float, rounds: int) -> str:
    draws = random.Random(f"{problems} {churn} {planted}")
    found = Counter(_decided(problems, churn, planted, draws) for _ in range(rounds))
    return "/".join(f"{found[one] / rounds:.2f}" for one in (Decision.PASS, Decision.FAIL, Decision.INCONCLUSIVE))


def _decided(problems: int, churn: float, planted: float, draws: random.Random) -> Decision:
    base = [float(draws.random() < SKILL) for _ in range(problems)]
    head = [float(draws.random() < SKILL) if draws.random() < churn else one for one in base]
    head = [0.0 if one and draws.random() < planted / SKILL else one for one in head]
    differences = [after - before for before, after in zip(base, head, strict=True)]
    low, high = paired_interval(differences, resamples=1000)
    change = Change(
        value=sum(differences) / problems,
        low=low,
        high=high,
        problems=problems,
        changed=sum(map(bool, differences)),
        p_value=paired_test(base, head, draws=1000, seed=0).p_value,
    )
    return decide_regression(change, MARGIN)[0]


if __name__ == "__main__":
    main()
