"""An event's way through a real forwarder is the one that docs/architecture.md tells, hop by hop."""

import json
from pathlib import Path

from tests.docs.test_architecture import HOPS
from tests.support import patient
from tests.support.configuration import configuration
from tests.support.forwarder import Running
from tests.support.processes import ROOT
from tests.support.receiver import receiver
from tests.support.waiting import eventually

WATCHED = """
import json, sys, threading
from pathlib import Path

out, hops = Path(sys.argv.pop(1)), json.loads(sys.argv.pop(1))
entered = []

def note(frame, what, _):
    code = frame.f_code
    if what == "call" and hops.get(code.co_filename) == code.co_qualname.split(".")[0]:
        if code.co_qualname == "LimitedProtocol.connection_made":
            entered.clear()  # what came before the event
        entered.append(code.co_filename)

threading.setprofile(note)
sys.setprofile(note)
from forwarder.cli import main
try:
    main()
finally:
    out.write_text(json.dumps(entered))
"""
"""A forwarder that writes down in which order it enters the modules of the hops, where the page says who."""
EVENT = {"type": "track", "event": "Bought", "userId": "user-1", "messageId": "one"}


def test_an_event_goes_from_hop_to_hop(tmp_path: Path) -> None:
    config, out = tmp_path / "forwarder.toml", tmp_path / "entered.json"
    hops = {str(ROOT / file): symbol for file, symbol in HOPS}
    with receiver() as amplitude:
        config.write_text(configuration(amplitude=amplitude.url, spool={"path": tmp_path / "spool.db"}))
        program = ("-c", WATCHED, str(out), json.dumps(hops))
        running = Running(config, "--port", "0", program=program)
        try:
            url = f"{running.url}/v1/batch"
            assert patient.post(url, auth=("web-key", ""), json={"batch": [EVENT]}).status_code == 200
            assert eventually(lambda: amplitude.items)
        finally:
            assert running.stop() == 0
    entered = iter(json.loads(out.read_text()))
    missed = [file for file in hops if file not in entered]  # each is looked for behind the one before
    assert missed == [], f"not entered after the one before it: {missed[0]}"
