/*
 * agent.h -- asking hashfed-signer to sign: the daemon's side.
 *
 * The signer holds the log, cosigner and agreement keys in a process of its
 * own.  It is given typed fields, never bytes to sign, and refuses what would
 * fork a set: a smaller tree, another root at a size it has signed, a larger
 * tree without a proof that the last one is its beginning.
 *
 * Units    size counts entries; _ms since 1970 UTC.
 * Owns     hf_agent_open() and hf_agent_spawn() give the caller an agent;
 *          hf_agent_close() takes it back, and ends a spawned signer.
 * Threads  any number; calls wait for each other.  hf_agent_spawn() before
 *          any thread exists.
 * Errors   UNAVAILABLE when the signer cannot be reached or did not answer
 *          in time (the next call tries again); CONFLICT for a tree that
 *          contradicts its record, PROOF for one that does not continue it,
 *          CORRUPT when that record is damaged, DENIED for an origin that is
 *          not of the signer's domain, BUSY for one that nobody has vouched
 *          for since a signer started that waits for that, ARGUMENT, LIMIT,
 *          NOMEM.
 * Source   keys/agent/DESIGN.md.
 */
#ifndef HF_AGENT_H
#define HF_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "limit.h"
#include "sign.h"
#include "span.h"
#include "tree.h"

struct hf_agent;
struct hf_agreement; /* proto/codec */

/* An agreement is not signed for longer than this: 13 months, as manifests. */
#define HF_AGENT_AGREEMENT_MAX_MS ((uint64_t)400 * 24 * 3600 * 1000)

/* A key of sets that the signer has, or had. */
enum hf_agent_key_state {
	HF_AGENT_KEY_NOW,  /* in force: it signs */
	HF_AGENT_KEY_NEXT, /* it signs too, and will follow */
	HF_AGENT_KEY_PAST, /* it signs no more */
};

struct hf_agent_signs {
	struct hf_public_key key;
	bool is_cosigner;
	enum hf_agent_key_state state;
};

/* Who the signer is. */
struct hf_agent_status {
	char domain[HF_DOMAIN_MAX_BYTES + 1]; /* of the organisation */
	struct hf_public_key log_key;
	struct hf_public_key cosigner_key; /* named "<domain>/cosigner" */
	struct hf_public_key agreement_key;
	uint32_t origins_count; /* in its record */
	bool is_record_new;     /* it was made by this start of the signer */
	struct hf_agent_signs keys[HF_SET_KEYS_MAX];
	size_t keys_count;
};

/* What hf_agent_checkpoint() asks for. */
struct hf_agent_checkpoint {
	struct hf_span origin;
	uint64_t size;
	struct hf_tree_hash root;
	/* What hf_agent_last() gave, and the proof that the tree has only grown
	 * since then: empty for an old_size of 0 or of size. */
	uint64_t old_size;
	struct hf_tree_proof proof;
};

/* An agent for the signer that listens at path; connects with the first
 * call, and again after a failure. */
HF_MUST enum hf_err hf_agent_open(const char *path, struct hf_agent **out_agent,
				  struct hf_why *why);

/* Start a signer of our own: `program --home home --fd N` (no --home when home
 * is NULL), which speaks over a socket pair and ends with us; with
 * --await-report where it is to wait for hf_agent_vouch().  One that died is
 * started again by the next call.  Before any thread. */
HF_MUST enum hf_err hf_agent_spawn(const char *program, const char *home,
				   bool awaits_report,
				   struct hf_agent **out_agent,
				   struct hf_why *why);

/* NULL is fine. */
void hf_agent_close(struct hf_agent *agent);

HF_MUST enum hf_err hf_agent_status(struct hf_agent *agent,
				    struct hf_agent_status *out_status,
				    struct hf_why *why);

/* The largest tree signed for an origin: size 0 and the empty root when
 * there is none. */
HF_MUST enum hf_err hf_agent_last(struct hf_agent *agent, struct hf_span origin,
				  uint64_t *out_size,
				  struct hf_tree_hash *out_root,
				  struct hf_why *why);

/* Record durably, then sign: append the whole note, with the log's line and
 * the cosigner's, to note.  The size signed last may be asked for again, for
 * a fresh time. */
HF_MUST enum hf_err
hf_agent_checkpoint(struct hf_agent *agent,
		    const struct hf_agent_checkpoint *request,
		    struct hf_buf *note, struct hf_why *why);

/* Of so many sets in one turn. */
#define HF_AGENT_CHECKPOINTS_MAX 8

/* Several sets' at once, each another one: recorded together with one sync,
 * then signed.  notes are so many, inited by the caller.  All or none: one that
 * is refused refuses the others. */
HF_MUST enum hf_err
hf_agent_checkpoints(struct hf_agent *agent,
		     const struct hf_agent_checkpoint *requests, size_t count,
		     struct hf_buf *notes, struct hf_why *why);

/* As a witness: the same for a set of somebody else, whose note the caller has
 * verified.  Append the cosigner's line alone.  DENIED for a set of our own. */
HF_MUST enum hf_err hf_agent_cosign(struct hf_agent *agent,
				    const struct hf_agent_checkpoint *request,
				    struct hf_buf *line, struct hf_why *why);

/* Tell the signer of a checkpoint that it must have signed itself, or cosigned
 * as a witness: where it is larger than its record (which was lost), the
 * record moves up to it.  SIGNATURE when it did not sign it, CONFLICT when the
 * two contradict. */
HF_MUST enum hf_err hf_agent_report(struct hf_agent *agent, struct hf_span note,
				    struct hf_why *why);

/* What peers hold of an origin was reported (is_by_peer), or nobody is there
 * who could: a signer that waits for that after its start signs again. */
HF_MUST enum hf_err hf_agent_vouch(struct hf_agent *agent,
				   struct hf_span origin, bool is_by_peer,
				   struct hf_why *why);

/* A signed agreement, appended to document.  cosigner_name and issued_ms are
 * the signer's own and ignored here.  So are the keys, but for what the
 * agreement before said of those that the signer knows. */
HF_MUST enum hf_err hf_agent_agreement(struct hf_agent *agent,
				       const struct hf_agreement *agreement,
				       struct hf_buf *document,
				       struct hf_why *why);

/*
 * Takedown cases: sealed events.  The signer holds the notice key, which signs
 * them, the receive keys, which open them, and the storage key, which keeps
 * what was opened or sent: a record, to be stored beside the entry.  NOTFOUND
 * where it lacks the key that is needed.
 */

/* A record is never larger. */
#define HF_AGENT_RECORD_MAX_BYTES ((size_t)64 * 1024)
/* Nor is a receive key used, or kept, for longer: ten years. */
#define HF_AGENT_KEY_MAX_MS ((uint64_t)3652 * 24 * 3600 * 1000)

/* What hf_agent_seal() asks for. */
struct hf_agent_seal {
	uint8_t sender_id[HF_HASH_BYTES]; /* we */
	uint8_t recipient_id[HF_HASH_BYTES];
	uint8_t recipient_key[HF_PUBLIC_KEY_BYTES]; /* X25519 */
	uint64_t expires_ms;
	/* An encoded CaseEvent.  The signer decodes it, sets at_ms by its own
	 * clock, checks it (hf_case_event_check()), and encodes what it signs
	 * itself. */
	struct hf_span event;
	/* RECEIPT: the record of what is acknowledged; the signer fills in the
	 * receipt from it.  Else empty. */
	struct hf_span receipt_of;
};

/* Sign and seal one event: the envelope, the record and the text as it was
 * signed are appended.  ARGUMENT for an event that may not be, one that would
 * be expired, or a receive key of small order. */
HF_MUST enum hf_err hf_agent_seal(struct hf_agent *agent,
				  const struct hf_agent_seal *request,
				  struct hf_buf *out_envelope,
				  struct hf_buf *out_record,
				  struct hf_buf *out_text, struct hf_why *why);

/* Where an envelope was found. */
struct hf_agent_open {
	struct hf_span origin;
	uint64_t index;
	uint8_t leaf_hash[HF_HASH_BYTES];
	uint8_t recipient_id[HF_HASH_BYTES]; /* we */
	struct hf_public_key sender;         /* notice key of the publisher */
	struct hf_span envelope;
};

/* Open what was sent to us.  DENIED when it was not, or its receive key is
 * destroyed; SIGNATURE when it is not the sender's. */
HF_MUST enum hf_err hf_agent_open_sealed(struct hf_agent *agent,
					 const struct hf_agent_open *request,
					 struct hf_buf *out_record,
					 struct hf_buf *out_text,
					 struct hf_why *why);

/* What a record holds.  Header and signature are zeros where the text was
 * stored and never sealed. */
struct hf_agent_record {
	struct hf_buf text;
	uint8_t header[HF_ENVELOPE_HEADER_BYTES];
	uint8_t signature[HF_SIGNATURE_BYTES]; /* the inner one */
	bool has_ephemeral;                    /* we sealed it */
	uint8_t ephemeral[HF_SEED_BYTES];
};

/* SIGNATURE for a record that is not this signer's.  The caller inits and
 * releases text. */
HF_MUST enum hf_err hf_agent_read(struct hf_agent *agent, struct hf_span record,
				  struct hf_agent_record *out_record,
				  struct hf_why *why);

/* Keep a text of our own that was not sent (a draft): a record of it. */
HF_MUST enum hf_err hf_agent_store(struct hf_agent *agent, struct hf_span text,
				   struct hf_buf *out_record,
				   struct hf_why *why);

/* The receive key of this moment: an encoded, signed ReceiveKey is appended,
 * the same bytes until there is a new one.  A new one is made when the newest
 * is as old as rotate_ms; secrets are destroyed keep_ms after their successor
 * began, but never that of named_key: the one that our manifest names, which
 * whoever writes to us for the first time seals with. */
HF_MUST enum hf_err
hf_agent_receive_key(struct hf_agent *agent,
		     const uint8_t organisation_id[static HF_HASH_BYTES],
		     uint64_t rotate_ms, uint64_t keep_ms,
		     const uint8_t named_key[static HF_PUBLIC_KEY_BYTES],
		     struct hf_buf *out_key, struct hf_why *why);

/* What hf_agent_applied() asks for. */
struct hf_agent_applied {
	struct hf_span origin;
	uint8_t organisation_id[HF_HASH_BYTES]; /* we */
	uint64_t size;
	struct hf_tree_hash root;
};

/* Our word that we have applied a set so far: an encoded AppliedReceipt, with
 * the signer's time and signature by the notice key, is appended. */
HF_MUST enum hf_err hf_agent_applied(struct hf_agent *agent,
				     const struct hf_agent_applied *request,
				     struct hf_buf *out_receipt,
				     struct hf_why *why);

#endif /* HF_AGENT_H */
