/*
 * The table of moves against a matrix written by hand.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "case_move.h"
#include "case_rig.h"

#define VECTORS HF_SOURCE_DIR "/tests/vectors/case_moves.txt"

/*
 * Every event in every state.
 */

#define COLUMNS 26

static const struct column {
	const char *name;
	enum hf_case_state state;
	char contested_by;
} columns[COLUMNS] = {
	{ "NO", HF_CASE_NOTICED, 0 },
	{ "DE", HF_CASE_DELIVERED, 0 },
	{ "DF", HF_CASE_DELIVERY_FAILED, 0 },
	{ "AC", HF_CASE_ACKNOWLEDGED, 0 },
	{ "UR", HF_CASE_UNDER_REVIEW, 0 },
	{ "NI", HF_CASE_NEEDS_INFO, 0 },
	{ "IM", HF_CASE_IMPOSSIBLE, 0 },
	{ "RM", HF_CASE_REMOVED, 0 },
	{ "DI", HF_CASE_DISABLED, 0 },
	{ "UN", HF_CASE_UNAVAILABLE, 0 },
	{ "MV", HF_CASE_MOVED, 0 },
	{ "RJ", HF_CASE_REJECTED, 0 },
	{ "VO", HF_CASE_VERIFIED_OFFLINE, 0 },
	{ "SO", HF_CASE_STILL_ONLINE, 0 },
	{ "RN", HF_CASE_RENOTIFIED, 0 },
	{ "LE", HF_CASE_ESCALATED_LEA, 0 },
	{ "AU", HF_CASE_ESCALATED_AUTHORITY, 0 },
	{ "OR", HF_CASE_ORDERED, 0 },
	{ "CO", HF_CASE_COMPLIED, 0 },
	{ "PE", HF_CASE_PENALTY, 0 },
	{ "CP", HF_CASE_CONTESTED, 'P' },
	{ "CN", HF_CASE_CONTESTED, 'N' },
	{ "RI", HF_CASE_REINSTATED, 0 },
	{ "WD", HF_CASE_WITHDRAWN, 0 },
	{ "RA", HF_CASE_REAPPEARED, 0 },
	{ "CL", HF_CASE_CLOSED, 0 },
};

static enum hf_case_state state_of(const char *name)
{
	if (strcmp(name, "CT") == 0)
		return HF_CASE_CONTESTED;
	for (size_t i = 0; i < COLUMNS; i++) {
		if (strcmp(columns[i].name, name) == 0)
			return columns[i].state;
	}
	fail_msg("no state %s", name);
	return 0;
}

static bool is_one_of(const char *name, const char *names)
{
	return strstr(names, name) != NULL;
}

/* A case in the state of a column, as the vectors say. */
static struct hf_case case_in(const struct column *column, bool has_order)
{
	struct hf_case now = {
		.state = column->state,
		.regime = has_order ? HF_REGIME_CSAM_ORDER : HF_REGIME_NTD,
		.published_ms = 1,
		.delivered_ms = 1,
		.authorities_count = 1,
		.stuck_state =
			has_order ? HF_CASE_ORDERED : HF_CASE_ACKNOWLEDGED,
		.contested_state = column->contested_by == 'N'
					   ? HF_CASE_REJECTED
				   : has_order ? HF_CASE_ORDERED
					       : HF_CASE_REMOVED,
		.is_ordered = has_order,
		.ordered_ms = has_order,
		.is_order_open =
			has_order &&
			!is_one_of(column->name, "RM DI UN MV CO VO WD CL"),
	};
	const char *acted =
		has_order ? "RM DI UN CO WD CL" : "RM DI UN CO WD CL CP";

	now.acted_ms = is_one_of(column->name, acted);
	now.offline_ms = is_one_of(column->name, "VO");
	now.complied_ms = has_order && is_one_of(column->name, "CO");
	rig_author('A', now.authorities[0]);
	if (has_order)
		rig_author('B', now.ordered_by);
	if (column->contested_by != 0)
		rig_author(column->contested_by, now.contested_by);
	return now;
}

#define VARIANTS (HF_CASE_EVENT_QUOTE + 3)

/* The kinds, and three once more. */
static const char *variant_make(unsigned number, struct hf_case_fact *fact,
				struct hf_case_parties *parties)
{
	static char name[64];

	*parties = rig_parties('N', 'P');
	memset(fact, 0, sizeof(*fact));
	fact->reason = HF_CASE_REASON_DONE;
	fact->at_ms = 2;
	fact->regime = HF_REGIME_CSAM_ORDER;
	switch (number) {
	case HF_CASE_EVENT_QUOTE + 1:
		fact->kind = HF_CASE_EVENT_CLOSE;
		fact->reason = HF_CASE_REASON_COMPLAINT_UPHELD;
		return "CLOSE+";
	case HF_CASE_EVENT_QUOTE + 2:
		fact->kind = HF_CASE_EVENT_DELIVERY;
		fact->has_failed = true;
		return "DELIVERY-";
	case HF_CASE_EVENT_QUOTE + 3:
		fact->kind = HF_CASE_EVENT_DELIVERY;
		*parties = rig_parties('N', '-');
		return "DELIVERY0";
	default:
		fact->kind = (enum hf_case_event_kind)number;
		if (fact->kind == HF_CASE_EVENT_NOTICE)
			fact->regime = HF_REGIME_NTD;
		snprintf(name, sizeof(name), "%s",
			 hf_case_event_kind_word(number));
		for (char *at = name; *at != '\0'; at++)
			*at = *at == '-' ? '_' : (char)(*at - 'a' + 'A');
		return name;
	}
}

struct line {
	char event[24], author, order[8];
	char cells[COLUMNS][4];
	bool is_used;
};

static struct line lines[128];
static size_t lines_count;

static void lines_read(void)
{
	FILE *file = fopen(VECTORS, "r");
	char text[256];

	lines_count = 0;
	assert_non_null(file);
	while (fgets(text, sizeof(text), file) != NULL) {
		struct line *line = &lines[lines_count];
		int used, at = 0;

		if (text[0] == '#' || strncmp(text, "event", 5) == 0)
			continue;
		assert_true(lines_count < ROWS(lines));
		memset(line, 0, sizeof(*line));
		assert_int_equal(sscanf(text, "%23s %c %7s%n", line->event,
					&line->author, line->order, &at),
				 3);
		for (size_t i = 0; i < COLUMNS; i++, at += used)
			assert_int_equal(sscanf(text + at, "%3s%n",
						line->cells[i], &used),
					 1);
		lines_count++;
	}
	fclose(file);
}

static const char *cell_of(const char *event, char author, bool has_order,
			   size_t column)
{
	const char *order = has_order ? "yes" : "no";

	for (size_t i = 0; i < lines_count; i++) {
		if (strcmp(lines[i].event, event) != 0 ||
		    lines[i].author != author ||
		    (strcmp(lines[i].order, "both") != 0 &&
		     strcmp(lines[i].order, order) != 0))
			continue;
		lines[i].is_used = true;
		return lines[i].cells[column];
	}
	return "!";
}

/* What the fold makes of it, as a cell. */
static void cell_made(const struct hf_case_parties *parties,
		      const struct hf_case *before,
		      const struct hf_case_fact *fact, char out[8])
{
	const struct hf_case_row *row;
	const struct hf_case_sight sight = { true, true };
	struct hf_case after = *before;
	enum hf_case_fate fate = hf_case_judge(parties, before, fact, &row);

	assert_int_equal(hf_case_may(parties, before, fact), fate);
	strcpy(out, fate == HF_CASE_FATE_NOT_PARTY  ? "!"
		    : fate == HF_CASE_FATE_NOT_NOW  ? "."
		    : fate == HF_CASE_FATE_NO_POWER ? "#"
						    : "?");
	if (fate != HF_CASE_FATE_APPLIED)
		return;
	hf_case_apply(parties, &after, fact, row, &sight);
	strcpy(out, "=");
	if (after.state != before->state || row->to == before->state)
		snprintf(out, 8, "%u", after.state);
	if (after.state != HF_CASE_CONTESTED)
		return;
	/* What lies beneath, where it may have been the same before. */
	after = *before;
	after.contested_state = HF_CASE_DRAFT;
	hf_case_apply(parties, &after, fact, row, &sight);
	if (after.contested_state != HF_CASE_DRAFT &&
	    before->state == HF_CASE_CONTESTED)
		snprintf(out, 8, "*%u", after.contested_state);
}

static void cell_wanted(const char *cell, char out[8])
{
	if (cell[0] == '*')
		snprintf(out, 8, "*%u", state_of(cell + 1));
	else if (cell[1] != '\0')
		snprintf(out, 8, "%u", state_of(cell));
	else
		strcpy(out, cell);
}

static void cell_check(const char *event, char author, bool has_order,
		       size_t column, const struct hf_case_parties *parties,
		       struct hf_case_fact *fact)
{
	struct hf_case before = case_in(&columns[column], has_order);
	const char *cell = cell_of(event, author, has_order, column);
	char wanted[8], made[8];

	rig_author(author, fact->author);
	fact->powers = author == 'O' ? 1u << HF_POWER_ORDER_CSAM |
					       1u << HF_POWER_SUPERVISE_DSA
		       : author == 'B' ? 1u << HF_POWER_ORDER_CSAM
				       : 0;
	cell_wanted(cell, wanted);
	cell_made(parties, &before, fact, made);
	if (strcmp(wanted, made) != 0)
		fail_msg("%s by %c in %s, %s order: %s, should be %s", event,
			 author, columns[column].name,
			 has_order ? "with an" : "without", made, cell);
}

static void every_event_in_every_state_by_everybody_is_as_written(void **state)
{
	static const char authors[] = "NPABOX";

	lines_read();
	for (unsigned i = 1; i <= VARIANTS; i++) {
		struct hf_case_parties parties;
		struct hf_case_fact fact;
		const char *event = variant_make(i, &fact, &parties);

		for (size_t j = 0; j < 2 * strlen(authors); j++) {
			char author = authors[j / 2];
			bool has_order = j % 2 == 1;

			if (author == 'B' && !has_order)
				continue;
			for (size_t k = 0; k < COLUMNS; k++)
				cell_check(event, author, has_order, k,
					   &parties, &fact);
		}
	}
	for (size_t i = 0; i < lines_count; i++) {
		if (!lines[i].is_used)
			fail_msg("%s by %c: a line for nothing", lines[i].event,
				 lines[i].author);
	}
	assert_true(lines_count > 70);
}

static void only_a_notice_or_an_order_opens_a_case(void **state)
{
	const struct hf_case before = { 0 };

	for (unsigned i = 1; i <= VARIANTS; i++) {
		struct hf_case_parties parties;
		struct hf_case_fact fact;
		enum hf_case_fate fate;

		variant_make(i, &fact, &parties);
		rig_author('N', fact.author);
		fact.powers = 1u << HF_POWER_ORDER_CSAM;
		fate = hf_case_may(&parties, &before, &fact);
		if (fact.kind == HF_CASE_EVENT_NOTICE ||
		    fact.kind == HF_CASE_EVENT_ORDER)
			assert_int_equal(fate, HF_CASE_FATE_APPLIED);
		else
			assert_int_not_equal(fate, HF_CASE_FATE_APPLIED);
		rig_author('P', fact.author);
		assert_int_not_equal(hf_case_may(&parties, &before, &fact),
				     HF_CASE_FATE_APPLIED);
	}
}

static void an_order_takes_the_power_of_its_regime(void **state)
{
	static const struct {
		enum hf_regime regime;
		enum hf_power power;
	} rows[] = {
		{ HF_REGIME_CSAM_ORDER, HF_POWER_ORDER_CSAM },
		{ HF_REGIME_TCO, HF_POWER_ORDER_TERRORIST },
		{ HF_REGIME_CRIMINAL_ORDER, HF_POWER_ORDER_CRIMINAL },
		{ HF_REGIME_NTD, 0 },
		{ HF_REGIME_DSA, 0 },
		{ HF_REGIME_FORWARD, 0 },
		{ HF_REGIME_VOLUNTARY, 0 },
		{ (enum hf_regime)77, 0 },
	};
	struct hf_case now = case_in(&columns[0], false);
	struct hf_case_parties parties;
	struct hf_case_fact fact;

	variant_make(HF_CASE_EVENT_ORDER, &fact, &parties);
	rig_author('A', fact.author);
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (unsigned power = 0; power < 32; power++) {
			bool may = rows[i].power != 0 && power == rows[i].power;

			fact.regime = rows[i].regime;
			fact.powers = 1u << power;
			assert_int_equal(hf_case_may(&parties, &now, &fact),
					 may ? HF_CASE_FATE_APPLIED
					     : HF_CASE_FATE_NO_POWER);
		}
	}
	/* And nobody without powers can notify as if it were an order. */
	memset(&now, 0, sizeof(now));
	variant_make(HF_CASE_EVENT_NOTICE, &fact, &parties);
	rig_author('N', fact.author);
	fact.regime = HF_REGIME_TCO;
	assert_int_equal(hf_case_may(&parties, &now, &fact),
			 HF_CASE_FATE_NO_POWER);
}

/* Alone, it makes both parties' moves, but has nobody to remind or to ask. */
static void a_providers_own_finding_has_one_party(void **state)
{
	static const struct {
		enum hf_case_event_kind kind;
		enum hf_case_state from;
		enum hf_case_fate fate;
	} rows[] = {
		{ HF_CASE_EVENT_REVIEW, HF_CASE_NOTICED, HF_CASE_FATE_APPLIED },
		{ HF_CASE_EVENT_REMOVED, HF_CASE_NOTICED,
		  HF_CASE_FATE_APPLIED },
		{ HF_CASE_EVENT_REJECTED, HF_CASE_NOTICED,
		  HF_CASE_FATE_APPLIED },
		{ HF_CASE_EVENT_OFFLINE, HF_CASE_REMOVED,
		  HF_CASE_FATE_APPLIED },
		{ HF_CASE_EVENT_CLOSE, HF_CASE_REMOVED, HF_CASE_FATE_APPLIED },
		{ HF_CASE_EVENT_CONTEST, HF_CASE_REMOVED,
		  HF_CASE_FATE_APPLIED },
		{ HF_CASE_EVENT_ESCALATE_LEA, HF_CASE_NOTICED,
		  HF_CASE_FATE_APPLIED },
		{ HF_CASE_EVENT_RENOTIFY, HF_CASE_NOTICED,
		  HF_CASE_FATE_NOT_PARTY },
		{ HF_CASE_EVENT_NEEDS_INFO, HF_CASE_NOTICED,
		  HF_CASE_FATE_NOT_PARTY },
		{ HF_CASE_EVENT_INFO, HF_CASE_NOTICED, HF_CASE_FATE_NOT_PARTY },
		{ HF_CASE_EVENT_DELIVERY, HF_CASE_NOTICED,
		  HF_CASE_FATE_NOT_PARTY },
		{ HF_CASE_EVENT_ORDER, HF_CASE_NOTICED, HF_CASE_FATE_NO_POWER },
	};
	struct hf_case_parties parties = rig_parties('P', 'P');

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_case now = { .state = rows[i].from };
		struct hf_case_fact fact = { .kind = rows[i].kind };

		rig_author('P', fact.author);
		if (hf_case_may(&parties, &now, &fact) != rows[i].fate)
			fail_msg("%s", hf_case_event_kind_word(rows[i].kind));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_event_in_every_state_by_everybody_is_as_written),
		cmocka_unit_test(only_a_notice_or_an_order_opens_a_case),
		cmocka_unit_test(an_order_takes_the_power_of_its_regime),
		cmocka_unit_test(a_providers_own_finding_has_one_party),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
