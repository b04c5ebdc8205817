"""Repositories of a given size, made fast through `git fast-import`."""

import subprocess
from pathlib import Path


def many_files(at: Path, *, files: int, commits: int) -> Path:
    """A repository whose first commit has `files` files in folders of 100, and `commits` commits in all; each later one
    changes one line of `d0/f0.txt`, or of another file in turn."""
    at.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(at)], check=True)
    feed = subprocess.Popen(["git", "-C", str(at), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert feed.stdin is not None
    out = feed.stdin
    for number in range(commits):
        message = f"Commit {number}".encode()
        out.write(
            b"commit refs/heads/main\ncommitter Bench <bench@example.com> %d +0000\n" % (1_700_000_000 + number * 60)
        )
        out.write(b"data %d\n%b\n" % (len(message), message))
        changed = range(files) if number == 0 else [number % 50 if number % 10 else 0]
        for file in changed:
            text = b"".join(b"line %d of file %d\n" % (line, file) for line in range(20))
            if number:
                text = text.replace(b"line %d of" % (number % 20), b"changed by %d in" % number)
            out.write(b"M 100644 inline d%d/f%d.txt\ndata %d\n%b\n" % (file // 100, file, len(text), text))
    out.close()
    assert feed.wait() == 0
    subprocess.run(["git", "-C", str(at), "reset", "-q", "--hard"], check=True)
    return at
