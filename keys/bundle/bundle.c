#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "armour.h"
#include "bytes.h"
#include "case_key.h"

#include "bundle_inside.h"

#define LABEL            "HASHFED BUNDLE"
#define VERSION          1
#define FINDINGS_MAX     64
#define FINDING_MAX      512
#define COPY_EXTRA_BYTES 4096

const char *hf_bundle_shown_words(unsigned shown)
{
	switch (shown) {
#define SHOWN_CASE(name, number, words)                                        \
	case number:                                                           \
		return words;
		HF_BUNDLE_SHOWN_TABLE(SHOWN_CASE)
#undef SHOWN_CASE
	default:
		return "not shown";
	}
}

void hf_bundle_case_id(const char *origin, uint64_t index,
		       char out_id[static 33])
{
	uint8_t key[HF_CASE_KEY_BYTES];

	hf_case_key(hf_span_of(origin), index, key);
	hf_hex(key, sizeof(key), out_id);
}

enum hf_err hf_bundle_find(struct hf_bundle_work *work, struct hf_why *why,
			   const char *format, ...)
{
	char sentence[FINDING_MAX];
	va_list args;
	char *kept;

	if (work->findings_count == FINDINGS_MAX) {
		work->findings_more++;
		return HF_OK;
	}
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	kept = hf_arena_text(work->arena, hf_span_of(sentence));
	if (kept == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	work->findings[work->findings_count++] = kept;
	return HF_OK;
}

/* One meaning, one spelling: whoever adds a field that we do not know, or
 * writes a known one otherwise, has not written a bundle of this version. */
static enum hf_err one_spelling(const struct hf_bundle *bundle,
				struct hf_span bytes, struct hf_why *why)
{
	struct hf_buf again;
	enum hf_err err;

	hf_buf_init(&again, HF_MESSAGE_MAX_BYTES + COPY_EXTRA_BYTES);
	err = hf_bundle_encode(bundle, &again);
	if (err == HF_OK && !hf_span_equal(hf_buf_span(&again), bytes))
		err = hf_why(why, HF_E_MALFORMED,
			     "has a field that version %d does not have, or "
			     "one that is spelled otherwise",
			     VERSION);
	else if (err != HF_OK)
		err = hf_why(why, err, "%s", hf_err_words(err));
	hf_buf_release(&again);
	return err;
}

static enum hf_err decode(struct hf_span bytes, struct hf_arena *arena,
			  struct hf_bundle *out_bundle, struct hf_why *why)
{
	enum hf_err err;

	if (bytes.len_bytes > HF_MESSAGE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT, "%zu bytes, at most %zu",
			      bytes.len_bytes, HF_MESSAGE_MAX_BYTES);
	err = hf_bundle_parse(bytes, arena, out_bundle, why);
	if (err != HF_OK)
		return err;
	if (out_bundle->version != VERSION)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "version %u; this program reads version %d",
			      (unsigned)out_bundle->version, VERSION);
	return one_spelling(out_bundle, bytes, why);
}

/* Every check, in the order of SPEC section 12.7. */
static enum hf_err check(struct hf_bundle_work *work, struct hf_why *why)
{
	enum hf_err err = hf_bundle_parties(work, why);

	if (err == HF_OK)
		err = hf_bundle_sets(work, why);
	if (err == HF_OK)
		err = hf_bundle_entries(work, why);
	if (err == HF_OK)
		err = hf_bundle_case(work, why);
	return err;
}

static enum hf_err finish(struct hf_bundle_work *work, struct hf_why *why)
{
	struct hf_bundle_report *report = work->report;
	const struct hf_bundle *bundle = work->bundle;

	if (work->findings_more > 0) {
		/* The last one makes room. */
		work->findings_count--;
		if (hf_bundle_find(work, why,
				   "And %zu more that are not listed.",
				   work->findings_more + 1) != HF_OK)
			return HF_E_NOMEM;
	}
	report->parties = work->parties;
	report->parties_count = work->parties_count;
	report->sets = work->sets;
	report->sets_count = bundle->logs_count;
	report->made_ms = bundle->made_ms;
	memcpy(report->made_by, bundle->made_by.at, HF_HASH_BYTES);
	report->maker = hf_bundle_party(work, report->made_by);
	report->findings = work->findings;
	report->findings_count = work->findings_count;
	return HF_OK;
}

enum hf_err hf_bundle_verify(struct hf_span bytes,
			     const struct hf_bundle_options *options,
			     struct hf_arena *arena,
			     struct hf_bundle_report *out_report,
			     struct hf_why *why)
{
	struct hf_bundle_report report = { 0 };
	struct hf_bundle_work work = {
		.options = options,
		.arena = arena,
		.report = &report,
	};
	struct hf_bundle bundle;
	enum hf_err err;

	hf_commit_init(&work.commit);
	work.bundle = &bundle;
	work.findings =
		hf_arena_calloc(arena, FINDINGS_MAX, sizeof(*work.findings));
	if (work.findings == NULL)
		return hf_why(why, HF_E_NOMEM, "bundle: no memory");
	err = decode(bytes, arena, &bundle, why);
	if (err == HF_OK)
		err = check(&work, why);
	if (err == HF_OK)
		err = finish(&work, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "bundle: ");
		return err;
	}
	*out_report = report;
	return HF_OK;
}

enum hf_err hf_bundle_verify_file(struct hf_span text,
				  const struct hf_bundle_options *options,
				  struct hf_arena *arena,
				  struct hf_bundle_report *out_report,
				  struct hf_why *why)
{
	size_t len_bytes;
	uint8_t *bytes;
	enum hf_err err;

	if (text.len_bytes > HF_BUNDLE_FILE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT,
			      "bundle: larger than a bundle can be, %zu bytes",
			      HF_BUNDLE_FILE_MAX_BYTES);
	/* Base64 makes text longer, never shorter. */
	bytes = hf_arena_alloc(arena, text.len_bytes + 1);
	if (bytes == NULL)
		return hf_why(why, HF_E_NOMEM, "bundle: no memory");
	err = hf_armour_parse(LABEL, text, bytes, text.len_bytes, &len_bytes,
			      why);
	if (err != HF_OK) {
		hf_why_prefix(why, "bundle: ");
		return err;
	}
	return hf_bundle_verify(hf_span(bytes, len_bytes), options, arena,
				out_report, why);
}

enum hf_err hf_bundle_file(struct hf_span bytes, struct hf_buf *out_text,
			   struct hf_why *why)
{
	char *text = malloc(HF_ARMOUR_SIZE(bytes.len_bytes));
	enum hf_err err;
	size_t len;

	if (text == NULL)
		return hf_why(why, HF_E_NOMEM, "bundle: no memory");
	len = hf_armour_encode(LABEL, bytes, text);
	if (len > HF_BUNDLE_FILE_MAX_BYTES) {
		free(text);
		return hf_why(why, HF_E_LIMIT,
			      "bundle: %zu bytes as a file, at most %zu", len,
			      HF_BUNDLE_FILE_MAX_BYTES);
	}
	hf_buf_put(out_text, hf_span(text, len));
	free(text);
	err = hf_buf_failed(out_text);
	if (err != HF_OK)
		return hf_why(why, err, "bundle: %s", hf_err_words(err));
	return HF_OK;
}
