"""The floor: for each program fork, compile, exec, wait; nothing else. Runs under the sandbox's own interpreter.

`python bare_fork.py TREE CGROUP…`: TREE holds the guest's modules, which are imported as a box does. The first line on
stdin is a JSON list of programs; for each further line it runs them all and answers with the seconds that each took.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time


def main(tree: str, cgroups: list[str]) -> None:
    for directory in cgroups:
        with open(f"{directory}/cgroup.procs", "w") as f:  # noqa: PTH123 - pathlib is not among a box's modules
            f.write(str(os.getpid()))
    sys.path.append(tree)
    import codebench.main as guest  # type: ignore[import-not-found] # in the tree it has this name

    guest.preload.import_common_modules()
    programs = json.loads(sys.stdin.readline())
    gc.collect()
    gc.freeze()
    while sys.stdin.readline():
        print(json.dumps([run(program) for program in programs]), flush=True)


def run(program: str) -> float:
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        exec(compile(program, "solution.py", "exec", dont_inherit=True), {"__name__": "solution"})
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        sys.exit(f"a canonical solution ended with status {status}")
    return time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
