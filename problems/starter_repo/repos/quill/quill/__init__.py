"""A small text classifier."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # nothing here gains from more, and importing numpy is faster
