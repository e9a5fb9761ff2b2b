#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "codec_document.h"
#include "signer.h"
#include "signer_home.h"

#define NOW_MS ((uint64_t)1800000000000)

static const struct home_tree tree = { UINT64_MAX, 0 };
static const struct home_tree forked = { 3, 1 }; /* other from leaf 3 on */

static char dir[] = "/tmp/hf-signer-XXXXXX";

static void forget_record(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/record/" HF_RECORD_FILE_NAME, dir);
	unlink(path);
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
	const char *const names[] = { "log.key", "cosigner.key",
				      "agreement.key", "record/checkpoints" };
	char path[96];

	for (size_t i = 0; i < ROWS(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/record", dir);
	rmdir(path);
	return rmdir(dir);
}

/* The one at work: a test that fails leaves it behind. */
static struct hf_signer *current;

static int close_signer(void **state)
{
	hf_signer_close(current);
	current = NULL;
	return 0;
}

static bool awaits_report;

static struct hf_signer *open_signer(void)
{
	const struct hf_signer_options options = {
		dir, NULL, { NULL, 0 }, awaits_report
	};
	struct hf_why why = { "" };

	close_signer(NULL);
	assert_ok(hf_signer_open(&options, &current, &why), &why);
	return current;
}

/* What the signer says to bytes; out_body gets what it answered. */
static enum hf_err ask_bytes(struct hf_signer *signer, struct hf_span bytes,
			     uint64_t now_ms, struct hf_buf *out_body,
			     struct hf_signer_remark *out_remark)
{
	struct hf_agent_reply answer;
	struct hf_buf reply;
	struct hf_why why = { "" };

	hf_buf_init(&reply, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_signer_answer(signer, bytes, now_ms, &reply, out_remark);
	assert_ok(hf_agent_reply_parse(hf_buf_span(&reply), &answer, &why),
		  &why);
	assert_int_equal(answer.err, out_remark->err);
	if (answer.err != HF_OK)
		assert_true(hf_span_is(answer.body, out_remark->why.text));
	if (out_body != NULL) {
		hf_buf_reset(out_body);
		hf_buf_put(out_body, answer.body);
	}
	hf_buf_release(&reply);
	return answer.err;
}

static enum hf_err ask(struct hf_signer *signer,
		       const struct hf_agent_request *request, uint64_t now_ms,
		       struct hf_buf *out_body)
{
	struct hf_signer_remark remark;
	struct hf_buf bytes;
	enum hf_err err;

	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_agent_request_encode(request, &bytes);
	assert_int_equal(hf_buf_failed(&bytes), HF_OK);
	err = ask_bytes(signer, hf_buf_span(&bytes), now_ms, out_body, &remark);
	hf_buf_release(&bytes);
	return err;
}

static enum hf_err sign_at(struct hf_signer *signer,
			   struct hf_agent_checkpoint checkpoint,
			   uint64_t now_ms)
{
	const struct hf_agent_request request = { .verb = HF_AGENT_CHECKPOINT,
						  .checkpoint = checkpoint };
	struct hf_buf note;
	enum hf_err err;

	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	err = ask(signer, &request, now_ms, &note);
	if (err == HF_OK) {
		uint64_t time_s = home_check_note(
			hf_buf_span(&note), checkpoint.size, &checkpoint.root);

		assert_true(time_s >= now_ms / 1000);
	}
	hf_buf_release(&note);
	return err;
}

static enum hf_err sign(struct hf_signer *signer,
			struct hf_agent_checkpoint checkpoint)
{
	return sign_at(signer, checkpoint, NOW_MS);
}

static uint64_t last_size(struct hf_signer *signer)
{
	const struct hf_agent_request request = { .verb = HF_AGENT_LAST,
						  .origin =
							  BYTES(HOME_ORIGIN) };
	struct hf_tree_hash root, want;
	struct hf_why why = { "" };
	struct hf_buf body;
	uint64_t size = 0;

	hf_buf_init(&body, 1024);
	assert_int_equal(ask(signer, &request, NOW_MS, &body), HF_OK);
	assert_ok(hf_agent_last_parse(hf_buf_span(&body), &size, &root, &why),
		  &why);
	want = home_checkpoint(tree, 0, size).root;
	assert_memory_equal(&root, &want, sizeof(root));
	hf_buf_release(&body);
	return size;
}

static void a_set_grows_from_nothing(void **state)
{
	const uint64_t sizes[] = { 0, 1, 2, 3, 7, 8, 64, 200 };
	struct hf_signer *signer;
	uint64_t old = 0;

	forget_record();
	signer = open_signer();
	assert_true(hf_signer_record(signer).is_new);
	for (size_t i = 0; i < ROWS(sizes); i++) {
		assert_int_equal(last_size(signer), old);
		assert_int_equal(sign_at(signer,
					 home_checkpoint(tree, old, sizes[i]),
					 NOW_MS + 1000 * i),
				 HF_OK);
		/* The same again, for a fresh time: fine. */
		assert_int_equal(
			sign_at(signer,
				home_checkpoint(tree, sizes[i], sizes[i]),
				NOW_MS + 1000 * i),
			HF_OK);
		old = sizes[i];
		/* It knows after a restart too. */
		if (i % 2 == 1)
			signer = open_signer();
	}
	close_signer(NULL);
}

static void what_would_fork_a_set_is_refused(void **state)
{
	struct hf_agent_checkpoint other_root = home_checkpoint(tree, 5, 5);
	struct hf_agent_checkpoint no_proof = home_checkpoint(tree, 5, 9);
	struct hf_agent_checkpoint bad_proof = home_checkpoint(tree, 5, 9);
	struct hf_agent_checkpoint long_proof = home_checkpoint(tree, 5, 9);
	struct hf_agent_checkpoint empty_root = home_checkpoint(tree, 0, 0);
	struct hf_agent_checkpoint forked_root = home_checkpoint(tree, 5, 9);
	struct {
		const char *name;
		struct hf_agent_checkpoint checkpoint;
		enum hf_err want;
	} rows[] = {
		{ "a smaller tree", home_checkpoint(tree, 0, 4),
		  HF_E_CONFLICT },
		{ "an empty tree", home_checkpoint(tree, 0, 0), HF_E_CONFLICT },
		{ "another root at its size", home_checkpoint(forked, 5, 5),
		  HF_E_CONFLICT },
		{ "one changed bit of the root", other_root, HF_E_CONFLICT },
		{ "a larger tree without a proof", no_proof, HF_E_PROOF },
		{ "a proof with a changed bit", bad_proof, HF_E_PROOF },
		{ "a proof with one hash more", long_proof, HF_E_PROOF },
		{ "another set's continuation", home_checkpoint(forked, 5, 9),
		  HF_E_PROOF },
		{ "a good proof and another root", forked_root, HF_E_PROOF },
		{ "a proof from an older size", home_checkpoint(tree, 4, 9),
		  HF_E_PROOF },
		{ "as if it were new", home_checkpoint(tree, 0, 9),
		  HF_E_PROOF },
		{ "a proof from the future", home_checkpoint(tree, 6, 9),
		  HF_E_PROOF },
		{ "the empty root at a size", empty_root, HF_E_PROOF },
	};
	struct hf_signer *signer;

	rows[3].checkpoint.root.bytes[31] ^= 1;
	rows[4].checkpoint.proof.hashes_count = 0;
	rows[5].checkpoint.proof.hashes[0].bytes[0] ^= 1;
	rows[6].checkpoint.proof.hashes_count++;
	rows[8].checkpoint.root = home_checkpoint(forked, 5, 9).root;
	rows[12].checkpoint.size = 9;
	rows[12].checkpoint.old_size = 5;

	forget_record();
	signer = open_signer();
	assert_int_equal(sign(signer, home_checkpoint(tree, 0, 5)), HF_OK);
	/* Twice: by a signer that signed it, and by one that has only read of
	 * it. */
	for (int restarts = 0; restarts < 2; restarts++) {
		for (size_t i = 0; i < ROWS(rows); i++) {
			enum hf_err err = sign(signer, rows[i].checkpoint);

			if (err != rows[i].want)
				fail_msg("%s: %s", rows[i].name,
					 hf_err_name(err));
			assert_int_equal(last_size(signer), 5);
		}
		signer = open_signer();
	}
	assert_int_equal(sign(signer, home_checkpoint(tree, 5, 9)), HF_OK);
	close_signer(NULL);
}

static void a_first_tree_must_be_one(void **state)
{
	struct hf_agent_checkpoint wrong_empty = home_checkpoint(tree, 0, 0);
	struct hf_agent_checkpoint with_proof = home_checkpoint(tree, 2, 7);
	struct hf_agent_checkpoint huge = home_checkpoint(tree, 0, 7);
	struct hf_signer *signer;

	forget_record();
	signer = open_signer();
	wrong_empty.root.bytes[0] ^= 1;
	assert_int_not_equal(sign(signer, wrong_empty), HF_OK);
	with_proof.old_size = 0;
	assert_int_not_equal(sign(signer, with_proof), HF_OK);
	huge.size = HF_TREE_MAX_SIZE + 1;
	assert_int_not_equal(sign(signer, huge), HF_OK);
	assert_int_equal(last_size(signer), 0);
	close_signer(NULL);
}

static void others_sets_are_refused(void **state)
{
	const char *const rows[] = { "evil.example/ncii/1",
				     "a.hotline.example/ncii/1" };
	struct hf_signer *signer = open_signer();

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_agent_checkpoint other = home_checkpoint(tree, 0, 1);

		other.origin = hf_span_of(rows[i]);
		assert_int_equal(sign(signer, other), HF_E_DENIED);
	}
	close_signer(NULL);
}

static void time_never_goes_back(void **state)
{
	struct hf_signer *signer;

	forget_record();
	signer = open_signer();
	assert_int_equal(sign_at(signer, home_checkpoint(tree, 0, 1), NOW_MS),
			 HF_OK);
	/* A small step back repeats the time, sign_at() sees that it does. */
	assert_int_equal(
		sign_at(signer, home_checkpoint(tree, 1, 2), NOW_MS - 5000),
		HF_OK);
	signer = open_signer();
	assert_int_equal(
		sign_at(signer, home_checkpoint(tree, 2, 3), NOW_MS - 6000),
		HF_E_UNAVAILABLE);
	assert_int_equal(sign_at(signer, home_checkpoint(tree, 2, 2), 0),
			 HF_E_UNAVAILABLE);
	assert_int_equal(
		sign_at(signer, home_checkpoint(tree, 2, 3), NOW_MS + 1),
		HF_OK);
	close_signer(NULL);
}

static enum hf_err vouch_for(struct hf_signer *signer, const char *origin,
			     bool is_by_peer, struct hf_signer_remark *remark)
{
	const struct hf_agent_request vouch = { .verb = HF_AGENT_VOUCH,
						.origin = hf_span_of(origin),
						.is_by_peer = is_by_peer };
	struct hf_buf bytes;
	enum hf_err err;

	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_agent_request_encode(&vouch, &bytes);
	err = ask_bytes(signer, hf_buf_span(&bytes), NOW_MS, NULL, remark);
	hf_buf_release(&bytes);
	return err;
}

/* The whole machine comes back from a copy: record and ledger agree. */
static void a_restored_signer_waits_until_a_peer_has_reported(void **state)
{
	struct hf_agent_request first = { .verb = HF_AGENT_CHECKPOINT };
	struct hf_agent_request report = { .verb = HF_AGENT_REPORT };
	struct hf_agent_request last = { .verb = HF_AGENT_LAST };
	struct hf_signer_remark remark;
	struct hf_signer *signer;
	struct hf_buf nine, nothing;

	hf_buf_init(&nine, HF_NOTE_MAX_BYTES);
	hf_buf_init(&nothing, HF_NOTE_MAX_BYTES);
	forget_record();
	signer = open_signer();
	assert_int_equal(sign(signer, home_checkpoint(tree, 0, 7)), HF_OK);
	first.checkpoint = home_checkpoint(tree, 7, 9);
	assert_int_equal(ask(signer, &first, NOW_MS, &nine), HF_OK);
	forget_record();
	signer = open_signer();
	assert_int_equal(sign(signer, home_checkpoint(tree, 0, 7)), HF_OK);

	awaits_report = true;
	signer = open_signer();
	last.origin = first.checkpoint.origin;
	assert_int_equal(ask(signer, &last, NOW_MS, &nothing), HF_E_BUSY);
	assert_int_equal(sign(signer, home_checkpoint(tree, 7, 8)), HF_E_BUSY);
	/* What the daemon shows it does not count: that is as old. */
	report.note = hf_buf_span(&nine);
	assert_int_equal(ask(signer, &report, NOW_MS, &nothing), HF_OK);
	assert_int_equal(sign(signer, home_checkpoint(tree, 9, 10)), HF_E_BUSY);
	assert_int_equal(
		vouch_for(signer, "elsewhere.example/x/1", true, &remark),
		HF_OK);
	assert_int_equal(sign(signer, home_checkpoint(tree, 9, 10)), HF_E_BUSY);
	assert_int_equal(vouch_for(signer, HOME_ORIGIN, true, &remark), HF_OK);
	assert_string_equal(remark.also.text, "");
	/* The fork that the old ledger would have made is refused now. */
	assert_int_equal(sign(signer, home_checkpoint(tree, 7, 8)),
			 HF_E_CONFLICT);
	assert_int_equal(sign(signer, home_checkpoint(tree, 9, 10)), HF_OK);

	/* Nobody can tell: it signs, and says so. */
	signer = open_signer();
	assert_int_equal(vouch_for(signer, HOME_ORIGIN, false, &remark), HF_OK);
	assert_non_null(strstr(remark.also.text, "no peer"));
	assert_int_equal(sign(signer, home_checkpoint(tree, 10, 11)), HF_OK);

	/* A set that begins has no past, and goes on. */
	forget_record();
	signer = open_signer();
	assert_int_equal(sign(signer, home_checkpoint(tree, 0, 0)), HF_OK);
	assert_int_equal(sign(signer, home_checkpoint(tree, 0, 5)), HF_OK);
	awaits_report = false;
	close_signer(NULL);
	hf_buf_release(&nine);
	hf_buf_release(&nothing);
}

static void a_report_moves_a_lost_record_up_only(void **state)
{
	struct hf_agent_request ask_first = { .verb = HF_AGENT_CHECKPOINT };
	struct hf_agent_request report = { .verb = HF_AGENT_REPORT };
	struct hf_signer *signer;
	struct hf_buf seven, nine, fork, nothing;

	hf_buf_init(&seven, HF_NOTE_MAX_BYTES);
	hf_buf_init(&nine, HF_NOTE_MAX_BYTES);
	hf_buf_init(&fork, HF_NOTE_MAX_BYTES);
	hf_buf_init(&nothing, HF_NOTE_MAX_BYTES);
	forget_record();
	signer = open_signer();
	ask_first.checkpoint = home_checkpoint(tree, 0, 7);
	assert_int_equal(ask(signer, &ask_first, NOW_MS, &seven), HF_OK);
	ask_first.checkpoint = home_checkpoint(tree, 7, 9);
	assert_int_equal(ask(signer, &ask_first, NOW_MS, &nine), HF_OK);

	/* Lost, and told of the larger of the two: it is at 9 again. */
	close_signer(NULL);
	forget_record();
	signer = open_signer();
	report.note = hf_buf_span(&nine);
	assert_int_equal(ask(signer, &report, NOW_MS, &nothing), HF_OK);
	assert_int_equal(last_size(signer), 9);
	report.note = hf_buf_span(&seven);
	assert_int_equal(ask(signer, &report, NOW_MS, &nothing), HF_OK);
	assert_int_equal(last_size(signer), 9);
	assert_int_equal(sign(signer, home_checkpoint(tree, 7, 8)),
			 HF_E_CONFLICT);

	/* What it did not sign counts for nothing. */
	nine.at[nine.len_bytes - 9] ^= 1;
	report.note = hf_buf_span(&nine);
	assert_int_not_equal(ask(signer, &report, NOW_MS, &nothing), HF_OK);
	report.note = BYTES("hello\n");
	assert_int_equal(ask(signer, &report, NOW_MS, &nothing),
			 HF_E_MALFORMED);

	/* Two of its own signatures that contradict are never hidden. */
	close_signer(NULL);
	forget_record();
	signer = open_signer();
	ask_first.checkpoint = home_checkpoint(forked, 0, 7);
	assert_int_equal(ask(signer, &ask_first, NOW_MS, &fork), HF_OK);
	report.note = hf_buf_span(&seven);
	assert_int_equal(ask(signer, &report, NOW_MS, &nothing), HF_E_CONFLICT);
	close_signer(NULL);
	hf_buf_release(&seven);
	hf_buf_release(&nine);
	hf_buf_release(&fork);
	hf_buf_release(&nothing);
}

static void a_damaged_record_signs_nothing_unknown(void **state)
{
	struct hf_signer *signer;
	char path[96];
	int fd;

	forget_record();
	signer = open_signer();
	assert_int_equal(sign(signer, home_checkpoint(tree, 0, 5)), HF_OK);
	close_signer(NULL);
	snprintf(path, sizeof(path), "%s/record/" HF_RECORD_FILE_NAME, dir);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, HF_RECORD_SLOT_BYTES + 40), 1);
	close(fd);
	signer = open_signer();
	assert_int_equal(sign(signer, home_checkpoint(tree, 0, 5)),
			 HF_E_CORRUPT);
	assert_int_equal(sign(signer, home_checkpoint(tree, 5, 6)),
			 HF_E_CORRUPT);
	close_signer(NULL);
	forget_record();
}

static void a_warning_is_given_when_nothing_is_known_of_an_old_set(void **state)
{
	const struct hf_agent_request requests[] = {
		{ .verb = HF_AGENT_CHECKPOINT,
		  .checkpoint = home_checkpoint(tree, 0, 5) },
		{ .verb = HF_AGENT_CHECKPOINT,
		  .checkpoint = home_checkpoint(tree, 5, 6) },
	};
	struct hf_signer_remark remark;
	struct hf_signer *signer;
	struct hf_buf bytes;

	forget_record();
	signer = open_signer();
	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	for (size_t i = 0; i < 2; i++) {
		hf_buf_reset(&bytes);
		hf_agent_request_encode(&requests[i], &bytes);
		assert_int_equal(ask_bytes(signer, hf_buf_span(&bytes), NOW_MS,
					   NULL, &remark),
				 HF_OK);
		assert_int_equal(remark.also.text[0] != '\0', i == 0);
	}
	hf_buf_release(&bytes);
	close_signer(NULL);
}

static void an_agreement_has_the_signers_own_keys_and_clock(void **state)
{
	uint8_t ids[3 * HF_HASH_BYTES];
	struct hf_agent_request request = {
		.verb = HF_AGENT_AGREEMENT,
		.wish = { .origin = BYTES(HOME_ORIGIN),
			  .version = 3,
			  .organisation_id = hf_span(ids, 32),
			  .expires_ms = NOW_MS + 1000,
			  .relay = HF_RELAY_NONE,
			  .audience = hf_span(ids + 32, 64),
			  .classes = BYTES("\x03"),
			  .purpose = BYTES("tests") },
	};
	struct hf_key *key = home_key(HF_KEY_AGREEMENT);
	struct hf_key *log = home_key(HF_KEY_LOG);
	struct hf_signer *signer = open_signer();
	struct hf_signed_document document;
	struct hf_agreement agreement;
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf body, text;

	for (size_t i = 0; i < sizeof(ids); i++)
		ids[i] = (uint8_t)(i / 32 + 1);
	hf_arena_init(&arena, 1 << 20);
	hf_buf_init(&body, HF_AGREEMENT_MAX_BYTES);
	hf_buf_init(&text, HF_AGREEMENT_MAX_BYTES);
	assert_int_equal(ask(signer, &request, NOW_MS, &body), HF_OK);
	assert_ok(hf_signed_document_parse(hf_buf_span(&body), &arena,
					   &document, &why),
		  &why);
	assert_int_equal(document.signatures_count, 1);
	assert_int_equal(hf_document_sign_text(HF_DOCUMENT_AGREEMENT,
					       document.body, &text),
			 HF_OK);
	assert_int_equal(hf_sign_verify(&key->public_key, hf_buf_span(&text),
					document.signatures[0].signature.at),
			 HF_OK);
	assert_ok(hf_agreement_parse(document.body, &arena, &agreement, &why),
		  &why);
	assert_string_equal(agreement.origin, HOME_ORIGIN);
	assert_string_equal(agreement.cosigner_name, HOME_DOMAIN "/cosigner");
	assert_true(agreement.issued_ms == NOW_MS);
	assert_memory_equal(agreement.log_key.at, &log->public_key, 32);
	assert_int_equal(agreement.audience_count, 2);
	assert_memory_equal(agreement.audience[1].at, ids + 64, 32);

	request.wish.expires_ms = NOW_MS;
	assert_int_equal(ask(signer, &request, NOW_MS, &body), HF_E_ARGUMENT);
	request.wish.expires_ms = NOW_MS + HF_AGENT_AGREEMENT_MAX_MS + 1;
	assert_int_equal(ask(signer, &request, NOW_MS, &body), HF_E_ARGUMENT);
	request.wish.expires_ms = NOW_MS + 1000;
	request.wish.origin = BYTES("evil.example/ncii/1");
	assert_int_equal(ask(signer, &request, NOW_MS, &body), HF_E_DENIED);

	hf_arena_release(&arena);
	hf_buf_release(&body);
	hf_buf_release(&text);
	hf_key_free(key);
	hf_key_free(log);
	close_signer(NULL);
}

static void bytes_that_are_no_request_are_refused(void **state)
{
	const struct hf_agent_request good = { .verb = HF_AGENT_CHECKPOINT,
					       .checkpoint = home_checkpoint(
						       tree, 3, 7) };
	const struct hf_span rows[] = {
		BYTES(""),
		BYTES("GET / HTTP/1.1\r\n\r\n"),
		BYTES("HFA\x02\x00\x01"),
		BYTES("HFA\x01\x00\x00"),
		BYTES("HFA\x01\x00\x06"),
		BYTES("HFA\x01\xff\xff"),
		BYTES("HFA\x01\x00\x01 more"),
		BYTES("HFA\x01\x00\x02\x00\x03../"),
		BYTES("HFA\x01\x00\x02\xff\xff"),
		/* VOUCH "by a peer": 2 is neither yes nor no. */
		BYTES("HFA\x01\x00\x06\x00\x16hotline.example/ncii/1\x02"),
	};
	struct hf_signer *signer = open_signer();
	struct hf_signer_remark remark;
	struct hf_buf bytes;

	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_not_equal(
			ask_bytes(signer, rows[i], NOW_MS, NULL, &remark),
			HF_OK);
	/* A good one cut anywhere, or with more behind it. */
	hf_buf_init(&bytes, HF_AGENT_MESSAGE_MAX_BYTES);
	hf_agent_request_encode(&good, &bytes);
	for (size_t cut = 0; cut < bytes.len_bytes; cut++)
		assert_int_equal(ask_bytes(signer, hf_span(bytes.at, cut),
					   NOW_MS, NULL, &remark),
				 HF_E_MALFORMED);
	hf_buf_put_u8(&bytes, 0);
	assert_int_equal(
		ask_bytes(signer, hf_buf_span(&bytes), NOW_MS, NULL, &remark),
		HF_E_MALFORMED);
	hf_buf_release(&bytes);
	close_signer(NULL);
}

static void keys_that_do_not_belong_together_do_not_open(void **state)
{
	const struct hf_signer_options options = { .dir = dir };
	const struct hf_key_facts facts = { .role = HF_KEY_COSIGNER,
					    .domain = BYTES("other.example"),
					    .created_ms = 1 };
	const struct hf_key_lock lock = { { NULL, 0 }, { 0, 0 } };
	char path[96], aside[96];
	struct hf_signer *signer;
	struct hf_why why = { "" };
	struct hf_key *key;

	snprintf(path, sizeof(path), "%s/cosigner.key", dir);
	snprintf(aside, sizeof(aside), "%s/aside.key", dir);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(hf_signer_open(&options, &signer, NULL),
			 HF_E_NOTFOUND);
	assert_ok(hf_key_new(&facts, &key, &why), &why);
	assert_ok(hf_vault_create(path, key, &lock, &why), &why);
	hf_key_free(key);
	assert_int_equal(hf_signer_open(&options, &signer, NULL),
			 HF_E_CONFLICT);
	assert_int_equal(rename(aside, path), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(hf_signer_open(&options, &signer, NULL), HF_E_DENIED);
	assert_int_equal(chmod(path, 0600), 0);
}

int main(void)
{
#define CLOSING(test) cmocka_unit_test_teardown(test, close_signer)
	const struct CMUnitTest tests[] = {
		CLOSING(a_set_grows_from_nothing),
		CLOSING(what_would_fork_a_set_is_refused),
		CLOSING(a_first_tree_must_be_one),
		CLOSING(others_sets_are_refused),
		CLOSING(time_never_goes_back),
		CLOSING(a_report_moves_a_lost_record_up_only),
		CLOSING(a_restored_signer_waits_until_a_peer_has_reported),
		CLOSING(a_damaged_record_signs_nothing_unknown),
		CLOSING(a_warning_is_given_when_nothing_is_known_of_an_old_set),
		CLOSING(an_agreement_has_the_signers_own_keys_and_clock),
		CLOSING(bytes_that_are_no_request_are_refused),
		CLOSING(keys_that_do_not_belong_together_do_not_open),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
