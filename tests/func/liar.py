"""A peer that is enrolled and lies.

A Relay answers Federation with an enrolled organisation's TLS key. It passes
on what a real publisher says, read with the same key, and alters the answers
of one method while a lie is set.
"""

import collections
import concurrent.futures
import threading

import grpc
from net import pb

UNARY = {"Hello": (pb.HelloRequest, pb.HelloResponse),
         "GetManifest": (pb.GetManifestRequest, pb.GetManifestResponse),
         "GetCheckpoint": (pb.GetCheckpointRequest, pb.GetCheckpointResponse),
         "GetProof": (pb.GetProofRequest, pb.GetProofResponse)}
STREAMS = {"Tail": (pb.TailRequest, pb.TailResponse),
           "GetChunks": (pb.GetChunksRequest, pb.GetChunksResponse)}


def to_bytes(message):
    return message if isinstance(message, bytes) else message.SerializeToString()


class Relay:
    def __init__(self, organisation, publisher):
        self.upstream = publisher.federation(organisation)
        self.told = collections.Counter()  # lies, by method
        self.open = 0                      # streams under way
        self.ended = threading.Event()
        self.lies = {}
        self.hides_manifests = False       # in Tail; Hello never names any
        handlers = {}
        for name, (request, _) in UNARY.items():
            handlers[name] = grpc.unary_unary_rpc_method_handler(
                self._unary(name), request.FromString, to_bytes)
        for name, (request, _) in STREAMS.items():
            handlers[name] = grpc.unary_stream_rpc_method_handler(
                self._stream(name), request.FromString, to_bytes)
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(64),
                                  options=[("grpc.max_send_message_length", 32 << 20),
                                           ("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("hashfed.v1.Federation", handlers)])
        port = self.server.add_secure_port(organisation.address, grpc.ssl_server_credentials(
            [(organisation.key_pem, organisation.cert)]))
        assert port == organisation.port
        self.server.start()

    def stop(self):
        self.ended.set()
        self.server.stop(0).wait()

    def lie(self, method, alter, **more):
        """alter gets the honest answer, or for a stream the iterator of
        them, and gives what is sent: messages or bytes, or for a unary
        method the status that it ends in.  more: other methods' lies."""
        self.told.clear()
        self.lies = {method: alter, **more}

    def honest(self):
        self.lies = {}

    def _unary(self, name):
        def answer(request, context):
            if name == "Hello":
                honest = pb.HelloResponse(version_min=1, version_max=1, format_min=1, format_max=1)
            else:
                try:
                    honest = getattr(self.upstream, name)(request, timeout=120)
                except grpc.RpcError as error:
                    context.abort(error.code(), error.details())
            alter = self.lies.get(name)
            if alter is None:
                return honest
            self.told[name] += 1
            lie = alter(honest)
            if isinstance(lie, grpc.StatusCode):
                context.abort(lie, "not now")
            return lie
        return answer

    def _stream(self, name):
        def answer(request, context):
            honest = getattr(self.upstream, name)(request)
            context.add_callback(honest.cancel)
            self.open += 1
            try:
                if name == "Tail":
                    for news in honest:
                        if self.hides_manifests:
                            self.told["manifests"] += len(news.manifests)
                            del news.manifests[:]
                        alter = self.lies.get(name)
                        if alter is None or not news.note:
                            yield news
                            continue
                        self.told[name] += 1
                        yield from alter(news)
                    return
                alter = self.lies.get(name)
                if alter is None:
                    yield from honest
                    return
                self.told[name] += 1
                yield from alter(honest)
            except grpc.RpcError as error:
                if context.is_active():
                    context.abort(error.code(), error.details())
            finally:
                self.open -= 1
                honest.cancel()
        return answer
