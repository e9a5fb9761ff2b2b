#include "limit.h"
#include "codec_words.h"

struct row {
	unsigned number;
	const char *word;
};

static const char *word_of(const struct row *rows, size_t count,
			   unsigned number)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].number == number)
			return rows[i].word;
	}
	return "unknown";
}

static unsigned number_of(const struct row *rows, size_t count,
			  struct hf_span word)
{
	for (size_t i = 0; i < count; i++) {
		if (hf_span_is(word, rows[i].word))
			return rows[i].number;
	}
	return 0;
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* clang-format off */
#define ROW(name, number, word)   { (number), (word) },
#define AFTER(name, number, word) ", " word

#define DEFINE(type, table)                                                   \
	static const struct row type##_rows[] = { table(ROW) };               \
                                                                              \
	const char *hf_##type##_word(unsigned value)                          \
	{                                                                     \
		return word_of(type##_rows, COUNT(type##_rows), value);       \
	}                                                                     \
                                                                              \
	unsigned hf_##type##_parse(struct hf_span word)                       \
	{                                                                     \
		return number_of(type##_rows, COUNT(type##_rows), word);      \
	}                                                                     \
                                                                              \
	const char *hf_##type##_words(void)                                   \
	{                                                                     \
		static const char words[] = table(AFTER);                     \
                                                                              \
		return words + 2; /* behind the first ", " */                 \
	}

HF_WORDS_TABLE(DEFINE)
/* clang-format on */

bool hf_algorithm_takes(unsigned algorithm, size_t len_bytes)
{
	if (algorithm == HF_ALGORITHM_VPDQ)
		return len_bytes > 0 && len_bytes % HF_PDQ_BYTES == 0 &&
		       len_bytes / HF_PDQ_BYTES <= HF_VPDQ_MAX_FRAMES;
	return len_bytes > 0 && len_bytes == hf_algorithm_bytes(algorithm);
}
