#include "unit.h"

#include "cases_forge.h"
#include "leaf.h"

/* Entries of this kind in the set that one writes for the other, and the
 * payload of the last. */
static size_t count_entries(struct party *from, struct party *to, enum hf_op op,
			    struct hf_buf *out_last)
{
	uint32_t set = forge_set(from, to, NULL);
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	struct hf_why why = { "" };
	size_t count = 0;

	assert_ok(hf_ledger_view_begin(from->rig.ledger, &view, &why), &why);
	assert_ok(hf_ledger_info(view, set, &info, &why), &why);
	for (uint64_t i = 0; i < info.size; i++) {
		struct hf_ledger_entry entry;
		struct hf_header header;

		assert_ok(hf_ledger_entry(view, set, i, &entry, &why), &why);
		assert_ok(hf_header_parse(entry.header, &header, &why), &why);
		if (header.op != op)
			continue;
		count++;
		if (out_last != NULL) {
			hf_buf_reset(out_last);
			hf_buf_put(out_last, entry.payload);
		}
	}
	hf_ledger_view_end(view);
	return count;
}

/* Which key the last event that one sealed for the other is for. */
static void last_key_id(struct party *from, struct party *to, uint8_t *out_id)
{
	struct hf_envelope envelope;
	struct hf_why why = { "" };
	struct hf_buf last;

	hf_buf_init(&last, HF_PAYLOAD_MAX_BYTES);
	assert_true(count_entries(from, to, HF_OP_STATUS, &last) > 0);
	assert_ok(hf_envelope_parse(hf_buf_span(&last), &envelope, &why), &why);
	memcpy(out_id, envelope.header.receive_key_id, HF_RECEIVE_KEY_ID_BYTES);
	hf_buf_release(&last);
}

/* The newest key that one announced to the other. */
static void announced_id(struct party *from, struct party *to, uint8_t *out_id)
{
	struct hf_receive_key key;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf last;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&last, HF_PAYLOAD_MAX_BYTES);
	assert_true(count_entries(from, to, HF_OP_KEY, &last) > 0);
	assert_ok(hf_receive_key_parse(hf_buf_span(&last), &arena, &key, &why),
		  &why);
	hf_receive_key_id(key.key.at, out_id);
	hf_buf_release(&last);
	hf_arena_release(&arena);
}

static void a_new_key_is_announced_everywhere_and_used(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	struct party *authority = &world->parties[AUTHORITY];
	uint8_t first[HF_RECEIVE_KEY_ID_BYTES], used[HF_RECEIVE_KEY_ID_BYTES],
		announced[HF_RECEIVE_KEY_ID_BYTES];
	char id[CASE_ID_SIZE];

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	pass_all(world);
	say_to(hotline, id, HF_CASE_EVENT_ESCALATE_AUTHORITY,
	       "authority.example");
	pass_all(world);
	last_key_id(hotline, provider, first);
	assert_int_equal(count_entries(hotline, provider, HF_OP_KEY, NULL), 1);
	assert_int_equal(count_entries(hotline, authority, HF_OP_KEY, NULL), 1);
	clock_at(world, NOW_MS + 29 * DAY_MS);
	assert_int_equal(count_entries(provider, hotline, HF_OP_KEY, NULL), 1);
	/* Sealed for the old key, and on its way while there is a new one. */
	say(hotline, id, HF_CASE_EVENT_INFO, 0);

	clock_at(world, NOW_MS + 31 * DAY_MS);
	assert_int_equal(count_entries(hotline, provider, HF_OP_KEY, NULL), 2);
	assert_int_equal(count_entries(hotline, authority, HF_OP_KEY, NULL), 2);
	assert_int_equal(count_entries(provider, hotline, HF_OP_KEY, NULL), 2);
	clock_at(world, NOW_MS + 31 * DAY_MS + 1);
	restart(provider);
	assert_int_equal(count_entries(provider, hotline, HF_OP_KEY, NULL), 2);

	announced_id(provider, hotline, announced);
	assert_memory_not_equal(announced, first, sizeof(first));
	pass(provider, hotline);
	settle(hotline);
	say(hotline, id, HF_CASE_EVENT_INFO, 0);
	last_key_id(hotline, provider, used);
	assert_memory_equal(used, announced, sizeof(used));
	pass_all(world);
	assert_int_equal(count_of(provider, id, HF_CASE_EVENT_INFO), 2);
	assert_agree(hotline, provider, id);
}

static void a_destroyed_key_opens_nothing_and_takes_nothing_away(void **state)
{
	struct world *world = *state;
	struct party *hotline = &world->parties[HOTLINE];
	struct party *provider = &world->parties[PROVIDER];
	char id[CASE_ID_SIZE], other[CASE_ID_SIZE];
	struct hf_why why = { "" };
	struct seen before, after;

	begin_world(world);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, id);
	notify_of(hotline, "provider.example", HF_REGIME_NTD, other);
	pass_all(world);
	say(provider, id, HF_CASE_EVENT_REMOVED, 0);
	say(provider, other, HF_CASE_EVENT_REMOVED, 0);
	pass_all(world);
	see_case(provider, id, &before);
	assert_int_equal(before.got.events_count, 3);
	/* For the first key, which is destroyed before this arrives. */
	say(hotline, id, HF_CASE_EVENT_OFFLINE, 0);
	clock_at(world, NOW_MS + 31 * DAY_MS);
	clock_at(world, NOW_MS + 122 * DAY_MS);
	listen_to_log();
	pass(hotline, provider);
	settle(provider);
	assert_int_equal(heard("err=DENIED"), 1);
	assert_int_equal(heard("work stopped"), 0);
	assert_int_equal(state_of(provider, id), HF_CASE_REMOVED);
	/* What was opened is there, now and with views that are new. */
	for (int i = 0; i < 2; i++) {
		see_case(provider, id, &after);
		assert_int_equal(after.got.events_count, 3);
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(before.got.events[j].event->kind,
					 after.got.events[j].event->kind);
		assert_string_equal(
			after.got.events[0].event->notice->locators[0].url,
			"https://img.example/a");
		seen_release(&after);
		party_stop(provider);
		party_forget_views(provider);
		assert_ok(party_start(provider, &why), &why);
		settle(provider);
	}
	seen_release(&before);
	/* The next is sealed for a key that is there. */
	pass_all(world);
	say(hotline, other, HF_CASE_EVENT_OFFLINE, 0);
	pass_all(world);
	assert_int_equal(state_of(provider, other), HF_CASE_VERIFIED_OFFLINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE_TEST(a_new_key_is_announced_everywhere_and_used),
		HOSTILE_TEST(
			a_destroyed_key_opens_nothing_and_takes_nothing_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
