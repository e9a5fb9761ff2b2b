#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "codec_case.h"
#include "envelope.h"
#include "signer_home.h"

/* The real program, beside this test. */
static char program[512];
static char home[] = "/tmp/hf-agent-XXXXXX";
static char socket_path[64];

static const struct home_tree tree = { UINT64_MAX, 0 };
static const struct home_tree forked = { 3, 1 };

static int start(void **state)
{
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 32);
	char dir[128];

	if (len < 0 || hf_sign_start(NULL) != HF_OK || mkdtemp(home) == NULL)
		return -1;
	program[len] = '\0';
	strcpy(strrchr(program, '/') + 1, "hashfed-signer");
	snprintf(socket_path, sizeof(socket_path), "%s/run/signer.sock", home);
	snprintf(dir, sizeof(dir), "%s/lib/signer", home);
	home_fill(dir);
	home_fill_notice(dir);
	return 0;
}

static int stop(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", home);
	return system(command);
}

/* The one that listens, and the agent at work: a test that fails leaves them
 * behind. */
static pid_t running;
static struct hf_agent *current;

static int end_all(void **state)
{
	hf_agent_close(current);
	current = NULL;
	if (running > 0) {
		kill(running, SIGKILL);
		waitpid(running, NULL, 0);
		running = 0;
	}
	unlink(socket_path);
	return 0;
}

/* Start a signer that listens, and wait until it does: its first line. */
static pid_t run_signer(void)
{
	char *argv[] = { program, (char *)"--home", home, NULL };
	posix_spawn_file_actions_t actions;
	char line[256];
	int ends[2];
	pid_t pid = 0;
	FILE *said;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	assert_int_equal(
		posix_spawn(&pid, program, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	said = fdopen(ends[0], "r");
	assert_non_null(said);
	line[0] = '\0';
	while (fgets(line, sizeof(line), said) != NULL &&
	       strstr(line, "listening") == NULL)
		;
	if (strstr(line, "listening") == NULL) {
		int status;

		waitpid(pid, &status, 0);
		pid = -1;
	}
	fclose(said);
	if (pid > 0)
		running = pid;
	return pid;
}

static void end_signer(pid_t pid, int signal_number)
{
	int status = 0;

	running = 0;
	assert_int_equal(kill(pid, signal_number), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (signal_number == SIGTERM)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static enum hf_err sign(struct hf_agent *agent,
			struct hf_agent_checkpoint checkpoint)
{
	struct hf_why why = { "" };
	struct hf_buf note;
	enum hf_err err;

	hf_buf_init(&note, HF_NOTE_MAX_BYTES);
	err = hf_agent_checkpoint(agent, &checkpoint, &note, &why);
	if (err == HF_OK)
		home_check_note(hf_buf_span(&note), checkpoint.size,
				&checkpoint.root);
	else
		assert_true(why.text[0] != '\0');
	hf_buf_release(&note);
	return err;
}

static uint64_t last_size(struct hf_agent *agent)
{
	struct hf_tree_hash root;
	struct hf_why why = { "" };
	uint64_t size = 0;

	assert_ok(hf_agent_last(agent, BYTES(HOME_ORIGIN), &size, &root, &why),
		  &why);
	return size;
}

static void assert_refuses_forks(struct hf_agent *agent, uint64_t size)
{
	struct hf_agent_checkpoint no_proof =
		home_checkpoint(tree, size, size + 3);

	no_proof.proof.hashes_count = 0;
	assert_int_equal(sign(agent, home_checkpoint(tree, 0, size - 1)),
			 HF_E_CONFLICT);
	assert_int_equal(sign(agent, home_checkpoint(forked, size, size)),
			 HF_E_CONFLICT);
	assert_int_equal(sign(agent, no_proof), HF_E_PROOF);
	assert_int_equal(sign(agent, home_checkpoint(forked, size, size + 3)),
			 HF_E_PROOF);
	assert_int_equal(last_size(agent), size);
}

static void a_fork_is_refused_through_restarts_and_kills(void **state)
{
	const int ends[] = { SIGTERM, SIGKILL, SIGKILL };
	struct hf_agent *agent;
	struct hf_agent_status status;
	struct hf_why why = { "" };
	struct stat st;
	uint64_t size = 0;
	pid_t pid = run_signer();

	assert_true(pid > 0);
	assert_int_equal(stat(socket_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_ok(hf_agent_open(socket_path, &agent, &why), &why);
	current = agent;
	assert_ok(hf_agent_status(agent, &status, &why), &why);
	assert_string_equal(status.domain, HOME_DOMAIN);
	size = last_size(agent);
	for (size_t i = 0; i < ROWS(ends); i++) {
		assert_int_equal(
			sign(agent, home_checkpoint(tree, size, size + 7)),
			HF_OK);
		size += 7;
		assert_refuses_forks(agent, size);
		end_signer(pid, ends[i]);
		assert_int_equal(sign(agent, home_checkpoint(tree, size, size)),
				 HF_E_UNAVAILABLE);
		pid = run_signer();
		assert_true(pid > 0);
		/* The same agent finds the new signer, which knows. */
		assert_refuses_forks(agent, size);
	}
	end_signer(pid, SIGTERM);
	assert_int_not_equal(stat(socket_path, &st), 0);
	current = NULL;
	hf_agent_close(agent);
}

static void a_second_signer_is_turned_away(void **state)
{
	struct hf_agent_status status;
	struct hf_agent *agent;
	struct hf_why why = { "" };
	pid_t pid = run_signer();

	assert_true(pid > 0);
	assert_int_equal(run_signer(), -1);
	assert_ok(hf_agent_open(socket_path, &agent, &why), &why);
	current = agent;
	assert_ok(hf_agent_status(agent, &status, &why), &why);
	current = NULL;
	hf_agent_close(agent);
	end_signer(pid, SIGTERM);
}

static void a_stale_socket_is_replaced_and_nothing_else_is(void **state)
{
	struct hf_agent_status status;
	struct hf_agent *agent;
	struct hf_why why = { "" };
	pid_t pid = run_signer();
	int fd;

	assert_true(pid > 0);
	end_signer(pid, SIGKILL);
	assert_int_equal(access(socket_path, F_OK), 0);
	pid = run_signer();
	assert_true(pid > 0);
	assert_ok(hf_agent_open(socket_path, &agent, &why), &why);
	current = agent;
	assert_ok(hf_agent_status(agent, &status, &why), &why);
	current = NULL;
	hf_agent_close(agent);
	end_signer(pid, SIGTERM);

	fd = open(socket_path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(run_signer(), -1);
	assert_int_equal(unlink(socket_path), 0);
}

/* The signer that our agent spawned: the only child. */
static pid_t only_child(void)
{
	char path[64], text[64];
	FILE *children;
	long pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
		 (int)getpid());
	children = fopen(path, "r");
	if (children == NULL)
		return 0;
	if (fgets(text, sizeof(text), children) != NULL)
		pid = atol(text);
	fclose(children);
	return (pid_t)pid;
}

static void a_spawned_signer_that_died_is_started_again(void **state)
{
	struct hf_agent *agent;
	struct hf_why why = { "" };
	uint64_t size;
	pid_t pid;

	assert_ok(hf_agent_spawn(program, home, false, &agent, &why), &why);
	current = agent;
	size = last_size(agent);
	assert_int_equal(sign(agent, home_checkpoint(tree, size, size + 5)),
			 HF_OK);
	pid = only_child();
	if (pid > 0) {
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_refuses_forks(agent, size + 5);
		assert_int_not_equal(only_child(), pid);
	}
	current = NULL;
	hf_agent_close(agent);
	assert_int_equal(only_child(), 0);
	/* Another may have the record at once. */
	assert_ok(hf_agent_spawn(program, home, false, &agent, &why), &why);
	current = agent;
	assert_refuses_forks(agent, size + 5);
	current = NULL;
	hf_agent_close(agent);
}

static void what_cannot_be_started_or_reached_says_so(void **state)
{
	struct hf_agent *agent;
	struct hf_agent_status status;
	struct hf_why why = { "" };
	char long_path[200];

	assert_int_equal(hf_agent_spawn("/nowhere/hashfed-signer", home, false,
					&agent, &why),
			 HF_E_UNAVAILABLE);
	assert_int_equal(
		hf_agent_spawn(program, "/nowhere", false, &agent, &why),
		HF_E_UNAVAILABLE);
	memset(long_path, 'a', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(hf_agent_open(long_path, &agent, &why), HF_E_LIMIT);
	assert_ok(hf_agent_open("/nowhere/signer.sock", &agent, &why), &why);
	current = agent;
	assert_int_equal(hf_agent_status(agent, &status, &why),
			 HF_E_UNAVAILABLE);
	assert_non_null(strstr(why.text, "/nowhere/signer.sock"));
	current = NULL;
	hf_agent_close(agent);
}

static void a_client_that_talks_nonsense_harms_nobody(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static uint8_t big[HF_AGENT_MESSAGE_MAX_BYTES + 1];
	struct hf_agent_status status;
	struct hf_agent *agent;
	struct hf_why why = { "" };
	char answer[512];
	pid_t pid = run_signer();
	int fds[24];

	assert_true(pid > 0);
	strcpy(address.sun_path, socket_path);
	/* More of them than it has places for. */
	for (size_t i = 0; i < ROWS(fds); i++) {
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&address,
					 sizeof(address)),
				 0);
	}
	assert_int_equal(send(fds[0], "nonsense", 8, MSG_NOSIGNAL), 8);
	assert_true(recv(fds[0], answer, sizeof(answer), 0) > 0);
	/* Too large: the connection ends. */
	if (send(fds[1], big, sizeof(big), MSG_NOSIGNAL) > 0)
		assert_int_equal(recv(fds[1], answer, sizeof(answer), 0), 0);
	for (size_t i = 0; i < ROWS(fds); i++)
		close(fds[i]);
	assert_ok(hf_agent_open(socket_path, &agent, &why), &why);
	current = agent;
	assert_ok(hf_agent_status(agent, &status, &why), &why);
	current = NULL;
	hf_agent_close(agent);
	end_signer(pid, SIGTERM);
}

/*
 * Events of cases.
 */

#define YEAR_MS ((uint64_t)365 * 24 * 3600 * 1000)

static const uint8_t own_id[HF_HASH_BYTES] = { 0x0d };

/* Sealed for ourselves: the one receive key that we have. */
static void seal_own(struct hf_agent *agent, struct hf_buf *envelope,
		     struct hf_buf *record, struct hf_buf *text)
{
	const struct hf_entry_ref opening = {
		.origin = HOME_ORIGIN,
		.leaf_hash = hf_span(own_id, HF_HASH_BYTES),
	};
	const struct hf_case_event event = {
		.kind = HF_CASE_EVENT_REVIEW,
		.event_id = BYTES("0123456789abcdef"),
		.case_ref = &opening,
		.text = "a person looks at it",
	};
	struct hf_agent_seal request = { .expires_ms = UINT64_MAX };
	struct hf_key *receive = home_key(HF_KEY_RECEIVE);
	struct hf_why why = { "" };
	struct hf_buf bytes;

	hf_buf_init(&bytes, HF_CASE_TEXT_MAX_BYTES);
	assert_int_equal(hf_case_event_encode(&event, &bytes), HF_OK);
	memcpy(request.sender_id, own_id, sizeof(own_id));
	memcpy(request.recipient_id, own_id, sizeof(own_id));
	memcpy(request.recipient_key, receive->public_key.bytes, 32);
	request.event = hf_buf_span(&bytes);
	assert_ok(hf_agent_seal(agent, &request, envelope, record, text, &why),
		  &why);
	hf_buf_release(&bytes);
	hf_key_free(receive);
}

static void assert_opens(struct hf_agent *agent, struct hf_span envelope,
			 struct hf_span want)
{
	struct hf_key *notice = home_key(HF_KEY_NOTICE);
	struct hf_agent_open request = { .origin = BYTES(HOME_ORIGIN),
					 .sender = notice->public_key,
					 .envelope = envelope };
	struct hf_agent_record read = { .has_ephemeral = true };
	struct hf_why why = { "" };
	struct hf_buf record, text;

	hf_buf_init(&record, HF_AGENT_RECORD_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&read.text, HF_CASE_TEXT_MAX_BYTES);
	memcpy(request.recipient_id, own_id, sizeof(own_id));
	assert_ok(hf_agent_open_sealed(agent, &request, &record, &text, &why),
		  &why);
	assert_true(hf_span_equal(hf_buf_span(&text), want));
	assert_ok(hf_agent_read(agent, hf_buf_span(&record), &read, &why),
		  &why);
	assert_true(hf_span_equal(hf_buf_span(&read.text), want));
	assert_false(read.has_ephemeral);
	assert_memory_equal(read.header, envelope.at, sizeof(read.header));
	hf_buf_release(&record);
	hf_buf_release(&text);
	hf_buf_release(&read.text);
	hf_key_free(notice);
}

static void events_are_sealed_and_opened_over_the_socket(void **state)
{
	struct hf_agent_record read = { .has_ephemeral = false };
	struct hf_buf envelope, record, text, draft, key, again;
	struct hf_agent *agent;
	struct hf_why why = { "" };
	static char longest[HF_CASE_TEXT_MAX_BYTES];
	pid_t pid = run_signer();

	assert_true(pid > 0);
	assert_ok(hf_agent_open(socket_path, &agent, &why), &why);
	current = agent;
	hf_buf_init(&envelope, HF_ENVELOPE_MAX_BYTES);
	hf_buf_init(&record, HF_AGENT_RECORD_MAX_BYTES);
	hf_buf_init(&text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&draft, HF_AGENT_RECORD_MAX_BYTES);
	hf_buf_init(&key, 1024);
	hf_buf_init(&again, 1024);
	hf_buf_init(&read.text, HF_CASE_TEXT_MAX_BYTES);
	seal_own(agent, &envelope, &record, &text);
	assert_int_equal(envelope.len_bytes, 4096 + 205);
	assert_opens(agent, hf_buf_span(&envelope), hf_buf_span(&text));
	memset(longest, 'x', sizeof(longest));
	assert_ok(hf_agent_store(agent, hf_span(longest, sizeof(longest)),
				 &draft, &why),
		  &why);
	assert_ok(hf_agent_receive_key(agent, own_id, YEAR_MS, YEAR_MS, own_id,
				       &key, &why),
		  &why);

	/* The next signer has the same keys. */
	end_signer(pid, SIGKILL);
	pid = run_signer();
	assert_true(pid > 0);
	assert_opens(agent, hf_buf_span(&envelope), hf_buf_span(&text));
	assert_ok(hf_agent_read(agent, hf_buf_span(&record), &read, &why),
		  &why);
	assert_true(hf_span_equal(hf_buf_span(&read.text), hf_buf_span(&text)));
	assert_true(read.has_ephemeral);
	hf_buf_reset(&read.text);
	assert_ok(hf_agent_read(agent, hf_buf_span(&draft), &read, &why), &why);
	assert_true(hf_span_equal(hf_buf_span(&read.text),
				  hf_span(longest, sizeof(longest))));
	assert_ok(hf_agent_receive_key(agent, own_id, YEAR_MS, YEAR_MS, own_id,
				       &again, &why),
		  &why);
	assert_true(hf_span_equal(hf_buf_span(&key), hf_buf_span(&again)));
	/* What it refuses comes with its sentence. */
	assert_int_equal(hf_agent_read(agent, BYTES("x"), &read, &why),
			 HF_E_MALFORMED);
	assert_non_null(strstr(why.text, "cut short"));
	hf_buf_release(&envelope);
	hf_buf_release(&record);
	hf_buf_release(&text);
	hf_buf_release(&draft);
	hf_buf_release(&key);
	hf_buf_release(&again);
	hf_buf_release(&read.text);
	current = NULL;
	hf_agent_close(agent);
	end_signer(pid, SIGTERM);
}

int main(void)
{
#define ENDING(test) cmocka_unit_test_teardown(test, end_all)
	const struct CMUnitTest tests[] = {
		ENDING(a_fork_is_refused_through_restarts_and_kills),
		ENDING(a_second_signer_is_turned_away),
		ENDING(a_stale_socket_is_replaced_and_nothing_else_is),
		ENDING(a_spawned_signer_that_died_is_started_again),
		ENDING(what_cannot_be_started_or_reached_says_so),
		ENDING(a_client_that_talks_nonsense_harms_nobody),
		ENDING(events_are_sealed_and_opened_over_the_socket),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
