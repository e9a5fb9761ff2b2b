#include <string.h>

#include "bytes.h"

#include "retro_frame.h"

/* Against what a disk does, not against anybody: four sums side by side, as
 * one would wait for itself. */
static uint64_t checksum(struct hf_span bytes)
{
	uint64_t sums[4] = { 1, 2, 3, bytes.len_bytes };
	uint64_t words[4] = { 0 };
	size_t at = 0;

	for (; bytes.len_bytes - at >= sizeof(words); at += sizeof(words)) {
		memcpy(words, bytes.at + at, sizeof(words));
		for (int i = 0; i < 4; i++) {
			sums[i] = (sums[i] ^ words[i]) * 0x9e3779b97f4a7c15u;
			sums[i] ^= sums[i] >> 29;
		}
	}
	memset(words, 0, sizeof(words));
	if (bytes.len_bytes > at)
		memcpy(words, bytes.at + at, bytes.len_bytes - at);
	for (int i = 0; i < 4; i++) {
		sums[0] = (sums[0] ^ sums[i] ^ words[i]) * 0xc2b2ae3d27d4eb4fu;
		sums[0] ^= sums[0] >> 31;
	}
	return sums[0];
}

bool hf_retro_frame_read(struct hf_span bytes, struct hf_retro_frame *out)
{
	if (bytes.len_bytes <= HF_RETRO_FRAME_HEAD_BYTES ||
	    bytes.len_bytes >
		    HF_RETRO_FRAME_HEAD_BYTES + HF_RETRO_FRAME_MAX_BYTES)
		return false;
	out->made_ms = hf_be64(bytes.at);
	out->items_count = hf_be32(bytes.at + 8);
	out->items = hf_span(bytes.at + HF_RETRO_FRAME_HEAD_BYTES,
			     bytes.len_bytes - HF_RETRO_FRAME_HEAD_BYTES);
	return true;
}

bool hf_retro_frame_is_whole(struct hf_span bytes,
			     const struct hf_retro_frame *frame)
{
	return hf_be64(bytes.at + 12) == checksum(frame->items);
}

void hf_retro_frame_head(uint8_t out[static HF_RETRO_FRAME_HEAD_BYTES],
			 uint64_t made_ms, uint32_t count, struct hf_span items)
{
	hf_be64_put(out, made_ms);
	hf_be32_put(out + 8, count);
	hf_be64_put(out + 12, checksum(items));
}
