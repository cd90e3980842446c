"""The test bench: the vectors and a program that compares them with the model, bit for bit."""

from __future__ import annotations

import numpy as np

from nirx.golden.build import Built
from nirx.golden.literals import float_literal, table, whole_literal
from nirx.golden.model import each
from nirx.golden.source import made_by
from nirx.golden.vectors import Vectors

__all__ = ["bench_text"]

CHECK = """
static void check_{type}(const char *what, const {type} *found, const {type} *wanted, long count,
                         int sample, int step)
{{
    for (long n = 0; n < count; ++n) {{
        if ({same}) {{
            continue;
        }}
        if (++wrong <= 10) {{
            printf("sample %d, step %d, %s[%ld]: ", sample, step, what, n);
            printf("found {format}, expected {format}\\n", {cast}found[n], {cast}wanted[n]);
        }}
    }}
}}
"""

SAME = "memcmp(&found[n], &wanted[n], sizeof found[n]) == 0"
SAME_FLOAT = f"{SAME} || (found[n] != found[n] && wanted[n] != wanted[n])"
"""All NaNs count as one."""


def bench_text(built: Built, vectors: Vectors, version: str) -> str:
    """test_bench.c."""
    model = built.model
    types = {own.name: own.ctype for own in model.fields}
    ctype = model.numbers.ctype
    tables, sets, checks = [], [], []
    used: dict[str, None] = {}
    at = "(sample * STEPS + step)"
    for member, array in vectors.inputs.items():
        tables.append(_table(f"in_{member}", ctype, array))
        size = array.shape[2]
        sets += each(size, [f"in.{member}[n] = in_{member}[{at} * {size} + n];"])
    for struct, arrays in (("out", vectors.outputs), ("state", vectors.states)):
        for member, array in arrays.items():
            own = types[member] if struct == "state" else ctype
            used[own] = None
            tables.append(_table(f"{struct}_{member}", own, array))
            size = array.shape[2]
            checks.append(
                f'check_{own}("{struct}.{member}", {struct}.{member}, '
                f"{struct}_{member} + {at} * {size}, {size}, sample, step);"
            )
    name = model.name
    step = [*sets, f"{name}_step(&state, &in, &out);", *checks]
    sample = [f"{name}_init(&state);", *_loop("step", "STEPS", step)]
    loops = "\n".join(f"    {line}" for line in _loop("sample", "SAMPLES", sample))
    found = "\n".join(_check(own) for own in used)
    return f"""/* {made_by(version)}
   Inputs, and the outputs and states that nirx computed for them. */
#include "{name}.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {{ SAMPLES = {vectors.samples}, STEPS = {vectors.steps} }};

{chr(10).join(tables)}

static {name}_state state;
static {name}_in in;
static {name}_out out;
static long wrong;
{found}
int main(void)
{{
{loops}
    if (wrong > 0) {{
        printf("{name}: %ld of {vectors.compared} values differ\\n", wrong);
        return 1;
    }}
    printf("{name}: {vectors.compared} values are equal, bit for bit\\n");
    return 0;
}}
"""


def _loop(index: str, end: str, lines: list[str]) -> list[str]:
    head = f"for (int {index} = 0; {index} < {end}; ++{index}) {{"
    return [head, *(f"    {line}" for line in lines), "}"]


def _check(ctype: str) -> str:
    if ctype in ("float", "double"):
        return CHECK.format(type=ctype, same=SAME_FLOAT, format="%a", cast="(double)")
    form = f'%" PRId{ctype.removeprefix("int").removesuffix("_t")} "'
    return CHECK.format(type=ctype, same=SAME, format=form, cast="")


def _table(name: str, ctype: str, array: np.ndarray) -> str:
    flat = array.reshape(-1).tolist()
    if ctype in ("float", "double"):
        dtype = "float32" if ctype == "float" else "float64"
        return table(ctype, name, [float_literal(float(value), dtype) for value in flat])
    spelled = whole_literal if ctype == "int64_t" else str
    return table(ctype, name, [spelled(int(value)) for value in flat])
