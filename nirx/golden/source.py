"""The header and the source file of a model."""

from __future__ import annotations

from nirx.golden.build import Built
from nirx.golden.helpers import helpers
from nirx.golden.literals import table
from nirx.golden.model import each

__all__ = ["header_text", "made_by", "source_text"]


def made_by(version: str) -> str:
    """The first line of every file."""
    return f"Made by nirx {version} (nirx export-c)."


def header_text(built: Built, version: str) -> str:
    """NAME.h: the structs and the functions."""
    model = built.model
    name, guard, ctype = model.name, f"{model.name.upper()}_H", model.numbers.ctype
    ports = []
    for kind, own in (("in", built.inputs), ("out", built.outputs)):
        members = [
            f"    {ctype} {member}[{max(1, node.gives)}]; /* {_comment(port, node)} */"
            for port, member, node in own
        ]
        ports += ["typedef struct {\n" + "\n".join(members) + f"\n}} {name}_{kind};", ""]
    members = [f"    {f.ctype} {f.name}[{f.size}]; /* {_safe(f.comment)} */" for f in model.fields]
    for scratch, kind, size in (("work", ctype, model.work), ("slices", "double", model.slices)):
        members += [f"    {kind} {scratch}[{size}]; /* scratch */"] if size else []
    return "\n".join(
        [
            f"/* {made_by(version)} */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <stdint.h>",
            "",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            "",
            *ports,
            "/* All that a network remembers. What each member holds may be read after a step. */",
            "typedef struct {",
            *members,
            f"}} {name}_state;",
            "",
            "/* The state before the first step. */",
            f"void {name}_init({name}_state *s);",
            "",
            "/* One time step. */",
            f"void {name}_step({name}_state *s, const {name}_in *in, {name}_out *out);",
            "",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            "#endif",
            "",
        ]
    )


def _comment(port: str, node: object) -> str:
    shape = node.place.output_shape  # type: ignore[attr-defined]
    return f"{_safe(port)} {list(shape)}"


def _safe(text: str) -> str:
    """Text that cannot end a comment, or begin one."""
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def source_text(built: Built, version: str) -> str:
    """NAME.c: tables, functions of the nodes, `init` and `step`."""
    model, name = built.model, built.model.name
    tables, start = list(model.tables), ["memset(s, 0, sizeof *s);"]
    for own in model.fields:
        if own.initial is not None:
            ctype, cells = model.numbers.cells(own.initial)
            first = model.own_names.new(f"{own.name}_first")
            tables.append(table(ctype, first, cells))
            start += each(len(cells), [f"s->{own.name}[n] = {first}[n];"])
    ends = [
        line
        for _, member, node in built.outputs
        for line in each(node.gives, [f"out->{member}[n] = s->{node.y.name}[n];"])
    ]
    steps = [*model.first, *model.last, *ends]
    functions = [
        *model.functions,
        _function(f"void {name}_init({name}_state *s)", start),
        _function(
            f"void {name}_step({name}_state *s, const {name}_in *in, {name}_out *out)", steps
        ),
    ]
    body = "\n\n".join(functions)
    includes = ["<stddef.h>", "<string.h>"]
    guard: list[str] = []
    if model.numbers.dtype is not None:
        includes.insert(0, "<math.h>")
        includes.insert(0, "<float.h>")
        guard = [
            "#if FLT_EVAL_METHOD != 0",
            '#error "every operation has to be rounded to its own type: use SSE2 (-mfpmath=sse)"',
            "#endif",
            "#ifdef __FAST_MATH__",
            '#error "compile without -ffast-math, which changes results"',
            "#endif",
            "",
        ]
    return "\n".join(
        [
            f"/* {made_by(version)} Compile with -std=c99 -ffp-contract=off. */",
            f'#include "{name}.h"',
            "",
            *(f"#include {own}" for own in includes),
            "",
            *guard,
            helpers(body, model.numbers.dtype),
            "",
            *tables,
            "",
            body,
            "",
        ]
    )


def _function(head: str, lines: list[str]) -> str:
    return "\n".join([head, "{", *(f"    {line}" for line in lines), "}"])
