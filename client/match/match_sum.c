#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "match_sum.h"

/* Four bits at a time. */
static const uint32_t nibbles[16] = {
	0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u,
	0x417b1dbcu, 0x5125dad3u, 0x61c69362u, 0x7198540du,
	0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
	0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
};

uint32_t hf_match_sum_portable(uint32_t sum, const void *bytes,
			       size_t len_bytes)
{
	const uint8_t *at = bytes;

	sum = ~sum;
	for (size_t i = 0; i < len_bytes; i++) {
		sum ^= at[i];
		sum = sum >> 4 ^ nibbles[sum & 15];
		sum = sum >> 4 ^ nibbles[sum & 15];
	}
	return ~sum;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t
sum_sse42(uint32_t sum, const uint8_t *at, size_t len_bytes)
{
	uint64_t state = (uint32_t)~sum;

	for (; len_bytes >= 8; at += 8, len_bytes -= 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		state = _mm_crc32_u64(state, word);
	}
	for (; len_bytes > 0; at++, len_bytes--)
		state = _mm_crc32_u8((uint32_t)state, *at);
	return ~(uint32_t)state;
}

uint32_t hf_match_sum(uint32_t sum, const void *bytes, size_t len_bytes)
{
	return __builtin_cpu_supports("sse4.2")
		       ? sum_sse42(sum, bytes, len_bytes)
		       : hf_match_sum_portable(sum, bytes, len_bytes);
}

#else

uint32_t hf_match_sum(uint32_t sum, const void *bytes, size_t len_bytes)
{
	return hf_match_sum_portable(sum, bytes, len_bytes);
}

#endif
