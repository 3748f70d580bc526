"""Binary PPM and PGM files."""

from pathlib import Path

import numpy as np

_KINDS = {b"P5": 1, b"P6": 3}


def read(path):
    """The image in a file as uint8, height x width x channels."""
    data = Path(path).read_bytes()
    fields, at = [], 0
    while len(fields) < 4:
        end = at
        while data[end : end + 1] not in (b" ", b"\n", b""):
            end += 1
        if data[at : at + 1] == b"#":
            end = data.index(b"\n", at)
        elif end > at:
            fields.append(data[at:end])
        elif end >= len(data):
            raise ValueError(f"{path}: not a PPM or PGM file")
        at = end + 1
    kind, width, height, depth = fields
    if kind not in _KINDS or int(depth) != 255:
        raise ValueError(f"{path}: not a binary PPM or PGM file of 8 bits")
    shape = int(height), int(width), _KINDS[kind]
    pixels = np.frombuffer(data, dtype=np.uint8, offset=at)
    if pixels.size != shape[0] * shape[1] * shape[2]:
        raise ValueError(f"{path}: {pixels.size} values, expected {shape[0] * shape[1] * shape[2]}")
    return pixels.reshape(shape)


def write(path, image):
    """Write an image; the folder is made if it is missing."""
    height, width, channels = image.shape
    kind = {1: "P5", 3: "P6"}[channels]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(f"{kind}\n{width} {height}\n255\n".encode() + np.ascontiguousarray(image, np.uint8).tobytes())
