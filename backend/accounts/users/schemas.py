"""A person's settings on the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]*$(?!\n)", max_length=100)]
Text = Annotated[str, Meta(pattern=r"^[^\x00]*$(?!\n)", max_length=1000)]


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """What a person set, by name, such as {"theme": "dark"}: the page's to understand. 100 of them at most, texts to 1,000
    characters."""

    settings: Annotated[dict[Name, bool | int | float | Text], Meta(max_length=100)]
