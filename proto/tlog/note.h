/*
 * note.h -- checkpoints as signed notes: the text that says how large a set
 * is and what its root is, and the lines that vouch for it.
 *
 * Notes are kept and relayed as the bytes they came in, never rebuilt.  This
 * verifies signatures but makes none: it gives the exact bytes to sign, the
 * signer (keys/agent) signs, and this puts the line together.
 *
 * Units    time_s is seconds since 1970-01-01 UTC, as C2SP has it; size
 *          counts entries.
 * Owns     nothing.  A struct hf_note borrows from the bytes it was parsed
 *          from; a struct hf_note_key is a value.
 * Threads  any; no state.
 * Errors   MALFORMED, LIMIT for a note that is not one; SIGNATURE when a line
 *          of a known key does not verify or a wanted one is missing;
 *          ARGUMENT for names, keys or sizes that cannot be.  On failure no
 *          out_ argument changes.
 * Source   c2sp.org/signed-note, c2sp.org/tlog-checkpoint,
 *          c2sp.org/tlog-cosignature; proto/SPEC.md section 6.
 */
#ifndef HF_NOTE_H
#define HF_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "sign.h"
#include "span.h"
#include "tree.h"

/* The text of a checkpoint, without signatures. */
struct hf_checkpoint {
	struct hf_span origin; /* borrowed; SPEC section 2.1 */
	uint64_t size;
	struct hf_tree_hash root;
};

/* origin, size, root in base64, each with its newline. */
#define HF_CHECKPOINT_MAX_BYTES (HF_ORIGIN_MAX_BYTES + 1 + 19 + 1 + 44 + 1)

/*
 * Keys.
 */

enum hf_note_kind {
	HF_NOTE_LOG = 0x01,      /* Ed25519 over the text */
	HF_NOTE_COSIGNER = 0x04, /* Ed25519 over time and text */
};

#define HF_NOTE_NAME_MAX_BYTES HF_ORIGIN_MAX_BYTES

/* Not empty, no Unicode space, no '+', clean UTF-8; of any length. */
bool hf_note_name_is_valid(struct hf_span name);

struct hf_note_key {
	enum hf_note_kind kind;
	uint32_t id; /* SHA-256(name || 0x0a || kind || key), first 4 bytes */
	struct hf_public_key key;
	char name[HF_NOTE_NAME_MAX_BYTES + 1];
};

/* A set's log key has the set's origin as its name; see also
 * hf_note_cosigner_init().  ARGUMENT for a name with a space or '+' and for a
 * public key that hf_public_key_check() refuses. */
HF_MUST enum hf_err hf_note_key_init(enum hf_note_kind kind,
				     struct hf_span name,
				     const struct hf_public_key *key,
				     struct hf_note_key *out_key,
				     struct hf_why *why);

/* The id alone: of a key that was checked before. */
uint32_t hf_note_key_id(enum hf_note_kind kind, struct hf_span name,
			const struct hf_public_key *key);

/* The cosigner of the organisation with this domain: its name is
 * "<domain>/cosigner", SPEC section 2.2. */
HF_MUST enum hf_err hf_note_cosigner_init(struct hf_span domain,
					  const struct hf_public_key *key,
					  struct hf_note_key *out_key,
					  struct hf_why *why);

/* name '+' id in hex '+' base64(kind || key): what other tools call a vkey. */
#define HF_NOTE_VKEY_MAX_BYTES (HF_NOTE_NAME_MAX_BYTES + 1 + 8 + 1 + 44)

/* With a zero byte at the end. */
void hf_note_key_text(const struct hf_note_key *key,
		      char out_text[static HF_NOTE_VKEY_MAX_BYTES + 1]);

HF_MUST enum hf_err hf_note_key_parse(struct hf_span text,
				      struct hf_note_key *out_key,
				      struct hf_why *why);

/*
 * Reading.
 */

struct hf_note_line {
	struct hf_span name;   /* of the key; borrowed */
	uint32_t id;           /* of the key */
	struct hf_span base64; /* id and signature; borrowed, known to decode */
};

struct hf_note {
	struct hf_span bytes; /* the whole note; borrowed */
	struct hf_span text;  /* its signed text, through the last newline */
	struct hf_checkpoint checkpoint;
	size_t lines_count;
	struct hf_note_line lines[HF_NOTE_MAX_SIGNATURES];
};

/* Take a note apart without believing any of it.  Only the one spelling of
 * every value is accepted.  bytes must stay where they are. */
HF_MUST enum hf_err hf_note_parse(struct hf_span bytes,
				  struct hf_note *out_note, struct hf_why *why);

/* What a key did to a note. */
struct hf_note_mark {
	bool is_signed;
	uint64_t time_s; /* of a cosigner: its newest, else 0 */
};

/* Check every line whose name and id are those of a key; lines of other keys
 * are passed over.  out_marks has a row per key.  SIGNATURE when one of these
 * lines does not verify, whatever the others do, or when there is none. */
HF_MUST enum hf_err hf_note_verify(const struct hf_note *note,
				   const struct hf_note_key *keys,
				   size_t keys_count,
				   struct hf_note_mark *out_marks,
				   struct hf_why *why);

/* Parse and verify the note of a set: the origin is the log key's name, the
 * log key has signed and, unless cosigner is NULL, the cosigner too.
 * out_time_s (may be NULL) is the cosigner's time, 0 without one. */
HF_MUST enum hf_err hf_note_open(struct hf_span bytes,
				 const struct hf_note_key *log,
				 const struct hf_note_key *cosigner,
				 struct hf_note *out_note, uint64_t *out_time_s,
				 struct hf_why *why);

/* The newest time on a cosigner's lines, in seconds; 0 without one.  Nothing
 * is verified here: for notes that were, before they were stored. */
uint64_t hf_note_time(const struct hf_note *note,
		      const struct hf_note_key *cosigner);

/*
 * Writing.  Text, then a blank line, then one line a signature:
 *
 *	hf_note_put_text(buf, &checkpoint, why)     these bytes are signed 0x01
 *	hf_note_put_cosigned(other, time_s, text)   these bytes are signed 0x04
 *	hf_note_put_blank(buf)
 *	hf_note_put_line(buf, &log_key, 0, log_signature)
 *	hf_note_put_line(buf, &cosigner_key, time_s, cosignature)
 *
 * Each sticks in the buf when memory is short: ask hf_buf_failed() at the end.
 */

/* ARGUMENT for an origin that is none, a size above HF_TREE_MAX_SIZE, or an
 * empty tree with another root than the empty one. */
HF_MUST enum hf_err hf_note_put_text(struct hf_buf *buf,
				     const struct hf_checkpoint *checkpoint,
				     struct hf_why *why);

/* "cosignature/v1\ntime <T>\n" || text. */
void hf_note_put_cosigned(struct hf_buf *buf, uint64_t time_s,
			  struct hf_span text);

void hf_note_put_blank(struct hf_buf *buf);

/* time_s counts for HF_NOTE_COSIGNER only. */
void hf_note_put_line(struct hf_buf *buf, const struct hf_note_key *key,
		      uint64_t time_s,
		      const uint8_t signature[static HF_SIGNATURE_BYTES]);

#endif /* HF_NOTE_H */
