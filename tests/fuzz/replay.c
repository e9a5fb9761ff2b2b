/*
 * Feed every file of the folders on the command line to the fuzz target, and
 * every file once more cut short at each eighth and with one byte changed:
 * what ordinary test runs can afford of fuzzing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(const uint8_t *data, size_t size)
{
	/* A copy of just that size, so that a sanitizer sees one byte over. */
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		abort();
	if (size > 0)
		memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void feed_variants(uint8_t *data, size_t size)
{
	size_t step = size / 64 + 1;

	feed(data, size);
	for (size_t i = 1; i < 8; i++)
		feed(data, size * i / 8);
	for (size_t i = 0; i < size; i += step) {
		data[i] ^= 0x41;
		feed(data, size);
		data[i] ^= 0x41;
	}
}

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	static uint8_t data[1 << 20];
	size_t size;

	if (file == NULL) {
		perror(path);
		return -1;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	feed_variants(data, size);
	return 0;
}

int main(int argc, char **argv)
{
	int files = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;

		if (dir == NULL) {
			perror(argv[i]);
			return 1;
		}
		while ((entry = readdir(dir)) != NULL) {
			char path[4096];

			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", argv[i],
				 entry->d_name);
			if (replay(path) != 0)
				return 1;
			files++;
		}
		closedir(dir);
	}
	if (files == 0) {
		fprintf(stderr, "no corpus: nothing was tested\n");
		return 1;
	}
	printf("%d inputs and their variants, nothing crashed\n", files);
	return 0;
}
