# SPDX-License-Identifier: LGPL-2.1-or-later
"""A throwaway machine with a real systemd and gradebook installed, as a context manager.

    with Machine("lab", build="build-check/plain") as m:
        m.systemctl("start", "gradebook.target")
        wait_until(lambda: m.is_active("gradebook-portal.service"), "the portal is active")

tests/lib/machine does the work; a developer may use it by hand on the directory that Machine.directory names.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time

SOURCE = pathlib.Path(os.environ.get("GRADEBOOK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
TOOL = SOURCE / "tests/lib/machine"
MACHINES = pathlib.Path("/var/lib/gradebook-lab")   # a real disk: an overlay's upper directory needs one
POLL_SECONDS = 0.02


def wait_until(condition, what, timeout=15):
    """Asks until condition() is true and returns what it said; fails with `what` and the last answer."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what} (last answer: {answer!r})")
        time.sleep(POLL_SECONDS)


class CommandFailed(AssertionError):
    pass


class Response:
    """What curl got: status (0: no answer), body and headers with their names in lower case."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class Machine:
    """network: "private" has a loopback of its own and nothing else; "host" shares the host's ports. More options are
    passed to systemd-nspawn(1) as they are; see network.py. prepare is called with the machine when its files are there, before it boots."""

    def __init__(self, name="lab", build=None, network="private", options=(), prepare=None):
        # The pid tells whose it is, so that what a killed run left behind can be told from what is in use.
        self.name = f"{name}-{os.getpid()}"
        self.directory = MACHINES / self.name
        self.root = self.directory / "root"
        self.build = build
        self.prepare = prepare
        self.options = (["--private-network"] if network == "private" else []) + list(options)

    def __enter__(self):
        try:
            with lock():
                remove_leftovers()
                self._tool("create")
                if self.build:
                    self.install()
            if self.prepare:
                self.prepare(self)
            self._tool("boot", *self.options)
        except BaseException:
            self._tool("destroy")
            raise
        return self

    def __exit__(self, *_):
        self._tool("destroy")

    def _tool(self, verb, *arguments):
        # Output goes to a file, not a pipe: the machine itself outlives the call and would keep the pipe open.
        with open(os.devnull) as null:
            done = subprocess.run([TOOL, verb, self.directory, *arguments], stdin=null, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=120)
        if done.returncode:
            raise CommandFailed(f"machine {verb} {self.directory}: {done.stdout}")

    def install(self):
        """As `make install` of a package does, for a root that is not running."""
        done = subprocess.run(["make", "-s", "-C", self.build, "install", f"DESTDIR={self.root}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise CommandFailed(f"make install: {done.stdout[-2000:]}")
        subprocess.run(["systemd-sysusers", f"--root={self.root}"], check=True, capture_output=True)
        subprocess.run(["journalctl", f"--root={self.root}", "--update-catalog"], check=True, capture_output=True)

    def reboot(self):
        """A shutdown in order and a boot; the files stay, /run does not."""
        self._tool("halt")
        self._tool("boot", *self.options)

    def crash(self):
        """All of it at once, as by a power cut; the files stay, as they were written. boot() brings it up again."""
        self._tool("crash")

    def boot(self):
        self._tool("boot", *self.options)

    def run(self, *command, check=True, input=None, timeout=60):
        """Runs a command inside, as root, and returns its CompletedProcess; one string is a line for sh."""
        if len(command) == 1:
            command = ("/bin/sh", "-c", command[0])
        stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run([TOOL, "exec", self.directory, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=timeout, **stdin)
        if check and done.returncode:
            raise CommandFailed(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def systemctl(self, *arguments, check=True, timeout=90):
        return self.run("systemctl", *arguments, check=check, timeout=timeout)

    def show(self, unit, *properties):
        """The unit's properties as systemctl show prints them, {name: text}."""
        arguments = [f"--property={','.join(properties)}"] if properties else []
        lines = self.systemctl("show", unit, *arguments).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def property(self, unit, name):
        return self.show(unit, name)[name]

    def is_active(self, *units):
        return self.systemctl("is-active", *units, check=False).stdout.split() == ["active"] * len(units)

    def journal(self, *matches, after=None):
        """Journal entries as dictionaries; matches as for journalctl(1), after a cursor from journal_cursor()."""
        # --after-cursor= would leave out the first match where the cursor's own entry is none.
        since = [f"--cursor={after}"] if after else []
        text = self.run("journalctl", "--no-pager", "--output=json", *since, *matches).stdout
        entries = [json.loads(line) for line in text.splitlines()]
        return [e for e in entries if e["__CURSOR"] != after]

    def messages(self, *matches, after=None):
        # A message that is not UTF-8 comes as a list of bytes.
        texts = [entry.get("MESSAGE") or "" for entry in self.journal(*matches, after=after)]
        return [bytes(t).decode(errors="replace") if isinstance(t, list) else t for t in texts]

    def journal_cursor(self):
        """Where the journal ends now, everything logged so far included."""
        self.run("journalctl", "--sync")
        return self.journal("--lines=1")[-1]["__CURSOR"]

    def read(self, path):
        return self.run("cat", path).stdout

    def exists(self, path):
        return self.run("test", "-e", path, check=False).returncode == 0

    def write(self, path, text, mode=0o644):
        self.run("install", "-D", f"--mode={mode:o}", "/dev/stdin", path, input=text)

    @contextlib.contextmanager
    def drop_in(self, unit, text):
        """The unit with a drop-in; without it again afterwards. Restarting the unit is the caller's business."""
        path = f"/run/systemd/system/{unit}.d/90-test.conf"
        self.write(path, text)
        self.systemctl("daemon-reload")
        try:
            yield
        finally:
            self.run("rm", "-f", path)
            self.systemctl("daemon-reload")

    def token(self):
        return self.read("/var/lib/gradebook/cluster-token").strip()

    def curl(self, url, *arguments, token=None, seconds=10, input=None):
        """One request from inside the machine; token: the cluster token to send, see token()."""
        if token:
            arguments += ("--header", f"Authorization: Bearer {token}")
        done = self.run("curl", "--silent", "--show-error", "--include", "--max-time", str(seconds),
                        *arguments, url, check=False, input=input)
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        while head.startswith("HTTP/") and head.split()[1] == "100":
            head, _, body = body.partition("\n\n")
        status, _, fields = head.partition("\n")
        headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields.splitlines())}
        return Response(int(status.split()[1]) if status.startswith("HTTP/") else 0, headers, body or done.stderr)


@contextlib.contextmanager
def lock():
    """Another run may begin as well: they install from one build directory, and the last one there takes MACHINES away."""
    directory = os.open(MACHINES.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def remove_leftovers():
    """Machines of runs that were killed before they could clean up."""
    for directory in MACHINES.glob("*-*"):
        pid = directory.name.rpartition("-")[2]
        if pid.isdigit() and not pathlib.Path("/proc", pid).exists():
            subprocess.run([TOOL, "destroy", directory], check=False)
    with contextlib.suppress(OSError):
        MACHINES.rmdir()


if __name__ == "__main__":
    # python3 tests/lab/machine.py BUILD: a machine to look around in, gone when its shell ends.
    with Machine("shell", build=sys.argv[1] if len(sys.argv) > 1 else None) as shell:
        subprocess.run([TOOL, "exec", shell.directory, "/bin/bash", "-l"], check=False)
