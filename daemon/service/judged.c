#include <string.h>

#include "clock.h"

#include "judged.h"

void hf_judged_set(const struct hf_feed_set *is, uint64_t now_ms,
		   struct hf_judge_set *out_set)
{
	*out_set = (struct hf_judge_set){
		.set = is->set,
		.is_own = is->is_own,
		.is_matchable = is->is_matchable,
		.is_provisional = is->is_provisional,
		.is_frozen = is->is_frozen,
		.checkpoint_ms = is->is_own ? now_ms : is->checkpoint_ms,
	};
	memcpy(out_set->origin, is->origin, sizeof(out_set->origin));
}

struct hf_fresh_ages hf_judged_ages(const struct hf_conf *conf)
{
	return (struct hf_fresh_ages){ conf->stale_after_ms,
				       conf->expired_after_ms };
}

bool hf_judged_in_force(struct hf_ring *ring, const struct hf_ledger_info *info)
{
	struct hf_span origin = hf_span_of(info->origin);

	if (info->kind == HF_LEDGER_OWN)
		return true;
	return hf_ring_is_followed(ring, origin) &&
	       hf_ring_may_have(ring, origin, hf_ring_self(ring)->id,
				hf_clock_wall_ms()) >= HF_RIGHT_MEMBER;
}
