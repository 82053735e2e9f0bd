"""The page's JavaScript has no rule about an event: it asks about plumbing, rules are in ``rules.py``.

Each file in ``page`` is parsed; whatever comes from an event is followed through names, and no condition may
depend on it. What a compiled rule answers is no longer the event's.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from browser_plugin.minimal import KEPT, least
from browser_plugin.page_build.places import MODULES, PLUGIN
from browser_plugin.policy import as_javascript

PARSE = """
import fs from "node:fs";
import { parse } from ACORN;
const files = JSON.parse(process.argv[2]);
const read = (file) => parse(fs.readFileSync(file, "utf8"), { ecmaVersion: 2022, sourceType: "module" });
console.log(JSON.stringify(files.map(read), (_, value) => (value instanceof RegExp ? null : value)));
"""
CONTENT = {"event", "integrations"}
"""Names under which the page has an event, or a part of one."""
TESTS = {
    "IfStatement": "test",
    "ConditionalExpression": "test",
    "WhileStatement": "test",
    "ForStatement": "test",
    "LogicalExpression": "left",
    "SwitchStatement": "discriminant",
}
ASKING = {"filter", "find", "some", "every", "findIndex"}
"""Methods whose function's answer is a condition."""
PLUMBING = {
    ("session.js", "relevant"): "null for what is no object, as the compiled rules take it",
    ("session.js", "optionsOf"): "null for what is not there, as JSON has it",
    ("session.js", "putOptions"): "nothing is put by leaving out",
    ("session.js", "putBack"): "what nobody has changed is not put back",
    ("sending.js", "sendAtOnce"): "null for what is not there, as the compiled rule takes it",
    ("leaving.js", "sendHeld"): "what Python has answered, and else the compiled rule",
    ("holding.js", "passed"): "how much waits",
    ("enrichment.js", "startEnriching"): "what Python has answered",
}
"""Functions that look at an event's shape, and why that is no rule."""
Node = dict[str, Any]


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes right under one."""
    for value in node.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "type" in one:
                yield one


def walked(node: Node) -> Iterator[Node]:
    """Yield a node and everything under it."""
    yield node
    for one in children(node):
        yield from walked(one)


def names(pattern: Node) -> set[str]:
    """Return the names that a pattern binds."""
    if pattern["type"] == "Property":
        return names(pattern["value"])
    if pattern["type"] == "AssignmentPattern":
        return names(pattern["left"])
    if pattern["type"] == "Identifier":
        return {pattern["name"]}
    return set().union(*map(names, children(pattern)))


def is_of_event(node: Node, known: set[str], rules: set[str]) -> bool:
    """Tell whether a value is made of an event's content."""
    if node["type"] == "CallExpression" and node["callee"].get("name") in rules:
        return False
    if node["type"] == "Identifier":
        return node["name"] in known
    if node["type"] == "MemberExpression" and not node["computed"]:
        return node["property"].get("name") in CONTENT or is_of_event(node["object"], known, rules)
    if node["type"] == "Property":
        return is_of_event(node["value"], known, rules)
    return any(is_of_event(one, known, rules) for one in children(node))


def bound(scope: Node, known: set[str], rules: set[str]) -> set[str]:
    """Return the names that hold what is an event's within a scope, over and above ``known``."""
    known = set(known)
    for node in walked(scope):
        if node["type"] == "Property" and node.get("shorthand") and node["key"].get("name") in CONTENT:
            known.add(node["key"]["name"])
        elif node["type"].endswith(("Function", "FunctionExpression", "FunctionDeclaration")):
            known |= {name for one in node["params"] for name in names(one) if name in CONTENT}
        elif (
            node["type"] == "VariableDeclarator"
            and node["init"]
            and is_of_event(node["init"], known, rules)
            and "Function" not in node["init"]["type"]
        ):
            known |= names(node["id"])
    return known


def conditions(scope: Node) -> Iterator[Node]:
    """Yield every expression that decides what is done next."""
    for node in walked(scope):
        if tested := node.get(TESTS.get(node["type"], "")):
            yield tested
        if node["type"] == "CallExpression" and node["callee"].get("property", {}).get("name") in ASKING:
            yield from (one["body"] for one in node["arguments"] if one["type"] == "ArrowFunctionExpression")


def rules_of_the_page(file: str, program: Node) -> Iterator[tuple[str, str]]:
    """Yield the file and the function of each condition on an event's content."""
    rules = {
        one["local"]["name"]
        for node in program["body"]
        if node["type"] == "ImportDeclaration" and node["source"]["value"] == "built"
        for one in node["specifiers"]
    }
    for statement in program["body"]:
        node = statement.get("declaration") or statement
        named = node.get("id") or (node.get("declarations") or [{}])[0].get("id") or {}
        known = bound(node, set(), rules)
        if any(is_of_event(one, known, rules) for one in conditions(node)):
            yield file, named.get("name", "")


def parsed(files: list[Path], folder: Path) -> list[Node]:
    """Return each file as acorn reads it."""
    program = folder / "parse.mjs"
    program.write_text(PARSE.replace("ACORN", json.dumps((MODULES / "acorn/dist/acorn.mjs").as_uri())))
    done = subprocess.run(
        ["node", program, json.dumps([str(one) for one in files])], capture_output=True, text=True, check=True
    )
    trees: list[Node] = json.loads(done.stdout)
    return trees


def test_no_condition_in_the_page_is_on_an_events_content(tmp_path: Path) -> None:
    files = sorted((PLUGIN / "page").glob("*.js"))
    found = {
        one
        for file, tree in zip(files, parsed(files, tmp_path), strict=True)
        for one in rules_of_the_page(file.name, tree)
    }
    assert found == set(PLUMBING), "rules about events are written in rules.py"


def test_what_is_left_of_an_event_is_the_same_compiled(tmp_path: Path) -> None:
    event = {
        "type": "track",
        "event": "E",
        "messageId": "m",
        "userId": None,
        "properties": {"a": [1]},
        "n": 0,
    }
    fields = [[], [*KEPT, "event"], ["event", "userId", "properties", "gone"], ["n", "type", "__proto__"]]
    (tmp_path / "rules.mjs").write_text(as_javascript())
    program = tmp_path / "ask.mjs"
    program.write_text(
        'import { least, refuses } from "./rules.mjs";\nconst [event, fields] = JSON.parse(process.argv[2]);'
        'const given = [null, {}, { "Segment.io": false }, { "Segment.io": {} }];'
        'const off = given.map((one) => refuses(one, "Segment.io"));'
        "console.log(JSON.stringify([fields.map((one) => least(event, one)), off]));"
    )
    done = subprocess.run(
        ["node", program, json.dumps([event, fields])], capture_output=True, text=True, check=True
    )
    left, off = json.loads(done.stdout)
    assert left == [least(event, one) for one in fields]
    assert left[1] == {"type": "track", "messageId": "m", "event": "E"}
    assert off == [False, False, True, False]


def test_rules_about_events_are_seen(tmp_path: Path) -> None:
    sources = {
        "if": 'function take({ event }) { if (event.type === "track") go(); }',
        "followed": "const take = (context) => { const { name } = context.event; return name ? 1 : 2; };",
        "found": "function take(context) { all.filter((one) => one === context.event.userId).forEach(go); }",
        "logical": "function take(context) { return context.event.integrations || {}; }",
        "a rule's answer": 'import { may } from "built"; function take({ event }) { if (may(event)) go(); }',
        "plumbing": "function take(context) { if (context.id) go(context.event); }",
    }
    files = [tmp_path / f"{number}.js" for number in range(len(sources))]
    for file, source in zip(files, sources.values(), strict=True):
        file.write_text(source)
    trees = parsed(files, tmp_path)
    seen = [name for name, tree in zip(sources, trees, strict=True) if list(rules_of_the_page("a.js", tree))]
    assert seen == ["if", "followed", "found", "logical"]
