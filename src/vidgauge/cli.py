"""The command line: finds the commands, and turns errors into one line and an exit status.

0: done. 1: failed, for the reason printed. 2: asked for something that cannot be. 130: interrupted. 143: terminated.
"""

import importlib
import os
import pkgutil
import signal
import sys
from typing import Annotated

import typer

import vidgauge.commands
from vidgauge.errors import VidgaugeError

_INTERRUPTED = 130
_SIGNALLED = 128


def _version(show: bool) -> None:
    if show:
        typer.echo(f"vidgauge {vidgauge.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere on the line.")] = False,
) -> None:
    """How fast, how big and how good a video diffusion model is: each number with its protocol."""


def build_app() -> typer.Typer:
    """The app, with one command for each module in ``vidgauge.commands`` (``list_`` ends so to spare Python's own).

    A module's command is a function, or an app of its own where it has several.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_root)
    for module in pkgutil.iter_modules(vidgauge.commands.__path__):
        command = getattr(importlib.import_module(f"vidgauge.commands.{module.name}"), module.name)
        name = module.name.rstrip("_").replace("_", "-")
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"] or ["--help"]
    try:
        status = typer.main.get_command(build_app()).main(arguments, prog_name="vidgauge", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, typer.Abort):
        status = _INTERRUPTED
    except Exception as error:
        if debug:
            raise
        return _explain(error)
    if status == _INTERRUPTED:  # some versions of typer turn Ctrl-C into this status, others raise
        return _complain("interrupted", _INTERRUPTED)
    return status if isinstance(status, int) else 0


def _explain(error: Exception) -> int:
    if isinstance(error, VidgaugeError):
        return _complain(str(error), error.exit_status)
    # Newer versions of typer carry their own copy of click, so its errors are known by what they offer, not by class.
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "vidgauge"
        return _complain(f"{error.format_message()} (see '{command} --help')", getattr(error, "exit_code", 2))
    return _complain(f"unexpected {type(error).__name__}: {error}; run again with --debug for the traceback", 1)


def _complain(message: str, status: int) -> int:
    print("vidgauge: " + " ".join(message.split()), file=sys.stderr)  # noqa: T201 - one line, whatever the message
    return status


def main() -> None:
    """Entry point of the ``vidgauge`` command."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(sys.argv[1:]))


def _terminated(number: int, frame: object) -> None:  # noqa: ARG001 - a handler's
    """End in order where a scheduler or launcher asks for it, so that what was computed is kept."""
    sys.exit(_complain("terminated; what is finished is kept", _SIGNALLED + number))
