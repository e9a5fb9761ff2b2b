#include <arpa/inet.h>
#include <string.h>

#include "kind.h"
#include "text.h"

#include "case_csv.h"
#include "case_value.h"
#include "moment.h"

#define SCART_FIELDS 5

#define COLUMNS_ACCEPTED                                                       \
	"url, ip, firstseen, lastseen, note, hash, provider, class, "          \
	"reference, explanation or group"

static const char *const column_words[HF_CASE_CSV_COLUMNS] = {
#define COLUMN_WORD(name, word) [HF_CASE_CSV_##name] = word,
	HF_CASE_CSV_COLUMN_TABLE(COLUMN_WORD)
#undef COLUMN_WORD
};

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

/* ---- rows ---- */

/* Length of the row at text with its line end, by the quotes; 0 when a quote
 * is never closed, or when it is longer than a row may be. */
static size_t row_len(struct hf_span text, uint8_t delimiter)
{
	bool is_quoted = false, is_start = true, was_quoted = false;

	for (size_t i = 0; i < text.len_bytes && i < HF_CASE_CSV_ROW_MAX_BYTES;
	     i++) {
		uint8_t at = text.at[i];

		if (is_quoted) {
			is_quoted = at != '"';
			was_quoted = !is_quoted;
			continue;
		}
		/* A doubled quote leaves the field and enters it again. */
		if (at == '"' && (is_start || was_quoted))
			is_quoted = true;
		else if (at == '\n')
			return i + 1;
		was_quoted = false;
		is_start = at == delimiter || (is_start && is_blank(at));
	}
	return !is_quoted && text.len_bytes < HF_CASE_CSV_ROW_MAX_BYTES
		       ? text.len_bytes
		       : 0;
}

static size_t line_len(struct hf_span text)
{
	const uint8_t *end = memchr(text.at, '\n', text.len_bytes);

	return end != NULL ? (size_t)(end - text.at) + 1 : text.len_bytes;
}

/* The row without its end; HF_OK, or what is wrong with its shape. */
static enum hf_err take_row(struct hf_case_csv *csv, uint64_t *out_line,
			    struct hf_span *out_row, struct hf_why *why)
{
	struct hf_span rest = hf_span(csv->text.at + csv->at_bytes,
				      csv->text.len_bytes - csv->at_bytes);
	size_t len = row_len(rest, csv->delimiter);
	bool is_whole = len > 0;

	/* One broken line must not take the rest of the file with it. */
	if (!is_whole)
		len = line_len(rest);
	*out_line = csv->next_line;
	*out_row = hf_span(rest.at, len);
	for (size_t i = 0; i < len; i++)
		csv->next_line += rest.at[i] == '\n';
	csv->at_bytes += len;
	if (len > 0 && rest.at[len - 1] == '\n')
		out_row->len_bytes--;
	if (is_whole)
		return HF_OK;
	if (len > HF_CASE_CSV_ROW_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "a row of %zu bytes; at most %zu are allowed",
			      len, HF_CASE_CSV_ROW_MAX_BYTES);
	return hf_why(why, HF_E_MALFORMED, "a quote that is not closed");
}

/* A quoted field behind its first quote, into *to; false when something
 * stands behind the last. */
static bool unquote(const uint8_t **from, const uint8_t *end, uint8_t delimiter,
		    uint8_t **to)
{
	while (*from < end) {
		if (**from != '"') {
			*(*to)++ = *(*from)++;
		} else if (*from + 1 < end && (*from)[1] == '"') {
			*(*to)++ = '"';
			*from += 2;
		} else {
			(*from)++;
			while (*from < end && is_blank(**from))
				(*from)++;
			return *from == end || **from == delimiter;
		}
	}
	return false;
}

/* Cut a row into fields, in scratch, which has room for the row. */
static enum hf_err split(struct hf_span row, uint8_t delimiter,
			 uint8_t *scratch, struct hf_span *fields,
			 size_t *out_count, struct hf_why *why)
{
	const uint8_t *from = row.at, *end = row.at + row.len_bytes;
	uint8_t *to = scratch;
	size_t count = 0;

	for (;;) {
		uint8_t *field = to;

		if (count == HF_CASE_CSV_FIELDS_MAX)
			return hf_why(why, HF_E_LIMIT, "more than %d fields",
				      HF_CASE_CSV_FIELDS_MAX);
		while (from < end && is_blank(*from))
			from++;
		if (from < end && *from == '"') {
			from++;
			if (!unquote(&from, end, delimiter, &to))
				return hf_why(why, HF_E_MALFORMED,
					      "field %zu has text behind its "
					      "last quote",
					      count + 1);
		} else {
			while (from < end && *from != delimiter)
				*to++ = *from++;
		}
		fields[count++] =
			hf_text_trim(hf_span(field, (size_t)(to - field)));
		if (from == end)
			break;
		from++; /* the delimiter */
	}
	*out_count = count;
	return HF_OK;
}

static bool is_empty(struct hf_span row)
{
	return hf_text_trim(row).len_bytes == 0;
}

/* ---- one row ---- */

struct reading {
	const struct hf_case_csv *csv;
	const struct hf_span *fields;
	size_t count;
	struct hf_arena *arena;
	struct hf_case_csv_row *row;
};

static struct hf_span field_of(const struct reading *reading,
			       enum hf_case_csv_column column)
{
	int at = reading->csv->columns[column];

	if (at < 0 || (size_t)at >= reading->count)
		return hf_span(NULL, 0);
	return reading->fields[at];
}

/* On one line, as everything that people read is in the protocol. */
static enum hf_err take_text(const struct reading *reading,
			     enum hf_case_csv_column column, size_t most,
			     const char **out, struct hf_why *why)
{
	return hf_case_text_parse(field_of(reading, column), most,
				  reading->arena, out, why);
}

static enum hf_err take_time(const struct reading *reading,
			     enum hf_case_csv_column column, uint64_t *out_ms,
			     struct hf_why *why)
{
	struct hf_span field = field_of(reading, column);

	return field.len_bytes == 0 ? HF_OK
				    : hf_moment_parse(field, out_ms, why);
}

static enum hf_err take_url(const struct reading *reading,
			    enum hf_case_csv_column column, struct hf_why *why)
{
	struct hf_span field = field_of(reading, column);
	enum hf_err err;

	if (field.len_bytes == 0)
		return HF_OK;
	err = hf_case_url_check(field, why);
	if (err != HF_OK)
		return err;
	reading->row->locator.url = hf_arena_text(reading->arena, field);
	reading->row->has_locator = true;
	return reading->row->locator.url != NULL
		       ? HF_OK
		       : hf_why(why, HF_E_NOMEM, "no memory");
}

static enum hf_err take_ip(const struct reading *reading,
			   enum hf_case_csv_column column, struct hf_why *why)
{
	uint8_t address[16];
	const char *ip;
	enum hf_err err = take_text(reading, column, 64, &ip, why);

	if (err != HF_OK)
		return err;
	if (ip[0] != '\0' && inet_pton(AF_INET, ip, address) != 1 &&
	    inet_pton(AF_INET6, ip, address) != 1)
		return hf_why(why, HF_E_MALFORMED,
			      "'%.40s' is no address: give IPv4 or IPv6, or "
			      "leave it empty",
			      ip);
	reading->row->locator.ip = ip;
	return HF_OK;
}

/* Several, with blanks between them. */
static enum hf_err take_hashes(const struct reading *reading,
			       enum hf_case_csv_column column,
			       struct hf_why *why)
{
	struct hf_span rest = field_of(reading, column);
	struct hf_hash *hashes;
	size_t count = 0;

	if (rest.len_bytes == 0)
		return HF_OK;
	hashes = hf_arena_calloc(reading->arena, HF_CASE_CSV_HASHES_MAX,
				 sizeof(*hashes));
	if (hashes == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (rest = hf_text_trim(rest); rest.len_bytes > 0;
	     rest = hf_text_trim(rest)) {
		size_t len = 0;
		enum hf_err err;

		while (len < rest.len_bytes && !is_blank(rest.at[len]) &&
		       rest.at[len] != '\n')
			len++;
		if (count == HF_CASE_CSV_HASHES_MAX)
			return hf_why(why, HF_E_LIMIT, "more than %d hashes",
				      HF_CASE_CSV_HASHES_MAX);
		err = hf_case_hash_parse(hf_span(rest.at, len), reading->arena,
					 &hashes[count], why);
		if (err != HF_OK)
			return err;
		count++;
		while (len < rest.len_bytes && rest.at[len] == '\n')
			len++;
		rest = hf_span(rest.at + len, rest.len_bytes - len);
	}
	reading->row->hashes = hashes;
	reading->row->hashes_count = count;
	return HF_OK;
}

static enum hf_err take_column(const struct reading *reading,
			       enum hf_case_csv_column column,
			       struct hf_why *why)
{
	struct hf_case_csv_row *row = reading->row;
	struct hf_span field = field_of(reading, column);

	switch (column) {
	case HF_CASE_CSV_URL:
		return take_url(reading, column, why);
	case HF_CASE_CSV_IP:
		return take_ip(reading, column, why);
	case HF_CASE_CSV_FIRSTSEEN:
		return take_time(reading, column, &row->locator.first_seen_ms,
				 why);
	case HF_CASE_CSV_LASTSEEN:
		return take_time(reading, column, &row->locator.last_seen_ms,
				 why);
	case HF_CASE_CSV_NOTE:
		return take_text(reading, column, HF_REMARK_MAX_BYTES,
				 &row->locator.note, why);
	case HF_CASE_CSV_HASH:
		return take_hashes(reading, column, why);
	case HF_CASE_CSV_PROVIDER:
		return field.len_bytes == 0
			       ? HF_OK
			       : hf_case_provider_parse(field, reading->arena,
							&row->provider, why);
	case HF_CASE_CSV_CLASS:
		row->content_class = (enum hf_class)hf_class_parse(field);
		return field.len_bytes == 0 || row->content_class != 0
			       ? HF_OK
			       : hf_why(why, HF_E_MALFORMED,
					"'%.*s': give csam, csam-suspected, "
					"ncii, terrorist or other",
					HF_SPAN_ARGS(hf_case_shown(field)));
	case HF_CASE_CSV_REFERENCE:
		return take_text(reading, column, HF_LABEL_MAX_BYTES,
				 &row->reference, why);
	case HF_CASE_CSV_EXPLANATION:
		return take_text(reading, column, HF_EXPLANATION_MAX_BYTES,
				 &row->explanation, why);
	case HF_CASE_CSV_GROUP:
		return take_text(reading, column, HF_LABEL_MAX_BYTES,
				 &row->group, why);
	case HF_CASE_CSV_COLUMNS:
		break;
	}
	return HF_OK;
}

static enum hf_err read_row(const struct reading *reading, struct hf_why *why)
{
	for (int i = 0; i < HF_CASE_CSV_COLUMNS; i++) {
		enum hf_err err =
			take_column(reading, (enum hf_case_csv_column)i, why);

		if (err != HF_OK) {
			if (err != HF_E_NOMEM)
				hf_why_prefix(why, "%s: ", column_words[i]);
			return err;
		}
	}
	if (!reading->row->has_locator && reading->row->hashes_count == 0)
		return hf_why(why, HF_E_MALFORMED,
			      "neither a url nor a hash: a row names one, or "
			      "both");
	return HF_OK;
}

enum hf_err hf_case_csv_next(struct hf_case_csv *csv, struct hf_arena *arena,
			     struct hf_case_csv_row *out_row,
			     struct hf_why *why)
{
	struct hf_case_csv_row row = {
		.provider = "", .reference = "", .explanation = "", .group = ""
	};
	struct hf_span fields[HF_CASE_CSV_FIELDS_MAX];
	struct reading reading = { csv, fields, 0, arena, &row };
	uint8_t *scratch;
	enum hf_err err;

	row.locator.ip = "";
	row.locator.note = "";
	do {
		if (csv->at_bytes >= csv->text.len_bytes)
			return HF_E_NOTFOUND;
		err = take_row(csv, &row.line, &row.text, why);
	} while (err == HF_OK && is_empty(row.text));
	*out_row = row;
	if (err != HF_OK)
		return err;
	scratch = hf_arena_alloc(arena, row.text.len_bytes + 1);
	if (scratch == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = split(row.text, csv->delimiter, scratch, fields, &reading.count,
		    why);
	if (err == HF_OK)
		err = read_row(&reading, why);
	if (err == HF_OK)
		*out_row = row;
	return err;
}

/* ---- the header ---- */

/* Which column a field of the header names, or -1. */
static int column_of(struct hf_span field)
{
	for (int i = 0; i < HF_CASE_CSV_COLUMNS; i++) {
		if (hf_text_is_word(field, column_words[i]))
			return i;
	}
	return -1;
}

static enum hf_err take_header(struct hf_case_csv *csv,
			       const struct hf_span *fields, size_t count,
			       struct hf_why *why)
{
	for (int i = 0; i < HF_CASE_CSV_COLUMNS; i++)
		csv->columns[i] = -1;
	for (size_t i = 0; i < count; i++) {
		int column = column_of(fields[i]);

		if (fields[i].len_bytes == 0)
			continue;
		if (column < 0)
			return hf_why(why, HF_E_MALFORMED,
				      "line %llu: no column '%.*s': there "
				      "are " COLUMNS_ACCEPTED,
				      (unsigned long long)csv->next_line - 1,
				      HF_SPAN_ARGS(hf_case_shown(fields[i])));
		if (csv->columns[column] >= 0)
			return hf_why(why, HF_E_MALFORMED,
				      "line %llu: column '%s' is there twice",
				      (unsigned long long)csv->next_line - 1,
				      column_words[column]);
		csv->columns[column] = (int)i;
	}
	if (csv->columns[HF_CASE_CSV_URL] < 0 &&
	    csv->columns[HF_CASE_CSV_HASH] < 0)
		return hf_why(why, HF_E_MALFORMED,
			      "line %llu: a header names a column url, or "
			      "hash",
			      (unsigned long long)csv->next_line - 1);
	csv->has_header = true;
	return HF_OK;
}

/* The first row that says anything: a header, or SCART's first place. */
static enum hf_err begin(struct hf_case_csv *csv, struct hf_span row,
			 uint64_t line, size_t at_bytes, struct hf_why *why)
{
	uint8_t scratch[4096];
	struct hf_span fields[HF_CASE_CSV_FIELDS_MAX];
	size_t count = 0, known = 0;
	enum hf_err err = HF_OK;

	csv->delimiter = memchr(row.at, ';', row.len_bytes) != NULL ? ';' : ',';
	if (row.len_bytes <= sizeof(scratch))
		err = split(row, csv->delimiter, scratch, fields, &count, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "line %llu: ", (unsigned long long)line);
		return err;
	}
	for (size_t i = 0; i < count; i++)
		known += column_of(fields[i]) >= 0;
	if (known > 0) {
		csv->header = row;
		return take_header(csv, fields, count, why);
	}
	if (csv->delimiter != ';' ||
	    (count > 0 && hf_case_url_check(fields[0], NULL) == HF_E_MALFORMED))
		return hf_why(
			why, HF_E_MALFORMED,
			"line %llu: neither a header that names url or "
			"hash, nor SCART's url;IP;firstseen;lastseen;note",
			(unsigned long long)line);
	for (int i = 0; i < HF_CASE_CSV_COLUMNS; i++)
		csv->columns[i] = i < SCART_FIELDS ? i : -1;
	csv->at_bytes = at_bytes;
	csv->next_line = line;
	return HF_OK;
}

enum hf_err hf_case_csv_init(struct hf_case_csv *csv, struct hf_span text,
			     struct hf_why *why)
{
	/* Until the first row says more, quotes are all that matters. */
	struct hf_case_csv made = { .text = text,
				    .next_line = 1,
				    .delimiter = ';' };
	struct hf_span row;
	uint64_t line;
	size_t at_bytes;
	enum hf_err err;

	if (text.len_bytes >= 3 && memcmp(text.at, "\xef\xbb\xbf", 3) == 0)
		made.at_bytes = 3;
	do {
		at_bytes = made.at_bytes;
		if (at_bytes >= text.len_bytes)
			return hf_why(why, HF_E_MALFORMED,
				      "nothing in it: a list has a header and "
				      "rows, or rows as SCART writes them");
		err = take_row(&made, &line, &row, why);
	} while (err == HF_OK && is_empty(row));
	if (err != HF_OK) {
		hf_why_prefix(why, "line %llu: ", (unsigned long long)line);
		return err;
	}
	err = begin(&made, row, line, at_bytes, why);
	if (err == HF_OK)
		*csv = made;
	return err;
}
