# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services in python, for tests of what asks them."""

import contextlib
import http.server
import json
import re
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


class FakeLog(FakeService):
    """What "GET /log" of LogService promises to who reads, with faults on demand: a page that breaks off, lines that are deleted,
    a stream that ends."""

    STORE = "5eed5eed"

    def __init__(self, port=0):
        self.lines = []                 # (position, record)
        self.position = 0
        self.changed = threading.Condition()
        self.break_pages = 0            # so many pages to come end in the middle
        self.break_streams = 0          # counts up: every stream that is open ends
        self.streams = 0
        super().__init__(port)

    def add(self, message, service="gradebook-grading", priority=6, time="2026-11-22T21:41:28.123456Z", **members):
        record = {"Time": time, "Received": time, "Priority": priority, "Service": service, **members, "Message": message}
        with self.changed:
            self.lines.append((self.position, record))
            self.position += len(json.dumps(record)) + 1
            self.changed.notify_all()

    def delete(self, n):
        """The oldest n lines."""
        with self.changed:
            del self.lines[:n]

    def end_streams(self):
        with self.changed:
            self.break_streams += 1
            self.changed.notify_all()

    def cursor(self, position):
        return f"{self.STORE}-{position:016x}"

    def text(self, line):
        return json.dumps({**line[1], "Cursor": self.cursor(line[0])}) + "\n"

    @staticmethod
    def matches(query, record):
        one = {name: values[0] for name, values in query.items()}
        sensitive = one.get("case", "sensitive" if any(c.isupper() for c in one.get("grep", "")) else "ignore") == "sensitive"
        return (record["Service"] in query.get("service", [record["Service"]])
                and record["Priority"] <= int(one.get("priority", 7))
                and one.get("since", "") <= record["Time"] <= one.get("until", "9999")
                and one.get("host", record.get("Host")) == record.get("Host")
                and one.get("request", record.get("RequestID")) == record.get("RequestID")
                and one.get("message-id", record.get("MessageID")) == record.get("MessageID")
                and re.search(one.get("grep", ""), record["Message"], 0 if sensitive else re.IGNORECASE))

    def place(self, cursor):
        """The position that a cursor names; (status, detail) if there is none."""
        if not cursor.startswith(self.STORE + "-"):
            return 400, "'after' is a cursor of another log"
        position = int(cursor.rpartition("-")[2], 16)
        if not self.lines or position < self.lines[0][0]:
            return 410, "The place that this cursor names was deleted"
        return position

    def answer(self, handler, body):
        path = urllib.parse.urlsplit(handler.path)
        query = urllib.parse.parse_qs(path.query, strict_parsing=bool(path.query), keep_blank_values=True)
        if path.path != "/log":
            self.send(handler, 404, {"status": 404, "detail": "There is nothing here"}, "application/problem+json")
        elif "follow" in query:
            self.follow(handler, query)
        else:
            self.page(handler, query)

    def page(self, handler, query):
        n, order = int(query.get("n", ["100"])[0]), query.get("order", [""])[0]
        with self.changed:
            lines = self.lines
            for name, keep in (("after", lambda a, b: a > b), ("before", lambda a, b: a < b)):
                if name in query:
                    place = self.place(query[name][0])
                    if isinstance(place, tuple):
                        self.send(handler, place[0], {"status": place[0], "detail": place[1]}, "application/problem+json")
                        return
                    lines = [line for line in lines if keep(line[0], place)]
            lines = [line for line in lines if self.matches(query, line[1])]
        lines = lines[:n] if order == "oldest" else lines[len(lines) - n if n < len(lines) else 0:]
        text = "".join(self.text(line) for line in (reversed(lines) if order == "newest" else lines)).encode()
        if self.break_pages and text:
            self.break_pages -= 1
            handler.send_response(200)
            handler.send_header("Content-Type", "application/x-ndjson")
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text[:len(text) * 2 // 3])
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send(handler, 200, text, "application/x-ndjson")

    def follow(self, handler, query):
        assert "text/event-stream" in handler.headers["Accept"]
        if "after" in query:
            place = self.place(query["after"][0])
        else:
            n = int(query.get("n", ["10"])[0])
            lines = [position for position, record in self.lines if self.matches(query, record)]
            place = (lines[-n] if n < len(lines) else 0) - 1 if n else self.position - 1
        if isinstance(place, tuple):
            self.send(handler, place[0], {"status": place[0], "detail": place[1]}, "application/problem+json")
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        handler.wfile.write(b": hello\n\n")
        with self.changed:
            self.streams += 1
            round_ = self.break_streams
            while round_ == self.break_streams:
                for line in self.lines:
                    if line[0] > place:
                        place = line[0]
                        if self.matches(query, line[1]):
                            handler.wfile.write(f"id: {self.cursor(place)}\ndata: {self.text(line)}\n".encode())
                handler.wfile.flush()
                self.changed.wait(30)
