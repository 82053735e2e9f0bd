"""Changes that are not asked about: no user would meet them, no test may look. Each kind has its reason."""

import re
from collections.abc import Callable, Iterable

import libcst as cst
import libcst.matchers as m

_LEVELS = m.OneOf(*map(m.Name, ("debug", "info", "warning", "error", "exception")))
_LOG = m.Call(
    func=m.Attribute(
        value=m.OneOf(*map(m.Name, ("log", "_log", "_structlog")), m.Attribute(attr=m.Name("_log"))),
        attr=_LEVELS,
    )
)
_SQL = re.compile(
    r"""^\w*["']+\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|PRAGMA|BEGIN|COMMIT|ROLLBACK
    |SAVEPOINT|RELEASE|WITH|ATTACH|DETACH|VACUUM|FROM|WHERE|AND|OR|ORDER|GROUP|LIMIT|ON|SET|VALUES|UNION)\b""",
    re.VERBOSE,
)
_CODECS = re.compile(r"""^["'](?:utf-?8|ascii|latin-?1|idna|utf-16[bl]e)["']$""", re.IGNORECASE)
Nodes = list[cst.CSTNode]
Rule = Callable[[cst.CSTNode, cst.CSTNode, Nodes], bool]


def _of_log(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    return any(m.matches(one, _LOG) for one in (old, *above))


def _of_type(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    cast = next((one for one in (old, *above) if m.matches(one, m.Call(func=m.Name("cast")))), None)
    if cast is None:
        return False
    of, value = cst.ensure_type(cast, cst.Call).args
    if cast is old:
        return _text(cst.ensure_type(new, cst.Call).args[-1].value) == _text(value.value)
    return old is of.value or of in above


def _of_assertion(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    return any(isinstance(one, cst.Assert) for one in (old, *above))


def _of_strict_zip(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    if m.matches(old, m.Call(func=m.Name("zip"))):
        return _keywords(old) != _keywords(new) or "strict=None" in _text(new)
    return any(m.matches(one, m.Arg(keyword=m.Name("strict"))) for one in above[:1])


def _of_name(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    names = ("name", "thread_name_prefix", "daemon")
    within = next((one for one in above if isinstance(one, cst.Arg)), None)
    if within is not None and within.keyword is not None and within.keyword.value in names:
        return any(_starts(one) for one in above)
    return isinstance(old, cst.Call) and _starts(old) and _without(old, names) == _without(new, names)


def _of_repr(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    return any(m.matches(one, m.FunctionDef(name=m.Name("__repr__"))) for one in above)


def _of_words(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    """Tell whether it is in a text with blanks that senders are refused with: for people. Codes have none."""
    if not any(isinstance(one, cst.Raise) or _refuses(one) for one in (old, *above)):
        return False
    if any(_is_prose(one) for one in (old, *above)):
        return True
    return isinstance(old, cst.Call) and _codes(old) == _codes(new)


def _of_case(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    if not (isinstance(old, cst.SimpleString) and isinstance(new, cst.SimpleString)):
        return False
    if old.value.lower() != new.value.lower():
        return False
    texts = [one for one in (old, *above) if isinstance(one, (cst.SimpleString, cst.ConcatenatedString))]
    return bool(_CODECS.match(old.value)) or any(_SQL.match(_text(one)) for one in texts)


LEFT_OUT: dict[str, Rule] = {
    "what a line of the log says: for people, and its presence is what tests look at": _of_log,
    "what only a type checker reads": _of_type,
    "an assertion: it tells type checkers and readers what is so, and never fails": _of_assertion,
    "zip's strict: fails where our own code is wrong, and is never met": _of_strict_zip,
    "a thread's or task's name: for debuggers": _of_name,
    "__repr__: for debuggers": _of_repr,
    "the wording of an error for people; its code and class are asked about": _of_words,
    "upper and lower case of SQL and of a codec's name: they mean the same": _of_case,
}
"""Reason to rule: the changed node, what it becomes, and the nodes around it from the innermost on."""


def is_left_out(old: cst.CSTNode, new: cst.CSTNode, above: Nodes) -> bool:
    """Tell whether a change is of a kind that is not asked about."""
    return any(rule(old, new, above) for rule in LEFT_OUT.values())


def _text(node: cst.CSTNode) -> str:
    return cst.Module(body=[]).code_for_node(node)


def _refuses(node: cst.CSTNode) -> bool:
    return m.matches(node, m.Call(func=m.OneOf(*map(m.Name, ("error", "Refusal", "Rejection")))))


def _is_prose(node: cst.CSTNode) -> bool:
    kinds = cst.SimpleString, cst.FormattedString, cst.ConcatenatedString
    return isinstance(node, kinds) and " " in _text(node)


def _codes(node: cst.CSTNode) -> list[str]:
    """Return a call's arguments without texts for people, and what a change may have made of them."""
    arguments: Iterable[cst.Arg] = getattr(node, "args", ())
    texts = [_text(one).rstrip(", ") for one in arguments if not _is_prose(one.value)]
    return [text for text in texts if text != "None"]


def _keywords(node: cst.CSTNode) -> list[str]:
    arguments: Iterable[cst.Arg] = getattr(node, "args", ())
    return [one.keyword.value for one in arguments if one.keyword]


def _starts(node: cst.CSTNode) -> bool:
    """Tell whether a call makes a thread, a pool or a task."""
    if not isinstance(node, cst.Call):
        return False
    return _text(node.func).rpartition(".")[2] in ("Thread", "ThreadPoolExecutor", "create_task", "Task")


def _without(node: cst.CSTNode, names: tuple[str, ...]) -> list[str]:
    arguments: Iterable[cst.Arg] = getattr(node, "args", ())
    return [_text(one).rstrip(", ") for one in arguments if not (one.keyword and one.keyword.value in names)]
