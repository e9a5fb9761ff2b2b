/*
 * bench_place [COUNT]: lookups in place from one process and from two, of
 * COUNT (1,000,000) PDQ hashes in one index, while its writer, a third
 * process, is idle, and while it adds 1,000 entries a second.  Queries are one
 * at a time by the public library: half are of no entry, half are entries
 * with up to 31 bits changed, which must be found.  Beside the rates it tells
 * the lookups of a second of processor time, which other programs on the
 * machine change less.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "hashfed.h"
#include "match_tell.h"

#define SECONDS   5
#define QUERIES   8192
#define ADD_RATE  1000
#define ADD_BATCH 10

static char dir[64] = "place-bench-XXXXXX";
static uint64_t count = 1000000;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_place: %s: %s\n", what, why);
	exit(1);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

static void digest_of(uint64_t entry, uint8_t digest[32])
{
	uint64_t state = (entry + 1) * 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 4; i++) {
		uint64_t word = next_random(&state);

		memcpy(digest + 8 * i, &word, 8);
	}
}

/*
 * The writer.
 */
static void add(struct hf_index *index, uint64_t first, size_t some)
{
	static uint8_t digests[4096][32];
	static struct hf_index_hash hashes[4096];
	struct hf_why why = { "" };

	for (size_t i = 0; i < some; i++) {
		digest_of(first + i, digests[i]);
		hashes[i] = (struct hf_index_hash){
			.set = 1,
			.entry = first + i,
			.algorithm = HF_ALGORITHM_PDQ,
			.content_class = HF_CLASS_CSAM,
			.quality = 100,
			.digest = digests[i],
		};
	}
	if (hf_index_add(index, hashes, some, &why) != HF_OK)
		die("add", why.text);
}

static struct hf_index *build(void)
{
	const struct hf_match_sets_rules rules = {
		.ages = { 86400000, 7 * (uint64_t)86400000 },
	};
	const struct hf_judge_set set = { .set = 1,
					  .origin = "hotline.example/csam/1",
					  .is_matchable = true,
					  .checkpoint_ms = hf_clock_wall_ms() };
	struct hf_why why = { "" };
	struct hf_index *index;

	if (hf_index_open(dir, &index, &why) != HF_OK ||
	    hf_index_tell_rules(index, &rules, &why) != HF_OK)
		die("open", why.text);
	hf_index_tell_set(index, &set);
	hf_index_tell_ready(index);
	for (uint64_t i = 0; i < count; i += 4096)
		add(index, i, count - i < 4096 ? (size_t)(count - i) : 4096);
	if (hf_index_compact(index, &why) != HF_OK)
		die("merge", why.text);
	return index;
}

/* A byte begins the adding, the end of the pipe ends it. */
static void write_all(int told, int tell)
{
	struct hf_index *index = build();
	uint64_t entry = count, began_us;
	char byte = '+';

	if (write(tell, &byte, 1) != 1 || read(told, &byte, 1) != 1)
		exit(1);
	began_us = hf_clock_mono_us();
	for (;;) {
		uint64_t due_us =
			began_us + (entry - count) * 1000000 / ADD_RATE;
		uint64_t now_us = hf_clock_mono_us();

		if (now_us < due_us)
			usleep((useconds_t)(due_us - now_us));
		add(index, entry, ADD_BATCH);
		entry += ADD_BATCH;
	}
}

/*
 * Readers.
 */
struct result {
	uint64_t lookups, us, cpu_us, wrong;
};

static void make_queries(uint8_t queries[QUERIES][32], uint64_t seed)
{
	uint64_t state = seed * 88172645463325252u;

	for (size_t i = 0; i < QUERIES; i++) {
		uint64_t entry = next_random(&state) % count;

		/* Odd ones are of nobody. */
		digest_of(i % 2 == 0 ? entry : ~entry, queries[i]);
		for (uint64_t n = next_random(&state) % 32; n > 0; n--)
			queries[i][next_random(&state) % 32] ^=
				(uint8_t)(1u << next_random(&state) % 8);
	}
}

static void look_up_once(struct hashfed *hashfed, struct hashfed_answer *answer,
			 uint8_t queries[QUERIES][32], size_t i,
			 struct result *result)
{
	const struct hashfed_hash hash = { 0, HASHFED_PDQ, 100, queries[i], 0 };

	if (hashfed_lookup(hashfed, &hash, 1, answer) != HASHFED_OK)
		die("look up", hashfed_answer_text(answer));
	result->lookups++;
	result->wrong += (hashfed_verdict(answer, 0) != 0) != (i % 2 == 0);
}

static uint64_t cpu_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static void read_all(uint64_t seed, int told, int tell)
{
	static uint8_t queries[QUERIES][32];
	struct hashfed_answer *answer = hashfed_answer_new();
	struct result result = { 0 };
	struct hashfed *hashfed;
	char text[256], byte = '+';
	uint64_t began_us, until_us;

	if (hashfed_open(dir, &hashfed, text, sizeof(text)) != HASHFED_OK)
		die("open in place", text);
	make_queries(queries, seed);
	/* Pages and tables are warm before it counts. */
	for (size_t i = 0; i < QUERIES; i++)
		look_up_once(hashfed, answer, queries, i, &result);
	result = (struct result){ 0 };
	if (write(tell, &byte, 1) != 1 || read(told, &byte, 1) != 1)
		exit(1);
	result.cpu_us = cpu_us();
	began_us = hf_clock_mono_us();
	until_us = began_us + SECONDS * (uint64_t)1000000;
	do {
		for (size_t i = 0; i < 64; i++)
			look_up_once(hashfed, answer, queries,
				     result.lookups % QUERIES, &result);
		result.us = hf_clock_mono_us() - began_us;
	} while (began_us + result.us < until_us);
	result.cpu_us = cpu_us() - result.cpu_us;
	if (write(tell, &result, sizeof(result)) != sizeof(result))
		exit(1);
	exit(0);
}

/* Lookups a second of so many readers together, and what each would do in a
 * second of a processor, summed. */
struct rate {
	double real, cpu;
};

static struct rate measure(unsigned readers)
{
	int go[2], back[2];
	struct rate rate = { 0 };
	char byte = '+';

	if (pipe(go) != 0 || pipe(back) != 0)
		die("pipe", "failed");
	for (unsigned i = 0; i < readers; i++) {
		if (fork() == 0)
			read_all(i + 1, go[0], back[1]);
	}
	for (unsigned i = 0; i < readers; i++) {
		if (read(back[0], &byte, 1) != 1)
			die("reader", "ended");
	}
	for (unsigned i = 0; i < readers; i++) {
		if (write(go[1], &byte, 1) != 1)
			die("reader", "ended");
	}
	for (unsigned i = 0; i < readers; i++) {
		struct result result;

		if (read(back[0], &result, sizeof(result)) != sizeof(result))
			die("reader", "ended");
		/* Random changes may meet twice, and an entry added since be
		 * near: rare, and no more than that. */
		if (result.wrong * 1000 > result.lookups)
			die("reader", "answers are wrong");
		rate.real += (double)result.lookups * 1e6 / (double)result.us;
		rate.cpu +=
			(double)result.lookups * 1e6 / (double)result.cpu_us;
	}
	for (unsigned i = 0; i < readers; i++)
		wait(NULL);
	for (int i = 0; i < 2; i++) {
		close(go[i]);
		close(back[i]);
	}
	return rate;
}

static void report(const char *when)
{
	struct rate one = measure(1), two = measure(2);

	printf("%-22s one process %8.0f/s, two together %8.0f/s: %.2f times\n",
	       when, one.real, two.real, two.real / one.real);
	printf("%-22s one process %8.0f/s, two together %8.0f/s: %.2f times\n",
	       "  by processor time:", one.cpu, two.cpu, two.cpu / one.cpu);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int told[2], tell[2], status;
	char command[128], byte;
	pid_t writer;

	if (argc > 1)
		count = strtoull(argv[1], NULL, 10);
	if (count == 0 || mkdtemp(dir) == NULL || pipe(told) != 0 ||
	    pipe(tell) != 0)
		die("begin", "usage: bench_place [COUNT]");
	writer = fork();
	if (writer == 0)
		write_all(told[0], tell[1]);
	if (read(tell[0], &byte, 1) != 1)
		die("writer", "ended");
	printf("%llu PDQ hashes, one lookup at a time\n",
	       (unsigned long long)count);
	fflush(stdout);
	report("writer idle:");
	if (write(told[1], "+", 1) != 1)
		die("writer", "ended");
	report("1,000 entries/s added:");
	kill(writer, SIGKILL);
	waitpid(writer, &status, 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) == 0 ? 0 : 1;
}
