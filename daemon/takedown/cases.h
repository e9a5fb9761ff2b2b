/*
 * cases.h -- the takedown cases of this node: what was notified, what became
 * of it, and what has to happen next.
 *
 * Events are entries of sets of kind CASES; this follows all of them from a
 * position, has the signer open what is sealed, keeps what was opened beside
 * the entry, and folds each case (proto/case).  It acknowledges what is sent
 * to us, passes events on to parties that have no set of the author's, minds
 * the clocks, and tells whoever watches.  What is in views can be built again
 * from the ledger; who may call is the service's business.
 *
 * Units    _ms since 1970 UTC.
 * Owns     hf_cases_start() gives the caller the cases, hf_cases_free() takes
 *          them back.  What the options name is borrowed and outlives them.
 * Threads  one of its own; every call from any thread.  Those marked BLOCKS
 *          wait for the disk and the signer.
 * Errors   NOTFOUND and CONFLICT (more than one) for a case id, CONFLICT for a
 *          move that may not be, UNAVAILABLE when the signer is away; what
 *          others got wrong is logged once and changes nothing.
 * Source   proto/SPEC.md section 12; daemon/takedown/DESIGN.md.
 */
#ifndef HF_CASES_H
#define HF_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "buf.h"
#include "codec_takedown.h"
#include "err.h"
#include "size.h"
#include "span.h"

struct hf_agent;
struct hf_cases;
struct hf_conf;
struct hf_ledger;
struct hf_ring_holder;
struct hf_roles;

struct hf_cases_options {
	struct hf_ledger *ledger;
	struct hf_ring_holder *ring;
	struct hf_agent *agent;
	struct hf_roles *roles;
	const struct hf_conf *conf;
	const char *dir;        /* of the views; made */
	const char *names_dir;  /* of what only we know; made */
	size_t views_map_bytes; /* to begin with; 0: 1 GiB */
	/* The time; NULL for the real one.  Called on any thread. */
	uint64_t (*now_ms)(void *arg);
	/* Open a set of our own of kind CASES for these members and relays, 32
	 * bytes each; out_origin has room for HF_ORIGIN_MAX_BYTES and a zero
	 * byte.  BLOCKS. */
	enum hf_err (*open_set)(void *arg, const struct hf_span *members,
				size_t members_count,
				const struct hf_span *relays,
				size_t relays_count, char *out_origin,
				struct hf_why *why);
	/* Something changed: hf_cases_next_change() has more.  On any thread,
	 * quick. */
	void (*changed)(void *arg);
	void *arg;
};

HF_MUST enum hf_err hf_cases_start(const struct hf_cases_options *options,
				   struct hf_cases **out_cases,
				   struct hf_why *why);

/* Do nothing more by itself; calls can still be made.  NULL is fine. */
void hf_cases_halt(struct hf_cases *cases);

/* When nobody calls any more.  NULL is fine. */
void hf_cases_free(struct hf_cases *cases);

/* What lies in the views.  From any thread. */
HF_MUST enum hf_err hf_cases_sizes(struct hf_cases *cases, hf_size_each *each,
				   void *arg, struct hf_why *why);

/* The ring or the clock changed: look at everything again.  NULL is fine. */
void hf_cases_wake(struct hf_cases *cases);

/* A proven entry of somebody's set of cases that the ledger may have no room
 * for: its event acts in memory, where nobody is told that it is kept, until
 * the ledger has it.  Any thread; copies.  Without a cases nobody is there yet.
 */
void hf_cases_ahead(struct hf_cases *cases, uint32_t set, uint64_t index,
		    struct hf_span header, struct hf_span payload);

/* Whether that is of use for the set.  NULL is fine. */
bool hf_cases_reads(struct hf_cases *cases, const char *origin);

/* Events that act so now.  NULL is fine. */
uint32_t hf_cases_ahead_count(struct hf_cases *cases);

/* Wait until everything that was there when this was called has been looked
 * at, events, clocks and keys, and what follows from it has been done.  Fails
 * with what stopped it, UNAVAILABLE when something had to be put off or after
 * hf_cases_halt().  BLOCKS. */
HF_MUST enum hf_err hf_cases_settle(struct hf_cases *cases, struct hf_why *why);

/* Has everything been read that the ledger had at the start? */
bool hf_cases_is_caught_up(struct hf_cases *cases);

/* Open a case, or order in one (BLOCKS).  Answers live in the arena; out_mail
 * is the mail for a provider without a node.  The same request_id again gives
 * the same case. */
HF_MUST enum hf_err hf_cases_send(struct hf_cases *cases,
				  const struct hf_send_notice_request *request,
				  struct hf_arena *arena,
				  struct hf_send_notice_response *out,
				  struct hf_buf *out_mail, struct hf_why *why);

/* Say what happened in a case (BLOCKS). */
HF_MUST enum hf_err
hf_cases_update(struct hf_cases *cases,
		const struct hf_update_case_request *request,
		struct hf_arena *arena, struct hf_update_case_response *out,
		struct hf_buf *out_mail, struct hf_why *why);

/* One case with its events, opened (BLOCKS). */
HF_MUST enum hf_err hf_cases_get(struct hf_cases *cases, const char *case_id,
				 struct hf_arena *arena,
				 struct hf_get_case_response *out,
				 struct hf_why *why);

/* A page, newest change first. */
HF_MUST enum hf_err hf_cases_list(struct hf_cases *cases,
				  const struct hf_list_cases_request *request,
				  struct hf_arena *arena,
				  struct hf_list_cases_response *out,
				  struct hf_why *why);

/* The bundle of a case, as the text of a file (BLOCKS). */
HF_MUST enum hf_err hf_cases_bundle(struct hf_cases *cases, const char *case_id,
				    struct hf_buf *out_bundle,
				    struct hf_why *why);

/* Positions of the stream of changes. */
#define HF_CASES_POSITION_BYTES 32

/* The change behind a position (an empty one: from the beginning), and the
 * position behind it.  A position that these views did not give counts as the
 * beginning, one behind the end of an older copy that was put back as that
 * end.  NOTFOUND when there is none yet: out_position is then where to go on
 * from, so that nothing is missed that comes right now. */
HF_MUST enum hf_err
hf_cases_next_change(struct hf_cases *cases, struct hf_span position,
		     struct hf_arena *arena,
		     uint8_t out_position[static HF_CASES_POSITION_BYTES],
		     struct hf_watch_cases_response *out, struct hf_why *why);

/* The position of "now". */
HF_MUST enum hf_err
hf_cases_mark(struct hf_cases *cases,
	      uint8_t out_position[static HF_CASES_POSITION_BYTES],
	      struct hf_why *why);

/* Something that was found here, by a scan or when a hash came later. */
struct hf_finding {
	const struct hf_hash *hashes; /* all that are known of it */
	size_t hashes_count;
	/* What it matched, worst first, none that is to be ignored. */
	const struct hf_wire_match_hit *hits;
	size_t hits_count;
	const char *name; /* what we call it; it stays here; "" for none */
	const char *text; /* how it was found: the other party reads it */
};

/* Make a case of it (BLOCKS): join an open one about it that names us as the
 * provider, or open one of our own finding, of which the publisher of the hash
 * is told.  The same once more changes nothing.  out_how and out_case_id, which
 * lives in the arena, say what became of it. */
HF_MUST enum hf_err
hf_cases_found(struct hf_cases *cases, const struct hf_finding *finding,
	       struct hf_arena *arena, enum hf_found_how *out_how,
	       const char **out_case_id, struct hf_why *why);

#endif /* HF_CASES_H */
