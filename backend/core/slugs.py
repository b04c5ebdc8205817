"""Names as addresses and branches have them: small letters, digits and hyphens; letters with marks become those without."""

import re
import unicodedata
from collections.abc import Container
from itertools import chain, count


def slug(name: str, *, also: str = "") -> str:
    """`Müßige Straße` is `mussige-strasse`; letters of which nothing is ASCII are left out. `also` are more signs that stay."""
    plain = unicodedata.normalize("NFKD", name.casefold()).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.sub(rf"[^a-z0-9{re.escape(also)}]+", "-", plain).strip("-")


def free(wanted: str, taken: Container[str]) -> str:
    """That, or the first of `wanted-2`, `wanted-3` … that is not taken."""
    return next(one for one in chain([wanted], (f"{wanted}-{n}" for n in count(2))) if one not in taken)
