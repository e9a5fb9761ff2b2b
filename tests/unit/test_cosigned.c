/*
 * A witness's signer is asked to cosign: for what it cosigned last, then for
 * the next on top of that; and peers' reports move it in between.
 */
#include "unit.h"

#include <semaphore.h>

#include "agent.h"
#include "cosigned.h"
#include "errand.h"
#include "node.h"
#include "peers.h"

enum hf_err __wrap_hf_agent_last(struct hf_agent *agent, struct hf_span origin,
				 uint64_t *out_size,
				 struct hf_tree_hash *out_root,
				 struct hf_why *why);
enum hf_err __wrap_hf_agent_cosign(struct hf_agent *agent,
				   const struct hf_agent_checkpoint *request,
				   struct hf_buf *line, struct hf_why *why);
enum hf_err __wrap_hf_agent_status(struct hf_agent *agent,
				   struct hf_agent_status *out_status,
				   struct hf_why *why);
void __wrap_hf_cosign_done(struct hf_cosign *cosign);

/* A signer that signs whatever goes on from the last. */
static struct {
	uint64_t last;
	uint64_t reported; /* becomes the last when it was told */
	uint8_t root;      /* of the last */
	unsigned asked;
} signer;
static sem_t done;

enum hf_err __wrap_hf_agent_last(struct hf_agent *agent, struct hf_span origin,
				 uint64_t *out_size,
				 struct hf_tree_hash *out_root,
				 struct hf_why *why)
{
	*out_size = signer.last;
	memset(out_root, signer.root, sizeof(*out_root));
	if (signer.reported > signer.last)
		signer.last = signer.reported;
	return HF_OK;
}

enum hf_err __wrap_hf_agent_cosign(struct hf_agent *agent,
				   const struct hf_agent_checkpoint *request,
				   struct hf_buf *line, struct hf_why *why)
{
	signer.asked++;
	if (request->size < signer.last ||
	    (request->size == signer.last &&
	     request->root.bytes[0] != signer.root))
		return hf_why(why, HF_E_CONFLICT, "signer: refuses");
	if (request->size > signer.last && request->old_size != signer.last)
		return hf_why(why, HF_E_PROOF, "signer: wants a proof");
	signer.last = request->size;
	hf_buf_put(line, BYTES("line"));
	return hf_buf_failed(line);
}

enum hf_err __wrap_hf_agent_status(struct hf_agent *agent,
				   struct hf_agent_status *out_status,
				   struct hf_why *why)
{
	return HF_E_UNAVAILABLE;
}

void __wrap_hf_cosign_done(struct hf_cosign *cosign)
{
	sem_post(&done);
}

static void what_was_cosigned_last_may_move_while_it_is_asked(void **state)
{
	static const struct {
		const char *why;
		uint64_t last, reported, proof_from;
		uint8_t root;
		enum hf_err want;
		uint64_t wanted;
		unsigned asked;
	} rows[] = {
		{ "on top of the last", 20, 0, 20, 1, HF_OK, 0, 1 },
		{ "of the first there is no proof", 0, 0, 7, 1, HF_OK, 0, 1 },
		{ "one from elsewhere would not do", 20, 0, 7, 1, HF_E_PROOF,
		  20, 0 },
		{ "a report came, and the proof is from there", 0, 25, 25, 1,
		  HF_OK, 0, 2 },
		{ "a report came, and the proof is not", 0, 25, 7, 1,
		  HF_E_PROOF, 25, 1 },
		{ "a report of the same tree came", 0, 30, 7, 1, HF_OK, 0, 1 },
		{ "a report of another tree came", 0, 30, 7, 2, HF_E_CONFLICT,
		  0, 3 },
		{ "a report of more came", 0, 31, 7, 1, HF_E_EXISTS, 0, 3 },
		{ "more was cosigned before", 31, 0, 7, 1, HF_E_EXISTS, 0, 2 },
		{ "another tree was cosigned before", 30, 0, 7, 2,
		  HF_E_CONFLICT, 0, 2 },
	};
	struct hf_node node = { 0 };
	struct hf_cosigned *cosigned;
	struct hf_why why = { "" };

	assert_int_equal(sem_init(&done, 0, 0), 0);
	assert_ok(hf_errands_start("test", 1, &node.case_errands, &why), &why);
	assert_ok(hf_cosigned_new(&node, &cosigned, &why), &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_cosign cosign = { .origin = "hotline.example/ncii/1",
					    .size = 30,
					    .root = { { 1 } },
					    .old_size = rows[i].proof_from };

		signer.last = rows[i].last;
		signer.reported = rows[i].reported;
		signer.root = rows[i].root;
		signer.asked = 0;
		hf_buf_init(&cosign.line, 64);
		hf_cosigned_ask(cosigned, &cosign);
		while (sem_wait(&done) != 0)
			continue;
		if (cosign.err != rows[i].want ||
		    cosign.wanted != rows[i].wanted ||
		    signer.asked != rows[i].asked ||
		    (cosign.line.len_bytes == 4) != (cosign.err == HF_OK))
			fail_msg("%s: %s, wanted %llu, asked %u", rows[i].why,
				 hf_err_name(cosign.err),
				 (unsigned long long)cosign.wanted,
				 signer.asked);
		hf_buf_release(&cosign.line);
	}
	hf_errands_stop(node.case_errands);
	hf_cosigned_free(cosigned);
	sem_destroy(&done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_was_cosigned_last_may_move_while_it_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
