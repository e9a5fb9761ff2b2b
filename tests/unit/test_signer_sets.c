/*
 * The keys of sets that a signer has: which of them sign, and what agreements
 * say of each.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec_document.h"
#include "set_keys.h"
#include "signer_home.h"
#include "signer_sets.h"

static char dir[] = "/tmp/hf-signer-sets-XXXXXX";
static const struct hf_signer_options options = { dir, NULL, { NULL, 0 }, 0 };

enum { NOW, NEXT, FIRST_PAST };

/* Key number n of a kind; NOW is the one that home_fill() makes. */
static struct hf_key *key_of(enum hf_key_role role, uint8_t number)
{
	const struct hf_key_facts facts = { .role = role,
					    .domain = BYTES(HOME_DOMAIN),
					    .created_ms = 1 };
	const uint8_t seed[HF_SEED_BYTES] = { (uint8_t)role, number };
	struct hf_why why = { "" };
	struct hf_key *key = NULL;

	assert_ok(hf_key_from_seed(&facts, seed, &key, &why), &why);
	return key;
}

static void path_of(const char *name, char out_path[static 96])
{
	snprintf(out_path, 96, "%s/%s", dir, name);
}

static void put_next(enum hf_key_role role)
{
	const struct hf_key_lock open_lock = { { NULL, 0 }, { 0, 0 } };
	struct hf_key *key = key_of(role, NEXT);
	struct hf_why why = { "" };
	char path[96], name[32];

	snprintf(name, sizeof(name), "%s-next.key", hf_key_role_name(role));
	path_of(name, path);
	assert_ok(hf_vault_create(path, key, &open_lock, &why), &why);
	hf_key_free(key);
}

static void put_text(const char *name, const char *text)
{
	struct hf_why why = { "" };
	char path[96];

	path_of(name, path);
	assert_ok(hf_file_create(path, hf_span_of(text), 0600, &why), &why);
}

static void put_past(enum hf_key_role role, uint8_t number)
{
	struct hf_key *key = key_of(role, number);
	char hex[2 * HF_PUBLIC_KEY_BYTES + 2], name[48];

	hf_hex(key->public_key.bytes, HF_PUBLIC_KEY_BYTES, hex);
	strcat(hex, "\n");
	snprintf(name, sizeof(name), "%s-past-%013u.pub",
		 hf_key_role_name(role), number);
	put_text(name, hex);
	hf_key_free(key);
}

static int fresh(void **state)
{
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	if (hf_sign_start(NULL) != HF_OK || mkdtemp(dir) == NULL)
		return -1;
	home_fill(dir);
	return 0;
}

static struct hf_signer_sets sets;

static int cleared(void **state)
{
	char command[128];

	hf_signer_sets_release(&sets);
	memset(&sets, 0, sizeof(sets));
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	return system(command) == 0 ? 0 : -1;
}

static void load(void)
{
	struct hf_why why = { "" };

	assert_ok(hf_signer_sets_load(&options, &sets, &why), &why);
}

static const struct hf_set_key *row_of(const struct hf_agreement *agreement,
				       enum hf_key_role role, uint8_t number)
{
	struct hf_key *key = key_of(role, number);
	const struct hf_set_key *found = NULL;

	for (size_t i = 0; i < agreement->keys_count; i++) {
		if (agreement->keys[i].is_cosigner ==
			    (role == HF_KEY_COSIGNER) &&
		    memcmp(agreement->keys[i].key.at, &key->public_key,
			   HF_PUBLIC_KEY_BYTES) == 0)
			found = &agreement->keys[i];
	}
	hf_key_free(key);
	return found;
}

static struct hf_agent_set_key held_of(enum hf_key_role role, uint8_t number,
				       struct hf_agent_set_key held)
{
	struct hf_key *key = key_of(role, number);

	held.key = key->public_key;
	held.is_cosigner = role == HF_KEY_COSIGNER;
	hf_key_free(key);
	return held;
}

static void both_keys_sign_while_one_follows(void **state)
{
	struct hf_record_tree tree = { .size = 7, .time_s = 1800000000 };
	struct hf_set_key keys[HF_SET_KEYS_MAX];
	struct hf_agreement agreement = { .origin = HOME_ORIGIN };
	struct hf_set_pair pair = { 0 };
	struct hf_why why = { "" };
	struct hf_note note;
	struct hf_buf bytes;
	uint64_t time_s = 0;

	put_next(HF_KEY_LOG);
	put_next(HF_KEY_COSIGNER);
	load();
	hf_buf_init(&bytes, HF_NOTE_MAX_BYTES);
	/* Twice: the second time the keys are there already. */
	for (int i = 0; i < 2; i++) {
		hf_buf_reset(&bytes);
		assert_ok(hf_signer_put_note(&sets, BYTES(HOME_ORIGIN), &tree,
					     &bytes, &why),
			  &why);
		assert_ok(hf_note_parse(hf_buf_span(&bytes), &note, &why),
			  &why);
		assert_int_equal(note.lines_count, 4);
	}
	hf_signer_name_keys(&sets, NULL, 0, 7, &agreement, keys);
	assert_ok(hf_set_keys_for(&agreement, &note, &pair, &why), &why);
	assert_ok(hf_note_open(note.bytes, &pair.log, &pair.cosigner, &note,
			       &time_s, &why),
		  &why);
	assert_true(time_s == tree.time_s);
	assert_ok(hf_signer_open_note(&sets, &note, true, &time_s, &why), &why);
	hf_buf_release(&bytes);
}

static void an_agreement_bounds_keys_by_what_was_signed(void **state)
{
	const struct hf_agent_set_key held[] = {
		held_of(HF_KEY_LOG, 2,
			(struct hf_agent_set_key){ .first_size = 0 }),
		held_of(HF_KEY_LOG, 3,
			(struct hf_agent_set_key){ .first_size = 4,
						   .is_void = true,
						   .last_size = 9 }),
		/* What a daemon that was taken over would like to have. */
		held_of(HF_KEY_LOG, 4,
			(struct hf_agent_set_key){ .is_void = true,
						   .last_size = 1000 }),
		held_of(HF_KEY_LOG, 99,
			(struct hf_agent_set_key){ .first_size = 0 }),
	};
	struct hf_set_key keys[HF_SET_KEYS_MAX];
	struct hf_agreement agreement = { .origin = HOME_ORIGIN };
	const struct hf_set_key *row;

	put_next(HF_KEY_LOG);
	for (uint8_t i = 2; i <= 5; i++)
		put_past(HF_KEY_LOG, i);
	load();
	assert_true(hf_signer_names_new(&sets, held, ROWS(held)));
	hf_signer_name_keys(&sets, held, ROWS(held), 20, &agreement, keys);
	row = row_of(&agreement, HF_KEY_LOG, NEXT);
	assert_true(row != NULL && row->first_size == 20 && !row->is_void);
	row = row_of(&agreement, HF_KEY_LOG, 2);
	assert_true(row != NULL && row->is_void && row->last_size == 20);
	row = row_of(&agreement, HF_KEY_LOG, 3);
	assert_true(row != NULL && row->is_void && row->first_size == 4 &&
		    row->last_size == 9);
	row = row_of(&agreement, HF_KEY_LOG, 4);
	assert_true(row != NULL && row->is_void && row->last_size == 20);
	/* This set never had it; and nobody has this one. */
	assert_null(row_of(&agreement, HF_KEY_LOG, 5));
	assert_null(row_of(&agreement, HF_KEY_LOG, 99));
	assert_int_equal(agreement.keys_count, 4);
}

static void as_many_keys_as_an_agreement_holds_are_named(void **state)
{
	struct hf_agent_set_key held[HF_AGENT_HELD_MAX];
	struct hf_set_key keys[HF_SET_KEYS_MAX];
	struct hf_agreement agreement = { .origin = HOME_ORIGIN };
	struct hf_agent_status status = { .domain = "" };
	size_t count = 0;

	put_next(HF_KEY_LOG);
	put_next(HF_KEY_COSIGNER);
	for (uint8_t i = 2; i < 10; i++) {
		put_past(HF_KEY_LOG, i);
		put_past(HF_KEY_COSIGNER, i);
	}
	load();
	assert_int_equal(sets.log.past_count, HF_SIGNER_PAST_MAX);
	hf_signer_tell_keys(&sets, &status);
	for (size_t i = 0; i < status.keys_count; i++)
		held[count++] = (struct hf_agent_set_key){
			.key = status.keys[i].key,
			.is_cosigner = status.keys[i].is_cosigner,
			.first_size = 1,
		};
	hf_signer_name_keys(&sets, held, count, 5, &agreement, keys);
	assert_int_equal(agreement.keys_count, HF_SET_KEYS_MAX);
	/* The oldest are forgotten. */
	assert_null(row_of(&agreement, HF_KEY_LOG, 3));
	assert_non_null(row_of(&agreement, HF_KEY_LOG, 4));
}

static void what_is_no_public_key_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"no key\n",
		/* The identity, which verifies anything in some libraries. */
		"0100000000000000000000000000000000000000000000000000000000000"
		"000\n",
		/* One digit more. */
		"0100000000000000000000000000000000000000000000000000000000000"
		"0000\n",
	};
	char path[96];

	path_of("log-past-1800000000000.pub", path);
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct hf_why why = { "" };

		put_text("log-past-1800000000000.pub", texts[i]);
		if (hf_signer_sets_load(&options, &sets, &why) == HF_OK)
			fail_msg("row %zu was taken", i);
		hf_signer_sets_release(&sets);
		memset(&sets, 0, sizeof(sets));
		unlink(path);
	}
}

#define IN_A_HOME(test) cmocka_unit_test_setup_teardown(test, fresh, cleared)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_HOME(both_keys_sign_while_one_follows),
		IN_A_HOME(an_agreement_bounds_keys_by_what_was_signed),
		IN_A_HOME(as_many_keys_as_an_agreement_holds_are_named),
		IN_A_HOME(what_is_no_public_key_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
