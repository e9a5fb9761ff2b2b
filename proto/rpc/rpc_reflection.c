#include "rpc_server_core.h"
#include "rpc_wire.h"

/* grpc/reflection/v1/reflection.proto; v1alpha is the same on the wire. */
enum {
	REQUEST_HOST = 1,
	REQUEST_FILE = 3,
	REQUEST_SYMBOL = 4,
	REQUEST_EXTENSION = 5,
	REQUEST_EXTENSIONS_OF = 6,
	REQUEST_LIST = 7,
	RESPONSE_HOST = 1,
	RESPONSE_REQUEST = 2,
	RESPONSE_FILES = 4,
	RESPONSE_SERVICES = 6,
	RESPONSE_ERROR = 7,
	FILES_FILE = 1,
	SERVICES_SERVICE = 1,
	SERVICE_NAME = 1,
	ERROR_CODE = 1,
	ERROR_MESSAGE = 2,
};

/* Our schema is some 50 KB; one file of it is the largest answer. */
#define ANSWER_MAX_BYTES ((size_t)256 * 1024)

/* Unread answers of one stream before we stop reading its questions. */
#define UNREAD_MAX_BYTES ((size_t)512 * 1024)

struct question {
	struct hf_span host;
	uint32_t kind;
	struct hf_span name;
};

static bool parse(struct hf_span message, struct question *out_question)
{
	struct hf_rpc_wire wire = hf_rpc_wire(message);
	struct hf_rpc_field field;

	*out_question = (struct question){ .kind = 0 };
	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, REQUEST_HOST)) {
			out_question->host = field.bytes;
		} else if (field.is_bytes && field.number >= REQUEST_FILE &&
			   field.number <= REQUEST_LIST) {
			out_question->kind = field.number;
			out_question->name = field.bytes;
		}
	}
	return !wire.is_bad;
}

static void put_error(struct hf_buf *answer, enum hf_err err)
{
	struct hf_buf error;

	hf_buf_init(&error, 256);
	hf_rpc_wire_put_number(&error, ERROR_CODE,
			       (uint64_t)hf_err_status(err));
	hf_rpc_wire_put_text(&error, ERROR_MESSAGE, hf_err_words(err));
	hf_rpc_wire_put_buf(answer, RESPONSE_ERROR, &error);
	hf_buf_release(&error);
}

static void put_file(struct hf_buf *answer, struct hf_span file)
{
	struct hf_buf files;

	if (file.at == NULL) {
		put_error(answer, HF_E_NOTFOUND);
		return;
	}
	hf_buf_init(&files, ANSWER_MAX_BYTES);
	hf_rpc_wire_put_bytes(&files, FILES_FILE, file);
	hf_rpc_wire_put_buf(answer, RESPONSE_FILES, &files);
	hf_buf_release(&files);
}

/* "package.Service" of a path. */
static struct hf_span service_of(const struct hf_rpc_method *method)
{
	struct hf_span path = hf_span_of(method->path + 1);

	while (path.len_bytes > 0 && path.at[--path.len_bytes] != '/')
		;
	return path;
}

static bool is_first(const struct hf_rpc_server *server, size_t slot)
{
	for (size_t i = 0; i < slot; i++) {
		if (server->methods[i] != NULL &&
		    hf_span_equal(service_of(server->methods[i]),
				  service_of(server->methods[slot])))
			return false;
	}
	return true;
}

static void put_services(struct hf_buf *answer,
			 const struct hf_rpc_server *server)
{
	struct hf_buf services;

	hf_buf_init(&services, ANSWER_MAX_BYTES);
	for (size_t i = 0; i <= server->methods_mask; i++) {
		struct hf_buf service;

		if (server->methods[i] == NULL || !is_first(server, i))
			continue;
		hf_buf_init(&service, 1024);
		hf_rpc_wire_put_bytes(&service, SERVICE_NAME,
				      service_of(server->methods[i]));
		hf_rpc_wire_put_buf(&services, SERVICES_SERVICE, &service);
		hf_buf_release(&service);
	}
	hf_rpc_wire_put_buf(answer, RESPONSE_SERVICES, &services);
	hf_buf_release(&services);
}

static void on_recv(struct hf_rpc_call *call, struct hf_span message)
{
	const struct hf_rpc_server *server = call->server;
	struct question question;
	struct hf_buf answer;

	if (message.at == NULL) {
		hf_rpc_finish(call, HF_OK, NULL);
		return;
	}
	if (!parse(message, &question)) {
		hf_rpc_finish(call, HF_E_MALFORMED, NULL);
		return;
	}
	hf_buf_init(&answer, ANSWER_MAX_BYTES);
	hf_rpc_wire_put_bytes(&answer, RESPONSE_HOST, question.host);
	hf_rpc_wire_put_bytes(&answer, RESPONSE_REQUEST, message);
	switch (question.kind) {
	case REQUEST_FILE:
		put_file(&answer, hf_rpc_descriptor_file(server->descriptor,
							 question.name));
		break;
	case REQUEST_SYMBOL:
		put_file(&answer, hf_rpc_descriptor_symbol(server->descriptor,
							   question.name));
		break;
	case REQUEST_LIST:
		put_services(&answer, server);
		break;
	case REQUEST_EXTENSION:
	case REQUEST_EXTENSIONS_OF:
		/* proto3: there are none. */
		put_error(&answer, HF_E_NOTFOUND);
		break;
	default:
		put_error(&answer, HF_E_UNSUPPORTED);
		break;
	}
	if (hf_rpc_send_buf(call, &answer) &&
	    hf_rpc_queued(call) > UNREAD_MAX_BYTES)
		hf_rpc_pause(call);
}

static void on_sent(struct hf_rpc_call *call)
{
	hf_rpc_resume(call);
}

static const struct hf_rpc_events events = { .recv = on_recv, .sent = on_sent };

#define SERVICE(version) "/grpc.reflection." version ".ServerReflection/"

/* clang-format off */
const struct hf_rpc_method hf_rpc_reflection_methods[2] = {
	{ SERVICE("v1") "ServerReflectionInfo", HF_RPC_ANYONE, 8192, 300000, true, true,
	  &events, HF_RPC_READS },
	{ SERVICE("v1alpha") "ServerReflectionInfo", HF_RPC_ANYONE, 8192, 300000, true, true,
	  &events, HF_RPC_READS },
};
/* clang-format on */
