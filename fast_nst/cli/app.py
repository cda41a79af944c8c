"""The `fast-nst` command: finds the subcommand, and turns what goes wrong into one line and an exit code.

A subcommand is the click command `command` in `fast_nst/cli/<name>.py`, and is imported only when it is called: so
stylising never waits for PyTorch, and needs none. It may return its exit code.
"""

import importlib
import warnings
from collections.abc import Sequence

import click

from fast_nst import __version__
from fast_nst.cli.exits import DONE, FAILED, INTERRUPTED
from fast_nst.errors import FastNstError, did_you_mean

COMMANDS = {
    "stylize": "Repaint pictures in a style.",
    "train": "Fit a network to a painting; get one .onnx file.",
    "export": "Turn a training checkpoint into an .onnx file.",
    "gatys": "Repaint one picture by the slow method of Gatys et al.",
    "sweep": "Repaint one picture under a grid of settings, by the slow method.",
    "compare": "Hold a style's network against the slow method.",
    "benchmark": "How fast a style is here, and how much memory it takes.",
    "styles": "List the shipped styles.",
    "demo": "Every shipped style on three photographs.",
}
_CORE = ("numpy", "PIL", "onnxruntime", "tqdm")
_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"fast_nst.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the nearest."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("fast-nst", cls=LazyGroup, context_settings=_SETTINGS)
@click.version_option(__version__, message="%(prog)s %(version)s")
def group() -> None:
    """Fast neural style: a painting goes in, a small network comes out that repaints any photograph."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the arguments without the program's name; by default those of the process.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # on damaged files, of which ours speak
            code = group.main(argv, prog_name="fast-nst", standalone_mode=False)
    except click.exceptions.Abort:  # click's name for Ctrl-C
        return _fail("interrupted", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except FastNstError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        return _fail(_name_extra(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return code if isinstance(code, int) else DONE


def _fail(message: str, code: int = FAILED) -> int:
    click.echo(f"fast-nst: {message}", err=True)
    return code


def _name_extra(error: ModuleNotFoundError) -> str:
    """Say what brings a missing module; a module of our own that is missing is a bug and goes on."""
    module = (error.name or "").split(".")[0]
    if module in ("", "fast_nst"):
        raise error
    package = "fast-nst" if module in _CORE else "'fast-nst[train]'"
    return f"this command needs {module}, which is not installed: pip install {package}"
