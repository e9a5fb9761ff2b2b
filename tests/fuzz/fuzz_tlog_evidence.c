/*
 * Evidence of forks.  What verifies was signed twice and, written again from
 * what was read, is the same bytes.
 */
#include <stdlib.h>

#include "buf.h"
#include "evidence.h"
#include "sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_evidence evidence;
	struct hf_note notes[2];
	struct hf_buf again;
	struct hf_why why;

	if (hf_sign_start(NULL) != HF_OK)
		abort();
	if (hf_evidence_parse(hf_span(data, size), &evidence, &why) != HF_OK ||
	    hf_evidence_verify(&evidence, notes, &why) != HF_OK)
		return 0;
	if (hf_tree_equal(&notes[0].checkpoint.root,
			  &notes[1].checkpoint.root) &&
	    notes[0].checkpoint.size == notes[1].checkpoint.size)
		abort();
	hf_buf_init(&again, HF_EVIDENCE_MAX_BYTES);
	hf_evidence_put(
		&again,
		&(struct hf_evidence_side){ &notes[1], &evidence.keys[1] },
		&(struct hf_evidence_side){ &notes[0], &evidence.keys[0] },
		evidence.has_root ? &evidence.root : NULL, &evidence.proof);
	if (hf_buf_failed(&again) != HF_OK ||
	    !hf_span_equal(hf_buf_span(&again), hf_span(data, size)))
		abort();
	hf_buf_release(&again);
	return 0;
}
