"""The candidate's scratch directories: seen to be empty before each sample, swept after it."""

from __future__ import annotations

import os

_MOST_ENTRIES = 20_000


class Scratch:
    """The writable directories of a box, each the root of a tmpfs of its own. `home` is where candidates start."""

    def __init__(self, directories: list[str]) -> None:
        self.home = directories[0]
        self._directories = directories
        self._clean: list[tuple[object, ...]] = []

    def note_clean(self) -> None:
        """Remember what the directories are like while nothing is there."""
        self._clean = [_condition(d) for d in self._directories]

    def clean(self) -> bool:
        """Remove what a candidate left; False where something could not be removed, and the box is spent.

        Runs when every process of the candidate is dead, so no name changes meaning under it; links are not followed.
        """
        if [_condition(d) for d in self._directories] == self._clean:
            return True
        for directory in self._directories:
            if not _sweep(directory):
                return False
        return [_condition(d) for d in self._directories] == self._clean


def _condition(directory: str) -> tuple[object, ...]:
    """The inodes in use, and what a candidate could change of the directory where it owns it: in a box of one uid."""
    facts = os.statvfs(directory)
    own = os.stat(directory)  # noqa: PTH116 - Path would double the time of a look
    return facts.f_files - facts.f_ffree, own.st_mode, own.st_uid, own.st_gid, _attributes(directory)


def _attributes(directory: str) -> tuple[str, ...]:
    try:
        return tuple(os.listxattr(directory))
    except OSError:  # a kernel without them
        return ()


def _sweep(root: str) -> bool:
    """Remove everything below `root`, children before parents; False where that fails or there is too much of it."""
    seen = 0
    directories = [root]
    try:
        for directory in directories:  # grows while it is walked
            if directory != root:
                os.chmod(directory, 0o700)  # noqa: PTH101 - Path would double the time of a sweep
            with os.scandir(directory) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _MOST_ENTRIES:
                        return False
                    if entry.is_dir(follow_symlinks=False):
                        directories.append(entry.path)
                    else:
                        os.unlink(entry.path)  # noqa: PTH108 - as above
        for directory in reversed(directories[1:]):
            os.rmdir(directory)  # noqa: PTH106 - as above
    except OSError:
        return False
    return True
