#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "clock.h"
#include "codec_admin.h"
#include "codec_document.h"
#include "forks.h"
#include "ledger_view.h"
#include "match_index.h"
#include "peers.h"
#include "ring.h"

#include "behind.h"
#include "breaker.h"
#include "cosigned.h"
#include "erasure.h"
#include "feed.h"
#include "judged.h"
#include "hold.h"
#include "meanwhile.h"
#include "node.h"
#include "opinions.h"
#include "serve.h"
#include "unary.h"
#include "waiting.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)

#define NO_ENROLMENT "no new enrolment"

/* Entries that a sentence has room for; ListSets names more. */
#define MISSING_NAMED 4

/* What an operator should know, one sentence each. */
struct warnings {
	struct hf_arena *arena;
	const char *rows[HF_WARNINGS_MAX];
	size_t count;
};

static void warn(struct warnings *warnings, const char *text)
{
	const char *row = hf_arena_text(warnings->arena, hf_span_of(text));

	if (row != NULL && warnings->count < HF_WARNINGS_MAX)
		warnings->rows[warnings->count++] = row;
}

/* In the last 60 days, and once it is over: what then ends. */
static void warn_expiry(struct warnings *warnings, const char *what,
			const char *ends, uint64_t expires_ms, uint64_t now_ms)
{
	char text[512];

	if (expires_ms <= now_ms)
		snprintf(text, sizeof(text),
			 "%s has expired: %s until it is signed again", what,
			 ends);
	else if (expires_ms - now_ms < 60 * DAY_MS)
		snprintf(text, sizeof(text), "%s expires in %llu days", what,
			 (unsigned long long)((expires_ms - now_ms) / DAY_MS));
	else
		return;
	warn(warnings, text);
}

/* Two keys of a set sign for a while: not for ever. */
static void warn_overlap(struct warnings *warnings,
			 const struct hf_ring_set *set)
{
	char text[HF_ORIGIN_MAX_BYTES + 128];

	for (size_t i = 0; i < set->agreement->keys_count; i++) {
		const struct hf_set_key *key = &set->agreement->keys[i];
		const char *word = key->is_cosigner ? "cosigner" : "log";

		if (key->is_void ||
		    hf_span_equal(key->key,
				  key->is_cosigner
					  ? set->agreement->cosigner_key
					  : set->agreement->log_key))
			continue;
		snprintf(text, sizeof(text),
			 "two %s keys sign %s: hashfed-key %s retire ends the "
			 "old one",
			 word, set->origin, word);
		warn(warnings, text);
	}
}

static void warn_ring(struct warnings *warnings, const struct hf_ring *ring,
		      uint64_t now_ms)
{
	const struct hf_organisation *peers;
	const struct hf_ring_set *sets;
	const char *const *texts;
	size_t count = hf_ring_warnings(ring, &texts);
	char text[HF_ORIGIN_MAX_BYTES + 64];

	for (size_t i = 0; i < count; i++)
		warn(warnings, texts[i]);
	warn_expiry(warnings, "our manifest", NO_ENROLMENT,
		    hf_ring_self(ring)->manifest->expires_ms, now_ms);
	count = hf_ring_peers(ring, &peers);
	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "the manifest of %s",
			 peers[i].name);
		warn_expiry(warnings, text, NO_ENROLMENT,
			    peers[i].manifest->expires_ms, now_ms);
	}
	count = hf_ring_sets(ring, &sets);
	for (size_t i = 0; i < count; i++) {
		if (!sets[i].is_own && !sets[i].is_followed)
			continue;
		if (sets[i].is_own)
			warn_overlap(warnings, &sets[i]);
		/* Nobody is given the audit. */
		if (sets[i].agreement->kind == HF_SET_KIND_AUDIT)
			continue;
		snprintf(text, sizeof(text), "the agreement of %s",
			 sets[i].origin);
		warn_expiry(warnings, text,
			    sets[i].is_own ? "nobody is given the set"
					   : "the set is not matched",
			    sets[i].agreement->expires_ms, now_ms);
	}
}

static void warn_signer(struct warnings *warnings,
			const struct hf_ledger_stats *stats)
{
	char text[512];

	if (!stats->is_signer_away)
		return;
	snprintf(text, sizeof(text),
		 "the signer does not answer, nothing can be published: %s",
		 stats->signer_why.text);
	warn(warnings, text);
}

/* What the disk has no room for. */
static void warn_disk(struct warnings *warnings, const struct hf_node *node,
		      const struct hf_ledger_stats *stats,
		      const struct hf_index_stats *index)
{
	uint64_t reserve = node->conf->disk_reserve_bytes;
	struct hf_waiting_count count;
	char text[HF_SENTENCE_MAX_BYTES];
	uint32_t in_memory;

	if (stats->disk_bytes < reserve) {
		snprintf(
			text, sizeof(text),
			"the disk has %llu MiB left, disk-reserve is %llu MiB: "
			"only retractions and case events are taken in",
			(unsigned long long)stats->disk_bytes >> 20,
			(unsigned long long)reserve >> 20);
		warn(warnings, text);
	}
	if (stats->is_failing) {
		snprintf(text, sizeof(text), "nothing can be written: %s",
			 stats->failed_why.text);
		warn(warnings, text);
	}
	if (index->is_failing) {
		snprintf(text, sizeof(text),
			 "the match index cannot be written, lookups go on "
			 "with what it has: %s",
			 index->failed_why.text);
		warn(warnings, text);
	}
	in_memory = hf_cases_ahead_count(node->cases);
	if (in_memory > 0) {
		snprintf(text, sizeof(text),
			 "%u case events act in memory alone and are neither "
			 "kept nor acknowledged: the disk has no room for them",
			 (unsigned)in_memory);
		warn(warnings, text);
	}
	hf_waiting_count(node->waiting, &count);
	if (count.entries == 0)
		return;
	snprintf(text, sizeof(text),
		 "%zu retractions act here and are not written yet, %zu of "
		 "them in memory alone: %s",
		 count.entries, count.in_memory, count.why.text);
	warn(warnings, text);
}

static void count_age(struct hf_unary *unary, const struct hf_feed_set *is,
		      uint64_t now_ms, struct warnings *warnings,
		      struct hf_get_status_response *out)
{
	enum hf_freshness freshness =
		hf_feed_set_freshness(unary->node->feed, is, now_ms);
	char text[HF_ORIGIN_MAX_BYTES + 64];

	if (freshness != HF_FRESHNESS_STALE &&
	    freshness != HF_FRESHNESS_EXPIRED)
		return;
	if (freshness == HF_FRESHNESS_STALE)
		out->sets_stale++;
	else
		out->sets_expired++;
	snprintf(text, sizeof(text), "%s is %s: no newer checkpoint arrives",
		 is->origin, hf_freshness_word(freshness));
	warn(warnings, text);
}

static void warn_erasing(struct warnings *warnings, const struct hf_node *node,
			 struct hf_ledger_view *view)
{
	char text[HF_SENTENCE_MAX_BYTES], at[HF_CLOCK_TEXT_SIZE];
	struct hf_why why = { "" };
	uint64_t count, since_ms;

	if (hf_ledger_erasing(view, &count, &since_ms, NULL) != HF_OK ||
	    count == 0)
		return;
	hf_clock_text(since_ms + node->conf->erase_within_ms, at);
	if (hf_erasure_has_failed(node->erasure, &why))
		snprintf(text, sizeof(text),
			 "erasing: %llu payloads are deleted, and still in the "
			 "files, though due since %s: %s",
			 (unsigned long long)count, at, why.text);
	else
		snprintf(text, sizeof(text),
			 "erasing: %llu payloads are deleted, and leave the "
			 "files after %s",
			 (unsigned long long)count, at);
	warn(warnings, text);
}

/* Which payloads are missing: the first of them, as operators ask for them. */
static void warn_missing(struct warnings *warnings, struct hf_ledger_view *view,
			 const struct hf_ledger_info *info)
{
	char text[HF_SENTENCE_MAX_BYTES];
	uint64_t index = 0;
	size_t len;

	if (info->missing_count == 0)
		return;
	len = (size_t)snprintf(
		text, sizeof(text),
		"%s is incomplete: %llu payloads are missing, of entries",
		info->origin, (unsigned long long)info->missing_count);
	for (size_t i = 0; i < MISSING_NAMED; i++, index++) {
		if (hf_ledger_missing_next(view, info->set, index, &index,
					   NULL) != HF_OK)
			break;
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s %llu", i > 0 ? "," : "",
					(unsigned long long)index);
	}
	if (info->missing_count > MISSING_NAMED)
		snprintf(text + len, sizeof(text) - len, " and on");
	warn(warnings, text);
}

/* What was put back from a backup, and whether the rest can be had. */
static void warn_old_copy(struct hf_node *node, struct warnings *warnings,
			  const struct hf_ledger_info *info)
{
	uint64_t held = info->size + info->unsigned_count, told;
	char text[HF_SENTENCE_MAX_BYTES];

	if (info->kind != HF_LEDGER_OWN || info->known_size <= held)
		return;
	told = hf_peers_told_of_own(node->peers, info->origin);
	snprintf(text, sizeof(text),
		 told > held
			 ? "%s is an old copy: %llu of %llu entries; the rest "
			   "is being fetched back, nothing is published "
			   "meanwhile"
			 : "%s is an old copy: %llu of %llu entries; it cannot "
			   "be fetched back: no peer that was reached holds "
			   "more, so nothing can be published in it; 'hashfed "
			   "sets next-epoch' gives up what is lost",
		 info->origin, (unsigned long long)held,
		 (unsigned long long)info->known_size);
	warn(warnings, text);
}

/* Our own set is frozen when a later epoch goes on from it: nothing is wrong
 * with that. */
static bool is_continued(const struct hf_ring *ring,
			 const struct hf_ledger_info *info)
{
	uint64_t void_from;
	const uint8_t *root;

	return info->kind == HF_LEDGER_OWN &&
	       hf_ring_successor(ring, hf_span_of(info->origin), &void_from,
				 &root) != NULL;
}

static void count_sets(struct hf_unary *unary, struct hf_ledger_view *view,
		       const struct hf_ring *ring, struct warnings *warnings,
		       struct hf_get_status_response *out)
{
	struct hf_ledger_info info = { .set = 0 };
	uint64_t now_ms = hf_clock_wall_ms();

	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		char text[HF_ORIGIN_MAX_BYTES + HF_LEDGER_REASON_MAX_BYTES +
			  64];
		struct hf_feed_set is;

		out->sets++;
		out->entries += info.size;
		if (info.is_frozen && !is_continued(ring, &info)) {
			snprintf(text, sizeof(text), "%s is frozen: %s%s",
				 info.origin, info.frozen_reason,
				 hf_forks_has(unary->node->forks, info.origin)
					 ? " ('hashfed sets evidence')"
					 : "");
			warn(warnings, text);
		}
		warn_missing(warnings, view, &info);
		if (!is_continued(ring, &info))
			warn_old_copy(unary->node, warnings, &info);
		if (info.is_damaged) {
			snprintf(
				text, sizeof(text),
				"%s is damaged here ('hashfed admin verify'), "
				"and mended once a peer that has it is reached",
				info.origin);
			warn(warnings, text);
		}
		if (hf_feed_get(unary->node->feed, info.set, &is) == HF_OK)
			count_age(unary, &is, now_ms, warnings, out);
	}
}

static void warn_behind(struct hf_unary *unary, struct hf_ledger_view *view,
			struct warnings *warnings)
{
	const struct hf_behind *rows;
	size_t count = hf_behind_list(unary->node, view, unary->arena, &rows);

	for (size_t i = 0; i < count; i++) {
		char text[HF_DOMAIN_MAX_BYTES + HF_ORIGIN_MAX_BYTES +
			  HF_CLOCK_TEXT_SIZE + 64];
		char at[HF_CLOCK_TEXT_SIZE];

		hf_clock_text(rows[i].said_ms, at);
		snprintf(text, sizeof(text),
			 "%s is behind with %s: its latest checkpoint is of %s",
			 rows[i].peer, rows[i].origin, at);
		warn(warnings, text);
	}
}

struct doubts {
	struct warnings *warnings;
	struct hf_ledger_view *view;
};

static void warn_held(void *arg, const char *origin, uint64_t from,
		      uint64_t count)
{
	struct doubts *doubts = arg;
	char text[HF_ORIGIN_MAX_BYTES + 128];

	snprintf(text, sizeof(text),
		 "%s floods: %llu entries from %llu on are held ('hashfed "
		 "release')",
		 origin, (unsigned long long)count, (unsigned long long)from);
	warn(doubts->warnings, text);
}

static void warn_hot(void *arg, uint32_t set, uint64_t entry, uint64_t count)
{
	struct doubts *doubts = arg;
	char text[HF_ORIGIN_MAX_BYTES + 160];
	struct hf_ledger_info info;

	if (hf_ledger_info(doubts->view, set, &info, NULL) != HF_OK)
		return;
	snprintf(text, sizeof(text),
		 "%s %llu hits too often, %llu items: near matches are for "
		 "review, exact ones block on ('hashfed release')",
		 info.origin, (unsigned long long)entry,
		 (unsigned long long)count);
	warn(doubts->warnings, text);
}

static void warn_override(void *arg, const char *subject, uint64_t until_ms)
{
	struct doubts *doubts = arg;
	char text[HF_ORIGIN_MAX_BYTES + HF_CLOCK_TEXT_SIZE + 64];
	char at[HF_CLOCK_TEXT_SIZE];

	hf_clock_text(until_ms, at);
	snprintf(text, sizeof(text), "%s is ignored here until %s", subject,
		 at);
	warn(doubts->warnings, text);
}

static void warn_text(void *arg, const char *origin, const char *peer,
		      const char *why)
{
	struct doubts *doubts = arg;
	char text[HF_ORIGIN_MAX_BYTES + HF_DOMAIN_MAX_BYTES +
		  sizeof(struct hf_why) + 64];

	snprintf(text, sizeof(text), "%s is not taken from %s: %s", origin,
		 peer, why);
	warn(doubts->warnings, text);
}

static void warn_doubts(struct hf_node *node, struct hf_ledger_view *view,
			struct warnings *warnings)
{
	struct doubts doubts = { warnings, view };

	hf_hold_each(node->hold, warn_held, &doubts);
	hf_breaker_each(node->breaker, warn_hot, &doubts);
	hf_opinions_overrides(node->opinions, warn_override, &doubts);
	hf_peers_doubts(node->peers, warn_text, &doubts);
}

/* What is known without the store. */
static void put_self(const struct hf_node *node, const struct hf_ring *ring,
		     char policy[static HF_JUDGED_VERSION_SIZE],
		     struct hf_get_status_response *out)
{
	const struct hf_organisation *self = hf_ring_self(ring), *peers;

	hf_judged_version(node->conf, policy);
	*out = (struct hf_get_status_response){
		.version = HF_VERSION,
		.started_ms = node->started_ms,
		.listen = node->listen,
		.policy_version = policy,
		.organisation = self->name,
		.organisation_id = hf_span(self->id, HF_HASH_BYTES),
		.manifest_version = self->manifest->version,
		.manifest_expires_ms = self->manifest->expires_ms,
		.peers = (uint32_t)hf_ring_peers(ring, &peers),
	};
}

static enum hf_err get_status_meanwhile(struct hf_unary *unary)
{
	struct hf_node *node = unary->node;
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	struct warnings warnings = { .arena = unary->arena };
	char policy[HF_JUDGED_VERSION_SIZE], text[HF_SENTENCE_MAX_BYTES];
	struct hf_wire_migration migration;
	struct hf_get_status_response response;
	enum hf_err err;

	put_self(node, ring, policy, &response);
	warn_ring(&warnings, ring, hf_clock_wall_ms());
	hf_meanwhile_say(node->meanwhile, text, &migration);
	response.warnings = warnings.rows;
	response.warnings_count = warnings.count;
	response.migration = &migration;
	err = hf_get_status_response_encode(&response, unary->reply);
	hf_ring_release(ring);
	return err;
}

static enum hf_err get_status(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_node *node = unary->node;
	struct warnings warnings = { .arena = unary->arena };
	struct hf_get_status_response response;
	char vkey[HF_NOTE_VKEY_MAX_BYTES + 1], policy[HF_JUDGED_VERSION_SIZE];
	struct hf_index_stats index;
	struct hf_ledger_stats stats;
	struct hf_ledger_view *view;
	struct hf_ring *ring;
	enum hf_err err;

	if (hf_meanwhile_is_on(node->meanwhile))
		return get_status_meanwhile(unary);
	err = hf_ledger_stats(node->ledger, &stats, why);
	if (err == HF_OK)
		err = hf_ledger_view_begin(node->ledger, &view, why);
	if (err != HF_OK)
		return err;
	ring = hf_ring_holder_get(node->ring);
	put_self(node, ring, policy, &response);
	response.peers_connected = (uint32_t)hf_peers_connected(node->peers);
	if (hf_cosigned_key(node->cosigned) != NULL) {
		hf_note_key_text(hf_cosigned_key(node->cosigned), vkey);
		response.cosigner_vkey = vkey;
	}
	warn_signer(&warnings, &stats);
	hf_index_stats(node->index, &index);
	warn_disk(&warnings, node, &stats, &index);
	warn_ring(&warnings, ring, hf_clock_wall_ms());
	count_sets(unary, view, ring, &warnings, &response);
	warn_behind(unary, view, &warnings);
	warn_doubts(node, view, &warnings);
	warn_erasing(&warnings, node, view);
	for (size_t i = 0; i < HF_ALGORITHM_COUNT; i++)
		response.indexed += index.hashes_count[i];
	response.warnings = warnings.rows;
	response.warnings_count = warnings.count;
	err = hf_get_status_response_encode(&response, unary->reply);
	hf_ring_release(ring);
	hf_ledger_view_end(view);
	return err;
}

HF_UNARY_INLINE(get_status);
