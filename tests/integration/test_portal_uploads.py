# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bodies of requests through the gateway: passed on as they come, at the pace of who takes them, once."""

import contextlib
import hashlib
import socket
import threading
import time

import pytest
from gateway import OK, Gate, RawPeer, read_head, read_response
from gradebook import free_port, wait_until

MIB = 1 << 20
BLOCK = bytes(range(256)) * 256          # 64 KiB


class Sink:
    """Takes bodies and says how long they were and what was in them; behave() for RawPeer."""

    def __init__(self):
        self.sizes, self.digests = [], []

    def __call__(self, peer, connection, record):
        head = read_head(connection, record)
        if not head:
            return
        rest = bytes(record[len(head):])
        digest, size = hashlib.sha256(), 0
        stream = connection.makefile("rb", buffering=1 << 16)

        def read(n):
            nonlocal rest
            data, rest = rest[:n], rest[n:]
            return data or stream.read1(n)

        def line():
            text = b""
            while not text.endswith(b"\n"):
                text += read(1)
            return text

        def take(n):
            nonlocal size
            while n > 0:
                data = read(min(n, 1 << 16))
                if not data:
                    raise ConnectionError
                digest.update(data)
                size += len(data)
                n -= len(data)

        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            while (n := int(line(), 16)) > 0:
                take(n)
                assert line() == b"\r\n"
            assert line() == b"\r\n"
        else:
            take(int(lower.split(b"content-length:")[1].split(b"\r\n")[0]))
        del record[len(head):]
        self.sizes.append(size)
        self.digests.append(digest.hexdigest())
        connection.sendall(OK)


@contextlib.contextmanager
def serve(gate, name, behave):
    peer = RawPeer(behave)
    gate.provide(name, peer.url)
    try:
        yield peer
    finally:
        peer.close()


def upload(gate, path, blocks, chunked=False, watch=lambda: None):
    """(status, digest) of so many blocks."""
    digest = hashlib.sha256()
    with gate.connect() as s:
        s.sendall(gate.head("PUT", path, "Transfer-Encoding: chunked" if chunked else f"Content-Length: {blocks * len(BLOCK)}"))
        for i in range(blocks):
            s.sendall(b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK) if chunked else BLOCK)
            digest.update(BLOCK)
            if i % 64 == 0:
                watch()
        if chunked:
            s.sendall(b"0\r\n\r\n")
        return read_response(s)[0], digest.hexdigest()


@pytest.mark.parametrize("mib, chunked", [(10, False), (10, True), (300, False), (300, True)])
def test_an_upload_takes_no_memory(cluster, mib, chunked):
    gate = Gate(cluster)
    sink = Sink()
    with serve(gate, "Sink", sink) as peer:
        assert upload(gate, "/Sink/x", 16)[0] == 200   # whatever is made once
        before, most = gate.rss(), [0]

        def watch():
            most[0] = max(most[0], gate.rss())

        status, digest = upload(gate, "/Sink/x", mib * MIB // len(BLOCK), chunked, watch)
        assert status == 200 and sink.sizes[-1] == mib * MIB and sink.digests[-1] == digest
        assert most[0] - before < 4 * MIB, f"the portal has grown by {(most[0] - before) / MIB:.1f} MiB"
        head = bytes(peer.records[-1]).lower()
        assert (b"transfer-encoding: chunked" in head) == chunked and head.count(b"content-length:") == (not chunked)


def test_many_uploads_at_once_take_little(cluster):
    gate = Gate(cluster)
    release = threading.Event()

    def wait(peer, connection, record):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        read_head(connection, record)
        release.wait(10)

    with serve(gate, "Stuck", wait) as peer:
        before = gate.rss()
        clients = []
        for _ in range(50):
            s = gate.connect()
            clients.append(s)
            s.sendall(gate.head("POST", "/Stuck/x", f"Content-Length: {1000 * MIB}"))
            s.setblocking(False)
        wait_until(lambda: len(peer.records) == 50, "all are passed on")

        def push():
            sent = 0
            for s in clients:
                with contextlib.suppress(OSError):
                    sent += s.send(BLOCK)
            return sent

        # Until the kernel's buffers are full, here and there.
        quiet, deadline = 0, time.monotonic() + 1.5
        while quiet < 20 and time.monotonic() < deadline:
            quiet = quiet + 1 if push() == 0 else 0
            threading.Event().wait(0.01)
        assert gate.rss() - before < 50 * MIB // 2, f"grown by {(gate.rss() - before) / MIB:.1f} MiB"
        release.set()
        for s in clients:
            s.close()
    wait_until(lambda: gate.metric("gradebook_portal_gateway_open") == 0, "all passages have ended")


def test_what_waits_for_100_continue_is_told_before_it_sends(cluster):
    gate = Gate(cluster, GatewayMaxBody="1M")
    sink = Sink()
    with serve(gate, "Sink", sink):
        with gate.connect() as s:
            s.sendall(gate.head("PUT", "/Sink/x", f"Content-Length: {len(BLOCK)}", "Expect: 100-continue"))
            assert s.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            s.sendall(BLOCK)
            assert read_response(s)[0] == 200 and sink.sizes == [len(BLOCK)]
        for path, credential, length, status in (("/Sink/x", None, MIB + 1, 413), ("/Sink/x", "x", 5, 401), ("/Nobody/x", "x", MIB, 401)):
            with gate.connect() as s:
                s.sendall(gate.head("PUT", path, f"Content-Length: {length}", "Expect: 100-continue", credential=credential))
                assert read_response(s)[0] == status
        assert len(sink.sizes) == 1


def test_a_body_that_is_too_long_is_413(cluster):
    gate = Gate(cluster, GatewayMaxBody="1M")
    sink = Sink()
    with serve(gate, "Sink", sink) as peer:
        assert upload(gate, "/Sink/x", MIB // len(BLOCK))[0] == 200
        assert upload(gate, "/Sink/x", MIB // len(BLOCK), chunked=True)[0] == 200
        asked = len(peer.records)
        assert upload(gate, "/Sink/x", MIB // len(BLOCK) + 1)[0] == 413
        assert len(peer.records) == asked   # the head said so
        assert upload(gate, "/Sink/x", MIB // len(BLOCK) + 1, chunked=True)[0] == 413
        assert sink.sizes == [MIB, MIB]
        # The connection is of use again, and so is the provider.
        assert upload(gate, "/Sink/x", 1)[0] == 200
        assert gate.metric('gradebook_portal_breaker_state{service="Sink"}') == 0


def test_a_slow_client_is_told_and_its_provider_is_not_blamed(cluster):
    gate = Gate(cluster, BreakerFailures="1")
    sink = Sink()
    with serve(gate, "Sink", sink):
        with gate.connect() as s:
            s.sendall(gate.head("PUT", "/Sink/x", "Content-Length: 1000") + b"x")
            wait_until(lambda: gate.metric("gradebook_portal_gateway_requests_total{outcome=\"refused\"}") == 1, "it is given up")
            s.sendall(b"x" * 999)
            assert read_response(s)[0] == 408
        # One that goes on, however slowly, is not.
        with gate.connect() as s:
            s.sendall(gate.head("PUT", "/Sink/x", "Content-Length: 5"))
            for _ in range(5):
                threading.Event().wait(0.7)
                s.sendall(b"x")
            assert read_response(s)[0] == 200
        assert gate.metric('gradebook_providers_ejected{service="Sink"}') == 0
        assert gate.metric('gradebook_portal_breaker_state{service="Sink"}') == 0


def test_a_provider_that_takes_nothing_ends_in_504(cluster):
    gate = Gate(cluster)
    release = threading.Event()

    def wait(peer, connection, record):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        read_head(connection, record)
        release.wait(20)

    with serve(gate, "Stuck", wait):
        status, _ = upload(gate, "/Stuck/x", 200)   # less than what is read to be polite
        assert status == 504
        release.set()


def test_a_client_that_leaves_ends_its_upload(cluster):
    gate = Gate(cluster)
    ended = threading.Event()

    def drain(peer, connection, record):
        read_head(connection, record)
        try:
            while connection.recv(65536):
                pass
        finally:
            ended.set()

    with serve(gate, "Drain", drain):
        s = gate.connect()
        s.sendall(gate.head("PUT", "/Drain/x", "Content-Length: 1000000") + BLOCK)
        wait_until(lambda: gate.metric("gradebook_portal_gateway_open") == 1, "it is under way")
        s.close()
        assert ended.wait(10)
        wait_until(lambda: gate.metric("gradebook_portal_gateway_open") == 0, "the passage ended")
        outcomes = [line for line in gate.daemon.get("/metrics").text.splitlines() if "gateway_requests_total{" in line]
        assert gate.metric("gradebook_portal_gateway_requests_total{outcome=\"abandoned\"}") == 1, outcomes


def test_an_upload_that_began_is_never_sent_twice(cluster):
    gate = Gate(cluster)

    def reset(peer, connection, record):
        head = read_head(connection, record)
        while head and len(record) == len(head):
            record += connection.recv(65536)
        connection.close()

    sink = Sink()
    with serve(gate, "Two", reset) as bad, serve(gate, "Two", sink) as good:
        for i in range(10):
            status, _ = upload(gate, "/Two/x", 4)
            assert status in (200, 502)
            assert sum(len(r) > 0 for r in bad.records + good.records) == i + 1


def test_an_upload_of_which_nothing_was_sent_goes_elsewhere(cluster):
    gate = Gate(cluster)
    sink = Sink()
    gate.provide("Two", f"http://127.0.0.1:{free_port()}")
    with serve(gate, "Two", sink) as good:
        assert [upload(gate, "/Two/x", 4, chunked=i % 2 == 1)[0] for i in range(10)] == [200] * 10
        assert len(good.records) == 10 and sink.sizes == [4 * len(BLOCK)] * 10


def test_an_early_answer_is_passed_on(cluster):
    """The service says no before it has read all of it."""
    gate = Gate(cluster)

    def refuse(peer, connection, record):
        if read_head(connection, record):
            connection.sendall(b"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy")
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while connection.recv(65536):
                    pass

    with serve(gate, "No", refuse), gate.connect() as s:
        s.sendall(gate.head("PUT", "/No/x", f"Content-Length: {len(BLOCK) * 16}"))
        for _ in range(16):
            s.sendall(BLOCK)
        status, _, body = read_response(s)
        assert status == 409 and b"busy" in body


def test_a_body_waits_while_grading_says_who_it_is(cluster):
    gate = Gate(cluster)
    sink = Sink()
    known = threading.Event()

    def grading(peer, connection, record):
        head = read_head(connection, record)
        if not head:
            return
        if b"/sessions/current" not in head:
            sink(peer, connection, record)
            return
        known.wait(5)
        body = b'{"Account":{"ID":7,"Role":"teacher"},"Expires":null}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with serve(gate, "GradingService", grading), gate.connect() as s:
        s.sendall(gate.head("PUT", "/GradingService/x", f"Content-Length: {len(BLOCK) * 8}", credential="gbs_" + "s" * 42 + "A"))
        threading.Timer(0.3, known.set).start()
        for _ in range(8):
            s.sendall(BLOCK)
        assert read_response(s)[0] == 200 and sink.sizes == [8 * len(BLOCK)]


def test_a_stop_ends_uploads(cluster):
    gate = Gate(cluster)
    sink = Sink()
    with serve(gate, "Sink", sink):
        s = gate.connect()
        s.sendall(gate.head("PUT", "/Sink/x", "Content-Length: 1000") + b"x")
        wait_until(lambda: gate.metric("gradebook_portal_gateway_open") == 1, "it is under way")
        gate.daemon.stop()
        s.close()
