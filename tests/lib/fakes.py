# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services in python, for tests of what asks them."""

import contextlib
import http.server
import json
import socket
import threading
import urllib.parse

from gradebook import free_port


class FakeService:
    """Answers with self.answer(handler, body), on threads, until close(). A subclass overrides answer()."""

    def __init__(self, port=0):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One segment for head and body, or Nagle's algorithm makes each answer wait 40 ms.
            wbufsize = -1
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with outer.lock:
                    outer.connections.add(self.connection)

            def finish(self):
                with outer.lock:
                    outer.connections.discard(self.connection)
                super().finish()

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with outer.lock:
                    outer.requests.append((self.command, self.path, dict(self.headers), body))
                outer.answer(self, body)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request, client_address):
                pass  # a client that went away

        self.lock = threading.Lock()
        self.requests = []
        self.connections = set()
        self.port = port or free_port()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def send(handler, status, body, content_type="application/json", headers=()):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def answer(self, handler, body):
        path = urllib.parse.urlsplit(handler.path)
        self.send(handler, 200, {"method": handler.command, "path": path.path, "query": path.query, "body": body.decode(),
                                 "headers": dict(handler.headers)})


SAMPLE = [
    (1, "Nick", "Carter", (85, 94, 82)),
    (2, "Roberto", "Baggio", (100, 100, 81)),
    (3, "Emma", "Stone", (67, 0, 75)),
    (4, "zhangsan", "san", (44, 0, 66)),
    (5, "xiaoqiao", "qiao", (23, 0, 44)),
]


class FakeGrading(FakeService):
    """The fixed forms of GradingService."""

    def __init__(self, port=0, sample=True):
        self.students = {}
        self.gate = threading.Event()   # cleared: every answer waits
        self.gate.set()
        self.waiting = threading.Semaphore(0)   # released once for each that does
        self.refuse = None              # (status, detail): what POST answers
        if sample:
            for number, first, last, (quiz1, exam, quiz2) in SAMPLE:
                self.add(number, first, last, [("Quiz 1", "Quiz", quiz1), ("Final Exam", "Exam", exam), ("Quiz 2", "Quiz", quiz2)])
        super().__init__(port)

    def add(self, number, first, last, grades=()):
        self.students[number] = {"ID": number, "FirstName": first, "LastName": last,
                                 "Grades": [{"Title": t, "Type": k, "Score": s} for t, k, s in grades]}

    def count(self, method, path):
        with self.lock:
            return sum(1 for m, p, _, _ in self.requests if (m, p) == (method, path))

    def answer(self, handler, body):
        with self.lock:
            status, value = self.find(handler, body)
        if not self.gate.is_set():
            self.waiting.release()
            self.gate.wait(30)
        self.send(handler, status, value, "application/json" if status < 400 else "application/problem+json")

    def find(self, handler, body):
        parts = handler.path.strip("/").split("/")
        if handler.path == "/students":
            return 200, json.loads(json.dumps(list(self.students.values())))
        student = self.students.get(int(parts[1])) if len(parts) > 1 and parts[1].isdigit() else None
        if not student:
            return 404, {"title": "Not Found", "status": 404, "detail": "There is no such student"}
        if len(parts) == 2:
            return 200, json.loads(json.dumps(student))
        if self.refuse:
            return self.refuse[0], {"title": "Refused", "status": self.refuse[0], "detail": self.refuse[1]}
        grade = json.loads(body)
        student["Grades"].append(grade)
        return 201, grade
