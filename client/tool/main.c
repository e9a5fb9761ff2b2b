/*
 * hashfed -- hash, publish, match and scan; sets, peers and state of a node.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sign.h"

#include "cmd.h"

static void usage(FILE *out)
{
	fprintf(out, "usage: hashfed [--home DIR] COMMAND ...\n\n");
	for (size_t i = 0; i < hf_cmd_rows_count; i++) {
		const struct hf_cmd_row *row = &hf_cmd_rows[i];
		char line[128];

		snprintf(line, sizeof(line), "%s%s%s %s", row->group,
			 row->verb != NULL ? " " : "",
			 row->verb != NULL ? row->verb : "", row->usage);
		fprintf(out, "  %s\n        %s\n", line, row->words);
	}
	fprintf(out, "\nOptions of each command: hashfed(1)\n");
}

static enum hf_err run(struct hf_cmd *cmd, const struct hf_cmd_row *row,
		       struct hf_why *why)
{
	enum hf_err err = hf_layout_find(hf_cmd_option(cmd, HF_CMD_HOME),
					 &cmd->layout, why);

	if (err == HF_OK)
		err = hf_sign_start(why);
	if (err == HF_OK)
		err = row->run(cmd, why);
	return err;
}

int main(int argc, char **argv)
{
	static struct hf_cmd cmd;
	const struct hf_cmd_row *row;
	struct hf_why why = { "" };
	enum hf_err err;

	/* A reader that went away is an error of write(), not a death. */
	signal(SIGPIPE, SIG_IGN);
	hf_arena_init(&cmd.arena, HF_CMD_ARENA_BYTES);
	err = hf_cmd_parse(&cmd, argc, argv, &row, &why);
	if (err == HF_OK && row == NULL) {
		if (hf_cmd_has(&cmd, HF_CMD_VERSION)) {
			printf("hashfed %s\n", HF_VERSION);
			return HF_CMD_EXIT_OK;
		}
		usage(hf_cmd_has(&cmd, HF_CMD_HELP) ? stdout : stderr);
		return hf_cmd_has(&cmd, HF_CMD_HELP) ? HF_CMD_EXIT_OK
						     : HF_CMD_EXIT_NO;
	}
	if (err == HF_OK)
		err = run(&cmd, row, &why);
	hf_arena_release(&cmd.arena);
	if (fflush(stdout) != 0 && err == HF_OK)
		err = hf_why_errno(&why, "write to standard output");
	if (err != HF_OK) {
		fprintf(stderr, "hashfed: %s\n", why.text);
		return HF_CMD_EXIT_NO;
	}
	return cmd.exit_code;
}
