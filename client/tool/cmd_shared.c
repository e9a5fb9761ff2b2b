#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "codec_words.h"
#include "file.h"
#include "kind.h"
#include "text.h"

#include "cmd.h"
#include "moment.h"
#include "show.h"

#define JOBS_MAX     64
#define LINE_COLUMNS 80

enum hf_err hf_cmd_connect(struct hf_cmd *cmd, unsigned duties,
			   struct hf_client **out_client, struct hf_why *why)
{
	const struct hf_client_options options = {
		.run_dir = cmd->layout.run,
		.duties = duties,
		.server = hf_cmd_option(cmd, HF_CMD_SERVER),
		.cert_path = hf_cmd_option(cmd, HF_CMD_CERT),
		.key_path = hf_cmd_option(cmd, HF_CMD_KEY),
		.pin = hf_cmd_option(cmd, HF_CMD_PIN),
	};

	if (options.server == NULL &&
	    (options.cert_path != NULL || options.key_path != NULL ||
	     options.pin != NULL))
		return hf_why(why, HF_E_ARGUMENT,
			      "--cert, --key and --pin go with --server");
	return hf_client_open(&options, out_client, why);
}

bool hf_cmd_next_page(struct hf_arena *arena,
		      char token[static HF_PAGE_TOKEN_MAX_BYTES + 1],
		      const char *next_page_token)
{
	snprintf(token, HF_PAGE_TOKEN_MAX_BYTES + 1, "%s", next_page_token);
	hf_arena_reset(arena);
	return token[0] != '\0';
}

void hf_cmd_complain(const char *path, const char *sentence)
{
	/* What was printed before comes before, also in one file. */
	fflush(stdout);
	fputs("hashfed: ", stderr);
	hf_show_escaped(stderr, path);
	fprintf(stderr, ": %s\n", sentence);
}

void hf_cmd_complain_words(const char *what, const char *words)
{
	int column = fprintf(stderr, "hashfed: %s:", what);

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (column + (int)len + 1 >= LINE_COLUMNS)
			column = fprintf(stderr, "\n        ") - 1;
		column += fprintf(stderr, " %.*s", (int)len, words);
		words += len + (words[len] == ' ');
	}
	fputc('\n', stderr);
}

enum hf_err hf_cmd_jobs(const struct hf_cmd *cmd, unsigned by_default,
			unsigned *out_count, struct hf_why *why)
{
	const char *jobs = hf_cmd_option(cmd, HF_CMD_JOBS);
	uint64_t count = by_default;

	if (jobs != NULL &&
	    (hf_text_u64(hf_span_of(jobs), JOBS_MAX, &count) != HF_OK ||
	     count == 0))
		return hf_why(why, HF_E_ARGUMENT,
			      "--jobs '%.40s': give a number from 1 to %d",
			      jobs, JOBS_MAX);
	*out_count = (unsigned)count;
	return HF_OK;
}

enum hf_err hf_cmd_text(const struct hf_cmd *cmd, enum hf_cmd_option option,
			size_t most, const char **out_text, struct hf_why *why)
{
	const char *text = hf_cmd_option(cmd, option);

	if (text != NULL &&
	    (strlen(text) > most || !hf_text_is_clean(hf_span_of(text))))
		return hf_why(why, HF_E_ARGUMENT,
			      "--%s: at most %zu bytes of UTF-8, on one line",
			      hf_cmd_option_name(option), most);
	*out_text = text;
	return HF_OK;
}

enum hf_err hf_cmd_moment(const struct hf_cmd *cmd, enum hf_cmd_option option,
			  uint64_t *out_ms, struct hf_why *why)
{
	const char *text = hf_cmd_option(cmd, option);
	enum hf_err err;

	*out_ms = 0;
	if (text == NULL)
		return HF_OK;
	err = hf_moment_parse(hf_span_of(text), out_ms, why);
	if (err == HF_OK)
		return HF_OK;
	hf_why_prefix(why, "--%s: ", hf_cmd_option_name(option));
	return HF_E_ARGUMENT;
}

bool hf_cmd_state_dir(const struct hf_cmd *cmd, const char *name,
		      char *out_path, size_t size_bytes)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	snprintf(out_path, size_bytes, "%s/%s", cmd->layout.lib, name);
	if (hf_file_mkdirs(out_path, 0700, NULL) == HF_OK &&
	    access(out_path, W_OK) == 0)
		return true;
	if (state != NULL && state[0] == '/')
		snprintf(out_path, size_bytes, "%s/hashfed/%s", state, name);
	else if (home != NULL && home[0] != '\0')
		snprintf(out_path, size_bytes, "%s/.local/state/hashfed/%s",
			 home, name);
	else
		return false;
	return hf_file_mkdirs(out_path, 0700, NULL) == HF_OK &&
	       access(out_path, W_OK) == 0;
}

enum hf_err
hf_cmd_media(struct hf_cmd *cmd,
	     void (*on_result)(void *arg, const struct hf_media_result *),
	     void *arg, struct hf_media **out_media, struct hf_why *why)
{
	struct hf_media_options options = {
		.is_exact_only = hf_cmd_has(cmd, HF_CMD_QUICK),
		.on_result = on_result,
		.arg = arg,
	};
	enum hf_err err = hf_cmd_jobs(cmd, 0, &options.threads_count, why);

	if (err != HF_OK)
		return err;
	return hf_media_open(&options, out_media, why);
}

static volatile sig_atomic_t is_interrupted;

static void on_signal(int number)
{
	is_interrupted = 1;
}

void hf_cmd_catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = (int)SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool hf_cmd_is_interrupted(void)
{
	return is_interrupted != 0;
}

/* The algorithm that alone has digests of so many hex digits. */
static unsigned algorithm_of_digits(size_t digits)
{
	unsigned found = 0;

	for (unsigned i = 1; i < HF_ALGORITHM_COUNT; i++) {
		if (hf_algorithm_bytes(i) == 0 ||
		    2 * hf_algorithm_bytes(i) != digits)
			continue;
		if (found != 0)
			return 0;
		found = i;
	}
	return found;
}

bool hf_cmd_hash_parse(const char *text, struct hf_cmd_hash *out_hash)
{
	const char *colon = strchr(text, ':');
	struct hf_span digits = hf_span_of(colon != NULL ? colon + 1 : text);
	size_t len_bytes = digits.len_bytes / 2;
	unsigned algorithm;

	if (colon != NULL) {
		algorithm = hf_algorithm_parse(
			hf_span(text, (size_t)(colon - text)));
		if (!hf_algorithm_takes(algorithm, len_bytes))
			return false;
	} else {
		algorithm = algorithm_of_digits(digits.len_bytes);
		if (algorithm == 0 && len_bytes != HF_HASH_BYTES)
			return false;
	}
	if (digits.len_bytes != 2 * len_bytes ||
	    hf_hex_parse(digits, out_hash->digest, len_bytes) != HF_OK ||
	    (colon == NULL && access(text, F_OK) == 0))
		return false;
	out_hash->algorithm = algorithm;
	out_hash->len_bytes = len_bytes;
	return true;
}

enum hf_err hf_cmd_batch_id(const char *text,
			    uint8_t out_id[static HF_BATCH_ID_BYTES],
			    struct hf_why *why)
{
	if (hf_hex_parse(hf_span_of(text), out_id, HF_BATCH_ID_BYTES) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "--batch '%.60s': give the %d hex digits that "
			      "publish printed",
			      text, 2 * HF_BATCH_ID_BYTES);
	return HF_OK;
}
