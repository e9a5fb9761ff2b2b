#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sha256.h"

#include "match_bands.h"
#include "match_build.h"
#include "match_crew.h"
#include "match_format.h"
#include "match_kernel.h"
#include "match_merge.h"
#include "match_stream.h"

/* From so many keys on two threads make a file. */
#define CREW_KEYS_MIN 65536

/* Sections that one worker writes at a time. */
#define STREAMS 4

/* The sections of one part. */
struct sections {
	unsigned count;
	uint64_t begins[HF_MATCH_SECTIONS_MAX + 1];
	uint32_t sums[HF_MATCH_SECTIONS_MAX];
};

/* A part that is being made. */
struct making {
	struct hf_match_merge merge; /* owned */
	struct hf_match_bands bands; /* owned */
	struct hf_match_file_part *part;
	struct sections sections;
	unsigned bands_section; /* the first of them */
};

/* A file that is being made. */
struct made {
	const struct hf_match_build *build;
	unsigned workers;
	const char *path; /* borrowed */
	int fd;
	pthread_mutex_t lock; /* of the file's streams */
	struct hf_match_file_header header;
	struct making makings[HF_ALGORITHM_COUNT]; /* by part */
	uint8_t *buffers; /* owned: STREAMS for each worker */
};

static void begin_section(struct made *made, const struct sections *sections,
			  unsigned section, struct hf_match_stream *stream,
			  size_t buffer)
{
	hf_match_stream_begin(stream, made->fd, made->path,
			      sections->begins[section],
			      made->buffers + buffer * HF_MATCH_STREAM_BYTES);
	stream->lock = &made->lock;
}

static enum hf_err end_section(struct sections *sections, unsigned section,
			       struct hf_match_stream *stream,
			       struct hf_why *why)
{
	return hf_match_stream_end(stream, sections->begins[section + 1],
				   &sections->sums[section], why);
}

/*
 * Lines: one behind the other, each written when the next one begins.
 */
struct lines {
	struct hf_match_stream *stream;
	uint32_t count;
	uint32_t number; /* of the line in hand */
	struct hf_match_line line;
};

/* Lines up to that number are full: the next key is the first behind them. */
static void put_lines(struct lines *lines, uint32_t number, uint32_t key)
{
	for (; lines->number < number; lines->number++) {
		hf_match_stream_put_few(lines->stream, &lines->line,
					sizeof(lines->line));
		lines->line = (struct hf_match_line){ .base = key };
	}
}

static void put_tag(struct lines *lines, const uint8_t *digest,
		    size_t digest_bytes, uint32_t key)
{
	uint64_t mixed = hf_match_digest_mix(digest, digest_bytes);
	struct hf_match_line *line = &lines->line;
	uint32_t at;

	put_lines(lines,
		  hf_match_line_of(
			  hf_match_digest_order(digest, digest_bytes, mixed),
			  lines->count),
		  key);
	at = key - line->base;
	if (at < HF_MATCH_LINE_TAGS) {
		line->tags[at] = hf_match_digest_tag(mixed);
	} else if (at == HF_MATCH_LINE_TAGS) {
		memset(line->tags, 0, sizeof(line->tags));
		line->tags[0] = HF_MATCH_LINE_CROWDED;
	}
}

/*
 * Keys, what is beside them, the refs of those that have several, and lines.
 */
struct key_streams {
	struct hf_match_stream keys;
	struct hf_match_stream apart; /* what is beside them, if it is apart */
	struct hf_match_stream refs;
	struct lines lines;
	struct hf_match_stream lines_stream;
};

static void put_key(struct key_streams *streams,
		    const struct hf_match_file_part *part, bool is_apart,
		    const struct hf_match_merged *merged, uint32_t refs_count)
{
	struct hf_match_ref beside = { .entry = refs_count,
				       .set = merged->refs_count,
				       .is_several = 1 };

	if (merged->refs_count == 1)
		beside = merged->refs[0];
	else
		hf_match_stream_put(&streams->refs, merged->refs,
				    merged->refs_count * sizeof(beside));
	hf_match_stream_put_few(&streams->keys, merged->digest,
				part->digest_bytes);
	hf_match_stream_put_few(is_apart ? &streams->apart : &streams->keys,
				&beside, sizeof(beside));
}

static enum hf_err put_keys(struct key_streams *streams,
			    struct hf_match_file_part *part, bool is_apart,
			    struct hf_match_merge *merge,
			    struct hf_match_bands *bands, struct hf_why *why)
{
	uint32_t keys_count = 0, refs_count = 0;

	for (;;) {
		struct hf_match_merged merged;
		bool is_end = false;
		enum hf_err err =
			hf_match_merge_next(merge, &merged, &is_end, why);

		if (err != HF_OK)
			return err;
		if (is_end)
			break;
		put_key(streams, part, is_apart, &merged, refs_count);
		put_tag(&streams->lines, merged.digest, part->digest_bytes,
			keys_count);
		if (part->has_bands != 0)
			hf_match_bands_note(bands, &merged, keys_count);
		keys_count++;
		refs_count += merged.refs_count > 1 ? merged.refs_count : 0;
		part->hashes_count += merged.refs_count;
	}
	/* The line behind the last one tells only where that ends. */
	put_lines(&streams->lines, part->lines_count + 1, keys_count);
	return HF_OK;
}

/* What the streams of put_keys() are sections of, in their order. */
static enum hf_err write_keys(struct made *made, struct making *making,
			      unsigned worker, struct hf_why *why)
{
	struct hf_match_file_part *part = making->part;
	struct key_streams streams = { .lines = { .count =
							  part->lines_count } };
	bool is_apart = hf_match_format_is_apart(part);
	unsigned next = 0;
	struct {
		bool is_there;
		struct hf_match_stream *stream;
	} rows[] = {
		{ true, &streams.keys },
		{ is_apart, &streams.apart },
		{ true, &streams.refs },
		{ true, &streams.lines_stream },
	};
	enum hf_err err;

	for (size_t i = 0; i < STREAMS; i++) {
		if (rows[i].is_there)
			begin_section(made, &making->sections, next++,
				      rows[i].stream, worker * STREAMS + i);
	}
	streams.lines.stream = &streams.lines_stream;
	err = put_keys(&streams, part, is_apart, &making->merge, &making->bands,
		       why);
	next = 0;
	for (size_t i = 0; err == HF_OK && i < STREAMS; i++) {
		if (rows[i].is_there)
			err = end_section(&making->sections, next++,
					  rows[i].stream, why);
	}
	making->bands_section = next;
	return err;
}

/* The bands' order, before the first of them. */
static enum hf_err write_ring(struct made *made, struct making *making,
			      unsigned worker, struct hf_why *why)
{
	struct hf_match_bands *bands = &making->bands;
	unsigned section = making->bands_section++;
	struct hf_match_stream stream;

	hf_match_bands_order(bands);
	begin_section(made, &making->sections, section, &stream,
		      worker * STREAMS);
	hf_match_stream_put(&stream, bands->ring, sizeof(bands->ring));
	return end_section(&making->sections, section, &stream, why);
}

/* A part up to its bands. */
static enum hf_err write_part(void *arg, unsigned worker, size_t number,
			      struct hf_why *why)
{
	struct made *made = arg;
	struct making *making = &made->makings[number];
	bool has_bands = making->part->has_bands != 0;
	enum hf_err err = HF_OK;

	if (has_bands)
		err = hf_match_bands_begin(&making->bands, &making->merge,
					   made->workers, why);
	if (err == HF_OK)
		err = write_keys(made, making, worker, why);
	if (err == HF_OK && has_bands)
		err = write_ring(made, making, worker, why);
	return err;
}

static enum hf_err write_band(void *arg, unsigned worker, size_t number,
			      struct hf_why *why)
{
	struct made *made = arg;
	struct making *making = &made->makings[number / HF_MATCH_PDQ_BANDS];
	unsigned band = (unsigned)(number % HF_MATCH_PDQ_BANDS);
	struct hf_match_band_streams streams;
	struct {
		unsigned section;
		struct hf_match_stream *stream;
	} rows[] = {
		{ making->bands_section + 3 * band, &streams.offsets },
		{ making->bands_section + 3 * band + 1, &streams.nexts },
		{ making->bands_section + 3 * band + 2, &streams.keys },
	};
	enum hf_err err;

	if (making->part->has_bands == 0)
		return HF_OK;
	for (size_t i = 0; i < 3; i++)
		begin_section(made, &making->sections, rows[i].section,
			      rows[i].stream, worker * STREAMS + i);
	err = hf_match_bands_put(&making->bands, band, worker, &streams, why);
	for (size_t i = 0; err == HF_OK && i < 3; i++)
		err = end_section(&making->sections, rows[i].section,
				  rows[i].stream, why);
	return err;
}

/*
 * The file.
 */

static enum hf_err begin_merge(void *arg, unsigned worker, size_t number,
			       struct hf_why *why)
{
	struct made *made = arg;

	return hf_match_merge_begin(&made->makings[number].merge, made->build,
				    made->header.parts[number].algorithm, why);
}

/* Behind the merges of those that have keys there are none. */
static void keep_merges(struct made *made)
{
	struct hf_match_file_header *header = &made->header;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < header->parts_count; i++) {
		struct hf_match_merge merge = made->makings[i].merge;
		uint32_t algorithm = header->parts[i].algorithm;

		made->makings[i].merge = (struct hf_match_merge){ 0 };
		header->parts[i].algorithm = 0;
		if (merge.keys_count == 0) {
			hf_match_merge_release(&merge);
			continue;
		}
		made->makings[kept].merge = merge;
		header->parts[kept++].algorithm = algorithm;
	}
	header->parts_count = kept;
}

/* The parts, and where the file ends. */
static enum hf_err plan(struct made *made, struct hf_why *why)
{
	const struct hf_match_build *build = made->build;
	struct hf_match_file_header *header = &made->header;
	uint64_t at = HF_MATCH_SEGMENT_HEADER_BYTES;
	enum hf_err err;

	*header = (struct hf_match_file_header){
		.version = HF_MATCH_SEGMENT_VERSION,
		.order = HF_MATCH_SEGMENT_ORDER,
		.sequence = build->sequence,
	};
	memcpy(header->magic, HF_MATCH_SEGMENT_MAGIC, sizeof(header->magic));
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		if (build->runs_count[a] > 0)
			header->parts[header->parts_count++].algorithm = a;
	}
	err = hf_match_crew_run(made->workers, header->parts_count, begin_merge,
				made, why);
	if (err != HF_OK)
		return err;
	keep_merges(made);
	for (uint32_t i = 0; i < header->parts_count; i++) {
		struct making *making = &made->makings[i];
		struct hf_match_file_part *part = &header->parts[i];
		struct hf_match_file_layout layout;

		hf_match_format_part(part->algorithm, making->merge.keys_count,
				     part);
		part->refs_count = making->merge.refs_count;
		hf_match_format_layout(part, at, &layout);
		at = layout.end;
		making->part = part;
		making->sections.count = hf_match_format_sections(
			part, &layout, making->sections.begins);
	}
	header->file_bytes = at;
	return HF_OK;
}

static void seal_header(struct hf_match_file_header *header)
{
	hf_sha256(header, offsetof(struct hf_match_file_header, header_sum),
		  header->header_sum);
}

void hf_match_build_seal(uint8_t *file, size_t file_bytes)
{
	struct hf_match_file_header *header =
		(struct hf_match_file_header *)file;

	hf_match_format_sum(file, file_bytes, header->rest_sum);
	seal_header(header);
}

/* Last: a file without a header is none. */
static enum hf_err write_header(struct made *made, struct hf_why *why)
{
	struct hf_match_stream stream;
	struct hf_sha256 sums;
	uint32_t sum;

	hf_sha256_init(&sums);
	for (uint32_t i = 0; i < made->header.parts_count; i++) {
		const struct sections *sections = &made->makings[i].sections;

		hf_sha256_update(&sums, sections->sums,
				 sections->count * sizeof(sections->sums[0]));
	}
	hf_sha256_final(&sums, made->header.rest_sum);
	seal_header(&made->header);
	hf_match_stream_begin(&stream, made->fd, made->path, 0, made->buffers);
	hf_match_stream_put(&stream, &made->header, sizeof(made->header));
	return hf_match_stream_end(&stream, HF_MATCH_SEGMENT_HEADER_BYTES, &sum,
				   why);
}

/* The system keeps what is written at once in one page.  Where two sections
 * meet, pages would be small: those are written whole, in advance. */
static void prepare_pages(const struct made *made)
{
	static const uint64_t page = HF_MATCH_STREAM_BYTES;
	uint64_t done = 0, end = made->header.file_bytes;

	if (end < HF_MATCH_SEGMENT_LARGE_BYTES)
		return;
	memset(made->buffers, 0, page);
	for (uint32_t i = 0; i < made->header.parts_count; i++) {
		const struct sections *sections = &made->makings[i].sections;

		for (unsigned s = 0; s < sections->count; s++) {
			uint64_t at = sections->begins[s] / page * page;
			uint64_t left = end - at;
			ssize_t put = 0;

			if (at >= done)
				put = pwrite(made->fd, made->buffers,
					     left < page ? left : page,
					     (off_t)at);
			/* If not, they are small, and that is all. */
			(void)put;
			done = at + page;
		}
	}
}

static enum hf_err write_file(struct made *made, struct hf_why *why)
{
	size_t parts_count = made->header.parts_count;
	enum hf_err err;

	/* A full disk shows before the work is done. */
	errno = posix_fallocate(made->fd, 0, (off_t)made->header.file_bytes);
	if (errno != 0)
		return hf_why_errno(why, "reserve %" PRIu64 " bytes for '%s'",
				    made->header.file_bytes, made->path);
	prepare_pages(made);
	err = hf_match_crew_run(made->workers, parts_count, write_part, made,
				why);
	if (err == HF_OK)
		err = hf_match_crew_run(made->workers,
					parts_count * HF_MATCH_PDQ_BANDS,
					write_band, made, why);
	if (err == HF_OK)
		err = write_header(made, why);
	if (err == HF_OK && fsync(made->fd) != 0)
		err = hf_why_errno(why, "sync '%s'", made->path);
	return err;
}

static enum hf_err make_file(struct made *made, struct hf_why *why)
{
	enum hf_err err;

	made->buffers = malloc(made->workers * STREAMS * HF_MATCH_STREAM_BYTES);
	if (made->buffers == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
	made->fd =
		open(made->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (made->fd < 0) {
		err = hf_why_errno(why, "make '%s'", made->path);
		goto out_free;
	}
	err = write_file(made, why);
	if (close(made->fd) != 0 && err == HF_OK)
		err = hf_why_errno(why, "close '%s'", made->path);
	if (err != HF_OK)
		unlink(made->path);

out_free:
	free(made->buffers);
	return err;
}

/* A thread costs as much as a few thousand keys. */
static unsigned workers_of(const struct hf_match_build *build)
{
	size_t keys_count = 0;

	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		for (size_t i = 0; i < build->runs_count[a]; i++)
			keys_count += build->runs[a][i].part->keys_count;
	}
	return build->is_alone || keys_count < CREW_KEYS_MIN
		       ? 1
		       : HF_MATCH_CREW_MAX;
}

enum hf_err hf_match_build_segment(const struct hf_match_build *build,
				   struct hf_why *why)
{
	char path[4096], made_path[sizeof(path) + 4];
	struct made *made;
	enum hf_err err;

	err = hf_match_segment_path(path, sizeof(path), build->dir,
				    build->number, why);
	if (err != HF_OK)
		return err;
	snprintf(made_path, sizeof(made_path), "%s.new", path);
	made = calloc(1, sizeof(*made));
	if (made == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
	made->build = build;
	made->workers = workers_of(build);
	pthread_mutex_init(&made->lock, NULL);
	made->path = made_path;
	err = plan(made, why);
	if (err == HF_OK)
		err = make_file(made, why);
	for (unsigned i = 0; i < HF_ALGORITHM_COUNT; i++) {
		hf_match_merge_release(&made->makings[i].merge);
		hf_match_bands_release(&made->makings[i].bands);
	}
	pthread_mutex_destroy(&made->lock);
	free(made);
	if (err == HF_OK && rename(made_path, path) != 0) {
		err = hf_why_errno(why, "rename '%s'", made_path);
		unlink(made_path);
	}
	return err;
}
