#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sha256.h"

#include "match_format.h"
#include "match_segment.h"

enum hf_err hf_match_segment_path(char *out_path, size_t size_bytes,
				  const char *dir, uint64_t number,
				  struct hf_why *why)
{
	int used = snprintf(out_path, size_bytes, "%s/segment-%08" PRIx64, dir,
			    number);

	if (used < 0 || (size_t)used >= size_bytes)
		return hf_why(why, HF_E_LIMIT, "'%s' is too long a path", dir);
	return HF_OK;
}

static enum hf_err damaged(struct hf_why *why, const char *path,
			   const char *what)
{
	return hf_why(why, HF_E_CORRUPT, "index file '%s' is damaged: %s", path,
		      what);
}

/* Offsets that never go back, from 0 to count. */
static bool is_rising(const uint32_t *offsets, uint64_t offsets_count,
		      uint32_t count)
{
	bool is_good = offsets[0] == 0 && offsets[offsets_count - 1] == count;

	for (uint64_t i = 1; i < offsets_count; i++)
		is_good &= offsets[i - 1] <= offsets[i];
	return is_good;
}

/* The same of lines. */
static bool is_lined(const struct hf_match_segment_part *part)
{
	const struct hf_match_line *lines = part->lines;
	uint32_t count = part->lines_count;
	bool is_good =
		lines[0].base == 0 && lines[count].base == part->keys_count;

	for (uint32_t i = 0; i < count; i++)
		is_good &= lines[i].base <= lines[i + 1].base;
	return is_good;
}

/* Every band once, each following another: full recall stands on it. */
static bool is_ring(const struct hf_match_segment_band *bands)
{
	unsigned band = 0, steps = 0;

	do {
		band = bands[band].next;
		steps++;
	} while (band > 0 && band < HF_MATCH_PDQ_BANDS &&
		 steps < HF_MATCH_PDQ_BANDS);
	return band == 0 && steps == HF_MATCH_PDQ_BANDS;
}

static enum hf_err open_part(struct hf_match_segment *segment,
			     const struct hf_match_file_part *row, uint64_t *at,
			     const char *path, struct hf_why *why)
{
	struct hf_match_file_layout layout;
	struct hf_match_segment_part part;

	if (hf_match_key_bytes(row->algorithm) == 0)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "index file '%s' has algorithm %" PRIu32
			      ", which this version does not know",
			      path, row->algorithm);
	if (row->digest_bytes != hf_match_key_bytes(row->algorithm) ||
	    row->lines_count == 0 || row->has_bands > 1 ||
	    (row->has_bands != 0 && !hf_match_is_near(row->algorithm)) ||
	    segment->parts[row->algorithm].keys != NULL)
		return damaged(why, path, "a part makes no sense");
	hf_match_format_layout(row, *at, &layout);
	if (layout.end > segment->file_bytes)
		return damaged(why, path, "it is too short");
	*at = layout.end;
	hf_match_format_point(row, &layout, segment->map, &part);
	if (!is_lined(&part))
		return damaged(why, path, "lines are out of order");
	if (part.has_bands && !is_ring(part.bands))
		return damaged(why, path, "its bands make no ring");
	for (unsigned b = 0; part.has_bands && b < HF_MATCH_PDQ_BANDS; b++) {
		if (!is_rising(part.bands[b].offsets,
			       HF_MATCH_PDQ_BAND_VALUES + 1, part.keys_count))
			return damaged(why, path, "a band is out of order");
	}
	segment->parts[row->algorithm] = part;
	return HF_OK;
}

static enum hf_err check_header(const struct hf_match_file_header *header,
				uint64_t file_bytes, const char *path,
				struct hf_why *why)
{
	uint8_t sum[HF_SHA256_BYTES];

	if (memcmp(header->magic, HF_MATCH_SEGMENT_MAGIC,
		   sizeof(header->magic)) != 0)
		return damaged(why, path, "it does not begin like a segment");
	if (header->version != HF_MATCH_SEGMENT_VERSION ||
	    header->order != HF_MATCH_SEGMENT_ORDER)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "index file '%s' is of version %" PRIu32
			      " or of another kind of machine; remove the "
			      "index, it will be made again",
			      path, header->version);
	hf_sha256(header, offsetof(struct hf_match_file_header, header_sum),
		  sum);
	if (memcmp(sum, header->header_sum, sizeof(sum)) != 0)
		return damaged(why, path, "its header has another checksum");
	if (header->file_bytes != file_bytes)
		return damaged(why, path, "it has another size");
	if (header->parts_count > HF_MATCH_SEGMENT_PARTS_MAX)
		return damaged(why, path, "it has too many parts");
	return HF_OK;
}

static enum hf_err open_map(struct hf_match_segment *segment, bool is_whole,
			    const char *path, struct hf_why *why)
{
	const struct hf_match_file_header *header =
		(const struct hf_match_file_header *)segment->map;
	uint64_t at = HF_MATCH_SEGMENT_HEADER_BYTES;
	enum hf_err err = check_header(header, segment->file_bytes, path, why);

	if (err != HF_OK)
		return err;
	if (is_whole) {
		uint8_t sum[HF_SHA256_BYTES];

		hf_match_format_sum(segment->map, segment->file_bytes, sum);
		if (memcmp(sum, header->rest_sum, sizeof(sum)) != 0)
			return damaged(why, path, "it has another checksum");
	}
	segment->sequence = header->sequence;
	for (uint32_t i = 0; i < header->parts_count; i++) {
		err = open_part(segment, &header->parts[i], &at, path, why);
		if (err != HF_OK)
			return err;
	}
	if (at != segment->file_bytes)
		return damaged(why, path, "it is too long");
	return HF_OK;
}

/* The file's size, and its bytes mapped. */
static enum hf_err map_file(struct hf_match_segment *segment, const char *path,
			    struct hf_why *why)
{
	enum hf_err err = HF_OK;
	struct stat about;
	void *map;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	if (fstat(fd, &about) != 0) {
		err = hf_why_errno(why, "look at '%s'", path);
		goto out_close;
	}
	if (about.st_size < HF_MATCH_SEGMENT_HEADER_BYTES) {
		err = damaged(why, path, "it is too short");
		goto out_close;
	}
	map = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		err = hf_why_errno(why, "map '%s'", path);
		goto out_close;
	}
	(void)madvise(map, (size_t)about.st_size, MADV_HUGEPAGE);
	segment->map = map;
	segment->file_bytes = (uint64_t)about.st_size;

out_close:
	close(fd);
	return err;
}

enum hf_err hf_match_segment_open(const char *dir, uint64_t number,
				  bool is_whole,
				  struct hf_match_segment **out_segment,
				  struct hf_why *why)
{
	char path[4096];
	struct hf_match_segment *segment;
	enum hf_err err =
		hf_match_segment_path(path, sizeof(path), dir, number, why);

	if (err != HF_OK)
		return err;
	segment = calloc(1, sizeof(*segment));
	if (segment == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory");
	segment->references = 1;
	segment->number = number;
	err = map_file(segment, path, why);
	if (err == HF_OK)
		err = open_map(segment, is_whole, path, why);
	if (err != HF_OK) {
		hf_match_segment_unref(segment);
		return err;
	}
	*out_segment = segment;
	return HF_OK;
}

void hf_match_segment_warm(const struct hf_match_segment *segment)
{
	if (segment->file_bytes < HF_MATCH_SEGMENT_LARGE_BYTES)
		return;
#ifdef MADV_POPULATE_READ
	(void)madvise((void *)segment->map, segment->file_bytes,
		      MADV_POPULATE_READ);
#endif
	/* The disk filled these pages, not the processor; and the host of a
	 * virtual machine may wait for a processor to touch a page of 4 KiB
	 * before it gives it memory, which takes 8 microseconds. */
	for (uint64_t at = 0; at < segment->file_bytes; at += 4096)
		(void)*(const volatile uint8_t *)(segment->map + at);
}

struct hf_match_segment *hf_match_segment_ref(struct hf_match_segment *segment)
{
	__atomic_fetch_add(&segment->references, 1, __ATOMIC_RELAXED);
	return segment;
}

void hf_match_segment_unref(struct hf_match_segment *segment)
{
	if (segment == NULL ||
	    __atomic_fetch_sub(&segment->references, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	if (segment->map != NULL)
		munmap((void *)segment->map, segment->file_bytes);
	free(segment);
}
