/*
 * scan_lookup.h -- the files of a scan on their way through the daemon: looked
 * up many at a time, several times at once, told in order, and written into
 * the inventory once they were told.
 *
 * Units    counts of files.
 * Owns     hf_scan_lookup_begin() fills a struct of the caller's;
 *          hf_scan_lookup_end() lets go of what it took.  Client and inventory
 *          are borrowed.
 * Threads  the client's.
 * Errors   of the daemon, the inventory and standard output.
 * Source   hashfed(1), scan.
 */
#ifndef HF_SCAN_LOOKUP_H
#define HF_SCAN_LOOKUP_H

#include "client_stream.h"
#include "cmd.h"
#include "inventory.h"
#include "lookup_batch.h"
#include "scan_row.h"
#include "show.h"

struct hf_scan_counts {
	uint64_t files;
	uint64_t read;
	uint64_t unchanged;
	uint64_t gone;
	uint64_t failed;
	uint64_t looked_up;
	uint64_t withdrawn;
	uint64_t verdicts[HF_VERDICT_COUNT]; /* files, by the worst of each */
};

/* Why a file is looked up, and so what is told of it. */
enum hf_scan_how {
	HF_SCAN_READ, /* it was read: told if it matches, and written down */
	HF_SCAN_HERE, /* seen, and not changed: told if it matches */
	HF_SCAN_KEPT, /* not seen: told if that is something else than before */
};

struct hf_scan_file {
	enum hf_scan_how how;
	const char *shown;             /* its path as it is printed */
	const char *path;              /* in the inventory */
	uint32_t stamp;                /* READ */
	uint8_t told;                  /* a verdict, or 0 */
	struct hf_media_result result; /* its path is not looked at */
};

struct hf_scan_pack;

struct hf_scan_lookup {
	struct hf_cmd *cmd;
	bool is_json;
	bool must_report;         /* --cases */
	enum hf_scan_depth depth; /* of files that are read */
	struct hf_client *client;
	struct hf_inventory *inventory;
	struct hf_client_stream *stream; /* owned */
	struct hf_lookup_batch batch;    /* of the pack that is being filled */
	struct hf_scan_pack *packs; /* oldest first; the last is being filled */
	struct hf_progress progress;
	uint64_t saved_us;
	struct hf_scan_counts counts;
};

HF_MUST enum hf_err hf_scan_lookup_begin(struct hf_scan_lookup *lookup,
					 struct hf_cmd *cmd,
					 struct hf_client *client,
					 struct hf_inventory *inventory,
					 struct hf_why *why);
void hf_scan_lookup_end(struct hf_scan_lookup *lookup);

/* Copies it. */
HF_MUST enum hf_err hf_scan_lookup_add(struct hf_scan_lookup *lookup,
				       const struct hf_scan_file *file,
				       struct hf_why *why);

/* Take the answers that are there, and send what has waited long enough. */
HF_MUST enum hf_err hf_scan_lookup_poll(struct hf_scan_lookup *lookup,
					struct hf_why *why);

/* Everything that was added is told when this returns. */
HF_MUST enum hf_err hf_scan_lookup_finish(struct hf_scan_lookup *lookup,
					  struct hf_why *why);

/* What was told is on its way out before the inventory says so. */
HF_MUST enum hf_err hf_scan_lookup_save(struct hf_scan_lookup *lookup,
					struct hf_why *why);

/* Of a file that cannot be looked up. */
HF_MUST enum hf_err hf_scan_complain(struct hf_scan_lookup *lookup,
				     const char *shown, const char *sentence,
				     struct hf_why *why);

uint64_t hf_scan_matched(const struct hf_scan_counts *counts);

/* What it was, at the end. */
HF_MUST enum hf_err hf_scan_summary(const struct hf_scan_lookup *lookup,
				    struct hf_why *why);

#endif /* HF_SCAN_LOOKUP_H */
