# SPDX-License-Identifier: LGPL-2.1-or-later
"""A network of the test's own: a bridge in one network namespace, and a namespace for each machine, joined to it by a cable. Nothing of
it touches the networks of this machine.

    with Network(["one", "two"]) as net:
        Machine("one", network=None, options=net.options("one"))
        with net.cut("one"):
            ...
"""
import contextlib
import os
import pathlib
import subprocess
import sys

CABLE = pathlib.Path(__file__).resolve().parent / "cable.py"
PREFIX = "198.51.100."          # TEST-NET-2, RFC 5737


def ip(*arguments):
    done = subprocess.run(["ip", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise AssertionError(f"ip {' '.join(map(str, arguments))}: {done.stdout}")


class Network:
    def __init__(self, names):
        self.addresses = {name: f"{PREFIX}{n}" for n, name in enumerate(names, 11)}
        self.switch = self._space("switch")

    def _space(self, name):
        return f"gradebook-{name}-{os.getpid()}"

    def __enter__(self):
        try:
            ip("netns", "add", self.switch)
            ip("-n", self.switch, "link", "add", "bridge", "type", "bridge")
            ip("-n", self.switch, "link", "set", "bridge", "up")
            for name, address in self.addresses.items():
                space = self._space(name)
                ip("netns", "add", space)
                ip("-n", self.switch, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", space)
                ip("-n", self.switch, "link", "set", f"to-{name}", "master", "bridge", "up")
                ip("-n", space, "link", "set", "lo", "up")
                ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
                ip("-n", space, "link", "set", "eth0", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in [*self.addresses, "switch"]:
            subprocess.run(["ip", "netns", "delete", self._space(name)], stderr=subprocess.DEVNULL, check=False)

    def options(self, name):
        """For systemd-nspawn: the machine's network is this one."""
        return [f"--network-namespace-path=/run/netns/{self._space(name)}"]

    @contextlib.contextmanager
    def cut(self, name):
        """The machine's cable is pulled, at the other end: its own side does not notice."""
        ip("-n", self.switch, "link", "set", f"to-{name}", "nomaster")
        try:
            yield
        finally:
            ip("-n", self.switch, "link", "set", f"to-{name}", "master", "bridge")

    @contextlib.contextmanager
    def bad(self, name, delay, loss):
        """The machine's cable is a bad one: see cable.py."""
        patch, socket = f"bad-{name}"[:15], f"in-{name}"[:15]
        ip("-n", self.switch, "link", "add", patch, "type", "veth", "peer", "name", socket)
        ip("-n", self.switch, "link", "set", socket, "master", "bridge", "up")
        ip("-n", self.switch, "link", "set", patch, "up")
        cable = subprocess.Popen(["ip", "netns", "exec", self.switch, sys.executable, CABLE, f"to-{name}", patch, str(delay), str(loss)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert cable.stdout.readline() == "carries\n"
            ip("-n", self.switch, "link", "set", f"to-{name}", "nomaster")
            yield
        finally:
            ip("-n", self.switch, "link", "set", f"to-{name}", "master", "bridge")
            cable.stdin.close()
            cable.wait(10)
            ip("-n", self.switch, "link", "delete", patch)

    @contextlib.contextmanager
    def deaf(self, name, to):
        """What the machine sends to another one is lost, and what that one sends arrives: a cut in one direction."""
        ip("-n", self._space(name), "route", "add", "blackhole", f"{self.addresses[to]}/32")
        try:
            yield
        finally:
            ip("-n", self._space(name), "route", "delete", "blackhole", f"{self.addresses[to]}/32")
