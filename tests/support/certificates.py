"""The certificates of certs/make_certs.sh, made into a directory of the test."""

import dataclasses
import pathlib
import subprocess

from support.environment import ROOT


@dataclasses.dataclass
class Certificates:
    directory: pathlib.Path

    @property
    def ca(self):
        return self.directory / "ca.crt"

    @property
    def certificate(self):
        return self.directory / "localhost.crt"

    @property
    def key(self):
        return self.directory / "localhost.key"

    @property
    def rsa_certificate(self):
        return self.directory / "localhost-rsa.crt"

    @property
    def rsa_key(self):
        return self.directory / "localhost-rsa.key"


def make_certificates(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(["bash", str(ROOT / "certs/make_certs.sh"), str(directory)], check=True, capture_output=True)
    made = Certificates(directory)
    for path in (made.ca, made.certificate, made.key):
        assert path.exists(), f"make_certs.sh made no {path.name}"
    return made
