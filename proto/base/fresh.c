#include "limit.h"

#include "fresh.h"

uint64_t hf_fresh_ms(uint64_t time_s)
{
	return time_s < UINT64_MAX / 1000 ? time_s * 1000 : UINT64_MAX;
}

uint64_t hf_fresh_counted(uint64_t signed_ms, uint64_t now_ms)
{
	return signed_ms > now_ms && signed_ms - now_ms > HF_FUTURE_MAX_MS
		       ? 0
		       : signed_ms;
}

uint64_t hf_fresh_latest_s(uint64_t now_ms)
{
	return (now_ms + HF_FUTURE_MAX_MS) / 1000;
}

enum hf_freshness hf_fresh_of(const struct hf_fresh_ages *ages,
			      uint64_t signed_ms, uint64_t now_ms)
{
	uint64_t counted_ms = hf_fresh_counted(signed_ms, now_ms);
	uint64_t age_ms = counted_ms < now_ms ? now_ms - counted_ms : 0;

	if (counted_ms == 0 || age_ms > ages->expired_ms)
		return HF_FRESHNESS_EXPIRED;
	return age_ms > ages->stale_ms ? HF_FRESHNESS_STALE
				       : HF_FRESHNESS_FRESH;
}

/* FNV-1a: anything that spreads. */
static uint64_t spread(struct hf_span origin, uint64_t signed_ms)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < origin.len_bytes; i++)
		hash = (hash ^ origin.at[i]) * 0x100000001b3u;
	for (unsigned i = 0; i < 8; i++)
		hash = (hash ^ (signed_ms >> (8 * i) & 0xff)) * 0x100000001b3u;
	return hash >> 32;
}

uint64_t hf_fresh_due_ms(struct hf_span origin, uint64_t signed_ms,
			 uint64_t every_ms)
{
	uint64_t sooner_ms = spread(origin, signed_ms) % (every_ms / 4 + 1);
	uint64_t wait_ms = every_ms - sooner_ms;

	return signed_ms < UINT64_MAX - wait_ms ? signed_ms + wait_ms
						: UINT64_MAX;
}
