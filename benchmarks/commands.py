"""The command line of a script whose runs are files in a folder, from which it prints a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

Call = Callable[[argparse.Namespace], None]


class Commands:
    """The commands of a script, each of which writes into a folder, and `table`, which reads it."""

    def __init__(self, about: str | None, table: Callable[[Path], str]) -> None:
        self.parser = argparse.ArgumentParser(
            description=about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self._commands = self.parser.add_subparsers(required=True)
        printing = self._commands.add_parser("table", help="print what is measured so far")
        printing.add_argument("out", type=Path)
        printing.set_defaults(call=lambda args: print(table(args.out)))

    def add(self, name: str, about: str, call: Call) -> argparse.ArgumentParser:
        """Add a command, and return what takes its other options."""
        command = self._commands.add_parser(name, help=about)
        command.add_argument("--out", type=Path, required=True)
        command.set_defaults(call=call)
        return command

    def run(self) -> None:
        """Do what the command line says, in one thread."""
        args = self.parser.parse_args()
        torch.set_num_threads(1)
        args.call(args)


def on_cave(command: argparse.ArgumentParser) -> None:
    """Let a command read CAVE."""
    command.add_argument("--cave", type=Path, required=True, help="CAVE's scenes as downloaded")


def of_students(command: argparse.ArgumentParser, networks: Iterable[str]) -> None:
    """Let a command say what learns, and from which patches."""
    command.add_argument("--network", choices=tuple(networks), default="short")
    command.add_argument("--patch", type=int, default=16)
    command.add_argument("--batch", type=int, default=16)


def of_seed(command: argparse.ArgumentParser) -> None:
    """Let a command be repeated with other random numbers."""
    command.add_argument("--seed", type=int, default=0)
