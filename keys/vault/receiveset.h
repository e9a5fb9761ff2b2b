/*
 * receiveset.h -- the receive keys of a directory: the first, those that
 * followed it, and how one ends.
 *
 * receive.key is the first; receive-<milliseconds>.key came later.  They are
 * in the order in which they began.  Each is whole on disk before anybody
 * learns of it, and one that ended is overwritten, unlinked and gone from
 * memory.
 *
 * Units    _ms since 1970 UTC; keep_ms is a duration.
 * Owns     hf_receiveset_open() gives the caller a set; hf_receiveset_close()
 *          wipes and takes it back.  Keys are borrowed until the next add or
 *          retire.
 * Threads  one.
 * Errors   those of vault.h; LIMIT past HF_RECEIVESET_MAX.  A later key that
 *          cannot be loaded is left out, with a warning; the first one must
 *          load where it is there.
 * Source   keys/agent/DESIGN.md, section 4; proto/SPEC.md section 12.3.
 */
#ifndef HF_RECEIVESET_H
#define HF_RECEIVESET_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "keyfile.h"
#include "span.h"
#include "vault.h"

/* With a key a month and three months' keep there are five. */
#define HF_RECEIVESET_MAX 64

struct hf_receiveset;

struct hf_receiveset_place {
	const char *dir;
	/* receive.key is taken from here where it is there; NULL: none. */
	const char *credentials;
	struct hf_span passphrase; /* may be empty; copied where keys need it */
};

/* Load them all; none at all is fine.  Looks only: what a crash left half
 * done is finished by hf_receiveset_tidy(). */
HF_MUST enum hf_err hf_receiveset_open(const struct hf_receiveset_place *place,
				       struct hf_receiveset **out_set,
				       struct hf_why *why);

/* NULL is fine. */
void hf_receiveset_close(struct hf_receiveset *set);

/* Finish what a crash left: destroy keys that were being made or destroyed. */
HF_MUST enum hf_err hf_receiveset_tidy(struct hf_receiveset *set,
				       struct hf_why *why);

/* What was left out when it was opened; empty when nothing was. */
const char *hf_receiveset_warning(const struct hf_receiveset *set);

size_t hf_receiveset_count(const struct hf_receiveset *set);

/* Oldest first. */
const struct hf_key *hf_receiveset_at(const struct hf_receiveset *set,
				      size_t index);

/* NULL when there is none. */
const struct hf_key *hf_receiveset_newest(const struct hf_receiveset *set);

/* Begin a new key: at now_ms, or just after the newest where the clock is
 * behind that.  It is locked as the newest one is. */
HF_MUST enum hf_err hf_receiveset_add(struct hf_receiveset *set,
				      struct hf_span domain, uint64_t now_ms,
				      uint64_t life_ms, struct hf_why *why);

/* Destroy what was followed by another at least keep_ms ago.  The newest stays
 * whatever the clock says, and so does the one with the public key named. */
HF_MUST enum hf_err hf_receiveset_retire(
	struct hf_receiveset *set, uint64_t now_ms, uint64_t keep_ms,
	const uint8_t named[static HF_PUBLIC_KEY_BYTES], struct hf_why *why);

#endif /* HF_RECEIVESET_H */
