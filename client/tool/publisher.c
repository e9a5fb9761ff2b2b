#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_append.h"
#include "text.h"

#include "publisher.h"

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct hf_publisher {
	struct hf_client *client;        /* borrowed */
	struct hf_client_append *append; /* the open call, or NULL */
	const char *set;                 /* borrowed */
	uint8_t batch_id[HF_BATCH_ID_BYTES];
	uint64_t sequence;    /* of the next message */
	uint64_t size_before; /* of the set, when we began */
	/* the message being filled */
	struct hf_buf bytes;
	size_t ends[HF_APPEND_BATCH_MAX]; /* of each item in bytes */
	size_t items_count;
	/* the open call */
	size_t messages[HF_PUBLISHER_CALL_MESSAGES]; /* items of each */
	size_t messages_count;
	uint64_t items_before; /* of the calls before */
	struct hf_arena arena;
	struct hf_publisher_totals totals;
};

/* ---- the set ---- */

/* "ncii" names hotline.example/ncii/1; an origin names itself. */
static bool is_set(const struct hf_wire_set_info *info, const char *set)
{
	const char *name = strchr(info->origin, '/');
	size_t len_bytes = strlen(set);

	if (strchr(set, '/') != NULL)
		return strcmp(info->origin, set) == 0;
	return name != NULL && strncmp(name + 1, set, len_bytes) == 0 &&
	       name[1 + len_bytes] == '/';
}

/* How large the set is now: what lies below was published earlier. */
static enum hf_err find_set(struct hf_publisher *publisher, struct hf_why *why)
{
	struct hf_list_sets_request request = { .page_size = HF_PAGE_SIZE_MAX,
						.page_token = "" };
	struct hf_list_sets_response page;
	bool is_found = false, is_ours = false;
	enum hf_err err;

	do {
		err = hf_client_list_sets(publisher->client, &request,
					  &publisher->arena, &page, why);
		if (err != HF_OK)
			return err;
		for (size_t i = 0; i < page.sets_count; i++) {
			if (!is_set(&page.sets[i], publisher->set))
				continue;
			is_found = true;
			if (!page.sets[i].is_own)
				continue;
			is_ours = true;
			publisher->size_before = page.sets[i].applied;
		}
		request.page_token = page.next_page_token;
	} while (page.next_page_token[0] != '\0');
	if (is_ours)
		return HF_OK;
	return hf_why(why, HF_E_NOTFOUND,
		      is_found ? "%.100s is not a set of ours: only its "
				 "publisher adds to it"
			       : "no set '%.100s' of ours: 'hashfed sets' "
				 "lists them, 'hashfed sets open' makes one",
		      publisher->set);
}

/* ---- calls ---- */

static void count_range(struct hf_publisher *publisher,
			const struct hf_appended_range *range)
{
	struct hf_publisher_totals *totals = &publisher->totals;

	totals->known += range->known;
	if (range->count == 0)
		return;
	if (totals->added + totals->earlier == 0 ||
	    range->first < totals->first)
		totals->first = range->first;
	if (range->first + range->count - 1 > totals->last)
		totals->last = range->first + range->count - 1;
	if (range->first < publisher->size_before)
		totals->earlier += range->count;
	else
		totals->added += range->count;
}

static enum hf_err end_call(struct hf_publisher *publisher, struct hf_why *why)
{
	struct hf_append_response answer;
	enum hf_err err;

	if (publisher->append == NULL)
		return HF_OK;
	hf_arena_reset(&publisher->arena);
	err = hf_client_append_finish(publisher->append, &publisher->arena,
				      &answer, why);
	if (err != HF_OK)
		return err;
	hf_client_append_end(publisher->append);
	publisher->append = NULL;
	for (size_t i = 0; i < answer.ranges_count; i++)
		count_range(publisher, &answer.ranges[i]);
	for (size_t i = 0; i < publisher->messages_count; i++)
		publisher->items_before += publisher->messages[i];
	publisher->messages_count = 0;
	publisher->totals.size = answer.size;
	snprintf(publisher->totals.origin, sizeof(publisher->totals.origin),
		 "%s", answer.origin);
	return HF_OK;
}

static enum hf_err send_message(struct hf_publisher *publisher,
				struct hf_why *why)
{
	struct hf_append_request request = {
		.set = publisher->set,
		.batch_id = hf_span(publisher->batch_id, HF_BATCH_ID_BYTES),
		.sequence = publisher->sequence,
		.items_count = publisher->items_count,
		.skip_known = true,
	};
	struct hf_span *items;
	size_t from = 0;
	enum hf_err err = HF_OK;

	if (publisher->items_count == 0)
		return HF_OK;
	if (publisher->append == NULL)
		err = hf_client_append_begin(publisher->client,
					     &publisher->append, why);
	if (err != HF_OK)
		return err;
	hf_arena_reset(&publisher->arena);
	items = hf_arena_calloc(&publisher->arena, publisher->items_count,
				sizeof(*items));
	if (items == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a message");
	for (size_t i = 0; i < publisher->items_count; i++) {
		items[i] = hf_span(publisher->bytes.at + from,
				   publisher->ends[i] - from);
		from = publisher->ends[i];
	}
	request.items = items;
	err = hf_client_append_send(publisher->append, &request, why);
	if (err != HF_OK)
		return err;
	publisher->messages[publisher->messages_count++] =
		publisher->items_count;
	publisher->sequence++;
	publisher->items_count = 0;
	hf_buf_reset(&publisher->bytes);
	return publisher->messages_count == HF_PUBLISHER_CALL_MESSAGES
		       ? end_call(publisher, why)
		       : HF_OK;
}

enum hf_err hf_publisher_add(struct hf_publisher *publisher,
			     const struct hf_item *item, struct hf_why *why)
{
	size_t before_bytes = publisher->bytes.len_bytes;
	enum hf_err err = hf_item_encode(item, &publisher->bytes);

	if (err == HF_E_LIMIT && publisher->items_count > 0) {
		/* It is for the next message. */
		publisher->bytes.failed = HF_OK;
		publisher->bytes.len_bytes = before_bytes;
		err = send_message(publisher, why);
		if (err != HF_OK)
			return err;
		err = hf_item_encode(item, &publisher->bytes);
	}
	if (err != HF_OK)
		return hf_why(why, err, "an item that %s",
			      err == HF_E_LIMIT ? "is too large"
						: "may not be published");
	publisher->ends[publisher->items_count++] = publisher->bytes.len_bytes;
	return publisher->items_count == HF_APPEND_BATCH_MAX
		       ? send_message(publisher, why)
		       : HF_OK;
}

enum hf_err hf_publisher_finish(struct hf_publisher *publisher,
				struct hf_why *why)
{
	enum hf_err err = send_message(publisher, why);

	return err == HF_OK ? end_call(publisher, why) : err;
}

const struct hf_publisher_totals *
hf_publisher_totals(const struct hf_publisher *publisher)
{
	return &publisher->totals;
}

bool hf_publisher_blamed(const struct hf_publisher *publisher,
			 const struct hf_why *why, uint64_t *out_item)
{
	unsigned long long message, item;
	uint64_t before = publisher->items_before;
	size_t count;

	if (sscanf(why->text, "message %llu: items[%llu]", &message, &item) !=
	    2)
		return false;
	/* The last one may have failed before it was counted as sent. */
	if (message > publisher->messages_count)
		return false;
	count = (size_t)message < publisher->messages_count
			? publisher->messages[message]
			: publisher->items_count;
	if (item >= count)
		return false;
	for (size_t i = 0; i < (size_t)message; i++)
		before += publisher->messages[i];
	*out_item = before + item;
	return true;
}

enum hf_err hf_publisher_open(struct hf_client *client, const char *set,
			      const uint8_t batch_id[static HF_BATCH_ID_BYTES],
			      struct hf_publisher **out_publisher,
			      struct hf_why *why)
{
	struct hf_publisher *publisher = calloc(1, sizeof(*publisher));
	enum hf_err err;

	if (publisher == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory to publish");
	publisher->client = client;
	publisher->set = set;
	memcpy(publisher->batch_id, batch_id, HF_BATCH_ID_BYTES);
	hf_arena_init(&publisher->arena, ARENA_MAX_BYTES);
	hf_buf_init(&publisher->bytes, HF_PUBLISHER_MESSAGE_BYTES);
	err = find_set(publisher, why);
	if (err != HF_OK) {
		hf_publisher_close(publisher);
		return err;
	}
	*out_publisher = publisher;
	return HF_OK;
}

void hf_publisher_close(struct hf_publisher *publisher)
{
	if (publisher == NULL)
		return;
	hf_client_append_end(publisher->append);
	hf_buf_release(&publisher->bytes);
	hf_arena_release(&publisher->arena);
	free(publisher);
}
