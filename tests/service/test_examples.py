"""The examples of a service: each runs as it is, and says to the service manager what its unit file expects."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import mtf
from mtf.service.parts import problems_of
from mtf.service.settings_file import read_settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "service"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, that can be written into."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "etc"))


def unit(path: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path / "mtf.service", encoding="utf-8")
    return parser["Service"]


def test_the_configuration_is_correct(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    assert problems_of(read_settings(folder / "service.toml", {})) == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_unit_file(folder: Path, tmp_path: Path) -> None:
    """With a command and a user that are there."""
    text = (folder / "mtf.service").read_text().replace("/opt/mtf/bin/mtf", sys.executable).replace("User=mtf\n", "")
    (tmp_path / "mtf.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "mtf.service")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "mtf.service" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs notices of systemd")
def test_the_command_of_the_unit_file_starts_and_stops_in_good_order(folder: Path, tmp_path: Path) -> None:
    """As a service manager does it: with its socket and watchdog, SIGTERM to the main process, and in its folder."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("prometheus_client")
    service = unit(folder)
    assert service["Type"] == "notify"
    _, *words = service["ExecStart"].replace("/etc/mtf", str(folder)).split()
    name, _, value = service["Environment"].partition("=")
    data = tmp_path / "var" / Path(value).name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mtf", *words],
            cwd=folder,
            env={
                **os.environ,
                name: str(data),
                "MTF_WEB__PORT": "0",
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "WATCHDOG_USEC": "500000",
            },
            stderr=subprocess.PIPE,
        )
        try:

            def wait_for(word: str) -> None:
                while word not in manager.recv(4096).decode().splitlines():
                    pass

            wait_for("READY=1")
            for _ in range(4):
                wait_for("WATCHDOG=1")
            process.send_signal(signal.SIGHUP)
            wait_for("RELOADING=1")
            wait_for("READY=1")
            process.send_signal(signal.SIGTERM)
            wait_for("STOPPING=1")
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, said
    with mtf.open(data) as reader:
        assert reader.symbols == ["MADE-UP"]
        assert reader.seq > 5


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["docker", "podman"])
def test_the_container_is_built_and_becomes_healthy(tool: str, folder: Path, tmp_path: Path) -> None:
    """Of this tree, if a container tool works here; it needs its base image, and packages."""
    if shutil.which(tool) is None or subprocess.run([tool, "info"], capture_output=True, check=False).returncode:
        pytest.skip(f"{tool} does not work here")
    source = folder / "src"
    for part in ("mtf", "scripts"):
        shutil.copytree(ROOT / part, source / part)
    for part in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md", "MANIFEST.in"):
        shutil.copy(ROOT / part, source / part)
    (tmp_path / "token").write_text("a token of some length")
    image = f"mtf-example-{os.getpid()}"
    options = ["--build-arg", "PACKAGE=./src[web,live,metrics]", "-f", str(folder / "Containerfile")]
    subprocess.run([tool, "build", "-t", image, *options, str(folder)], check=True, timeout=1200)
    volume = f"{tmp_path / 'token'}:/run/secrets/mtf_token:ro"
    try:
        subprocess.run([tool, "run", "-d", "--name", image, "-v", volume, image], check=True, timeout=60)
        ask = (
            "import urllib.request as u, time\nfor k in range(60):\n try:\n  u.urlopen('http://127.0.0.1:8765/readyz')"
        )
        ask += "\n  break\n except OSError: time.sleep(1)\nelse: raise SystemExit('not ready')"
        subprocess.run([tool, "exec", image, "python", "-c", ask], check=True, timeout=120)
        subprocess.run([tool, "stop", "-t", "60", image], check=True, timeout=120)
        found = subprocess.run(
            [tool, "inspect", "-f", "{{.State.ExitCode}}", image], check=True, capture_output=True, text=True
        )
        assert found.stdout.strip() == "0"
    finally:
        subprocess.run([tool, "rm", "-f", image], capture_output=True, check=False)
        subprocess.run([tool, "rmi", "-f", image], capture_output=True, check=False)
