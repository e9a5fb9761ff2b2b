/*
 * codec_twice.h -- what every parser of messages must hold to: what parses
 * encodes, and parses again to what encodes to the same bytes.
 *
 * LIMIT is no failure: a list of one number is a byte longer packed than not,
 * which can pass a limit that the input just kept.
 */
#ifndef HF_CODEC_TWICE_H
#define HF_CODEC_TWICE_H

#include <stdlib.h>

#include "codec.h"

#define HF_CODEC_TWICE(name)                                                   \
	static void name##_twice(struct hf_span wire)                          \
	{                                                                      \
		struct hf_##name one, two;                                     \
		struct hf_arena arena;                                         \
		struct hf_buf first, second;                                   \
		enum hf_err err;                                               \
                                                                               \
		hf_arena_init(&arena, 2 * HF_UNPACK_MAX_BYTES);                \
		hf_buf_init(&first, HF_MESSAGE_MAX_BYTES);                     \
		hf_buf_init(&second, HF_MESSAGE_MAX_BYTES);                    \
		if (hf_##name##_parse(wire, &arena, &one, NULL) != HF_OK)      \
			goto out;                                              \
		err = hf_##name##_encode(&one, &first);                        \
		if (err == HF_E_LIMIT)                                         \
			goto out;                                              \
		if (err != HF_OK ||                                            \
		    hf_##name##_parse(hf_buf_span(&first), &arena, &two,       \
				      NULL) != HF_OK ||                        \
		    hf_##name##_encode(&two, &second) != HF_OK ||              \
		    !hf_span_equal(hf_buf_span(&first), hf_buf_span(&second))) \
			abort();                                               \
out:                                                                           \
		hf_buf_release(&first);                                        \
		hf_buf_release(&second);                                       \
		hf_arena_release(&arena);                                      \
	}

#endif /* HF_CODEC_TWICE_H */
