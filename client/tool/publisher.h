/*
 * publisher.h -- items into a set of ours, message after message under one
 * batch id.
 *
 * The cut into messages depends on the items alone, so the same items under
 * the same batch id make the same messages, and the daemon recognises what it
 * has.  A call carries HF_PUBLISHER_CALL_MESSAGES: when one is answered, its
 * items are durable and signed.
 *
 * Units    counts of items; indexes of entries.
 * Owns     hf_publisher_open() gives the caller a publisher;
 *          hf_publisher_close() takes it back.  The client has to outlive it.
 * Threads  one.
 * Errors   the daemon's.  What was answered before stays published.
 * Source   proto/hashfed/v1/publish.proto, Append.
 */
#ifndef HF_PUBLISHER_H
#define HF_PUBLISHER_H

#include "client.h"
#include "codec_item.h"

#define HF_PUBLISHER_CALL_MESSAGES 64

/* A message of full size leaves room for what is around the items. */
#define HF_PUBLISHER_MESSAGE_BYTES (HF_MESSAGE_MAX_BYTES - (size_t)256 * 1024)

struct hf_publisher_totals {
	uint64_t added;   /* new entries */
	uint64_t earlier; /* entries an earlier run of this batch had added */
	uint64_t known;   /* left out: every hash was live already */
	uint64_t first;   /* index of the first and the last entry of */
	uint64_t last;    /* added and earlier, when there are any */
	uint64_t size;    /* of the checkpoint that covers them */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
};

struct hf_publisher;

/* NOTFOUND when there is no such set of ours. */
HF_MUST enum hf_err
hf_publisher_open(struct hf_client *client, const char *set,
		  const uint8_t batch_id[static HF_BATCH_ID_BYTES],
		  struct hf_publisher **out_publisher, struct hf_why *why);

HF_MUST enum hf_err hf_publisher_add(struct hf_publisher *publisher,
				     const struct hf_item *item,
				     struct hf_why *why);

/* Send what is left and wait for all of it. */
HF_MUST enum hf_err hf_publisher_finish(struct hf_publisher *publisher,
					struct hf_why *why);

/* What was answered so far. */
const struct hf_publisher_totals *
hf_publisher_totals(const struct hf_publisher *publisher);

/* After an error: the number of the item, from 0 in the order they were
 * added, that the daemon refused.  False when it blamed none. */
bool hf_publisher_blamed(const struct hf_publisher *publisher,
			 const struct hf_why *why, uint64_t *out_item);

/* NULL is fine. */
void hf_publisher_close(struct hf_publisher *publisher);

#endif /* HF_PUBLISHER_H */
