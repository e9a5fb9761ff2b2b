#include "unit.h"

#include <stdatomic.h>

#include "roles_world.h"

/* What is done the next time that the roles' thread has looked at the ledger
 * and is about to ask the ring what of it is a directory. */
static void (*_Atomic between)(struct world *world);
static struct world *between_world;

struct hf_ring *__real_hf_ring_holder_get(struct hf_ring_holder *holder);
struct hf_ring *__wrap_hf_ring_holder_get(struct hf_ring_holder *holder);

struct hf_ring *__wrap_hf_ring_holder_get(struct hf_ring_holder *holder)
{
	void (*now)(struct world * world) = atomic_exchange(&between, NULL);

	if (now != NULL)
		now(between_world);
	return __real_hf_ring_holder_get(holder);
}

struct seen {
	struct hf_roles_row rows[16];
	size_t count;
	size_t most;
};

static bool see(void *arg, const struct hf_roles_row *row)
{
	struct seen *seen = arg;

	assert_true(seen->count < ROWS(seen->rows));
	seen->rows[seen->count++] = *row;
	return seen->count < seen->most;
}

static void list(struct world *world, uint64_t at_ms, struct seen *seen)
{
	*seen = (struct seen){ .most = ROWS(seen->rows) };
	hf_roles_list(world->roles, 0, 0, at_ms, see, seen);
}

static void a_list_says_what_counts_and_why_the_rest_does_not(void **state)
{
	const struct {
		uint64_t index;
		bool is_ours;
		const char *why_not; /* NULL: counts */
	} want[] = {
		{ 0, true, NULL },
		{ 3, true, NULL },
		{ 4, true, "not begun" },
		{ 5, true, "ended" },
		{ 0, false, "attest-flagger" },
		{ 1, false, "who is provider" },
	};
	struct world *world = *state;
	struct seen seen, page;

	open_world(world);
	say(world, world->ours, &partner, HF_ROLE_HOTLINE, NOW_MS, 0); /* 0 */
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->ours, &provider, FLAGGER, NOW_MS, NOW_MS + 50);
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->ours, &provider, FLAGGER, NOW_MS + 100, 0);
	say(world, world->ours, &partner, FLAGGER, NOW_MS, NOW_MS + 1);
	say(world, world->theirs, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->theirs, &provider, HF_ROLE_PROVIDER, NOW_MS, 0);
	start_roles(world);
	list(world, NOW_MS + 10, &seen);
	assert_int_equal(seen.count, ROWS(want));
	for (size_t i = 0; i < ROWS(want); i++) {
		const struct hf_roles_row *row = &seen.rows[i];

		assert_int_equal(row->index, want[i].index);
		assert_int_equal(row->set,
				 want[i].is_ours ? world->ours : world->theirs);
		assert_int_equal(row->counts, want[i].why_not == NULL);
		if (want[i].why_not != NULL &&
		    strstr(row->why_not.text, want[i].why_not) == NULL)
			fail_msg("row %zu: %s", i, row->why_not.text);
	}
	/* A page at a time gives the same. */
	for (size_t i = 0; i < seen.count; i++) {
		page = (struct seen){ .most = 1 };
		hf_roles_list(world->roles, i > 0 ? seen.rows[i - 1].set : 0,
			      i > 0 ? seen.rows[i - 1].index : 0, NOW_MS + 10,
			      see, &page);
		assert_int_equal(page.count, 1);
		assert_int_equal(page.rows[0].set, seen.rows[i].set);
		assert_int_equal(page.rows[0].index, seen.rows[i].index);
	}
	/* Once it begins, only the later one is shown. */
	list(world, NOW_MS + 100, &seen);
	assert_int_equal(seen.count, ROWS(want) - 1);
	assert_int_equal(seen.rows[1].index, 4);
	assert_true(seen.rows[1].counts);
}

static void the_last_word_in_a_set_is_found(void **state)
{
	struct world *world = *state;
	struct hf_attestation named = claim_of(&provider, FLAGGER, 1, 0);
	uint64_t index = 99;
	uint32_t set = 0;

	open_world(world);
	start_roles(world);
	assert_int_equal(hf_roles_find(world->roles, world->ours, provider.id,
				       "", FLAGGER, &set, &index),
			 HF_E_NOTFOUND);
	assert_int_equal(index, 99);
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->ours, &provider, FLAGGER, NOW_MS + 1, 0);
	say(world, world->theirs, &provider, FLAGGER, NOW_MS, 0);
	named.organisation_id = hf_span(NULL, 0);
	put_claim(world, world->ours, &named);
	assert_int_equal(hf_roles_find(world->roles, world->ours, provider.id,
				       "", FLAGGER, &set, &index),
			 HF_OK);
	assert_int_equal(index, 1);
	assert_int_equal(set, world->ours);
	assert_int_equal(hf_roles_find(world->roles, world->ours, NULL,
				       "provider.example", FLAGGER, &set,
				       &index),
			 HF_OK);
	assert_int_equal(index, 2);
}

/* ---- growing ---- */

static void directories_are_found_when_they_come(void **state)
{
	struct world *world = *state;
	struct hf_why why = { "" };
	uint32_t items, late;

	open_world(world);
	start_roles(world);
	/* A set of another kind says nothing, whatever is in it. */
	agree_until(&hotline, "hotline.example/items/1", 1, 0,
		    NOW_MS + 50 * DAY_MS);
	items = set_of(world, "hotline.example/items/1");
	/* First the set, then what it is. */
	late = set_of(world, "hotline.example/late/1");
	world->roles = (hf_roles_free(world->roles), NULL);
	say(world, items, &provider, HF_ROLE_HOTLINE, NOW_MS, 0);
	start_roles(world);
	agree(&hotline, "hotline.example/late/1");
	assert_ok(hf_ring_holder_reload(world->ring, &why), &why);
	hf_roles_changed(world->roles);
	say(world, late, &provider, FLAGGER, NOW_MS, 0);
	assert_true(is_flagger(world, &provider, NOW_MS));
	/* First what it is, then the set. */
	agree(&hotline, "hotline.example/later/1");
	assert_ok(hf_ring_holder_reload(world->ring, &why), &why);
	hf_roles_changed(world->roles);
	late = set_of(world, "hotline.example/later/1");
	say(world, late, &partner, FLAGGER, NOW_MS, 0);
	assert_true(is_flagger(world, &partner, NOW_MS));
	assert_false(hf_roles_has(world->roles, provider.id, HF_ROLE_HOTLINE,
				  NOW_MS));
	assert_int_equal(hf_roles_wait(world->roles, items, 1, 1),
			 HF_E_DEADLINE);
}

/* A batch of claims about made-up names. */
static void say_many(struct world *world, uint32_t set, size_t first,
		     size_t count, uint64_t from_ms, bool is_one_name)
{
	static struct hf_ledger_draft drafts[1024];
	static uint8_t bytes[1024][64];
	struct hf_ledger_batch batch = { .set = set, .drafts = drafts };
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };
	char name[32];

	while (count > 0) {
		size_t now = count < ROWS(drafts) ? count : ROWS(drafts);

		for (size_t i = 0; i < now; i++) {
			struct hf_attestation claim = { .name = name,
							.role = FLAGGER };
			struct hf_buf buf;

			snprintf(name, sizeof(name), "n%zu.example",
				 is_one_name ? 0 : first + i);
			claim.from_ms = from_ms + (is_one_name ? first + i : 0);
			hf_buf_init(&buf, sizeof(bytes[0]));
			assert_int_equal(hf_attestation_encode(&claim, &buf),
					 HF_OK);
			memcpy(bytes[i], buf.at, buf.len_bytes);
			drafts[i] = (struct hf_ledger_draft){
				.op = HF_OP_STATUS,
				.target = HF_LEDGER_SELF,
				.payload = hf_span(bytes[i], buf.len_bytes),
			};
			hf_buf_release(&buf);
		}
		batch.drafts_count = now;
		assert_ok(rig_append(&world->rig, &batch, &receipt, &why),
			  &why);
		first += now;
		count -= now;
	}
	assert_int_equal(
		hf_roles_wait(world->roles, set, receipt.size, patience_ms()),
		HF_OK);
}

static bool count_row(void *arg, const struct hf_roles_row *row)
{
	(*(size_t *)arg)++;
	return true;
}

static void count_up(void *arg)
{
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELEASE);
}

static void who_watches_is_told_when_answers_may_change(void **state)
{
	struct world *world = *state;
	uint64_t before;
	int told = 0;

	open_world(world);
	start_roles(world);
	before = hf_roles_version(world->roles);
	hf_roles_watch(world->roles, count_up, &told);
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	assert_true(hf_roles_version(world->roles) > before);
	assert_true(__atomic_load_n(&told, __ATOMIC_ACQUIRE) > 0);
	before = hf_roles_version(world->roles);
	hf_roles_changed(world->roles);
	assert_true(hf_roles_version(world->roles) > before);
	hf_roles_watch(world->roles, NULL, &told);
	told = 0;
	say(world, world->ours, &partner, FLAGGER, NOW_MS, 0);
	assert_int_equal(told, 0);
}

static void a_flood_of_claims_has_an_end(void **state)
{
	struct world *world = *state;
	struct hf_attestation claim = { .name = "n5.example", .role = FLAGGER };
	size_t count = 0;

	if (getenv("HF_FAIL_ALLOC") != NULL)
		return; /* an allocation a claim: nothing new, many times */
	may_attest(world, "partner.example", BIT(FLAGGER));
	open_world(world);
	start_roles(world);
	say_many(world, world->theirs, 0, HF_ROLES_CLAIMS_MAX + 100, NOW_MS,
		 false);
	hf_roles_list(world->roles, 0, 0, NOW_MS, count_row, &count);
	assert_int_equal(count, HF_ROLES_CLAIMS_MAX);
	/* What was taken in can still be ended, and said anew. */
	claim.from_ms = NOW_MS + 1;
	claim.until_ms = NOW_MS + 1;
	put_claim(world, world->theirs, &claim);
	count = 0;
	hf_roles_list(world->roles, 0, 0, NOW_MS + 1, count_row, &count);
	assert_int_equal(count, HF_ROLES_CLAIMS_MAX);
	/* And it takes nothing from others. */
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	assert_true(is_flagger(world, &provider, NOW_MS));
}

static void a_long_history_forgets_its_beginning(void **state)
{
	struct world *world = *state;
	struct hf_attestation end = { .name = "n0.example", .role = FLAGGER };
	struct seen seen;
	uint64_t index;
	uint32_t set;

	if (getenv("HF_FAIL_ALLOC") != NULL)
		return;
	open_world(world);
	start_roles(world);
	say_many(world, world->ours, 0, 500, NOW_MS, true);
	list(world, NOW_MS + 10000, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.rows[0].index, 499);
	/* One of the newest is still known, one of the oldest is not. */
	list(world, NOW_MS + 499 - HF_ROLES_HISTORY_MAX + 1, &seen);
	assert_int_equal(seen.count, 2);
	list(world, NOW_MS + 100, &seen);
	assert_int_equal(seen.count, 1);
	assert_false(seen.rows[0].counts);
	end.from_ms = NOW_MS;
	end.until_ms = NOW_MS;
	put_claim(world, world->ours, &end);
	assert_int_equal(hf_roles_find(world->roles, world->ours, NULL,
				       "n0.example", FLAGGER, &set, &index),
			 HF_OK);
	assert_int_equal(index, 500);
	list(world, NOW_MS + 10000, &seen);
	assert_int_equal(seen.count, 1);
	assert_false(seen.rows[0].counts);
}

struct asker {
	struct world *world;
	bool *must_stop;
	size_t wrong;
};

static void *ask_on(void *arg)
{
	struct asker *asker = arg;

	while (!__atomic_load_n(asker->must_stop, __ATOMIC_ACQUIRE)) {
		size_t count = 0;

		if (!is_flagger(asker->world, &provider, NOW_MS) ||
		    hf_roles_powers(asker->world->roles, partner.id, NOW_MS) !=
			    BIT(HF_POWER_ATTEST_FLAGGER))
			asker->wrong++;
		hf_roles_list(asker->world->roles, 0, 0, NOW_MS, count_row,
			      &count);
		asker->wrong += count < 2;
	}
	return NULL;
}

static void many_ask_while_directories_grow(void **state)
{
	struct world *world = *state;
	struct asker askers[4];
	pthread_t threads[ROWS(askers)];
	bool must_stop = false;
	struct hf_why why = { "" };

	if (getenv("HF_FAIL_ALLOC") != NULL)
		return; /* a test that fails would leave threads behind */
	open_world(world);
	say_authority(world, world->ours, &partner, HF_POWER_ATTEST_FLAGGER,
		      "NL", NOW_MS, 0);
	say(world, world->theirs, &provider, FLAGGER, NOW_MS, 0);
	start_roles(world);
	for (size_t i = 0; i < ROWS(askers); i++) {
		askers[i] = (struct asker){ world, &must_stop, 0 };
		assert_int_equal(
			pthread_create(&threads[i], NULL, ask_on, &askers[i]),
			0);
	}
	for (size_t i = 0; i < 50; i++) {
		say(world, world->ours, &hotline, HF_ROLE_HOTLINE, NOW_MS + i,
		    0);
		if (i % 10 == 0) {
			assert_ok(hf_ring_holder_reload(world->ring, &why),
				  &why);
			hf_roles_changed(world->roles);
		}
	}
	__atomic_store_n(&must_stop, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < ROWS(askers); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ROWS(askers); i++)
		assert_int_equal(askers[i].wrong, 0);
}

/* The writer tells of the first before it takes the second. */
static void say_meanwhile(struct world *world)
{
	say(world, world->theirs, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->ours, &provider, HF_ROLE_HOTLINE, NOW_MS, 0);
}

/* It was known, and was no directory: what it says while it becomes one is in
 * no view of before, and told to nobody. */
static void what_comes_while_directories_are_looked_for_is_read(void **state)
{
	struct world *world = *state;
	struct hf_roles *roles;
	struct hf_why why = { "" };
	enum hf_err err;

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(enrol(&provider, &why), &why);
	agree(&hotline, OURS);
	assert_ok(rig_reopen(&world->rig, &why), &why);
	world->theirs = set_of(world, THEIRS);
	world->ours = set_of(world, OURS);
	may_attest(world, "partner.example", BIT(FLAGGER));
	start_roles(world);
	say(world, world->ours, &partner, HF_ROLE_HOTLINE, NOW_MS, 0);

	agree(&partner, THEIRS);
	assert_ok(hf_ring_follow(dir, BYTES(THEIRS), &why), &why);
	assert_ok(hf_ring_holder_reload(world->ring, &why), &why);
	/* Its thread says it, and cannot wait for itself. */
	roles = world->roles;
	world->roles = NULL;
	between_world = world;
	between = say_meanwhile;
	hf_roles_changed(roles);
	err = hf_roles_wait(roles, world->theirs, 1, patience_ms());
	world->roles = roles;
	assert_int_equal(err, HF_OK);
	assert_true(is_flagger(world, &provider, NOW_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_list_says_what_counts_and_why_the_rest_does_not),
		WORLD_TEST(what_comes_while_directories_are_looked_for_is_read),
		WORLD_TEST(the_last_word_in_a_set_is_found),
		WORLD_TEST(directories_are_found_when_they_come),
		WORLD_TEST(who_watches_is_told_when_answers_may_change),
		WORLD_TEST(a_flood_of_claims_has_an_end),
		WORLD_TEST(a_long_history_forgets_its_beginning),
		WORLD_TEST(many_ask_while_directories_grow),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
