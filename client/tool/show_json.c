#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "bytes.h"
#include "text.h"

#include "show_json.h"

#define TEXT_MAX_BYTES ((size_t)1024 * 1024)
#define REPLACEMENT    "\xef\xbf\xbd" /* U+FFFD */

/* The length of the longest first part that is UTF-8; jansson refuses the
 * rest.  Control characters are fine: they are escaped. */
static size_t sequence_len(const char *text)
{
	for (size_t len = 1; len <= 4; len++) {
		json_t *is = json_stringn(text, len);

		if (is != NULL) {
			json_decref(is);
			return len;
		}
		if (text[len] == '\0')
			break;
	}
	return 0;
}

json_t *hf_json_text(const char *text)
{
	json_t *made = json_string(text);
	struct hf_buf buf;

	if (made != NULL)
		return made;
	hf_buf_init(&buf, TEXT_MAX_BYTES);
	while (*text != '\0') {
		size_t len = sequence_len(text);

		if (len == 0)
			hf_buf_put_text(&buf, REPLACEMENT);
		else
			hf_buf_put(&buf, hf_span(text, len));
		text += len > 0 ? len : 1;
	}
	if (hf_buf_failed(&buf) == HF_OK)
		made = json_stringn((const char *)buf.at, buf.len_bytes);
	hf_buf_release(&buf);
	return made;
}

json_t *hf_json_hex(const void *bytes, size_t len_bytes)
{
	char *hex = malloc(2 * len_bytes + 1);
	json_t *made;

	if (hex == NULL)
		return NULL;
	hf_hex(bytes, len_bytes, hex);
	made = json_string(hex);
	free(hex);
	return made;
}

json_t *hf_json_number(uint64_t number)
{
	return json_integer((json_int_t)number);
}

json_t *hf_json_entry(const char *origin, uint64_t index)
{
	return json_pack("{s:o, s:o}", "origin", hf_json_text(origin), "index",
			 hf_json_number(index));
}

void hf_json_set_path(json_t *object, const char *path)
{
	json_t *plain = json_string(path);

	if (plain == NULL) {
		plain = hf_json_text(path);
		json_object_set_new(object, "path_hex",
				    hf_json_hex(path, strlen(path)));
	}
	json_object_set_new(object, "path", plain);
}

enum hf_err hf_json_line(json_t *object, struct hf_why *why)
{
	char *text = object != NULL
			     ? json_dumps(object,
					  JSON_COMPACT | JSON_REAL_PRECISION(6))
			     : NULL;

	json_decref(object);
	if (text == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a line");
	puts(text);
	free(text);
	return HF_OK;
}
