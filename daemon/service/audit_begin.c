#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "bytes.h"
#include "clock.h"
#include "codec_document.h"
#include "ledger_view.h"
#include "match_sets.h"
#include "ring.h"
#include "sha256.h"
#include "text.h"

#include "audit_begin.h"
#include "judged.h"
#include "node.h"
#include "own_set.h"

#define START "Daemon/Start"
#define STOP  "Daemon/Stop"

/* What the daemon says of itself has a record beside it, so that the last of it
 * is found without reading all that others did. */
#define MARK "d"

#define ARENA_MAX_BYTES ((size_t)256 * 1024)

/* ---- the set ---- */

static unsigned epoch_of(const char *origin)
{
	const char *slash = strrchr(origin, '/');
	uint64_t epoch = 0;

	if (slash == NULL ||
	    hf_text_u64(hf_span_of(slash + 1), UINT32_MAX, &epoch) != HF_OK)
		return 0;
	return (unsigned)epoch;
}

/* The latest epoch of the audit, and of any set of that name. */
static void find_epochs(struct hf_node *node, char *out_origin,
			unsigned *out_last)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	char name[HF_ORIGIN_MAX_BYTES + 1];
	unsigned latest = 0;

	snprintf(name, sizeof(name), "%s/" HF_OWN_SET_AUDIT "/",
		 hf_ring_self(ring)->name);
	*out_last = 0;
	out_origin[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		unsigned epoch = epoch_of(sets[i].origin);

		if (!sets[i].is_own ||
		    strncmp(sets[i].origin, name, strlen(name)) != 0)
			continue;
		if (epoch > *out_last)
			*out_last = epoch;
		if (sets[i].agreement->kind != HF_SET_KIND_AUDIT ||
		    epoch <= latest)
			continue;
		latest = epoch;
		strcpy(out_origin, sets[i].origin);
	}
	hf_ring_release(ring);
}

static enum hf_err number_of(struct hf_node *node, const char *origin,
			     uint32_t *out_set, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(origin), out_set, why);
	hf_ledger_view_end(view);
	return err;
}

enum hf_err hf_audit_find(struct hf_node *node, uint32_t *out_set,
			  struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	unsigned last;

	find_epochs(node, origin, &last);
	if (origin[0] == '\0')
		return hf_why(why, HF_E_NOTFOUND, "audit: no set yet");
	return number_of(node, origin, out_set, why);
}

enum hf_err hf_audit_open_next(struct hf_node *node, uint32_t *out_set,
			       struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	unsigned last;
	enum hf_err err;

	find_epochs(node, origin, &last);
	err = hf_own_set_open_audit(node, last + 1, origin, why);
	return err == HF_OK ? number_of(node, origin, out_set, why) : err;
}

/* ---- what is said ---- */

static enum hf_err say(struct hf_node *node, uint32_t set, const char *method,
		       const struct hf_audit_facts *facts, struct hf_why *why)
{
	const struct hf_audit_record record = {
		.method = method,
		.who = "hashfedd",
		.outcome = hf_err_name(HF_OK),
		.facts = facts->at,
		.facts_count = facts->count,
	};
	struct hf_ledger_draft draft = {
		.op = HF_OP_STATUS,
		.time_ms = hf_clock_wall_ms(),
		.target = HF_LEDGER_SELF,
		.record = hf_span_of(MARK),
	};
	struct hf_ledger_receipt receipt;
	struct hf_buf payload;
	enum hf_err err;

	hf_buf_init(&payload, HF_PAYLOAD_MAX_BYTES);
	err = hf_audit_record_encode(&record, &payload);
	draft.payload = hf_buf_span(&payload);
	if (err == HF_OK)
		err = hf_own_set_say(node, set, &draft, &receipt, why);
	hf_buf_release(&payload);
	return err;
}

static const char *fact_of(const struct hf_audit_record *record,
			   const char *name)
{
	for (size_t i = 0; i < record->facts_count; i++) {
		if (strcmp(record->facts[i].name, name) == 0)
			return record->facts[i].value;
	}
	return "";
}

/* What the daemon said last, and what it was started with then. */
struct before {
	bool is_there;
	bool has_stopped;
	char policy[2 * HF_SHA256_BYTES + 1];
	char configuration[2 * HF_SHA256_BYTES + 1];
};

static void remember(struct before *before,
		     const struct hf_audit_record *record)
{
	before->has_stopped = strcmp(record->method, STOP) == 0;
	if (strcmp(record->method, START) != 0)
		return;
	before->is_there = true;
	snprintf(before->policy, sizeof(before->policy), "%s",
		 fact_of(record, "policy"));
	snprintf(before->configuration, sizeof(before->configuration), "%s",
		 fact_of(record, "configuration"));
}

static enum hf_err look_before(struct hf_node *node, uint32_t set,
			       struct before *out, struct hf_why *why)
{
	struct hf_audit_record record;
	struct hf_ledger_entry entry;
	struct hf_ledger_view *view;
	struct hf_arena arena;
	struct hf_span mark;
	uint64_t index = 0;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	*out = (struct before){ .is_there = false };
	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	while (hf_ledger_record_next(view, set, index, &index, &mark, NULL) ==
	       HF_OK) {
		if (hf_ledger_entry(view, set, index, &entry, NULL) == HF_OK &&
		    hf_audit_record_parse(entry.payload, &arena, &record,
					  NULL) == HF_OK)
			remember(out, &record);
		hf_arena_reset(&arena);
		index++;
	}
	hf_arena_release(&arena);
	hf_ledger_view_end(view);
	return HF_OK;
}

static enum hf_err say_change(struct hf_node *node, uint32_t set,
			      const char *method, const char *was,
			      const char *is, struct hf_arena *arena,
			      struct hf_why *why)
{
	struct hf_audit_facts facts = { .arena = arena };

	if (strcmp(was, is) == 0)
		return HF_OK;
	hf_audit_facts_add(&facts, "from", was);
	hf_audit_facts_add(&facts, "to", is);
	return say(node, set, method, &facts, why);
}

enum hf_err hf_audit_say_start(struct hf_node *node, uint32_t set,
			       struct hf_why *why)
{
	char configuration[2 * HF_SHA256_BYTES + 1];
	char policy[HF_JUDGED_VERSION_SIZE];
	struct hf_audit_facts facts;
	struct before before;
	struct hf_arena arena;
	enum hf_err err = look_before(node, set, &before, why);

	if (err != HF_OK)
		return err;
	hf_hex(node->conf->digest, sizeof(node->conf->digest), configuration);
	hf_judged_version(node->conf, policy);
	hf_arena_init(&arena, ARENA_MAX_BYTES);
	facts = (struct hf_audit_facts){ .arena = &arena };
	hf_audit_facts_add(&facts, "version", HF_VERSION);
	hf_audit_facts_add(&facts, "configuration", configuration);
	hf_audit_facts_add(&facts, "policy", policy);
	if (before.is_there && !before.has_stopped)
		hf_audit_facts_add(&facts, "before", "ended without a word");
	if (before.is_there)
		err = say_change(node, set, "Daemon/Configuration",
				 before.configuration, configuration, &arena,
				 why);
	if (err == HF_OK && before.is_there)
		err = say_change(node, set, "Daemon/Policy", before.policy,
				 policy, &arena, why);
	if (err == HF_OK)
		err = say(node, set, START, &facts, why);
	hf_arena_release(&arena);
	return err;
}

enum hf_err hf_audit_say_stop(struct hf_node *node, uint32_t set,
			      struct hf_why *why)
{
	const struct hf_audit_facts nothing = { .arena = NULL };

	return say(node, set, STOP, &nothing, why);
}
