/*
 * place-readers DIRECTORY SEED: for tests.  Looks up the SHA-256 hashes that
 * standard input lists, again and again and in several threads, until there
 * is another line; then says how many lookups there were and how many did not
 * find what they should.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hashfed.h"

#define THREADS    3
#define DIGESTS    4096
#define AT_ONCE    64
#define LINE_BYTES 128

static struct {
	struct hashfed *hashfed;
	uint8_t digests[DIGESTS][32];
	size_t count;
	atomic_ulong looked, missed;
	atomic_bool is_over;
} all;

static void look_up(struct hashfed_answer *answer, uint64_t *turn)
{
	struct hashfed_hash hashes[AT_ONCE];

	for (uint32_t i = 0; i < AT_ONCE; i++) {
		*turn = *turn * 6364136223846793005u + 1442695040888963407u;
		hashes[i] = (struct hashfed_hash){
			.item = i,
			.algorithm = HASHFED_SHA256,
			.quality = HASHFED_NO_QUALITY,
			.digest = all.digests[(*turn >> 33) % all.count],
		};
	}
	if (hashfed_lookup(all.hashfed, hashes, AT_ONCE, answer) !=
	    HASHFED_OK) {
		fprintf(stderr, "%s\n", hashfed_answer_text(answer));
		atomic_fetch_add(&all.missed, 1);
	}
	for (uint32_t i = 0; i < AT_ONCE; i++)
		atomic_fetch_add(&all.missed,
				 hashfed_verdict(answer, i) != HASHFED_BLOCK);
	atomic_fetch_add(&all.looked, 1);
}

static void *run(void *arg)
{
	struct hashfed_answer *answer = hashfed_answer_new();
	uint64_t turn = (uint64_t)(uintptr_t)arg;

	while (answer != NULL && !atomic_load(&all.is_over))
		look_up(answer, &turn);
	hashfed_answer_free(answer);
	return NULL;
}

static void read_digests(void)
{
	char line[LINE_BYTES];

	while (all.count < DIGESTS &&
	       fgets(line, sizeof(line), stdin) != NULL && line[0] != '\n') {
		for (int i = 0; i < 32; i++)
			sscanf(line + 2 * i, "%2hhx",
			       &all.digests[all.count][i]);
		all.count++;
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	char text[256] = "usage: place-readers DIRECTORY SEED";
	char line[LINE_BYTES];
	size_t started = 0;

	if (argc != 3 || hashfed_open(argv[1], &all.hashfed, text,
				      sizeof(text)) != HASHFED_OK) {
		fprintf(stderr, "%s\n", text);
		return 2;
	}
	read_digests();
	while (started < THREADS &&
	       pthread_create(&threads[started], NULL, run,
			      (void *)(uintptr_t)(strtoul(argv[2], NULL, 10) *
							  THREADS +
						  started)) == 0)
		started++;
	puts("begun");
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		line[0] = '\0';
	atomic_store(&all.is_over, true);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	hashfed_close(all.hashfed);
	printf("%lu %lu\n", atomic_load(&all.looked), atomic_load(&all.missed));
	return started == THREADS ? 0 : 2;
}
