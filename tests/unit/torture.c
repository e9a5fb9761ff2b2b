/*
 * Fail the n-th allocation that our own code makes, n from HF_FAIL_ALLOC.
 * The linker's --wrap sends malloc() and its like here; libraries are left
 * alone.  HF_FAIL_ALLOC_COUNT names a file that the number of allocations made
 * is written to when the test ends by itself.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "torture.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
char *__wrap_strdup(const char *text);

static atomic_long left = -2; /* -2: not read yet; -1: never fail */
static atomic_long made;
static _Thread_local long made_here;

long hf_torture_made(void)
{
	return made_here;
}

__attribute__((destructor)) static void tell(void)
{
	const char *path = getenv("HF_FAIL_ALLOC_COUNT");
	FILE *file = path != NULL ? fopen(path, "w") : NULL;

	if (file == NULL)
		return;
	fprintf(file, "%ld\n", atomic_load(&made));
	fclose(file);
}

static int must_fail(void)
{
	long now = atomic_load(&left);

	atomic_fetch_add(&made, 1);
	made_here++;
	if (now == -2) {
		const char *text = getenv("HF_FAIL_ALLOC");

		now = text != NULL ? atol(text) : -1;
		atomic_store(&left, now);
	}
	if (now <= 0 || atomic_fetch_sub(&left, 1) != 1)
		return 0;
	atomic_store(&left, -1);
	return 1;
}

void *__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	return must_fail() ? NULL : __real_realloc(at, size);
}

char *__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = __wrap_malloc(size);

	return copy != NULL ? memcpy(copy, text, size) : NULL;
}
