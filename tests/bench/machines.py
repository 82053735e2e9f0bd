"""Machines for ``takeover``: NATS nodes and forwarders, each in a network namespace with cables to pull.

Two networks: on one are the NATS nodes and the forwarders, on the other the forwarders, the senders and
Amplitude. Everything lies in one namespace of the bench, so that it is gone with the process.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typing_extensions import override

from tests.support.configuration import TOKEN, destination_of
from tests.support.nats import PROGRAM
from tests.support.processes import ROOT
from tests.support.waiting import eventually

NATS_NET, WEB_NET = "10.77.1", "10.77.2"
PORT, NODES = 8300, (1, 2, 3)
WEB, AMPLITUDE = f"{WEB_NET}.1", f"{WEB_NET}.2"
"""Where senders and Amplitude are."""
_CONFIG = """
[server]
host = "0.0.0.0"
port = {port}
public_url = "http://{address}:{port}"
operator_token = "{token}"
stop_seconds = 5
[spool]
path = "{stream}"
replicas = 3
copy_path = "{folder}/copy.db"
[limits]
requests_per_second = 100000
events_per_second = 1000000
bytes_per_second = 1000000000
[[sources]]
name = "shop"
write_key = "demo"
"""
_NODE = """
server_name: n{number}
listen: "{address}:4222"
http: "{address}:8222"
jetstream {{ store_dir: "{folder}/store", sync_interval: always }}
cluster {{
  name: takeover
  listen: "{address}:6222"
  routes: [{routes}]
}}
"""


def run(*words: str) -> None:
    """Run a program that has to succeed."""
    subprocess.run(words, check=True, capture_output=True, text=True)


class Machine:
    """A network namespace with an address on one network or both, and at most one program."""

    process: subprocess.Popen[bytes] | None = None

    def __init__(self, name: str, number: int, networks: Iterable[str], folder: Path) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        run("ip", "netns", "add", name)
        self.within("ip", "link", "set", "lo", "up")
        self._networks = list(networks)
        for network in self._networks:
            cable = self.cable(network)
            run("ip", "link", "add", cable, "type", "veth", "peer", "name", "e" + cable, "netns", name)
            run("ip", "link", "set", cable, "master", bridge(network), "up")
            self.within("ip", "address", "add", f"{network}.{number}/24", "dev", "e" + cable)
            self.within("ip", "link", "set", "e" + cable, "up")

    def cable(self, network: str) -> str:
        """Return the name of the machine's cable to a network."""
        return f"{self.name}{'n' if network == NATS_NET else 'w'}"

    def within(self, *words: str) -> None:
        """Run a program on the machine that has to succeed."""
        run("ip", "netns", "exec", self.name, *words)

    def pull(self, network: str = NATS_NET) -> None:
        """Pull the cable: nothing comes through any more, and nobody is told."""
        run("ip", "link", "set", self.cable(network), "down")

    def plug(self, network: str = NATS_NET) -> None:
        """Put the cable back."""
        run("ip", "link", "set", self.cable(network), "up")

    def launch(self, *command: str) -> None:
        """Run the machine's program; what it says goes to the file ``log``."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )

    def signal(self, number: int) -> None:
        """Send the program a signal, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Have the program end in the middle of whatever it does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def remove(self) -> None:
        """Take the machine away."""
        for network in self._networks:
            run("ip", "link", "delete", self.cable(network))
        run("ip", "netns", "delete", self.name)


def bridge(network: str) -> str:
    """Return the name of a network's bridge."""
    return "br" + network.rpartition(".")[2]


def set_up_networks() -> None:
    """Make both networks, with the bench on them."""
    run("ip", "link", "set", "lo", "up")
    for network in (NATS_NET, WEB_NET):
        run("ip", "link", "add", bridge(network), "type", "bridge")
        run("ip", "address", "add", f"{network}.1/24", "dev", bridge(network))
        run("ip", "link", "set", bridge(network), "up")
    run("ip", "address", "add", f"{AMPLITUDE}/24", "dev", bridge(WEB_NET))
    for node in NODES:
        run("ip", "address", "add", f"{relay(node)}/24", "dev", bridge(NATS_NET))


def relay(node: int) -> str:
    """Return where a node is reached by the long way (``slow_network``)."""
    return f"{NATS_NET}.{30 + node}"


class Node(Machine):
    """A NATS node."""

    def __init__(self, number: int, folder: Path, disk_mb: int = 0) -> None:
        """``disk_mb``: the size of its disk, 0: whatever there is."""
        super().__init__(f"n{number}", 10 + number, (NATS_NET,), folder)
        self.address = f"{NATS_NET}.{10 + number}"
        routes = ", ".join(f'"nats-route://{NATS_NET}.{10 + other}:6222"' for other in NODES)
        text = _NODE.format(number=number, address=self.address, folder=self.folder, routes=routes)
        self.config = self.folder / "nats.conf"
        self.config.write_text(text)
        self._ballast = self.folder / "store" / "ballast"
        if disk_mb:
            self._ballast.parent.mkdir()
            run("mount", "-t", "tmpfs", "-o", f"size={disk_mb}m", self.name, str(self._ballast.parent))

    def fill(self) -> None:
        """Leave no room on its disk."""
        with contextlib.suppress(OSError), self._ballast.open("wb", 0) as ballast:
            while True:
                ballast.write(bytes(4096))

    def make_room(self) -> None:
        """Leave room again."""
        self._ballast.unlink()

    @override
    def remove(self) -> None:
        super().remove()
        if os.path.ismount(self._ballast.parent):
            run("umount", str(self._ballast.parent))

    def start(self) -> None:
        """Run it."""
        self.launch(str(PROGRAM), "-c", str(self.config))

    def said(self, path: str) -> dict[str, Any]:
        """Return what its monitor says, nothing where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:8222{path}", timeout=1) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError):
            return {}

    def leads(self, stream: str) -> bool:
        """Tell whether it is the leader of a stream."""
        found = self.said("/jsz?streams=true&accounts=true&config=false")
        streams = [
            one for account in found.get("account_details", ()) for one in account.get("stream_detail", ())
        ]
        leaders = [one.get("cluster", {}).get("leader") for one in streams if one["name"] == stream]
        return leaders == [self.name]

    def serves(self, forwarder: Machine) -> bool:
        """Tell whether a forwarder is connected to it."""
        number = forwarder.name[1:]
        return any(one["ip"] == f"{NATS_NET}.2{number}" for one in self.said("/connz").get("connections", ()))


class Forwarder(Machine):
    """A machine with a forwarder, which a supervisor starts again a second after it has ended."""

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__(f"f{number}", 20 + number, (NATS_NET, WEB_NET), folder)
        self.address = f"{WEB_NET}.2{number}"
        self.url = f"http://{self.address}:{PORT}"
        self.exits: list[int] = []
        """Exit codes of ends that were not asked for."""
        self.lives = self._ahead_s = 0
        self.away = True
        """Whether it is meant not to run."""
        self._config = self.folder / "forwarder.toml"
        threading.Thread(target=self._supervise, daemon=True).start()

    def start(self, stream: str, only: int = 0, *, far: bool = False, ahead_s: int = 0) -> None:
        """Run it over a stream. ``only``: the one node that it can reach until ``reach_all``.

        ``far``: it reaches the nodes by the long way alone; ``ahead_s``: how far its clock goes ahead.
        """
        self._ahead_s = ahead_s
        servers = ",".join(f"{relay(node) if far else f'{NATS_NET}.{10 + node}'}:4222" for node in NODES)
        text = _CONFIG.format(
            port=PORT,
            address=self.address,
            token=TOKEN,
            stream=f"nats://{servers}/{stream}",
            folder=self.folder,
        )
        text += destination_of("fake", f"http://{AMPLITUDE}:8302", timeout_seconds=1.5)
        self._config.write_text(text)
        for node in NODES if only or far else ():
            if node != only:
                self.within("ip", "route", "add", "blackhole", f"{NATS_NET}.{10 + node}/32")
        self.restart()

    def reach_all(self) -> None:
        """Reach every node from now on."""
        self.within("ip", "route", "flush", "type", "blackhole")

    def restart(self) -> None:
        """Run it with the same configuration."""
        program = ("tests.bench.ahead", str(self._ahead_s)) if self._ahead_s else ("forwarder",)
        self.launch(sys.executable, "-m", *program, "serve", "--config", str(self._config))
        self.lives += 1
        self.away = False

    def tool(self, *words: str) -> tuple[int, str]:
        """Run ``forwarder dead`` on the machine; return its exit code and what it printed."""
        command = [sys.executable, "-m", "forwarder", "dead", words[0], "--config", str(self._config)]
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, *command, *words[1:]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def take_away(self, number: int = signal.SIGKILL) -> None:
        """End it for good; what it says to that is no end of its own."""
        self.away = True
        self.signal(number)

    def end(self) -> None:
        """Stop it in good order, else kill it, and let it end."""
        self.take_away(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        process = self.process
        if process is not None and not eventually(lambda: process.poll() is not None, 12):
            self.kill()

    def log(self) -> str:
        """Return all that it said."""
        return (self.folder / "log").read_text()

    def _supervise(self) -> None:
        while True:
            time.sleep(0.1)
            process = self.process
            if process is None or self.away or process.poll() is None:
                continue
            if not self.away:
                self.exits.append(process.returncode)
                time.sleep(1)
            if not self.away:
                self.restart()
