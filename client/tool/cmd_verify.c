#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "bundle.h"
#include "bytes.h"
#include "clock.h"
#include "evidence.h"
#include "file.h"

#include "cmd.h"
#include "show_bundle.h"
#include "show_json.h"

static const char evidence_begins[] = "hashfed/evidence/";

/* Nobody is asked: all that is needed is in the file. */
static enum hf_err verify_bundle(struct hf_cmd *cmd, struct hf_span text,
				 struct hf_why *why)
{
	const struct hf_bundle_options options = { .now_ms =
							   hf_clock_wall_ms() };
	struct hf_bundle_report report;
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_BUNDLE_ARENA_BYTES);
	err = hf_bundle_verify_file(text, &options, &arena, &report, why);
	if (err != HF_OK)
		hf_why_prefix(why, "%.60s: refused, %s: ", cmd->args[0],
			      hf_err_words(err));
	else if (hf_cmd_has(cmd, HF_CMD_JSON))
		err = hf_show_bundle_json(&report, options.now_ms, why);
	else
		hf_show_bundle(&report, options.now_ms);
	hf_arena_release(&arena);
	return err;
}

static enum hf_err show_evidence_json(const struct hf_evidence *evidence,
				      const struct hf_note notes[static 2],
				      struct hf_why *why)
{
	json_t *object = json_object(), *trees = json_array();
	char vkey[HF_NOTE_VKEY_MAX_BYTES + 1];

	for (size_t i = 0; i < 2; i++) {
		json_t *tree = json_object();

		hf_note_key_text(&evidence->keys[i], vkey);
		json_object_set_new(tree, "size",
				    hf_json_number(notes[i].checkpoint.size));
		json_object_set_new(tree, "root",
				    hf_json_hex(notes[i].checkpoint.root.bytes,
						HF_HASH_BYTES));
		json_object_set_new(tree, "key", json_string(vkey));
		json_array_append_new(trees, tree);
	}
	json_object_set_new(object, "fork", json_true());
	json_object_set_new(
		object, "origin",
		json_stringn((const char *)notes[0].checkpoint.origin.at,
			     notes[0].checkpoint.origin.len_bytes));
	json_object_set_new(object, "trees", trees);
	return hf_json_line(object, why);
}

static void show_evidence(const struct hf_evidence *evidence,
			  const struct hf_note notes[static 2])
{
	char vkey[HF_NOTE_VKEY_MAX_BYTES + 1];
	char root[2 * HF_HASH_BYTES + 1];

	printf("fork         %.*s\n", HF_SPAN_ARGS(notes[0].checkpoint.origin));
	for (size_t i = 0; i < 2; i++) {
		hf_hex(notes[i].checkpoint.root.bytes, HF_HASH_BYTES, root);
		hf_note_key_text(&evidence->keys[i], vkey);
		printf("signed tree  %" PRIu64 " entries, root %s\n"
		       "with key     %s\n",
		       notes[i].checkpoint.size, root, vkey);
	}
	printf("no set has both%s\n"
	       "Whether these are the publisher's keys must be known from "
	       "elsewhere:\nhis agreement, or 'hashfed checkpoint --vkey'.\n",
	       evidence->has_root
		       ? ": the tree of the second has another beginning"
		       : "");
}

static enum hf_err verify_evidence(struct hf_cmd *cmd, struct hf_span text,
				   struct hf_why *why)
{
	struct hf_evidence evidence;
	struct hf_note notes[2];
	enum hf_err err = hf_evidence_parse(text, &evidence, why);

	if (err == HF_OK)
		err = hf_evidence_verify(&evidence, notes, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "%.60s: refused, %s: ", cmd->args[0],
			      hf_err_words(err));
		return err;
	}
	if (hf_cmd_has(cmd, HF_CMD_JSON))
		return show_evidence_json(&evidence, notes, why);
	show_evidence(&evidence, notes);
	return HF_OK;
}

enum hf_err hf_cmd_verify(struct hf_cmd *cmd, struct hf_why *why)
{
	struct hf_buf text;
	enum hf_err err;

	hf_buf_init(&text, HF_BUNDLE_FILE_MAX_BYTES);
	err = hf_file_read(cmd->args[0], &text, why);
	if (err == HF_OK && text.len_bytes >= sizeof(evidence_begins) - 1 &&
	    memcmp(text.at, evidence_begins, sizeof(evidence_begins) - 1) == 0)
		err = verify_evidence(cmd, hf_buf_span(&text), why);
	else if (err == HF_OK)
		err = verify_bundle(cmd, hf_buf_span(&text), why);
	hf_buf_release(&text);
	return err;
}
