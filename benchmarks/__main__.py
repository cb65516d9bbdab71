"""Every comparison in one run: ``make bench``. Ends with one line per comparison.

What belongs here: running the benchmarks one after another. What does not: measuring.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run each ``bench_*.py`` in a process of its own; gives 1 if one of them failed."""
    lines: list[str] = []
    failed = False
    for script in sorted(Path(__file__).parent.glob("bench_*.py")):
        print(f"== {script.stem} ==", flush=True)
        with subprocess.Popen(
            [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                if line.startswith("bench "):
                    lines.append(line.strip())
        failed = failed or process.returncode != 0
    print("== comparisons ==")
    print("\n".join(lines))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
