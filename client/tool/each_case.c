#include "limit.h"

#include "report_day.h"

#include "each_case.h"
#include "show.h"

enum hf_err hf_cmd_window(const struct hf_cmd *cmd, uint64_t *out_from_ms,
			  uint64_t *out_to_ms, struct hf_why *why)
{
	const char *from = hf_cmd_option(cmd, HF_CMD_FROM);
	const char *to = hf_cmd_option(cmd, HF_CMD_TO);
	uint64_t from_ms = 0, to_ms = 0;
	enum hf_err err = HF_OK;

	if (from != NULL)
		err = hf_day_parse(from, &from_ms, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "--from: ");
		return err;
	}
	if (to != NULL)
		err = hf_day_parse(to, &to_ms, why);
	if (err != HF_OK) {
		hf_why_prefix(why, "--to: ");
		return err;
	}
	if (to != NULL)
		to_ms += HF_DAY_MS;
	if (to != NULL && to_ms <= from_ms)
		return hf_why(why, HF_E_ARGUMENT, "--to %s is before --from %s",
			      to, from);
	*out_from_ms = from_ms;
	*out_to_ms = to_ms;
	return HF_OK;
}

enum hf_err
hf_cmd_each_case(struct hf_cmd *cmd, struct hf_client *client, uint64_t from_ms,
		 uint64_t to_ms, const char *provider,
		 enum hf_err (*call)(void *arg, const struct hf_case_summary *,
				     struct hf_why *why),
		 void *arg, struct hf_why *why)
{
	char token[HF_PAGE_TOKEN_MAX_BYTES + 1] = "";
	struct hf_list_cases_request request = {
		.page_size = HF_PAGE_SIZE_MAX,
		.page_token = token,
		.provider = provider,
		.from_ms = from_ms,
		.to_ms = to_ms,
	};
	struct hf_list_cases_response page;
	struct hf_progress progress;
	struct hf_arena arena;
	enum hf_err err;
	uint64_t done = 0;

	/* The arena of the command keeps what it got; a page is let go of. */
	hf_arena_init(&arena, HF_CMD_ARENA_BYTES);
	hf_progress_begin(&progress, hf_cmd_has(cmd, HF_CMD_QUIET));
	do {
		err = hf_client_list_cases(client, &request, &arena, &page,
					   why);
		for (size_t i = 0; err == HF_OK && i < page.cases_count; i++)
			err = call(arg, &page.cases[i], why);
		if (err != HF_OK)
			break;
		done += page.cases_count;
		hf_progress_show(&progress, "reading", done, 0, "cases", "");
	} while (hf_cmd_next_page(&arena, token, page.next_page_token));
	hf_progress_clear(&progress);
	hf_arena_release(&arena);
	return err;
}
