#include <stdlib.h>

#include "chunk.h"
#include "ledger_view.h"
#include "log.h"
#include "peers.h"
#include "sign.h"

#include "errand.h"
#include "node.h"
#include "scrub.h"

struct scrub {
	struct hf_errand errand; /* first */
	struct hf_node *node;    /* borrowed */
};

static bool has_good_headers(struct hf_ledger_view *view,
			     const struct hf_ledger_info *info, uint64_t chunk)
{
	size_t count = hf_chunk_entries(info->note_size, chunk);
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	struct hf_tree_proof proof;

	return hf_ledger_headers(view, info->set, chunk * HF_CHUNK_ENTRIES,
				 count, headers, NULL) == HF_OK &&
	       hf_ledger_prove_chunk(view, info->set, chunk, info->note_size,
				     &proof, NULL) == HF_OK &&
	       hf_chunk_verify(hf_span(headers, count * HF_HEADER_BYTES), chunk,
			       info->note_size, &proof, &info->note_root,
			       NULL) == HF_OK;
}

static bool has_good_payloads(struct hf_ledger_view *view,
			      const struct hf_ledger_info *info, uint64_t chunk)
{
	uint64_t first = chunk * HF_CHUNK_ENTRIES;
	uint64_t end = first + hf_chunk_entries(info->note_size, chunk);
	struct hf_commit commit;
	bool is_good = true;

	hf_commit_init(&commit);
	for (uint64_t i = first; i < end && is_good; i++) {
		struct hf_ledger_entry entry;
		struct hf_header header;

		is_good =
			hf_ledger_entry(view, info->set, i, &entry, NULL) ==
				HF_OK &&
			hf_header_parse(entry.header, &header, NULL) == HF_OK &&
			(entry.state != HF_LEDGER_HELD ||
			 hf_commit_verify(&commit, &header, entry.opening,
					  entry.payload, NULL) == HF_OK);
	}
	return is_good;
}

static void look_at(struct hf_node *node, struct hf_ledger_view *view,
		    const struct hf_ledger_info *info, uint64_t chunk)
{
	if (has_good_headers(view, info, chunk) &&
	    has_good_payloads(view, info, chunk))
		return;
	hf_log(HF_LOG_ERROR, "ledger", "damage found", "set=%s first=%llu",
	       info->origin, (unsigned long long)(chunk * HF_CHUNK_ENTRIES));
	hf_peers_mend(node->peers, info->set, chunk * HF_CHUNK_ENTRIES);
}

/* Chunks under all notes; the one that has this number among them. */
static uint64_t chunks_of(struct hf_ledger_view *view, uint64_t number,
			  struct hf_ledger_info *out_info, uint64_t *out_chunk)
{
	struct hf_ledger_info info = { .set = 0 };
	uint64_t count = 0;

	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		uint64_t chunks =
			info.has_note ? hf_chunk_count(info.note_size) : 0;

		if (number >= count && number - count < chunks) {
			*out_info = info;
			*out_chunk = number - count;
		}
		count += chunks;
	}
	return count;
}

static void run(struct hf_errand *errand)
{
	struct scrub *scrub = (struct scrub *)(void *)errand;
	struct hf_node *node = scrub->node;
	struct hf_ledger_info info;
	struct hf_ledger_view *view;
	uint64_t number, chunk;

	for (size_t i = 0;
	     i < HF_SCRUB_CHUNKS && !atomic_load(&node->is_ending); i++) {
		uint64_t count;

		if (hf_ledger_view_begin(node->ledger, &view, NULL) != HF_OK)
			break;
		count = chunks_of(view, UINT64_MAX, &info, &chunk);
		if (count > 0) {
			hf_random(&number, sizeof(number));
			chunks_of(view, number % count, &info, &chunk);
			look_at(node, view, &info, chunk);
		}
		hf_ledger_view_end(view);
	}
	atomic_store(&node->is_scrubbing, false);
	free(scrub);
}

void hf_scrub_look(struct hf_node *node)
{
	struct scrub *scrub;

	if (atomic_exchange(&node->is_scrubbing, true))
		return;
	scrub = calloc(1, sizeof(*scrub));
	if (scrub == NULL) {
		atomic_store(&node->is_scrubbing, false);
		return;
	}
	scrub->errand.run = run;
	scrub->node = node;
	hf_errand_post(node->errands, &scrub->errand);
}
