"""What tests of takedown cases share: notices, and talking to a node about
cases."""

import os

from net import pb, until

URL = "https://images.host.example/album/4711/planted-marker-8c1f"


def notice(provider, urls=(URL,), **fields):
    """A notice of intimate images, whole as DSA Art. 16(2) wants it."""
    base = dict(provider=provider, regime=pb.REGIME_NTD, content_class=pb.CONTENT_CLASS_NCII,
                locators=[pb.Locator(url=u) for u in urls],
                explanation="Intimate images, published without consent.",
                contact=pb.Contact(name="Hotline", email="desk@hotline.example"),
                is_good_faith=True, jurisdiction="NL")
    base.update(fields)
    return pb.Notice(**base)


def takedown(node, duty="operator"):
    return pb.TakedownStub(node.channel(duty))


def send(node, what, request_id=None, **fields):
    """Open a case; return its summary."""
    request = pb.SendNoticeRequest(request_id=request_id or os.urandom(16), notice=what, **fields)
    return takedown(node).SendNotice(request, timeout=60).summary


def say(node, case_id, kind, to="", request_id=None, **fields):
    """Say what happened in a case; return the summary after it."""
    event = pb.CaseEvent(kind=getattr(pb, "CASE_EVENT_KIND_" + kind), **fields)
    request = pb.UpdateCaseRequest(case_id=case_id, request_id=request_id or os.urandom(16), event=event, to=to)
    return takedown(node).UpdateCase(request, timeout=60).summary


def cases(node, **select):
    """Every case of a node, by its id."""
    found, token = {}, ""
    while True:
        page = takedown(node).ListCases(pb.ListCasesRequest(page_size=1000, page_token=token, **select), timeout=60)
        found.update({c.case_id: c for c in page.cases})
        token = page.next_page_token
        if not token:
            return found


def case(node, case_id):
    return takedown(node).GetCase(pb.GetCaseRequest(case_id=case_id), timeout=60)


def state(node, case_id):
    """The state's name, without what all of them begin with; None without the
    case."""
    found = cases(node).get(case_id)
    return pb.CaseState.Name(found.state)[len("CASE_STATE_"):] if found else None


def shown(node, case_id):
    """Each event's kind, as the node has them in its view."""
    return [pb.CaseEventKind.Name(e.event.kind)[len("CASE_EVENT_KIND_"):] for e in case(node, case_id).events]


def reaches(node, case_id, want, seconds=60):
    until(lambda: state(node, case_id) == want, seconds, f"{node.name}: {want}, is {state(node, case_id)}")


def pair(net, conf="", **named):
    """A hotline and a provider who know each other."""
    hotline = net.organisation("hotline", conf=conf, **named)
    provider = net.organisation("provider", conf=conf)
    net.enrol(hotline, provider)
    hotline.start()
    provider.start()
    return hotline, provider
