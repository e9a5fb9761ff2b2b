#include "match_kernel.h"

#include "match_format.h"

_Static_assert(sizeof(struct hf_match_file_part) == 32, "part as in FORMAT.md");
_Static_assert(sizeof(struct hf_match_file_header) == 616,
	       "header as in FORMAT.md");
_Static_assert(sizeof(struct hf_match_ref) == 16, "ref as in FORMAT.md");

/* The largest power of two that is no more than number, as an exponent. */
static unsigned log2_of(uint32_t number)
{
	return number == 0 ? 0 : 31u - (unsigned)__builtin_clz(number);
}

void hf_match_format_part(unsigned algorithm, uint32_t keys_count,
			  uint32_t refs_count,
			  struct hf_match_file_part *out_part)
{
	struct hf_match_file_part part = {
		.algorithm = algorithm,
		.digest_bytes = (uint32_t)hf_algorithm_bytes(algorithm),
		.keys_count = keys_count,
		.refs_count = refs_count,
	};
	unsigned bits = log2_of(keys_count);

	if (algorithm == HF_ALGORITHM_PDQ) {
		/* Looked up exactly by few: eight keys to a directory entry,
		 * and no filter. */
		part.directory_bits = bits > 3 ? bits - 3 : 0;
		part.has_bands = keys_count >= HF_MATCH_SEGMENT_BANDS_MIN;
	} else {
		/* Two to four keys to an entry, twelve bits of filter a key:
		 * of unknown digests one in 200 passes it. */
		part.directory_bits = bits > 1 ? bits - 1 : 0;
		part.filter_blocks =
			(uint32_t)(((uint64_t)keys_count * 12 + 255) / 256);
	}
	if (part.directory_bits > HF_MATCH_DIRECTORY_BITS_MAX)
		part.directory_bits = HF_MATCH_DIRECTORY_BITS_MAX;
	*out_part = part;
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

	layout.keys = take(&at, keys * part->digest_bytes);
	layout.firsts = take(&at, (keys + 1) * 4);
	layout.refs = take(&at, (uint64_t)part->refs_count *
					sizeof(struct hf_match_ref));
	layout.directory =
		take(&at, (((uint64_t)1 << part->directory_bits) + 1) * 4);
	layout.filter = take(&at, (uint64_t)part->filter_blocks * 32);
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

void hf_match_format_point(const struct hf_match_file_part *part,
			   const struct hf_match_file_layout *layout,
			   const uint8_t *map,
			   struct hf_match_segment_part *out_part)
{
	struct hf_match_segment_part pointed = {
		.digest_bytes = part->digest_bytes,
		.keys_count = part->keys_count,
		.refs_count = part->refs_count,
		.directory_bits = part->directory_bits,
		.filter_blocks = part->filter_blocks,
		.keys = map + layout->keys,
		.firsts = (const uint32_t *)(map + layout->firsts),
		.refs = (const struct hf_match_ref *)(map + layout->refs),
		.directory = (const uint32_t *)(map + layout->directory),
		.filter = (const uint32_t *)(map + layout->filter),
		.has_bands = part->has_bands != 0,
	};

	for (unsigned b = 0; pointed.has_bands && b < HF_MATCH_PDQ_BANDS; b++) {
		pointed.bands[b] = (struct hf_match_segment_band){
			.offsets = (const uint32_t *)(map +
						      layout->bands[b].offsets),
			.nexts = (const uint16_t *)(map +
						    layout->bands[b].nexts),
			.keys = (const uint32_t *)(map + layout->bands[b].keys),
		};
	}
	*out_part = pointed;
}
