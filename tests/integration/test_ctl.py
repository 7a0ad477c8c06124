# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebookctl against the real daemons: what it prints, what it changes, and what it says when it cannot."""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import stat
import subprocess

import pytest

import gradebook
from ctl import CTL, FAILURE, NOT_FOUND, OK, REFUSED, UNREACHABLE, USAGE, Ctl, Running

SAMPLE = """ID,FirstName,LastName,Title,Type,Score
1,Nick,Carter,Quiz 1,Quiz,85
1,Nick,Carter,Final Exam,Exam,94
1,Nick,Carter,Quiz 2,Quiz,82
2,Roberto,Baggio,Quiz 1,Quiz,100
2,Roberto,Baggio,Final Exam,Exam,100
2,Roberto,Baggio,Quiz 2,Quiz,81
3,Emma,Stone,Quiz 1,Quiz,67
3,Emma,Stone,Final Exam,Exam,0
3,Emma,Stone,Quiz 2,Quiz,75
4,zhangsan,san,Quiz 1,Quiz,44
4,zhangsan,san,Final Exam,Exam,0
4,zhangsan,san,Quiz 2,Quiz,66
5,xiaoqiao,qiao,Quiz 1,Quiz,23
5,xiaoqiao,qiao,Final Exam,Exam,0
5,xiaoqiao,qiao,Quiz 2,Quiz,44
"""


@pytest.fixture
def ctl(cluster):
    return Ctl(cluster)


@pytest.fixture
def running(cluster, ctl):
    """Registry and grading, found by one another."""
    registry, grading = cluster.start("registry", "grading")
    gradebook.wait_until(lambda: "GradingService" in cluster.services(), "grading is registered")
    ctl.grading = grading
    ctl.registry = registry
    return ctl


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text(SAMPLE)
    return path


# ---- students and grades ----

def test_import_list_and_show(running, sample):
    done = running("students", "import", sample)
    assert done.stdout == "5 students added, 15 grades added, 0 changed, 0 unchanged (import 2)\n"
    assert done.stderr == "lines: 16 of 16\n"

    assert running("students", "list").stdout == (
        "ID  NAME            GRADES  AVERAGE\n"
        " 1  Nick Carter          3    87.0%\n"
        " 2  Roberto Baggio       3    93.7%\n"
        " 3  Emma Stone           3    47.3%\n"
        " 4  zhangsan san         3    36.7%\n"
        " 5  xiaoqiao qiao        3    22.3%\n")
    assert running("students", "show", "1").stdout == (
        "Nick Carter (ID 1), average 87.0%\n\n"
        "TITLE       TYPE  SCORE\n"
        "Quiz 1      Quiz     85\n"
        "Final Exam  Exam     94\n"
        "Quiz 2      Quiz     82\n")

    before = running.json("students", "list")
    done = running("students", "import", sample)
    assert done.stdout == "0 students added, 0 grades added, 0 changed, 15 unchanged\n"
    assert running.json("students", "list") == before
    assert before[1]["Grades"][2] == {"Title": "Quiz 2", "Type": "Quiz", "Score": 81}
    report = running.json("students", "import", sample)
    assert {name: report[name] for name in ("Import", "Added", "Changed", "Unchanged", "ErrorCount")} == {
        "Import": None, "Added": 0, "Changed": 0, "Unchanged": 15, "ErrorCount": 0}


def test_import_of_a_spreadsheets_file(running, tmp_path):
    path = tmp_path / "class.csv"
    path.write_bytes('\ufeffFirstName,LastName,Title,Type,Score\r\n"Zoë","O""Hara",Essay,Homework,99.25\r\n张,三,,,\r\n'
                     '"Zoë","O""Hara","Quiz, the second",Quiz,7\r\n'.encode())
    assert running("students", "import", path).stdout == "2 students added, 2 grades added, 0 changed, 0 unchanged (import 2)\n"
    students = running.json("students", "list")
    assert [(s["FirstName"], s["LastName"], len(s["Grades"])) for s in students] == [("Zoë", 'O"Hara', 2), ("张", "三", 0)]
    lines = running("students", "list").stdout.splitlines()
    # Wide characters take two columns: what follows stands where it stands in the other lines.
    assert lines[1].endswith('Zoë O"Hara       2    53.1%')
    assert lines[2].endswith("张 三            0        –")


def test_import_of_other_delimiters_and_line_ends(running, tmp_path):
    path = tmp_path / "class.csv"
    path.write_bytes("FirstName;LastName;Title;Type;Score\rAda;\"von; zu\";'=1+1;Quiz;99.25\r".encode())
    assert running("students", "import", path).stdout == "1 student added, 1 grade added, 0 changed, 0 unchanged (import 2)\n"
    path.write_bytes("FirstName\tLastName\tTitle\tType\tScore\r\nBob\tLee\t''x\tQuiz\t7\r\n".encode())
    assert running("students", "import", path).stdout == "1 student added, 1 grade added, 0 changed, 0 unchanged (import 6)\n"
    assert [(s["LastName"], s["Grades"][0]["Title"]) for s in running.json("students", "list")] == [("von; zu", "=1+1"), ("Lee", "'x")]


def test_import_names_the_cell_that_cannot_be_read(running, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(SAMPLE.encode() + b'6,Ada,Love\xfflace,,,\n7,"Bob"x,Lee,,,\n8,Eve\n9,Kay,"Lee\n')
    done = running("students", "import", path, code=FAILURE)
    assert done.stderr == (
        "lines: 0 of 20\n"
        f"{path}:17:3: the text is not valid UTF-8\n"
        f"{path}:18:2: text follows a closing quotation mark\n"
        f"{path}:19:3: 2 cells, where the header has 6\n"
        f"{path}:20:3: a closing quotation mark is missing\n"
        f"gradebookctl: {path} has 4 errors: nothing was changed\n")
    assert running.json("students", "list") == []


def test_import_changes_nothing_when_a_row_is_bad(running, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(SAMPLE + "6,Ada,Lovelace,Quiz 1,Quiz,101\n7,Bob\n")
    done = running("students", "import", path, code=FAILURE)
    assert done.stdout == ""
    assert done.stderr == (
        "lines: 0 of 18\n"
        f"{path}:17:6: Score must be a number from 0 to 100 with at most two decimals\n"
        f"{path}:18:3: 2 cells, where the header has 6\n"
        f"gradebookctl: {path} has 2 errors: nothing was changed\n")
    assert running.json("students", "list") == []

    running("students", "add", "Somebody", "Else", "--id", "1")
    path.write_text(SAMPLE)
    done = running("students", "import", path, code=FAILURE)
    assert f"{path}:2:1: ID 1 is Somebody Else already\n" in done.stderr
    assert len(running.json("students", "list")) == 1


def test_import_overwrites_nothing(running, sample):
    running("students", "import", sample)
    sample.write_text(SAMPLE.replace("Quiz 1,Quiz,85", "Quiz 1,Quiz,86") + "1,Nick,Carter,Quiz 3,Quiz,70\n")
    done = running("students", "import", sample, code=FAILURE)
    assert done.stdout == ""
    assert f"{sample}:2:6: Quiz 1 (Quiz) of Nick Carter is 85 already\n" in done.stderr
    assert [g["Score"] for g in running.json("students", "show", "1")["Grades"]] == [85, 94, 82]


def test_import_keeps_the_order_of_a_large_class(running, tmp_path):
    path = tmp_path / "large.csv"
    rows = [f"{s},First{s},Last{s},Quiz {g},Quiz,{g}" for g in range(12) for s in range(1, 101)]
    path.write_text("ID,FirstName,LastName,Title,Type,Score\n" + "\n".join(rows) + "\n")
    assert running("students", "import", path).stdout == "100 students added, 1200 grades added, 0 changed, 0 unchanged (import 2)\n"
    for student in running.json("students", "list"):
        assert [g["Score"] for g in student["Grades"]] == list(range(12))


def test_progress_bar_on_a_terminal(running, sample):
    leader, follower = pty.openpty()
    with subprocess.Popen([CTL, f"--config-dir={running.cluster.config}", f"--token-file={running.token_file}", "students", "import",
                           sample], stdout=follower, stderr=follower, stdin=subprocess.DEVNULL) as process:
        os.close(follower)
        seen = b""
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
    os.close(leader)
    assert process.returncode == OK
    assert b"\rlines    [" + b" " * 40 + b"] 0/16" in seen
    assert b"\rlines    [" + b"#" * 40 + b"] 16/16" in seen


def test_add(running):
    assert running("students", "add", "Ada", "Lovelace").stdout == "Ada Lovelace (ID 1), average –\n"
    assert running.json("students", "add", "--id=7", "Alan", "Turing")["ID"] == 7
    # The same once more changes nothing; somebody else's ID is refused.
    running("students", "add", "--id=7", "Alan", "Turing")
    assert "another name" in running("students", "add", "--id=7", "Al", "Turing", code=FAILURE).stderr
    assert [s["ID"] for s in running.json("students", "list")] == [1, 7]

    assert running("grade", "add", "7", "Quiz 1", "Quiz", "85.5").stdout == 'Student 7 has 85.5 in "Quiz 1" (Quiz) now.\n'
    assert running.json("grade", "add", "7", "Essay", "Homework", "100") == {"Title": "Essay", "Type": "Homework", "Score": 100}
    assert running("students", "show", "7").stdout.startswith("Alan Turing (ID 7), average 92.8%\n")


def test_bad_arguments(running):
    assert "'Type' must be one of Quiz, Test, Exam, Homework" in running("grade", "add", "1", "Q", "Riddle", "5", code=USAGE).stderr
    assert "'Score' must be a number from 0 to 100" in running("grade", "add", "1", "Q", "Quiz", "101", code=USAGE).stderr
    assert '"x" is not a student\'s ID' in running("students", "show", "x", code=USAGE).stderr
    assert "There is no student with this ID" in running("students", "show", "4711", code=NOT_FOUND).stderr
    assert "There is no student with this ID" in running("grade", "add", "4711", "Q", "Quiz", "5", code=NOT_FOUND).stderr
    assert "No such file" in running("students", "import", "/nonexistent.csv", code=NOT_FOUND).stderr
    assert running.json("students", "list") == []


# ---- the cluster ----

def test_services(running):
    header, line = running("services").stdout.splitlines()
    assert header.split() == ["SERVICE", "URL", "STATE", "SINCE", "CHECKED", "RTT", "REQUIRES"]
    assert line.split()[:3] == ["GradingService", running.grading.url, "passing"]
    assert line.split()[-1] == "LogService"
    service, = running.json("services")["Services"]
    assert service["ServiceURL"] == running.grading.url


def test_services_tree(running):
    assert running("services", "--tree").stdout == "GradingService  1 of 1 passing\n└─ LogService  not registered\n"
    for name, port, requires in (("A", 8, ["B"]), ("B", 9, ["A", "GradingService", "LogService", "*"])):
        peer = {"ServiceName": name, "ServiceURL": f"http://127.0.0.1:{port}/", "RequiredServices": requires}
        assert running.registry.post("/services", peer).status == 200
    assert running("services", "-t").stdout == (
        "GradingService  1 of 1 passing\n"
        "└─ LogService  not registered\n"
        "A  1 of 1 passing\n"
        "└─ B  1 of 1 passing\n"
        "   ├─ A  1 of 1 passing  (in a circle)\n"
        "   ├─ GradingService  1 of 1 passing  (see above)\n"
        "   ├─ LogService  not registered  (see above)\n"
        "   └─ * (every service)\n")


def test_services_show(running):
    peer = {"ServiceName": "Cook", "ServiceURL": "http://127.0.0.1:9/", "RequiredServices": ["GradingService", "*"]}
    assert running.registry.post("/services", peer).status == 200
    gradebook.wait_until(lambda: "answered in" in running("services", "show", "GradingService").stdout, "a first heartbeat")
    shown = running("services", "show", running.grading.url + "/").stdout
    assert shown.startswith(f"GradingService\n           URL: {running.grading.url}\n         State: passing since 20")
    assert "Requires: LogService, which nobody has registered\n   Required by: Cook at http://127.0.0.1:9/\n" in shown
    cook = running("services", "show", "http://127.0.0.1:9").stdout
    assert "Requires: GradingService, 1 of 1 passing\n      Requires: every service\n   Required by: nobody\n" in cook
    assert "Last check: none yet" in cook
    assert [s["ServiceName"] for s in running.json("services", "show", "Cook")] == ["Cook"]
    assert 'did you mean "GradingService"?' in running("services", "show", "GradngService", code=NOT_FOUND).stderr
    assert '"gradebookctl services" lists what is' in running("services", "show", "zzz", code=NOT_FOUND).stderr
    assert "an argument is missing" in running("services", "show", code=USAGE).stderr


def test_registry_backup_and_restore(running, tmp_path):
    file = tmp_path / "backup.json"
    for port in (8, 9):
        assert running.registry.post("/services", {"ServiceName": "Cook", "ServiceURL": f"http://127.0.0.1:{port}"}).status == 200
    assert running("registry", "backup", file).stdout == f"3 registrations saved to {file}.\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(list(tmp_path.glob("backup.json*"))) == 1
    running("deregister", "http://127.0.0.1:8")
    assert running.registry.post("/services", {"ServiceName": "Baker", "ServiceURL": "http://127.0.0.1:7"}).status == 200
    assert running("registry", "restore", file).stdout == "3 registrations: 1 added, 0 changed, 1 removed.\n"
    assert running.json("registry", "restore", file) == {"Registrations": 3, "Added": 0, "Changed": 0, "Removed": 0}
    assert running.json("registry", "backup", file) == {"File": str(file), "Registrations": 3}

    file.write_text(file.read_text().replace(":8", ":6"))
    assert "the backup is damaged or was changed" in running("registry", "restore", file, code=FAILURE).stderr
    assert "No such file" in running("registry", "restore", "/nonexistent", code=NOT_FOUND).stderr
    assert "/nonexistent/file: No such file" in running("registry", "backup", "/nonexistent/file", code=FAILURE).stderr
    assert [s["ServiceURL"] for s in running.json("services", "show", "Cook")] == ["http://127.0.0.1:9", "http://127.0.0.1:8"]


def test_watch(running):
    def cook(port, method="POST"):
        url = f"http://127.0.0.1:{port}"
        body = {"ServiceName": "Cook", "ServiceURL": url} if method == "POST" else url
        assert running.registry.request("/services", method, body).status == 200

    with Running(running, "watch") as all_, Running(running, "watch", "Cook") as cooks, Running(running, "--json", "watch") as json_:
        all_.shows(rf"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d GradingService at {running.grading.url}: passing\n")
        json_.shows("GradingService")
        gradebook.wait_until(lambda: "gradebook_registry_watchers 3\n" in running.registry.get("/metrics").text, "all three follow")
        cook(8)
        running("drain", "Cook")
        cooks.shows(r"\S+ \S+ Cook at http://127.0.0.1:8: registered\n"
                    r"(.*\n)*.*: added\n(.*\n)*.*: passing → draining: an administrator drains it\n(.*\n)*.*: removed\n")
        all_.shows("draining: an administrator drains it")
        assert "GradingService" not in cooks.text
        # Over a restart nothing is missed, and nothing is shown twice.
        running.registry.stop()
        running.registry.start()
        cook(9)
        cook(8, "DELETE")
        cooks.shows(r"Cook at http://127.0.0.1:9: (registered|passing)\n(.*\n)*.*Cook at http://127.0.0.1:8: deregistered\n")
        assert cooks.text.count("http://127.0.0.1:8: registered") == 1
        json_.shows('"Event":"deregistered"')
        events = [json.loads(line) for line in json_.text.splitlines() if line.endswith("}")]
        assert {"registered", "draining", "deregistered"} <= {e["Event"] for e in events}
        assert cooks.process.poll() is None and all_.process.poll() is None


def test_watch_cannot_begin(running, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64 + "\n")
    running("watch", code=REFUSED, token_file=wrong)
    running.registry.stop()
    running("watch", code=UNREACHABLE)


def test_drain(running):
    for port in (8, 9):
        assert running.registry.post("/services", {"ServiceName": "Cook", "ServiceURL": f"http://127.0.0.1:{port}"}).status == 200
    assert running("drain", "http://127.0.0.1:8").stdout == "Cook at http://127.0.0.1:8 is draining: it gets no new requests.\n"
    assert [s["State"] for s in running.json("services", "show", "Cook")] == ["draining", "passing"]
    # All of a name.
    assert running.json("drain", "Cook") == ["http://127.0.0.1:8", "http://127.0.0.1:9"]
    running.registry.kill()
    running.registry.start()
    assert [s["State"] for s in running.json("services", "show", "Cook")] == ["draining", "draining"]
    assert "is not draining any more" in running("undrain", "Cook").stdout
    assert [s["State"] for s in running.json("services", "show", "Cook")] == ["passing", "passing"]
    assert 'nothing is registered as "Nobody"' in running("drain", "Cook", "Nobody", code=NOT_FOUND).stderr
    assert [s["State"] for s in running.json("services", "show", "Cook")] == ["passing", "passing"]


def test_deregister(running):
    for port in (8, 9):
        peer = {"ServiceName": "Cook", "ServiceURL": f"http://127.0.0.1:{port}"}
        assert running.registry.post("/services", peer).status == 200
    # All or nothing, and never by a name.
    assert 'nothing is registered as "http://127.0.0.1:7"' in running(
        "deregister", "http://127.0.0.1:8", "http://127.0.0.1:7", code=NOT_FOUND).stderr
    assert "deregister Cook: a URL is needed" in running("deregister", "Cook", code=USAGE).stderr
    assert len(running.json("services", "show", "Cook")) == 2
    assert running("deregister", "http://127.0.0.1:8/").stdout == "Cook at http://127.0.0.1:8 is deregistered.\n"
    assert running.json("deregister", "http://127.0.0.1:9") == ["http://127.0.0.1:9"]
    running("services", "show", "Cook", code=NOT_FOUND)
    assert "an argument is missing" in running("deregister", code=USAGE).stderr


def test_status(running):
    log, portal = running.cluster.start("log", "portal")
    gradebook.wait_until(lambda: running("status", code=None).returncode == OK, "gradebookctl status finds all well")

    def health(text):
        """Where systemd runs this machine, its units stand in the table as well, whichever they are."""
        header, *rows = text.splitlines()
        at = header.index("HEALTH")
        return {row.split()[0]: row[at:].split()[0] for row in rows if row.startswith("gradebook-")}

    names = [f"gradebook-{name}" for name in ("registry", "log", "grading", "portal")]
    assert health(running("status").stdout) == dict.fromkeys(names, "ok")
    urls = {daemon.url for daemon in (running.registry, log, running.grading, portal)}
    found = running.json("status")["Daemons"]
    assert {daemon["ServiceURL"] for daemon in found} == urls
    for daemon in found:
        assert daemon["Health"] == "ok" and daemon["Good"] is True and 0 < daemon["LatencyMicroseconds"] < 1_000_000
    # Health is public, and the registry's address known: the token is not needed for it.
    done = running("status", code=None, token_file="/nonexistent")
    assert health(done.stdout)["gradebook-registry"] == "ok"

    log.stop()

    def row():
        return next(line for line in running("status", code=None).stdout.splitlines() if "grading" in line)

    gradebook.wait_until(lambda: "degraded (without LogService)" in row(), "grading says what it misses")


# ---- when something is missing ----

def usual_addresses_are_taken():
    def answers(port):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    return any(answers(port) for port in (3000, 4000, 5005, 6000))


def test_nothing_runs(ctl):
    done = ctl("services", code=UNREACHABLE)
    assert done.stderr == (f"gradebookctl: the registry at {ctl.cluster.registry_url} does not answer (Connection refused): "
                           "is it running? systemctl status gradebook-registry\n")
    # Without a registry the usual addresses are tried.
    if usual_addresses_are_taken():
        pytest.skip("a gradebook runs on this machine, at the usual addresses")
    done = ctl("students", "list", code=UNREACHABLE)
    assert "systemctl status gradebook-grading" in done.stderr
    done = ctl("status", code=UNREACHABLE)
    assert done.stdout.count("Connection refused") == 4


def test_service_is_not_registered(cluster, ctl):
    cluster.start("registry")
    done = ctl("students", "list", code=UNREACHABLE)
    assert done.stderr == (f"gradebookctl: the registry at {cluster.registry_url} knows no living GradingService: "
                           "is it running? systemctl status gradebook-grading\n")


def test_registry_option(running):
    running.cluster.configure("gradebook", {"Cluster": {"RegistryURL": "http://127.0.0.1:1"}})
    running("services", code=UNREACHABLE)
    assert "GradingService" in running(f"--registry={running.registry.url}/", "services").stdout
    assert "--registry=nonsense: an http or https URL is needed" in running("--registry=nonsense", "services", code=USAGE).stderr


def test_wrong_token(running, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64 + "\n")
    done = running("services", code=REFUSED, token_file=wrong)
    assert "the registry refuses this (401)" in done.stderr
    assert "is the cluster token the one it was started with?" in done.stderr


def test_no_token(running, tmp_path):
    done = running("services", code=FAILURE, token_file=tmp_path / "none")
    assert done.stderr == (f'gradebookctl: there is no cluster token {tmp_path}/none: "systemctl start gradebook-cluster-token" '
                           "makes it, or give --token-file=FILE\n")
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"two words\r\nX-Header: 1\r\n")
    assert "what it contains is not one" in running("services", code=FAILURE, token_file=garbage).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody who may not read the token")
def test_no_permission_for_the_token(running, tmp_path):
    token = pathlib.Path("/run") / f"gradebook-test-{os.getpid()}"
    token.write_text("0" * 64)
    token.chmod(0o600)
    config = pathlib.Path("/run") / f"gradebook-test-{os.getpid()}.d"
    config.mkdir(mode=0o755)
    # The build directory may be somebody's own.
    program = pathlib.Path("/var/tmp") / f"gradebookctl-test-{os.getpid()}"
    shutil.copy(CTL, program)
    try:
        done = subprocess.run([program, f"--config-dir={config}", f"--token-file={token}", "services"], capture_output=True, text=True,
                              user=65534, group=65534, extra_groups=[])
    finally:
        program.unlink()
        token.unlink()
        config.rmdir()
    assert done.returncode == REFUSED
    assert done.stderr == (f"gradebookctl: no permission to read the cluster token {token}: run it with sudo, "
                           "or give --token-file=FILE\n")


def test_without_authentication(open_cluster):
    open_cluster.start("registry")
    assert Ctl(open_cluster)("services", token_file="/nonexistent").stdout == "Nothing is registered.\n"


def test_bad_configuration(ctl):
    (ctl.cluster.config / "gradebook.conf").write_text("[Cluster]\nRegistryURL=nowhere\n")
    done = ctl("services", code=FAILURE)
    assert f"{ctl.cluster.config}/gradebook.conf:2: RegistryURL=nowhere: an http or https URL is needed" in done.stderr
    assert "/nonexistent: No such file" in ctl("--config-dir=/nonexistent", "services", code=FAILURE).stderr


# ---- the command line ----

def test_usage(ctl):
    for arguments, hint in [(["stauts"], 'did you mean "status"?'), (["student", "list"], 'did you mean "students list"?'),
                            (["students"], "gradebookctl students import FILE.csv"), (["frobnicate"], '"gradebookctl --help" lists them'),
                            (["students", "lst"], 'did you mean "students list"?'), (["studnets"], 'did you mean "students"?'),
                            (["studnets", "frobnicate"], 'did you mean "students"?'), (["stundets", "lsit"], 'did you mean "students list"?'),
                            (["servcies"], 'did you mean "services"?'), (["students", "show"], "an argument is missing"),
                            (["status", "now"], "too many arguments"), (["status", "--frob"], "unrecognized option '--frob'"),
                            (["log", "--since"], "requires an argument"), ([], "")]:
        assert hint in ctl(*arguments, code=USAGE).stderr, arguments


def test_help(ctl):
    assert ctl("--version").stdout.startswith("gradebookctl ")
    text = ctl("--help").stdout
    commands = [line.split("  ")[1] for line in text.split("Commands:\n")[1].split("\n\n")[0].splitlines()]
    table = (gradebook.SOURCE / "src/ctl/main.c").read_text()
    assert len(commands) == len(re.findall(r'^ +\{ "', table, flags=re.MULTILINE)) > 20
    for command in commands:
        words = [word for word in command.split() if not word.isupper() and word != "FILE.csv"]
        assert ctl(*words, "--help").stdout.startswith(f"gradebookctl {' '.join(words)} ")


def test_page_names_every_command_and_option(ctl):
    page = (gradebook.SOURCE / "man" / "gradebookctl.1").read_text()
    # Without fonts and escapes: "students add [--id=ID] FIRST LAST".
    plain = re.sub(r'^\.[BI]{1,2} ', "", re.sub(r"\\f[BRI]", "", page), flags=re.MULTILINE).replace("\\-", "-").replace('"', "")
    options = set()
    for line in ctl("--help").stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines():
        name = " ".join(word for word in line.split("  ")[1].split() if not word.isupper() and word != "FILE.csv")
        assert re.search(rf"^{name}\b", plain, re.MULTILINE), name
        options |= set(re.findall(r"--[a-z-]+", ctl(*name.split(), "--help").stdout))
    assert options == set(re.findall(r"--[a-z-]+", plain))


def test_output_that_cannot_be_written(running):
    with open("/dev/full", "w") as full:
        done = subprocess.run([CTL, f"--config-dir={running.cluster.config}", f"--token-file={running.token_file}", "services"],
                              stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == FAILURE
    assert "No space left on device" in done.stderr


# ---- the token ----

def test_cluster_token(ctl, tmp_path):
    path = tmp_path / "token"
    assert ctl("cluster-token", "create", path).stdout == f"A new cluster token is in {path}.\n"
    token = path.read_text()
    assert len(token) == 65 and int(token, 16) >= 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("token")] == ["token"]

    done = ctl("cluster-token", "create", path, code=FAILURE)
    assert f"{path} exists and is left as it is" in done.stderr
    assert path.read_text() == token
    assert "No such file or directory" in ctl("cluster-token", "create", tmp_path / "none" / "token", code=FAILURE).stderr
    other = tmp_path / "other"
    assert ctl.json("cluster-token", "create", other) == {"File": str(other)}
    assert other.read_text() != token


# ---- completion ----

LIBRARY = pathlib.Path("/usr/share/bash-completion/bash_completion")
COMPLETION = gradebook.SOURCE / "src" / "ctl" / "gradebookctl.bash-completion"


LOG_OPTIONS = {"--unit=", "--priority=", "--since=", "--until=", "--grep=", "--case-sensitive", "--host=", "--lines=", "--follow", "--reverse", "--output=",
               "--cursor=", "--after-cursor=", "--show-cursor", "--gaps", "--quiet", "--no-pager"}


def complete(line, directory):
    """What bash offers at the end of the line."""
    script = f"""
        source {LIBRARY}; source {COMPLETION}; cd {directory}
        compopt() {{ :; }}
        COMP_LINE=$1; COMP_POINT=${{#1}}
        eval "COMP_WORDS=($1)"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _gradebookctl; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", line], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stderr == "", line
    return sorted(done.stdout.split())


@pytest.mark.skipif(not LIBRARY.exists(), reason="needs the package bash-completion")
def test_completion(ctl, tmp_path):
    tmp_path = tmp_path / "files"
    tmp_path.mkdir()
    (tmp_path / "class.csv").touch()
    (tmp_path / "notes.txt").touch()
    commands = [line.split("  ")[1].split(" ") for line in ctl("--help").stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()]
    assert complete("gradebookctl ", tmp_path) == sorted({words[0] for words in commands})
    for first in {words[0] for words in commands}:
        second = sorted(words[1] for words in commands if words[0] == first and len(words) > 1 and words[1].islower())
        assert complete(f"gradebookctl {first} ", tmp_path) == second
        assert complete(f"gradebookctl --json {first} ", tmp_path) == second
    assert complete("gradebookctl st", tmp_path) == ["status", "students"]
    assert complete("gradebookctl students import ", tmp_path) == ["class.csv"]
    assert complete("gradebookctl import ", tmp_path) == ["class.csv"]
    assert complete("gradebookctl import class.csv --dr", tmp_path) == ["--dry-run"]
    assert complete("gradebookctl export ", tmp_path) == ["all", "class", "student"]
    assert complete("gradebookctl export class 1 --l", tmp_path) == ["--long"]
    assert complete("gradebookctl cluster-token create n", tmp_path) == ["notes.txt"]
    assert complete("gradebookctl grade add 1 Title ", tmp_path) == ["Exam", "Homework", "Quiz", "Test"]
    assert complete("gradebookctl --t", tmp_path) == ["--token-file="]
    for command, own in [("status", set()), ("log", LOG_OPTIONS), ("log verify", {"--since=", "--until=", "--all", "--no-pager"}),
                         ("trace", {"--no-pager"}), ("students add", {"--id="})]:
        offered = set(complete(f"gradebookctl {command} --", tmp_path))
        assert offered == own | {"--json", "--config-dir=", "--token-file=", "--registry=", "--help", "--version"}
        text = ctl(*command.split(), "--help").stdout
        assert all(option.rstrip("=") in text for option in offered)


# Rolling restarts: the lab has those that restart something.

def test_a_rollout_needs_systemd(running):
    # No unit of this name is anywhere, whether this machine has a systemd or not.
    done = running("rollout", "nobody-s", code=None)
    assert (done.returncode, done.stderr.partition(":")[2].partition(":")[0]) in (
        (UNREACHABLE, " systemd does not run here"), (UNREACHABLE, " systemd cannot be asked for its units"),
        (NOT_FOUND, " neither gradebook-nobody-s.service nor an instance of it runs on this machine")), done
    assert running("rollout", code=USAGE).stderr.startswith("gradebookctl: rollout: an argument is missing\n")
    for wrong in ("0", "2d", "soon"):
        assert "a time from 1s to 1d is needed" in running("rollout", "portal", f"--timeout={wrong}", code=USAGE).stderr
