/*
 * What was erased is forgotten, whatever kills the daemon on its way: at every
 * write, sync and rename of a turn it dies once, in a process of its own, and
 * the next run of the same finishes it.
 */
#include "service_world.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "death.h"
#include "file.h"
#include "forget.h"
#include "retro.h"

#define SET "hotline.example/items/1"

/* What the child's exit says where it was not killed. */
#define CAME_TO_ITS_END 7

/* A digest of 32 bytes that nobody else writes, of a round. */
static struct hf_span digest_of(const char *what, long round)
{
	static char text[2][64];
	static unsigned which;
	char *out = text[which++ % 2];

	snprintf(out, sizeof(text[0]), "%-10.10s-of-nobody-%010ld", what,
		 round);
	return hf_span(out, 32);
}

static enum hf_err open_all(struct world *world, struct hf_why *why)
{
	struct hf_node *node = &world->node;
	char path[128];
	enum hf_err err = rig_reopen(&world->rig, why);

	node->ledger = world->rig.ledger;
	if (err == HF_OK)
		err = hf_ring_holder_new(dir, &node->ring, why);
	if (err == HF_OK)
		err = hf_policy_new(NULL, 0, &node->policy, why);
	snprintf(path, sizeof(path), "%s/index", world->rig.home);
	if (err == HF_OK)
		err = hf_index_open(path, &node->index, why);
	snprintf(path, sizeof(path), "%s/retracted", world->rig.home);
	if (err == HF_OK)
		err = hf_index_open(path, &node->retracted, why);
	if (err == HF_OK)
		err = hf_feed_start(node, &node->feed, why);
	if (err == HF_OK)
		err = hf_feed_wait_caught_up(node->feed, patience_ms());
	return err == HF_OK ? hf_retro_start(node, &node->retro, why) : err;
}

static void close_all(struct world *world)
{
	struct hf_node *node = &world->node;

	hf_retro_free(node->retro);
	hf_feed_stop(node->feed);
	hf_index_close(node->retracted);
	hf_index_close(node->index);
	hf_policy_free(node->policy);
	hf_ring_holder_free(node->ring);
	rig_close(&world->rig);
	*node = (struct hf_node){ .conf = node->conf };
}

static int forget_up(void **state)
{
	int rc = up(state);
	struct world *world = *state;

	if (rc != 0)
		return rc;
	/* Where there is memory to write to. */
	world->conf.state_dir = world->rig.home;
	world->conf.retro_match_ms = DAY_MS;
	world->conf.retro_items_count = 1000;
	world->rig.options.keeps_leaving = true;
	return 0;
}

static int forget_down(void **state)
{
	struct world *world = *state;

	close_all(world);
	return down(state);
}

/* An own set, and the node as it is when it runs. */
static uint32_t begin(struct world *world)
{
	struct hf_why why = { "" };
	uint32_t set;

	agree_kind(&hotline, SET, "hotline.example/cosigner", 1, &partner,
		   DAY_MS / 2, HF_RELAY_NONE, 0);
	assert_ok(open_all(world, &why), &why);
	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN, BYTES(SET),
				   &set, &why),
		  &why);
	return set;
}

/* Publish a digest, and erase it again. */
static void publish_and_erase(struct world *world, uint32_t set,
			      struct hf_span digest)
{
	struct hf_ledger_draft draft = { .op = HF_OP_ERASE };
	struct hf_ledger_receipt receipt;
	struct hf_why why = { "" };

	draft.target = publish(world, set, sha256_of(digest));
	assert_ok(rig_append_one(&world->rig, set, draft, &receipt, &why),
		  &why);
	assert_int_equal(hf_feed_wait(world->node.feed, set, receipt.size,
				      patience_ms()),
			 HF_OK);
}

/* An upload that somebody looks up. */
static void look_up(struct world *world, struct hf_span digest)
{
	const struct hf_digest_batch batch = { .algorithm = HF_ALGORITHM_SHA256,
					       .digests = digest };
	const struct hf_wire_match_request request = { .batches = &batch,
						       .batches_count = 1 };
	const struct hf_wire_match_response response = { .items = 1 };
	struct hf_retro *retro = world->node.retro;

	while (!hf_retro_keep(retro, hf_retro_begin(retro), &request,
			      &response))
		;
}

/* Is it in the file of this store? */
static bool is_in(const char *dir_of_store, struct hf_span bytes)
{
	char path[200];
	struct hf_why why = { "" };
	struct hf_buf file;
	bool is_there;

	snprintf(path, sizeof(path), "%s/data.mdb", dir_of_store);
	hf_buf_init(&file, (size_t)64 << 20);
	assert_ok(hf_file_read(path, &file, &why), &why);
	is_there = memmem(file.at, file.len_bytes, bytes.at, bytes.len_bytes) !=
		   NULL;
	hf_buf_release(&file);
	return is_there;
}

static bool is_remembered(const struct world *world, struct hf_span bytes)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/retro", world->rig.home);
	return is_in(path, bytes);
}

static uint64_t erasing(struct world *world)
{
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint64_t count, since_ms;

	assert_ok(hf_ledger_view_begin(world->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_erasing(view, &count, &since_ms, &why), &why);
	hf_ledger_view_end(view);
	return count;
}

/* Does the ledger say of what is to be forgotten? */
static bool is_leaving(struct world *world)
{
	struct hf_ledger_leaving leaving;
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	bool is;

	assert_ok(hf_ledger_view_begin(world->rig.ledger, &view, &why), &why);
	is = hf_ledger_leaving_next(view, 0, &leaving, NULL) == HF_OK;
	hf_ledger_view_end(view);
	return is;
}

static enum hf_err turn(struct world *world, struct hf_forgotten *out,
			struct hf_why *why)
{
	enum hf_err err = hf_forget(&world->node, NULL, out, why);

	return err == HF_OK ? hf_ledger_compact(world->rig.ledger, NULL, why)
			    : err;
}

/* True when it died before its end. */
static bool turn_and_die(struct world *world, long dies_at)
{
	struct hf_forgotten forgotten;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (open_all(world, NULL) != HF_OK)
			_exit(3);
		atomic_store(&countdown, dies_at);
		_exit(turn(world, &forgotten, NULL) == HF_OK ? CAME_TO_ITS_END
							     : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), CAME_TO_ITS_END);
	else
		assert_int_equal(WTERMSIG(status), SIGKILL);
	return !WIFEXITED(status);
}

static void death_at_any_write_sync_or_rename_only_delays_it(void **state)
{
	struct world *world = *state;
	uint32_t set = begin(world);
	struct hf_why why = { "" };
	unsigned unfinished = 0, half_done = 0;
	bool has_died = true;
	long at;

	look_up(world, digest_of("stays", 0));
	for (at = 1; has_died; at++) {
		struct hf_forgotten forgotten;
		struct hf_span doomed = digest_of("erased", at);

		publish_and_erase(world, set, doomed);
		look_up(world, doomed);
		close_all(world);
		assert_true(is_remembered(world, doomed));
		has_died = turn_and_die(world, at);
		assert_ok(open_all(world, &why), &why);
		/* Whatever is left to be done is known. */
		if (is_remembered(world, doomed) && !is_leaving(world))
			fail_msg("death at call %ld: it is not known any more "
				 "what to forget",
				 at);
		if (is_in(world->rig.dir, doomed) && erasing(world) == 0)
			fail_msg("death at call %ld: it counts as done", at);
		unfinished += is_remembered(world, doomed);
		half_done += !is_remembered(world, doomed) && is_leaving(world);
		assert_true(has_died || erasing(world) == 0);

		assert_ok(turn(world, &forgotten, &why), &why);
		assert_int_equal(erasing(world), 0);
		assert_false(is_leaving(world));
		assert_false(is_remembered(world, doomed));
		assert_false(is_in(world->rig.dir, doomed));
		assert_true(is_remembered(world, digest_of("stays", 0)));
	}
	/* Commits, copies and swaps of two stores have many more than that, and
	 * some are before it is forgotten, and some behind. */
	assert_true(at > 30 && unfinished > 5 && half_done > 2);
}

static void what_is_read_together_is_forgotten_together(void **state)
{
	struct world *world = *state;
	uint32_t set = begin(world);
	struct hf_forgotten forgotten;
	struct hf_why why = { "" };
	atomic_bool is_over = true;

	for (long i = 0; i < 5; i++) {
		publish_and_erase(world, set, digest_of("erased", i));
		look_up(world, digest_of("erased", i));
		look_up(world, digest_of("stays", i));
	}
	/* One that no item has. */
	publish_and_erase(world, set, digest_of("nowhere", 0));
	assert_int_equal(hf_forget(&world->node, &is_over, &forgotten, &why),
			 HF_E_CANCELLED);
	assert_true(is_leaving(world));
	/* What waits for the disk is forgotten with what is on it. */
	assert_ok(turn(world, &forgotten, &why), &why);
	assert_int_equal(forgotten.payloads, 6);
	assert_int_equal(forgotten.digests, 6);
	assert_int_equal(forgotten.items, 5);
	for (long i = 0; i < 5; i++) {
		assert_false(is_remembered(world, digest_of("erased", i)));
		assert_true(is_remembered(world, digest_of("stays", i)));
	}
	assert_ok(turn(world, &forgotten, &why), &why);
	assert_int_equal(forgotten.payloads, 0);
	/* What is looked up now is new. */
	look_up(world, digest_of("erased", 0));
	close_all(world);
	assert_true(is_remembered(world, digest_of("erased", 0)));
}

#define FORGET_TEST(name)                                                      \
	cmocka_unit_test_setup_teardown(name, forget_up, forget_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FORGET_TEST(death_at_any_write_sync_or_rename_only_delays_it),
		FORGET_TEST(what_is_read_together_is_forgotten_together),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
