# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebookctl log and trace against a log service that fails on demand: what is shown, in which order, and that nothing is missing
or twice."""

import json
import os
import re
import signal
import subprocess

import pytest

import gradebook
from ctl import FAILURE, NOT_FOUND, OK, UNREACHABLE, USAGE, Ctl, Running
from fakes import FakeLog


@pytest.fixture
def log(cluster):
    """A log service that the registry knows."""
    registry = cluster.start("registry")
    fake = FakeLog()
    assert registry.post("/services", {"ServiceName": "LogService", "ServiceURL": fake.url}).status == 200
    yield fake
    fake.close()


@pytest.fixture
def ctl(cluster):
    return Ctl(cluster)


def fill(log, n, **members):
    for i in range(n):
        log.add(f"line {i}", time=f"2026-11-22T{10 + i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}.000000Z", **members)


def messages(done):
    return [json.loads(line)["Message"] for line in done.stdout.splitlines()]


def paths(log):
    with log.lock:
        return [path for _, path, _, _ in log.requests if path.startswith("/log?")]


# ---- what is shown ----

def test_forms(log, ctl):
    log.add("no \x1b[1mroom", priority=3, Host="tower", Instance="http://a:6000", Fields={"STUDENT": "1"})
    assert ctl("log").stdout == "Nov 22 21:41:28 tower gradebook-grading[http://a:6000]: no ?[1mroom\n"
    assert ctl("log", "-o", "short-iso").stdout.startswith("2026-11-22T21:41:28+0000 tower gradebook-grading[")
    assert ctl("log", "-o", "short-precise").stdout.startswith("Nov 22 21:41:28.123456 tower ")
    assert ctl("log", "-o", "cat").stdout == "no ?[1mroom\n"
    assert "    STUDENT=1\n" in ctl("log", "--output=verbose").stdout
    record, = map(json.loads, ctl("log", "-o", "json").stdout.splitlines())
    assert record["Message"] == "no \x1b[1mroom" and record["Cursor"] == log.cursor(0)
    assert ctl("--json", "log").stdout == ctl("log", "-o", "json").stdout
    assert "one of short, short-iso, short-precise, verbose, json and cat" in ctl("log", "-o", "xml", code=USAGE).stderr


def test_nothing(log, ctl):
    assert ctl("log").stdout == "-- No entries --\n"
    assert ctl("log", "-q").stdout == ""
    assert ctl("log", "-o", "json").stdout == ""
    log.add("something")
    assert ctl("log", "-n", "0").stdout == "-- No entries --\n"
    assert ctl("log", "-u", "gradebook-gradin").stderr == 'gradebookctl: no line of "gradebook-gradin": did you mean "gradebook-grading"?\n'
    assert ctl("log", "-qu", "gradebook-gradin").stderr == ""
    # Who is there has only been silent.
    assert ctl("log", "-u", "gradebook-grading.service", "-p", "err").stderr == ""


def test_all_by_pages(log, ctl):
    fill(log, 4321)
    assert messages(ctl("log", "-o", "json")) == [f"line {i}" for i in range(4321)]
    assert len(paths(log)) == 3, "pages of 2000"
    assert messages(ctl("log", "-r", "-o", "json")) == [f"line {i}" for i in reversed(range(4321))]


def test_lines(log, ctl):
    fill(log, 12345)
    assert messages(ctl("log", "-n", "3", "-o", "json")) == ["line 12342", "line 12343", "line 12344"]
    assert len(messages(ctl("log", "-n", "-o", "json"))) == 10, "-n alone"
    assert len(messages(ctl("log", "-o", "json", "-n"))) == 10
    assert len(messages(ctl("log", "-n", "7", "-o", "json"))) == 7 == len(messages(ctl("log", "-n7", "-o", "json")))
    assert len(messages(ctl("log", "--lines=all", "-o", "json"))) == 12345 == len(messages(ctl("log", "-n", "all", "-o", "json")))
    assert messages(ctl("log", "-rn", "3", "-o", "json")) == ["line 12344", "line 12343", "line 12342"]
    # More than the service gives at once.
    assert messages(ctl("log", "-n", "10500", "-o", "json")) == [f"line {i}" for i in range(1845, 12345)]
    assert 'a whole number or "all" is needed' in ctl("log", "--lines=many", code=USAGE).stderr
    assert 'a whole number or "all" is needed' in ctl("log", "--lines=-1", code=USAGE).stderr


def test_choice(log, ctl):
    for i, service in enumerate(["gradebook-portal", "gradebook-grading", "gradebook-log", "cook"]):
        for priority in range(8):
            log.add(f"{service} {priority} WHAT+ever&more", service, priority, Host=f"host{i % 2}")
    assert len(messages(ctl("log", "-u", "cook", "-u", "gradebook-log.service", "-o", "json"))) == 16
    assert len(messages(ctl("log", "-u", "gradebook-*", "-u", "cook", "-p", "warning", "-o", "json"))) == 20
    assert messages(ctl("log", "-u", "*[kg]", "-o", "json", "-n", "9"))[0].startswith("gradebook-log 7")
    assert messages(ctl("log", "-u", "gradebook-?*", "-o", "json", "-rn", "1")) == ["gradebook-log 7 WHAT+ever&more"]
    assert len(messages(ctl("log", "-p", "3", "-o", "json"))) == 16
    assert {m.split()[1] for m in messages(ctl("log", "-p", "err..notice", "-o", "json"))} == {"3", "4", "5"}
    assert {m.split()[1] for m in messages(ctl("log", "-p", "5..3", "-o", "json"))} == {"3", "4", "5"}
    assert len(messages(ctl("log", "-p", "err..notice", "-n", "4", "-o", "json"))) == 4
    assert len(messages(ctl("log", "--host", "host1", "-o", "json"))) == 16
    assert len(messages(ctl("log", "-g", r"what\+ever&more$", "-o", "json"))) == 32
    assert len(messages(ctl("log", "-g", "What", "-o", "json"))) == 0
    assert len(messages(ctl("log", "-g", "What", "--case-sensitive=no", "-o", "json"))) == 32
    assert len(messages(ctl("log", "-g", "what", "--case-sensitive", "-o", "json"))) == 0
    # As with journalctl, the last that match come newest first.
    assert messages(ctl("log", "-g", "cook", "-n", "2", "-o", "json")) == ["cook 7 WHAT+ever&more", "cook 6 WHAT+ever&more"]


def test_times(log, ctl):
    fill(log, 7200)
    for arguments, first, last in [
        (["-S", "2026-11-22 11:00", "-U", "2026-11-22 11:00:02"], 3600, 3602),
        (["--since=2026-11-22T13:59:58+02:00"], 7198, 7199),
        (["-U", "2026-11-22"], None, None),
        (["-U", "Sun 2026-11-22 10:00:01 UTC"], 0, 1),
        (["-S", "1h ago", "-U", "+1h"], None, None),
        (["-S", "-100000d"], None, None),
    ]:
        if arguments[-1] == "-100000d":
            assert "a time such as" in ctl("log", *arguments, code=USAGE).stderr
            continue
        got = messages(ctl("log", *arguments, "-o", "json"))
        assert got == ([] if first is None else [f"line {i}" for i in range(first, last + 1)]), arguments
    # The time zone is the reader's.
    done = ctl("log", "-S", "2026-11-22 11:00", "-n", "1", "-o", "json", environment={"TZ": "UTC+1"})
    assert "since=2026-11-22T12%3A00%3A00.000000Z" in paths(log)[-1] and messages(done) == []
    for option in ("since", "until"):
        assert f"--{option}=soon: a time such as" in ctl("log", f"--{option}=soon", code=USAGE).stderr
    assert "--until=yesterday is before --since=today" in ctl("log", "-S", "today", "-U", "yesterday", code=USAGE).stderr


def test_cursors(log, ctl):
    fill(log, 20)
    cursors = [json.loads(line)["Cursor"] for line in ctl("log", "-o", "json").stdout.splitlines()]
    assert messages(ctl("log", "--after-cursor", cursors[16], "-o", "json")) == ["line 17", "line 18", "line 19"]
    assert messages(ctl("log", "-c", cursors[17], "-o", "json")) == ["line 17", "line 18", "line 19"]
    assert messages(ctl("log", "-c", cursors[0], "-n", "2", "-o", "json")) == ["line 0", "line 1"]
    assert messages(ctl("log", "-r", "--after-cursor", cursors[2], "-o", "json")) == ["line 1", "line 0"]
    assert messages(ctl("log", "-r", "-c", cursors[2], "-o", "json")) == ["line 2", "line 1", "line 0"]
    assert messages(ctl("log", "-r", "-c", cursors[19], "-n", "1", "-o", "json")) == ["line 19"]
    assert ctl("log", "-n", "1", "--show-cursor", "-o", "cat").stdout == f"line 19\n-- cursor: {cursors[19]}\n"
    assert "a cursor of another log" in ctl("log", "--after-cursor=00000000-0", code=FAILURE).stderr
    assert "this is no cursor" in ctl("log", "--after-cursor=" + "x" * 200, code=USAGE).stderr
    log.delete(5)
    done = ctl("log", "--after-cursor", cursors[2], "-o", "json")
    assert messages(done) == [f"line {i}" for i in range(5, 20)]
    assert "lines were deleted before they could be read" in done.stderr


def test_what_cannot_be(log, ctl):
    for arguments, complaint in [
        (["-f", "-r"], "--follow and --reverse"), (["-f", "-U", "now"], "--until ends"), (["-p", "loud"], "0 to 7, one of emerg"),
        (["-p", "8"], "0 to 7, one of emerg"), (["-p", "err.."], "a range such as"), (["-u", "gradebook-log.socket"], "journalctl -u gradebook-log.socket"),
        (["-u", "a b"], "a unit's name has only"), (["-u", ""], "a unit's name is needed"), (["-g", ""], "a pattern is needed"),
        (["--case-sensitive=perhaps"], "yes or no"), (["-c", "a", "--after-cursor=b"], "cannot be had together"), (["now"], "too many arguments"),
    ]:
        assert complaint in ctl("log", *arguments, code=USAGE).stderr, arguments
    assert paths(log) == []


def test_page_that_breaks_off(log, ctl):
    fill(log, 5000)
    log.break_pages = 4
    assert messages(ctl("log", "-o", "json")) == [f"line {i}" for i in range(5000)]
    assert log.break_pages == 0
    log.break_pages = 1
    assert messages(ctl("log", "-n", "300", "-o", "json")) == [f"line {i}" for i in range(4700, 5000)]
    log.break_pages = 2
    assert messages(ctl("log", "-r", "-o", "json")) == [f"line {i}" for i in reversed(range(5000))]
    log.close()
    assert "LogService at" in ctl("log", code=UNREACHABLE).stderr


def test_memory_is_bounded(log, ctl):
    """30 MiB of lines, of which no page may be held whole."""
    for i in range(480):
        log.add(f"{i} " + "x" * 65000)
    done = subprocess.run(["/usr/bin/env", "bash", "-c", 'ulimit -v 400000; "$@" | cut -c -200; exit ${PIPESTATUS[0]}', "bash", *ctl.command("log", "-o", "cat")],
                          capture_output=True, text=True, env={**os.environ, "LC_ALL": "C", "ASAN_OPTIONS": "detect_leaks=0"})
    if "ReserveShadowMemoryRange" in done.stderr or "sanitizer" in done.stderr.lower():
        pytest.skip("a sanitizer reserves more address space than this allows")
    assert done.returncode == OK, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [str(i) for i in range(480)]
    assert len(paths(log)) > 7


# ---- follow ----

def test_follow(log, ctl):
    fill(log, 15)
    with Running(ctl, "log", "-f", "-o", "cat") as follower:
        follower.shows("line 14\n")
        gradebook.wait_until(lambda: log.streams == 1, "it follows")
        log.add("new")
        follower.shows("line 14\nnew\n")
        assert follower.interrupt() == OK
        assert follower.text == "".join(f"line {i}\n" for i in range(5, 15)) + "new\n" and follower.errors == ""


@pytest.mark.parametrize("arguments, shown", [(["-n", "0"], 0), (["-n", "3"], 3), (["-n", "all"], 2500), (["-S", "2026-11-22 10:41:00"], 40)])
def test_follow_begins(log, ctl, arguments, shown):
    fill(log, 2500)
    with Running(ctl, "log", "-f", "-o", "cat", *arguments) as follower:
        gradebook.wait_until(lambda: log.streams == 1, "it follows")
        log.add("new")
        follower.shows("new\n")
        assert follower.interrupt() == OK
        assert follower.text.splitlines() == [f"line {i}" for i in range(2500 - shown, 2500)] + ["new"]


def test_follow_from_an_empty_log(log, ctl):
    with Running(ctl, "log", "-f", "-o", "cat", "-p", "err..info") as follower:
        gradebook.wait_until(lambda: log.streams == 1, "it follows")
        log.add("too important", priority=2)
        log.add("first")
        log.add("too loud", priority=7)
        follower.shows("first\n")
        log.end_streams()
        log.add("second")
        follower.shows("first\nsecond\n")
        assert follower.interrupt() == OK
        assert follower.text == "first\nsecond\n"


def test_follow_over_interruptions(log, ctl, cluster):
    """Streams that end while lines come, and a service that is away and returns at another address."""
    with Running(ctl, "log", "-f", "-n", "0", "-o", "cat") as follower:
        gradebook.wait_until(lambda: log.streams == 1, "it follows")
        for i in range(300):
            log.add(f"line {i}")
            if i % 50 == 20:
                streams = log.streams
                log.end_streams()
                log.add(f"meanwhile {i}")
                gradebook.wait_until(lambda: log.streams > streams, "it follows again")
        follower.shows("line 299\n")
        log.close()
        follower.complains("going on when it does\n")
        other = FakeLog()
        other.lines, other.position = log.lines, log.position
        other.add("at the other address")
        try:
            registry = cluster.daemons[0]
            assert registry.request("/services", "DELETE", log.url).status == 200
            assert registry.post("/services", {"ServiceName": "LogService", "ServiceURL": other.url}).status == 200
            follower.shows("at the other address\n")
            assert follower.interrupt() == OK
        finally:
            other.close()
        wanted = [line for i in range(300) for line in [f"line {i}"] + [f"meanwhile {i}"] * (i % 50 == 20)] + ["at the other address"]
        assert follower.text.splitlines() == wanted
        assert len(re.findall("going on when it does", follower.errors)) <= 7, "said once each time"


def test_follow_says_what_was_deleted(log, ctl):
    fill(log, 3)
    with Running(ctl, "log", "-f", "-n", "1", "-o", "cat") as follower:
        gradebook.wait_until(lambda: log.streams == 1, "it follows")
        with log.changed:
            log.break_streams += 1
            log.lines.clear()
            log.changed.notify_all()
        log.add("next")
        follower.complains("lines were deleted")
        gradebook.wait_until(lambda: log.streams == 2, "it follows again")
        log.add("after it")
        follower.shows("after it")
        assert follower.interrupt() == OK


def test_follow_ends_with_its_reader(log, ctl):
    fill(log, 3)
    with Running(ctl, "log", "-f") as follower:
        follower.shows("line 2")
        gradebook.wait_until(lambda: log.streams == 1, "it follows")
        follower.process.stdout.close()
        assert follower.process.wait(10) == OK
        follower.process.stdout = open(os.devnull, "rb")


def test_follow_is_terminated(log, ctl):
    with Running(ctl, "log", "-f") as follower:
        gradebook.wait_until(lambda: log.streams == 1, "it follows")
        assert follower.interrupt(signal.SIGTERM) == -signal.SIGTERM


def test_follow_where_none_is(cluster, ctl):
    cluster.start("registry")
    assert "knows no living LogService" in ctl("log", "-f", code=UNREACHABLE).stderr


# ---- the pager ----

@pytest.fixture
def pager(tmp_path):
    """A pager that shows how it was called; and its name."""
    path = tmp_path / "show-me"
    path.write_text('#!/bin/sh\necho "pager $# $1 LESS=$LESS SECURE=$LESSSECURE"\nexec cat\n')
    path.chmod(0o755)
    return path


def test_pager(log, ctl, pager):
    fill(log, 3)
    code, text = ctl.terminal("log", "-o", "cat", environment={"SYSTEMD_PAGER": f"{pager} one;touch two", "SYSTEMD_PAGERSECURE": "0", "LESS": "mine"})
    assert (code, text) == (OK, "pager 2 one;touch LESS=FRSXMK SECURE=\nline 0\nline 1\nline 2\n")
    code, text = ctl.terminal("log", "-o", "cat", environment={"SYSTEMD_PAGER": str(pager), "SYSTEMD_PAGERSECURE": "1", "SYSTEMD_LESS": "FRSXM"})
    assert text.startswith("pager 0  LESS=FRSXM SECURE=1\n")
    # Less important than the other, and not asked where nothing may be started for somebody else.
    code, text = ctl.terminal("log", "-o", "cat", environment={"PAGER": str(pager), "SYSTEMD_PAGERSECURE": "0"})
    assert text.startswith("pager 0 ")
    code, text = ctl.terminal("log", "-o", "cat", environment={"PAGER": str(pager), "SUDO_UID": "1000"})
    assert code == OK and "pager" not in text and "line 2" in text


@pytest.mark.parametrize("environment, arguments", [({"SYSTEMD_PAGER": ""}, []), ({"SYSTEMD_PAGER": "cat"}, []), ({"TERM": "dumb"}, []), ({}, ["--no-pager"])])
def test_no_pager(log, ctl, pager, environment, arguments):
    fill(log, 3)
    code, text = ctl.terminal("log", "-o", "cat", *arguments, environment={"PAGER": str(pager), "SYSTEMD_PAGERSECURE": "0", **environment})
    assert (code, text) == (OK, "line 0\nline 1\nline 2\n")


def test_pager_that_is_not_there(log, ctl):
    fill(log, 3)
    code, text = ctl.terminal("log", "-o", "cat", environment={"SYSTEMD_PAGER": "/nonexistent/pager", "SYSTEMD_PAGERSECURE": "0", "PATH": "/nonexistent"})
    assert (code, text) == (OK, "line 0\nline 1\nline 2\n")


def test_pager_that_is_quit_early(log, ctl, tmp_path):
    fill(log, 12000)
    path = tmp_path / "quitter"
    path.write_text("#!/bin/sh\nhead -n 2\n")
    path.chmod(0o755)
    code, text = ctl.terminal("log", "-o", "cat", environment={"SYSTEMD_PAGER": str(path), "SYSTEMD_PAGERSECURE": "0"})
    assert (code, text) == (OK, "line 0\nline 1\n")
    done = subprocess.run(["bash", "-c", '"$@" | head -n 2; exit ${PIPESTATUS[0]}', "bash", *ctl.command("log", "-o", "cat")], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (OK, "line 0\nline 1\n", "")


def test_colours(log, ctl):
    log.add("bad", priority=3)
    log.add("good", priority=6)
    code, text = ctl.terminal("log", "--no-pager")
    assert ": \x1b[1;31mbad\x1b[0m\n" in text and ": good\n" in text
    code, text = ctl.terminal("log", "--no-pager", environment={"NO_COLOR": "1"})
    assert "\x1b" not in text


def test_output_that_cannot_be_written(log, ctl):
    fill(log, 3000)
    with open("/dev/full", "w") as full:
        done = subprocess.run(ctl.command("log"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == FAILURE
    assert done.stderr == "gradebookctl: what was asked for could not be written: No space left on device\n"


# ---- gaps ----

GAP, SUPPRESSED = (re.search(rf'X\({name}, "(\w+)"\)', (gradebook.SOURCE / "src/runtime/events.h").read_text())[1] for name in ("LOG_GAP", "LOG_SUPPRESSED"))


def test_gaps(log, ctl):
    assert ctl("log", "--gaps").stdout == "No line is known to be missing.\n"
    fill(log, 3)
    log.add("3 records of gradebook-grading on tower are missing: 41 to 43", "gradebook-log", 4, MessageID=GAP,
            Fields={"GAP_SOURCE": "5" * 32, "GAP_SERVICE": "gradebook-grading", "GAP_INSTANCE": "http://a:6000", "GAP_HOST": "tower",
                    "GAP_FIRST": "41", "GAP_LAST": "43", "GAP_COUNT": "3"})
    log.add("1 record", "gradebook-log", 4, MessageID=GAP, Fields={"GAP_SERVICE": "cook", "GAP_FIRST": "7", "GAP_LAST": "7", "GAP_COUNT": "1"})
    log.add("20 records", "gradebook-log", 4, MessageID=SUPPRESSED, Fields={"SUPPRESSED_SERVICE": "chatter", "SUPPRESSED_COUNT": "20"})
    assert ctl("log", "--gaps").stdout == (
        "2026-11-22 21:41:28         3  gradebook-grading     tower         missing (41 to 43), http://a:6000\n"
        "2026-11-22 21:41:28         1  cook                  -             missing (7)\n"
        "2026-11-22 21:41:28        20  chatter               -             suppressed by its rate limit\n"
        "4 lines were missing in 2 gaps when these were found; 20 were suppressed.\n")
    assert [json.loads(line)["Fields"].get("GAP_COUNT") for line in ctl("--json", "log", "--gaps").stdout.splitlines()] == ["3", "1", None]


# ---- trace ----

ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_trace(log, ctl):
    for usec, service, message, priority in [(800, "gradebook-grading", "student 1 read", 6), (100, "gradebook-portal", "GET /students/1", 6),
                                             (12900, "gradebook-portal", "it failed", 3)]:
        log.add(message, service, priority, time=f"2026-11-22T21:41:28.{usec:06}Z", RequestID=ID, Host="tower", Instance=f"http://{service[10:]}")
    log.add("another request", RequestID="1" * 32)
    wanted = ("Request 4bf92f3577b34da6a3ce929d0e0e4736 of 2026-11-22 21:41:28: 3 lines of 2 services within 12.800 ms\n\n"
              "TIME              AT MS    DELTA  SERVICE              WHERE                  MESSAGE\n"
              "21:41:28.000100   0.000   +0.000  gradebook-portal     tower http://portal    GET /students/1\n"
              "21:41:28.000800   0.700   +0.700    gradebook-grading  tower http://grading   student 1 read\n"
              "21:41:28.012900  12.800  +12.100  gradebook-portal     tower http://portal    it failed\n")
    for text in (ID, ID.upper(), f"00-{ID}-00f067aa0ba902b7-01", f"Request {ID}", f"traceparent: 00-{ID}-00f067aa0ba902b7-01"):
        assert re.sub(" +", " ", ctl("trace", text).stdout) == re.sub(" +", " ", wanted), text
    assert ctl("trace", ID).stdout.splitlines()[3].index("gradebook") + 2 == ctl("trace", ID).stdout.splitlines()[4].index("gradebook")
    assert [r["Message"] for r in ctl.json("trace", ID)] == ["GET /students/1", "student 1 read", "it failed"]
    code, text = ctl.terminal("trace", ID, "--no-pager")
    assert "\x1b[1;31mit failed\x1b[0m" in text


def test_trace_of_nothing(log, ctl):
    assert ctl("trace", ID, code=NOT_FOUND).stderr == "gradebookctl: the log has no line at all\n"
    log.add("oldest")
    assert ctl("trace", ID, code=NOT_FOUND).stderr == (f"gradebookctl: the log has no line of the request {ID}; "
                                                       "it reaches back to 2026-11-22 21:41:28\n")
    for text in ("", "4711", ID + "0", "0" * 32, f"00-{ID[1:]}-00f067aa0ba902b7-01"):
        assert "the 32 hex digits of a request are needed" in ctl("trace", text, code=USAGE).stderr, text
