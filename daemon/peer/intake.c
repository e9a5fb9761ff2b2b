#include <string.h>

#include "leaf.h"

#include "intake.h"

void hf_intake_begin(struct hf_intake *intake, struct hf_ledger *ledger,
		     uint32_t set, uint64_t size, uint64_t first)
{
	*intake = (struct hf_intake){
		.ledger = ledger,
		.set = set,
		.size = size,
		.next = first,
	};
}

void hf_intake_end(struct hf_intake *intake)
{
	hf_ledger_piece_free(intake->piece);
	intake->piece = NULL;
}

/* Retractions are not overtaken: they count as soon as they are proven. */
void hf_intake_demote(struct hf_intake *intake, struct hf_span headers)
{
	for (size_t i = 0; i < headers.len_bytes && intake->demote != NULL;
	     i += HF_HEADER_BYTES) {
		struct hf_header header;

		if (hf_header_parse(headers.at + i, &header, NULL) == HF_OK &&
		    (header.op == HF_OP_RETRACT || header.op == HF_OP_ERASE))
			intake->demote(intake->arg, intake->set, header.target);
	}
}

static enum hf_err begin_piece(struct hf_intake *intake,
			       const struct hf_get_chunks_response *message,
			       struct hf_why *why)
{
	uint64_t end = hf_ledger_piece_end(intake->next, intake->size);
	struct hf_tree_proof proof = { 0 };
	enum hf_err err;

	if (message->headers.len_bytes !=
	    (end - intake->next) * HF_HEADER_BYTES)
		return hf_why(why, HF_E_PROOF,
			      "%zu bytes of headers for the chunk from entry "
			      "%llu",
			      message->headers.len_bytes,
			      (unsigned long long)intake->next);
	proof.hashes_count = message->proof.len_bytes / HF_HASH_BYTES;
	if (proof.hashes_count > HF_PROOF_MAX_HASHES)
		return hf_why(why, HF_E_LIMIT, "proof of %zu hashes",
			      proof.hashes_count);
	if (message->proof.len_bytes > 0)
		memcpy(proof.hashes, message->proof.at,
		       message->proof.len_bytes);
	if (intake->is_peek)
		err = hf_ledger_piece_peek(intake->ledger, intake->set,
					   intake->size, &intake->root,
					   intake->next, message->headers,
					   &proof, &intake->piece, why);
	else if (intake->is_mend)
		err = hf_ledger_mend_begin(
			intake->ledger, intake->set, intake->size, intake->next,
			message->headers, &proof, &intake->piece, why);
	else
		err = hf_ledger_piece_begin(
			intake->ledger, intake->set, intake->size, intake->next,
			message->headers, &proof, &intake->piece, why);
	if (err != HF_OK)
		return err;
	intake->piece_end = end;
	hf_intake_demote(intake, message->headers);
	return HF_OK;
}

static enum hf_err add_payloads(struct hf_intake *intake,
				const struct hf_get_chunks_response *message,
				struct hf_why *why)
{
	const uint8_t *opening = message->openings.at;
	const uint8_t *payload = message->payloads.at;

	if (message->payload_lengths_count > intake->piece_end - intake->next)
		return hf_why(why, HF_E_PROOF,
			      "payloads for more entries than the chunk has");
	for (size_t i = 0; i < message->payload_lengths_count; i++) {
		uint32_t len_bytes = message->payload_lengths[i];
		enum hf_err err;

		if (len_bytes > 0) {
			err = hf_ledger_piece_payload(
				intake->piece, intake->next,
				hf_span(opening, HF_OPENING_BYTES),
				hf_span(payload, len_bytes), why);
			if (err != HF_OK)
				return err;
			opening += HF_OPENING_BYTES;
			payload += len_bytes;
		}
		intake->next++;
	}
	return HF_OK;
}

static void tell_ahead(void *arg, uint64_t index, struct hf_span header,
		       struct hf_span payload)
{
	const struct hf_intake *intake = arg;

	intake->ahead(intake->arg, intake->set, index, header, payload);
}

static enum hf_err end_piece(struct hf_intake *intake,
			     struct hf_ledger_done done, bool *out_is_committed,
			     struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (intake->ahead != NULL)
		hf_ledger_piece_each(intake->piece, tell_ahead, intake);
	if (intake->is_peek)
		hf_ledger_piece_free(intake->piece);
	else
		err = hf_ledger_piece_commit(intake->piece, done, why);
	if (err != HF_OK)
		return err;
	intake->piece = NULL;
	*out_is_committed = !intake->is_peek;
	return HF_OK;
}

enum hf_err hf_intake_take(struct hf_intake *intake,
			   const struct hf_get_chunks_response *message,
			   struct hf_ledger_done done, bool *out_is_committed,
			   struct hf_why *why)
{
	enum hf_err err = HF_OK;

	*out_is_committed = false;
	if (message->payload_lengths_count == 0)
		return hf_why(why, HF_E_PROOF, "a message without an entry");
	if (message->first != intake->next || intake->next >= intake->size)
		return hf_why(why, HF_E_PROOF,
			      "entry %llu came where %llu was expected",
			      (unsigned long long)message->first,
			      (unsigned long long)intake->next);
	if ((intake->piece == NULL) != (message->headers.len_bytes > 0))
		return hf_why(why, HF_E_PROOF,
			      "a chunk's headers come first and once");
	if (message->headers.len_bytes == 0 &&
	    message->payload_lengths_count == 0)
		return hf_why(why, HF_E_PROOF, "a message with nothing in it");
	if (intake->piece == NULL)
		err = begin_piece(intake, message, why);
	if (err == HF_OK)
		err = add_payloads(intake, message, why);
	if (err != HF_OK || intake->next < intake->piece_end)
		return err;
	return end_piece(intake, done, out_is_committed, why);
}

bool hf_intake_is_ahead(struct hf_intake *intake, uint64_t now_us)
{
	uint64_t found;

	if (intake->found == NULL)
		return false;
	found = intake->found(intake->arg, intake->set);
	if (found != intake->found_before || intake->found_since_us == 0) {
		intake->found_before = found;
		intake->found_since_us = now_us;
	}
	return found < intake->next &&
	       intake->next - found > HF_INTAKE_AHEAD_MOST &&
	       now_us - intake->found_since_us < HF_INTAKE_STILL_US;
}
