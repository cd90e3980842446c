"""An input that is opened again in another process, where only what is read there is loaded.

What the first process has looked at is not looked at again: hashes of files, the length of the
run, whether all numbers are finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nirx.inputs.protocol import SlicedSource, Source
from nirx.inputs.watched import SeenFile, files_known

__all__ = ["Reopening", "sent"]


@dataclass(frozen=True)
class Reopening:
    """How to open an input that was opened before.

    Arguments:
        again: opens it; a function that can be pickled.
        files: what was seen of its files, by their paths.
    """

    again: Callable[[], Source]
    files: Mapping[str, SeenFile]

    def open(self) -> Source:
        """The source. **Raises** `FileError` if a file is missing here, or is another one."""
        with files_known(self.files):
            return self.again()


def sent(source: Source) -> Source | Reopening | None:
    """What another process needs to read from an input; None if it must be sent the numbers.

    Arguments:
        source: from `source_for`.
    """
    if not isinstance(source, SlicedSource):
        return None
    return source if source.portable else source.reopening
