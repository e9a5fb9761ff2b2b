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

/*
 * Merging: the smallest digest of all runs, with the live refs of every run
 * that has it.  Gone through twice, once to count and once to write, so that
 * the file is laid out before a byte of it is written.
 */
struct merge {
	const struct hf_match_build *build;
	const struct hf_match_run *runs;
	size_t runs_count;
	size_t digest_bytes;
	struct head {
		uint32_t key;          /* the next one */
		const uint8_t *digest; /* its digest, NULL behind the last */
		uint64_t prefix;       /* which begins with this */
	} * heads;                     /* owned: of each run */
	struct sourced {
		struct hf_match_ref ref;
		uint64_t sequence; /* of its run */
	} * refs;                  /* owned: of the key in hand */
	size_t refs_count;
	size_t refs_size;
	const uint8_t *digest;
	uint64_t steps;
};

/* Most digests differ in their first eight bytes, which are compared here as
 * one number. */
static void head_set(struct merge *merge, size_t i, uint32_t key)
{
	const struct hf_match_run *run = &merge->runs[i];
	struct head *head = &merge->heads[i];

	head->key = key;
	head->digest = NULL;
	if (key >= run->keys_count)
		return;
	head->digest = run->keys + key * merge->digest_bytes;
	head->prefix = hf_be64(head->digest);
}

static int compare_heads(const struct merge *merge, const struct head *a,
			 const struct head *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
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
		.digest_bytes = hf_algorithm_bytes(algorithm),
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
	merge->refs[merge->refs_count++] = (struct sourced){ *ref, sequence };
	return true;
}

static bool take_key(struct merge *merge, const struct hf_match_run *run,
		     uint32_t key)
{
	uint32_t begin = run->firsts[key], end = run->firsts[key + 1];

	for (uint32_t i = begin; i < end && i < run->refs_count; i++) {
		if (merge->build->is_live(merge->build->arg, run->sequence,
					  &run->refs[i]) &&
		    !append_ref(merge, &run->refs[i], run->sequence))
			return false;
	}
	return true;
}

/* By set, entry, and the newest first. */
static int compare_refs(const void *one, const void *other)
{
	const struct sourced *a = one, *b = other;

	if (a->ref.set != b->ref.set)
		return a->ref.set < b->ref.set ? -1 : 1;
	if (a->ref.entry != b->ref.entry)
		return a->ref.entry < b->ref.entry ? -1 : 1;
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

		if (last != NULL && last->set == ref->set &&
		    last->entry == ref->entry)
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
	uint64_t keys_count = 0, refs_count = 0;
	struct merge merge;
	bool is_end = false;
	enum hf_err err = merge_init(&merge, build, algorithm, why);

	while (err == HF_OK) {
		err = merge_next(&merge, &is_end, why);
		if (err != HF_OK || is_end)
			break;
		keys_count++;
		refs_count += merge.refs_count;
	}
	if (err == HF_OK && refs_count > UINT32_MAX)
		err = hf_why(why, HF_E_LIMIT,
			     "index: %" PRIu64 " %s hashes in one segment",
			     refs_count, hf_algorithm_word(algorithm));
	if (err == HF_OK)
		hf_match_format_part(algorithm, (uint32_t)keys_count,
				     (uint32_t)refs_count, out_part);
	merge_release(&merge);
	return err;
}

static enum hf_err write_keys(const struct hf_match_build *build,
			      const struct hf_match_file_part *part,
			      const struct hf_match_file_layout *layout,
			      uint8_t *map, struct hf_why *why)
{
	uint8_t *keys = map + layout->keys;
	uint32_t *firsts = (uint32_t *)(map + layout->firsts);
	struct hf_match_ref *refs = (struct hf_match_ref *)(map + layout->refs);
	uint32_t keys_count = 0, refs_count = 0;
	struct merge merge;
	bool is_end = false;
	enum hf_err err = merge_init(&merge, build, part->algorithm, why);

	while (err == HF_OK) {
		err = merge_next(&merge, &is_end, why);
		if (err != HF_OK || is_end)
			break;
		/* The same refs are live as when they were counted, or we
		 * would write past the end. */
		if (keys_count >= part->keys_count ||
		    merge.refs_count > part->refs_count - refs_count) {
			err = hf_why(why, HF_E_INTERNAL,
				     "index: a merge grew while it ran");
			break;
		}
		memcpy(keys + (size_t)keys_count * part->digest_bytes,
		       merge.digest, part->digest_bytes);
		firsts[keys_count++] = refs_count;
		for (size_t i = 0; i < merge.refs_count; i++)
			refs[refs_count++] = merge.refs[i].ref;
	}
	firsts[keys_count] = refs_count;
	merge_release(&merge);
	return err;
}

static void write_directory(const struct hf_match_file_part *part,
			    const struct hf_match_file_layout *layout,
			    uint8_t *map)
{
	const uint8_t *keys = map + layout->keys;
	uint32_t *directory = (uint32_t *)(map + layout->directory);
	uint64_t prefixes = (uint64_t)1 << part->directory_bits, next = 0;

	for (uint32_t i = 0; i < part->keys_count; i++) {
		uint32_t prefix = hf_match_digest_prefix(
			keys + (size_t)i * part->digest_bytes,
			part->directory_bits);

		while (next <= prefix)
			directory[next++] = i;
	}
	while (next <= prefixes)
		directory[next++] = part->keys_count;
}

static void write_filter(const struct hf_match_file_part *part,
			 const struct hf_match_file_layout *layout,
			 uint8_t *map)
{
	const uint8_t *keys = map + layout->keys;
	uint32_t *filter = (uint32_t *)(map + layout->filter);

	if (part->filter_blocks == 0)
		return;
	for (uint32_t i = 0; i < part->keys_count; i++) {
		uint64_t mixed = hf_match_digest_mix(
			keys + (size_t)i * part->digest_bytes,
			part->digest_bytes);
		uint32_t *block =
			filter +
			(size_t)8 * hf_match_filter_block(mixed,
							  part->filter_blocks);

		for (unsigned w = 0; w < 8; w++)
			block[w] |= hf_match_filter_bit(mixed, w);
	}
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

		err = write_keys(build, part, &layouts[i], map, why);
		if (err != HF_OK)
			break;
		write_directory(part, &layouts[i], map);
		write_filter(part, &layouts[i], map);
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
