/*
 * bench_cases [CASES [DIRECTORY]]: what so many cases of five events cost:
 * taking them in, on disk and in memory, listing, watching, their clocks, a
 * restart, and a report over all of them.
 *
 * Every event is put and its case folded again, 64 a transaction with a full
 * sync, as the daemon does when it reads a set.  Beside the intake runs its
 * peer: the same rows put into the same tables and nothing else.
 */
#include <string.h>

#include "report.h"

#include "bench_cases_world.h"

/* Of one transaction, as case_intake.h has it. */
#define ROUND 64

/* What happened in so many cases happens side by side. */
#define WINDOW ((uint64_t)10000)

static long memory_kib(const char *what)
{
	char line[128];
	FILE *file = fopen("/proc/self/status", "re");
	long kib = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtol(line + strlen(what) + 1, NULL, 10);
	}
	if (file != NULL)
		fclose(file);
	return kib;
}

static void print_memory(const char *when)
{
	printf("memory %s: anonymous_mib=%.1f mapped_file_mib=%.1f\n", when,
	       (double)memory_kib("RssAnon") / 1024,
	       (double)memory_kib("RssFile") / 1024);
}

/*
 * Intake.
 */

/* What one step of one case puts into the tables. */
typedef enum hf_err put_fn(struct world *world, struct hf_store_txn *txn,
			   uint64_t i, unsigned step, struct hf_arena *arena);

static enum hf_err put_hashes(struct world *world, struct hf_store_txn *txn,
			      uint64_t i, const uint8_t *key)
{
	uint8_t way[HF_CASE_HASH_KEY_BYTES + HF_CASE_KEY_BYTES];
	struct opening opening;
	enum hf_err err = HF_OK;

	opening_make(world, i, &opening);
	memcpy(way + HF_CASE_HASH_KEY_BYTES, key, HF_CASE_KEY_BYTES);
	for (size_t n = 0; n < opening.notice.hashes_count && err == HF_OK;
	     n++) {
		hf_case_hash_key(&opening.hashes[n], way);
		err = hf_case_mark_put(txn, HF_CASE_HASHES,
				       hf_span(way, sizeof(way)), &why);
	}
	return err;
}

static enum hf_err put_event(struct world *world, struct hf_store_txn *txn,
			     const uint8_t *key, uint64_t i, unsigned step,
			     struct hf_arena *arena,
			     struct hf_case_event_row *out)
{
	bool is_new;
	enum hf_err err;

	event_make(world, i, step, arena, out);
	/* It comes when it is said. */
	world->now_ms = out->fact.at_ms;
	err = hf_case_event_put(txn, key, out, true, &is_new, &why);
	return err == HF_OK && step == 0 ? put_hashes(world, txn, i, key) : err;
}

static enum hf_err put_and_fold(struct world *world, struct hf_store_txn *txn,
				uint64_t i, unsigned step,
				struct hf_arena *arena)
{
	struct hf_case_event_row event;
	uint8_t key[HF_CASE_KEY_BYTES];
	enum hf_err err;

	case_key(i, key);
	err = put_event(world, txn, key, i, step, arena, &event);
	return err == HF_OK
		       ? hf_cases_refold(&world->cases, txn, key, arena, &why)
		       : err;
}

/* The rows that the fold leaves, without the fold. */
static enum hf_err put_bare(struct world *world, struct hf_store_txn *txn,
			    uint64_t i, unsigned step, struct hf_arena *arena)
{
	struct hf_case_event_row event;
	struct hf_case_row row;
	uint64_t old_due_ms = 0;
	enum hf_err err;

	memset(&row, 0, sizeof(row));
	case_key(i, row.key);
	err = put_event(world, txn, row.key, i, step, arena, &event);
	if (err != HF_OK)
		return err;
	row.opening = describe(world, i, arena);
	row.due_ms = event.fact.at_ms + DAY_MS;
	if (step > 0) {
		old_due_ms = event_ms(world, i, step - 1) + DAY_MS;
		row.change = i / WINDOW * WINDOW * STEPS + (step - 1) * WINDOW +
			     i % WINDOW + 1;
	}
	return hf_case_put(txn, &row, old_due_ms, HF_CASE_CLOCK_EVENT, &why);
}

/* A round: one transaction, done again where the map has to grow. */
static enum hf_err fill_round(struct world *world, struct hf_store *store,
			      put_fn *put, uint64_t first, uint64_t count,
			      unsigned step)
{
	struct hf_store_txn *txn;
	struct hf_arena arena;
	enum hf_err err = hf_store_write_begin(store, &txn, &why);

	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, HF_CASES_ARENA_BYTES);
	for (uint64_t n = 0; n < count && err == HF_OK; n++)
		err = put(world, txn, first + n, step, &arena);
	hf_arena_release(&arena);
	if (err == HF_OK)
		return hf_store_commit(txn, &why);
	hf_store_abort(txn);
	return err;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void fill_step(struct world *world, struct hf_store *store, put_fn *put,
		      uint64_t base, unsigned step)
{
	uint64_t end = smaller(base + WINDOW, world->count);

	for (uint64_t first = base; first < end; first += ROUND) {
		uint64_t count = smaller(ROUND, end - first);
		enum hf_err err =
			fill_round(world, store, put, first, count, step);

		if (err == HF_E_FULL && hf_store_should_repeat(store))
			err = fill_round(world, store, put, first, count, step);
		must(err, "fill");
	}
}

static double fill(struct world *world, struct hf_store *store, put_fn *put)
{
	uint64_t begun_us = hf_clock_mono_us();

	for (uint64_t base = 0; base < world->count; base += WINDOW) {
		for (unsigned step = 0; step < STEPS; step++)
			fill_step(world, store, put, base, step);
	}
	return (double)world->count * STEPS / seconds_since(begun_us);
}

static void fill_bench(struct world *world)
{
	struct hf_store_stats stats;
	struct hf_store *bare;
	char dir[128];
	double with, without;

	with = fill(world, world->cases.views, put_and_fold);
	must(hf_store_stats(world->cases.views, &stats, &why), "stats");
	snprintf(dir, sizeof(dir), "%s/bare", world->rig.home);
	must(hf_case_store_open(dir, 0, &bare, &why), "open");
	without = fill(world, bare, put_bare);
	hf_store_close(bare);
	world->now_ms = NOW_MS;
	printf("intake: events_per_s=%.0f, the same rows bare=%.0f, "
	       "ratio=%.2f\n",
	       with, without, with / without);
	printf("disk: bytes_per_case=%.0f; a row in memory: event=%zu "
	       "case=%zu\n",
	       (double)stats.file_bytes / (double)world->count,
	       sizeof(struct hf_case_event_row), sizeof(struct hf_case_row));
	print_memory("after intake");
}

/*
 * Listing.
 */

static struct hf_arena page_arena;

static void list_page(struct world *world,
		      const struct hf_list_cases_request *request,
		      struct hf_list_cases_response *out)
{
	hf_arena_reset(&page_arena);
	must(hf_cases_list(&world->cases, request, &page_arena, out, &why),
	     "list");
}

/* Pages until so many are found, or none is left; how many were. */
static size_t find(struct world *world, struct hf_list_cases_request request,
		   size_t wanted, size_t *out_pages)
{
	struct hf_list_cases_response page;
	char token[64] = "";
	size_t found = 0;

	*out_pages = 0;
	do {
		request.page_token = token;
		list_page(world, &request, &page);
		found += page.cases_count;
		snprintf(token, sizeof(token), "%s", page.next_page_token);
		(*out_pages)++;
	} while (token[0] != '\0' && found < wanted);
	return found;
}

/* The best of three. */
static void time_page(struct world *world, const char *what,
		      struct hf_list_cases_request request)
{
	size_t wanted = (size_t)request.page_size, found = 0, pages = 1;
	double best = 1e9;

	for (int n = 0; n < 3; n++) {
		uint64_t begun_us = hf_clock_mono_us();
		double took;

		found = find(world, request, wanted, &pages);
		took = seconds_since(begun_us) * 1e3;
		best = took < best ? took : best;
	}
	printf("list %s: ms=%.2f cases=%zu ms_per_call=%.2f\n", what, best,
	       found, best / (double)pages);
}

static double list_all(struct world *world, struct hf_report *report,
		       double *out_report_s)
{
	struct hf_list_cases_request request = { .page_size = 1000,
						 .page_token = "",
						 .provider = "" };
	struct hf_list_cases_response page;
	char token[64] = "";
	double listing_s = 0;
	uint64_t cases = 0;

	*out_report_s = 0;
	do {
		uint64_t begun_us = hf_clock_mono_us();

		request.page_token = token;
		list_page(world, &request, &page);
		listing_s += seconds_since(begun_us);
		cases += page.cases_count;
		begun_us = hf_clock_mono_us();
		for (size_t i = 0; report != NULL && i < page.cases_count; i++)
			must(hf_report_add(report, &page.cases[i], &why),
			     "report");
		*out_report_s += seconds_since(begun_us);
		snprintf(token, sizeof(token), "%s", page.next_page_token);
	} while (token[0] != '\0');
	if (cases != world->count) {
		fprintf(stderr, "bench_cases: %" PRIu64 " listed\n", cases);
		exit(1);
	}
	return listing_s;
}

/* The same rows read in the same order, and nothing done with them. */
static double read_all(struct world *world)
{
	uint64_t begun_us = hf_clock_mono_us(), bytes = 0;
	struct hf_store_cursor *cursor;
	struct hf_span key, value, row;
	struct hf_store_txn *view;
	enum hf_err err;

	must(hf_store_view_begin(world->cases.views, &view, &why), "view");
	must(hf_store_cursor_open(view, HF_CASE_CHANGES, &cursor, &why),
	     "cursor");
	err = hf_store_cursor_last(cursor, &key, &value, NULL);
	while (err == HF_OK) {
		must(hf_store_get(view, HF_CASE_CASES,
				  hf_span(value.at, HF_CASE_KEY_BYTES), &row,
				  &why),
		     "get");
		bytes += row.at[row.len_bytes - 1] + row.len_bytes;
		err = hf_store_cursor_prev(cursor, &key, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	hf_store_view_end(view);
	return bytes > 0 ? seconds_since(begun_us) : 0;
}

static void list_bench(struct world *world)
{
	const struct hf_list_cases_request any = { .page_size = 1000,
						   .page_token = "",
						   .provider = "" };
	static const enum hf_case_state rejected = HF_CASE_CONTESTED;
	static const enum hf_case_state online = HF_CASE_REAPPEARED;
	struct hf_list_cases_request request = any;
	double report_s, all_s;

	request.page_size = 100;
	time_page(world, "first 100", request);
	time_page(world, "first 1000", any);
	request = any;
	request.only_overdue = true;
	time_page(world, "1000 overdue", request);
	request = any;
	request.only_open = true;
	time_page(world, "1000 open", request);
	request = any;
	request.provider = "host-007.example";
	time_page(world, "1000 of a provider of 200", request);
	request = any;
	request.states = &online;
	request.states_count = 1;
	time_page(world, "1000 in a state of 1 in 10", request);
	request.states = &rejected;
	time_page(world, "a state that none is in", request);
	all_s = list_all(world, NULL, &report_s);
	printf("list all, pages of 1000: s=%.2f us_per_case=%.2f, reading the "
	       "rows bare s=%.2f\n",
	       all_s, all_s * 1e6 / (double)world->count, read_all(world));
	print_memory("after listing");
}

static void report_bench(struct world *world)
{
	const struct hf_report_options options = {
		.kind = HF_REPORT_HOSTING,
		.audience = HF_REPORT_AUTHORITY,
		.from_ms = NOW_MS - YEAR_MS,
		.to_ms = NOW_MS + 1,
		.as_of_ms = NOW_MS,
		.seed = 1,
	};
	struct hf_report *report;
	uint64_t begun_us;
	double add_s, list_s, finish_s;

	must(hf_report_new(&options, &report, &why), "report");
	list_s = list_all(world, report, &add_s);
	begun_us = hf_clock_mono_us();
	must(hf_report_finish(report, &why), "report");
	finish_s = seconds_since(begun_us);
	printf("report hosting: cases=%" PRIu64
	       " total_s=%.2f of which listing=%.2f counting=%.2f "
	       "finishing=%.3f\n",
	       hf_report_total(report)->cases, list_s + add_s + finish_s,
	       list_s, add_s, finish_s);
	print_memory("with the report");
	hf_report_free(report);
}

/*
 * Changes, restart, clocks.
 */

static void changes_bench(struct world *world)
{
	uint8_t position[HF_CASES_POSITION_BYTES] = { 0 };
	uint64_t begun_us = hf_clock_mono_us(), count = 0;
	enum hf_err err = HF_OK;

	while (err == HF_OK) {
		uint8_t next[HF_CASES_POSITION_BYTES];
		struct hf_watch_cases_response news;

		hf_arena_reset(&page_arena);
		err = hf_cases_next_change(&world->cases,
					   hf_span(position, sizeof(position)),
					   &page_arena, next, &news, &why);
		memcpy(position, next, sizeof(position));
		count += err == HF_OK;
	}
	must(err == HF_E_NOTFOUND && count == world->count ? HF_OK
							   : HF_E_INTERNAL,
	     "changes");
	printf("changes, one after another: per_s=%.0f\n",
	       (double)count / seconds_since(begun_us));
}

static void restart_bench(struct world *world)
{
	const struct hf_list_cases_request any = { .page_size = 100,
						   .page_token = "",
						   .provider = "" };
	struct hf_list_cases_response page;
	uint64_t begun_us;

	hf_store_close(world->cases.views);
	begun_us = hf_clock_mono_us();
	must(hf_case_store_open(world->views_dir, 0, &world->cases.views, &why),
	     "open");
	list_page(world, &any, &page);
	printf("restart until the first page: ms=%.1f\n",
	       seconds_since(begun_us) * 1e3);
	print_memory("after a restart");
}

/* How many cases have a clock that runs. */
static uint64_t due_count(struct world *world)
{
	struct hf_store_cursor *cursor;
	struct hf_span key, value;
	struct hf_store_txn *view;
	uint64_t count = 0;
	enum hf_err err;

	must(hf_store_view_begin(world->cases.views, &view, &why), "view");
	must(hf_store_cursor_open(view, HF_CASE_DUE, &cursor, &why), "cursor");
	err = hf_store_cursor_seek(cursor, hf_span(NULL, 0), &key, &value,
				   NULL);
	while (err == HF_OK && hf_be64(key.at) <= world->now_ms) {
		count++;
		err = hf_store_cursor_next(cursor, &key, &value, NULL);
	}
	hf_store_cursor_close(cursor);
	hf_store_view_end(view);
	return count;
}

/* Whatever ran out in that year is looked at in one go, as after a long
 * sleep. */
static void clocks_bench(struct world *world)
{
	uint64_t begun_us, due;

	due = due_count(world);
	begun_us = hf_clock_mono_us();
	must(hf_cases_mind_clocks(&world->cases, &why), "clocks");
	printf("clocks that ran out: cases=%" PRIu64 " per_s=%.0f\n", due,
	       (double)due / seconds_since(begun_us));
}

static struct world world;

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000;

	must(count > 0 ? HF_OK : HF_E_ARGUMENT, "usage: bench_cases [CASES]");
	hf_arena_init(&page_arena, 4 * HF_UNPACK_MAX_BYTES);
	world_open(&world, argc > 2 ? argv[2] : "/tmp", count);
	printf("%" PRIu64 " cases of %d events, of %d providers\n", count,
	       STEPS, PROVIDERS);
	fill_bench(&world);
	list_bench(&world);
	report_bench(&world);
	changes_bench(&world);
	restart_bench(&world);
	clocks_bench(&world);
	hf_arena_release(&page_arena);
	world_close(&world);
	return 0;
}
