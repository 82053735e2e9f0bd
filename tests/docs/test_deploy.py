"""What deploy/ says holds: metrics that are scraped, settings that exist, files that the tools take."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped,unused-ignore]

from browser_plugin.wheel import VERSION
from forwarder import metrics
from forwarder.config.load import parse_settings
from forwarder.distribution import Distribution
from forwarder.http import metrics as ingest_metrics
from tests.support.processes import ROOT

DEPLOY = ROOT / "deploy"
ALERTS, DASHBOARD = DEPLOY / "prometheus/alerts.yml", DEPLOY / "grafana/dashboard.json"
IMAGE = DEPLOY / "forwarder.toml"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
NEEDED = {"AMPLITUDE_API_KEY": "k", "OPERATOR_TOKEN": "a-token-of-operators"}


def scraped() -> dict[str, set[str]]:
    """Return the series that /metrics has, each with its labels."""
    found: dict[str, set[str]] = {"up": {"job", "instance"}}
    for module in (ingest_metrics, metrics):
        for metric in vars(module).values():
            if not hasattr(metric, "describe") or isinstance(metric, type):
                continue
            [family] = metric.describe()
            named = [metric.label] if isinstance(metric, Distribution) else metric._labels
            labels: set[str] = set(named)
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(
                family.type, ("",)
            )
            found |= {family.name + end: labels | ({"le"} if end == "_bucket" else set()) for end in endings}
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression of alerts and dashboard with the name of its place."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("place", "expression"), list(expressions()))
def test_an_expression_asks_for_what_is_scraped(place: str, expression: str) -> None:
    series = scraped()
    names = set(re.findall(r"\b(?:forwarder_\w+|up)\b(?!\s*\()", expression))
    assert names, place
    assert names <= series.keys(), place
    known = {"le"}.union(*(series[name] for name in names))
    asked = re.findall(r'(\w+)\s*=~?\s*"', expression)
    for inside in re.findall(r"\bby \(([^)]*)\)", expression):
        asked += [label.strip() for label in inside.split(",")]
    assert set(asked) <= known, place


def test_alerts_say_what_is_wrong_and_what_helps() -> None:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]:
        assert rule["annotations"].keys() == {"summary", "do"}, rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not here: apt-get install prometheus")
@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
    ],
)
def test_prometheus_takes_its_files_and_the_alerts_fire(words: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *words], cwd=ALERTS.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        there = unit.read_text().replace("/opt/forwarder/bin/forwarder", "/bin/true")
        (tmp_path / unit.name).write_text(there)
    units = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_the_forwarder_by_a_command_that_exists() -> None:
    unit = (DEPLOY / "systemd/forwarder.service").read_text()
    [words] = re.findall(r"^ExecStart=/opt/forwarder/bin/forwarder (.*)$", unit, re.MULTILINE)
    from forwarder.cli import cli

    command, *rest = words.split()
    cli.commands[command].make_context("forwarder", rest)
    socket = (DEPLOY / "systemd/forwarder.socket").read_text()
    assert len(re.findall("^ListenStream=", socket, re.MULTILINE)) == 1, "one socket is served"


def test_the_image_s_configuration_can_be_used_as_it_is() -> None:
    raw = tomllib.loads(IMAGE.read_text())
    alone = parse_settings(raw, NEEDED, Path("/etc/forwarder"))
    assert (alone.spool.path, alone.server.port, alone.server.status_port) == ("/data/spool.db", 8300, 8301)
    cluster = {**NEEDED, "SPOOL": "nats://nats-1:4222,nats-2:4222/events", "NATS_TOKEN": "t"}
    assert parse_settings(raw, cluster, Path("/etc/forwarder")).spool.replicas == 3


def test_what_the_image_s_configuration_asks_for_is_given() -> None:
    asked = set(re.findall(r"\$\{(\w+)", IMAGE.read_text()))
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name in ("forwarder", "forwarder-2"):
        service = compose["services"][name]
        assert set(service["environment"]) == asked
        assert service["read_only"] is True
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert used == asked - {"PUBLIC_URL"} | {"SITE"}


def test_compose_mounts_files_that_are_there_and_volumes_that_it_names() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        for mount in service.get("volumes", ()):
            source = mount.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), (name, source)
            else:
                assert source in compose["volumes"], (name, source)
    targets = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    [group] = targets["static_configs"]
    assert {one.partition(":")[0] for one in group["targets"]} <= compose["services"].keys()
    proxied = re.search(r"reverse_proxy (.*) \{", (DEPLOY / "Caddyfile").read_text())
    assert proxied
    assert {one.partition(":")[0] for one in proxied[1].split()} <= compose["services"].keys()


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_a_manifest_is_of_one_piece(path: Path) -> None:
    parts = {part["kind"]: part for part in yaml.safe_load_all(path.read_text())}
    workload, service = parts["StatefulSet"]["spec"], parts["Service"]["spec"]
    labels = workload["template"]["metadata"]["labels"]
    assert workload["selector"]["matchLabels"] == labels == service["selector"]
    pod = workload["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    [container] = pod["containers"]
    assert container["image"].endswith(f":{VERSION}")
    assert container["securityContext"]["readOnlyRootFilesystem"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"events": 8300, "status": 8301}
    assert {port["targetPort"] for port in service["ports"]} == {"events"}
    for probe, asked in (("livenessProbe", "/health"), ("readinessProbe", "/ready")):
        assert container[probe]["httpGet"] == {"path": asked, "port": "status"}
    volumes = {one["name"] for one in pod.get("volumes", [])}
    volumes |= {one["metadata"]["name"] for one in workload.get("volumeClaimTemplates", [])}
    assert {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]} == {
        "data": "/data",
        "tmp": "/tmp",
    }
    assert volumes == {"data", "tmp"}
    given = {one["name"]: one["value"] for one in container["env"]}
    parse_settings(tomllib.loads(IMAGE.read_text()), {**NEEDED, **given}, Path("/etc/forwarder"))


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in lines]


def test_the_image_is_small_nobody_s_and_looked_after() -> None:
    told = instructions()
    last = [n for n, (word, _) in enumerate(told) if word == "FROM"][-1]
    final: dict[str, Any] = dict(told[last:])
    assert final["FROM"].endswith("-slim-bookworm")
    assert int(final["USER"]) > 0
    assert final["VOLUME"] == "/data"
    assert final["STOPSIGNAL"] == "SIGTERM"
    assert "8301/health" in final["HEALTHCHECK"]
    stages = {words.split(" AS ")[1] for word, words in told[:last] if word == "FROM"}
    for word, words in told:
        if word != "COPY":
            continue
        source = words.split()[-2]
        if stage := re.search(r"--from=(\S+)", words):
            assert stage[1] in stages or ":" in stage[1]
        elif source != ".":
            assert (ROOT / source).exists(), source
    command = json.loads(final["ENTRYPOINT"]) + json.loads(final["CMD"])
    assert command == ["forwarder", "serve", "--config", "/etc/forwarder/forwarder.toml"]
    assert any(words == f"deploy/forwarder.toml {command[-1]}" for _, words in told)


def test_what_the_image_leaves_out_again_is_what_only_the_build_needs() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    build = {re.split(r"[<>=]", one)[0] for one in groups["build"]}
    run = "".join(words for word, words in instructions() if word == "RUN")
    uninstalled = re.search(r"pip uninstall --yes (.*?)(?:&&|$)", run)
    assert uninstalled
    assert set(uninstalled[1].split()) == build


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not here: apt-get install nginx")
def test_nginx_takes_its_example(tmp_path: Path) -> None:
    example = (DEPLOY / "nginx.conf").read_text()
    example = re.sub(r"listen 443 ssl;|http2 on;|ssl_certificate(?:_key)? .*;", "", example)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\n"
        f"http {{ access_log off;\n{example}\n}}\n"
    )
    done = subprocess.run(["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
