"""`make bench NAME=x` runs one benchmark, `make bench` all of them; each prints one JSON line last."""

import runpy
import sys
from pathlib import Path

HELPERS = {"__main__", "harness"}


def main() -> int:
    here = Path(__file__).parent
    names = sorted(p.stem for p in here.glob("*.py") if p.stem not in HELPERS and "def main(" in p.read_text())
    wanted = [name.replace("-", "_") for name in sys.argv[1:]] or names
    unknown = [name for name in wanted if name not in names]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(n.replace('_', '-') for n in names)}", file=sys.stderr)
        return 2
    for name in wanted:
        sys.argv = [name]
        try:
            runpy.run_module(f"tests.bench.{name}", run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
