# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates made by certtool, as gradebook(7) tells administrators to make them, and a cluster whose daemons use them."""

import datetime
import ssl
import subprocess

import gradebook

NAMES = ["gradebook-registry", "gradebook-log", "gradebook-grading", "gradebook-portal", "gradebookctl"]
DAY = datetime.timedelta(days=1)


def certtool(*arguments):
    run = subprocess.run(["certtool", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 0, run.stderr


class Authority:
    """A CA in a directory of its own: ca.crt, ca.key, and NAME.crt with NAME.key of whom it signed."""

    def __init__(self, directory, name="school"):
        self.directory = directory
        self.certificate = directory / "ca.crt"
        self.key = directory / "ca.key"
        directory.mkdir(parents=True, exist_ok=True)
        certtool("--generate-privkey", "--key-type=ecdsa", "--curve=secp256r1", "--outfile", self.key)
        certtool("--generate-self-signed", "--load-privkey", self.key, "--outfile", self.certificate,
                 "--template", self._template("ca", f"cn = \"{name}\"\nca\ncert_signing_key\nexpiration_days = 3650\n"))

    def _template(self, name, text):
        path = self.directory / f"{name}.template"
        path.write_text(text)
        return path

    def sign(self, name, roles=None, hosts=("localhost",), addresses=("127.0.0.1",), begins=-DAY, ends=365 * DAY, purposes=("tls_www_server", "tls_www_client")):
        """Makes (again) NAME.crt for NAME.key, which is made once. roles None: the name itself."""
        key = self.directory / f"{name}.key"
        certificate = self.directory / f"{name}.crt"
        now = datetime.datetime.now(datetime.timezone.utc)
        lines = [f"cn = \"{name}\"", "signing_key", *purposes]
        lines += [f"dns_name = \"{n}\"" for n in (*hosts, *([name] if roles is None else roles))]
        lines += [f"ip_address = \"{a}\"" for a in addresses]
        lines += [f"activation_date = \"{now + begins:%Y-%m-%d %H:%M:%S}\"", f"expiration_date = \"{now + ends:%Y-%m-%d %H:%M:%S}\""]
        if not key.exists():
            certtool("--generate-privkey", "--key-type=ecdsa", "--curve=secp256r1", "--outfile", key)
        new = self.directory / f"{name}.new"
        certtool("--generate-certificate", "--load-privkey", key, "--load-ca-certificate", self.certificate, "--load-ca-privkey", self.key,
                 "--template", self._template(name, "\n".join(lines) + "\n"), "--outfile", new)
        new.rename(certificate)
        return certificate, key

    def context(self, name=None):
        """Of a client that believes this CA and shows the certificate of that name; None: it has none."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if name:
            context.load_cert_chain(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        return context


class SecureCluster(gradebook.Cluster):
    """All of it over TLS; the tests come as gradebookctl."""

    scheme = "https"

    def __init__(self, directory, **kwargs):
        self.authority = Authority(directory / "etc" / "tls")
        for name in NAMES:
            self.authority.sign(name)
        self.tls = self.authority.context("gradebookctl")
        super().__init__(directory, **kwargs)

    def configure(self, name, sections):
        sections = {section: dict(keys) for section, keys in sections.items()}
        if name == "gradebook":
            tls = sections.setdefault("TLS", {})
            tls.setdefault("CertificateFile", f"{self.authority.directory}/%p.crt")
            tls.setdefault("CAFile", str(self.authority.certificate))
        super().configure(name, sections)
