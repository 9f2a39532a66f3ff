from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fal_skill.sandbox import Sandbox, Settings, running
from fal_skill.sandbox.environment import NODE_PRELOAD, PYTHON_PRELOAD, child_environment

SECRET = "users-own:secret"
USERS = {
    "FAL_KEY": SECRET, "FAL_KEY_ID": "users-own", "FAL_KEY_SECRET": "secret", "fal_key": SECRET,
    "FAL_RUN_HOST": "fal.example", "FAL_QUEUE_RUN_HOST": "q.example", "FAL_FORCE_AUTH_BY_USER": "1",
    "FAL_HOME_DIR": "/users", "PATH": "/bin", "HTTPS_PROXY": "http://corporate:1", "https_proxy": "http://corporate:1",
    "NO_PROXY": "fal.run", "NODE_OPTIONS": "--max-old-space-size=100", "PYTHONPATH": "/users/lib",
    "SSL_CERT_DIR": "/users/certs", "NODE_TLS_REJECT_UNAUTHORIZED": "0",
}  # fmt: skip


def test_the_users_own_key_and_hosts_never_reach_the_program(fal_sandbox: Sandbox) -> None:
    made = fal_sandbox.environment(USERS)
    assert SECRET not in made.values()
    assert {name for name in made if name.upper().startswith("FAL_")} == {
        "FAL_KEY", "FAL_SANDBOX", "FAL_SANDBOX_CA", "FAL_SANDBOX_ALLOW",
    }  # fmt: skip
    assert made["FAL_KEY"] == fal_sandbox.key
    assert made["PATH"] == "/bin"


def test_proxies_and_authorities_are_said_in_every_spelling(fal_sandbox: Sandbox) -> None:
    made = fal_sandbox.environment(USERS)
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        assert made[name] == fal_sandbox.url
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        assert made[name] == str(fal_sandbox.certificate)
    assert made["NO_PROXY"] == made["no_proxy"] == "localhost,127.0.0.1,::1"
    assert "SSL_CERT_DIR" not in made
    assert "NODE_TLS_REJECT_UNAUTHORIZED" not in made


def test_what_the_user_gives_to_node_and_python_is_kept(fal_sandbox: Sandbox) -> None:
    made = fal_sandbox.environment(USERS)
    assert made["NODE_OPTIONS"] == f'--max-old-space-size=100 --require "{NODE_PRELOAD}"'
    assert made["PYTHONPATH"].split(":") == [str(PYTHON_PRELOAD), "/users/lib"]


def test_a_sandbox_in_a_sandbox_changes_nothing_twice(fal_sandbox: Sandbox) -> None:
    once = fal_sandbox.environment(USERS)
    twice = fal_sandbox.environment(once)
    assert once == twice


def test_the_empty_key_is_given_when_no_balance_is_wished_for() -> None:
    settings = Settings(no_balance=True)
    with running(settings) as sandbox:
        assert sandbox.variables()["FAL_KEY"] == settings.empty_key


def test_allowed_hosts_keep_their_public_authorities() -> None:
    with running() as strict, running(Settings(allow_hosts=("example.com",))) as open_to_one:
        assert strict.certificate.read_text().count("BEGIN CERTIFICATE") == 1
        assert open_to_one.certificate.read_text().count("BEGIN CERTIFICATE") > 20


def test_removal_does_not_depend_on_case() -> None:
    assert child_environment({}, {"Fal_Key": "x", "ssl_cert_dir": "y", "Other": "z"}) == {"Other": "z"}


PROGRAM = """
import json, os, socket, sys, ssl
found = {"path": [p for p in sys.path if "preload" in p]}
found["sitecustomize"] = getattr(sys.modules.get("sitecustomize"), "MARK", None)
for name, host, port in (
    ("fal", "queue.fal.run", 443), ("fal-bytes", b"fal.run", "https"), ("web", "example.com", 443),
    ("plain", "example.com", 80), ("own", "localhost", 5432), ("number", "127.0.0.1", 443),
):
    found[name] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][:2]
for name, host, port in (("database", "example.com", 5432), ("evil", "127.0.0.1.nip.io", 5432)):
    try:
        socket.getaddrinfo(host, port)
        found[name] = "resolved"
    except socket.gaierror as error:
        found[name] = str(error)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(sys.argv[1])
found["authorities"] = len(context.get_ca_certs())
print(json.dumps(found))
"""


@pytest.fixture
def another_authority(tmp_path: Path) -> Path:
    import trustme

    file = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    return file


def test_python_programs_are_led_by_address_too(fal_sandbox: Sandbox, tmp_path: Path, another_authority: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("MARK = 'the one behind'\n")
    environment = fal_sandbox.environment({"PYTHONPATH": str(tmp_path), "PATH": ""})
    command = [sys.executable, "-c", PROGRAM, str(another_authority)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    tls, proxy = ["127.0.0.1", fal_sandbox.tls_port], ["127.0.0.1", fal_sandbox.proxy_port]
    assert (found["fal"], found["fal-bytes"], found["web"], found["plain"]) == (tls, tls, tls, proxy)
    assert (found["own"][1], found["number"]) == (5432, ["127.0.0.1", 443])
    assert "not reached from the fal sandbox" in found["database"]
    assert "not reached from the fal sandbox" in found["evil"]
    assert found["authorities"] == 2
    # The program's own path and its own sitecustomize are as if nothing stood before them.
    assert (found["path"], found["sitecustomize"]) == ([], "the one behind")


def test_outside_a_sandbox_the_python_preload_does_nothing(tmp_path: Path) -> None:
    code = "import _socket, socket; print(type(_socket.getaddrinfo).__name__)"
    environment = {"PYTHONPATH": str(PYTHON_PRELOAD)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("builtin_function_or_method\n", "")
