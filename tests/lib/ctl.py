# SPDX-License-Identifier: LGPL-2.1-or-later
"""gradebookctl as one who administers a test's cluster runs it."""

import json
import os
import pty
import re
import select
import signal
import subprocess

import gradebook

CTL = gradebook.BUILD / "gradebookctl"
OK, FAILURE, USAGE, UNREACHABLE, NOT_FOUND, REFUSED = range(6)
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}


class Ctl:
    def __init__(self, cluster):
        self.cluster = cluster
        self.token_file = cluster.credentials / "cluster-token"

    def command(self, *arguments, token_file=None):
        return [str(CTL), f"--config-dir={self.cluster.config}", f"--token-file={token_file or self.token_file}", *map(str, arguments)]

    def __call__(self, *arguments, code=OK, token_file=None, timeout=30, environment=None):
        done = subprocess.run(self.command(*arguments, token_file=token_file), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, **ENVIRONMENT, **(environment or {})})
        assert code is None or done.returncode == code, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments, code=OK):
        return json.loads(self("--json", *arguments, code=code).stdout)

    def terminal(self, *arguments, environment=None, timeout=30):
        """Runs it on a terminal: (exit code, what the terminal got)."""
        leader, follower = pty.openpty()
        with subprocess.Popen(self.command(*arguments), stdout=follower, stderr=follower, stdin=follower, start_new_session=True,
                              env={**os.environ, **ENVIRONMENT, "TERM": "xterm", **(environment or {})}) as process:
            os.close(follower)
            seen = b""
            while select.select([leader], [], [], timeout)[0]:
                try:
                    piece = os.read(leader, 65536)
                except OSError:
                    break
                if not piece:
                    break
                seen += piece
            else:
                process.kill()
                raise AssertionError(f"{arguments} shows nothing more for {timeout} s; it showed:\n{seen.decode(errors='replace')}")
        os.close(leader)
        return process.returncode, seen.decode(errors="replace").replace("\r\n", "\n")


class Running:
    """One that goes on until it is interrupted, as a context manager."""

    def __init__(self, ctl, *arguments):
        self.process = subprocess.Popen(ctl.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **ENVIRONMENT})
        self.text = self.errors = ""

    def _read(self):
        for stream in select.select([self.process.stdout, self.process.stderr], [], [], 0)[0]:
            piece = os.read(stream.fileno(), 65536).decode()
            if stream is self.process.stdout:
                self.text += piece
            else:
                self.errors += piece

    def _wait(self, condition, what):
        def seen():
            self._read()
            return condition()
        try:
            return gradebook.wait_until(seen, what, 20)
        except AssertionError as e:
            raise AssertionError(f"{e}; it shows:\n{self.text}{self.errors}") from e

    def shows(self, pattern):
        return self._wait(lambda: re.search(pattern, self.text), f"{pattern} in what is shown")

    def complains(self, pattern):
        return self._wait(lambda: re.search(pattern, self.errors), f"{pattern} on the standard error")

    def interrupt(self, number=signal.SIGINT):
        """Its exit code."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        self.text += out.decode()
        self.errors += err.decode()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()
