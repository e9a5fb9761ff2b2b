/* Is a SHA-256 or, with "pdq:" before it, a PDQ hash known on this machine? */
#include <hashfed.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *text = argc == 3 ? argv[2] : "";
	int is_pdq = strncmp(text, "pdq:", 4) == 0;
	struct hashfed_answer *answer = hashfed_answer_new();
	struct hashfed *hashfed;
	const struct hashfed_hit *hits;
	unsigned char digest[32] = { 0 };
	char why[256] = "usage: example DIRECTORY [pdq:]HEX";

	for (int i = 0; i < 32; i++)
		sscanf(text + 4 * is_pdq + 2 * i, "%2hhx", &digest[i]);
	if (argc != 3 || strlen(text) != 64u + 4u * (unsigned)is_pdq ||
	    hashfed_open(argv[1], &hashfed, why, sizeof(why)) != HASHFED_OK)
		return fprintf(stderr, "%s\n", why), 2;
	if (hashfed_lookup(hashfed,
			   &(struct hashfed_hash){
				   0, is_pdq ? HASHFED_PDQ : HASHFED_SHA256,
				   100, digest, 0 },
			   1, answer) != HASHFED_OK)
		return fprintf(stderr, "%s\n", hashfed_answer_text(answer)), 2;
	for (size_t i = hashfed_hits(answer, &hits); i > 0; i--, hits++)
		printf("%s %s %u: %s\n", hashfed_verdict_word(hits->verdict),
		       hits->origin, (unsigned)hits->index, hits->rule);
	return hashfed_verdict(answer, 0) == HASHFED_BLOCK;
}
