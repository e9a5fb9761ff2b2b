/*
 * inventory_rig.h -- rows to be put and compared, for test_inventory*.c.
 */
#ifndef HF_INVENTORY_RIG_H
#define HF_INVENTORY_RIG_H

#include "unit.h"

#include <string.h>

#include "inventory_row.h"

static uint8_t some_digests[HF_ROW_ALL_BYTES];
static uint8_t some_frames[HF_VPDQ_MAX_FRAMES * HF_PDQ_BYTES];

static inline struct hf_row a_row(const char *path)
{
	return (struct hf_row){ .path = path,
				.quality = 77,
				.stamp = 0xabcdef01,
				.digests = some_digests };
}

static inline struct hf_row a_film(const char *path, size_t frames_count)
{
	struct hf_row row = a_row(path);

	for (size_t i = 0; i < sizeof(some_frames); i++)
		some_frames[i] = (uint8_t)(i * 31 + i / HF_PDQ_BYTES);
	row.quality = HF_ROW_NO_PDQ;
	row.frames = some_frames;
	row.frames_count = (uint16_t)frames_count;
	return row;
}

static inline void same_row(const struct hf_row *one,
			    const struct hf_row *other)
{
	assert_string_equal(one->path, other->path);
	assert_int_equal(one->note, other->note);
	if (one->note == HF_ROW_GONE)
		return;
	assert_int_equal(one->quality, other->quality);
	assert_int_equal(one->stamp, other->stamp);
	assert_memory_equal(one->digests, other->digests,
			    hf_row_has_pdq(one) ? HF_ROW_ALL_BYTES
						: HF_ROW_EXACT_BYTES);
	assert_int_equal(one->frames_count, other->frames_count);
	if (one->frames_count > 0)
		assert_memory_equal(one->frames, other->frames,
				    one->frames_count * (size_t)HF_PDQ_BYTES);
}

#endif /* HF_INVENTORY_RIG_H */
