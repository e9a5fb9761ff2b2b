#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer.h"
#include "signer_home.h"

#define NOW_MS ((uint64_t)1800000000000)
#define OTHER  "hotline.example/audit/1"

static const struct home_tree tree = { UINT64_MAX, 0 };
static const struct home_tree forked = { 3, 1 }; /* other from leaf 3 on */

static char dir[] = "/tmp/hf-together-XXXXXX";
static struct hf_signer *signer;

static void remove_file(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (unlink(path) != 0)
		rmdir(path);
}

static int start(void **state)
{
	if (hf_sign_start(NULL) != HF_OK || mkdtemp(dir) == NULL)
		return -1;
	home_fill(dir);
	return 0;
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

static int fresh(void **state)
{
	hf_signer_close(signer);
	signer = NULL;
	remove_file("record/" HF_RECORD_FILE_NAME);
	return 0;
}

static int stop(void **state)
{
	remove_file("record/" HF_RECORD_FILE_NAME);
	remove_file("record");
	remove_file("log.key");
	remove_file("cosigner.key");
	remove_file("agreement.key");
	return rmdir(dir);
}

static struct hf_agent_checkpoint other(struct hf_agent_checkpoint checkpoint)
{
	checkpoint.origin = BYTES(OTHER);
	return checkpoint;
}

static enum hf_err ask(const struct hf_agent_request *request,
		       struct hf_buf *out_body)
{
	struct hf_signer_remark remark;
	struct hf_agent_reply answer;
	struct hf_buf bytes, reply;
	enum hf_err err;

	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_buf_init(&reply, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_agent_request_encode(request, &bytes);
	hf_signer_answer(signer, hf_buf_span(&bytes), NOW_MS, &reply, &remark);
	err = hf_agent_reply_parse(hf_buf_span(&reply), &answer, NULL);
	if (err == HF_OK) {
		hf_buf_put(out_body, answer.body);
		err = answer.err;
	}
	hf_buf_release(&bytes);
	hf_buf_release(&reply);
	return err;
}

/* Both notes are looked at when it is HF_OK. */
static enum hf_err sign_two(struct hf_agent_checkpoint one,
			    struct hf_agent_checkpoint two)
{
	struct hf_agent_request request = { .verb = HF_AGENT_CHECKPOINTS,
					    .checkpoints = { one, two },
					    .checkpoints_count = 2 };
	struct hf_span notes[2];
	struct hf_why why = { "" };
	struct hf_note note;
	struct hf_buf body;
	enum hf_err err;

	hf_buf_init(&body, HF_AGENT_MESSAGE_MAX_BYTES);
	err = ask(&request, &body);
	if (err == HF_OK) {
		assert_ok(hf_agent_bytes_parse(hf_buf_span(&body), notes, 2,
					       &why),
			  &why);
		home_check_note(notes[0], one.size, &one.root);
		assert_ok(hf_note_parse(notes[1], &note, &why), &why);
		assert_true(hf_span_is(note.checkpoint.origin, OTHER));
		assert_int_equal(note.checkpoint.size, two.size);
		assert_true(hf_tree_equal(&note.checkpoint.root, &two.root));
	}
	hf_buf_release(&body);
	return err;
}

static void last_is(struct hf_span origin, uint64_t want)
{
	const struct hf_agent_request request = { .verb = HF_AGENT_LAST,
						  .origin = origin };
	struct hf_tree_hash root;
	struct hf_why why = { "" };
	struct hf_buf body;
	uint64_t size = 0;

	hf_buf_init(&body, 1024);
	assert_int_equal(ask(&request, &body), HF_OK);
	assert_ok(hf_agent_last_parse(hf_buf_span(&body), &size, &root, &why),
		  &why);
	assert_int_equal(size, want);
	hf_buf_release(&body);
}

static void both_say(uint64_t one, uint64_t two)
{
	for (int round = 0; round < 2; round++) {
		last_is(BYTES(HOME_ORIGIN), one);
		last_is(BYTES(OTHER), two);
		/* And from the disk. */
		open_signer();
	}
}

static void sets_are_signed_together_and_remembered_each(void **state)
{
	open_signer();
	assert_int_equal(sign_two(home_checkpoint(tree, 0, 0),
				  other(home_checkpoint(tree, 0, 0))),
			 HF_OK);
	assert_int_equal(sign_two(home_checkpoint(tree, 0, 5),
				  other(home_checkpoint(tree, 0, 3))),
			 HF_OK);
	both_say(5, 3);
	/* One of the two as it is, for a fresh time. */
	assert_int_equal(sign_two(home_checkpoint(tree, 5, 9),
				  other(home_checkpoint(tree, 3, 3))),
			 HF_OK);
	both_say(9, 3);
}

static void one_that_is_refused_refuses_the_other(void **state)
{
	open_signer();
	assert_int_equal(sign_two(home_checkpoint(tree, 0, 5),
				  other(home_checkpoint(tree, 0, 5))),
			 HF_OK);
	assert_int_equal(sign_two(home_checkpoint(tree, 5, 9),
				  other(home_checkpoint(forked, 5, 9))),
			 HF_E_PROOF);
	assert_int_equal(sign_two(home_checkpoint(forked, 5, 5),
				  other(home_checkpoint(tree, 5, 9))),
			 HF_E_CONFLICT);
	assert_int_equal(sign_two(home_checkpoint(tree, 5, 9),
				  other(home_checkpoint(tree, 0, 4))),
			 HF_E_CONFLICT);
	both_say(5, 5);
	assert_int_equal(sign_two(home_checkpoint(tree, 5, 9),
				  other(home_checkpoint(tree, 5, 7))),
			 HF_OK);
	both_say(9, 7);
}

/* Each would be right alone: together they are two trees of one set. */
static void one_set_twice_is_refused(void **state)
{
	open_signer();
	assert_int_equal(sign_two(home_checkpoint(tree, 0, 5),
				  home_checkpoint(forked, 0, 5)),
			 HF_E_ARGUMENT);
	assert_int_equal(sign_two(home_checkpoint(tree, 0, 3),
				  home_checkpoint(tree, 0, 5)),
			 HF_E_ARGUMENT);
	assert_int_equal(sign_two(home_checkpoint(tree, 0, 5),
				  other(home_checkpoint(tree, 0, 1))),
			 HF_OK);
	both_say(5, 1);
}

static void none_and_too_many_are_refused(void **state)
{
	struct hf_agent_request request = { .verb = HF_AGENT_CHECKPOINTS };
	struct hf_agent_request parsed;
	struct hf_buf bytes;

	for (int count = 0; count < 2; count++) {
		hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
		hf_agent_request_encode(&request, &bytes);
		bytes.at[bytes.len_bytes - 1] =
			(uint8_t)(count * (HF_AGENT_CHECKPOINTS_MAX + 1));
		assert_int_equal(hf_agent_request_parse(hf_buf_span(&bytes),
							&parsed, NULL),
				 HF_E_LIMIT);
		hf_buf_release(&bytes);
	}
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, fresh, fresh)
	const struct CMUnitTest tests[] = {
		FRESH(sets_are_signed_together_and_remembered_each),
		FRESH(one_that_is_refused_refuses_the_other),
		FRESH(one_set_twice_is_refused),
		FRESH(none_and_too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
