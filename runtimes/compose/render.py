"""Plain data as YAML text, as people write it in a compose file: a text gets quotes where YAML 1.1 or 1.2 would read another
thing without them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(
    r"(?:[A-Za-z0-9_./$(~^+<;\\]|--?[A-Za-z])[^\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]*"
)
_MEANT: Final = re.compile(
    r"(?i)~|null|true|false|yes|no|on|off|y|n|<<|=|[-+]?\.(inf|nan)|[-+]?\.?\d[\d_.,:eobx+a-f-]*( [\d:.]+)?"
)
_UNSEEN: Final = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]")


def scalar(value: Any, quote: str = "", *, flow: bool = False) -> str:
    """One value. `quote` is the kind of quotes it had, which it keeps."""
    if value is None:
        return "null" if flow else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if not quote and _is_plain(value, flow=flow):
        return value
    if quote != '"' and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    written = json.dumps(value, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _is_plain(value: str, *, flow: bool) -> bool:
    return (
        _PLAIN.fullmatch(value) is not None
        and _MEANT.fullmatch(value) is None
        and ": " not in value
        and " #" not in value
        and value[-1] not in ": "
        and not (flow and re.search(r"[,\[\]{}]", value))
    )


def inline(value: Any, quote: str = "") -> str:
    """On one line, as `[a, b]` and `{a: b}`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(str(key), flow=True)}: {inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(inline(one) for one in value) + "]"
    return scalar(value, quote, flow=True)


def entry(key: str, value: Any, column: int, *, step: int = 2, dash: int = 2, anchor: str = "") -> str:
    """`key: value` as lines from `column` on. `step` is the indentation of mappings, `dash` that of a list below its key."""
    head = f"{' ' * column}{scalar(key)}:" + (f" &{anchor}" if anchor else "")
    if isinstance(value, Mapping) and value:
        return f"{head}\n" + block(value, column + step, step=step, dash=dash)
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return f"{head}\n" + "".join(item(one, column + dash, step=step, dash=dash) for one in value)
    written = inline(value) if isinstance(value, Mapping | list | tuple) else scalar(value)
    return f"{head} {written}".rstrip(" ") + "\n"


def block(value: Mapping[str, Any], column: int, *, step: int = 2, dash: int = 2) -> str:
    return "".join(entry(str(key), one, column, step=step, dash=dash) for key, one in value.items())


def item(value: Any, column: int, *, step: int = 2, dash: int = 2) -> str:
    """One item of a list, its dash in `column`."""
    if isinstance(value, Mapping) and value:
        return f"{' ' * column}- " + block(value, column + 2, step=step, dash=dash)[column + 2 :]
    return f"{' ' * column}- {inline(value) if isinstance(value, Mapping | list | tuple) else scalar(value)}\n"
