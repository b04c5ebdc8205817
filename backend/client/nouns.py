"""How commands that talk to a server are declared: `codeyard NOUN VERB WORDS`."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from backend.client.api import Server

Command = Callable[[argparse.Namespace, Server], int]
Alone = Callable[[argparse.Namespace], int]
"""A command that runs before there is a server to talk to."""
OF = "the organisation; else the one that `codeyard org use` chose"
"""What --org says."""


class Noun:
    """`codeyard NOUN VERB`: the verbs of one noun."""

    def __init__(self, commands: Any, name: str, text: str) -> None:
        self.verbs = commands.add_parser(name, help=text, description=text).add_subparsers(
            title="verbs", required=True, metavar="VERB"
        )

    def verb(self, name: str, run: Command, text: str, *words: str) -> argparse.ArgumentParser:
        return add(self.verbs, name, run, text, *words)


def add(commands: Any, name: str, run: Command, text: str, *words: str) -> argparse.ArgumentParser:
    """A command with these positional words, and what all of them take."""
    made = add_alone(commands, name, None, text, *words)
    made.set_defaults(remote=run)
    return made


def add_alone(commands: Any, name: str, run: Alone | None, text: str, *words: str) -> argparse.ArgumentParser:
    """The same for one that finds its server itself."""
    made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    made.set_defaults(alone=run)
    for word in words:
        made.add_argument(word.lower().rstrip("?"), metavar=word.rstrip("?"), nargs="?" if word.endswith("?") else None)
    made.add_argument("-o", "--output", choices=("table", "json"), default="table", help="json is what the API answers")
    made.add_argument(
        "--url", help="the server, such as https://code.example.com; else CODEYARD_URL, or where you signed in"
    )
    made.add_argument("--key", help="an API key; better in CODEYARD_KEY")
    return made


def confirmed(words: argparse.Namespace, what: str) -> bool:
    """Asks a person; a program says --yes."""
    if words.yes:
        return True
    if not sys.stdin.isatty():
        print(f"codeyard: {what}? Say --yes where nobody can be asked.", file=sys.stderr)
        return False
    return input(f"{what}? [y/N] ").strip().lower() in ("y", "yes")
