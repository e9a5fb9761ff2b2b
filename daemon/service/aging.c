#include <stdlib.h>

#include "clock.h"
#include "ledger_view.h"
#include "log.h"

#include "aging.h"
#include "feed.h"
#include "node.h"

/* A row is what was said last of the set with its number; 0: nothing. */
struct hf_aging {
	struct hf_node *node; /* borrowed */
	uint8_t *said;        /* owned: enum hf_freshness */
	size_t said_count;
};

enum hf_err hf_aging_new(struct hf_node *node, struct hf_aging **out_aging,
			 struct hf_why *why)
{
	struct hf_aging *aging = calloc(1, sizeof(*aging));

	if (aging == NULL)
		return hf_why(why, HF_E_NOMEM, "aging: no memory");
	aging->node = node;
	*out_aging = aging;
	return HF_OK;
}

void hf_aging_free(struct hf_aging *aging)
{
	if (aging == NULL)
		return;
	free(aging->said);
	free(aging);
}

/* NULL without memory: then it is said another time. */
static uint8_t *row_of(struct hf_aging *aging, uint32_t set)
{
	if (set >= aging->said_count) {
		size_t count = (size_t)set + 64;
		uint8_t *said = realloc(aging->said, count);

		if (said == NULL)
			return NULL;
		for (size_t i = aging->said_count; i < count; i++)
			said[i] = 0;
		aging->said = said;
		aging->said_count = count;
	}
	return &aging->said[set];
}

static void say(const struct hf_feed_set *is, enum hf_freshness freshness)
{
	char at[HF_CLOCK_TEXT_SIZE];

	hf_clock_text(is->checkpoint_ms, at);
	if (freshness == HF_FRESHNESS_EXPIRED)
		hf_log(HF_LOG_ERROR, "set", "expired",
		       "set=%s signed=%s why=\"no newer checkpoint arrives: "
		       "near matches are for review only\"",
		       is->origin, at);
	else if (freshness == HF_FRESHNESS_STALE)
		hf_log(HF_LOG_WARNING, "set", "stale",
		       "set=%s signed=%s why=\"no newer checkpoint arrives\"",
		       is->origin, at);
	else
		hf_log(HF_LOG_INFO, "set", "fresh again", "set=%s signed=%s",
		       is->origin, at);
}

void hf_aging_look(struct hf_aging *aging, uint64_t now_ms)
{
	struct hf_ledger_info info = { .set = 0 };
	struct hf_feed *feed = aging->node->feed;
	struct hf_ledger_view *view;

	if (hf_ledger_view_begin(aging->node->ledger, &view, NULL) != HF_OK)
		return;
	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		uint8_t *said = row_of(aging, info.set);
		enum hf_freshness freshness = 0;
		struct hf_feed_set is;

		if (said == NULL)
			break;
		if (hf_feed_get(feed, info.set, &is) == HF_OK)
			freshness = hf_feed_set_freshness(feed, &is, now_ms);
		/* The first word of a set is about what is wrong with it. */
		if (freshness != 0 && freshness != *said &&
		    (*said != 0 || freshness != HF_FRESHNESS_FRESH))
			say(&is, freshness);
		*said = (uint8_t)freshness;
	}
	hf_ledger_view_end(view);
}
