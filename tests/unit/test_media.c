#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "confine.h"
#include "encode.h"
#include "file.h"
#include "helper.h"
#include "media.h"
#include "media_limit.h"
#include "paint.h"

#define FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define SEEN_MAX       256

/* What a run delivered, in order. */
struct seen {
	size_t count;
	struct hf_media_result results[SEEN_MAX];
	struct hf_media *cancel_after_first;
};

struct table {
	char dir[64];
	struct hf_canvas canvas;
	struct seen seen;
};

static struct table table;

/* Under torture every test runs hundreds of times: the long ones, which
 * allocate nothing that the short ones do not, stay out. */
static bool is_too_long(void)
{
	return getenv("HF_FAIL_ALLOC") != NULL;
}

static int set(void **state)
{
	(void)state;
	snprintf(table.dir, sizeof(table.dir), "/tmp/test_media.XXXXXX");
	if (mkdtemp(table.dir) == NULL)
		return -1;
	return hf_paint(5, 1, &table.canvas, NULL) == HF_OK ? 0 : -1;
}

static int clear(void **state)
{
	char command[128];

	(void)state;
	hf_canvas_release(&table.canvas);
	snprintf(command, sizeof(command), "rm -rf '%s'", table.dir);
	return system(command);
}

static void on_result(void *arg, const struct hf_media_result *result)
{
	struct seen *seen = arg;

	if (seen->count < SEEN_MAX)
		seen->results[seen->count++] = *result;
	if (seen->cancel_after_first != NULL)
		hf_media_cancel(seen->cancel_after_first);
}

static struct hf_media *opened(struct hf_media_options options)
{
	struct hf_media *media = NULL;
	struct hf_why why = { "" };

	memset(&table.seen, 0, sizeof(table.seen));
	options.on_result = on_result;
	options.arg = &table.seen;
	assert_ok(hf_media_open(&options, &media, &why), &why);
	return media;
}

static const char *path_of(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", table.dir, name);
	return path;
}

static const char *write_file(const char *name, struct hf_span bytes)
{
	const char *path = path_of(name);
	struct hf_why why = { "" };

	assert_ok(hf_file_replace(path, bytes, 0600, &why), &why);
	return path;
}

static void assert_hex(const uint8_t *bytes, size_t len_bytes, const char *want)
{
	char text[65];

	hf_hex(bytes, len_bytes, text);
	assert_string_equal(text, want);
}

static void digests_are_the_standard_ones(void **state)
{
	static const struct {
		const char *name;
		size_t repeat;
		const char *md5, *sha1, *sha256;
	} rows[] = {
		{ "", 1, "d41d8cd98f00b204e9800998ecf8427e",
		  "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b785"
		  "2b855" },
		{ "abc", 1, "900150983cd24fb0d6963f7d28e17f72",
		  "a9993e364706816aba3e25717850c26c9cd0d89d",
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20"
		  "015ad" },
		/* Across several reads: FIPS 180-4's million times "a". */
		{ "a", 1000000, "7707d6ae4e027c70eea2a935c2296f21",
		  "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc71"
		  "12cd0" },
	};
	struct hf_media *media = opened((struct hf_media_options){ 0 });

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_media_result result;
		struct hf_why why = { "" };
		struct hf_buf buf;
		const char *path;

		hf_buf_init(&buf, FILE_MAX_BYTES);
		for (size_t k = 0; k < rows[i].repeat; k++)
			hf_buf_put_text(&buf, rows[i].name);
		assert_ok(hf_buf_failed(&buf), &why);
		path = write_file("digest", hf_buf_span(&buf));
		hf_buf_release(&buf);
		assert_ok(hf_media_hash_file(media, path, &result, &why), &why);
		assert_hex(result.md5, sizeof(result.md5), rows[i].md5);
		assert_hex(result.sha1, sizeof(result.sha1), rows[i].sha1);
		assert_hex(result.sha256, sizeof(result.sha256),
			   rows[i].sha256);
		assert_int_equal(result.kind, HF_MEDIA_OTHER);
		assert_int_equal(result.pdq_err, HF_E_UNSUPPORTED);
	}
	hf_media_close(media);
}

static unsigned distance(const uint8_t *a, const uint8_t *b)
{
	unsigned bits = 0;

	for (size_t i = 0; i < HF_MEDIA_PDQ_BYTES; i++)
		bits += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

/*
 * Compare with "hash,quality,name" lines of the reference program: distance 4
 * for a quality of 80 and more, 10 below it, nothing below 10 if noise_is_free
 * (there the hash is numerical noise); quality within 5.
 */
static void compare(const char *dir, bool noise_is_free)
{
	struct hf_media *media = opened((struct hf_media_options){ 0 });
	char path[512], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/expected.csv", dir);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		struct hf_media_result result;
		struct hf_why why = { "" };
		uint8_t want[HF_MEDIA_PDQ_BYTES];
		int quality = 0;
		char name[256];

		assert_int_equal(sscanf(line + 64, ",%d,%255s", &quality, name),
				 2);
		assert_ok(hf_hex_parse(hf_span(line, 64), want, sizeof(want)),
			  &why);
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		assert_ok(hf_media_hash_file(media, path, &result, &why), &why);
		assert_ok(result.pdq_err, &result.why);
		if (abs((int)result.quality - quality) > 5)
			fail_msg("%s: quality %u, not %d", name, result.quality,
				 quality);
		if (distance(result.pdq, want) > (quality >= 80 ? 4 : 10) &&
		    !(quality < 10 && noise_is_free))
			fail_msg("%s: distance %u", name,
				 distance(result.pdq, want));
	}
	fclose(file);
	hf_media_close(media);
}

static void our_pictures_have_the_hashes_of_the_reference(void **state)
{
	(void)state;
	if (is_too_long())
		return;
	compare(HF_SOURCE_DIR "/tests/pictures", true);
}

/* The reference's own photographs are not ours to keep; they are looked for
 * where HF_PDQ_PICTURES says, or beside the repository. */
static void the_reference_pictures_have_their_hashes(void **state)
{
	const char *dir = getenv("HF_PDQ_PICTURES");
	char path[512];

	(void)state;
	if (is_too_long())
		return;
	if (dir == NULL)
		dir = HF_SOURCE_DIR "/../shared/pdq";
	snprintf(path, sizeof(path), "%s/expected.csv", dir);
	if (access(path, R_OK) != 0) {
		print_message("skipped: no %s (HF_PDQ_PICTURES names a folder "
			      "with the reference's pictures)\n",
			      path);
		return;
	}
	compare(dir, false);
}

static void what_is_not_a_readable_file_is_said_and_passed_over(void **state)
{
	struct hf_media *media = opened((struct hf_media_options){ 0 });
	const char *good = write_file("good", BYTES("good"));
	const char *link = path_of("link"), *fifo = path_of("fifo");
	const char *dangling = path_of("dangling");
	const struct {
		const char *path;
		enum hf_err want;
	} rows[] = {
		{ good, HF_OK },
		{ path_of("missing"), HF_E_NOTFOUND },
		{ table.dir, HF_E_ARGUMENT },
		{ fifo, HF_E_ARGUMENT },
		{ "/dev/null", HF_E_ARGUMENT },
		{ "", HF_E_NOTFOUND },
		{ dangling, HF_E_NOTFOUND },
		/* Says it is empty and is not: as a file that grows. */
		{ "/proc/self/status", HF_E_CONFLICT },
		{ link, HF_OK },
	};
	struct hf_why why = { "" };

	(void)state;
	assert_int_equal(symlink(good, link), 0);
	assert_int_equal(symlink("nowhere", dangling), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_ok(hf_media_add(media, rows[i].path, (void *)&rows[i],
				       &why),
			  &why);
	hf_media_finish(media);
	assert_int_equal(table.seen.count, ROWS(rows));
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_media_result *result = &table.seen.results[i];

		assert_ptr_equal(result->tag, &rows[i]);
		if (result->err != rows[i].want)
			fail_msg("'%s': %s %s", rows[i].path,
				 hf_err_name(result->err), result->why.text);
		if (result->err != HF_OK)
			assert_true(result->why.text[0] != '\0');
	}
	hf_media_close(media);
}

/* Appends until told to stop. */
struct grower {
	const char *path;
	atomic_bool has_begun;
	atomic_bool must_stop;
};

static void *grow(void *arg)
{
	struct grower *grower = arg;
	int fd = open(grower->path, O_WRONLY | O_APPEND | O_CLOEXEC);

	while (fd >= 0 && !atomic_load(&grower->must_stop)) {
		(void)!write(fd, "more", 4);
		atomic_store(&grower->has_begun, true);
	}
	close(fd);
	return NULL;
}

static void a_file_that_changes_under_us_is_an_error(void **state)
{
	struct hf_media *media;
	struct grower grower = { .path = NULL };
	struct hf_media_result result;
	struct hf_why why = { "" };
	pthread_t thread;
	int tries = 0;
	enum hf_err err;

	(void)state;
	if (is_too_long())
		return;
	media = opened((struct hf_media_options){ 0 });
	grower.path = write_file("grows", BYTES("some"));
	assert_int_equal(truncate(grower.path, 8 * 1024 * 1024), 0);
	assert_int_equal(pthread_create(&thread, NULL, grow, &grower), 0);
	while (!atomic_load(&grower.has_begun))
		sched_yield();
	/* On a machine with one processor the other thread may sleep. */
	do
		err = hf_media_hash_file(media, grower.path, &result, &why);
	while (err == HF_OK && tries++ < 50);
	atomic_store(&grower.must_stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(err, HF_E_CONFLICT);
	hf_media_close(media);
}

static void results_come_in_the_order_they_were_added(void **state)
{
	struct hf_media *media = opened((struct hf_media_options){
		.threads_count = 3, .window_count = 4 });
	struct hf_why why = { "" };
	char name[32];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "order%zu", i % 7);
		if (i < 7)
			write_file(name, hf_span_of(name));
		assert_ok(hf_media_add(media, path_of(name), (void *)i, &why),
			  &why);
		/* No more than the window are ever under way. */
		assert_in_range(table.seen.count + 4, i + 1, i + 5);
	}
	hf_media_finish(media);
	assert_int_equal(table.seen.count, 100);
	for (size_t i = 0; i < 100; i++) {
		assert_ok(table.seen.results[i].err,
			  &table.seen.results[i].why);
		assert_ptr_equal(table.seen.results[i].tag, (void *)i);
	}
	assert_int_equal(hf_media_poll(media), 0);
	hf_media_close(media);
}

static void unordered_results_all_come_once(void **state)
{
	struct hf_media *media = opened((struct hf_media_options){
		.threads_count = 4, .window_count = 8, .is_unordered = true });
	bool is_there[100] = { false };
	struct hf_why why = { "" };
	const char *path = write_file("one", BYTES("one"));

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_ok(hf_media_add(media, path, (void *)i, &why), &why);
	hf_media_finish(media);
	assert_int_equal(table.seen.count, 100);
	for (size_t i = 0; i < 100; i++)
		is_there[(size_t)table.seen.results[i].tag] = true;
	for (size_t i = 0; i < 100; i++)
		assert_true(is_there[i]);
	hf_media_close(media);
}

static void a_cancelled_run_ends_and_another_can_begin(void **state)
{
	struct hf_media *media = opened((struct hf_media_options){
		.threads_count = 1, .window_count = 50 });
	const char *path = write_file("one", BYTES("one"));
	struct hf_media_result result;
	struct hf_why why = { "" };

	(void)state;
	table.seen.cancel_after_first = media;
	for (size_t i = 0; i < 50; i++)
		assert_ok(hf_media_add(media, path, NULL, &why), &why);
	hf_media_finish(media);
	table.seen.cancel_after_first = NULL;
	assert_int_equal(table.seen.count, 50);
	for (size_t i = 0; i < 50; i++)
		assert_true(table.seen.results[i].err == HF_OK ||
			    table.seen.results[i].err == HF_E_CANCELLED);
	assert_ok(hf_media_hash_file(media, path, &result, &why), &why);
	/* What is under way when the pool is closed is dropped. */
	for (size_t i = 0; i < 50; i++)
		assert_ok(hf_media_add(media, path, NULL, &why), &why);
	hf_media_close(media);
}

static void a_missing_or_wrong_helper_is_said_at_once(void **state)
{
	struct hf_media *media = NULL;
	struct hf_why why = { "" };
	struct hf_media_options options = { .helper = "/nowhere/at/all" };

	(void)state;
	assert_int_equal(hf_media_open(&options, &media, &why), HF_E_NOTFOUND);
	options.helper = "/bin/false";
	assert_int_equal(hf_media_open(&options, &media, &why),
			 HF_E_UNAVAILABLE);
	assert_non_null(strstr(why.text, "/bin/false"));
	hf_media_close(NULL);
}

/* A PNG that takes long: all black, as many pixels as may be. */
static const char *write_slow_image(const char *name)
{
	const struct hf_encode_how how = { HF_ENCODE_GREY, 0, false, false };
	const char *path = path_of(name);
	struct hf_why why = { "" };
	struct hf_canvas canvas;
	struct hf_buf buf;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	assert_ok(hf_canvas_init(&canvas, 4000, 8000, &why), &why);
	assert_ok(hf_encode_png(&canvas, &how, &buf, &why), &why);
	hf_canvas_release(&canvas);
	path = write_file(name, hf_buf_span(&buf));
	hf_buf_release(&buf);
	return path;
}

static const char *write_image(const char *name)
{
	const struct hf_encode_how how = { .quality = 90 };
	struct hf_why why = { "" };
	const char *path;
	struct hf_buf buf;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	assert_ok(hf_encode_jpeg(&table.canvas, &how, &buf, &why), &why);
	path = write_file(name, hf_buf_span(&buf));
	hf_buf_release(&buf);
	return path;
}

static void an_image_that_takes_too_long_costs_only_itself(void **state)
{
	struct hf_media *media;
	struct hf_media_result result;
	struct hf_why why = { "" };
	const char *slow;

	(void)state;
	if (is_too_long())
		return;
	slow = write_slow_image("slow.png");
	media = opened((struct hf_media_options){ .threads_count = 1,
						  .image_max_ms = 1 });
	assert_ok(hf_media_hash_file(media, slow, &result, &why), &why);
	assert_int_equal(result.pdq_err, HF_E_DEADLINE);
	hf_media_close(media);

	media = opened((struct hf_media_options){ .threads_count = 1 });
	assert_ok(hf_media_hash_file(media, slow, &result, &why), &why);
	assert_ok(result.pdq_err, &result.why);
	assert_int_equal(result.quality, 0);
	hf_media_close(media);
}

/* The process that decodes: the only child of the helper's only thread. */
static pid_t decoder_of(const struct hf_helper *helper)
{
	char path[96], line[64] = "";
	pid_t pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		 (int)helper->pid, (int)helper->pid);
	while (pid == 0) {
		FILE *file = fopen(path, "r");

		assert_non_null(file);
		if (fgets(line, sizeof(line), file) != NULL)
			pid = (pid_t)atoi(line);
		fclose(file);
		sched_yield();
	}
	return pid;
}

static enum hf_err ask(struct hf_helper *helper, const char *path,
		       struct hf_answer *out_answer, pid_t *kill_it)
{
	atomic_bool never = false;
	struct hf_why why = { "" };
	struct stat is;
	enum hf_err err;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &is), 0);
	err = hf_helper_ask(helper,
			    strstr(path, "png") != NULL ? HF_MEDIA_PNG
							: HF_MEDIA_JPEG,
			    fd, (uint64_t)is.st_size, &why);
	close(fd);
	if (err != HF_OK)
		return err;
	if (kill_it != NULL) {
		if (*kill_it == 0)
			*kill_it = decoder_of(helper);
		kill(*kill_it, SIGKILL);
	}
	return hf_helper_answer(helper, 60000, &never, out_answer, &why);
}

static void a_crashed_decoder_is_an_answer_and_the_helper_lives(void **state)
{
	struct hf_helper helper = { 0, -1 };
	struct hf_answer answer;
	struct hf_why why = { "" };
	char path[4096];
	pid_t victim = 0;

	(void)state;
	if (is_too_long())
		return;
	assert_ok(hf_helper_find(path, sizeof(path), &why), &why);
	assert_ok(hf_helper_start(&helper, path, &why), &why);
	assert_ok(ask(&helper, write_slow_image("slow.png"), &answer, &victim),
		  &why);
	assert_int_equal(answer.err, HF_E_CORRUPT);
	assert_string_equal(answer.why,
			    "the file crashed its decoder (signal 9)");
	assert_ok(ask(&helper, write_image("fine.jpg"), &answer, NULL), &why);
	assert_int_equal(answer.err, HF_OK);

	/* The helper itself: then the next question starts another. */
	victim = helper.pid;
	assert_int_equal(ask(&helper, path_of("slow.png"), &answer, &victim),
			 HF_E_UNAVAILABLE);
	assert_int_equal(helper.pid, 0);
	hf_helper_stop(&helper);
}

static void the_helper_is_confined(void **state)
{
	struct hf_helper helper = { 0, -1 };
	char path[4096], line[256];
	struct hf_why why = { "" };
	unsigned long limit = 0;
	int has_privileges = -1;
	FILE *file;

	(void)state;
	if (!hf_confine_is_whole()) {
		print_message("skipped: built with a sanitizer\n");
		return;
	}
	assert_ok(hf_helper_find(path, sizeof(path), &why), &why);
	assert_ok(hf_helper_start(&helper, path, &why), &why);
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)helper.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "Max address space %lu", &limit);
	fclose(file);
	assert_int_equal(limit, HF_MEDIA_MEMORY_MAX_BYTES);
	assert_true(HF_MEDIA_MEMORY_MAX_BYTES <= 256u * 1024 * 1024);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)helper.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		(void)sscanf(line, "NoNewPrivs: %d", &has_privileges);
	fclose(file);
	assert_int_equal(has_privileges, 1);
	hf_helper_stop(&helper);
}

/* Hostile images among good ones: each fails alone, nothing is large. */
static void hostile_images_do_not_end_a_run(void **state)
{
	struct hf_media *media = opened((struct hf_media_options){ 0 });
	const char *good = write_image("good.jpg");
	struct hf_why why = { "" };
	struct hf_buf buf;
	struct rusage use;
	uint8_t *at;

	(void)state;
	hf_buf_init(&buf, FILE_MAX_BYTES);
	assert_ok(hf_file_read(good, &buf, &why), &why);
	write_file("short", hf_span(buf.at, buf.len_bytes / 2));
	write_file("shorter", hf_span(buf.at, 20));
	/* The frame says 65,500 x 65,500. */
	for (at = buf.at; at[0] != 0xff || at[1] != 0xc0; at++)
		;
	hf_be16_put(at + 5, 65500);
	hf_be16_put(at + 7, 65500);
	write_file("bomb", hf_buf_span(&buf));
	hf_buf_release(&buf);
	write_file("noise",
		   BYTES("\x89PNG\r\n\x1a\n and then nothing like it"));

	for (int i = 0; i < 10; i++) {
		static const char *const names[] = { "good.jpg", "short",
						     "shorter", "bomb",
						     "noise" };

		for (size_t k = 0; k < ROWS(names); k++)
			assert_ok(hf_media_add(media, path_of(names[k]), NULL,
					       &why),
				  &why);
	}
	hf_media_finish(media);
	assert_int_equal(table.seen.count, 50);
	for (size_t i = 0; i < 50; i++) {
		static const enum hf_err want[] = { HF_OK, HF_E_MALFORMED,
						    HF_E_MALFORMED, HF_E_LIMIT,
						    HF_E_MALFORMED };
		const struct hf_media_result *result = &table.seen.results[i];

		assert_ok(result->err, &result->why);
		if (result->pdq_err != want[i % 5])
			fail_msg("%zu: %s: %s", i, hf_err_name(result->pdq_err),
				 result->why.text);
	}
	hf_media_close(media);
	/* The largest of all children so far, in KiB. */
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &use), 0);
	if (hf_confine_is_whole())
		assert_true((size_t)use.ru_maxrss * 1024 <=
			    HF_MEDIA_MEMORY_MAX_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_the_standard_ones),
		cmocka_unit_test(our_pictures_have_the_hashes_of_the_reference),
		cmocka_unit_test(the_reference_pictures_have_their_hashes),
		cmocka_unit_test(
			what_is_not_a_readable_file_is_said_and_passed_over),
		cmocka_unit_test(a_file_that_changes_under_us_is_an_error),
		cmocka_unit_test(results_come_in_the_order_they_were_added),
		cmocka_unit_test(unordered_results_all_come_once),
		cmocka_unit_test(a_cancelled_run_ends_and_another_can_begin),
		cmocka_unit_test(a_missing_or_wrong_helper_is_said_at_once),
		cmocka_unit_test(
			an_image_that_takes_too_long_costs_only_itself),
		cmocka_unit_test(
			a_crashed_decoder_is_an_answer_and_the_helper_lives),
		cmocka_unit_test(the_helper_is_confined),
		cmocka_unit_test(hostile_images_do_not_end_a_run),
	};

	return cmocka_run_group_tests(tests, set, clear);
}
