/*
 * hf-pictures: renders a collection to try the matching of pictures on, the
 * same for the same seed: originals, eight alterations of each, and pictures
 * that have nothing to do with them.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encode.h"
#include "file.h"
#include "paint.h"

#define FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define THREADS_MAX    16

typedef enum hf_err encoder(const struct hf_canvas *canvas,
			    const struct hf_encode_how *how, struct hf_buf *buf,
			    struct hf_why *why);
typedef enum hf_err alterer(const struct hf_canvas *from, struct hf_canvas *out,
			    struct hf_why *why);

struct form {
	const char *extension;
	encoder *encode;
	unsigned quality;
};

/* An original is in one of these, and is encoded anew as the next. */
static const struct form forms[] = {
	{ "jpg", hf_encode_jpeg, 92 },
	{ "png", hf_encode_png, 0 },
	{ "webp", hf_encode_webp, 92 },
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* What happens to the pixels (NULL: nothing), and the quality of the JPEG. */
static const struct alteration {
	const char *name;
	alterer *alter;
	unsigned quality;
} alterations[] = {
	{ "resized", hf_paint_resized, 90 },
	{ "recompressed", NULL, 40 },
	{ "cropped", hf_paint_cropped, 90 },
	{ "brighter", hf_paint_brighter, 90 },
	{ "grey", hf_paint_grey, 90 },
	{ "logo", hf_paint_logo, 90 },
	{ "sharpened", hf_paint_sharpened, 90 },
};

#define ALTERATIONS (sizeof(alterations) / sizeof(alterations[0]))

struct run {
	const char *dir;
	uint64_t seed;
	unsigned originals_count;
	unsigned unrelated_count;
	atomic_uint next;
	atomic_bool has_failed;
};

static enum hf_err write_picture(const struct run *run, const char *name,
				 const struct hf_canvas *canvas,
				 const struct form *form, struct hf_why *why)
{
	struct hf_encode_how how = { .quality = form->quality };
	struct hf_buf buf;
	char path[4096];
	enum hf_err err;
	FILE *file;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	snprintf(path, sizeof(path), "%s/%s.%s", run->dir, name,
		 form->extension);
	err = form->encode(canvas, &how, &buf, why);
	if (err != HF_OK)
		goto out;
	/* Not synced as the project's own files are: they can be made anew. */
	file = fopen(path, "wb");
	if (file == NULL ||
	    fwrite(buf.at, 1, buf.len_bytes, file) != buf.len_bytes)
		err = hf_why_errno(why, "write '%s'", path);
	if (file != NULL && fclose(file) != 0 && err == HF_OK)
		err = hf_why_errno(why, "write '%s'", path);
out:
	hf_buf_release(&buf);
	return err;
}

static enum hf_err make_original(const struct run *run, unsigned number,
				 struct hf_why *why)
{
	const struct form *form = &forms[number % FORMS];
	struct hf_canvas canvas;
	char name[64];
	enum hf_err err = hf_paint(run->seed * 2 + ((uint64_t)number << 32), 0,
				   &canvas, why);

	if (err != HF_OK)
		return err;
	snprintf(name, sizeof(name), "originals/%03u", number);
	err = write_picture(run, name, &canvas, form, why);
	snprintf(name, sizeof(name), "altered/%03u-reencoded", number);
	if (err == HF_OK)
		err = write_picture(run, name, &canvas,
				    &forms[(number + 1) % FORMS], why);
	for (size_t i = 0; err == HF_OK && i < ALTERATIONS; i++) {
		const struct alteration *how = &alterations[i];
		struct form jpeg = { "jpg", hf_encode_jpeg, how->quality };
		struct hf_canvas altered = { 0, 0, NULL };

		if (how->alter != NULL)
			err = how->alter(&canvas, &altered, why);
		snprintf(name, sizeof(name), "altered/%03u-%s", number,
			 how->name);
		if (err == HF_OK)
			err = write_picture(run, name,
					    how->alter != NULL ? &altered
							       : &canvas,
					    &jpeg, why);
		hf_canvas_release(&altered);
	}
	hf_canvas_release(&canvas);
	return err;
}

static enum hf_err make_unrelated(const struct run *run, unsigned number,
				  struct hf_why *why)
{
	static const struct form jpeg = { "jpg", hf_encode_jpeg, 88 };
	struct hf_canvas canvas;
	char name[64];
	enum hf_err err = hf_paint(run->seed * 2 + 1 + ((uint64_t)number << 32),
				   1, &canvas, why);

	if (err != HF_OK)
		return err;
	snprintf(name, sizeof(name), "unrelated/%04u", number);
	err = write_picture(run, name, &canvas, &jpeg, why);
	hf_canvas_release(&canvas);
	return err;
}

static void *work(void *arg)
{
	struct run *run = arg;
	unsigned all = run->originals_count + run->unrelated_count;

	while (!atomic_load(&run->has_failed)) {
		unsigned number = atomic_fetch_add(&run->next, 1);
		struct hf_why why = { "" };
		enum hf_err err;

		if (number >= all)
			break;
		if (number < run->originals_count)
			err = make_original(run, number, &why);
		else
			err = make_unrelated(run, number - run->originals_count,
					     &why);
		if (err != HF_OK && !atomic_exchange(&run->has_failed, true))
			fprintf(stderr, "hf-pictures: %s\n", why.text);
	}
	return NULL;
}

static int usage(void)
{
	fputs("usage: hf-pictures [--seed N] [--originals N] [--unrelated N] "
	      "OUT_DIR\n",
	      stderr);
	return 2;
}

static int make_all(struct run *run)
{
	static const char *const folders[] = { "originals", "altered",
					       "unrelated" };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[THREADS_MAX];
	unsigned started = 0;
	char path[4096];

	for (size_t i = 0; i < 3; i++) {
		struct hf_why why = { "" };

		if (hf_file_join(path, sizeof(path), run->dir, folders[i],
				 &why) != HF_OK ||
		    hf_file_mkdirs(path, 0755, &why) != HF_OK) {
			fprintf(stderr, "hf-pictures: %s\n", why.text);
			return 1;
		}
	}
	while (started < THREADS_MAX && (long)started < cores - 1 &&
	       pthread_create(&threads[started], NULL, work, run) == 0)
		started++;
	work(run);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	return atomic_load(&run->has_failed) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "originals", required_argument, NULL, 'o' },
		{ "unrelated", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	struct run run = { .seed = 1,
			   .originals_count = 40,
			   .unrelated_count = 2000 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		unsigned long long value;
		char *end;

		if (option == '?')
			return usage();
		errno = 0;
		value = strtoull(optarg, &end, 10);
		if (errno != 0 || *end != '\0' || end == optarg ||
		    (option != 's' && value > 100000))
			return usage();
		if (option == 's')
			run.seed = value;
		else if (option == 'o')
			run.originals_count = (unsigned)value;
		else
			run.unrelated_count = (unsigned)value;
	}
	if (argc - optind != 1)
		return usage();
	run.dir = argv[optind];
	return make_all(&run);
}
