#include "service_world.h"

#include <dirent.h>

#include "applied.h"
#include "file.h"
#include "ledger_view.h"
#include "receipts.h"

/* An own set with some entries, of which the partner is the one member. */
struct scene {
	struct world *world;
	struct hf_receipts *receipts;
	struct hf_ring *ring;
	char dir[128];
	uint32_t set;
};

static void scene_open(struct scene *scene)
{
	struct hf_why why = { "" };

	hf_receipts_close(scene->receipts);
	scene->receipts = NULL;
	assert_ok(hf_receipts_open(scene->dir, &scene->receipts, &why), &why);
}

static void scene_begin(struct scene *scene, struct world *world)
{
	struct hf_why why = { "" };

	*scene = (struct scene){ .world = world };
	snprintf(scene->dir, sizeof(scene->dir), "%s/receipts", home);
	open_ledger(world);
	agree(&hotline, OURS, "hotline.example/cosigner", 1, &partner,
	      (int64_t)DAY_MS / 2, HF_RELAY_NONE);
	load(world);
	assert_ok(hf_ledger_create(world->rig.ledger, HF_LEDGER_OWN,
				   BYTES(OURS), &scene->set, &why),
		  &why);
	assert_ok(rig_append_many(&world->rig, scene->set, 0, 5, &why), &why);
	scene->ring = hf_ring_holder_get(world->node.ring);
	scene_open(scene);
}

static void scene_end(struct scene *scene)
{
	hf_receipts_close(scene->receipts);
	hf_ring_release(scene->ring);
}

static struct hf_tree_hash root_at(const struct scene *scene, uint64_t size)
{
	struct hf_ledger_view *view;
	struct hf_tree_hash root;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_view_begin(scene->world->rig.ledger, &view, &why),
		  &why);
	assert_ok(hf_ledger_root(view, scene->set, size, &root, &why), &why);
	hf_ledger_view_end(view);
	return root;
}

/* A receipt signed by somebody in the name of somebody, about our set. */
struct word {
	const char *what;
	const struct made_up *of;
	const struct made_up *by;
	uint64_t size;
	int64_t in_ms; /* from now */
	bool has_other_root;
	enum hf_err want;
};

static enum hf_err say(struct scene *scene, const struct word *word,
		       uint64_t now_ms)
{
	struct hf_tree_hash root = root_at(scene, word->size % 6);
	struct hf_applied_receipt receipt = {
		.origin = OURS,
		.organisation_id = hf_span(word->of->id, HF_HASH_BYTES),
		.size = word->size,
		.root = hf_span(root.bytes, HF_HASH_BYTES),
		.at_ms = now_ms + (uint64_t)word->in_ms,
	};
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf bytes;
	enum hf_err err;

	root.bytes[0] ^= word->has_other_root;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&bytes, HF_MESSAGE_MAX_BYTES);
	assert_ok(hf_applied_make(&receipt, word->by->notice, &bytes, &why),
		  &why);
	assert_ok(hf_applied_receipt_parse(hf_buf_span(&bytes), &arena,
					   &receipt, &why),
		  &why);
	err = hf_receipts_take(scene->receipts, scene->ring,
			       scene->world->rig.ledger, &receipt, &why);
	hf_buf_release(&bytes);
	hf_arena_release(&arena);
	return err;
}

static uint64_t size_said(struct scene *scene)
{
	struct hf_receipt_row row;

	return hf_receipts_get(scene->receipts, OURS, partner.id, &row)
		       ? row.size
		       : UINT64_MAX;
}

static void the_newest_word_of_a_member_counts_and_no_other(void **state)
{
	const struct word rows[] = {
		/* clang-format off */
		{ "first",               &partner,  &partner,  3, 0,       false, HF_OK },
		{ "once more",           &partner,  &partner,  3, 0,       false, HF_E_EXISTS },
		{ "too soon",            &partner,  &partner,  5, 999,     false, HF_E_EXISTS },
		{ "an older one",        &partner,  &partner,  5, -1000,   false, HF_E_EXISTS },
		{ "by another's key",    &partner,  &provider, 5, 1000,    false, HF_E_SIGNATURE },
		{ "by no member",        &provider, &provider, 5, 1000,    false, HF_E_NOTFOUND },
		{ "by the publisher",    &hotline,  &hotline,  5, 1000,    false, HF_E_NOTFOUND },
		{ "another tree",        &partner,  &partner,  5, 1000,    true,  HF_E_PROOF },
		{ "from the future",     &partner,  &partner,  5, 900000,  false, HF_E_EXPIRED },
		{ "further",             &partner,  &partner,  5, 1000,    false, HF_OK },
		{ "further than we are", &partner,  &partner,  9, 2000,    true,  HF_OK },
		{ "set back",            &partner,  &partner,  2, 3000,    false, HF_OK },
		/* clang-format on */
	};
	uint64_t now_ms = hf_clock_wall_ms(), want = UINT64_MAX;
	struct scene scene;

	scene_begin(&scene, *state);
	assert_true(size_said(&scene) == want);
	for (size_t i = 0; i < ROWS(rows); i++) {
		enum hf_err err = say(&scene, &rows[i], now_ms);

		if (err != rows[i].want)
			fail_msg("%s: %s", rows[i].what, hf_err_name(err));
		if (err == HF_OK)
			want = rows[i].size;
		assert_true(size_said(&scene) == want);
		/* The same after a restart. */
		scene_open(&scene);
		assert_true(size_said(&scene) == want);
	}
	scene_end(&scene);
}

static void receipts_are_told_in_the_order_they_came(void **state)
{
	const struct word first = { "", &partner, &partner, 1, 0, false, 0 };
	const struct word second = {
		"", &partner, &partner, 2, 1000, false, 0
	};
	uint64_t now_ms = hf_clock_wall_ms();
	struct hf_receipt_row row;
	struct scene scene;
	uint64_t told;

	scene_begin(&scene, *state);
	assert_false(hf_receipts_next(scene.receipts, OURS, 0, &row));
	assert_int_equal(say(&scene, &first, now_ms), HF_OK);
	assert_true(hf_receipts_next(scene.receipts, OURS, 0, &row));
	assert_int_equal(row.size, 1);
	told = row.number;
	assert_false(hf_receipts_next(scene.receipts, OURS, told, &row));
	assert_int_equal(say(&scene, &second, now_ms), HF_OK);
	assert_true(hf_receipts_next(scene.receipts, OURS, told, &row));
	assert_int_equal(row.size, 2);
	assert_false(hf_receipts_next(scene.receipts, THEIRS, 0, &row));
	scene_end(&scene);
}

/* The one file there is. */
static void path_of_file(const struct scene *scene, char *path, size_t size)
{
	const struct dirent *entry;
	DIR *files = opendir(scene->dir);

	assert_non_null(files);
	path[0] = '\0';
	while ((entry = readdir(files)) != NULL) {
		if (entry->d_name[0] != '.')
			snprintf(path, size, "%s/%.64s", scene->dir,
				 entry->d_name);
	}
	closedir(files);
}

static void a_damaged_file_is_let_go(void **state)
{
	const struct word word = { "", &partner, &partner, 3, 0, false, 0 };
	struct hf_why why = { "" };
	struct scene scene;
	char path[256];

	scene_begin(&scene, *state);
	assert_int_equal(say(&scene, &word, hf_clock_wall_ms()), HF_OK);
	path_of_file(&scene, path, sizeof(path));
	assert_ok(hf_file_replace(path, BYTES("\xff no receipt"), 0600, &why),
		  &why);
	scene_open(&scene);
	assert_true(size_said(&scene) == UINT64_MAX);
	path_of_file(&scene, path, sizeof(path));
	assert_string_equal(path, "");
	assert_int_equal(say(&scene, &word, hf_clock_wall_ms()), HF_OK);
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_newest_word_of_a_member_counts_and_no_other),
		WORLD_TEST(receipts_are_told_in_the_order_they_came),
		WORLD_TEST(a_damaged_file_is_let_go),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
