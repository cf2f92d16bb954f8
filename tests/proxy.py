"""A TCP way to PostgreSQL that a test can cut, at once or when COMMIT comes by."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

COMMIT, STAMP = b"COMMIT", b"alembic_version SET version_num"
Cut = Literal["", "before COMMIT", "during COMMIT", "after COMMIT"]


@dataclass
class Proxy:
    """Where it listens, and how it treats what passes.

    `cut` is "before COMMIT" to lose a revision's COMMIT itself, "after COMMIT" to let it
    through and lose the answer, "during COMMIT" not to await the answer. `refusing` lets
    nobody in any more, `refuse_after_cut` then. `cuts` counts what was cut. With `pooling`
    everybody is told a wrong process number, as a pooler does.
    """

    port: int
    cut: Cut = ""
    refusing: bool = False
    refuse_after_cut: bool = False
    pooling: bool = False
    cuts: int = 0
    sockets: list[socket.socket] = field(default_factory=list)

    def url(self, url: str) -> str:
        """A TCP URL with this way in place of the direct one."""
        head, _, tail = url.rpartition("@")
        return f"{head}@127.0.0.1:{self.port}/{tail.partition('/')[2]}"

    def end(self) -> None:
        """Cut everything that is open."""
        for each in self.sockets:
            _end(each)


@contextmanager
def proxying(host: str, port: int) -> Iterator[Proxy]:
    """Listen on a free port of the loopback, and pass everything on until the end."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        proxy = Proxy(listening.getsockname()[1])
        threads = [threading.Thread(target=_accept, args=(proxy, listening, host, port))]
        threads[0].start()
        try:
            yield proxy
        finally:
            proxy.refusing = True
            # Closing alone would leave the thread in accept().
            listening.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            proxy.end()


def _accept(proxy: Proxy, listening: socket.socket, host: str, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            if proxy.refusing:
                client.close()
                continue
            server = socket.create_connection((host, port))
            proxy.sockets += [client, server]
            mute = threading.Event()
            for way in (_to_server, _to_client):
                threading.Thread(
                    target=way, args=(proxy, client, server, mute), daemon=True
                ).start()


def _to_server(
    proxy: Proxy, client: socket.socket, server: socket.socket, mute: threading.Event
) -> None:
    stamped = False
    with suppress(OSError):
        while data := client.recv(65536):
            stamped = stamped or STAMP in data
            if stamped and proxy.cut and COMMIT in data:
                _cut(proxy, data, client, server, mute)
                return
            server.sendall(data)
    _end(client)
    _end(server)


def _to_client(
    proxy: Proxy, client: socket.socket, server: socket.socket, mute: threading.Event
) -> None:
    with suppress(OSError):
        while data := server.recv(65536):
            if mute.is_set():
                break
            client.sendall(_renumbered(data) if proxy.pooling else data)
    _end(client)
    _end(server)


def _renumbered(data: bytes) -> bytes:
    """With a process number of the proxy's own in the server's BackendKeyData message."""
    at = data.find(b"K\x00\x00\x00\x0c") + 5
    return data if at < 5 else data[:at] + b"\x00\x00\x00\x07" + data[at + 4 :]


def _cut(
    proxy: Proxy, data: bytes, client: socket.socket, server: socket.socket, mute: threading.Event
) -> None:
    """End the client's side; the server's, too, unless it is still to answer into the void."""
    proxy.refusing = proxy.refuse_after_cut
    cut, proxy.cut, proxy.cuts = proxy.cut, "", proxy.cuts + 1
    if cut == "before COMMIT":
        _end(server)
    else:
        mute.set()
        server.sendall(data)
    if cut != "after COMMIT":
        _end(client)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
