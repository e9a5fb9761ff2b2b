#include <stdbool.h>
#include <string.h>

#include "bytes.h"
#include "sha256.h"

#include "recovery.h"

#define DATA_SYMBOLS  15 /* of a line */
#define LINE_SYMBOLS  (DATA_SYMBOLS + 1)
#define CHECK_BYTES   4
#define PAYLOAD_BYTES (1 + HF_SEED_BYTES + CHECK_BYTES)
#define SPARE_BITS    (HF_RECOVERY_LINES * DATA_SYMBOLS * 5 - PAYLOAD_BYTES * 8)
#define CHECK_CONTEXT "hashfed/recovery/v1"

_Static_assert(SPARE_BITS == 4, "SPEC 11.2");

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static uint8_t symbol_of(uint8_t c)
{
	const char *found;

	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	found = c != '\0' ? strchr(alphabet, c) : NULL;
	return found != NULL ? (uint8_t)(found - alphabet) : UINT8_MAX;
}

/* Times the generator in GF(32) with x^5 + x^2 + 1. */
static uint8_t times_x(uint8_t value)
{
	value = (uint8_t)(value << 1);
	return value & 32 ? value ^ 0x25 : value;
}

/* The sum of the line's number times x^16 and symbol i times x^(15 - i).  Each
 * place has a weight of its own, the check character's own 1 included, so that
 * two symbols that changed places show, and so does a line in another's. */
static uint8_t check_symbol(unsigned line_number,
			    const uint8_t symbols[static DATA_SYMBOLS])
{
	uint8_t sum = 0;

	sum = times_x((uint8_t)line_number);
	for (size_t i = 0; i < DATA_SYMBOLS; i++)
		sum = times_x(sum ^ symbols[i]);
	return sum;
}

static void payload_of(enum hf_key_role role, const uint8_t *seed,
		       uint8_t payload[static PAYLOAD_BYTES])
{
	uint8_t digest[HF_SHA256_BYTES];
	struct hf_sha256 hash;

	payload[0] = (uint8_t)role;
	memcpy(payload + 1, seed, HF_SEED_BYTES);
	hf_sha256_init(&hash);
	hf_sha256_update(&hash, CHECK_CONTEXT, sizeof(CHECK_CONTEXT));
	hf_sha256_update(&hash, payload, 1 + HF_SEED_BYTES);
	hf_sha256_final(&hash, digest);
	memcpy(payload + 1 + HF_SEED_BYTES, digest, CHECK_BYTES);
	hf_wipe(&hash, sizeof(hash));
	hf_wipe(digest, sizeof(digest));
}

static bool bit_of(const uint8_t *bytes, size_t bit)
{
	return bit < PAYLOAD_BYTES * 8 &&
	       (bytes[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

void hf_recovery_encode(enum hf_key_role role,
			const uint8_t seed[static HF_SEED_BYTES],
			char out_text[static HF_RECOVERY_TEXT_SIZE])
{
	uint8_t payload[PAYLOAD_BYTES], symbols[LINE_SYMBOLS];
	char *at = out_text;
	size_t bit = 0;

	payload_of(role, seed, payload);
	for (unsigned line = 1; line <= HF_RECOVERY_LINES; line++) {
		for (size_t i = 0; i < DATA_SYMBOLS; i++) {
			symbols[i] = 0;
			for (size_t j = 0; j < 5; j++)
				symbols[i] = (uint8_t)(symbols[i] << 1 |
						       bit_of(payload, bit++));
		}
		symbols[DATA_SYMBOLS] = check_symbol(line, symbols);
		*at++ = (char)('0' + line);
		*at++ = ':';
		for (size_t i = 0; i < LINE_SYMBOLS; i++) {
			if (i % 5 == 0)
				*at++ = ' ';
			*at++ = alphabet[symbols[i]];
		}
		*at++ = '\n';
	}
	*at = '\0';
	hf_wipe(payload, sizeof(payload));
	hf_wipe(symbols, sizeof(symbols));
}

static bool is_separator(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '-';
}

static struct hf_span without_number(unsigned line_number, struct hf_span line,
				     bool *out_is_other)
{
	const uint8_t *colon = line.len_bytes > 0
				       ? memchr(line.at, ':', line.len_bytes)
				       : NULL;
	uint8_t number = 0;

	*out_is_other = false;
	if (colon == NULL)
		return line;
	for (const uint8_t *at = line.at; at < colon; at++) {
		if (is_separator(*at))
			continue;
		if (number != 0)
			*out_is_other = true;
		number = *at;
	}
	if (number != (uint8_t)('0' + line_number))
		*out_is_other = true;
	return hf_span(colon + 1,
		       line.len_bytes - (size_t)(colon + 1 - line.at));
}

static enum hf_err parse_line(unsigned line_number, struct hf_span line,
			      uint8_t out_symbols[static LINE_SYMBOLS],
			      struct hf_why *why)
{
	size_t count = 0;
	bool is_other;

	line = without_number(line_number, line, &is_other);
	if (is_other)
		return hf_why(why, HF_E_MALFORMED,
			      "recovery line %u: has another line's number",
			      line_number);
	for (size_t i = 0; i < line.len_bytes; i++) {
		uint8_t symbol;

		if (is_separator(line.at[i]))
			continue;
		symbol = symbol_of(line.at[i]);
		if (symbol == UINT8_MAX)
			return hf_why(why, HF_E_MALFORMED,
				      "recovery line %u: character %zu cannot "
				      "be in it",
				      line_number, count + 1);
		if (count < LINE_SYMBOLS)
			out_symbols[count] = symbol;
		count++;
	}
	if (count != LINE_SYMBOLS)
		return hf_why(why, HF_E_MALFORMED,
			      "recovery line %u: has %zu characters, not %d",
			      line_number, count, LINE_SYMBOLS);
	if (check_symbol(line_number, out_symbols) != out_symbols[DATA_SYMBOLS])
		return hf_why(why, HF_E_MALFORMED,
			      "recovery line %u: a character is wrong",
			      line_number);
	return HF_OK;
}

enum hf_err hf_recovery_check_line(unsigned line_number, struct hf_span line,
				   struct hf_why *why)
{
	uint8_t symbols[LINE_SYMBOLS];
	enum hf_err err = parse_line(line_number, line, symbols, why);

	hf_wipe(symbols, sizeof(symbols));
	return err;
}

static bool is_blank(struct hf_span line)
{
	for (size_t i = 0; i < line.len_bytes; i++) {
		if (!is_separator(line.at[i]))
			return false;
	}
	return true;
}

/* All lines' data into payload and the spare bits behind it. */
static enum hf_err parse_lines(struct hf_span text,
			       uint8_t payload[static PAYLOAD_BYTES + 1],
			       struct hf_why *why)
{
	uint8_t symbols[LINE_SYMBOLS];
	unsigned line_number = 0;
	enum hf_err err = HF_OK;
	size_t bit = 0;

	memset(payload, 0, PAYLOAD_BYTES + 1);
	while (text.len_bytes > 0 && err == HF_OK) {
		const uint8_t *newline = memchr(text.at, '\n', text.len_bytes);
		size_t len_bytes = newline != NULL ? (size_t)(newline - text.at)
						   : text.len_bytes;
		struct hf_span line = hf_span(text.at, len_bytes);

		len_bytes += newline != NULL;
		text = hf_span(text.at + len_bytes, text.len_bytes - len_bytes);
		if (is_blank(line))
			continue;
		if (++line_number > HF_RECOVERY_LINES) {
			err = hf_why(why, HF_E_MALFORMED,
				     "recovery: more than %d lines",
				     HF_RECOVERY_LINES);
			break;
		}
		err = parse_line(line_number, line, symbols, why);
		for (size_t i = 0; i < DATA_SYMBOLS * 5 && err == HF_OK; i++) {
			if (symbols[i / 5] >> (4 - i % 5) & 1)
				payload[bit / 8] |= (uint8_t)(128 >> bit % 8);
			bit++;
		}
	}
	hf_wipe(symbols, sizeof(symbols));
	if (err == HF_OK && line_number < HF_RECOVERY_LINES)
		err = hf_why(why, HF_E_MALFORMED,
			     "recovery: line %u is missing", line_number + 1);
	return err;
}

enum hf_err hf_recovery_parse(struct hf_span text, enum hf_key_role *out_role,
			      uint8_t out_seed[static HF_SEED_BYTES],
			      struct hf_why *why)
{
	uint8_t payload[PAYLOAD_BYTES + 1], want[PAYLOAD_BYTES];
	enum hf_err err = parse_lines(text, payload, why);

	if (err != HF_OK)
		goto out_wipe;
	payload_of((enum hf_key_role)payload[0], payload + 1, want);
	if (payload[PAYLOAD_BYTES] != 0 ||
	    !hf_bytes_equal_secret(want, payload, PAYLOAD_BYTES)) {
		err = hf_why(why, HF_E_MALFORMED,
			     "recovery: each line holds together, but not all "
			     "four: several characters are wrong");
		goto out_wipe;
	}
	if (strcmp(hf_key_role_name((enum hf_key_role)payload[0]), "unknown") ==
	    0) {
		err = hf_why(why, HF_E_MALFORMED,
			     "recovery: for a kind of key unknown here");
		goto out_wipe;
	}
	*out_role = (enum hf_key_role)payload[0];
	memcpy(out_seed, payload + 1, HF_SEED_BYTES);

out_wipe:
	hf_wipe(payload, sizeof(payload));
	hf_wipe(want, sizeof(want));
	return err;
}
