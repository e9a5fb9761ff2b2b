#include <stdlib.h>
#include <string.h>

#include "ledger_impl.h"

/*
 * A piece is the job itself: what is verified on the calling thread is what
 * the writer stores.
 */
struct hf_ledger_piece {
	struct job job;
	bool is_mend;             /* of a chunk that is stored, and damaged */
	bool is_mended;           /* and so is the tree's end */
	struct hf_ledger *ledger; /* borrowed */
	/* The checkpoint it was verified against. */
	uint64_t size;
	struct hf_tree_hash root;
	uint64_t first;
	size_t count;
	struct hf_tree_hash chunk_root;
	struct hf_buf payloads; /* owned, one behind the other */
	struct {
		bool is_here;
		size_t offset; /* in payloads */
	} held[HF_CHUNK_ENTRIES];
	struct hf_header parsed[HF_CHUNK_ENTRIES];
	struct hf_tree_hash leaves[HF_CHUNK_ENTRIES]; /* from first on */
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	uint8_t openings[HF_CHUNK_ENTRIES * HF_OPENING_BYTES];
};

static void piece_free(struct job *job)
{
	struct hf_ledger_piece *piece = (struct hf_ledger_piece *)job;

	hf_buf_release(&piece->payloads);
	free(piece);
}

void hf_ledger_piece_free(struct hf_ledger_piece *piece)
{
	if (piece != NULL)
		piece_free(&piece->job);
}

/*
 * On the calling thread.
 */

static enum hf_err checkpoint_find(struct hf_ledger *ledger,
				   const struct set *set, uint64_t size,
				   struct hf_tree_hash *out_root,
				   struct hf_why *why)
{
	bool is_found = false, is_frozen;

	pthread_mutex_lock(&ledger->lock);
	is_frozen = set->is_frozen;
	for (size_t i = 0; i < HF_LEDGER_SEEN_KEPT && !is_found; i++) {
		if (set->seen[i].note == NULL || set->seen[i].size != size)
			continue;
		*out_root = set->seen[i].root;
		is_found = true;
	}
	pthread_mutex_unlock(&ledger->lock);
	if (is_frozen)
		return hf_why(why, HF_E_FROZEN, "ledger: '%s' is frozen",
			      set->origin);
	if (!is_found)
		return hf_why(why, HF_E_CONFLICT,
			      "ledger: no checkpoint of '%s' at size %llu was "
			      "seen of late",
			      set->origin, (unsigned long long)size);
	return HF_OK;
}

/* The leaves of the chunk that are stored already. */
static enum hf_err stored_leaves(struct hf_ledger *ledger,
				 const struct set *set, uint64_t first,
				 struct hf_tree_hash *out_leaves,
				 struct hf_why *why)
{
	uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	size_t count = (size_t)(first % HF_CHUNK_ENTRIES);
	struct hf_store_txn *view;
	uint64_t stored;
	enum hf_err err;

	if (count == 0)
		return HF_OK;
	pthread_mutex_lock(&ledger->lock);
	stored = set->stored;
	pthread_mutex_unlock(&ledger->lock);
	if (first > stored)
		return hf_why(why, HF_E_CONFLICT,
			      "ledger: entries before %llu of '%s' are not "
			      "stored yet",
			      (unsigned long long)first, set->origin);
	err = hf_store_view_begin(ledger->store, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_tree_headers(view, set->table, first - count, count,
				     headers, why);
	hf_store_view_end(view);
	if (err == HF_OK)
		hf_leaf_hashes(headers, count, out_leaves);
	return err;
}

/* Whether the headers are those of the checkpoint. */
static enum hf_err headers_verify(struct hf_ledger_piece *piece,
				  const struct hf_tree_proof *proof,
				  struct hf_why *why)
{
	struct hf_tree_hash all[HF_CHUNK_ENTRIES];
	size_t before = (size_t)(piece->first % HF_CHUNK_ENTRIES);
	enum hf_err err;

	hf_leaf_hashes(piece->headers, piece->count, piece->leaves);
	err = stored_leaves(piece->ledger, piece->job.set, piece->first, all,
			    why);
	if (err != HF_OK)
		return err;
	memcpy(all + before, piece->leaves, piece->count * sizeof(all[0]));
	hf_tree_fold(all, before + piece->count, &piece->chunk_root);
	return hf_chunk_verify_root(&piece->chunk_root,
				    piece->first / HF_CHUNK_ENTRIES,
				    piece->size, proof, &piece->root, why);
}

/* Room for payloads made ahead: all of most pieces. */
#define PAYLOADS_AHEAD_BYTES ((size_t)64 * 1024)

static enum hf_err room_make(struct hf_ledger_piece *piece, struct hf_why *why)
{
	size_t bytes = 0;

	for (size_t i = 0; i < piece->count; i++)
		bytes += piece->parsed[i].payload_len_bytes;
	if (bytes > PAYLOADS_AHEAD_BYTES)
		bytes = PAYLOADS_AHEAD_BYTES;
	if (bytes > 0 && !hf_buf_reserve(&piece->payloads, bytes))
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	return HF_OK;
}

/* They are the publisher's own: if they break the format, it did. */
static enum hf_err headers_read(struct hf_ledger_piece *piece,
				struct hf_why *why)
{
	for (size_t i = 0; i < piece->count; i++) {
		uint64_t index = piece->first + i;
		enum hf_err err;

		err = hf_header_parse(piece->headers + i * HF_HEADER_BYTES,
				      &piece->parsed[i], why);
		if (err == HF_OK)
			err = hf_header_check(&piece->parsed[i], index, why);
		if (err != HF_OK) {
			hf_why_prefix(
				why, "entry %llu: ", (unsigned long long)index);
			hf_ledger_freeze_soon(piece->ledger, piece->job.set,
					      why->text);
			return HF_E_MALFORMED;
		}
	}
	return HF_OK;
}

static enum hf_err headers_count_check(struct hf_span headers, uint64_t first,
				       uint64_t size, struct hf_why *why)
{
	if (headers.len_bytes !=
	    (hf_ledger_piece_end(first, size) - first) * HF_HEADER_BYTES)
		return hf_why(why, HF_E_PROOF,
			      "ledger: %zu bytes are not the headers of the "
			      "chunk",
			      headers.len_bytes);
	return HF_OK;
}

static enum hf_err piece_new(struct hf_ledger *ledger, struct set *set,
			     struct hf_span headers,
			     struct hf_ledger_piece **out_piece,
			     struct hf_why *why)
{
	struct hf_ledger_piece *piece = malloc(sizeof(*piece));

	if (piece == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	memset(&piece->job, 0, sizeof(piece->job));
	memset(piece->held, 0, sizeof(piece->held));
	piece->is_mend = false;
	piece->is_mended = false;
	piece->ledger = ledger;
	piece->job.set = set;
	piece->count = headers.len_bytes / HF_HEADER_BYTES;
	memcpy(piece->headers, headers.at, headers.len_bytes);
	hf_buf_init(&piece->payloads, HF_CHUNK_ENTRIES * HF_PAYLOAD_MAX_BYTES);
	*out_piece = piece;
	return HF_OK;
}

/* A piece whose place is set becomes the caller's, or is gone.  What is read
 * freezes the set in words: those of the caller may be NULL. */
static enum hf_err piece_verify(struct hf_ledger_piece *piece,
				const struct hf_tree_proof *proof,
				struct hf_ledger_piece **out_piece,
				struct hf_why *why)
{
	struct hf_why sentence = { "" };
	enum hf_err err = headers_verify(piece, proof, &sentence);

	if (err == HF_OK)
		err = headers_read(piece, &sentence);
	if (err == HF_OK)
		err = room_make(piece, &sentence);
	if (err != HF_OK) {
		piece_free(&piece->job);
		return hf_why(why, err, "%s", sentence.text);
	}
	*out_piece = piece;
	return HF_OK;
}

enum hf_err hf_ledger_piece_begin(struct hf_ledger *ledger, uint32_t set_id,
				  uint64_t size, uint64_t first,
				  struct hf_span headers,
				  const struct hf_tree_proof *proof,
				  struct hf_ledger_piece **out_piece,
				  struct hf_why *why)
{
	struct hf_tree_hash root;
	struct set *set;
	enum hf_err err;

	err = hf_ledger_set_need(ledger, set_id, &set, why);
	if (err == HF_OK)
		err = checkpoint_find(ledger, set, size, &root, why);
	return err == HF_OK ? hf_ledger_piece_peek(ledger, set_id, size, &root,
						   first, headers, proof,
						   out_piece, why)
			    : err;
}

enum hf_err hf_ledger_piece_peek(struct hf_ledger *ledger, uint32_t set_id,
				 uint64_t size, const struct hf_tree_hash *root,
				 uint64_t first, struct hf_span headers,
				 const struct hf_tree_proof *proof,
				 struct hf_ledger_piece **out_piece,
				 struct hf_why *why)
{
	struct hf_ledger_piece *piece;
	struct set *set;
	enum hf_err err = hf_ledger_set_need(ledger, set_id, &set, why);

	if (err != HF_OK)
		return err;
	if (first >= size)
		return hf_why(why, HF_E_ARGUMENT,
			      "ledger: no piece of '%s' can begin at %llu",
			      set->origin, (unsigned long long)first);
	err = headers_count_check(headers, first, size, why);
	if (err != HF_OK)
		return err;
	err = piece_new(ledger, set, headers, &piece, why);
	if (err != HF_OK)
		return err;
	piece->size = size;
	piece->root = *root;
	piece->first = first;
	return piece_verify(piece, proof, out_piece, why);
}

enum hf_err hf_ledger_mend_begin(struct hf_ledger *ledger, uint32_t set_id,
				 uint64_t size, uint64_t first,
				 struct hf_span headers,
				 const struct hf_tree_proof *proof,
				 struct hf_ledger_piece **out_piece,
				 struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct set *set;
	enum hf_err err = hf_ledger_set_need(ledger, set_id, &set, why);

	if (err == HF_OK)
		err = hf_ledger_view_begin(ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, set_id, &info, why);
	hf_ledger_view_end(view);
	if (err != HF_OK)
		return err;
	if (!info.has_note || info.note_size != size || first >= size ||
	    first % HF_CHUNK_ENTRIES != 0)
		return hf_why(why, HF_E_CONFLICT,
			      "ledger: '%s' has another note by now",
			      set->origin);
	err = hf_ledger_piece_peek(ledger, set_id, size, &info.note_root, first,
				   headers, proof, out_piece, why);
	if (err == HF_OK)
		(*out_piece)->is_mend = true;
	return err;
}

size_t hf_ledger_piece_payload_len(const struct hf_ledger_piece *piece,
				   uint64_t index)
{
	if (index < piece->first || index - piece->first >= piece->count)
		return 0;
	return piece->parsed[index - piece->first].payload_len_bytes;
}

enum hf_err hf_ledger_piece_payload(struct hf_ledger_piece *piece,
				    uint64_t index, struct hf_span opening,
				    struct hf_span payload, struct hf_why *why)
{
	enum hf_err err;
	uint8_t *room;
	size_t i;

	if (index < piece->first || index - piece->first >= piece->count)
		return hf_why(why, HF_E_ARGUMENT,
			      "ledger: entry %llu is not in this piece",
			      (unsigned long long)index);
	i = (size_t)(index - piece->first);
	if (piece->held[i].is_here ||
	    piece->parsed[i].commit_kind == HF_COMMIT_NONE)
		return hf_why(why, HF_E_ARGUMENT,
			      "ledger: entry %llu wants no payload%s",
			      (unsigned long long)index,
			      piece->held[i].is_here ? " any more" : "");
	err = hf_commit_verify(&piece->ledger->commit, &piece->parsed[i],
			       opening, payload, why);
	if (err != HF_OK)
		return err;
	piece->held[i].offset = piece->payloads.len_bytes;
	room = hf_buf_grow(&piece->payloads, payload.len_bytes);
	if (hf_buf_failed(&piece->payloads) != HF_OK)
		return hf_why(why, hf_buf_failed(&piece->payloads),
			      "ledger: cannot keep a payload");
	if (payload.len_bytes > 0)
		memcpy(room, payload.at, payload.len_bytes);
	memcpy(piece->openings + i * HF_OPENING_BYTES, opening.at,
	       HF_OPENING_BYTES);
	piece->held[i].is_here = true;
	return HF_OK;
}

/*
 * On the writer.
 */

/* The checkpoint that it was checked against, where that was too far ahead to
 * be believed, and continues what is believed now. */
static const struct seen *leap_of(const struct hf_ledger_piece *piece)
{
	const struct set *set = piece->job.set;

	for (size_t i = 0; i < HF_LEDGER_SEEN_KEPT; i++) {
		const struct seen *seen = &set->seen[i];

		if (seen->note != NULL && seen->size == piece->size &&
		    seen->leapt_from == set->staged.seen_size)
			return seen;
	}
	return NULL;
}

/* An own set is fetched back up to what we signed ourselves. */
static bool is_leap(const struct hf_ledger_piece *piece)
{
	return piece->job.set->kind == HF_LEDGER_FOREIGN &&
	       piece->size > piece->job.set->staged.seen_size;
}

/* Entries came: from here on it is believed. */
static enum hf_err leap_reach(struct hf_ledger *ledger,
			      const struct hf_ledger_piece *piece,
			      struct hf_why *why)
{
	struct set *set = piece->job.set;

	if (!is_leap(piece) ||
	    set->staged.marks.stored <= set->staged.seen_size)
		return HF_OK;
	return hf_ledger_note_store(ledger, set, HF_LEDGER_SEEN, leap_of(piece),
				    why);
}

/* Whether it goes here and now; the job fails otherwise. */
static void place_look(struct hf_ledger_piece *piece)
{
	const struct hf_ledger_marks *marks = &piece->job.set->staged.marks;

	if (marks->frozen_reason[0] != '\0')
		hf_ledger_job_fail(
			&piece->job, HF_E_FROZEN, "ledger: '%s' is frozen: %s",
			piece->job.set->origin, marks->frozen_reason);
	else if (piece->job.set->is_damaged)
		hf_ledger_job_fail(&piece->job, HF_E_UNAVAILABLE,
				   "ledger: '%s' is damaged and not mended yet",
				   piece->job.set->origin);
	else if (piece->first + piece->count <= marks->stored)
		hf_ledger_job_fail(&piece->job, HF_E_EXISTS,
				   "ledger: these entries are stored already");
	else if (piece->first != marks->stored)
		hf_ledger_job_fail(&piece->job, HF_E_CONFLICT,
				   "ledger: '%s' goes on at %llu, not at %llu",
				   piece->job.set->origin,
				   (unsigned long long)marks->stored,
				   (unsigned long long)piece->first);
	else if (is_leap(piece) && leap_of(piece) == NULL)
		hf_ledger_job_fail(
			&piece->job, HF_E_CONFLICT,
			"ledger: '%s' went on without the checkpoint "
			"at %llu",
			piece->job.set->origin,
			(unsigned long long)piece->size);
}

/* The rules that need other entries.  Who breaks one is frozen. */
static enum hf_err rules_look(struct hf_ledger *ledger,
			      struct hf_ledger_piece *piece, struct hf_why *why)
{
	struct hf_ledger_marks *marks = &piece->job.set->staged.marks;
	struct coming coming = { .first = piece->first,
				 .count = piece->count,
				 .headers = piece->parsed };
	struct hf_why rule_why = { "" };
	enum hf_err err;

	err = hf_ledger_rules(ledger, piece->job.set, &coming, &rule_why);
	if (err == HF_OK)
		return HF_OK;
	if (err != HF_E_MALFORMED && err != HF_E_NOTFOUND)
		return hf_why(why, err, "%s", rule_why.text);
	hf_ledger_job_fail(&piece->job, HF_E_MALFORMED, "%s", rule_why.text);
	memset(marks->frozen_reason, 0, sizeof(marks->frozen_reason));
	memcpy(marks->frozen_reason, rule_why.text,
	       strnlen(rule_why.text, HF_LEDGER_REASON_MAX_BYTES));
	return HF_OK;
}

static bool is_whole_chunk(const struct hf_ledger_piece *piece)
{
	return piece->count == HF_CHUNK_ENTRIES;
}

/* Once more, from the other side: where the piece ends the tree, ours is the
 * one that was signed. */
static enum hf_err end_look(struct hf_ledger_piece *piece, struct hf_why *why)
{
	struct hf_frontier frontier = piece->job.set->staged.frontier;
	struct hf_tree_hash root;
	enum hf_err err = HF_OK;

	if (piece->first + piece->count != piece->size)
		return HF_OK;
	if (is_whole_chunk(piece))
		err = hf_frontier_append_subtree(&frontier, HF_CHUNK_LEVEL,
						 &piece->chunk_root, NULL, why);
	for (size_t i = 0;
	     !is_whole_chunk(piece) && i < piece->count && err == HF_OK; i++)
		err = hf_frontier_append(&frontier, &piece->leaves[i], NULL,
					 why);
	if (err != HF_OK)
		return err;
	hf_frontier_root(&frontier, &root);
	if (!hf_tree_equal(&root, &piece->root))
		return hf_why(why, HF_E_CORRUPT,
			      "ledger: what is stored of '%s' does not add up "
			      "to its checkpoint at %llu",
			      piece->job.set->origin,
			      (unsigned long long)piece->size);
	return HF_OK;
}

static struct hf_ledger_entry entry_of(const struct hf_ledger_piece *piece,
				       size_t i)
{
	const struct hf_header *header = &piece->parsed[i];
	struct hf_ledger_entry entry = {
		.index = piece->first + i,
		.state = HF_LEDGER_MISSING,
		.header = piece->headers + i * HF_HEADER_BYTES,
	};

	if (header->commit_kind == HF_COMMIT_NONE) {
		entry.state = HF_LEDGER_BARE;
	} else if (piece->held[i].is_here) {
		entry.state = HF_LEDGER_HELD;
		entry.opening = hf_span(piece->openings + i * HF_OPENING_BYTES,
					HF_OPENING_BYTES);
		entry.payload =
			hf_span(piece->payloads.at + piece->held[i].offset,
				header->payload_len_bytes);
	}
	return entry;
}

void hf_ledger_piece_each(const struct hf_ledger_piece *piece,
			  void (*each)(void *arg, uint64_t index,
				       struct hf_span header,
				       struct hf_span payload),
			  void *arg)
{
	for (size_t i = 0; i < piece->count; i++) {
		struct hf_ledger_entry entry = entry_of(piece, i);

		each(arg, entry.index, hf_span(entry.header, HF_HEADER_BYTES),
		     entry.payload);
	}
}

static enum hf_err entries_append(struct hf_ledger *ledger,
				  struct hf_ledger_piece *piece,
				  struct hf_why *why)
{
	struct set *set = piece->job.set;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < piece->count && err == HF_OK; i++) {
		struct hf_ledger_entry entry = entry_of(piece, i);

		err = hf_ledger_entry_append(ledger, set, &piece->parsed[i],
					     &entry, why);
		if (err == HF_OK && !is_whole_chunk(piece))
			err = hf_ledger_leaf_append(ledger, set,
						    &piece->leaves[i], why);
	}
	if (err == HF_OK && is_whole_chunk(piece))
		err = hf_ledger_chunk_append(ledger, set, &piece->chunk_root,
					     why);
	return err;
}

/* The newest note held, where its entries are complete: it may be newer than
 * what set->seen knows. */
static enum hf_err newest_reach(struct hf_ledger *ledger, struct set *set,
				struct hf_why *why)
{
	struct hf_ledger_key key = hf_ledger_key_note(set->id, HF_LEDGER_SEEN);
	struct hf_ledger_note_record record;
	struct hf_span value;
	struct seen note;
	enum hf_err err;

	err = hf_store_get(ledger->txn, TABLE_NOTES, hf_ledger_key_span(&key),
			   &value, why);
	if (err == HF_OK)
		err = hf_ledger_note_parse(value, &record, why);
	if (err != HF_OK)
		return err;
	note = (struct seen){ .size = record.size,
			      .root = record.root,
			      .time_s = record.time_s,
			      /* Read only: hf_ledger_note_store() copies. */
			      .note = (uint8_t *)(uintptr_t)record.note.at,
			      .note_len_bytes = record.note.len_bytes };
	set->is_note_new = true;
	return hf_ledger_note_store(ledger, set, HF_LEDGER_NOTE, &note, why);
}

/* Where the entries of a checkpoint are complete, its note can be served. */
static enum hf_err note_reach(struct hf_ledger *ledger, struct set *set,
			      struct hf_why *why)
{
	const struct set_state *state = &set->staged;

	if (state->has_seen && state->seen_size == state->marks.stored)
		return newest_reach(ledger, set, why);
	for (size_t i = 0; i < HF_LEDGER_SEEN_KEPT; i++) {
		const struct seen *seen = &set->seen[i];

		if (seen->note == NULL || seen->size != state->marks.stored)
			continue;
		set->is_note_new = true;
		return hf_ledger_note_store(ledger, set, HF_LEDGER_NOTE, seen,
					    why);
	}
	return HF_OK;
}

/* --- mending ---------------------------------------------------------------
 */

static enum hf_err chunk_mend(struct hf_ledger *ledger,
			      struct hf_ledger_piece *piece, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < piece->count && err == HF_OK; i++) {
		struct hf_ledger_entry entry = entry_of(piece, i);

		err = hf_ledger_entry_mend(ledger, piece->job.set,
					   &piece->parsed[i], &entry, why);
	}
	if (err == HF_OK && is_whole_chunk(piece))
		err = hf_ledger_nodes_mend(ledger, piece->job.set,
					   piece->first / HF_CHUNK_ENTRIES,
					   &piece->chunk_root, why);
	return err == HF_OK ? hf_ledger_tree_mend(ledger, piece->job.set,
						  &piece->is_mended, why)
			    : err;
}

static enum hf_err mend_run(struct hf_ledger *ledger, struct job *job,
			    struct hf_why *why)
{
	struct hf_ledger_piece *piece = (struct hf_ledger_piece *)job;
	struct set_state *state = hf_ledger_stage(ledger, job->set);

	job->receipt =
		(struct hf_ledger_receipt){ .set = job->set->id,
					    .first = piece->first,
					    .count = piece->count,
					    .size = state->marks.stored };
	if (piece->first + piece->count > state->marks.stored) {
		hf_ledger_job_fail(job, HF_E_CONFLICT,
				   "ledger: these are not stored");
		return HF_OK;
	}
	return chunk_mend(ledger, piece, why);
}

/* Committed: set and signer may go on. */
static void mend_settle(struct hf_ledger *ledger, struct job *job)
{
	const struct hf_ledger_piece *piece = (struct hf_ledger_piece *)job;

	if (job->err != HF_OK || !piece->is_mended)
		return;
	pthread_mutex_lock(&ledger->lock);
	job->set->is_damaged = false;
	pthread_mutex_unlock(&ledger->lock);
	job->set->signer_err = HF_OK;
}

static enum hf_err piece_run(struct hf_ledger *ledger, struct job *job,
			     struct hf_why *why)
{
	struct hf_ledger_piece *piece = (struct hf_ledger_piece *)job;
	struct set_state *state = hf_ledger_stage(ledger, job->set);
	enum hf_err err;

	place_look(piece);
	if (job->err != HF_OK ||
	    hf_ledger_refuse_reserved(ledger, job, piece->parsed, piece->count))
		return HF_OK;
	err = rules_look(ledger, piece, why);
	if (err != HF_OK || job->err != HF_OK)
		return err;
	err = end_look(piece, why);
	if (err == HF_OK)
		err = entries_append(ledger, piece, why);
	if (err == HF_OK)
		err = leap_reach(ledger, piece, why);
	if (err == HF_OK)
		err = note_reach(ledger, job->set, why);
	job->receipt =
		(struct hf_ledger_receipt){ .set = job->set->id,
					    .first = piece->first,
					    .count = piece->count,
					    .size = state->marks.stored };
	return err;
}

static void piece_settle(struct hf_ledger *ledger, struct job *job)
{
	if (job->err != HF_OK)
		return;
	/* The store has the newer note; the signer need not be left alone. */
	if (job->set->kind == HF_LEDGER_OWN && job->set->is_note_new) {
		hf_ledger_slips_forget(ledger, job->set);
		job->set->signer_err = HF_OK;
	}
	pthread_mutex_lock(&ledger->lock);
	ledger->stats.applied += job->receipt.count;
	pthread_mutex_unlock(&ledger->lock);
}

enum hf_err hf_ledger_piece_commit(struct hf_ledger_piece *piece,
				   struct hf_ledger_done done,
				   struct hf_why *why)
{
	static const struct job_kind piece_kind = { .run = piece_run,
						    .settle = piece_settle,
						    .free = piece_free };

	static const struct job_kind mend_kind = { .run = mend_run,
						   .settle = mend_settle,
						   .free = piece_free };

	piece->job.kind = piece->is_mend ? &mend_kind : &piece_kind;
	piece->job.bytes = sizeof(*piece) + piece->payloads.len_bytes;
	piece->job.done = done;
	return hf_ledger_queue(piece->ledger, &piece->job, why);
}
