/*
 * Of what a set says of a subject the last is kept, whatever else is said; and
 * what is forgotten is told.
 */
#include <stdio.h>
#include <string.h>

#include "opinion_book.h"

#include "unit.h"

#define SUBJECT "hotline.example/ncii/1"

static uint8_t digest[32];

static struct hf_opinion_source *open_source(struct hf_opinion_book *book,
					     uint32_t set)
{
	struct hf_opinion_source *source = NULL;
	struct hf_why why = { "" };

	if (hf_opinion_book_open(book, set, "a.example/opinions/1", &source,
				 &why) != HF_OK)
		fail_msg("%s", why.text);
	return source;
}

static void say(struct hf_opinion_book *book, struct hf_opinion_source *source,
		uint64_t at, enum hf_opinion_kind kind, uint64_t entry)
{
	const struct hf_entry_ref ref = {
		.origin = SUBJECT,
		.index = entry,
		.leaf_hash = { digest, HF_HASH_BYTES },
	};
	const struct hf_opinion opinion = { .kind = kind, .entry = &ref };
	struct hf_why why = { "" };

	if (hf_opinion_book_put(book, source, at, at, &opinion, &why) != HF_OK)
		fail_msg("%s", why.text);
}

static size_t count_dirty(struct hf_opinion_book *book)
{
	size_t count = 0;

	while (hf_opinion_book_take_dirty(book) != NULL)
		count++;
	return count;
}

static void the_last_word_of_each_set_is_kept(void **state)
{
	struct hf_opinion_source *one, *other;
	struct hf_opinion_subject *subject;
	struct hf_opinion_book book;
	struct hf_why why;
	size_t said = 0;

	assert_int_equal(hf_opinion_book_init(&book, &why), HF_OK);
	one = open_source(&book, 9);
	other = open_source(&book, 4);
	assert_ptr_equal(hf_opinion_book_source(&book, 9), one);
	assert_ptr_equal(hf_opinion_book_source(&book, 4), other);
	assert_null(hf_opinion_book_source(&book, 5));
	assert_null(hf_opinion_book_entry(&book, SUBJECT, 7));
	say(&book, one, 0, HF_OPINION_AFFIRM, 7);
	say(&book, one, 1, HF_OPINION_DISPUTE, 7);
	say(&book, other, 0, HF_OPINION_SEEN, 7);
	say(&book, other, 1, HF_OPINION_SEEN, 8);
	assert_int_equal(count_dirty(&book), 2);
	subject = hf_opinion_book_entry(&book, SUBJECT, 7);
	assert_non_null(subject);
	assert_null(hf_opinion_book_entry(&book, "hotline.example/ncii/2", 7));
	for (const struct hf_said *at = subject->said; at != NULL;
	     at = at->of_subject, said++)
		assert_int_equal(at->kind, at->source == one
						   ? HF_OPINION_DISPUTE
						   : HF_OPINION_SEEN);
	assert_int_equal(said, 2);
	hf_opinion_book_reset(&book, one);
	assert_int_equal(count_dirty(&book), 1);
	assert_ptr_equal(subject->said->source, other);
	assert_null(subject->said->of_subject);
	hf_opinion_book_dirty_all(&book);
	hf_opinion_book_dirty_all(&book);
	assert_int_equal(count_dirty(&book), 2);
	hf_opinion_book_release(&book);
}

static void hashes_are_subjects_one_by_one(void **state)
{
	const struct hf_hash hashes[] = {
		{ HF_ALGORITHM_SHA256, { digest, 32 }, 0 },
		{ HF_ALGORITHM_PDQ, { digest, 32 }, 0 },
		{ HF_ALGORITHM_MD5, { digest, 16 }, 0 },
	};
	const struct hf_opinion opinion = { .kind = HF_OPINION_DISPUTE,
					    .hashes = hashes,
					    .hashes_count = 3 };
	struct hf_opinion_source *source;
	struct hf_opinion_book book;
	struct hf_why why;
	char text[512];

	assert_int_equal(hf_opinion_book_init(&book, &why), HF_OK);
	source = open_source(&book, 1);
	assert_int_equal(
		hf_opinion_book_put(&book, source, 5, 6, &opinion, &why),
		HF_OK);
	assert_int_equal(book.subjects_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_non_null(hf_opinion_book_hash(&book, hashes[i].algorithm,
						     hashes[i].digest));
	assert_null(hf_opinion_book_hash(&book, HF_ALGORITHM_SHA1,
					 hf_span(digest, 20)));
	hf_opinion_subject_text(hf_opinion_book_hash(&book, HF_ALGORITHM_MD5,
						     hf_span(digest, 16)),
				text, sizeof(text));
	assert_string_equal(text, "md5:00000000000000000000000000000000");
	hf_opinion_book_release(&book);
}

static void a_set_that_says_too_much_is_heard_so_far(void **state)
{
	const struct hf_entry_ref ref = {
		.origin = SUBJECT,
		.index = HF_OPINIONS_OF_SET_MAX,
		.leaf_hash = { digest, HF_HASH_BYTES },
	};
	const struct hf_opinion opinion = { .kind = HF_OPINION_SEEN,
					    .entry = &ref };
	struct hf_opinion_source *source;
	struct hf_opinion_book book;
	struct hf_why why;

	assert_int_equal(hf_opinion_book_init(&book, &why), HF_OK);
	source = open_source(&book, 1);
	for (uint64_t i = 0; i < HF_OPINIONS_OF_SET_MAX; i++)
		say(&book, source, i, HF_OPINION_AFFIRM, i);
	assert_int_equal(
		hf_opinion_book_put(&book, source, 1, 1, &opinion, &why),
		HF_E_LIMIT);
	/* And nothing is remembered of what was passed over. */
	assert_int_equal(book.subjects_count, HF_OPINIONS_OF_SET_MAX);
	assert_null(
		hf_opinion_book_entry(&book, SUBJECT, HF_OPINIONS_OF_SET_MAX));
	/* What it said before it may still change. */
	say(&book, source, 70000, HF_OPINION_WITHDRAWN, 3);
	assert_int_equal(hf_opinion_book_entry(&book, SUBJECT, 3)->said->kind,
			 HF_OPINION_WITHDRAWN);
	hf_opinion_book_release(&book);
}

/* A set may be filled, erased and filled again without end. */
static void what_nobody_speaks_of_any_more_is_forgotten(void **state)
{
	struct hf_opinion_source *source, *other;
	struct hf_opinion_subject *subject;
	struct hf_opinion_book book;
	struct hf_why why;

	assert_int_equal(hf_opinion_book_init(&book, &why), HF_OK);
	source = open_source(&book, 1);
	other = open_source(&book, 2);
	for (uint64_t i = 0; i < 1000; i++)
		say(&book, source, i, HF_OPINION_AFFIRM, i);
	say(&book, other, 0, HF_OPINION_AFFIRM, 500);
	hf_opinion_book_reset(&book, source);
	while ((subject = hf_opinion_book_take_dirty(&book)) != NULL)
		hf_opinion_book_settle(&book, subject);
	assert_int_equal(book.subjects_count, 1);
	assert_null(hf_opinion_book_entry(&book, SUBJECT, 499));
	assert_non_null(hf_opinion_book_entry(&book, SUBJECT, 500));
	/* One that is dirty again is not gone before that is told. */
	subject = hf_opinion_book_entry(&book, SUBJECT, 500);
	hf_opinion_book_reset(&book, other);
	hf_opinion_book_settle(&book, subject);
	assert_ptr_equal(hf_opinion_book_take_dirty(&book), subject);
	hf_opinion_book_settle(&book, subject);
	assert_int_equal(book.subjects_count, 0);
	hf_opinion_book_release(&book);
}

static const struct hf_said *gathered(const struct hf_opinion_book *book,
				      size_t most, size_t *out_count)
{
	static const struct hf_said *rows[4];
	const uint8_t bytes[20] = { 9 };
	size_t count = hf_opinion_book_gather(
		hf_opinion_book_entry(book, SUBJECT, 7), digest, rows, 0, most);

	*out_count = hf_opinion_book_gather(
		hf_opinion_book_hash(book, HF_ALGORITHM_SHA1,
				     hf_span(bytes, sizeof(bytes))),
		NULL, rows, count, most);
	return rows[0];
}

/* However many hashes of an entry a set speaks of, it has one word: or it could
 * leave no room for others'. */
static void of_each_set_one_opinion_of_an_entry_is_gathered(void **state)
{
	const uint8_t bytes[20] = { 9 };
	const struct hf_hash hash = { HF_ALGORITHM_SHA1,
				      { bytes, sizeof(bytes) },
				      0 };
	const struct hf_opinion opinion = { .kind = HF_OPINION_WITHDRAWN,
					    .hashes = &hash,
					    .hashes_count = 1 };
	struct hf_opinion_source *one, *other;
	struct hf_opinion_book book;
	struct hf_why why;
	size_t count;

	assert_int_equal(hf_opinion_book_init(&book, &why), HF_OK);
	one = open_source(&book, 1);
	other = open_source(&book, 2);
	say(&book, one, 4, HF_OPINION_DISPUTE, 7);
	assert_int_equal(
		hf_opinion_book_put(&book, one, 3, 9999, &opinion, &why),
		HF_OK);
	/* By place, whatever the times say. */
	assert_int_equal(gathered(&book, 4, &count)->kind, HF_OPINION_DISPUTE);
	assert_int_equal(count, 1);
	assert_int_equal(hf_opinion_book_put(&book, one, 5, 1, &opinion, &why),
			 HF_OK);
	assert_int_equal(gathered(&book, 4, &count)->kind,
			 HF_OPINION_WITHDRAWN);
	assert_int_equal(count, 1);
	say(&book, other, 0, HF_OPINION_AFFIRM, 7);
	gathered(&book, 4, &count);
	assert_int_equal(count, 2);
	gathered(&book, 1, &count);
	assert_int_equal(count, 1);
	/* Of another entry that once stood there. */
	digest[0] ^= 1;
	gathered(&book, 4, &count);
	digest[0] ^= 1;
	assert_int_equal(count, 1);
	hf_opinion_book_release(&book);
}

/* Every reader numbers sets as they come to him. */
static void of_two_sets_the_same_comes_later_for_everybody(void **state)
{
	static const struct {
		uint64_t one_ms;
		const char *one;
		uint64_t other_ms;
		const char *other;
		bool is_later;
	} rows[] = {
		{ 2, "a.example/a/1", 1, "a.example/b/9", true },
		{ 1, "a.example/b/9", 2, "a.example/a/1", false },
		{ 1, "a.example/b/1", 1, "a.example/a/1", true },
		{ 1, "a.example/a/1", 1, "a.example/b/1", false },
		{ 1, "a.example/a/10", 1, "a.example/a/9", true },
		{ 1, "a.example/a/9", 1, "a.example/a/10", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			hf_opinion_is_later(rows[i].one_ms, rows[i].one,
					    rows[i].other_ms, rows[i].other),
			rows[i].is_later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_word_of_each_set_is_kept),
		cmocka_unit_test(hashes_are_subjects_one_by_one),
		cmocka_unit_test(a_set_that_says_too_much_is_heard_so_far),
		cmocka_unit_test(what_nobody_speaks_of_any_more_is_forgotten),
		cmocka_unit_test(
			of_each_set_one_opinion_of_an_entry_is_gathered),
		cmocka_unit_test(
			of_two_sets_the_same_comes_later_for_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
