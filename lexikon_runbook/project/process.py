"""A worker process from our side: started, spoken with in lines of JSON, ended.

Its source travels over its standard input, so the Python that runs it needs nothing of ours. What
the project prints, in whatever way, arrives on standard error and becomes lines of the log.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import json
import os
import re
import secrets
import select
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from .paths import Paths

Message = dict[str, Any]

# Parsed by whatever Python there is, also by one that is too old to run the rest.
BOOT = """\
import sys,os,json
if sys.path and not sys.path[0]:del sys.path[0]
i,o=os.dup(0),os.dup(1);n=os.open(os.devnull,0);os.dup2(n,0);os.close(n);os.dup2(2,1)
m=sys.argv.pop().encode();b=b''
os.write(o,b'\\n'+m+json.dumps({'is':'hello','python':'.'.join(map(str,sys.version_info[:3]))}).encode()+b'\\n')
while b'\\n' not in b:
 c=os.read(i,1048576)
 if not c:os._exit(0)
 b+=c
h,_,b=b.partition(b'\\n')
h=json.loads(h.decode())
exec(compile(h['main'],'<worker>/main.py','exec'),{'h':h,'i':i,'o':o,'m':m,'rest':b})
"""
MAIN = """\
import linecache, sys, types
from importlib.machinery import ModuleSpec
name = "lexikon_runbook_worker"
package = types.ModuleType(name)
package.__path__ = []
sys.modules[name] = package
class Source:
    def __init__(self, files): self.files = files
    def find_spec(self, full, path=None, target=None):
        if full.rpartition(".")[0] == name and full.rpartition(".")[2] in self.files:
            return ModuleSpec(full, self, origin="<worker>/%s.py" % full.rpartition(".")[2])
    def create_module(self, spec): return None
    def exec_module(self, module):
        own = module.__name__.rpartition(".")[2]
        file, text = "<worker>/%s.py" % own, self.files[own]
        linecache.cache[file] = (len(text), None, text.splitlines(True), file)
        exec(compile(text, file, "exec"), module.__dict__)
sys.meta_path.insert(0, Source(h["files"]))
sys.stdout.reconfigure(line_buffering=True)
from lexikon_runbook_worker.wire import Wire, end_with_parent
from lexikon_runbook_worker.serve import Worker
end_with_parent(i)
Worker(Wire(i, o, m, rest)).serve()
"""
FRAME = re.compile(r'\s*File "(.+)", line (\d+) in ')  # as faulthandler writes it
SERVES = "<worker>/serve.py"  # is in the stack of the thread that answers
SAME_PLACE = Paths("/")
OLDEST_PYTHON = (3, 9)
MOST_LINES = 400
END_S = 5.0


class Ended(Exception):
    """The process is over: its exit code (negative: the signal), and what it said before it."""

    def __init__(self, code: int, said: Sequence[str]) -> None:
        super().__init__(f"ended with {code}")
        self.code, self.said = code, tuple(said)


class Silent(Exception):
    """Nothing came within the time; what it said before."""

    def __init__(self, seconds: float, said: Sequence[str]) -> None:
        super().__init__(f"silent for {seconds:g} s")
        self.seconds, self.said = seconds, tuple(said)


class TooOld(Exception):
    """The Python that answered is older than the worker can run on."""


class Process:
    """One worker process. `log` holds the last lines that the project printed."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_line: Callable[[str], None] | None = None,
        folder: str = "/",
        paths: Paths = SAME_PLACE,
    ) -> None:
        """Start it in that folder. Raises OSError where the command can't be started.

        `paths` says where what is said to it and by it lies there and here.
        """
        self._paths = paths
        self._mark = f"lxw{secrets.token_hex(4)} ".encode()
        self.log: collections.deque[str] = collections.deque(maxlen=MOST_LINES)
        self._noise: list[str] = []
        self._dump: list[str] = []  # what faulthandler wrote since the last message
        self._greeted = False
        self._rest, self._parts = b"", []  # type: tuple[bytes, list[bytes]]
        self._lines: collections.deque[bytes] = collections.deque()
        self._process = subprocess.Popen(
            [*command, "-c", BOOT, self._mark.decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,  # a terminal's Ctrl-C does not reach it
        )
        self._reader = threading.Thread(
            target=_read_lines,
            args=(self._process.stderr, self.log, on_line),
            name="lexikon-runbook worker log",
            daemon=True,
        )
        self._reader.start()
        self._finalizer = weakref.finalize(self, _end, self._process, self._reader)

    @property
    def pid(self) -> int:
        """Its process number, where it runs on this machine."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def greet(self, within_s: float) -> None:
        """Wait for it, and send it its source. Raises Ended, Silent or TooOld."""
        hello = self.hear(within_s)
        if hello is None:
            raise Silent(within_s, self.said)
        version = tuple(int(part) for part in str(hello["python"]).split("."))
        if version < OLDEST_PYTHON:
            raise TooOld(hello["python"])
        self._greeted = True  # from here on nothing but the worker writes there
        self.say(main=MAIN, files=source())

    @property
    def said(self) -> list[str]:
        """What came on either of its outputs that is no message, the last lines."""
        return [*self._noise[-20:], *list(self.log)[-20:]]

    @property
    def hanging(self) -> list[tuple[str, int]]:
        """File and line of each frame that the worker is silent in, the innermost first."""
        stacks: list[list[tuple[str, int]]] = [[]]
        for text in self._dump:
            if frame := FRAME.match(text):
                stacks[-1].append((self._paths.back(frame[1]), int(frame[2])))
            else:
                stacks.append([])
        found = [stack for stack in stacks if any(file == SERVES for file, _ in stack)]
        return [frame for stack in found for frame in stack if not frame[0].startswith("<worker>")]

    def say(self, **fields: Any) -> None:
        """Send one line. Raises Ended where nobody reads it any more."""
        data = memoryview(json.dumps(self._paths.out(fields)).encode("ascii") + b"\n")
        assert self._process.stdin is not None
        if self._process.stdin.closed:
            raise self._ended()
        number = self._process.stdin.fileno()
        try:
            while data:
                data = data[os.write(number, data) :]
        except BrokenPipeError:
            raise self._ended() from None

    def hear(self, wait_s: float | None = None) -> Message | None:
        """The next message; None when none came in time. Raises Ended."""
        until = None if wait_s is None else time.monotonic() + wait_s
        while True:
            while self._lines:
                line = self._lines.popleft()
                if line.startswith(self._mark):
                    self._dump.clear()
                    message: Message = self._paths.back(json.loads(line[len(self._mark) :]))
                    return message
                text = line.decode("utf-8", "backslashreplace")
                if text and self._greeted:
                    self._dump.append(text)
                elif text:
                    self._noise.append(text)
                    del self._noise[:-MOST_LINES]
            if not self._read(until):
                return None

    def _read(self, until: float | None) -> bool:
        """Take what there is to read; False when nothing came in time."""
        assert self._process.stdout is not None
        if self._process.stdout.closed:
            raise self._ended()
        number = self._process.stdout.fileno()
        left = None if until is None else max(0.0, until - time.monotonic())
        if not select.select([number], [], [], left)[0]:
            return False
        data = os.read(number, 1 << 20)
        if not data:
            raise self._ended()
        self._parts.append(data)  # joined when a line is whole: a long one is not copied each time
        if b"\n" in data:
            *lines, rest = b"".join(self._parts).split(b"\n")
            self._lines.extend(lines)
            self._parts = [rest]
        return True

    def _ended(self) -> Ended:
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:  # it closed its output, and lives
            self._process.kill()
            code = self._process.wait()
        self._reader.join(END_S)
        return Ended(code, self.said)

    def end(self) -> None:
        """End it: by the end of its input, or killed when that is not enough."""
        self._finalizer()

    def kill(self) -> None:
        """End it at once, in whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._finalizer()


def _end(process: subprocess.Popen[bytes], reader: threading.Thread) -> None:
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if reader is not threading.current_thread():
        reader.join(END_S)
    if process.stderr is not None:
        process.stderr.close()


def _read_lines(
    stream: Any, log: collections.deque[str], on_line: Callable[[str], None] | None
) -> None:
    with contextlib.suppress(ValueError, OSError):
        for data in stream:
            line = data.decode("utf-8", "backslashreplace").rstrip("\r\n")
            log.append(line)
            if on_line is not None:
                on_line(line)


@functools.cache
def source() -> dict[str, str]:
    """The worker's modules by name, as they are sent. Reads files."""
    folder = resources.files("lexikon_runbook") / "worker"
    return {
        Path(file.name).stem: file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".py") and file.name != "__init__.py"
    }
