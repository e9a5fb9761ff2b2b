#include "unit.h"

#include <dirent.h>
#include <unistd.h>

#include "notice_sides.h"

static int start(void **state)
{
	return hf_sign_start(NULL) == HF_OK ? 0 : -1;
}

static size_t count_files(const struct side *side, const char *part)
{
	const struct dirent *entry;
	DIR *dir = opendir(side->dir);
	size_t count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		count += strstr(entry->d_name, part) != NULL;
	closedir(dir);
	return count;
}

static void a_receive_key_follows_another_in_time(void **state)
{
	uint8_t first[32], again[32], second[32], third[32];
	uint64_t from_ms, before_ms;

	first_key(&provider, first);
	/* Not yet; and not by a clock that was set back. */
	assert_int_equal(receive_key(&provider, NOW_MS + ROTATE - 1, ROTATE,
				     KEEP, again, &from_ms),
			 HF_OK);
	assert_memory_equal(first, again, 32);
	assert_int_equal(receive_key(&provider, NOW_MS - 400 * DAY_MS, ROTATE,
				     KEEP, again, &from_ms),
			 HF_OK);
	assert_memory_equal(first, again, 32);
	assert_int_equal(receive_key(&provider, NOW_MS + ROTATE, ROTATE, KEEP,
				     second, &from_ms),
			 HF_OK);
	assert_memory_not_equal(first, second, 32);
	assert_true(from_ms == NOW_MS + ROTATE);
	assert_int_equal(count_files(&provider, "receive"), 2);
	/* The next one is newer than the last, whatever the clock says. */
	before_ms = from_ms;
	assert_int_equal(receive_key(&provider, NOW_MS + ROTATE + 1, 1, KEEP,
				     third, &from_ms),
			 HF_OK);
	assert_true(from_ms == before_ms + 1);
	assert_int_equal(
		receive_key(&provider, NOW_MS, 1, KEEP, again, &from_ms),
		HF_OK);
	assert_memory_equal(third, again, 32);

	/* They are the same after a restart. */
	side_open(&provider);
	assert_int_equal(receive_key(&provider, NOW_MS + ROTATE + 2, ROTATE,
				     KEEP, again, &from_ms),
			 HF_OK);
	assert_memory_equal(third, again, 32);
	assert_int_equal(
		receive_key(&provider, NOW_MS, 0, KEEP, again, &from_ms),
		HF_E_ARGUMENT);
	assert_int_equal(receive_key(&provider, NOW_MS, UINT64_MAX, KEEP, again,
				     &from_ms),
			 HF_E_ARGUMENT);
	assert_int_equal(receive_key(&provider, NOW_MS, ROTATE, UINT64_MAX,
				     again, &from_ms),
			 HF_E_ARGUMENT);
}

static void the_key_that_the_manifest_names_is_not_destroyed(void **state)
{
	const uint64_t late_ms = NOW_MS + ROTATE + KEEP + DAY_MS;
	struct hf_agent_request request = {
		.verb = HF_AGENT_RECEIVE_KEY,
		.key_wish = { .rotate_ms = ROTATE, .keep_ms = KEEP },
	};
	struct answer answer;
	struct passed passed;
	struct hf_buf body;

	answer_init(&answer);
	passed_init(&passed);
	hf_buf_init(&body, HF_AGENT_MESSAGE_MAX_BYTES);
	memcpy(request.key_wish.organisation_id, provider.id, HF_HASH_BYTES);
	memcpy(request.key_wish.named_key, passed.key, sizeof(passed.key));
	for (uint64_t now_ms = NOW_MS; now_ms < late_ms + 3 * ROTATE;
	     now_ms += ROTATE)
		assert_int_equal(ask(&provider, &request, now_ms, &body),
				 HF_OK);
	/* First, those between, newest: whoever writes to us for the first
	 * time is understood, and what was announced since is gone in time. */
	assert_int_equal(open_sealed(&provider, &hotline,
				     passed.sealed.strings[0], &answer),
			 HF_OK);
	memset(request.key_wish.named_key, 0, sizeof(passed.key));
	assert_int_equal(ask(&provider, &request, late_ms + 3 * ROTATE, &body),
			 HF_OK);
	assert_int_equal(open_sealed(&provider, &hotline,
				     passed.sealed.strings[0], &answer),
			 HF_E_DENIED);
	hf_buf_release(&body);
	passed_release(&passed);
	answer_release(&answer);
}

static void a_key_is_destroyed_when_it_was_kept_long_enough(void **state)
{
	const uint64_t next_ms = NOW_MS + ROTATE;
	struct answer answer;
	struct passed passed;
	uint8_t key[32];
	uint64_t from_ms;

	answer_init(&answer);
	passed_init(&passed);
	assert_int_equal(
		receive_key(&provider, next_ms, ROTATE, KEEP, key, &from_ms),
		HF_OK);
	/* What was sealed for the first can be opened as long as it is kept;
	 * a clock that goes back and forth within that destroys nothing. */
	assert_int_equal(
		receive_key(&provider, 0, 400 * DAY_MS, KEEP, key, &from_ms),
		HF_OK);
	assert_int_equal(receive_key(&provider, next_ms + KEEP - 1,
				     400 * DAY_MS, KEEP, key, &from_ms),
			 HF_OK);
	assert_int_equal(open_sealed(&provider, &hotline,
				     passed.sealed.strings[0], &answer),
			 HF_OK);
	side_open(&provider);
	assert_int_equal(open_sealed(&provider, &hotline,
				     passed.sealed.strings[0], &answer),
			 HF_OK);
	assert_int_equal(receive_key(&provider, next_ms + KEEP, 400 * DAY_MS,
				     KEEP, key, &from_ms),
			 HF_OK);
	assert_string_equal(provider.said.also.text, "");
	assert_int_equal(count_files(&provider, "receive"), 1);
	for (int restarts = 0; restarts < 2; restarts++) {
		assert_int_equal(open_sealed(&provider, &hotline,
					     passed.sealed.strings[0], &answer),
				 HF_E_DENIED);
		assert_non_null(strstr(provider.said.why.text, "destroyed"));
		side_open(&provider);
		assert_string_equal(hf_signer_warning(provider.signer), "");
	}
	/* What was opened before is still there. */
	{
		struct hf_agent_record record;

		assert_int_equal(read_record(&provider,
					     passed.opened.strings[0], &record),
				 HF_OK);
		assert_true(hf_span_equal(hf_buf_span(&record.text),
					  passed.opened.strings[1]));
		hf_buf_release(&record.text);
	}
	passed_release(&passed);
	answer_release(&answer);
}

/* The newest is never destroyed, however little is kept; and not too many
 * pile up. */
static void keys_neither_run_out_nor_pile_up(void **state)
{
	uint64_t now_ms = NOW_MS, from_ms;
	uint8_t key[32];

	for (int i = 0; i < 5; i++) {
		now_ms += 10;
		assert_int_equal(
			receive_key(&provider, now_ms, 1, 0, key, &from_ms),
			HF_OK);
		assert_true(from_ms == now_ms);
	}
	assert_int_equal(
		receive_key(&provider, now_ms, ROTATE, 0, key, &from_ms),
		HF_OK);
	assert_int_equal(count_files(&provider, "receive"), 1);
	for (int i = 1; i < 64; i++) {
		now_ms += 10;
		assert_int_equal(
			receive_key(&provider, now_ms, 1, KEEP, key, &from_ms),
			HF_OK);
	}
	assert_int_equal(
		receive_key(&provider, now_ms + 10, 1, KEEP, key, &from_ms),
		HF_E_LIMIT);
	assert_int_equal(count_files(&provider, "receive"), 64);
	side_open(&provider);
	assert_string_equal(hf_signer_warning(provider.signer), "");
	assert_int_equal(
		receive_key(&provider, now_ms + 10, ROTATE, 0, key, &from_ms),
		HF_OK);
	assert_int_equal(count_files(&provider, "receive"), 1);
}

static void copy_file(const char *from, const char *to)
{
	struct hf_why why = { "" };
	struct hf_buf bytes;

	hf_buf_init(&bytes, 1 << 16);
	assert_ok(hf_file_read(from, &bytes, &why), &why);
	assert_ok(hf_file_create(to, hf_buf_span(&bytes), 0600, &why), &why);
	hf_buf_release(&bytes);
}

/* A crash while a key is made or destroyed leaves a name that says so. */
static void what_a_crash_left_is_finished(void **state)
{
	char path[128], left[160];
	uint8_t key[32], again[32];
	uint64_t from_ms;

	first_key(&provider, key);
	snprintf(path, sizeof(path), "%s/receive.key", provider.dir);
	snprintf(left, sizeof(left), "%s/receive-1800000000001.key.new",
		 provider.dir);
	copy_file(path, left);
	snprintf(left, sizeof(left), "%s/receive-1700000000000.key.gone",
		 provider.dir);
	copy_file(path, left);
	snprintf(left, sizeof(left), "%s/receive-notes.txt", provider.dir);
	copy_file(path, left);
	side_open(&provider);
	assert_int_equal(count_files(&provider, ".new"), 0);
	assert_int_equal(count_files(&provider, ".gone"), 0);
	assert_int_equal(count_files(&provider, "receive"), 2);
	assert_int_equal(
		receive_key(&provider, NOW_MS, ROTATE, KEEP, again, &from_ms),
		HF_OK);
	assert_memory_equal(key, again, 32);

	/* One that is damaged, or open to others, is left out and named. */
	snprintf(left, sizeof(left), "%s/receive-1800000000001.key",
		 provider.dir);
	copy_file(path, left);
	assert_int_equal(truncate(left, 100), 0);
	side_open(&provider);
	assert_non_null(strstr(hf_signer_warning(provider.signer),
			       "receive-1800000000001.key"));
	assert_int_equal(
		receive_key(&provider, NOW_MS, ROTATE, KEEP, again, &from_ms),
		HF_OK);
	assert_memory_equal(key, again, 32);
}

/* What is locked with a passphrase is followed by what is locked with it. */
static void a_locked_key_is_followed_by_a_locked_one(void **state)
{
	const struct hf_key_lock lock = {
		BYTES("correct horse"), { HF_SEAL_OPS_MIN, HF_SEAL_MEM_MIN_KIB }
	};
	struct hf_keyfile_info info;
	char path[128];
	struct hf_why why = { "" };
	uint8_t key[32], again[32];
	uint64_t from_ms;

	side_close(&provider);
	snprintf(path, sizeof(path), "%s/receive.key", provider.dir);
	assert_ok(hf_vault_relock(path, HF_KEY_RECEIVE, hf_span(NULL, 0), &lock,
				  &why),
		  &why);
	side_open_with(&provider, lock.passphrase);
	assert_int_equal(receive_key(&provider, NOW_MS + ROTATE, ROTATE, KEEP,
				     key, &from_ms),
			 HF_OK);
	snprintf(path, sizeof(path), "%s/receive-%llu.key", provider.dir,
		 (unsigned long long)from_ms);
	assert_ok(hf_vault_inspect(path, HF_VAULT_OWN, &info, &why), &why);
	assert_int_equal(info.kdf, HF_KEY_KDF_ARGON2ID);
	assert_int_equal(info.cost.mem_kib, HF_SEAL_MEM_MIN_KIB);
	side_open_with(&provider, lock.passphrase);
	assert_int_equal(receive_key(&provider, NOW_MS + ROTATE, ROTATE, KEEP,
				     again, &from_ms),
			 HF_OK);
	assert_memory_equal(key, again, 32);
}

int main(void)
{
#define WHOLE(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		WHOLE(a_receive_key_follows_another_in_time),
		WHOLE(a_key_is_destroyed_when_it_was_kept_long_enough),
		WHOLE(the_key_that_the_manifest_names_is_not_destroyed),
		WHOLE(keys_neither_run_out_nor_pile_up),
		WHOLE(what_a_crash_left_is_finished),
		WHOLE(a_locked_key_is_followed_by_a_locked_one),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
