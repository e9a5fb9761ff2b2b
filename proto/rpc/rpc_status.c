#include <stdio.h>
#include <string.h>

#include "rpc_status.h"
#include "rpc_wire.h"
#include "text.h"

#define DOMAIN "hashfed"

static const char error_info[] = "type.googleapis.com/google.rpc.ErrorInfo";
static const char bad_request[] = "type.googleapis.com/google.rpc.BadRequest";

/* Field numbers. */
enum {
	STATUS_CODE = 1,
	STATUS_MESSAGE = 2,
	STATUS_DETAILS = 3,
	ANY_TYPE_URL = 1,
	ANY_VALUE = 2,
	INFO_REASON = 1,
	INFO_DOMAIN = 2,
	BAD_VIOLATIONS = 1,
	VIOLATION_FIELD = 1,
	VIOLATION_TEXT = 2,
};

/* ---- out ---- */

static void put_detail(struct hf_buf *buf, const char *type,
		       const struct hf_buf *value)
{
	struct hf_buf any;

	hf_buf_init(&any, HF_RPC_DETAILS_MAX_BYTES);
	hf_rpc_wire_put_text(&any, ANY_TYPE_URL, type);
	hf_rpc_wire_put_buf(&any, ANY_VALUE, value);
	hf_rpc_wire_put_buf(buf, STATUS_DETAILS, &any);
	hf_buf_release(&any);
}

static void put_info(struct hf_buf *buf, enum hf_err reason)
{
	struct hf_buf info;

	hf_buf_init(&info, HF_RPC_DETAILS_MAX_BYTES);
	hf_rpc_wire_put_text(&info, INFO_REASON, hf_err_name(reason));
	hf_rpc_wire_put_text(&info, INFO_DOMAIN, DOMAIN);
	put_detail(buf, error_info, &info);
	hf_buf_release(&info);
}

static void put_violations(struct hf_buf *buf,
			   const struct hf_rpc_status *status)
{
	struct hf_buf bad;

	hf_buf_init(&bad, HF_RPC_DETAILS_MAX_BYTES);
	for (size_t i = 0; i < status->violations_count; i++) {
		struct hf_buf violation;

		hf_buf_init(&violation, HF_RPC_DETAILS_MAX_BYTES);
		hf_rpc_wire_put_text(&violation, VIOLATION_FIELD,
				     status->violations[i].field);
		hf_rpc_wire_put_text(&violation, VIOLATION_TEXT,
				     status->violations[i].text);
		hf_rpc_wire_put_buf(&bad, BAD_VIOLATIONS, &violation);
		hf_buf_release(&violation);
	}
	put_detail(buf, bad_request, &bad);
	hf_buf_release(&bad);
}

enum hf_err hf_rpc_status_encode(const struct hf_rpc_status *status,
				 struct hf_buf *buf)
{
	hf_rpc_wire_put_number(buf, STATUS_CODE,
			       (uint64_t)hf_err_status(status->err));
	hf_rpc_wire_put_text(buf, STATUS_MESSAGE, status->why.text);
	put_info(buf, status->err);
	if (status->violations_count > 0)
		put_violations(buf, status);
	return hf_buf_failed(buf);
}

/* ---- in ---- */

/* Others' text goes to terminals and logs: no control characters, whole
 * characters only. */
static void copy_text(struct hf_span text, char *out_text, size_t size_bytes)
{
	size_t len_bytes = text.len_bytes;
	bool is_clean;

	if (len_bytes > size_bytes - 1) {
		len_bytes = size_bytes - 1;
		while (len_bytes > 0 && (text.at[len_bytes] & 0xc0) == 0x80)
			len_bytes--;
	}
	is_clean = hf_text_is_clean(hf_span(text.at, len_bytes));
	for (size_t i = 0; i < len_bytes; i++) {
		uint8_t byte = text.at[i];

		out_text[i] =
			(char)(is_clean || (byte >= 0x20 && byte < 0x7f) ? byte
									 : '?');
	}
	out_text[len_bytes] = '\0';
}

static bool parse_info(struct hf_span bytes, char *out_reason,
		       size_t size_bytes)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_span domain = { NULL, 0 };
	struct hf_span reason = { NULL, 0 };
	struct hf_rpc_field field;

	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, INFO_REASON))
			reason = field.bytes;
		else if (hf_rpc_field_is(&field, INFO_DOMAIN))
			domain = field.bytes;
	}
	if (!wire.is_bad && hf_span_is(domain, DOMAIN))
		copy_text(reason, out_reason, size_bytes);
	return !wire.is_bad;
}

static bool parse_violation(struct hf_span bytes,
			    struct hf_rpc_violation *out_violation)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_rpc_field field;

	memset(out_violation, 0, sizeof(*out_violation));
	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, VIOLATION_FIELD))
			copy_text(field.bytes, out_violation->field,
				  sizeof(out_violation->field));
		else if (hf_rpc_field_is(&field, VIOLATION_TEXT))
			copy_text(field.bytes, out_violation->text,
				  sizeof(out_violation->text));
	}
	return !wire.is_bad;
}

static bool parse_violations(struct hf_span bytes, struct hf_rpc_status *status)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_rpc_field field;

	while (status->violations_count < HF_RPC_VIOLATIONS_MAX &&
	       hf_rpc_wire_next(&wire, &field)) {
		if (!hf_rpc_field_is(&field, BAD_VIOLATIONS))
			continue;
		if (!parse_violation(
			    field.bytes,
			    &status->violations[status->violations_count]))
			return false;
		status->violations_count++;
	}
	return !wire.is_bad;
}

static bool parse_detail(struct hf_span bytes, struct hf_rpc_status *status,
			 char *reason, size_t size_bytes)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_span type = { NULL, 0 };
	struct hf_span value = { NULL, 0 };
	struct hf_rpc_field field;

	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, ANY_TYPE_URL))
			type = field.bytes;
		else if (hf_rpc_field_is(&field, ANY_VALUE))
			value = field.bytes;
	}
	if (wire.is_bad)
		return false;
	if (hf_span_is(type, error_info))
		return parse_info(value, reason, size_bytes);
	if (hf_span_is(type, bad_request))
		return parse_violations(value, status);
	return true;
}

enum hf_err hf_rpc_status_parse(int number, struct hf_span message,
				struct hf_span details,
				struct hf_rpc_status *out_status)
{
	struct hf_rpc_wire wire = hf_rpc_wire(details);
	struct hf_rpc_status status = { .err = HF_OK };
	struct hf_rpc_field field;
	char reason[32] = "";
	bool is_whole = details.len_bytes <= HF_RPC_DETAILS_MAX_BYTES;

	while (is_whole && hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, STATUS_DETAILS))
			is_whole = parse_detail(field.bytes, &status, reason,
						sizeof(reason));
	}
	is_whole = is_whole && !wire.is_bad;
	if (!is_whole)
		status = (struct hf_rpc_status){ .err = HF_OK };
	status.err = hf_err_from_wire(number, is_whole ? reason : NULL);
	/* A reason that belongs to another status number is not believed. */
	if (hf_err_status(status.err) != number)
		status.err = hf_err_from_wire(number, NULL);
	copy_text(message, status.why.text, sizeof(status.why.text));
	if (status.why.text[0] == '\0')
		snprintf(status.why.text, sizeof(status.why.text), "%s",
			 hf_err_words(status.err));
	*out_status = status;
	if (is_whole)
		return HF_OK;
	return details.len_bytes > HF_RPC_DETAILS_MAX_BYTES ? HF_E_LIMIT
							    : HF_E_MALFORMED;
}
