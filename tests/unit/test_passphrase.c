#include "unit.h"

#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "passphrase.h"
#include "sign.h"

/* What the child's exit status says: the error, or this. */
#define KILLED_BY(signal_number) (100 + (signal_number))

static int start(void **state)
{
	return hf_sign_start(NULL) == HF_OK ? 0 : -1;
}

/* Read from the terminal until wanted was seen; all of it goes to out. */
static void wait_for(int fd, const char *wanted, char *out, size_t size)
{
	size_t len = strlen(out), from = len;

	for (;;) {
		ssize_t got = read(fd, out + len, size - len - 1);

		if (got <= 0)
			fail_msg("the terminal never said '%s'", wanted);
		len += (size_t)got;
		out[len] = '\0';
		if (strstr(out + from, wanted) != NULL)
			return;
	}
}

/* A process on a terminal of its own asks; `typed` has what to type at each
 * prompt.  Gives what became of it, and all that the terminal showed. */
static int ask_on_terminal(bool is_new, const char *const *typed, char *shown,
			   size_t size)
{
	int terminal, status = 0;
	struct termios after;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	assert_true(child >= 0);
	if (child == 0) {
		struct hf_passphrase got = { NULL, 0 };
		enum hf_err err =
			hf_passphrase_ask("Passphrase: ", is_new, &got, NULL);

		if (err == HF_OK &&
		    !hf_span_is(hf_passphrase_span(&got), "open sesame"))
			err = HF_E_INTERNAL;
		hf_passphrase_release(&got);
		_exit((int)err);
	}
	shown[0] = '\0';
	for (size_t i = 0; typed[i] != NULL; i++) {
		wait_for(terminal, i == 0 ? "Passphrase: " : "again: ", shown,
			 size);
		assert_int_equal(write(terminal, typed[i], strlen(typed[i])),
				 strlen(typed[i]));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	/* Whatever happened, the terminal echoes again. */
	assert_int_equal(tcgetattr(terminal, &after), 0);
	assert_true((after.c_lflag & ECHO) != 0);
	close(terminal);
	return WIFSIGNALED(status) ? KILLED_BY(WTERMSIG(status))
				   : WEXITSTATUS(status);
}

static void what_is_typed_at_a_terminal_is_not_shown(void **state)
{
	const struct {
		const char *name;
		bool is_new;
		const char *typed[3];
		int want;
	} rows[] = {
		{ "once", false, { "open sesame\n" }, HF_OK },
		{ "twice", true, { "open sesame\n", "open sesame\n" }, HF_OK },
		{ "two that differ",
		  true,
		  { "open sesame\n", "open sesamE\n" },
		  HF_E_ARGUMENT },
		{ "one longer than the other",
		  true,
		  { "open sesame\n", "open sesame!\n" },
		  HF_E_ARGUMENT },
		{ "nothing", false, { "\n" }, HF_E_ARGUMENT },
		{ "nothing again",
		  true,
		  { "open sesame\n", "\n" },
		  HF_E_ARGUMENT },
		{ "end of input", false, { "\x04" }, HF_E_CANCELLED },
		{ "ctrl-C", false, { "open\x03" }, KILLED_BY(SIGINT) },
		{ "ctrl-\\", false, { "open\x1c" }, KILLED_BY(SIGQUIT) },
		{ "ctrl-C again",
		  true,
		  { "open sesame\n", "\x03" },
		  KILLED_BY(SIGINT) },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *typed[] = { rows[i].typed[0], rows[i].typed[1],
					NULL };
		char shown[1024];
		int got = ask_on_terminal(rows[i].is_new, typed, shown,
					  sizeof(shown));

		if (got != rows[i].want)
			fail_msg("%s: %d instead of %d", rows[i].name, got,
				 rows[i].want);
		if (strstr(shown, "sesam") != NULL)
			fail_msg("%s: the terminal showed it", rows[i].name);
	}
}

static void without_a_terminal_nobody_is_asked(void **state)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct hf_passphrase got;

		if (setsid() < 0)
			_exit(99);
		_exit((int)hf_passphrase_ask("Passphrase: ", false, &got,
					     NULL));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), HF_E_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_typed_at_a_terminal_is_not_shown),
		cmocka_unit_test(without_a_terminal_nobody_is_asked),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
