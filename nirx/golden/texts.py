"""The Makefile and README.txt."""

from __future__ import annotations

from nirx.basics.printable import printable
from nirx.golden.build import Built
from nirx.golden.source import made_by
from nirx.golden.vectors import Vectors

__all__ = ["BUILT", "makefile_text", "readme_text"]

BUILT = ("test_bench", "test_bench_ubsan")
"""What the Makefile makes."""

WHOLE = """It computes in whole numbers, as the chip does. Every value has to stay below 2**53 in
magnitude, which nirx requires too; no input makes its behaviour undefined."""
FLOAT = """It computes in {dtype}, with the bits of nirx's reproducible mode. Compile it without
contraction (-ffp-contract=off) and without -ffast-math."""


def makefile_text(name: str, version: str) -> str:
    """The Makefile."""
    sources = f"test_bench.c {name}.c"
    return f"""# {made_by(version)}
CC = cc
CFLAGS = -std=c99 -Wall -Wextra -Wconversion -O2 -ffp-contract=off

all: test_bench

test_bench: {sources} {name}.h
\t$(CC) $(CFLAGS) -o $@ {sources}

test_bench_ubsan: {sources} {name}.h
\t$(CC) $(CFLAGS) -g -fsanitize=undefined -fno-sanitize-recover=all -o $@ {sources}

test: test_bench
\t./test_bench

ubsan: test_bench_ubsan
\t./test_bench_ubsan

clean:
\trm -f {" ".join(BUILT)}

.PHONY: all test ubsan clean
"""


def readme_text(built: Built, vectors: Vectors, version: str, origin: str) -> str:
    """README.txt.

    Arguments:
        origin: where the vectors' input comes from, in words.
    """
    model, name = built.model, built.model.name
    rule, dtype = model.schedule.discretization, model.numbers.dtype
    ports = [
        f"  {kind}.{member}: {model.numbers.ctype} {list(node.place.output_shape)}, "
        f"{printable(port)}"
        for kind, own in (("in", built.inputs), ("out", built.outputs))
        for port, member, node in own
    ]
    late = [f"  {printable(a)} -> {printable(b)}" for a, b in model.schedule.feedback_edges]
    return "\n".join(
        [
            made_by(version),
            "",
            f"{name}.h, {name}.c: the network in C99, with string.h alone and no allocation",
            f"test_bench.c: {vectors.samples} samples of {vectors.steps} steps, compared bit for",
            f"  bit (input: {printable(origin)})",
            "Makefile: `make test` runs the test bench, `make ubsan` with checks for undefined",
            "  behaviour",
            "",
            WHOLE if dtype is None else FLOAT.format(dtype=dtype),
            "",
            f"  {name}_state s;             /* all memory of one sample */",
            f"  {name}_init(&s);",
            f"  {name}_step(&s, &in, &out); /* one time step of dt = {rule.dt:g} */",
            "",
            "Ports, in C order of their axes:",
            *ports,
            *(["", "Edges that are one step late:", *late] if late else []),
            "",
            "A member NODE_y of the state is the output of a node in the step that has just run,",
            f"NODE_v and NODE_i are its states; {name}.h says which node it is.",
            "",
            f"Discretization: {rule.to_json()}",
            f"Schedule: {model.schedule.digest}",
            "",
        ]
    )
