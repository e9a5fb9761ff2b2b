/*
 * conf.h -- hashfedd.conf: read once, checked whole, then never changed.
 *
 * Every option is a row of one table in conf.c: name, kind, range, default.
 * hashfedd.conf(5) has the same rows in the same order; a lint keeps the two
 * together.
 *
 * Units    _ms milliseconds, _bytes bytes.
 * Owns     hf_conf_read() gives the caller a conf; hf_conf_free() takes it
 *          back.  Strings live as long as the conf.
 * Threads  immutable: any.
 * Errors   ARGUMENT with "file:line: option: what is wrong; what would be
 *          right"; NOTFOUND, DENIED when the file cannot be read.
 * Source   hashfedd.conf(5).
 */
#ifndef HF_CONF_H
#define HF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "case.h"
#include "err.h"
#include "layout.h"
#include "limit.h"
#include "log.h"
#include "match_policy.h"
#include "note_witness.h"

#define HF_CONF_MAX_BYTES ((size_t)1024 * 1024)

#define HF_CONF_CHECKPOINT_PEERS_MAX 32

/* Whose word about which roles counts here. */
#define HF_CONF_ATTESTERS_MAX 1024

struct hf_conf_attester {
	char by[HF_DOMAIN_MAX_BYTES + 1];
	uint16_t roles; /* bits 1 << enum hf_role; never 0 */
};

/* Who is to cosign a set, ours or another's. */
#define HF_CONF_WITNESSED_MAX 1024

struct hf_conf_witnessed {
	char set[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_note_witnesses rule; /* its keys are owned */
};

/* The clocks of one regime of takedown notices. */
struct hf_conf_regime {
	enum hf_regime regime;
	struct hf_case_rules rules;
	char *escalate_to; /* owned: a peer's domain, or NULL */
};

#define HF_CONF_CASE_RELAYS_MAX 16

/* A list of peers' domains. */
struct hf_conf_names {
	char **at; /* owned, as its texts */
	size_t count;
};

struct hf_conf {
	char *path;         /* owned: the file it was read from */
	uint8_t digest[32]; /* SHA-256 of its text */
	char *listen;       /* owned: "0.0.0.0:7443" */
	char *state_dir;    /* owned: ledger/, views/, index/, ring/ … */
	char *run_dir;      /* owned: sockets */
	char *signer;       /* owned: socket path, or "spawn" */
	uint64_t log_level; /* enum hf_log_level */
	uint64_t store_max_bytes;
	uint64_t disk_reserve_bytes;
	uint64_t peer_timeout_ms;
	uint64_t sign_again_after_ms;
	uint64_t stale_after_ms;
	uint64_t expired_after_ms;
	uint64_t erase_within_ms; /* until erased bytes leave the files */
	uint64_t flood_entries;   /* of a set in an hour; 0: any */
	uint64_t flood_opinions;  /* likewise */
	uint64_t breaker_hits;    /* of an entry in an hour; 0: any */
	uint64_t calls_per_peer_count;
	uint64_t
		min_replicas_count; /* peers that are to have it too; 0: none */
	uint64_t min_replicas_wait_ms;
	struct hf_conf_names checkpoint_peers;
	struct hf_conf_names case_relays; /* who may pass on our cases */
	bool relay_cases;                 /* we pass on those of others */
	bool cases_need_role;    /* notices from attested senders only */
	uint64_t retro_match_ms; /* how long lookups are remembered; 0: not */
	uint64_t retro_items_count;     /* and how many of them */
	uint64_t verdicts_keep_ms;      /* how long they are known; 0: not */
	uint64_t verdicts_max_bytes;    /* and how much of the disk */
	struct hf_conf_regime *regimes; /* owned */
	size_t regimes_count;
	struct hf_conf_attester *attesters; /* owned */
	size_t attesters_count;
	struct hf_conf_witnessed *witnessed; /* owned */
	size_t witnessed_count;
	struct hf_policy_row *policy_rows; /* owned */
	size_t policy_rows_count;
};

/* Read path, or layout's hashfedd.conf when path is NULL.  What the file does
 * not set has its default, under layout. */
HF_MUST enum hf_err hf_conf_read(const char *path,
				 const struct hf_layout *layout,
				 struct hf_conf **out_conf, struct hf_why *why);

/* The same for text that is in memory; name stands for the path in errors. */
HF_MUST enum hf_err hf_conf_parse(struct hf_span text, const char *name,
				  const struct hf_layout *layout,
				  struct hf_conf **out_conf,
				  struct hf_why *why);

/* NULL where no row names the set, or an earlier epoch of it. */
const struct hf_note_witnesses *hf_conf_witnesses_of(const struct hf_conf *conf,
						     const char *origin);

void hf_conf_free(struct hf_conf *conf);

#endif /* HF_CONF_H */
