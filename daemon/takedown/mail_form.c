#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bytes.h"
#include "limit.h"
#include "text.h"

#include "mail_form.h"

#define LINE_MAX_CHARS    76
#define FOLD_AT           77
#define ENCODED_MAX_BYTES 45 /* 60 characters of base64: a word of 72 */
#define ADDRESS_MAX       320
#define LOCAL_MAX         64 /* RFC 5321 section 4.5.3.1.1 */
#define REPLACEMENT       "\xef\xbf\xbd"
#define BASE64_LINE_BYTES 57

/* The first error sticks, as in buf.c. */
static void fail(struct hf_buf *out, enum hf_err err)
{
	if (out->failed == HF_OK)
		out->failed = err;
}

/* The length of the UTF-8 character at text, 0 when it is none. */
static size_t character(const uint8_t *at, size_t left)
{
	size_t len = *at < 0x80             ? 1
		     : (*at & 0xe0) == 0xc0 ? 2
		     : (*at & 0xf0) == 0xe0 ? 3
		     : (*at & 0xf8) == 0xf0 ? 4
					    : 0;

	/* Control characters are no clean text, but are one character. */
	if (len == 1)
		return 1;
	return len > 0 && len <= left && hf_text_is_clean(hf_span(at, len))
		       ? len
		       : 0;
}

void hf_mail_clean(struct hf_buf *out, const char *text, bool may_break)
{
	size_t left = strlen(text);
	const uint8_t *at = (const uint8_t *)text;

	while (left > 0) {
		size_t len = character(at, left);

		if (len == 0)
			hf_buf_put_text(out, REPLACEMENT);
		else if (*at == '\n' && may_break)
			hf_buf_put_u8(out, '\n');
		else if (*at < 0x20 || *at == 0x7f)
			hf_buf_put_u8(out, ' ');
		else
			hf_buf_put(out, hf_span(at, len));
		len = len > 0 ? len : 1;
		at += len;
		left -= len;
	}
}

/* ---- headers ---- */

static bool is_ascii(struct hf_span text)
{
	for (size_t i = 0; i < text.len_bytes; i++) {
		if (text.at[i] >= 0x80)
			return false;
	}
	return true;
}

/* Put a token on this line, or fold first. */
static void put_token(struct hf_buf *out, size_t *column, struct hf_span token)
{
	if (*column + 1 + token.len_bytes > FOLD_AT) {
		hf_buf_put_text(out, "\r\n");
		*column = 0;
	}
	hf_buf_put_u8(out, ' ');
	hf_buf_put(out, token);
	*column += 1 + token.len_bytes;
}

/* The whole text as encoded words: what stands between two of them is not
 * shown, so spaces are encoded too. */
static void put_encoded(struct hf_buf *out, size_t *column, struct hf_span text)
{
	while (text.len_bytes > 0) {
		char word[12 + HF_BASE64_LEN(ENCODED_MAX_BYTES) + 3];
		size_t take = 0;

		while (take < text.len_bytes) {
			size_t len = character(text.at + take,
					       text.len_bytes - take);

			len = len > 0 ? len : 1;
			if (take + len > ENCODED_MAX_BYTES)
				break;
			take += len;
		}
		strcpy(word, "=?utf-8?B?");
		hf_base64(text.at, take, word + strlen(word));
		strcat(word, "?=");
		put_token(out, column, hf_span_of(word));
		text = hf_span(text.at + take, text.len_bytes - take);
	}
}

/* Words of ASCII as they are.  One that is longer than a line, or looks like
 * an encoded word, goes encoded, with all the others. */
static void put_words(struct hf_buf *out, size_t *column, struct hf_span text)
{
	size_t begin = 0;

	for (size_t i = 0; i <= text.len_bytes; i++) {
		if (i < text.len_bytes && text.at[i] != ' ')
			continue;
		if (i > begin)
			put_token(out, column,
				  hf_span(text.at + begin, i - begin));
		begin = i + 1;
	}
}

static bool is_plain(struct hf_span text)
{
	size_t run = 0;

	for (size_t i = 0; i < text.len_bytes; i++) {
		run = text.at[i] == ' ' ? 0 : run + 1;
		if (run > LINE_MAX_CHARS - 2 ||
		    (text.at[i] == '=' && i + 1 < text.len_bytes &&
		     text.at[i + 1] == '?'))
			return false;
	}
	return is_ascii(text);
}

static void put_phrase(struct hf_buf *out, size_t *column, const char *text)
{
	struct hf_buf clean;

	hf_buf_init(&clean, HF_MAIL_MAX_BYTES);
	hf_mail_clean(&clean, text, false);
	if (hf_buf_failed(&clean) != HF_OK)
		fail(out, clean.failed);
	else if (is_plain(hf_buf_span(&clean)))
		put_words(out, column, hf_buf_span(&clean));
	else
		put_encoded(out, column, hf_buf_span(&clean));
	hf_buf_release(&clean);
}

void hf_mail_header(struct hf_buf *out, const char *name, const char *text)
{
	size_t column = strlen(name) + 1;

	hf_buf_printf(out, "%s:", name);
	put_phrase(out, &column, text);
	hf_buf_put_text(out, "\r\n");
}

/* A display name of plain ASCII in quotes, so that its commas and brackets
 * mean nothing. */
static void put_display(struct hf_buf *out, size_t *column, const char *text)
{
	struct hf_buf clean, quoted;

	hf_buf_init(&clean, HF_MAIL_MAX_BYTES);
	hf_buf_init(&quoted, HF_MAIL_MAX_BYTES);
	hf_mail_clean(&clean, text, false);
	hf_buf_put_u8(&quoted, '"');
	for (size_t i = 0; i < clean.len_bytes; i++) {
		if (clean.at[i] == '"' || clean.at[i] == '\\')
			hf_buf_put_u8(&quoted, '\\');
		hf_buf_put_u8(&quoted, clean.at[i]);
	}
	hf_buf_put_u8(&quoted, '"');
	if (hf_buf_failed(&clean) != HF_OK || hf_buf_failed(&quoted) != HF_OK)
		fail(out, HF_E_NOMEM);
	else if (is_plain(hf_buf_span(&quoted)))
		put_words(out, column, hf_buf_span(&quoted));
	else
		put_encoded(out, column, hf_buf_span(&clean));
	hf_buf_release(&quoted);
	hf_buf_release(&clean);
}

void hf_mail_mailbox(struct hf_buf *out, const char *name, const char *display,
		     const char *address)
{
	size_t column = strlen(name) + 1;
	char angle[ADDRESS_MAX + 3];

	hf_buf_printf(out, "%s:", name);
	if (display[0] != '\0')
		put_display(out, &column, display);
	snprintf(angle, sizeof(angle), display[0] != '\0' ? "<%s>" : "%s",
		 address);
	put_token(out, &column, hf_span_of(angle));
	hf_buf_put_text(out, "\r\n");
}

void hf_mail_date(struct hf_buf *out, uint64_t wall_ms)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm = { 0 };

	/* Names are English whatever the locale is. */
	if (wall_ms / 1000 > 253402300799u)
		seconds = 253402300799;
	gmtime_r(&seconds, &tm);
	hf_buf_printf(out,
		      "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n",
		      days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
		      tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

bool hf_mail_is_address(const char *text)
{
	static const char atom[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "!#$%&'*+-/=?^_`{|}~.";
	const char *at = strchr(text, '@');
	size_t local = at != NULL ? (size_t)(at - text) : 0;

	return local > 0 && local <= LOCAL_MAX && strlen(text) <= ADDRESS_MAX &&
	       strspn(text, atom) == local && text[0] != '.' &&
	       text[local - 1] != '.' && strstr(text, "..") == NULL &&
	       hf_text_is_domain(hf_span_of(at + 1));
}

/* ---- bodies ---- */

/* What has to be written as =XX: all but printable ASCII; a space that ends a
 * line; and what some relay takes for its own at the beginning of one. */
static bool is_escaped(struct hf_span text, size_t i, size_t column)
{
	uint8_t byte = text.at[i];

	if (byte == ' ' || byte == '\t')
		return i + 1 == text.len_bytes || text.at[i + 1] == '\n';
	if (byte < 0x21 || byte > 0x7e || byte == '=')
		return true;
	return column == 0 && (byte == '.' || byte == 'F' || byte == '-');
}

void hf_mail_quoted(struct hf_buf *out, struct hf_span text)
{
	size_t column = 0;

	for (size_t i = 0; i < text.len_bytes; i++) {
		bool is_hex;
		size_t width;

		if (text.at[i] == '\n') {
			hf_buf_put_text(out, "\r\n");
			column = 0;
			continue;
		}
		is_hex = is_escaped(text, i, column);
		width = is_hex ? 3 : 1;
		/* One column is for the '=' of a soft break. */
		if (column + width > LINE_MAX_CHARS - 1) {
			hf_buf_put_text(out, "=\r\n");
			column = 0;
			is_hex = is_escaped(text, i, column);
			width = is_hex ? 3 : 1;
		}
		if (is_hex)
			hf_buf_printf(out, "=%02X", (unsigned)text.at[i]);
		else
			hf_buf_put_u8(out, text.at[i]);
		column += width;
	}
	if (column > 0)
		hf_buf_put_text(out, "\r\n");
}

void hf_mail_base64(struct hf_buf *out, struct hf_span bytes)
{
	while (bytes.len_bytes > 0) {
		char line[HF_BASE64_LEN(BASE64_LINE_BYTES) + 1];
		size_t take = bytes.len_bytes < BASE64_LINE_BYTES
				      ? bytes.len_bytes
				      : BASE64_LINE_BYTES;

		hf_base64(bytes.at, take, line);
		hf_buf_put_text(out, line);
		hf_buf_put_text(out, "\r\n");
		bytes = hf_span(bytes.at + take, bytes.len_bytes - take);
	}
}

/* What a spreadsheet would run; white space in front does not stop it. */
static bool is_formula(const char *text)
{
	text += strspn(text, " \t\r\n");
	return text[0] != '\0' && strchr("=+-@", text[0]) != NULL;
}

static bool needs_quotes(struct hf_span cell)
{
	return cell.len_bytes > 0 &&
	       (cell.at[0] == ' ' || cell.at[cell.len_bytes - 1] == ' ' ||
		memchr(cell.at, ';', cell.len_bytes) != NULL ||
		memchr(cell.at, ',', cell.len_bytes) != NULL ||
		memchr(cell.at, '"', cell.len_bytes) != NULL);
}

void hf_mail_cell(struct hf_buf *out, const char *text, bool is_last)
{
	struct hf_buf clean;
	bool is_quoted;

	hf_buf_init(&clean, HF_MAIL_MAX_BYTES);
	if (is_formula(text))
		hf_buf_put_u8(&clean, '\'');
	hf_mail_clean(&clean, text, false);
	is_quoted = needs_quotes(hf_buf_span(&clean));
	if (hf_buf_failed(&clean) != HF_OK)
		fail(out, clean.failed);
	if (is_quoted)
		hf_buf_put_u8(out, '"');
	for (size_t i = 0; i < clean.len_bytes; i++) {
		if (clean.at[i] == '"')
			hf_buf_put_u8(out, '"');
		hf_buf_put_u8(out, clean.at[i]);
	}
	if (is_quoted)
		hf_buf_put_u8(out, '"');
	hf_buf_put_text(out, is_last ? "\r\n" : ";");
	hf_buf_release(&clean);
}
