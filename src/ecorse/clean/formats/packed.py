"""Files packed by gzip or zstd, unpacked as a stream.

What belongs here: members and frames, and what is damaged or cut off. What does not: what was
packed. Runs in a process of its own (``ecorse.arms_length``), which bounds how much a file grows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from ecorse.errors import ContractError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
GIVEN_BYTES = 1 << 20  # at once, whatever the ratio
WINDOW_BYTES = 128 << 20  # what the zstd program itself accepts; a frame may ask for gigabytes
# 4 bytes can unpack to a block of 128 KiB, so what is unpacked at once stays below 9 MB
FEED_BYTES = 256


def gunzip(blocks: Iterable[bytes], file_name: str) -> Iterator[bytes]:
    """Unpack a gzip file of one or more members.

    Raises
    ------
    ContractError
        The file is damaged, ends in the middle, or has something else behind its last member.
    """
    member = None
    members = read = 0
    for packed in blocks:
        read += len(packed)
        while packed:
            if member is None:
                # zero padding behind a member is what tape and some servers add; gzip skips it
                packed = packed.lstrip(b"\0") if members else packed
                if not packed:
                    break
                if not GZIP_MAGIC.startswith(packed[:2]):
                    raise _behind(file_name, "gzip", read - len(packed))
                member, members = zlib.decompressobj(wbits=31), members + 1
            try:
                block = member.decompress(packed, GIVEN_BYTES)
            except zlib.error as error:
                raise _refused(file_name, f"damaged gzip before byte {read} ({error})") from None
            if block:
                yield block
            packed = member.unconsumed_tail
            if member.eof:
                packed, member = member.unused_data, None
    if member is not None:
        raise _truncated(file_name, "gzip", read)


def unzstd(blocks: Iterable[bytes], file_name: str) -> Iterator[bytes]:
    """Unpack a zstd file of one or more frames.

    Raises
    ------
    ContractError
        The file is damaged, ends in the middle, or has something else behind its last frame.
    """
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
    frame, read, pending = None, 0, b""
    for block in blocks:
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
                        raise _behind(file_name, "zstd", read - len(packed))
                    frame = unpacker.decompressobj()
                try:
                    text = frame.decompress(packed)
                except zstandard.ZstdError as error:
                    what = f"damaged zstd before byte {read} ({error})"
                    raise _refused(file_name, what) from None
                if text:
                    yield text
                packed = b""
                if frame.eof:
                    packed, frame = frame.unused_data, None
    if frame is not None or pending:
        raise _truncated(file_name, "zstd", read)


def _behind(file_name: str, what: str, place: int) -> ContractError:
    return _refused(
        file_name,
        f"behind the end of the {what} data, at byte {place}, there is something that is not "
        f"{what}",
    )


def _truncated(file_name: str, what: str, read: int) -> ContractError:
    return _refused(file_name, f"truncated: the {what} data ends in the middle, at byte {read}")


def _refused(file_name: str, reason: str) -> ContractError:
    return ContractError(f"{file_name}: {reason}. Nothing was loaded. Fetch the file again.")
