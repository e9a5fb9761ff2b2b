#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "passphrase.h"
#include "vault.h"

/* The least that is accepted: a test should not take half a second a guess. */
static const struct hf_seal_cost cheap = { HF_SEAL_OPS_MIN,
					   HF_SEAL_MEM_MIN_KIB };
static const struct hf_key_lock open_lock = { { NULL, 0 }, { 0, 0 } };

static char dir[] = "/tmp/hf-vault-XXXXXX";
static char path[64];

static int start(void **state)
{
	if (hf_sign_start(NULL) != HF_OK || mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/a.key", dir);
	return 0;
}

static int stop(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static int no_file(void **state)
{
	unlink(path);
	return 0;
}

static struct hf_key *new_key(enum hf_key_role role)
{
	const struct hf_key_facts facts = {
		.role = role,
		.domain = BYTES("hotline.example"),
		.label = BYTES("tests"),
		.created_ms = 1700000000000,
		.expires_ms = 1800000000000,
	};
	struct hf_why why = { "" };
	struct hf_key *key = NULL;

	assert_ok(hf_key_new(&facts, &key, &why), &why);
	return key;
}

static struct hf_key_lock locked(const char *passphrase)
{
	return (struct hf_key_lock){ hf_span_of(passphrase), cheap };
}

static void assert_same(const struct hf_key *a, const struct hf_key *b)
{
	assert_int_equal(a->role, b->role);
	assert_memory_equal(hf_secret_seed(a->secret),
			    hf_secret_seed(b->secret), HF_SEED_BYTES);
	assert_memory_equal(&a->public_key, &b->public_key,
			    sizeof(a->public_key));
	assert_memory_equal(a->id, b->id, sizeof(a->id));
	assert_true(a->created_ms == b->created_ms);
	assert_true(a->expires_ms == b->expires_ms);
	assert_string_equal(a->domain, b->domain);
	assert_string_equal(a->label, b->label);
}

static void a_key_of_every_role_comes_back(void **state)
{
	struct hf_why why = { "" };

	for (int role = HF_KEY_ROOT; role <= HF_KEY_STORAGE; role++) {
		struct hf_key *key = new_key((enum hf_key_role)role), *back;
		struct hf_key_lock lock =
			role == HF_KEY_ROOT ? locked("open sesame") : open_lock;
		struct hf_keyfile_info info;
		uint8_t receive[HF_PUBLIC_KEY_BYTES];
		struct stat st;

		assert_ok(hf_vault_create(path, key, &lock, &why), &why);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_ok(hf_vault_load(path, HF_VAULT_OWN, key->role,
					lock.passphrase, &back, &why),
			  &why);
		assert_same(key, back);
		hf_receive_public(hf_secret_seed(key->secret), receive);
		assert_int_equal(memcmp(receive, back->public_key.bytes, 32) ==
					 0,
				 role == HF_KEY_RECEIVE);
		assert_ok(hf_vault_inspect(path, HF_VAULT_OWN, &info, &why),
			  &why);
		assert_int_equal(info.role, role);
		assert_int_equal(info.kdf, role == HF_KEY_ROOT
						   ? HF_KEY_KDF_ARGON2ID
						   : HF_KEY_KDF_NONE);
		assert_memory_equal(info.id, key->id, sizeof(info.id));
		assert_int_equal(hf_key_role_parse(hf_span_of(
					 hf_key_role_name(info.role))),
				 role);
		hf_key_free(key);
		hf_key_free(back);
		unlink(path);
	}
}

static void facts_that_make_no_key_are_refused(void **state)
{
	char label[HF_KEY_LABEL_MAX_BYTES + 1];
	const struct {
		const char *name;
		struct hf_key_facts facts;
	} rows[] = {
		{ "role",
		  { (enum hf_key_role)9, BYTES("a.example"), { 0 }, 0, 0 } },
		{ "domain", { HF_KEY_LOG, BYTES("A.example"), { 0 }, 0, 0 } },
		{ "no domain", { HF_KEY_LOG, BYTES(""), { 0 }, 0, 0 } },
		{ "label",
		  { HF_KEY_LOG, BYTES("a.example"), BYTES("a\nb"), 0, 0 } },
		{ "long label",
		  { HF_KEY_LOG, BYTES("a.example"), hf_span(label, 65), 0,
		    0 } },
		{ "expired", { HF_KEY_LOG, BYTES("a.example"), { 0 }, 5, 5 } },
	};
	struct hf_key *key;

	memset(label, 'a', sizeof(label));
	for (size_t i = 0; i < ROWS(rows); i++) {
		if (hf_key_new(&rows[i].facts, &key, NULL) != HF_E_ARGUMENT)
			fail_msg("%s", rows[i].name);
	}
	assert_int_equal(hf_key_role_parse(BYTES("Root")), 0);
}

static void a_root_key_is_never_written_without_a_passphrase(void **state)
{
	struct hf_key *key = new_key(HF_KEY_ROOT);

	assert_int_equal(hf_vault_create(path, key, &open_lock, NULL),
			 HF_E_ARGUMENT);
	assert_int_not_equal(access(path, F_OK), 0);
	hf_key_free(key);
}

static void an_existing_file_is_never_overwritten(void **state)
{
	struct hf_key *key = new_key(HF_KEY_LOG), *other = new_key(HF_KEY_LOG);
	struct hf_key *back;
	struct hf_why why = { "" };

	assert_ok(hf_vault_create(path, key, &open_lock, &why), &why);
	assert_int_equal(hf_vault_create(path, other, &open_lock, NULL),
			 HF_E_EXISTS);
	assert_ok(hf_vault_load(path, HF_VAULT_OWN, HF_KEY_LOG,
				hf_span(NULL, 0), &back, &why),
		  &why);
	assert_same(key, back);
	hf_key_free(key);
	hf_key_free(other);
	hf_key_free(back);
}

static enum hf_err load(enum hf_vault_trust trust, struct hf_why *why)
{
	struct hf_key *key = NULL;
	enum hf_err err = hf_vault_load(path, trust, HF_KEY_LOG,
					hf_span(NULL, 0), &key, why);

	hf_key_free(key);
	return err;
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	const struct {
		mode_t mode;
		enum hf_err own;
		enum hf_err credential;
	} rows[] = {
		{ 0600, HF_OK, HF_OK },             /* as it should be */
		{ 0400, HF_OK, HF_OK },             /* read-only is fine */
		{ 0640, HF_E_DENIED, HF_OK },       /* group reads */
		{ 0440, HF_E_DENIED, HF_OK },       /* an access list */
		{ 0620, HF_E_DENIED, HF_E_DENIED }, /* group writes */
		{ 0610, HF_E_DENIED, HF_E_DENIED }, /* group executes */
		{ 0604, HF_E_DENIED, HF_E_DENIED }, /* world reads */
		{ 0602, HF_E_DENIED, HF_E_DENIED }, /* world writes */
		{ 0601, HF_E_DENIED, HF_E_DENIED }, /* world executes */
		{ 0644, HF_E_DENIED, HF_E_DENIED }, /* the usual accident */
		{ 0777, HF_E_DENIED, HF_E_DENIED },
	};
	struct hf_key *key = new_key(HF_KEY_LOG);
	struct hf_why why = { "" };

	assert_ok(hf_vault_create(path, key, &open_lock, &why), &why);
	hf_key_free(key);
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(chmod(path, rows[i].mode), 0);
		assert_int_equal(load(HF_VAULT_OWN, &why), rows[i].own);
		if (rows[i].own != HF_OK)
			assert_non_null(strstr(why.text, path));
		assert_int_equal(load(HF_VAULT_CREDENTIAL, &why),
				 rows[i].credential);
	}
}

static void what_is_not_a_plain_file_is_refused(void **state)
{
	char target[80];
	struct hf_key *key = new_key(HF_KEY_LOG);
	struct hf_why why = { "" };

	snprintf(target, sizeof(target), "%s/target", dir);
	assert_ok(hf_vault_create(target, key, &open_lock, &why), &why);
	hf_key_free(key);

	assert_int_equal(load(HF_VAULT_OWN, &why), HF_E_NOTFOUND);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(load(HF_VAULT_OWN, &why), HF_E_DENIED);
	assert_non_null(strstr(why.text, "symbolic link"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(load(HF_VAULT_OWN, &why), HF_E_DENIED);
	assert_int_equal(rmdir(path), 0);
	/* Nobody ever opens the other end: a load must not wait for that. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(HF_VAULT_OWN, &why), HF_E_DENIED);
	unlink(target);
}

static void a_file_of_somebody_else_is_refused(void **state)
{
	struct hf_key *key = new_key(HF_KEY_LOG);
	struct hf_why why = { "" };
	struct hf_key_lock lock = locked("new");

	assert_ok(hf_vault_create(path, key, &open_lock, &why), &why);
	hf_key_free(key);
	if (geteuid() != 0) {
		print_message("needs root to give a file away\n");
		skip();
	}
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(load(HF_VAULT_OWN, &why), HF_OK);
	assert_int_equal(hf_vault_relock(path, HF_KEY_LOG, hf_span(NULL, 0),
					 &lock, &why),
			 HF_E_DENIED);
	assert_int_equal(chmod(dir, 0711), 0);
	assert_int_equal(seteuid(54321), 0);
	/* Unreadable, so the system says it; readable by a shared uid map or
	 * an access list is what check_owner() is for. */
	assert_int_equal(load(HF_VAULT_OWN, &why), HF_E_DENIED);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(path, 0, 54321), 0);
	assert_int_equal(chmod(path, 0440), 0);
	assert_int_equal(setegid(54321), 0);
	assert_int_equal(seteuid(54321), 0);
	assert_int_equal(load(HF_VAULT_OWN, &why), HF_E_DENIED);
	assert_non_null(strstr(why.text, "another user"));
	assert_int_equal(load(HF_VAULT_CREDENTIAL, &why), HF_OK);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
}

/* A key file's bytes under its armour. */
static size_t bytes_of(const struct hf_key *key, const struct hf_key_lock *lock,
		       uint8_t out_file[static HF_KEYFILE_MAX_BYTES])
{
	char text[HF_KEYFILE_TEXT_SIZE];
	struct hf_why why = { "" };
	size_t len = 0, file_len = 0;

	assert_ok(hf_keyfile_encode(key, lock, text, &len, &why), &why);
	assert_int_equal(len, strlen(text));
	assert_ok(hf_armour_parse("HASHFED KEY", hf_span(text, len), out_file,
				  HF_KEYFILE_MAX_BYTES, &file_len, &why),
		  &why);
	return file_len;
}

static enum hf_err parse_bytes(const uint8_t *file, size_t len,
			       enum hf_key_role role, const char *passphrase,
			       struct hf_why *why)
{
	char text[HF_KEYFILE_TEXT_SIZE];
	struct hf_key *key = NULL;
	enum hf_err err;

	hf_armour_encode("HASHFED KEY", hf_span(file, len), text);
	err = hf_keyfile_parse(hf_span_of(text), role, hf_span_of(passphrase),
			       &key, why);
	hf_key_free(key);
	return err;
}

static void every_changed_byte_is_found(void **state)
{
	const uint8_t flips[] = { 0x01, 0x02, 0x04, 0x08, 0x80, 0xff };
	struct hf_key *key = new_key(HF_KEY_LOG);
	uint8_t file[HF_KEYFILE_MAX_BYTES];
	size_t len = bytes_of(key, &open_lock, file);
	struct hf_why why = { "" };

	assert_int_equal(parse_bytes(file, len, HF_KEY_LOG, "", &why), HF_OK);
	for (size_t at = 0; at < len; at++) {
		for (size_t i = 0; i < ROWS(flips); i++) {
			enum hf_err err;

			file[at] ^= flips[i];
			err = parse_bytes(file, len, HF_KEY_LOG, "", &why);
			if (err == HF_OK || err == HF_E_NOMEM)
				fail_msg("byte %zu, %s", at, hf_err_name(err));
			if (at == 8) /* asked for the role it now claims */
				assert_int_not_equal(
					parse_bytes(file, len,
						    (enum hf_key_role)file[at],
						    "", &why),
					HF_OK);
			if (at >= HF_KEY_HEADER_BYTES)
				assert_int_equal(err, HF_E_CORRUPT);
			file[at] ^= flips[i];
		}
	}
	hf_key_free(key);
}

static void every_cut_is_found(void **state)
{
	struct hf_key *key = new_key(HF_KEY_LOG);
	uint8_t file[HF_KEYFILE_MAX_BYTES];
	char text[HF_KEYFILE_TEXT_SIZE];
	size_t len = bytes_of(key, &open_lock, file), text_len;
	struct hf_key *back;
	struct hf_why why = { "" };

	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(
			parse_bytes(file, cut, HF_KEY_LOG, "", &why), HF_OK);
	assert_ok(hf_keyfile_encode(key, &open_lock, text, &text_len, &why),
		  &why);
	/* All but the last newline are needed. */
	for (size_t cut = 0; cut + 1 < text_len; cut++)
		assert_int_equal(hf_keyfile_parse(hf_span(text, cut),
						  HF_KEY_LOG, hf_span(NULL, 0),
						  &back, &why),
				 HF_E_MALFORMED);
	hf_key_free(key);
}

static void a_wrong_passphrase_says_so(void **state)
{
	struct hf_key *key = new_key(HF_KEY_ROOT);
	struct hf_key_lock lock = locked("correct horse");
	uint8_t file[HF_KEYFILE_MAX_BYTES];
	size_t len = bytes_of(key, &lock, file);
	const size_t flipped[] = { 10, 20, 35, 36, 60, 76, 107, 108, len - 1 };
	struct hf_why why = { "" };

	assert_ok(parse_bytes(file, len, HF_KEY_ROOT, "correct horse", &why),
		  &why);
	assert_int_equal(
		parse_bytes(file, len, HF_KEY_ROOT, "Correct horse", &why),
		HF_E_SIGNATURE);
	assert_non_null(strstr(why.text, "wrong passphrase"));
	assert_int_equal(parse_bytes(file, len, HF_KEY_ROOT, "", &why),
			 HF_E_UNAUTHENTICATED);
	assert_int_equal(
		parse_bytes(file, len, HF_KEY_LOG, "correct horse", &why),
		HF_E_CONFLICT);
	assert_non_null(strstr(why.text, "root key"));
	for (size_t i = 0; i < ROWS(flipped); i++) {
		file[flipped[i]] ^= 1;
		assert_int_not_equal(parse_bytes(file, len, HF_KEY_ROOT,
						 "correct horse", &why),
				     HF_OK);
		file[flipped[i]] ^= 1;
	}
	hf_key_free(key);
}

static void absurd_costs_are_refused_before_they_are_paid(void **state)
{
	const struct hf_seal_cost rows[] = {
		{ 0, HF_SEAL_MEM_MIN_KIB },
		{ HF_SEAL_OPS_MAX + 1, HF_SEAL_MEM_MIN_KIB },
		{ UINT32_MAX, HF_SEAL_MEM_MIN_KIB },
		{ 1, 0 },
		{ 1, HF_SEAL_MEM_MIN_KIB - 1 },
		{ 1, HF_SEAL_MEM_MAX_KIB + 1 },
		{ 1, UINT32_MAX },
	};
	struct hf_key *key = new_key(HF_KEY_ROOT);
	struct hf_key_lock lock = locked("x");
	uint8_t file[HF_KEYFILE_MAX_BYTES];
	char text[HF_KEYFILE_TEXT_SIZE];
	size_t len = bytes_of(key, &lock, file), text_len;

	for (size_t i = 0; i < ROWS(rows); i++) {
		hf_be32_put(file + 12, rows[i].ops);
		hf_be32_put(file + 16, rows[i].mem_kib);
		assert_int_equal(parse_bytes(file, len, HF_KEY_ROOT, "x", NULL),
				 HF_E_LIMIT);
		lock.cost = rows[i];
		assert_int_equal(
			hf_keyfile_encode(key, &lock, text, &text_len, NULL),
			HF_E_ARGUMENT);
	}
	hf_key_free(key);
}

static void a_file_larger_than_any_key_is_refused(void **state)
{
	struct hf_key *key = new_key(HF_KEY_LOG);
	struct hf_why why = { "" };
	char spaces[HF_KEYFILE_TEXT_SIZE];
	int fd;

	memset(spaces, ' ', sizeof(spaces));
	assert_ok(hf_vault_create(path, key, &open_lock, &why), &why);
	hf_key_free(key);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, spaces, sizeof(spaces)), sizeof(spaces));
	close(fd);
	assert_int_equal(load(HF_VAULT_OWN, &why), HF_E_LIMIT);
}

static void a_passphrase_can_be_changed(void **state)
{
	struct hf_key *key = new_key(HF_KEY_CLIENTS), *back;
	struct hf_key_lock first = locked("first"), second = locked("second");
	struct hf_why why = { "" };

	assert_ok(hf_vault_create(path, key, &first, &why), &why);
	assert_int_equal(hf_vault_relock(path, HF_KEY_CLIENTS, BYTES("wrong"),
					 &second, NULL),
			 HF_E_SIGNATURE);
	assert_ok(hf_vault_relock(path, HF_KEY_CLIENTS, first.passphrase,
				  &second, &why),
		  &why);
	assert_int_equal(hf_vault_load(path, HF_VAULT_OWN, HF_KEY_CLIENTS,
				       first.passphrase, &back, NULL),
			 HF_E_SIGNATURE);
	assert_ok(hf_vault_load(path, HF_VAULT_OWN, HF_KEY_CLIENTS,
				second.passphrase, &back, &why),
		  &why);
	assert_same(key, back);
	hf_key_free(back);
	assert_ok(hf_vault_relock(path, HF_KEY_CLIENTS, second.passphrase,
				  &open_lock, &why),
		  &why);
	assert_ok(hf_vault_load(path, HF_VAULT_OWN, HF_KEY_CLIENTS,
				hf_span(NULL, 0), &back, &why),
		  &why);
	assert_same(key, back);
	hf_key_free(back);
	hf_key_free(key);
}

static void a_passphrase_is_one_line(void **state)
{
	char most[HF_PASSPHRASE_MAX_BYTES + 2];
	const struct {
		struct hf_span input;
		enum hf_err want;
		const char *text;
	} rows[] = {
		{ BYTES("one\n"), HF_OK, "one" },
		{ BYTES("no newline"), HF_OK, "no newline" },
		{ BYTES("first\nsecond\n"), HF_OK, "first" },
		{ BYTES(" spaces count \n"), HF_OK, " spaces count " },
		{ BYTES(""), HF_E_CANCELLED, NULL },
		{ BYTES("\nsecond\n"), HF_E_ARGUMENT, NULL },
		{ BYTES("a\0b\n"), HF_E_ARGUMENT, NULL },
		{ hf_span(most, HF_PASSPHRASE_MAX_BYTES), HF_OK, NULL },
		{ hf_span(most, HF_PASSPHRASE_MAX_BYTES + 1), HF_E_LIMIT,
		  NULL },
	};

	memset(most, 'p', sizeof(most));
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_passphrase got = { NULL, 0 };
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], rows[i].input.at,
				       rows[i].input.len_bytes),
				 rows[i].input.len_bytes);
		close(ends[1]);
		assert_int_equal(hf_passphrase_read(ends[0], &got, NULL),
				 rows[i].want);
		if (rows[i].text != NULL)
			assert_true(hf_span_is(hf_passphrase_span(&got),
					       rows[i].text));
		hf_passphrase_release(&got);
		close(ends[0]);
	}
}

int main(void)
{
#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, no_file, no_file)
	const struct CMUnitTest tests[] = {
		WITH_FILE(a_key_of_every_role_comes_back),
		cmocka_unit_test(facts_that_make_no_key_are_refused),
		WITH_FILE(a_root_key_is_never_written_without_a_passphrase),
		WITH_FILE(an_existing_file_is_never_overwritten),
		WITH_FILE(a_file_that_others_can_read_is_refused),
		WITH_FILE(what_is_not_a_plain_file_is_refused),
		WITH_FILE(a_file_of_somebody_else_is_refused),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(every_cut_is_found),
		cmocka_unit_test(a_wrong_passphrase_says_so),
		cmocka_unit_test(absurd_costs_are_refused_before_they_are_paid),
		WITH_FILE(a_file_larger_than_any_key_is_refused),
		WITH_FILE(a_passphrase_can_be_changed),
		cmocka_unit_test(a_passphrase_is_one_line),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
