#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "hashfed/v1/admin.pb-c.h"

#include "bytes.h"
#include "codec_audit.h"
#include "codec_publish.h"
#include "codec_shape.h"

/* clang-format off */
HF_SHAPE(audit_fact, Hashfed__V1__AuditFact, hashfed__v1__audit_fact,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_TEXT(name, 1, HF_AUDIT_NAME_MAX_BYTES),
	HF_TEXT(value, 0, HF_AUDIT_FACT_MAX_BYTES))

HF_SHAPE(audit_record, Hashfed__V1__AuditRecord, hashfed__v1__audit_record,
	 HF_PAYLOAD_MAX_BYTES, NULL,
	HF_TEXT(method, 1, HF_AUDIT_NAME_MAX_BYTES),
	HF_TEXT(who, 0, HF_AUDIT_NAME_MAX_BYTES),
	HF_TEXT(duty, 0, HF_AUDIT_NAME_MAX_BYTES),
	HF_TEXT(serial, 0, HF_AUDIT_NAME_MAX_BYTES),
	HF_TEXT(outcome, 0, HF_AUDIT_NAME_MAX_BYTES),
	HF_MANY(facts, audit_fact, HF_AUDIT_FACTS_MAX))

HF_SHAPE(list_audit_request, Hashfed__V1__ListAuditRequest,
	 hashfed__v1__list_audit_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_I32(page_size, HF_PAGE_SIZE_MAX),
	HF_TEXT(page_token, 0, HF_PAGE_TOKEN_MAX_BYTES),
	HF_U64(from_ms),
	HF_U64(to_ms),
	HF_TEXT(who, 0, HF_AUDIT_NAME_MAX_BYTES),
	HF_TEXT(method, 0, HF_AUDIT_NAME_MAX_BYTES))

HF_SHAPE(audit_entry, Hashfed__V1__AuditEntry, hashfed__v1__audit_entry,
	 HF_MESSAGE_MAX_BYTES, NULL,
	HF_ONE(entry, entry_ref, 1),
	HF_U64(at_ms),
	HF_ONE(record, audit_record, 1))

HF_SHAPE(list_audit_response, Hashfed__V1__ListAuditResponse,
	 hashfed__v1__list_audit_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(entries, audit_entry, HF_PAGE_SIZE_MAX),
	HF_TEXT(next_page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(get_affected_request, Hashfed__V1__GetAffectedRequest,
	 hashfed__v1__get_affected_request, HF_MESSAGE_MAX_BYTES, NULL,
	HF_CASE_ONE(what, HF_AFFECTED_ENTRY, entry, entry_ref),
	HF_CASE_ONE(what, HF_AFFECTED_HASH, hash, hash),
	HF_I32(page_size, HF_PAGE_SIZE_MAX),
	HF_TEXT(page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

HF_SHAPE(given_verdict, Hashfed__V1__GivenVerdict,
	 hashfed__v1__given_verdict, HF_MESSAGE_MAX_BYTES, NULL,
	HF_U64(at_ms),
	HF_ENUM(verdict, hf_verdict),
	HF_ONE(entry, entry_ref, 1),
	HF_TEXT(rule, 0, HF_SENTENCE_MAX_BYTES),
	HF_TEXT(policy_version, 0, HF_LABEL_MAX_BYTES),
	HF_ENUM(algorithm, hf_algorithm),
	HF_U32(distance, UINT32_MAX),
	HF_TEXT(who, 0, HF_AUDIT_NAME_MAX_BYTES),
	HF_TEXT(item, 0, HF_ITEM_NAME_MAX_BYTES))

HF_SHAPE(get_affected_response, Hashfed__V1__GetAffectedResponse,
	 hashfed__v1__get_affected_response, HF_MESSAGE_MAX_BYTES, NULL,
	HF_MANY(verdicts, given_verdict, HF_PAGE_SIZE_MAX),
	HF_MANY(cases, case_summary, HF_PAGE_SIZE_MAX),
	HF_TEXT(next_page_token, 0, HF_PAGE_TOKEN_MAX_BYTES))

/*
 * The fields that are told, whatever message they are in; of messages among
 * them again those.  What people wrote, digests, places and contents are not.
 */
static const char *const told[] = {
	/* which */
	"set", "origin", "entry", "index", "case_id", "peer", "name",
	"to", "endpoint", "fingerprint", "batch_id",
	/* what with it */
	"kind", "reason", "hold", "how", "role", "erase", "may_relay",
	"is_removal", "is_witness", "is_restricted", "is_release", "is_end",
	"is_silent", "is_enrolled", "agreement_version", "until_ms", "verdict",
	"directory",
	/* messages that have such */
	"event", "claim", "summary", "found",
	/* what became of it */
	"ranges", "retracted", "count",
};
/* clang-format on */

/* Of a list so many, and then how many there are. */
#define LISTED_MAX 8

static bool is_told(const char *name)
{
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		if (strcmp(told[i], name) == 0)
			return true;
	}
	return false;
}

void hf_audit_facts_add(struct hf_audit_facts *facts, const char *name,
			const char *value)
{
	struct hf_span text = hf_span_of(value);
	struct hf_audit_fact fact;

	if (facts->count == HF_AUDIT_FACTS_MAX)
		return;
	if (text.len_bytes > HF_AUDIT_FACT_MAX_BYTES) {
		text.len_bytes = HF_AUDIT_FACT_MAX_BYTES;
		/* Not in the middle of a character. */
		while (text.len_bytes > 0 &&
		       (text.at[text.len_bytes] & 0xc0) == 0x80)
			text.len_bytes--;
	}
	fact.name = hf_arena_text(facts->arena, hf_span_of(name));
	fact.value = hf_arena_text(facts->arena, text);
	if (fact.name == NULL || fact.value == NULL)
		return;
	for (size_t i = 0; i < facts->count; i++) {
		if (strcmp(facts->at[i].name, fact.name) == 0 &&
		    strcmp(facts->at[i].value, fact.value) == 0)
			return;
	}
	facts->at[facts->count++] = fact;
}

static void add_number(struct hf_audit_facts *facts, const char *name,
		       uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	hf_audit_facts_add(facts, name, text);
}

static void add_bytes(struct hf_audit_facts *facts, const char *name,
		      struct hf_span bytes)
{
	char text[2 * HF_HASH_BYTES + 1];

	if (bytes.len_bytes == 0 || bytes.len_bytes > HF_HASH_BYTES)
		return;
	hf_hex(bytes.at, bytes.len_bytes, text);
	hf_audit_facts_add(facts, name, text);
}

static void add_entry(struct hf_audit_facts *facts, const char *name,
		      const struct hf_entry_ref *entry)
{
	char text[HF_ORIGIN_MAX_BYTES + 24];

	snprintf(text, sizeof(text), "%s %" PRIu64, entry->origin,
		 entry->index);
	hf_audit_facts_add(facts, name, text);
}

/* Messages of one call follow each other in the set, unless others wrote
 * between them. */
static void add_ranges(struct hf_audit_facts *facts,
		       const struct hf_appended_range *ranges, size_t count)
{
	uint64_t first = 0, length = 0, total = 0;
	size_t told_count = 0;
	char text[48];

	for (size_t i = 0; i <= count; i++) {
		if (i < count && ranges[i].count == 0)
			continue;
		if (i < count && length > 0 &&
		    ranges[i].first == first + length) {
			length += ranges[i].count;
			continue;
		}
		snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, first,
			 first + length - 1);
		if (length > 0 && told_count++ < LISTED_MAX)
			hf_audit_facts_add(facts, "entries", text);
		total += length;
		if (i < count) {
			first = ranges[i].first;
			length = ranges[i].count;
		}
	}
	add_number(facts, "count", total);
}

static void add_word(struct hf_audit_facts *facts, const struct hf_shape *shape,
		     size_t field, unsigned number)
{
	const ProtobufCEnumDescriptor *words =
		shape->made->fields[field].descriptor;
	const ProtobufCEnumValue *value =
		protobuf_c_enum_descriptor_get_value(words, (int)number);

	if (number == 0)
		return;
	if (value != NULL)
		hf_audit_facts_add(facts, shape->fields[field].name,
				   value->name);
	else
		add_number(facts, shape->fields[field].name, number);
}

static void add_message(struct hf_audit_facts *facts,
			const struct hf_shape *shape, const void *ours);

static void add_value(struct hf_audit_facts *facts,
		      const struct hf_shape *shape, size_t i, const void *at)
{
	const struct hf_field *field = &shape->fields[i];
	const char *text;

	switch (field->kind) {
	case HF_FIELD_BOOL:
		if (*(const bool *)at)
			hf_audit_facts_add(facts, field->name, "yes");
		break;
	case HF_FIELD_ENUM:
		add_word(facts, shape, i, *(const unsigned *)at);
		break;
	case HF_FIELD_I32:
	case HF_FIELD_U32:
		add_number(facts, field->name, *(const uint32_t *)at);
		break;
	case HF_FIELD_U64:
		add_number(facts, field->name, *(const uint64_t *)at);
		break;
	case HF_FIELD_TEXT:
		text = *(const char *const *)at;
		if (text[0] != '\0')
			hf_audit_facts_add(facts, field->name, text);
		break;
	case HF_FIELD_BYTES:
		add_bytes(facts, field->name, *(const struct hf_span *)at);
		break;
	case HF_FIELD_MESSAGE:
		if (field->shape() == hf_entry_ref_shape())
			add_entry(facts, field->name, at);
		else
			add_message(facts, field->shape(), at);
		break;
	}
}

static void add_list(struct hf_audit_facts *facts, const struct hf_shape *shape,
		     size_t i, const char *ours)
{
	const struct hf_field *field = &shape->fields[i];
	const char *at = *(const char *const *)(const void *)(ours + field->at);
	size_t count = *(const size_t *)(const void *)(ours + field->count_at);

	if (field->kind == HF_FIELD_MESSAGE &&
	    field->shape() == hf_appended_range_shape()) {
		add_ranges(facts, (const void *)at, count);
		return;
	}
	for (size_t j = 0; j < count && j < LISTED_MAX; j++)
		add_value(facts, shape, i, at + j * hf_field_size(field));
	if (count > LISTED_MAX)
		add_number(facts, "count", count);
}

/* What a parsed message says; its fields are in the order of their numbers. */
static void add_message(struct hf_audit_facts *facts,
			const struct hf_shape *shape, const void *ours)
{
	const char *from = ours;

	for (size_t i = 0; i < shape->fields_count; i++) {
		const struct hf_field *field = &shape->fields[i];
		const void *at = from + field->at;

		if (!is_told(field->name))
			continue;
		if (field->is_list) {
			add_list(facts, shape, i, from);
			continue;
		}
		if (field->case_number != 0 &&
		    *(const unsigned *)(const void *)(from + field->count_at) !=
			    field->case_number)
			continue;
		if (field->kind == HF_FIELD_MESSAGE) {
			at = *(const void *const *)at;
			if (at == NULL)
				continue;
		}
		add_value(facts, shape, i, at);
	}
}

/* The shape of "hashfed.v1.AppendRequest"; NULL for a message that has no
 * fields. */
static const struct hf_shape *shape_of(const char *path, const char *end)
{
	/* clang-format off */
	static const struct hf_shape *(*const shapes[])(void) = {
#define SHAPE(name) hf_##name##_shape,
		HF_SHAPES(SHAPE)
#undef SHAPE
	};
	/* clang-format on */
	const char *method = strrchr(path, '/');
	char name[HF_AUDIT_NAME_MAX_BYTES];

	snprintf(name, sizeof(name), "hashfed.v1.%s%s",
		 method != NULL ? method + 1 : path, end);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(shapes[i]()->made->name, name) == 0)
			return shapes[i]();
	}
	return NULL;
}

static void add_wire(struct hf_audit_facts *facts, const struct hf_shape *shape,
		     struct hf_span wire)
{
	void *ours;

	if (shape == NULL || wire.at == NULL)
		return;
	ours = hf_arena_calloc(facts->arena, 1, shape->size_bytes);
	if (ours != NULL &&
	    hf_shape_parse(shape, wire, facts->arena, ours, NULL) == HF_OK)
		add_message(facts, shape, ours);
}

void hf_audit_facts_of_request(struct hf_audit_facts *facts, const char *path,
			       struct hf_span request)
{
	add_wire(facts, shape_of(path, "Request"), request);
}

void hf_audit_facts_of_answer(struct hf_audit_facts *facts, const char *path,
			      struct hf_span answer)
{
	add_wire(facts, shape_of(path, "Response"), answer);
}

void hf_audit_facts_of_appended(struct hf_audit_facts *facts,
				const struct hf_append_response *appended)
{
	add_message(facts, hf_append_response_shape(), appended);
}
