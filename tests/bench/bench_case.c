/*
 * bench_case [CASES]: how many cases a second fold, what a fold costs in
 * memory, and what a large or hostile one costs.
 *
 * Five events a case, as most have: notice, receipt, review, removed, offline;
 * every eighth goes the longer way, and every other arrives out of order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "clock.h"

#define EVENTS 5
#define MANY   10000

static struct hf_why why;

static void must(enum hf_err err)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "fold: %s: %s\n", hf_err_name(err), why.text);
	exit(1);
}

static double seconds_since(uint64_t begun_us)
{
	return (double)(hf_clock_mono_us() - begun_us) / 1e6;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct sample {
	struct hf_case_fact facts[EVENTS];
	uint8_t after[EVENTS][1][HF_EVENT_ID_BYTES];
};

static const struct hf_case_parties parties = { { 1 }, { 2 } };

static void fact_make(struct sample *sample, size_t at, uint8_t author,
		      enum hf_case_event_kind kind, uint64_t *seed)
{
	struct hf_case_fact *fact = &sample->facts[at];
	uint64_t id[2] = { next_random(seed), next_random(seed) };

	memset(fact, 0, sizeof(*fact));
	fact->author[0] = author;
	memcpy(fact->event_id, id, sizeof(id));
	memcpy(fact->text_hash, id, sizeof(id));
	fact->kind = kind;
	fact->at_ms = 1700000000000 + (at << 20);
	fact->regime = HF_REGIME_NTD;
	fact->deadline_ms = 24 * 3600 * 1000;
	if (at > 0)
		memcpy(sample->after[at][0], fact[-1].event_id,
		       HF_EVENT_ID_BYTES);
	fact->after = (const uint8_t(*)[HF_EVENT_ID_BYTES])sample->after[at];
	fact->after_count = at > 0;
}

static void sample_make(struct sample *sample, uint64_t number)
{
	static const enum hf_case_event_kind usual[] = {
		HF_CASE_EVENT_NOTICE, HF_CASE_EVENT_RECEIPT,
		HF_CASE_EVENT_REVIEW, HF_CASE_EVENT_REMOVED,
		HF_CASE_EVENT_OFFLINE
	};
	static const enum hf_case_event_kind long_way[] = {
		HF_CASE_EVENT_NOTICE, HF_CASE_EVENT_RECEIPT,
		HF_CASE_EVENT_RENOTIFY, HF_CASE_EVENT_NEEDS_INFO,
		HF_CASE_EVENT_INFO
	};
	static const uint8_t authors[2][EVENTS] = { { 1, 2, 2, 2, 1 },
						    { 1, 2, 1, 2, 1 } };
	bool is_long = number % 8 == 0;
	uint64_t seed = number;

	for (size_t i = 0; i < EVENTS; i++)
		fact_make(sample, i, authors[is_long][i],
			  is_long ? long_way[i] : usual[i], &seed);
	if (number % 2 == 1) {
		struct hf_case_fact swap = sample->facts[1];

		sample->facts[1] = sample->facts[4];
		sample->facts[4] = swap;
	}
}

static void many_cases(uint64_t count)
{
	enum hf_case_fate fates[EVENTS];
	struct hf_case_clock clock;
	struct hf_arena arena;
	struct sample sample;
	struct hf_case now;
	uint64_t begun_us, made_us = 0, overdue = 0, over = 0, events = 0;
	double seconds;

	hf_arena_init(&arena, (size_t)1024 * 1024);
	begun_us = hf_clock_mono_us();
	for (uint64_t i = 0; i < count; i++)
		sample_make(&sample, i);
	made_us = hf_clock_mono_us() - begun_us;
	begun_us = hf_clock_mono_us();
	for (uint64_t i = 0; i < count; i++) {
		sample_make(&sample, i);
		hf_arena_reset(&arena);
		must(hf_case_fold(&parties, sample.facts, EVENTS, &arena, &now,
				  fates, NULL, &why));
		hf_case_clock(&now, hf_case_rules_default(now.regime),
			      1800000000000, &clock);
		overdue += clock.is_overdue;
		over += now.is_over;
		events += now.events;
	}
	seconds = seconds_since(begun_us) - (double)made_us / 1e6;
	printf("%" PRIu64 " cases of %d events: %.2f s, %.0f cases/s, %.0f "
	       "events/s (%" PRIu64 " over, %" PRIu64 " overdue, %" PRIu64
	       " events count)\n",
	       count, EVENTS, seconds, (double)count / seconds,
	       (double)events / seconds, over, overdue, events);
	printf("memory: %zu bytes for a fold, %zu a fact, %zu the result\n",
	       arena.total_bytes, sizeof(struct hf_case_fact), sizeof(now));
	hf_arena_release(&arena);
}

/* One case with many events, each naming 16 before it, in random order. */
static void one_large_case(size_t count)
{
	struct hf_case_fact *facts = calloc(count, sizeof(*facts));
	enum hf_case_fate *fates = calloc(count, sizeof(*fates));
	uint8_t(*after)[16][HF_EVENT_ID_BYTES] = calloc(count, sizeof(*after));
	struct hf_arena arena;
	struct hf_case now;
	uint64_t begun_us, seed = 7;

	if (facts == NULL || fates == NULL || after == NULL)
		exit(1);
	for (size_t i = 0; i < count; i++) {
		uint64_t id[2] = { next_random(&seed), i };

		memcpy(facts[i].event_id, id, sizeof(id));
		memcpy(facts[i].text_hash, id, sizeof(id));
		facts[i].author[0] = i == 0 ? 1 : 1 + i % 3;
		facts[i].kind = i == 0 ? HF_CASE_EVENT_NOTICE
				       : (enum hf_case_event_kind)(1 + i % 27);
		facts[i].regime = HF_REGIME_NTD;
		facts[i].after_count = i < 16 ? i : 16;
		for (size_t j = 0; j < facts[i].after_count; j++)
			memcpy(after[i][j],
			       facts[next_random(&seed) % i].event_id,
			       HF_EVENT_ID_BYTES);
		facts[i].after = (const uint8_t(*)[HF_EVENT_ID_BYTES])after[i];
	}
	hf_arena_init(&arena, (size_t)1 << 30);
	begun_us = hf_clock_mono_us();
	must(hf_case_fold(&parties, facts, count, &arena, &now, fates, NULL,
			  &why));
	printf("one case of %zu events that name 16 each: %.1f ms, %.1f MiB "
	       "(%u count, %u refused)\n",
	       count, seconds_since(begun_us) * 1e3,
	       (double)arena.total_bytes / (1 << 20), now.events, now.refused);
	hf_arena_release(&arena);
	free(after);
	free(fates);
	free(facts);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

	many_cases(count);
	one_large_case(HF_CASE_EVENTS_MAX);
	one_large_case(MANY);
	one_large_case(10 * MANY);
	return 0;
}
