#include "limit.h"
#include "sha256.h"

#include "match_kernel.h"
#include "match_sum.h"

#include "match_format.h"

_Static_assert(sizeof(struct hf_match_file_part) == 32, "part as in FORMAT.md");
_Static_assert(sizeof(struct hf_match_file_header) == 616,
	       "header as in FORMAT.md");
_Static_assert(sizeof(struct hf_match_ref) == 16, "ref as in FORMAT.md");
_Static_assert(sizeof(struct hf_match_line) == 64, "line as in FORMAT.md");

void hf_match_format_part(unsigned algorithm, uint32_t keys_count,
			  struct hf_match_file_part *out_part)
{
	*out_part = (struct hf_match_file_part){
		.algorithm = algorithm,
		.digest_bytes = (uint32_t)hf_match_key_bytes(algorithm),
		.keys_count = keys_count,
		.lines_count = keys_count / HF_MATCH_LINE_KEYS + 1,
		.has_bands = hf_match_is_near(algorithm) &&
			     keys_count >= HF_MATCH_SEGMENT_BANDS_MIN,
	};
}

/* Near searches read one digest behind the other; who looks up exactly wants
 * the ref in the line that has the key. */
bool hf_match_format_is_apart(const struct hf_match_file_part *part)
{
	return hf_match_is_near(part->algorithm);
}

/* Where the next section begins; every one has slack behind it for kernels
 * that read a block at a time. */
static uint64_t take(uint64_t *at, uint64_t len_bytes)
{
	uint64_t begin = *at;

	*at += len_bytes + HF_MATCH_KERNEL_SLACK_BYTES;
	*at = (*at + HF_MATCH_SEGMENT_ALIGN - 1) &
	      ~(uint64_t)(HF_MATCH_SEGMENT_ALIGN - 1);
	return begin;
}

void hf_match_format_layout(const struct hf_match_file_part *part, uint64_t at,
			    struct hf_match_file_layout *out_layout)
{
	struct hf_match_file_layout layout = { 0 };
	uint64_t keys = part->keys_count;
	const uint64_t ref_bytes = sizeof(struct hf_match_ref);

	if (hf_match_format_is_apart(part)) {
		layout.keys = take(&at, keys * part->digest_bytes);
		layout.beside = take(&at, keys * ref_bytes);
	} else {
		layout.keys =
			take(&at, keys * (part->digest_bytes + ref_bytes));
		layout.beside = layout.keys + part->digest_bytes;
	}
	layout.refs = take(&at, part->refs_count * ref_bytes);
	layout.lines = take(&at, ((uint64_t)part->lines_count + 1) *
					 sizeof(struct hf_match_line));
	if (part->has_bands != 0)
		layout.ring = take(&at, HF_MATCH_PDQ_BANDS);
	for (unsigned b = 0; part->has_bands != 0 && b < HF_MATCH_PDQ_BANDS;
	     b++) {
		layout.bands[b].offsets =
			take(&at, ((uint64_t)HF_MATCH_PDQ_BAND_VALUES + 1) * 4);
		layout.bands[b].nexts = take(&at, keys * 2);
		layout.bands[b].keys = take(&at, keys * 4);
	}
	layout.end = at;
	*out_layout = layout;
}

unsigned
hf_match_format_sections(const struct hf_match_file_part *part,
			 const struct hf_match_file_layout *layout,
			 uint64_t out_begins[HF_MATCH_SECTIONS_MAX + 1])
{
	unsigned count = 0;

	out_begins[count++] = layout->keys;
	if (hf_match_format_is_apart(part))
		out_begins[count++] = layout->beside;
	out_begins[count++] = layout->refs;
	out_begins[count++] = layout->lines;
	if (part->has_bands != 0)
		out_begins[count++] = layout->ring;
	for (unsigned b = 0; part->has_bands != 0 && b < HF_MATCH_PDQ_BANDS;
	     b++) {
		out_begins[count++] = layout->bands[b].offsets;
		out_begins[count++] = layout->bands[b].nexts;
		out_begins[count++] = layout->bands[b].keys;
	}
	out_begins[count] = layout->end;
	return count;
}

void hf_match_format_sum(const uint8_t *file, uint64_t file_bytes,
			 uint8_t out_sum[static 32])
{
	const struct hf_match_file_header *header =
		(const struct hf_match_file_header *)file;
	uint64_t at = HF_MATCH_SEGMENT_HEADER_BYTES;
	struct hf_sha256 hash;

	hf_sha256_init(&hash);
	for (uint32_t i = 0; i < header->parts_count; i++) {
		const struct hf_match_file_part *part = &header->parts[i];
		uint64_t begins[HF_MATCH_SECTIONS_MAX + 1];
		struct hf_match_file_layout layout;
		unsigned count;

		/* The layout of other parts could not even be worked out. */
		if (i == HF_MATCH_SEGMENT_PARTS_MAX ||
		    part->digest_bytes > HF_DIGEST_MAX_BYTES)
			break;
		hf_match_format_layout(part, at, &layout);
		if (layout.end > file_bytes)
			break;
		at = layout.end;
		count = hf_match_format_sections(part, &layout, begins);
		for (unsigned s = 0; s < count; s++) {
			uint32_t sum = hf_match_sum(0, file + begins[s],
						    begins[s + 1] - begins[s]);

			hf_sha256_update(&hash, &sum, sizeof(sum));
		}
	}
	hf_sha256_final(&hash, out_sum);
}

void hf_match_format_point(const struct hf_match_file_part *part,
			   const struct hf_match_file_layout *layout,
			   const uint8_t *map,
			   struct hf_match_segment_part *out_part)
{
	const size_t ref_bytes = sizeof(struct hf_match_ref);
	struct hf_match_segment_part pointed = {
		.digest_bytes = part->digest_bytes,
		.keys_count = part->keys_count,
		.refs_count = part->refs_count,
		.hashes_count = part->hashes_count,
		.lines_count = part->lines_count,
		.key_stride_bytes =
			part->digest_bytes +
			(hf_match_format_is_apart(part) ? 0 : ref_bytes),
		.beside_stride_bytes =
			ref_bytes + (hf_match_format_is_apart(part)
					     ? 0
					     : part->digest_bytes),
		.keys = map + layout->keys,
		.beside = map + layout->beside,
		.refs = (const struct hf_match_ref *)(map + layout->refs),
		.lines = (const struct hf_match_line *)(map + layout->lines),
		.has_bands = part->has_bands != 0,
	};

	for (unsigned b = 0; pointed.has_bands && b < HF_MATCH_PDQ_BANDS; b++) {
		pointed.bands[b] = (struct hf_match_segment_band){
			.next = map[layout->ring + b],
			.offsets = (const uint32_t *)(map +
						      layout->bands[b].offsets),
			.nexts = (const uint16_t *)(map +
						    layout->bands[b].nexts),
			.keys = (const uint32_t *)(map + layout->bands[b].keys),
		};
	}
	*out_part = pointed;
}
