"""The demo shop: real Analytics.js, the standard snippet, one forwarder.

Its pages fetch Analytics.js and their settings from the forwarder; the session plugin comes with these.
"""

from web_demo.serving import options, serve
from web_demo.shop.app import create_app


def main() -> None:
    """Read the command line and serve."""
    parser = options("web_demo.shop", __doc__, 8301)
    parser.add_argument("--forwarder", required=True, metavar="URL", help="the forwarder's address")
    parser.add_argument("--write-key", default="demo", help="the shop's write key there (default: demo)")
    said = parser.parse_args()
    serve(create_app(said.forwarder.rstrip("/"), said.write_key), said.host, said.port)


if __name__ == "__main__":
    main()
