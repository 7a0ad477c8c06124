# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd does with gradebook's units: start, order, sockets, sandbox, restart, watchdog, users, journal."""
import pytest

from conftest import DAEMONS, ON_THE_WIRE, SERVICES, SOCKETS, is_healthy, registered
from machine import wait_until

PORTS = {"registry": 3000, "log": 4000, "grading": 6000, "portal": 5005}
# Something that each serves with all its parts at work.
PAGES = {"registry": "/services", "log": "/log", "grading": "/students", "portal": "/students"}
# Who runs, too, once this one was started alone.
NEEDS = {"registry": set(), "log": {"registry"}, "grading": {"registry", "log"}, "portal": {"registry", "log", "grading"}}
TOKEN = "/var/lib/gradebook/cluster-token"
READY_EVENT = "f5e5e823518e496ea1745c58b37b4fd6"
READY_MAX_USEC = 300_000
EXPOSURE_MAX = 1.1
PSS_MAX_KIB = 25 * 1024

each_daemon = pytest.mark.parametrize("daemon", DAEMONS)


def service(daemon):
    return f"gradebook-{daemon}.service"


def usec(text):
    """A time span as systemctl show prints it: "1min 30s", "100ms"."""
    units = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000}
    total = 0
    for part in text.split():
        number = part.rstrip("abcdefghijklmnopqrstuvwxyz")
        total += float(number) * units[part[len(number):]]
    return total


def probe(machine, daemon, host="127.0.0.1"):
    return machine.curl(f"http://{host}:{PORTS[daemon]}/healthz").status


# Starting

def test_target_starts_all(stopped):
    stopped.systemctl("start", "gradebook.target")
    assert stopped.is_active("gradebook.target", *SERVICES, *SOCKETS)
    wait_until(lambda: registered(stopped) == set(ON_THE_WIRE), "all are registered")


@pytest.fixture
def preferred(stopped):
    """What systemd starts in there comes before all else that wants a processor, where the kernel lets us say so."""
    stopped.run("chrt", "--rr", "--pid", "1", "1", check=False)
    yield stopped
    stopped.systemctl("stop", "gradebook.target", *SERVICES, *SOCKETS)
    stopped.run("chrt", "--other", "--pid", "0", "1", check=False)


def test_ready_soon(preferred):
    """A start takes what the fastest of some takes: the disk is shared with whatever else runs."""
    took = {daemon: [] for daemon in DAEMONS}
    for _ in range(5):
        preferred.systemctl("stop", "gradebook.target", *SERVICES, *SOCKETS)
        preferred.systemctl("reset-failed")
        preferred.systemctl("start", "gradebook.target")
        for daemon in DAEMONS:
            times = preferred.show(service(daemon), "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
            took[daemon].append(int(times["ActiveEnterTimestampMonotonic"]) - int(times["ExecMainStartTimestampMonotonic"]))
    for daemon in DAEMONS:
        assert 0 < min(took[daemon]) <= READY_MAX_USEC, f"{daemon} was ready after {min(took[daemon]) / 1000:.0f} ms at best: {took}"


@each_daemon
def test_one_daemon_starts_its_needs(stopped, daemon):
    stopped.systemctl("start", service(daemon))
    for name in {daemon} | NEEDS[daemon]:
        wait_until(lambda: stopped.is_active(service(name)), f"{name} runs, which {daemon} needs")


@each_daemon
def test_a_connection_starts_the_daemon(stopped, daemon):
    stopped.systemctl("start", f"gradebook-{daemon}.socket")
    assert not stopped.is_active(service(daemon))
    assert probe(stopped, daemon) == 200
    # It may answer before it says that it is ready.
    wait_until(lambda: stopped.is_active(service(daemon)), f"{daemon} is ready")


@pytest.mark.parametrize("order", [
    ("registry", "log", "grading", "portal"),
    ("portal", "grading", "log", "registry"),
    ("grading", "registry", "portal", "log"),
    ("log", "portal", "registry", "grading"),
    ("registry log grading portal",),
    ("portal grading log registry",),
], ids=lambda order: "-".join(order).replace(" ", "+"))
def test_any_order_of_starts(stopped, order):
    for step in order:
        stopped.systemctl("start", *map(service, step.split()))
    wait_until(lambda: is_healthy(stopped), "all run and are registered")
    wait_until(lambda: stopped.curl("http://127.0.0.1:5005/students").status == 200, "the portal shows the students")


def test_stopping_the_target_stops_all(gradebook):
    # systemctl waits for the target alone, the daemons stop behind its back.
    gradebook.systemctl("stop", "gradebook.target")
    wait_until(lambda: gradebook.systemctl("is-active", *SERVICES, *SOCKETS, check=False).stdout.split() == ["inactive"] * 8,
               "services and sockets are stopped, none has failed")
    assert [probe(gradebook, daemon) for daemon in DAEMONS] == [0] * 4


def test_enabled_target_starts_at_boot(gradebook):
    gradebook.systemctl("enable", "gradebook.target")
    try:
        token = gradebook.token()
        gradebook.reboot()
        wait_until(lambda: is_healthy(gradebook), "all run after a boot", timeout=30)
        assert gradebook.token() == token
    finally:
        gradebook.systemctl("disable", "gradebook.target")


@each_daemon
def test_status_line(gradebook, daemon):
    """What it does, for whom, and that it misses nothing."""
    text = gradebook.property(service(daemon), "StatusText")
    assert text.startswith(f"Serving http://127.0.0.1:{PORTS[daemon]}; "), text
    wait_until(lambda: "not registered" not in gradebook.property(service(daemon), "StatusText")
               and " is known" not in gradebook.property(service(daemon), "StatusText"), "nothing is missing")


def test_idle_daemons_are_small(gradebook):
    total = 0
    for daemon in DAEMONS:
        rollup = gradebook.read(f"/proc/{gradebook.property(service(daemon), 'MainPID')}/smaps_rollup")
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    assert total <= PSS_MAX_KIB, f"{total} KiB"


# Sockets

@each_daemon
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_listens_on_the_loopback(gradebook, daemon, host):
    assert probe(gradebook, daemon, host) == 200


def test_compression_steps_back(gradebook):
    """The sandbox lets that one thread of the log lower its priority, behind the commits'."""
    pid = gradebook.show("gradebook-log.service", "MainPID")["MainPID"]

    def nice():
        return {fields[1].strip("()"): fields[18] for fields in map(str.split, gradebook.run(f"cat /proc/{pid}/task/*/stat").stdout.splitlines())}
    wait_until(lambda: nice()["log-tidy"] == "10", "it has looked once")
    assert nice()["log-store"] == "0"


@each_daemon
def test_restart_fails_no_request(gradebook, daemon):
    opened = gradebook.property(f"gradebook-{daemon}.socket", "ActiveEnterTimestampMonotonic")
    # Requests without a pause while the daemon is restarted ten times; prints the statuses that were not 200.
    script = f"""
        (for i in 1 2 3 4 5 6 7 8 9 10; do systemctl restart {service(daemon)} || echo restart failed; done; touch /run/restarted) &
        n=0
        until [ -e /run/restarted ]; do
            code=$(curl --silent --output /dev/null --max-time 10 --write-out '%{{http_code}}' \\
                --header 'Authorization: Bearer {gradebook.token()}' http://127.0.0.1:{PORTS[daemon]}{PAGES[daemon]})
            [ "$code" = 200 ] || echo "request $n: $code"
            n=$((n + 1))
        done
        wait; rm /run/restarted; [ $n -gt 5 ] || echo "only $n requests"
    """
    assert gradebook.run(script).stdout == ""
    assert gradebook.property(f"gradebook-{daemon}.socket", "ActiveEnterTimestampMonotonic") == opened


# Dying

@each_daemon
def test_killed_daemon_comes_back(gradebook, daemon):
    before = gradebook.show(service(daemon), "MainPID", "NRestarts")
    gradebook.systemctl("kill", "--signal=KILL", service(daemon))
    wait_until(lambda: gradebook.property(service(daemon), "MainPID") not in ("0", before["MainPID"])
               and gradebook.is_active(service(daemon)), f"{daemon} runs again")
    wait_until(lambda: is_healthy(gradebook), "all are registered again")
    assert gradebook.property(f"gradebook-{daemon}.socket", "Result") == "success"


@each_daemon
def test_watchdog_restarts_a_hung_daemon(gradebook, daemon):
    with gradebook.drop_in(service(daemon), "[Service]\nWatchdogSec=500ms\nTimeoutAbortSec=1s\nLimitCORE=0\n"):
        gradebook.systemctl("restart", service(daemon))
        cursor = gradebook.journal_cursor()
        pid = gradebook.property(service(daemon), "MainPID")
        gradebook.systemctl("kill", "--signal=STOP", service(daemon))
        wait_until(lambda: gradebook.property(service(daemon), "MainPID") not in ("0", pid)
                   and gradebook.is_active(service(daemon)), f"the hung {daemon} was replaced")
        assert any("Watchdog timeout" in text for text in gradebook.messages(f"--unit={service(daemon)}", after=cursor))
    gradebook.systemctl("restart", service(daemon))


@each_daemon
def test_has_a_watchdog(gradebook, daemon):
    assert usec(gradebook.property(service(daemon), "WatchdogUSec")) == 10_000_000


@each_daemon
def test_crash_loop_ends_but_many_restarts_do_not_count_as_one(gradebook, daemon):
    unit = gradebook.show(service(daemon), "StartLimitBurst", "StartLimitIntervalUSec", "RestartUSec")
    burst, interval = int(unit["StartLimitBurst"]), usec(unit["StartLimitIntervalUSec"])
    assert burst * (usec(unit["RestartUSec"]) + READY_MAX_USEC) < interval, "dying right after its start forever"
    assert burst > 100


def test_bad_configuration_is_not_tried_again(stopped):
    # Exit status 78 as sysexits.h has it, from a program that ends at once.
    text = "[Service]\nExecStart=\nExecStart=/bin/sh -c 'exit 78'\n"
    with stopped.drop_in("gradebook-grading.service", text):
        assert stopped.systemctl("start", "gradebook-grading.service", check=False).returncode != 0
        unit = stopped.show("gradebook-grading.service", "ActiveState", "NRestarts", "ExecMainStatus")
        assert unit == {"ActiveState": "failed", "NRestarts": "0", "ExecMainStatus": "78"}
    stopped.systemctl("reset-failed")


# The token

def test_token_is_made_once(gradebook):
    assert gradebook.run("stat", "--format=%U:%G %a", TOKEN).stdout.strip() == "root:root 600"
    # 256 bits are 43 characters of base64, or 64 hexadecimal digits.
    assert len(gradebook.token()) >= 43
    token = gradebook.token()
    gradebook.systemctl("restart", "gradebook.target")
    gradebook.systemctl("restart", "gradebook-cluster-token.service")
    assert gradebook.token() == token


def test_token_that_is_there_is_no_news(gradebook):
    cursor = gradebook.journal_cursor()
    gradebook.systemctl("restart", "gradebook-grading.service")
    assert gradebook.messages("--unit=gradebook-cluster-token.service", after=cursor) == []


def test_removed_token_is_made_anew(gradebook):
    old = gradebook.token()
    gradebook.run("rm", TOKEN)
    gradebook.systemctl("restart", "gradebook.target")
    assert gradebook.token() != old
    wait_until(lambda: is_healthy(gradebook), "all know the new token")


# The sandbox

@pytest.mark.parametrize("unit", [*SERVICES, "gradebook-cluster-token.service"])
def test_security_exposure(gradebook, unit):
    gradebook.run("systemd-analyze", "security", "--no-pager", f"--threshold={EXPOSURE_MAX * 10:.0f}", unit)


@each_daemon
def test_process_has_no_rights(gradebook, daemon):
    pid = gradebook.property(service(daemon), "MainPID")
    status = dict(line.split(":", 1) for line in gradebook.read(f"/proc/{pid}/status").splitlines())
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    uid = gradebook.run("id", "-u", f"gradebook-{daemon}").stdout.strip()
    assert status["Uid"].split() == [uid] * 4 and uid != "0"


@each_daemon
def test_users(machine, daemon):
    name, _, uid, _, _, _, shell = machine.run("getent", "passwd", f"gradebook-{daemon}").stdout.strip().split(":")
    assert int(uid) < 1000, f"{name} is not a system user"
    assert shell.endswith("nologin")


@each_daemon
def test_state_is_private(gradebook, daemon):
    path = f"/var/lib/gradebook/{daemon}"
    owner = f"gradebook-{daemon}"
    assert gradebook.run("stat", "--format=%U:%G %a", path).stdout.strip() == f"{owner}:{owner} 700"


def test_log_is_for_administrators(gradebook):
    """Whoever is in group adm can read the log's files, as those in /var/log; nobody else can."""
    as_nobody = "setpriv --reuid=nobody --regid=nogroup"
    gradebook.run(f"{as_nobody} --groups=adm sh -c 'cat /var/log/gradebook/* >/dev/null'")
    assert gradebook.run(f"{as_nobody} --clear-groups ls /var/log/gradebook", check=False).returncode != 0


# The journal

@each_daemon
def test_journal_explains_events(gradebook, daemon):
    text = gradebook.run("journalctl", "--no-pager", "--catalog", f"--unit={service(daemon)}",
                         f"MESSAGE_ID={READY_EVENT}", "--lines=1").stdout
    assert "Subject:" in text and "man:gradebook" in text, text


def test_the_journal_reads_like_a_story(stopped):
    """From start to end in order, whatever the others do meanwhile, and nothing to be alarmed about."""
    cursor = stopped.journal_cursor()
    stopped.systemctl("start", "gradebook.target")
    wait_until(lambda: is_healthy(stopped), "all run")
    stopped.systemctl("stop", "gradebook.target")
    wait_until(lambda: not any(stopped.is_active(unit) for unit in SERVICES), "all have ended")
    stopped.run("journalctl", "--sync")
    for daemon in DAEMONS:
        told = [e for e in stopped.journal(f"--unit={service(daemon)}", after=cursor) if "GRADEBOOK_SERVICE" in e]
        messages = [e["MESSAGE"] for e in told]
        assert [m for m in messages if m.startswith("Ready, serving ")] == [f"Ready, serving http://127.0.0.1:{PORTS[daemon]}"]
        assert daemon == "registry" or any(m.startswith("Registered ") for m in messages), messages
        assert messages[-1] == "Stopped"
        assert [e["MESSAGE"] for e in told if int(e["PRIORITY"]) <= 4] == []


def test_systemd_has_no_complaints(stopped):
    """About the units' syntax, or about something the sandbox asks for and this machine cannot do."""
    cursor = stopped.journal_cursor()
    stopped.systemctl("daemon-reload")
    stopped.systemctl("start", "gradebook.target")
    matches = ["--priority=warning", "_PID=1"]
    assert [text for text in stopped.messages(*matches, after=cursor) if "gradebook" in text] == []
