"""Liquid templates, as LiquidJS renders them."""

from typing import Any

import pytest

from forwarder.errors import MappingError
from forwarder.mapping import compile_mapping

PAYLOAD: dict[str, Any] = {
    "s": "Hello World",
    "n": 7,
    "f": 1.5,
    "zero": 0,
    "null": None,
    "t": "20",
    "list": [3, 1, 2],
    "items": [{"id": "p1", "price": 2}, {"id": "p2"}],
    "html": "<b class='x'>bold</b> & <script>bad()</script>text",
    "uni": "a🚀b",
    "day": "2024-02-29T10:20:30.456Z",
    "key with space": {"k": "v"},
    "a-b": "dash",
}

RENDERED = {
    "": "",
    "{{ f }} {{ n }} {{ list }} {{ items[0] }} {{ missing }}": "1.5 7 312 [object Object] ",
    "{{ items.size }}{{ s.size }}{{ items.first.id }}{{ items[-1].id }}{{ list.1 }}": "211p1p21",
    # conditions
    "{% if t > 10 %}more{% else %}less{% endif %}": "more",
    "{% if missing > 10 %}more{% elsif missing == nil %}nothing{% endif %}": "nothing",
    "{% if items.x == missing.x and missing != zero %}same{% endif %}": "same",
    "{% if zero %}true{% endif %}{% unless missing %}!{% endunless %}": "true!",
    "{% if s contains 'World' and list contains 2 %}both{% endif %}": "both",
    "{% if missing == blank and s != empty %}ok{% endif %}": "ok",
    # numbers
    "{{ n | divided_by: 2 }} {{ n | modulo: 4 }} {{ f | round }}": "3.5 3 2",
    "{{ n | times: 0.1 }} {{ n | divided_by: 0 }}": "0.7000000000000001 Infinity",
    "{{ n | plus: '3' }} {{ n | plus: missing }} {{ n | plus }}": "10 7 NaN",
    # defaults
    "{{ missing | default: 'd' }}{{ zero | default: 1 }}{{ '' | default: 2 }}": "d02",
    "{{ false | default: 1, allow_false: true }}": "false",
    # texts
    "{{ s | truncate: 8 }} {{ s | truncatewords: 1 }} {{ s | slice: -5, 2 }}": "Hello... Hello... Wo",
    "{{ uni.size }} {{ uni | slice: 1, 2 }} {{ uni | split: '' | size }}": "4 🚀 4",
    "{{ s | split: ' ' | join: '-' | downcase | capitalize }}": "Hello-world",
    "{{ s | replace: 'l', 'L' }} {{ s | remove_first: 'l' }}": "HeLLo WorLd Helo World",
    "{{ s | replace_last: 'o', '0' }}": "Hello W0rld",
    # HTML, URLs, encodings
    "{{ html | strip_html }}": "bold & text",
    "{{ html | slice: 0, 3 | escape }} {{ '&lt;<' | escape_once }}": "&lt;b  &lt;&lt;",
    "{{ 'a b/c' | url_encode }} {{ 'a+b%20c' | url_decode }}": "a+b%2Fc a b c",
    "{{ 'a(b)' | cgi_escape }}": "a%28b%29",
    "{{ 'Hello, Wörld!' | slugify }} {{ 'Wörld' | slugify: 'latin' }}": "hello-wörld world",
    "{{ 'aé' | base64_encode }} {{ 'YcOp' | base64_decode }}": "YcOp aé",
    "{{ 'abcde' | base64_decode }}": "i\ufffd\x1d",
    "{{ '' | sha256 | slice: 0, 8 }}": "e3b0c442",
    # lists
    "{{ items | json }}": '[{"id":"p1","price":2},{"id":"p2"}]',
    "{{ items | sum: 'price' }} {{ items | where: 'id', 'p2' | json }}": '2 [{"id":"p2"}]',
    # dates
    "{{ day | date: '%Y-%m-%d %H:%M:%S.%L' }}": "2024-02-29 10:20:30.456",
    "{{ day | date: '%a %b %-d %j %U %q %s %%' }}": "Thu Feb 29 060 08 th 1709202030 %",
    "{{ 0 | date: '%c' }} {{ 'no date' | date: '%Y' }}": "1/1/1970, 12:00:00 AM no date",
    "{{ day | date_to_xmlschema }}": "2024-02-29T10:20:30+00:00",
    "{{ day | date_to_string: 'ordinal' }}": "29th Feb 2024",
    "{{ day | date: '%H:%M %z', 'Europe/Berlin' }} {{ day | date: '%H:%M', 90 }}": "11:20 +0100 08:50",
    # tags
    "{% assign x = s | upcase %}{{ x }}": "HELLO WORLD",
    "{% capture y %}<{{ n }}>{% endcapture %}{{ y }}": "<7>",
    "{{ s | nofilter }}{% comment %}x{% endcomment %}": "Hello World",
    "{% raw %}{{ s }}{% endraw %}": "{{ s }}",
    "{{- n -}} {% echo n %}": "77",
    # what LiquidJS reads otherwise than Ruby's Liquid
    "{{ n == 7 }} {{ n and null }} {{ not n }} {{ s contains 'World' }}": "true false false true",
    "{{ 'a' 'b' }}{{ n | }}{{ n nonsense }}": "a77",
    "{{ 'it\\'s' }} {{ \"\\u00e9\\101\" }}": "it's éA",
    "{{ +5 }} {{ 5. }} {{ -5 }} {{ 1.5 }} {{ 7.size }}": "5 5 -5 1.5 ",
    "{{ a-b }} {{ ['key with space'].k }} {{ items[0]['id'] }}": "dash v p1",
    "{{ items[zero].id }}{{ list[] }}": "p1",
    "{{ nil.x }}{{ 'abc'.size }} {{ 'abc'[1] }} {{ size }}": "3 b 0",
    "{{ (1..3) | join: ',' }} {{ (1..n) | size }}": "1,2,3 7",
    "{{ (3..1) | json }} {{ (1..2.5) | join }}": "[] 1 2 3",
    "{% if n > 1 and null or n == 7 %}y{% endif %}{% if not n == 8 %}z{% endif %}": "yz",
    "{% if n <> 7 %}y{% else %}n{% endif %}": "n",
    "{% unless n %}a{% else %}b{% else %}c{% elsif n %}d{% endunless %}": "b",
    "{% increment n %}{% increment n %}{{ n }}{% decrement x %}": "789-1",
    "{% cycle 'a', 'b' %}{% cycle 'c', 'd' %}{% cycle 'g': 'e', 'f' %}": "ade",
    "a{% break %}b": "a",
    "{% block b %}{{ n }}{% endblock %}": "7",
    "{% liquid\nassign x = n | plus: 1\nif x == 8\necho x\nendif %}": "8",
    "{% # note %}{%- raw -%} {{ n }} {% endraw -%} x": " {{ n }} x",
    "{% comment %}{% if %}{{ n | }}{% endcomment %}-": "-",
    "{% capture 'x y' %}1{% endcapture %}{{ ['x y'] }}": "1",
    "{% echo %}{% echo s | slice: 0, 2 %}": "He",
    "{{ s | slice: '1', 2 }}|{{ s | slice }}|{{ s | slice: 'x' }}": "ello World||",
    "{{ nil | json }}{{ list | json: 2 }}": "{}[\n  3,\n  1,\n  2\n]",
    "{{ items | where: 'price' | size }}{{ items | where: 'price', nil | json }}": '1[{"id":"p2"}]',
    "{{ 5000000000000 | date: '%Y-%m-%d' }} {{ '0001-01-01' | date: '%x %C' }}": "160413-09-10 1/1/1 1",
    "{{ day | date: '%H:%M %Z %z', 'america/new_york' }}": "05:20 america/new_york -0500",
    "{{ day | date: '%5Y|%-m|%_d|%^a|%3N|%Q' }}": "02024|2|29|THU|456|%Q",
    "{{ day | date: '%Z', nil }} {{ list | date: '%Y' }}": "+0000 2002",
    "{{ 's' | plus: k: 1 }} {{ n | append: k: 1 }}": "0 7k1",
    "{{ 1.5 | round: 400 }} {{ 25 | round: -1 }}": "NaN 30",
}


def render(text: str) -> object:
    result: Any = compile_mapping({"v": {"@liquid": text}})(PAYLOAD)
    return result["v"]


@pytest.mark.parametrize("text", RENDERED)
def test_rendered(text: str) -> None:
    assert render(text) == RENDERED[text]


@pytest.mark.parametrize(
    "text",
    [
        "{% for x in list %}{% endfor %}",
        "{% case n %}{% endcase %}",
        "{% include 'x' %}",
        "{{ list | map: 'x' }}",
        "{{ list | sort }}",
        "{{ s | append }}",
        "{{ '%zz' | url_decode }}",
        "{% nope %}",
        "{{ s",
        "{% if s %}",
        "x" * 1001,
        "{{ day | date: '%H', 'Nowhere/Land' }}",
        "{% if n",
        "{{ }}",
        "{{ n @ }}",
        "{{ n || upcase }}",
        "{{ n | plus 1 }}",
        "{{ n | plus: 1 2 }}",
        "{{ list[0 }}",
        "{{ (1..) }}",
        "{% %}",
        "{% assign x %}",
        "{% if n %}a{% else %}b{% elsif n %}c{% endif %}",
        "{% if n %}a{% else x %}b{% endif %}",
        "{% raw %}x{%- endraw %}",
        "{% comment %}x",
        "{% capture %}{% endcapture %}",
        "{% cycle %}",
        "{% # a\nb %}",
        "{% else %}",
        "{{ '\\ud800' | url_encode }}",
        "{{ (1..1000000) }}",
        "{{ day | date: '%999999999Y' }}",
    ],
)
def test_failures_are_mapping_errors(text: str) -> None:
    with pytest.raises(MappingError, match="v: @liquid: "):
        render(text)


def test_an_emoji_counts_as_two_characters_of_a_template() -> None:
    assert render("\U0001f600" * 500) == "\U0001f600" * 500
    with pytest.raises(MappingError, match="longer than 1000 characters"):
        render("\U0001f600" * 501)


def test_texts_are_bounded() -> None:
    doubling = "{% assign x = x | append: x %}" * 25
    with pytest.raises(MappingError, match="memory alloc limit"):
        render("{% assign x = s %}" + doubling)


@pytest.mark.parametrize("name", ["where", "sum"])
def test_paths_from_events_are_bounded(name: str) -> None:
    """Each element takes as many steps as the path is long: together a minute for 50 kB."""
    compiled = compile_mapping({"v": {"@liquid": f"{{{{ a | {name}: b }}}}"}})
    assert compiled({"a": [{"x": 1}] * 3000, "b": "x"})
    with pytest.raises(MappingError, match=f"{name} takes too long"):
        compiled({"a": [{"x": 1}] * 3000, "b": ".a" * 10_000})


def test_ranges_from_events_are_bounded() -> None:
    with pytest.raises(MappingError, match="memory alloc limit"):
        compile_mapping({"v": {"@liquid": "{{ (1..a) | size }}"}})({"a": 9_000_000})


def test_now_is_the_clock_given() -> None:
    mapping = {"v": {"@liquid": "{{ 'now' | date: '%Y-%m-%d' }}"}}
    assert compile_mapping(mapping, clock=lambda: 86_400)({}) == {"v": "1970-01-02"}


def test_time_does_not_leak_in_by_name() -> None:
    assert render("{{ now }}{{ today }}") == ""
