#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#include "conf_value.h"

/* "ms, s, min or h" */
static void list_words(char *out, size_t size, const char *const *words)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; words[i] != NULL && used < size; i++) {
		const char *before = i == 0                 ? ""
				     : words[i + 1] == NULL ? " or "
							    : ", ";
		int len = snprintf(out + used, size - used, "%s%s", before,
				   words[i]);

		if (len < 0)
			return;
		used += (size_t)len;
	}
}

static enum hf_err needs_unit(const char *text,
			      const struct hf_conf_unit *units,
			      struct hf_why *why)
{
	const char *words[8] = { NULL };
	char list[96];
	size_t count = 0;

	for (; units->name != NULL && count < 7; units++) {
		if (units->name[0] != '\0')
			words[count++] = units->name;
	}
	list_words(list, sizeof(list), words);
	if (count == 0)
		return hf_why(why, HF_E_ARGUMENT, "'%.60s' is not a number",
			      text);
	return hf_why(why, HF_E_ARGUMENT, "'%.60s' needs a unit: %s", text,
		      list);
}

enum hf_err hf_conf_number(const char *text, const struct hf_conf_unit *units,
			   uint64_t least, uint64_t most, uint64_t *out_value,
			   struct hf_why *why)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t number;

	if (digits == 0 ||
	    hf_text_u64(hf_span(text, digits), UINT64_MAX, &number) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' is not a whole number%s", text,
			      units->name[0] != '\0' ? " with a unit" : "");
	for (const struct hf_conf_unit *unit = units; unit->name != NULL;
	     unit++) {
		if (strcmp(text + digits, unit->name) != 0)
			continue;
		if (number > UINT64_MAX / unit->factor ||
		    number * unit->factor < least ||
		    number * unit->factor > most)
			return hf_why(
				why, HF_E_ARGUMENT,
				"'%.60s' is outside %llu%s to %llu%s", text,
				(unsigned long long)(least / unit->factor),
				unit->name,
				(unsigned long long)(most / unit->factor),
				unit->name);
		*out_value = number * unit->factor;
		return HF_OK;
	}
	return needs_unit(text, units, why);
}

enum hf_err hf_conf_word(const char *text, const char *const *words,
			 uint64_t *out_index, struct hf_why *why)
{
	char list[128];

	for (size_t i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out_index = i;
			return HF_OK;
		}
	}
	list_words(list, sizeof(list), words);
	return hf_why(why, HF_E_ARGUMENT, "'%.60s' is not %s", text, list);
}

enum hf_err hf_conf_address(const char *text, struct hf_why *why)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (colon == NULL || colon == text ||
	    hf_text_u64(hf_span_of(colon + 1), 65535, &port) != HF_OK ||
	    (memchr(text, ':', (size_t)(colon - text)) != NULL &&
	     (text[0] != '[' || colon[-1] != ']')))
		return hf_why(why, HF_E_ARGUMENT,
			      "'%.60s' is not an address; write host:port, for "
			      "example 0.0.0.0:7443 or [::]:7443",
			      text);
	return HF_OK;
}

/* Levenshtein's distance of short words; 99 for long ones. */
static size_t distance(const char *a, const char *b)
{
	size_t row[40], a_len = strlen(a), b_len = strlen(b);

	if (a_len >= 40 || b_len >= 40)
		return 99;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

const char *hf_conf_nearest(const char *text, const char *const *names)
{
	const char *best = NULL;
	size_t least = 4;

	for (; *names != NULL; names++) {
		size_t now = distance(text, *names);

		if (now < least) {
			least = now;
			best = *names;
		}
	}
	return best;
}
