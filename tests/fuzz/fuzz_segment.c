/*
 * The files of a match index, as somebody else may have left them.  The first
 * byte says which: m a manifest, k marks, s a segment without the padding of
 * its header, to which size and checksums are added so that the fuzzer need
 * not learn SHA-256.  What opens is looked up in.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "limit.h"

#include "match_build.h"
#include "match_format.h"
#include "match_index.h"
#include "match_live.h"
#include "match_manifest.h"

#define FILE_MAX_BYTES ((size_t)256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];

static void remove_dir(void)
{
	static const char *const names[] = { "live", "segment-00000001",
					     "marks-00000002",
					     "table-00000003" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static bool make_dir(void)
{
	if (dir[0] != '\0')
		return true;
	strcpy(dir, "/tmp/fuzz-segment-XXXXXX");
	if (mkdtemp(dir) == NULL) {
		dir[0] = '\0';
		return false;
	}
	atexit(remove_dir);
	return true;
}

static void put_file(const char *name, const void *bytes, size_t len_bytes)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	/* Another inode each time: an old map must not shrink. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		abort();
	if (write(fd, bytes, len_bytes) != (ssize_t)len_bytes)
		abort();
	close(fd);
}

/* What a reader finds: the segment, and no marks. */
static void put_live(void)
{
	const struct hf_match_live_state state = { .table = 3,
						   .segments_count = 1,
						   .segments = { 1 } };
	const struct hf_match_marks_file file = { .dir = dir, .number = 3 };
	struct hf_match_marks *none, *table;
	struct hf_match_live *live;

	if (hf_match_live_create(dir, &live, NULL) != HF_OK ||
	    hf_match_marks_new(0, &none, NULL) != HF_OK ||
	    hf_match_marks_create(&file, none, 0, HF_MATCH_MARKS_ALL, &table,
				  NULL) != HF_OK)
		abort();
	hf_match_live_write(live, &state);
	hf_match_live_close(live);
	hf_match_marks_unref(table);
	hf_match_marks_unref(none);
}

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	/* Touch what was told: it must be there. */
	*(uint8_t *)arg ^= hit->digest[0];
}

static void on_video(void *arg, const struct hf_index_video_hit *hit)
{
	if (hit->looked_up_matched > hit->looked_up_frames ||
	    hit->listed_matched > hit->listed_frames)
		abort();
}

static enum hf_err look_up_video(struct hf_index_view *view,
				 const uint8_t *frame)
{
	const struct hf_index_video_sink sink = { on_video, NULL, NULL };
	const struct hf_index_video video = { .frames = frame,
					      .frames_count = 1,
					      .distance = 64 };

	return hf_index_lookup_video(view, &video, &sink, NULL);
}

static void look_up(const uint8_t *tail, size_t tail_bytes)
{
	struct hf_index_query queries[2 * HF_ALGORITHM_COUNT];
	static const uint8_t zeros[HF_DIGEST_MAX_BYTES];
	uint8_t digest[HF_DIGEST_MAX_BYTES] = { 0 }, sum = 0;
	const struct hf_index_sink sink = { on_hit, NULL, &sum };
	struct hf_index_view *view;
	struct hf_index *index;
	size_t count = 0;

	memcpy(digest, tail,
	       tail_bytes < sizeof(digest) ? tail_bytes : sizeof(digest));
	if (hf_index_open_readonly(dir, &index, NULL) != HF_OK)
		return;
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		if (hf_algorithm_bytes(a) == 0)
			continue;
		queries[count++] = (struct hf_index_query){ (uint8_t)a, zeros };
		queries[count++] =
			(struct hf_index_query){ (uint8_t)a, digest };
	}
	if (hf_index_view_begin(index, &view, NULL) == HF_OK) {
		enum hf_err err = hf_index_lookup_exact(view, queries, count,
							&sink, NULL);

		if (err == HF_OK)
			err = hf_index_lookup_near(view, digest, 1, 64, &sink,
						   NULL);
		if (err == HF_OK)
			err = look_up_video(view, digest);
		if (err != HF_OK)
			abort();
		hf_index_view_end(view);
	}
	hf_index_close(index);
}

static void try_segment(const uint8_t *data, size_t size)
{
	const size_t head = sizeof(struct hf_match_file_header);
	struct hf_match_file_header *header;
	size_t file_bytes;
	uint8_t *file;

	if (size < head || size > FILE_MAX_BYTES)
		return;
	file_bytes = HF_MATCH_SEGMENT_HEADER_BYTES + size - head;
	file = calloc(1, file_bytes);
	if (file == NULL)
		return;
	memcpy(file, data, head);
	memcpy(file + HF_MATCH_SEGMENT_HEADER_BYTES, data + head, size - head);
	header = (struct hf_match_file_header *)file;
	header->file_bytes = file_bytes;
	hf_match_build_seal(file, file_bytes);
	put_file("segment-00000001", file, file_bytes);
	put_live();
	look_up(data + head, size - head);
	free(file);
}

static void try_manifest(const uint8_t *data, size_t size)
{
	struct hf_match_manifest manifest;
	struct hf_buf buf;

	if (hf_match_manifest_parse(hf_span(data, size), &manifest, NULL) !=
	    HF_OK)
		return;
	hf_buf_init(&buf, HF_MATCH_MANIFEST_MAX_BYTES);
	hf_match_manifest_encode(&manifest, &buf);
	hf_buf_release(&buf);
	hf_match_manifest_release(&manifest);
}

static void try_marks(const uint8_t *data, size_t size)
{
	struct hf_match_marks *marks;

	put_file("marks-00000002", data, size);
	if (hf_match_marks_file_read(dir, 2, &marks, NULL) != HF_OK)
		return;
	if ((hf_match_marks_get(marks, 1, 1) & ~HF_MATCH_MARK_BITS) != 0)
		abort();
	hf_match_marks_unref(marks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || !make_dir())
		return 0;
	if (data[0] == 's')
		try_segment(data + 1, size - 1);
	else if (data[0] == 'm')
		try_manifest(data + 1, size - 1);
	else if (data[0] == 'k')
		try_marks(data + 1, size - 1);
	return 0;
}
