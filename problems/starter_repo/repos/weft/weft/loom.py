"""The loom: pegs, ties, and what can be asked of them."""

import csv
import heapq
import json
from dataclasses import dataclass
from pathlib import Path

_CLASHES = {"lighter": min, "heavier": max, "sum": lambda pair: pair[0] + pair[1]}


class SlackError(ValueError):
    """A tie that cannot be, or is not there."""


class DyeError(ValueError):
    """Too few colours."""


class CardError(ValueError):
    """A file that cannot be read."""


@dataclass(frozen=True)
class Thread:
    """A way through the network: its pegs from start to end, and the sum of its tensions."""

    pegs: list
    tension: float


class Loom:
    """A network of weighted, undirected ties."""

    def __init__(self, pegs=()):
        self._ties = {}
        self.spin(*pegs)

    def __len__(self):
        return len(self._ties)

    def __iter__(self):
        return iter(self._ties)

    def __contains__(self, peg):
        return peg in self._ties

    def spin(self, *pegs):
        for peg in pegs:
            self._ties.setdefault(peg, {})
        return self

    def lash(self, first, second, tension=1):
        if tension <= 0 or first == second:
            raise SlackError(f"no tie of tension {tension} between {first!r} and {second!r}")
        self.spin(first, second)
        self._ties[first][second] = self._ties[second][first] = tension
        return self

    def unpick(self, first, second):
        if second not in self._ties.get(first, {}):
            raise SlackError(f"{first!r} and {second!r} are not tied")
        del self._ties[second][first]
        return self._ties[first].pop(second)

    def ties(self):
        both = ((one, other, tension) for one in self for other, tension in self._ties[one].items())
        return sorted(tie for tie in both if tie[0] < tie[1])

    def tautness(self, peg):
        return sum(self._ties[peg].values())

    def thread(self, start, end, *, shun=()):
        waiting, done = [(0, [start])], set(shun)
        if start in done or end in done or start not in self or end not in self:
            return None
        while waiting:
            tension, pegs = heapq.heappop(waiting)
            if pegs[-1] == end:
                return Thread(pegs, tension)
            if pegs[-1] not in done:
                done.add(pegs[-1])
                for peg, more in self._ties[pegs[-1]].items():
                    if peg not in done:
                        heapq.heappush(waiting, (tension + more, [*pegs, peg]))
        return None

    def reach(self, peg, slack):
        found = {}
        waiting = [(0, peg)]
        while waiting:
            tension, one = heapq.heappop(waiting)
            if one in found or tension > slack:
                continue
            found[one] = tension
            for other, more in self._ties[one].items():
                heapq.heappush(waiting, (tension + more, other))
        return found

    def bolts(self):
        return sorted(self._parts(set()), key=lambda part: (-len(part), part))

    def _parts(self, without):
        left, parts = [peg for peg in self if peg not in without], []
        while left:
            part, waiting = set(), [left[0]]
            while waiting:
                one = waiting.pop()
                if one not in part and one not in without:
                    part.add(one)
                    waiting += self._ties[one]
            parts.append(sorted(part))
            left = [peg for peg in left if peg not in part]
        return parts

    def snags(self):
        whole = len(self._parts(set()))
        return sorted(peg for peg in self if len(self._parts({peg})) > whole - (not self._ties[peg]))

    def fell(self):
        felled, part = Loom(self), {peg: peg for peg in self}
        for first, second, tension in sorted(self.ties(), key=lambda tie: (tie[2], tie)):
            old, new = part[first], part[second]
            if old != new:
                felled.lash(first, second, tension)
                part = {peg: new if its == old else its for peg, its in part.items()}
        return felled

    def dye(self, palette=None):
        colours = {}
        for peg in sorted(self, key=lambda peg: (-len(self._ties[peg]), peg)):
            taken = {colours.get(other) for other in self._ties[peg]}
            colour = next(number for number in range(len(self)) if number not in taken)
            if palette is not None and colour >= palette:
                raise DyeError(f"{palette} colours are not enough")
            colours[peg] = colour
        return colours

    def braid(self, other, *, clash="lighter"):
        braided = Loom([*self, *other])
        for first, second, tension in [*self.ties(), *other.ties()]:
            known = braided._ties[first].get(second)
            braided.lash(first, second, tension if known is None else _CLASHES[clash]((known, tension)))
        return braided

    def fold(self, path):
        Path(path).write_text(json.dumps({"pegs": sorted(self), "ties": self.ties()}, indent=1) + "\n")


def unfold(path):
    fields = json.loads(Path(path).read_text())
    loom = Loom(fields["pegs"])
    for first, second, tension in fields["ties"]:
        loom.lash(first, second, tension)
    return loom


def card(path, *, tension="tension"):
    loom = Loom()
    with Path(path).open(newline="") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        if tension not in head[2:]:
            raise CardError(f"{path}:1: there is no column {tension!r}")
        for number, row in enumerate(rows, start=2):
            try:
                loom.lash(row[0], row[1], float(row[head.index(tension)]))
            except (IndexError, ValueError) as error:
                raise CardError(f"{path}:{number}: {error}") from None
    return loom
