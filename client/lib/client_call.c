#include "client_inside.h"

enum hf_err hf_client_call(struct hf_client *client, const char *path,
			   struct hf_span request, int64_t deadline_ms,
			   struct hf_buf *out_reply, struct hf_why *why)
{
	enum hf_err err = hf_rpc_unary(client->channel, path, request,
				       deadline_ms, out_reply, why);

	return err == HF_OK ? HF_OK : hf_client_worded(client, err, why);
}

static enum hf_err too_large(enum hf_err err, const char *method,
			     struct hf_why *why)
{
	return hf_why(why, err, "%s: the request is %s", method,
		      err == HF_E_LIMIT ? "larger than the protocol allows"
					: "not acceptable");
}

/* clang-format off */
#define PATH(service, method) "/hashfed.v1." service "/" method

/* Encode, call, parse: each step only when the one before went well. */
#define ASK_TELL(name, service, method, deadline_ms)                           \
	enum hf_err hf_client_##name(                                          \
		struct hf_client *client,                                      \
		const struct hf_##name##_request *request,                     \
		struct hf_arena *arena, struct hf_##name##_response *out,      \
		struct hf_why *why)                                            \
	{                                                                      \
		struct hf_buf ask, reply;                                      \
		enum hf_err err;                                               \
                                                                               \
		hf_buf_init(&ask, HF_MESSAGE_MAX_BYTES);                       \
		hf_buf_init(&reply, HF_MESSAGE_MAX_BYTES);                     \
		err = hf_##name##_request_encode(request, &ask);               \
		if (err != HF_OK)                                              \
			err = too_large(err, method, why);                     \
		else                                                           \
			err = hf_client_call(client, PATH(service, method),    \
					     hf_buf_span(&ask), deadline_ms,   \
					     &reply, why);                     \
		if (err == HF_OK)                                              \
			err = hf_##name##_response_parse(                      \
				hf_buf_span(&reply), arena, out, why);         \
		hf_buf_release(&reply);                                        \
		hf_buf_release(&ask);                                          \
		return err;                                                    \
	}
HF_CLIENT_ASK_TELL_TABLE(ASK_TELL)

#define ASK(name, service, method, deadline_ms)                                \
	enum hf_err hf_client_##name(                                          \
		struct hf_client *client,                                      \
		const struct hf_##name##_request *request,                     \
		struct hf_why *why)                                            \
	{                                                                      \
		struct hf_buf ask, reply;                                      \
		enum hf_err err;                                               \
                                                                               \
		hf_buf_init(&ask, HF_MESSAGE_MAX_BYTES);                       \
		hf_buf_init(&reply, HF_MESSAGE_MAX_BYTES);                     \
		err = hf_##name##_request_encode(request, &ask);               \
		if (err != HF_OK)                                              \
			err = too_large(err, method, why);                     \
		else                                                           \
			err = hf_client_call(client, PATH(service, method),    \
					     hf_buf_span(&ask), deadline_ms,   \
					     &reply, why);                     \
		hf_buf_release(&reply);                                        \
		hf_buf_release(&ask);                                          \
		return err;                                                    \
	}
HF_CLIENT_ASK_TABLE(ASK)

#define TELL(name, service, method, deadline_ms)                               \
	enum hf_err hf_client_##name(                                          \
		struct hf_client *client, struct hf_arena *arena,              \
		struct hf_##name##_response *out, struct hf_why *why)          \
	{                                                                      \
		struct hf_buf reply;                                           \
		enum hf_err err;                                               \
                                                                               \
		hf_buf_init(&reply, HF_MESSAGE_MAX_BYTES);                     \
		err = hf_client_call(client, PATH(service, method),            \
				     HF_CODEC_EMPTY, deadline_ms, &reply,      \
				     why);                                     \
		if (err == HF_OK)                                              \
			err = hf_##name##_response_parse(                      \
				hf_buf_span(&reply), arena, out, why);         \
		hf_buf_release(&reply);                                        \
		return err;                                                    \
	}
HF_CLIENT_TELL_TABLE(TELL)
/* clang-format on */

enum hf_err hf_client_match(struct hf_client *client,
			    const struct hf_wire_match_request *request,
			    struct hf_arena *arena,
			    struct hf_wire_match_response *out,
			    struct hf_why *why)
{
	struct hf_buf ask, reply;
	enum hf_err err;

	hf_buf_init(&ask, HF_MESSAGE_MAX_BYTES);
	hf_buf_init(&reply, HF_MESSAGE_MAX_BYTES);
	err = hf_wire_match_request_encode(request, &ask);
	if (err != HF_OK)
		err = too_large(err, "Match", why);
	else
		err = hf_client_call(client, PATH("Match", "Match"),
				     hf_buf_span(&ask), 60000, &reply, why);
	if (err == HF_OK)
		err = hf_wire_match_response_parse(hf_buf_span(&reply), arena,
						   out, why);
	hf_buf_release(&reply);
	hf_buf_release(&ask);
	return err;
}
