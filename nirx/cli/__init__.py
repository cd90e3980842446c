"""The command line, `nirx`: one file per command."""

from nirx.cli.app import main as main
