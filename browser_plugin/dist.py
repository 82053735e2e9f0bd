"""Makes everything a page loads: ``python -m browser_plugin.dist`` fills dist/page and dist/analytics.js.

``freeze/`` compiles and installs the plugin's wheel with the tools of the interpreter that will run it, and
freezes it; esbuild joins the page's script from ``page/``. What has not changed is not made again.
"""

import argparse
import subprocess
import sys

from browser_plugin.freeze.tools import FreezeError
from browser_plugin.owner_freeze.page import add_options, own_code
from browser_plugin.page_build.making import fingerprint, make
from browser_plugin.page_build.manifest import table
from browser_plugin.page_build.places import CACHE, ROOT


def main() -> None:
    """Build what is not as new as its sources; print the sizes where something was built."""
    parser = argparse.ArgumentParser(prog="python -m browser_plugin.dist", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="check the frozen module with fewer calls, leave stock Pyodide's files uncompressed",
    )
    add_options(parser)
    options = parser.parse_args()
    whole = not options.quick
    dist = ROOT / "dist"
    own = own_code(parser, options)
    stamp, value = CACHE / "dist.stamp", fingerprint() + (own.key() if own else "")
    there = (
        stamp.read_text().split() if stamp.is_file() and (dist / "page" / "manifest.json").is_file() else []
    )
    if there[:1] == [value] and (not whole or there[1:] == ["whole"]):
        return
    try:
        if own:
            print(own.costs(), flush=True)
        make(dist, whole, own)
    except (FreezeError, subprocess.CalledProcessError) as error:
        print(f"build: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    stamp.write_text(f"{value} whole" if whole else value)
    print(table(dist / "page"))


if __name__ == "__main__":
    main()
