#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "file.h"
#include "text.h"

#include "watch_state.h"

#define FIRST_LINE       "hashfed-watch 1"
#define FILE_MAX_BYTES   ((size_t)128 * 1024 * 1024)
#define CHANGE_MAX_BYTES ((size_t)32 * 1024)
#define WORDS            5

static const char *const why_words[] = {
#define WHY_WORD(name, word) [HF_WATCH_##name] = word,
	HF_WATCH_WHY_TABLE(WHY_WORD)
#undef WHY_WORD
};

const char *hf_watch_why_word(enum hf_watch_why reason)
{
	return why_words[reason];
}

enum hf_watch_why
hf_watch_why_of(const struct hf_watch_cases_response *response)
{
	/* It is said once only that a case is new; of the clock the case
	 * itself tells as well. */
	if (response->is_new)
		return HF_WATCH_NEW;
	if (strcmp(response->clock, "warning") == 0)
		return HF_WATCH_WARNING;
	if (strcmp(response->clock, "overdue") == 0)
		return HF_WATCH_OVERDUE;
	return HF_WATCH_CHANGED;
}

/* ---- cases ---- */

static void change_clear(struct hf_watch_change *change)
{
	free(change->text);
	*change = (struct hf_watch_change){ 0 };
}

static void case_free(struct hf_watch_case *is)
{
	if (is == NULL)
		return;
	change_clear(&is->now);
	change_clear(&is->next);
	free(is);
}

void hf_watch_state_init(struct hf_watch_state *state)
{
	*state = (struct hf_watch_state){ 0 };
}

void hf_watch_state_release(struct hf_watch_state *state)
{
	for (size_t i = 0; i < state->count; i++)
		case_free(state->cases[i]);
	free(state->cases);
	hf_watch_state_init(state);
}

static struct hf_watch_case *find(const struct hf_watch_state *state,
				  const char *case_id)
{
	for (size_t i = 0; i < state->count; i++) {
		if (strcmp(state->cases[i]->case_id, case_id) == 0)
			return state->cases[i];
	}
	return NULL;
}

/* A new one at the end, without a change yet. */
static struct hf_watch_case *append(struct hf_watch_state *state,
				    const char *case_id)
{
	struct hf_watch_case **more, *is = calloc(1, sizeof(*is));

	if (is == NULL)
		return NULL;
	more = realloc(state->cases, (state->count + 1) * sizeof(more[0]));
	if (more == NULL) {
		free(is);
		return NULL;
	}
	strncpy(is->case_id, case_id, sizeof(is->case_id) - 1);
	state->cases = more;
	state->cases[state->count++] = is;
	return is;
}

static void drop(struct hf_watch_state *state, struct hf_watch_case *is)
{
	for (size_t i = 0; i < state->count; i++) {
		if (state->cases[i] != is)
			continue;
		memmove(&state->cases[i], &state->cases[i + 1],
			(state->count - i - 1) * sizeof(state->cases[0]));
		state->count--;
		case_free(is);
		return;
	}
}

/* Take the place of a change that nobody got: that the case is new is said
 * until somebody heard it. */
static void replace(struct hf_watch_change *old, struct hf_watch_change *with)
{
	if (old->text != NULL && old->reason == HF_WATCH_NEW)
		with->reason = HF_WATCH_NEW;
	change_clear(old);
	*old = *with;
	*with = (struct hf_watch_change){ 0 };
}

/* ---- what happens ---- */

static enum hf_err make_change(const struct hf_watch_cases_response *response,
			       struct hf_watch_change *out, struct hf_why *why)
{
	struct hf_buf buf;
	enum hf_err err;

	hf_buf_init(&buf, CHANGE_MAX_BYTES);
	err = hf_watch_cases_response_encode(response, &buf);
	if (err != HF_OK) {
		hf_buf_release(&buf);
		return hf_why(why, err, "a change that cannot be kept");
	}
	*out = (struct hf_watch_change){ .reason = hf_watch_why_of(response),
					 .text = buf.at,
					 .text_len_bytes = buf.len_bytes };
	return HF_OK;
}

static enum hf_err put_change(struct hf_watch_state *state,
			      const struct hf_watch_cases_response *response,
			      struct hf_why *why)
{
	struct hf_watch_case *is = find(state, response->summary->case_id);
	struct hf_watch_change change;
	enum hf_err err = make_change(response, &change, why);

	if (err != HF_OK)
		return err;
	if (is == NULL)
		is = append(state, response->summary->case_id);
	if (is == NULL) {
		change_clear(&change);
		return hf_why(why, HF_E_NOMEM, "no memory for a case");
	}
	/* What is being given, or may have been when we died, is given to the
	 * end; the newer one comes behind it. */
	if (is->pid != 0 || (is->now.begun > 0 && !is->has_failed)) {
		replace(&is->next, &change);
		return HF_OK;
	}
	replace(&is->now, &change);
	is->not_before_us = 0;
	return HF_OK;
}

enum hf_err hf_watch_state_take(struct hf_watch_state *state,
				const struct hf_watch_cases_response *response,
				struct hf_why *why)
{
	enum hf_err err = HF_OK;

	if (response->position.len_bytes == 0 ||
	    (response->summary == NULL && !response->is_mark))
		return hf_why(why, HF_E_MALFORMED,
			      "the daemon's answer has no position, or no "
			      "case");
	if (!response->is_mark)
		err = put_change(state, response, why);
	if (err != HF_OK)
		return err;
	memcpy(state->position, response->position.at,
	       response->position.len_bytes);
	state->position_len_bytes = response->position.len_bytes;
	state->is_dirty = true;
	return HF_OK;
}

static void go_on(struct hf_watch_state *state, struct hf_watch_case *is)
{
	is->pid = 0;
	is->not_before_us = 0;
	state->is_dirty = true;
}

void hf_watch_state_done(struct hf_watch_state *state, struct hf_watch_case *is)
{
	go_on(state, is);
	is->has_failed = false;
	is->failures = 0;
	if (is->next.text == NULL) {
		drop(state, is);
		return;
	}
	change_clear(&is->now);
	is->now = is->next;
	is->next = (struct hf_watch_change){ 0 };
}

void hf_watch_state_failed(struct hf_watch_state *state,
			   struct hf_watch_case *is)
{
	go_on(state, is);
	is->has_failed = true;
	is->failures++;
	if (is->next.text != NULL)
		replace(&is->now, &is->next);
}

/* ---- the file ---- */

static void put_line(struct hf_buf *buf, const char *what, const char *case_id,
		     const struct hf_watch_change *change)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *at;

	hf_buf_printf(buf, "%s %s %llu %s x", what, case_id,
		      (unsigned long long)change->begun,
		      hf_watch_why_word(change->reason));
	at = hf_buf_grow(buf, 2 * change->text_len_bytes);
	for (size_t i = 0; at != NULL && i < change->text_len_bytes; i++) {
		at[2 * i] = (uint8_t)digits[change->text[i] >> 4];
		at[2 * i + 1] = (uint8_t)digits[change->text[i] & 15];
	}
	hf_buf_put_text(buf, "\n");
}

enum hf_err hf_watch_state_save(struct hf_watch_state *state, const char *path,
				struct hf_why *why)
{
	char position[2 * HF_WATCH_POSITION_MAX + 1];
	struct hf_buf buf;
	enum hf_err err;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	hf_hex(state->position, state->position_len_bytes, position);
	hf_buf_printf(&buf, FIRST_LINE "\nposition x%s\n", position);
	for (size_t i = 0; i < state->count; i++) {
		const struct hf_watch_case *is = state->cases[i];

		put_line(&buf, "case", is->case_id, &is->now);
		if (is->next.text != NULL)
			put_line(&buf, "next", is->case_id, &is->next);
	}
	hf_buf_put_text(&buf, "end\n");
	err = hf_buf_failed(&buf);
	err = err != HF_OK
		      ? hf_why(why, err, "no memory for the state")
		      : hf_file_replace(path, hf_buf_span(&buf), 0600, why);
	hf_buf_release(&buf);
	if (err == HF_OK)
		state->is_dirty = false;
	return err;
}

static size_t cut_words(struct hf_span line, struct hf_span *words)
{
	size_t count = 0;

	while (line.len_bytes > 0 && count < WORDS) {
		const uint8_t *end = memchr(line.at, ' ', line.len_bytes);
		size_t len =
			end != NULL ? (size_t)(end - line.at) : line.len_bytes;

		words[count++] = hf_span(line.at, len);
		len += end != NULL;
		line = hf_span(line.at + len, line.len_bytes - len);
	}
	return line.len_bytes == 0 ? count : 0;
}

/* "x" and hex digits. */
static bool take_hex(struct hf_span word, size_t most, uint8_t *out,
		     size_t *out_len_bytes)
{
	size_t len = word.len_bytes / 2;

	if (word.len_bytes % 2 == 0 || word.at[0] != 'x' || len > most ||
	    hf_hex_parse(hf_span(word.at + 1, word.len_bytes - 1), out, len) !=
		    HF_OK)
		return false;
	*out_len_bytes = len;
	return true;
}

static bool take_reason(struct hf_span word, enum hf_watch_why *out)
{
	for (size_t i = 0; i < sizeof(why_words) / sizeof(why_words[0]); i++) {
		if (hf_span_is(word, why_words[i])) {
			*out = (enum hf_watch_why)i;
			return true;
		}
	}
	return false;
}

/* It has to be an answer about the case that its line names. */
static bool is_about(const struct hf_watch_change *change, struct hf_span id,
		     struct hf_arena *arena, enum hf_err *out_err)
{
	struct hf_watch_cases_response response;

	hf_arena_reset(arena);
	*out_err = hf_watch_cases_response_parse(
		hf_span(change->text, change->text_len_bytes), arena, &response,
		NULL);
	return *out_err == HF_OK && response.summary != NULL &&
	       hf_span_is(id, response.summary->case_id);
}

static enum hf_err take_change(const struct hf_span *words,
			       struct hf_arena *arena,
			       struct hf_watch_change *out)
{
	struct hf_watch_change change = { 0 };
	enum hf_err err = HF_OK;

	change.text = malloc(words[4].len_bytes / 2 + 1);
	if (change.text == NULL)
		return HF_E_NOMEM;
	if (hf_text_u64(words[2], UINT32_MAX, &change.begun) != HF_OK ||
	    !take_reason(words[3], &change.reason) ||
	    !take_hex(words[4], CHANGE_MAX_BYTES, change.text,
		      &change.text_len_bytes) ||
	    !is_about(&change, words[1], arena, &err)) {
		change_clear(&change);
		return err == HF_E_NOMEM ? HF_E_NOMEM : HF_E_MALFORMED;
	}
	*out = change;
	return HF_OK;
}

static enum hf_err take_case(struct hf_watch_state *state, struct hf_span line,
			     struct hf_arena *arena)
{
	struct hf_span words[WORDS];
	struct hf_watch_change change;
	struct hf_watch_case *is;
	char case_id[33] = "";
	bool is_next;
	enum hf_err err;

	if (cut_words(line, words) != WORDS || words[1].len_bytes == 0 ||
	    words[1].len_bytes >= sizeof(case_id))
		return HF_E_MALFORMED;
	is_next = hf_span_is(words[0], "next");
	if (!is_next && !hf_span_is(words[0], "case"))
		return HF_E_MALFORMED;
	memcpy(case_id, words[1].at, words[1].len_bytes);
	is = find(state, case_id);
	if ((is != NULL) != is_next || (is_next && is->next.text != NULL) ||
	    (!is_next && state->count == HF_WATCH_CASES_MAX))
		return HF_E_MALFORMED;
	err = take_change(words, arena, &change);
	if (err != HF_OK)
		return err;
	if (!is_next)
		is = append(state, case_id);
	if (is == NULL) {
		change_clear(&change);
		return HF_E_NOMEM;
	}
	*(is_next ? &is->next : &is->now) = change;
	return HF_OK;
}

static enum hf_err parse(struct hf_watch_state *state, struct hf_span text,
			 struct hf_arena *arena)
{
	static const char position[] = "position ";
	size_t skip = sizeof(position) - 1;
	struct hf_span line;

	if (!hf_text_line_take(&text, &line) || !hf_span_is(line, FIRST_LINE) ||
	    !hf_text_line_take(&text, &line) || line.len_bytes <= skip ||
	    memcmp(line.at, position, skip) != 0 ||
	    !take_hex(hf_span(line.at + skip, line.len_bytes - skip),
		      sizeof(state->position), state->position,
		      &state->position_len_bytes))
		return HF_E_MALFORMED;
	while (hf_text_line_take(&text, &line)) {
		enum hf_err err;

		if (hf_span_is(line, "end"))
			return text.len_bytes == 0 ? HF_OK : HF_E_MALFORMED;
		err = take_case(state, line, arena);
		if (err != HF_OK)
			return err;
	}
	return HF_E_MALFORMED;
}

enum hf_err hf_watch_state_load(struct hf_watch_state *state, const char *path,
				struct hf_why *why)
{
	struct hf_arena arena;
	struct hf_buf buf;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&buf, FILE_MAX_BYTES);
	err = hf_file_read(path, &buf, why);
	if (err == HF_OK) {
		err = parse(state, hf_buf_span(&buf), &arena);
		if (err == HF_E_NOMEM)
			err = hf_why(why, err, "no memory for the state");
		else if (err != HF_OK)
			err = hf_why(why, err,
				     "%s: not the state of a watcher: name "
				     "another file with --state, or remove it "
				     "to be told of every case anew",
				     path);
	}
	hf_buf_release(&buf);
	hf_arena_release(&arena);
	if (err != HF_OK)
		hf_watch_state_release(state);
	return err;
}
