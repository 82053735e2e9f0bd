"""What a profiled run of an owner's code reads, so that nothing of it counts as unused."""

import json
import subprocess
import sys
from pathlib import Path

from browser_plugin.owner_freeze import calls

READ = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import touch, touched_shop
read, parts = [], touch.parts
def remembering(value, named):
    read.append(value)
    return parts(value, named)
touch.parts = remembering
count = touch.touch("touched_shop")
texts = [one for one in read if isinstance(one, str) and one.isascii()]
print(json.dumps([count == len(read), json.dumps in read, texts]))
"""


def test_every_constant_that_the_code_names_is_read(tmp_path: Path) -> None:
    """``parts`` reads a value; what it was given in all is what ``touch`` came to."""
    (tmp_path / "touched_shop.py").write_text(
        "import json\nimport re\nfrom urllib import parse\nfrom decimal import Decimal\n"
        "RATES = {'EUR': Decimal('1.5'), 'odd': ('deep', frozenset(['in a set']))}\n"
        "WORD = re.compile('w[o0]rd')\n"
        "class Shop:\n    name = 'of a class'\n    def ask(self, other='a default'): return 'in a method'\n"
        "def enrich(event, page):\n    def inner(): return page, 'in a closure'\n"
        "    return parse.unquote_plus(WORD.sub('in code', json.loads('x')))\n"
    )
    beside = Path(calls.__file__).parent
    command = [sys.executable, "-I", "-c", READ, str(beside), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    all_seen, others_too, texts = json.loads(done.stdout)
    assert all_seen
    assert not others_too, "of modules what the code names"
    expected = {"EUR", "odd", "deep", "in a set", "of a class", "a default", "in a method", "in a closure"}
    assert expected | {"in code", "w[o0]rd", "1.5", "unquote_plus"} <= set(texts)
