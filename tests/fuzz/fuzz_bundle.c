/*
 * Bundles from strangers: f and a file's text, or any other byte and an
 * encoded bundle.  What verifies makes a file that verifies, and its events
 * are of parties and logs that are in it.
 */
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "codec_case.h"
#include "sign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct hf_bundle_report *report)
{
	bool has_opening = false;

	for (size_t i = 0; i < report->events_count; i++) {
		const struct hf_bundle_event *event = report->events[i];

		if (event->author < report->parties ||
		    event->author >= report->parties + report->parties_count ||
		    (event->set == NULL) == (event->quote == NULL) ||
		    event->event->event_id.len_bytes != HF_EVENT_ID_BYTES)
			abort();
		if (event->receipt != NULL &&
		    event->receipt->event->kind != HF_CASE_EVENT_RECEIPT)
			abort();
		has_opening |= event == report->opening;
	}
	if (!has_opening || strlen(report->case_id) != 32)
		abort();
}

static void again(struct hf_span bytes)
{
	struct hf_bundle_report report;
	struct hf_arena arena;
	struct hf_buf text;

	hf_arena_init(&arena, HF_BUNDLE_ARENA_BYTES);
	hf_buf_init(&text, HF_BUNDLE_FILE_MAX_BYTES);
	if (hf_bundle_file(bytes, &text, NULL) == HF_OK &&
	    hf_bundle_verify_file(hf_buf_span(&text), NULL, &arena, &report,
				  NULL) != HF_OK)
		abort();
	hf_buf_release(&text);
	hf_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hf_bundle_options options = { .now_ms = 1800000000000 };
	struct hf_bundle_report report;
	struct hf_span input;
	struct hf_arena arena;
	struct hf_why why;

	if (size == 0 || hf_sign_start(NULL) != HF_OK)
		return 0;
	input = hf_span(data + 1, size - 1);
	hf_arena_init(&arena, HF_BUNDLE_ARENA_BYTES);
	if (data[0] == 'f') {
		if (hf_bundle_verify_file(input, &options, &arena, &report,
					  &why) == HF_OK)
			check(&report);
	} else if (hf_bundle_verify(input, &options, &arena, &report, &why) ==
		   HF_OK) {
		check(&report);
		again(input);
	}
	hf_arena_release(&arena);
	return 0;
}
