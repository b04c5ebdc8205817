"""One program beside the server: runs it, writes its output down line by line, and its exit code when it ends.

Run as `python supervise.py DIRECTORY` with DIRECTORY/spec.json {install, argv, cwd, env}. Outlives the server that started it,
as a container would. Standard library only, since each costs a process.

Writes `pid` ("supervisor program"), `log` ("1|2 MOMENT text" a line, the older half as `log.old`), `installed`, `exit`.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from typing import IO, Any

LOG_BYTES = 20 << 20


def main(directory: str) -> None:
    os.chdir(directory)
    with open("spec.json") as file:
        spec = json.load(file)
    begun, begin = os.pipe()
    if os.fork():
        os.close(begin)
        os.read(begun, 1)
        os._exit(0)  # whoever started us goes on once we are on our own and can be ended
    os.setsid()
    signal.signal(signal.SIGTERM, _stop)
    put("pid", f"{os.getpid()} 0")
    os.close(begin)
    with open("log", "ab", buffering=0) as log:
        code = 0
        if spec["install"] and not os.path.exists("installed"):
            code = run(["/bin/sh", "-c", spec["install"]], spec, log)
        if code == 0:
            put("installed", "")
            code = run(spec["argv"], spec, log)
        else:
            put("install_failed", str(code))
    put("exit", json.dumps({"code": code, "at": time.time()}))


_stopped = False
_program = 0


def _stop(*_: object) -> None:
    global _stopped
    _stopped = True
    if _program:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(_program, signal.SIGTERM)


def run(argv: list[str], spec: dict[str, Any], log: IO[bytes]) -> int:
    """Its exit code, 128 + n for a signal; 127 where it cannot be started."""
    global _program
    if _stopped:
        return 128 + signal.SIGTERM
    try:
        program = subprocess.Popen(
            argv,
            cwd=spec["cwd"],
            env=spec["env"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
            preexec_fn=_ordinary_signals,
        )
    except OSError as error:
        log.write(f"2 {moment()} {argv[0]}: {error.strerror}\n".encode())
        return 127
    _program = program.pid
    if _stopped:  # the word came while it started
        os.killpg(_program, signal.SIGTERM)
    put("pid", f"{os.getpid()} {_program}")
    copy(program, log)
    code: int = program.wait()
    _program = 0
    return code if code >= 0 else 128 - code


def _ordinary_signals() -> None:
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def copy(program: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    """Both streams into the log, until both are closed, or the program is gone and says nothing any more."""
    with selectors.DefaultSelector() as waiting:
        rest, cut = {}, set()  # of a line whose beginning is written, nothing may be left but its end
        for number, stream in ((b"1 ", program.stdout), (b"2 ", program.stderr)):
            assert stream is not None
            waiting.register(stream, selectors.EVENT_READ, number)
            rest[number] = b""
        while waiting.get_map():
            ready = waiting.select(1.0)
            if not ready and program.poll() is not None:
                break  # something that it left behind holds the pipe
            for key, _ in ready:
                data = os.read(key.fd, 65536)
                *whole, rest[key.data] = (rest[key.data] + data).split(b"\n")
                if whole and key.data in cut:
                    cut.discard(key.data)
                    whole = whole if whole[0] else whole[1:]
                if not data or len(rest[key.data]) > 65536:
                    cut.add(key.data)
                    whole, rest[key.data] = [*whole, rest[key.data]] if rest[key.data] else whole, b""
                if whole:
                    stamp = key.data + moment().encode() + b" "
                    log.write(b"".join(stamp + line + b"\n" for line in whole))
                    rotate(log)
                if not data:
                    waiting.unregister(key.fileobj)


def rotate(log: IO[bytes]) -> None:
    if os.fstat(log.fileno()).st_size > LOG_BYTES:
        os.rename("log", "log.old")
        fresh = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.dup2(fresh, log.fileno(), inheritable=False)
        os.close(fresh)


_last = 0


def moment() -> str:
    """Now, RFC 3339 with nanoseconds; never the same twice, so that a reader can say how far it came."""
    global _last
    _last = max(time.time_ns(), _last + 1)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_last // 1_000_000_000))
    return f"{whole}.{_last % 1_000_000_000:09d}Z"


def put(name: str, text: str) -> None:
    with open(name + ".new", "w") as file:
        file.write(text)
    os.rename(name + ".new", name)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1])
