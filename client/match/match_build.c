#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sha256.h"

#include "match_bands.h"
#include "match_build.h"
#include "match_format.h"
#include "match_kernel.h"
#include "match_merge.h"
#include "match_stream.h"

/* Sections that are written at a time. */
#define STREAMS 4

/* A file that is being made. */
struct made {
	const struct hf_match_build *build;
	const char *path; /* borrowed */
	int fd;
	struct hf_match_file_header header;
	struct hf_match_merge merges[HF_ALGORITHM_COUNT]; /* owned: of parts */
	uint8_t *buffers;      /* owned: of STREAMS */
	struct hf_sha256 sums; /* of the sections so far */
};

/* The sections of one part. */
struct sections {
	unsigned count;
	uint64_t begins[HF_MATCH_SECTIONS_MAX + 1];
	uint32_t sums[HF_MATCH_SECTIONS_MAX];
};

static void begin_section(const struct made *made,
			  const struct sections *sections, unsigned section,
			  struct hf_match_stream *stream, unsigned buffer)
{
	hf_match_stream_begin(stream, made->fd, made->path,
			      sections->begins[section],
			      made->buffers + buffer * HF_MATCH_STREAM_BYTES);
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

/* What the streams of put_keys() are sections of, in their order; bands
 * begin at *out_next. */
static enum hf_err
write_keys(struct made *made, struct hf_match_file_part *part,
	   struct hf_match_merge *merge, struct sections *sections,
	   struct hf_match_bands *bands, unsigned *out_next, struct hf_why *why)
{
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
			begin_section(made, sections, next++, rows[i].stream,
				      (unsigned)i);
	}
	streams.lines.stream = &streams.lines_stream;
	err = put_keys(&streams, part, is_apart, merge, bands, why);
	next = 0;
	for (size_t i = 0; err == HF_OK && i < STREAMS; i++) {
		if (rows[i].is_there)
			err = end_section(sections, next++, rows[i].stream,
					  why);
	}
	*out_next = next;
	return err;
}

static enum hf_err write_band(struct made *made, struct sections *sections,
			      struct hf_match_bands *bands, unsigned band,
			      unsigned section, struct hf_why *why)
{
	struct hf_match_band_streams streams;
	enum hf_err err;

	begin_section(made, sections, section, &streams.offsets, 0);
	begin_section(made, sections, section + 1, &streams.nexts, 1);
	begin_section(made, sections, section + 2, &streams.keys, 2);
	err = hf_match_bands_put(bands, band, &streams, why);
	if (err == HF_OK)
		err = end_section(sections, section, &streams.offsets, why);
	if (err == HF_OK)
		err = end_section(sections, section + 1, &streams.nexts, why);
	if (err == HF_OK)
		err = end_section(sections, section + 2, &streams.keys, why);
	return err;
}

/* The ring, and the bands that it orders. */
static enum hf_err write_bands(struct made *made, struct sections *sections,
			       struct hf_match_bands *bands, unsigned section,
			       struct hf_why *why)
{
	struct hf_match_stream stream;
	enum hf_err err;

	hf_match_bands_order(bands);
	begin_section(made, sections, section, &stream, 0);
	hf_match_stream_put(&stream, bands->ring, sizeof(bands->ring));
	err = end_section(sections, section++, &stream, why);
	for (unsigned b = 0; err == HF_OK && b < HF_MATCH_PDQ_BANDS; b++)
		err = write_band(made, sections, bands, b, section + 3 * b,
				 why);
	return err;
}

static enum hf_err write_part(struct made *made,
			      struct hf_match_file_part *part,
			      struct hf_match_merge *merge, uint64_t *at,
			      struct hf_why *why)
{
	struct hf_match_file_layout layout;
	struct hf_match_bands bands = { 0 };
	struct sections sections;
	enum hf_err err = HF_OK;
	unsigned next = 0;

	hf_match_format_layout(part, *at, &layout);
	*at = layout.end;
	sections.count =
		hf_match_format_sections(part, &layout, sections.begins);
	if (part->has_bands != 0)
		err = hf_match_bands_begin(&bands, merge, why);
	if (err == HF_OK)
		err = write_keys(made, part, merge, &sections, &bands, &next,
				 why);
	if (err == HF_OK && part->has_bands != 0)
		err = write_bands(made, &sections, &bands, next, why);
	if (err == HF_OK)
		hf_sha256_update(&made->sums, sections.sums,
				 sections.count * sizeof(sections.sums[0]));
	hf_match_bands_release(&bands);
	return err;
}

/* The parts, and where the file ends. */
static enum hf_err plan(struct made *made, struct hf_why *why)
{
	const struct hf_match_build *build = made->build;
	struct hf_match_file_header *header = &made->header;
	uint64_t at = HF_MATCH_SEGMENT_HEADER_BYTES;

	*header = (struct hf_match_file_header){
		.version = HF_MATCH_SEGMENT_VERSION,
		.order = HF_MATCH_SEGMENT_ORDER,
		.sequence = build->sequence,
	};
	memcpy(header->magic, HF_MATCH_SEGMENT_MAGIC, sizeof(header->magic));
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		struct hf_match_file_part *part =
			&header->parts[header->parts_count];
		struct hf_match_merge *merge =
			&made->merges[header->parts_count];
		struct hf_match_file_layout layout;
		enum hf_err err;

		if (build->runs_count[a] == 0)
			continue;
		err = hf_match_merge_begin(merge, build, a, why);
		if (err != HF_OK)
			return err;
		if (merge->keys_count == 0) {
			hf_match_merge_release(merge);
			continue;
		}
		hf_match_format_part(a, merge->keys_count, part);
		part->refs_count = merge->refs_count;
		hf_match_format_layout(part, at, &layout);
		at = layout.end;
		header->parts_count++;
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
	uint32_t sum;

	hf_sha256_final(&made->sums, made->header.rest_sum);
	seal_header(&made->header);
	hf_match_stream_begin(&stream, made->fd, made->path, 0, made->buffers);
	hf_match_stream_put(&stream, &made->header, sizeof(made->header));
	return hf_match_stream_end(&stream, HF_MATCH_SEGMENT_HEADER_BYTES, &sum,
				   why);
}

static enum hf_err write_file(struct made *made, struct hf_why *why)
{
	uint64_t at = HF_MATCH_SEGMENT_HEADER_BYTES;
	enum hf_err err = HF_OK;

	/* A full disk shows before the work is done. */
	errno = posix_fallocate(made->fd, 0, (off_t)made->header.file_bytes);
	if (errno != 0)
		return hf_why_errno(why, "reserve %" PRIu64 " bytes for '%s'",
				    made->header.file_bytes, made->path);
	hf_sha256_init(&made->sums);
	for (uint32_t i = 0; err == HF_OK && i < made->header.parts_count; i++)
		err = write_part(made, &made->header.parts[i], &made->merges[i],
				 &at, why);
	if (err == HF_OK)
		err = write_header(made, why);
	if (err == HF_OK && fsync(made->fd) != 0)
		err = hf_why_errno(why, "sync '%s'", made->path);
	/* It was written in small pages; read again it comes in large ones,
	 * as hf_match_segment_warm() does. */
	if (err == HF_OK &&
	    made->header.file_bytes >= HF_MATCH_SEGMENT_LARGE_BYTES)
		(void)posix_fadvise(made->fd, 0, 0, POSIX_FADV_DONTNEED);
	return err;
}

static enum hf_err make_file(struct made *made, struct hf_why *why)
{
	enum hf_err err;

	made->buffers = malloc(STREAMS * HF_MATCH_STREAM_BYTES);
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
	made->path = made_path;
	err = plan(made, why);
	if (err == HF_OK)
		err = make_file(made, why);
	for (unsigned i = 0; i < HF_ALGORITHM_COUNT; i++)
		hf_match_merge_release(&made->merges[i]);
	free(made);
	if (err == HF_OK && rename(made_path, path) != 0) {
		err = hf_why_errno(why, "rename '%s'", made_path);
		unlink(made_path);
	}
	return err;
}
