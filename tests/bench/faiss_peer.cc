/*
 * What faiss finds within 31 bits, and how fast: the peer of bench_near.
 *
 *   faiss_peer DIR flat|multihash BANDS BITS FLIPS QUERIES
 *
 * Reads DIR/hashes and DIR/queries as bench_near makes them, builds the index
 * in memory, looks the first queries up one at a time as one thread, and
 * prints the rate and the same sum as bench_near does: of queries with at
 * most 4,096 answers.  A band of b bits with f flips finds everything within
 * BANDS * (f + 1) - 1 bits.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <omp.h>
#include <vector>

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryHash.h>
#include <faiss/impl/AuxIndexStructures.h>

static const int DIGEST_BYTES = 32;
/* faiss takes those that are less than this away. */
static const int RADIUS = 32;
static const size_t ANSWERS_MAX = 4096;

static std::vector<uint8_t> load(const std::string &path)
{
	FILE *file = fopen(path.c_str(), "rb");

	if (file == NULL) {
		perror(path.c_str());
		exit(1);
	}
	fseek(file, 0, SEEK_END);
	std::vector<uint8_t> bytes((size_t)ftell(file));
	rewind(file);
	if (fread(bytes.data(), 1, bytes.size(), file) != bytes.size()) {
		perror(path.c_str());
		exit(1);
	}
	fclose(file);
	return bytes;
}

static double processor_s()
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: see the head of faiss_peer.cc\n");
		return 2;
	}
	omp_set_num_threads(1);
	std::string dir = argv[1];
	std::vector<uint8_t> hashes = load(dir + "/hashes");
	std::vector<uint8_t> queries = load(dir + "/queries");
	size_t count = hashes.size() / DIGEST_BYTES;
	size_t most = queries.size() / DIGEST_BYTES;
	size_t queries_count = strtoull(argv[6], NULL, 10);
	std::unique_ptr<faiss::IndexBinary> index;

	if (queries_count > most)
		queries_count = most;
	if (strcmp(argv[2], "flat") == 0) {
		index.reset(new faiss::IndexBinaryFlat(256));
	} else {
		auto *hash = new faiss::IndexBinaryMultiHash(256, atoi(argv[3]),
							     atoi(argv[4]));

		hash->nflip = atoi(argv[5]);
		index.reset(hash);
	}
	double begin_s = processor_s();
	index->add((int64_t)count, hashes.data());
	printf("built in %.1f s\n", processor_s() - begin_s);

	uint64_t sum = 0;
	size_t answers = 0;

	begin_s = processor_s();
	for (size_t q = 0; q < queries_count; q++) {
		faiss::RangeSearchResult result(1);
		uint64_t own = 0;

		index->range_search(1, queries.data() + q * DIGEST_BYTES,
				    RADIUS, &result);
		for (size_t i = 0; i < result.lims[1]; i++)
			own += (q * 1000003 + (uint64_t)result.labels[i] * 257 +
				(uint64_t)result.distances[i]) *
			       2654435761u;
		if (result.lims[1] > ANSWERS_MAX)
			continue;
		sum += own;
		answers += result.lims[1];
	}
	printf("rate %.1f\n",
	       (double)queries_count / (processor_s() - begin_s));
	printf("sum %zu answers %016lx\n", answers, (unsigned long)sum);
	return 0;
}
