/*
 * Every message at once, from the rows that define them: random structs are
 * made up, encoded, parsed and compared; each limit is tried at and one past.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "codec_admin.h"
#include "codec_case.h"
#include "codec_document.h"
#include "codec_federation.h"
#include "codec_item.h"
#include "codec_match.h"
#include "codec_opinion.h"
#include "codec_publish.h"
#include "codec_shape.h"
#include "codec_takedown.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

static uint64_t seed;

/* splitmix64: the same numbers everywhere. */
static uint64_t next_random(void)
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t most)
{
	return next_random() % most;
}

struct maker {
	struct hf_arena *arena;
	bool is_full; /* every field set */
};

static void *need(void *at)
{
	assert_non_null(at);
	return at;
}

static void *zeroed(struct maker *maker, size_t count, size_t size)
{
	return need(hf_arena_calloc(maker->arena, count, size));
}

static struct hf_span random_bytes(struct maker *maker, size_t len)
{
	uint8_t *at = zeroed(maker, len + 1, 1);

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)next_random();
	return hf_span(at, len);
}

static const char *letters(struct maker *maker, size_t len)
{
	char *text = zeroed(maker, len + 1, 1);

	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + below(26));
	return text;
}

static const char *random_word(struct maker *maker,
			       const struct hf_grammar *grammar)
{
	const char *name = letters(maker, 1 + below(20));
	char *text = zeroed(maker, 1, 128);

	if (grammar == &hf_grammar_domain)
		snprintf(text, 128, "%s.example", name);
	else if (grammar == &hf_grammar_set_name_or_none)
		snprintf(text, 128, "%s", name);
	else if (grammar == &hf_grammar_country ||
		 grammar == &hf_grammar_country_or_none)
		snprintf(text, 128, "%c%c", (int)('A' + below(26)),
			 (int)('A' + below(26)));
	else if (grammar == &hf_grammar_endpoint ||
		 grammar == &hf_grammar_endpoint_or_none)
		snprintf(text, 128, "%s.example:%d", name,
			 1 + (int)below(65535));
	else
		snprintf(text, 128, "%s.example/ncii/%d", name,
			 1 + (int)below(1000));
	return text;
}

static const char *random_text(struct maker *maker,
			       const struct hf_field *field)
{
	uint64_t most = field->most < 40 ? field->most : 40;
	uint64_t least = field->least > 0 || maker->is_full ? 1 : 0;

	if (field->grammar != NULL)
		return random_word(maker, field->grammar);
	return letters(maker, least + below(most - least + 1));
}

static size_t bytes_len(struct maker *maker, const struct hf_field *field)
{
	uint64_t most = field->most < 200 ? field->most : 200;
	uint64_t least = field->least;

	if (field->unit != 0)
		return field->unit *
		       (maker->is_full ? 1 : below(most / field->unit + 1));
	if (least == 0 && maker->is_full)
		least = 1;
	return least + below(most - least + 1);
}

static void make_up(struct maker *maker, const struct hf_shape *shape,
		    void *ours);

static void make_value(struct maker *maker, const struct hf_field *field,
		       void *at)
{
	uint64_t least = maker->is_full ? 1 : 0;

	switch (field->kind) {
	case HF_FIELD_BOOL:
		*(bool *)at = maker->is_full || below(2) == 1;
		break;
	case HF_FIELD_ENUM:
		*(unsigned *)at = (unsigned)(least + below(3));
		break;
	case HF_FIELD_I32:
	case HF_FIELD_U32:
		*(uint32_t *)at = (uint32_t)(least + below(field->most));
		break;
	case HF_FIELD_U64:
		*(uint64_t *)at = least + (next_random() >> below(64) >> 1);
		break;
	case HF_FIELD_TEXT:
		*(const char **)at = random_text(maker, field);
		break;
	case HF_FIELD_BYTES:
		*(struct hf_span *)at =
			random_bytes(maker, bytes_len(maker, field));
		break;
	case HF_FIELD_MESSAGE:
		make_up(maker, field->shape(), at);
		break;
	}
}

static void make_list(struct maker *maker, const struct hf_field *field,
		      char *ours)
{
	size_t most = field->count_most < 5 ? field->count_most : 5;
	size_t count = maker->is_full ? 1 + below(most) : below(most + 1);
	size_t step = hf_field_size(field);
	char *list = zeroed(maker, count + 1, step);

	for (size_t i = 0; i < count; i++)
		make_value(maker, field, list + i * step);
	*(size_t *)(ours + field->count_at) = count;
	*(void **)(ours + field->at) = list;
}

/* ---- What rows cannot say ---- */

static void fix_manifest(struct maker *maker, void *ours)
{
	struct hf_manifest *manifest = ours;
	struct maker full = { maker->arena, true };
	struct hf_span *keys = zeroed(maker, 2, sizeof(*keys));

	keys[0] = random_bytes(&full, 32);
	keys[1] = random_bytes(&full, 32);
	manifest->root_keys = keys;
	manifest->root_keys_count = 2;
	manifest->tls_pins = keys;
	manifest->tls_pins_count = 2;
	manifest->threshold = 1 + (uint32_t)below(2);
	manifest->version = 1 + below(1000);
	manifest->issued_ms = 1 + below(1000);
	manifest->expires_ms = manifest->issued_ms + 1 + below(1000);
}

static void fix_agreement(struct maker *maker, void *ours)
{
	struct hf_agreement *agreement = ours;
	static const enum hf_class classes[] = { HF_CLASS_NCII, HF_CLASS_CSAM };

	agreement->version = 1 + below(1000);
	agreement->issued_ms = 1 + below(1000);
	agreement->expires_ms = agreement->issued_ms + 1 + below(1000);
	agreement->relay = HF_RELAY_LISTED;
	agreement->classes = classes;
	agreement->classes_count = maker->is_full ? 2 : below(3);
}

static void fix_range(struct maker *maker, void *ours)
{
	struct hf_get_chunks_request *request = ours;

	request->first = 1 + below(1000);
	request->end = request->first + 1 + below(1000);
	request->size = request->end + below(1000);
}

static void fix_part(struct maker *maker, void *ours)
{
	struct hf_get_chunks_response *part = ours;
	size_t sum = 0;

	for (size_t i = 0; i < part->payload_lengths_count; i++)
		sum += part->payload_lengths[i];
	part->payloads = random_bytes(maker, sum);
	part->openings = random_bytes(maker, part->payload_lengths_count * 32);
}

static void fix_proof(struct maker *maker, void *ours)
{
	struct hf_get_proof_request *request = ours;

	request->kind =
		below(2) == 0 ? HF_GET_PROOF_INDEX : HF_GET_PROOF_OLD_SIZE;
}

static void fix_retract(struct maker *maker, void *ours)
{
	struct hf_retract_request *request = ours;
	struct maker full = { maker->arena, true };

	request->what = (enum hf_retract_what)(1 + below(3));
	request->reason = HF_RETRACT_REASON_ORDERED;
	if (request->entry == NULL)
		make_up(&full, hf_retract_request_shape(), ours);
}

static void fix_opine(struct maker *maker, void *ours)
{
	struct hf_opine_request *request = ours;
	struct maker full = { maker->arena, true };

	request->subject = (enum hf_opine_subject)(1 + below(2));
	if (request->entry == NULL)
		make_up(&full, hf_opine_request_shape(), ours);
}

static void fix_explain(struct maker *maker, void *ours)
{
	struct hf_explain_request *request = ours;
	struct maker full = { maker->arena, true };

	request->what = (enum hf_explain_what)(1 + below(2));
	if (request->entry == NULL)
		make_up(&full, hf_explain_request_shape(), ours);
}

static void fix_batch(struct maker *maker, void *ours)
{
	struct hf_digest_batch *batch = ours;
	uint32_t *items = zeroed(maker, 3, sizeof(*items));
	uint32_t *frames = zeroed(maker, 3, sizeof(*frames));
	uint8_t *qualities = zeroed(maker, 3, 1);
	size_t len_bytes = 0;
	bool is_video;

	batch->algorithm = (enum hf_algorithm)(1 + below(6));
	is_video = batch->algorithm == HF_ALGORITHM_VPDQ;
	for (uint32_t i = 0; i < 3; i++) {
		items[i] = (uint32_t)below(10000);
		qualities[i] = (uint8_t)below(101);
		frames[i] = 1 + (uint32_t)below(9);
		len_bytes += is_video ? frames[i] * HF_PDQ_BYTES
				      : hf_algorithm_bytes(batch->algorithm);
	}
	batch->digests = random_bytes(maker, len_bytes);
	batch->frames = is_video ? frames : NULL;
	batch->frames_count = is_video ? 3 : 0;
	batch->qualities =
		hf_span(qualities, is_video || below(2) == 0 ? 0 : 3);
	batch->items = items;
	batch->items_count = below(2) == 0 ? 0 : 3;
}

static void fix_open(struct maker *maker, void *ours)
{
	struct hf_open_set_request *request = ours;

	if (below(2) == 0) {
		request->name = "";
		request->is_restricted = true;
	} else {
		request->name = "ncii";
		request->is_restricted = false;
	}
}

static const struct {
	const struct hf_shape *(*shape)(void);
	void (*fix)(struct maker *maker, void *ours);
} fixes[] = {
	{ hf_manifest_shape, fix_manifest },
	{ hf_agreement_shape, fix_agreement },
	{ hf_get_chunks_request_shape, fix_range },
	{ hf_get_chunks_response_shape, fix_part },
	{ hf_get_proof_request_shape, fix_proof },
	{ hf_retract_request_shape, fix_retract },
	{ hf_opine_request_shape, fix_opine },
	{ hf_explain_request_shape, fix_explain },
	{ hf_digest_batch_shape, fix_batch },
	{ hf_open_set_request_shape, fix_open },
};

static void make_up(struct maker *maker, const struct hf_shape *shape,
		    void *ours)
{
	for (size_t i = 0; i < shape->fields_count; i++) {
		const struct hf_field *field = &shape->fields[i];
		char *at = (char *)ours + field->at;

		if (field->is_list) {
			make_list(maker, field, ours);
		} else if (field->kind == HF_FIELD_MESSAGE) {
			const struct hf_shape *sub = field->shape();

			if (field->least == 0 && !maker->is_full &&
			    below(2) == 0)
				continue;
			*(void **)at = zeroed(maker, 1, sub->size_bytes);
			make_up(maker, sub, *(void **)at);
		} else {
			make_value(maker, field, at);
		}
	}
	for (size_t i = 0; i < ROWS(fixes); i++) {
		if (fixes[i].shape() == shape)
			fixes[i].fix(maker, ours);
	}
}

/* ---- Comparing ---- */

static void assert_same(const struct hf_shape *shape, const void *a,
			const void *b);

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static void assert_same_value(const struct hf_field *field, const void *a,
			      const void *b)
{
	bool is_same = true;

	if (field->kind == HF_FIELD_MESSAGE) {
		assert_same(field->shape(), a, b);
		return;
	}
	if (field->kind == HF_FIELD_TEXT)
		is_same = strcmp(or_empty(*(const char *const *)a),
				 or_empty(*(const char *const *)b)) == 0;
	else if (field->kind == HF_FIELD_BYTES)
		is_same = hf_span_equal(*(const struct hf_span *)a,
					*(const struct hf_span *)b);
	else
		is_same = memcmp(a, b, hf_field_size(field)) == 0;
	if (!is_same)
		fail_msg("%s differs", field->name);
}

static void assert_same_field(const struct hf_field *field, const char *a,
			      const char *b)
{
	size_t step = hf_field_size(field), count = 1;

	if (field->case_number != 0) {
		unsigned a_case = *(const unsigned *)(a + field->count_at);

		assert_int_equal(a_case,
				 *(const unsigned *)(b + field->count_at));
		if (a_case != field->case_number)
			return;
	}
	if (field->is_list) {
		count = *(const size_t *)(a + field->count_at);
		assert_int_equal(count, *(const size_t *)(b + field->count_at));
	}
	a += field->at;
	b += field->at;
	if (field->is_list || field->kind == HF_FIELD_MESSAGE) {
		a = *(const char *const *)a;
		b = *(const char *const *)b;
		if (!field->is_list)
			assert_int_equal(a == NULL, b == NULL);
	}
	for (size_t i = 0; a != NULL && i < count; i++)
		assert_same_value(field, a + i * step, b + i * step);
}

static void assert_same(const struct hf_shape *shape, const void *a,
			const void *b)
{
	for (size_t i = 0; i < shape->fields_count; i++)
		assert_same_field(&shape->fields[i], a, b);
}

/* ---- Tests ---- */

#define SHAPE_ROW(name) hf_##name##_shape,
static const struct hf_shape *(*const shapes[])(void) = {
	HF_SHAPES(SHAPE_ROW)
};

static void rows_and_proto_files_agree(void **state)
{
	for (size_t i = 0; i < ROWS(shapes); i++) {
		struct hf_why why = { "" };

		if (!hf_shape_is_whole(shapes[i](), &why))
			fail_msg("%s: %s", shapes[i]()->name, why.text);
	}
}

static void round_trip(const struct hf_shape *shape, bool is_full)
{
	struct hf_arena arena;
	struct maker maker = { &arena, is_full };
	struct hf_buf wire, again;
	struct hf_why why = { "" };
	void *ours, *back;

	hf_arena_init(&arena, ARENA_MAX);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	hf_buf_init(&again, HF_MESSAGE_MAX_BYTES);
	ours = zeroed(&maker, 1, shape->size_bytes);
	back = zeroed(&maker, 1, shape->size_bytes);
	make_up(&maker, shape, ours);

	if (hf_shape_check(shape, ours, &why) != HF_OK)
		fail_msg("%s: made up badly: %s", shape->name, why.text);
	assert_int_equal(hf_shape_encode(shape, ours, &wire), HF_OK);
	assert_ok(hf_shape_parse(shape, hf_buf_span(&wire), &arena, back, &why),
		  &why);
	assert_same(shape, ours, back);

	/* What was parsed encodes to the same bytes. */
	assert_int_equal(hf_shape_encode(shape, back, &again), HF_OK);
	assert_true(hf_span_equal(hf_buf_span(&wire), hf_buf_span(&again)));

	hf_buf_release(&wire);
	hf_buf_release(&again);
	hf_arena_release(&arena);
}

static void every_message_comes_back_as_it_was(void **state)
{
	for (size_t i = 0; i < ROWS(shapes); i++) {
		for (uint64_t n = 0; n < 60; n++) {
			seed = i << 32 | n;
			round_trip(shapes[i](), n % 3 == 0);
		}
	}
}

static void every_truncation_is_survived(void **state)
{
	struct hf_arena arena, scratch;
	struct maker maker = { &arena, true };
	struct hf_buf wire;

	hf_arena_init(&arena, ARENA_MAX);
	hf_arena_init(&scratch, ARENA_MAX);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	for (size_t i = 0; i < ROWS(shapes); i++) {
		const struct hf_shape *shape = shapes[i]();
		void *ours = zeroed(&maker, 1, shape->size_bytes);
		void *back = zeroed(&maker, 1, shape->size_bytes);
		size_t step;

		seed = i;
		make_up(&maker, shape, ours);
		hf_buf_reset(&wire);
		assert_int_equal(hf_shape_encode(shape, ours, &wire), HF_OK);
		step = wire.len_bytes / 2000 + 1;
		for (size_t len = 0; len < wire.len_bytes; len += step) {
			/* Just that long, so that a sanitizer sees one over. */
			uint8_t *cut = malloc(len + 1);
			enum hf_err err;

			assert_non_null(cut);
			memcpy(cut, wire.at, len);
			err = hf_shape_parse(shape, hf_span(cut, len), &scratch,
					     back, NULL);
			assert_true(err == HF_OK || hf_err_status(err) == 3);
			free(cut);
			hf_arena_reset(&scratch);
		}
	}
	hf_buf_release(&wire);
	hf_arena_release(&scratch);
	hf_arena_release(&arena);
}

/* A list of count elements that share one made-up value. */
static void set_count(struct maker *maker, const struct hf_field *field,
		      char *ours, size_t count)
{
	size_t step = hf_field_size(field);
	char *list = zeroed(maker, count + 1, step);

	make_value(maker, field, list);
	for (size_t i = 1; i < count; i++)
		memcpy(list + i * step, list, step);
	*(size_t *)(ours + field->count_at) = count;
	*(void **)(ours + field->at) = list;
}

/* The error of the rows alone: what no row says is switched off. */
static enum hf_err check_rows(const struct hf_shape *shape, const void *ours)
{
	struct hf_shape rows = *shape;

	rows.check = NULL;
	return hf_shape_check(&rows, ours, NULL);
}

static void try_count(struct maker *maker, const struct hf_shape *shape,
		      const struct hf_field *field, char *ours)
{
	set_count(maker, field, ours, field->count_most);
	if (check_rows(shape, ours) != HF_OK)
		fail_msg("%s.%s: refused at its most", shape->name,
			 field->name);
	set_count(maker, field, ours, field->count_most + 1);
	if (check_rows(shape, ours) != HF_E_LIMIT)
		fail_msg("%s.%s: accepted one past its most", shape->name,
			 field->name);
	set_count(maker, field, ours, 1);
}

static void try_length(struct maker *maker, const struct hf_shape *shape,
		       const struct hf_field *field, char *ours, size_t len,
		       enum hf_err want)
{
	char *at = ours + field->at;

	if (field->is_list)
		at = *(char **)at;
	if (field->kind == HF_FIELD_TEXT)
		*(const char **)at = letters(maker, len);
	else
		*(struct hf_span *)at = random_bytes(maker, len);
	if (check_rows(shape, ours) != want)
		fail_msg("%s.%s: %zu bytes: not %s", shape->name, field->name,
			 len, hf_err_name(want));
}

static void try_number(const struct hf_shape *shape,
		       const struct hf_field *field, char *ours)
{
	uint32_t *at = (uint32_t *)(ours + field->at);

	if (field->is_list)
		at = *(uint32_t **)at;
	*at = (uint32_t)field->most;
	assert_int_equal(check_rows(shape, ours), HF_OK);
	if (field->most == UINT32_MAX)
		return;
	*at = (uint32_t)field->most + 1;
	if (check_rows(shape, ours) != HF_E_LIMIT)
		fail_msg("%s.%s: accepted past its most", shape->name,
			 field->name);
}

static void try_field(struct maker *maker, const struct hf_shape *shape,
		      const struct hf_field *field, char *ours)
{
	size_t unit = field->unit != 0 ? field->unit : 1;

	if (field->case_number != 0)
		*(unsigned *)(ours + field->count_at) = field->case_number;
	if (field->is_list)
		try_count(maker, shape, field, ours);
	if (field->kind == HF_FIELD_U32 || field->kind == HF_FIELD_I32)
		try_number(shape, field, ours);
	if ((field->kind != HF_FIELD_TEXT && field->kind != HF_FIELD_BYTES) ||
	    field->grammar != NULL)
		return;
	try_length(maker, shape, field, ours, field->most, HF_OK);
	try_length(maker, shape, field, ours, field->most + unit, HF_E_LIMIT);
	if (unit > 1)
		try_length(maker, shape, field, ours, field->most - 1,
			   HF_E_MALFORMED);
	if (field->least > 0)
		try_length(maker, shape, field, ours, field->least - 1,
			   HF_E_LIMIT);
}

static void each_limit_holds_at_and_one_past(void **state)
{
	for (size_t i = 0; i < ROWS(shapes); i++) {
		const struct hf_shape *shape = shapes[i]();

		for (size_t j = 0; j < shape->fields_count; j++) {
			struct hf_arena arena;
			struct maker maker = { &arena, true };
			char *ours;

			hf_arena_init(&arena, ARENA_MAX);
			ours = zeroed(&maker, 1, shape->size_bytes);
			make_up(&maker, shape, ours);
			try_field(&maker, shape, &shape->fields[j], ours);
			hf_arena_release(&arena);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_and_proto_files_agree),
		cmocka_unit_test(every_message_comes_back_as_it_was),
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(each_limit_holds_at_and_one_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
