#include <string.h>

#include "case_move.h"
#include "case_order.h"

struct fold {
	const struct hf_case_parties *parties;
	const struct hf_case_fact *facts;
	struct hf_case_line line;
	struct hf_case now;
	uint32_t orders; /* that counted so far */
	enum hf_case_fate *fates;
};

/* What a node's author had seen, from those it names. */
static void look_back(const struct hf_case_line *line,
		      struct hf_case_node *node)
{
	const struct hf_case_fact *fact = node->fact;

	node->has_opening = node->is_opening;
	for (size_t i = 0; i < fact->after_count; i++) {
		size_t first;
		size_t count = hf_case_line_find(line, fact->after[i], &first);

		for (size_t j = first; j < first + count; j++) {
			const struct hf_case_node *before = &line->nodes[j];

			/* Not placed yet, or a name of itself: zeros. */
			node->has_opening |= before->has_opening;
			if (before->order_seen > node->order_seen)
				node->order_seen = before->order_seen;
		}
	}
}

/* Had its author the order that is in force? */
static bool has_order(const struct fold *fold, const struct hf_case_node *node)
{
	const struct hf_case_fact *opening = fold->line.opening->fact;

	if (fold->orders == 0)
		return false;
	if (fold->orders == 1 && opening->kind == HF_CASE_EVENT_ORDER &&
	    (node->covers_opening || node->fact->kind == HF_CASE_EVENT_RECEIPT))
		return true;
	return node->order_seen == fold->orders;
}

static void take(struct fold *fold, struct hf_case_node *node)
{
	const struct hf_case_row *row;
	struct hf_case_sight sight;
	struct hf_case_fact fact = *node->fact;
	enum hf_case_fate fate =
		hf_case_judge(fold->parties, &fold->now, &fact, &row);

	fold->fates[node->fact - fold->facts] = fate;
	look_back(&fold->line, node);
	if (fate != HF_CASE_FATE_APPLIED)
		return;
	sight = (struct hf_case_sight){
		.has_opening = node->has_opening,
		.has_order = has_order(fold, node),
	};
	fact.covers_opening = node->covers_opening;
	hf_case_apply(fold->parties, &fold->now, &fact, row, &sight);
	if (fact.kind == HF_CASE_EVENT_ORDER)
		node->order_seen = ++fold->orders;
}

static void count_fates(struct fold *fold, size_t facts_count)
{
	for (size_t i = 0; i < facts_count; i++) {
		switch (fold->fates[i]) {
		case HF_CASE_FATE_APPLIED:
		case HF_CASE_FATE_DUPLICATE:
			break;
		case HF_CASE_FATE_WAITING:
			fold->now.waiting++;
			break;
		default:
			fold->now.refused++;
		}
	}
}

/* Placed ones, then copies, then those that wait. */
static void order_out(const struct fold *fold, size_t facts_count,
		      size_t *out_order)
{
	const struct hf_case_line *line = &fold->line;
	size_t count = 0;

	for (size_t i = 0; i < line->placed_count; i++)
		out_order[count++] =
			(size_t)(line->nodes[line->placed[i]].fact -
				 fold->facts);
	for (int waiting = 0; waiting < 2; waiting++) {
		size_t node = 0;

		for (size_t i = 0; i < facts_count; i++) {
			const struct hf_case_fact *fact = line->sorted[i];
			bool is_node = node < line->nodes_count &&
				       line->nodes[node].fact == fact;
			bool is_placed = is_node && line->nodes[node].is_placed;

			node += is_node;
			if (!is_placed && is_node == (waiting == 1))
				out_order[count++] =
					(size_t)(fact - fold->facts);
		}
	}
}

enum hf_err hf_case_fold(const struct hf_case_parties *parties,
			 const struct hf_case_fact *facts, size_t facts_count,
			 struct hf_arena *arena, struct hf_case *out_case,
			 enum hf_case_fate *out_fates, size_t *out_order,
			 struct hf_why *why)
{
	struct fold fold = { .parties = parties, .facts = facts };
	enum hf_err err;

	if (facts_count > HF_CASE_FACTS_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "case: %zu events, must be at most %zu",
			      facts_count, HF_CASE_FACTS_MAX);
	fold.fates = hf_arena_alloc(arena, facts_count * sizeof(*fold.fates));
	if (fold.fates == NULL)
		return hf_why(why, HF_E_NOMEM, "case: no memory");
	err = hf_case_line_up(parties, facts, facts_count, arena, fold.fates,
			      &fold.line, why);
	if (err != HF_OK)
		return err;
	if (fold.line.opening == NULL)
		return hf_why(why, HF_E_NOTFOUND,
			      "case: no notice or order that opens it");
	for (size_t i = 0; i < fold.line.placed_count; i++)
		take(&fold, &fold.line.nodes[fold.line.placed[i]]);
	if (fold.now.state == 0)
		return hf_why(
			why, HF_E_NOTFOUND,
			"case: its author may not open it: %s",
			hf_case_fate_word(
				fold.fates[fold.line.opening->fact - facts]));
	count_fates(&fold, facts_count);
	*out_case = fold.now;
	memcpy(out_fates, fold.fates, facts_count * sizeof(*out_fates));
	if (out_order != NULL)
		order_out(&fold, facts_count, out_order);
	return HF_OK;
}

bool hf_case_state_is_local(enum hf_case_state state)
{
	return state == HF_CASE_DRAFT || state == HF_CASE_HELD_POLICE;
}

const char *hf_case_fate_word(unsigned fate)
{
	switch (fate) {
#define WORD(name, number, word)                                               \
	case number:                                                           \
		return word;
		HF_CASE_FATE_TABLE(WORD)
#undef WORD
	default:
		return "unknown";
	}
}
