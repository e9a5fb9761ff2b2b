/*
 * roles.h -- who is what, by whose word: the claims of every directory set
 * that we hold, and which of them count here.
 *
 * Anybody can write a directory; whose claims count is the operator's to say
 * (`attesters` in hashfedd.conf) and our own directory's, which always counts.
 * A question about a past time is answered with the claims as they held then:
 * who was a trusted flagger when he sent a notice stays that for this notice.
 *
 * Units    _ms since 1970-01-01 UTC; set is the ledger's number.
 * Owns     hf_roles_new() gives the caller roles, hf_roles_free() takes them
 *          back.  Ledger, ring holder and attesters are borrowed.
 * Threads  a thread of its own reads directories as they grow; every call from
 *          any thread.  No call but hf_roles_new() and hf_roles_wait() waits
 *          for a disk or opens a view.
 * Errors   what cannot be read is logged once and tried again on the next news
 *          of that set.  A claim that breaks the rules, and one past
 *          HF_ROLES_CLAIMS_MAX of a set, counts for nothing and stops nothing.
 * Source   proto/SPEC.md section 12.8.
 */
#ifndef HF_ROLES_H
#define HF_ROLES_H

#include <stdbool.h>
#include <stdint.h>

#include "codec_words.h"
#include "err.h"
#include "limit.h"

struct hf_conf_attester;
struct hf_ledger;
struct hf_ring_holder;
struct hf_roles;

/* Claims kept of one set; what it says of others then is passed over. */
#define HF_ROLES_CLAIMS_MAX 16384

/* What one attester said in turn about one role of one organisation: more
 * than the newest so many is forgotten. */
#define HF_ROLES_HISTORY_MAX 64

/* Everything that the ledger has is read before this returns. */
HF_MUST enum hf_err
hf_roles_new(struct hf_ledger *ledger, struct hf_ring_holder *ring,
	     const struct hf_conf_attester *attesters, size_t attesters_count,
	     struct hf_roles **out_roles, struct hf_why *why);

/* NULL is fine. */
void hf_roles_free(struct hf_roles *roles);

/* The ring changed: directories may have come. */
void hf_roles_changed(struct hf_roles *roles);

/* Claims of this set came that were missing before: if it is a directory, it is
 * read once more.  NULL is fine. */
void hf_roles_late(struct hf_roles *roles, uint32_t set);

/* Wait until size entries of a directory are read, at most timeout_ms.
 * DEADLINE. */
HF_MUST enum hf_err hf_roles_wait(struct hf_roles *roles, uint32_t set,
				  uint64_t size, int timeout_ms);

/* A number that changes whenever an answer may. */
uint64_t hf_roles_version(struct hf_roles *roles);

/* Have changed called, on any thread and under a lock of the roles, when the
 * version has changed: it must be quick and call nothing here.  NULL ends it
 * for the same arg; it does not run any more when this returns.  So many can
 * watch. */
#define HF_ROLES_WATCHERS 2
void hf_roles_watch(struct hf_roles *roles, void (*changed)(void *arg),
		    void *arg);

/* Had the organisation this role at that time, by a claim that counts?  A
 * claim without an id is about whoever is enrolled under its name. */
bool hf_roles_has(struct hf_roles *roles,
		  const uint8_t id[static HF_HASH_BYTES], enum hf_role role,
		  uint64_t at_ms);

/* Its powers as an AUTHORITY: bits 1 << enum hf_power. */
uint32_t hf_roles_powers(struct hf_roles *roles,
			 const uint8_t id[static HF_HASH_BYTES],
			 uint64_t at_ms);

/* The same, of claims for this jurisdiction alone: "NL", "EU". */
uint32_t hf_roles_powers_in(struct hf_roles *roles,
			    const uint8_t id[static HF_HASH_BYTES],
			    const char *jurisdiction, uint64_t at_ms);

/*
 * Listing.
 */

/* A claim: the last of its attester about that role of that organisation, or
 * the one that holds now.  The entry has the rest. */
struct hf_roles_row {
	uint32_t set;
	uint64_t index;
	bool counts;
	struct hf_why why_not; /* "" when it counts */
};

/* Call for every claim behind (set, index), in the order of these; (0, 0)
 * begins.  Stops when the callback says false, which must be quick and call
 * nothing here. */
void hf_roles_list(struct hf_roles *roles, uint32_t set, uint64_t index,
		   uint64_t at_ms,
		   bool (*each)(void *arg, const struct hf_roles_row *row),
		   void *arg);

/* The last claim in a set, or in an earlier epoch of it, about a role of an
 * organisation: by its id, or by its name alone with id NULL.  NOTFOUND. */
HF_MUST enum hf_err hf_roles_find(struct hf_roles *roles, uint32_t set,
				  const uint8_t *id, const char *name,
				  enum hf_role role, uint32_t *out_set,
				  uint64_t *out_index);

#endif /* HF_ROLES_H */
