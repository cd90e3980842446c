"""A writer of AEDAT4 files, uncompressed: the package aedat only reads them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_aedat"]

STREAM = (
    '<node name="{number}"><attr key="typeIdentifier">EVTS</attr><node name="info">'
    '<attr key="sizeX">{width}</attr><attr key="sizeY">{height}</attr></node></node>'
)
EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("on", "?"), ("pad", "V3")])


def write_aedat(
    path: Path, sensor: tuple[int, int], columns: Mapping[str, Any], streams: int = 1
) -> Path:
    """Events as packets of at most three.

    Arguments:
        sensor: (height, width).
        columns: t, x, y, on.
        streams: how many streams of events there are; all events are in the first.
    """
    events = np.zeros(len(columns["t"]), EVENT)
    for name, values in columns.items():
        events[name] = values
    height, width = sensor
    nodes = [STREAM.format(number=n, width=width, height=height) for n in range(streams)]
    text = f'<dv><node name="outInfo">{"".join(nodes)}</node></dv>'.encode()
    header = struct.pack("<I4s5H2x", 20, b"IOHE", 10, 8, 0, 0, 4)
    header += struct.pack("<iII", 12, 4, len(text)) + text + b"\0"
    content = b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(header)) + header
    for start in range(0, len(events), 3):
        part = events[start : start + 3]
        body = struct.pack("<I4s3H2x", 16, b"EVTS", 6, 8, 4)
        body += struct.pack("<iII", 8, 4, len(part)) + part.tobytes()
        packet = struct.pack("<I", len(body)) + body
        content += struct.pack("<II", 0, len(packet)) + packet
    path.write_bytes(content)
    return path
