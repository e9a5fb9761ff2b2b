#include "cases.h"

#include "found.h"
#include "lookup.h"
#include "node.h"
#include "serve.h"
#include "unary.h"

/* The mail for a provider without a node lives beside the answer until that is
 * encoded. */
static enum hf_err send_notice(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_send_notice_response response;
	struct hf_send_notice_request request;
	struct hf_buf mail;
	enum hf_err err = hf_send_notice_request_parse(
		unary->request, unary->arena, &request, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&mail, HF_MAIL_MAX_BYTES);
	err = hf_cases_send(unary->node->cases, &request, unary->arena,
			    &response, &mail, why);
	if (err == HF_OK)
		err = hf_send_notice_response_encode(&response, unary->reply);
	hf_buf_release(&mail);
	return err;
}

HF_UNARY_CASE(send_notice);

static enum hf_err report_found(struct hf_unary *unary, struct hf_why *why)
{
	const struct hf_found_options options = { .text = "found by a scan" };
	struct hf_found_case found[HF_FOUND_ITEMS_MAX];
	struct hf_report_found_response response = { .found = found };
	struct hf_report_found_request request;
	enum hf_err err = hf_report_found_request_parse(
		unary->request, unary->arena, &request, why);

	if (err != HF_OK)
		return err;
	if (hf_lookup_items(request.batch) > HF_FOUND_ITEMS_MAX)
		return hf_why(why, HF_E_LIMIT, "batch: more than %d items",
			      HF_FOUND_ITEMS_MAX);
	err = hf_found_report(unary->node, request.batch, &options,
			      unary->arena, found, &response.found_count, why);
	return err == HF_OK ? hf_report_found_response_encode(&response,
							      unary->reply)
			    : err;
}

HF_UNARY_ERRAND(report_found);

static enum hf_err update_case(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_update_case_response response;
	struct hf_update_case_request request;
	struct hf_buf mail;
	enum hf_err err = hf_update_case_request_parse(
		unary->request, unary->arena, &request, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&mail, HF_MAIL_MAX_BYTES);
	err = hf_cases_update(unary->node->cases, &request, unary->arena,
			      &response, &mail, why);
	if (err == HF_OK)
		err = hf_update_case_response_encode(&response, unary->reply);
	hf_buf_release(&mail);
	return err;
}

HF_UNARY_CASE(update_case);

static enum hf_err get_case(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_get_case_response response;
	struct hf_get_case_request request;
	enum hf_err err = hf_get_case_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_cases_get(unary->node->cases, request.case_id,
				   unary->arena, &response, why);
	return err == HF_OK
		       ? hf_get_case_response_encode(&response, unary->reply)
		       : err;
}

HF_UNARY_CASE(get_case);

static enum hf_err list_cases(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_list_cases_response response;
	struct hf_list_cases_request request;
	enum hf_err err = hf_list_cases_request_parse(
		unary->request, unary->arena, &request, why);

	if (err == HF_OK)
		err = hf_cases_list(unary->node->cases, &request, unary->arena,
				    &response, why);
	return err == HF_OK
		       ? hf_list_cases_response_encode(&response, unary->reply)
		       : err;
}

HF_UNARY_INLINE(list_cases);

static enum hf_err get_bundle(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_get_bundle_request request;
	struct hf_buf bundle;
	enum hf_err err = hf_get_bundle_request_parse(
		unary->request, unary->arena, &request, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&bundle, HF_MESSAGE_MAX_BYTES);
	err = hf_cases_bundle(unary->node->cases, request.case_id, &bundle,
			      why);
	if (err == HF_OK)
		err = hf_get_bundle_response_encode(
			&(struct hf_get_bundle_response){
				.bundle = hf_buf_span(&bundle) },
			unary->reply);
	hf_buf_release(&bundle);
	return err;
}

HF_UNARY_CASE(get_bundle);
