#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "codec_words.h"
#include "kind.h"
#include "text.h"

#include "match_line.h"

void hf_match_line_release(struct hf_match_line *line)
{
	json_decref(line->id);
	free(line->path);
	for (size_t i = 0; i < line->hashes_count; i++)
		free(line->hashes[i].digest);
	free(line->hashes);
	*line = (struct hf_match_line){ 0 };
}

static enum hf_err take_path(struct hf_span path, struct hf_match_line *out,
			     struct hf_why *why)
{
	if (path.len_bytes == 0)
		return hf_why(why, HF_E_MALFORMED, "an empty path");
	if (memchr(path.at, 0, path.len_bytes) != NULL)
		return hf_why(why, HF_E_MALFORMED, "a path with a zero byte");
	if (path.len_bytes > HF_MATCH_PATH_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT, "a path of more than %d bytes",
			      HF_MATCH_PATH_MAX_BYTES);
	out->path = strndup((const char *)path.at, path.len_bytes);
	return out->path != NULL ? HF_OK : hf_why(why, HF_E_NOMEM, "no memory");
}

/* What comes before the next colon, and *rest behind it. */
static struct hf_span take_part(struct hf_span *rest)
{
	const uint8_t *colon = memchr(rest->at, ':', rest->len_bytes);
	size_t len_bytes =
		colon != NULL ? (size_t)(colon - rest->at) : rest->len_bytes;
	size_t passed_bytes = len_bytes + (colon != NULL);
	struct hf_span part = hf_span(rest->at, len_bytes);

	*rest = hf_span(rest->at + passed_bytes,
			rest->len_bytes - passed_bytes);
	return part;
}

static enum hf_err take_digits(struct hf_span digits, struct hf_match_hash *out,
			       struct hf_why *why)
{
	const char *word = hf_algorithm_word(out->algorithm);
	size_t len_bytes = digits.len_bytes / 2;
	bool is_right = digits.len_bytes % 2 == 0 &&
			hf_algorithm_takes(out->algorithm, len_bytes);

	if (is_right) {
		out->digest = malloc(len_bytes);
		if (out->digest == NULL)
			return hf_why(why, HF_E_NOMEM, "no memory");
		out->len_bytes = len_bytes;
		is_right =
			hf_hex_parse(digits, out->digest, len_bytes) == HF_OK;
	}
	if (!is_right && out->algorithm == HF_ALGORITHM_VPDQ)
		return hf_why(why, HF_E_MALFORMED,
			      "%s: give 1 to %d frames of %d hex digits", word,
			      HF_VPDQ_MAX_FRAMES, 2 * HF_PDQ_BYTES);
	if (!is_right)
		return hf_why(why, HF_E_MALFORMED, "%s: give %zu hex digits",
			      word, 2 * hf_algorithm_bytes(out->algorithm));
	return HF_OK;
}

/* "algorithm:HEX", and for PDQ ":quality". */
static enum hf_err take_hash(const json_t *value, struct hf_match_hash *out,
			     struct hf_why *why)
{
	struct hf_span rest, digits;
	uint64_t quality = HF_QUALITY_MAX;
	enum hf_err err;

	if (!json_is_string(value))
		return hf_why(why, HF_E_MALFORMED, "a hash that is no text");
	rest = hf_span(json_string_value(value), json_string_length(value));
	out->algorithm = hf_algorithm_parse(take_part(&rest));
	if (out->algorithm == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "a hash is \"algorithm:HEX\", with one of md5, "
			      "sha1, sha256, pdq, photodna, vpdq");
	digits = take_part(&rest);
	err = take_digits(digits, out, why);
	if (err != HF_OK)
		return err;
	if (rest.len_bytes > 0 &&
	    (out->algorithm != HF_ALGORITHM_PDQ ||
	     hf_text_u64(rest, HF_QUALITY_MAX, &quality) != HF_OK))
		return hf_why(why, HF_E_MALFORMED,
			      "%s: behind the digits only PDQ has a quality, 0 "
			      "to %d",
			      hf_algorithm_word(out->algorithm),
			      HF_QUALITY_MAX);
	out->quality = (unsigned)quality;
	return HF_OK;
}

static enum hf_err take_hashes(const json_t *list, struct hf_match_line *out,
			       struct hf_why *why)
{
	size_t count = json_array_size(list);

	if (count == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "\"hashes\" is a list of at least one hash");
	if (count > HF_ITEM_MAX_HASHES)
		return hf_why(why, HF_E_LIMIT, "more than %d hashes",
			      HF_ITEM_MAX_HASHES);
	out->hashes = calloc(count, sizeof(*out->hashes));
	if (out->hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	out->hashes_count = count;
	for (size_t i = 0; i < count; i++) {
		struct hf_match_hash *hash = &out->hashes[i];
		enum hf_err err = take_hash(json_array_get(list, i), hash, why);

		if (err != HF_OK)
			return err;
		out->lookups_count += hash->algorithm == HF_ALGORITHM_VPDQ
					      ? hash->len_bytes / HF_PDQ_BYTES
					      : 1;
	}
	return HF_OK;
}

static enum hf_err take_id(json_t *id, struct hf_match_line *out,
			   struct hf_why *why)
{
	if (id == NULL || json_is_null(id))
		return HF_OK;
	if (json_is_string(id) &&
	    json_string_length(id) > HF_MATCH_ID_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT, "an id of more than %d bytes",
			      HF_MATCH_ID_MAX_BYTES);
	if (!json_is_string(id) && !json_is_integer(id))
		return hf_why(why, HF_E_MALFORMED,
			      "\"id\" is text or a whole number");
	out->id = json_incref(id);
	return HF_OK;
}

static enum hf_err take_object(json_t *object, struct hf_match_line *out,
			       struct hf_why *why)
{
	json_t *path = json_object_get(object, "path");
	json_t *hashes = json_object_get(object, "hashes");
	enum hf_err err = take_id(json_object_get(object, "id"), out, why);
	const char *name;
	json_t *value;

	if (err != HF_OK)
		return err;
	json_object_foreach(object, name, value)
	{
		if (value != path && value != hashes && strcmp(name, "id") != 0)
			return hf_why(why, HF_E_MALFORMED,
				      "members are \"id\", and \"path\" or "
				      "\"hashes\"");
	}
	if ((path == NULL) == (hashes == NULL))
		return hf_why(why, HF_E_MALFORMED,
			      "give \"path\" or \"hashes\", one of them");
	if (hashes != NULL)
		return take_hashes(hashes, out, why);
	if (!json_is_string(path))
		return hf_why(why, HF_E_MALFORMED, "\"path\" is no text");
	return take_path(
		hf_span(json_string_value(path), json_string_length(path)), out,
		why);
}

enum hf_err hf_match_line_parse(struct hf_span text,
				struct hf_match_line *out_line,
				struct hf_why *why)
{
	json_error_t said;
	json_t *object;
	enum hf_err err;

	*out_line = (struct hf_match_line){ 0 };
	if (text.len_bytes == 0 || text.at[0] != '{')
		return take_path(text, out_line, why);
	if (text.len_bytes > HF_MATCH_LINE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT, "a line of more than %zu bytes",
			      HF_MATCH_LINE_MAX_BYTES);
	object = json_loadb((const char *)text.at, text.len_bytes,
			    JSON_REJECT_DUPLICATES, &said);
	if (object == NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "no JSON, at byte %d (a path that begins with a "
			      "brace goes into \"path\")",
			      said.position);
	err = take_object(object, out_line, why);
	json_decref(object);
	return err;
}
