"""The quick check for a network, against local servers only."""

import http.server
import socket
import threading
import time

import pytest

from jaxgan.data.network import answers


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(params=[200, 404, 503])
def server(request):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(request.param)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port, request.param
        running.shutdown()


def test_a_server_that_works_answers(server):
    port, status = server
    assert answers(f"http://127.0.0.1:{port}/file") == (status < 500)


def test_nobody_answers_at_a_closed_port():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert not answers(f"http://127.0.0.1:{port}/file")


def test_silence_is_no_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.perf_counter()
        assert not answers(f"http://127.0.0.1:{silent.getsockname()[1]}/file", seconds=0.3)
        assert time.perf_counter() - start < 2
