"""A web server on this machine that serves one file in every wrong way a download may meet."""

import contextlib
import http.server
import socket
import struct
import threading
from urllib.parse import urlsplit


class BadServer(http.server.ThreadingHTTPServer):
    """A server of `content`; the first part of a URL's path says how. `requests` lists (manner, Range header)."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.requests, self.closing = content, [], threading.Event()

    def url(self, manner):
        return f"http://127.0.0.1:{self.server_port}/{manner}/cifar-10-python.tar.gz"

    def handle_error(self, request, client_address):
        """Say nothing of clients that hang up: hanging up is what they shall do here."""


@contextlib.contextmanager
def serve(content):
    """Yield a running BadServer and stop it afterwards."""
    server = BadServer(content)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        manner = urlsplit(self.path).path.split("/")[1]
        self.server.requests.append((manner, self.headers.get("Range")))
        self.close_connection = True
        getattr(self, f"send_{manner}")(self.server.content)

    def start(self, status=200, *, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def start_range(self, content):
        """Answer a Range request as it should be answered; return the bytes to send."""
        wanted = self.headers.get("Range")
        if wanted is None:
            self.start(length=len(content))
            return content
        first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first >= len(content):
            self.start(416, length=0, Content_Range=f"bytes */{len(content)}")
            return b""
        found = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.start(206, length=len(content) - first, Content_Range=found)
        return content[first:]

    def send_good(self, content):
        self.wfile.write(self.start_range(content))

    def send_ignores_range(self, content):
        self.start(length=len(content))
        self.wfile.write(content)

    def send_truncates(self, content):
        """End each answer after half of what it promised, so that two tries get three quarters."""
        rest = self.start_range(content)
        self.wfile.write(rest[: len(rest) // 2])

    def send_truncates_once(self, content):
        rest = self.start_range(content)
        self.wfile.write(rest if self.headers.get("Range") else rest[: len(rest) // 2])

    def send_resets(self, content):
        """Break the connection off hard (RST) in the middle."""
        rest = self.start_range(content)
        self.wfile.write(rest[: len(rest) // 2])
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def send_hangs_up(self, _content):
        self.connection.close()

    def send_nonsense(self, _content):
        self.wfile.write(b"\x00\x01\x02 what is HTTP?\r\n\r\n")

    def send_stalls(self, content):
        rest = self.start_range(content)
        self.wfile.write(rest[: len(rest) // 2])
        self.wfile.flush()
        self.server.closing.wait(20)

    def send_silent(self, _content):
        self.server.closing.wait(20)

    def send_drips(self, content):
        """Send a byte every 20 ms: no single wait is long enough to time out."""
        for place in range(len(self.start_range(content))):
            if self.server.closing.wait(0.02):
                return
            self.wfile.write(content[place : place + 1])
            self.wfile.flush()

    def send_missing(self, _content):
        self.start(404, length=0)

    def send_broken(self, _content):
        self.start(500, length=0)

    def send_busy(self, _content):
        self.start(503, length=0)

    def send_never_satisfied(self, content):
        if self.headers.get("Range"):
            self.start(416, length=0)
        else:
            self.send_good(content)

    def send_another_range(self, content):
        """Answer a Range request with the file's beginning, as a confused cache does."""
        if self.headers.get("Range"):
            self.start(206, length=len(content), Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}")
            self.wfile.write(content)
        else:
            self.send_good(content)

    def send_wrong(self, content):
        self.wfile.write(self.start_range(bytes(len(content))))

    def send_short(self, content):
        self.send_good(content[:-1000])

    def send_page(self, _content):
        self.send_good(b"<html>Please accept our cookies.</html>")

    def send_no_length(self, content):
        self.start()
        self.wfile.write(content)

    def send_endless(self, _content):
        self.start()
        while not self.server.closing.is_set():
            self.wfile.write(bytes(2**16))

    def send_moved(self, _content):
        self.start(302, length=0, Location=self.server.url("good"))
