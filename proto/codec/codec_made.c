#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "limit.h"
#include "codec_shape.h"

/*
 * protobuf-c keeps no length of a string, so one that holds a zero byte looks
 * like a shorter one.  The allocator puts the size of each block before it:
 * a string of n bytes is a block of n + 1.
 */
struct giver {
	struct hf_arena *arena;
	enum hf_err refused;
};

static void *give(void *data, size_t size_bytes)
{
	struct giver *giver = data;
	struct hf_arena *arena = giver->arena;
	size_t need_bytes = size_bytes + sizeof(size_t), *at;

	at = need_bytes > size_bytes ? hf_arena_alloc(arena, need_bytes) : NULL;
	if (at == NULL) {
		giver->refused =
			need_bytes > arena->ceiling_bytes - arena->total_bytes
				? HF_E_LIMIT
				: HF_E_NOMEM;
		return NULL;
	}
	*at = size_bytes;
	return at + 1;
}

static void keep(void *data, void *at)
{
}

static size_t made_text_len(const char *text)
{
	return text == protobuf_c_empty_string ? 0
					       : ((const size_t *)text)[-1] - 1;
}

/* A place inside either struct. */
#define AT(type, base, offset) ((type *)((char *)(base) + (offset)))
#define AT_CONST(type, base, offset)                                           \
	((type const *)((const char *)(base) + (offset)))

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "no memory for a message");
}

/* ---- protobuf-c's struct to ours ---- */

static enum hf_err take(const struct hf_shape *shape, const void *made,
			void *ours, struct hf_arena *arena, struct hf_why *why);

static enum hf_err take_text(const char *made, const char **ours,
			     struct hf_why *why)
{
	if (strlen(made) != made_text_len(made))
		return hf_why(why, HF_E_MALFORMED, "a zero byte in a text");
	*ours = made;
	return HF_OK;
}

static struct hf_span span_of(const ProtobufCBinaryData *made)
{
	return hf_span(made->data, made->len);
}

static enum hf_err take_messages(const struct hf_field *field,
				 void *const *made, size_t count,
				 const void **out, struct hf_arena *arena,
				 struct hf_why *why)
{
	const struct hf_shape *shape = field->shape();
	char *ours = hf_arena_calloc(arena, count, shape->size_bytes);

	if (ours == NULL)
		return no_memory(why);
	for (size_t i = 0; i < count; i++) {
		enum hf_err err =
			take(shape, made[i], ours + i * shape->size_bytes,
			     arena, why);

		if (err != HF_OK)
			return err;
	}
	*out = ours;
	return HF_OK;
}

static enum hf_err take_list(const struct hf_field *field, const void *made,
			     void *ours, struct hf_arena *arena,
			     struct hf_why *why)
{
	size_t count = *AT_CONST(size_t, made, field->made_count_at);
	void *from = *AT_CONST(void *, made, field->made_at);
	const void **to = AT(const void *, ours, field->at);
	struct hf_span *spans;

	/* Before room is made for it; said again by hf_shape_check(). */
	if (count > field->count_most)
		return hf_why(why, HF_E_LIMIT, "%s: %zu of them, at most %zu",
			      field->name, count, field->count_most);
	*AT(size_t, ours, field->count_at) = count;
	if (count == 0)
		return HF_OK;
	switch (field->kind) {
	case HF_FIELD_MESSAGE:
		return take_messages(field, from, count, to, arena, why);
	case HF_FIELD_BYTES:
		spans = hf_arena_calloc(arena, count, sizeof(*spans));
		if (spans == NULL)
			return no_memory(why);
		for (size_t i = 0; i < count; i++)
			spans[i] = span_of((ProtobufCBinaryData *)from + i);
		*to = spans;
		return HF_OK;
	case HF_FIELD_TEXT:
		for (size_t i = 0; i < count; i++) {
			const char **text = (const char **)from + i;
			enum hf_err err = take_text(*text, text, why);

			if (err != HF_OK)
				return err;
		}
		break;
	default:
		break;
	}
	/* The same array serves both: numbers, and pointers to texts. */
	*to = from;
	return HF_OK;
}

static enum hf_err take_one(const struct hf_field *field, const void *made,
			    void *ours, struct hf_arena *arena,
			    struct hf_why *why)
{
	const void *from = AT_CONST(void, made, field->made_at);
	void *to = AT(void, ours, field->at);

	switch (field->kind) {
	case HF_FIELD_BOOL:
		*(bool *)to = *(const protobuf_c_boolean *)from != 0;
		return HF_OK;
	case HF_FIELD_ENUM:
	case HF_FIELD_I32:
	case HF_FIELD_U32:
		*(uint32_t *)to = *(const uint32_t *)from;
		return HF_OK;
	case HF_FIELD_U64:
		*(uint64_t *)to = *(const uint64_t *)from;
		return HF_OK;
	case HF_FIELD_TEXT:
		return take_text(*(char *const *)from, to, why);
	case HF_FIELD_BYTES:
		*(struct hf_span *)to = span_of(from);
		return HF_OK;
	case HF_FIELD_MESSAGE:
		if (*(void *const *)from == NULL)
			return HF_OK;
		return take_messages(field, from, 1, to, arena, why);
	}
	return HF_E_INTERNAL;
}

static enum hf_err take(const struct hf_shape *shape, const void *made,
			void *ours, struct hf_arena *arena, struct hf_why *why)
{
	for (size_t i = 0; i < shape->fields_count; i++) {
		const struct hf_field *field = &shape->fields[i];
		enum hf_err err;

		if (field->case_number != 0) {
			if (*AT_CONST(unsigned, made, field->made_count_at) !=
			    field->case_number)
				continue;
			*AT(unsigned, ours, field->count_at) =
				field->case_number;
		}
		err = field->is_list ? take_list(field, made, ours, arena, why)
				     : take_one(field, made, ours, arena, why);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

enum hf_err hf_shape_parse(const struct hf_shape *shape, struct hf_span wire,
			   struct hf_arena *arena, void *out,
			   struct hf_why *why)
{
	struct giver giver = { arena, HF_OK };
	ProtobufCAllocator allocator = { give, keep, &giver };
	ProtobufCMessage *made;
	enum hf_err err;
	void *ours;

	if (wire.len_bytes > shape->wire_most_bytes)
		return hf_why(why, HF_E_LIMIT, "%s: %zu bytes, at most %zu",
			      shape->name, wire.len_bytes,
			      shape->wire_most_bytes);
	made = protobuf_c_message_unpack(shape->made, &allocator,
					 wire.len_bytes, wire.at);
	if (made == NULL && giver.refused == HF_OK)
		return hf_why(why, HF_E_MALFORMED, "%s: does not decode",
			      shape->name);
	if (made == NULL)
		return hf_why(why, giver.refused,
			      "%s: needs more memory than it may have",
			      shape->name);
	ours = hf_arena_calloc(arena, 1, shape->size_bytes);
	if (ours == NULL)
		return no_memory(why);
	err = take(shape, made, ours, arena, why);
	if (err == HF_OK)
		err = hf_shape_check(shape, ours, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "%s: ", shape->name);
		return err;
	}
	memcpy(out, ours, shape->size_bytes);
	return HF_OK;
}

/* ---- Ours to protobuf-c's ---- */

static enum hf_err fill(const struct hf_shape *shape, const void *ours,
			void *made, struct hf_arena *arena);

/* An array of pointers to made messages, as protobuf-c wants them. */
static void **fill_messages(const struct hf_field *field, const char *ours,
			    size_t count, struct hf_arena *arena)
{
	const struct hf_shape *shape = field->shape();
	size_t made_bytes = shape->made->sizeof_message;
	void **all = hf_arena_calloc(arena, count, sizeof(*all));
	char *made = hf_arena_calloc(arena, count, made_bytes);

	if (all == NULL || made == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		all[i] = made + i * made_bytes;
		if (fill(shape, ours + i * shape->size_bytes, all[i], arena) !=
		    HF_OK)
			return NULL;
	}
	return all;
}

static ProtobufCBinaryData binary_of(struct hf_span ours)
{
	/* protobuf-c reads only: its struct has no const. */
	return (ProtobufCBinaryData){ ours.len_bytes, (uint8_t *)ours.at };
}

static enum hf_err fill_list(const struct hf_field *field, const void *ours,
			     void *made, struct hf_arena *arena)
{
	size_t count = *AT_CONST(size_t, ours, field->count_at);
	void *from = *AT_CONST(void *, ours, field->at);
	void **to = AT(void *, made, field->made_at);
	ProtobufCBinaryData *binaries;

	*AT(size_t, made, field->made_count_at) = count;
	if (count == 0)
		return HF_OK;
	*to = from;
	if (field->kind == HF_FIELD_MESSAGE) {
		*to = fill_messages(field, from, count, arena);
	} else if (field->kind == HF_FIELD_BYTES) {
		binaries = hf_arena_calloc(arena, count, sizeof(*binaries));
		for (size_t i = 0; binaries != NULL && i < count; i++)
			binaries[i] = binary_of(((struct hf_span *)from)[i]);
		*to = binaries;
	}
	return *to != NULL ? HF_OK : HF_E_NOMEM;
}

static enum hf_err fill_one(const struct hf_field *field, const void *ours,
			    void *made, struct hf_arena *arena)
{
	const void *from = AT_CONST(void, ours, field->at);
	void *to = AT(void, made, field->made_at);
	void **messages;

	switch (field->kind) {
	case HF_FIELD_BOOL:
		*(protobuf_c_boolean *)to = *(const bool *)from;
		return HF_OK;
	case HF_FIELD_ENUM:
	case HF_FIELD_I32:
	case HF_FIELD_U32:
		*(uint32_t *)to = *(const uint32_t *)from;
		return HF_OK;
	case HF_FIELD_U64:
		*(uint64_t *)to = *(const uint64_t *)from;
		return HF_OK;
	case HF_FIELD_TEXT:
		if (*(char *const *)from != NULL)
			*(char **)to = *(char *const *)from;
		return HF_OK;
	case HF_FIELD_BYTES:
		*(ProtobufCBinaryData *)to =
			binary_of(*(const struct hf_span *)from);
		return HF_OK;
	case HF_FIELD_MESSAGE:
		if (*(const void *const *)from == NULL)
			return HF_OK;
		messages = fill_messages(field, *(const void *const *)from, 1,
					 arena);
		if (messages == NULL)
			return HF_E_NOMEM;
		*(void **)to = messages[0];
		return HF_OK;
	}
	return HF_E_INTERNAL;
}

static enum hf_err fill(const struct hf_shape *shape, const void *ours,
			void *made, struct hf_arena *arena)
{
	shape->made->message_init(made);
	for (size_t i = 0; i < shape->fields_count; i++) {
		const struct hf_field *field = &shape->fields[i];
		enum hf_err err;

		if (field->case_number != 0) {
			if (*AT_CONST(unsigned, ours, field->count_at) !=
			    field->case_number)
				continue;
			*AT(unsigned, made, field->made_count_at) =
				field->case_number;
		}
		err = field->is_list ? fill_list(field, ours, made, arena)
				     : fill_one(field, ours, made, arena);
		if (err != HF_OK)
			return err;
	}
	return HF_OK;
}

static enum hf_err pack(const struct hf_shape *shape,
			const ProtobufCMessage *made, struct hf_buf *buf)
{
	size_t len = protobuf_c_message_get_packed_size(made);
	uint8_t *at;

	if (len > shape->wire_most_bytes)
		return HF_E_LIMIT;
	at = hf_buf_grow(buf, len);
	if (at == NULL)
		return hf_buf_failed(buf);
	protobuf_c_message_pack(made, at);
	return HF_OK;
}

enum hf_err hf_shape_encode(const struct hf_shape *shape, const void *in,
			    struct hf_buf *buf)
{
	struct hf_arena scratch;
	ProtobufCMessage *made;
	enum hf_err err;

	err = hf_shape_check(shape, in, NULL);
	if (err == HF_OK)
		err = hf_buf_failed(buf);
	if (err != HF_OK)
		goto out;
	hf_arena_init(&scratch, SIZE_MAX);
	made = hf_arena_calloc(&scratch, 1, shape->made->sizeof_message);
	err = made != NULL ? fill(shape, in, made, &scratch) : HF_E_NOMEM;
	if (err == HF_OK)
		err = pack(shape, made, buf);
	hf_arena_release(&scratch);
out:
	if (err != HF_OK && buf->failed == HF_OK)
		buf->failed = err;
	return err;
}
