"""Start the whole product on this machine: forwarder, shop and fake Amplitude, as three real programs.

``python -m web_demo --port 8300``; ``python3 build.py serve`` calls this after building the plugin.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import httpx

from web_demo.programs import HOST, Program, fail, ports, stop, wait

ROOT = Path(__file__).resolve().parent.parent
STATE, DIST = ROOT / "build" / "serve", ROOT / "dist"  # state: a folder for each forwarder, by its port
WRITE_KEY = "demo"

CONFIG = """\
# Written by `build.py serve`; remade at every start.
[server]
public_url = "{forwarder}"
operator_token = "${{OPERATOR_TOKEN}}"
assets = {dist}

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

[[destinations.subscriptions]]
preset = "Track Calls"
[[destinations.subscriptions]]
preset = "Order Completed Calls"
[[destinations.subscriptions]]
preset = "Page Calls"
[[destinations.subscriptions]]
preset = "Identify Calls"

[[destinations.subscriptions]]
name = "Companies"
subscribe = 'type = "group"'
partnerAction = "groupIdentifyUser"
[destinations.subscriptions.mapping]
user_id = {{ "@path" = "$.userId" }}
device_id = {{ "@path" = "$.anonymousId" }}
time = {{ "@path" = "$.timestamp" }}
insert_id = {{ "@path" = "$.messageId" }}
group_type = "company"
group_value = {{ "@path" = "$.groupId" }}
group_properties = {{ "@path" = "$.traits" }}

[[destinations.subscriptions]]
name = "Joined accounts"
subscribe = 'type = "alias"'
partnerAction = "mapUser"
[destinations.subscriptions.mapping]
user_id = {{ "@path" = "$.previousId" }}
global_user_id = {{ "@path" = "$.userId" }}
"""


def plan(options: argparse.Namespace, at: Sequence[int], state: Path, token: str) -> list[Program]:
    """Return the programs to run at these ports, and write the forwarder's configuration into ``state``.

    ``token``: what opens the forwarder's console.
    """
    forwarder, shop, amplitude = (f"http://{HOST}:{port}" for port in at)
    base_url = "" if options.real else f'base_url = "{amplitude}"\n'
    config = state / "forwarder.toml"
    values = {"forwarder": forwarder, "dist": json.dumps(str(DIST)), "write_key": WRITE_KEY}
    config.write_text(CONFIG.format(**values, base_url=base_url, region=options.region))
    os.environ.setdefault("AMPLITUDE_SECRET_KEY", "unused")
    os.environ.setdefault("AMPLITUDE_API_KEY", "demo-api-key")
    os.environ["OPERATOR_TOKEN"] = token  # not on a command line, which everybody on the machine sees
    at_forwarder, at_shop, at_amplitude = (["--host", HOST, "--port", str(port)] for port in at)
    serving = ["forwarder", "serve", "--config", str(config), *at_forwarder]
    selling = ["web_demo.shop", *at_shop, "--forwarder", forwarder, "--write-key", WRITE_KEY]
    selling += [] if options.real else ["--amplitude", amplitude]
    programs = [
        Program("shop", selling, shop, "/", state / "shop.log"),
        Program("forwarder", serving, forwarder, "/health", state / "forwarder.log"),
    ]
    if not options.real:
        faking = ["web_demo.amplitude", *at_amplitude]
        programs.append(Program("fake Amplitude", faking, amplitude, "/", state / "amplitude.log"))
    return programs


def sign_in_link(forwarder: str, token: str) -> str:
    """Return the path of a link that signs a browser in to the forwarder's console, once."""
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{forwarder}/console/sign-in-links", headers=headers, trust_env=False, timeout=30)
    return str(answer.raise_for_status().json()["link"])


def main(words: Sequence[str] | None = None) -> None:
    """Start everything, print the addresses, and end everything on Ctrl-C or when one program ends."""
    parser = argparse.ArgumentParser(prog="python -m web_demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8300, help="base port; 0 picks free ones")
    parser.add_argument("--real", action="store_true", help="send to the real Amplitude ($AMPLITUDE_API_KEY)")
    parser.add_argument("--region", choices=["north_america", "europe"], default="north_america")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="do not open the shop")
    options = parser.parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGINT too: shells ignore it for jobs
        signal.signal(number, signal.default_int_handler)
    at = ports(options.port)
    state = STATE / str(at[0])
    state.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(12)
    programs = plan(options, at, state, token)
    try:
        for program in programs:
            program.start()
        wait(programs)
        for program in programs:
            print(f"{program.name + ':':16}{program.url}")
        address = next(program.url for program in programs if program.name == "forwarder")
        print(f"{'console:':16}{address}{sign_in_link(address, token)}")
        print(
            "Click about in the shop. The console's link signs a browser in, once. Ctrl-C ends everything.",
            flush=True,
        )
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
        if not options.port and sys.exc_info()[0] is None:  # nobody finds a free port's folder again
            shutil.rmtree(state)


if __name__ == "__main__":
    main()
