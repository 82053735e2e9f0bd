"""Start the whole product on this machine: forwarder, shop and fake Amplitude, as three real programs.

``python -m web_demo --port 8300``; ``python3 build.py serve`` calls this after building the plugin.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
STATE, DIST = ROOT / "build" / "serve", ROOT / "dist"
HOST = "127.0.0.1"
WRITE_KEY = "demo"
READY_WITHIN_S = 60
STOP_WITHIN_S = 15

CONFIG = """\
# Written by `build.py serve`; remade at every start.
[server]
public_url = "{forwarder}"
assets = "{dist}"

[spool]
path = "spool.db"

[session]
session_events = true

[[sources]]
name = "shop"
write_key = "{write_key}"

[[destinations]]
name = "amplitude"
{base_url}
[destinations.settings]
apiKey = "${{AMPLITUDE_API_KEY}}"
secretKey = "${{AMPLITUDE_SECRET_KEY}}"
endpoint = "{region}"
"""


@dataclass
class Program:
    """One program of ours: its name, its command line, and the address where it answers when it is ready."""

    name: str
    command: list[str]
    url: str
    ready: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """Return where its output goes."""
        return STATE / f"{self.name}.log"

    def start(self) -> None:
        """Start it in a session of its own, so that a Ctrl-C reaches it only through us."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def answers(self) -> bool:
        """Tell whether it answers yet."""
        try:
            with urllib.request.urlopen(self.url + self.ready, timeout=2) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def ended(self) -> bool:
        """Tell whether it has ended by itself."""
        return self.process is not None and self.process.poll() is not None


def fail(message: str) -> NoReturn:
    """End with one line."""
    print(f"serve: {message}", file=sys.stderr)
    raise SystemExit(1)


def ports(base: int) -> list[int]:
    """Return three ports nobody listens on: ``base`` and the next two, or any for 0."""
    taken: list[socket.socket] = []
    for port in (base, base + 1, base + 2) if base else (0, 0, 0):
        listener = socket.socket()
        taken.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            fail(f"port {port} is in use; choose another base with --port N, or --port 0 for any free ones")
    found = [listener.getsockname()[1] for listener in taken]
    for listener in taken:
        listener.close()
    return found


def wait(programs: Sequence[Program]) -> None:
    """Wait until all answer; end with the log's last lines where one does not."""
    end = time.monotonic() + READY_WITHIN_S
    for program in programs:
        while not program.answers():
            if program.ended() or time.monotonic() > end:
                tail = program.log.read_text(errors="replace").strip().splitlines()[-12:]
                print("\n".join(tail), file=sys.stderr)
                fail(f"the {program.name} did not start; its whole log is {program.log}")
            time.sleep(0.05)


def stop(programs: Sequence[Program]) -> None:
    """End them in the order in which events flow, so that nothing on the way is cut off."""
    for program in programs:
        if program.process is not None and not program.ended():
            program.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + STOP_WITHIN_S
    for program in programs:
        if program.process is None:
            continue
        try:
            program.process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            program.process.kill()
            program.process.wait()


def plan(options: argparse.Namespace) -> list[Program]:
    """Return the programs to run, and write the forwarder's configuration."""
    at_forwarder, at_shop, at_amplitude = ports(options.port)
    forwarder, shop, amplitude = (f"http://{HOST}:{port}" for port in (at_forwarder, at_shop, at_amplitude))
    base_url = "" if options.real else f'base_url = "{amplitude}"\n'
    config = STATE / "forwarder.toml"
    config.write_text(
        CONFIG.format(
            forwarder=forwarder, dist=DIST, write_key=WRITE_KEY, base_url=base_url, region=options.region
        )
    )
    os.environ.setdefault("AMPLITUDE_SECRET_KEY", "unused")
    os.environ.setdefault("AMPLITUDE_API_KEY", "demo-api-key")
    listen = ["--host", HOST, "--port"]
    shop_options = ["--forwarder", forwarder, "--write-key", WRITE_KEY]
    programs = [
        Program("shop", ["web_demo.shop", *listen, str(at_shop), *shop_options], shop, "/"),
        Program(
            "forwarder",
            ["forwarder", "serve", "--config", str(config), *listen, str(at_forwarder)],
            forwarder,
            "/health",
        ),
    ]
    if not options.real:
        programs.append(
            Program("fake Amplitude", ["web_demo.amplitude", *listen, str(at_amplitude)], amplitude, "/")
        )
    return programs


def main(words: Sequence[str] | None = None) -> None:
    """Start everything, print the addresses, and end everything on Ctrl-C or when one program ends."""
    parser = argparse.ArgumentParser(prog="python -m web_demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8300, help="base port; 0 picks free ones")
    parser.add_argument("--real", action="store_true", help="send to the real Amplitude ($AMPLITUDE_API_KEY)")
    parser.add_argument("--region", choices=["north_america", "europe"], default="north_america")
    parser.add_argument("--no-browser", dest="browser", action="store_false")
    options = parser.parse_args(words)
    STATE.mkdir(parents=True, exist_ok=True)
    programs = plan(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        for program in programs:
            program.start()
        wait(programs)
        for program in programs:
            print(f"{program.name + ':':16}{program.url}")
        print("Click about in the shop; Ctrl-C ends everything.", flush=True)
        if options.browser:
            webbrowser.open(programs[0].url)
        while not any(program.ended() for program in programs):
            time.sleep(0.3)
        gone = next(program for program in programs if program.ended())
        fail(f"the {gone.name} has ended; its log is {gone.log}")
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop(programs)


if __name__ == "__main__":
    main()
