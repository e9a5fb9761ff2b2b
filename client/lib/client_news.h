/*
 * client_news.h -- one GetNews call: the entries that came since, as parts of
 * digests.
 *
 * Units    positions count entries.
 * Owns     what a callback gets is borrowed until it returns.
 * Threads  the client's.
 * Errors   the daemon's; the callback's error ends the call and is returned.
 * Source   proto/hashfed/v1/match.proto, GetNews.
 */
#ifndef HF_CLIENT_NEWS_H
#define HF_CLIENT_NEWS_H

#include "client.h"

/* The first answer has is_first. */
typedef enum hf_err hf_client_on_news(void *arg, bool is_first,
				      const struct hf_get_news_response *news,
				      struct hf_why *why);

HF_MUST enum hf_err hf_client_news(struct hf_client *client,
				   const struct hf_get_news_request *request,
				   hf_client_on_news *on_news, void *arg,
				   struct hf_why *why);

#endif /* HF_CLIENT_NEWS_H */
