/* Is a SHA-256 or, with "pdq:" before it, a PDQ hash known on this machine? */
#include <hashfed.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *text = argc == 3 ? argv[2] : "";
	int is_pdq = strncmp(text, "pdq:", 4) == 0;
	struct hashfed_answer *answer = hashfed_answer_new();
	struct hashfed *hashfed = NULL;
	const struct hashfed_hit *hits;
	unsigned char digest[32] = { 0 };
	char why[256] = "usage: example DIRECTORY [pdq:]HEX";
	struct hashfed_hash hash = { 0, is_pdq ? HASHFED_PDQ : HASHFED_SHA256,
				     100, digest, 0 };
	int status = 2;

	for (int i = 0; i < 32; i++)
		sscanf(text + 4 * is_pdq + 2 * i, "%2hhx", &digest[i]);
	if (argc != 3 || strlen(text) != 64u + 4u * (unsigned)is_pdq ||
	    hashfed_open(argv[1], &hashfed, why, sizeof(why)) != HASHFED_OK)
		fprintf(stderr, "%s\n", why);
	else if (hashfed_lookup(hashfed, &hash, 1, answer) != HASHFED_OK)
		fprintf(stderr, "%s\n", hashfed_answer_text(answer));
	else
		status = hashfed_verdict(answer, 0) == HASHFED_BLOCK;
	for (size_t i = hashfed_hits(answer, &hits); i > 0; i--, hits++)
		printf("%s %s %u: %s\n", hashfed_verdict_word(hits->verdict),
		       hits->origin, (unsigned)hits->index, hits->rule);
	hashfed_close(hashfed);
	hashfed_answer_free(answer);
	return status;
}
