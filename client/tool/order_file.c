#include <stdio.h>
#include <string.h>

#include "text.h"

#include "case_value.h"
#include "moment.h"
#include "order_file.h"

#define KEYS_ACCEPTED                                                          \
	"reference, issuing-state, authority, addressee, host-state, "         \
	"identification, ground, series, covers-similar, penalty, redress, "   \
	"was-informed, emergency or deadline"

static const struct text_key {
	const char *key;
	size_t at;
	size_t most;
} text_keys[] = {
#define TEXT_KEY(key, field, most)                                             \
	{ key, offsetof(struct hf_order, field), (most) },
	HF_ORDER_TEXT_TABLE(TEXT_KEY)
#undef TEXT_KEY
};

static const struct flag_key {
	const char *key;
	size_t at;
} flag_keys[] = {
#define FLAG_KEY(key, field) { key, offsetof(struct hf_order, field) },
	HF_ORDER_FLAG_TABLE(FLAG_KEY)
#undef FLAG_KEY
};

#define TEXT_KEYS (sizeof(text_keys) / sizeof(text_keys[0]))
#define FLAG_KEYS (sizeof(flag_keys) / sizeof(flag_keys[0]))

struct reading {
	struct hf_arena *arena;
	struct hf_order order;
	uint64_t deadline_ms;
	const char **grounds;
	bool has_flag[FLAG_KEYS];
};

static enum hf_err say_twice(struct hf_why *why)
{
	return hf_why(why, HF_E_MALFORMED, "it is there twice");
}

/* ---- values ---- */

/* On one line, clean, not empty. */
static enum hf_err take_text(struct reading *reading, struct hf_span value,
			     size_t most, const char **out, struct hf_why *why)
{
	enum hf_err err =
		hf_case_text_parse(value, most, reading->arena, out, why);

	return err == HF_OK && (*out)[0] == '\0'
		       ? hf_why(why, HF_E_MALFORMED, "no value")
		       : err;
}

static enum hf_err take_known_text(struct reading *reading,
				   const struct text_key *key,
				   struct hf_span value, struct hf_why *why)
{
	const char **field =
		(const char **)(void *)((char *)&reading->order + key->at);
	const char *text;
	enum hf_err err;

	if (*field != NULL)
		return say_twice(why);
	err = take_text(reading, value, key->most, &text, why);
	if (err != HF_OK)
		return err;
	if (key->most == 2 && !hf_text_is_country(hf_span_of(text)))
		return hf_why(why, HF_E_MALFORMED,
			      "'%s' is no state: give two capitals, as NL",
			      text);
	*field = text;
	return HF_OK;
}

static enum hf_err take_flag(struct reading *reading, size_t number,
			     struct hf_span value, struct hf_why *why)
{
	bool *field = (bool *)(void *)((char *)&reading->order +
				       flag_keys[number].at);

	if (reading->has_flag[number])
		return say_twice(why);
	if (!hf_span_is(value, "yes") && !hf_span_is(value, "no"))
		return hf_why(why, HF_E_MALFORMED, "give yes or no");
	reading->has_flag[number] = true;
	*field = hf_span_is(value, "yes");
	return HF_OK;
}

static enum hf_err take_ground(struct reading *reading, struct hf_span value,
			       struct hf_why *why)
{
	enum hf_err err;

	if (reading->order.grounds_count == HF_ORDER_FILE_GROUNDS)
		return hf_why(why, HF_E_LIMIT, "more than %d",
			      HF_ORDER_FILE_GROUNDS);
	err = take_text(reading, value, HF_REMARK_MAX_BYTES,
			&reading->grounds[reading->order.grounds_count], why);
	if (err == HF_OK)
		reading->order.grounds_count++;
	return err;
}

static enum hf_err take_value(struct reading *reading, struct hf_span key,
			      struct hf_span value, struct hf_why *why)
{
	for (size_t i = 0; i < TEXT_KEYS; i++) {
		if (hf_span_is(key, text_keys[i].key))
			return take_known_text(reading, &text_keys[i], value,
					       why);
	}
	for (size_t i = 0; i < FLAG_KEYS; i++) {
		if (hf_span_is(key, flag_keys[i].key))
			return take_flag(reading, i, value, why);
	}
	if (hf_span_is(key, "ground"))
		return take_ground(reading, value, why);
	if (hf_span_is(key, "deadline"))
		return reading->deadline_ms != 0
			       ? say_twice(why)
			       : hf_moment_length_parse(
					 value, &reading->deadline_ms, why);
	return hf_why(why, HF_E_MALFORMED, "no such key: give " KEYS_ACCEPTED);
}

/* ---- lines ---- */

static struct hf_span line_at(struct hf_span text, size_t at_bytes)
{
	const uint8_t *from = text.at + at_bytes;
	size_t left = text.len_bytes - at_bytes;
	const uint8_t *end = memchr(from, '\n', left);

	return hf_span(from, end != NULL ? (size_t)(end - from) + 1 : left);
}

/* The line at *at_bytes with those that go on with it; *line_count of them. */
static struct hf_span take_lines(struct hf_span text, size_t *at_bytes,
				 uint64_t *line_count)
{
	struct hf_span lines = line_at(text, *at_bytes);

	*at_bytes += lines.len_bytes;
	*line_count = 1;
	while (*at_bytes < text.len_bytes) {
		struct hf_span next = line_at(text, *at_bytes);

		if ((next.at[0] != ' ' && next.at[0] != '\t') ||
		    hf_text_trim(next).len_bytes == 0)
			break;
		lines.len_bytes += next.len_bytes;
		*at_bytes += next.len_bytes;
		(*line_count)++;
	}
	return lines;
}

static enum hf_err take_entry(struct reading *reading, struct hf_span lines,
			      struct hf_why *why)
{
	const uint8_t *colon = memchr(lines.at, ':', lines.len_bytes);
	struct hf_span key, value;
	enum hf_err err;

	if (colon == NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "'%.*s' is no line 'key: value'",
			      HF_SPAN_ARGS(hf_case_shown(hf_text_trim(lines))));
	key = hf_text_trim(hf_span(lines.at, (size_t)(colon - lines.at)));
	value = hf_text_trim(hf_span(
		colon + 1, lines.len_bytes - (size_t)(colon - lines.at) - 1));
	err = take_value(reading, key, value, why);
	if (err != HF_OK && err != HF_E_NOMEM)
		hf_why_prefix(why, "%.*s: ", HF_SPAN_ARGS(hf_case_shown(key)));
	return err;
}

static enum hf_err check_whole(const struct reading *reading,
			       struct hf_why *why)
{
	const char *missing = NULL;

	if (reading->order.reference == NULL)
		missing = "reference";
	else if (reading->order.issuing_state == NULL)
		missing = "issuing-state";
	else if (reading->order.authority == NULL)
		missing = "authority";
	else if (reading->order.grounds_count == 0)
		missing = "ground";
	if (missing != NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "no line '%s: ...': an order has one", missing);
	return HF_OK;
}

enum hf_err hf_order_file_parse(struct hf_span text, struct hf_arena *arena,
				struct hf_order *out_order,
				uint64_t *out_deadline_ms, struct hf_why *why)
{
	struct reading reading = { .arena = arena };
	size_t at_bytes = 0;
	uint64_t line = 1, count;
	enum hf_err err;

	if (text.len_bytes > HF_ORDER_FILE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "%zu bytes; an order has at most %zu",
			      text.len_bytes, HF_ORDER_FILE_MAX_BYTES);
	reading.grounds = hf_arena_calloc(arena, HF_ORDER_FILE_GROUNDS,
					  sizeof(*reading.grounds));
	if (reading.grounds == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (text.len_bytes >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0)
		at_bytes = 3;
	for (; at_bytes < text.len_bytes; line += count) {
		struct hf_span lines = take_lines(text, &at_bytes, &count);

		if (hf_text_trim(lines).len_bytes == 0 || lines.at[0] == '#')
			continue;
		err = take_entry(&reading, lines, why);
		if (err != HF_OK) {
			if (err != HF_E_NOMEM)
				hf_why_prefix(why, "line %llu: ",
					      (unsigned long long)line);
			return err;
		}
	}
	err = check_whole(&reading, why);
	if (err != HF_OK)
		return err;
	reading.order.grounds = reading.grounds;
	*out_order = reading.order;
	*out_deadline_ms = reading.deadline_ms;
	return HF_OK;
}
