#include <ctype.h>
#include <string.h>

#include "agent.h"
#include "bytes.h"
#include "codec_document.h"
#include "ring.h"
#include "roles.h"
#include "text.h"

#include "cases_in.h"

#define SITES_MAX 16

/* Of letters, digits, dots and dashes, or an address; what is not ASCII may be
 * a name as people write it.  Nothing that a spreadsheet would cut or run. */
static bool is_host(const char *host)
{
	for (const char *c = host; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x80 &&
		    isalnum((unsigned char)*c) == 0 &&
		    strchr(".-_[]:", *c) == NULL)
			return false;
	}
	return hf_text_is_clean(hf_span_of(host));
}

/* The host of a URL, lower case: "" when there is none that can be named. */
static const char *site_of(const char *url, struct hf_arena *arena)
{
	const char *at = strstr(url, "://"), *end, *user;
	char *host;

	if (at == NULL)
		return "";
	at += 3;
	end = at + strcspn(at, "/?#");
	user = memrchr(at, '@', (size_t)(end - at));
	if (user != NULL)
		at = user + 1;
	if (*at != '[') {
		const char *port = memchr(at, ':', (size_t)(end - at));

		end = port != NULL ? port : end;
	} else {
		const char *close = memchr(at, ']', (size_t)(end - at));

		end = close != NULL ? close + 1 : at;
	}
	if (end == at || end - at > HF_DOMAIN_MAX_BYTES)
		return "";
	host = hf_arena_text(arena, hf_span(at, (size_t)(end - at)));
	for (char *c = host; c != NULL && *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return host != NULL && is_host(host) ? host : "";
}

static size_t find_sites(const struct hf_notice *notice, struct hf_arena *arena,
			 const char **out)
{
	size_t count = 0;

	for (size_t i = 0; i < notice->locators_count && count < SITES_MAX;
	     i++) {
		const char *site = site_of(notice->locators[i].url, arena);
		size_t known = 0;

		while (known < count && strcmp(out[known], site) != 0)
			known++;
		if (site[0] != '\0' && known == count)
			out[count++] = site;
	}
	return count;
}

static const char *id_text(const uint8_t *key, struct hf_arena *arena)
{
	char text[2 * HF_CASE_KEY_BYTES + 1];

	hf_hex(key, HF_CASE_KEY_BYTES, text);
	return hf_arena_text(arena, hf_span_of(text));
}

enum hf_err hf_cases_describe(const struct hf_notice *notice,
			      const char *notifier, struct hf_arena *arena,
			      struct hf_case_summary *out, struct hf_why *why)
{
	const char **sites = hf_arena_calloc(arena, SITES_MAX, sizeof(*sites));
	uint8_t key[HF_CASE_KEY_BYTES];

	if (sites == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	*out = (struct hf_case_summary){
		/* The codec wants one; the real one is the key. */
		.case_id = "0",
		.notifier = notifier,
		.provider = notice->provider,
		.is_not_member = notice->provider_id.len_bytes == 0,
		.regime = notice->regime,
		.content_class = notice->content_class,
		.locators = (uint32_t)notice->locators_count,
		.hashes = (uint32_t)notice->hashes_count,
		.sites = sites,
		.sites_count = find_sites(notice, arena, sites),
		.reference = notice->reference,
	};
	if (notice->continues != NULL) {
		hf_case_key(hf_span_of(notice->continues->origin),
			    notice->continues->index, key);
		out->continues = id_text(key, arena);
	}
	return HF_OK;
}

static bool is_flagger(const struct hf_cases *cases,
		       const struct hf_case_row *row)
{
	const uint8_t *who = row->parties.notifier;

	/* Priority ends with the status; what was said does not. */
	return hf_roles_has(cases->options.roles, who, HF_ROLE_TRUSTED_FLAGGER,
			    row->now.published_ms) &&
	       hf_roles_has(cases->options.roles, who, HF_ROLE_TRUSTED_FLAGGER,
			    hf_cases_now(cases));
}

static enum hf_case_side side_of(const struct hf_case_row *row,
				 const uint8_t *self)
{
	if (memcmp(row->parties.provider, self, HF_HASH_BYTES) == 0)
		return HF_CASE_SIDE_PROVIDER;
	if (memcmp(row->parties.notifier, self, HF_HASH_BYTES) == 0)
		return HF_CASE_SIDE_NOTIFIER;
	if (memcmp(row->now.authority, self, HF_HASH_BYTES) == 0)
		return HF_CASE_SIDE_AUTHORITY;
	return HF_CASE_SIDE_OBSERVER;
}

/* Cases that go on from this one. */
static enum hf_err put_links(struct hf_store_txn *view,
			     const struct hf_case_row *row,
			     struct hf_arena *arena,
			     struct hf_case_summary *out, struct hf_why *why)
{
	const char **ids = hf_arena_calloc(arena, SITES_MAX, sizeof(*ids));
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	enum hf_err err;

	if (ids == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	out->continued_by = ids;
	out->continued_by_count = 0;
	err = hf_store_cursor_open(view, HF_CASE_LINKS, &cursor, why);
	if (err != HF_OK)
		return err;
	err = hf_store_cursor_seek(cursor, hf_span(row->key, HF_CASE_KEY_BYTES),
				   &key, &value, NULL);
	while (err == HF_OK && out->continued_by_count < SITES_MAX &&
	       memcmp(key.at, row->key, HF_CASE_KEY_BYTES) == 0) {
		/* Longer ones remember what was passed on. */
		if (key.len_bytes == 2 * HF_CASE_KEY_BYTES)
			ids[out->continued_by_count++] =
				id_text(key.at + HF_CASE_KEY_BYTES, arena);
		err = hf_store_cursor_next(cursor, &key, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	return err == HF_E_NOTFOUND ? HF_OK : err;
}

enum hf_case_state hf_cases_state(const struct hf_cases *cases,
				  const struct hf_case_row *row,
				  struct hf_case_clock *out_clock)
{
	hf_case_clock(&row->now, hf_cases_rules(cases, row),
		      hf_cases_now(cases), out_clock);
	/* Nobody has said so, but it is so. */
	return out_clock->is_undelivered && row->now.state == HF_CASE_NOTICED
		       ? HF_CASE_DELIVERY_FAILED
		       : row->now.state;
}

static void put_times(const struct hf_cases *cases,
		      const struct hf_case_row *row,
		      struct hf_case_summary *out)
{
	const struct hf_case *now = &row->now;
	struct hf_case_clock clock;

	out->state = hf_cases_state(cases, row, &clock);
	out->is_overdue = clock.is_overdue;
	out->is_paused = clock.is_paused;
	out->due_ms = clock.limit_ms;
	out->published_ms = now->published_ms;
	out->delivered_ms = now->delivered_ms;
	out->acknowledged_ms = now->acknowledged_ms;
	out->clock_ms = now->clock_ms;
	out->acted_ms = now->acted_ms;
	out->offline_ms = now->offline_ms;
	out->ordered_ms = now->ordered_ms;
	out->closed_ms = now->closed_ms;
	out->changed_ms = now->changed_ms;
}

enum hf_err hf_cases_summary(struct hf_cases *cases, struct hf_store_txn *view,
			     const struct hf_ring *ring,
			     const struct hf_case_row *row,
			     struct hf_arena *arena,
			     struct hf_case_summary *out, struct hf_why *why)
{
	const struct hf_organisation *authority;
	enum hf_err err = hf_case_summary_parse(row->opening, arena, out, why);

	if (err != HF_OK)
		return err;
	out->case_id = id_text(row->key, arena);
	out->side = side_of(row, hf_ring_self(ring)->id);
	out->reason = row->now.reason;
	out->regime = row->now.regime;
	out->is_priority = is_flagger(cases, row);
	out->events = row->now.events;
	out->refused = row->now.refused;
	out->renotified = row->now.renotified;
	out->reappeared = row->now.reappeared;
	out->in_memory = hf_case_ahead_count(cases, row->key);
	authority = hf_cases_is_zero(row->now.authority)
			    ? NULL
			    : hf_ring_by_id(ring, row->now.authority);
	out->authority = authority != NULL ? authority->name : "";
	if (out->notifier[0] == '\0' &&
	    hf_ring_by_id(ring, row->parties.notifier) != NULL)
		out->notifier =
			hf_ring_by_id(ring, row->parties.notifier)->name;
	put_times(cases, row, out);
	out->authority = hf_arena_text(arena, hf_span_of(out->authority));
	out->notifier = hf_arena_text(arena, hf_span_of(out->notifier));
	if (out->case_id == NULL || out->authority == NULL ||
	    out->notifier == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = put_links(view, row, arena, out, why);
	if (err != HF_OK || out->side != HF_CASE_SIDE_PROVIDER)
		return err;
	return hf_case_names_list(cases->names, row->opening_id, arena,
				  &out->names, &out->names_count, why);
}

/*
 * One case, opened.
 */

enum hf_err hf_cases_read(struct hf_cases *cases, uint32_t set, uint64_t index,
			  struct hf_buf *out_text, struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_agent_record read;
	struct hf_buf copy;
	struct hf_span record;
	enum hf_err err =
		hf_ledger_view_begin(cases->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&copy, HF_LEDGER_RECORD_MAX_BYTES);
	hf_buf_init(&read.text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_ledger_record(view, set, index, &record, why);
	if (err == HF_OK)
		hf_buf_put(&copy, record);
	hf_ledger_view_end(view);
	if (err != HF_OK && hf_case_ahead_record(cases, set, index, &copy))
		err = HF_OK;
	if (err == HF_OK)
		err = hf_buf_failed(&copy);
	if (err == HF_OK)
		err = hf_agent_read(cases->options.agent, hf_buf_span(&copy),
				    &read, why);
	if (err == HF_OK) {
		hf_buf_put(out_text, hf_buf_span(&read.text));
		err = hf_buf_failed(out_text);
	}
	hf_wipe(read.ephemeral, sizeof(read.ephemeral));
	hf_buf_release(&read.text);
	hf_buf_release(&copy);
	return err;
}

static enum hf_err open_event(struct hf_cases *cases,
			      const struct hf_case_event_row *row,
			      struct hf_arena *arena, struct hf_case_event *out,
			      struct hf_why *why)
{
	struct hf_buf text;
	enum hf_err err;

	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	err = hf_cases_read(cases, row->set, row->index, &text, why);
	if (err == HF_OK)
		err = hf_case_event_parse(hf_buf_span(&text), arena, out, why);
	if (err == HF_OK && row->is_quoted && out->quoted != NULL)
		err = hf_case_event_parse(out->quoted->text, arena, out, why);
	hf_buf_release(&text);
	return err;
}

static enum hf_err put_event(struct hf_cases *cases, const struct hf_ring *ring,
			     const struct hf_case_event_row *row,
			     enum hf_case_fate fate, struct hf_arena *arena,
			     struct hf_case_event_info *out, struct hf_why *why)
{
	struct hf_case_event *event = hf_arena_calloc(arena, 1, sizeof(*event));
	struct hf_entry_ref *entry = hf_arena_calloc(arena, 1, sizeof(*entry));
	const struct hf_organisation *author =
		hf_ring_by_id(ring, row->fact.author);
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	enum hf_err err;

	if (event == NULL || entry == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = open_event(cases, row, arena, event, why);
	if (err == HF_OK)
		err = hf_ledger_view_begin(cases->options.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, row->set, &info, why);
	hf_ledger_view_end(view);
	if (err != HF_OK)
		return err;
	entry->origin = hf_arena_text(arena, hf_span_of(info.origin));
	entry->index = row->index;
	*out = (struct hf_case_event_info){
		.entry = entry,
		.author =
			author != NULL
				? hf_arena_text(arena, hf_span_of(author->name))
				: "",
		.event = event,
		.is_applied = fate == HF_CASE_FATE_APPLIED,
		.is_in_memory = hf_case_ahead_has(cases, row->set, row->index),
		.refused = fate == HF_CASE_FATE_APPLIED
				   ? ""
				   : hf_case_fate_word(fate),
	};
	return entry->origin != NULL && out->author != NULL
		       ? HF_OK
		       : hf_why(why, HF_E_NOMEM, "no memory");
}

static enum hf_err put_draft(struct hf_cases *cases,
			     const struct hf_case_row *row,
			     struct hf_arena *arena,
			     struct hf_get_case_response *out,
			     struct hf_why *why)
{
	struct hf_send_notice_request *request =
		hf_arena_calloc(arena, 1, sizeof(*request));
	struct hf_case_event *event = hf_arena_calloc(arena, 1, sizeof(*event));
	struct hf_case_event_info *info =
		hf_arena_calloc(arena, 1, sizeof(*info));
	enum hf_err err;

	if (request == NULL || event == NULL || info == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	err = hf_cases_draft_get(cases, row, arena, request, why);
	if (err != HF_OK)
		return err;
	event->kind = request->kind;
	event->notice = request->notice;
	info->event = event;
	info->author = out->summary->notifier;
	out->events = info;
	out->events_count = 1;
	return HF_OK;
}

/* All that count, and of the others as many as an answer holds. */
static enum hf_err
put_events(struct hf_cases *cases, const struct hf_ring *ring,
	   const struct hf_cases_history *history, struct hf_arena *arena,
	   struct hf_get_case_response *out, struct hf_why *why)
{
	struct hf_case_event_info *infos =
		hf_arena_calloc(arena, history->count + 1, sizeof(*infos));
	size_t room = HF_CASE_EVENTS_MAX, count = 0;
	enum hf_err err = HF_OK;

	if (infos == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < history->count; i++)
		room -= history->fates[i] == HF_CASE_FATE_APPLIED;
	for (size_t i = 0; i < history->count && err == HF_OK; i++) {
		size_t which = history->order[i];
		enum hf_case_fate fate = history->fates[which];

		if (fate != HF_CASE_FATE_APPLIED && room == 0)
			continue;
		room -= fate != HF_CASE_FATE_APPLIED;
		err = put_event(cases, ring, &history->rows[which], fate, arena,
				&infos[count++], why);
	}
	out->events = infos;
	out->events_count = count;
	return err;
}

enum hf_err hf_cases_get(struct hf_cases *cases, const char *case_id,
			 struct hf_arena *arena,
			 struct hf_get_case_response *out, struct hf_why *why)
{
	struct hf_ring *ring = hf_ring_holder_get(cases->options.ring);
	struct hf_case_summary *summary =
		hf_arena_calloc(arena, 1, sizeof(*summary));
	struct hf_cases_history history = { .count = 0 };
	struct hf_store_txn *view = NULL;
	struct hf_case_row row;
	enum hf_err err = summary == NULL
				  ? hf_why(why, HF_E_NOMEM, "no memory")
				  : hf_case_view_begin(cases, &view, why);

	if (err == HF_OK)
		err = hf_case_find(view, case_id, arena, &row, why);
	if (err == HF_OK)
		err = hf_cases_summary(cases, view, ring, &row, arena, summary,
				       why);
	if (err == HF_OK && row.hold == 0)
		err = hf_cases_history(cases, view, &row, arena, &history, why);
	hf_case_view_end(cases, view);
	*out = (struct hf_get_case_response){ .summary = summary };
	if (err == HF_OK && row.hold != 0)
		err = put_draft(cases, &row, arena, out, why);
	else if (err == HF_OK)
		err = put_events(cases, ring, &history, arena, out, why);
	hf_ring_release(ring);
	return err;
}
