#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "case_names.h"

struct shelf {
	char home[64];
	char dir[96];
	struct hf_store *store;
	struct hf_arena arena;
};

static void reopen(struct shelf *shelf)
{
	struct hf_why why = { "" };

	hf_store_close(shelf->store);
	shelf->store = NULL;
	assert_ok(hf_case_names_open(shelf->dir, &shelf->store, &why), &why);
}

static int up(void **state)
{
	struct shelf *shelf = test_calloc(1, sizeof(*shelf));

	*state = shelf;
	hf_arena_init(&shelf->arena, 1 << 20);
	snprintf(shelf->home, sizeof(shelf->home), "%s/hf-names-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(shelf->home) == NULL)
		return -1;
	snprintf(shelf->dir, sizeof(shelf->dir), "%s/names", shelf->home);
	return 0;
}

static int down(void **state)
{
	struct shelf *shelf = *state;
	char command[128];

	hf_store_close(shelf->store);
	hf_arena_release(&shelf->arena);
	snprintf(command, sizeof(command), "rm -rf '%s'", shelf->home);
	if (system(command) != 0)
		print_message("could not remove %s\n", shelf->home);
	test_free(shelf);
	return 0;
}

static bool put(struct shelf *shelf, uint8_t id, const char *name)
{
	uint8_t key[HF_EVENT_ID_BYTES] = { id };
	struct hf_why why = { "" };
	bool is_new;

	assert_ok(hf_case_names_put(shelf->store, key, name, &is_new, &why),
		  &why);
	return is_new;
}

static size_t list(struct shelf *shelf, uint8_t id,
		   const char *const **out_names)
{
	uint8_t key[HF_EVENT_ID_BYTES] = { id };
	struct hf_why why = { "" };
	size_t count;

	assert_ok(hf_case_names_list(shelf->store, key, &shelf->arena,
				     out_names, &count, &why),
		  &why);
	return count;
}

static void a_name_is_kept_once_for_its_case_and_over_a_restart(void **state)
{
	struct shelf *shelf = *state;
	const char *const *names;

	reopen(shelf);
	assert_true(put(shelf, 1, "/srv/a"));
	assert_false(put(shelf, 1, "/srv/a"));
	assert_true(put(shelf, 2, "/srv/a"));
	assert_false(put(shelf, 3, ""));
	reopen(shelf);
	assert_int_equal(list(shelf, 1, &names), 1);
	assert_string_equal(names[0], "/srv/a");
	assert_int_equal(list(shelf, 2, &names), 1);
	assert_int_equal(list(shelf, 3, &names), 0);
	assert_true(hf_case_names_has(
		shelf->store, (uint8_t[HF_EVENT_ID_BYTES]){ 2 }, "/srv/a"));
	assert_false(hf_case_names_has(
		shelf->store, (uint8_t[HF_EVENT_ID_BYTES]){ 2 }, "/srv/b"));
}

static void a_case_has_so_many_names_and_no_more(void **state)
{
	struct shelf *shelf = *state;
	const char *const *names;
	char name[32];

	reopen(shelf);
	for (int i = 0; i < HF_CASE_NAMES_MAX + 3; i++) {
		snprintf(name, sizeof(name), "/srv/%d", i);
		assert_int_equal(put(shelf, 7, name), i < HF_CASE_NAMES_MAX);
	}
	assert_int_equal(list(shelf, 7, &names), HF_CASE_NAMES_MAX);
	assert_int_equal(list(shelf, 8, &names), 0);
}

#define NAMES_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NAMES_TEST(a_name_is_kept_once_for_its_case_and_over_a_restart),
		NAMES_TEST(a_case_has_so_many_names_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
