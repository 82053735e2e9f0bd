"""The demo shop: real Analytics.js, the standard snippet, one forwarder.

Its pages fetch Analytics.js and their settings from the forwarder; the session plugin comes with these.
"""

import os

from web_demo.serving import options, serve
from web_demo.shop.app import create_app

TOKEN_FROM = "OPERATOR_TOKEN"  # noqa: S105 - a variable's name
"""The environment's variable: command lines are seen by everybody on the machine."""


def main() -> None:
    """Read the command line and serve."""
    parser = options("web_demo.shop", __doc__, 8301)
    parser.add_argument("--forwarder", required=True, metavar="URL", help="the forwarder's address")
    parser.add_argument("--write-key", default="demo", help="the shop's write key there (default: demo)")
    parser.add_argument("--amplitude", default="", metavar="URL", help="the fake Amplitude, for its faults")
    parser.epilog = f"{TOKEN_FROM}: the forwarder's operator token, for the drawer's list of events"
    said = parser.parse_args()
    app = create_app(
        *(said.forwarder.rstrip("/"), said.write_key, said.amplitude.rstrip("/")),
        os.environ.get(TOKEN_FROM, ""),
    )
    serve(app, said.host, said.port)


if __name__ == "__main__":
    main()
