"""The operations. All of them take and give uint8 images, and compute in integers wherever they can."""

import numpy as np


def flip(image, axis="horizontal", seed=0):
    if axis not in ("horizontal", "vertical"):
        raise ValueError(f"axis must be horizontal or vertical, not {axis!r}")
    return image[:, ::-1] if axis == "horizontal" else image[::-1]


def rotate(image, quarter_turns=1, seed=0):
    """Counter-clockwise."""
    return np.rot90(image, quarter_turns)


def crop(image, box, seed=0):
    left, top, width, height = box
    if not (left >= 0 and top >= 0 and left + width <= image.shape[1] and top + height <= image.shape[0]):
        raise ValueError(f"the box {list(box)} is not inside the image of {image.shape[1]}x{image.shape[0]}")
    return image[top : top + height, left : left + width]


def brightness(image, factor=1.0, seed=0):
    if factor < 0:
        raise ValueError(f"factor must not be negative, is {factor}")
    return np.minimum(np.floor(image * float(factor)), 255).astype(np.uint8)


def blur(image, radius=1, seed=0):
    """The mean of a box, edges repeated, rounded down."""
    size = 2 * radius + 1
    padded = np.pad(image.astype(np.int64), ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    rows = sum(padded[shift : shift + image.shape[0]] for shift in range(size))
    total = sum(rows[:, shift : shift + image.shape[1]] for shift in range(size))
    return (total // (size * size)).astype(np.uint8)


def noise(image, amount=8, seed=0):
    """Changes every value by up to `amount`; splitmix64 of seed and place, so that it is the same everywhere."""
    place = np.arange(image.size, dtype=np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15) % (1 << 64))
    mixed = place * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(29)
    change = (mixed % np.uint64(2 * amount + 1)).astype(np.int64).reshape(image.shape) - amount
    return np.clip(image.astype(np.int64) + change, 0, 255).astype(np.uint8)


def posterize(image, levels=4, seed=0):
    if not 2 <= levels <= 256:
        raise ValueError(f"levels must be from 2 to 256, is {levels}")
    step = image.astype(np.int64) * levels // 256
    return (step * 255 // (levels - 1)).astype(np.uint8)


def mix(first, second, weight=0.5):
    """The share `weight` of the first and the rest of the second, rounded down."""
    if first.shape != second.shape:
        raise ValueError(f"images of different sizes, {first.shape} and {second.shape}")
    return np.floor(first * weight + second * (1.0 - weight)).astype(np.uint8)


OPERATIONS = {
    "flip": flip,
    "rotate": rotate,
    "crop": crop,
    "brightness": brightness,
    "blur": blur,
    "noise": noise,
    "posterize": posterize,
}
