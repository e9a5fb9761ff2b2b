/*
 * Which keys of a set count for a note: those in force, those that follow or
 * were, and what an agreement may say of them.
 */
#include "signed_note.h"

#include "organisations.h"
#include "set_keys.h"
#include "trust.h"

#define COSIGNER DOMAIN "/cosigner"

enum { OLD, NEW, THIEF, LOGS };

static struct made_up hotline;
static struct party logs[LOGS], cosigners[2];

static int start(void **state)
{
	if (hf_sign_start(NULL) != HF_OK ||
	    made_up_new(&hotline, DOMAIN, 10, 1, 1, NULL) != HF_OK)
		return -1;
	for (uint8_t i = 0; i < LOGS; i++) {
		if (party_init(&logs[i], (uint8_t)(50 + i), HF_NOTE_LOG,
			       ORIGIN) != 0)
			return -1;
	}
	for (uint8_t i = 0; i < 2; i++) {
		if (party_init(&cosigners[i], (uint8_t)(60 + i),
			       HF_NOTE_COSIGNER, COSIGNER) != 0)
			return -1;
	}
	return 0;
}

static int stop(void **state)
{
	for (int i = 0; i < LOGS; i++)
		hf_secret_free(logs[i].secret);
	for (int i = 0; i < 2; i++)
		hf_secret_free(cosigners[i].secret);
	made_up_free(&hotline);
	return 0;
}

static struct hf_span key_of(const struct party *party)
{
	return hf_span(party->key.key.bytes, HF_PUBLIC_KEY_BYTES);
}

/* An agreement of version 2: what is in force, and other keys beside it. */
static struct hf_agreement agreement_of(const struct party *log,
					const struct hf_set_key *keys,
					size_t count)
{
	return (struct hf_agreement){
		.origin = ORIGIN,
		.version = 2,
		.organisation_id = hotline.manifest.organisation_id,
		.log_key = key_of(log),
		.cosigner_key = key_of(&cosigners[OLD]),
		.cosigner_name = COSIGNER,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = NOW_MS,
		.expires_ms = NOW_MS + DAY_MS,
		.keys = keys,
		.keys_count = count,
	};
}

/* A note of so many entries by these logs (a bit each) and the first
 * cosigner. */
static void note_by(unsigned by, uint64_t size, struct hf_buf *buf)
{
	struct hf_checkpoint checkpoint = { .origin = BYTES(ORIGIN),
					    .size = size };
	struct party parties[LOGS + 1];
	size_t count = 0;

	if (size == 0)
		hf_tree_empty(&checkpoint.root);
	for (int i = 0; i < LOGS; i++) {
		if ((by & 1u << i) != 0)
			parties[count++] = logs[i];
	}
	parties[count++] = cosigners[OLD];
	hf_buf_init(buf, ROOM_MAX);
	note_make(&checkpoint, parties, count, buf);
	assert_int_equal(hf_buf_failed(buf), HF_OK);
}

/* As a reader does it. */
static enum hf_err open_with(const struct hf_agreement *agreement,
			     struct hf_span bytes, struct hf_why *why)
{
	struct hf_set_pair pair = { 0 };
	struct hf_note note;
	enum hf_err err = hf_note_parse(bytes, &note, why);

	if (err == HF_OK)
		err = hf_set_keys_for(agreement, &note, &pair, why);
	return err == HF_OK ? hf_note_open(bytes, &pair.log, &pair.cosigner,
					   &note, NULL, why)
			    : err;
}

#define BIT(who) (1u << (who))

static void a_key_counts_for_the_sizes_that_the_agreement_says(void **state)
{
	/* The overlap: the old one is in force, the new one signs from 10. */
	const struct hf_set_key next[] = {
		{ .key = key_of(&logs[NEW]), .first_size = 10 },
	};
	/* After it: the old one is void above 20. */
	const struct hf_set_key past[] = {
		{ .key = key_of(&logs[OLD]), .is_void = true, .last_size = 20 },
		{ .key = key_of(&logs[NEW]), .first_size = 10 },
	};
	const struct hf_agreement before = agreement_of(&logs[OLD], NULL, 0);
	const struct hf_agreement during = agreement_of(&logs[OLD], next, 1);
	const struct hf_agreement after = agreement_of(&logs[NEW], past, 2);
	const struct {
		const char *name;
		const struct hf_agreement *agreement;
		unsigned by;
		uint64_t size;
		enum hf_err want;
		const char *words;
	} rows[] = {
		/* clang-format off */
		{ "before, the old one",       &before, BIT(OLD),            9,  HF_OK,          "" },
		{ "before, both",              &before, BIT(OLD) | BIT(NEW), 10, HF_OK,          "" },
		{ "before, the new one alone", &before, BIT(NEW),            10, HF_E_SIGNATURE, "not signed by the log key" },
		{ "during, the old one",       &during, BIT(OLD),            12, HF_OK,          "" },
		{ "during, the new one",       &during, BIT(NEW),            12, HF_OK,          "" },
		{ "during, too small for it",  &during, BIT(NEW),            9,  HF_E_SIGNATURE, "counts from 10" },
		{ "during, both and small",    &during, BIT(OLD) | BIT(NEW), 9,  HF_OK,          "" },
		{ "after, the new one",        &after,  BIT(NEW),            21, HF_OK,          "" },
		{ "after, the old one at it",  &after,  BIT(OLD),            20, HF_OK,          "" },
		{ "after, the old one above",  &after,  BIT(OLD),            21, HF_E_SIGNATURE, "declared void above 20" },
		{ "after, both above",         &after,  BIT(OLD) | BIT(NEW), 21, HF_OK,          "" },
		{ "after, largest there is",   &after,  BIT(OLD), HF_TREE_MAX_SIZE, HF_E_SIGNATURE, "declared void above 20" },
		{ "after, the empty tree",     &after,  BIT(OLD),            0,  HF_OK,          "" },
		{ "after, a stranger's",       &after,  BIT(THIEF),          15, HF_E_SIGNATURE, "not signed by the log key" },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct hf_buf note;

		note_by(rows[i].by, rows[i].size, &note);
		if (open_with(rows[i].agreement, hf_buf_span(&note), &why) !=
			    rows[i].want ||
		    strstr(why.text, rows[i].words) == NULL)
			fail_msg("%s: %s", rows[i].name, why.text);
		hf_buf_release(&note);
	}
}

static void evidence_needs_a_key_that_counts_for_both_trees(void **state)
{
	const struct hf_set_key past[] = {
		{ .key = key_of(&logs[OLD]), .is_void = true, .last_size = 20 },
	};
	const struct hf_agreement after = agreement_of(&logs[NEW], past, 1);

	assert_true(hf_set_keys_has_log(&after, &logs[OLD].key.key, 20));
	assert_false(hf_set_keys_has_log(&after, &logs[OLD].key.key, 21));
	assert_true(hf_set_keys_has_log(&after, &logs[NEW].key.key, 21));
	assert_false(hf_set_keys_has_log(&after, &logs[THIEF].key.key, 1));
	assert_false(hf_set_keys_has_log(&after, &cosigners[OLD].key.key, 1));
}

static void a_pair_that_is_held_is_not_made_again(void **state)
{
	const struct hf_set_key next[] = {
		{ .key = key_of(&cosigners[NEW]), .is_cosigner = true },
	};
	const struct hf_agreement during = agreement_of(&logs[OLD], next, 1);
	struct hf_set_pair pair = { 0 }, again;
	struct hf_why why = { "" };
	struct hf_note note;
	struct hf_buf buf;

	note_by(BIT(OLD), 5, &buf);
	assert_ok(hf_note_parse(hf_buf_span(&buf), &note, &why), &why);
	assert_ok(hf_set_keys_for(&during, &note, &pair, &why), &why);
	assert_memory_equal(&pair.cosigner.key, &cosigners[OLD].key.key,
			    HF_PUBLIC_KEY_BYTES);
	again = pair;
	assert_ok(hf_set_keys_for(&during, &note, &again, &why), &why);
	assert_memory_equal(&pair, &again, sizeof(pair));
	hf_buf_release(&buf);
}

/* Signed and read back, as a member gets it. */
static enum hf_err signed_and_read(const struct hf_agreement *agreement,
				   struct hf_why *why)
{
	const struct hf_agreement *read;
	struct hf_buf document;
	struct hf_arena arena;
	enum hf_err err;

	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	err = hf_trust_agreement_make(agreement, hotline.agreement, &document,
				      why);
	if (err == HF_OK)
		err = hf_trust_agreement(hf_buf_span(&document),
					 &hotline.manifest, &arena, &read, why);
	if (err == HF_OK)
		assert_int_equal(read->keys_count, agreement->keys_count);
	hf_arena_release(&arena);
	hf_buf_release(&document);
	return err;
}

static void an_agreement_names_only_keys_that_can_be(void **state)
{
	/* The identity: in some libraries it verifies any message. */
	static const uint8_t small[HF_PUBLIC_KEY_BYTES] = { 1 };
	static const uint8_t not_canonical[HF_PUBLIC_KEY_BYTES] = {
		0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	};
	struct hf_set_key many[HF_SET_KEYS_MAX + 1];
	struct hf_agreement twice;
	const struct {
		const char *name;
		struct hf_set_key key;
		enum hf_err want;
	} rows[] = {
		/* clang-format off */
		{ "one that follows",      { .key = key_of(&logs[NEW]), .first_size = 3 }, HF_OK },
		{ "one that was",          { .key = key_of(&logs[NEW]), .is_void = true, .last_size = 3 }, HF_OK },
		{ "the one in force",      { .key = key_of(&logs[OLD]), .first_size = 3 }, HF_OK },
		{ "a cosigner's",          { .key = key_of(&cosigners[NEW]), .is_cosigner = true }, HF_OK },
		{ "small order",           { .key = { small, sizeof(small) } }, HF_E_ARGUMENT },
		{ "small order, cosigner", { .key = { small, sizeof(small) }, .is_cosigner = true }, HF_E_ARGUMENT },
		{ "not canonical",         { .key = { not_canonical, sizeof(not_canonical) } }, HF_E_ARGUMENT },
		{ "the log as cosigner",   { .key = key_of(&logs[OLD]), .is_cosigner = true }, HF_E_ARGUMENT },
		{ "the cosigner as log",   { .key = key_of(&cosigners[OLD]) }, HF_E_ARGUMENT },
		{ "ends before it begins", { .key = key_of(&logs[NEW]), .first_size = 4, .is_void = true, .last_size = 3 }, HF_E_ARGUMENT },
		{ "ends, and is not void", { .key = key_of(&logs[NEW]), .last_size = 3 }, HF_E_ARGUMENT },
		/* clang-format on */
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_agreement agreement =
			agreement_of(&logs[OLD], &rows[i].key, 1);
		struct hf_why why = { "" };

		if (signed_and_read(&agreement, &why) != rows[i].want)
			fail_msg("%s: %s", rows[i].name, why.text);
	}
	for (size_t i = 0; i < ROWS(many); i++)
		many[i] = (struct hf_set_key){ .key = key_of(&logs[NEW]) };
	twice = agreement_of(&logs[OLD], many, 2);
	assert_int_not_equal(signed_and_read(&twice, NULL), HF_OK);
	twice = agreement_of(&logs[OLD], many, ROWS(many));
	assert_int_not_equal(signed_and_read(&twice, NULL), HF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_key_counts_for_the_sizes_that_the_agreement_says),
		cmocka_unit_test(
			evidence_needs_a_key_that_counts_for_both_trees),
		cmocka_unit_test(a_pair_that_is_held_is_not_made_again),
		cmocka_unit_test(an_agreement_names_only_keys_that_can_be),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
