"""The command `nirx`: info, run, compare."""

from nirx.cli.app import main as main
