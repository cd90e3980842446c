"""Decodes one AEDAT4 file, as a process of its own: `aedat_child.py FILE OUT.npy MOST MEMORY`.

The package aedat trusts its files: a damaged one can end the whole process, and a compressed one
can fill the memory. Nothing of nirx is imported here.

Exit status 0: the events are in OUT.npy, and the size of the sensor is printed. 1: a reason is
printed. Anything else: the process was ended.
"""

import sys
from importlib import import_module


def main(path: str, out: str, most: int, memory: int) -> int:
    """Write the events. Arguments: most bytes of events, most bytes of memory."""
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        pass  # not on this system
    import numpy as np

    decoder = import_module("aedat").Decoder(path)
    streams = {n: s for n, s in decoder.id_to_stream().items() if s["type"] == "events"}
    if len(streams) != 1:
        print(f"{len(streams)} streams of events, {sorted(streams)}; expected one")
        return 1
    ((number, stream),) = streams.items()
    parts, size = [], 0
    for packet in decoder:
        if packet["stream_id"] == number:
            parts.append(packet["events"])
            size += parts[-1].nbytes
            if size > most:
                print("it holds more events than a file of this size can")
                return 1
    found = np.zeros((4, sum(map(len, parts))), np.int64)  # times are far below 2**63
    for row, name in enumerate(("t", "x", "y", "on")):
        np.concatenate([found[row, :0], *(part[name] for part in parts)], out=found[row])
    np.save(out, found)
    print(int(stream["height"]), int(stream["width"]))
    return 0


if __name__ == "__main__":
    try:
        status = main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    except BaseException as error:  # a panic of Rust code is no Exception
        print(str(error).splitlines()[0] if str(error) else type(error).__name__)
        status = 1
    sys.exit(status)
