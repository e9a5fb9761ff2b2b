#include <jansson.h>
#include <string.h>

#include "bytes.h"
#include "codec_words.h"
#include "kind.h"
#include "text.h"

#include "import_list.h"

#define FIELD_SHOWN_BYTES 40

/* Names of signal types, and what they are here.  Case does not matter, and
 * "HASH_" in front is how the exchange itself writes them. */
static const struct {
	const char *word;
	struct hf_import_type type;
} types[] = {
	/* clang-format off */
	{ "md5",          { HF_ALGORITHM_MD5,      0 } },
	{ "sha1",         { HF_ALGORITHM_SHA1,     0 } },
	{ "sha256",       { HF_ALGORITHM_SHA256,   0 } },
	{ "pdq",          { HF_ALGORITHM_PDQ,      HF_ITEM_KIND_IMAGE } },
	{ "photodna",     { HF_ALGORITHM_PHOTODNA, HF_ITEM_KIND_IMAGE } },
	{ "video_md5",    { HF_ALGORITHM_MD5,      HF_ITEM_KIND_VIDEO } },
	{ "video_sha1",   { HF_ALGORITHM_SHA1,     HF_ITEM_KIND_VIDEO } },
	{ "video_sha256", { HF_ALGORITHM_SHA256,   HF_ITEM_KIND_VIDEO } },
	{ "vpdq",         { HF_ALGORITHM_VPDQ,     HF_ITEM_KIND_VIDEO } },
	/* clang-format on */
};

#define TYPES                                                                  \
	"md5, sha1, sha256, pdq, photodna, video_md5, video_sha1, "            \
	"video_sha256, vpdq"

static const char *const column_names[HF_IMPORT_COLUMNS] = {
	[HF_IMPORT_SIGNAL_TYPE] = "signal_type",
	[HF_IMPORT_SIGNAL_STR] = "signal_str",
	[HF_IMPORT_COLLAB] = "collab",
	[HF_IMPORT_CATEGORY] = "category",
	[HF_IMPORT_TAGS] = "tags",
};

/* Label schemes of the columns that become labels, tags apart. */
static const struct {
	enum hf_import_column column;
	const char *scheme;
	bool is_split; /* at blanks, a label each */
} labels[] = {
	{ HF_IMPORT_TAGS, "pytx", true },
	{ HF_IMPORT_CATEGORY, "pytx-category", false },
	{ HF_IMPORT_COLLAB, "pytx-collab", false },
};

/* ---- words ---- */

static bool type_of(struct hf_span word, struct hf_import_type *out_type)
{
	if (word.len_bytes > 5 && hf_text_is_word(hf_span(word.at, 5), "hash_"))
		word = hf_span(word.at + 5, word.len_bytes - 5);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (hf_text_is_word(word, types[i].word)) {
			*out_type = types[i].type;
			return true;
		}
	}
	return false;
}

enum hf_err hf_import_type_parse(const char *word,
				 struct hf_import_type *out_type,
				 struct hf_why *why)
{
	if (!type_of(hf_span_of(word), out_type))
		return hf_why(why, HF_E_ARGUMENT,
			      "--type '%.40s': give one of " TYPES, word);
	return HF_OK;
}

enum hf_err hf_import_format_parse(const char *word,
				   enum hf_import_format *out_format,
				   struct hf_why *why)
{
#define FORMAT(name, text)                                                     \
	if (strcmp(word, text) == 0) {                                         \
		*out_format = HF_IMPORT_##name;                                \
		return HF_OK;                                                  \
	}
	HF_IMPORT_FORMAT_TABLE(FORMAT)
#undef FORMAT
	return hf_why(why, HF_E_ARGUMENT,
		      "--format '%.40s': give auto, plain or pytx-csv", word);
}

/* ---- lines ---- */

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

/* The line at *at_bytes without LF or CRLF; false at the end. */
static bool line_take(struct hf_span text, size_t *at_bytes,
		      struct hf_span *out_line)
{
	const uint8_t *from = text.at + *at_bytes, *end;
	size_t left_bytes = text.len_bytes - *at_bytes;

	if (left_bytes == 0)
		return false;
	end = memchr(from, '\n', left_bytes);
	*out_line =
		hf_span(from, end != NULL ? (size_t)(end - from) : left_bytes);
	*at_bytes += out_line->len_bytes + (end != NULL);
	if (out_line->len_bytes > 0 && from[out_line->len_bytes - 1] == '\r')
		out_line->len_bytes--;
	return true;
}

/* Up to 40 characters of a field for a sentence, '?' for what is not ASCII
 * that prints. */
static const char *shown(struct hf_span field,
			 char out_text[static FIELD_SHOWN_BYTES + 4])
{
	size_t count = field.len_bytes < FIELD_SHOWN_BYTES ? field.len_bytes
							   : FIELD_SHOWN_BYTES;

	for (size_t i = 0; i < count; i++)
		out_text[i] = field.at[i] >= 0x20 && field.at[i] < 0x7f
				      ? (char)field.at[i]
				      : '?';
	strcpy(out_text + count, count < field.len_bytes ? "..." : "");
	return out_text;
}

/* ---- hashes ---- */

/* Frames below this are not matched on (the vPDQ reference). */
#define FRAME_QUALITY_MIN 50

/* "<hex>,<quality>,<seconds>": true when it is to be kept. */
static enum hf_err take_frame(const json_t *value, uint8_t *out_frame,
			      bool *out_is_kept, struct hf_why *why)
{
	struct hf_span text =
		hf_span(json_string_value(value), json_string_length(value));
	const size_t digits = 2 * (size_t)HF_PDQ_BYTES;
	const uint8_t *comma;
	uint64_t quality;

	if (text.len_bytes > digits + 1 && text.at[digits] == ',') {
		struct hf_span rest = hf_span(text.at + digits + 1,
					      text.len_bytes - digits - 1);

		comma = memchr(rest.at, ',', rest.len_bytes);
		if (comma != NULL)
			rest.len_bytes = (size_t)(comma - rest.at);
		if (hf_text_u64(rest, HF_QUALITY_MAX, &quality) == HF_OK &&
		    hf_hex_parse(hf_span(text.at, digits), out_frame,
				 HF_PDQ_BYTES) == HF_OK) {
			*out_is_kept = quality >= FRAME_QUALITY_MIN;
			return HF_OK;
		}
	}
	return hf_why(why, HF_E_MALFORMED,
		      "a frame is \"hex digits,quality,seconds\"");
}

/* Good frames, each once. */
static enum hf_err take_frames(const json_t *list, uint8_t *frames,
			       size_t *out_count, struct hf_why *why)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		uint8_t *frame = frames + count * HF_PDQ_BYTES;
		bool is_kept = false;
		enum hf_err err;

		if (count == HF_VPDQ_MAX_FRAMES)
			return hf_why(why, HF_E_LIMIT, "more than %d frames",
				      HF_VPDQ_MAX_FRAMES);
		err = take_frame(json_array_get(list, i), frame, &is_kept, why);
		if (err != HF_OK)
			return err;
		for (size_t j = 0; j < count && is_kept; j++)
			is_kept = memcmp(frames + j * HF_PDQ_BYTES, frame,
					 HF_PDQ_BYTES) != 0;
		count += is_kept;
	}
	if (count == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "no frame of quality %d or more",
			      FRAME_QUALITY_MIN);
	*out_count = count;
	return HF_OK;
}

/* A video as the exchange writes it: a JSON list of frames. */
static enum hf_err take_video(struct hf_span text,
			      const struct hf_import_type *type,
			      struct hf_arena *arena, struct hf_import_row *row,
			      struct hf_why *why)
{
	uint8_t *frames = hf_arena_alloc(arena, (HF_VPDQ_MAX_FRAMES + 1) *
							(size_t)HF_PDQ_BYTES);
	json_t *list;
	size_t count;
	enum hf_err err;

	if (frames == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	list = json_loadb((const char *)text.at, text.len_bytes,
			  JSON_REJECT_DUPLICATES, NULL);
	if (list == NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "frames that are neither hex digits nor JSON");
	err = take_frames(list, frames, &count, why);
	json_decref(list);
	if (err != HF_OK)
		return err;
	row->algorithm = type->algorithm;
	row->media_kind = type->media_kind;
	row->digest = frames;
	row->len_bytes = count * HF_PDQ_BYTES;
	return HF_OK;
}

static enum hf_err take_digest(struct hf_span digits,
			       const struct hf_import_type *type,
			       struct hf_arena *arena,
			       struct hf_import_row *row, struct hf_why *why)
{
	bool is_video = type->algorithm == HF_ALGORITHM_VPDQ;
	size_t len_bytes = is_video ? digits.len_bytes / 2
				    : hf_algorithm_bytes(type->algorithm);
	char text[FIELD_SHOWN_BYTES + 4];
	uint8_t *digest;

	if (is_video && digits.len_bytes > 0 && digits.at[0] == '[')
		return take_video(digits, type, arena, row, why);
	if (is_video && (digits.len_bytes % 2 != 0 ||
			 !hf_algorithm_takes(type->algorithm, len_bytes)))
		return hf_why(why, HF_E_MALFORMED,
			      "'%s' has %zu characters, a video has %d hex "
			      "digits for each of 1 to %d frames",
			      shown(digits, text), digits.len_bytes,
			      2 * HF_PDQ_BYTES, HF_VPDQ_MAX_FRAMES);
	digest = hf_arena_alloc(arena, len_bytes);
	if (digest == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (digits.len_bytes != 2 * len_bytes)
		return hf_why(why, HF_E_MALFORMED,
			      "'%s' has %zu characters, a %s hash has %zu hex "
			      "digits",
			      shown(digits, text), digits.len_bytes,
			      hf_algorithm_word(type->algorithm),
			      2 * len_bytes);
	if (hf_hex_parse(digits, digest, len_bytes) != HF_OK)
		return hf_why(why, HF_E_MALFORMED,
			      "'%s' is not hexadecimal: a hash has only 0 to 9 "
			      "and a to f",
			      shown(digits, text));
	row->algorithm = type->algorithm;
	row->media_kind = type->media_kind;
	row->digest = digest;
	row->len_bytes = len_bytes;
	return HF_OK;
}

/* A hash alone: its length tells, except that 64 digits can be two things. */
static enum hf_err take_bare(const struct hf_import_list *list,
			     struct hf_span digits, struct hf_arena *arena,
			     struct hf_import_row *row, struct hf_why *why)
{
	struct hf_import_type type = list->type;
	char text[FIELD_SHOWN_BYTES + 4];

	if (type.algorithm == 0) {
		switch (digits.len_bytes) {
		case 32:
			type.algorithm = HF_ALGORITHM_MD5;
			break;
		case 40:
			type.algorithm = HF_ALGORITHM_SHA1;
			break;
		case 64:
			return hf_why(why, HF_E_MALFORMED,
				      "64 digits can be sha256 or pdq: say "
				      "which with --type");
		default:
			return hf_why(why, HF_E_MALFORMED,
				      "'%s' has %zu characters: an md5 hash "
				      "has 32, sha1 40, sha256 and pdq 64",
				      shown(digits, text), digits.len_bytes);
		}
	}
	return take_digest(digits, &type, arena, row, why);
}

static enum hf_err take_typed(struct hf_span word, struct hf_span digits,
			      struct hf_arena *arena, struct hf_import_row *row,
			      struct hf_why *why)
{
	struct hf_import_type type;
	char text[FIELD_SHOWN_BYTES + 4];

	if (!type_of(word, &type))
		return hf_why(why, HF_E_MALFORMED,
			      "'%s' is no type of hash: known are " TYPES,
			      shown(word, text));
	return take_digest(digits, &type, arena, row, why);
}

/* "<hash>" or "<type> <hash>". */
static enum hf_err take_plain(const struct hf_import_list *list,
			      struct hf_span line, struct hf_arena *arena,
			      struct hf_import_row *row, struct hf_why *why)
{
	size_t word_bytes = 0;
	struct hf_span rest;

	while (word_bytes < line.len_bytes && !is_blank(line.at[word_bytes]))
		word_bytes++;
	rest = hf_text_trim(
		hf_span(line.at + word_bytes, line.len_bytes - word_bytes));
	if (rest.len_bytes == 0)
		return take_bare(list, line, arena, row, why);
	return take_typed(hf_span(line.at, word_bytes), rest, arena, row, why);
}

/* ---- CSV ---- */

/* A quoted field behind its first quote: its text goes to *to.  False when
 * the quote is not closed. */
static bool unquote(const uint8_t **from, const uint8_t *end, uint8_t **to)
{
	while (*from < end) {
		if (**from != '"') {
			*(*to)++ = *(*from)++;
		} else if (*from + 1 < end && (*from)[1] == '"') {
			*(*to)++ = '"';
			*from += 2;
		} else {
			(*from)++;
			return *from == end || **from == ',';
		}
	}
	return false;
}

/* Cut a line into fields, in scratch, which has room for the line. */
static enum hf_err split(struct hf_span line, uint8_t *scratch,
			 struct hf_span *fields, size_t *out_count,
			 struct hf_why *why)
{
	/* An empty list has no place in memory to count from. */
	static const uint8_t nothing = 0;
	const uint8_t *from = line.len_bytes > 0 ? line.at : &nothing;
	const uint8_t *end = from + line.len_bytes;
	uint8_t *to = scratch;
	size_t count = 0;

	for (;;) {
		uint8_t *field = to;

		if (count == HF_IMPORT_FIELDS_MAX)
			return hf_why(why, HF_E_LIMIT, "more than %d fields",
				      HF_IMPORT_FIELDS_MAX);
		if (from < end && *from == '"') {
			from++;
			if (!unquote(&from, end, &to))
				return hf_why(why, HF_E_MALFORMED,
					      "a field with a quote that is "
					      "not closed, or with text "
					      "behind it");
		} else {
			while (from < end && *from != ',')
				*to++ = *from++;
		}
		fields[count++] = hf_span(field, (size_t)(to - field));
		if (from == end)
			break;
		from++; /* the comma */
	}
	*out_count = count;
	return HF_OK;
}

static struct hf_span field_of(const struct hf_import_list *list,
			       enum hf_import_column column,
			       const struct hf_span *fields, size_t count)
{
	int at = list->columns[column];

	if (at < 0 || (size_t)at >= count)
		return hf_span(NULL, 0);
	return hf_text_trim(fields[at]);
}

static enum hf_err add_label(struct hf_arena *arena, struct hf_label *rows,
			     size_t *count, const char *scheme,
			     struct hf_span value, struct hf_why *why)
{
	char *text;

	if (*count == HF_ITEM_MAX_LABELS)
		return hf_why(why, HF_E_LIMIT, "more than %d labels",
			      HF_ITEM_MAX_LABELS);
	if (value.len_bytes > HF_LABEL_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "a label of %zu bytes; %d are allowed",
			      value.len_bytes, HF_LABEL_MAX_BYTES);
	if (!hf_text_is_clean(value))
		return hf_why(why, HF_E_MALFORMED,
			      "a label that is not UTF-8, or has control "
			      "characters");
	text = hf_arena_text(arena, value);
	if (text == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	rows[(*count)++] = (struct hf_label){ .scheme = scheme, .value = text };
	return HF_OK;
}

static enum hf_err take_labels(const struct hf_import_list *list,
			       const struct hf_span *fields,
			       size_t fields_count, struct hf_arena *arena,
			       struct hf_import_row *row, struct hf_why *why)
{
	struct hf_label *rows =
		hf_arena_calloc(arena, HF_ITEM_MAX_LABELS, sizeof(*rows));
	size_t count = 0;

	if (rows == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct hf_span rest =
			field_of(list, labels[i].column, fields, fields_count);

		while (rest.len_bytes > 0) {
			size_t len_bytes = 0;
			enum hf_err err;

			while (len_bytes < rest.len_bytes &&
			       !(labels[i].is_split &&
				 is_blank(rest.at[len_bytes])))
				len_bytes++;
			err = add_label(arena, rows, &count, labels[i].scheme,
					hf_span(rest.at, len_bytes), why);
			if (err != HF_OK)
				return err;
			rest = hf_text_trim(
				hf_span(rest.at + len_bytes,
					rest.len_bytes - len_bytes));
		}
	}
	row->labels = rows;
	row->labels_count = count;
	return HF_OK;
}

static enum hf_err take_csv(const struct hf_import_list *list,
			    struct hf_span line, struct hf_arena *arena,
			    struct hf_import_row *row, struct hf_why *why)
{
	struct hf_span fields[HF_IMPORT_FIELDS_MAX], word, digits;
	uint8_t *scratch = hf_arena_alloc(arena, line.len_bytes + 1);
	size_t count;
	enum hf_err err;

	if (scratch == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = split(line, scratch, fields, &count, why);
	if (err != HF_OK)
		return err;
	word = field_of(list, HF_IMPORT_SIGNAL_TYPE, fields, count);
	digits = field_of(list, HF_IMPORT_SIGNAL_STR, fields, count);
	if (word.len_bytes == 0 || digits.len_bytes == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "no %s: a row has a type and a hash",
			      word.len_bytes == 0 ? "signal_type"
						  : "signal_str");
	err = take_typed(word, digits, arena, row, why);
	if (err != HF_OK)
		return err;
	return take_labels(list, fields, count, arena, row, why);
}

/* ---- the list ---- */

static enum hf_err judge(const struct hf_import_list *list, struct hf_span line,
			 struct hf_arena *arena, struct hf_import_row *row,
			 struct hf_why *why)
{
	if (line.len_bytes > HF_IMPORT_LINE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "a line of %zu bytes; no list of hashes has one "
			      "over %zu",
			      line.len_bytes, HF_IMPORT_LINE_MAX_BYTES);
	if (memchr(line.at, 0, line.len_bytes) != NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "a zero byte: is this a text file, in UTF-8?");
	return list->format == HF_IMPORT_PYTX_CSV
		       ? take_csv(list, line, arena, row, why)
		       : take_plain(list, hf_text_trim(line), arena, row, why);
}

/* Blank, or a comment. */
static bool is_nothing(struct hf_span line)
{
	line = hf_text_trim(line);
	return line.len_bytes == 0 || line.at[0] == '#';
}

static enum hf_err take_header(struct hf_import_list *list, struct hf_span line,
			       struct hf_why *why)
{
	uint8_t scratch[1024];
	struct hf_span fields[HF_IMPORT_FIELDS_MAX];
	size_t count = 0;

	if (line.len_bytes > sizeof(scratch) ||
	    split(line, scratch, fields, &count, NULL) != HF_OK)
		count = 0;
	for (size_t column = 0; column < HF_IMPORT_COLUMNS; column++) {
		list->columns[column] = -1;
		for (size_t i = 0; i < count; i++) {
			if (hf_text_is_word(hf_text_trim(fields[i]),
					    column_names[column]))
				list->columns[column] = (int)i;
		}
	}
	if (list->columns[HF_IMPORT_SIGNAL_TYPE] < 0 ||
	    list->columns[HF_IMPORT_SIGNAL_STR] < 0)
		return hf_why(why, HF_E_MALFORMED,
			      "line %llu: a pytx CSV begins with a header that "
			      "names signal_type and signal_str",
			      (unsigned long long)list->line);
	return HF_OK;
}

enum hf_err hf_import_list_init(struct hf_import_list *list,
				struct hf_span text,
				enum hf_import_format format,
				const struct hf_import_type *type,
				struct hf_why *why)
{
	struct hf_import_list made = { .text = text, .format = format };
	struct hf_span line = { NULL, 0 };
	size_t at_bytes, after_bytes;

	if (type != NULL)
		made.type = *type;
	if (text.len_bytes >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0)
		made.at_bytes = 3;
	/* A header can only be the first line that says anything. */
	at_bytes = after_bytes = made.at_bytes;
	while (line_take(text, &after_bytes, &line)) {
		made.line++;
		if (!is_nothing(line))
			break;
		at_bytes = after_bytes;
		line.len_bytes = 0;
	}
	if (format == HF_IMPORT_AUTO) {
		made.format = HF_IMPORT_PLAIN;
		if (take_header(&made, line, NULL) == HF_OK)
			made.format = HF_IMPORT_PYTX_CSV;
	}
	if (made.format == HF_IMPORT_PYTX_CSV && line.len_bytes > 0) {
		enum hf_err err = take_header(&made, line, why);

		if (err != HF_OK)
			return err;
		made.at_bytes = after_bytes;
	} else if (made.format == HF_IMPORT_PLAIN && line.len_bytes > 0) {
		made.at_bytes = at_bytes;
		made.line--;
	} else {
		made.at_bytes = text.len_bytes;
	}
	*list = made;
	return HF_OK;
}

enum hf_err hf_import_list_next(struct hf_import_list *list,
				struct hf_arena *arena,
				struct hf_import_row *out_row,
				struct hf_why *why)
{
	struct hf_import_row row = { 0 };
	size_t at_bytes = list->at_bytes;
	enum hf_err err;

	while (line_take(list->text, &list->at_bytes, &row.text)) {
		list->line++;
		if (is_nothing(row.text)) {
			at_bytes = list->at_bytes;
			continue;
		}
		row.line = list->line;
		row.at_bytes = at_bytes;
		err = judge(list, row.text, arena, &row, why);
		*out_row = row;
		return err;
	}
	return HF_E_NOTFOUND;
}

enum hf_err hf_import_list_at(const struct hf_import_list *list,
			      size_t at_bytes, struct hf_arena *arena,
			      struct hf_import_row *out_row, struct hf_why *why)
{
	struct hf_import_list there = *list;

	there.at_bytes = at_bytes;
	return hf_import_list_next(&there, arena, out_row, why);
}
