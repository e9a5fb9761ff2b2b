/*
 * signer_sets.h -- the keys of sets that a signer holds, and what they sign:
 * of logs and of cosigners each the one in force, the one that follows it,
 * and the public halves of those that were.
 *
 * Whether a tree may be signed is signer.c's business.
 *
 * Units    size counts entries.
 * Owns     hf_signer_sets_load() fills in sets; hf_signer_sets_release() wipes
 *          their secrets and takes them back.
 * Threads  one.
 * Errors   those of vault.h; MALFORMED for a public half that is none;
 * SIGNATURE when a note was signed by none of these keys. Source
 * keys/agent/DESIGN.md; proto/SPEC.md sections 6.2 and 7.4.
 */
#ifndef HF_SIGNER_SETS_H
#define HF_SIGNER_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent_wire.h"
#include "buf.h"
#include "codec_document.h"
#include "err.h"
#include "keyfile.h"
#include "note.h"
#include "signer.h"
#include "signer_record.h"
#include "span.h"

/* Of each kind; older ones are forgotten.  With two that follow and bounds for
 * the two in force these are HF_SET_KEYS_MAX. */
#define HF_SIGNER_PAST_MAX 6

struct hf_signer_kind {
	struct hf_key *now;  /* owned, as the next */
	struct hf_key *next; /* NULL: none follows */
	struct hf_public_key past[HF_SIGNER_PAST_MAX];
	size_t past_count;
};

/* A log's keys under the name of one set. */
struct hf_signer_log {
	struct hf_note_key now, next;
};

#define HF_SIGNER_LOGS_KEPT 32

struct hf_signer_sets {
	struct hf_signer_kind log, cosigner;
	struct hf_note_key cosigner_now, cosigner_next;
	/* Of the origins signed last: making one checks the key, which takes
	 * twice as long as signing. */
	struct hf_signer_log logs[HF_SIGNER_LOGS_KEPT];
	size_t logs_next;
};

/* Begin with zeros; release whatever it returns. */
HF_MUST enum hf_err hf_signer_sets_load(const struct hf_signer_options *options,
					struct hf_signer_sets *sets,
					struct hf_why *why);
void hf_signer_sets_release(struct hf_signer_sets *sets);

/* The whole note for a tree, with a line by each key that signs. */
HF_MUST enum hf_err hf_signer_put_note(struct hf_signer_sets *sets,
				       struct hf_span origin,
				       const struct hf_record_tree *tree,
				       struct hf_buf *note, struct hf_why *why);

/* The cosigner's lines alone. */
HF_MUST enum hf_err hf_signer_put_cosigned(const struct hf_signer_sets *sets,
					   struct hf_span origin,
					   const struct hf_record_tree *tree,
					   struct hf_buf *lines,
					   struct hf_why *why);

/* That one of these keys, now or ever, signed the note: as the log too, or as
 * a witness of somebody else's set. */
HF_MUST enum hf_err hf_signer_open_note(const struct hf_signer_sets *sets,
					const struct hf_note *note, bool is_own,
					uint64_t *out_time_s,
					struct hf_why *why);

/* The keys as an agreement names them: keys has room for HF_SET_KEYS_MAX, and
 * held is what the agreement before says of them, so that a key keeps its
 * bounds.  What it does not name is new: size is that of the tree signed last.
 * Nobody can have another key named here than these. */
void hf_signer_name_keys(const struct hf_signer_sets *sets,
			 const struct hf_agent_set_key *held, size_t held_count,
			 uint64_t size, struct hf_agreement *agreement,
			 struct hf_set_key *keys);

/* Would a key get a new bound there? */
bool hf_signer_names_new(const struct hf_signer_sets *sets,
			 const struct hf_agent_set_key *held,
			 size_t held_count);

/* The same for hf_agent_status(). */
void hf_signer_tell_keys(const struct hf_signer_sets *sets,
			 struct hf_agent_status *status);

#endif /* HF_SIGNER_SETS_H */
