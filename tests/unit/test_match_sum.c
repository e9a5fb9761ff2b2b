/*
 * The checksum of segment files: what RFC 3720 says it is, however it is
 * worked out and into however many pieces its input falls.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "match_sum.h"

static void the_sums_of_the_rfc(void **state)
{
	uint8_t bytes[32];

	assert_int_equal(hf_match_sum(0, "", 0), 0);
	assert_int_equal(hf_match_sum(0, "123456789", 9), 0xe3069283u);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(hf_match_sum(0, bytes, 32), 0x8a9136aau);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(hf_match_sum(0, bytes, 32), 0x62a8ab43u);
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(hf_match_sum(0, bytes, 32), 0x46dd794eu);
	assert_int_equal(hf_match_sum_portable(0, bytes, 32), 0x46dd794eu);
}

static void both_ways_and_all_pieces_give_one_sum(void **state)
{
	uint8_t bytes[257];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 151 + i / 7);
	for (size_t from = 0; from < 9; from++) {
		for (size_t len = 0; len <= sizeof(bytes) - from; len++) {
			const uint8_t *at = bytes + from;
			uint32_t sum = hf_match_sum_portable(0, at, len);
			size_t half = len / 3;

			assert_int_equal(hf_match_sum(0, at, len), sum);
			assert_int_equal(hf_match_sum(hf_match_sum(0, at, half),
						      at + half, len - half),
					 sum);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sums_of_the_rfc),
		cmocka_unit_test(both_ways_and_all_pieces_give_one_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
