"""Read a report as other programs do: the page as XML and as HTML, the table as
CSV, the rest as JSON. Prints what the test compares."""

import csv
import html.parser
import io
import json
import re
import sys
import xml.etree.ElementTree

kind, path = sys.argv[1:3]
text = open(path, newline="", encoding="utf-8").read()

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Checker(html.parser.HTMLParser):
    """Every tag ends; nothing runs and nothing is loaded."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids = [], set()

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "iframe", "object", "embed", "link", "img", "base", "form"), tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("src", "href", "srcset", "action", "data", "xlink:href"), name
            if name == "id":
                assert value not in self.ids, value
                self.ids.add(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


if kind == "html":
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open, checker.open
    assert "://" not in text and "url(" not in text and "@import" not in text, "the page asks for something"
    page = xml.etree.ElementTree.fromstring(text)
    for svg in page.iter("svg"):
        labels = svg.get("aria-labelledby").split()
        assert svg.get("role") == "img"
        assert [svg.find("title").get("id"), svg.find("desc").get("id")] == labels
        assert svg.find("title").text and svg.find("desc").text
        box = [float(n) for n in svg.get("viewBox").split()]
        for rect in svg.iter("rect"):
            x, y, w, h = (float(rect.get(n)) for n in ("x", "y", "width", "height"))
            assert -0.1 <= x and x + w <= box[2] + 0.1 and -0.1 <= y and y + h <= box[3] + 0.1, rect.attrib
            assert w > 0 and h >= 0
        print("plot=%s" % svg.find("title").text)
    for section in page.iter("section"):
        print("section=%s" % section.find("h2").text)
        svg, table = section.find(".//svg"), section.find(".//table")
        assert svg is None or table is not None, "a plot without its numbers"
        if table is None:
            continue
        width = len(table.find("thead/tr"))
        for row in table.find("tbody"):
            assert len(row) == width
            print("row=%s" % "^".join("".join(cell.itertext()) for cell in row))
    for figure in page.iter("li"):
        if figure.find("b") is not None:
            print("figure=%s^%s" % (figure.find("b").text, figure.find("span").text))
    assert re.search(r"prefers-color-scheme:dark", text) and re.search(r"@media print", text)
elif kind == "csv":
    assert "\n" not in text.replace("\r\n", "")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    for row in rows:
        assert len(row) == len(rows[0]), row
        for cell in row:
            assert cell.lstrip()[:1] not in ("=", "+", "-", "@"), cell
        print("row=%s" % "^".join(row))
else:
    print(json.dumps(json.loads(text), sort_keys=True))
