"""Blur every image that appears in a folder, until stopped."""

import argparse
import time
from pathlib import Path

from pixmix import io, ops


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--radius", type=int, default=1)
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between two looks")
    args = parser.parse_args()
    folder = Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"watching {folder}", flush=True)
    done = set()
    while True:
        for path in sorted(folder.glob("*.p[gp]m")):
            if path.name not in done and not path.name.startswith("blurred-"):
                io.write(folder / f"blurred-{path.name}", ops.blur(io.read(path), radius=args.radius))
                done.add(path.name)
                print(f"blurred {path.name}", flush=True)
        time.sleep(args.interval)


if __name__ == "__main__":
    main()
