/*
 * bench_audit [SECONDS [DIRECTORY]]: what it costs a call of one entry to be in
 * the audit when it is answered.
 *
 * Three ways, in turns of a third of a second each so that all have the same
 * disk: no audit at all; an entry of the audit behind the call's own, as a
 * second append; and along with it, in one transaction.  Everything is durable
 * as in a daemon, with one sync a turn of the signer.  The ratios are what
 * counts: rates are the disk's.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "clock.h"

#include "../unit/ledger_rig.h"

#define ORIGIN  "hotline.example/ncii/1"
#define TELLER  "hotline.example/audit/1"
#define TURN_US 333000

/* As long as what the daemon says of an Append of one item. */
#define PAYLOAD_BYTES 150
#define TOLD_BYTES    110

enum way { NONE, BEHIND, ALONG, WAYS };

static const char *const way_names[] = { "none", "behind", "along" };

static struct rig rig;
static uint32_t set, teller;
static enum way way;
static uint64_t until_us;
static char filling[PAYLOAD_BYTES + 1];

static void must(enum hf_err err, const char *what, const struct hf_why *why)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "bench_audit: %s: %s: %s\n", what, hf_err_name(err),
		why->text);
	exit(1);
}

static enum hf_err tell(void *arg, const struct hf_ledger_receipt *receipt,
			struct hf_buf *out, struct hf_why *why)
{
	hf_buf_put(out, hf_span(filling, TOLD_BYTES));
	return HF_OK;
}

static void append_one(struct hf_ledger_wait *wait, uint32_t to,
		       struct hf_ledger_draft draft,
		       const struct hf_ledger_along *along)
{
	const struct hf_ledger_batch batch = {
		.set = to, .drafts = &draft, .drafts_count = 1, .along = along
	};
	struct hf_why why = { "" };
	enum hf_err err = hf_ledger_append(rig.ledger, &batch,
					   hf_ledger_wait_done(wait), &why);

	if (err == HF_OK)
		err = hf_ledger_wait_for(wait, NULL, &why);
	must(err, "append", &why);
}

/* Calls one behind the other until the turn is over. */
static void *caller_main(void *arg)
{
	const struct hf_ledger_along along = { .tell = tell, .set = teller };
	struct hf_ledger_draft told =
		rig_about(HF_OP_STATUS, HF_LEDGER_SELF, filling);
	struct hf_ledger_wait *wait;
	uint64_t *calls = arg;
	struct hf_why why = { "" };

	told.payload.len_bytes = TOLD_BYTES;
	must(hf_ledger_wait_new(&wait, &why), "wait", &why);
	while (hf_clock_mono_us() < until_us) {
		append_one(wait, set, rig_add(filling),
			   way == ALONG ? &along : NULL);
		if (way == BEHIND)
			append_one(wait, teller, told, NULL);
		(*calls)++;
	}
	hf_ledger_wait_free(wait);
	return NULL;
}

/* Processor time of all threads. */
static double cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

struct result {
	double seconds;
	double calls;
	double cpu_us;
};

static void turn(enum way with, size_t callers, struct result *result)
{
	double cpu_before_us = cpu_us();
	uint64_t calls[64] = { 0 }, all = 0, began_us = hf_clock_mono_us();
	pthread_t threads[64];

	way = with;
	until_us = began_us + TURN_US;
	for (size_t i = 0; i < callers; i++) {
		if (pthread_create(&threads[i], NULL, caller_main, &calls[i]) !=
		    0)
			exit(1);
	}
	for (size_t i = 0; i < callers; i++) {
		pthread_join(threads[i], NULL);
		all += calls[i];
	}
	result->calls += (double)all;
	result->seconds += (double)(hf_clock_mono_us() - began_us) / 1e6;
	result->cpu_us += cpu_us() - cpu_before_us;
}

static void measure(size_t callers, double seconds)
{
	size_t rounds = (size_t)(seconds * 1e6 / TURN_US / WAYS) + 1;
	struct result results[WAYS] = { { 0 } };
	double rates[WAYS];

	for (size_t i = 0; i < rounds; i++)
		for (int with = NONE; with < WAYS; with++)
			turn((enum way)with, callers, &results[with]);
	printf("callers=%zu", callers);
	for (int with = NONE; with < WAYS; with++) {
		const struct result *result = &results[with];

		rates[with] = result->calls / result->seconds;
		printf(" %s_per_s=%.0f %s_cpu_us=%.0f", way_names[with],
		       rates[with], way_names[with],
		       result->cpu_us / result->calls);
	}
	printf(" behind/none=%.2f along/none=%.2f\n",
	       rates[BEHIND] / rates[NONE], rates[ALONG] / rates[NONE]);
}

int main(int argc, char **argv)
{
	static const size_t callers[] = { 1, 8, 32 };
	double seconds = argc > 1 ? atof(argv[1]) : 10;
	struct hf_why why = { "" };

	memset(filling, 'x', PAYLOAD_BYTES);
	must(rig_make(&rig, argc > 2 ? argv[2] : "/tmp", 1), "rig", &why);
	rig.options.signer.checkpoints = rig_checkpoints;
	rig.signer.is_synced = true;
	must(rig_reopen(&rig, &why), "open", &why);
	must(hf_ledger_create(rig.ledger, HF_LEDGER_OWN, hf_span_of(ORIGIN),
			      &set, &why),
	     "create", &why);
	must(hf_ledger_create(rig.ledger, HF_LEDGER_OWN, hf_span_of(TELLER),
			      &teller, &why),
	     "create", &why);
	for (size_t i = 0; i < sizeof(callers) / sizeof(callers[0]); i++)
		measure(callers[i], seconds);
	rig_release(&rig);
	return 0;
}
