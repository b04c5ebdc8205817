"""`python -m tests.bench [NAME]`: one benchmark, or all of them in turn. Exits 1 when one fails or does not reach its mark."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """Every benchmark here: what is a program of its own."""
    programs = (path for path in sorted(HERE.glob("*.py")) if path != Path(__file__))
    return [path.stem.replace("_", "-") for path in programs if '__name__ == "__main__"' in path.read_text()]


def run(name: str) -> bool:
    """Runs one and passes its line on; whether it reached its mark."""
    command = [sys.executable, "-m", f"tests.bench.{name.replace('-', '_')}"]
    done = subprocess.run(command, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        print(f"{name} failed with {done.returncode}", file=sys.stderr, flush=True)
        return False
    return bool(json.loads(done.stdout.splitlines()[-1])["holds"])


def main(wanted: list[str]) -> int:
    there = names()
    if unknown := set(wanted) - set(there):
        print(f"no benchmark {', '.join(unknown)}; there are: {' '.join(there)}", file=sys.stderr)
        return 2
    reached = [run(name) for name in wanted or there]  # all of them run, whatever the first says
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
