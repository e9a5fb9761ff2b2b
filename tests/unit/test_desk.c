#include "service_world.h"

#include "codec_match.h"
#include "torture.h"

#include "lookup.h"

static const struct hf_desk_form form = {
	.parse = hf_wire_match_request_parse,
	.encode = hf_wire_match_response_encode,
};

/* A batch of so many digests that differ; the first is the one of fed_set(). */
static struct hf_buf make_batch(enum hf_algorithm algorithm, size_t count)
{
	size_t bytes = hf_algorithm_bytes(algorithm);
	uint8_t *digests = test_calloc(count, bytes);
	const struct hf_digest_batch batch = {
		.algorithm = algorithm,
		.digests = hf_span(digests, count * bytes),
	};
	struct hf_buf message;
	struct hf_why why = { "" };

	for (size_t i = 0; i < count; i++) {
		digests[i * bytes] = 1;
		memcpy(digests + (i + 1) * bytes - sizeof(uint32_t),
		       &(uint32_t){ (uint32_t)i }, sizeof(uint32_t));
	}
	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	assert_ok(hf_wire_match_request_encode(
			  &(struct hf_wire_match_request){ .batches = &batch,
							   .batches_count = 1 },
			  &message),
		  &why);
	test_free(digests);
	return message;
}

/* Look a message up, as a handler does; gives what it asked for of memory. */
static long look_up(struct world *world, const struct hf_buf *message,
		    size_t items, size_t hits)
{
	long before = hf_torture_made(), made;
	struct hf_wire_match_response response;
	struct hf_desk_batch *batch;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf *reply;

	assert_ok(hf_desk_open(world->node.desk, &batch), &why);
	assert_ok(hf_desk_read(batch, hf_buf_span(message), &form, &why), &why);
	assert_ok(hf_desk_look(batch, &reply, &why), &why);
	made = hf_torture_made() - before;
	hf_arena_init(&arena, SIZE_MAX);
	assert_ok(hf_wire_match_response_parse(hf_buf_span(reply), &arena,
					       &response, &why),
		  &why);
	assert_int_equal(response.items, items);
	assert_int_equal(response.hits_count, hits);
	if (hits == 0) /* has nothing to tell */
		assert_true(reply->len_bytes < 8);
	hf_arena_release(&arena);
	hf_desk_close(batch);
	return made;
}

static void memory_is_asked_for_by_the_batch_and_not_by_the_digest(void **state)
{
	static const enum hf_algorithm algorithms[] = { HF_ALGORITHM_SHA256,
							HF_ALGORITHM_MD5,
							HF_ALGORITHM_PDQ };
	static const size_t counts[] = { 1, 10, 1000, HF_MATCH_BATCH_MAX };
	struct world *world = *state;
	struct hf_why why = { "" };

	open_ledger(world);
	load(world);
	start_feed(world);
	(void)fed_set(world, "hotline.example/items/1", 0);
	assert_ok(hf_desk_start(&world->node, &world->node.desk, &why), &why);
	for (size_t a = 0; a < ROWS(algorithms); a++) {
		size_t hits = algorithms[a] == HF_ALGORITHM_SHA256 ? 1 : 0;
		long made[ROWS(counts)];

		/* From the second of the largest on. */
		for (size_t i = ROWS(counts) + 1; i-- > 0;) {
			size_t n = i < ROWS(counts) ? i : ROWS(counts) - 1;
			struct hf_buf message =
				make_batch(algorithms[a], counts[n]);

			(void)look_up(world, &message, counts[n], hits);
			made[n] = look_up(world, &message, counts[n], hits);
			hf_buf_release(&message);
		}
		for (size_t i = 0; i < ROWS(counts); i++)
			assert_int_equal(made[i], made[0]);
		assert_true(made[0] < 16);
	}
}

static void what_is_dear_is_looked_up_elsewhere(void **state)
{
	static const struct {
		enum hf_algorithm algorithm;
		size_t count;
		unsigned distance;
		bool is_dear;
	} rows[] = {
		{ HF_ALGORITHM_SHA256, 1, 31, false },
		{ HF_ALGORITHM_SHA256, 1000, 31, false },
		{ HF_ALGORITHM_SHA256, HF_MATCH_BATCH_MAX, 31, true },
		{ HF_ALGORITHM_PDQ, 1, 31, false },
		{ HF_ALGORITHM_PDQ, 100, 31, true },
		{ HF_ALGORITHM_PDQ, HF_MATCH_BATCH_MAX, 31, true },
		/* Nothing but an empty batch is cheap without the bands. */
		{ HF_ALGORITHM_PDQ, 1, 47, false },
		{ HF_ALGORITHM_PDQ, 1, 48, true },
		{ HF_ALGORITHM_PDQ, 0, 48, false },
		{ HF_ALGORITHM_SHA256, 1000, 48, false },
	};
	struct world *world = *state;
	struct hf_why why = { "" };

	assert_ok(hf_desk_start(&world->node, &world->node.desk, &why), &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_policy_row policy = {
			.set = "*",
			.exact = HF_VERDICT_BLOCK,
			.near = HF_VERDICT_REVIEW,
			.near_distance = rows[i].distance,
		};
		struct hf_buf message =
			make_batch(rows[i].algorithm, rows[i].count);
		struct hf_desk_batch *batch;

		hf_policy_free(world->node.policy);
		assert_ok(hf_policy_new(&policy, 1, &world->node.policy, &why),
			  &why);
		assert_ok(hf_desk_open(world->node.desk, &batch), &why);
		assert_ok(
			hf_desk_read(batch, hf_buf_span(&message), &form, &why),
			&why);
		assert_int_equal(hf_desk_is_dear(batch), rows[i].is_dear);
		hf_desk_close(batch);
		hf_buf_release(&message);
	}
}

static void near_lookups_that_nobody_waits_for_are_given_up(void **state)
{
	struct world *world = *state;
	struct hf_wire_match_response response;
	struct hf_wire_match_request request;
	atomic_bool is_left = true;
	const struct hf_lookup_ask ask = { &request, &is_left, false };
	struct hf_buf message =
		make_batch(HF_ALGORITHM_PDQ, HF_MATCH_BATCH_MAX);
	struct hf_why why = { "" };
	struct hf_arena arena;

	open_ledger(world);
	load(world);
	start_feed(world);
	hf_arena_init(&arena, SIZE_MAX);
	assert_ok(hf_wire_match_request_parse(hf_buf_span(&message), &arena,
					      &request, &why),
		  &why);
	assert_int_equal(hf_lookup(&world->node, &ask, &arena, &response, &why),
			 HF_E_CANCELLED);
	is_left = false;
	assert_ok(hf_lookup(&world->node, &ask, &arena, &response, &why), &why);
	assert_int_equal(response.items, HF_MATCH_BATCH_MAX);
	hf_arena_release(&arena);
	hf_buf_release(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(near_lookups_that_nobody_waits_for_are_given_up),
		WORLD_TEST(
			memory_is_asked_for_by_the_batch_and_not_by_the_digest),
		WORLD_TEST(what_is_dear_is_looked_up_elsewhere),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
