# SPDX-License-Identifier: LGPL-2.1-or-later
"""TLS as gradebook(7) tells an administrator to set it up: its own commands, on a machine with systemd."""
import json
import re

import pytest

from conftest import SERVICES
from machine import SOURCE, wait_until

NAMES = ("gradebook-registry", "gradebook-log", "gradebook-grading", "gradebook-portal", "gradebookctl")


def examples():
    """The section's blocks of commands and of configuration, as a reader sees them."""
    page = (SOURCE / "man" / "gradebook.7").read_text()
    section = page[page.index('.SS "Certificates"'):page.index('.SS "On the machine"')]
    blocks = re.findall(r"\.EX\n(.*?)\n\.EE", section, re.DOTALL)
    assert len(blocks) == 3
    return [block.replace("\\-", "-").replace("\\e", "\\") for block in blocks]


def status(machine):
    done = machine.run("gradebookctl", "--json", "status", check=False)
    return json.loads(done.stdout)["Daemons"] if done.stdout else []


def serial(machine):
    return machine.run("gnutls-cli --x509cafile=/etc/gradebook/tls/ca.crt --port=6000 127.0.0.1 --print-cert </dev/null | certtool --certificate-info | grep -m1 Serial").stdout


@pytest.fixture
def secured(gradebook):
    make_ca, make_certificate, configuration = examples()
    gradebook.run(make_ca)
    for name in NAMES:
        gradebook.run("cd /etc/gradebook/tls; umask 077; " + make_certificate.replace("name=gradebook-grading", f"name={name}"))
    gradebook.run("mkdir -p /etc/gradebook/gradebook.conf.d; cat > /etc/gradebook/gradebook.conf.d/tls.conf", input=configuration)
    yield gradebook
    gradebook.run("rm -r /etc/gradebook/tls /etc/gradebook/gradebook.conf.d/tls.conf")
    gradebook.systemctl("restart", *SERVICES)


def test_the_manuals_way_to_tls(secured):
    # What is configured can be checked before it is used, by root, who has no credentials of a unit.
    for name in NAMES[:4]:
        secured.run(f"/usr/sbin/{name}", "--check-config")
    secured.systemctl("restart", *SERVICES)
    wait_until(lambda: status(secured) and all(daemon["Good"] for daemon in status(secured)), "all daemons are well", timeout=30)
    assert {daemon["ServiceURL"].split(":")[0] for daemon in status(secured)} == {"https"}
    # The keys are root's.
    assert secured.run("stat --format=%a:%U /etc/gradebook/tls/*.key").stdout.split() == ["600:root"] * 6
    # Who has the token and no certificate is refused; who has both is not.
    ask = "curl --silent --output /dev/null --write-out '%{http_code}' --cacert ca.crt --header @/dev/stdin https://127.0.0.1:6000/students"
    header = f"Authorization: Bearer {secured.token()}\n"
    assert secured.run(f"cd /etc/gradebook/tls; {ask}", input=header).stdout == "403"
    assert secured.run(f"cd /etc/gradebook/tls; {ask} --cert gradebookctl.crt --key gradebookctl.key", input=header).stdout == "200"

    # A certificate signed anew comes with a reload, without a restart.
    before, pid = serial(secured), secured.property("gradebook-grading.service", "MainPID")
    sign = examples()[1].replace("certtool --generate-privkey --key-type=ecdsa --outfile $name.key\n", "")
    assert "--generate-privkey" not in sign
    secured.run("cd /etc/gradebook/tls; umask 077; " + sign)
    secured.systemctl("reload", "gradebook-grading.service")
    assert serial(secured) != before
    assert secured.property("gradebook-grading.service", "MainPID") == pid
