/*
 * case_rig.h -- takedown events made by hand, for tests of proto/case.
 */
#ifndef HF_CASE_RIG_H
#define HF_CASE_RIG_H

#include <stdio.h>
#include <string.h>

#include "case.h"

#define HOUR   ((uint64_t)3600 * 1000)
#define MINUTE ((uint64_t)60 * 1000)
#define T0     ((uint64_t)1700000000000)

/* Authors, by one letter: N notifier, P provider, A, B and O authorities. */
static inline void rig_author(char letter, uint8_t out[static HF_HASH_BYTES])
{
	memset(out, 0, HF_HASH_BYTES);
	out[0] = (uint8_t)letter;
	out[31] = 1;
}

static inline struct hf_case_parties rig_parties(char notifier, char provider)
{
	struct hf_case_parties parties = { { 0 }, { 0 } };

	rig_author(notifier, parties.notifier);
	if (provider != '-')
		rig_author(provider, parties.provider);
	return parties;
}

#define RIG_FACTS 64

/* A case being written down: every fact names the ones that text says. */
struct rig {
	struct hf_case_parties parties;
	struct hf_case_fact facts[RIG_FACTS];
	uint8_t after[RIG_FACTS][HF_CASE_AFTER_MAX][HF_EVENT_ID_BYTES];
	size_t count;
	struct hf_arena arena;
	struct hf_case now;
	enum hf_case_fate fates[RIG_FACTS];
	size_t order[RIG_FACTS];
};

static inline void rig_id(unsigned number, uint8_t out[HF_EVENT_ID_BYTES])
{
	memset(out, 0, HF_EVENT_ID_BYTES);
	out[15] = (uint8_t)number;
}

static inline void rig_init(struct rig *rig, char notifier, char provider)
{
	memset(rig, 0, sizeof(*rig));
	rig->parties = rig_parties(notifier, provider);
	hf_arena_init(&rig->arena, (size_t)16 * 1024 * 1024);
}

/* Event number `count + 1`, after those whose numbers stand in `after`, ended
 * by 0. */
static inline struct hf_case_fact *rig_say(struct rig *rig, char author,
					   enum hf_case_event_kind kind,
					   uint64_t at_ms,
					   const unsigned *after)
{
	size_t at = rig->count++;
	struct hf_case_fact *fact = &rig->facts[at];

	assert_true(at < RIG_FACTS);
	memset(fact, 0, sizeof(*fact));
	rig_author(author, fact->author);
	rig_id((unsigned)at + 1, fact->event_id);
	fact->text_hash[0] = (uint8_t)(at + 1);
	fact->kind = kind;
	fact->at_ms = at_ms;
	for (; *after != 0; after++)
		rig_id(*after, rig->after[at][fact->after_count++]);
	fact->after = (const uint8_t(*)[HF_EVENT_ID_BYTES])rig->after[at];
	if (kind == HF_CASE_EVENT_NOTICE)
		fact->regime = HF_REGIME_NTD;
	if (kind == HF_CASE_EVENT_ORDER)
		fact->regime = HF_REGIME_CSAM_ORDER;
	return fact;
}

#define SAY(rig, author, kind, at_ms, ...)                                     \
	rig_say(rig, author, HF_CASE_EVENT_##kind, at_ms,                      \
		(const unsigned[]){ __VA_ARGS__, 0 })

static inline enum hf_err rig_fold(struct rig *rig)
{
	struct hf_why why = { "" };

	hf_arena_reset(&rig->arena);
	return hf_case_fold(&rig->parties, rig->facts, rig->count, &rig->arena,
			    &rig->now, rig->fates, rig->order, &why);
}

#endif /* HF_CASE_RIG_H */
