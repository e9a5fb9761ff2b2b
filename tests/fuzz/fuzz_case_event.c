/*
 * What parties of a case send, and claims of a directory set: what passes its
 * check keeps its promises, and the fold takes whatever it is given.
 */
#include <string.h>

#include "case.h"
#include "codec_case.h"
#include "codec_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

HF_CODEC_TWICE(case_event)
HF_CODEC_TWICE(attestation)
HF_CODEC_TWICE(receive_key)

static void event_promises(const struct hf_case_event *event)
{
	bool is_notice = event->kind == HF_CASE_EVENT_NOTICE;
	bool is_order = event->kind == HF_CASE_EVENT_ORDER;

	if (event->event_id.len_bytes != HF_EVENT_ID_BYTES ||
	    event->kind == 0 || event->kind > HF_CASE_EVENT_QUOTE)
		abort();
	if ((event->notice != NULL) != (is_notice || is_order))
		abort();
	if (event->case_ref == NULL && !is_notice && !is_order)
		abort();
	if (is_order && event->notice->order == NULL)
		abort();
	if ((event->kind == HF_CASE_EVENT_QUOTE) != (event->quoted != NULL) ||
	    (event->kind == HF_CASE_EVENT_RECEIPT) != (event->receipt != NULL))
		abort();
}

/* The event in a case, a few bytes of it deciding who says what. */
static void fold(const struct hf_case_event *event, struct hf_arena *arena)
{
	struct hf_case_parties parties = { { 1 }, { 2 } };
	struct hf_case_fact facts[3];
	uint8_t after[HF_CASE_AFTER_MAX][HF_EVENT_ID_BYTES];
	enum hf_case_fate fates[3];
	size_t order[3];
	struct hf_case now;

	memset(facts, 0, sizeof(facts));
	facts[0].author[0] = 1;
	facts[0].kind = HF_CASE_EVENT_NOTICE;
	for (size_t i = 1; i < 3; i++) {
		memcpy(facts[i].event_id, event->event_id.at,
		       HF_EVENT_ID_BYTES);
		facts[i].author[0] = facts[i].event_id[i] & 3;
		facts[i].text_hash[0] = facts[i].event_id[i + 2];
		facts[i].kind = event->kind;
		facts[i].reason = event->reason;
		facts[i].at_ms = event->at_ms;
		facts[i].acted_ms = event->acted_ms;
		facts[i].powers = facts[i].event_id[i + 4];
		for (size_t j = 0; j < event->after_count; j++)
			memcpy(after[j], event->after[j].at, HF_EVENT_ID_BYTES);
		facts[i].after = (const uint8_t(*)[HF_EVENT_ID_BYTES])after;
		facts[i].after_count = event->after_count;
	}
	if (hf_case_fold(&parties, facts, 3, arena, &now, fates, order, NULL) ==
		    HF_OK &&
	    (now.state < HF_CASE_NOTICED || now.state > HF_CASE_CLOSED))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_span wire = hf_span(data, size);
	struct hf_arena arena;
	struct hf_case_event event;
	struct hf_attestation claim;
	struct hf_why why;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_case_event_parse(wire, &arena, &event, &why) == HF_OK &&
	    hf_case_event_check(&event, &why) == HF_OK) {
		event_promises(&event);
		fold(&event, &arena);
	}
	if (hf_attestation_parse(wire, &arena, &claim, &why) == HF_OK &&
	    hf_attestation_check(&claim, &why) == HF_OK &&
	    claim.powers_count > 0 && claim.role != HF_ROLE_AUTHORITY)
		abort();
	hf_arena_release(&arena);
	case_event_twice(wire);
	attestation_twice(wire);
	receive_key_twice(wire);
	return 0;
}
