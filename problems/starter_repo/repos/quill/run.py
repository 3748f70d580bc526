"""Train from a configuration; key=value replaces a value of it."""

import argparse
import json
import sys
from pathlib import Path

from quill.training import train


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="configs/small.json")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    args = parser.parse_args()
    settings = json.loads(Path(args.config).read_text())
    for override in args.overrides:
        key, equals, value = override.partition("=")
        if not equals or key not in settings:
            sys.exit(f"run.py: {override!r} replaces nothing; the keys are {', '.join(settings)}")
        settings[key] = type(settings[key])(value)
    print(f"saved {train(settings)}")


if __name__ == "__main__":
    main()
