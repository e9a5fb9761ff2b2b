"""Read a mail as another program does, and print what it found, a line each:
the test that made the mail compares."""

import csv
import email
import email.header
import email.policy
import email.utils
import io
import sys

raw = sys.stdin.buffer.read()
for line in raw.split(b"\r\n"):
    assert b"\n" not in line and b"\r" not in line, "a line ends in one of CR and LF alone"
    assert len(line) <= 998, "a line is longer than RFC 5322 allows"
    assert line.isascii(), "a line is not ASCII"
message = email.message_from_bytes(raw, policy=email.policy.default)
assert not message.defects, message.defects

for name, value in message.items():
    assert not value.defects, (name, value.defects)
    print("%s=%s" % (name, value))
    if hasattr(value, "addresses"):
        for one in value.addresses:
            print("%s.address=%s" % (name, one.addr_spec))
            print("%s.display=%s" % (name, one.display_name))
# The parser above puts a space between two encoded words of a name, against
# RFC 2047 section 6.2; this one does not.
old = email.message_from_bytes(raw)["From"].replace("\r\n", "")
name = email.utils.parseaddr(old)[0]
print("From.name=%s" % email.header.make_header(email.header.decode_header(name)))
parts = list(message.iter_parts())
print("parts=%d" % len(parts))
for part in parts:
    assert not part.defects, part.defects
    print("type=%s %s" % (part.get_content_type(), part.get_content_charset()))
    print("file=%s" % part.get_filename())
print("date=%d" % message["Date"].datetime.timestamp())
text = parts[0].get_content()
print("text=%s" % text.replace("\r\n", "\n").replace("\n", "|"))
table = parts[1].get_payload(decode=True).decode("utf-8")
for row in csv.reader(io.StringIO(table, newline=""), delimiter=";", strict=True):
    assert len(row) == 5, row
    for cell in row:
        assert not cell or cell.strip()[:1] not in ("=", "+", "-", "@"), cell
    print("row=%s" % "^".join(row))
