"""The command line: python -m weft thread FILE START END --out FILE, or python -m weft fell FILE --out FILE"""

import argparse
import csv
import json
import sys
from pathlib import Path

from weft.loom import CardError, card


def loom_of(path):
    """The loom of a CSV file, whatever its third column is called."""
    with Path(path).open(newline="") as file:
        return card(path, tension=next(csv.reader(file))[2])


def main():
    parser = argparse.ArgumentParser(prog="python -m weft")
    commands = parser.add_subparsers(dest="command", required=True)
    thread = commands.add_parser("thread", help="the lightest way between two pegs")
    thread.add_argument("file")
    thread.add_argument("start")
    thread.add_argument("end")
    thread.add_argument("--shun", action="append", default=[])
    fell = commands.add_parser("fell", help="the lightest ties that hold everything together")
    fell.add_argument("file")
    for command in (thread, fell):
        command.add_argument("--out", required=True)
    args = parser.parse_args()
    try:
        loom = loom_of(args.file)
    except (OSError, CardError) as error:
        sys.exit(f"weft: {error}")
    if args.command == "fell":
        lines = ["from,to,tension", *(f"{first},{second},{tension:g}" for first, second, tension in loom.fell().ties())]
        Path(args.out).write_text("\n".join(lines) + "\n")
        return
    found = loom.thread(args.start, args.end, shun=args.shun)
    if found is None:
        sys.exit(f"weft: there is no way from {args.start} to {args.end}")
    Path(args.out).write_text(json.dumps({"pegs": found.pegs, "tension": found.tension}) + "\n")


if __name__ == "__main__":
    main()
