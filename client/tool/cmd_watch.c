#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "case_show.h"
#include "watch_run.h"

#define PATH_SIZE 4096

static enum hf_err find_state(const struct hf_cmd *cmd,
			      char path[static PATH_SIZE], struct hf_why *why)
{
	const char *given = hf_cmd_option(cmd, HF_CMD_STATE);
	char dir[PATH_SIZE - 64];

	if (given != NULL) {
		if (strlen(given) + sizeof(".lock") > PATH_SIZE)
			return hf_why(why, HF_E_LIMIT,
				      "--state: a path too long");
		strcpy(path, given);
		return HF_OK;
	}
	if (!hf_cmd_state_dir(cmd, "watch", dir, sizeof(dir)))
		return hf_why(why, HF_E_ARGUMENT,
			      "there is no place to remember what was done: "
			      "name a file with --state");
	snprintf(path, PATH_SIZE, "%s/%u.state", dir, (unsigned)geteuid());
	return HF_OK;
}

static enum hf_err with_hook(struct hf_watch_options *options,
			     const char *command, struct hf_why *why)
{
	struct hf_cmd *cmd = options->cmd;
	struct hf_watch_hook hook;
	char path[PATH_SIZE];
	enum hf_err err = find_state(cmd, path, why);

	if (err == HF_OK)
		err = hf_watch_hook_open(&hook, command,
					 hf_cmd_option(cmd, HF_CMD_HOME), path,
					 why);
	if (err != HF_OK)
		return err;
	err = hf_watch_state_load(options->state, path, why);
	if (err == HF_E_NOTFOUND)
		err = HF_OK;
	options->hook = &hook;
	options->state_path = path;
	if (err == HF_OK)
		err = hf_watch_run(options, why);
	hf_watch_hook_close(&hook);
	/* Something is left that the hook did not take. */
	if (err == HF_OK && options->is_once && options->state->count > 0)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	return err;
}

enum hf_err hf_cmd_watch(struct hf_cmd *cmd, struct hf_why *why)
{
	const char *command = hf_cmd_option(cmd, HF_CMD_EXEC);
	struct hf_watch_state state;
	struct hf_watch_options options = {
		.cmd = cmd,
		.state = &state,
		.is_once = hf_cmd_has(cmd, HF_CMD_ONCE),
		.from_now = hf_cmd_has(cmd, HF_CMD_FROM_NOW),
	};
	enum hf_err err = hf_cmd_jobs(cmd, 4, &options.jobs, why);

	if (err != HF_OK)
		return err;
	if (command == NULL &&
	    (hf_cmd_has(cmd, HF_CMD_STATE) || hf_cmd_has(cmd, HF_CMD_JOBS)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--state and --jobs go with --exec");
	if (command != NULL && command[0] == '\0')
		return hf_why(why, HF_E_ARGUMENT,
			      "--exec: give a command, as /bin/sh takes it");
	hf_watch_state_init(&state);
	err = command != NULL ? with_hook(&options, command, why)
			      : hf_watch_run(&options, why);
	hf_watch_state_release(&state);
	return err;
}
