# SPDX-License-Identifier: LGPL-2.1-or-later
"""The central log in PostgreSQL, where it differs from files: several daemons on one database, a database that goes away at any moment, partitions.
What both stores do is tested with both, in test_log*.py (LOG_STORES)."""

import concurrent.futures
import json
import re
import secrets
import select
import socket
import threading

import pytest
from gradebook import Cluster, wait_until
from log_readers import Follower, page, split
from postgres import ROLE

NDJSON = {"Content-Type": "application/x-ndjson"}
TEXT = {"Content-Type": "text/plain"}


def batch(log, source, numbers, **query):
    body = "".join(json.dumps({"Service": "test", "Message": f"message {n}", "Source": source, "Sequence": n}) + "\n" for n in numbers)
    return log.post("/log" + "".join(f"?{k}={v}" for k, v in query.items()), body, headers=NDJSON, timeout=30)


def stored(server, url, columns="line"):
    return server.sql(f"SELECT {columns} FROM gradebook_log.records WHERE service <> 'gradebook-log' ORDER BY position", url.rsplit("/", 1)[1])


def metric(log, name):
    return int(re.search(rf"^gradebook_log_{name} (\d+)", log.get("/metrics").text, re.M)[1])


@pytest.fixture
def make_cluster(tmp_path):
    made = []

    def make(url):
        made.append(Cluster(tmp_path / f"cluster-{len(made)}", log_store=url))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


# ---- several daemons ----

def test_several_start_at_once_on_an_empty_database(make_cluster, shared_postgres, database_url):
    cluster = make_cluster(database_url)
    logs = [cluster.daemon("log").launch() for _ in range(3)]
    for log in logs:
        log.wait_notify("READY=1")
    for i, log in enumerate(logs):
        assert log.post("/log", f"line {i}", headers=TEXT).status == 200
    for log in logs:
        assert [json.loads(line)["Message"] for line in lines_of(log)] == ["line 0", "line 1", "line 2"]


def last_cursor(log):
    """When it answers again: the writers may have gone on by another one."""
    def ask():
        answer = log.get("/log?n=1", headers={"Accept": "application/x-ndjson"})
        return answer.status == 200 and answer.body
    return split(wait_until(ask, "it answers again", 30).splitlines()[-1])[0]


def lines_of(log, query=""):
    answer = log.get(f"/log?service=unknown&service=test&n=10000{query}", headers={"Accept": "application/x-ndjson"})
    assert answer.status == 200, answer
    return answer.text.splitlines()


def test_what_comes_to_two_daemons_is_there_once_and_in_one_order(make_cluster, shared_postgres, database_url):
    """Each source sends to both by turns, and each batch to both at once: only one of them may store it."""
    cluster = make_cluster(database_url)
    a, b = cluster.daemon("log").start(), cluster.daemon("log").start()
    follower = Follower(b, split(wait_until(lambda: page(b, n=1), "a first line")[0])[0])
    follower.start()
    sources = [secrets.token_hex(16) for _ in range(4)]

    def send(source):
        counts = []
        for n in range(1, 200, 10):
            with concurrent.futures.ThreadPoolExecutor(2) as both:
                answers = list(both.map(lambda log, first=n: batch(log, source, range(first, first + 10)), (a, b)))
            assert all(answer.status == 200 for answer in answers), answers
            counts.append(sum(answer.json["Stored"] for answer in answers))
        return counts

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(counts == [10] * 20 for counts in pool.map(send, sources))
    found = [json.loads(line) for (line,) in stored(shared_postgres, database_url)]
    for source in sources:
        assert [r["Sequence"] for r in found if r["Source"] == source] == list(range(1, 201))
    assert lines_of(a) == lines_of(b)
    last = last_cursor(a)
    follower.finish(last)
    assert not follower.failure
    positions = [int(cursor.split("-")[1], 16) for cursor, _ in follower.seen]
    everything = [int(p) for (p,) in shared_postgres.sql("SELECT position FROM gradebook_log.records ORDER BY position", database_url.rsplit("/", 1)[1])]
    assert positions == everything[everything.index(positions[0]):][:len(positions)] and positions[-1] >= int(last.split("-")[1], 16)
    # A gap that one saw is filled through the other.
    assert batch(a, sources[0], [205]).status == 200
    assert batch(b, sources[0], [203]).json["Stored"] == 1
    assert batch(a, sources[0], [203]).json["Duplicates"] == 1
    assert sum(b"201 to 204" in line for line in page(a, n=10000)) == 1


def test_a_line_is_read_from_the_other_daemon_at_once(make_cluster, database_url):
    cluster = make_cluster(database_url)
    a, b = cluster.daemon("log").start(), cluster.daemon("log").start()
    for i in range(30):
        here, there = (a, b) if i % 2 else (b, a)
        assert here.post("/log", f"line {i}", headers=TEXT).status == 200
        assert json.loads(lines_of(there)[-1])["Message"] == f"line {i}"


# ---- a database that goes away ----

class Writer(threading.Thread):
    """A source that sends one batch after the other until it is answered; remembers what was acknowledged."""

    def __init__(self, logs):
        super().__init__(daemon=True)
        self.logs = logs
        self.source = secrets.token_hex(16)
        self.acknowledged = 0
        self.ending = threading.Event()
        self.refused = []
        self.failure = None

    def run(self):
        turn = 0
        while not self.ending.is_set():
            numbers = range(self.acknowledged + 1, self.acknowledged + 6)
            answer = batch(self.logs[turn % len(self.logs)], self.source, numbers)
            if answer.status == 200:
                self.acknowledged = numbers[-1]
            elif answer.status == 503 and answer.headers["Retry-After"]:
                self.refused.append(answer.json["detail"])
                turn += 1
                self.ending.wait(0.02)
            else:
                self.failure = answer
                return

    def finish(self):
        self.ending.set()
        self.join(30)
        assert not self.is_alive() and not self.failure, self.failure


def judge(server, url, writers):
    found = {w.source: [] for w in writers}
    for (line,) in stored(server, url):
        record = json.loads(line)
        if record["Source"] in found:
            found[record["Source"]].append(record["Sequence"])
    for w in writers:
        numbers = found[w.source]
        assert numbers == list(range(1, len(numbers) + 1)), "a record is missing, there twice, or out of order"
        assert len(numbers) >= w.acknowledged, f"{w.acknowledged} acknowledged, {len(numbers)} stored"
    end = 0
    for position, size in server.sql("SELECT position, octet_length(line) FROM gradebook_log.records ORDER BY position", url.rsplit("/", 1)[1]):
        assert int(position) == end, "the lines are not one behind the other"
        end += int(size) + 1


def test_the_database_is_killed_and_comes_back(make_cluster, make_postgres):
    server = make_postgres()
    url = server.create_database("log")
    cluster = make_cluster(url)
    logs = [cluster.daemon("log").start(), cluster.daemon("log").start()]
    writers = [Writer(logs) for _ in range(4)]
    for w in writers:
        w.start()
    follower = Follower(logs[0], split(wait_until(lambda: page(logs[0], n=1), "a first line")[0])[0])
    follower.start()
    for _ in range(3):
        before = [w.acknowledged for w in writers]
        wait_until(lambda b=before: all(w.acknowledged > x + 20 for w, x in zip(writers, b)), "all go on", 30)
        server.kill()
        # Whoever waits for a commit that is on its way waits until its outcome can be asked for, ten seconds at most.
        wait_until(lambda: all(w.refused for w in writers), "they are refused", 30)
        wait_until(lambda: logs[0].get("/log").status == 503, "reading is refused")
        assert logs[0].get("/log").headers["Retry-After"]
        wait_until(lambda: "cannot write since" in logs[0].status and "PostgreSQL at 127.0.0.1" in logs[0].status, "STATUS= says so", 30)
        wait_until(lambda: metric(logs[0], "postgres_connected") == 0 and metric(logs[0], "failed") == 1, "and so do the metrics", 30)
        for w in writers:
            w.refused.clear()
        server.start()
    before = [w.acknowledged for w in writers]
    wait_until(lambda: all(w.acknowledged > x for w, x in zip(writers, before)), "all go on", 30)
    wait_until(lambda: "cannot write" not in logs[0].status, "STATUS= says that all is well again")
    for w in writers:
        w.finish()
    follower.finish(last_cursor(logs[0]))
    assert not follower.failure
    judge(server, url, writers)


def test_a_standby_takes_over(make_cluster, make_postgres):
    """A synchronous one: it has all that was acknowledged. While it is a standby, the log does not write to it."""
    primary = make_postgres("synchronous_standby_names = ''\n")
    standby = make_postgres("synchronous_standby_names = ''\n", primary)
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.sql("SELECT pg_reload_conf()")
    wait_until(lambda: primary.sql("SELECT sync_state FROM pg_stat_replication") == [["sync"]], "the standby follows")
    url = f"postgresql://{ROLE}@127.0.0.1:{standby.port},127.0.0.1:{primary.port}/postgres"
    cluster = make_cluster(url)
    logs = [cluster.daemon("log").start(), cluster.daemon("log").start()]
    writers = [Writer(logs) for _ in range(4)]
    for w in writers:
        w.start()
    wait_until(lambda: all(w.acknowledged > 50 for w in writers), "all go on", 30)
    follower = Follower(logs[0], split(page(logs[0], n=1)[0])[0])
    follower.start()
    primary.kill()
    wait_until(lambda: all(w.refused for w in writers), "they are refused", 30)
    standby.promote()
    before = [w.acknowledged for w in writers]
    wait_until(lambda: all(w.acknowledged > x + 20 for w, x in zip(writers, before)), "all go on with the other server", 30)
    for w in writers:
        w.finish()
    follower.finish(last_cursor(logs[0]))
    assert not follower.failure
    judge(standby, url, writers)


def test_connections_are_ended_at_random(make_cluster, shared_postgres, database_url):
    cluster = make_cluster(database_url)
    logs = [cluster.daemon("log").start(), cluster.daemon("log").start()]
    writers = [Writer(logs) for _ in range(4)]
    for w in writers:
        w.start()
    for _ in range(40):
        shared_postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gradebook-log' AND datname = current_database()"
                            " AND random() < 0.5", database_url.rsplit("/", 1)[1])
        assert logs[0].get("/log").status in (200, 503)
        threading.Event().wait(0.03)
    before = [w.acknowledged for w in writers]
    wait_until(lambda: all(w.acknowledged > x for w, x in zip(writers, before)), "all go on", 30)
    for w in writers:
        w.finish()
    judge(shared_postgres, database_url, writers)


def message(kind, *fields):
    """As the server frames it."""
    body = b"".join(field + b"\0" for field in fields)
    return kind + (len(body) + 4).to_bytes(4, "big") + body


COMMITTED = message(b"C", b"COMMIT")
ENDED = message(b"E", b"SFATAL", b"VFATAL", b"C57P01", b"Mterminating connection due to administrator command", b"")


class Wire:
    """Passes bytes between the log and the server, until it is told to cut the connection when a commit has happened: what of the answer
    gets through is for cut() to say."""

    def __init__(self, port, cut=lambda answer: b""):
        self.target = port
        self.cut = cut
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut_next = threading.Event()
        self.cuts = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        server = socket.create_connection(("127.0.0.1", self.target))
        armed = False
        with client, server:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    try:
                        data = source.recv(65536)
                    except OSError:
                        return
                    if not data:
                        return
                    if source is server and armed:
                        client.sendall(self.cut(data))
                        self.cuts += 1
                        return                  # the server has answered: it is committed
                    if source is client and b"COMMIT\0" in data and self.cut_next.is_set():
                        self.cut_next.clear()
                        armed = True
                    (server if source is client else client).sendall(data)

    def close(self):
        self.listener.close()


def test_a_commit_whose_answer_is_lost_is_looked_up(make_cluster, shared_postgres, database_url):
    """Lines of text have no number that would show a second one."""
    wire = Wire(shared_postgres.port)
    log = make_cluster(database_url.replace(str(shared_postgres.port), str(wire.port))).daemon("log").start()
    for i in range(10):
        wire.cut_next.set()
        assert log.post("/log", f"line {i}", headers=TEXT, timeout=30).status == 200
    assert wire.cuts >= 10 and metric(log, "postgres_unknown_total") == wire.cuts
    assert [json.loads(line)["Message"] for line in lines_of(log)] == [f"line {i}" for i in range(10)]
    wire.close()


@pytest.mark.parametrize("last", [b"", ENDED], ids=["lost", "ended"])
def test_a_connection_that_ends_right_behind_the_commit_takes_nothing_back(make_cluster, shared_postgres, database_url, last):
    """The server looks whether it has to end the connection when it has answered the commit and not yet that it is ready for more."""
    wire = Wire(shared_postgres.port, lambda answer: answer[:answer.index(COMMITTED) + len(COMMITTED)] + last)
    log = make_cluster(database_url.replace(str(shared_postgres.port), str(wire.port))).daemon("log").start()
    source = secrets.token_hex(16)
    for i in range(1, 11):
        wire.cut_next.set()
        assert log.post("/log", f"line {i}", headers=TEXT, timeout=30).status == 200
        wire.cut_next.set()
        counts = batch(log, source, [i]).json
        assert counts["Stored"] == 1 and counts["Duplicates"] == 0, counts
    assert wire.cuts >= 20
    assert [json.loads(line)["Message"] for line in lines_of(log)] == [f"{what} {i}" for i in range(1, 11) for what in ("line", "message")]
    wire.close()


def test_it_starts_without_its_database_and_goes_on_when_it_is_there(make_cluster, make_postgres):
    server = make_postgres()
    url = server.create_database("log")
    server.stop()
    log = make_cluster(url).daemon("log").start()
    assert "starts without its database" in log.stderr
    answer = log.post("/log", "nobody there", headers=TEXT)
    assert answer.status == 503 and answer.headers["Retry-After"] and "PostgreSQL" in answer.json["detail"], answer
    server.start()
    wait_until(lambda: log.post("/log", "there", headers=TEXT).status == 200, "it takes lines")
    assert [json.loads(line)["Message"] for line in lines_of(log)] == ["there"]


def test_a_full_disk_is_told_and_recovers(make_cluster, make_postgres, make_disk):
    server = make_postgres()
    disk = make_disk("32m", server.directory / "disk")
    server.own(disk)
    (disk / "ballast").write_bytes(bytes(16 << 20))
    url = server.create_database("log")
    server.sql(f"CREATE TABLESPACE small LOCATION '{disk}'")
    server.sql("ALTER DATABASE log SET default_tablespace = 'small'")
    log = make_cluster(url).daemon("log").start()
    first = log.post("/log", "first", headers=TEXT)
    assert first.status == 200

    def post():
        return log.post("/log", "\n".join([secrets.token_hex(400)] * 500), headers=TEXT, timeout=30).status

    wait_until(lambda: post() == 507, "the disk is full", 60)
    assert json.loads(lines_of(log, "&order=oldest")[0])["Message"] == "first"
    wait_until(lambda: "cannot write since" in log.status, "STATUS= says so")
    (disk / "ballast").unlink()
    wait_until(lambda: "cannot write" not in log.status, "it notices that there is room", 20)
    assert post() == 200


# ---- partitions, schema, rights ----

def test_the_oldest_partitions_are_dropped(make_cluster, shared_postgres, database_url):
    cluster = make_cluster(database_url)
    cluster.configure("log", {"Store": {"MaxFileSize": "1M", "MaxUse": "6M"}})
    log = cluster.daemon("log").start()
    first = split(wait_until(lambda: page(log, n=1), "a first line")[0])[0]
    source = secrets.token_hex(16)
    name = database_url.rsplit("/", 1)[1]
    for n in range(1, 160):
        body = json.dumps({"Service": "test", "Message": secrets.token_hex(30000), "Source": source, "Sequence": n})
        assert log.post("/log", body, headers={"Content-Type": "application/json"}).status == 200
    wait_until(lambda: metric(log, "expired_files_total") >= 3, "partitions are dropped", 20)
    tables = [row[0] for row in shared_postgres.sql("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'gradebook_log.records'::regclass", name)]
    assert 2 <= len(tables) <= 8 and "gradebook_log.records_00000001" not in tables, tables
    assert log.get(f"/log?after={first}").status == 410
    numbers = [json.loads(line)["Sequence"] for line in lines_of(log, "&order=oldest")]
    assert numbers == list(range(numbers[0], 160)) and numbers[0] > 1
    # A number that is gone is still known.
    assert batch(log, source, [1]).json["Duplicates"] == 1


def test_a_schema_of_a_newer_version_is_left_alone(make_cluster, shared_postgres, database_url):
    cluster = make_cluster(database_url)
    log = cluster.daemon("log").start()
    log.stop()
    shared_postgres.sql("UPDATE gradebook_log.state SET version = 99", database_url.rsplit("/", 1)[1])
    log.launch()
    assert log.wait() != 0
    assert "newer version of gradebook" in log.stderr


def test_the_password_is_a_credential(make_cluster, make_postgres):
    server = make_postgres()
    server.sql("CREATE ROLE log LOGIN PASSWORD 'geheim'; GRANT CREATE ON DATABASE postgres TO log")
    server.require_passwords()
    url = server.url().replace(ROLE, "log")
    cluster = make_cluster(url)
    log = cluster.daemon("log").start()
    answer = log.post("/log", "line", headers=TEXT)
    assert answer.status == 503 and "password" in answer.json["detail"], answer
    log.stop()
    (cluster.credentials / "postgresql-password").write_text("geheim\n")
    log.start()
    assert log.post("/log", "line", headers=TEXT).status == 200
    assert "geheim" not in log.stderr


@pytest.mark.parametrize("store,why", [("mysql://h/d", "postgresql://"), ("postgresql://u:geheim@h/d", "credential"), ("postgresql://h", "database")])
def test_a_bad_url_is_told(cluster, store, why):
    cluster.configure("log", {"Log": {"Store": store}})
    log = cluster.daemon("log").launch()
    assert log.wait() != 0
    assert "Store=" in log.stderr and why in log.stderr and "geheim" not in log.stderr
