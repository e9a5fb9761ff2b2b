/*
 * How long a report takes, and how much memory it keeps.
 *
 *   bench_report [-n CASES] [-p PROVIDERS] [-s SITES] [-k KIND] [-o PAGE]
 *
 * Made-up summaries of 24 months (1,000,000 cases of 2,000 providers and
 * 10,000 sites): most are gone within a day, some hosts are slow, some silent.
 * KIND is hosting, trusted-flagger or dsc; PAGE gets the report as HTML.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"

#include "report.h"
#include "report_day.h"
#include "report_doc.h"
#include "random64.h"

#define ROOM ((size_t)1024 * 1024 * 1024)

static void must(enum hf_err err, const struct hf_why *why)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "bench_report: %s\n", why->text);
	exit(1);
}

/* Small numbers are likely: a few hosts have most of it. */
static unsigned skewed(unsigned count)
{
	double x = (double)(random64() >> 11) / 9007199254740992.0;

	return (unsigned)(x * x * x * x * (double)count);
}

struct world {
	unsigned cases, providers, sites;
	uint64_t from_ms, as_of_ms;
	enum hf_report_kind kind;
	const char *page;
};

struct texts {
	char id[33], provider[40], sites[2][40];
	const char *site_at[2];
};

static void fate(struct hf_case_summary *is, unsigned provider)
{
	uint64_t dice = random64() % 100;
	/* Every seventh host is slow, every eleventh does not answer. */
	uint64_t slow = provider % 7 == 3 ? 6 : 1;
	double x = (double)(random64() >> 11) / 9007199254740992.0;
	uint64_t after_ms =
		(uint64_t)((x * x * 40.0 + 0.3) * (double)HF_HOUR_MS) * slow;

	if (dice < 3) {
		is->state = HF_CASE_REJECTED;
		is->reason = dice == 0 ? 0 : HF_CASE_REASON_NOT_ILLEGAL;
	} else if (dice < 5) {
		is->state = HF_CASE_WITHDRAWN;
	} else if (provider % 11 == 5 ? dice < 80 : dice < 10) {
		is->state = HF_CASE_RENOTIFIED;
		is->is_overdue = true;
	} else {
		is->state = HF_CASE_REMOVED;
		is->acted_ms = is->clock_ms + after_ms;
	}
}

static void make_case(const struct world *world, unsigned i,
		      struct texts *texts, struct hf_case_summary *out)
{
	unsigned provider = skewed(world->providers);
	uint64_t published_ms =
		world->from_ms +
		random64() % (world->as_of_ms - world->from_ms - HF_DAY_MS);
	struct hf_case_summary is = {
		.case_id = texts->id,
		.side = HF_CASE_SIDE_NOTIFIER,
		.notifier = "hotline.example",
		.provider = texts->provider,
		.authority = "",
		.is_not_member = provider % 3 == 0,
		.regime = HF_REGIME_NTD,
		.content_class = (enum hf_class)(1 + random64() % 4),
		.is_priority = true,
		.published_ms = published_ms,
		.delivered_ms = published_ms + 5000,
		.clock_ms = published_ms + 5000,
		.due_ms = published_ms + 5000 + HF_DAY_MS,
		.changed_ms = published_ms + 5000,
		.sites = texts->site_at,
		.sites_count = 1 + i % 2,
		.continues = "",
		.reference = "",
	};

	snprintf(texts->id, sizeof(texts->id), "%032x", i);
	snprintf(texts->provider, sizeof(texts->provider), "host%u.example",
		 provider);
	for (int j = 0; j < 2; j++) {
		snprintf(texts->sites[j], sizeof(texts->sites[j]),
			 "site%u.example", skewed(world->sites));
		texts->site_at[j] = texts->sites[j];
	}
	fate(&is, provider);
	*out = is;
}

static double seconds_since(uint64_t began_us)
{
	return (double)(hf_clock_mono_us() - began_us) / 1e6;
}

static void write_all(const struct world *world, const struct hf_report *report)
{
	static const struct {
		const char *name;
		enum hf_err (*write)(const struct hf_doc *, struct hf_buf *,
				     struct hf_why *);
	} formats[] = { { "text", hf_doc_write_text },
			{ "csv", hf_doc_write_csv },
			{ "json", hf_doc_write_json },
			{ "html", hf_doc_write_html } };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		uint64_t began_us = hf_clock_mono_us();
		struct hf_why why = { "" };
		struct hf_arena arena;
		struct hf_buf out;
		struct hf_doc doc;

		hf_arena_init(&arena, ROOM);
		hf_buf_init(&out, ROOM);
		must(hf_doc_make(report, "hotline.example", &arena, &doc, &why),
		     &why);
		must(formats[i].write(&doc, &out, &why), &why);
		printf("%-5s %.3f s, %zu bytes\n", formats[i].name,
		       seconds_since(began_us), out.len_bytes);
		if (world->page != NULL && i == 3)
			must(hf_file_replace(world->page, hf_buf_span(&out),
					     0644, &why),
			     &why);
		hf_buf_release(&out);
		hf_arena_release(&arena);
	}
}

static void run(const struct world *world)
{
	const struct hf_report_options options = {
		.kind = world->kind,
		.audience = HF_REPORT_AUTHORITY,
		.from_ms = world->from_ms,
		.as_of_ms = world->as_of_ms,
		.seed = 11,
	};
	struct hf_report *report = NULL;
	struct hf_why why = { "" };
	struct rusage usage;
	uint64_t left_out;
	size_t named;
	uint64_t making_us = 0, adding_us = 0, began_us, t0, t1;

	must(hf_report_new(&options, &report, &why), &why);
	began_us = hf_clock_mono_us();
	for (unsigned i = 0; i < world->cases; i++) {
		struct hf_case_summary is;
		struct texts texts;

		t0 = hf_clock_mono_us();
		make_case(world, i, &texts, &is);
		t1 = hf_clock_mono_us();
		must(hf_report_add(report, &is, &why), &why);
		making_us += t1 - t0;
		adding_us += hf_clock_mono_us() - t1;
	}
	printf("%u cases: counted in %.3f s (made in %.3f s, together %.3f)\n",
	       world->cases, (double)adding_us / 1e6, (double)making_us / 1e6,
	       seconds_since(began_us));
	began_us = hf_clock_mono_us();
	must(hf_report_finish(report, &why), &why);
	hf_report_proofs(report, &named, &left_out);
	printf("finished in %.3f s, %zu cases named\n", seconds_since(began_us),
	       named);
	getrusage(RUSAGE_SELF, &usage);
	printf("peak memory %ld KiB\n", usage.ru_maxrss);
	write_all(world, report);
	hf_report_free(report);
}

int main(int argc, char **argv)
{
	struct world world = { .cases = 1000000,
			       .providers = 2000,
			       .sites = 10000 };
	struct hf_why why = { "" };
	int option;

	must(hf_day_parse("2024-07-01", &world.from_ms, &why), &why);
	must(hf_day_parse("2026-07-01", &world.as_of_ms, &why), &why);
	while ((option = getopt(argc, argv, "n:p:s:k:o:")) != -1) {
		switch (option) {
		case 'n':
			world.cases = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			world.providers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			world.sites = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'o':
			world.page = optarg;
			break;
		case 'k':
			for (int i = 0; i < HF_REPORT_KINDS; i++) {
				if (strcmp(optarg,
					   hf_report_kind_word((
						   enum hf_report_kind)i)) == 0)
					world.kind = (enum hf_report_kind)i;
			}
			break;
		default:
			return 2;
		}
	}
	run(&world);
	return 0;
}
