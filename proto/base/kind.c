#include "kind.h"

/* Rows by number; the first, and any that a list skips, stay empty. */
static const char *const algorithms[HF_ALGORITHM_COUNT] = {
#define HF_WORD(name, number, bytes, word) [number] = (word),
	HF_ALGORITHM_TABLE(HF_WORD)
#undef HF_WORD
};

#define HF_WORD(name, number, word) [number] = (word),
static const char *const classes[HF_CLASS_COUNT] = { HF_CLASS_TABLE(HF_WORD) };
static const char *const verdicts[HF_VERDICT_COUNT] = { HF_VERDICT_TABLE(
	HF_WORD) };
static const char *const freshnesses[HF_FRESHNESS_COUNT] = { HF_FRESHNESS_TABLE(
	HF_WORD) };
#undef HF_WORD

static const char *word_of(const char *const *words, unsigned count,
			   unsigned number)
{
	return number < count && words[number] != NULL ? words[number]
						       : "unknown";
}

static unsigned number_of(const char *const *words, unsigned count,
			  struct hf_span word)
{
	for (unsigned i = 1; i < count; i++) {
		if (words[i] != NULL && hf_span_is(word, words[i]))
			return i;
	}
	return 0;
}

const char *hf_algorithm_word(unsigned algorithm)
{
	return word_of(algorithms, HF_ALGORITHM_COUNT, algorithm);
}

const char *hf_class_word(unsigned content_class)
{
	return word_of(classes, HF_CLASS_COUNT, content_class);
}

const char *hf_verdict_word(unsigned verdict)
{
	return word_of(verdicts, HF_VERDICT_COUNT, verdict);
}

const char *hf_freshness_word(unsigned freshness)
{
	return word_of(freshnesses, HF_FRESHNESS_COUNT, freshness);
}

unsigned hf_algorithm_parse(struct hf_span word)
{
	return number_of(algorithms, HF_ALGORITHM_COUNT, word);
}

unsigned hf_class_parse(struct hf_span word)
{
	return number_of(classes, HF_CLASS_COUNT, word);
}

unsigned hf_verdict_parse(struct hf_span word)
{
	return number_of(verdicts, HF_VERDICT_COUNT, word);
}

unsigned hf_freshness_parse(struct hf_span word)
{
	return number_of(freshnesses, HF_FRESHNESS_COUNT, word);
}
