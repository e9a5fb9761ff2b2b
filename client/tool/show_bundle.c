#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "codec_case.h"
#include "codec_document.h"

#include "show.h"
#include "show_bundle.h"

#define MINUTE_MS ((uint64_t)60 * 1000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define SPAN_SIZE 32

/* --- Small things. ------------------------------------------------------- */

/* "1 d 2 h", "35 min" */
static const char *span_text(uint64_t ms, char out[static SPAN_SIZE])
{
	if (ms >= DAY_MS && ms % DAY_MS >= HOUR_MS)
		snprintf(out, SPAN_SIZE, "%" PRIu64 " d %" PRIu64 " h",
			 ms / DAY_MS, ms % DAY_MS / HOUR_MS);
	else if (ms >= DAY_MS)
		snprintf(out, SPAN_SIZE, "%" PRIu64 " d", ms / DAY_MS);
	else if (ms >= HOUR_MS && ms % HOUR_MS >= MINUTE_MS)
		snprintf(out, SPAN_SIZE, "%" PRIu64 " h %" PRIu64 " min",
			 ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS);
	else if (ms >= HOUR_MS)
		snprintf(out, SPAN_SIZE, "%" PRIu64 " h", ms / HOUR_MS);
	else
		snprintf(out, SPAN_SIZE, "%" PRIu64 " min", ms / MINUTE_MS);
	return out;
}

static bool is_said(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static void line(const char *label, const char *text)
{
	if (!is_said(text))
		return;
	printf("  %-13s ", label);
	hf_show_escaped(stdout, text);
	putchar('\n');
}

static void time_line(const char *label, uint64_t wall_ms, const char *more)
{
	char text[HF_SHOW_TIME_SIZE];

	if (wall_ms == 0)
		return;
	hf_show_time(wall_ms, text);
	printf("  %-13s %s%s\n", label, text, more);
}

/* A cosignature's time; "" for one of a year that nobody writes. */
static void seconds_text(uint64_t time_s, char out[static HF_SHOW_TIME_SIZE])
{
	hf_show_time(time_s < INT64_MAX / 1000 ? time_s * 1000 : INT64_MAX,
		     out);
}

static const char *name_of(const struct hf_bundle_party *party)
{
	return party != NULL ? party->name
			     : "somebody whose manifest is not here";
}

/* --- Who. ---------------------------------------------------------------- */

static const char *side_of(const struct hf_bundle_report *report,
			   const struct hf_bundle_party *party)
{
	struct hf_span provider = report->opening->event->notice->provider_id;

	if (party == report->opening->author)
		return hf_case_side_word(HF_CASE_SIDE_NOTIFIER);
	if (hf_span_equal(provider, hf_span(party->id, HF_HASH_BYTES)))
		return hf_case_side_word(HF_CASE_SIDE_PROVIDER);
	if (memcmp(report->now.authority, party->id, HF_HASH_BYTES) == 0)
		return hf_case_side_word(HF_CASE_SIDE_AUTHORITY);
	return "also here";
}

static void show_parties(const struct hf_bundle_report *report)
{
	printf("\nWho\n");
	for (size_t i = 0; i < report->parties_count; i++) {
		const struct hf_bundle_party *party = &report->parties[i];
		const struct hf_manifest *manifest = party->manifests[0];
		char id[2 * HF_HASH_BYTES + 1], until[HF_SHOW_TIME_SIZE];

		hf_hex(party->id, HF_HASH_BYTES, id);
		hf_show_time(manifest->expires_ms, until);
		printf("  %-13s %s (%s)\n", side_of(report, party), party->name,
		       party->country);
		printf("  %-13s organisation id %s\n", "", id);
		printf("  %-13s manifest %llu, until %s\n", "",
		       (unsigned long long)manifest->version, until);
	}
	if (report->opening->event->notice->provider_id.len_bytes == 0)
		line("provider", report->opening->event->notice->provider);
}

/* --- What was asked. ----------------------------------------------------- */

static void show_places(const struct hf_locator *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct hf_locator *place = &places[i];
		char text[HF_SHOW_TIME_SIZE];

		printf("  %-13s ", i == 0 ? "places" : "");
		hf_show_escaped(stdout, place->url);
		if (is_said(place->ip)) {
			printf(" (");
			hf_show_escaped(stdout, place->ip);
			putchar(')');
		}
		hf_show_time(place->first_seen_ms, text);
		if (text[0] != '\0')
			printf(", first seen %s", text);
		hf_show_time(place->last_seen_ms, text);
		if (text[0] != '\0')
			printf(", last seen %s", text);
		if (is_said(place->note)) {
			printf("; ");
			hf_show_escaped(stdout, place->note);
		}
		putchar('\n');
	}
}

static void show_subject(const struct hf_notice *notice)
{
	for (size_t i = 0; i < notice->hashes_count; i++) {
		const struct hf_hash *hash = &notice->hashes[i];
		char hex[2 * HF_DIGEST_MAX_BYTES + 1];

		if (hash->digest.len_bytes > HF_DIGEST_MAX_BYTES)
			continue; /* frames of a video: for programs */
		hf_hex(hash->digest.at, hash->digest.len_bytes, hex);
		printf("  %-13s %s:%s\n", i == 0 ? "hashes" : "",
		       hf_algorithm_word(hash->algorithm), hex);
	}
	for (size_t i = 0; i < notice->entries_count; i++)
		printf("  %-13s %s %llu\n", i == 0 ? "in sets" : "",
		       notice->entries[i].origin,
		       (unsigned long long)notice->entries[i].index);
	for (size_t i = 0; i < notice->labels_count; i++) {
		printf("  %-13s ", i == 0 ? "labels" : "");
		hf_show_escaped(stdout, notice->labels[i].scheme);
		putchar('=');
		hf_show_escaped(stdout, notice->labels[i].value);
		putchar('\n');
	}
}

static void show_order(const struct hf_order *order)
{
	if (order == NULL)
		return;
	line("order", order->reference);
	line("authority", order->authority);
	line("issued by", order->issuing_state);
	line("addressee", order->addressee);
	line("established", order->host_state);
	line("identified by", order->identification);
	for (size_t i = 0; i < order->grounds_count; i++)
		line(i == 0 ? "grounds" : "", order->grounds[i]);
	line("series", order->series);
	if (order->covers_similar)
		line("covers", "near-identical copies as well");
	line("penalty", order->penalty);
	line("redress", order->redress);
	if (order->is_emergency)
		line("emergency", "yes");
}

static void show_contact(const struct hf_contact *contact)
{
	if (contact == NULL)
		return;
	line("contact", contact->name);
	line("", contact->email);
	line("", contact->phone);
}

static void show_asked(const struct hf_bundle_event *event)
{
	const struct hf_notice *notice = event->event->notice;
	char span[SPAN_SIZE];

	printf("\nWhat was asked: %s by %s of ",
	       hf_case_event_kind_word(event->event->kind),
	       event->author->name);
	hf_show_escaped(stdout, notice->provider);
	putchar('\n');
	line("class", hf_class_word(notice->content_class));
	line("regime", hf_regime_word(notice->regime));
	if (notice->deadline_ms != 0)
		line("deadline", span_text(notice->deadline_ms, span));
	line("law of", notice->jurisdiction);
	line("legal basis", notice->legal_basis);
	line("reference", notice->reference);
	show_places(notice->locators, notice->locators_count);
	show_subject(notice);
	line("explanation", notice->explanation);
	show_order(notice->order);
	show_contact(notice->contact);
	line("good faith", notice->is_good_faith ? "declared" : "not declared");
}

/* --- When. --------------------------------------------------------------- */

/* The clock ran, runs, stands still, or has not begun. */
static void show_clock(const struct hf_bundle_report *report, uint64_t now_ms)
{
	const struct hf_case *now = &report->now;
	struct hf_case_clock clock;
	char due[HF_SHOW_TIME_SIZE], span[SPAN_SIZE];

	hf_case_clock(now, hf_case_rules_default(now->regime), now_ms, &clock);
	if (now->clock_ms == 0)
		line("deadline", "does not run: nothing here shows that it was "
				 "received");
	if (clock.limit_ms == 0)
		return;
	hf_show_time(clock.limit_ms, due);
	printf("  %-13s %s", "deadline", due);
	if (now->stopped_ms != 0 && clock.is_late)
		printf(": answered %s late\n",
		       span_text(now->stopped_ms - clock.limit_ms, span));
	else if (now->stopped_ms != 0)
		printf(": answered in time\n");
	else if (clock.is_overdue)
		printf(": overdue by %s, by what is here\n",
		       span_text(now_ms - clock.limit_ms, span));
	else
		printf("%s\n",
		       clock.is_paused ? "; the clock stands still" : "");
}

static void show_times(const struct hf_bundle_report *report, uint64_t now_ms)
{
	const struct hf_case *now = &report->now;
	const struct hf_bundle_event *receipt = report->opening->receipt;

	printf("\nWhen (UTC, as each party signed it)\n");
	time_line("sent", now->published_ms, "");
	time_line("delivered", now->delivered_ms, "");
	time_line("acknowledged", now->acknowledged_ms,
		  receipt != NULL ? ", by a receipt for exactly this text"
				  : "");
	time_line("reminded", now->renotified_ms, "");
	time_line("escalated", now->escalated_ms, "");
	time_line("ordered", now->ordered_ms, "");
	time_line("acted", now->acted_ms, "");
	time_line("complied", now->complied_ms, "");
	time_line("seen offline", now->offline_ms, "");
	time_line("closed", now->closed_ms, "");
	show_clock(report, now_ms);
	if (now->acknowledged_ms == 0)
		line("acknowledged", "no, by what is here");
	if (now->acted_ms == 0 && now->complied_ms == 0)
		line("acted", "no, by what is here");
}

/* --- Events. ------------------------------------------------------------- */

static void show_delivery(const struct hf_delivery *delivery)
{
	char sent[HF_SHOW_TIME_SIZE];

	if (delivery == NULL)
		return;
	printf("    ");
	hf_show_escaped(stdout, delivery->means);
	if (is_said(delivery->address)) {
		printf(" to ");
		hf_show_escaped(stdout, delivery->address);
	}
	if (is_said(delivery->reference)) {
		printf(", ");
		hf_show_escaped(stdout, delivery->reference);
	}
	hf_show_time(delivery->sent_ms, sent);
	if (sent[0] != '\0')
		printf(", %s", sent);
	printf("%s\n", delivery->has_failed ? ": could not be delivered" : "");
}

static void show_said(const struct hf_case_event *event)
{
	char acted[HF_SHOW_TIME_SIZE];

	if (event->reason != 0)
		printf("    reason: %s\n", hf_case_reason_word(event->reason));
	if (event->acted_ms != 0) {
		hf_show_time(event->acted_ms, acted);
		printf("    happened %s\n", acted);
	}
	if (is_said(event->moved_host) || is_said(event->moved_country)) {
		printf("    to ");
		hf_show_escaped(stdout, is_said(event->moved_host)
						? event->moved_host
						: "another host");
		printf(" %s\n", event->moved_country);
	}
	show_delivery(event->delivery);
	if (is_said(event->text)) {
		printf("    \"");
		hf_show_escaped(stdout, event->text);
		printf("\"\n");
	}
	if (event->is_automatic)
		printf("    decided by a program\n");
}

/* Where it stands; of a quoted one only where it is quoted is shown. */
static void show_place(const struct hf_bundle_event *event)
{
	printf("    to %s: entry %llu of %s%s%s\n", name_of(event->recipient),
	       (unsigned long long)event->index, event->origin,
	       event->quote != NULL ? ", by the word of " : "",
	       event->quote != NULL ? event->quote->author->name : "");
	if (event->quote != NULL)
		printf("    quoted in entry %llu of %s\n",
		       (unsigned long long)event->quote->index,
		       event->quote->origin);
}

static void show_shown(const struct hf_bundle_event *event)
{
	char at[HF_SHOW_TIME_SIZE];

	if (event->sealed_ms > event->event->at_ms &&
	    event->sealed_ms - event->event->at_ms > HF_FUTURE_MAX_MS) {
		hf_show_time(event->sealed_ms, at);
		printf("    sealed again %s\n", at);
	}
	printf("    %s\n", hf_bundle_shown_words(event->shown));
	if (event->receipt != NULL)
		printf("    %s signed a receipt for exactly this text\n",
		       event->receipt->author->name);
	if (event->cosigned_s != 0) {
		seconds_text(event->cosigned_s, at);
		printf("    %s cosigned the checkpoint that has it, %s\n",
		       name_of(event->recipient), at);
	}
}

static void show_event(const struct hf_bundle_event *event)
{
	char at[HF_SHOW_TIME_SIZE];

	/* Said once: quotations stand with what they quote. */
	if (event->fate == HF_CASE_FATE_DUPLICATE ||
	    event->event->kind == HF_CASE_EVENT_QUOTE)
		return;
	hf_show_time(event->event->at_ms, at);
	printf("  %s  %s: %s", at, event->author->name,
	       hf_case_event_kind_word(event->event->kind));
	if (event->fate != HF_CASE_FATE_APPLIED)
		printf(" (does not count: %s)", hf_case_fate_word(event->fate));
	putchar('\n');
	show_said(event->event);
	show_place(event);
	show_shown(event);
}

static void show_events(const struct hf_bundle_report *report)
{
	printf("\nWhat each said, in the order in which it counts\n");
	for (size_t i = 0; i < report->events_count; i++)
		show_event(report->events[i]);
}

/* --- Under which checkpoints. -------------------------------------------- */

static void show_cosigner(const struct hf_bundle_cosigner *cosigner)
{
	char at[HF_SHOW_TIME_SIZE];

	seconds_text(cosigner->time_s, at);
	if (cosigner->party != NULL) {
		printf("    cosigned by %s on %s\n", cosigner->party->name, at);
		return;
	}
	printf("    a line by ");
	hf_show_escaped(stdout, cosigner->name);
	printf("+%08x, not looked at: its key is not here\n",
	       (unsigned)cosigner->key_id);
}

static void show_sets(const struct hf_bundle_report *report)
{
	printf("\nUnder which checkpoints\n");
	for (size_t i = 0; i < report->sets_count; i++) {
		const struct hf_bundle_set *set = &report->sets[i];
		char at[HF_SHOW_TIME_SIZE];

		seconds_text(set->time_s, at);
		printf("  %s\n    %zu of %llu entries are here; signed by %s "
		       "on %s\n",
		       set->origin, set->entries_count,
		       (unsigned long long)set->size, set->publisher->name, at);
		for (size_t j = 0; j < set->cosigners_count; j++)
			show_cosigner(&set->cosigners[j]);
	}
}

/* --- What is not shown. -------------------------------------------------- */

static void show_limits(const struct hf_bundle_report *report)
{
	char made[HF_SHOW_TIME_SIZE];

	hf_show_time(report->made_ms, made);
	printf("\nWhat is not shown\n");
	for (size_t i = 0; i < report->findings_count; i++) {
		fputs("  - ", stdout);
		hf_show_escaped(stdout, report->findings[i]);
		putchar('\n');
	}
	printf("  - That these organisations are who their names say: compare "
	       "their ids\n    with those that you know.\n");
	printf("  - That nothing was left out: %s chose what is here (made %s, "
	       "by its word).\n",
	       name_of(report->maker), made);
	printf("  - When something happened: a time is its author's word. It "
	       "was said no later\n    than the checkpoint that has it.\n");
	printf("  - What is or was at the places named.\n");
}

void hf_show_bundle(const struct hf_bundle_report *report, uint64_t now_ms)
{
	const struct hf_case *now = &report->now;

	printf("The bundle verifies: every signature and every proof in it is "
	       "good.\n\n");
	printf("Case %s\n", report->case_id);
	printf("  %-13s %s", "state", hf_case_state_word(now->state));
	if (now->reason != 0)
		printf(" (%s)", hf_case_reason_word(now->reason));
	printf("%s\n", now->is_over ? "; nothing is expected of anyone" : "");
	show_parties(report);
	for (size_t i = 0; i < report->events_count; i++) {
		if (report->events[i]->event->notice != NULL &&
		    report->events[i]->fate == HF_CASE_FATE_APPLIED)
			show_asked(report->events[i]);
	}
	show_times(report, now_ms);
	show_events(report);
	show_sets(report);
	show_limits(report);
}
