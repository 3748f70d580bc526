"""Networks of weighted, undirected ties."""

from weft.loom import CardError, DyeError, Loom, SlackError, Thread, card, unfold

__all__ = ["CardError", "DyeError", "Loom", "SlackError", "Thread", "card", "unfold"]
