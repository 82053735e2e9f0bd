"""page/frozen.js against modules that misbehave: each ends in the instance being discarded, told once."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT

HOST = (ROOT / "browser_plugin" / "page" / "frozen.js").as_uri()
MODULE = """
import { frozenHost } from "HOST";
const memory = new WebAssembly.Memory({ initial: 1 });
const word = (at, value) => new DataView(memory.buffer).setInt32(at, value, true);
const answer = (text) => {
  const bytes = new TextEncoder().encode(text);
  new Uint8Array(memory.buffer).set(bytes, 1000);
  word(0, bytes.length);
  return 1000;
};
let refused = 0;
const exports = {
  memory,
  PyUnicode_FromStringAndSize: () => 1,
  PyObject_CallOneArg: () => 2,
  PyUnicode_AsUTF8AndSize: () => answer("caf\\u00e9"),
  Py_DecRef: () => {},
  ...CHANGED,
};
const told = [];
const host = frozenHost();
const asked = host.imports.env;
const python = host.attach({ exports }, { entry: 8, buffer: 0, capacity: 100 }, (why) => told.push(why));
const said = [1, 2].map(() => {
  try {
    return python.call("a question");
  } catch (error) {
    return String(error);
  }
});
const large = asked.emscripten_resize_heap(2 ** 31);
console.log(JSON.stringify({ told, said, large, pages: memory.grow(0) }));
"""


def ended(folder: Path, changed: str) -> tuple[list[str], list[str]]:
    """Return what the page is told, and what two calls say."""
    program = folder / "host.mjs"
    program.write_text(MODULE.replace("HOST", HOST).replace("CHANGED", f"{{ {changed} }}"))
    done = subprocess.run(["node", program], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    return said["told"], said["said"]


def test_a_module_that_answers(tmp_path: Path) -> None:
    assert ended(tmp_path, "") == ([], ["caf\u00e9", "caf\u00e9"])


@pytest.mark.parametrize("answer", ["the answer", "caf\u00e9", "\U0001f600!", "", "x" * 300])
def test_the_answer_is_what_the_module_says_whatever_is_expected(tmp_path: Path, answer: str) -> None:
    """Also where the bytes, one by one, are the characters of what is expected."""
    bytes_as_text = answer.encode().decode("latin-1")
    others = ["", answer[:-1], f"{answer}!", f"{answer[:-1]}?", bytes_as_text, answer]
    program = tmp_path / "host.mjs"
    says = f"{{ PyUnicode_AsUTF8AndSize: () => answer({json.dumps(answer)}) }}"
    once = MODULE.replace("HOST", HOST).replace("CHANGED", says)
    asked = once.replace("[1, 2].map(() =>", f"{json.dumps(others)}.map((expected) =>")
    program.write_text(asked.replace('call("a question")', 'call("a question", expected)'))
    done = json.loads(subprocess.run(["node", program], capture_output=True, text=True, check=True).stdout)
    assert (done["told"], done["said"]) == ([], [answer] * len(others))


def test_memory_that_grows_during_a_call_is_seen(tmp_path: Path) -> None:
    grows = "PyObject_CallOneArg: () => (memory.grow(1), 2)"
    assert ended(tmp_path, grows) == ([], ["caf\u00e9", "caf\u00e9"])
    at_the_answer = "PyUnicode_AsUTF8AndSize: () => (memory.grow(1), answer('grown'))"
    assert ended(tmp_path, at_the_answer) == ([], ["grown", "grown"])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ("PyUnicode_FromStringAndSize: () => 0", "Error: the text was refused"),
        ("PyObject_CallOneArg: () => 0", "Error: the function raised an exception"),
        ("PyObject_CallOneArg() { unreachable(); }", "ReferenceError: unreachable is not defined"),
        ("PyUnicode_AsUTF8AndSize: () => 0", "Error: the answer is not a text"),
        ("PyUnicode_AsUTF8AndSize: () => (word(0, 524289), 1000)", "RangeError: an answer of 524289 bytes"),
        ("PyUnicode_AsUTF8AndSize: () => (word(0, -1), 1000)", "RangeError: an answer of -1 bytes"),
        ("PyUnicode_AsUTF8AndSize: () => (word(0, 9), 65530)", "RangeError: an answer of 9 bytes"),
        (
            "PyUnicode_AsUTF8AndSize: () => (word(1000, 0xe9), word(0, 2), 1000)",
            "TypeError: The encoded data was",
        ),
        ("Py_DecRef() { asked.fd_write(); }", "Error: the frozen module asked for fd_write"),
    ],
)
def test_a_module_that_misbehaves_is_discarded_once(tmp_path: Path, changed: str, why: str) -> None:
    [told], [first, second] = ended(tmp_path, changed)
    assert told == first
    assert told.startswith(why)
    assert second == "Error: Python was discarded"


@pytest.mark.parametrize(("text", "why"), [("'x'.repeat(97)", "RangeError"), ("5", "TypeError")])
def test_what_cannot_go_in_costs_that_text_only(tmp_path: Path, text: str, why: str) -> None:
    program = tmp_path / "host.mjs"
    once = MODULE.replace("HOST", HOST).replace("CHANGED", "{}")
    program.write_text(
        once.replace("[1, 2].map(() =>", f"[{text}, 'a question'].map((text) =>").replace(
            'call("a question")', "call(text)"
        )
    )
    said = json.loads(subprocess.run(["node", program], capture_output=True, text=True, check=True).stdout)
    assert said["told"] == []
    assert said["said"][0].startswith(why)
    assert said["said"][1] == "caf\u00e9"


def test_memory_that_is_not_to_be_had_is_refused_to_the_module(tmp_path: Path) -> None:
    program = tmp_path / "host.mjs"
    program.write_text(
        MODULE.replace("HOST", HOST).replace("initial: 1", "initial: 1, maximum: 2").replace("CHANGED", "{}")
    )
    said = json.loads(subprocess.run(["node", program], capture_output=True, text=True, check=True).stdout)
    assert (said["large"], said["pages"]) == (0, 1)
