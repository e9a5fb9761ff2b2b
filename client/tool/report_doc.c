#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "text.h"

#include "report_day.h"
#include "report_doc.h"

const char *hf_doc_text(struct hf_arena *arena, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = len >= 0 ? hf_arena_alloc(arena, (size_t)len + 1) : NULL;
	if (text == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

bool hf_doc_letter_take(const char **text, struct hf_span *out_letter)
{
	static const char replacement[] = "\xef\xbf\xbd";
	uint8_t byte = (uint8_t) * *text;
	size_t len = byte < 0x80             ? 1
		     : (byte & 0xe0) == 0xc0 ? 2
		     : (byte & 0xf0) == 0xe0 ? 3
					     : 4;

	if (byte == '\0')
		return false;
	*out_letter = hf_span(*text, len);
	if (strnlen(*text, len) < len || !hf_text_is_clean(*out_letter)) {
		*out_letter = hf_span(replacement, sizeof(replacement) - 1);
		len = 1;
	}
	*text += len;
	return true;
}

/* ---- numbers ---- */

void hf_doc_count_text(uint64_t count, char out_text[static HF_DOC_NUMBER_SIZE])
{
	char plain[24];
	size_t len, at = 0;

	if (!hf_report_is_told(count)) {
		snprintf(out_text, HF_DOC_NUMBER_SIZE, "%s",
			 count == HF_REPORT_SMALL ? "<5" : "few");
		return;
	}
	len = (size_t)snprintf(plain, sizeof(plain), "%llu",
			       (unsigned long long)count);
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out_text[at++] = ',';
		out_text[at++] = plain[i];
	}
	out_text[at] = '\0';
}

void hf_doc_share_text(uint64_t share, char out_text[static HF_DOC_NUMBER_SIZE])
{
	uint64_t tenths = (share + 5) / 10;

	snprintf(out_text, HF_DOC_NUMBER_SIZE, "%llu.%llu %%",
		 (unsigned long long)(tenths / 10),
		 (unsigned long long)(tenths % 10));
}

void hf_doc_span_text(uint64_t ms, char out_text[static HF_DOC_NUMBER_SIZE])
{
	uint64_t minutes = ms / 60000, hours = minutes / 60, days = hours / 24;

	if (ms < 60000)
		snprintf(out_text, HF_DOC_NUMBER_SIZE, "%llu s",
			 (unsigned long long)(ms / 1000));
	else if (hours == 0)
		snprintf(out_text, HF_DOC_NUMBER_SIZE, "%llu min",
			 (unsigned long long)minutes);
	else if (hours < 48)
		snprintf(out_text, HF_DOC_NUMBER_SIZE, "%llu h %llu min",
			 (unsigned long long)hours,
			 (unsigned long long)(minutes % 60));
	else
		snprintf(out_text, HF_DOC_NUMBER_SIZE, "%llu d %llu h",
			 (unsigned long long)days,
			 (unsigned long long)(hours % 24));
}

uint64_t hf_doc_share(uint64_t part, uint64_t whole)
{
	return whole > 0 && hf_report_is_told(part)
		       ? (part * 10000 + whole / 2) / whole
		       : 0;
}

const char *hf_doc_cell_text(const struct hf_doc_column *column,
			     const struct hf_doc_cell *cell,
			     char scratch[static HF_DOC_NUMBER_SIZE])
{
	if (!cell->is_set)
		return "";
	switch (column->kind) {
	case HF_DOC_COUNT:
		hf_doc_count_text(cell->number, scratch);
		return scratch;
	case HF_DOC_SHARE:
		hf_doc_share_text(cell->number, scratch);
		return scratch;
	case HF_DOC_SPAN:
		hf_doc_span_text(cell->number, scratch);
		return scratch;
	default:
		return cell->text;
	}
}

/* ---- what is said ---- */

static void note(struct hf_doc *doc, const char *text)
{
	if (doc->notes_count < HF_DOC_NOTES_MAX)
		doc->notes[doc->notes_count++] = text;
}

static void figure(struct hf_doc *doc, const char *value, const char *label)
{
	if (doc->figures_count < HF_DOC_FIGURES_MAX)
		doc->figures[doc->figures_count++] =
			(struct hf_doc_figure){ value, label };
}

static void count_figure(struct hf_doc *doc, struct hf_arena *arena,
			 uint64_t count, const char *label)
{
	char text[HF_DOC_NUMBER_SIZE];

	hf_doc_count_text(count, text);
	figure(doc, hf_doc_text(arena, "%s", text), label);
}

static void share_figure(struct hf_doc *doc, struct hf_arena *arena,
			 uint64_t part, uint64_t whole, const char *label)
{
	char text[HF_DOC_NUMBER_SIZE];

	if (whole == 0)
		return;
	hf_doc_share_text(hf_doc_share(part, whole), text);
	figure(doc, hf_doc_text(arena, "%s", text), label);
}

static void span_figure(struct hf_doc *doc, struct hf_arena *arena, uint64_t ms,
			const char *label)
{
	char text[HF_DOC_NUMBER_SIZE];

	if (ms == HF_REPORT_TIME_NONE)
		return;
	hf_doc_span_text(ms, text);
	figure(doc, hf_doc_text(arena, "%s", text), label);
}

static void say_hosting(struct hf_doc *doc, struct hf_arena *arena)
{
	const struct hf_report_row *total = hf_report_total(doc->report);
	uint64_t whole = hf_report_comparable(total);
	uint64_t day = hf_report_told(total->outcomes[HF_OUTCOME_WITHIN_24H]);
	uint64_t two =
		day + hf_report_told(total->outcomes[HF_OUTCOME_WITHIN_48H]);

	count_figure(doc, arena, total->cases, "cases");
	share_figure(doc, arena, day, whole, "gone within 24 hours");
	share_figure(doc, arena, two, whole, "gone within 48 hours");
	count_figure(doc, arena, total->outcomes[HF_OUTCOME_ONLINE],
		     "still online");
	span_figure(doc, arena, hf_report_times_at(&total->times, 50),
		    "median time until it was gone");
	note(doc, "Percentages are of the cases that can be compared: gone "
		  "within 24 h, within 48 h, later, or still online. Rejected, "
		  "withdrawn, undelivered, moved, reinstated and otherwise "
		  "closed cases stand apart.");
	note(doc, "Time runs from the first sign that the notice reached the "
		  "provider until the content was first gone, by the "
		  "provider's word or by the notifier's look, whichever was "
		  "earlier; also while a clock was paused.");
	note(doc, "Median and 90th percentile are of what is gone: what is "
		  "still online has no time yet and would make them longer.");
	if (total->from_published > 0)
		note(doc,
		     hf_doc_text(arena,
				 "For %llu of those that are gone nothing "
				 "shows when the notice arrived; they are "
				 "timed from when it was signed.",
				 (unsigned long long)total->from_published));
	if (total->young > 0)
		note(doc,
		     hf_doc_text(arena,
				 "%llu of those still online are not yet 24 "
				 "hours old.",
				 (unsigned long long)total->young));
	note(doc, "A case with several sites counts once for each of them in "
		  "the table of sites.");
}

static void say_flagger(struct hf_doc *doc, struct hf_arena *arena)
{
	const struct hf_report_row *total = hf_report_total(doc->report);

	count_figure(doc, arena, total->cases, "notices");
	share_figure(doc, arena,
		     hf_report_told(total->actions[HF_ACTION_ACTED]),
		     hf_report_told(total->cases), "removed or disabled");
	count_figure(doc, arena, total->actions[HF_ACTION_REJECTED],
		     "rejected");
	count_figure(doc, arena, total->actions[HF_ACTION_NONE],
		     "no action so far");
	span_figure(doc, arena, hf_report_times_mean(&total->times),
		    "mean time until it was gone");
	note(doc, "These are the notices that DSA Art. 22(3) asks a trusted "
		  "flagger to report: by provider, by type of allegedly "
		  "illegal content, and by the action taken.");
	note(doc, "The report does not say how the trusted flagger keeps its "
		  "independence; Art. 22(3) asks for that as well.");
	note(doc, "Times are of content that is gone, from the first sign that "
		  "the notice reached the provider.");
}

static void say_dsc(struct hf_doc *doc, struct hf_arena *arena)
{
	const struct hf_report_row *total = hf_report_total(doc->report);
	uint64_t failings = 0, left_out;
	size_t proofs;

	for (int i = 0; i < HF_REPORT_FAILINGS; i++)
		failings += hf_report_told(total->answers[i]);
	hf_report_proofs(doc->report, &proofs, &left_out);
	count_figure(doc, arena, total->cases, "cases");
	count_figure(doc, arena, failings,
		     "late, without a reason, or not at all");
	count_figure(doc, arena, total->answers[HF_ANSWER_SILENT],
		     "no answer, overdue");
	count_figure(doc, arena, total->answers[HF_ANSWER_LATE], "acted late");
	note(doc, "A receipt is made by a program and is no answer. Who asked "
		  "or is looking at it answered, and is overdue all the same "
		  "once the deadline is past.");
	note(doc, "The deadline is that of the case; where it has none, 24 h "
		  "under the NTD code, 12 h for an order about abuse material, "
		  "1 h for a terrorist content order. DSA Art. 16 has no "
		  "number: without a deadline of its own such a case is never "
		  "late.");
	note(doc, "Rejected without a reason means that no reason was given. "
		  "Whether a reason is a good one is not judged here.");
	if (proofs > 0)
		note(doc, "Each case that is named can be proven offline: "
			  "hashfed cases bundle ID writes the file, hashfed "
			  "verify checks it.");
	if (left_out > 0)
		note(doc, hf_doc_text(arena,
				      "%llu more cases are counted, but not "
				      "named.",
				      (unsigned long long)left_out));
}

static void say_all(struct hf_doc *doc, struct hf_arena *arena)
{
	const struct hf_report_options *options =
		hf_report_options(doc->report);
	uint64_t aside = hf_report_set_aside(doc->report);

	if (aside > 0)
		note(doc, hf_doc_text(arena,
				      "%llu cases of this period are not what "
				      "this report is about (a provider's own "
				      "finds, those passed on to a hotline "
				      "abroad%s) and are not counted.",
				      (unsigned long long)aside,
				      options->kind == HF_REPORT_TRUSTED_FLAGGER
					      ? ", and those outside DSA "
						"Art. 16"
					      : ""));
	if (options->audience == HF_REPORT_PUBLIC)
		note(doc, "For the public: no names and no times. Counts are "
			  "rounded to a multiple of 5; 1 to 4 is shown as <5. "
			  "Totals and percentages are made of the numbers as "
			  "shown, in which <5 counts as nothing.");
	note(doc, "Days, months and years are those of UTC.");
}

static void say_period(struct hf_doc *doc, struct hf_arena *arena)
{
	const struct hf_report_options *options =
		hf_report_options(doc->report);
	char from[HF_DAY_TEXT_SIZE], to[HF_DAY_TEXT_SIZE];

	hf_day_text(options->from_ms, from);
	hf_day_text(options->to_ms > 0 ? options->to_ms - 1 : options->as_of_ms,
		    to);
	doc->period = options->from_ms > 0
			      ? hf_doc_text(arena, "%s to %s", from, to)
			      : hf_doc_text(arena, "until %s", to);
	switch (options->audience) {
	case HF_REPORT_SELF:
		doc->audience = "for the provider itself";
		break;
	case HF_REPORT_PUBLIC:
		doc->audience = "for the public";
		break;
	default:
		doc->audience = "for an authority; it names providers";
	}
}

enum hf_err hf_doc_make(const struct hf_report *report,
			const char *organisation, struct hf_arena *arena,
			struct hf_doc *out_doc, struct hf_why *why)
{
	static const char *const titles[HF_REPORT_KINDS] = {
		[HF_REPORT_HOSTING] = "Hosting report",
		[HF_REPORT_TRUSTED_FLAGGER] = "Trusted flagger report",
		[HF_REPORT_DSC] = ("Report for the digital services "
				   "coordinator"),
	};
	const struct hf_report_options *options = hf_report_options(report);
	struct hf_doc doc = { .report = report,
			      .title = titles[options->kind],
			      .organisation = organisation,
			      .made_ms = options->as_of_ms };
	char made[HF_CLOCK_TEXT_SIZE];
	enum hf_err err;

	hf_clock_text(options->as_of_ms, made);
	made[10] = ' ';
	doc.made = hf_doc_text(arena, "%.16s UTC", made);
	say_period(&doc, arena);
	if (options->kind == HF_REPORT_HOSTING)
		say_hosting(&doc, arena);
	else if (options->kind == HF_REPORT_TRUSTED_FLAGGER)
		say_flagger(&doc, arena);
	else
		say_dsc(&doc, arena);
	say_all(&doc, arena);
	if (doc.made == NULL || doc.period == NULL)
		return hf_why(why, HF_E_NOMEM, "report: no memory");
	for (size_t i = 0; i < doc.figures_count; i++) {
		if (doc.figures[i].value == NULL)
			return hf_why(why, HF_E_NOMEM, "report: no memory");
	}
	for (size_t i = 0; i < doc.notes_count; i++) {
		if (doc.notes[i] == NULL)
			return hf_why(why, HF_E_NOMEM, "report: no memory");
	}
	err = hf_doc_tables(&doc, arena, why);
	if (err == HF_OK)
		err = hf_doc_plots(&doc, arena, why);
	if (err == HF_OK)
		*out_doc = doc;
	return err;
}
