#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sha256.h"

#include "match_build.h"
#include "match_format.h"
#include "match_kernel.h"

static uint64_t order_of(const uint8_t *digest, size_t digest_bytes)
{
	return hf_match_digest_order(digest, digest_bytes,
				     hf_match_digest_mix(digest, digest_bytes));
}

/*
 * Merging: the smallest digest of all runs, with the live refs of every run
 * that has it.  Gone through twice, once to count and once to write, so that
 * the file is laid out before a byte of it is written.
 */
struct merge {
	const struct hf_match_build *build;
	const struct hf_match_run *runs;
	size_t runs_count;
	unsigned algorithm;
	size_t digest_bytes;
	struct head {
		uint32_t key;          /* the next one */
		const uint8_t *digest; /* its digest, NULL behind the last */
		uint64_t order;        /* and that one's order */
	} * heads;                     /* owned: of each run */
	struct sourced {
		struct hf_match_ref ref;
		uint64_t sequence; /* of its run */
		unsigned algorithm;
	} * refs; /* owned: of the key in hand */
	size_t refs_count;
	size_t refs_size;
	const uint8_t *digest;
	uint64_t steps;
};

/* Most digests differ in their order already. */
static void head_set(struct merge *merge, size_t i, uint32_t key)
{
	const struct hf_match_segment_part *part = merge->runs[i].part;
	struct head *head = &merge->heads[i];

	head->key = key;
	head->digest = NULL;
	if (key >= part->keys_count)
		return;
	head->digest = hf_match_key(part, key);
	head->order = order_of(head->digest, merge->digest_bytes);
}

static int compare_heads(const struct merge *merge, const struct head *a,
			 const struct head *b)
{
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return memcmp(a->digest, b->digest, merge->digest_bytes);
}

static enum hf_err merge_init(struct merge *merge,
			      const struct hf_match_build *build,
			      unsigned algorithm, struct hf_why *why)
{
	*merge = (struct merge){
		.build = build,
		.runs = build->runs[algorithm],
		.runs_count = build->runs_count[algorithm],
		.algorithm = algorithm,
		.digest_bytes = hf_match_key_bytes(algorithm),
	};
	merge->heads = calloc(merge->runs_count + 1, sizeof(*merge->heads));
	if (merge->heads == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
	for (size_t i = 0; i < merge->runs_count; i++)
		head_set(merge, i, 0);
	return HF_OK;
}

static void merge_release(struct merge *merge)
{
	free(merge->heads);
	free(merge->refs);
}

static bool append_ref(struct merge *merge, const struct hf_match_ref *ref,
		       uint64_t sequence)
{
	if (merge->refs_count == merge->refs_size) {
		size_t size = merge->refs_size > 0 ? 2 * merge->refs_size : 256;
		struct sourced *refs =
			realloc(merge->refs, size * sizeof(*refs));

		if (refs == NULL)
			return false;
		merge->refs = refs;
		merge->refs_size = size;
	}
	merge->refs[merge->refs_count++] =
		(struct sourced){ *ref, sequence, merge->algorithm };
	return true;
}

static bool take_key(struct merge *merge, const struct hf_match_run *run,
		     uint32_t key)
{
	uint32_t count;
	const struct hf_match_ref *refs = hf_match_refs(run->part, key, &count);

	for (uint32_t i = 0; i < count; i++) {
		if (merge->build->is_live(merge->build->arg, run->sequence,
					  &refs[i]) &&
		    !append_ref(merge, &refs[i], run->sequence))
			return false;
	}
	return true;
}

/* In order, and the newest first. */
static int compare_refs(const void *one, const void *other)
{
	const struct sourced *a = one, *b = other;

	int order = hf_match_ref_compare(&a->ref, &b->ref, a->algorithm);

	if (order != 0)
		return order;
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence ? -1 : 1;
	return 0;
}

/* Of an entry that several runs have, the newest stays: its class and
 * quality are the later word. */
static void settle_refs(struct merge *merge)
{
	size_t kept = 0;

	qsort(merge->refs, merge->refs_count, sizeof(merge->refs[0]),
	      compare_refs);
	for (size_t i = 0; i < merge->refs_count; i++) {
		const struct hf_match_ref *ref = &merge->refs[i].ref;
		const struct hf_match_ref *last =
			kept > 0 ? &merge->refs[kept - 1].ref : NULL;

		if (last != NULL &&
		    hf_match_ref_compare(last, ref, merge->algorithm) == 0)
			continue;
		merge->refs[kept++] = merge->refs[i];
	}
	merge->refs_count = kept;
}

/* Keys merged between two questions whether to go on. */
#define ASK_KEYS 65536

static enum hf_err ask(const struct hf_match_build *build, struct hf_why *why)
{
	if (build->is_cancelled != NULL && build->is_cancelled(build->arg))
		return hf_why(why, HF_E_CANCELLED, "index: merge cancelled");
	return HF_OK;
}

/* The next digest with live refs; *out_is_end past the last. */
static enum hf_err merge_next(struct merge *merge, bool *out_is_end,
			      struct hf_why *why)
{
	if (++merge->steps % ASK_KEYS == 0 && ask(merge->build, why) != HF_OK)
		return HF_E_CANCELLED;
	for (;;) {
		struct head least = { .digest = NULL };
		size_t runs = 0;

		for (size_t i = 0; i < merge->runs_count; i++) {
			const struct head *head = &merge->heads[i];

			if (head->digest != NULL &&
			    (least.digest == NULL ||
			     compare_heads(merge, head, &least) < 0))
				least = *head;
		}
		*out_is_end = least.digest == NULL;
		if (least.digest == NULL)
			return HF_OK;
		merge->digest = least.digest;
		merge->refs_count = 0;
		for (size_t i = 0; i < merge->runs_count; i++) {
			const struct head *head = &merge->heads[i];
			uint32_t key = head->key;

			if (head->digest == NULL ||
			    compare_heads(merge, head, &least) != 0)
				continue;
			head_set(merge, i, key + 1);
			runs++;
			if (!take_key(merge, &merge->runs[i], key))
				return hf_why(why, HF_E_NOMEM,
					      "index: no memory to merge");
		}
		if (runs > 1)
			settle_refs(merge);
		if (merge->refs_count > 0)
			return HF_OK;
	}
}

static enum hf_err count_part(const struct hf_match_build *build,
			      unsigned algorithm,
			      struct hf_match_file_part *out_part,
			      struct hf_why *why)
{
	uint64_t keys_count = 0, refs_count = 0, hashes_count = 0;
	struct merge merge;
	bool is_end = false;
	enum hf_err err = merge_init(&merge, build, algorithm, why);

	while (err == HF_OK) {
		err = merge_next(&merge, &is_end, why);
		if (err != HF_OK || is_end)
			break;
		keys_count++;
		hashes_count += merge.refs_count;
		if (merge.refs_count > 1)
			refs_count += merge.refs_count;
	}
	if (err == HF_OK && hashes_count > UINT32_MAX)
		err = hf_why(why, HF_E_LIMIT,
			     "index: %" PRIu64 " %s hashes in one segment",
			     hashes_count, hf_algorithm_word(algorithm));
	if (err == HF_OK) {
		hf_match_format_part(algorithm, (uint32_t)keys_count, out_part);
		out_part->refs_count = (uint32_t)refs_count;
		out_part->hashes_count = (uint32_t)hashes_count;
	}
	merge_release(&merge);
	return err;
}

/* The key in hand, its ref beside it or among the refs. */
static void write_key(const struct merge *merge,
		      const struct hf_match_segment_part *part, uint32_t key,
		      uint32_t refs_count)
{
	/* The part is of our own map, which we may write. */
	struct hf_match_ref *refs = (struct hf_match_ref *)part->refs;
	struct hf_match_ref beside = { .entry = refs_count,
				       .set = (uint32_t)merge->refs_count,
				       .is_several = 1 };

	memcpy((uint8_t *)hf_match_key(part, key), merge->digest,
	       part->digest_bytes);
	if (merge->refs_count == 1)
		beside = merge->refs[0].ref;
	for (size_t i = 0; merge->refs_count > 1 && i < merge->refs_count; i++)
		refs[refs_count + i] = merge->refs[i].ref;
	memcpy((uint8_t *)part->beside + key * part->beside_stride_bytes,
	       &beside, sizeof(beside));
}

static enum hf_err write_keys(const struct hf_match_build *build,
			      unsigned algorithm,
			      const struct hf_match_segment_part *part,
			      struct hf_why *why)
{
	uint32_t keys_count = 0, refs_count = 0;
	struct merge merge;
	bool is_end = false;
	enum hf_err err = merge_init(&merge, build, algorithm, why);

	while (err == HF_OK) {
		size_t more;

		err = merge_next(&merge, &is_end, why);
		if (err != HF_OK || is_end)
			break;
		more = merge.refs_count > 1 ? merge.refs_count : 0;
		/* The same refs are live as when they were counted, or we
		 * would write past the end. */
		if (keys_count >= part->keys_count ||
		    more > part->refs_count - refs_count) {
			err = hf_why(why, HF_E_INTERNAL,
				     "index: a merge grew while it ran");
			break;
		}
		write_key(&merge, part, keys_count++, refs_count);
		refs_count += (uint32_t)more;
	}
	merge_release(&merge);
	return err;
}

static void write_lines(const struct hf_match_segment_part *part)
{
	struct hf_match_line *lines = (struct hf_match_line *)part->lines;
	uint32_t next = 0;

	for (uint32_t i = 0; i < part->keys_count; i++) {
		const uint8_t *digest = hf_match_key(part, i);
		uint64_t mixed =
			hf_match_digest_mix(digest, part->digest_bytes);
		uint32_t number = hf_match_line_of(
			hf_match_digest_order(digest, part->digest_bytes,
					      mixed),
			part->lines_count);
		struct hf_match_line *line = &lines[number];

		while (next <= number)
			lines[next++].base = i;
		if (i - line->base < HF_MATCH_LINE_TAGS) {
			line->tags[i - line->base] = hf_match_digest_tag(mixed);
		} else if (line->tags[0] != HF_MATCH_LINE_CROWDED) {
			memset(line->tags, 0, sizeof(line->tags));
			line->tags[0] = HF_MATCH_LINE_CROWDED;
		}
	}
	while (next <= part->lines_count)
		lines[next++].base = part->keys_count;
}

/* One band: keys by its value, with the next band's value beside each. */
static void write_band(const struct hf_match_file_part *part,
		       const struct hf_match_file_layout *layout, unsigned band,
		       uint32_t *places, uint8_t *map)
{
	const uint8_t *digests = map + layout->keys;
	uint32_t *offsets = (uint32_t *)(map + layout->bands[band].offsets);
	uint16_t *nexts = (uint16_t *)(map + layout->bands[band].nexts);
	uint32_t *keys = (uint32_t *)(map + layout->bands[band].keys);
	unsigned next = (band + 1) % HF_MATCH_PDQ_BANDS;
	uint32_t sum = 0;

	memset(places, 0, HF_MATCH_PDQ_BAND_VALUES * sizeof(*places));
	for (uint32_t i = 0; i < part->keys_count; i++)
		places[hf_match_pdq_band(digests + (size_t)32 * i, band)]++;
	for (unsigned v = 0; v < HF_MATCH_PDQ_BAND_VALUES; v++) {
		uint32_t count = places[v];

		offsets[v] = sum;
		places[v] = sum;
		sum += count;
	}
	offsets[HF_MATCH_PDQ_BAND_VALUES] = sum;
	for (uint32_t i = 0; i < part->keys_count; i++) {
		const uint8_t *digest = digests + (size_t)32 * i;
		uint32_t place = places[hf_match_pdq_band(digest, band)]++;

		nexts[place] = hf_match_pdq_band(digest, next);
		keys[place] = i;
	}
}

static enum hf_err write_bands(const struct hf_match_build *build,
			       const struct hf_match_file_part *part,
			       const struct hf_match_file_layout *layout,
			       uint8_t *map, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	uint32_t *places;

	if (part->has_bands == 0)
		return HF_OK;
	places = malloc(HF_MATCH_PDQ_BAND_VALUES * sizeof(*places));
	if (places == NULL)
		return hf_why(why, HF_E_NOMEM, "index: no memory to merge");
	for (unsigned b = 0; err == HF_OK && b < HF_MATCH_PDQ_BANDS; b++) {
		write_band(part, layout, b, places, map);
		err = ask(build, why);
	}
	free(places);
	return err;
}

void hf_match_build_seal(uint8_t *file, size_t file_bytes)
{
	struct hf_match_file_header *header =
		(struct hf_match_file_header *)file;

	hf_sha256(file + HF_MATCH_SEGMENT_HEADER_BYTES,
		  file_bytes - HF_MATCH_SEGMENT_HEADER_BYTES, header->rest_sum);
	hf_sha256(header, offsetof(struct hf_match_file_header, header_sum),
		  header->header_sum);
}

static enum hf_err write_parts(const struct hf_match_build *build,
			       struct hf_match_file_header *header,
			       const struct hf_match_file_layout *layouts,
			       struct hf_why *why)
{
	uint8_t *map = (uint8_t *)header;
	enum hf_err err = HF_OK;

	for (uint32_t i = 0; err == HF_OK && i < header->parts_count; i++) {
		const struct hf_match_file_part *part = &header->parts[i];
		struct hf_match_segment_part pointed;

		hf_match_format_point(part, &layouts[i], map, &pointed);
		err = write_keys(build, part->algorithm, &pointed, why);
		if (err != HF_OK)
			break;
		write_lines(&pointed);
		err = write_bands(build, part, &layouts[i], map, why);
	}
	if (err == HF_OK)
		hf_match_build_seal(map, header->file_bytes);
	return err;
}

/* A file of its full size, every block reserved: a full disk is an error
 * here, and not a signal while the map is written. */
static enum hf_err reserve_file(const char *path, uint64_t file_bytes,
				int *out_fd, uint8_t **out_map,
				struct hf_why *why)
{
	enum hf_err err;
	void *map;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	if (fd < 0)
		return hf_why_errno(why, "make '%s'", path);
	errno = posix_fallocate(fd, 0, (off_t)file_bytes);
	if (errno != 0) {
		err = hf_why_errno(why, "reserve %" PRIu64 " bytes for '%s'",
				   file_bytes, path);
		goto out_close;
	}
	map = mmap(NULL, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		err = hf_why_errno(why, "map '%s'", path);
		goto out_close;
	}
	*out_fd = fd;
	*out_map = map;
	return HF_OK;

out_close:
	close(fd);
	unlink(path);
	return err;
}

static enum hf_err plan(const struct hf_match_build *build,
			struct hf_match_file_header *out_header,
			struct hf_match_file_layout *out_layouts,
			struct hf_why *why)
{
	struct hf_match_file_header header = {
		.version = HF_MATCH_SEGMENT_VERSION,
		.order = HF_MATCH_SEGMENT_ORDER,
		.sequence = build->sequence,
	};
	uint64_t at = HF_MATCH_SEGMENT_HEADER_BYTES;

	memcpy(header.magic, HF_MATCH_SEGMENT_MAGIC, sizeof(header.magic));
	for (unsigned a = 0; a < HF_ALGORITHM_COUNT; a++) {
		struct hf_match_file_part *part =
			&header.parts[header.parts_count];
		enum hf_err err;

		if (build->runs_count[a] == 0)
			continue;
		err = count_part(build, a, part, why);
		if (err != HF_OK)
			return err;
		if (part->keys_count == 0) {
			*part = (struct hf_match_file_part){ 0 };
			continue;
		}
		hf_match_format_layout(part, at,
				       &out_layouts[header.parts_count]);
		at = out_layouts[header.parts_count].end;
		header.parts_count++;
	}
	header.file_bytes = at;
	*out_header = header;
	return HF_OK;
}

enum hf_err hf_match_build_segment(const struct hf_match_build *build,
				   struct hf_why *why)
{
	struct hf_match_file_layout layouts[HF_ALGORITHM_COUNT];
	struct hf_match_file_header header;
	char path[4096], made[sizeof(path) + 4];
	uint8_t *map = NULL;
	enum hf_err err;
	int fd = -1;

	err = hf_match_segment_path(path, sizeof(path), build->dir,
				    build->number, why);
	if (err == HF_OK)
		err = plan(build, &header, layouts, why);
	if (err != HF_OK)
		return err;
	snprintf(made, sizeof(made), "%s.new", path);
	err = reserve_file(made, header.file_bytes, &fd, &map, why);
	if (err != HF_OK)
		return err;
	memcpy(map, &header, sizeof(header));
	err = write_parts(build, (struct hf_match_file_header *)map, layouts,
			  why);
	munmap(map, header.file_bytes);
	if (err == HF_OK && fsync(fd) != 0)
		err = hf_why_errno(why, "sync '%s'", made);
	close(fd);
	if (err == HF_OK && rename(made, path) != 0)
		err = hf_why_errno(why, "rename '%s'", made);
	if (err != HF_OK)
		unlink(made);
	return err;
}
