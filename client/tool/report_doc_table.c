#include <string.h>

#include "bytes.h"

#include "report_doc.h"

#define ROWS_SHOWN  50
#define COLUMNS_MAX 32
#define CASE_DIGITS 32

/* How a column is got from a row. */
struct spec {
	struct hf_doc_column column;
	void (*get)(const struct hf_report_row *row, int which,
		    struct hf_doc_cell *cell);
	int which;
	bool is_private; /* not for the public */
};

static void set(struct hf_doc_cell *cell, uint64_t number)
{
	cell->is_set = true;
	cell->number = number;
}

static void get_name(const struct hf_report_row *row, int which,
		     struct hf_doc_cell *cell)
{
	cell->is_set = true;
	cell->text = row->name[0] != '\0' ? row->name : "(none)";
}

static void get_cases(const struct hf_report_row *row, int which,
		      struct hf_doc_cell *cell)
{
	set(cell, row->cases);
}

static void get_outcome(const struct hf_report_row *row, int which,
			struct hf_doc_cell *cell)
{
	set(cell, row->outcomes[which]);
}

static void get_action(const struct hf_report_row *row, int which,
		       struct hf_doc_cell *cell)
{
	set(cell, row->actions[which]);
}

static void get_answer(const struct hf_report_row *row, int which,
		       struct hf_doc_cell *cell)
{
	set(cell, row->answers[which]);
}

/* Of outcomes[from] on, until `to`. */
static uint64_t sum(const uint64_t *counts, int from, int to)
{
	uint64_t all = 0;

	for (int i = from; i < to; i++)
		all += hf_report_told(counts[i]);
	return all;
}

static void get_apart(const struct hf_report_row *row, int which,
		      struct hf_doc_cell *cell)
{
	set(cell, sum(row->outcomes, HF_REPORT_COMPARABLE, HF_OUTCOMES));
}

static void get_failings(const struct hf_report_row *row, int which,
			 struct hf_doc_cell *cell)
{
	set(cell, sum(row->answers, 0, HF_REPORT_FAILINGS));
}

/* Outcomes up to and with `which`, of those that can be compared. */
static void get_share(const struct hf_report_row *row, int which,
		      struct hf_doc_cell *cell)
{
	uint64_t whole = hf_report_comparable(row);

	if (whole > 0)
		set(cell,
		    hf_doc_share(sum(row->outcomes, 0, which + 1), whole));
}

static void get_failing_share(const struct hf_report_row *row, int which,
			      struct hf_doc_cell *cell)
{
	uint64_t whole = sum(row->answers, 0, HF_ANSWER_NOT_ASKED);

	if (whole > 0)
		set(cell, hf_doc_share(sum(row->answers, 0, HF_REPORT_FAILINGS),
				       whole));
}

static void get_percentile(const struct hf_report_row *row, int which,
			   struct hf_doc_cell *cell)
{
	if (row->times.count > 0)
		set(cell, hf_report_times_at(&row->times, (unsigned)which));
}

static void get_mean(const struct hf_report_row *row, int which,
		     struct hf_doc_cell *cell)
{
	if (row->times.count > 0)
		set(cell, hf_report_times_mean(&row->times));
}

static void get_member(const struct hf_report_row *row, int which,
		       struct hf_doc_cell *cell)
{
	cell->is_set = true;
	cell->text = row->not_member == 0            ? ""
		     : row->not_member == row->cases ? "not a member"
						     : "not a member at first";
}

static void get_worst(const struct hf_report_row *row, int which,
		      struct hf_doc_cell *cell)
{
	if (row->worst_ms > 0)
		set(cell, row->worst_ms);
}

enum other {
	NOT_MEMBER,
	FROM_PUBLISHED,
	YOUNG,
	OTHER_REASON,
	REMINDERS,
	REAPPEARED,
	ORDERED
};

static void get_other(const struct hf_report_row *row, int which,
		      struct hf_doc_cell *cell)
{
	const uint64_t counts[] = {
		[NOT_MEMBER] = row->not_member,
		[FROM_PUBLISHED] = row->from_published,
		[YOUNG] = row->young,
		[OTHER_REASON] = row->reasons_other,
		[REMINDERS] = row->reminders,
		[REAPPEARED] = row->reappeared,
		[ORDERED] = row->ordered,
	};

	set(cell, counts[which]);
}

/* clang-format off */
#define COUNT(name, what, data_only)                                           \
	{ { name, what, HF_DOC_COUNT, data_only }
#define NAME   { { "name", "Name", HF_DOC_NAME, false }, get_name, 0, false }
#define MEMBER { { "member", "Member", HF_DOC_TEXT, false }, get_member, 0, true }

static const struct spec hosting[] = {
	NAME,
	MEMBER,
	COUNT("cases", "Cases", false), get_cases, 0, false },
	COUNT("within_24h", "In 24 h", false), get_outcome, HF_OUTCOME_WITHIN_24H, false },
	COUNT("within_48h", "24 to 48 h", false), get_outcome, HF_OUTCOME_WITHIN_48H, false },
	COUNT("later", "Later", false), get_outcome, HF_OUTCOME_LATER, false },
	COUNT("online", "Online", false), get_outcome, HF_OUTCOME_ONLINE, false },
	{ { "share_24h", "% in 24 h", HF_DOC_SHARE, false }, get_share, HF_OUTCOME_WITHIN_24H, false },
	{ { "share_48h", "% in 48 h", HF_DOC_SHARE, false }, get_share, HF_OUTCOME_WITHIN_48H, false },
	{ { "median", "Median", HF_DOC_SPAN, false }, get_percentile, 50, true },
	{ { "p90", "90 %", HF_DOC_SPAN, false }, get_percentile, 90, true },
	COUNT("apart", "Apart", false), get_apart, 0, false },
	COUNT("rejected", "Rejected", true), get_outcome, HF_OUTCOME_REJECTED, false },
	COUNT("withdrawn", "Withdrawn", true), get_outcome, HF_OUTCOME_WITHDRAWN, false },
	COUNT("undelivered", "Undelivered", true), get_outcome, HF_OUTCOME_UNDELIVERED, false },
	COUNT("moved", "Moved", true), get_outcome, HF_OUTCOME_MOVED, false },
	COUNT("reinstated", "Reinstated", true), get_outcome, HF_OUTCOME_REINSTATED, false },
	COUNT("closed", "Closed otherwise", true), get_outcome, HF_OUTCOME_CLOSED, false },
	COUNT("not_member", "Without a node", true), get_other, NOT_MEMBER, true },
	COUNT("from_published", "Timed from signing", true), get_other, FROM_PUBLISHED, true },
	COUNT("online_under_24h", "Online, not yet 24 h", true), get_other, YOUNG, true },
	COUNT("reappeared", "Came back", true), get_other, REAPPEARED, true },
};

static const struct spec flagger[] = {
	NAME,
	MEMBER,
	COUNT("notices", "Notices", false), get_cases, 0, false },
	COUNT("removed_or_disabled", "Removed", false), get_action, HF_ACTION_ACTED, false },
	COUNT("gone", "Gone", false), get_action, HF_ACTION_GONE, false },
	COUNT("untrue", "Untrue", false), get_action, HF_ACTION_UNTRUE, false },
	COUNT("rejected", "Rejected", false), get_action, HF_ACTION_REJECTED, false },
	COUNT("asked", "Asked", false), get_action, HF_ACTION_ASKED, false },
	COUNT("none", "No action", false), get_action, HF_ACTION_NONE, false },
	COUNT("moved", "Moved", false), get_action, HF_ACTION_MOVED, false },
	COUNT("impossible", "Cannot now", true), get_action, HF_ACTION_IMPOSSIBLE, false },
	COUNT("reinstated", "Reinstated", true), get_action, HF_ACTION_REINSTATED, false },
	COUNT("undelivered", "Undelivered", false), get_action, HF_ACTION_UNDELIVERED, false },
	COUNT("withdrawn", "Withdrawn", false), get_action, HF_ACTION_WITHDRAWN, false },
	COUNT("closed", "Closed otherwise", true), get_action, HF_ACTION_CLOSED, false },
	{ { "mean", "Mean time", HF_DOC_SPAN, false }, get_mean, 0, true },
	{ { "median", "Median", HF_DOC_SPAN, false }, get_percentile, 50, true },
};

static const struct spec dsc[] = {
	NAME,
	MEMBER,
	COUNT("cases", "Cases", false), get_cases, 0, false },
	COUNT("failings", "Failings", false), get_failings, 0, false },
	{ { "share", "Share", HF_DOC_SHARE, false }, get_failing_share, 0, false },
	COUNT("silent", "Silent", false), get_answer, HF_ANSWER_SILENT, false },
	COUNT("overdue", "Overdue", false), get_answer, HF_ANSWER_OVERDUE, false },
	COUNT("late", "Late", false), get_answer, HF_ANSWER_LATE, false },
	COUNT("unreasoned", "No reason", false), get_answer, HF_ANSWER_UNREASONED, false },
	COUNT("untrue", "Untrue", false), get_answer, HF_ANSWER_UNTRUE, false },
	{ { "worst", "Worst", HF_DOC_SPAN, false }, get_worst, 0, true },
	COUNT("in_time", "In time", false), get_answer, HF_ANSWER_IN_TIME, false },
	COUNT("reasoned", "Reasoned", false), get_answer, HF_ANSWER_REASONED, false },
	COUNT("running", "Open", true), get_answer, HF_ANSWER_RUNNING, false },
	COUNT("not_asked", "Not counted", true), get_answer, HF_ANSWER_NOT_ASKED, false },
	COUNT("reason_other", "Reason is other", true), get_other, OTHER_REASON, true },
	COUNT("reminders", "Reminders", true), get_other, REMINDERS, true },
	COUNT("ordered", "Ordered", true), get_other, ORDERED, true },
};
#undef COUNT
#undef NAME
#undef MEMBER

#define SPECS(name) { name, sizeof(name) / sizeof(name[0]) }
static const struct {
	const struct spec *specs;
	size_t count;
} kinds[HF_REPORT_KINDS] = {
	[HF_REPORT_HOSTING] = SPECS(hosting),
	[HF_REPORT_TRUSTED_FLAGGER] = SPECS(flagger),
	[HF_REPORT_DSC] = SPECS(dsc),
};

/* Key, title, heading of the first column, has members. */
static const struct {
	const char *key, *title, *heading;
	bool has_members;
} bys[HF_REPORT_BYS] = {
	[HF_REPORT_BY_TOTAL]    = { "total", "All together", "", false },
	[HF_REPORT_BY_MONTH]    = { "months", "By month of the notice", "Month", false },
	[HF_REPORT_BY_YEAR]     = { "years", "By year of the notice", "Year", false },
	[HF_REPORT_BY_PROVIDER] = { "providers", "By provider", "Provider", true },
	[HF_REPORT_BY_SITE]     = { "sites", "By site", "Site", false },
	[HF_REPORT_BY_CLASS]    = { "classes", "By type of content", "Type", false },
};

/* What each kind shows, in this order. */
static const enum hf_report_by orders[HF_REPORT_KINDS][HF_REPORT_BYS] = {
	[HF_REPORT_HOSTING] = { HF_REPORT_BY_PROVIDER, HF_REPORT_BY_SITE, HF_REPORT_BY_MONTH,
				HF_REPORT_BY_CLASS, HF_REPORT_BY_TOTAL, HF_REPORT_BYS },
	[HF_REPORT_TRUSTED_FLAGGER] = { HF_REPORT_BY_PROVIDER, HF_REPORT_BY_CLASS,
				HF_REPORT_BY_YEAR, HF_REPORT_BY_TOTAL, HF_REPORT_BYS },
	[HF_REPORT_DSC] = { HF_REPORT_BY_PROVIDER, HF_REPORT_BY_YEAR, HF_REPORT_BY_TOTAL,
				HF_REPORT_BYS },
};
/* clang-format on */

/* The columns of this table, with the specs they come from. */
static size_t pick(const struct hf_doc *doc, enum hf_report_by by,
		   struct hf_doc_column *columns, const struct spec **specs)
{
	const struct hf_report_options *options =
		hf_report_options(doc->report);
	size_t count = 0;

	for (size_t i = 0; i < kinds[options->kind].count; i++) {
		const struct spec *spec = &kinds[options->kind].specs[i];

		if ((spec->is_private &&
		     options->audience == HF_REPORT_PUBLIC) ||
		    (spec->get == get_member && !bys[by].has_members))
			continue;
		columns[count] = spec->column;
		if (spec->get == get_name)
			columns[count].title = bys[by].heading;
		specs[count++] = spec;
	}
	return count;
}

static enum hf_err add_rows(struct hf_doc *doc, enum hf_report_by by,
			    struct hf_arena *arena, struct hf_why *why)
{
	struct hf_doc_table table = { .key = bys[by].key,
				      .title = bys[by].title,
				      .note = "" };
	const struct spec *specs[COLUMNS_MAX];
	struct hf_doc_column *columns =
		hf_arena_calloc(arena, COLUMNS_MAX, sizeof(*columns));
	const struct hf_report_row *const *rows =
		hf_report_rows(doc->report, by, &table.rows_count);
	struct hf_doc_cell *cells;

	if (table.rows_count == 0)
		return HF_OK;
	if (columns == NULL)
		return hf_why(why, HF_E_NOMEM, "report: no memory");
	table.columns = columns;
	table.columns_count = pick(doc, by, columns, specs);
	cells = hf_arena_calloc(arena, table.rows_count * table.columns_count,
				sizeof(*cells));
	if (cells == NULL)
		return hf_why(why, HF_E_NOMEM, "report: no memory");
	for (size_t i = 0; i < table.rows_count; i++) {
		for (size_t j = 0; j < table.columns_count; j++)
			specs[j]->get(rows[i], specs[j]->which,
				      &cells[i * table.columns_count + j]);
	}
	table.cells = cells;
	table.rows_shown = table.rows_count;
	if ((by == HF_REPORT_BY_PROVIDER || by == HF_REPORT_BY_SITE) &&
	    table.rows_count > ROWS_SHOWN) {
		table.rows_shown = ROWS_SHOWN;
		table.note = hf_doc_text(arena,
					 "The %d with the most cases; all %zu "
					 "are in the CSV and JSON files.",
					 ROWS_SHOWN, table.rows_count);
		if (table.note == NULL)
			return hf_why(why, HF_E_NOMEM, "report: no memory");
	}
	doc->tables[doc->tables_count++] = table;
	return HF_OK;
}

/* ---- the cases that prove it ---- */

static const struct hf_doc_column proof_columns[] = {
	{ "name", "Provider", HF_DOC_NAME, false },
	{ "failing", "What", HF_DOC_TEXT, false },
	{ "late", "Past the deadline", HF_DOC_SPAN, false },
	{ "case_id", "Case", HF_DOC_ID, false },
};
#define PROOF_COLUMNS (sizeof(proof_columns) / sizeof(proof_columns[0]))

/* clang-format off */
#define TITLE(name, word, title) title,
static const char *const answer_titles[] = { HF_REPORT_ANSWER_TABLE(TITLE) };
#undef TITLE
/* clang-format on */

static enum hf_err put_proof(const struct hf_report_proof *proof,
			     struct hf_doc_cell *cells, struct hf_arena *arena)
{
	char *id = hf_arena_alloc(arena, CASE_DIGITS + 1);

	if (id == NULL)
		return HF_E_NOMEM;
	hf_hex(proof->case_id, sizeof(proof->case_id), id);
	cells[0] = (struct hf_doc_cell){ true, proof->provider->name, 0 };
	cells[1] =
		(struct hf_doc_cell){ true, answer_titles[proof->answer], 0 };
	cells[2] = (struct hf_doc_cell){ proof->late_ms > 0, NULL,
					 proof->late_ms };
	cells[3] = (struct hf_doc_cell){ true, id, 0 };
	return HF_OK;
}

static enum hf_err add_proofs(struct hf_doc *doc, struct hf_arena *arena,
			      struct hf_why *why)
{
	struct hf_doc_table table = { .key = "proofs",
				      .title = "Cases that prove it",
				      .note = "",
				      .columns = proof_columns,
				      .columns_count = PROOF_COLUMNS };
	const struct hf_report_proof *proofs;
	struct hf_doc_cell *cells;
	uint64_t left_out;

	proofs = hf_report_proofs(doc->report, &table.rows_count, &left_out);
	if (table.rows_count == 0)
		return HF_OK;
	cells = hf_arena_calloc(arena, table.rows_count * PROOF_COLUMNS,
				sizeof(*cells));
	if (cells == NULL)
		return hf_why(why, HF_E_NOMEM, "report: no memory");
	for (size_t i = 0; i < table.rows_count; i++) {
		if (put_proof(&proofs[i], cells + i * PROOF_COLUMNS, arena) !=
		    HF_OK)
			return hf_why(why, HF_E_NOMEM, "report: no memory");
	}
	table.cells = cells;
	table.rows_shown = table.rows_count;
	if (table.rows_count > ROWS_SHOWN) {
		table.rows_shown = ROWS_SHOWN;
		table.note = hf_doc_text(arena,
					 "The first %d; all %zu are in the CSV "
					 "and JSON files.",
					 ROWS_SHOWN, table.rows_count);
		if (table.note == NULL)
			return hf_why(why, HF_E_NOMEM, "report: no memory");
	}
	doc->tables[doc->tables_count++] = table;
	return HF_OK;
}

enum hf_err hf_doc_tables(struct hf_doc *doc, struct hf_arena *arena,
			  struct hf_why *why)
{
	enum hf_report_kind kind = hf_report_options(doc->report)->kind;
	enum hf_err err = HF_OK;

	for (int i = 0; err == HF_OK && orders[kind][i] != HF_REPORT_BYS; i++)
		err = add_rows(doc, orders[kind][i], arena, why);
	if (err == HF_OK)
		err = add_proofs(doc, arena, why);
	return err;
}
