"""Takedown with more than two parties: an authority, a hub, a hotline abroad;
and providers without a node."""

import email
import email.policy
import json
import os
import subprocess

from net import BIN, pb, refused, until
from takedown import URL, case, cases, notice, pair, reaches, say, send, state, takedown

HOUR = 3600 * 1000

# Seconds instead of hours and days.
QUICK = """
regimes:
  - { regime: ntd, deadline: 4s, warn: 2s, renotify: 4s, escalate: 6s, escalate-to: authority.example }
attesters:
  - { by: authority.example, roles: [authority, trusted-flagger] }
"""
SLOW = """
attesters:
  - { by: authority.example, roles: [authority, trusted-flagger] }
"""


def attest(node, name, role, **fields):
    claim = pb.Attestation(name=name, role=getattr(pb, "ROLE_" + role), from_ms=1, **fields)
    return takedown(node).AttestRole(pb.AttestRoleRequest(claim=claim), timeout=120)


def three(net, conf):
    """A hotline, a provider, and an authority whose word counts."""
    hotline = net.organisation("hotline", conf=conf)
    provider = net.organisation("provider", conf=conf)
    authority = net.organisation("authority", conf=conf)
    for one, other in ((hotline, provider), (hotline, authority), (authority, provider)):
        net.enrol(one, other)
    for node in (hotline, provider, authority):
        node.start()
    origin = attest(authority, "authority.example", "AUTHORITY", jurisdiction="NL",
                    powers=[pb.POWER_ORDER_CSAM, pb.POWER_SUPERVISE_DSA, pb.POWER_ATTEST_FLAGGER]).origin
    for node in (hotline, provider):
        authority.share("directory", node)
        node.follow(origin)
        until(lambda node=node: node.applied(origin) >= 1, 30)
    return hotline, provider, authority


def order(provider="provider.example", **fields):
    return notice(provider, regime=pb.REGIME_CSAM_ORDER, content_class=pb.CONTENT_CLASS_CSAM,
                  order=pb.Order(reference="ATKM-2026-17", issuing_state="NL", authority="The Authority",
                                 grounds=["art. 6"], redress="Within six weeks."), **fields)


def test_a_silent_provider_is_reminded_escalated_ordered_and_complies(net):
    hotline, provider, authority = three(net, QUICK)
    watched = takedown(hotline).WatchCases(pb.WatchCasesRequest(), timeout=300)
    assert next(watched).is_mark  # it is told of all that comes
    sent = send(hotline, notice("provider.example"))
    clocks = set()
    for news in watched:
        clocks.add(news.clock)
        if news.summary.state == pb.CASE_STATE_ESCALATED_AUTHORITY and news.summary.renotified > 0:
            break
    watched.cancel()
    assert {"warning", "overdue"} <= clocks
    assert cases(hotline)[sent.case_id].is_overdue

    # The authority has the whole case, with the provider's own receipt.
    def has_receipt():
        return sent.case_id in cases(authority) and ("provider.example", pb.CASE_EVENT_KIND_RECEIPT, True) in [
            (e.author, e.event.kind, e.is_applied) for e in case(authority, sent.case_id).events]

    until(has_receipt, 30)
    assert case(authority, sent.case_id).events[0].event.notice.locators[0].url == URL

    # It orders in the case; the provider has that from the authority itself.
    ordered = send(authority, order(), kind=pb.CASE_EVENT_KIND_ORDER, case_id=sent.case_id)
    assert ordered.case_id == sent.case_id
    reaches(provider, sent.case_id, "ORDERED")
    reaches(hotline, sent.case_id, "ORDERED")
    found = cases(provider)[sent.case_id]
    assert found.authority == "authority.example"
    assert found.regime == pb.REGIME_CSAM_ORDER
    say(provider, sent.case_id, "COMPLIED")
    for node in (provider, hotline, authority):
        reaches(node, sent.case_id, "COMPLIED")
    until(lambda: len({cases(n)[sent.case_id].events for n in (provider, hotline, authority)}) == 1, 30)


def verify(node, case_id, name):
    """The bundle of a case, by the command, and what a third party makes of
    it without any daemon."""
    made = subprocess.run([BIN / "hashfed", "--home", node.home, "cases", "bundle", case_id], capture_output=True,
                          timeout=120)
    assert made.returncode == 0, made.stderr
    path = node.net.folder / name
    path.write_bytes(made.stdout)
    done = subprocess.run([BIN / "hashfed", "--home", "/nonexistent", "verify", path, "--json"], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_bundle_shows_a_third_party_what_happened_and_a_changed_one_is_refused(net):
    hotline, provider, authority = three(net, SLOW)
    sent = send(hotline, notice("provider.example"))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(hotline, sent.case_id, "ESCALATE_AUTHORITY", to="authority.example")
    reaches(authority, sent.case_id, "ESCALATED_AUTHORITY")
    until(lambda: len(case(authority, sent.case_id).events) == 3, 30)
    send(authority, order(), kind=pb.CASE_EVENT_KIND_ORDER, case_id=sent.case_id)
    reaches(provider, sent.case_id, "ORDERED")
    say(provider, sent.case_id, "COMPLIED")
    reaches(authority, sent.case_id, "COMPLIED")
    reaches(hotline, sent.case_id, "COMPLIED")
    for node in (hotline, provider, authority):
        shown = verify(node, sent.case_id, node.name + ".bundle")
        assert shown["case_id"] == sent.case_id and shown["state"] == "complied", shown
        assert URL in json.dumps(shown)
    text = (net.folder / "hotline.bundle").read_text()
    at = len(text) // 2
    (net.folder / "changed").write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
    done = subprocess.run([BIN / "hashfed", "--home", "/nonexistent", "verify", net.folder / "changed"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "hashfed: " in done.stderr


def test_an_order_without_the_power_is_refused_here_and_counts_nowhere(net):
    hotline, provider, authority = three(net, SLOW)
    sent = send(hotline, notice("provider.example"))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    say(hotline, sent.case_id, "ESCALATE_AUTHORITY", to="authority.example")
    until(lambda: sent.case_id in cases(authority), 30)
    terrorist = notice("provider.example", regime=pb.REGIME_TCO, content_class=pb.CONTENT_CLASS_TERRORIST,
                       order=pb.Order(reference="1", issuing_state="NL", authority="The Authority",
                                      grounds=["incitement"]))
    with refused("PERMISSION_DENIED") as problem:
        send(authority, terrorist, kind=pb.CASE_EVENT_KIND_ORDER, case_id=sent.case_id)
    assert "no attested power" in problem.text
    # Nor where it has it, for another state.
    abroad = order()
    abroad.order.issuing_state = "DE"
    with refused("PERMISSION_DENIED"):
        send(authority, abroad, kind=pb.CASE_EVENT_KIND_ORDER, case_id=sent.case_id)
    with refused("PERMISSION_DENIED"):
        send(hotline, order(), kind=pb.CASE_EVENT_KIND_ORDER, case_id=sent.case_id)
    reaches(provider, sent.case_id, "ESCALATED_AUTHORITY")


def test_an_authority_that_becomes_known_later_has_ordered_from_then_on(net):
    provider = net.organisation("provider", conf=SLOW)
    authority = net.organisation("authority", conf=SLOW)
    net.enrol(authority, provider)
    authority.start()
    provider.start()
    origin = attest(authority, "authority.example", "AUTHORITY", jurisdiction="NL",
                    powers=[pb.POWER_ORDER_CSAM]).origin
    sent = send(authority, order(), kind=pb.CASE_EVENT_KIND_ORDER)
    assert state(authority, sent.case_id) == "ORDERED"
    until(lambda: any(s.applied == 2 for o, s in provider.sets().items() if o.startswith("authority")), 30)
    assert not cases(provider)
    authority.share("directory", provider)
    provider.follow(origin)
    reaches(provider, sent.case_id, "ORDERED")
    say(provider, sent.case_id, "COMPLIED")
    reaches(authority, sent.case_id, "COMPLIED")


def test_a_flagger_has_priority_while_an_authority_says_so(net):
    hotline, provider, authority = three(net, SLOW)
    before = send(hotline, notice("provider.example", regime=pb.REGIME_DSA))
    reaches(provider, before.case_id, "ACKNOWLEDGED")
    assert not cases(provider)[before.case_id].is_priority
    attest(authority, "hotline.example", "TRUSTED_FLAGGER")
    origin = authority.origin("directory")
    until(lambda: provider.applied(origin) == 2 and hotline.applied(origin) == 2, 30)
    sent = send(hotline, notice("provider.example", regime=pb.REGIME_DSA, urls=[URL + "2"]))
    reaches(provider, sent.case_id, "ACKNOWLEDGED")
    until(lambda: cases(provider)[sent.case_id].is_priority, 10)
    assert cases(provider)[sent.case_id].due_ms - cases(provider)[sent.case_id].clock_ms == 24 * HOUR

    claim = pb.Attestation(name="hotline.example", role=pb.ROLE_TRUSTED_FLAGGER)
    takedown(authority).AttestRole(pb.AttestRoleRequest(claim=claim, is_end=True), timeout=120)
    until(lambda: not cases(provider)[sent.case_id].is_priority, 30)
    assert case(provider, sent.case_id).events[0].event.notice.locators[0].url == URL + "2"


def test_notices_of_the_unattested_are_declined_where_roles_are_asked_for(net):
    hotline, provider = pair(net, conf="cases-need-role: yes\n")
    sent = send(hotline, notice("provider.example"))
    reaches(hotline, sent.case_id, "REJECTED")
    last = case(hotline, sent.case_id).events[-1].event
    assert last.is_automatic and "attested" in last.text


def test_a_provider_without_a_node_gets_a_mail_and_counts_alike(net):
    hotline = net.organisation("hotline", conf="regimes:\n  - { regime: ntd, deadline: 1s }\n").start()
    request = pb.SendNoticeRequest(request_id=os.urandom(16), notice=notice("elsewhere.example"))
    answer = takedown(hotline).SendNotice(request, timeout=120)
    sent = answer.summary
    assert sent.is_not_member and state(hotline, sent.case_id) == "NOTICED"
    mail = email.message_from_bytes(answer.mail, policy=email.policy.default)
    assert "abuse@elsewhere.example" in mail["To"]
    table = [p for p in mail.walk() if p.get_filename()][0].get_content()
    assert URL in (table if isinstance(table, str) else table.decode())
    assert sent.case_id[:8] in mail["Subject"] + mail.get_body().get_content()

    say(hotline, sent.case_id, "DELIVERY",
        delivery=pb.Delivery(means="mail", address="abuse@elsewhere.example", reference="<1@hotline.example>"))
    assert state(hotline, sent.case_id) == "DELIVERED"
    until(lambda: cases(hotline)[sent.case_id].is_overdue, 30)
    update = pb.UpdateCaseRequest(case_id=sent.case_id, request_id=os.urandom(16),
                                  event=pb.CaseEvent(kind=pb.CASE_EVENT_KIND_RENOTIFY))
    reminder = takedown(hotline).UpdateCase(update, timeout=120)
    assert reminder.summary.renotified == 1 and reminder.mail
    say(hotline, sent.case_id, "OFFLINE")
    assert state(hotline, sent.case_id) == "VERIFIED_OFFLINE"
    unknown = send(hotline, notice("UNKNOWN"))
    assert unknown.is_not_member and unknown.provider == "UNKNOWN"
    for node in net.nodes:
        assert not [s for s in node.sets().values() if s.members]


def forms(text):
    """A planted text as it may stand somewhere."""
    import base64
    raw = text.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), text.encode("utf-16-le"), text.encode("utf-16-be")}
    # Base64 at each of the three alignments, without the ends that depend on
    # what stands beside.
    for shift in range(3):
        found.add(base64.b64encode(b"\0" * shift + raw)[4:-4])
    return found


def holds(node, text):
    """Files of a node, its log included, that have the text in any form."""
    wanted = forms(text)
    files = [p for p in node.home.rglob("*") if p.is_file()] + [node.log_path]
    return [p for p in files if any(w in p.read_bytes() for w in wanted)]


def test_a_hub_passes_a_case_on_and_learns_nothing_of_it(net):
    marker = "planted-marker-8c1f"
    hub = net.organisation("hub", conf="relay-cases: yes\n")
    hotline = net.organisation("hotline", conf="case-relays: [hub.example]\n")
    provider = net.organisation("provider")
    net.enrol(hotline, hub)
    net.enrol(hub, provider)
    net.enrol(hotline, provider, "--silent")
    for node in (hub, hotline, provider):
        node.start()
    sent = send(hotline, notice("provider.example", reference=marker + "-ref",
                                contact=pb.Contact(name=marker + "-name", email=marker + "@hotline.example"),
                                explanation=marker + " explained"))
    reaches(hotline, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "REMOVED", text=marker + " is gone")
    reaches(hotline, sent.case_id, "REMOVED")
    assert case(hotline, sent.case_id).events[-1].event.text == marker + " is gone"
    assert not cases(hub)
    assert [s for s in hub.sets().values() if s.applied > 0]
    for node in (hub, hotline, provider):
        node.stop()
    assert not holds(hub, marker)
    # The search finds it in whatever form it would stand there.
    for number, form in enumerate(forms(marker)):
        planted = hub.home / f"planted-{number}"
        planted.write_bytes(b"before " + form + b" behind")
        assert holds(hub, marker) == [planted]
        planted.unlink()
    # The parties keep what was opened encrypted, and log none of it.
    for node in (hotline, provider):
        assert not [p for p in holds(node, marker + "-name") + holds(node, URL) + holds(node, marker + " explained")]


def test_a_case_forwarded_abroad_goes_on_there_and_answers_back(net):
    hub = net.organisation("hub", conf="relay-cases: yes\n")
    hotline = net.organisation("hotline", conf="case-relays: [hub.example]\n")
    partner = net.organisation("partner")
    provider = net.organisation("provider")
    net.enrol(hotline, hub)
    net.enrol(hub, partner)
    net.enrol(hotline, partner, "--silent")
    net.enrol(partner, provider)
    for node in (hub, hotline, partner, provider):
        node.start()
    marker = "planted-marker-8c1f"
    sent = send(hotline, notice("elsewhere.example", reference=marker))
    say(hotline, sent.case_id, "FORWARD", to="partner.example")
    until(lambda: cases(partner), 30)
    (theirs,) = cases(partner).values()
    assert (theirs.regime, theirs.continues) == (pb.REGIME_FORWARD, sent.case_id)
    until(lambda: cases(hotline)[sent.case_id].continued_by == [theirs.case_id], 30)

    onward = send(partner, notice("provider.example", continues=theirs.opening))
    reaches(partner, onward.case_id, "ACKNOWLEDGED")
    reaches(hotline, theirs.case_id, "UNDER_REVIEW")
    say(provider, onward.case_id, "REMOVED")
    reaches(hotline, theirs.case_id, "REMOVED")
    # The hotline sees that it was removed, not by whom.
    assert onward.case_id not in cases(hotline)
    assert not cases(hub)
    hub.stop()
    assert not holds(hub, marker)


def test_a_provider_behind_nat_is_reached_over_the_connection_it_opened(net):
    hotline = net.organisation("hotline")
    provider = net.organisation("provider", endpoint=False)
    net.enrol(hotline, provider)
    hotline.start()
    provider.start()
    sent = send(hotline, notice("provider.example"))
    reaches(hotline, sent.case_id, "ACKNOWLEDGED")
    say(provider, sent.case_id, "REMOVED")
    reaches(hotline, sent.case_id, "REMOVED")
