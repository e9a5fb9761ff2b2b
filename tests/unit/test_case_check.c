/*
 * Which fields go with which kind of event, and claims of a directory set.
 */
#include "unit.h"

#include <string.h>

#include "codec_case.h"

static const uint8_t bytes[HF_CASE_TEXT_MAX_BYTES] = { 7, 7, 7 };

static const struct hf_entry_ref opening = {
	.origin = "hotline.example/k3v9/1",
	.index = 4,
	.leaf_hash = { bytes, HF_HASH_BYTES },
};
static const struct hf_locator locator = { .url = "https://host.example/a" };
static const struct hf_contact contact = { .name = "Desk",
					   .email = "desk@hotline.example" };
static const char *const grounds[] = { "incites to commit an offence" };
static const struct hf_order order = {
	.reference = "2026-17",
	.issuing_state = "NL",
	.authority = "Authority for the Prevention of Abuse",
	.grounds = grounds,
	.grounds_count = 1,
};
static const struct hf_hash hash = { HF_ALGORITHM_SHA256,
				     { bytes, HF_HASH_BYTES },
				     0 };
static const struct hf_notice notice = {
	.provider = "host.example",
	.regime = HF_REGIME_NTD,
	.content_class = HF_CLASS_NCII,
	.locators = &locator,
	.locators_count = 1,
	.explanation = "Published without consent.",
	.contact = &contact,
	.is_good_faith = true,
};
static const struct hf_case_receipt receipt = {
	.origin = "hotline.example/k3v9/1",
	.leaf_hash = { bytes, HF_HASH_BYTES },
	.text_hash = { bytes, HF_HASH_BYTES },
};
static const struct hf_delivery delivery = { .means = "mail" };
static const struct hf_quoted_event quoted = {
	.header = { bytes, HF_ENVELOPE_HEADER_BYTES },
	.text = { bytes, 10 },
	.signature = { bytes, HF_SIGNATURE_BYTES },
	.entry = &opening,
};

/* The parts that kinds can have, by letter. */
static const char all_parts[] = "rantdqhcol";

static void part_set(struct hf_case_event *event, char part)
{
	static struct hf_notice ordering;

	ordering = notice;
	ordering.regime = HF_REGIME_CSAM_ORDER;
	ordering.order = &order;
	switch (part) {
	case 'r':
		event->reason = HF_CASE_REASON_NOT_ILLEGAL;
		return;
	case 'a':
		event->acted_ms = 5;
		return;
	case 'n':
		event->notice = event->kind == HF_CASE_EVENT_ORDER ? &ordering
								   : &notice;
		return;
	case 't':
		event->receipt = &receipt;
		return;
	case 'd':
		event->delivery = &delivery;
		return;
	case 'q':
		event->quoted = &quoted;
		return;
	case 'h':
		event->moved_host = "other.example";
		return;
	case 'c':
		event->moved_country = "DE";
		return;
	case 'o':
		event->to_id = hf_span(bytes, HF_HASH_BYTES);
		return;
	case 'l':
		event->locators = &locator;
		event->locators_count = 1;
		return;
	default:
		fail();
	}
}

/* What each must have, and what else it may. */
static const struct row {
	enum hf_case_event_kind kind;
	const char *must, *may;
} rows[] = {
	{ HF_CASE_EVENT_NOTICE, "n", "" },
	{ HF_CASE_EVENT_RECEIPT, "t", "" },
	{ HF_CASE_EVENT_REVIEW, "", "r" },
	{ HF_CASE_EVENT_NEEDS_INFO, "r", "" },
	{ HF_CASE_EVENT_INFO, "", "rl" },
	{ HF_CASE_EVENT_IMPOSSIBLE, "r", "" },
	{ HF_CASE_EVENT_REMOVED, "", "ra" },
	{ HF_CASE_EVENT_DISABLED, "", "ra" },
	{ HF_CASE_EVENT_UNAVAILABLE, "", "ra" },
	{ HF_CASE_EVENT_REJECTED, "r", "" },
	{ HF_CASE_EVENT_OFFLINE, "", "ra" },
	{ HF_CASE_EVENT_ONLINE, "", "ra" },
	{ HF_CASE_EVENT_REAPPEARED, "", "ral" },
	{ HF_CASE_EVENT_RENOTIFY, "", "r" },
	{ HF_CASE_EVENT_ESCALATE_LEA, "", "r" },
	{ HF_CASE_EVENT_ESCALATE_AUTHORITY, "o", "r" },
	{ HF_CASE_EVENT_ORDER, "n", "r" },
	{ HF_CASE_EVENT_COMPLIED, "", "ra" },
	{ HF_CASE_EVENT_PENALTY, "", "r" },
	{ HF_CASE_EVENT_CONTEST, "", "r" },
	{ HF_CASE_EVENT_REINSTATED, "", "ra" },
	{ HF_CASE_EVENT_WITHDRAW, "r", "" },
	{ HF_CASE_EVENT_CLOSE, "r", "" },
	{ HF_CASE_EVENT_FORWARD, "o", "rc" },
	{ HF_CASE_EVENT_DELIVERY, "d", "r" },
	{ HF_CASE_EVENT_QUOTE, "q", "" },
	/* One of the two; see below. */
	{ HF_CASE_EVENT_MOVED, "h", "rac" },
};

static struct hf_case_event event_of(enum hf_case_event_kind kind,
				     const char *parts)
{
	struct hf_case_event event = {
		.kind = kind,
		.event_id = hf_span(bytes, HF_EVENT_ID_BYTES),
		.case_ref = kind == HF_CASE_EVENT_NOTICE ? NULL : &opening,
		.at_ms = 9,
	};

	for (; *parts != '\0'; parts++)
		part_set(&event, *parts);
	return event;
}

/* As it is, and once more as its reader gets it. */
static void assert_right(const struct hf_case_event *event)
{
	struct hf_why why = { "" };
	struct hf_case_event back;
	struct hf_arena arena;
	struct hf_buf buf;

	assert_ok(hf_case_event_check(event, &why), &why);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&buf, HF_CASE_TEXT_MAX_BYTES);
	assert_ok(hf_case_event_encode(event, &buf), &why);
	assert_ok(hf_case_event_parse(hf_buf_span(&buf), &arena, &back, &why),
		  &why);
	assert_ok(hf_case_event_check(&back, &why), &why);
	hf_buf_release(&buf);
	hf_arena_release(&arena);
}

static void each_kind_has_the_fields_that_belong_to_it(void **state)
{
	assert_int_equal(ROWS(rows), HF_CASE_EVENT_QUOTE);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case_event event =
			event_of(rows[i].kind, rows[i].must);

		assert_right(&event);
		for (const char *part = rows[i].may; *part != '\0'; part++)
			part_set(&event, *part);
		assert_right(&event);
		event.is_automatic = true;
		event.text = "why";
		assert_right(&event);
	}
}

static void without_one_that_it_must_have_it_is_refused(void **state)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case_event event = event_of(rows[i].kind, "");
		struct hf_why why = { "" };

		if (rows[i].must[0] == '\0')
			continue;
		assert_int_equal(hf_case_event_check(&event, &why),
				 HF_E_ARGUMENT);
		assert_non_null(strstr(why.text, "missing"));
	}
}

static void nor_may_it_have_one_of_another_kind(void **state)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (const char *part = all_parts; *part != '\0'; part++) {
			struct hf_case_event event =
				event_of(rows[i].kind, rows[i].must);
			struct hf_why why = { "" };

			if (strchr(rows[i].must, *part) != NULL ||
			    strchr(rows[i].may, *part) != NULL)
				continue;
			part_set(&event, *part);
			if (hf_case_event_check(&event, &why) != HF_E_ARGUMENT)
				fail_msg("%s with %c",
					 hf_case_event_kind_word(rows[i].kind),
					 *part);
		}
	}
}

static void moved_says_where_to_by_host_or_by_country(void **state)
{
	struct hf_case_event event = event_of(HF_CASE_EVENT_MOVED, "");
	struct hf_why why;

	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	assert_string_equal(why.text, "event: moved_host, moved_country: "
				      "missing, a moved has it");
	event.moved_country = "DE";
	assert_int_equal(hf_case_event_check(&event, &why), HF_OK);
	event.moved_country = "Germany";
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	event.moved_country = NULL;
	event.moved_host = "other.example";
	assert_int_equal(hf_case_event_check(&event, &why), HF_OK);
	event.moved_host = "=cmd|x";
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	assert_string_equal(why.text, "event: moved_host: neither a domain in "
				      "lower case nor UNKNOWN");
	event.moved_host = "UNKNOWN";
	assert_int_equal(hf_case_event_check(&event, &why), HF_OK);
}

static void a_provider_is_a_domain_or_nobody_knows(void **state)
{
	static const struct {
		const char *provider;
		enum hf_err err;
	} names[] = {
		{ "host.example", HF_OK },
		{ "UNKNOWN", HF_OK },
		{ "unknown", HF_E_ARGUMENT },
		{ "Host.example", HF_E_ARGUMENT },
		{ "=1+1", HF_E_ARGUMENT },
		{ "host.example:80", HF_E_ARGUMENT },
		{ "-host.example", HF_E_ARGUMENT },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct hf_case_event event =
			event_of(HF_CASE_EVENT_NOTICE, "n");
		struct hf_notice named = notice;
		struct hf_why why;

		named.provider = names[i].provider;
		event.notice = &named;
		event.case_ref = NULL;
		assert_int_equal(hf_case_event_check(&event, &why),
				 names[i].err);
	}
}

static void ids_are_where_they_must_be(void **state)
{
	struct hf_case_event event = event_of(HF_CASE_EVENT_REVIEW, "");
	struct hf_span ids[2] = { { bytes + 1, 16 }, { bytes + 2, 16 } };
	struct hf_entry_ref bad = opening;
	struct hf_why why;

	event.event_id = hf_span(NULL, 0);
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	event = event_of(HF_CASE_EVENT_REVIEW, "");
	event.case_ref = NULL;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	assert_string_equal(why.text, "event: case_ref: missing, only a notice "
				      "or an order opens a case");
	bad.leaf_hash = hf_span(NULL, 0);
	event.case_ref = &bad;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	event.case_ref = &opening;
	event.after = ids;
	event.after_count = 2;
	assert_int_equal(hf_case_event_check(&event, &why), HF_OK);
	ids[1] = ids[0];
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	ids[1] = event.event_id;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	/* A notice opens a case, an order can. */
	event = event_of(HF_CASE_EVENT_NOTICE, "n");
	event.case_ref = &opening;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	event = event_of(HF_CASE_EVENT_ORDER, "n");
	event.case_ref = NULL;
	assert_int_equal(hf_case_event_check(&event, &why), HF_OK);
	event.after = ids;
	event.after_count = 1;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
}

static void kinds_and_reasons_are_known_ones(void **state)
{
	struct hf_case_event event = event_of(HF_CASE_EVENT_REVIEW, "");
	struct hf_why why;

	event.kind = (enum hf_case_event_kind)0;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	event.kind = (enum hf_case_event_kind)28;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	event = event_of(HF_CASE_EVENT_CLOSE, "r");
	event.reason = (enum hf_case_reason)22;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	assert_string_equal(why.text, "event: reason: 22 is no known reason");
	event.reason = HF_CASE_REASON_OTHER;
	assert_int_equal(hf_case_event_check(&event, &why), HF_E_ARGUMENT);
	event.text = "the site belongs to the police by now";
	assert_int_equal(hf_case_event_check(&event, &why), HF_OK);
}

static const struct hf_entry_ref half_entry = { .origin = "hotline" };

/* What is wrong with a notice, one at a time. */
struct wrong {
	const char *what;
	bool is_order;
	void (*break_it)(struct hf_notice *notice, struct hf_order *order);
	const char *says; /* NULL: nothing */
};

#define BREAK(name, does)                                                      \
	static void name(struct hf_notice *n, struct hf_order *o)              \
	{                                                                      \
		does;                                                          \
	}

BREAK(nothing, (void)n)
BREAK(no_regime, n->regime = 0)
BREAK(unknown_regime, n->regime = (enum hf_regime)9)
BREAK(an_orders_regime, n->regime = HF_REGIME_TCO)
BREAK(a_notices_regime, n->regime = HF_REGIME_DSA)
BREAK(no_class, n->content_class = 0)
BREAK(unknown_class, n->content_class = (enum hf_class)6)
BREAK(no_place, n->locators_count = 0)
BREAK(a_hash_instead,
      (n->locators_count = 0, n->hashes = &hash, n->hashes_count = 1))
BREAK(no_provider, n->provider = "")
BREAK(no_explanation, n->explanation = "")
BREAK(no_good_faith, n->is_good_faith = false)
BREAK(no_contact, n->contact = NULL)
BREAK(abuse_without_contact,
      (n->contact = NULL, n->content_class = HF_CLASS_CSAM))
BREAK(suspected_without_contact,
      (n->contact = NULL, n->content_class = HF_CLASS_CSAM_SUSPECTED))
BREAK(own_finding, (n->regime = HF_REGIME_VOLUNTARY, n->contact = NULL,
		    n->explanation = "", n->is_good_faith = false))
BREAK(an_order, n->order = o)
BREAK(no_order, n->order = NULL)
BREAK(no_reference, o->reference = "")
BREAK(no_authority, o->authority = "")
BREAK(no_state, o->issuing_state = "")
BREAK(no_grounds, o->grounds_count = 0)
BREAK(no_tco_grounds, (n->regime = HF_REGIME_TCO, o->grounds_count = 0))
BREAK(tco, n->regime = HF_REGIME_TCO)
BREAK(half_an_origin, n->continues = &half_entry)

static void contact_without_email(struct hf_notice *n, struct hf_order *o)
{
	static const struct hf_contact nameless = { .name = "Desk" };

	n->contact = &nameless;
}

static void a_short_digest(struct hf_notice *n, struct hf_order *o)
{
	static const struct hf_hash bad = { HF_ALGORITHM_SHA256,
					    { bytes, 20 },
					    0 };

	n->hashes = &bad;
	n->hashes_count = 1;
}

static const struct wrong wrongs[] = {
	/* clang-format off */
	{ "whole",          0, nothing,                   NULL },
	{ "whole order",    1, nothing,                   NULL },
	{ "regime",         0, no_regime,                 "regime: 0" },
	{ "regime 9",       0, unknown_regime,            "regime: 9" },
	{ "tco notice",     0, an_orders_regime,          "for orders" },
	{ "dsa order",      1, a_notices_regime,          "no order is given" },
	{ "class",          0, no_class,                  "content_class: 0" },
	{ "class 6",        0, unknown_class,             "content_class: 6" },
	{ "place",          0, no_place,                  "locators, hashes" },
	{ "hash",           0, a_hash_instead,            NULL },
	{ "digest",         0, a_short_digest,            "20 bytes" },
	{ "provider",       0, no_provider,               "provider: 0 bytes" },
	{ "explanation",    0, no_explanation,            "16(2)(a)" },
	{ "order, silent",  1, no_explanation,            "16(2)(a)" },
	{ "good faith",     0, no_good_faith,             "16(2)(d)" },
	{ "order, faith",   1, no_good_faith,             NULL },
	{ "contact",        0, no_contact,                "16(2)(c)" },
	{ "order, contact", 1, no_contact,                NULL },
	{ "e-mail",         0, contact_without_email,     "16(2)(c)" },
	{ "abuse",          0, abuse_without_contact,     NULL },
	{ "suspected",      0, suspected_without_contact, NULL },
	{ "own finding",    0, own_finding,               NULL },
	{ "notice, order",  0, an_order,                  "a notice has none" },
	{ "order",          1, no_order,                  "order: missing" },
	{ "reference",      1, no_reference,              "reference" },
	{ "authority",      1, no_authority,              "authority" },
	{ "state",          1, no_state,                  "issuing_state" },
	{ "grounds",        1, no_grounds,                NULL },
	{ "tco grounds",    1, no_tco_grounds,            "Annex I" },
	{ "tco",            1, tco,                       NULL },
	{ "continues",      0, half_an_origin,            "continues" },
	/* clang-format on */
};

static void notices_and_orders_have_what_the_law_asks(void **state)
{
	for (size_t i = 0; i < ROWS(wrongs); i++) {
		struct hf_notice text = notice;
		struct hf_order with = order;
		struct hf_case_event event;
		struct hf_why why = { "" };
		enum hf_err err;

		if (wrongs[i].is_order) {
			text.order = &with;
			text.regime = HF_REGIME_CSAM_ORDER;
		}
		wrongs[i].break_it(&text, &with);
		event = event_of(wrongs[i].is_order ? HF_CASE_EVENT_ORDER
						    : HF_CASE_EVENT_NOTICE,
				 "");
		event.notice = &text;
		err = hf_case_event_check(&event, &why);
		if ((err == HF_OK) != (wrongs[i].says == NULL) ||
		    (err != HF_OK && strstr(why.text, wrongs[i].says) == NULL))
			fail_msg("%s: %s: %s", wrongs[i].what, hf_err_name(err),
				 why.text);
		assert_true(err == HF_OK ||
			    strncmp(why.text, "event: ", 7) == 0);
	}
}

static void claims_name_a_role_and_powers_are_an_authoritys(void **state)
{
	static const enum hf_power two[] = { HF_POWER_ORDER_CSAM,
					     HF_POWER_ORDER_TERRORIST };
	static const enum hf_power twice[] = { HF_POWER_ORDER_CSAM,
					       HF_POWER_ORDER_CSAM };
	static const enum hf_power none[] = { (enum hf_power)7 };
	static const struct {
		struct hf_attestation claim;
		const char *says;
	} claims[] = {
		/* clang-format off */
		{ { .name = "a.example", .role = HF_ROLE_HOTLINE }, NULL },
		{ { .name = "a.example", .role = HF_ROLE_WITNESS }, NULL },
		{ { .name = "a.example", .role = 0 }, "role: 0" },
		{ { .name = "a.example", .role = (enum hf_role)7 }, "role: 7" },
		{ { .name = "", .role = HF_ROLE_HOTLINE }, "name" },
		{ { .name = "a.example", .role = HF_ROLE_HOTLINE,
		    .powers = two, .powers_count = 1 }, "only an authority" },
		{ { .name = "a.example", .role = HF_ROLE_HOTLINE,
		    .jurisdiction = "NL" }, "only an authority" },
		{ { .name = "a.example", .role = HF_ROLE_AUTHORITY,
		    .powers = two, .powers_count = 2,
		    .jurisdiction = "NL" }, NULL },
		{ { .name = "a.example", .role = HF_ROLE_AUTHORITY,
		    .jurisdiction = "EU" }, NULL },
		{ { .name = "a.example", .role = HF_ROLE_AUTHORITY,
		    .powers = two, .powers_count = 2 }, "jurisdiction" },
		{ { .name = "a.example", .role = HF_ROLE_AUTHORITY,
		    .powers = twice, .powers_count = 2,
		    .jurisdiction = "NL" }, "twice" },
		{ { .name = "a.example", .role = HF_ROLE_AUTHORITY,
		    .powers = none, .powers_count = 1,
		    .jurisdiction = "NL" }, "powers[0]: 7" },
		{ { .name = "a.example", .role = HF_ROLE_HOTLINE,
		    .from_ms = 5, .until_ms = 4 }, "until_ms" },
		{ { .name = "a.example", .role = HF_ROLE_HOTLINE,
		    .from_ms = 5, .until_ms = 5 }, NULL },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(claims); i++) {
		struct hf_why why = { "" };
		enum hf_err err = hf_attestation_check(&claims[i].claim, &why);

		if ((err == HF_OK) != (claims[i].says == NULL) ||
		    (err != HF_OK && strstr(why.text, claims[i].says) == NULL))
			fail_msg("%zu: %s: %s", i, hf_err_name(err), why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_the_fields_that_belong_to_it),
		cmocka_unit_test(without_one_that_it_must_have_it_is_refused),
		cmocka_unit_test(nor_may_it_have_one_of_another_kind),
		cmocka_unit_test(moved_says_where_to_by_host_or_by_country),
		cmocka_unit_test(a_provider_is_a_domain_or_nobody_knows),
		cmocka_unit_test(ids_are_where_they_must_be),
		cmocka_unit_test(kinds_and_reasons_are_known_ones),
		cmocka_unit_test(notices_and_orders_have_what_the_law_asks),
		cmocka_unit_test(
			claims_name_a_role_and_powers_are_an_authoritys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
