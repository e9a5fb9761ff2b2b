#include <stdlib.h>
#include <string.h>

#include "client_news.h"
#include "match_sieve.h"

#include "scan_news.h"

/* Above that a lookup costs less than the sieve. */
#define ENTRIES_MOST 16384
#define FRAMES_MOST  65536

struct hf_scan_news {
	bool is_all; /* every row is concerned */
	bool is_none;
	bool is_every_video; /* every row with frames is concerned */
	uint32_t looked_up_percent_least;
	struct hf_match_sieve *sieve;  /* owned; NULL: not wanted */
	struct hf_set_position *until; /* owned, as the origins */
	size_t until_count;
	uint64_t policy;
	uint64_t earlier_policy;
};

static enum hf_err copy_until(struct hf_scan_news *news,
			      const struct hf_get_news_response *answer,
			      struct hf_why *why)
{
	news->until = calloc(answer->until_count + 1, sizeof(*news->until));
	if (news->until == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < answer->until_count; i++) {
		char *copy = strdup(answer->until[i].origin);

		if (copy == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		news->until[i].origin = copy;
		news->until[i].position = answer->until[i].position;
		news->until_count++;
	}
	return HF_OK;
}

static enum hf_err take_first(struct hf_scan_news *news,
			      const struct hf_get_news_response *answer,
			      struct hf_why *why)
{
	enum hf_err err = copy_until(news, answer, why);

	if (err != HF_OK)
		return err;
	news->policy = answer->policy;
	news->is_none = answer->entries == 0;
	/* A policy that changed may say something else of anything. */
	news->is_all |=
		answer->is_cut || answer->policy != news->earlier_policy;
	news->looked_up_percent_least = answer->looked_up_percent_least;
	return news->is_all || news->is_none
		       ? HF_OK
		       : hf_match_sieve_new((int)answer->near_plus_one - 1,
					    (int)answer->frame_near_plus_one -
						    1,
					    &news->sieve, why);
}

/* Of PDQ the half that is there; the other one counts for nothing. */
static const uint8_t *half(const uint8_t *digest,
			   uint8_t room[static HF_PDQ_BYTES])
{
	memset(room, 0, HF_PDQ_BYTES);
	memcpy(room, digest, HF_NEWS_NEAR_BYTES);
	return room;
}

static enum hf_err on_news(void *arg, bool is_first,
			   const struct hf_get_news_response *answer,
			   struct hf_why *why)
{
	struct hf_scan_news *news = arg;
	uint8_t room[HF_PDQ_BYTES];
	enum hf_err err = HF_OK;

	if (is_first)
		return take_first(news, answer, why);
	news->is_every_video |= answer->are_frames_cut;
	if (news->sieve == NULL)
		return HF_OK;
	for (size_t at = 0; at < answer->exact.len_bytes && err == HF_OK;
	     at += HF_NEWS_EXACT_BYTES)
		err = hf_match_sieve_add(news->sieve, HF_ALGORITHM_SHA256,
					 answer->exact.at + at, why);
	for (size_t at = 0; at < answer->near.len_bytes && err == HF_OK;
	     at += HF_NEWS_NEAR_BYTES)
		err = hf_match_sieve_add(news->sieve, HF_ALGORITHM_PDQ,
					 half(answer->near.at + at, room), why);
	for (size_t at = 0; at < answer->frames.len_bytes && err == HF_OK;
	     at += HF_NEWS_NEAR_BYTES)
		err = hf_match_sieve_add(news->sieve, HF_ALGORITHM_VPDQ,
					 half(answer->frames.at + at, room),
					 why);
	return err;
}

enum hf_err hf_scan_news_get(struct hf_client *client,
			     const struct hf_inventory *inventory, bool is_all,
			     struct hf_scan_news **out_news, struct hf_why *why)
{
	struct hf_get_news_request request = {
		.entries_most = is_all ? 0 : ENTRIES_MOST,
		.frames_most = FRAMES_MOST,
	};
	struct hf_scan_news *news = calloc(1, sizeof(*news));
	enum hf_err err;

	if (news == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	_Static_assert(HF_NEWS_EXACT_BYTES == HF_MATCH_SIEVE_BYTES,
		       "a sieve reads what is told");
	news->is_all = is_all;
	news->earlier_policy = hf_inventory_policy(inventory);
	request.since = hf_inventory_positions(inventory, &request.since_count);
	err = hf_client_news(client, &request, on_news, news, why);
	if (err != HF_OK) {
		hf_scan_news_free(news);
		return err;
	}
	*out_news = news;
	return HF_OK;
}

void hf_scan_news_free(struct hf_scan_news *news)
{
	if (news == NULL)
		return;
	hf_match_sieve_free(news->sieve);
	for (size_t i = 0; i < news->until_count; i++)
		free((char *)(uintptr_t)news->until[i].origin);
	free(news->until);
	free(news);
}

bool hf_scan_news_concern(const struct hf_scan_news *news,
			  const struct hf_row *row)
{
	uint8_t room[HF_PDQ_BYTES];
	const struct hf_match_sieve *sieve = news->sieve;

	if (news->is_all)
		return true;
	if (sieve == NULL)
		return false;
	if (row->frames_count > 0 &&
	    (news->is_every_video ||
	     hf_match_sieve_has_video(sieve, row->frames, row->frames_count,
				      HF_NEWS_NEAR_BYTES,
				      news->looked_up_percent_least)))
		return true;
	if (hf_match_sieve_count(sieve) == 0)
		return false;
	return hf_match_sieve_has(sieve, HF_ALGORITHM_MD5,
				  row->digests + HF_ROW_MD5_AT) ||
	       hf_match_sieve_has(sieve, HF_ALGORITHM_SHA1,
				  row->digests + HF_ROW_SHA1_AT) ||
	       hf_match_sieve_has(sieve, HF_ALGORITHM_SHA256,
				  row->digests + HF_ROW_SHA256_AT) ||
	       (hf_row_has_pdq(row) &&
		hf_match_sieve_has(sieve, HF_ALGORITHM_PDQ,
				   half(row->digests + HF_ROW_PDQ_AT, room)));
}

enum hf_err hf_scan_news_stand(const struct hf_scan_news *news,
			       struct hf_inventory *inventory,
			       struct hf_why *why)
{
	return hf_inventory_stand(inventory, news->until, news->until_count,
				  news->policy, why);
}
