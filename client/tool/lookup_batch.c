#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "text.h"

#include "lookup_batch.h"
#include "show.h"

#define PART_MAX_BYTES ((size_t)HF_MATCH_BATCH_MAX * HF_DIGEST_MAX_BYTES)

void hf_lookup_batch_init(struct hf_lookup_batch *batch)
{
	*batch = (struct hf_lookup_batch){ 0 };
	for (size_t i = 0; i < HF_ALGORITHM_COUNT; i++) {
		hf_buf_init(&batch->parts[i].digests, PART_MAX_BYTES);
		hf_buf_init(&batch->parts[i].qualities, PART_MAX_BYTES);
		hf_buf_init(&batch->parts[i].items, PART_MAX_BYTES);
		hf_buf_init(&batch->parts[i].frames, PART_MAX_BYTES);
	}
}

static void drop_names(struct hf_lookup_batch *batch)
{
	for (size_t i = 0; i < batch->names_count; i++)
		free(batch->names[i]);
	free(batch->names);
	batch->names = NULL;
	batch->names_count = 0;
}

void hf_lookup_batch_reset(struct hf_lookup_batch *batch)
{
	drop_names(batch);
	for (size_t i = 0; i < HF_ALGORITHM_COUNT; i++) {
		hf_buf_reset(&batch->parts[i].digests);
		hf_buf_reset(&batch->parts[i].qualities);
		hf_buf_reset(&batch->parts[i].items);
		hf_buf_reset(&batch->parts[i].frames);
		batch->parts[i].count = 0;
	}
	batch->digests_count = 0;
}

void hf_lookup_batch_release(struct hf_lookup_batch *batch)
{
	drop_names(batch);
	for (size_t i = 0; i < HF_ALGORITHM_COUNT; i++) {
		hf_buf_release(&batch->parts[i].digests);
		hf_buf_release(&batch->parts[i].qualities);
		hf_buf_release(&batch->parts[i].items);
		hf_buf_release(&batch->parts[i].frames);
	}
}

enum hf_err hf_lookup_batch_add(struct hf_lookup_batch *batch, uint32_t item,
				unsigned algorithm, struct hf_span digest,
				unsigned quality, struct hf_why *why)
{
	struct hf_lookup_part *part = &batch->parts[algorithm];
	bool is_video = algorithm == HF_ALGORITHM_VPDQ;
	uint32_t frames = (uint32_t)(digest.len_bytes / HF_PDQ_BYTES);
	size_t count = is_video ? frames : 1;

	if (batch->digests_count + count > HF_MATCH_BATCH_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "more than %d hashes in one lookup",
			      HF_MATCH_BATCH_MAX);
	hf_buf_put(&part->digests, digest);
	hf_buf_put_u8(&part->qualities, (uint8_t)quality);
	hf_buf_put(&part->items, hf_span(&item, sizeof(item)));
	if (is_video)
		hf_buf_put(&part->frames, hf_span(&frames, sizeof(frames)));
	if (hf_buf_failed(&part->digests) != HF_OK ||
	    hf_buf_failed(&part->qualities) != HF_OK ||
	    hf_buf_failed(&part->frames) != HF_OK ||
	    hf_buf_failed(&part->items) != HF_OK)
		return hf_why(why, HF_E_NOMEM, "no memory for a lookup");
	part->count++;
	batch->digests_count += count;
	return HF_OK;
}

enum hf_err hf_lookup_batch_add_file(struct hf_lookup_batch *batch,
				     uint32_t item,
				     const struct hf_media_result *result,
				     struct hf_why *why)
{
	enum hf_err err;

	err = hf_lookup_batch_add(batch, item, HF_ALGORITHM_MD5,
				  hf_span(result->md5, sizeof(result->md5)),
				  HF_QUALITY_MAX, why);
	if (err == HF_OK)
		err = hf_lookup_batch_add(
			batch, item, HF_ALGORITHM_SHA1,
			hf_span(result->sha1, sizeof(result->sha1)),
			HF_QUALITY_MAX, why);
	if (err == HF_OK)
		err = hf_lookup_batch_add(
			batch, item, HF_ALGORITHM_SHA256,
			hf_span(result->sha256, sizeof(result->sha256)),
			HF_QUALITY_MAX, why);
	if (err == HF_OK && result->pdq_err == HF_OK)
		err = hf_lookup_batch_add(
			batch, item, HF_ALGORITHM_PDQ,
			hf_span(result->pdq, sizeof(result->pdq)),
			result->quality, why);
	if (err == HF_OK && result->frames_count > 0)
		err = hf_lookup_batch_add(
			batch, item, HF_ALGORITHM_VPDQ,
			hf_span(result->frames,
				result->frames_count * HF_PDQ_BYTES),
			HF_QUALITY_MAX, why);
	return err;
}

/* ---- names ---- */

/* Bytes of the well-formed character at the beginning; 0: it is none that the
 * protocol takes. */
static size_t clean_len(const char *at)
{
	size_t left = strlen(at);

	for (size_t len = 1; len <= 4 && len <= left; len++) {
		if (hf_text_is_clean(hf_span(at, len)))
			return len;
	}
	return 0;
}

/* What the protocol does not take becomes U+FFFD. */
static void put_clean(struct hf_buf *buf, const char *text)
{
	while (*text != '\0') {
		size_t len = clean_len(text);

		hf_buf_put(buf, len > 0 ? hf_span(text, len)
					: hf_span_of("\xef\xbf\xbd"));
		text += len > 0 ? len : 1;
	}
}

/* The end of a path tells more than its beginning. */
static struct hf_span cut_front(struct hf_span text)
{
	while (text.len_bytes > HF_ITEM_NAME_MAX_BYTES ||
	       (text.len_bytes > 0 && (text.at[0] & 0xc0) == 0x80)) {
		text.at++;
		text.len_bytes--;
	}
	return text;
}

static enum hf_err make_room(struct hf_lookup_batch *batch, uint32_t item,
			     struct hf_why *why)
{
	size_t count = (size_t)item + 1;
	char **names;

	if (count <= batch->names_count)
		return HF_OK;
	names = realloc(batch->names, count * sizeof(*names));
	if (names == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a name");
	memset(names + batch->names_count, 0,
	       (count - batch->names_count) * sizeof(*names));
	batch->names = names;
	batch->names_count = count;
	return HF_OK;
}

enum hf_err hf_lookup_batch_call(struct hf_lookup_batch *batch, uint32_t item,
				 const char *text, struct hf_why *why)
{
	struct hf_span name;
	struct hf_buf buf;
	enum hf_err err = make_room(batch, item, why);

	if (err != HF_OK)
		return err;
	/* A byte becomes three at the most, and a path has a directory. */
	hf_buf_init(&buf, 8 * (size_t)PATH_MAX);
	put_clean(&buf, text);
	name = cut_front(hf_buf_span(&buf));
	free(batch->names[item]);
	batch->names[item] =
		hf_buf_failed(&buf) == HF_OK
			? strndup((const char *)name.at, name.len_bytes)
			: NULL;
	hf_buf_release(&buf);
	return batch->names[item] != NULL
		       ? HF_OK
		       : hf_why(why, HF_E_NOMEM, "no memory for a name");
}

enum hf_err hf_lookup_batch_name(struct hf_lookup_batch *batch, uint32_t item,
				 const char *path, struct hf_why *why)
{
	char whole[2 * PATH_MAX];
	size_t len = 0;

	if (path[0] != '/' && getcwd(whole, PATH_MAX) != NULL) {
		len = strlen(whole);
		whole[len++] = '/';
	}
	snprintf(whole + len, sizeof(whole) - len, "%s", path);
	return hf_lookup_batch_call(batch, item, whole, why);
}

enum hf_err
hf_lookup_batch_request(struct hf_lookup_batch *batch,
			const struct hf_wire_match_request **out_request,
			struct hf_why *why)
{
	size_t count = 0;

	for (unsigned i = 0; i < HF_ALGORITHM_COUNT; i++) {
		const struct hf_lookup_part *part = &batch->parts[i];

		if (part->count == 0)
			continue;
		batch->rows[count++] = (struct hf_digest_batch){
			.algorithm = (enum hf_algorithm)i,
			.digests = hf_buf_span(&part->digests),
			.qualities = i == HF_ALGORITHM_PDQ
					     ? hf_buf_span(&part->qualities)
					     : hf_span(NULL, 0),
			/* realloc() aligns for any type. */
			.items = (const uint32_t *)(const void *)part->items.at,
			.items_count = part->count,
			.frames =
				(const uint32_t *)(const void *)part->frames.at,
			.frames_count =
				part->frames.len_bytes / sizeof(uint32_t),
		};
	}
	if (count == 0)
		return hf_why(why, HF_E_ARGUMENT, "nothing to look up");
	batch->request = (struct hf_wire_match_request){
		.batches = batch->rows,
		.batches_count = count,
		.names = (const char *const *)batch->names,
		.names_count = batch->names_count,
		.is_question = batch->is_question,
		.forgets_names = batch->forgets_names,
	};
	*out_request = &batch->request;
	return HF_OK;
}

/* ---- answers ---- */

size_t hf_lookup_hits(const struct hf_wire_match_response *answer,
		      uint32_t item, size_t *at,
		      const struct hf_wire_match_hit **out_hits)
{
	size_t from;

	while (*at < answer->hits_count && answer->hits[*at].item < item)
		(*at)++;
	from = *at;
	while (*at < answer->hits_count && answer->hits[*at].item == item)
		(*at)++;
	*out_hits = answer->hits + from;
	return *at - from;
}

unsigned hf_lookup_verdict(const struct hf_wire_match_hit *hits, size_t count)
{
	unsigned worst = 0;

	for (size_t i = 0; i < count; i++) {
		if ((unsigned)hits[i].verdict > worst)
			worst = (unsigned)hits[i].verdict;
	}
	return worst;
}

static void print_hit(const struct hf_wire_match_hit *hit, const char *subject)
{
	printf("%s\t%s\t", hf_verdict_word(hit->verdict),
	       hf_algorithm_word(hit->algorithm));
	if (hit->algorithm == HF_ALGORITHM_VPDQ)
		printf("looked-up=%u%%,listed=%u%%",
		       (unsigned)hit->looked_up_percent,
		       (unsigned)hit->listed_percent);
	else
		printf("%u", (unsigned)hit->distance);
	printf("\t%s\t%llu\t%s\t", hit->origin, (unsigned long long)hit->index,
	       hf_class_word(hit->content_class));
	for (size_t i = 0; i < hit->labels_count; i++) {
		if (i > 0)
			putchar(',');
		hf_show_escaped(stdout, hit->labels[i].scheme);
		putchar('=');
		hf_show_escaped(stdout, hit->labels[i].value);
	}
	if (hit->labels_count == 0)
		putchar('-');
	printf("\t%s\t%s\t", hf_freshness_word(hit->freshness),
	       hit->rule[0] != '\0' ? hit->rule : "-");
	hf_show_escaped(stdout, subject);
	putchar('\n');
}

static bool is_same_entry(const struct hf_wire_match_hit *a,
			  const struct hf_wire_match_hit *b)
{
	return a->index == b->index && strcmp(a->origin, b->origin) == 0;
}

void hf_lookup_print(const struct hf_wire_match_hit *hits, size_t count,
		     const char *subject)
{
	/* At most HF_MATCH_HITS_PER_ITEM of them. */
	for (size_t i = 0; i < count; i++) {
		const struct hf_wire_match_hit *best = &hits[i];
		bool is_printed = false;

		for (size_t j = 0; j < i && !is_printed; j++)
			is_printed = is_same_entry(&hits[j], &hits[i]);
		for (size_t j = i + 1; j < count && !is_printed; j++) {
			if (is_same_entry(&hits[j], best) &&
			    hf_wire_match_hit_is_stronger(&hits[j], best))
				best = &hits[j];
		}
		if (!is_printed)
			print_hit(best, subject);
	}
}

static json_t *hit_json(const struct hf_wire_match_hit *hit)
{
	json_t *object = json_object(), *labels = json_array();

	for (size_t i = 0; i < hit->labels_count; i++) {
		json_t *label = json_object();

		json_object_set_new(label, "scheme",
				    json_string(hit->labels[i].scheme));
		json_object_set_new(label, "value",
				    json_string(hit->labels[i].value));
		json_array_append_new(labels, label);
	}
	json_object_set_new(object, "verdict",
			    json_string(hf_verdict_word(hit->verdict)));
	json_object_set_new(object, "algorithm",
			    json_string(hf_algorithm_word(hit->algorithm)));
	json_object_set_new(object, "distance", hf_json_number(hit->distance));
	json_object_set_new(object, "origin", json_string(hit->origin));
	json_object_set_new(object, "index", hf_json_number(hit->index));
	json_object_set_new(object, "class",
			    json_string(hf_class_word(hit->content_class)));
	json_object_set_new(object, "labels", labels);
	json_object_set_new(object, "freshness",
			    json_string(hf_freshness_word(hit->freshness)));
	json_object_set_new(object, "rule", json_string(hit->rule));
	json_object_set_new(object, "digest",
			    hf_json_hex(hit->digest.at, hit->digest.len_bytes));
	if (hit->algorithm == HF_ALGORITHM_VPDQ) {
		json_object_set_new(object, "looked_up_percent",
				    hf_json_number(hit->looked_up_percent));
		json_object_set_new(object, "listed_percent",
				    hf_json_number(hit->listed_percent));
	}
	return object;
}

json_t *hf_lookup_json(const struct hf_wire_match_hit *hits, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, hit_json(&hits[i]));
	return list;
}
