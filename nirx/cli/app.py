"""The Typer application, and `main`, which turns every outcome into an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
import typer.main

import nirx
from nirx.cli.bench import bench_command
from nirx.cli.compare import compare_command
from nirx.cli.conformance import conformance_command
from nirx.cli.diagnose import diagnose_command
from nirx.cli.info import info_command
from nirx.cli.messages import print_error, warnings_as_lines
from nirx.cli.move import move_command
from nirx.cli.reference import reference_command
from nirx.cli.report import Report, show
from nirx.cli.run import run_command
from nirx.cli.verify import verify_command
from nirx.errors import NirxError

__all__ = ["app", "main"]

AGREE, BAD_INPUT, INTERRUPTED, BROKEN_PIPE = 0, 2, 130, 141

app = typer.Typer(
    name="nirx",
    help="Run one NIR graph the same way on NumPy, torch and JAX, and compare.",
    epilog="Exit status: 0 success, backends agree; 1 backends differ; 2 bad input.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("info")(info_command)
app.command("run")(run_command)
app.command("compare")(compare_command)
app.command("diagnose")(diagnose_command)
app.command("bench")(bench_command)
app.command("conformance")(conformance_command)
app.command("move")(move_command)
app.command("reference")(reference_command)
app.command("verify")(verify_command)

# Typer 0.29 brings its own copy of click, older ones import it: found by way of a class that
# every version exports.
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
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of `nirx` itself."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line.

    Arguments:
        args: without the program's name; None takes `sys.argv`.

    Returns: the exit status: 0 success and agreement, 1 the backends differ, 2 bad input,
    130 interrupted, 141 the reader of the output went away.
    """
    command = typer.main.get_command(app)
    _never_fail_to_encode()
    with warnings_as_lines():
        try:
            return _invoke(command, args)
        except NirxError as error:
            print_error(str(error))
        except USAGE_ERROR as error:
            print_error(_usage(error))
        except BrokenPipeError:
            _let_go_of_stdout()
            return BROKEN_PIPE
        except OSError as error:
            print_error(_of_system(error))
        except MemoryError as error:
            print_error(f"not enough memory: {error}" if str(error) else "not enough memory")
        except (KeyboardInterrupt, typer.Abort):
            print_error("interrupted")
            return INTERRUPTED
        return BAD_INPUT


def _invoke(command: Any, args: Sequence[str] | None) -> int:
    given = None if args is None else list(args)
    # A command gives its report instead of printing it, so that Typer, which handles a broken
    # pipe in its own way, never sees one.
    result = command.main(given, prog_name="nirx", standalone_mode=False)
    if isinstance(result, Report):
        show(result)
        result = result.status
    sys.stdout.flush()
    return int(result or AGREE)


def _usage(error: Any) -> str:
    text = str(error.format_message()).strip()
    context = getattr(error, "ctx", None)
    if not text:  # `nirx` alone: Typer has shown the help already
        return "no command given"
    return f"{text} (see '{context.command_path} --help')" if context else text


def _of_system(error: OSError) -> str:
    place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return place + (error.strerror or str(error))


def _never_fail_to_encode() -> None:
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _let_go_of_stdout() -> None:
    # What is still buffered would fail again when Python flushes at exit.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
