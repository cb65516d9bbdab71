"""Small pictures of the simulated goods, drawn from nothing.

What belongs here: one PNG per product, a pure function of the plan. What does not: the catalogue
that names them (``formats/products.py``).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecorse.atomic import replace_atomically
from ecorse.simulate.shop import Shop

_STREAM = 80
SIZE = 32


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Write pixels of shape ``(height, width, 3)`` as an 8-bit RGB PNG.

    Source: Portable Network Graphics, https://www.w3.org/TR/png-3/ , sections 5 and 11.
    """
    height, width, _ = pixels.shape
    # each row begins with its filter, 0 for none; uncompressed blocks, so that every zlib agrees
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 0))
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(shop: Shop, product: int) -> NDArray[np.uint8]:
    """Draw one product: its category's shape in its brand's colour; ``(SIZE, SIZE, 3)``, uint8."""
    goods, rng = shop.catalogue, shop.plan.rng(_STREAM, product)
    brands = sorted(set(goods.brand))
    hue = brands.index(goods.brand[product])
    colour = np.array([(hue * 67 + 40) % 200, (hue * 131 + 80) % 200, (hue * 29 + 120) % 200])
    y, x = np.mgrid[0:SIZE, 0:SIZE] - SIZE // 2
    # a category is a polygon-like figure: how many waves its outline has
    waves = 2 + int(goods.category[product]) % 7
    radius = SIZE * 0.28 * (1 + 0.35 * np.cos(waves * np.arctan2(y, x)))
    inside = np.hypot(x, y) <= radius
    pixels = np.full((SIZE, SIZE, 3), 235.0)
    pixels[inside] = colour
    pixels += (rng.random((SIZE, SIZE, 1)) - 0.5) * 20
    drawn: NDArray[np.uint8] = np.clip(pixels, 0, 255).astype(np.uint8)
    return drawn


def write_images(folder: Path, shop: Shop) -> int:
    """Write ``images/<product id>.png`` of every product; gives how many."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(shop.product_ids.to_list()):
        with replace_atomically(folder / "images" / f"{name}.png") as file:
            file.write(png(picture(shop, index)))
    return len(shop.product_ids)
