#include <stdio.h>
#include <stdlib.h>

#include "rpc_descriptor.h"
#include "rpc_wire.h"

/* Field numbers of descriptor.proto. */
enum {
	SET_FILE = 1,
	FILE_NAME = 1,
	FILE_PACKAGE = 2,
	FILE_MESSAGE = 4,
	FILE_ENUM = 5,
	FILE_SERVICE = 6,
	ANY_NAME = 1, /* of messages, fields, enums, services, methods */
	MESSAGE_FIELD = 2,
	MESSAGE_NESTED = 3,
	MESSAGE_ENUM = 4,
	SERVICE_METHOD = 2,
	METHOD_CLIENT_STREAMS = 5,
	METHOD_SERVER_STREAMS = 6,
};

/* Messages within messages; our files have two levels. */
#define DEPTH_MAX 8

struct file {
	struct hf_span bytes;
	struct hf_span name;
	struct hf_span package;
};

struct hf_rpc_descriptor {
	struct file *files; /* owned */
	size_t files_count;
};

static bool file_parse(struct hf_span bytes, struct file *out_file)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_rpc_field field;

	*out_file = (struct file){ .bytes = bytes };
	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, FILE_NAME))
			out_file->name = field.bytes;
		else if (hf_rpc_field_is(&field, FILE_PACKAGE))
			out_file->package = field.bytes;
	}
	return !wire.is_bad;
}

enum hf_err hf_rpc_descriptor_new(struct hf_span set,
				  struct hf_rpc_descriptor **out_descriptor,
				  struct hf_why *why)
{
	struct hf_rpc_wire wire = hf_rpc_wire(set);
	struct hf_rpc_descriptor *descriptor;
	struct hf_rpc_field field;
	size_t count = 0;

	while (hf_rpc_wire_next(&wire, &field))
		count += hf_rpc_field_is(&field, SET_FILE) ? 1 : 0;
	if (wire.is_bad)
		return hf_why(why, HF_E_MALFORMED,
			      "rpc: schema does not decode");
	descriptor = calloc(1, sizeof(*descriptor));
	if (descriptor == NULL)
		return hf_why(why, HF_E_NOMEM, "rpc: schema: out of memory");
	descriptor->files = calloc(count + 1, sizeof(*descriptor->files));
	if (descriptor->files == NULL) {
		free(descriptor);
		return hf_why(why, HF_E_NOMEM, "rpc: schema: out of memory");
	}
	wire = hf_rpc_wire(set);
	while (hf_rpc_wire_next(&wire, &field)) {
		if (!hf_rpc_field_is(&field, SET_FILE))
			continue;
		if (!file_parse(field.bytes,
				&descriptor->files[descriptor->files_count])) {
			hf_rpc_descriptor_free(descriptor);
			return hf_why(why, HF_E_MALFORMED,
				      "rpc: schema does not decode");
		}
		descriptor->files_count++;
	}
	*out_descriptor = descriptor;
	return HF_OK;
}

void hf_rpc_descriptor_free(struct hf_rpc_descriptor *descriptor)
{
	if (descriptor == NULL)
		return;
	free(descriptor->files);
	free(descriptor);
}

struct hf_span
hf_rpc_descriptor_file(const struct hf_rpc_descriptor *descriptor,
		       struct hf_span name)
{
	for (size_t i = 0; i < descriptor->files_count; i++) {
		if (hf_span_equal(descriptor->files[i].name, name))
			return descriptor->files[i].bytes;
	}
	return (struct hf_span){ NULL, 0 };
}

/* ---- names ---- */

/* What is left of path after "head." (or after head, if that is all of it);
 * false when path does not begin so. */
static bool step(struct hf_span path, struct hf_span head,
		 struct hf_span *out_rest)
{
	if (path.len_bytes < head.len_bytes ||
	    !hf_span_equal(hf_span(path.at, head.len_bytes), head))
		return false;
	path.at += head.len_bytes;
	path.len_bytes -= head.len_bytes;
	if (path.len_bytes > 0) {
		if (path.at[0] != '.')
			return false;
		path.at++;
		path.len_bytes--;
	}
	*out_rest = path;
	return true;
}

static struct hf_span name_of(struct hf_span bytes)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_rpc_field field;

	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, ANY_NAME))
			return field.bytes;
	}
	return (struct hf_span){ NULL, 0 };
}

/* Has it a child of that kind and name? */
static bool has_child(struct hf_span bytes, uint32_t number,
		      struct hf_span name)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_rpc_field field;

	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, number) &&
		    hf_span_equal(name_of(field.bytes), name))
			return true;
	}
	return false;
}

static bool message_has(struct hf_span bytes, struct hf_span symbol, int depth)
{
	struct hf_rpc_wire wire = hf_rpc_wire(bytes);
	struct hf_rpc_field field;
	struct hf_span rest;

	if (depth == 0 || !step(symbol, name_of(bytes), &rest))
		return false;
	if (rest.len_bytes == 0 || has_child(bytes, MESSAGE_FIELD, rest) ||
	    has_child(bytes, MESSAGE_ENUM, rest))
		return true;
	while (hf_rpc_wire_next(&wire, &field)) {
		if (hf_rpc_field_is(&field, MESSAGE_NESTED) &&
		    message_has(field.bytes, rest, depth - 1))
			return true;
	}
	return false;
}

static bool file_has(const struct file *file, struct hf_span symbol)
{
	struct hf_rpc_wire wire = hf_rpc_wire(file->bytes);
	struct hf_rpc_field field;
	struct hf_span rest = symbol;

	if (file->package.len_bytes > 0 &&
	    (!step(symbol, file->package, &rest) || rest.len_bytes == 0))
		return false;
	while (hf_rpc_wire_next(&wire, &field)) {
		struct hf_span inner;

		if (hf_rpc_field_is(&field, FILE_MESSAGE) &&
		    message_has(field.bytes, rest, DEPTH_MAX))
			return true;
		if (hf_rpc_field_is(&field, FILE_ENUM) &&
		    hf_span_equal(name_of(field.bytes), rest))
			return true;
		if (hf_rpc_field_is(&field, FILE_SERVICE) &&
		    step(rest, name_of(field.bytes), &inner) &&
		    (inner.len_bytes == 0 ||
		     has_child(field.bytes, SERVICE_METHOD, inner)))
			return true;
	}
	return false;
}

struct hf_span
hf_rpc_descriptor_symbol(const struct hf_rpc_descriptor *descriptor,
			 struct hf_span symbol)
{
	for (size_t i = 0; i < descriptor->files_count; i++) {
		if (file_has(&descriptor->files[i], symbol))
			return descriptor->files[i].bytes;
	}
	return (struct hf_span){ NULL, 0 };
}

/* ---- methods ---- */

static bool method_in(struct hf_span service, struct hf_span name,
		      bool *out_client_streams, bool *out_server_streams)
{
	struct hf_rpc_wire wire = hf_rpc_wire(service);
	struct hf_rpc_field field;

	while (hf_rpc_wire_next(&wire, &field)) {
		struct hf_rpc_wire inner;

		if (!hf_rpc_field_is(&field, SERVICE_METHOD) ||
		    !hf_span_equal(name_of(field.bytes), name))
			continue;
		*out_client_streams = *out_server_streams = false;
		inner = hf_rpc_wire(field.bytes);
		while (hf_rpc_wire_next(&inner, &field)) {
			if (field.number == METHOD_CLIENT_STREAMS)
				*out_client_streams = field.value != 0;
			else if (field.number == METHOD_SERVER_STREAMS)
				*out_server_streams = field.value != 0;
		}
		return true;
	}
	return false;
}

bool hf_rpc_descriptor_method(const struct hf_rpc_descriptor *descriptor,
			      struct hf_span path, bool *out_client_streams,
			      bool *out_server_streams)
{
	struct hf_span service;
	struct hf_span method;
	size_t slash = path.len_bytes;

	while (slash > 1 && path.at[slash - 1] != '/')
		slash--;
	if (slash < 2 || path.at[0] != '/')
		return false;
	service = hf_span(path.at + 1, slash - 2);
	method = hf_span(path.at + slash, path.len_bytes - slash);
	for (size_t i = 0; i < descriptor->files_count; i++) {
		const struct file *file = &descriptor->files[i];
		struct hf_rpc_wire wire = hf_rpc_wire(file->bytes);
		struct hf_rpc_field field;
		struct hf_span rest = service;

		if (file->package.len_bytes > 0 &&
		    !step(service, file->package, &rest))
			continue;
		while (hf_rpc_wire_next(&wire, &field)) {
			if (hf_rpc_field_is(&field, FILE_SERVICE) &&
			    hf_span_equal(name_of(field.bytes), rest) &&
			    method_in(field.bytes, method, out_client_streams,
				      out_server_streams))
				return true;
		}
	}
	return false;
}
