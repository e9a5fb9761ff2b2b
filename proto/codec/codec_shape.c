#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "limit.h"
#include "text.h"
#include "codec_shape.h"

static const void *place(const void *ours, size_t offset)
{
	return (const char *)ours + offset;
}

static size_t count_of(const struct hf_field *field, const void *ours)
{
	return *(const size_t *)place(ours, field->count_at);
}

static bool is_absent(const struct hf_field *field, const void *ours)
{
	return field->case_number != 0 &&
	       *(const unsigned *)place(ours, field->count_at) !=
		       field->case_number;
}

static enum hf_err check_text(const struct hf_field *field, const char *text,
			      struct hf_why *why)
{
	struct hf_span span = hf_span_of(text);

	if (span.len_bytes < field->least || span.len_bytes > field->most)
		return hf_why(why, HF_E_LIMIT, "%zu bytes, must be %ju to %ju",
			      span.len_bytes, (uintmax_t)field->least,
			      (uintmax_t)field->most);
	if (field->grammar != NULL) {
		const struct hf_grammar *grammar = field->grammar;

		if (span.len_bytes == 0 && grammar->may_be_empty)
			return HF_OK;
		if (!grammar->is_right(span))
			return hf_why(why, HF_E_ARGUMENT, "must be %s",
				      grammar->words);
		return HF_OK;
	}
	if (!hf_text_is_clean(span))
		return hf_why(why, HF_E_MALFORMED,
			      "must be UTF-8 without control characters");
	return HF_OK;
}

static enum hf_err check_bytes(const struct hf_field *field,
			       struct hf_span bytes, struct hf_why *why)
{
	size_t len = bytes.len_bytes;

	if (field->unit != 0 && len % field->unit != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "%zu bytes, must be a multiple of %zu", len,
			      field->unit);
	if (len >= field->least && len <= field->most)
		return HF_OK;
	if (field->least == field->most)
		return hf_why(why, HF_E_LIMIT, "%zu bytes, must be %ju", len,
			      (uintmax_t)field->most);
	return hf_why(why, HF_E_LIMIT, "%zu bytes, must be %ju to %ju", len,
		      (uintmax_t)field->least, (uintmax_t)field->most);
}

static enum hf_err check_number(const struct hf_field *field, uint64_t value,
				struct hf_why *why)
{
	if (value <= field->most)
		return HF_OK;
	return hf_why(why, HF_E_LIMIT, "%ju, must be at most %ju",
		      (uintmax_t)value, (uintmax_t)field->most);
}

/* The value at `at`: one of a list, or the only one. */
static enum hf_err check_value(const struct hf_field *field, const void *at,
			       struct hf_why *why)
{
	switch (field->kind) {
	case HF_FIELD_BOOL:
	case HF_FIELD_ENUM:
		return HF_OK;
	case HF_FIELD_I32:
		if (*(const int32_t *)at < 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "must not be negative");
		return check_number(field, *(const uint32_t *)at, why);
	case HF_FIELD_U32:
		return check_number(field, *(const uint32_t *)at, why);
	case HF_FIELD_U64:
		return check_number(field, *(const uint64_t *)at, why);
	case HF_FIELD_TEXT:
		return check_text(field, *(const char *const *)at, why);
	case HF_FIELD_BYTES:
		return check_bytes(field, *(const struct hf_span *)at, why);
	case HF_FIELD_MESSAGE:
		return hf_shape_check(field->shape(), at, why);
	}
	return HF_E_INTERNAL;
}

static const size_t value_bytes[] = {
	[HF_FIELD_BOOL] = sizeof(bool),
	[HF_FIELD_ENUM] = sizeof(unsigned),
	[HF_FIELD_I32] = sizeof(int32_t),
	[HF_FIELD_U32] = sizeof(uint32_t),
	[HF_FIELD_U64] = sizeof(uint64_t),
	[HF_FIELD_TEXT] = sizeof(const char *),
	[HF_FIELD_BYTES] = sizeof(struct hf_span),
};

size_t hf_field_size(const struct hf_field *field)
{
	return field->kind == HF_FIELD_MESSAGE ? field->shape()->size_bytes
					       : value_bytes[field->kind];
}

/* Numbers come in thousands: no call for each. */
static enum hf_err check_u32s(const struct hf_field *field,
			      const uint32_t *numbers, size_t count,
			      struct hf_why *why)
{
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] > field->most)
			return hf_why(why, HF_E_LIMIT,
				      "%s[%zu]: %u, must be at most %ju",
				      field->name, i, numbers[i],
				      (uintmax_t)field->most);
	}
	return HF_OK;
}

static bool is_unbounded(const struct hf_field *field)
{
	return field->kind == HF_FIELD_ENUM ||
	       (field->kind == HF_FIELD_U64 && field->most == UINT64_MAX);
}

static enum hf_err check_list(const struct hf_field *field, const void *ours,
			      struct hf_why *why)
{
	const char *at = *(const char *const *)place(ours, field->at);
	size_t count = count_of(field, ours), step = hf_field_size(field);

	if (count > field->count_most)
		return hf_why(why, HF_E_LIMIT, "%s: %zu of them, at most %zu",
			      field->name, count, field->count_most);
	if (is_unbounded(field))
		return HF_OK;
	if (field->kind == HF_FIELD_U32)
		return check_u32s(field, (const uint32_t *)at, count, why);
	for (size_t i = 0; i < count; i++) {
		enum hf_err err = check_value(field, at + i * step, why);

		if (err != HF_OK) {
			hf_why_prefix(why, "%s[%zu]: ", field->name, i);
			return err;
		}
	}
	return HF_OK;
}

static enum hf_err check_one(const struct hf_field *field, const void *ours,
			     struct hf_why *why)
{
	const void *at = place(ours, field->at);
	enum hf_err err;

	if (field->kind == HF_FIELD_MESSAGE) {
		at = *(const void *const *)at;
		if (at == NULL && field->least == 0)
			return HF_OK;
		if (at == NULL)
			return hf_why(why, HF_E_ARGUMENT, "%s: missing",
				      field->name);
	}
	err = check_value(field, at, why);
	if (err != HF_OK)
		hf_why_prefix(why, "%s: ", field->name);
	return err;
}

enum hf_err hf_shape_check(const struct hf_shape *shape, const void *ours,
			   struct hf_why *why)
{
	for (size_t i = 0; i < shape->fields_count; i++) {
		const struct hf_field *field = &shape->fields[i];
		enum hf_err err;

		if (is_absent(field, ours))
			continue;
		err = field->is_list ? check_list(field, ours, why)
				     : check_one(field, ours, why);
		if (err != HF_OK)
			return err;
	}
	return shape->check != NULL ? shape->check(ours, why) : HF_OK;
}

/* ---- Do rows and .proto agree? ---- */

static bool is_type(enum hf_field_kind kind, ProtobufCType type)
{
	static const ProtobufCType types[] = {
		[HF_FIELD_BOOL] = PROTOBUF_C_TYPE_BOOL,
		[HF_FIELD_ENUM] = PROTOBUF_C_TYPE_ENUM,
		[HF_FIELD_I32] = PROTOBUF_C_TYPE_INT32,
		[HF_FIELD_U32] = PROTOBUF_C_TYPE_UINT32,
		[HF_FIELD_U64] = PROTOBUF_C_TYPE_UINT64,
		[HF_FIELD_TEXT] = PROTOBUF_C_TYPE_STRING,
		[HF_FIELD_BYTES] = PROTOBUF_C_TYPE_BYTES,
		[HF_FIELD_MESSAGE] = PROTOBUF_C_TYPE_MESSAGE,
	};

	return types[kind] == type;
}

static bool is_same(const struct hf_field *field,
		    const ProtobufCFieldDescriptor *made)
{
	bool is_oneof = (made->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;

	if (strcmp(field->name, made->name) != 0 ||
	    !is_type(field->kind, made->type) || field->made_at != made->offset)
		return false;
	if (field->is_list != (made->label == PROTOBUF_C_LABEL_REPEATED) ||
	    (field->case_number != 0) != is_oneof)
		return false;
	if ((field->is_list || is_oneof) &&
	    field->made_count_at != made->quantifier_offset)
		return false;
	if (is_oneof && field->case_number != made->id)
		return false;
	return field->kind != HF_FIELD_MESSAGE ||
	       field->shape()->made == made->descriptor;
}

bool hf_shape_is_whole(const struct hf_shape *shape, struct hf_why *why)
{
	const ProtobufCMessageDescriptor *made = shape->made;

	for (size_t i = 0; i < made->n_fields; i++) {
		if (i >= shape->fields_count ||
		    !is_same(&shape->fields[i], &made->fields[i])) {
			(void)hf_why(why, HF_E_INTERNAL,
				     "%s: row %zu is not %s", shape->name, i,
				     made->fields[i].name);
			return false;
		}
	}
	return shape->fields_count == made->n_fields;
}
