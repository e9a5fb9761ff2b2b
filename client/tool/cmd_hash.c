#include <stdio.h>

#include "bytes.h"
#include "kind.h"

#include "cmd.h"
#include "show.h"
#include "show_json.h"

struct run {
	bool is_json;
	bool has_failed;
	enum hf_err err; /* of printing */
	struct hf_why *why;
};

/* The hashes of a result, in the order they are printed. */
static const struct {
	unsigned algorithm;
	size_t offset;
	size_t len_bytes;
} hashes[] = {
	{ HF_ALGORITHM_MD5, offsetof(struct hf_media_result, md5),
	  HF_MEDIA_MD5_BYTES },
	{ HF_ALGORITHM_SHA1, offsetof(struct hf_media_result, sha1),
	  HF_MEDIA_SHA1_BYTES },
	{ HF_ALGORITHM_SHA256, offsetof(struct hf_media_result, sha256),
	  HF_MEDIA_SHA256_BYTES },
	{ HF_ALGORITHM_PDQ, offsetof(struct hf_media_result, pdq),
	  HF_MEDIA_PDQ_BYTES },
};

#define HASHES (sizeof(hashes) / sizeof(hashes[0]))

static bool has_hash(const struct hf_media_result *result, size_t i)
{
	return hashes[i].algorithm != HF_ALGORITHM_PDQ ||
	       result->pdq_err == HF_OK;
}

static const uint8_t *digest_of(const struct hf_media_result *result, size_t i)
{
	return (const uint8_t *)result + hashes[i].offset;
}

static void print_text(const struct hf_media_result *result)
{
	char hex[2 * HF_MEDIA_SHA256_BYTES + 1];

	for (size_t i = 0; i < HASHES; i++) {
		if (!has_hash(result, i))
			continue;
		hf_hex(digest_of(result, i), hashes[i].len_bytes, hex);
		printf("%s\t%s\t", hf_algorithm_word(hashes[i].algorithm), hex);
		if (hashes[i].algorithm == HF_ALGORITHM_PDQ)
			printf("%u\t", result->quality);
		else
			printf("-\t");
		hf_show_escaped(stdout, result->path);
		putchar('\n');
	}
	if (result->frames_count == 0)
		return;
	printf("%s\t", hf_algorithm_word(HF_ALGORITHM_VPDQ));
	for (size_t i = 0; i < result->frames_count; i++) {
		hf_hex(result->frames + i * HF_PDQ_BYTES, HF_PDQ_BYTES, hex);
		fputs(hex, stdout);
	}
	printf("\t-\t");
	hf_show_escaped(stdout, result->path);
	putchar('\n');
}

static json_t *json_of(const struct hf_media_result *result)
{
	json_t *object = json_object(), *list = json_array();

	hf_json_set_path(object, result->path);
	json_object_set_new(object, "size", hf_json_number(result->size_bytes));
	json_object_set_new(object, "kind",
			    json_string(hf_media_kind_word(result->kind)));
	for (size_t i = 0; i < HASHES; i++) {
		json_t *hash;

		if (!has_hash(result, i))
			continue;
		hash = json_object();
		json_object_set_new(
			hash, "algorithm",
			json_string(hf_algorithm_word(hashes[i].algorithm)));
		json_object_set_new(
			hash, "hex",
			hf_json_hex(digest_of(result, i), hashes[i].len_bytes));
		json_object_set_new(
			hash, "quality",
			hashes[i].algorithm == HF_ALGORITHM_PDQ
				? json_integer((json_int_t)result->quality)
				: json_null());
		json_array_append_new(list, hash);
	}
	if (result->frames_count > 0) {
		json_t *hash = json_object();

		json_object_set_new(hash, "algorithm", json_string("vpdq"));
		json_object_set_new(
			hash, "hex",
			hf_json_hex(result->frames,
				    result->frames_count * HF_PDQ_BYTES));
		json_object_set_new(hash, "quality", json_null());
		json_array_append_new(list, hash);
	}
	json_object_set_new(object, "hashes", list);
	return object;
}

static void on_result(void *arg, const struct hf_media_result *result)
{
	struct run *run = arg;
	bool is_damaged = result->err == HF_OK && result->pdq_err != HF_OK &&
			  result->pdq_err != HF_E_UNSUPPORTED;
	bool has_failed = result->err != HF_OK || is_damaged;

	if (run->err != HF_OK)
		return;
	if (result->err == HF_OK && !run->is_json) {
		print_text(result);
	} else if (run->is_json) {
		json_t *object =
			result->err == HF_OK ? json_of(result) : json_object();

		if (result->err != HF_OK)
			hf_json_set_path(object, result->path);
		if (has_failed)
			json_object_set_new(object, "error",
					    hf_json_text(result->why.text));
		run->err = hf_json_line(object, run->why);
	}
	if (has_failed) {
		run->has_failed = true;
		hf_cmd_complain(result->path, result->why.text);
	}
}

enum hf_err hf_cmd_hash(struct hf_cmd *cmd, struct hf_why *why)
{
	struct run run = { .is_json = hf_cmd_has(cmd, HF_CMD_JSON),
			   .why = why };
	struct hf_media *media;
	enum hf_err err = hf_cmd_media(cmd, on_result, &run, &media, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < cmd->args_count && err == HF_OK; i++)
		err = hf_media_add(media, cmd->args[i], NULL, why);
	if (err == HF_OK)
		hf_media_finish(media);
	hf_media_close(media);
	if (run.has_failed)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	return err == HF_OK ? run.err : err;
}
