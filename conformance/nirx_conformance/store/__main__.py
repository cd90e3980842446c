"""Compare the stored suite with a newly computed one, or write it.

python -m nirx_conformance.store           # exit status 1 if they differ
python -m nirx_conformance.store --close   # accept other last bits (another CPU)
python -m nirx_conformance.store --write   # write the folder
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nirx_conformance.cases import ALL_CASES
from nirx_conformance.store import STORED, compare_store, write_store

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Compare or write.

    Returns: 1 if the files differ from the computed suite, else 0.
    """
    parser = argparse.ArgumentParser(
        prog="nirx_conformance.store",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", action="store_true", help="write the folder")
    parser.add_argument("--close", action="store_true", help="accept other last bits")
    parser.add_argument("--folder", type=Path, default=STORED)
    options = parser.parse_args(arguments)
    if options.write:
        write_store(options.folder)
        size = sum(p.stat().st_size for p in options.folder.iterdir())
        print(f"wrote {len(ALL_CASES)} cases, {size / 1e6:.2f} MB, to {options.folder}")
        return 0
    faults = compare_store(options.folder, close=options.close)
    for name, text in faults.items():
        print(f"{name!r}: {text}")
    print(f"{len(ALL_CASES)} cases compared, {len(faults)} differ")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
