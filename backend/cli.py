"""The command line: what runs a server (`up`, `down`, `doctor`, `worker` …), and what talks to one (`backend/client`).

Exit codes: 0 done, 1 failed, 2 cancelled or wrong usage, 4 not allowed. The server's own code is imported by the commands that
need it alone: the others are to answer at once.
"""

import argparse
import gc
import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any

from backend import completion
from backend.client import account as accounts
from backend.client import commands as remote
from backend.client.api import NOT_ALLOWED, NotFound, Refused, Server
from backend.client.copy import NotBothEnds
from backend.client.nouns import Alone, Command


def main() -> int:
    words = build_parser().parse_args()
    try:
        code: int = words.run(words)
        return code
    except KeyboardInterrupt:
        return 2
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="codeyard", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--version", action="version", version=f"codeyard {version('codeyard')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def operating(name: str, function: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=lambda words: operate(function, words))
        return made

    operating("up", "up", "Start the server. Ctrl-C ends it and its terminals; SIGTERM leaves the terminals running.")
    text = "End the server of this data directory, and its terminals."
    ending: Any = commands.add_parser("down", help=text, description=text)
    ending.set_defaults(run=lambda _: import_module("backend.holding").run())
    operating("worker", "worker", "Run jobs only, beside servers that share CODEYARD_DATABASE_URL.")
    operating("doctor", "examine", "Say what this machine has and lacks.").add_argument("--json", action="store_true")
    shown = operating("settings", "show_settings", "Print every setting as it is now; secrets hidden.")
    shown.add_argument("--json", action="store_true")
    reset = operating(
        "reset-password", "reset_password", "Set a new password for an account and sign its browsers out."
    )
    reset.add_argument("email")
    operating(
        "rotate-keys", "rotate_keys", "Seal anew all that is kept sealed, with a new key; a server may run meanwhile."
    )
    remote.register(commands)
    parser.set_defaults(run=ask_server)
    text = "Print completion for a shell."
    complete: Any = commands.add_parser("completion", help=text, description=text)
    complete.add_argument("shell", choices=completion.SHELLS)
    complete.set_defaults(run=lambda words: print(completion.script(words.shell, build_parser())) or 0)
    return parser


def operate(function: str, words: argparse.Namespace) -> int:
    """A command that needs the server's own code."""
    gc.set_threshold(100_000)  # what is loaded stays: to look through it ever again took a quarter of a server's start
    code: int = import_module("backend.operate").run(function, words)
    return code


def ask_server(words: argparse.Namespace) -> int:
    """A command that talks to a server over its API, wherever that runs."""
    try:
        if words.alone is not None:
            alone: Alone = words.alone
            return alone(words)
        with Server(accounts.load(words.url, words.key)) as there:
            command: Command = words.remote
            return command(words, there)
    except accounts.NotSignedIn as error:
        print(f"codeyard: {error.__doc__}", file=sys.stderr)
        return 4
    except Refused as refused:
        print(f"codeyard: {refused}", file=sys.stderr)
        return 4 if refused.status in NOT_ALLOWED else 1
    except BrokenPipeError:
        raise
    except (NotFound, NotBothEnds, OSError) as error:
        print(f"codeyard: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
