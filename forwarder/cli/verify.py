"""``forwarder verify``: a site in real browsers, and what has to be mended there."""

import json

import click

from forwarder.cli.output import Failed, counted, say
from forwarder.errors import ForwarderError


@click.command()
@click.argument("url")
@click.option(
    "--browser", "browsers", multiple=True, type=click.Choice(["chromium", "firefox"]), help="Default: both."
)
@click.option("--chromium", default="", metavar="PATH", help="Chromium's program, if not the one found.")
@click.option("--firefox", default="", metavar="PATH", help="Firefox's program, if not the one found.")
@click.option(
    "--subdomain", default="", metavar="URL", help="A page on another subdomain, to share the session."
)
@click.option(
    "--consent", default="", metavar="SELECTOR", help="The button that gives consent (CSS selector)."
)
@click.option(
    "--global", "name", default="analytics", show_default=True, help="Analytics.js' name on the page."
)
@click.option("--timeout", default=10.0, show_default=True, help="Seconds for the page's scripts to start.")
@click.option(
    "--no-sandbox", is_flag=True, help="Start Chromium without its sandbox, as root or in a container."
)
@click.option("--insecure", is_flag=True, help="Accept certificates that nobody vouches for.")
@click.option("--headed", is_flag=True, help="Show the browser.")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON instead of a table.")
def verify(
    url: str,
    browsers: tuple[str, ...],
    chromium: str,
    firefox: str,
    subdomain: str,
    consent: str,
    name: str,
    timeout: float,
    *,
    no_sandbox: bool,
    insecure: bool,
    headed: bool,
    as_json: bool,
) -> None:
    """Open URL in real browsers and say whether its events get their session ids, with mends.

    Nothing is sent to the forwarder or to Amplitude: the events that the page makes are read and answered in
    the browser. It ends with 1 where something has to be mended. Browsers are Playwright's own, else the
    system's; Playwright comes with: pip install 'amplitude-session-forwarder[verify]'

    \b
      forwarder verify https://www.example.com/ --subdomain https://shop.example.com/
      forwarder verify https://www.example.com/ --consent "#accept-all" --browser chromium --json
    """
    from forwarder.verifying.browsers import browser, found, playwright
    from forwarder.verifying.checks import findings_of
    from forwarder.verifying.report import as_json as values_of
    from forwarder.verifying.report import table
    from forwarder.verifying.visiting import Options, visit

    for address in (url, subdomain):
        if address and not address.startswith(("http://", "https://")):
            raise click.UsageError(
                f"{address} is no page's address; give it whole, as https://www.example.com/"
            )
    options = Options(subdomain, consent, name, timeout, ignore_https_errors=insecure)
    paths = {"chromium": chromium, "firefox": firefox}
    reports = []
    try:
        with playwright() as running:
            chosen = list(browsers) or found(running, paths)
            if not chosen:
                raise Failed("no browser was found; run: playwright install chromium firefox")
            for one in dict.fromkeys(chosen):
                with browser(running, one, paths[one], sandbox=not no_sandbox, headed=headed) as started:
                    reports.append(findings_of(visit(started, url, options)))
    except ForwarderError as error:
        raise Failed(str(error)) from None
    say(json.dumps(values_of(reports), indent=2) if as_json else "\n".join(table(reports)))
    faults = sum(len(report.faults) for report in reports)
    if faults and not as_json:
        say(f"{counted(faults, 'fault')}: each has its mend below it", err=True)
    if faults:
        raise SystemExit(1)
