#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "bytes.h"
#include "file.h"
#include "sha256.h"
#include "text.h"

#include "scan_state.h"

#define FIRST_LINE     "hashfed-scan 1"
#define FILE_MAX_BYTES ((size_t)64 * 1024)
#define ROOTS_MAX      ((uint64_t)1000 * 1000)

/* The numbers of a state, in the order of their lines. */
static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
	{ "saved_ms", offsetof(struct hf_scan_state, saved_ms) },
	{ "files", offsetof(struct hf_scan_state, files) },
	{ "failed", offsetof(struct hf_scan_state, failed) },
	{ "ignore",
	  offsetof(struct hf_scan_state, verdicts[HF_VERDICT_IGNORE]) },
	{ "review",
	  offsetof(struct hf_scan_state, verdicts[HF_VERDICT_REVIEW]) },
	{ "block", offsetof(struct hf_scan_state, verdicts[HF_VERDICT_BLOCK]) },
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

enum hf_err hf_scan_state_key(char *const *roots, size_t roots_count,
			      unsigned how,
			      uint8_t out_key[static HF_HASH_BYTES],
			      struct hf_why *why)
{
	struct hf_sha256 hash;
	uint8_t byte = (uint8_t)how;

	hf_sha256_init(&hash);
	hf_sha256_update(&hash, FIRST_LINE, sizeof(FIRST_LINE));
	hf_sha256_update(&hash, &byte, 1);
	for (size_t i = 0; i < roots_count; i++) {
		char *real = realpath(roots[i], NULL);

		if (real == NULL)
			return hf_why_errno(why, "%s", roots[i]);
		hf_sha256_update(&hash, real, strlen(real) + 1);
		free(real);
	}
	hf_sha256_final(&hash, out_key);
	return HF_OK;
}

/* "name value": the value of the next line, which has to be name's. */
static bool take(struct hf_span *rest, const char *name,
		 struct hf_span *out_value)
{
	size_t len_bytes = strlen(name);
	struct hf_span line;

	if (!hf_text_line_take(rest, &line) || line.len_bytes <= len_bytes ||
	    memcmp(line.at, name, len_bytes) != 0 || line.at[len_bytes] != ' ')
		return false;
	*out_value = hf_span(line.at + len_bytes + 1,
			     line.len_bytes - len_bytes - 1);
	return true;
}

static bool take_number(struct hf_span *rest, const char *name, uint64_t most,
			uint64_t *out_number)
{
	struct hf_span value;

	return take(rest, name, &value) &&
	       hf_text_u64(value, most, out_number) == HF_OK;
}

/* Paths are any bytes: hex, behind an 'x' so that an empty one is a word. */
static bool take_place(struct hf_span *rest, struct hf_scan_place *place)
{
	struct hf_span value;
	uint64_t root;
	size_t len_bytes;

	if (!take_number(rest, "root", ROOTS_MAX, &root) ||
	    !take(rest, "path", &value) || value.at[0] != 'x')
		return false;
	len_bytes = (value.len_bytes - 1) / 2;
	if (len_bytes >= sizeof(place->path) ||
	    hf_hex_parse(hf_span(value.at + 1, value.len_bytes - 1),
			 (uint8_t *)place->path, len_bytes) != HF_OK ||
	    memchr(place->path, 0, len_bytes) != NULL)
		return false;
	place->path[len_bytes] = '\0';
	place->root = (size_t)root;
	return true;
}

static bool parse(struct hf_span text, struct hf_scan_state *out)
{
	struct hf_span line, value;

	if (!hf_text_line_take(&text, &line) || !hf_span_is(line, FIRST_LINE) ||
	    !take(&text, "key", &value) ||
	    hf_hex_parse(value, out->key, sizeof(out->key)) != HF_OK ||
	    !take_place(&text, &out->place))
		return false;
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t *at = (uint64_t *)(void *)((uint8_t *)out +
						    numbers[i].offset);

		if (!take_number(&text, numbers[i].name, INT64_MAX, at))
			return false;
	}
	out->has_place = true;
	return text.len_bytes == 0;
}

enum hf_err hf_scan_state_load(const char *path,
			       const uint8_t key[static HF_HASH_BYTES],
			       struct hf_scan_state *out_state,
			       struct hf_why *why)
{
	struct hf_scan_state *state = calloc(1, sizeof(*state));
	struct hf_buf buf;
	enum hf_err err;

	if (state == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	hf_buf_init(&buf, FILE_MAX_BYTES);
	err = hf_file_read(path, &buf, why);
	if (err == HF_OK && !parse(hf_buf_span(&buf), state))
		err = hf_why(why, HF_E_MALFORMED,
			     "%s: not the state of a scan: name another file, "
			     "or start over with --fresh",
			     path);
	else if (err == HF_OK && memcmp(state->key, key, HF_HASH_BYTES) != 0)
		err = hf_why(why, HF_E_MALFORMED,
			     "%s: the state of another scan: name another "
			     "file, or start over with --fresh",
			     path);
	if (err == HF_OK)
		*out_state = *state;
	hf_buf_release(&buf);
	free(state);
	return err;
}

enum hf_err hf_scan_state_save(const char *path,
			       const struct hf_scan_state *state,
			       struct hf_why *why)
{
	char key[2 * HF_HASH_BYTES + 1], *hex;
	size_t len_bytes = strlen(state->place.path);
	struct hf_buf buf;
	enum hf_err err;

	hex = malloc(2 * len_bytes + 1);
	if (hex == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	hf_hex(state->key, sizeof(state->key), key);
	hf_hex(state->place.path, len_bytes, hex);
	hf_buf_init(&buf, FILE_MAX_BYTES);
	hf_buf_printf(&buf, FIRST_LINE "\nkey %s\nroot %zu\n", key,
		      state->place.root);
	hf_buf_put_text(&buf, "path x");
	hf_buf_put_text(&buf, hex);
	hf_buf_put_text(&buf, "\n");
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t number;

		memcpy(&number, (const uint8_t *)state + numbers[i].offset,
		       sizeof(number));
		hf_buf_printf(&buf, "%s %llu\n", numbers[i].name,
			      (unsigned long long)number);
	}
	free(hex);
	err = hf_buf_failed(&buf);
	if (err != HF_OK)
		err = hf_why(why, err, "no memory");
	else
		err = hf_file_replace(path, hf_buf_span(&buf), 0600, why);
	hf_buf_release(&buf);
	return err;
}
