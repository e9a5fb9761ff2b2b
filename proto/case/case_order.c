#include <stdlib.h>
#include <string.h>

#include "case_move.h"
#include "case_order.h"

#define NONE      UINT32_MAX
#define FEW       24
#define EDGES_MAX ((size_t)1 << 24)
#define IS_OPENING(kind)                                                       \
	((kind) == HF_CASE_EVENT_NOTICE || (kind) == HF_CASE_EVENT_ORDER)

/*
 * Facts into nodes.
 */

static int compare_id(const struct hf_case_fact *a,
		      const struct hf_case_fact *b)
{
	int diff = memcmp(a->event_id, b->event_id, HF_EVENT_ID_BYTES);

	return diff != 0 ? diff : memcmp(a->author, b->author, HF_HASH_BYTES);
}

/* Equal texts stand in the order given: that of their addresses. */
static int compare(const struct hf_case_fact *a, const struct hf_case_fact *b)
{
	int diff = compare_id(a, b);

	if (diff == 0)
		diff = memcmp(a->text_hash, b->text_hash, HF_HASH_BYTES);
	return diff != 0 ? diff : (a > b) - (a < b);
}

static int compare_pointers(const void *a, const void *b)
{
	return compare(*(const struct hf_case_fact *const *)a,
		       *(const struct hf_case_fact *const *)b);
}

static void sort(const struct hf_case_fact **facts, size_t count)
{
	if (count > FEW) {
		qsort(facts, count, sizeof(*facts), compare_pointers);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		const struct hf_case_fact *fact = facts[i];
		size_t at = i;

		for (; at > 0 && compare(facts[at - 1], fact) > 0; at--)
			facts[at] = facts[at - 1];
		facts[at] = fact;
	}
}

static void node_make(const struct hf_case_parties *parties,
		      const struct hf_case_fact *fact,
		      struct hf_case_node *node)
{
	*node = (struct hf_case_node){
		.fact = fact,
		.rank = (uint8_t)hf_case_rank(fact->kind),
		.role = (uint8_t)hf_case_role(parties, fact->author),
		.edges = NONE,
	};
}

static bool has_same_text(const struct hf_case_fact *a,
			  const struct hf_case_fact *b)
{
	return memcmp(a->text_hash, b->text_hash, HF_HASH_BYTES) == 0;
}

/* The first of a group has the lowest text: it counts.  Of each other text one
 * is equivocal, and all else copies. */
static void nodes_make(const struct hf_case_parties *parties,
		       const struct hf_case_fact *facts, size_t count,
		       enum hf_case_fate *fates, struct hf_case_line *line)
{
	struct hf_case_node *node = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct hf_case_fact *fact = line->sorted[i];
		bool is_new = node == NULL || compare_id(node->fact, fact) != 0;
		bool is_copy =
			!is_new && has_same_text(line->sorted[i - 1], fact);

		if (is_new) {
			node = &line->nodes[line->nodes_count++];
			node_make(parties, fact, node);
		}
		if (has_same_text(node->fact, fact))
			node->covers_opening |= fact->covers_opening;
		fates[fact - facts] = is_new    ? HF_CASE_FATE_WAITING
				      : is_copy ? HF_CASE_FATE_DUPLICATE
						: HF_CASE_FATE_EQUIVOCAL;
		if (line->opening == NULL && is_new && node->role == 0 &&
		    fact->after_count == 0 && IS_OPENING(fact->kind)) {
			line->opening = node;
			node->is_opening = true;
		}
	}
}

size_t hf_case_line_find(const struct hf_case_line *line,
			 const uint8_t id[static HF_EVENT_ID_BYTES],
			 size_t *out_first)
{
	size_t low = 0, high = line->nodes_count, end;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (memcmp(line->nodes[middle].fact->event_id, id,
			   HF_EVENT_ID_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low;
	     end < line->nodes_count && memcmp(line->nodes[end].fact->event_id,
					       id, HF_EVENT_ID_BYTES) == 0;)
		end++;
	*out_first = low;
	return end - low;
}

/*
 * Who waits for whom.
 */

struct edge {
	uint32_t node; /* it names */
	uint32_t name; /* by this of all names */
	uint32_t next;
};

struct wiring {
	struct hf_case_line *line;
	struct edge *edges;
	uint32_t edges_count;
	bool *is_met; /* for each name */
	/* Nodes that can be placed, least first. */
	uint64_t *heap;
	size_t heap_count;
};

static void wire_node(struct wiring *wiring, uint32_t number, uint32_t *name)
{
	struct hf_case_node *nodes = wiring->line->nodes;
	const struct hf_case_fact *fact = nodes[number].fact;

	for (size_t i = 0; i < fact->after_count; i++, ++*name) {
		size_t first;
		size_t count =
			hf_case_line_find(wiring->line, fact->after[i], &first);

		nodes[number].unmet++;
		for (size_t j = first; j < first + count; j++) {
			struct edge *edge = &wiring->edges[wiring->edges_count];

			*edge = (struct edge){ number, *name, nodes[j].edges };
			nodes[j].edges = wiring->edges_count++;
			nodes[number].unplaced++;
		}
	}
}

static size_t count_edges(const struct hf_case_line *line, size_t *out_names)
{
	size_t edges = 0, first;

	*out_names = 0;
	for (size_t i = 0; i < line->nodes_count; i++) {
		const struct hf_case_fact *fact = line->nodes[i].fact;

		*out_names += fact->after_count;
		for (size_t j = 0; j < fact->after_count; j++)
			edges +=
				hf_case_line_find(line, fact->after[j], &first);
		if (edges > EDGES_MAX || *out_names > EDGES_MAX)
			break;
	}
	return edges;
}

static enum hf_err wire(struct wiring *wiring, struct hf_arena *arena,
			struct hf_why *why)
{
	struct hf_case_line *line = wiring->line;
	size_t names, edges = count_edges(line, &names);
	uint32_t name = 0;

	if (edges > EDGES_MAX || names > EDGES_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "case: its events name more than %zu others",
			      EDGES_MAX);
	wiring->edges = hf_arena_alloc(arena, edges * sizeof(struct edge));
	wiring->is_met = hf_arena_calloc(arena, names + 1, sizeof(bool));
	/* A node is in it twice at most, see node_ready(). */
	wiring->heap = hf_arena_alloc(arena, 2 * line->nodes_count *
						     sizeof(*wiring->heap));
	if (wiring->edges == NULL || wiring->is_met == NULL ||
	    wiring->heap == NULL)
		return hf_why(why, HF_E_NOMEM, "case: no memory");
	for (uint32_t i = 0; i < line->nodes_count; i++)
		wire_node(wiring, i, &name);
	return HF_OK;
}

/*
 * Placing.
 */

/* An id can be used by two authors, though nobody honest does.  Whoever names
 * it follows both; where that cannot be, because one of them waits for what is
 * not here or goes round in a circle, one is enough, after all that had it
 * right.  So nobody can hold up another's event by taking an id that it names.
 */
#define TIER_ALL ((uint64_t)0)
#define TIER_ONE ((uint64_t)1)

/* Nodes are sorted by id and author, so that a node's number ends the ties. */
static uint64_t key_of(const struct hf_case_line *line, uint64_t tier,
		       uint32_t number)
{
	const struct hf_case_node *node = &line->nodes[number];

	if (node->is_opening)
		return number;
	return (tier + 1) << 56 | (uint64_t)node->rank << 48 |
	       (uint64_t)node->role << 40 | number;
}

static void heap_push(struct wiring *wiring, uint64_t key)
{
	uint64_t *heap = wiring->heap;
	size_t at = wiring->heap_count++;

	for (; at > 0 && heap[(at - 1) / 2] > key; at = (at - 1) / 2)
		heap[at] = heap[(at - 1) / 2];
	heap[at] = key;
}

static uint64_t heap_pop(struct wiring *wiring)
{
	uint64_t *heap = wiring->heap;
	uint64_t least = heap[0], last = heap[--wiring->heap_count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < wiring->heap_count) {
		if (child + 1 < wiring->heap_count &&
		    heap[child + 1] < heap[child])
			child++;
		if (heap[child] >= last)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return least;
}

static void node_place(struct wiring *wiring, uint32_t number)
{
	struct hf_case_line *line = wiring->line;
	struct hf_case_node *node = &line->nodes[number];

	node->is_placed = true;
	line->placed[line->placed_count++] = number;
	for (uint32_t i = node->edges; i != NONE; i = wiring->edges[i].next) {
		const struct edge *edge = &wiring->edges[i];
		struct hf_case_node *behind = &line->nodes[edge->node];
		bool was_met = behind->unmet == 0;

		behind->unplaced--;
		if (!wiring->is_met[edge->name]) {
			wiring->is_met[edge->name] = true;
			behind->unmet--;
		}
		if (behind->is_placed || behind->unmet > 0)
			continue;
		if (behind->unplaced == 0)
			heap_push(wiring, key_of(line, TIER_ALL, edge->node));
		else if (!was_met)
			heap_push(wiring, key_of(line, TIER_ONE, edge->node));
	}
}

static void place(struct wiring *wiring)
{
	struct hf_case_line *line = wiring->line;

	for (uint32_t i = 0; i < line->nodes_count; i++) {
		if (line->nodes[i].unmet == 0)
			heap_push(wiring, key_of(line, TIER_ALL, i));
	}
	while (wiring->heap_count > 0) {
		uint32_t number = (uint32_t)heap_pop(wiring);

		if (!line->nodes[number].is_placed)
			node_place(wiring, number);
	}
}

enum hf_err hf_case_line_up(const struct hf_case_parties *parties,
			    const struct hf_case_fact *facts,
			    size_t facts_count, struct hf_arena *arena,
			    enum hf_case_fate *fates,
			    struct hf_case_line *out_line, struct hf_why *why)
{
	struct wiring wiring = { .line = out_line };
	enum hf_err err;

	memset(out_line, 0, sizeof(*out_line));
	out_line->sorted = hf_arena_alloc(arena, facts_count * sizeof(facts));
	out_line->nodes =
		hf_arena_alloc(arena, facts_count * sizeof(*out_line->nodes));
	out_line->placed =
		hf_arena_alloc(arena, facts_count * sizeof(*out_line->placed));
	if (out_line->sorted == NULL || out_line->nodes == NULL ||
	    out_line->placed == NULL)
		return hf_why(why, HF_E_NOMEM, "case: no memory");
	for (size_t i = 0; i < facts_count; i++)
		out_line->sorted[i] = &facts[i];
	sort(out_line->sorted, facts_count);
	nodes_make(parties, facts, facts_count, fates, out_line);
	err = wire(&wiring, arena, why);
	if (err == HF_OK)
		place(&wiring);
	return err;
}
