#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "log.h"
#include "sha256.h"

#include "hold.h"
#include "judged.h"
#include "node.h"
#include "opinions.h"

void hf_judged_set(const struct hf_feed_set *is, uint64_t now_ms,
		   struct hf_judge_set *out_set)
{
	*out_set = (struct hf_judge_set){
		.set = is->set,
		.is_own = is->is_own,
		.is_matchable = is->is_matchable,
		.is_provisional = is->is_provisional,
		.is_frozen = is->is_frozen,
		.held_from_plus_one = is->held_from_plus_one,
		.checkpoint_ms = is->is_own ? now_ms : is->checkpoint_ms,
	};
	memcpy(out_set->origin, is->origin, sizeof(out_set->origin));
}

bool hf_judged_flood(struct hf_node *node, struct hf_feed_set *is)
{
	const struct hf_conf *conf = node->conf;
	bool is_new;

	if (is->is_own || is->is_provisional || node->hold == NULL)
		return false;
	is->held_from_plus_one = hf_hold_look(
		node->hold, is->origin, is->size, is->checkpoint_ms,
		is->is_items ? conf->flood_entries : conf->flood_opinions,
		&is_new);
	if (!is_new)
		return false;
	hf_log(HF_LOG_WARNING, "feed", "flood held",
	       "set=%s from=%llu size=%llu "
	       "hint=\"hashfed release, once it was looked at\"",
	       is->origin, (unsigned long long)is->held_from_plus_one - 1,
	       (unsigned long long)is->size);
	if (!is->is_items)
		hf_opinions_changed(node->opinions);
	return true;
}

struct hf_fresh_ages hf_judged_ages(const struct hf_conf *conf)
{
	return (struct hf_fresh_ages){ conf->stale_after_ms,
				       conf->expired_after_ms };
}

struct hf_match_sets_rules hf_judged_rules(const struct hf_conf *conf)
{
	return (struct hf_match_sets_rules){
		.rows = conf->policy_rows,
		.rows_count = conf->policy_rows_count,
		.ages = hf_judged_ages(conf),
	};
}

void hf_judged_version(const struct hf_conf *conf,
		       char out_text[static HF_JUDGED_VERSION_SIZE])
{
	const struct hf_match_sets_rules rules = hf_judged_rules(conf);
	uint8_t sum[HF_SHA256_BYTES];

	hf_match_sets_rules_sum(&rules, sum);
	hf_hex(sum, HF_JUDGED_VERSION_SIZE / 2, out_text);
}

bool hf_judged_is_given(const struct hf_ring *ring, const char *text)
{
	struct hf_span origin = hf_span_of(text);

	return hf_ring_is_followed(ring, origin) &&
	       hf_ring_may_have(ring, origin, hf_ring_self(ring)->id,
				hf_clock_wall_ms()) >= HF_RIGHT_MEMBER;
}

bool hf_judged_in_force(const struct hf_ring *ring,
			const struct hf_ledger_info *info)
{
	return info->kind == HF_LEDGER_OWN ||
	       hf_judged_is_given(ring, info->origin);
}
