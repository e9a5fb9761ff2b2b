#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "duty.h"
#include "rpc_schema.h"
#include "rpc_server.h"

#include "client.h"
#include "client_append.h"
#include "client_stream.h"
#include "client_watch.h"

#define MESSAGES   40
#define ITEM_BYTES 16384
#define BATCHES    (4 * HF_CLIENT_STREAM_WINDOW)
#define CHANGES    200 /* more than may wait to be taken */
#define REFUSE_AT  5   /* of a set that is called "full" */

/* A server of a few of the daemon's calls, on the socket of analysts. */
struct table {
	char dir[64];
	struct hf_rpc_loop *poller;
	struct hf_rpc_loop *worker;
	struct hf_rpc_server *server;
	struct hf_client *client;
	/* the worker's, looked at by the tests */
	atomic_uint_fast64_t sequence;
	atomic_bool is_in_order;
};

static struct table table;

/* ---- the server's handlers ---- */

static void on_status(struct hf_rpc_call *call, struct hf_span message)
{
	const struct hf_get_status_response status = {
		.organisation = "hotline.example", .version = "1"
	};
	struct hf_buf buf;

	hf_buf_init(&buf, 4096);
	if (hf_get_status_response_encode(&status, &buf) == HF_OK)
		hf_rpc_reply_buf(call, &buf);
	else
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
	hf_buf_release(&buf);
}

static void on_note(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_why why;

	hf_why(&why, HF_E_NOTFOUND, "no set of that name");
	hf_rpc_finish(call, HF_E_NOTFOUND, &why);
}

static void answer_append(struct hf_rpc_call *call)
{
	const struct hf_appended_range range = { .sequence = 0,
						 .count = MESSAGES };
	const struct hf_append_response answer = {
		.origin = "hotline.example/ncii/1",
		.ranges = &range,
		.ranges_count = 1,
		.size = table.sequence,
	};
	struct hf_buf buf;

	hf_buf_init(&buf, 4096);
	if (hf_append_response_encode(&answer, &buf) == HF_OK)
		hf_rpc_reply_buf(call, &buf);
	else
		hf_rpc_finish(call, HF_E_NOMEM, NULL);
	hf_buf_release(&buf);
}

static void on_append(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_append_request request;
	struct hf_why why = { "" };
	struct hf_arena arena;

	if (message.at == NULL) {
		answer_append(call);
		return;
	}
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_append_request_parse(message, &arena, &request, &why) != HF_OK) {
		hf_rpc_finish(call, HF_E_MALFORMED, &why);
	} else if (strcmp(request.set, "full") == 0 &&
		   request.sequence == REFUSE_AT) {
		hf_why(&why, HF_E_FULL, "no space left");
		hf_rpc_finish(call, HF_E_FULL, &why);
	} else {
		if (request.sequence != table.sequence)
			table.is_in_order = false;
		table.sequence++;
	}
	hf_arena_release(&arena);
}

static void on_append_open(struct hf_rpc_call *call)
{
	table.sequence = 0;
	table.is_in_order = true;
}

/* As many items as digests, so that an answer shows its question. */
static void on_batch(struct hf_rpc_call *call, struct hf_span message)
{
	struct hf_wire_match_stream_request request;
	struct hf_wire_match_response answer = { 0 };
	struct hf_why why = { "" };
	struct hf_arena arena;
	struct hf_buf buf;
	enum hf_err err;

	if (message.at == NULL) {
		hf_rpc_finish(call, HF_OK, NULL);
		return;
	}
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&buf, 4096);
	err = hf_wire_match_stream_request_parse(message, &arena, &request,
						 &why);
	if (err == HF_OK) {
		answer.items = (uint32_t)hf_digest_batch_count(
			&request.batch->batches[0]);
		err = hf_wire_match_stream_response_encode(
			&(struct hf_wire_match_stream_response){ &answer },
			&buf);
	}
	if (err == HF_OK)
		(void)hf_rpc_send_buf(call, &buf);
	else
		hf_rpc_finish(call, err, &why);
	hf_buf_release(&buf);
	hf_arena_release(&arena);
}

/* Positions 1 to CHANGES; then the end, when the request asks from "e". */
static void on_watch(struct hf_rpc_call *call, struct hf_span message)
{
	const struct hf_case_summary summary = { .case_id = "a1" };
	bool is_end = message.len_bytes > 2 && message.at[2] == 'e';
	enum hf_err err = HF_OK;
	struct hf_buf buf;

	hf_buf_init(&buf, 4096);
	for (uint8_t i = 1; message.at != NULL && i <= CHANGES && err == HF_OK;
	     i++) {
		const struct hf_watch_cases_response answer = {
			.position = { &i, 1 }, .summary = &summary
		};

		hf_buf_reset(&buf);
		err = hf_watch_cases_response_encode(&answer, &buf);
		if (err == HF_OK && !hf_rpc_send_buf(call, &buf))
			return; /* it is over */
	}
	hf_buf_release(&buf);
	if (is_end || err != HF_OK)
		hf_rpc_finish(call, err, NULL);
}

static const struct hf_rpc_events serve_watch = { .recv = on_watch };
static const struct hf_rpc_events serve_status = { .recv = on_status };
static const struct hf_rpc_events serve_note = { .recv = on_note };
static const struct hf_rpc_events serve_append = { .open = on_append_open,
						   .recv = on_append };
static const struct hf_rpc_events serve_stream = { .recv = on_batch };

static const struct hf_rpc_method methods[] = {
	/* clang-format off */
	{ "/hashfed.v1.Admin/GetStatus",   HF_DUTY_ANALYST,  1024,    600000, false, false, &serve_status, HF_RPC_READS },
	{ "/hashfed.v1.Admin/GetNote",     HF_DUTY_ANALYST,  1024,    600000, false, false, &serve_note, HF_RPC_READS },
	{ "/hashfed.v1.Admin/VerifySet",   HF_DUTY_OPERATOR, 1024,    600000, false, false, &serve_note, HF_RPC_READS },
	{ "/hashfed.v1.Publish/Append",    HF_DUTY_ANALYST,  4 << 20, 60000, true,  false, &serve_append, HF_RPC_READS },
	{ "/hashfed.v1.Match/MatchStream", HF_DUTY_ANALYST,  4 << 20, 0,     true,  true,  &serve_stream, HF_RPC_READS },
	{ "/hashfed.v1.Takedown/WatchCases", HF_DUTY_ANALYST, 1024,   0,     false, true,  &serve_watch, HF_RPC_READS },
	/* clang-format on */
};

/* ---- the table ---- */

static enum hf_err serve(struct hf_why *why)
{
	const struct hf_rpc_server_options options = {
		.poller = table.poller,
		.worker = table.worker,
		.methods = methods,
		.methods_count = ROWS(methods),
		.schema = hf_rpc_schema(),
		.local_duties = HF_DUTY_ANALYST,
	};
	char path[128];
	enum hf_err err = hf_rpc_server_new(&options, &table.server, why);

	snprintf(path, sizeof(path), "%s/analyst.sock", table.dir);
	if (err == HF_OK)
		err = hf_rpc_server_listen_unix(table.server, path, why);
	return err == HF_OK ? hf_rpc_server_start(table.server, why) : err;
}

static enum hf_err dial(unsigned duties, struct hf_why *why)
{
	const struct hf_client_options options = { .run_dir = table.dir,
						   .duties = duties };

	return hf_client_open(&options, &table.client, why);
}

/* False under torture, when there was no memory for the table. */
static bool lay(void)
{
	struct hf_why why = { "" };

	if (hf_rpc_loop_new(HF_RPC_LOOP_POLLS, &table.poller, &why) != HF_OK ||
	    hf_rpc_loop_new(HF_RPC_LOOP_WORKS, &table.worker, &why) != HF_OK)
		return false;
	return serve(&why) == HF_OK && dial(HF_DUTY_ANALYST, &why) == HF_OK;
}

static void clear_table(void)
{
	char path[128];

	hf_client_close(table.client);
	table.client = NULL;
	if (table.server != NULL)
		hf_rpc_server_free(table.server);
	table.server = NULL;
	if (table.worker != NULL)
		hf_rpc_loop_free(table.worker);
	if (table.poller != NULL)
		hf_rpc_loop_free(table.poller);
	table.worker = table.poller = NULL;
	snprintf(path, sizeof(path), "%s/analyst.sock", table.dir);
	unlink(path);
}

static bool is_tortured(void)
{
	return getenv("HF_FAIL_ALLOC") != NULL;
}

/* ---- the tests ---- */

static void a_call_brings_the_answer_or_the_servers_sentence(void **state)
{
	const struct hf_get_note_request request = { .set = "nowhere" };
	const struct hf_verify_set_request verify = { .set = "ncii" };
	struct hf_verify_set_response verified;
	struct hf_get_status_response status;
	struct hf_get_note_response note;
	struct hf_why why = { "" };
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (!lay())
		goto out_clear;
	if (hf_client_get_status(table.client, &arena, &status, &why) == HF_OK)
		assert_string_equal(status.organisation, "hotline.example");
	else
		assert_true(is_tortured());
	if (is_tortured())
		goto out_clear;
	assert_int_equal(
		hf_client_get_note(table.client, &request, &arena, &note, &why),
		HF_E_NOTFOUND);
	assert_string_equal(why.text, "no set of that name");
	assert_int_equal(hf_client_verify_set(table.client, &verify, &arena,
					      &verified, &why),
			 HF_E_DENIED);
out_clear:
	clear_table();
	hf_arena_release(&arena);
}

static enum hf_err append_all(const char *set, struct hf_append_response *out,
			      struct hf_arena *arena, struct hf_why *why)
{
	static const uint8_t item[ITEM_BYTES], id[HF_BATCH_ID_BYTES];
	const struct hf_span items[] = { hf_span(item, sizeof(item)) };
	struct hf_append_request request = {
		.set = set,
		.batch_id = hf_span(id, sizeof(id)),
		.items = items,
		.items_count = 1,
	};
	struct hf_client_append *append;
	enum hf_err err = hf_client_append_begin(table.client, &append, why);

	if (err != HF_OK)
		return err;
	for (; request.sequence < MESSAGES && err == HF_OK; request.sequence++)
		err = hf_client_append_send(append, &request, why);
	if (err == HF_OK)
		err = hf_client_append_finish(append, arena, out, why);
	hf_client_append_end(append);
	return err;
}

static void messages_of_an_append_arrive_in_order(void **state)
{
	struct hf_append_response answer;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (lay()) {
		err = append_all("ncii", &answer, &arena, &why);
		if (err == HF_OK) {
			assert_int_equal(answer.size, MESSAGES);
			assert_true(table.is_in_order);
			assert_string_equal(answer.origin,
					    "hotline.example/ncii/1");
		} else if (!is_tortured()) {
			fail_msg("%s: %s", hf_err_name(err), why.text);
		}
	}
	clear_table();
	hf_arena_release(&arena);
}

static void an_append_that_is_refused_says_why(void **state)
{
	struct hf_append_response answer;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (lay()) {
		err = append_all("full", &answer, &arena, &why);
		if (!is_tortured()) {
			assert_int_equal(err, HF_E_FULL);
			assert_string_equal(why.text, "no space left");
		}
	}
	clear_table();
	hf_arena_release(&arena);
}

/* What the answers said, in order. */
struct answers {
	uintptr_t count;
	bool is_in_order;
};

static enum hf_err on_answer(void *arg, void *tag,
			     const struct hf_wire_match_response *answer,
			     struct hf_why *why)
{
	struct answers *answers = arg;

	answers->count++;
	answers->is_in_order &= (uintptr_t)tag == answers->count &&
				answer->items == answers->count;
	return HF_OK;
}

static enum hf_err ask_all(struct hf_client_stream *stream, struct hf_why *why)
{
	static const uint8_t digests[16 * BATCHES];
	struct hf_digest_batch batch = { .algorithm = HF_ALGORITHM_MD5 };
	const struct hf_wire_match_request request = { .batches = &batch,
						       .batches_count = 1 };

	for (uintptr_t i = 1; i <= BATCHES; i++) {
		enum hf_err err;

		batch.digests = hf_span(digests, 16 * i);
		err = hf_client_stream_send(stream, &request, (void *)i, why);
		if (err == HF_OK)
			err = hf_client_stream_poll(stream, why);
		if (err != HF_OK)
			return err;
	}
	return hf_client_stream_finish(stream, why);
}

static void answers_of_a_stream_come_in_order_with_their_tags(void **state)
{
	struct answers answers = { .is_in_order = true };
	struct hf_client_stream *stream = NULL;
	struct hf_why why = { "" };
	enum hf_err err;

	if (lay()) {
		err = hf_client_stream_begin(table.client, on_answer, &answers,
					     &stream, &why);
		if (err == HF_OK)
			err = ask_all(stream, &why);
		if (err == HF_OK) {
			assert_int_equal(answers.count, BATCHES);
			assert_true(answers.is_in_order);
		} else if (!is_tortured()) {
			fail_msg("%s: %s", hf_err_name(err), why.text);
		}
		hf_client_stream_end(stream);
	}
	clear_table();
}

static void a_daemon_that_went_away_is_named(void **state)
{
	struct hf_get_status_response status;
	struct hf_why why = { "" };
	struct hf_arena arena;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (lay() && hf_client_get_status(table.client, &arena, &status,
					  &why) == HF_OK) {
		hf_rpc_server_free(table.server);
		table.server = NULL;
		err = hf_client_get_status(table.client, &arena, &status, &why);
		if (!is_tortured()) {
			assert_int_equal(err, HF_E_UNAVAILABLE);
			assert_non_null(strstr(why.text, "analyst.sock"));
		}
	}
	clear_table();
	hf_arena_release(&arena);
}

/* A channel that is closed while it connects leaves that to gRPC, which at the
 * end of a process never gets to it: so call, then close. */
static void close_client(void)
{
	struct hf_get_status_response status;
	struct hf_arena arena;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (hf_client_get_status(table.client, &arena, &status, NULL) != HF_OK)
		assert_true(is_tortured());
	hf_arena_release(&arena);
	hf_client_close(table.client);
	table.client = NULL;
}

static void the_least_socket_that_suffices_is_taken(void **state)
{
	struct hf_why why = { "" };

	if (lay()) {
		/* An analyst may look up and read; nobody else listens. */
		close_client();
		if (dial(HF_DUTY_SCANNER, &why) == HF_OK) {
			assert_non_null(strstr(hf_client_place(table.client),
					       "/analyst.sock"));
			close_client();
		} else {
			assert_true(is_tortured());
		}
		if (!is_tortured()) {
			assert_int_equal(dial(HF_DUTY_OPERATOR, &why),
					 HF_E_UNAVAILABLE);
			assert_non_null(strstr(why.text, "operator.sock"));
		}
	}
	clear_table();
}

static int set(void **state)
{
	hf_rpc_start(NULL);
	snprintf(table.dir, sizeof(table.dir), "/tmp/test_client.XXXXXX");
	return mkdtemp(table.dir) != NULL ? 0 : -1;
}

static int clear(void **state)
{
	char command[128];

	hf_rpc_stop();
	snprintf(command, sizeof(command), "rm -rf '%s'", table.dir);
	return system(command);
}

/* Wait as a watcher does, and take what is there. */
static enum hf_err take_changes(struct hf_client_watch *watch, int wake_fd,
				unsigned *count, struct hf_why *why)
{
	struct pollfd fd = { .fd = wake_fd, .events = POLLIN };
	struct hf_watch_cases_response answer;
	struct hf_arena arena;
	enum hf_err err = HF_OK;
	uint64_t woken;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	if (poll(&fd, 1, patience_ms()) != 1 ||
	    read(wake_fd, &woken, sizeof(woken)) < 0)
		err = hf_why(why, HF_E_DEADLINE, "nobody woke us");
	while (err == HF_OK) {
		hf_arena_reset(&arena);
		err = hf_client_watch_take(watch, &arena, &answer, why);
		if (err != HF_OK)
			break;
		(*count)++;
		if (answer.position.len_bytes != 1 ||
		    answer.position.at[0] != *count)
			err = hf_why(why, HF_E_INTERNAL, "out of order");
	}
	hf_arena_release(&arena);
	return err;
}

static void watch_from(const char *position, enum hf_err want)
{
	const struct hf_watch_cases_request request = { .position = hf_span_of(
								position) };
	struct hf_client_watch *watch = NULL;
	struct hf_why why = { "" };
	int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	unsigned count = 0;
	enum hf_err err;

	assert_true(wake_fd >= 0);
	if (lay()) {
		err = hf_client_watch_begin(table.client, &request, wake_fd,
					    &watch, &why);
		while (err == HF_OK || err == HF_E_NOTFOUND) {
			err = take_changes(watch, wake_fd, &count, &why);
			if (count == CHANGES && err == want)
				break;
		}
		if (!is_tortured()) {
			assert_int_equal(count, CHANGES);
			assert_int_equal(err, want);
		}
		hf_client_watch_end(watch);
	}
	clear_table();
	close(wake_fd);
}

static void a_watch_wakes_who_waits_and_is_ended_while_it_runs(void **state)
{
	watch_from("x", HF_E_NOTFOUND);
}

static void a_watch_that_the_daemon_ends_is_over(void **state)
{
	watch_from("e", HF_E_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_watch_wakes_who_waits_and_is_ended_while_it_runs),
		cmocka_unit_test(a_watch_that_the_daemon_ends_is_over),
		cmocka_unit_test(
			a_call_brings_the_answer_or_the_servers_sentence),
		cmocka_unit_test(messages_of_an_append_arrive_in_order),
		cmocka_unit_test(an_append_that_is_refused_says_why),
		cmocka_unit_test(
			answers_of_a_stream_come_in_order_with_their_tags),
		cmocka_unit_test(a_daemon_that_went_away_is_named),
		cmocka_unit_test(the_least_socket_that_suffices_is_taken),
	};

	return cmocka_run_group_tests(tests, set, clear);
}
