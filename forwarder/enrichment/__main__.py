"""``build.py enrich-check``: the owner's code in page, forwarder and this Python, on the same events.

``python -m forwarder.enrichment FILE``: what the page's module answered is in the file, JSON ``{"path",
"texts", "answers"}``. Prints the first difference and ends with 1, or says how many events they agree on.
"""

import json
import sys
from pathlib import Path

from browser_plugin.owner.source import OwnerCode
from forwarder.enrichment.code import Enrichment
from forwarder.enrichment.comparison import differences


def main() -> None:
    """Compare what the file holds."""
    report = json.loads(Path(sys.argv[1]).read_text())
    texts, page = report["texts"], report["answers"]
    code = OwnerCode.read(Path(report["path"]))
    one = Enrichment(code.version, code.load())
    for number, place, change in differences(one, texts, page):
        print(f"event {number + 1}, {place} against this Python, {change['path'] or 'as a whole'}:")
        print(f"  here:  {json.dumps(change.get('before'))}\n  there: {json.dumps(change.get('after'))}")
        print(f"  event: {texts[number]}")
        raise SystemExit(1)
    traps = page.count(None)
    print(
        f"page, forwarder and this Python agree on {len(texts)} events; {traps} trapped in the page's module"
    )


if __name__ == "__main__":
    main()
