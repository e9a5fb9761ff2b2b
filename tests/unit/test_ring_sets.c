#include "unit.h"

#include "ring_fixture.h"

#define NCII "hotline.example/ncii/1"

static struct hf_agreement agreement_of(const struct made_up *org,
					const char *origin,
					const char *cosigner, uint64_t version)
{
	return (struct hf_agreement){
		.origin = origin,
		.version = version,
		.organisation_id = hf_span(org->id, 32),
		.log_key = public_span(org->log),
		.cosigner_key = public_span(org->cosigner),
		.cosigner_name = cosigner,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = NOW_MS,
		.expires_ms = NOW_MS + 30 * DAY_MS,
	};
}

static enum hf_err save(const struct made_up *org,
			const struct hf_agreement *agreement,
			struct hf_why *why)
{
	struct hf_buf document;
	enum hf_err err;

	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	err = hf_trust_agreement_make(agreement, org->agreement, &document,
				      why);
	if (err == HF_OK)
		err = hf_ring_save_agreement(dir, hf_buf_span(&document), why);
	hf_buf_release(&document);
	return err;
}

static void the_agreement_says_who_may_have_and_relay(void **state)
{
	struct hf_span members[] = { hf_span(partner.id, 32) };
	struct hf_span listed[] = { hf_span(provider.id, 32) };
	const uint64_t end = NOW_MS + 30 * DAY_MS;
	const struct {
		const char *name;
		enum hf_relay relay;
		bool lists, witnesses;
		const uint8_t *who;
		uint64_t now_ms;
		enum hf_right may_have;
		bool may_relay;
	} rows[] = {
		/* clang-format off */
		{ "publisher", HF_RELAY_NONE, 0, 0, hotline.id, NOW_MS, HF_RIGHT_PUBLISHER, true },
		{ "publisher, expired", HF_RELAY_NONE, 0, 0, hotline.id, end, HF_RIGHT_PUBLISHER, false },
		{ "member", HF_RELAY_NONE, 0, 0, partner.id, NOW_MS, HF_RIGHT_MEMBER, false },
		{ "member, last ms", HF_RELAY_NONE, 0, 0, partner.id, end - 1, HF_RIGHT_MEMBER, false },
		{ "member, expired", HF_RELAY_MEMBERS, 0, 0, partner.id, end, HF_RIGHT_NONE, false },
		{ "members relay", HF_RELAY_MEMBERS, 0, 0, partner.id, NOW_MS, HF_RIGHT_MEMBER, true },
		{ "stranger", HF_RELAY_MEMBERS, 0, 0, provider.id, NOW_MS, HF_RIGHT_NONE, false },
		{ "listed relay", HF_RELAY_LISTED, 1, 0, provider.id, NOW_MS, HF_RIGHT_RELAY, true },
		{ "member beside listed", HF_RELAY_LISTED, 1, 0, partner.id, NOW_MS, HF_RIGHT_MEMBER, false },
		{ "listed, expired", HF_RELAY_LISTED, 1, 0, provider.id, end, HF_RIGHT_NONE, false },
		{ "witness", HF_RELAY_MEMBERS, 0, 1, provider.id, NOW_MS, HF_RIGHT_WITNESS, false },
		/* clang-format on */
	};
	struct hf_why why = { "" };

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_agreement agreement = agreement_of(
			&hotline, NCII, "hotline.example/cosigner", i + 1);
		struct hf_ring *ring;

		agreement.audience = members;
		agreement.audience_count = 1;
		agreement.relay = rows[i].relay;
		agreement.relays = listed;
		agreement.relays_count = rows[i].lists;
		agreement.witnesses = listed;
		agreement.witnesses_count = rows[i].witnesses;
		assert_ok(save(&hotline, &agreement, &why), &why);
		ring = loaded();
		if (hf_ring_may_have(ring, BYTES(NCII), rows[i].who,
				     rows[i].now_ms) != rows[i].may_have)
			fail_msg("%s: may have", rows[i].name);
		if (hf_ring_may_relay(ring, BYTES(NCII), rows[i].who,
				      rows[i].now_ms) != rows[i].may_relay)
			fail_msg("%s: may relay", rows[i].name);
		hf_ring_release(ring);
	}
}

static void an_unknown_set_gives_nobody_anything(void **state)
{
	struct hf_ring *ring = loaded();

	assert_null(hf_ring_set(ring, BYTES(NCII)));
	assert_int_equal(
		hf_ring_may_have(ring, BYTES(NCII), hotline.id, NOW_MS),
		HF_RIGHT_NONE);
	assert_false(hf_ring_may_relay(ring, BYTES(NCII), hotline.id, NOW_MS));
	hf_ring_release(ring);
}

static void the_newest_agreement_counts(void **state)
{
	struct hf_agreement agreement =
		agreement_of(&hotline, NCII, "hotline.example/cosigner", 2);
	struct hf_why why = { "" };
	struct hf_ring *ring;

	assert_ok(save(&hotline, &agreement, &why), &why);
	assert_ok(save(&hotline, &agreement, &why), &why);
	agreement.purpose = "another text";
	assert_int_equal(save(&hotline, &agreement, &why), HF_E_CONFLICT);
	agreement.version = 1;
	assert_int_equal(save(&hotline, &agreement, &why), HF_E_CONFLICT);
	agreement.version = 5;
	assert_ok(save(&hotline, &agreement, &why), &why);
	/* A peer's agreement counts once the peer is enrolled. */
	agreement = agreement_of(&partner, "partner.example/csam/1",
				 "partner.example/cosigner", 1);
	assert_int_equal(save(&partner, &agreement, &why),
			 HF_E_UNAUTHENTICATED);
	assert_ok(enrol(&partner, &why), &why);
	assert_ok(save(&partner, &agreement, &why), &why);
	/* And only for its own domain, by its own key. */
	agreement.origin = "hotline.example/csam/1";
	agreement.cosigner_name = "hotline.example/cosigner";
	assert_int_equal(save(&partner, &agreement, &why), HF_E_CONFLICT);
	agreement.organisation_id = hf_span(hotline.id, 32);
	assert_int_equal(save(&partner, &agreement, &why), HF_E_SIGNATURE);

	ring = loaded();
	assert_int_equal(hf_ring_set(ring, BYTES(NCII))->agreement->version, 5);
	assert_true(hf_ring_set(ring, BYTES(NCII))->is_own);
	assert_false(hf_ring_set(ring, BYTES("partner.example/csam/1"))
			     ->is_followed);
	hf_ring_release(ring);
	assert_ok(hf_ring_remove_peer(dir, BYTES("partner.example"), &why),
		  &why);
	ring = loaded();
	assert_null(hf_ring_set(ring, BYTES("partner.example/csam/1")));
	assert_int_equal(warnings_of(ring), 0);
	hf_ring_release(ring);
}

static void what_a_set_is_never_changes(void **state)
{
	static const unsigned kinds[] = { 0, HF_SET_KIND_CASES,
					  HF_SET_KIND_DIRECTORY, 77 };
	char origin[64];
	struct hf_why why = { "" };
	struct hf_ring *ring;

	for (size_t i = 0; i < ROWS(kinds); i++) {
		struct hf_agreement agreement;

		snprintf(origin, sizeof(origin), "hotline.example/set-%zu/1",
			 i);
		agreement = agreement_of(&hotline, origin,
					 "hotline.example/cosigner", 1);
		agreement.kind = (enum hf_set_kind)kinds[i];
		assert_ok(save(&hotline, &agreement, &why), &why);
		agreement.version = 2;
		for (size_t j = 0; j < ROWS(kinds); j++) {
			if (j == i)
				continue;
			agreement.kind = (enum hf_set_kind)kinds[j];
			assert_int_equal(save(&hotline, &agreement, &why),
					 HF_E_CONFLICT);
			assert_non_null(strstr(why.text, "never changes"));
		}
		agreement.kind = (enum hf_set_kind)kinds[i];
		assert_ok(save(&hotline, &agreement, &why), &why);
		ring = loaded();
		assert_int_equal(
			hf_ring_set(ring, hf_span_of(origin))->agreement->kind,
			kinds[i]);
		hf_ring_release(ring);
	}
}

/* Open an epoch that goes on from another; what became of it. */
static enum hf_err open_epoch(const char *origin, const char *from,
			      uint64_t size, uint64_t version,
			      uint64_t carried_plus_one, struct hf_why *why)
{
	static const uint8_t root[HF_HASH_BYTES] = { 7 };
	const struct hf_predecessor predecessor = {
		.origin = from,
		.size = size,
		.root = hf_span(root, sizeof(root)),
		.carried_plus_one = carried_plus_one,
	};
	struct hf_agreement agreement = agreement_of(
		&hotline, origin, "hotline.example/cosigner", version);

	agreement.predecessor = from != NULL ? &predecessor : NULL;
	return save(&hotline, &agreement, why);
}

static void an_epoch_goes_on_from_an_earlier_one_of_its_set(void **state)
{
	static const char *const others[] = {
		"hotline.example/ncii/2",  "hotline.example/ncii/3",
		"hotline.example/other/1", "hotline.example/ncii-x/1",
		"partner.example/ncii/1",
	};
	struct hf_why why = { "" };

	for (size_t i = 0; i < ROWS(others); i++)
		assert_int_equal(open_epoch("hotline.example/ncii/2", others[i],
					    1, 1, 0, &why),
				 HF_E_ARGUMENT);
	assert_int_equal(open_epoch("hotline.example/ncii/2", NCII,
				    (uint64_t)INT64_MAX + 1, 1, 0, &why),
			 HF_E_ARGUMENT);
	assert_ok(open_epoch("hotline.example/ncii/2", NCII, 5, 1, 0, &why),
		  &why);
	/* Where it goes on from stays; that all was carried is said once. */
	assert_int_equal(
		open_epoch("hotline.example/ncii/2", NCII, 6, 2, 0, &why),
		HF_E_CONFLICT);
	assert_int_equal(
		open_epoch("hotline.example/ncii/2", NULL, 0, 2, 0, &why),
		HF_E_CONFLICT);
	assert_ok(open_epoch("hotline.example/ncii/2", NCII, 5, 2, 4, &why),
		  &why);
	assert_int_equal(
		open_epoch("hotline.example/ncii/2", NCII, 5, 3, 0, &why),
		HF_E_CONFLICT);
	assert_int_equal(
		open_epoch("hotline.example/ncii/2", NCII, 5, 3, 9, &why),
		HF_E_CONFLICT);
	assert_ok(open_epoch("hotline.example/ncii/2", NCII, 5, 3, 4, &why),
		  &why);
}

static void the_successor_says_what_counts(void **state)
{
	static const struct {
		const char *origin, *from; /* opened */
		uint64_t size;
	} opened[] = {
		{ "hotline.example/ncii/1", NULL, 0 },
		{ "hotline.example/ncii-x/1", NULL, 0 },
		{ "hotline.example/nciia/1", NULL, 0 },
		{ "hotline.example/ncii/2", "hotline.example/ncii/1", 5 },
		{ "hotline.example/ncii/10", "hotline.example/ncii/2", 8 },
		/* Passes over one that nobody goes on from. */
		{ "hotline.example/ncii/20", "hotline.example/ncii/10", 1 },
		{ "hotline.example/ncii/21", "hotline.example/ncii/10", 3 },
	};
	static const struct {
		const char *origin, *successor;
		uint64_t void_from;
		bool has_root;
	} rows[] = {
		{ "hotline.example/ncii/1", "hotline.example/ncii/2", 5, true },
		{ "hotline.example/ncii/2", "hotline.example/ncii/10", 8,
		  true },
		{ "hotline.example/ncii/10", "hotline.example/ncii/21", 3,
		  true },
		{ "hotline.example/ncii/20", "hotline.example/ncii/21", 0,
		  false },
		{ "hotline.example/ncii/21", NULL, 0, false },
		{ "hotline.example/ncii/11", "hotline.example/ncii/21", 0,
		  false },
		{ "hotline.example/ncii-x/1", NULL, 0, false },
		{ "hotline.example/nciia/1", NULL, 0, false },
		{ "hotline.example/nci/1", NULL, 0, false },
		{ "no origin", NULL, 0, false },
	};
	struct hf_why why = { "" };
	struct hf_ring *ring;

	for (size_t i = 0; i < ROWS(opened); i++)
		assert_ok(open_epoch(opened[i].origin, opened[i].from,
				     opened[i].size, 1, 0, &why),
			  &why);
	ring = loaded();
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint64_t void_from = 0;
		const uint8_t *root = NULL;
		const struct hf_ring_set *set = hf_ring_successor(
			ring, hf_span_of(rows[i].origin), &void_from, &root);

		if (rows[i].successor == NULL) {
			assert_null(set);
			continue;
		}
		assert_non_null(set);
		assert_string_equal(set->origin, rows[i].successor);
		assert_int_equal(void_from, rows[i].void_from);
		assert_int_equal(root != NULL, rows[i].has_root);
	}
	hf_ring_release(ring);
}

static void a_replaced_organisation_leaves_no_agreement(void **state)
{
	struct hf_ring_peer_options options = { .now_ms = NOW_MS };
	struct hf_agreement agreement =
		agreement_of(&partner, "partner.example/csam/1",
			     "partner.example/cosigner", 7);
	struct hf_why why = { "" };
	struct made_up org;
	struct hf_ring *ring;

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(save(&partner, &agreement, &why), &why);
	assert_ok(made_up_new(&org, "partner.example", 50, 1, 1, &why), &why);
	options.replaces = true;
	assert_ok(enrol_with(hf_buf_span(&org.document), &options, &why), &why);
	ring = loaded();
	assert_null(hf_ring_set(ring, BYTES("partner.example/csam/1")));
	assert_int_equal(warnings_of(ring), 0);
	hf_ring_release(ring);
	/* Its successor begins anew. */
	agreement = agreement_of(&org, "partner.example/csam/1",
				 "partner.example/cosigner", 1);
	assert_ok(save(&org, &agreement, &why), &why);
	made_up_free(&org);
}

static void sources_are_the_publisher_and_whoever_may_relay(void **state)
{
	struct hf_span members[] = { hf_span(hotline.id, 32),
				     hf_span(partner.id, 32) };
	struct hf_agreement agreement =
		agreement_of(&provider, "provider.example/csam/1",
			     "provider.example/cosigner", 1);
	struct hf_span origin = BYTES("provider.example/csam/1");
	const struct hf_organisation *sources[4];
	const struct hf_ring_set *sets[4];
	struct hf_why why = { "" };
	struct hf_ring *ring;

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(enrol(&provider, &why), &why);
	agreement.audience = members;
	agreement.audience_count = 2;
	assert_ok(save(&provider, &agreement, &why), &why);
	ring = loaded();
	assert_int_equal(hf_ring_sources(ring, origin, NOW_MS, sources, 4), 1);
	assert_string_equal(sources[0]->name, "provider.example");
	hf_ring_release(ring);

	agreement.version = 2;
	agreement.relay = HF_RELAY_MEMBERS;
	assert_ok(save(&provider, &agreement, &why), &why);
	ring = loaded();
	assert_int_equal(hf_ring_sources(ring, origin, NOW_MS, sources, 4), 2);
	assert_string_equal(sources[0]->name, "provider.example");
	assert_string_equal(sources[1]->name, "partner.example");
	assert_int_equal(hf_ring_sources(ring, origin, NOW_MS, sources, 1), 2);
	assert_int_equal(
		hf_ring_sources(ring, origin, NOW_MS + 31 * DAY_MS, sources, 4),
		0);
	assert_int_equal(hf_ring_sets_of(ring, partner.id, NOW_MS, sets, 4), 1);
	assert_string_equal(sets[0]->origin, "provider.example/csam/1");
	assert_int_equal(hf_ring_sets_of(ring, hotline.id, NOW_MS, sets, 0), 1);
	hf_ring_release(ring);
}

static void follows_are_remembered_before_the_set_is_known(void **state)
{
	const char *const *origins;
	struct hf_why why = { "" };
	struct hf_ring *ring;

	assert_ok(hf_ring_follow(dir, BYTES("b.example/x/1"), &why), &why);
	assert_ok(hf_ring_follow(dir, BYTES("a.example/x/1"), &why), &why);
	assert_ok(hf_ring_follow(dir, BYTES("a.example/x/1"), &why), &why);
	assert_int_equal(hf_ring_follow(dir, BYTES("a.example"), &why),
			 HF_E_ARGUMENT);
	ring = loaded();
	assert_int_equal(hf_ring_follows(ring, &origins), 2);
	assert_string_equal(origins[0], "a.example/x/1");
	assert_true(hf_ring_is_followed(ring, BYTES("b.example/x/1")));
	assert_false(hf_ring_is_followed(ring, BYTES("c.example/x/1")));
	hf_ring_release(ring);
	assert_ok(hf_ring_unfollow(dir, BYTES("a.example/x/1"), &why), &why);
	assert_ok(hf_ring_unfollow(dir, BYTES("z.example/x/1"), &why), &why);
	ring = loaded();
	assert_int_equal(hf_ring_follows(ring, &origins), 1);
	assert_false(hf_ring_is_followed(ring, BYTES("a.example/x/1")));
	hf_ring_release(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RING(the_agreement_says_who_may_have_and_relay),
		WITH_A_RING(an_unknown_set_gives_nobody_anything),
		WITH_A_RING(the_newest_agreement_counts),
		WITH_A_RING(what_a_set_is_never_changes),
		WITH_A_RING(an_epoch_goes_on_from_an_earlier_one_of_its_set),
		WITH_A_RING(the_successor_says_what_counts),
		WITH_A_RING(a_replaced_organisation_leaves_no_agreement),
		WITH_A_RING(sources_are_the_publisher_and_whoever_may_relay),
		WITH_A_RING(follows_are_remembered_before_the_set_is_known),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
