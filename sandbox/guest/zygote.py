"""The fork server: makes one candidate process per sample, watches over it from outside, and cleans up after it.

It was forked from the judge before the judge read anything, and what passes through it later are numbers only, so no
candidate has an ancestor that ever held a test, an expected value or another candidate's program.
"""

# ruff: noqa: TID251 - relative imports: in a box this package is called codebench, without the rest of it

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from . import candidate, confine, kernel
from .litter import Scratch
from .session import CLOCK, LAP, clock_of

_WATCH_S = 0.1  # how often memory is looked at, once a sample runs longer than this
_STRETCH = 4.0  # how far the wall limit may be stretched by time spent waiting for a core
_STRETCH_S = 2.0  # or so far, where that is more: a call of milliseconds may wait for many times its own length
_DYING_S = 0.2  # from the closing of a dying process's last socket to its death
SEEN_ENOUGH, HUNG_UP = b".", b"!"
"""What the judge says at the end of a sample: it has its findings, or the candidate's socket was closed."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """A candidate process that waits for its program, and the four ends that its judge will hold."""

    pid: int
    pidfd: int
    ends: tuple[int, ...]
    last_pid: int
    """The last pid that was given out when it was made: nobody has got one since as long as it is that."""


@dataclass(slots=True)
class Usage:
    """What the candidate's processes used, once they are gone."""

    cpu_s: float = 0.0
    memory_bytes: int = 0
    status: int = 0


class Clock:
    """One limit on the CPU time of a sample, and on its wall time less what it spent waiting for a core."""

    def __init__(self, started: float, limit_s: float, cpu_s: float, waited_s: float) -> None:
        self._started = started
        self._limit_s = limit_s
        self._cpu_s = cpu_s
        self._waited_s = waited_s
        self.deadline = started + limit_s

    def over(self, alone: bool, cpu_s: float, waited_s: float) -> bool:
        """Is it over, with that much CPU and waiting time since the process began? Else put the deadline off."""
        now = time.monotonic()
        if now >= self.deadline:
            waited_s = waited_s - self._waited_s if alone and cpu_s - self._cpu_s < self._limit_s else 0.0
            most_s = max(self._limit_s * _STRETCH, self._limit_s + _STRETCH_S)
            self.deadline = self._started + min(self._limit_s + waited_s, most_s)
        return now >= self.deadline


class Waiting:
    """How long a command was kept waiting for a core: it is many processes, one after the other and side by side.

    In every turn the longest wait of any of them counts. What they take from each other is their own affair, and does
    not gain them anything: they use up the limit on their CPU time together.
    """

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self.total_s = 0.0

    def look(self, pids: Iterable[int]) -> None:
        """Take note of what has been waited since the last look; at least ten times a second."""
        now = {pid: _run_delay_s(pid) for pid in pids}
        self.total_s += max((delay_s - self._seen.get(pid, 0.0) for pid, delay_s in now.items()), default=0.0)
        self._seen = now


class Clocks:
    """The two limits of a sample: on all of it, and on the lap it is at. Seconds of CPU or of wall time."""

    def __init__(self, pid: int, started: float, limit_s: float, waiting: Waiting | None = None) -> None:
        self._pid = pid
        self._waiting = waiting
        self._schedstat: int | None = None
        self._alone = True
        self._whole = self._lap = Clock(started, limit_s, 0.0, 0.0)

    def left(self) -> float:
        """Seconds until it is worth asking again if one of them is over."""
        return min(self._whole.deadline, self._lap.deadline) - time.monotonic()

    def lap(self, limit_s: float, whole_s: float) -> None:
        """A new lap begins, and with `whole_s` also what is limited as a whole."""
        facts = _cpu_s(self._pid), self._waited_s()
        self._lap = Clock(time.monotonic(), limit_s, *facts)
        if whole_s:
            self._whole = Clock(time.monotonic(), whole_s, *facts)

    def over(self, processes: list[tuple[float, int]]) -> bool:
        """Is one of them over, `processes` being what the candidate's processes used?"""
        if self._waiting is None:
            self._alone &= len(processes) <= 1  # what waits for its own children's sake is not kept waiting by others
        if self.left() > 0:
            return False
        facts = self._alone, sum(cpu_s for cpu_s, _ in processes), self._waited_s()
        return self._whole.over(*facts) | self._lap.over(*facts)

    def close(self) -> None:
        if self._schedstat is not None:
            os.close(self._schedstat)

    def _waited_s(self) -> float:
        """Seconds in which the process was ready to run and had no core; 0 where that cannot be known."""
        if self._waiting is not None:
            return self._waiting.total_s
        try:
            if self._schedstat is None:
                self._schedstat = os.open(f"/proc/{self._pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
            return int(os.pread(self._schedstat, 256, 0).split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0


class Zygote:
    """Serves one judge over `control`, a SOCK_SEQPACKET socket."""

    def __init__(self, control: socket.socket, config: dict[str, Any]) -> None:
        self._control = control
        self._uid: int = config["uid"]
        self._scratch = Scratch(config["writable"])
        self._oom = confine.OomCounter(config.get("oom_fd"))
        self._heard = b""  # of the judge, and not acted upon yet
        self._shared = 0
        self._own_uid = os.getuid()
        self._can_switch = self._own_uid != self._uid
        self._cores = os.sched_getaffinity(0)
        self._loadavg = os.open("/proc/loadavg", os.O_RDONLY)

    def serve(self) -> NoReturn:
        """Make candidates until the judge is gone."""
        self._scratch.note_clean()
        gc.collect()
        gc.freeze()
        self._shared = _own_resident()
        ready = self._fork()
        while request := self._control.recv(4096):
            limits = json.loads(request)
            confine.stay_on(limits["core"])
            socket.send_fds(self._control, [b"+"], [*ready.ends, ready.pidfd])
            for end in ready.ends:
                os.close(end)
            facts = self._supervise(ready, limits)
            self._control.send(json.dumps(facts).encode())
            ready = self._fork()
        os._exit(0)

    def _fork(self) -> Process:
        """Fork a candidate, which waits for its program on a socket that nobody has used before."""
        near, far = socket.socketpair()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        results_read, results_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become_candidate(far, results_write, out_write, err_write)
        for end in (far, results_write, out_write, err_write):
            os.close(end if isinstance(end, int) else end.detach())
        return Process(pid, os.pidfd_open(pid), (near.detach(), out_read, err_read, results_read), self._last_pid())

    def _become_candidate(self, sock: socket.socket, results: int, out: int, err: int) -> NoReturn:
        try:
            os.setsid()
            fd = sock.detach()
            os.dup2(out, 1)
            os.dup2(err, 2)
            keep = max(fd, results, out, err) + 1
            os.dup2(fd, keep)
            os.dup2(results, keep + 1)
            os.closerange(3, keep)
            os.dup2(keep, 3)
            os.dup2(keep + 1, 4)
            os.closerange(5, 1 << 20)
            confine.become(self._uid)
            os.chdir(self._scratch.home)
            os.umask(0o077)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            gc.enable()
        except BaseException:  # noqa: BLE001 - a half-confined child must not live on, whatever went wrong
            os._exit(70)
        candidate.main(3, 4)

    # -- watching

    def _supervise(self, process: Process, limits: dict[str, Any]) -> dict[str, Any]:
        kills_before = self._oom.read()
        started = time.monotonic()
        reason = self._wait(process, limits, started)
        wall_s = time.monotonic() - started
        if reason != "judge":
            self._kill_all()  # so that the judge, which waits on the candidate, hears of its end and says so
        if self._last_word() == HUNG_UP and reason == "judge" and _dies(process):
            reason = "exit"  # it was the candidate's own end that the judge saw, a moment before this process could
        usage = self._end(process)
        own_end = reason == "exit"
        return {
            "outcome": self._outcome(reason, usage, kills_before),
            "signal": os.WTERMSIG(usage.status) if own_end and os.WIFSIGNALED(usage.status) else None,
            "exit_code": os.WEXITSTATUS(usage.status) if own_end and os.WIFEXITED(usage.status) else None,
            "wall_s": wall_s,
            "cpu_s": usage.cpu_s,
            "memory_bytes": usage.memory_bytes,
            "clean": self._sweep(),
        }

    def _last_word(self) -> bytes:
        """What the judge says of a sample that is over, past the laps that it had sent before it knew."""
        word, self._heard = self._heard or self._control.recv(64), b""
        while word.startswith((LAP, CLOCK)):
            if word == CLOCK:
                self._control.send(b"null")
            word = self._control.recv(64)
        return word

    def _outcome(self, reason: str, usage: Usage, kills_before: int) -> str:
        if reason == "memory" or self._oom.read() > kills_before:
            return "out_of_memory"
        if reason == "time":
            return "timed_out"
        return "signaled" if reason == "exit" and os.WIFSIGNALED(usage.status) else "exited"

    def _wait(self, process: Process, limits: dict[str, Any], started: float) -> str:
        """Return why the sample is over: "judge" (it has seen enough), "exit", "time" or "memory"."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(process.pidfd, select.POLLIN)
        waiting = Waiting() if limits["many_processes"] else None
        with contextlib.closing(Clocks(process.pid, started, limits["timeout_s"], waiting)) as clocks:
            while True:
                events = dict(poll.poll(max(0.0, min(clocks.left(), _WATCH_S)) * 1000))
                if process.pidfd in events:
                    return "exit"
                if events:
                    if not self._listen(process, clocks):
                        return "judge"
                    continue
                if not limits["alone_on_core"]:
                    self._let_go(process)
                processes = self._processes(with_ended=waiting is not None)
                if waiting is not None:
                    waiting.look(self._pids())
                if clocks.over(processes):
                    return "time"
                if self._resident(processes) > limits["memory_bytes"]:
                    return "memory"

    def _listen(self, process: Process, clocks: Clocks) -> bool:
        """Do as the judge says; False where it says that the sample is over."""
        word = self._control.recv(64)
        if word == CLOCK:
            self._control.send(self._clock(process))
        elif word.startswith(LAP):
            clocks.lap(*map(float, word[len(LAP) :].split()))
        else:
            self._heard = word
            return False
        return True

    def _let_go(self, process: Process) -> None:
        """Let a candidate that runs on use any core: only short ones gain by staying where their judge is."""
        with self._as_candidate(), contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process.pid}/task"):  # noqa: PTH208 - as below
                os.sched_setaffinity(int(thread), self._cores)

    def _resident(self, processes: list[tuple[float, int]]) -> int:
        """What the candidate's processes hold, beyond the pages that each of them shares with this one."""
        return sum(max(0, resident - self._shared) for _, resident in processes)

    def _clock(self, process: Process) -> bytes:
        """CPU nanoseconds of all the candidate's processes, and the last pid that was given to anyone, as JSON.

        As long as nobody has got a pid since the candidate was made it is but one process, and /proc need not be
        searched for others, which takes ten times as long as the rest.
        """
        used, last_pid = 0, self._last_pid()
        for pid in {process.pid} if last_pid == process.last_pid else {process.pid, *self._pids()}:
            with contextlib.suppress(OSError):  # it ended meanwhile
                used += time.clock_gettime_ns(clock_of(pid))
        return b"[%d,%d]" % (used, last_pid)

    def _last_pid(self) -> int:
        """The last pid given to a thread or process in this namespace.

        Another number every time where that cannot be known, as if there had been some: then the wall time counts.
        """
        with contextlib.suppress(OSError, IndexError):
            if last := int(os.pread(self._loadavg, 256, 0).split()[4]):
                return last
        return time.monotonic_ns()

    def _pids(self) -> Iterator[int]:
        """The candidate's processes, as far as /proc shows them."""
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir("/proc"):
                if entry.name.isdigit() and entry.name != "1":
                    with contextlib.suppress(OSError):
                        if not self._can_switch or entry.stat().st_uid == self._uid:
                            yield int(entry.name)

    def _processes(self, with_ended: bool = False) -> list[tuple[float, int]]:
        """CPU seconds, those of ended children too if asked for, and resident bytes of every candidate's process."""
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and entry.name != "1":
                with contextlib.suppress(OSError, IndexError):  # it ended meanwhile
                    if self._can_switch and entry.stat().st_uid != self._uid:
                        continue
                    found.append(_stat(entry.name, with_ended))
        return found

    # -- ending

    def _end(self, process: Process) -> Usage:
        """Kill all that runs under the candidate's uid and wait until nothing of it is left."""
        usage = Usage()
        self._kill_all()
        while True:
            try:
                pid, status, spent = os.wait4(-1, 0)
            except ChildProcessError:
                break
            usage.cpu_s += spent.ru_utime + spent.ru_stime
            usage.memory_bytes = max(usage.memory_bytes, spent.ru_maxrss * 1024)
            if pid == process.pid:
                usage.status = status
            else:
                self._kill_all()
        os.close(process.pidfd)
        return usage

    def _kill_all(self) -> None:
        """One kill(2) for all, with the candidate's effective uid: atomic against forks, and blind to all others."""
        with self._as_candidate(), contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(-1, signal.SIGKILL)

    def _sweep(self) -> bool:
        with self._as_candidate():
            return self._scratch.clean()

    @contextlib.contextmanager
    def _as_candidate(self) -> Iterator[None]:
        """Act with the candidate's effective uid; real and saved uid stay, so that it cannot signal this process."""
        if self._can_switch:
            os.seteuid(self._uid)
        try:
            yield
        finally:
            if self._can_switch:
                os.seteuid(self._own_uid)


def _dies(process: Process) -> bool:
    """Is a process that has closed its socket on its way out?"""
    return bool(select.select([process.pidfd], (), (), _DYING_S)[0])


def _cpu_s(pid: int) -> float:
    """CPU seconds of one process; 0 where it has ended."""
    try:
        return time.clock_gettime(clock_of(pid))
    except OSError:
        return 0.0


def _run_delay_s(pid: int) -> float:
    """Seconds in which a process was ready to run and had no core; 0 where that cannot be known."""
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as f:  # noqa: PTH123 - as below
            return int(f.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _stat(pid: int | str, with_ended: bool) -> tuple[float, int]:
    """CPU seconds and resident bytes of one process; raises OSError or IndexError where it has ended.

    The seconds are also those of its children that have, if asked for.
    """
    with open(f"/proc/{pid}/stat", "rb") as f:  # noqa: PTH123 - a tenth of the cost of Path here
        fields = f.read().rpartition(b")")[2].split()
    return sum(map(int, fields[11 : 15 if with_ended else 13])) / _TICKS, int(fields[21]) * _PAGE


def _own_resident() -> int:
    with open("/proc/self/statm") as f:  # noqa: PTH123 - a tenth of the cost of Path here
        return int(f.read().split()[1]) * _PAGE


def start(control: socket.socket, config: dict[str, Any]) -> NoReturn:
    """Confine this freshly forked process and serve; never returns."""
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a candidate of the same uid may send it, even to a PID 1
    if config["nested"]:
        kernel.unshare(kernel.CLONE_NEWNS)
        with contextlib.suppress(OSError):  # refused where /proc is masked from outside: then without it
            kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    confine.volunteer_for_oom()
    confine.drop_root(own_uid=config["uid"] + 1 if config["uid"] else 0)
    kernel.apply_seccomp()
    Zygote(control, config).serve()
