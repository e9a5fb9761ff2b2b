/*
 * publish.h -- what publishing files and importing a list share: what every
 * item says besides its hashes, the batch, and the words at the end.
 *
 * Units    counts.
 * Owns     a plan borrows the command line.
 * Threads  one.
 * Errors   ARGUMENT.
 * Source   hashfed(1), publish.
 */
#ifndef HF_PUBLISH_H
#define HF_PUBLISH_H

#include "codec_item.h"

#include "cmd.h"
#include "publisher.h"

struct hf_publish_plan {
	const char *set;
	struct hf_item item; /* without hashes; labels are those given */
	struct hf_label labels[HF_ITEM_MAX_LABELS];
	enum hf_item_flag flags[HF_ITEM_MAX_FLAGS];
	uint8_t batch_id[HF_BATCH_ID_BYTES];
	bool has_batch;  /* --batch was given */
	bool is_derived; /* the batch id follows from the command */
	bool is_json;
};

/* What became of what was not sent. */
struct hf_publish_left {
	uint64_t rejected;
	uint64_t repeated; /* rows with a hash that an earlier row has */
};

HF_MUST enum hf_err hf_publish_import(struct hf_cmd *cmd,
				      struct hf_publish_plan *plan,
				      struct hf_why *why);

/* The last words, as text or JSON. */
HF_MUST enum hf_err hf_publish_print(const struct hf_publish_plan *plan,
				     const struct hf_publisher_totals *totals,
				     const struct hf_publish_left *left,
				     struct hf_why *why);

/* Say how a batch that broke off is undone or gone on with, unless the error
 * says that nothing of it can be there. */
void hf_publish_say_broken(const struct hf_publish_plan *plan, enum hf_err err);

#endif /* HF_PUBLISH_H */
