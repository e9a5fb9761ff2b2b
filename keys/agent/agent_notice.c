#include <string.h>

#include "agent.h"
#include "agent_ask.h"
#include "agent_wire.h"

#define STRINGS_MAX 3

/* Ask for so many strings and append each to its buf. */
static enum hf_err ask_strings(struct hf_agent *agent,
			       const struct hf_agent_request *request,
			       struct hf_buf *const *outs, size_t count,
			       struct hf_why *why)
{
	struct hf_span strings[STRINGS_MAX], body;
	enum hf_err err = hf_agent_ask(agent, request, &body, why);

	if (err == HF_OK)
		err = hf_agent_bytes_parse(body, strings, count, why);
	for (size_t i = 0; i < count && err == HF_OK; i++) {
		hf_buf_put(outs[i], strings[i]);
		err = hf_buf_failed(outs[i]);
		if (err != HF_OK)
			(void)hf_why(why, err, "signer: answer: %s",
				     hf_err_words(err));
	}
	hf_agent_unlock_wiped(agent);
	return err;
}

enum hf_err hf_agent_seal(struct hf_agent *agent,
			  const struct hf_agent_seal *request,
			  struct hf_buf *out_envelope,
			  struct hf_buf *out_record, struct hf_buf *out_text,
			  struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_SEAL,
					      .seal = *request };
	struct hf_buf *const outs[] = { out_envelope, out_record, out_text };

	return ask_strings(agent, &ask, outs, 3, why);
}

enum hf_err hf_agent_open_sealed(struct hf_agent *agent,
				 const struct hf_agent_open *request,
				 struct hf_buf *out_record,
				 struct hf_buf *out_text, struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_OPEN,
					      .open = *request };
	struct hf_buf *const outs[] = { out_record, out_text };

	return ask_strings(agent, &ask, outs, 2, why);
}

enum hf_err hf_agent_read(struct hf_agent *agent, struct hf_span record,
			  struct hf_agent_record *out_record,
			  struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_READ,
					      .record = record };
	struct hf_span body;
	enum hf_err err = hf_agent_ask(agent, &ask, &body, why);

	if (err == HF_OK)
		err = hf_agent_record_parse(body, out_record, why);
	hf_agent_unlock_wiped(agent);
	return err;
}

enum hf_err hf_agent_store(struct hf_agent *agent, struct hf_span text,
			   struct hf_buf *out_record, struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_STORE,
					      .text = text };

	return ask_strings(agent, &ask, &out_record, 1, why);
}

enum hf_err
hf_agent_receive_key(struct hf_agent *agent,
		     const uint8_t organisation_id[static HF_HASH_BYTES],
		     uint64_t rotate_ms, uint64_t keep_ms,
		     const uint8_t named_key[static HF_PUBLIC_KEY_BYTES],
		     struct hf_buf *out_key, struct hf_why *why)
{
	struct hf_agent_request ask = {
		.verb = HF_AGENT_RECEIVE_KEY,
		.key_wish = { .rotate_ms = rotate_ms, .keep_ms = keep_ms },
	};

	memcpy(ask.key_wish.organisation_id, organisation_id, HF_HASH_BYTES);
	memcpy(ask.key_wish.named_key, named_key, HF_PUBLIC_KEY_BYTES);
	return hf_agent_ask_bytes(agent, &ask, out_key, why);
}

enum hf_err hf_agent_applied(struct hf_agent *agent,
			     const struct hf_agent_applied *request,
			     struct hf_buf *out_receipt, struct hf_why *why)
{
	const struct hf_agent_request ask = { .verb = HF_AGENT_APPLIED,
					      .applied = *request };

	return hf_agent_ask_bytes(agent, &ask, out_receipt, why);
}
