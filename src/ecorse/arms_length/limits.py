"""What a reader of a foreign format may take, and the sentence when it wants more.

What belongs here: the limits, their settings, and what each is called to a person. What does not:
holding a process to them (``child`` what the system holds, ``reading`` what is counted).
"""

from __future__ import annotations

from dataclasses import dataclass

SMALL_BYTES = 16 << 20  # what became so much text hurts nobody, however small it was


@dataclass(frozen=True)
class Limits:
    """The most that one reader may take for one file.

    Parameters
    ----------
    memory_bytes
        Of address space, the interpreter and its libraries included.
    cpu_seconds, wait_seconds
        Of processor time, and of waiting for it while it gives nothing and takes nothing.
    output_bytes, rows
        Of the text that it gives; a line break inside of a value counts as a row.
    ratio
        How many times a packed file may grow. Files of CSV shrink 5 to 20 times when packed.
    written_bytes
        Of one file that it writes; readers write none, unpackers do.
    """

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 600
    wait_seconds: int = 1800
    output_bytes: int = 64 << 30
    rows: int = 200_000_000
    ratio: int = 100
    written_bytes: int = 1 << 20

    @classmethod
    def set(cls) -> Limits:
        """The limits of this process's settings."""
        from ecorse.settings import get_settings  # not at the child's start, which is to be cheap

        settings = get_settings()
        return cls(
            memory_bytes=settings.reader_memory_mb << 20,
            cpu_seconds=settings.reader_cpu_seconds,
            wait_seconds=settings.reader_wait_seconds,
            output_bytes=settings.reader_output_mb << 20,
            rows=settings.reader_rows,
            ratio=settings.reader_ratio,
        )

    def told(self, kind: str) -> tuple[str, str]:
        """What a reader did that went over a limit, and what to do about it."""
        what, setting = {
            "memory": (f"takes more than {self.memory_bytes >> 20} MiB of memory", "MEMORY_MB"),
            "cpu": (f"takes more than {self.cpu_seconds} CPU seconds", "CPU_SECONDS"),
            "wait": (f"gave nothing for {self.wait_seconds} seconds", "WAIT_SECONDS"),
            "output": (f"gives more than {self.output_bytes >> 20} MiB of text", "OUTPUT_MB"),
            "rows": (f"gives more than {self.rows} rows", "ROWS"),
            "ratio": (f"makes it grow more than {self.ratio} times", "RATIO"),
        }[kind]
        other = "Send it unpacked" if kind == "ratio" else "Export it in smaller parts, or as CSV"
        return what, f"{other}; if you trust it, allow more by ECORSE_READER_{setting}."
