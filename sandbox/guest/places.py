"""Where repositories are in a box."""

from __future__ import annotations

CLEAN = "/repositories"
"""The trees as they came, read-only."""
VIEWS = "/work"
"""What commands see of them: a view of its own for each."""
