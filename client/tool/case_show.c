#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "kind.h"

#include "case_show.h"

/* ---- one row ---- */

enum column {
	CASE,
	STATE,
	REASON,
	DUE,
	SIDE,
	NOTIFIER,
	PROVIDER,
	REGIME,
	CLASS,
	OPENED,
	PLACES,
	HASHES,
	NOTES,
	REFERENCE
};

static const struct hf_column columns[] = {
	[CASE] = { "case", HF_COLUMN_TEXT },
	[STATE] = { "state", HF_COLUMN_TEXT },
	[REASON] = { "reason", HF_COLUMN_TEXT },
	[DUE] = { "due", HF_COLUMN_TIME },
	[SIDE] = { "side", HF_COLUMN_TEXT },
	[NOTIFIER] = { "notifier", HF_COLUMN_TEXT },
	[PROVIDER] = { "provider", HF_COLUMN_TEXT },
	[REGIME] = { "regime", HF_COLUMN_TEXT },
	[CLASS] = { "class", HF_COLUMN_TEXT },
	[OPENED] = { "opened", HF_COLUMN_TIME },
	[PLACES] = { "places", HF_COLUMN_NUMBER },
	[HASHES] = { "hashes", HF_COLUMN_NUMBER },
	[NOTES] = { "notes", HF_COLUMN_TEXT },
	[REFERENCE] = { "reference", HF_COLUMN_TEXT },
};

enum hf_err hf_case_table_new(struct hf_table **out_table, struct hf_why *why)
{
	return hf_table_new("cases", columns,
			    sizeof(columns) / sizeof(columns[0]), false,
			    out_table, why);
}

/* What matters beside the state. */
#define NOTES_SIZE 80
static void notes_of(const struct hf_case_summary *summary,
		     char out[static NOTES_SIZE])
{
	const struct {
		bool is_so;
		const char *words;
	} rows[] = {
		{ summary->is_overdue, "OVERDUE" },
		{ summary->is_paused, "paused" },
		{ summary->is_priority, "priority" },
		{ summary->is_not_member, "not a member" },
		{ summary->refused > 0, "refused events" },
		{ summary->in_memory > 0, "in memory alone" },
	};
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].is_so)
			len += (size_t)snprintf(out + len, NOTES_SIZE - len,
						"%s%s", len > 0 ? ", " : "",
						rows[i].words);
	}
}

static void mark(struct hf_table *table, const struct hf_case_summary *summary)
{
	switch (summary->state) {
	case HF_CASE_VERIFIED_OFFLINE:
	case HF_CASE_COMPLIED:
		hf_table_mark(table, HF_MARK_GOOD);
		return;
	case HF_CASE_STILL_ONLINE:
	case HF_CASE_REAPPEARED:
	case HF_CASE_DELIVERY_FAILED:
		hf_table_mark(table, HF_MARK_LATE);
		return;
	default:
		if (summary->is_overdue)
			hf_table_mark(table, HF_MARK_BAD);
	}
}

void hf_case_row(struct hf_table *table, const struct hf_case_summary *summary)
{
	char id[HF_CASE_ID_SHOWN + 1], notes[NOTES_SIZE];

	snprintf(id, sizeof(id), "%s", summary->case_id);
	notes_of(summary, notes);
	hf_table_row(table);
	hf_table_text(table, CASE, id);
	hf_table_text(table, STATE, hf_case_state_word(summary->state));
	if (summary->reason != 0)
		hf_table_text(table, REASON,
			      hf_case_reason_word(summary->reason));
	hf_table_time(table, DUE, summary->due_ms);
	hf_table_text(table, SIDE, hf_case_side_word(summary->side));
	hf_table_text(table, NOTIFIER, summary->notifier);
	hf_table_text(table, PROVIDER, summary->provider);
	hf_table_text(table, REGIME, hf_regime_word(summary->regime));
	hf_table_text(table, CLASS, hf_class_word(summary->content_class));
	hf_table_time(table, OPENED, summary->published_ms);
	hf_table_number(table, PLACES, summary->locators);
	hf_table_number(table, HASHES, summary->hashes);
	hf_table_text(table, NOTES, notes);
	hf_table_text(table, REFERENCE, summary->reference);
	mark(table, summary);
}

/* ---- one case ---- */

const struct hf_notice *
hf_case_notice(const struct hf_get_case_response *answer,
	       struct hf_arena *arena)
{
	for (size_t i = answer->events_count; i > 0; i--) {
		const struct hf_case_event_info *info = &answer->events[i - 1];
		struct hf_case_event quoted;

		if (!info->is_applied)
			continue;
		if (info->event->notice != NULL)
			return info->event->notice;
		if (info->event->quoted != NULL &&
		    hf_case_event_parse(info->event->quoted->text, arena,
					&quoted, NULL) == HF_OK &&
		    quoted.notice != NULL)
			return quoted.notice;
	}
	return NULL;
}

/* "name        text", when there is text; strangers' is made safe. */
static void line(const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	printf("%-14s", name);
	hf_show_escaped(stdout, text);
	putchar('\n');
}

static void time_line(const char *name, uint64_t wall_ms)
{
	char text[HF_SHOW_TIME_SIZE];

	hf_show_time(wall_ms, text);
	if (text[0] != '\0')
		printf("%-14s%s UTC\n", name, text);
}

static void print_state(const struct hf_case_summary *summary)
{
	char notes[NOTES_SIZE];

	notes_of(summary, notes);
	printf("%-14s%s", "state", hf_case_state_word(summary->state));
	if (summary->reason != 0)
		printf(" (%s)", hf_case_reason_word(summary->reason));
	printf("%s%s\n", notes[0] != '\0' ? ", " : "", notes);
}

static void print_summary(const struct hf_case_summary *summary)
{
	line("case", summary->case_id);
	print_state(summary);
	line("we are", hf_case_side_word(summary->side));
	line("notifier", summary->notifier);
	line("provider", summary->provider);
	line("authority", summary->authority);
	line("regime", hf_regime_word(summary->regime));
	line("class", hf_class_word(summary->content_class));
	line("reference", summary->reference);
	for (size_t i = 0; i < summary->names_count; i++)
		line("found here", summary->names[i]);
	time_line("notified", summary->published_ms);
	time_line("delivered", summary->delivered_ms);
	time_line("acknowledged", summary->acknowledged_ms);
	time_line("ordered", summary->ordered_ms);
	time_line("due", summary->due_ms);
	time_line("acted", summary->acted_ms);
	time_line("seen offline", summary->offline_ms);
	time_line("closed", summary->closed_ms);
	line("goes on from", summary->continues);
	for (size_t i = 0; i < summary->continued_by_count; i++)
		line("goes on in", summary->continued_by[i]);
}

static void print_order(const struct hf_order *order)
{
	if (order == NULL)
		return;
	line("order", order->reference);
	line("by", order->authority);
	line("of", order->issuing_state);
	line("for", order->addressee);
	line("host state", order->host_state);
	line("identified by", order->identification);
	for (size_t i = 0; i < order->grounds_count; i++)
		line("ground", order->grounds[i]);
	line("series", order->series);
	if (order->covers_similar)
		line("covers", "near-identical material as well");
	line("penalty", order->penalty);
	line("redress", order->redress);
	if (order->is_emergency)
		line("emergency", "yes");
}

static void print_contact(const struct hf_contact *contact)
{
	if (contact == NULL)
		return;
	printf("%-14s", "contact");
	hf_show_escaped(stdout, contact->name);
	if (contact->email[0] != '\0') {
		printf(" <");
		hf_show_escaped(stdout, contact->email);
		printf(">");
	}
	if (contact->phone[0] != '\0') {
		putchar(' ');
		hf_show_escaped(stdout, contact->phone);
	}
	putchar('\n');
}

static void print_place(const struct hf_locator *place)
{
	char first[HF_SHOW_TIME_SIZE], last[HF_SHOW_TIME_SIZE];

	hf_show_time(place->first_seen_ms, first);
	hf_show_time(place->last_seen_ms, last);
	printf("%-14s", "place");
	hf_show_escaped(stdout, place->url);
	if (place->ip[0] != '\0') {
		printf("  at ");
		hf_show_escaped(stdout, place->ip);
	}
	if (first[0] != '\0')
		printf("  from %s", first);
	if (last[0] != '\0')
		printf("  seen until %s", last);
	putchar('\n');
	if (place->note[0] != '\0') {
		printf("%-14s  ", "");
		hf_show_escaped(stdout, place->note);
		putchar('\n');
	}
}

static void print_hash(const struct hf_hash *hash)
{
	char hex[2 * HF_DIGEST_MAX_BYTES + 1];

	if (hash->digest.len_bytes > HF_DIGEST_MAX_BYTES)
		return;
	hf_hex(hash->digest.at, hash->digest.len_bytes, hex);
	printf("%-14s%s:%s\n", "hash", hf_algorithm_word(hash->algorithm), hex);
}

static void print_notice(const struct hf_notice *notice)
{
	if (notice == NULL)
		return;
	line("explanation", notice->explanation);
	line("legal basis", notice->legal_basis);
	line("jurisdiction", notice->jurisdiction);
	print_contact(notice->contact);
	print_order(notice->order);
	for (size_t i = 0; i < notice->locators_count; i++)
		print_place(&notice->locators[i]);
	for (size_t i = 0; i < notice->hashes_count; i++)
		print_hash(&notice->hashes[i]);
	for (size_t i = 0; i < notice->entries_count; i++)
		printf("%-14s%s:%llu\n", "entry", notice->entries[i].origin,
		       (unsigned long long)notice->entries[i].index);
}

/* ---- what happened ---- */

enum event_column { AT, AUTHOR, EVENT, EVENT_REASON, COUNTS, TEXT };

static const struct hf_column event_columns[] = {
	[AT] = { "at", HF_COLUMN_TIME },
	[AUTHOR] = { "author", HF_COLUMN_TEXT },
	[EVENT] = { "event", HF_COLUMN_TEXT },
	[EVENT_REASON] = { "reason", HF_COLUMN_TEXT },
	[COUNTS] = { "counts", HF_COLUMN_TEXT },
	[TEXT] = { "text", HF_COLUMN_TEXT },
};

/* Where it went, how it was sent, what else a person asks. */
static void put_more(struct hf_table *table, const struct hf_case_event *event)
{
	struct hf_buf buf;

	hf_buf_init(&buf, (size_t)16 * 1024);
	if (event->moved_host[0] != '\0' || event->moved_country[0] != '\0')
		hf_buf_printf(&buf, "to %s %s ", event->moved_host,
			      event->moved_country);
	if (event->delivery != NULL)
		hf_buf_printf(&buf, "%s %s %s%s ", event->delivery->means,
			      event->delivery->address,
			      event->delivery->reference,
			      event->delivery->has_failed ? " failed" : "");
	if (event->locators_count > 0)
		hf_buf_printf(&buf, "%zu more places ", event->locators_count);
	if (event->is_automatic)
		hf_buf_put_text(&buf, "automatic ");
	hf_buf_put_text(&buf, event->text);
	hf_buf_put_u8(&buf, 0);
	if (hf_buf_failed(&buf) == HF_OK)
		hf_table_text(table, TEXT, (const char *)buf.at);
	hf_buf_release(&buf);
}

static enum hf_err print_events(const struct hf_get_case_response *answer,
				struct hf_why *why)
{
	struct hf_table *table;
	enum hf_err err =
		hf_table_new("events", event_columns,
			     sizeof(event_columns) / sizeof(event_columns[0]),
			     false, &table, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < answer->events_count; i++) {
		const struct hf_case_event_info *info = &answer->events[i];
		const struct hf_case_event *event = info->event;

		hf_table_row(table);
		hf_table_time(table, AT,
			      event->acted_ms != 0 ? event->acted_ms
						   : event->at_ms);
		hf_table_text(table, AUTHOR, info->author);
		hf_table_text(table, EVENT,
			      hf_case_event_kind_word(event->kind));
		if (event->reason != 0)
			hf_table_text(table, EVENT_REASON,
				      hf_case_reason_word(event->reason));
		hf_table_text(table, COUNTS,
			      info->is_in_memory         ? "in memory alone"
			      : info->is_applied         ? "yes"
			      : info->refused[0] != '\0' ? info->refused
							 : "no");
		put_more(table, event);
		if (!info->is_applied)
			hf_table_mark(table, HF_MARK_LATE);
	}
	err = hf_table_print(table, why);
	hf_table_free(table);
	return err;
}

enum hf_err hf_case_print(const struct hf_get_case_response *answer,
			  struct hf_arena *arena, struct hf_why *why)
{
	print_summary(answer->summary);
	print_notice(hf_case_notice(answer, arena));
	for (size_t i = 0; i < answer->events_count; i++) {
		const struct hf_case_event *event = answer->events[i].event;

		for (size_t k = 0; k < event->locators_count; k++)
			print_place(&event->locators[k]);
	}
	if (answer->events_count == 0)
		return HF_OK;
	putchar('\n');
	return print_events(answer, why);
}
