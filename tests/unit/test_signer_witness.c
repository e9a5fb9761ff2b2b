#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer.h"
#include "signer_home.h"

#define NOW_MS ((uint64_t)1800000000000)

static const struct home_tree tree = { UINT64_MAX, 0 };
static const struct home_tree forked = { 3, 1 }; /* other from leaf 3 on */

static char dir[] = "/tmp/hf-witness-XXXXXX";
static struct hf_signer *signer;

static void remove_file(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) != 0)
		rmdir(path);
}

static void forget_record(void)
{
	remove_file("record/" HF_RECORD_FILE_NAME);
}

static void open_signer(void)
{
	const struct hf_signer_options options = {
		dir, NULL, { NULL, 0 }, false
	};
	struct hf_why why = { "" };

	hf_signer_close(signer);
	signer = NULL;
	assert_ok(hf_signer_open(&options, &signer, &why), &why);
}

static int start(void **state)
{
	if (hf_sign_start(NULL) != HF_OK || mkdtemp(dir) == NULL)
		return -1;
	home_fill(dir);
	return 0;
}

static int stop(void **state)
{
	hf_signer_close(signer);
	forget_record();
	remove_file("record");
	remove_file("log.key");
	remove_file("cosigner.key");
	remove_file("agreement.key");
	return rmdir(dir);
}

static enum hf_err ask(const struct hf_agent_request *request,
		       struct hf_buf *out_body)
{
	struct hf_signer_remark remark;
	struct hf_agent_reply answer;
	struct hf_buf bytes, reply;

	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_buf_init(&reply, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_agent_request_encode(request, &bytes);
	hf_signer_answer(signer, hf_buf_span(&bytes), NOW_MS, &reply, &remark);
	assert_int_equal(
		hf_agent_reply_parse(hf_buf_span(&reply), &answer, NULL),
		HF_OK);
	if (out_body != NULL)
		hf_buf_put(out_body, answer.body);
	hf_buf_release(&bytes);
	hf_buf_release(&reply);
	return answer.err;
}

/* As a witness, of a set of another domain: the line, checked. */
static enum hf_err cosign(struct hf_agent_checkpoint checkpoint,
			  const char *origin, struct hf_buf *out_note)
{
	struct hf_agent_request request = { .verb = HF_AGENT_COSIGN,
					    .checkpoint = checkpoint };
	struct hf_key *cosigner = home_key(HF_KEY_COSIGNER);
	struct hf_note_key key;
	struct hf_note_mark mark;
	struct hf_note note;
	struct hf_buf line;
	struct hf_why why = { "" };
	enum hf_err err;

	request.checkpoint.origin = hf_span_of(origin);
	hf_buf_init(&line, HF_NOTE_MAX_BYTES);
	err = ask(&request, &line);
	if (err == HF_OK) {
		const struct hf_checkpoint text = { hf_span_of(origin),
						    checkpoint.size,
						    checkpoint.root };

		hf_buf_reset(out_note);
		assert_ok(hf_note_put_text(out_note, &text, &why), &why);
		hf_note_put_blank(out_note);
		hf_buf_put(out_note, hf_buf_span(&line));
		assert_ok(hf_note_parse(hf_buf_span(out_note), &note, &why),
			  &why);
		assert_ok(hf_note_cosigner_init(BYTES(HOME_DOMAIN),
						&cosigner->public_key, &key,
						&why),
			  &why);
		assert_ok(hf_note_verify(&note, &key, 1, &mark, &why), &why);
		assert_int_equal(note.lines_count, 1);
		assert_true(mark.time_s >= NOW_MS / 1000);
	}
	hf_buf_release(&line);
	hf_key_free(cosigner);
	return err;
}

static void
a_witness_cosigns_no_two_trees_of_a_set_and_none_of_its_own(void **state)
{
	const char *other = "elsewhere.example/ncii/1";
	struct hf_agent_request report = { .verb = HF_AGENT_REPORT };
	struct hf_buf note, larger;

	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	hf_buf_init(&larger, HF_NOTE_MAX_BYTES);
	forget_record();
	open_signer();
	assert_int_equal(
		cosign(home_checkpoint(tree, 0, 5), HOME_ORIGIN, &note),
		HF_E_DENIED);
	/* The first one that it meets is as large as it is. */
	assert_int_equal(cosign(home_checkpoint(tree, 0, 5), other, &note),
			 HF_OK);
	for (int restarts = 0; restarts < 2; restarts++) {
		assert_int_equal(
			cosign(home_checkpoint(tree, 0, 4), other, &note),
			HF_E_CONFLICT);
		assert_int_equal(
			cosign(home_checkpoint(forked, 5, 5), other, &note),
			HF_E_CONFLICT);
		assert_int_equal(
			cosign(home_checkpoint(forked, 5, 9), other, &note),
			HF_E_PROOF);
		assert_int_equal(
			cosign(home_checkpoint(tree, 4, 9), other, &note),
			HF_E_PROOF);
		open_signer();
	}
	assert_int_equal(cosign(home_checkpoint(tree, 5, 5), other, &note),
			 HF_OK);
	assert_int_equal(cosign(home_checkpoint(tree, 5, 9), other, &larger),
			 HF_OK);
	/* One that lost its record learns from its own line, and only up. */
	forget_record();
	open_signer();
	report.note = hf_buf_span(&larger);
	assert_int_equal(ask(&report, NULL), HF_OK);
	report.note = hf_buf_span(&note);
	assert_int_equal(ask(&report, NULL), HF_OK);
	assert_int_equal(cosign(home_checkpoint(tree, 0, 5), other, &note),
			 HF_E_CONFLICT);
	/* Nobody else's line teaches it anything. */
	larger.at[larger.len_bytes - 10] =
		larger.at[larger.len_bytes - 10] == 'A' ? 'B' : 'A';
	report.note = hf_buf_span(&larger);
	assert_int_not_equal(ask(&report, NULL), HF_OK);
	hf_buf_release(&note);
	hf_buf_release(&larger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_witness_cosigns_no_two_trees_of_a_set_and_none_of_its_own),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
