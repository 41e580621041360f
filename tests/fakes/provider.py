"""One local server that speaks every provider's wire protocol, so that real SDKs run without a network.

    with Provider() as fake:
        fake.reply(Fault(429), Reply("Bonjour"))
        openai.OpenAI(base_url=f"{fake.url}/v1", api_key="k").chat.completions.create(...)
        assert len(fake.requests) == 2

What is scripted is used up, one step a request; after that a small model of its own answers. `python -m fakes.provider`
(from `tests/`) serves until Ctrl-C.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from fakes import model
from fakes.exchange import Asked, Body, Request, Stream, Wire
from fakes.replies import Fault, Hangup, Raw, Reply, Silence, Step
from fakes.wires.table import wire_of


class Provider:
    """A server on a free port of the loopback; its own thread, and one a connection."""

    def __init__(self, port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), self)
        self._script: deque[Step] = deque()
        self._otherwise: Step | None = None
        self._released = threading.Event()
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        """Every request that came, in order."""
        self.arrived = threading.Semaphore(0)
        """Released once a request: a test waits for one to be on its way."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, *steps: Step) -> None:
        """Script the next answers, one a request."""
        with self._lock:
            self._script.extend(steps)

    def always(self, step: Step | None) -> None:
        """Answer everything unscripted so; None: the model's own answers again."""
        self._otherwise = step

    def release(self) -> None:
        """Let everything go on that waits (`Silence`, `Reply.held_after`)."""
        self._released.set()

    def clear(self) -> None:
        """Forget script and requests, hold anew: ready for the next test."""
        with self._lock:
            self._script.clear()
            self.requests.clear()
        self._otherwise = None
        self.release()
        self._released = threading.Event()
        self.arrived = threading.Semaphore(0)

    def start(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True, name="fake provider").start()
        return self

    def stop(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def next_step(self, request: Request, wire: Wire | None) -> tuple[Step, threading.Event]:
        """What to do with a request, and the event that it waits for if it has to wait."""
        with self._lock:
            self.requests.append(request)
            step = self._script.popleft() if self._script else self._otherwise
            self.arrived.release()
            return step or model.answer(wire.read(request) if wire else Asked()), self._released


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], provider: Provider) -> None:
        self.provider = provider
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive, so that no thread outlives the server."""
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many tests are about; anything else is a bug in here."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The same answer twice is the same bytes twice."""
        return "Thu, 01 Jan 2026 00:00:00 GMT"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the journal is `Provider.requests`."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        request = Request(self.command, self.path, tuple(self.headers.items()), self._read_body())
        wire = wire_of(request)
        step, released = self.server.provider.next_step(request, wire)
        if isinstance(step, Silence):
            released.wait()
            step = Hangup()
        if isinstance(step, Hangup):
            self._drop()
        elif isinstance(step, Raw):
            self._send(step.status, Body(step.body, step.content_type))
        elif wire is None:
            self._send(404, Body({"error": {"message": f"no such endpoint: {request.path}"}}))
        elif isinstance(step, Fault):
            said = wire.error(step)
            self._send(step.status, Body(said.value, said.content_type, (*said.headers, *step.headers)))
        else:
            self._say(wire, request, step, released)

    def _say(self, wire: Wire, request: Request, reply: Reply, released: threading.Event) -> None:
        said = wire.render(request, reply)
        if isinstance(said, Stream):
            self._stream(said, reply, wire.stream_error, released)
            return
        value = said.value if reply.edit is None or isinstance(said.value, bytes) else reply.edit(said.value)
        self._send(200, Body(value, said.content_type, said.headers))

    def _stream(self, said: Stream, reply: Reply, stream_error: Any, released: threading.Event) -> None:
        self.send_response(200)
        self.send_header("content-type", said.content_type)
        self.send_header("transfer-encoding", "chunked")
        self.send_header("x-request-id", "req_1")
        self.send_header("request-id", "req_1")
        self.end_headers()
        for number, event in enumerate(said.events):
            if number == reply.held_after:
                released.wait()
            if reply.pause:
                released.wait(reply.pause)
            if number == reply.cut_after:
                return self._drop()
            if number == reply.error_after:
                self._send_chunk(said.encode(stream_error))
                break
            self._send_chunk(said.encode(reply.edit(event) if reply.edit and not isinstance(event, str) else event))
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _send(self, status: int, body: Body) -> None:
        payload = body.encoded()
        self.send_response(status)
        self.send_header("content-type", body.content_type)
        self.send_header("content-length", str(len(payload)))
        for name, value in body.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def _send_chunk(self, payload: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(payload), payload))

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)


def main() -> None:
    """Serve until Ctrl-C; the port may be the first argument."""
    with Provider(int(sys.argv[1]) if len(sys.argv) > 1 else 8765) as fake:
        print(json.dumps({"url": fake.url}), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
