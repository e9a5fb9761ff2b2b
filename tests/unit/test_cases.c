#include "unit.h"

#include <sched.h>

#include "cases_steps.h"
#include "store.h"

/* The story with nothing wrong in it: what every other test departs from. */
static void a_notice_is_acknowledged_removed_and_confirmed(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE];

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	assert_int_equal(state_of(hotline, id), HF_CASE_NOTICED);
	assert_false(knows_case(provider, id));
	pass(hotline, provider);
	settle(provider);
	assert_int_equal(state_of(provider, id), HF_CASE_ACKNOWLEDGED);
	assert_int_equal(state_of(hotline, id), HF_CASE_NOTICED);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
	say(provider, id, HF_CASE_EVENT_REMOVED, 0);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_REMOVED);
	say(hotline, id, HF_CASE_EVENT_OFFLINE, 0);
	pass_all(world);
	assert_int_equal(state_of(provider, id), HF_CASE_VERIFIED_OFFLINE);
	assert_agree(hotline, provider, id);
	assert_int_equal(count_cases(provider), 1);
}

/* A key that is missing is the operator's to bring back: nothing that came
 * meanwhile is given up. */
static void a_signer_without_its_storage_key_loses_nothing(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE], key[256], aside[256];
	struct hf_why why = { "" };

	begin_world(world);
	snprintf(key, sizeof(key), "%s/storage.key", provider->signer.dir);
	snprintf(aside, sizeof(aside), "%s/storage.aside",
		 provider->signer.dir);
	played_stop(&provider->signer);
	assert_int_equal(rename(key, aside), 0);
	assert_ok(played_start(&provider->signer, &why), &why);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass(hotline, provider);
	assert_int_equal(hf_cases_settle(provider->cases, &why),
			 HF_E_UNAVAILABLE);
	assert_non_null(strstr(why.text, "storage.key"));
	played_stop(&provider->signer);
	assert_int_equal(rename(aside, key), 0);
	assert_ok(played_start(&provider->signer, &why), &why);
	pass_all(world);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
}

/* A ledger that was brought back from what others hold has no records: what
 * was said there cannot be read any more, and everything else goes on. */
static void a_set_without_records_stops_nothing(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	char id[CASE_ID_SIZE], next[CASE_ID_SIZE];
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	struct hf_why why = { "" };

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	party_stop(hotline);
	party_forget_views(hotline);
	assert_ok(hf_ledger_view_begin(hotline->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_next(view, 0, &info, &why), &why);
	hf_ledger_view_end(view);
	for (uint64_t i = 0; i < info.size; i++) {
		assert_ok(hf_ledger_keep(hotline->rig.ledger, info.set, i,
					 hf_span(NULL, 0),
					 hf_ledger_wait_done(hotline->rig.wait),
					 &why),
			  &why);
		(void)!hf_ledger_wait_for(hotline->rig.wait, NULL, &why);
	}
	assert_ok(party_start(hotline, &why), &why);
	settle(hotline);
	assert_false(knows_case(hotline, id));
	notify_of(hotline, "provider.example", HF_REGIME_NTD, next);
	pass_all(world);
	assert_int_equal(state_of(hotline, next), HF_CASE_ACKNOWLEDGED);
}

/* Views that another program wrote are built again. */
static void views_of_another_format_are_built_again(void **state)
{
	static const char *const tables[] = { "sets" };
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	const struct hf_store_options other = {
		.dir = hotline->views_dir,
		.format = "hashfed-views/0",
		.tables = tables,
		.tables_count = 1,
	};
	struct hf_store *store;
	char id[CASE_ID_SIZE];
	struct hf_why why = { "" };

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	party_stop(hotline);
	party_forget_views(hotline);
	assert_ok(hf_store_open(&other, &store, &why), &why);
	hf_store_close(store);
	assert_ok(party_start(hotline, &why), &why);
	settle(hotline);
	assert_int_equal(state_of(hotline, id), HF_CASE_ACKNOWLEDGED);
	assert_agree(hotline, &world->parties[PROVIDER], id);
}

/* Who asks while the first reading cannot be done is told why. */
static void nobody_says_anything_before_the_ledger_was_read(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	char id[CASE_ID_SIZE];
	struct hf_why why = { "" };
	struct asked asked;

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	party_stop(hotline);
	party_forget_views(hotline);
	played_stop(&hotline->signer);
	assert_ok(party_start(hotline, &why), &why);
	assert_int_equal(hf_cases_settle(hotline->cases, &why),
			 HF_E_UNAVAILABLE);
	assert_false(hf_cases_is_caught_up(hotline->cases));
	asked_init(&asked, "provider.example", HF_REGIME_NTD);
	assert_int_equal(try_send(hotline, &asked.request, id, &why),
			 HF_E_UNAVAILABLE);
	assert_non_null(strstr(why.text, "still being read"));
	assert_ok(played_start(&hotline->signer, &why), &why);
	settle(hotline);
	assert_true(hf_cases_is_caught_up(hotline->cases));
	assert_ok(try_send(hotline, &asked.request, id, &why), &why);
}

/* Between "nothing yet" and the first change nothing gets lost. */
static void a_watcher_goes_on_from_where_there_was_nothing(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	uint8_t position[HF_CASES_POSITION_BYTES],
		next[HF_CASES_POSITION_BYTES];
	struct hf_watch_cases_response news;
	struct hf_arena arena;
	struct hf_why why = { "" };
	char id[CASE_ID_SIZE];

	begin_world(world);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	assert_int_equal(hf_cases_next_change(hotline->cases, hf_span(NULL, 0),
					      &arena, position, &news, &why),
			 HF_E_NOTFOUND);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	assert_ok(hf_cases_next_change(hotline->cases,
				       hf_span(position, sizeof(position)),
				       &arena, next, &news, &why),
		  &why);
	assert_string_equal(news.summary->case_id, id);
	assert_int_equal(hf_cases_next_change(hotline->cases,
					      hf_span(next, sizeof(next)),
					      &arena, position, &news, &why),
			 HF_E_NOTFOUND);
	/* The same change, and all that is new was told by then. */
	assert_memory_equal(next, position, 16 + 8);
	hf_arena_release(&arena);
}

/* What a watcher was told first: a letter for each case, capital when it is
 * said to be new. */
static void hear(struct party *party, char (*ids)[CASE_ID_SIZE],
		 uint8_t *position, size_t *position_len, char *out,
		 size_t most)
{
	struct hf_arena arena;
	size_t told = 0;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	while (told < most) {
		uint8_t next[HF_CASES_POSITION_BYTES];
		struct hf_watch_cases_response news;
		struct hf_why why = { "" };
		enum hf_err err = hf_cases_next_change(
			party->cases, hf_span(position, *position_len), &arena,
			next, &news, &why);

		assert_true(err == HF_OK || err == HF_E_NOTFOUND);
		memcpy(position, next, sizeof(next));
		*position_len = sizeof(next);
		if (err == HF_E_NOTFOUND)
			break;
		for (int i = 0; i < 2; i++) {
			if (strcmp(news.summary->case_id, ids[i]) == 0)
				out[told++] =
					(char)((news.is_new ? 'A' : 'a') + i);
		}
	}
	out[told] = '\0';
	hf_arena_release(&arena);
}

static void every_case_is_told_once_as_a_new_one(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	uint8_t position[HF_CASES_POSITION_BYTES];
	size_t position_len = 0;
	char ids[2][CASE_ID_SIZE], told[16];

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, ids[0]);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, ids[1]);
	/* The first has moved behind the second by now. */
	say(hotline, ids[0], HF_CASE_EVENT_RENOTIFY, 0);
	hear(hotline, ids, position, &position_len, told, 1);
	assert_string_equal(told, "B");
	hear(hotline, ids, position, &position_len, told, sizeof(told) - 1);
	assert_string_equal(told, "A");
	say(hotline, ids[1], HF_CASE_EVENT_RENOTIFY, 0);
	hear(hotline, ids, position, &position_len, told, sizeof(told) - 1);
	assert_string_equal(told, "b");
	/* What its clock said and what came then are told both, and it is new
	 * once: to one who comes only now. */
	clock_at(world, NOW_MS + 23 * HOUR_MS);
	say(hotline, ids[0], HF_CASE_EVENT_RENOTIFY, 0);
	position_len = 0;
	hear(hotline, ids, position, &position_len, told, sizeof(told) - 1);
	assert_string_equal(told, "BAa");
}

static void a_draft_that_is_put_again_is_not_told_as_a_new_one(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	uint8_t position[HF_CASES_POSITION_BYTES];
	size_t position_len = 0;
	char ids[2][CASE_ID_SIZE] = { "", "" }, told[16];
	struct hf_why why = { "" };
	struct asked asked;

	begin_world(world);
	asked_init(&asked, "provider.example", HF_REGIME_NTD);
	asked.request.hold = HF_CASE_DRAFT;
	assert_ok(try_send(hotline, &asked.request, ids[0], &why), &why);
	hear(hotline, ids, position, &position_len, told, sizeof(told) - 1);
	assert_string_equal(told, "A");
	asked.notice.explanation = "it is said better now";
	assert_ok(try_send(hotline, &asked.request, ids[0], &why), &why);
	hear(hotline, ids, position, &position_len, told, sizeof(told) - 1);
	assert_string_equal(told, "a");
}

/* What could not be signed was said all the same: what comes next is decided
 * on top of it. */
static void what_was_not_signed_yet_is_followed_all_the_same(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE];
	enum hf_err err;

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	rig_set(&provider->rig.signer, RIG_BEFORE_RECORD, false);
	assert_int_equal(try_say(provider, id, HF_CASE_EVENT_REMOVED, 0),
			 HF_E_UNAVAILABLE);
	assert_int_equal(state_of(provider, id), HF_CASE_ACKNOWLEDGED);
	rig_set(&provider->rig.signer, RIG_NEVER, false);
	/* Somebody else at the provider, who does not know.  The ledger asks
	 * the signer again after a while. */
	while ((err = try_say(provider, id, HF_CASE_EVENT_NEEDS_INFO, 0)) ==
	       HF_E_UNAVAILABLE)
		sched_yield();
	assert_int_equal(err, HF_E_CONFLICT);
	assert_int_equal(state_of(provider, id), HF_CASE_REMOVED);
	pass_all(world);
	assert_agree(hotline, provider, id);
}

#define ALIKE 5

/* All with this hash, a page of two at a time. */
static size_t list_by_hash(struct party *party, const struct hf_hash *hash,
			   char (*out_ids)[CASE_ID_SIZE], size_t most)
{
	char token[32] = "";
	size_t count = 0;

	do {
		const struct hf_list_cases_request request = {
			.page_token = token,
			.page_size = 2,
			.provider = "",
			.hash = hash,
		};
		struct hf_list_cases_response page;
		struct hf_why why = { "" };
		struct hf_arena arena;

		hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
		assert_ok(hf_cases_list(party->cases, &request, &arena, &page,
					&why),
			  &why);
		for (size_t i = 0; i < page.cases_count; i++) {
			assert_true(count < most);
			strcpy(out_ids[count++], page.cases[i].case_id);
		}
		strcpy(token, page.next_page_token);
		hf_arena_release(&arena);
	} while (token[0] != '\0');
	return count;
}

static void cases_with_a_hash_are_listed_by_their_last_change(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	char ids[ALIKE][CASE_ID_SIZE], got[2 * ALIKE][CASE_ID_SIZE];
	struct asked asked, one;
	struct hf_why why = { "" };
	char other[CASE_ID_SIZE];

	begin_world(world);
	asked_init(&one, "provider.example", HF_REGIME_NTD);
	assert_int_equal(list_by_hash(hotline, &one.hash, got, 1), 0);
	for (size_t i = 0; i < ALIKE; i++) {
		asked_init(&asked, "provider.example", HF_REGIME_NTD);
		memcpy(asked.digest, one.digest, sizeof(one.digest));
		assert_ok(try_send(hotline, &asked.request, ids[i], &why),
			  &why);
		notify_of(hotline, "provider.example", HF_REGIME_NTD, other);
	}
	/* The third one changes last. */
	say(hotline, ids[2], HF_CASE_EVENT_WITHDRAW, HF_CASE_REASON_ERROR);
	assert_int_equal(list_by_hash(hotline, &one.hash, got, ROWS(got)),
			 ALIKE);
	assert_string_equal(got[0], ids[2]);
	assert_string_equal(got[1], ids[4]);
	assert_string_equal(got[2], ids[3]);
	assert_string_equal(got[3], ids[1]);
	assert_string_equal(got[4], ids[0]);
	assert_int_equal(count_cases(hotline), 2 * ALIKE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASES_TEST(a_notice_is_acknowledged_removed_and_confirmed),
		CASES_TEST(a_signer_without_its_storage_key_loses_nothing),
		CASES_TEST(a_set_without_records_stops_nothing),
		CASES_TEST(views_of_another_format_are_built_again),
		CASES_TEST(a_watcher_goes_on_from_where_there_was_nothing),
		CASES_TEST(every_case_is_told_once_as_a_new_one),
		CASES_TEST(a_draft_that_is_put_again_is_not_told_as_a_new_one),
		CASES_TEST(what_was_not_signed_yet_is_followed_all_the_same),
		CASES_TEST(nobody_says_anything_before_the_ledger_was_read),
		CASES_TEST(cases_with_a_hash_are_listed_by_their_last_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
