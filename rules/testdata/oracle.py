"""Lines that filters should match, or nearly, and what fail2ban itself says of them; for oracle_test.go.

usage: oracle.py CONFIG SEED LINES FILTER...   (with the Python that fail2ban is installed for)

For each filter an object is printed: {"filter": name, "lines": [{"text": base64, "failures": [...]}]}. The lines are written
from the filter's own expressions: a walk through the parsed tree that makes up a text for each node, then a few changes.
"failures" is null where fail2ban gave up on the line with an exception.
"""
import base64
import json
import logging
import os
import random
import re
import sys
import time

try:
    import re._constants as C
    import re._parser as parser
except ImportError:
    import sre_constants as C
    import sre_parse as parser

logging.disable(logging.CRITICAL)
os.environ["TZ"] = "Europe/Zurich"
time.tzset()

from fail2ban.client.filterreader import FilterReader
from fail2ban.server.filter import FileContainer, FileFilter
from fail2ban.server.mytime import MyTime
from fail2ban.tests.dummyjail import DummyJail

NOW = 1124013600
WORDS = ["root", "admin", "from", "for", "x", "1.2.3.4", "2001:db8::1", "port 22", "ssh2", "[1]", '"', "'", ":", "-", "a@b.example",
         "é", "日本", "\xa0", "٣", "ſ", "\x1c", "\x85", "😀", "\u2028", "_", "=", "<", " ", "\t", "\\", "rhost=", "user="]
ADDRESSES = {
    "ip4": ["192.0.2.7", "203.0.113.9", "999.1.1.1", "::ffff:192.0.2.8"],
    "ip6": ["2001:db8::1", "::1", "fe80::a", "2001:db8:0:0:0:0:0:1", "1:2:3:4:5:6:7:8"],
    "dns": ["host.example.com", "localhost", "a.b", "exämple.de", "1.2.3"],
}
DATES = ["Aug 14 11:59:%02d ", "2005-08-14 11:59:%02d ", "2005-08-14T11:59:%02d.123456+02:00 ", "[14/Aug/2005:11:59:%02d +0200] ",
         "Sun Aug 14 11:59:%02d 2005 ", "2005/08/14 11:59:%02d ", "11240135%02d ", "050814 11:59:%02d "]
CATEGORIES = {"DIGIT": "0123456789٣", "SPACE": "    \t\xa0", "WORD": "abcXYZ019_é", "NOT_DIGIT": "ab -.", "NOT_SPACE": "abc019-._:/é", "NOT_WORD": " -./:\""}
ODD = ["é", "\xa0", "٣", "日", "ſ", "\u212a", "İ", "\x1c", "\x85", "\u2028", "😀", "\x00", "\x0b", "²", "\ufeff"]


class Writer:
    """Writes texts that an expression should match."""

    def __init__(self, rand, expression, content=None):
        self.rand, self.content = rand, content
        self.tree = parser.parse(expression)
        self.names = {number: name for name, number in self.tree.state.groupdict.items()}

    def text(self):
        self.groups = {}
        return self.all(self.tree)

    def all(self, items):
        return "".join(self.one(op, arg) for op, arg in items)

    def one(self, op, arg):
        r = self.rand
        if op is C.LITERAL:
            return chr(arg)
        if op in (C.ANY, C.NOT_LITERAL):
            return r.choice([c for c in "ab 1-é" if c != arg])
        if op is C.IN:
            return self.member(arg)
        if op is C.BRANCH:
            return self.all(r.choice(arg[1]))
        if op in (C.MAX_REPEAT, C.MIN_REPEAT):
            return self.repeated(*arg)
        if op is C.SUBPATTERN:
            return self.group(arg[0], arg[3])
        if op is C.GROUPREF:
            return self.groups.get(arg, "")
        if op is C.GROUPREF_EXISTS:
            branch = arg[1] if arg[0] in self.groups else arg[2]
            return self.all(branch) if branch else ""
        return ""  # assertions

    def member(self, items):
        wanted = [i for i in items if i[0] is not C.NEGATE]
        if len(wanted) < len(items):
            return self.rand.choice("abc019 -_é")
        op, arg = self.rand.choice(wanted)
        if op is C.RANGE:
            return chr(self.rand.randint(*arg))
        return chr(arg) if op is C.LITERAL else self.rand.choice(CATEGORIES[str(arg).replace("CATEGORY_", "")])

    def repeated(self, low, high, items):
        r = self.rand
        if high is C.MAXREPEAT and len(items) == 1 and items[0][0] is C.ANY:
            return " ".join(r.choice(WORDS) for _ in range(max(low, r.randint(0, 3))))
        return "".join(self.all(items) for _ in range(r.randint(low, min(high, low + 2)) if high > low else low))

    def group(self, number, items):
        name, r = self.names.get(number), self.rand
        if name in ADDRESSES:
            text = r.choice(ADDRESSES[name])
        elif name == "content" and self.content:
            text = self.content()
        elif name == "user" and r.random() < 0.3:
            text = r.choice(["root from 1.2.3.4 port 22", "", "jörg", "x y", '"'])
        elif name == "mlfid" and r.random() < 0.5 and hasattr(self, "connection"):
            text = self.connection
        else:
            text = self.all(items)
        if name == "mlfid":
            self.connection = text
        if number is not None:
            self.groups[number] = text
        return text


def changed(rand, line):
    at, kind = rand.randint(0, len(line)), rand.random()
    if kind < 0.25:
        return line[:at] + line[at + 1:]
    if kind < 0.35:
        return line[:at] + line[at:at + 1] * 2 + line[at + 1:]
    if kind < 0.5:
        return line[:at] + rand.choice([" 192.0.2.99 ", "::2", " from 198.51.100.1"]) + line[at:]
    if kind < 0.85:
        return line[:at] + rand.choice(ODD) + line[at + rand.randint(0, 1):]
    if kind < 0.9:
        return line[:at] + "x" * 300 + line[at:]
    return line[:at] + line[at:at + 8].swapcase() + line[at + 8:]


def read_filter(config, name):
    reader = FilterReader(name, "jail", {"logtype": "file"}, basedir=config)
    if not reader.read():
        sys.exit("no filter " + name)
    reader.getOptions(None)
    f = FileFilter(DummyJail())
    f.returnRawHost, f.checkAllRegex, f.checkFindTime = True, False, False
    setters = {"addfailregex": f.addFailRegex, "addignoreregex": f.addIgnoreRegex, "datepattern": f.setDatePattern, "usedns": f.setUseDns,
               "maxlines": lambda v: f.setMaxLines(int(v)), "prefregex": lambda v: setattr(f, "prefRegex", v)}
    for command in reader.convert():
        for value in command[3] if command[0] == "multi-set" else command[3:4]:
            setters.get(command[2], lambda v: None)(value)
    return f


def lines(rand, f, count):
    writers = [Writer(rand, x) for x in f.getFailRegex()]
    one = lambda: rand.choice(writers).text()
    whole = Writer(rand, f.prefRegex.getRegex(), one).text if f.prefRegex else one
    for _ in range(count):
        body = whole()
        date = rand.choice(DATES) % rand.randint(0, 59)
        line = body.replace("[]", "[" + date.strip(" []") + "]", 1) if "[]" in body else date + rand.choice(["", "srv ", "srv prog[1]: "]) + body
        for _ in range(rand.choice([0, 0, 1, 2])):
            line = changed(rand, line)
        yield re.sub("[\r\n]", " ", line).encode("utf-8", "replace")


def failures(f, raw):
    try:
        found = f.processLine(FileContainer.decode_line("log", "utf-8", raw))
    except Exception:
        return None
    return [{"id": str(id), "time": when if when is not None else NOW, "attempts": len(fields.get("matches", [])), "user": fields.get("user") or ""}
            for _, id, when, fields in found if id is not None]


MyTime.setTime(NOW)
config, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for name in sys.argv[4:]:
    f = read_filter(config, name)
    told = [{"text": base64.b64encode(raw).decode(), "failures": failures(f, raw)} for raw in lines(random.Random(seed + name), f, count)]
    print(json.dumps({"filter": name, "lines": told}))
