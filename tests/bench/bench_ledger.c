/*
 * bench_ledger [ENTRIES [DIRECTORY]]: how fast the ledger alone appends,
 * applies and proves, and what an entry costs on disk.
 *
 * Everything is durable: LMDB syncs at each commit, and the signer, a function
 * here, does one fdatasync a signature as the real one does.  Payloads are
 * 150 bytes.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"

#include "../unit/ledger_rig.h"

#define PAYLOAD_BYTES 150
#define BATCH         1000
#define PIECES        64 /* in flight */
#define SECONDS       3

static struct hf_why why;

static void must(enum hf_err err, const char *what)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, hf_err_name(err), why.text);
	exit(1);
}

/*
 * Many calls in flight.
 */

struct flight {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t in_flight;
	uint64_t acknowledged;
	enum hf_err err;
};

static struct flight flight = { PTHREAD_MUTEX_INITIALIZER,
				PTHREAD_COND_INITIALIZER, 0, 0, HF_OK };

static void on_done(void *arg, enum hf_err err,
		    const struct hf_ledger_receipt *receipt,
		    const struct hf_why *done_why)
{
	pthread_mutex_lock(&flight.lock);
	flight.in_flight--;
	flight.acknowledged += receipt->count;
	if (err != HF_OK) {
		flight.err = err;
		why = *done_why;
	}
	pthread_cond_signal(&flight.changed);
	pthread_mutex_unlock(&flight.lock);
}

static void take_off(size_t most)
{
	pthread_mutex_lock(&flight.lock);
	while (flight.in_flight >= most)
		pthread_cond_wait(&flight.changed, &flight.lock);
	flight.in_flight++;
	pthread_mutex_unlock(&flight.lock);
	must(flight.err, "acknowledge");
}

static void land(void)
{
	pthread_mutex_lock(&flight.lock);
	while (flight.in_flight > 0)
		pthread_cond_wait(&flight.changed, &flight.lock);
	pthread_mutex_unlock(&flight.lock);
	must(flight.err, "acknowledge");
}

static const struct hf_ledger_done done = { on_done, NULL };

static double seconds_since(uint64_t begun_us)
{
	return (double)(hf_clock_mono_us() - begun_us) / 1e6;
}

/*
 * Appending.
 */

static struct hf_ledger_draft drafts[BATCH];
static uint8_t payloads[BATCH][PAYLOAD_BYTES];

static void drafts_make(void)
{
	hf_random(payloads, sizeof(payloads));
	for (size_t i = 0; i < BATCH; i++)
		drafts[i] = (struct hf_ledger_draft){
			.op = HF_OP_ADD,
			.time_ms = 1700000000000,
			.target = HF_LEDGER_SELF,
			.payload = hf_span(payloads[i], PAYLOAD_BYTES)
		};
}

/* For some seconds, or until there are enough entries. */
static void append_bench(struct rig *rig, uint32_t set, size_t batch_size,
			 size_t in_flight, uint64_t entries)
{
	static uint8_t runs;
	struct hf_ledger_batch batch = { .set = set,
					 .id = { ++runs },
					 .drafts = drafts,
					 .drafts_count = batch_size };
	uint64_t begun_us = hf_clock_mono_us();
	uint64_t before = flight.acknowledged, sent = 0;
	uint64_t signed_before = rig->signer.signed_count;
	double seconds;

	while (entries > 0 ? sent < entries
			   : seconds_since(begun_us) < SECONDS) {
		take_off(in_flight);
		must(hf_ledger_append(rig->ledger, &batch, done, &why),
		     "append");
		batch.sequence++;
		sent += batch_size;
	}
	land();
	seconds = seconds_since(begun_us);
	printf("append, %4zu a batch, %3zu in flight: %9.0f entries/s, "
	       "%5.0f signatures/s\n",
	       batch_size, in_flight,
	       (double)(flight.acknowledged - before) / seconds,
	       (double)(rig->signer.signed_count - signed_before) / seconds);
}

/*
 * Applying.
 */

static void see(struct rig *from, uint32_t own, struct rig *to,
		uint32_t foreign, uint64_t size)
{
	struct hf_ledger_checkpoint checkpoint = { .size = size };
	struct hf_ledger_view *view;

	must(hf_ledger_view_begin(from->ledger, &view, &why), "view");
	must(hf_ledger_root(view, own, size, &checkpoint.root, &why), "root");
	must(hf_ledger_note(view, own, HF_LEDGER_NOTE, &checkpoint.note, &why),
	     "note");
	must(hf_ledger_see(to->ledger, foreign, &checkpoint, NULL,
			   hf_ledger_wait_done(to->wait), &why),
	     "see");
	hf_ledger_view_end(view);
	must(hf_ledger_wait_for(to->wait, NULL, &why), "see");
}

static void piece_send(struct hf_ledger_view *view, uint32_t own,
		       struct rig *to, uint32_t foreign, uint64_t first,
		       uint64_t size)
{
	static uint8_t headers[HF_CHUNK_ENTRIES * HF_HEADER_BYTES];
	uint64_t end = hf_ledger_piece_end(first, size);
	struct hf_ledger_piece *piece;
	struct hf_ledger_entry entry;
	struct hf_ledger_scan *scan;
	struct hf_tree_proof proof;

	must(hf_ledger_headers(view, own, first, (size_t)(end - first), headers,
			       &why),
	     "headers");
	must(hf_ledger_prove_chunk(view, own, first / HF_CHUNK_ENTRIES, size,
				   &proof, &why),
	     "prove");
	must(hf_ledger_piece_begin(
		     to->ledger, foreign, size, first,
		     hf_span(headers, (size_t)(end - first) * HF_HEADER_BYTES),
		     &proof, &piece, &why),
	     "piece");
	must(hf_ledger_scan_begin(view, own, first, &scan, &why), "scan");
	for (uint64_t i = first; i < end; i++) {
		must(hf_ledger_scan_next(scan, &entry, &why), "scan");
		must(hf_ledger_piece_payload(piece, i, entry.opening,
					     entry.payload, &why),
		     "payload");
	}
	hf_ledger_scan_end(scan);
	take_off(PIECES);
	must(hf_ledger_piece_commit(piece, done, &why), "commit");
}

static void apply_bench(struct rig *from, uint32_t own, struct rig *to,
			uint32_t foreign, uint64_t size)
{
	struct hf_ledger_stats stats;
	struct hf_ledger_view *view;
	struct hf_ledger_check check;
	uint64_t begun_us = hf_clock_mono_us(), first = 0;
	double seconds;

	see(from, own, to, foreign, size);
	while (first < size) {
		must(hf_ledger_view_begin(from->ledger, &view, &why), "view");
		for (int i = 0; i < 64 && first < size; i++) {
			piece_send(view, own, to, foreign, first, size);
			first = hf_ledger_piece_end(first, size);
		}
		hf_ledger_view_end(view);
	}
	land();
	seconds = seconds_since(begun_us);
	must(hf_ledger_stats(to->ledger, &stats, &why), "stats");
	printf("apply, reading and proving included: %9.0f entries/s, "
	       "%" PRIu64 " commits\n",
	       (double)size / seconds, stats.commits);
	printf("on disk: %.1f bytes an entry of %d bytes of payload\n",
	       (double)stats.file_bytes / (double)size, PAYLOAD_BYTES);
	begun_us = hf_clock_mono_us();
	must(hf_ledger_verify(to->ledger, foreign, NULL, &check, &why),
	     "verify");
	printf("verify: %9.0f entries/s\n",
	       (double)check.entries / seconds_since(begun_us));
}

/*
 * Proving.
 */

static void prove_bench(struct rig *rig, uint32_t set, uint64_t size)
{
	struct hf_ledger_view *view;
	struct hf_tree_proof proof;
	uint64_t begun_us = hf_clock_mono_us(), count = 0, at = 1;

	must(hf_ledger_view_begin(rig->ledger, &view, &why), "view");
	while (seconds_since(begun_us) < 1) {
		at = (at * 6364136223846793005u + 1442695040888963407u);
		must(hf_ledger_prove_entry(view, set, at % size, size, &proof,
					   &why),
		     "prove");
		count++;
	}
	hf_ledger_view_end(view);
	printf("inclusion proofs of random entries: %7.0f/s\n",
	       (double)count / seconds_since(begun_us));
}

static struct rig from, to;

int main(int argc, char **argv)
{
	uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	struct hf_span origin = hf_span_of("hotline.example/ncii/1");
	struct hf_span singles = hf_span_of("hotline.example/single/1");
	uint32_t own, single, foreign;

	if (argc > 2 && chdir(argv[2]) != 0) {
		perror(argv[2]);
		return 1;
	}
	must(rig_make(&from, ".", 1), "make a directory");
	must(rig_make(&to, ".", 3), "make a directory");
	from.signer.is_synced = true;
	must(rig_reopen(&from, &why), "open");
	must(rig_reopen(&to, &why), "open");
	must(hf_ledger_create(from.ledger, HF_LEDGER_OWN, origin, &own, &why),
	     "create");
	must(hf_ledger_create(from.ledger, HF_LEDGER_OWN, singles, &single,
			      &why),
	     "create");
	must(hf_ledger_create(to.ledger, HF_LEDGER_FOREIGN, origin, &foreign,
			      &why),
	     "create");
	drafts_make();
	append_bench(&from, single, 1, 1, 0);
	append_bench(&from, single, 1, 100, 0);
	append_bench(&from, single, 100, 100, 0);
	append_bench(&from, own, BATCH, 8, entries);
	apply_bench(&from, own, &to, foreign, entries);
	prove_bench(&to, foreign, entries);
	rig_release(&from);
	rig_release(&to);
	return 0;
}
