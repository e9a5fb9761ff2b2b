#include "arena.h"
#include "fresh.h"
#include "ledger_view.h"
#include "peers.h"

#include "behind.h"
#include "feed.h"
#include "node.h"

static bool is_behind(const struct hf_node *node, struct hf_ledger_view *view,
		      const struct hf_peer_word *word)
{
	uint64_t said_ms = hf_fresh_ms(word->time_s);
	struct hf_feed_set is;
	uint32_t set;

	return hf_ledger_find(view, hf_span_of(word->origin), &set, NULL) ==
		       HF_OK &&
	       hf_feed_get(node->feed, set, &is) == HF_OK && is.is_in_force &&
	       is.checkpoint_ms > said_ms &&
	       is.checkpoint_ms - said_ms > HF_BEHIND_MS;
}

size_t hf_behind_list(const struct hf_node *node, struct hf_ledger_view *view,
		      struct hf_arena *arena, const struct hf_behind **out_rows)
{
	const struct hf_peer_word *words;
	size_t count = hf_peers_words(node->peers, arena, &words), kept = 0;
	struct hf_behind *rows = hf_arena_calloc(arena, count, sizeof(*rows));

	for (size_t i = 0; rows != NULL && i < count; i++) {
		if (is_behind(node, view, &words[i]))
			rows[kept++] = (struct hf_behind){
				words[i].peer, words[i].origin,
				hf_fresh_ms(words[i].time_s)
			};
	}
	*out_rows = rows;
	return kept;
}
