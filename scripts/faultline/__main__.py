"""The command line: `python -m faultline <command>` or `python scripts/faultline <command>`.

A sub-command is a module with two functions, and one line in COMMANDS:

    add_arguments(parser: argparse.ArgumentParser) -> None
    run(arguments: argparse.Namespace) -> int            # the exit code

The module of a command is imported only when that command is asked for, so that none needs the libraries of another.
A command raises UsageError for what the caller can mend; it is printed without a traceback and the exit code is 2.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

if not __package__:  # started as a folder: the package itself must be importable, its inner modules must not
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from faultline import UsageError


class Command(NamedTuple):
    module: str
    help: str


CLOSED_PIPE = 141  # as the shell reports a process that SIGPIPE ended

COMMANDS = {
    "evaluate": Command("faultline.evaluation.command", "compare two models or prompts on labelled pictures"),
    "simulate": Command("faultline.simulator.command", "write a demo plant: landing tables, images and their truth"),
    "lakehouse-build": Command(
        "faultline.lakehouse_build", "dbt build on Lakehouse, repeated while a bad picture is singled out"
    ),
    "storage-connection": Command(
        "faultline.storage_connection", "create a storage connection of Lakehouse; its keys reach no log"
    ),
    "studio-export": Command("faultline.studio_export", "write the tasks of Lakehouse Studio as files"),
    "summary": Command("faultline.summary", "what the last build holds, and where to look next"),
    "push-actions": Command("faultline.push_actions", "hand the open actions of the outbox to the MES"),
    "supplier-report": Command("faultline.supplier_report", "one supplier and month as a printable page"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one sub-command and return its exit code: 0 done, 1 failed, 2 wrongly asked for, 141 nobody reads on."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="faultline", description="Tools around the faultline dbt project.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    asked_for = next((word for word in words if not word.startswith("-")), None)
    module = None
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.help, description=command.help)
        if name == asked_for:
            try:
                module = importlib.import_module(command.module)
            except ModuleNotFoundError as missing:
                print(
                    f"faultline {name}: needs the Python package '{missing.name}', which is not installed",
                    file=sys.stderr,
                )
                return 1
            module.add_arguments(subparser)
    options = parser.parse_args(words)
    try:
        code = module.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of the output has seen enough: `summary | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except UsageError as error:
        print(f"faultline {options.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
