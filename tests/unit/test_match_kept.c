/*
 * An index that was left, and the machine that was started since: what can be
 * looked up in before there is a writer.
 */
#include "match_model.h"

#include <sys/wait.h>

#define HOUR_MS ((uint64_t)3600 * 1000)

static enum hf_err add(struct hf_index *index, uint64_t entry,
		       struct hf_why *why)
{
	uint8_t digest[32];
	const struct hf_index_hash hash = {
		.set = 1,
		.entry = entry,
		.algorithm = HF_ALGORITHM_SHA256,
		.content_class = HF_CLASS_NCII,
		.digest = digest,
	};

	numbered_digest(entry, digest);
	return hf_index_add(index, &hash, 1, why);
}

/* A writer that ends without a word. */
static void write_and_die(const char *dir)
{
	struct hf_index *index;
	pid_t writer = fork();
	int status;

	assert_true(writer >= 0);
	if (writer == 0)
		_exit(hf_index_open(dir, &index, NULL) == HF_OK &&
				      add(index, 5, NULL) == HF_OK
			      ? 0
			      : 1);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* When the machine was started, as the file says; and say so much more. */
static uint64_t started_ms(const char *dir, int64_t more_ms)
{
	uint64_t said = 0, other;
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/live", dir);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &said, sizeof(said), 24), sizeof(said));
	other = said + (uint64_t)more_ms;
	assert_int_equal(pwrite(fd, &other, sizeof(other), 24), sizeof(other));
	close(fd);
	return said;
}

static void count_hit(void *arg, const struct hf_index_hit *hit)
{
	(*(size_t *)arg)++;
}

/* How often a reader finds it. */
static enum hf_err look(const char *dir, uint64_t entry, size_t *out_count)
{
	uint8_t digest[32];
	const struct hf_index_query query = { HF_ALGORITHM_SHA256, digest };
	const struct hf_index_sink to = { .hit = count_hit, .arg = out_count };
	struct hf_index_view *view;
	struct hf_index *reader;
	enum hf_err err = hf_index_open_readonly(dir, &reader, NULL);

	*out_count = 0;
	if (err != HF_OK)
		return err;
	numbered_digest(entry, digest);
	err = hf_index_view_begin(reader, &view, NULL);
	if (err == HF_OK) {
		err = hf_index_lookup_exact(view, &query, 1, &to, NULL);
		hf_index_view_end(view);
	}
	hf_index_close(reader);
	return err;
}

static void what_a_killed_writer_left_is_of_no_use_then(void **state)
{
	struct place *place = *state;
	size_t count;

	write_and_die(place->dir);
	assert_int_equal(look(place->dir, 5, &count), HF_OK);
	assert_int_equal(count, 1);
	started_ms(place->dir, -(int64_t)HOUR_MS);
	assert_int_equal(look(place->dir, 5, &count), HF_E_UNAVAILABLE);
}

static void what_one_left_that_ended_in_order_is(void **state)
{
	struct place *place = *state;
	struct hf_why why = { "" };
	size_t count;

	open_index(place);
	assert_ok(add(place->index, 5, &why), &why);
	assert_ok(add(place->index, 6, &why), &why);
	/* In no file but those that others map. */
	assert_ok(hf_index_withhold(place->index, 1, 6, true, &why), &why);
	assert_true(started_ms(place->dir, 0) != UINT64_MAX);
	close_index(place);
	assert_true(started_ms(place->dir, 0) == UINT64_MAX);
	assert_int_equal(look(place->dir, 5, &count), HF_OK);
	assert_int_equal(count, 1);
	assert_int_equal(look(place->dir, 6, &count), HF_OK);
	assert_int_equal(count, 0);
}

static void the_next_writer_takes_that_back(void **state)
{
	struct place *place = *state;
	size_t count;

	open_index(place);
	close_index(place);
	write_and_die(place->dir);
	assert_true(started_ms(place->dir, -(int64_t)HOUR_MS) != UINT64_MAX);
	assert_int_equal(look(place->dir, 5, &count), HF_E_UNAVAILABLE);
	/* And may say it anew. */
	open_index(place);
	close_index(place);
	assert_int_equal(look(place->dir, 5, &count), HF_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(what_a_killed_writer_left_is_of_no_use_then),
		PLACED(what_one_left_that_ended_in_order_is),
		PLACED(the_next_writer_takes_that_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
