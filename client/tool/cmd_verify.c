#include "buf.h"
#include "bundle.h"
#include "clock.h"
#include "file.h"

#include "cmd.h"
#include "show_bundle.h"

/* Nobody is asked: all that is needed is in the file. */
enum hf_err hf_cmd_verify(struct hf_cmd *cmd, struct hf_why *why)
{
	const struct hf_bundle_options options = { .now_ms =
							   hf_clock_wall_ms() };
	struct hf_bundle_report report;
	struct hf_arena arena;
	struct hf_buf text;
	enum hf_err err;

	hf_arena_init(&arena, HF_BUNDLE_ARENA_BYTES);
	hf_buf_init(&text, HF_BUNDLE_FILE_MAX_BYTES);
	err = hf_file_read(cmd->args[0], &text, why);
	if (err == HF_OK) {
		err = hf_bundle_verify_file(hf_buf_span(&text), &options,
					    &arena, &report, why);
		if (err != HF_OK)
			hf_why_prefix(why, "%.60s: refused, %s: ", cmd->args[0],
				      hf_err_words(err));
	}
	hf_buf_release(&text);
	if (err == HF_OK && hf_cmd_has(cmd, HF_CMD_JSON))
		err = hf_show_bundle_json(&report, options.now_ms, why);
	else if (err == HF_OK)
		hf_show_bundle(&report, options.now_ms);
	hf_arena_release(&arena);
	return err;
}
