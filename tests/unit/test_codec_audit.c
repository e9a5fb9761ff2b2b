#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "codec_admin.h"
#include "codec_audit.h"
#include "codec_publish.h"
#include "codec_takedown.h"

static struct hf_arena arena;
static struct hf_audit_facts facts;
static struct hf_buf wire;

static int make(void **state)
{
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&wire, HF_MESSAGE_MAX_BYTES);
	facts = (struct hf_audit_facts){ .arena = &arena };
	return 0;
}

static int drop(void **state)
{
	hf_buf_release(&wire);
	hf_arena_release(&arena);
	return 0;
}

/* "name=value name=value": all that was said. */
static void assert_facts(const char *wanted)
{
	char text[4096] = "";
	size_t used = 0;

	for (size_t i = 0; i < facts.count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%s=%s", i > 0 ? " " : "",
					 facts.at[i].name, facts.at[i].value);
	assert_string_equal(text, wanted);
}

static void a_request_tells_which_and_not_what(void **state)
{
	static const uint8_t digest[HF_HASH_BYTES] = { 0xab };
	const struct hf_hash hash = { .algorithm = HF_ALGORITHM_SHA256,
				      .digest = hf_span(digest, 32) };
	const struct hf_retract_request request = {
		.what = HF_RETRACT_HASH,
		.hash = &hash,
		.reason = HF_RETRACT_REASON_WRONG,
		.note = "what people wrote",
		.erase = true,
	};

	assert_int_equal(hf_retract_request_encode(&request, &wire), HF_OK);
	hf_audit_facts_of_request(&facts, "/hashfed.v1.Publish/Retract",
				  hf_buf_span(&wire));
	assert_facts("reason=RETRACT_REASON_WRONG erase=yes");
}

static void only_the_member_that_is_meant_is_told(void **state)
{
	const struct hf_entry_ref entry = { .origin = "a.example/ncii/1",
					    .index = 7 };
	const struct hf_retract_request request = {
		.what = HF_RETRACT_ENTRY,
		.entry = &entry,
		.reason = HF_RETRACT_REASON_ORDERED,
	};

	assert_int_equal(hf_retract_request_encode(&request, &wire), HF_OK);
	hf_audit_facts_of_request(&facts, "/hashfed.v1.Publish/Retract",
				  hf_buf_span(&wire));
	assert_facts("entry=a.example/ncii/1 7 reason=RETRACT_REASON_ORDERED");
}

static void messages_of_one_append_are_told_as_one_range(void **state)
{
	const struct hf_appended_range ranges[] = {
		{ .sequence = 0, .first = 10, .count = 5 },
		{ .sequence = 1, .first = 15, .count = 0, .known = 9 },
		{ .sequence = 2, .first = 15, .count = 5 },
		{ .sequence = 3, .first = 40, .count = 1 },
	};
	const struct hf_append_response answer = {
		.origin = "a.example/ncii/1",
		.ranges = ranges,
		.ranges_count = 4,
		.size = 41,
	};

	assert_int_equal(hf_append_response_encode(&answer, &wire), HF_OK);
	hf_audit_facts_of_answer(&facts, "/hashfed.v1.Publish/Append",
				 hf_buf_span(&wire));
	assert_facts("origin=a.example/ncii/1 entries=10-19 entries=40-40 "
		     "count=11");
}

static void an_append_of_nothing_tells_no_entries(void **state)
{
	const struct hf_append_response answer = { .origin =
							   "a.example/ncii/1" };

	assert_int_equal(hf_append_response_encode(&answer, &wire), HF_OK);
	hf_audit_facts_of_answer(&facts, "/hashfed.v1.Publish/Append",
				 hf_buf_span(&wire));
	assert_facts("origin=a.example/ncii/1 count=0");
}

static void a_case_is_told_by_its_id_and_no_place(void **state)
{
	static const char *const sites[] = { "place.example" };
	const struct hf_case_summary summary = {
		.case_id = "00112233445566778899aabbccddeeff",
		.notifier = "a.example",
		.provider = "b.example",
		.sites = sites,
		.sites_count = 1,
		.reference = "our number",
	};
	const struct hf_send_notice_response answer = { .summary = &summary };

	assert_int_equal(hf_send_notice_response_encode(&answer, &wire), HF_OK);
	hf_audit_facts_of_answer(&facts, "/hashfed.v1.Takedown/SendNotice",
				 hf_buf_span(&wire));
	assert_facts("case_id=00112233445566778899aabbccddeeff");
}

static void much_is_told_in_part(void **state)
{
	struct hf_entry_ref retracted[100];
	struct hf_retract_response answer = { .retracted = retracted,
					      .retracted_count = 100,
					      .count = 100 };

	for (size_t i = 0; i < 100; i++)
		retracted[i] =
			(struct hf_entry_ref){ .origin = "a.example/ncii/1",
					       .index = i };
	assert_int_equal(hf_retract_response_encode(&answer, &wire), HF_OK);
	hf_audit_facts_of_answer(&facts, "/hashfed.v1.Publish/Retract",
				 hf_buf_span(&wire));
	assert_int_equal(facts.count, 9);
	assert_string_equal(facts.at[8].name, "count");
	assert_string_equal(facts.at[8].value, "100");
	for (unsigned i = 0; i < 100; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		hf_audit_facts_add(&facts, name, "");
	}
	assert_int_equal(facts.count, HF_AUDIT_FACTS_MAX);
}

static void what_is_too_long_is_cut_between_characters(void **state)
{
	char text[HF_AUDIT_FACT_MAX_BYTES + 4];

	memset(text, 'x', sizeof(text));
	/* Three bytes of one character, across the end. */
	memcpy(text + HF_AUDIT_FACT_MAX_BYTES - 1, "\xe2\x82\xac", 4);
	hf_audit_facts_add(&facts, "name", text);
	assert_int_equal(facts.count, 1);
	assert_int_equal(strlen(facts.at[0].value),
			 HF_AUDIT_FACT_MAX_BYTES - 1);
}

static void bytes_that_are_no_message_tell_nothing(void **state)
{
	static const uint8_t bad[] = { 0x0a, 0xff, 0xff, 0xff, 0x0f, 1 };

	hf_audit_facts_of_request(&facts, "/hashfed.v1.Admin/ShareSet",
				  hf_span(bad, sizeof(bad)));
	hf_audit_facts_of_answer(&facts, "/hashfed.v1.Admin/FollowSet",
				 hf_span(bad, sizeof(bad)));
	hf_audit_facts_of_request(&facts, "no path at all",
				  hf_span(bad, sizeof(bad)));
	hf_audit_facts_of_request(&facts, "/hashfed.v1.Admin/ShareSet",
				  hf_span(NULL, 0));
	assert_int_equal(facts.count, 0);
}

static void a_record_comes_back_as_it_went(void **state)
{
	struct hf_audit_record out, record = {
		.method = "Publish/Append",
		.who = "maria",
		.duty = "analyst",
		.serial = "00ff",
		.outcome = "OK",
	};

	hf_audit_facts_add(&facts, "set", "ncii");
	record.facts = facts.at;
	record.facts_count = facts.count;
	assert_int_equal(hf_audit_record_encode(&record, &wire), HF_OK);
	assert_int_equal(
		hf_audit_record_parse(hf_buf_span(&wire), &arena, &out, NULL),
		HF_OK);
	assert_string_equal(out.who, "maria");
	assert_string_equal(out.serial, "00ff");
	assert_int_equal(out.facts_count, 1);
	assert_string_equal(out.facts[0].value, "ncii");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		TEST(a_request_tells_which_and_not_what),
		TEST(only_the_member_that_is_meant_is_told),
		TEST(messages_of_one_append_are_told_as_one_range),
		TEST(an_append_of_nothing_tells_no_entries),
		TEST(a_case_is_told_by_its_id_and_no_place),
		TEST(much_is_told_in_part),
		TEST(what_is_too_long_is_cut_between_characters),
		TEST(bytes_that_are_no_message_tell_nothing),
		TEST(a_record_comes_back_as_it_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
