#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client_stream.h"
#include "clock.h"
#include "duty.h"

#include "cutter.h"
#include "lookup_batch.h"
#include "match_answer.h"
#include "match_line.h"
#include "match_pipe.h"

/* Lines that are not answered yet; more are not read. */
#define LINES_MAX 4096
/* Of one lookup: several of them are under way at once. */
#define BATCH_LINES 256
/* Files that are being read. */
#define FILES_MAX 64

#define SECOND_US     ((uint64_t)1000 * 1000)
#define RETRY_MOST_US (2 * SECOND_US)
/* A daemon that says nothing for so long is given up. */
#define ANSWER_MAX_US (15 * SECOND_US)
#define NEVER         UINT64_MAX

enum step {
	IS_NEW,      /* a file that nobody reads yet */
	IS_HASHING,  /* one that is being read */
	IS_READY,    /* to be looked up */
	IS_ASKED,    /* under way */
	IS_ANSWERED, /* to be printed */
};

struct line {
	enum step step;
	struct hf_match_line is;
	struct hf_media_result *result; /* owned: of a file that was read */
	bool is_alone;                  /* what it was asked with was refused */
	char *answer;                   /* owned */
};

/* Lines that were asked together. */
struct asked {
	size_t count;
	uint64_t sent_us;
	struct line *lines[BATCH_LINES];
};

enum unavailable { HOLD, PASS, FAIL };

struct pipe {
	struct hf_cmd *cmd;
	enum unavailable unavailable;
	struct hf_cutter input;
	struct line *lines; /* owned: a ring */
	size_t first, count;
	struct hf_media *media; /* NULL until a file comes */
	size_t files;           /* lines that are IS_NEW or IS_HASHING */
	struct hf_lookup_batch batch;
	struct hf_client *client;                    /* NULL: not connected */
	struct hf_client_stream *stream;             /* likewise */
	struct asked asked[HF_CLIENT_STREAM_WINDOW]; /* a ring */
	size_t first_asked, asked_count;
	unsigned failures; /* of the daemon, since its last answer */
	uint64_t connect_at_us;
	int wake_fd;
	bool has_matched, has_failed;
	struct hf_why lost; /* why the daemon is away */
	enum hf_err err;    /* of a file's result, of an answer */
	struct hf_why why;
};

static struct line *line_at(struct pipe *pipe, size_t i)
{
	return &pipe->lines[(pipe->first + i) % LINES_MAX];
}

/* ---- answers ---- */

/* Takes the text. */
static enum hf_err answer(struct line *line, char *text, struct hf_why *why)
{
	if (text == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for an answer");
	line->answer = text;
	line->step = IS_ANSWERED;
	return HF_OK;
}

static enum hf_err answer_error(struct pipe *pipe, struct line *line,
				const char *sentence, struct hf_why *why)
{
	pipe->has_failed = true;
	return answer(line, hf_match_answer_none(&line->is, "error", sentence),
		      why);
}

static void line_release(struct line *line)
{
	hf_match_line_release(&line->is);
	if (line->result != NULL)
		hf_media_result_release(line->result);
	free(line->result);
	free(line->answer);
	*line = (struct line){ 0 };
}

/* All that are at the front; seen by the reader at once. */
static enum hf_err print(struct pipe *pipe, struct hf_why *why)
{
	bool has_any = false;

	while (pipe->count > 0 && line_at(pipe, 0)->step == IS_ANSWERED) {
		puts(line_at(pipe, 0)->answer);
		line_release(line_at(pipe, 0));
		pipe->first = (pipe->first + 1) % LINES_MAX;
		pipe->count--;
		has_any = true;
	}
	return has_any && fflush(stdout) != 0
		       ? hf_why_errno(why, "write to standard output")
		       : HF_OK;
}

/* ---- the daemon ---- */

/* Errors that are about what was asked; of the others the daemon, or the way
 * to it, is to be mended. */
static bool is_of_lines(enum hf_err err)
{
	return err == HF_E_LIMIT || err == HF_E_ARGUMENT ||
	       err == HF_E_MALFORMED || err == HF_E_UNSUPPORTED;
}

static void disconnect(struct pipe *pipe)
{
	hf_client_stream_end(pipe->stream);
	hf_client_close(pipe->client);
	pipe->stream = NULL;
	pipe->client = NULL;
}

/* What was under way is to be asked again. */
static void ask_again(struct pipe *pipe, bool is_alone)
{
	while (pipe->asked_count > 0) {
		struct asked *asked = &pipe->asked[pipe->first_asked];

		for (size_t i = 0; i < asked->count; i++) {
			asked->lines[i]->step = IS_READY;
			asked->lines[i]->is_alone |= is_alone;
		}
		pipe->first_asked =
			(pipe->first_asked + 1) % HF_CLIENT_STREAM_WINDOW;
		pipe->asked_count--;
	}
}

static uint64_t pause_us(unsigned failures)
{
	uint64_t pause = SECOND_US / 16;

	for (unsigned i = 2; i < failures && pause < RETRY_MOST_US; i++)
		pause *= 2;
	return failures < 2 ? 0 : pause;
}

/* The call ended.  One that a line is to blame for is made again without it:
 * each line by itself. */
static enum hf_err lost(struct pipe *pipe, enum hf_err err,
			const struct hf_why *said, struct hf_why *why)
{
	struct asked *asked = &pipe->asked[pipe->first_asked];
	bool is_of_line = pipe->asked_count > 0 && is_of_lines(err);
	enum hf_err answering = HF_OK;

	disconnect(pipe);
	if (is_of_line && asked->count == 1) {
		answering =
			answer_error(pipe, asked->lines[0], said->text, why);
		asked->count = 0;
	}
	ask_again(pipe, is_of_line);
	if (answering != HF_OK || is_of_line)
		return answering;
	pipe->failures++;
	pipe->lost = *said;
	pipe->connect_at_us = hf_clock_mono_us() + pause_us(pipe->failures);
	if (pipe->failures == 2 && !hf_cmd_has(pipe->cmd, HF_CMD_QUIET))
		fprintf(stderr, "hashfed: %s; %s\n", said->text,
			pipe->unavailable == HOLD
				? "lines wait for it"
				: "lines are answered 'unavailable'");
	return HF_OK;
}

static enum hf_err on_answer(void *arg, void *tag,
			     const struct hf_wire_match_response *response,
			     struct hf_why *why)
{
	struct pipe *pipe = arg;
	struct asked *asked = tag;
	enum hf_err err = HF_OK;
	size_t at = 0;

	for (uint32_t i = 0; i < asked->count && err == HF_OK; i++) {
		const struct hf_wire_match_hit *hits;
		size_t count = hf_lookup_hits(response, i, &at, &hits);

		pipe->has_matched |= count > 0;
		err = answer(asked->lines[i],
			     hf_match_answer_hits(&asked->lines[i]->is,
						  asked->lines[i]->result, hits,
						  count),
			     why);
	}
	pipe->first_asked = (pipe->first_asked + 1) % HF_CLIENT_STREAM_WINDOW;
	pipe->asked_count--;
	/* The next one has only now begun to be the oldest. */
	if (pipe->asked_count > 0)
		pipe->asked[pipe->first_asked].sent_us = hf_clock_mono_us();
	if (pipe->failures >= 2 && !hf_cmd_has(pipe->cmd, HF_CMD_QUIET))
		fprintf(stderr, "hashfed: the daemon is back\n");
	pipe->failures = 0;
	if (err != HF_OK) {
		pipe->err = err;
		pipe->why = *why;
	}
	return err;
}

static enum hf_err connect_now(struct pipe *pipe, struct hf_why *why)
{
	enum hf_err err =
		hf_cmd_connect(pipe->cmd, HF_DUTY_SCANNER, &pipe->client, why);

	if (err == HF_OK)
		err = hf_client_stream_begin(pipe->client, on_answer, pipe,
					     &pipe->stream, why);
	if (err == HF_OK)
		hf_client_stream_wake(pipe->stream, pipe->wake_fd);
	return err;
}

/* ---- lookups ---- */

/* What is remembered has to be found again; the journal of verdicts has what
 * the caller knows it by. */
static enum hf_err name_it(struct pipe *pipe, uint32_t item,
			   const struct hf_match_line *line, struct hf_why *why)
{
	bool must_be_found = hf_cmd_has(pipe->cmd, HF_CMD_REMEMBER);
	char number[32];

	if (line->path != NULL && (must_be_found || line->id == NULL))
		return hf_lookup_batch_name(&pipe->batch, item, line->path,
					    why);
	if (line->id == NULL)
		return HF_OK;
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		 json_integer_value(line->id));
	return hf_lookup_batch_call(
		&pipe->batch, item,
		json_is_string(line->id) ? json_string_value(line->id) : number,
		why);
}

static enum hf_err add_to_batch(struct pipe *pipe, uint32_t item,
				const struct line *line, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < line->is.hashes_count && err == HF_OK; i++) {
		const struct hf_match_hash *hash = &line->is.hashes[i];

		err = hf_lookup_batch_add(
			&pipe->batch, item, hash->algorithm,
			hf_span(hash->digest, hash->len_bytes), hash->quality,
			why);
	}
	if (line->result != NULL)
		err = hf_lookup_batch_add_file(&pipe->batch, item, line->result,
					       why);
	return err == HF_OK ? name_it(pipe, item, &line->is, why) : err;
}

/* Lines that are ready, from *at on: as many as one lookup takes. */
static enum hf_err fill_batch(struct pipe *pipe, size_t *at,
			      struct asked *asked, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	hf_lookup_batch_reset(&pipe->batch);
	asked->count = 0;
	for (; *at < pipe->count && asked->count < BATCH_LINES; (*at)++) {
		struct line *line = line_at(pipe, *at);

		if (line->step != IS_READY)
			continue;
		if (asked->count > 0 &&
		    (line->is_alone || pipe->batch.digests_count +
						       line->is.lookups_count +
						       HF_LOOKUP_FILE_MAX >
					       HF_MATCH_BATCH_MAX))
			break;
		err = add_to_batch(pipe, (uint32_t)asked->count, line, why);
		if (err != HF_OK)
			break;
		asked->lines[asked->count++] = line;
		if (line->is_alone) {
			(*at)++;
			break;
		}
	}
	return err;
}

/* Ask for whatever is ready, at once: lines that come while the daemon is busy
 * go together, and only those. */
static enum hf_err ask(struct pipe *pipe, struct hf_why *why)
{
	size_t at = 0;

	while (pipe->stream != NULL &&
	       pipe->asked_count < HF_CLIENT_STREAM_WINDOW) {
		size_t slot = (pipe->first_asked + pipe->asked_count) %
			      HF_CLIENT_STREAM_WINDOW;
		struct asked *asked = &pipe->asked[slot];
		const struct hf_wire_match_request *request;
		struct hf_why said = { "" };
		enum hf_err err = fill_batch(pipe, &at, asked, why);

		if (err != HF_OK || asked->count == 0)
			return err;
		err = hf_lookup_batch_request(&pipe->batch, &request, why);
		if (err != HF_OK)
			return err;
		for (size_t i = 0; i < asked->count; i++)
			asked->lines[i]->step = IS_ASKED;
		asked->sent_us = hf_clock_mono_us();
		pipe->asked_count++;
		err = hf_client_stream_send(pipe->stream, request, asked,
					    &said);
		if (err != HF_OK)
			return lost(pipe, err, &said, why);
	}
	return HF_OK;
}

static bool has_ready(struct pipe *pipe)
{
	for (size_t i = 0; i < pipe->count; i++) {
		if (line_at(pipe, i)->step == IS_READY)
			return true;
	}
	return false;
}

/* Nobody can answer. */
static enum hf_err give_up(struct pipe *pipe, struct hf_why *why)
{
	const char *sentence =
		pipe->unavailable == FAIL ? pipe->lost.text : NULL;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < pipe->count && err == HF_OK; i++) {
		struct line *line = line_at(pipe, i);

		if (line->step != IS_READY)
			continue;
		pipe->has_failed |= sentence != NULL;
		err = answer(line,
			     hf_match_answer_none(&line->is, "unavailable",
						  sentence),
			     why);
	}
	return err;
}

static enum hf_err look_up(struct pipe *pipe, struct hf_why *why)
{
	struct hf_why said = { "" };
	enum hf_err err = HF_OK;

	if (pipe->stream != NULL)
		err = hf_client_stream_poll(pipe->stream, &said);
	if (pipe->err != HF_OK) {
		*why = pipe->why;
		return pipe->err;
	}
	if (err == HF_OK && pipe->asked_count > 0 &&
	    hf_clock_mono_us() - pipe->asked[pipe->first_asked].sent_us >=
		    ANSWER_MAX_US)
		err = hf_why(&said, HF_E_DEADLINE,
			     "the daemon at %s does not answer",
			     hf_client_place(pipe->client));
	if (err != HF_OK)
		err = lost(pipe, err, &said, why);
	/* A lookup that a line spoilt is made again at once. */
	while (err == HF_OK && has_ready(pipe)) {
		if (pipe->stream == NULL &&
		    hf_clock_mono_us() >= pipe->connect_at_us) {
			err = connect_now(pipe, &said);
			if (err != HF_OK)
				err = lost(pipe, err, &said, why);
			if (err != HF_OK)
				return err;
		}
		if (pipe->stream == NULL && pipe->failures < 2)
			continue;
		if (pipe->stream == NULL)
			return pipe->unavailable == HOLD ? HF_OK
							 : give_up(pipe, why);
		return ask(pipe, why);
	}
	return err;
}

/* ---- files ---- */

static enum hf_err take_result(struct pipe *pipe, struct line *line,
			       const struct hf_media_result *result,
			       struct hf_why *why)
{
	pipe->files--;
	if (result->err != HF_OK)
		return answer_error(pipe, line, result->why.text, why);
	line->result = malloc(sizeof(*line->result));
	if (line->result == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	if (hf_media_result_copy(result, line->result, why) != HF_OK) {
		free(line->result);
		line->result = NULL;
		return HF_E_NOMEM;
	}
	line->result->path = line->is.path;
	line->step = IS_READY;
	pipe->has_failed |= hf_match_has_bad_image(result);
	return HF_OK;
}

static void on_result(void *arg, const struct hf_media_result *result)
{
	struct pipe *pipe = arg;

	if (pipe->err == HF_OK)
		pipe->err = take_result(pipe, result->tag, result, &pipe->why);
}

static enum hf_err open_media(struct pipe *pipe, struct hf_why *why)
{
	struct hf_media_options options = {
		.window_count = FILES_MAX,
		.is_unordered = true,
		.is_exact_only = hf_cmd_has(pipe->cmd, HF_CMD_QUICK),
		.on_result = on_result,
		.arg = pipe,
	};
	enum hf_err err =
		hf_cmd_jobs(pipe->cmd, 0, &options.threads_count, why);

	if (err == HF_OK)
		err = hf_media_open(&options, &pipe->media, why);
	if (err == HF_OK)
		hf_media_wake(pipe->media, pipe->wake_fd);
	return err;
}

/* Read as many as there is room for, and take those that were read. */
static enum hf_err read_files(struct pipe *pipe, struct hf_why *why)
{
	size_t reading;
	enum hf_err err = HF_OK;

	if (pipe->files == 0)
		return HF_OK;
	if (pipe->media == NULL) {
		err = open_media(pipe, why);
		if (err != HF_OK)
			return err;
	}
	reading = hf_media_poll(pipe->media);
	for (size_t i = 0; i < pipe->count && reading < FILES_MAX; i++) {
		struct line *line = line_at(pipe, i);

		if (line->step != IS_NEW)
			continue;
		line->step = IS_HASHING;
		err = hf_media_add(pipe->media, line->is.path, line, why);
		if (err != HF_OK)
			return err;
		reading++;
	}
	if (pipe->err != HF_OK)
		*why = pipe->why;
	return pipe->err;
}

/* ---- lines ---- */

/* said: why there is no line in text, or NULL. */
static enum hf_err add_line(struct pipe *pipe, struct hf_span text,
			    const char *said, struct hf_why *why)
{
	struct line *line = line_at(pipe, pipe->count++);
	struct hf_why because = { "" };

	if (said == NULL &&
	    hf_match_line_parse(text, &line->is, &because) != HF_OK)
		said = because.text;
	if (said != NULL)
		return answer_error(pipe, line, said, why);
	line->step = line->is.path != NULL ? IS_NEW : IS_READY;
	pipe->files += line->is.path != NULL;
	return HF_OK;
}

/* The lines that are there, while there is room for them. */
static enum hf_err take_lines(struct pipe *pipe, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK && pipe->count < LINES_MAX) {
		struct hf_span text;
		enum hf_err taking = hf_cutter_take(&pipe->input, &text);

		if (taking == HF_E_NOTFOUND)
			break;
		err = add_line(pipe, text,
			       taking == HF_E_LIMIT ? "a line that is too long"
						    : NULL,
			       why);
	}
	return err;
}

/* ---- the run ---- */

static int timeout_ms(struct pipe *pipe)
{
	uint64_t now_us = hf_clock_mono_us(), at_us = NEVER;

	if (pipe->asked_count > 0)
		at_us = pipe->asked[pipe->first_asked].sent_us + ANSWER_MAX_US;
	else if (pipe->stream == NULL && has_ready(pipe))
		at_us = pipe->connect_at_us;
	if (at_us == NEVER)
		return -1;
	return at_us <= now_us ? 0 : (int)((at_us - now_us) / 1000 + 1);
}

static enum hf_err wait(struct pipe *pipe, struct hf_why *why)
{
	struct pollfd fds[] = {
		{ .fd = pipe->wake_fd, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	bool may_read = !pipe->input.is_over && pipe->count < LINES_MAX;
	uint64_t told;

	if (poll(fds, may_read ? 2 : 1, timeout_ms(pipe)) < 0 && errno != EINTR)
		return hf_why_errno(why, "poll");
	/* It is empty again, whatever it said. */
	if ((fds[0].revents & POLLIN) != 0 &&
	    read(pipe->wake_fd, &told, sizeof(told)) < 0 && errno != EAGAIN)
		return hf_why_errno(why, "eventfd");
	if (!may_read || fds[1].revents == 0)
		return HF_OK;
	return hf_cutter_read(&pipe->input, STDIN_FILENO, why);
}

static enum hf_err go_on(struct pipe *pipe, struct hf_why *why)
{
	enum hf_err err = HF_OK;

	while (err == HF_OK) {
		size_t room = LINES_MAX - pipe->count;

		err = take_lines(pipe, why);
		if (err == HF_OK)
			err = read_files(pipe, why);
		if (err == HF_OK)
			err = look_up(pipe, why);
		if (err == HF_OK)
			err = print(pipe, why);
		if (err != HF_OK)
			break;
		if (pipe->count == 0 && pipe->input.is_over)
			break;
		/* Lines that found no room may be there already. */
		if (room == 0 && pipe->count < LINES_MAX)
			continue;
		err = wait(pipe, why);
	}
	return err;
}

static enum hf_err read_options(struct pipe *pipe, struct hf_why *why)
{
	static const char *const words[] = { "hold", "pass", "fail" };
	const char *word = hf_cmd_option(pipe->cmd, HF_CMD_UNAVAILABLE);

	if (pipe->cmd->args_count > 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "--stdin: files and hashes come in lines, not as "
			      "arguments");
	if (hf_cmd_has(pipe->cmd, HF_CMD_CASES))
		return hf_why(why, HF_E_ARGUMENT,
			      "--stdin makes no cases: scan does, and "
			      "retro-match");
	if (word == NULL)
		return HF_OK;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) == 0) {
			pipe->unavailable = (enum unavailable)i;
			return HF_OK;
		}
	}
	return hf_why(why, HF_E_ARGUMENT,
		      "--unavailable '%.40s': give hold, pass or fail", word);
}

/* What waiting does not mend is said at once. */
static enum hf_err connect_first(struct pipe *pipe, struct hf_why *why)
{
	struct hf_why said = { "" };
	enum hf_err err = connect_now(pipe, &said);

	if (err == HF_OK || err == HF_E_UNAVAILABLE)
		return err == HF_OK ? HF_OK : lost(pipe, err, &said, why);
	*why = said;
	return err;
}

static enum hf_err run(struct pipe *pipe, struct hf_why *why)
{
	enum hf_err err = read_options(pipe, why);

	if (err != HF_OK)
		return err;
	pipe->lines = calloc(LINES_MAX, sizeof(*pipe->lines));
	if (pipe->lines == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_cutter_init(&pipe->input, '\n', HF_MATCH_LINE_MAX_BYTES, why);
	if (err != HF_OK)
		return err;
	pipe->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pipe->wake_fd < 0)
		return hf_why_errno(why, "eventfd");
	err = connect_first(pipe, why);
	return err == HF_OK ? go_on(pipe, why) : err;
}

enum hf_err hf_match_pipe(struct hf_cmd *cmd, struct hf_why *why)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	enum hf_err err;

	if (pipe == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	pipe->cmd = cmd;
	pipe->wake_fd = -1;
	hf_lookup_batch_init(&pipe->batch);
	pipe->batch.is_question = !hf_cmd_has(cmd, HF_CMD_REMEMBER);
	err = run(pipe, why);
	if (pipe->has_matched)
		cmd->exit_code = HF_CMD_EXIT_FOUND;
	else if (pipe->has_failed)
		cmd->exit_code = HF_CMD_EXIT_NO;
	hf_media_close(pipe->media);
	disconnect(pipe);
	for (size_t i = 0; i < pipe->count; i++)
		line_release(line_at(pipe, i));
	if (pipe->wake_fd >= 0)
		close(pipe->wake_fd);
	hf_lookup_batch_release(&pipe->batch);
	hf_cutter_release(&pipe->input);
	free(pipe->lines);
	free(pipe);
	return err;
}
