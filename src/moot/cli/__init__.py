"""The command line: one file a command, each imported when it is called.

This file must never import what a command needs, so that `moot --help` stays quick, and it is the one place where an
error ends as a line for a person and an exit code.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING

import click

from moot import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMMANDS = {
    "talk": "Let two or more voices talk, live and on the record.",
    "interview": "Interview a voice: your questions, a file of them, or another voice's.",
    "letters": "Write an open letter, a reply and a rebuttal about a claim.",
    "debate": "Have two voices debate a motion, and judges vote.",
    "panel": "Let several voices discuss, in turn or as they are picked or raise their hands.",
    "trial": "Ask a voice where it stands, have it talked to, ask again.",
    "audience": "Have readers go through words and say where they stand on a claim.",
    "judge": "Have judges vote on recorded words by a rubric, blind.",
    "run": "Run a scenario file, or any form with voices of your choice.",
    "experiment": "Plan and run a grid of conversations within a hard budget.",
    "scenarios": "List the scenarios that ship with moot, or print one to change.",
    "resume": "Go on with a conversation.",
    "say": "Step in: add a turn to a conversation.",
    "ask": "Ask a participant a question with fixed options, on a fork.",
    "fork": "Start a new conversation from any turn of another.",
    "edit": "Edit a turn's words, on a fork; the original stays.",
    "show": "Read a conversation.",
    "list": "List the conversations on record.",
    "serve": "Read, watch and lead conversations in the browser.",
    "mcp": "Let an assistant read the record and, if you say so, talk on it.",
    "search": "Find the turns in which words were said.",
    "view": "Show the exact request that a participant was sent for a turn.",
    "measure": "Measure recorded conversations: who moved whom, and how surely.",
    "counterfactual": "Find the turns that moved somebody, by leaving each out on a fork.",
    "effect": "Estimate what moved stances, from anyone's table.",
    "ratings": "Rate who beats whom, from anyone's table of verdicts.",
    "agreement": "Tell how far raters agree, from anyone's table.",
    "dynamics": "Tell how conversations go, from anyone's table of turns.",
    "report": "Write what conversations or an experiment came to as a page.",
    "publish": "Publish conversations as an article, or a series as a small site.",
    "verify": "Check that the record is whole and agrees with its digests.",
    "export": "Write a conversation as text, Markdown or JSON.",
    "import": "Put conversations from files on record.",
    "cost": "Count the calls, tokens and dollars of conversations.",
    "voices": "List who can speak here, and what they need.",
    "keys": "Keep the keys of hosted voices where only you can read them.",
    "models": "List, fetch or remove the embedded models.",
    "db": "Look after the record: check it, back it up, move it to another database.",
    "doctor": "Find and explain common troubles.",
}

USAGE, VOICE, LIMIT, STORE, INTERRUPTED = 2, 3, 4, 5, 130
"""Exit codes; 0 is success and 1 a check that found something."""


class Commands(click.Group):
    """Commands that are imported when they are called; their one-line helps are known beforehand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; a file is called `import_.py` where its name is a word of Python."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if cmd_name in ("import", "list") else cmd_name
        command: click.Command = importlib.import_module(f"moot.cli.{name}").command
        command.name = cmd_name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was called; a slip of the finger gets a suggestion."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 - only needed for a suggestion

            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            guess = f"did you mean 'moot {near[0]}'?" if near else "see: moot --help"
            ctx.fail(f"there is no command {args[0]!r}; {guess}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="moot")
def cli() -> None:
    """Put language models and people in conversation, and keep every word on the record.

    \b
    moot talk                                    two small models of this machine talk
    moot talk openai:gpt-5 anthropic:claude-sonnet-4-5 "Discuss Lem."
    moot show last

    Conversations are named by the first few characters of their id, or "last".
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the console script `moot`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that this terminal lacks must not end a conversation
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    try:
        return cli.main(arguments, prog_name="moot", standalone_mode=False) or 0
    except click.exceptions.Exit as left:
        return left.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.ClickException as error:
        return _told(error.format_message(), error.exit_code, arguments)
    except Exception as error:  # noqa: BLE001 - this is the one place where errors end
        code = _code(error)
        if code is None:
            return _crashed(error, arguments)
        return _told(str(error), code, arguments)


def _code(error: Exception) -> int | None:
    from moot.config import ConfigError  # noqa: PLC0415 - an error is the only time that these are needed
    from moot.formats import Unreadable  # noqa: PLC0415
    from moot.keys import KeysError  # noqa: PLC0415
    from moot.store import NotFound, StoreError  # noqa: PLC0415
    from moot.transcript import Invalid  # noqa: PLC0415
    from moot.voices import VoiceError  # noqa: PLC0415

    match error:
        case Invalid() | Unreadable() | NotFound() | ConfigError() | KeysError():
            return USAGE
        case VoiceError():
            return VOICE
        case StoreError():
            return STORE
        case _:
            return None


def _told(line: str, code: int, arguments: list[str]) -> int:
    from moot.cli.terminal import safe  # noqa: PLC0415 - an error is the only time that this is needed

    plain = " ".join(safe(line).split())
    if "--json" in arguments:
        click.echo(json.dumps({"error": {"code": code, "message": plain}}))
    click.echo(f"moot: {plain}", err=True)
    return code


def _crashed(error: Exception, arguments: list[str]) -> int:
    if os.environ.get("MOOT_DEBUG"):
        click.echo(without_keys()("".join(traceback.format_exception(error))), err=True)
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(where.filename)}:{where.lineno}"  # noqa: PTH119 - a name, not a path
    line = f"this is a fault in moot ({type(error).__name__} at {place}); what was recorded is kept; "
    return _told(f"{line}MOOT_DEBUG=1 shows more", 1, arguments)


def without_keys() -> Callable[[str], str]:
    """Return what takes the keys that are here out of a text: an SDK's own error repeats what it was told."""
    from moot import keys  # noqa: PLC0415 - an error is the only time that these are needed
    from moot.config import user_folder  # noqa: PLC0415
    from moot.voices.attempts import without  # noqa: PLC0415

    held = [value.strip() for name, value in os.environ.items() if name.upper().endswith(("KEY", "TOKEN", "SECRET"))]
    with contextlib.suppress(keys.KeysError):
        held += keys.read(user_folder(os.environ)).values()
    return lambda text: functools.reduce(lambda told, key: without(key, told), held, text)
