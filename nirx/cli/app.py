"""The Typer application, and `main`, which turns every outcome into an exit status."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.main
from typer import Option

import nirx
from nirx.cli.bench import bench_command
from nirx.cli.compare import compare_command
from nirx.cli.conformance import conformance_command
from nirx.cli.diagnose import diagnose_command
from nirx.cli.doctor import doctor_command
from nirx.cli.export_c import export_c_command
from nirx.cli.frame import framed
from nirx.cli.info import info_command
from nirx.cli.move import move_command
from nirx.cli.quantize import quantize_command
from nirx.cli.reference import reference_command
from nirx.cli.report import Report, print_error, show, warnings_as_lines
from nirx.cli.run import run_command
from nirx.cli.stopping import Stopped, stopped_by_signals, stopping_text
from nirx.cli.streams import prepare_streams, settle_streams
from nirx.cli.verify import verify_command
from nirx.cli.view import view_command
from nirx.errors import FileError, NirxError
from nirx.files.whole_file import held_targets

__all__ = ["app", "main"]

AGREE, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 0, 2, 130, 141

app = typer.Typer(
    name="nirx",
    help="Run a NIR graph identically on NumPy, PyTorch and JAX; compare, move and verify it.",
    epilog="Exit status: 0 success; 1 what was compared differs or a check failed; 2 bad input; "
    "129, 130, 143 stopped by a signal; 141 the reader of the output closed the pipe.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    info_command,
    run_command,
    compare_command,
    view_command,
    diagnose_command,
    bench_command,
    conformance_command,
    move_command,
    quantize_command,
    reference_command,
    verify_command,
    export_c_command,
    doctor_command,
):
    # Typer keeps line breaks inside a paragraph, wherever the docstring has them.
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    help_text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    name = command.__name__.removesuffix("_command").replace("_", "-")
    app.command(name, help=help_text)(framed(command))

# Typer 0.29 vendors click, older versions import it; a class that all export leads to either.
USAGE_ERROR: type[Exception] = next(
    c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException"
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"nirx {nirx.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of `nirx` itself."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Arguments:
        args: without the program's name; None for `sys.argv`.

    Returns: the exit status: 0 success and agreement, 1 the backends differ or a check failed,
    2 bad input, 129, 130 or 143 stopped by SIGHUP, Ctrl-C or SIGTERM, 141 the reader of the output
    closed the pipe.
    """
    prepare_streams()
    try:
        with warnings_as_lines():
            return _status(args)
    finally:
        settle_streams()


def _status(args: Sequence[str] | None) -> int:
    try:
        with stopped_by_signals(), held_targets():
            return _invoke(typer.main.get_command(app), args)
    except NirxError as error:
        print_error(str(error))
    except USAGE_ERROR as error:
        print_error(_usage(error))
    except BrokenPipeError:
        return BROKEN_PIPE
    except OSError as error:
        print_error(_of_system(error))
    except MemoryError as error:
        print_error(f"not enough memory: {error}" if str(error) else "not enough memory")
    except Stopped as stopped:
        print_error(stopping_text(stopped))
        return stopped.status
    except (KeyboardInterrupt, typer.Abort) as error:
        print_error(stopping_text(error))
        return INTERRUPTED
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # rich and Typer end so, with status 1
            return BROKEN_PIPE
        raise
    return BAD_INPUT


def _invoke(command: Any, args: Sequence[str] | None) -> int:
    given = None if args is None else list(args)
    # Commands return their report instead of printing it: Typer has its own handling of broken
    # pipes and must not see one.
    result = command.main(given, prog_name="nirx", standalone_mode=False)
    if result == INTERRUPTED:  # Typer's answer to a KeyboardInterrupt
        raise KeyboardInterrupt
    try:
        if isinstance(result, Report):
            show(result)
            result = result.status
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FileError(
            f"stdout cannot be written: {_of_system(error)}; files that were asked for are complete"
        ) from error
    return int(result or AGREE)


def _usage(error: Any) -> str:
    text = str(error.format_message()).strip()
    context = getattr(error, "ctx", None)
    if not text:  # `nirx` without a command: Typer has already printed the help
        return "no command given"
    return f"{text.rstrip('.')} (see '{context.command_path} --help')" if context else text


def _of_system(error: OSError) -> str:
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return place + (error.strerror or str(error))
