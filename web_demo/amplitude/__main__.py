"""A fake Amplitude for demonstrations and tests.

Its page at / lists what arrived, by session. For tests: GET /_/events (with ?after=n without the first n),
POST /_/reset, and POST /_/faults with a list such as [{"kind": "throttle", "users": ["u-1"]},
{"kind": "failed", "times": 3}] for the next requests.
"""

from web_demo.amplitude.app import create_app
from web_demo.amplitude.faults import KINDS
from web_demo.serving import options, serve


def main() -> None:
    """Read the command line and serve."""
    parser = options("web_demo.amplitude", __doc__, 8302)
    parser.epilog = "kinds of faults:\n" + "\n".join(f"  {kind:18}{what}" for kind, what in KINDS.items())
    parser.add_argument("--api-key", help="the only API key it takes (default: any)")
    said = parser.parse_args()
    serve(create_app(said.api_key), said.host, said.port)


if __name__ == "__main__":
    main()
