/*
 * scan_news.h -- what is new at the daemon since an inventory was held against
 * its sets, and which rows that may concern.
 *
 * Units    none.
 * Owns     hf_scan_news_get() gives the caller news, hf_scan_news_free() takes
 *          them back.
 * Threads  one.
 * Errors   the daemon's.
 * Source   proto/SPEC.md section 8.4.
 */
#ifndef HF_SCAN_NEWS_H
#define HF_SCAN_NEWS_H

#include <stdbool.h>

#include "client.h"
#include "inventory.h"

struct hf_scan_news;

/* is_all: whatever is new, every row is looked up. */
HF_MUST enum hf_err hf_scan_news_get(struct hf_client *client,
				     const struct hf_inventory *inventory,
				     bool is_all,
				     struct hf_scan_news **out_news,
				     struct hf_why *why);

/* NULL is fine. */
void hf_scan_news_free(struct hf_scan_news *news);

/* Could it match an entry that is new?  Too often, never too seldom. */
bool hf_scan_news_concern(const struct hf_scan_news *news,
			  const struct hf_row *row);

/* Every row is held against them: the inventory stands there from now on. */
HF_MUST enum hf_err hf_scan_news_stand(const struct hf_scan_news *news,
				       struct hf_inventory *inventory,
				       struct hf_why *why);

#endif /* HF_SCAN_NEWS_H */
