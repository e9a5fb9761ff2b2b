"""A daemon's Takedown service, played: it keeps cases in memory and answers on
the unix socket of a duty, so that the client can be tested alone.

    daemon = Fake(home)
    daemon.start()
    daemon.open_case("host.example")       # as if somebody notified
    daemon.calls["SendNotice"]             # what clients asked
"""

import struct
import threading
from concurrent import futures

import grpc

from net import pb

FIRST_MS = 1_700_000_000_000


class Fake(pb.TakedownServicer):
    """Changes have numbers; a position is the number of the last one seen and
    that up to which all opened cases were told as new, as a daemon's is: a call
    that broke off takes nothing away from the next."""

    def __init__(self, home, duty="analyst"):
        self.home = home
        self.path = home / f"run/{duty}.sock"
        self.lock = threading.Condition()
        self.cases = {}      # case id -> summary
        self.opened_at = {}  # case id -> number of the change that opened it
        self.changed_at = {} # case id -> number of its last change
        self.clocks = {}     # case id -> what the clock said with that change
        self.numbers = 0
        self.events = {}     # case id -> [CaseEventInfo]
        self.requests = {}   # request id -> case id
        self.calls = {}      # method -> [request]
        self.refusals = []   # (grpc status, words): for the next calls that write
        self.refuses = {}    # URL -> (grpc status, words): for the next notice of that place
        self.members = {"host.example", "other.example"}
        self.server = None
        self.is_stopping = False
        self.watchers = 0
        (home / "run").mkdir(parents=True, exist_ok=True)
        (home / "lib").mkdir(exist_ok=True)

    def start(self):
        self.is_stopping = False
        if self.path.exists():
            self.path.unlink()
        self.server = grpc.server(futures.ThreadPoolExecutor(16))
        pb.add_TakedownServicer_to_server(self, self.server)
        assert self.server.add_insecure_port(f"unix:{self.path}") != 0
        self.server.start()
        return self

    def stop(self):
        if self.server is None:
            return
        with self.lock:
            self.is_stopping = True
            self.lock.notify_all()
        self.server.stop(0).wait(120)
        self.server = None

    # What happens in the world.

    def open_case(self, provider, **fields):
        with self.lock:
            return self._open(provider, **fields)

    def _open(self, provider, **fields):
        number = len(self.cases) + 1
        case_id = "%032x" % (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128))
        fields.setdefault("state", pb.CASE_STATE_NOTICED)
        fields.setdefault("side", pb.CASE_SIDE_NOTIFIER)
        fields.setdefault("regime", pb.REGIME_NTD)
        fields.setdefault("content_class", pb.CONTENT_CLASS_NCII)
        self.cases[case_id] = pb.CaseSummary(
            case_id=case_id, notifier="hotline.example", provider=provider, published_ms=FIRST_MS + number * 1000,
            events=1, opening=pb.EntryRef(origin="hotline.example/case-1/1", index=number), **fields)
        self.events[case_id] = []
        self.opened_at[case_id] = self.numbers + 1
        self._changed(case_id)
        return case_id

    def change(self, case_id, clock="", **fields):
        with self.lock:
            for name, value in fields.items():
                setattr(self.cases[case_id], name, value)
            if not clock:
                self.cases[case_id].events += 1
            self._changed(case_id, clock)

    def _changed(self, case_id, clock=""):
        self.numbers += 1
        self.changed_at[case_id] = self.numbers
        self.clocks[case_id] = clock
        self.cases[case_id].changed_ms = FIRST_MS + self.numbers
        self.lock.notify_all()

    # Calls.

    def _note(self, name, request, context):
        self.calls.setdefault(name, []).append(request)
        if self.refusals and name in ("SendNotice", "UpdateCase"):
            status, words = self.refusals.pop(0)
            if status is not None:
                context.abort(getattr(grpc.StatusCode, status), words)
        for locator in request.notice.locators if name == "SendNotice" else []:
            status, words = self.refuses.pop(locator.url, (None, ""))
            if status is not None:
                context.abort(getattr(grpc.StatusCode, status), words)

    def _find(self, case_id, context):
        found = [c for c in self.cases if c.startswith(case_id)]
        if len(found) != 1:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no case '{case_id}'" if not found
                          else f"'{case_id}' begins several cases")
        return found[0]

    def _mail(self, case_id):
        if not self.cases[case_id].is_not_member:
            return b""
        return b"To: abuse@" + self.cases[case_id].provider.encode() + b"\r\nSubject: notice\r\n\r\nhello\r\n"

    def SendNotice(self, request, context):
        with self.lock:
            self._note("SendNotice", request, context)
            case_id = self.requests.get(request.request_id)
            if case_id is None:
                notice = request.notice
                if request.case_id:
                    case_id = self._find(request.case_id, context)
                    self.cases[case_id].state = pb.CASE_STATE_ORDERED
                    self.cases[case_id].regime = notice.regime
                    self._changed(case_id)
                else:
                    case_id = self._open(
                        notice.provider, regime=notice.regime, content_class=notice.content_class,
                        state=request.hold or (pb.CASE_STATE_ORDERED if request.kind == pb.CASE_EVENT_KIND_ORDER
                                               else pb.CASE_STATE_NOTICED),
                        locators=len(notice.locators), hashes=len(notice.hashes), reference=notice.reference,
                        is_not_member=notice.provider not in self.members)
                event = pb.CaseEvent(kind=request.kind, event_id=request.request_id, at_ms=FIRST_MS, notice=notice)
                self._add_event(case_id, "hotline.example", event)
                self.requests[request.request_id] = case_id
            return pb.SendNoticeResponse(summary=self.cases[case_id], mail=self._mail(case_id))

    def _add_event(self, case_id, author, event):
        self.events[case_id].append(pb.CaseEventInfo(author=author, event=event, is_applied=True))

    def UpdateCase(self, request, context):
        with self.lock:
            self._note("UpdateCase", request, context)
            case_id = self._find(request.case_id, context)
            if request.request_id not in self.requests:
                self.requests[request.request_id] = case_id
                names = {"OFFLINE": "VERIFIED_OFFLINE", "REVIEW": "UNDER_REVIEW", "WITHDRAW": "WITHDRAWN",
                         "CLOSE": "CLOSED", "ONLINE": "STILL_ONLINE", "RENOTIFY": "RENOTIFIED", "CONTEST": "CONTESTED",
                         "ESCALATE_LEA": "ESCALATED_LEA", "ESCALATE_AUTHORITY": "ESCALATED_AUTHORITY"}
                name = pb.CaseEventKind.Name(request.event.kind)[len("CASE_EVENT_KIND_"):]
                name = "CASE_STATE_" + names.get(name, name)
                if request.is_release:
                    self.cases[case_id].state = pb.CASE_STATE_NOTICED
                elif name in pb.CaseState.keys():
                    self.cases[case_id].state = pb.CaseState.Value(name)
                self.cases[case_id].reason = request.event.reason
                self._add_event(case_id, "host.example", request.event)
                self.cases[case_id].events += 1
                self._changed(case_id)
            return pb.UpdateCaseResponse(summary=self.cases[case_id])

    def GetCase(self, request, context):
        with self.lock:
            self._note("GetCase", request, context)
            case_id = self._find(request.case_id, context)
            return pb.GetCaseResponse(summary=self.cases[case_id], events=self.events[case_id])

    def GetBundle(self, request, context):
        with self.lock:
            self._note("GetBundle", request, context)
            return pb.GetBundleResponse(bundle=b"\0bundle of " + self._find(request.case_id, context).encode())

    def ListCases(self, request, context):
        with self.lock:
            self._note("ListCases", request, context)
            every = sorted(self.cases, key=lambda c: -self.changed_at[c])
            first = int(request.page_token or 0)
            # Pages of three, whatever is asked: they must all be fetched.
            page = every[first:first + 3]
            more = str(first + 3) if first + 3 < len(every) else ""
            return pb.ListCasesResponse(cases=[self.cases[c] for c in page], next_page_token=more)

    def WatchCases(self, request, context):
        with self.lock:
            self._note("WatchCases", request, context)
            self.watchers += 1
            seen, heard = struct.unpack(">QQ", request.position or bytes(16))
            if request.only_new and not request.position:
                seen = heard = self.numbers
        try:
            yield from self._watch(seen, heard, context)
        finally:
            with self.lock:
                self.watchers -= 1

    def _watch(self, seen, heard, context):
        marked = False
        while context.is_active():
            with self.lock:
                if self.is_stopping:
                    return
                next_up = sorted((n, c) for c, n in self.changed_at.items() if n > seen)
                answers = []
                for number, case_id in next_up:
                    summary = pb.CaseSummary()
                    summary.CopyFrom(self.cases[case_id])
                    answers.append(pb.WatchCasesResponse(
                        position=struct.pack(">QQ", number, heard), summary=summary, clock=self.clocks[case_id],
                        is_new=self.opened_at[case_id] > heard))
                    seen = number
                heard = seen
                if not next_up and not marked:
                    marked = True
                    answers.append(pb.WatchCasesResponse(position=struct.pack(">QQ", seen, heard), is_mark=True))
                elif not next_up:
                    self.lock.wait(0.2)
            yield from answers


def request_ids(requests):
    return [bytes(r.request_id) for r in requests]


