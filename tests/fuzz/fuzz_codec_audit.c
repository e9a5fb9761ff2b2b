/*
 * What the audit says of a call: whatever parses as a request or an answer must
 * give a record that can be written, or the call could not be acknowledged; and
 * the records themselves, with those of the journal.
 */
#include <string.h>

#include "codec_audit.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(audit_record)
HF_CODEC_TWICE(given_verdict)

static void tell(const char *path, struct hf_span message)
{
	struct hf_audit_record record = { .method = "Publish/Append",
					  .who = "maria",
					  .outcome = "OK" };
	struct hf_audit_facts facts;
	struct hf_arena arena;
	struct hf_buf payload;

	hf_arena_init(&arena, 4 * HF_UNPACK_MAX_BYTES);
	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	facts = (struct hf_audit_facts){ .arena = &arena };
	hf_audit_facts_of_request(&facts, path, message);
	hf_audit_facts_of_answer(&facts, path, message);
	record.facts = facts.at;
	record.facts_count = facts.count;
	if (facts.count > HF_AUDIT_FACTS_MAX ||
	    hf_audit_record_encode(&record, &payload) != HF_OK)
		abort();
	hf_buf_release(&payload);
	hf_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {
		"/hashfed.v1.Publish/Append",
		"/hashfed.v1.Publish/Retract",
		"/hashfed.v1.Publish/Amend",
		"/hashfed.v1.Takedown/SendNotice",
		"/hashfed.v1.Takedown/ReportFound",
		"/hashfed.v1.Takedown/UpdateCase",
		"/hashfed.v1.Takedown/AttestRole",
		"/hashfed.v1.Admin/OpenSet",
		"/hashfed.v1.Admin/ShareSet",
		"/hashfed.v1.Admin/FollowSet",
		"/hashfed.v1.Admin/AddPeer",
		"/hashfed.v1.Admin/RemovePeer",
	};
	struct hf_span message;

	if (size == 0)
		return 0;
	message = hf_span(data + 1, size - 1);
	tell(paths[data[0] % (sizeof(paths) / sizeof(paths[0]))], message);
	audit_record_twice(message);
	given_verdict_twice(message);
	return 0;
}
