/*
 * A lookup that new entries overtake, whenever one can: what was looked up is
 * remembered all the same.
 */
#include "service_world.h"

#include <sched.h>

#include "lookup.h"
#include "retro.h"

#define SET "hotline.example/items/1"

enum hf_err __real_hf_lookup(struct hf_node *node,
			     const struct hf_lookup_ask *ask,
			     struct hf_arena *arena,
			     struct hf_wire_match_response *out_response,
			     struct hf_why *why);
enum hf_err __wrap_hf_lookup(struct hf_node *node,
			     const struct hf_lookup_ask *ask,
			     struct hf_arena *arena,
			     struct hf_wire_match_response *out_response,
			     struct hf_why *why);
bool __real_hf_retro_hold(struct hf_retro *retro);
bool __wrap_hf_retro_hold(struct hf_retro *retro);

static struct world *overtaken; /* NULL: lookups are let alone */
static uint32_t set;
static unsigned lookups;
static bool is_held;

static const struct hf_desk_form form = {
	.parse = hf_wire_match_request_parse,
	.encode = hf_wire_match_response_encode,
};

bool __wrap_hf_retro_hold(struct hf_retro *retro)
{
	is_held = __real_hf_retro_hold(retro);
	return is_held;
}

static struct hf_span digest_of(unsigned number)
{
	static char text[40];

	snprintf(text, sizeof(text), "digest %025u", number);
	return hf_span(text, 32);
}

static bool is_waited_for(struct hf_retro *retro)
{
	bool is = !__real_hf_retro_hold(retro);

	if (!is)
		hf_retro_let_go(retro);
	return is;
}

/* It has seen what is there; then an entry comes, and is checked before the
 * answer is kept, or waits to be. */
enum hf_err __wrap_hf_lookup(struct hf_node *node,
			     const struct hf_lookup_ask *ask,
			     struct hf_arena *arena,
			     struct hf_wire_match_response *out_response,
			     struct hf_why *why)
{
	uint64_t checks = hf_retro_begin(node->retro);
	uint64_t until_us = hf_clock_mono_us() + (uint64_t)patience_ms() * 1000;
	enum hf_err err = __real_hf_lookup(node, ask, arena, out_response, why);

	if (overtaken == NULL)
		return err;
	publish(overtaken, set, sha256_of(digest_of(++lookups)));
	while (is_held ? !is_waited_for(node->retro)
		       : hf_retro_begin(node->retro) == checks) {
		assert_true(hf_clock_mono_us() < until_us);
		sched_yield();
	}
	return err;
}

static void look_up(struct world *world, struct hf_span digest)
{
	const struct hf_digest_batch batch = {
		.algorithm = HF_ALGORITHM_SHA256,
		.digests = digest,
	};
	struct hf_desk_batch *looked;
	struct hf_why why = { "" };
	struct hf_buf message, *reply;

	hf_buf_init(&message, HF_MESSAGE_MAX_BYTES);
	assert_ok(hf_wire_match_request_encode(
			  &(struct hf_wire_match_request){ .batches = &batch,
							   .batches_count = 1 },
			  &message),
		  &why);
	assert_ok(hf_desk_open(world->node.desk, &looked), &why);
	assert_ok(hf_desk_read(looked, hf_buf_span(&message), &form, &why),
		  &why);
	assert_ok(hf_desk_look(looked, &reply, &why), &why);
	hf_desk_close(looked);
	hf_buf_release(&message);
}

/* How many of the items that are remembered have it; it is taken out. */
static uint64_t take_out(struct world *world, struct hf_span digest)
{
	struct hf_retro_gone *gone;
	struct hf_why why = { "" };
	uint64_t items = 0;

	assert_ok(hf_retro_gone_new(&gone, &why), &why);
	assert_ok(hf_retro_gone_add(gone, digest, &why), &why);
	hf_retro_gone_seal(gone);
	assert_ok(hf_retro_strip(world->node.retro, gone, NULL, &items, &why),
		  &why);
	hf_retro_gone_free(gone);
	return items;
}

static void what_is_overtaken_again_and_again_is_remembered(void **state)
{
	static const char looked_up[] = "what nobody published, 32 bytes.";
	struct world *world = *state;
	struct hf_node *node = &world->node;
	struct hf_span digest = hf_span(looked_up, 32);
	struct hf_why why = { "" };
	uint64_t checks, until_us;

	world->conf.state_dir = world->rig.home;
	world->conf.retro_match_ms = DAY_MS;
	world->conf.retro_items_count = 1000;
	agree_kind(&hotline, SET, "hotline.example/cosigner", 1, &partner,
		   DAY_MS / 2, HF_RELAY_NONE, 0);
	open_ledger(world);
	load(world);
	start_feed(world);
	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN, BYTES(SET),
				   &set, &why),
		  &why);
	assert_ok(hf_retro_start(node, &node->retro, &why), &why);
	assert_ok(hf_desk_start(node, &node->desk, &why), &why);

	overtaken = world;
	look_up(world, digest);
	overtaken = NULL;
	assert_int_equal(take_out(world, digest), 1);
	assert_true(lookups > 1 && is_held);

	/* And what had to wait goes on. */
	is_held = false;
	checks = hf_retro_begin(node->retro);
	until_us = hf_clock_mono_us() + (uint64_t)patience_ms() * 1000;
	publish(world, set, sha256_of(digest_of(1000)));
	while (hf_retro_begin(node->retro) == checks) {
		assert_true(hf_clock_mono_us() < until_us);
		sched_yield();
	}
}

static int retro_down(void **state)
{
	struct world *world = *state;

	overtaken = NULL;
	hf_desk_free(world->node.desk);
	world->node.desk = NULL;
	hf_retro_free(world->node.retro);
	return down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_overtaken_again_and_again_is_remembered, up,
			retro_down),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
