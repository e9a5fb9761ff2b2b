/*
 * Listings that break a rule are refused with the field; of what a catalogue
 * says in turn about one set or organisation, the last stands.
 */
#include "unit.h"

#include <string.h>

#include "catalogue.h"

#define ORIGIN     "hotline.example/ncii/1"
#define RESTRICTED "hotline.example/0123456789abcdef0123456789abcdef/1"

static const uint8_t id[HF_HASH_BYTES] = { 1, 2, 3 };
static const enum hf_class classes[] = { HF_CLASS_NCII };
static const enum hf_class no_class[] = { HF_CLASS_NCII, 0 };

static struct hf_listing of(const char *name, const char *origin)
{
	return (struct hf_listing){
		.name = name,
		.organisation_id = hf_span(id, sizeof(id)),
		.origin = origin,
		.country = "",
		.note = "",
	};
}

static void a_listing_keeps_the_rules_or_says_nothing(void **state)
{
	struct {
		const char *says; /* NULL: nothing is wrong */
		struct hf_listing listing;
	} rows[] = {
		{ NULL, of("hotline.example", "") },
		{ NULL, of("hotline.example", ORIGIN) },
		{ NULL, of("hotline.example", "hotline.example/0123/1") },
		{ "restricted", of("hotline.example", RESTRICTED) },
		{ "no set of hub.example", of("hub.example", ORIGIN) },
		{ "origin", of("hotline.example", "hotline.example/ncii") },
		{ "name", of("hotline example", "") },
		{ "name", of("", "") },
		{ "organisation_id", of("hotline.example", "") },
		{ "origin: missing", of("hotline.example", "") },
		{ "origin: missing", of("hotline.example", "") },
		{ "classes[1]", of("hotline.example", ORIGIN) },
		{ "country", of("hotline.example", "") },
	};

	rows[1].listing.classes = classes;
	rows[1].listing.classes_count = 1;
	rows[1].listing.log_key = hf_span(id, sizeof(id));
	rows[8].listing.organisation_id = hf_span(NULL, 0);
	rows[9].listing.classes = classes;
	rows[9].listing.classes_count = 1;
	rows[10].listing.log_key = hf_span(id, sizeof(id));
	rows[11].listing.classes = no_class;
	rows[11].listing.classes_count = 2;
	rows[12].listing.country = "nl";
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		enum hf_err err = hf_listing_check(&rows[i].listing, &why);

		if (rows[i].says == NULL) {
			assert_int_equal(err, HF_OK);
			continue;
		}
		assert_int_equal(err, HF_E_ARGUMENT);
		if (strstr(why.text, rows[i].says) == NULL)
			fail_msg("row %zu: \"%s\"", i, why.text);
	}
}

/* Whose indexes stand, in order. */
static void stands(struct hf_catalogue *catalogue, const uint64_t *indexes,
		   size_t count)
{
	hf_catalogue_settle(catalogue);
	assert_int_equal(catalogue->count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(catalogue->rows[i].index, indexes[i]);
}

static void the_last_word_about_each_stands(void **state)
{
	const uint64_t want[] = { 3, 4, 7 };
	struct hf_catalogue catalogue = { .rows = NULL };
	const struct {
		const char *name;
		const char *origin;
		bool is_ended;
	} said[] = {
		{ "hotline.example", ORIGIN, false }, /* 0: again in 3 */
		{ "hotline.example", "", false },     /* 1: ended in 5 */
		{ "partner.example", "", false },     /* 2: ended in 6 */
		{ "hotline.example", ORIGIN, false }, /* 3 */
		{ "other.example", "", false },       /* 4 */
		{ "hotline.example", "", true },      /* 5 */
		{ "partner.example", "", true },      /* 6: and said in 7 */
		{ "partner.example", "", false },     /* 7 */
		{ "nobody.example", "", true },       /* 8: of nothing */
	};
	struct hf_listing listing;
	struct hf_why why;
	enum hf_err err = HF_OK;

	stands(&catalogue, want, 0);
	for (size_t i = 0; i < ROWS(said) && err == HF_OK; i++) {
		listing = of(said[i].name, said[i].origin);
		listing.is_ended = said[i].is_ended;
		err = hf_catalogue_add(&catalogue, i, &listing, &why);
	}
	if (err == HF_OK) {
		stands(&catalogue, want, ROWS(want));
		listing = of("hotline.example", ORIGIN);
		assert_int_equal(hf_catalogue_find(&catalogue, &listing)->index,
				 3);
		listing = of("hotline.example", "");
		assert_null(hf_catalogue_find(&catalogue, &listing));
	}
	hf_catalogue_release(&catalogue);
	assert_ok(err, &why);
}

/* Epochs come in any order, "10" before "2"; their indexes begin anew. */
static void the_last_word_is_that_of_the_latest_epoch(void **state)
{
	const uint64_t want[] = { 7, 0 };
	struct hf_catalogue catalogue = { .rows = NULL };
	const struct {
		uint32_t epoch;
		uint64_t index;
		const char *name;
		bool is_ended;
	} said[] = {
		{ 10, 0, "again.example", false },
		{ 10, 1, "ended.example", true },
		{ 2, 7, "stays.example", false },
		{ 2, 8, "again.example", true },
		{ 2, 9, "ended.example", false },
	};
	struct hf_listing listing;
	struct hf_why why;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < ROWS(said) && err == HF_OK; i++) {
		catalogue.epoch = said[i].epoch;
		catalogue.set = 100 + said[i].epoch;
		listing = of(said[i].name, "");
		listing.is_ended = said[i].is_ended;
		err = hf_catalogue_add(&catalogue, said[i].index, &listing,
				       &why);
	}
	if (err == HF_OK) {
		stands(&catalogue, want, ROWS(want));
		assert_int_equal(catalogue.rows[0].set, 102);
		assert_int_equal(catalogue.rows[1].set, 110);
	}
	hf_catalogue_release(&catalogue);
	assert_ok(err, &why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listing_keeps_the_rules_or_says_nothing),
		cmocka_unit_test(the_last_word_about_each_stands),
		cmocka_unit_test(the_last_word_is_that_of_the_latest_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
