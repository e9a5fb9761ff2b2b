/*
 * bench_ingest: entries of others through verification, ledger and feed into
 * the index, until nothing is left to do.
 *
 *   bench_ingest make FILE ENTRIES              a set, as its publisher sends
 * it bench_ingest run FILE DIRECTORY [BEFORE]    take it in, BEFORE entries
 * first
 *
 * Each part prints one line.  Everything is durable: LMDB syncs at each commit,
 * segments are synced.  Chunks come out of a mapped file instead of a
 * connection; from there all is as in the daemon: the same queue, the same
 * threads.  Beside it, the same entries go into an LMDB of their own with as
 * many to a transaction, and nothing else is done with them.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cert.h"
#include "clock.h"
#include "intake.h"
#include "match_index.h"
#include "match_policy.h"
#include "ring.h"
#include "ringdir.h"
#include "store.h"

#include "feed.h"
#include "feed_expiry.h"
#include "node.h"

#include "../unit/ledger_rig.h"
#include "../unit/organisations.h"
#include "bench_ingest_input.h"

#define ORIGIN   "partner.example/csam/1"
#define COSIGNER "partner.example/cosigner"

/* Pieces at the ledger, as daemon/peer/follow_fetch.c has it. */
#define PIECES 96

/* Nothing is left to do when for so long nothing was done. */
#define QUIET_US ((uint64_t)3000000)
#define LOOK_US  20000

#define PROBES_MAX 65536
#define PROBE_US   2000

#define LOOKUPS 20000

static struct hf_why why;

static void must(enum hf_err err, const char *what)
{
	if (err == HF_OK)
		return;
	fprintf(stderr, "bench_ingest: %s: %s: %s\n", what, hf_err_name(err),
		why.text);
	exit(1);
}

static double seconds_since(uint64_t begun_us)
{
	return (double)(hf_clock_mono_us() - begun_us) / 1e6;
}

/* A line of /proc/self/status, in MiB. */
static double memory_mib(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	double kib = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtod(line + strlen(name), NULL);
	}
	if (file != NULL)
		fclose(file);
	return kib / 1024;
}

/* The node that takes the set in, as far as that needs one. */
struct world {
	struct rig rig;
	struct hf_conf conf;
	struct hf_node node;
	struct input input;
	uint32_t set;
	uint64_t seen; /* size of the last checkpoint */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t in_flight;
	enum hf_err err; /* of a piece */
	double peak_mib; /* memory that is nobody's file */
	/* One entry at a time is looked for from the moment its piece is
	 * durable until a lookup finds it. */
	bool is_probing;
	bool is_over;
	uint64_t probe;
	uint64_t probe_since_us;
	uint64_t *delays_us; /* owned; PROBES_MAX of them */
	size_t delays_count;
};

/*
 * What a node needs to follow a set: a ring that has its publisher and its
 * agreement.
 */

static void agree(const char *dir, const struct made_up *publisher,
		  const struct made_up *member)
{
	uint64_t now_ms = hf_clock_wall_ms();
	struct hf_span members[] = { hf_span(member->id, 32) };
	const struct hf_agreement agreement = {
		.origin = ORIGIN,
		.version = 1,
		.organisation_id = hf_span(publisher->id, 32),
		.log_key = public_span(publisher->log),
		.cosigner_key = public_span(publisher->cosigner),
		.cosigner_name = COSIGNER,
		.audience = members,
		.audience_count = 1,
		.relay = HF_RELAY_NONE,
		.purpose = "",
		.issued_ms = now_ms - DAY_MS,
		.expires_ms = now_ms + DAY_MS,
	};
	struct hf_buf document;

	hf_buf_init(&document, HF_AGREEMENT_MAX_BYTES);
	must(hf_trust_agreement_make(&agreement, publisher->agreement,
				     &document, &why),
	     "make an agreement");
	must(hf_ring_save_agreement(dir, hf_buf_span(&document), &why),
	     "save the agreement");
	hf_buf_release(&document);
}

static void enrol(const char *dir, const struct made_up *publisher)
{
	const struct hf_ring_peer_options options = { .now_ms = NOW_MS };
	char print[HF_FINGERPRINT_SIZE], name[HF_DOMAIN_MAX_BYTES + 1];
	struct hf_buf invite;

	hf_buf_init(&invite, HF_INVITE_MAX_BYTES);
	must(hf_trust_invite_make(hf_buf_span(&publisher->document), NULL, 0,
				  &invite, &why),
	     "make an invite");
	must(hf_ring_invite_fingerprint(dir, hf_buf_span(&invite), print, name,
					&why),
	     "read the invite");
	must(hf_ring_save_peer(dir, hf_buf_span(&invite), hf_span_of(print),
			       &options, &why),
	     "enrol");
	hf_buf_release(&invite);
}

static void ring_make(struct world *world)
{
	const struct hf_cert_dates dates = { NOW_MS - DAY_MS,
					     NOW_MS + 3650 * DAY_MS };
	char *dir = world->node.ring_dir, issuer_pem[HF_CERT_SIZE];
	struct hf_secret *issuer = secret_of(99);
	struct made_up publisher, member;

	snprintf(dir, sizeof(world->node.ring_dir), "%s/ring", world->rig.home);
	must(made_up_new(&member, "hotline.example", 10, 1, 1, &why), "keys");
	must(made_up_new(&publisher, "partner.example", 20, 1, 1, &why),
	     "keys");
	must(hf_cert_issuer_new(issuer, hf_span_of("hotline.example"), dates,
				issuer_pem, &why),
	     "certificate");
	must(hf_ring_create(dir, hf_buf_span(&member.document),
			    hf_span_of(issuer_pem), &why),
	     "make a ring");
	enrol(dir, &publisher);
	agree(dir, &publisher, &member);
	must(hf_ring_follow(dir, hf_span_of(ORIGIN), &why), "follow");
	must(hf_ring_holder_new(dir, &world->node.ring, &why), "load the ring");
	made_up_free(&publisher);
	made_up_free(&member);
	hf_secret_free(issuer);
}

static void index_open(struct world *world, const char *name,
		       struct hf_index **out_index)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", world->rig.home, name);
	must(hf_index_open(path, out_index, &why), "open an index");
}

static void world_make(struct world *world, const char *file)
{
	char path[128];

	pthread_mutex_init(&world->lock, NULL);
	pthread_cond_init(&world->changed, NULL);
	world->delays_us = calloc(PROBES_MAX, sizeof(*world->delays_us));
	must(rig_make(&world->rig, ".", 1), "make a directory");
	must(rig_reopen(&world->rig, &why), "open a ledger");
	ring_make(world);
	world->conf.stale_after_ms = DAY_MS;
	world->conf.expired_after_ms = 7 * DAY_MS;
	world->node.conf = &world->conf;
	world->node.ledger = world->rig.ledger;
	must(hf_ledger_create(world->node.ledger, HF_LEDGER_FOREIGN,
			      hf_span_of(ORIGIN), &world->set, &why),
	     "make a set");
	must(hf_policy_new(NULL, 0, &world->node.policy, &why), "policy");
	index_open(world, "index", &world->node.index);
	index_open(world, "retracted", &world->node.retracted);
	snprintf(path, sizeof(path), "%s/expiring", world->rig.home);
	must(hf_expiry_open(path, &world->node.expiring, &why), "expiries");
	must(hf_feed_start(&world->node, &world->node.feed, &why), "feed");
	if (!input_open(file, &world->input)) {
		fprintf(stderr, "bench_ingest: no input in %s\n", file);
		exit(1);
	}
}

static void world_release(struct world *world)
{
	hf_feed_stop(world->node.feed);
	hf_expiry_close(world->node.expiring);
	hf_index_close(world->node.retracted);
	hf_index_close(world->node.index);
	hf_policy_free(world->node.policy);
	hf_ring_holder_free(world->node.ring);
	input_close(&world->input);
	rig_release(&world->rig);
	free(world->delays_us);
}

/*
 * When is an entry found?
 */

static void on_hit(void *arg, const struct hf_index_hit *hit)
{
	*(bool *)arg = true;
}

static bool is_found(struct world *world, uint64_t entry)
{
	uint8_t digest[32];
	const struct hf_index_query query = { HF_ALGORITHM_SHA256, digest };
	struct hf_index_view *view;
	bool is = false;
	const struct hf_index_sink sink = { .hit = on_hit, .arg = &is };

	bench_digest(entry, BENCH_SHA256, digest);
	must(hf_index_view_begin(world->node.index, &view, &why), "view");
	must(hf_index_lookup_exact(view, &query, 1, &sink, &why), "look up");
	hf_index_view_end(view);
	return is;
}

/* Looks again and again, and sleeps when there is nothing to look for. */
static void *probe_main(void *arg)
{
	const struct timespec nap = { .tv_nsec = PROBE_US * 1000 };
	struct world *world = arg;

	pthread_mutex_lock(&world->lock);
	while (!world->is_over) {
		uint64_t entry = world->probe;
		bool is;

		if (!world->is_probing) {
			pthread_cond_wait(&world->changed, &world->lock);
			continue;
		}
		pthread_mutex_unlock(&world->lock);
		is = is_found(world, entry);
		if (!is)
			nanosleep(&nap, NULL);
		pthread_mutex_lock(&world->lock);
		if (!is)
			continue;
		if (world->delays_count < PROBES_MAX)
			world->delays_us[world->delays_count++] =
				hf_clock_mono_us() - world->probe_since_us;
		world->is_probing = false;
	}
	pthread_mutex_unlock(&world->lock);
	return NULL;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

/*
 * One part of the set.
 */

static void on_piece(void *arg, enum hf_err err,
		     const struct hf_ledger_receipt *receipt,
		     const struct hf_why *piece_why)
{
	struct world *world = arg;

	pthread_mutex_lock(&world->lock);
	world->in_flight--;
	if (err != HF_OK) {
		world->err = err;
		why = *piece_why;
	} else if (!world->is_probing) {
		world->is_probing = true;
		world->probe = receipt->first + receipt->count - 1;
		world->probe_since_us = hf_clock_mono_us();
	}
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->lock);
}

static void in_flight_below(struct world *world, size_t most)
{
	pthread_mutex_lock(&world->lock);
	while (world->in_flight >= most)
		pthread_cond_wait(&world->changed, &world->lock);
	pthread_mutex_unlock(&world->lock);
	must(world->err, "store");
}

static void see(struct world *world, uint64_t size)
{
	struct hf_tree_reader reader = input_reader(&world->input);
	struct hf_ledger_checkpoint checkpoint = { .size = size };
	struct hf_tree_proof proof = { 0 };
	struct hf_buf note;

	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	must(hf_tree_root(&reader, size, &checkpoint.root, &why), "root");
	if (world->seen > 0)
		must(hf_tree_prove_consistency(&reader, world->seen, size,
					       &proof, &why),
		     "prove");
	must(rig_note(&world->rig.signer, hf_span_of(ORIGIN), size,
		      &checkpoint.root, 1700000000, &note, &why),
	     "note");
	checkpoint.note = hf_buf_span(&note);
	must(hf_ledger_see(world->node.ledger, world->set, &checkpoint,
			   world->seen > 0 ? &proof : NULL,
			   hf_ledger_wait_done(world->rig.wait), &why),
	     "see");
	must(hf_ledger_wait_for(world->rig.wait, NULL, &why), "see");
	hf_buf_release(&note);
	world->seen = size;
}

static uint64_t found(void *arg, uint32_t set)
{
	const struct world *world = arg;

	return hf_feed_found(world->node.feed, set);
}

/* As a message of GetChunks, unpacked. */
static void take(struct world *world, struct hf_intake *intake, uint64_t size)
{
	static uint32_t lengths[HF_CHUNK_ENTRIES];
	struct hf_tree_reader reader = input_reader(&world->input);
	uint64_t number = intake->next / HF_CHUNK_ENTRIES;
	const struct input_chunk *chunk = &world->input.chunks[number];
	struct hf_ledger_done done = { .call = on_piece, .arg = world };
	struct hf_tree_proof proof;
	bool is_committed;

	for (size_t i = 0; i < HF_CHUNK_ENTRIES; i++)
		lengths[i] = INPUT_ITEM_BYTES;
	must(hf_chunk_prove(&reader, number, size, &proof, &why), "prove");
	pthread_mutex_lock(&world->lock);
	world->in_flight++;
	pthread_mutex_unlock(&world->lock);
	must(hf_intake_take(
		     intake,
		     &(struct hf_get_chunks_response){
			     .first = intake->next,
			     .headers = hf_span(chunk->headers,
						sizeof(chunk->headers)),
			     .proof = hf_tree_proof_span(&proof),
			     .openings = hf_span(chunk->openings,
						 sizeof(chunk->openings)),
			     .payload_lengths = lengths,
			     .payload_lengths_count = HF_CHUNK_ENTRIES,
			     .payloads = hf_span(chunk->payloads,
						 sizeof(chunk->payloads)),
		     },
		     done, &is_committed, &why),
	     "take");
}

static void look_at_memory(struct world *world)
{
	double mib = memory_mib("RssAnon:");

	if (mib > world->peak_mib)
		world->peak_mib = mib;
}

static double cpu_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Until the index neither sealed nor merged nor used the processor for a
 * while; when that while began. */
static uint64_t wait_until_quiet(struct world *world)
{
	const struct timespec nap = { .tv_nsec = LOOK_US * 1000 };
	uint64_t since_us = hf_clock_mono_us();
	struct hf_index_stats before, now;
	double cpu = cpu_s();

	hf_index_stats(world->node.index, &before);
	while (hf_clock_mono_us() - since_us < QUIET_US) {
		nanosleep(&nap, NULL);
		hf_index_stats(world->node.index, &now);
		look_at_memory(world);
		/* A tenth of a core is not what looking costs. */
		if (now.merges_count != before.merges_count ||
		    now.seals_count != before.seals_count ||
		    cpu_s() - cpu > LOOK_US / 1e6 / 10)
			since_us = hf_clock_mono_us();
		cpu = cpu_s();
		before = now;
	}
	return since_us;
}

struct outcome {
	double applied_s;
	double indexed_s;
	double quiet_s;
	double cpu_s;
	uint64_t commits;
};

static struct outcome ingest(struct world *world, uint64_t first, uint64_t size)
{
	const struct timespec nap = { .tv_nsec = HF_INTAKE_AHEAD_MS * 1000000 };
	struct hf_ledger_stats stats;
	struct hf_intake intake;
	struct outcome outcome = { 0 };
	uint64_t begun_us, commits;
	double cpu = cpu_s();

	must(hf_ledger_stats(world->node.ledger, &stats, &why), "stats");
	commits = stats.commits;
	begun_us = hf_clock_mono_us();
	see(world, size);
	hf_intake_begin(&intake, world->node.ledger, world->set, size, first);
	intake.found = found;
	intake.arg = world;
	while (intake.next < size) {
		in_flight_below(world, PIECES);
		while (hf_intake_is_ahead(&intake, hf_clock_mono_us()))
			nanosleep(&nap, NULL);
		take(world, &intake, size);
		if (intake.next / HF_CHUNK_ENTRIES % 256 == 0)
			look_at_memory(world);
	}
	in_flight_below(world, 1);
	outcome.applied_s = seconds_since(begun_us);
	while (hf_feed_wait(world->node.feed, world->set, size,
			    LOOK_US / 1000) != HF_OK)
		look_at_memory(world);
	outcome.indexed_s = seconds_since(begun_us);
	must(hf_index_sync(world->node.index, &why), "sync the index");
	outcome.quiet_s = (double)(wait_until_quiet(world) - begun_us) / 1e6;
	outcome.cpu_s = cpu_s() - cpu;
	must(hf_ledger_stats(world->node.ledger, &stats, &why), "stats");
	outcome.commits = stats.commits - commits;
	return outcome;
}

/* The longest that an entry was durable and not found. */
static void print_delays(struct world *world)
{
	pthread_mutex_lock(&world->lock);
	qsort(world->delays_us, world->delays_count, sizeof(uint64_t), compare);
	if (world->delays_count > 0)
		printf(" visible_p50_ms=%.1f visible_max_ms=%.1f probes=%zu",
		       (double)world->delays_us[world->delays_count / 2] / 1e3,
		       (double)world->delays_us[world->delays_count - 1] / 1e3,
		       world->delays_count);
	world->delays_count = 0;
	pthread_mutex_unlock(&world->lock);
}

/* Near lookups of one hash at a time, every other one known, in the segments
 * that are left when merges are quiet. */
static double lookups_per_s(struct world *world, uint64_t size)
{
	struct hf_index_view *view;
	uint64_t begun_us, found = 0;
	bool is;
	const struct hf_index_sink sink = { .hit = on_hit, .arg = &is };

	must(hf_index_view_begin(world->node.index, &view, &why), "view");
	begun_us = hf_clock_mono_us();
	for (uint64_t i = 0; i < LOOKUPS; i++) {
		uint8_t digest[32];

		bench_digest(i % 2 * size + i * (size / LOOKUPS), BENCH_PDQ,
			     digest);
		is = false;
		must(hf_index_lookup_near(view, digest, 1, HF_PDQ_DISTANCE,
					  &sink, &why),
		     "look up");
		found += is;
	}
	hf_index_view_end(view);
	if (found != LOOKUPS / 2) {
		fprintf(stderr, "bench_ingest: %" PRIu64 " of %d found\n",
			found, LOOKUPS / 2);
		exit(1);
	}
	return LOOKUPS / seconds_since(begun_us);
}

/*
 * The same entries into LMDB, and no more than that.
 */

struct peer {
	const struct input *input;
	uint64_t first;
	uint64_t end;
};

static enum hf_err peer_write(void *arg, struct hf_store_txn *txn,
			      struct hf_why *peer_why)
{
	const struct peer *peer = arg;
	enum hf_err err = HF_OK;

	for (uint64_t i = peer->first; i < peer->end && err == HF_OK; i++) {
		const struct input_chunk *chunk =
			&peer->input->chunks[i / HF_CHUNK_ENTRIES];
		size_t at = i % HF_CHUNK_ENTRIES;
		uint8_t key[8], *room;

		hf_be64_put(key, i);
		err = hf_store_append(txn, 0, hf_span(key, sizeof(key)),
				      1 + HF_HEADER_BYTES + HF_OPENING_BYTES +
					      INPUT_ITEM_BYTES,
				      &room, peer_why);
		if (err != HF_OK)
			return err;
		*room++ = 1;
		memcpy(room, chunk->headers + at * HF_HEADER_BYTES,
		       HF_HEADER_BYTES);
		room += HF_HEADER_BYTES;
		memcpy(room, chunk->openings + at * HF_OPENING_BYTES,
		       HF_OPENING_BYTES);
		memcpy(room + HF_OPENING_BYTES,
		       chunk->payloads + at * INPUT_ITEM_BYTES,
		       INPUT_ITEM_BYTES);
	}
	return err;
}

static double peer_s(struct world *world, uint64_t first, uint64_t size,
		     uint64_t commits)
{
	static const char *const tables[] = { "entries" };
	uint64_t step = (size - first) / (commits > 0 ? commits : 1) + 1;
	struct peer peer = { &world->input, first, first };
	struct hf_store *store;
	char path[128];
	uint64_t begun_us;
	double seconds;

	snprintf(path, sizeof(path), "%s/peer-%" PRIu64, world->rig.home,
		 first);
	must(hf_store_open(&(struct hf_store_options){ .dir = path,
						       .format = "bench/1",
						       .tables = tables,
						       .tables_count = 1 },
			   &store, &why),
	     "open a store");
	begun_us = hf_clock_mono_us();
	while (peer.first < size) {
		peer.end = peer.first + step < size ? peer.first + step : size;
		must(hf_store_write(store, peer_write, &peer, &why), "write");
		peer.first = peer.end;
	}
	seconds = seconds_since(begun_us);
	hf_store_close(store);
	return seconds;
}

static void part(struct world *world, const char *name, uint64_t first,
		 uint64_t size)
{
	struct outcome outcome = ingest(world, first, size);
	double entries = (double)(size - first);
	struct hf_index_stats index;
	struct hf_ledger_stats ledger;
	double seconds;

	hf_index_stats(world->node.index, &index);
	must(hf_ledger_stats(world->node.ledger, &ledger, &why), "stats");
	printf("ingest onto=%s entries=%.0f entries_per_s=%.0f "
	       "until_indexed_per_s=%.0f until_applied_per_s=%.0f "
	       "cpu_us_per_entry=%.2f commits=%" PRIu64 " "
	       "log_bytes_per_entry=%.0f index_bytes_per_entry=%.0f "
	       "anonymous_peak_mib=%.0f seals=%" PRIu64 " merges=%" PRIu64
	       " segments=%" PRIu64 " near_lookups_per_s=%.0f",
	       name, entries, entries / outcome.quiet_s,
	       entries / outcome.indexed_s, entries / outcome.applied_s,
	       outcome.cpu_s * 1e6 / entries, outcome.commits,
	       (double)ledger.file_bytes / (double)size,
	       (double)index.segments_bytes / (double)size, world->peak_mib,
	       index.seals_count, index.merges_count, index.segments_count,
	       lookups_per_s(world, size));
	print_delays(world);
	printf("\n");
	fflush(stdout);
	seconds = peer_s(world, first, size, outcome.commits);
	printf("peer lmdb_alone_per_s=%.0f ratio=%.2f\n", entries / seconds,
	       seconds / outcome.quiet_s);
	fflush(stdout);
}

static int run(const char *file, const char *dir, uint64_t before)
{
	static struct world world;
	pthread_t prober;
	uint64_t size;

	if (chdir(dir) != 0) {
		perror(dir);
		return 1;
	}
	world_make(&world, file);
	size = world.input.chunks_count * HF_CHUNK_ENTRIES;
	before -= before % HF_CHUNK_ENTRIES;
	if (pthread_create(&prober, NULL, probe_main, &world) != 0)
		return 1;
	if (before > 0 && before < size)
		part(&world, "nothing", 0, before);
	part(&world, before > 0 ? "that" : "nothing", before, size);
	pthread_mutex_lock(&world.lock);
	world.is_over = true;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
	pthread_join(prober, NULL);
	world_release(&world);
	return 0;
}

int main(int argc, char **argv)
{
	must(hf_sign_start(&why), "start");
	if (argc == 4 && strcmp(argv[1], "make") == 0) {
		uint64_t entries = strtoull(argv[3], NULL, 10);

		if (input_make(argv[2], entries / HF_CHUNK_ENTRIES))
			return 0;
		perror(argv[2]);
		return 1;
	}
	if ((argc == 4 || argc == 5) && strcmp(argv[1], "run") == 0)
		return run(argv[2], argv[3],
			   argc == 5 ? strtoull(argv[4], NULL, 10) : 0);
	fputs("usage: the first comment of bench_ingest.c\n", stderr);
	return 2;
}
