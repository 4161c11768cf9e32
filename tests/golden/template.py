"""Chat templates beside Jinja2, in the environment that transformers makes for them.

    template.py golden > template.z            the cases of template_cases.txt with Jinja2's answers
    template.py random TOOL SEED N             N random templates from the grammar below, compared
    template.py folder TOOL FOLDER...          *.jinja and recipes (*.yaml) in the folders over
                                               conversations, compared

TOOL is the program tests/lm/template_lines. A line of template_cases.txt is a template in which
"⏎" stands for a line break; the variables are VARIABLES. Where Jinja2 raises, the answer is none:
ours must fail as well. What is "not done here" (an error of the kind "range") is counted, shown and,
in `folder`, no success."""

import datetime
import glob
import json
import os
import random
import subprocess
import sys
import warnings
import zlib

from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import _compile_jinja_template, render_jinja_template

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime(2024, 7, 26, 13, 5, 9)


chat_template_utils.datetime = Clock
VARIABLES = {
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi there"},
                 {"role": "assistant", "content": "  Hello <b>you</b> & co\n"},
                 {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "image"}]},
                 {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1, "b": [True, None, 2.5]}}}]},
                 {"role": "tool", "content": "{\"x\": 1}", "name": "f"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "it's \"so\"", "parameters": {"type": "object", "properties": {"city": {"type": "string", "enum": ["Köln", "東京"]}}, "required": ["city"]}}}],
    "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>", "documents": None,
    "s": "Hello World", "t": "naïve ﬁne Straße ΟΔΟΣ", "blank": "  a b\t c \n", "empty": "", "long": "one,two,,three", "lines": "a\nb\r\nc\u2028d",
    "i": 7, "n": -3, "z": 0, "f": 2.5, "g": 1e16, "h": 0.1, "big": 12345678901, "yes": True, "no": False, "nil": None,
    "nums": [3, 1, 2, 10, 7], "words": ["b", "A", "c", "a"], "mixed": [1, "a", None, 2.5, [1], {"k": "v"}], "void": [],
    "d": {"b": 2, "a": 1, "c": {"x": [1, 2]}, "items": "shadow"}, "nothing": {},
    "people": [{"name": "Bo", "age": 3, "city": "Oslo"}, {"name": "al", "age": 5, "city": "oslo"}, {"name": "Cy", "age": 3}],
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}],
    "quotes": "it's \"q\"\\", "control": "a\x00b\x7f\x85\u200b\U0001f600é", "html": "<a href='x'>&</a>", "fmt": "%s-%d", "brace": "{} {name}",
}


def spans_in_bytes(text, spans):
    return [len(text[:at].encode()) for pair in spans for at in pair]


def theirs(template, variables):
    """(text, spans), or what it raised."""
    try:
        compiled = _compile_jinja_template(template)
        blocks, spans = [], []
        with compiled.environment.activate_tracker(blocks, spans):
            for block in compiled.generate(**variables):
                blocks.append(block)
        text = "".join(blocks)
        text.encode()
        return text, spans_in_bytes(text, spans)
    except RecursionError:
        return None
    except Exception as e:
        return type(e).__name__ + ": " + str(e)


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ours(self, template, variables):
        self.process.stdin.write(json.dumps({"template": template, "variables": variables}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the tool died of {template!r}")
        return json.loads(line)


def cases():
    with open(os.path.join(HERE, "template_cases.txt"), encoding="utf-8", newline="\n") as f:
        return [line.rstrip("\n").replace("⏎", "\n") for line in f if line.strip() and not line.startswith("##")]


def golden():
    out = []
    for template in cases():
        got = theirs(template, VARIABLES)
        if isinstance(got, tuple) and " at 0x" in got[0].lower():  # an address
            continue
        out.append({"template": template, **({"raises": got} if isinstance(got, str) else {"text": got[0], "spans": got[1]})})
    sys.stdout.buffer.write(zlib.compress(json.dumps({"variables": VARIABLES, "cases": out}).encode(), 9))


# --- random templates


class Maker:
    """Mostly of the right types, for an error ends a template early."""

    def __init__(self, rng):
        self.rng, self.depth, self.names, self.loops = rng, 0, {}, 0

    def pick(self, *rows):
        return self.rng.choice(rows)

    def expr(self, kind=None):
        self.depth += 1
        try:
            kind = kind or self.pick("str", "str", "int", "bool", "list", "any", "float", "dict")
            if self.rng.random() < 0.03:
                kind = "any"
            if self.depth > 4:
                return self.leaf(kind)
            return getattr(self, kind)() if self.rng.random() < 0.75 else self.leaf(kind)
        finally:
            self.depth -= 1

    def leaf(self, kind):
        own = [n for n, k in self.names.items() if k == kind]
        if own and self.rng.random() < 0.5:
            return self.rng.choice(own)
        if kind == "str":
            return self.pick("s", "t", "blank", "empty", "long", "quotes", "'x'", '"a b"', "'\\n'", "'ß'", "messages[1].content", "html", "'%s|%s'", "lines", "'Ab' 'c'", "d['items']")
        if kind == "int":
            return self.pick("i", "n", "z", "1", "2", "10", "0x1f", "1_000", "nums[0]", "s|length", "big")
        if kind == "float":
            return self.pick("f", "h", "g", "1.5", "2e3", "1e-7", "100.0", "0.5")
        if kind == "bool":
            return self.pick("yes", "no", "true", "False", "x is defined", "i is odd", "nil is none", "s is string")
        if kind == "list":
            return self.pick("nums", "words", "void", "[1, 2, 3]", "['a']", "range(3)", "mixed", "(1, 'b')", "d.keys()", "s|list", "people|map(attribute='name')|list")
        if kind == "dict":
            return self.pick("d", "nothing", "{'k': 1}", "people[0]", "messages[0]", "{1: 'a', 'b': none}", "dict(a=1)")
        return self.pick("nil", "undefined_name", "d.missing", "s", "i", "f", "yes", "mixed", "d", "loop" if self.loops else "x", "none", "messages[-1]")

    def str(self):
        s, e = lambda: self.expr("str"), self.expr
        return self.pick(
            lambda: f"{s()} + {s()}", lambda: f"({s()} ~ {e()})", lambda: f"{s()}|upper", lambda: f"{s()}|lower", lambda: f"{s()}|title",
            lambda: f"{s()}|capitalize", lambda: f"{s()}|trim", lambda: f"({s()}).strip()", lambda: f"({s()}).lstrip('aH <')", lambda: f"({s()}).rstrip({s()})",
            lambda: f"{s()}|replace({s()}, {s()})", lambda: f"({s()}).replace('a', {s()}, {self.expr('int')})", lambda: f"{e('list')}|join({s()})", lambda: f"({s()}).title()",
            lambda: f"{e()}|string", lambda: f"{e('any')}|tojson", lambda: f"{e('dict')}|tojson(indent={self.pick(0, 1, 2, 4, 'none')})", lambda: f"{e()}|default({s()})",
            lambda: f"({s()})[{e('int')}:]", lambda: f"({s()})[:{e('int')}]", lambda: f"({s()})[::{self.pick(-1, 2, -2, 3)}]", lambda: f"({s()})[{e('int')}]",
            lambda: f"({s()} if {e('bool')} else {s()})", lambda: f"{s()} * {self.pick(0, 1, 2, 3)}", lambda: f"'%s-%s' % ({e()}, {e()})", lambda: f"'%5.2f|%-4d|%x' % ({e('float')}, {e('int')}, 255)",
            lambda: f"({s()}).split({self.pick('', repr(','), 'none, 1', repr('a'))})|first", lambda: f"({s()})|escape", lambda: f"{s()}|indent({self.pick(2, 4)}, {self.pick('true', 'false')})",
            lambda: f"'{{}} and {{}}'.format({e()}, {e()})", lambda: f"{s()}|center({self.pick(5, 10, 20)})", lambda: f"({s()}).capitalize()", lambda: f"({s()}).swapcase()",
            lambda: f"'%s'|format({s()})", lambda: f"{e('any')} or {s()}", lambda: f"({s()}).removeprefix('H')", lambda: f"strftime_now('%d %b %Y %H:%M')", lambda: f"({s()}).join({self.pick('words', repr('abc'))})",
            lambda: f"{e('dict')}|dictsort|string", lambda: f"'%(a)s/%(b)r' % {e('dict')}", lambda: f"'{{0}} {{1!r:>{self.pick(3, 9)}}} {{k.real}}'.format({e()}, {e()}, k={e('int')})", lambda: f"({s()})|{self.pick('safe', 'e')} {self.pick('+', '~')} {s()}",
            lambda: f"'%r|%5s|%-5s|%%' % ({e()}, {s()}, {e()})", lambda: f"({s()}).{self.pick('lower', 'casefold', 'upper')}()", lambda: f"({s()}).removesuffix({s()})", lambda: f"({s()}).partition({s()})|string", lambda: f"({s()})|replace({e()}, {e()}, {e('int')})",
            lambda: f"people|map(attribute='{self.pick('name', 'city', 'age')}')|join({s()})", lambda: f"people|join({s()}, attribute='{self.pick('name', 'city')}')", lambda: f"({s()}).strip({s()})", lambda: f"({s()})|trim({s()})", lambda: f"{e('list')}|string", lambda: f"'{{:>8}}|{{:.2f}}|{{:d}}|{{:^5}}'.format({s()}, {e('float')}, {e('int')}, 'm')", lambda: f"{e('list')}|tojson(ensure_ascii={self.pick('true', 'false')}, separators=(',', ':'))")()

    def int(self):
        i, e = lambda: self.expr("int"), self.expr
        return self.pick(
            lambda: f"{i()} + {i()}", lambda: f"{i()} - {i()}", lambda: f"({i()}) * {self.pick(2, 3, -1)}", lambda: f"({i()}) // {self.pick(2, 3, -4, 'z')}", lambda: f"({i()}) % {self.pick(2, 3, -4)}",
            lambda: f"-{self.leaf('int')}", lambda: f"{e('str')}|length", lambda: f"{e('list')}|length", lambda: f"{e('str')}|int", lambda: f"{e('float')}|int", lambda: f"({i()})|abs",
            lambda: f"{e('list')}|count", lambda: f"({e('str')}).count('a')", lambda: f"({e('str')}).find({e('str')})", lambda: f"nums|sum", lambda: f"nums|max", lambda: f"nums|min", lambda: f"({i()} if {e('bool')} else {i()})",
            lambda: f"{self.pick(2, 3)} ** {self.pick(0, 1, 5)}", lambda: f"({i()}).{self.pick('real', 'imag', 'numerator', 'denominator')}", lambda: f"range({i()}, {i()}).{self.pick('start', 'stop', 'step')}", lambda: f"people|sum(attribute='age')", lambda: f"(people|{self.pick('max', 'min')}(attribute='{self.pick('age', 'name')}')).age",
            lambda: f"({e('str')}).{self.pick('index', 'rfind', 'rindex')}({e('str')})", lambda: f"({e('list')}).{self.pick('index', 'count')}({e()})", lambda: f"({e('str')}).count({e('str')}, {i()})", lambda: f"{e('str')}|int({i()}, {self.pick(10, 16, 2, 36)})", lambda: "loop.length" if self.loops else "z", lambda: "loop.depth" if self.loops else "1", lambda: f"{e('str')}|wordcount", lambda: "loop.index" if self.loops else "i", lambda: "loop.revindex0" if self.loops else "n", lambda: f"({i()})|round")()

    def float(self):
        f = lambda: self.expr("float")
        return self.pick(lambda: f"{f()} + {f()}", lambda: f"({f()}) * {self.expr('int')}", lambda: f"({self.expr('int')}) / {self.pick(2, 3, 7, 'i')}", lambda: f"({f()})|round({self.pick(0, 1, 2)})", lambda: f"({f()})|round(1, '{self.pick('floor', 'ceil')}')",
                         lambda: f"{self.expr('str')}|float", lambda: f"({f()}) % {self.pick(2, -3)}", lambda: f"({f()}) // {self.pick(2, -3)}", lambda: f"({self.expr('int')}) ** {self.pick('-1', '0.5')}", lambda: f"-({f()})")()

    def bool(self):
        b, e = lambda: self.expr("bool"), self.expr
        return self.pick(
            lambda: f"{b()} and {b()}", lambda: f"{b()} or {b()}", lambda: f"not {b()}", lambda: f"{e('int')} {self.pick('<', '<=', '>', '>=', '==', '!=')} {e('int')}", lambda: f"{e('str')} {self.pick('<', '==', '!=', '>=')} {e('str')}",
            lambda: f"{e()} == {e()}", lambda: f"{e('str')} in {e('str')}", lambda: f"{e()} {self.pick('in', 'not in')} {e('list')}", lambda: f"{e()} is {self.pick('', 'not ')}{self.pick('defined', 'undefined', 'none', 'string', 'number', 'mapping', 'sequence', 'iterable', 'boolean', 'true', 'integer', 'float', 'callable', 'lower', 'upper')}",
            lambda: f"({e('str')}).startswith({e('str')})", lambda: f"({e('str')}).endswith(('n', {e('str')}))", lambda: f"1 < {e('int')} < 9", lambda: f"{e('int')} is divisibleby 3", lambda: f"{e()} is sameas {e()}", lambda: f"{e('int')} is {self.pick('gt', 'ge', 'eq', 'lt', 'ne')}({e('int')})",
            lambda: f"{e('str')} in {e('dict')}", lambda: f"({e('str')}).{self.pick('isdigit', 'isalpha', 'isupper', 'islower', 'isspace', 'istitle', 'isalnum')}()", lambda: "loop.first" if self.loops else "yes", lambda: "loop.last" if self.loops else "no", lambda: f"{e('list')} == {e('list')}", lambda: f"{e()} is in {e('list')}",
            lambda: f"{e('dict')}.{self.pick('keys', 'items', 'values')}() {self.pick('==', '!=', '<', '<=', '>', '>=')} {e('dict')}.{self.pick('keys', 'items', 'values')}()", lambda: f"{e('dict')}.{self.pick('keys', 'items')}().isdisjoint({e('list')})", lambda: f"{e()} in {e('dict')}.{self.pick('keys', 'items', 'values')}()",
            lambda: f"({e()}, {e()}) in {e('dict')}.items()", lambda: f"{e('list')} {self.pick('<', '<=', '>')} {e('list')}", lambda: f"{e('dict')} == {e('dict')}", lambda: f"{e('str')} is {self.pick('filter', 'test', 'escaped')}", lambda: f"{e('any')} {self.pick('and', 'or')} {b()}", lambda: f"({e('float')}).is_integer()", lambda: f"{e('int')} in range({e('int')})", lambda: f"{e('list')} is {self.pick('eq', 'ne', 'in')}({e('list')})")()

    def list(self):
        l, e = lambda: self.expr("list"), self.expr
        return self.pick(
            lambda: f"[{e()}, {e()}]", lambda: f"({e()}, {e()})", lambda: f"({l()})[{self.pick('1:', ':2', '::-1', ':-1', '-2:', '::2')}]", lambda: f"{l()}|list", lambda: f"{l()}|reverse|list", lambda: f"({e('str')}).split({self.pick('', repr(' '), repr('a'), repr(','))})", lambda: f"({e('str')}).rsplit({self.pick('none', repr('o'))}, {self.pick(1, 2)})",
            lambda: f"words|sort", lambda: f"{self.pick('words', 'nums')}|sort(reverse={self.pick('true', 'false')})", lambda: f"words|sort(case_sensitive=true)", lambda: f"people|sort(attribute='{self.pick('name', 'age', 'age,name', 'city')}')|map(attribute='name')|list",
            lambda: f"people|selectattr('{self.pick('city', 'age', 'name')}')|map(attribute='name')|list", lambda: f"people|rejectattr('age', '{self.pick('eq', 'gt', '==')}', {self.pick(3, 5)})|list", lambda: f"nums|select('{self.pick('odd', 'even')}')|list", lambda: f"nums|reject('gt', {e('int')})|list", lambda: f"words|map('{self.pick('upper', 'length', 'title')}')|list",
            lambda: f"{l()}|map('string')|list", lambda: f"range({self.pick(0, 1, 4)})|list", lambda: f"range({self.pick('5, 0, -2', '1, 4', '0, 9, 3')})|list", lambda: f"{e('dict')}.items()|list", lambda: f"{e('dict')}|items|list", lambda: f"{e('dict')}|list", lambda: f"{e('dict')}.values()|list", lambda: f"words|unique|list", lambda: f"nums|batch(2)|list",
            lambda: f"nums|batch(2, 'x')|list", lambda: f"nums|slice(3)|list", lambda: f"nums|slice(2, 'y')|list", lambda: f"people|groupby('{self.pick('age', 'name')}')|list", lambda: f"people|groupby('city', default='none')|map(attribute='grouper')|list", lambda: f"{l()} * {self.pick(0, 2)}", lambda: f"[1] + {self.pick('nums', 'void', l())}", lambda: f"({e('str')}).splitlines()", lambda: f"({e('str')}).partition('a')", lambda: f"d|dictsort(by='{self.pick('key', 'value')}')",
            lambda: f"{l()}|unique|list", lambda: f"{l()}|{self.pick('select', 'reject')}|list", lambda: f"{l()}|{self.pick('select', 'reject')}('{self.pick('string', 'number', 'none', 'mapping', 'defined')}')|list", lambda: f"{l()}|sort|list", lambda: f"people|map(attribute='city', default={e()})|list", lambda: f"people|selectattr('name', '{self.pick('in', 'eq', 'ne')}', {e()})|map(attribute='age')|list",
            lambda: f"people|unique(attribute='{self.pick('city', 'age')}')|map(attribute='name')|list", lambda: f"people|groupby('age')|map('first')|list", lambda: f"{l()}|batch({e('int')}, {e()})|list", lambda: f"({e('str')}).rpartition({e('str')})", lambda: f"({e('str')}).split({e('str')}, {e('int')})", lambda: f"{e('list')}[{e('int')}:{e('int')}]", lambda: f"{l()}|map('default', {e()})|list", lambda: f"{l()}|map('{self.pick('tojson', 'list', 'first', 'int', 'trim')}')|list",
            lambda: f"range({e('int')})[{e('int')}:]|list", lambda: f"dict({e('dict')}).keys()|list", lambda: f"(1, {e()}) + (2,)", lambda: f"tree|map(attribute='kids')|first|map(attribute='v')|list", lambda: f"{e('dict')}.{self.pick('keys', 'values', 'items')}()|{self.pick('sort', 'reverse', 'map(' + repr('string') + ')')}|list")()

    def dict(self):
        return self.pick(lambda: f"{{'a': {self.expr()}, {self.expr('str')}: {self.expr()}}}", lambda: f"dict(d, z={self.expr()})", lambda: f"{{{self.expr('int')}: {self.expr()}}}", lambda: f"dict([('p', {self.expr()})])", lambda: "people[1]", lambda: f"(people|first)", lambda: f"(people|last)")()

    def any(self):
        e = self.expr
        return self.pick(
            lambda: f"{e('list')}[{e('int')}]", lambda: f"{e('dict')}[{e('str')}]", lambda: f"{e('dict')}.get({e('str')})", lambda: f"{e('dict')}.get('q', {e()})", lambda: f"{e('list')}|first", lambda: f"{e('list')}|last", lambda: f"{e('dict')}.{self.pick('a', 'name', 'x', 'role')}", lambda: f"{e('any')}.{self.pick('a', 'b')}",
            lambda: f"({e()} if {e('bool')})", lambda: f"({e()} if {e('bool')} else {e()})", lambda: f"{e()} {self.pick('+', '-', '*', '/', '%')} {e()}", lambda: f"{e()} {self.pick('<', '>')} {e()}", lambda: f"{e()}|default({e()}, true)", lambda: f"({e()})|{self.pick('upper', 'length', 'first', 'list', 'int', 'float', 'abs', 'trim', 'tojson')}", lambda: f"{e('list')}|sum", lambda: "loop.previtem" if self.loops else "x", lambda: "loop.nextitem" if self.loops else "y", lambda: f"({e()}) and ({e()})", lambda: f"({e()}) or ({e()})", lambda: f"[{e()}, {e()}]|max", lambda: f"d|attr('a')")()

    def tag(self, inner):
        return "{%" + self.pick("", "", "-", "-", "+") + " " + inner + " " + self.pick("", "", "-", "-", "+") + "%}"

    def text(self):
        return self.pick("", "", " ", "\n", "x", " \n  ", "a\n", "\tb ", "\n\n", "{# c #}", "{#- c -#}\n", "  {# d #}\n", "{% raw %}{{ x }}{% endraw %}")

    def block(self, depth=0):
        return "".join(self.text() + self.statement(depth) for _ in range(self.rng.randint(1, 3))) + self.text()

    def statement(self, depth):
        e, tag = self.expr, self.tag
        if depth > 2:
            return "{{" + self.pick("", "-") + " " + e() + " " + self.pick("", "-") + "}}"
        what = self.rng.random()
        if what < 0.45:
            return "{{" + self.pick("", "-") + " " + e() + " " + self.pick("", "-") + "}}"
        if what < 0.6:
            out = tag("if " + e("bool")) + self.block(depth + 1)
            for _ in range(self.rng.randint(0, 2)):
                out += tag("elif " + e("bool")) + self.block(depth + 1)
            if self.rng.random() < 0.5:
                out += tag("else") + self.block(depth + 1)
            return out + tag("endif")
        if what < 0.75:
            var, over, kinds = self.pick(("v", "words", "str"), ("v", "nums", "int"), ("m", "messages", "dict"), ("m", "people", "dict"), ("k, v", "d.items()", "str"), ("v", e("list"), "any"), ("p", "tree", "dict"))
            test = self.pick("", "", f" if {e('bool')}", f" if {var.split(',')[0]}")
            saved, self.names = self.names, dict(self.names)
            self.names[var.split(",")[0]] = kinds
            self.loops += 1
            body = self.block(depth + 1)
            if self.rng.random() < 0.2:
                body += tag("if " + e("bool")) + tag(self.pick("break", "continue")) + tag("endif") + self.block(depth + 1)
            self.loops -= 1
            self.names = saved
            other = tag("else") + self.block(depth + 1) if self.rng.random() < 0.2 else ""
            return tag(f"for {var} in {over}{test}") + body + other + tag("endfor")
        if what < 0.87:
            name, kind = self.pick("q", "r", "w"), self.pick("str", "int", "list", "bool")
            form = self.rng.random()
            if form < 0.7:
                out = tag(f"set {name} = {e(kind)}")
            elif form < 0.8:
                out = tag(f"set ns = namespace(a=1, b={e()})") + tag(f"set ns.a = {e()}") + "{{ ns.a }}"
            else:
                out = tag(f"set {name}" + self.pick("", "|upper", "|trim")) + self.block(depth + 1) + tag("endset")
                kind = "str"
            self.names[name] = kind
            return out
        if what < 0.93:
            saved, self.names = self.names, {**self.names, "p": "str", "o": "int"}
            loops, self.loops = self.loops, 0
            body = self.block(depth + 1) + self.pick("", "", "{{ varargs }}", "{{ kwargs }}", "{{ caller() }}")
            self.names, self.loops = saved, loops
            out = tag("macro mac(p, o=" + self.pick("1", "p|length", "i") + ")") + body + tag("endmacro")
            call = self.pick(f"mac({e('str')})", f"mac({e('str')}, {e('int')})", f"mac({e('str')}, o=2)", "mac()", f"mac({e('str')}, 1, 2)", f"mac({e('str')}, k=3)")
            return out + (tag("call " + call) + self.block(depth + 1) + tag("endcall") if self.rng.random() < 0.3 else "{{ " + call + " }}")
        if what < 0.945:
            form = self.rng.random()
            if form < 0.25:  # a tree, by calls of the loop itself
                return tag("for p in tree recursive") + "{{ p.v }}" + self.block(depth + 1) + "{{ loop(p.kids) }}" + tag("endfor")
            if form < 0.5:  # a block with parameters
                saved, self.names = self.names, {**self.names, "a": "any", "b": "str"}
                loops, self.loops = self.loops, 0
                inner = self.block(depth + 1)
                self.names, self.loops = saved, loops
                return tag("macro each(l)") + "{% for x in l %}{{ caller(x, " + e("str") + ") }}{% endfor %}" + tag("endmacro") + tag(f"call(a, b='y') each({e('list')})") + inner + tag("endcall")
            if form < 0.75:  # what is set where
                name = self.pick("q", "r", "w")
                return tag(f"for v in {e('list')}") + tag(f"set {name} = {e()}") + "{{ " + name + " }}" + tag("else") + tag(f"set {name} = {e()}") + "{{ " + name + " }}" + tag("endfor") + "{{ " + name + " }}"
            return tag("set a, b = " + self.pick("1, 2", f"({e()}, {e()})", "words[:2]", e("list"))) + "{{ a }}{{ b }}" + tag("set ns = namespace(k=0)") + tag("for v in nums") + tag("set ns.k = ns.k + v") + "{{ loop.changed(v // 4) }}{{ loop.cycle('a', 'b') }}" + tag("endfor") + "{{ ns.k }}"
        if what < 0.96:
            return tag("generation") + self.block(depth + 1) + tag("endgeneration") if not self.loops or self.rng.random() < 0.5 else "{{ loop.index }}{{ loop.length }}"
        if what < 0.98:
            return tag(f"filter {self.pick('upper', 'trim', 'title', 'replace(' + repr('a') + ', s)')}") + self.block(depth + 1) + tag("endfilter")
        return tag(f"with w = {e()}, u = {e('str')}") + self.block(depth + 1) + tag("endwith")


def unlike(got, want):
    """Why the two differ; None: they do not."""
    if "error" in got:
        if got["error"] == "range":
            return "range"
        return None if isinstance(want, str) else "we fail: " + got["words"]
    if isinstance(want, str):
        return "they raise: " + want
    got["spans"] = [min(at, len(got["text"].encode())) for at in got["spans"]]  # as spans_in_bytes does
    return None if (got["text"], got["spans"]) == want else f"{got['text']!r} {got['spans']} is {want[0]!r} {want[1]}"


def randomly(path, seed, n):
    tool, refused, raised, bad = Tool(path), {}, 0, 0
    for k in range(int(n)):
        rng = random.Random(f"{seed}/{k}")
        template = Maker(rng).block()
        want = theirs(template, VARIABLES)
        if want is None or (isinstance(want, str) and ("Exceeds the limit" in want)):
            continue
        if isinstance(want, tuple) and " at 0x" in want[0]:  # an address
            continue
        got = tool.ours(template, VARIABLES)
        why = unlike(got, want)
        raised += isinstance(want, str)
        if why == "range":
            words = got["words"].split(": ", 1)[1]
            refused[words] = refused.get(words, 0) + 1
        elif why:
            bad += 1
            print(f"{seed}/{k}\n  {template!r}\n  {why}")
    print(f"{n} templates, {raised} raise, {bad} unlike, {sum(refused.values())} refused: {refused}")
    return bad


# --- published templates

TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Say the \"weather\" <b>", "parameters": {
             "type": "object", "properties": {"city": {"type": "string", "description": "Where", "enum": ["Köln", "東京"]}, "days": {"type": "integer", "default": 1}},
             "required": ["city"]}}},
         {"type": "function", "function": {"name": "noop", "description": "Nothing", "parameters": {"type": "object", "properties": {}}}}]
CALL = {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdef123", "type": "function", "function": {"name": "weather", "arguments": {"city": "Köln", "days": 2}}}]}
RESULT = {"role": "tool", "name": "weather", "tool_call_id": "abcdef123", "content": "{\"sky\": \"clear\"}"}
USER, USER2 = {"role": "user", "content": "  Hello there! \n"}, {"role": "user", "content": "naïve <|im_end|> 東京"}
SAID, SAID2 = {"role": "assistant", "content": "Hi."}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes & no"}
THOUGHT = {"role": "assistant", "content": "So.", "reasoning_content": "let me see"}
SYSTEM = {"role": "system", "content": "Be brief."}
CONVERSATIONS = [[USER], [SYSTEM, USER], [USER, SAID], [SYSTEM, USER, SAID, USER2], [USER, SAID2, USER2, SAID], [USER, THOUGHT], [SYSTEM, USER, THOUGHT, USER2, SAID2],
                 [USER, CALL, RESULT, SAID], [SYSTEM, USER, CALL, RESULT], [USER, SAID, USER2, CALL, RESULT, THOUGHT], [USER, {**CALL, "content": "I look."}, RESULT], [SAID], [USER, USER2],
                 [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], [{"role": "developer", "content": "D"}, USER, SAID]]


def folders(path, *names):
    tool, rows, total = Tool(path), [], [0, 0, 0]
    files = sorted(f for name in names for f in (glob.glob(os.path.join(name, "**", "*"), recursive=True) if os.path.isdir(name) else [name])
                   if f.endswith((".jinja", ".yaml")))
    for file in files:
        with open(file, encoding="utf-8", newline="") as f:
            template = f.read()
        if file.endswith(".yaml"):  # a recipe's chat_template, on one line in double quotes
            lines = [line for line in template.split("\n") if line.startswith('chat_template: "')]
            if not lines:
                continue
            template = json.loads(lines[0].split(": ", 1)[1])
        same = raised = bad = 0
        for conversation in CONVERSATIONS:
            for tools in (None, TOOLS):
                for prompt in (False, True):
                    for more in ({}, {"enable_thinking": False}):
                        messages = chat_template_utils._alias_reasoning_fields(json.loads(json.dumps(conversation)))
                        variables = {"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": prompt, "bos_token": "<s>", "eos_token": "</s>",
                                     "pad_token": "<pad>", "unk_token": "<unk>", **more}
                        want = theirs(template, variables)
                        got = tool.ours(template, variables)
                        why = unlike(got, want)
                        raised += isinstance(want, str)
                        same += why is None
                        if why:
                            bad += 1
                            if bad < 3:
                                print(file, json.dumps(conversation)[:100], bool(tools), prompt, (got.get("words") if why == "range" else why)[:1500])
        total[0] += bad == 0
        total[1] += bad > 0
        total[2] += same
        print(f"{'ok ' if not bad else 'BAD'} {same} alike ({raised} of them raise), {bad} unlike  {file}")
    print(f"{total[0]} templates alike, {total[1]} not; {total[2]} renderings alike")
    return total[1]


if __name__ == "__main__":
    sys.exit(bool({"golden": golden, "random": randomly, "folder": folders}[sys.argv[1]](*sys.argv[2:])))
