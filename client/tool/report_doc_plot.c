#include <string.h>

#include "report_doc.h"

#define BARS_MAX   20
#define STACKS_MAX 36

/* Outcomes that can be compared, as the eye should read them. */
static const struct hf_doc_series outcome_series[] = {
	{ "within 24 h", HF_DOC_BLUE },
	{ "24 to 48 h", HF_DOC_SKY },
	{ "later", HF_DOC_ORANGE },
	{ "still online", HF_DOC_RED },
};
static const struct hf_doc_series action_series[] = {
	{ "removed or disabled", HF_DOC_BLUE },
	{ "gone, cause not known", HF_DOC_SKY },
	{ "rejected", HF_DOC_PURPLE },
	{ "asked for more", HF_DOC_ORANGE },
	{ "none, or not true", HF_DOC_RED },
	{ "other", HF_DOC_GREY },
};
static const struct hf_doc_series answer_series[] = {
	{ "no answer, overdue", HF_DOC_RED },
	{ "answered, overdue", HF_DOC_ORANGE },
	{ "acted late", HF_DOC_PURPLE },
	{ "rejected, no reason", HF_DOC_SKY },
	{ "said removed, was online", HF_DOC_BLUE },
};

static void put_outcomes(const struct hf_report_row *row,
			 uint64_t values[static HF_DOC_SERIES_MAX])
{
	for (int i = 0; i < HF_REPORT_COMPARABLE; i++)
		values[i] = row->outcomes[i];
}

static void put_actions(const struct hf_report_row *row,
			uint64_t values[static HF_DOC_SERIES_MAX])
{
	static const size_t place[HF_ACTIONS] = {
		[HF_ACTION_ACTED] = 0,      [HF_ACTION_GONE] = 1,
		[HF_ACTION_REJECTED] = 2,   [HF_ACTION_ASKED] = 3,
		[HF_ACTION_NONE] = 4,       [HF_ACTION_UNTRUE] = 4,
		[HF_ACTION_MOVED] = 5,      [HF_ACTION_IMPOSSIBLE] = 5,
		[HF_ACTION_REINSTATED] = 5, [HF_ACTION_UNDELIVERED] = 5,
		[HF_ACTION_WITHDRAWN] = 5,  [HF_ACTION_CLOSED] = 5,
	};

	for (int i = 0; i < HF_ACTIONS; i++)
		values[place[i]] += hf_report_told(row->actions[i]);
}

static void put_answers(const struct hf_report_row *row,
			uint64_t values[static HF_DOC_SERIES_MAX])
{
	for (int i = 0; i < HF_REPORT_FAILINGS; i++)
		values[i] = row->answers[i];
}

/* What the bars of each kind of report are made of. */
#define SERIES(name) name, sizeof(name) / sizeof(name[0])
static const struct {
	const struct hf_doc_series *series;
	size_t series_count;
	void (*put)(const struct hf_report_row *row,
		    uint64_t values[static HF_DOC_SERIES_MAX]);
} kinds[HF_REPORT_KINDS] = {
	[HF_REPORT_HOSTING] = { SERIES(outcome_series), put_outcomes },
	[HF_REPORT_TRUSTED_FLAGGER] = { SERIES(action_series), put_actions },
	[HF_REPORT_DSC] = { SERIES(answer_series), put_answers },
};

static struct hf_doc_plot *new_plot(struct hf_doc *doc,
				    enum hf_doc_plot_kind kind,
				    const char *title, const char *what,
				    size_t items_most, struct hf_arena *arena)
{
	enum hf_report_kind is = hf_report_options(doc->report)->kind;
	struct hf_doc_plot *plot = &doc->plots[doc->plots_count];

	*plot = (struct hf_doc_plot){ .kind = kind,
				      .title = title,
				      .what = what,
				      .series_count = kinds[is].series_count };
	memcpy(plot->series, kinds[is].series,
	       kinds[is].series_count * sizeof(plot->series[0]));
	plot->items = hf_arena_calloc(arena, items_most, sizeof(*plot->items));
	if (plot->items == NULL)
		return NULL;
	doc->plots_count++;
	return plot;
}

/* "87 %": what the first series has of all. */
static const char *mark_of(const struct hf_report_row *row,
			   struct hf_arena *arena)
{
	uint64_t whole = hf_report_comparable(row);

	if (whole == 0)
		return "";
	return hf_doc_text(
		arena, "%llu %%",
		(unsigned long long)((hf_doc_share(
					      row->outcomes
						      [HF_OUTCOME_WITHIN_24H],
					      whole) +
				      50) /
				     100));
}

static bool is_empty(const struct hf_doc_item *item)
{
	for (size_t i = 0; i < HF_DOC_SERIES_MAX; i++) {
		if (item->values[i] > 0)
			return false;
	}
	return true;
}

/* Rows, from `from` on, into items.  A month without cases stays, so that the
 * trend is true to time; a provider without failings has no bar. */
static enum hf_err put_rows(struct hf_doc *doc, struct hf_doc_plot *plot,
			    const struct hf_report_row *const *rows,
			    size_t from, size_t to, bool is_marked,
			    struct hf_arena *arena)
{
	enum hf_report_kind kind = hf_report_options(doc->report)->kind;

	for (size_t i = from; i < to; i++) {
		struct hf_doc_item *item = &plot->items[plot->items_count];

		kinds[kind].put(rows[i], item->values);
		if (is_empty(item) && plot->kind == HF_DOC_PLOT_BARS)
			continue;
		plot->items_count++;
		item->label =
			rows[i]->name[0] != '\0' ? rows[i]->name : "(none)";
		item->mark = is_marked ? mark_of(rows[i], arena) : "";
		if (item->mark == NULL)
			return HF_E_NOMEM;
	}
	return HF_OK;
}

static enum hf_err whole_plot(struct hf_doc *doc, struct hf_arena *arena)
{
	const struct hf_report_row *total = hf_report_total(doc->report);
	struct hf_doc_plot *plot;

	if (hf_report_comparable(total) == 0)
		return HF_OK;
	plot = new_plot(doc, HF_DOC_PLOT_WHOLE, "What became of it",
			"Of the cases that can be compared: the content was "
			"gone within 24 hours, within 48 hours, later, or is "
			"still online.",
			1, arena);
	if (plot == NULL)
		return HF_E_NOMEM;
	plot->items_title = "Cases";
	return put_rows(doc, plot, &total, 0, 1, false, arena);
}

static enum hf_err month_plot(struct hf_doc *doc, struct hf_arena *arena)
{
	size_t count;
	const struct hf_report_row *const *rows =
		hf_report_rows(doc->report, HF_REPORT_BY_MONTH, &count);
	size_t from = count > STACKS_MAX ? count - STACKS_MAX : 0;
	struct hf_doc_plot *plot;

	if (count == 0)
		return HF_OK;
	plot = new_plot(doc, HF_DOC_PLOT_STACKS,
			from > 0 ? "Month by month, the last three years"
				 : "Month by month",
			"By month of the notice: gone within 24 hours, within "
			"48 hours, later, or still online. Above a bar: the "
			"share within 24 hours.",
			count - from, arena);
	if (plot == NULL)
		return HF_E_NOMEM;
	plot->items_title = "Month";
	return put_rows(doc, plot, rows, from, count, true, arena);
}

static enum hf_err bars_plot(struct hf_doc *doc, enum hf_report_by by,
			     const char *title, const char *items_title,
			     struct hf_arena *arena)
{
	bool is_hosting =
		hf_report_options(doc->report)->kind == HF_REPORT_HOSTING;
	size_t count;
	const struct hf_report_row *const *rows =
		hf_report_rows(doc->report, by, &count);
	struct hf_doc_plot *plot;
	enum hf_err err;

	if (count == 0)
		return HF_OK;
	if (count > BARS_MAX)
		count = BARS_MAX;
	plot = new_plot(doc, HF_DOC_PLOT_BARS, title,
			is_hosting ? "Cases that can be compared, the most "
				     "first. Behind each bar: their number, "
				     "and the share within 24 hours."
				   : "Behind each bar: how many there are.",
			count, arena);
	if (plot == NULL)
		return HF_E_NOMEM;
	plot->items_title = items_title;
	err = put_rows(doc, plot, rows, 0, count, is_hosting, arena);
	if (plot->items_count == 0)
		doc->plots_count--;
	return err;
}

static enum hf_err spread_plot(struct hf_doc *doc, struct hf_arena *arena)
{
	/* clang-format off */
#define LABEL(hours, title) title,
	static const char *const labels[] = { HF_REPORT_SPREAD_TABLE(LABEL) };
#undef LABEL
#define SERIES_OF(hours, title)                                                \
	(hours) == 0 || (hours) > 48 ? 2 : (hours) > 24 ? 1 : 0,
	static const size_t series[] = { HF_REPORT_SPREAD_TABLE(SERIES_OF) };
#undef SERIES_OF
	/* clang-format on */
	const struct hf_report_row *total = hf_report_total(doc->report);
	struct hf_doc_plot *plot;

	if (total->times.count == 0)
		return HF_OK;
	plot = new_plot(doc, HF_DOC_PLOT_SPREAD, "How soon it was gone",
			"How many were gone within the time below each bar, "
			"and not within the one to its left. The steps of time "
			"are unequal.",
			HF_REPORT_SPREADS, arena);
	if (plot == NULL)
		return HF_E_NOMEM;
	plot->items_title = "Up to";
	plot->series_count = 3;
	for (size_t i = 0; i < HF_REPORT_SPREADS; i++) {
		struct hf_doc_item *item = &plot->items[plot->items_count++];

		item->label = labels[i];
		item->values[series[i]] = total->spread[i];
		item->mark = hf_doc_text(
			arena, "%llu %%",
			(unsigned long long)((hf_doc_share(total->spread[i],
							   total->times.count) +
					      50) /
					     100));
		if (item->mark == NULL)
			return HF_E_NOMEM;
	}
	return HF_OK;
}

enum hf_err hf_doc_plots(struct hf_doc *doc, struct hf_arena *arena,
			 struct hf_why *why)
{
	enum hf_err err = HF_OK;

	switch (hf_report_options(doc->report)->kind) {
	case HF_REPORT_HOSTING:
		err = whole_plot(doc, arena);
		if (err == HF_OK)
			err = month_plot(doc, arena);
		if (err == HF_OK)
			err = bars_plot(doc, HF_REPORT_BY_PROVIDER,
					"Providers with the most cases",
					"Provider", arena);
		if (err == HF_OK)
			err = spread_plot(doc, arena);
		break;
	case HF_REPORT_TRUSTED_FLAGGER:
		err = bars_plot(doc, HF_REPORT_BY_CLASS, "By type of content",
				"Type", arena);
		if (err == HF_OK)
			err = bars_plot(doc, HF_REPORT_BY_PROVIDER,
					"Providers with the most notices",
					"Provider", arena);
		break;
	default:
		err = bars_plot(doc, HF_REPORT_BY_PROVIDER,
				"What went wrong, by provider", "Provider",
				arena);
		if (err == HF_OK)
			err = bars_plot(doc, HF_REPORT_BY_YEAR,
					"What went wrong, by year", "Year",
					arena);
		break;
	}
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "report: no memory for plots");
}
