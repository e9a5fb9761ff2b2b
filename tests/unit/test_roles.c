#include "unit.h"

#include "roles_world.h"

static void our_own_word_counts_and_of_others_nobodys(void **state)
{
	struct world *world = *state;

	open_world(world);
	start_roles(world);
	assert_false(is_flagger(world, &provider, NOW_MS));
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	assert_true(is_flagger(world, &provider, NOW_MS));
	assert_false(is_flagger(world, &provider, NOW_MS - 1));
	assert_false(is_flagger(world, &partner, NOW_MS));
	assert_false(hf_roles_has(world->roles, provider.id, HF_ROLE_HOTLINE,
				  NOW_MS));
	say(world, world->theirs, &partner, FLAGGER, NOW_MS, 0);
	say_authority(world, world->theirs, &partner, HF_POWER_ATTEST_FLAGGER,
		      "NL", NOW_MS, 0);
	assert_false(is_flagger(world, &partner, NOW_MS));
	assert_int_equal(hf_roles_powers(world->roles, partner.id, NOW_MS), 0);
}

static void a_row_says_who_may_give_which_role(void **state)
{
	struct world *world = *state;

	may_attest(world, "partner.example",
		   BIT(HF_ROLE_HOTLINE) | BIT(FLAGGER));
	open_world(world);
	say(world, world->theirs, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->theirs, &provider, HF_ROLE_HOTLINE, NOW_MS, 0);
	say(world, world->theirs, &provider, HF_ROLE_PROVIDER, NOW_MS, 0);
	say_authority(world, world->theirs, &provider, HF_POWER_ORDER_CSAM,
		      "NL", NOW_MS, 0);
	start_roles(world);
	assert_true(is_flagger(world, &provider, NOW_MS));
	assert_true(hf_roles_has(world->roles, provider.id, HF_ROLE_HOTLINE,
				 NOW_MS));
	assert_false(hf_roles_has(world->roles, provider.id, HF_ROLE_PROVIDER,
				  NOW_MS));
	assert_int_equal(hf_roles_powers(world->roles, provider.id, NOW_MS), 0);
}

static void a_directory_counts_while_it_is_ours_to_use(void **state)
{
	struct world *world = *state;
	struct hf_why why = { "" };

	may_attest(world, "partner.example", BIT(FLAGGER));
	open_world(world);
	say(world, world->theirs, &provider, FLAGGER, NOW_MS, 0);
	start_roles(world);
	/* The agreement ends: what was before stays. */
	assert_true(is_flagger(world, &provider, NOW_MS + 50 * DAY_MS - 1));
	assert_false(is_flagger(world, &provider, NOW_MS + 50 * DAY_MS));
	/* Our own word needs nobody's agreement. */
	say(world, world->ours, &partner, FLAGGER, NOW_MS, 0);
	assert_true(is_flagger(world, &partner, NOW_MS + 500 * DAY_MS));
	assert_ok(hf_ring_unfollow(dir, BYTES(THEIRS), &why), &why);
	assert_ok(hf_ring_holder_reload(world->ring, &why), &why);
	assert_false(is_flagger(world, &provider, NOW_MS));
	assert_ok(hf_ring_follow(dir, BYTES(THEIRS), &why), &why);
	assert_ok(hf_ring_holder_reload(world->ring, &why), &why);
	assert_true(is_flagger(world, &provider, NOW_MS));
	assert_ok(hf_ring_remove_peer(dir, BYTES("partner.example"), &why),
		  &why);
	assert_ok(hf_ring_holder_reload(world->ring, &why), &why);
	assert_false(is_flagger(world, &provider, NOW_MS));
}

static void only_an_authority_with_the_power_makes_flaggers(void **state)
{
	struct world *world = *state;

	open_world(world);
	start_roles(world);
	say(world, world->theirs, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->theirs, &provider, HF_ROLE_HOTLINE, NOW_MS, 0);
	assert_false(is_flagger(world, &provider, NOW_MS));
	/* Another power is not enough. */
	say_authority(world, world->ours, &partner, HF_POWER_SUPERVISE_DSA,
		      "NL", NOW_MS, 0);
	assert_false(is_flagger(world, &provider, NOW_MS + 5));
	/* Nor is its own word for having it. */
	say_authority(world, world->theirs, &partner, HF_POWER_ATTEST_FLAGGER,
		      "NL", NOW_MS, 0);
	assert_false(is_flagger(world, &provider, NOW_MS + 5));
	say_authority(world, world->ours, &partner, HF_POWER_ATTEST_FLAGGER,
		      "NL", NOW_MS + 10, NOW_MS + 20);
	assert_false(is_flagger(world, &provider, NOW_MS + 9));
	assert_true(is_flagger(world, &provider, NOW_MS + 10));
	assert_true(is_flagger(world, &provider, NOW_MS + 19));
	assert_false(is_flagger(world, &provider, NOW_MS + 20));
	/* That power gives nothing but flaggers. */
	say_authority(world, world->theirs, &provider, HF_POWER_ORDER_CSAM,
		      "NL", NOW_MS, 0);
	assert_false(hf_roles_has(world->roles, provider.id, HF_ROLE_HOTLINE,
				  NOW_MS + 10));
	assert_int_equal(
		hf_roles_powers(world->roles, provider.id, NOW_MS + 10), 0);
}

static void the_past_is_answered_as_it_was(void **state)
{
	static const struct {
		uint64_t at;
		bool want;
	} rows[] = {
		{ 99, false },  { 100, true },  { 199, true },
		{ 200, false }, { 299, false }, { 300, true },
		{ 399, true },  { 400, false }, { 999, false },
	};
	struct world *world = *state;

	open_world(world);
	say(world, world->ours, &provider, FLAGGER, NOW_MS + 100, 0);
	/* Ended: the same claim with an end. */
	say(world, world->ours, &provider, FLAGGER, NOW_MS + 100, NOW_MS + 200);
	say(world, world->ours, &provider, FLAGGER, NOW_MS + 300, NOW_MS + 400);
	for (int round = 0; round < 2; round++) {
		start_roles(world);
		for (size_t i = 0; i < ROWS(rows); i++) {
			if (is_flagger(world, &provider, NOW_MS + rows[i].at) !=
			    rows[i].want)
				fail_msg("at %llu",
					 (unsigned long long)rows[i].at);
		}
	}
	/* A correction, from an earlier time on, is the last word. */
	say(world, world->ours, &provider, FLAGGER, NOW_MS + 50, NOW_MS + 60);
	assert_true(is_flagger(world, &provider, NOW_MS + 50));
	assert_false(is_flagger(world, &provider, NOW_MS + 150));
	assert_false(is_flagger(world, &provider, NOW_MS + 350));
}

/* What somebody would find who read the whole list anew for each question. */
struct plain {
	struct hf_attestation claims[160];
	size_t count;
};

static bool plain_has(const struct plain *plain, const struct made_up *whom,
		      enum hf_role role, uint64_t at_ms)
{
	const struct hf_attestation *last = NULL;

	for (size_t i = 0; i < plain->count; i++) {
		const struct hf_attestation *claim = &plain->claims[i];

		if (strcmp(claim->name, whom->manifest.name) == 0 &&
		    claim->role == role && claim->from_ms <= at_ms)
			last = claim;
	}
	return last != NULL && (last->until_ms == 0 || at_ms < last->until_ms);
}

static void answers_are_those_of_a_plain_list(void **state)
{
	static const struct made_up *const whom[] = { &provider, &partner };
	static const enum hf_role roles[] = { FLAGGER, HF_ROLE_HOTLINE };
	struct world *world = *state;
	struct plain *plain = test_calloc(1, sizeof(*plain));
	uint32_t seed = 12345;

	open_world(world);
	start_roles(world);
	while (plain->count < ROWS(plain->claims)) {
		struct hf_attestation *claim = &plain->claims[plain->count++];
		uint64_t from, length;

		seed = seed * 1103515245 + 12345;
		from = seed >> 16 & 31;
		length = seed >> 21 & 15;
		*claim = claim_of(whom[seed >> 25 & 1], roles[seed >> 26 & 1],
				  from, length == 0 ? 0 : from + length - 1);
		if (claim->until_ms == 0 && length != 0)
			claim->until_ms = 1;
		/* By name alone, now and then. */
		if ((seed >> 27 & 3) == 0)
			claim->organisation_id = hf_span(NULL, 0);
		put_claim(world, world->ours, claim);
		for (uint64_t at = 0; at < 48; at++) {
			for (size_t i = 0; i < 4; i++) {
				if (hf_roles_has(world->roles, whom[i & 1]->id,
						 roles[i >> 1], at) !=
				    plain_has(plain, whom[i & 1], roles[i >> 1],
					      at))
					fail_msg("after %zu claims, at %llu",
						 plain->count,
						 (unsigned long long)at);
			}
		}
	}
	test_free(plain);
}

static void powers_are_those_of_the_claim_that_holds(void **state)
{
	struct world *world = *state;

	may_attest(world, "partner.example", BIT(HF_ROLE_AUTHORITY));
	open_world(world);
	start_roles(world);
	assert_int_equal(
		hf_roles_powers_in(world->roles, provider.id, "NL", NOW_MS), 0);
	say_authority(world, world->ours, &provider, HF_POWER_ORDER_CSAM, "NL",
		      NOW_MS, 0);
	say_authority(world, world->ours, &provider, HF_POWER_ORDER_TERRORIST,
		      "NL", NOW_MS + 10, 0);
	assert_int_equal(hf_roles_powers(world->roles, provider.id, NOW_MS),
			 BIT(HF_POWER_ORDER_CSAM));
	assert_int_equal(
		hf_roles_powers(world->roles, provider.id, NOW_MS + 10),
		BIT(HF_POWER_ORDER_TERRORIST));
	/* What two say adds up, each for its jurisdiction. */
	say_authority(world, world->theirs, &provider, HF_POWER_SUPERVISE_DSA,
		      "EU", NOW_MS + 20, 0);
	assert_int_equal(
		hf_roles_powers(world->roles, provider.id, NOW_MS + 20),
		BIT(HF_POWER_ORDER_TERRORIST) | BIT(HF_POWER_SUPERVISE_DSA));
	assert_int_equal(hf_roles_powers_in(world->roles, provider.id, "NL",
					    NOW_MS + 20),
			 BIT(HF_POWER_ORDER_TERRORIST));
	assert_int_equal(hf_roles_powers_in(world->roles, provider.id, "BE",
					    NOW_MS + 20),
			 0);
	assert_int_equal(hf_roles_powers_in(world->roles, provider.id, "EU",
					    NOW_MS + 20),
			 BIT(HF_POWER_SUPERVISE_DSA));
}

static void a_claim_without_id_is_about_whoever_has_the_name(void **state)
{
	static const uint8_t stranger[HF_HASH_BYTES] = { 7 };
	struct world *world = *state;
	struct hf_attestation claim = claim_of(&provider, FLAGGER, NOW_MS, 0);
	struct hf_attestation other =
		claim_of(&partner, HF_ROLE_PROVIDER, NOW_MS, 0);

	open_world(world);
	start_roles(world);
	claim.organisation_id = hf_span(NULL, 0);
	put_claim(world, world->ours, &claim);
	assert_true(is_flagger(world, &provider, NOW_MS));
	/* Said again with the id, it is the same. */
	say(world, world->ours, &provider, FLAGGER, NOW_MS, NOW_MS + 5);
	assert_true(is_flagger(world, &provider, NOW_MS + 4));
	assert_false(is_flagger(world, &provider, NOW_MS + 5));
	/* An id that is not the name's is what counts. */
	other.organisation_id = hf_span(stranger, sizeof(stranger));
	put_claim(world, world->ours, &other);
	assert_false(hf_roles_has(world->roles, partner.id, HF_ROLE_PROVIDER,
				  NOW_MS));
	assert_true(
		hf_roles_has(world->roles, stranger, HF_ROLE_PROVIDER, NOW_MS));
}

static void what_breaks_the_rules_says_nothing(void **state)
{
	static uint8_t many[HF_CASE_TEXT_MAX_BYTES];
	static const enum hf_power power = HF_POWER_ORDER_CSAM;
	static const enum hf_power later[] = { (enum hf_power)31,
					       HF_POWER_ORDER_CRIMINAL,
					       (enum hf_power)4000000 };
	struct world *world = *state;
	struct hf_attestation claim = claim_of(&provider, FLAGGER, 0, 0);
	struct hf_ledger_draft draft = { .op = HF_OP_STATUS,
					 .target = HF_LEDGER_SELF,
					 .payload = BYTES("\x0a\xff") };
	struct hf_buf good;

	open_world(world);
	start_roles(world);
	put(world, world->ours, draft);
	/* 28,000 fields that nobody knows. */
	for (size_t i = 0; i + 2 <= sizeof(many); i += 2) {
		many[i] = 0x78;
		many[i + 1] = 0x01;
	}
	draft.payload = hf_span(many, sizeof(many) - 1);
	put(world, world->ours, draft);
	claim.role = (enum hf_role)9;
	put_claim(world, world->ours, &claim);
	claim.role = 0;
	put_claim(world, world->ours, &claim);
	claim.role = FLAGGER;
	claim.powers = &power;
	claim.powers_count = 1;
	put_claim(world, world->ours, &claim);
	claim.powers_count = 0;
	claim.from_ms = 10;
	claim.until_ms = 9;
	put_claim(world, world->ours, &claim);
	/* A good claim where none stands. */
	claim.until_ms = 0;
	hf_buf_init(&good, HF_PAYLOAD_MAX_BYTES);
	assert_int_equal(hf_attestation_encode(&claim, &good), HF_OK);
	draft.payload = hf_buf_span(&good);
	draft.code = 7;
	put(world, world->ours, draft);
	draft.code = 0;
	draft.target = 0;
	put(world, world->ours, draft);
	draft.target = HF_LEDGER_SELF;
	draft.op = HF_OP_ADD;
	put(world, world->ours, draft);
	draft.op = HF_OP_KEY;
	put(world, world->ours, draft);
	assert_false(is_flagger(world, &provider, NOW_MS));
	draft.op = HF_OP_STATUS;
	put(world, world->ours, draft);
	hf_buf_release(&good);
	assert_true(is_flagger(world, &provider, NOW_MS));
	/* Powers of a later version do not take away those we know. */
	claim = claim_of(&partner, HF_ROLE_AUTHORITY, 0, 0);
	claim.jurisdiction = "NL";
	claim.powers = later;
	claim.powers_count = ROWS(later);
	put_claim(world, world->ours, &claim);
	assert_int_equal(hf_roles_powers(world->roles, partner.id, NOW_MS),
			 BIT(HF_POWER_ORDER_CRIMINAL));
}

static void what_was_erased_was_never_said(void **state)
{
	struct world *world = *state;
	struct hf_ledger_draft erase = { .op = HF_OP_ERASE };
	uint64_t until_us = hf_clock_mono_us() + (uint64_t)patience_ms() * 1000;

	open_world(world);
	start_roles(world);
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	erase.target =
		say(world, world->ours, &provider, FLAGGER, NOW_MS, NOW_MS + 1);
	assert_false(is_flagger(world, &provider, NOW_MS + 1));
	put(world, world->ours, erase);
	/* It is read again, once its end is seen. */
	while (!is_flagger(world, &provider, NOW_MS + 1))
		assert_true(hf_clock_mono_us() < until_us);
	/* The very next entry may be another. */
	erase.target = 0;
	put(world, world->ours, erase);
	while (is_flagger(world, &provider, NOW_MS + 1))
		assert_true(hf_clock_mono_us() < until_us);
	start_roles(world);
	assert_false(is_flagger(world, &provider, NOW_MS + 1));
}

static void a_later_epoch_goes_on_where_the_last_one_stopped(void **state)
{
	struct world *world = *state;
	uint32_t second, other;

	open_world(world);
	agree(&hotline, "hotline.example/directory/2");
	agree(&hotline, "hotline.example/others/1");
	second = set_of(world, "hotline.example/directory/2");
	other = set_of(world, "hotline.example/others/1");
	/* Another directory of ours is another voice. */
	say(world, other, &partner, FLAGGER, NOW_MS, 0);
	say(world, world->ours, &provider, FLAGGER, NOW_MS, 0);
	say(world, world->ours, &partner, FLAGGER, NOW_MS, NOW_MS + 1);
	say(world, second, &provider, FLAGGER, NOW_MS + 5, NOW_MS + 6);
	start_roles(world);
	assert_true(is_flagger(world, &partner, NOW_MS + 1));
	assert_true(is_flagger(world, &provider, NOW_MS + 4));
	assert_true(is_flagger(world, &provider, NOW_MS + 5));
	assert_false(is_flagger(world, &provider, NOW_MS + 6));
	/* What comes late in the epoch before stays before. */
	say(world, world->ours, &provider, FLAGGER, NOW_MS + 5, 0);
	assert_false(is_flagger(world, &provider, NOW_MS + 6));
}

static void a_claim_is_checked_before_it_is_signed(void **state)
{
	static const enum hf_power twice[] = { HF_POWER_ORDER_CSAM,
					       HF_POWER_ORDER_CSAM };
	static const enum hf_power unknown[] = { (enum hf_power)99 };
	const struct {
		const char *name;
		struct hf_attestation claim;
		const char *want; /* NULL: fine */
	} rows[] = {
		/* clang-format off */
		{ "flagger", { .role = FLAGGER, .from_ms = 5 }, NULL },
		{ "ends as it begins", { .role = FLAGGER, .from_ms = 5, .until_ms = 5 }, NULL },
		{ "authority", { .role = HF_ROLE_AUTHORITY, .powers = twice, .powers_count = 1, .jurisdiction = "NL" }, NULL },
		{ "no role", { .role = 0 }, "role" },
		{ "unknown role", { .role = (enum hf_role)7 }, "role" },
		{ "powers of a flagger", { .role = FLAGGER, .powers = twice, .powers_count = 1 }, "powers" },
		{ "a power twice", { .role = HF_ROLE_AUTHORITY, .powers = twice, .powers_count = 2, .jurisdiction = "NL" }, "twice" },
		{ "unknown power", { .role = HF_ROLE_AUTHORITY, .powers = unknown, .powers_count = 1, .jurisdiction = "NL" }, "99" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_attestation claim = rows[i].claim;
		struct hf_why why = { "" };
		enum hf_err err;

		claim.name = "a.example";
		err = hf_attestation_check(&claim, &why);
		if (err != (rows[i].want != NULL ? HF_E_ARGUMENT : HF_OK) ||
		    (rows[i].want != NULL &&
		     strstr(why.text, rows[i].want) == NULL))
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(err),
				 why.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(our_own_word_counts_and_of_others_nobodys),
		WORLD_TEST(a_row_says_who_may_give_which_role),
		WORLD_TEST(a_directory_counts_while_it_is_ours_to_use),
		WORLD_TEST(only_an_authority_with_the_power_makes_flaggers),
		WORLD_TEST(the_past_is_answered_as_it_was),
		WORLD_TEST(answers_are_those_of_a_plain_list),
		WORLD_TEST(powers_are_those_of_the_claim_that_holds),
		WORLD_TEST(a_claim_without_id_is_about_whoever_has_the_name),
		WORLD_TEST(what_breaks_the_rules_says_nothing),
		WORLD_TEST(what_was_erased_was_never_said),
		WORLD_TEST(a_later_epoch_goes_on_where_the_last_one_stopped),
		cmocka_unit_test(a_claim_is_checked_before_it_is_signed),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
