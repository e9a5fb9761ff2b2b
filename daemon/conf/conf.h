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

#include "err.h"
#include "layout.h"
#include "log.h"
#include "match_policy.h"

#define HF_CONF_MAX_BYTES ((size_t)1024 * 1024)

#define HF_CONF_CHECKPOINT_PEERS_MAX 32

struct hf_conf {
	char *path;         /* owned: the file it was read from */
	char *listen;       /* owned: "0.0.0.0:7443" */
	char *state_dir;    /* owned: ledger/, views/, index/, ring/ … */
	char *run_dir;      /* owned: sockets */
	char *signer;       /* owned: socket path, or "spawn" */
	uint64_t log_level; /* enum hf_log_level */
	uint64_t store_max_bytes;
	uint64_t disk_reserve_bytes;
	uint64_t peer_timeout_ms;
	uint64_t stale_after_ms;
	uint64_t expired_after_ms;
	uint64_t calls_per_peer_count;
	char **checkpoint_peers; /* owned, as its domains */
	size_t checkpoint_peers_count;
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

void hf_conf_free(struct hf_conf *conf);

#endif /* HF_CONF_H */
