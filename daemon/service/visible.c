#include <string.h>

#include "clock.h"
#include "codec_document.h"
#include "node.h"

#include "visible.h"

enum hf_err hf_visible(const struct hf_ring *ring, struct hf_ledger_view *view,
		       const struct hf_rpc_identity *caller, const char *origin,
		       enum hf_right least, struct hf_visible *out_visible,
		       struct hf_why *why)
{
	struct hf_span name = hf_span_of(origin);
	uint64_t now_ms = hf_clock_wall_ms();
	struct hf_visible visible = {
		.set = hf_ring_set(ring, name),
		.right = hf_ring_may_have(ring, name, caller->organisation_id,
					  now_ms),
	};
	bool may_serve =
		hf_ring_may_relay(ring, name, hf_ring_self(ring)->id, now_ms);
	uint32_t number = 0;

	/* Every question is asked whatever the first answer was. */
	visible.is_held =
		hf_ledger_find(view, name, &number, NULL) == HF_OK &&
		hf_ledger_info(view, number, &visible.info, NULL) == HF_OK &&
		visible.info.has_note;
	/* A publisher may always have what others hold of its set. */
	may_serve |= visible.right == HF_RIGHT_PUBLISHER;
	if (visible.set == NULL || !may_serve || visible.right < least ||
	    (!visible.is_held && !visible.set->is_own))
		return hf_why(why, HF_E_NOTFOUND, "no such set");
	*out_visible = visible;
	return HF_OK;
}

bool hf_visible_organisation(const struct hf_ring *ring,
			     const struct hf_rpc_identity *caller,
			     const uint8_t id[static HF_HASH_BYTES])
{
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);
	uint64_t now_ms = hf_clock_wall_ms();

	if (memcmp(id, caller->organisation_id, HF_HASH_BYTES) == 0 ||
	    memcmp(id, hf_ring_self(ring)->id, HF_HASH_BYTES) == 0)
		return true;
	for (size_t i = 0; i < count; i++) {
		struct hf_span origin = hf_span_of(sets[i].origin);

		if (hf_ring_may_have(ring, origin, caller->organisation_id,
				     now_ms) > HF_RIGHT_NONE &&
		    hf_ring_may_have(ring, origin, id, now_ms) > HF_RIGHT_NONE)
			return true;
	}
	return false;
}

static struct hf_manifest_mark mark_of(const struct hf_organisation *one)
{
	return (struct hf_manifest_mark){
		.organisation_id = hf_span(one->id, HF_HASH_BYTES),
		.version = one->manifest->version,
		.hash = hf_span(one->document_hash, HF_HASH_BYTES),
	};
}

size_t hf_visible_manifests(const struct hf_ring *ring,
			    const struct hf_rpc_identity *caller,
			    struct hf_manifest_mark *out_marks)
{
	const struct hf_organisation *peers;
	size_t peers_count = hf_ring_peers(ring, &peers), count = 0;

	out_marks[count++] = mark_of(hf_ring_self(ring));
	for (size_t i = 0; i < peers_count && count < HF_MARKS_MAX; i++) {
		if (hf_visible_organisation(ring, caller, peers[i].id))
			out_marks[count++] = mark_of(&peers[i]);
	}
	return count;
}
