"""Files compressed with zstd, unpacked as a stream of one or more frames.

What belongs here: frames, and what is damaged or cut off. What does not: what was compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ecorse.errors import ContractError

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
WINDOW_BYTES = 128 << 20  # what the zstd program itself accepts; a frame may ask for gigabytes
# 4 bytes can unpack to a block of 128 KiB, so what is unpacked at once stays below 9 MB
FEED_BYTES = 256


def unpack(packed_blocks: Iterable[bytes], file_name: str) -> Iterator[bytes]:
    """Unpack a zstd file; memory stays at the window and a few megabytes, whatever the ratio.

    Raises
    ------
    ContractError
        The file is damaged, ends in the middle, or has something else behind its last frame.
    """
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
    frame, read, pending = None, 0, b""
    for block in packed_blocks:
        for start in range(0, len(block), FEED_BYTES):
            fed = block[start : start + FEED_BYTES]
            read += len(fed)
            packed, pending = pending + fed, b""
            while packed:
                if frame is None:
                    if len(packed) < len(ZSTD_MAGIC) and ZSTD_MAGIC.startswith(packed):
                        pending = packed
                        break
                    if not packed.startswith(ZSTD_MAGIC):
                        raise _refused(
                            file_name,
                            f"behind the end of the zstd data, at byte {read - len(packed)}, there "
                            "is something that is not zstd",
                        )
                    frame = unpacker.decompressobj()
                try:
                    text = frame.decompress(packed)
                except zstandard.ZstdError as error:
                    raise _refused(
                        file_name, f"damaged zstd before byte {read} ({error})"
                    ) from None
                if text:
                    yield text
                packed = b""
                if frame.eof:
                    packed, frame = frame.unused_data, None
    if frame is not None or pending:
        raise _refused(file_name, f"truncated: the zstd data ends in the middle, at byte {read}")


def _refused(file_name: str, reason: str) -> ContractError:
    return ContractError(f"{file_name}: {reason}. Nothing was loaded. Fetch the file again.")
