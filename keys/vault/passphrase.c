#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bytes.h"
#include "sign.h"

#include "passphrase.h"

/* Signals that would otherwise leave the terminal without echo. */
static const int leaving[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
#define LEAVING_COUNT (sizeof(leaving) / sizeof(leaving[0]))

/* Which of them came; written by the handler, hence a global. */
static volatile sig_atomic_t caught;

static void note_signal(int signal_number)
{
	caught = signal_number;
}

void hf_passphrase_release(struct hf_passphrase *passphrase)
{
	if (passphrase->text != NULL)
		hf_secret_bytes_free(passphrase->text);
	*passphrase = (struct hf_passphrase){ NULL, 0 };
}

/* Wait for input or for one of the signals that leave, which are blocked
 * outside this call: one that came a moment ago counts too. */
static bool was_signalled(int fd, const sigset_t *while_waiting)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (caught == 0 && ppoll(&wait, 1, NULL, while_waiting) < 0 &&
	       errno == EINTR)
		;
	return caught != 0;
}

/* One line of at most HF_PASSPHRASE_MAX_BYTES; byte by byte, so that what
 * follows it stays with whoever owns fd.  while_waiting is the signal mask for
 * a terminal, NULL for anything else. */
static enum hf_err read_line(int fd, const sigset_t *while_waiting, char *text,
			     size_t *out_len_bytes, struct hf_why *why)
{
	size_t len_bytes = 0;

	for (;;) {
		char c;
		ssize_t got;

		if (while_waiting != NULL && was_signalled(fd, while_waiting))
			return hf_why(why, HF_E_CANCELLED,
				      "passphrase: cancelled");
		got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hf_why_errno(why, "read passphrase");
		if (got == 0 && len_bytes == 0)
			return hf_why(why, HF_E_CANCELLED,
				      "passphrase: end of input");
		if (got == 0 || c == '\n')
			break;
		if (len_bytes == HF_PASSPHRASE_MAX_BYTES)
			return hf_why(why, HF_E_LIMIT,
				      "passphrase: longer than %d bytes",
				      HF_PASSPHRASE_MAX_BYTES);
		if (c == '\0')
			return hf_why(why, HF_E_ARGUMENT,
				      "passphrase: has a zero byte in it");
		text[len_bytes++] = c;
	}
	if (len_bytes == 0)
		return hf_why(why, HF_E_ARGUMENT, "passphrase: empty");
	*out_len_bytes = len_bytes;
	return HF_OK;
}

static enum hf_err passphrase_new(struct hf_passphrase *out, struct hf_why *why)
{
	out->len_bytes = 0;
	out->text = hf_secret_bytes_new(HF_PASSPHRASE_MAX_BYTES);
	if (out->text == NULL)
		return hf_why(why, HF_E_NOMEM, "passphrase: no locked memory");
	return HF_OK;
}

static enum hf_err read_new(int fd, const sigset_t *while_waiting,
			    struct hf_passphrase *out, struct hf_why *why)
{
	struct hf_passphrase read;
	enum hf_err err = passphrase_new(&read, why);

	if (err != HF_OK)
		return err;
	err = read_line(fd, while_waiting, read.text, &read.len_bytes, why);
	if (err != HF_OK) {
		hf_passphrase_release(&read);
		return err;
	}
	*out = read;
	return HF_OK;
}

enum hf_err hf_passphrase_read(int fd, struct hf_passphrase *out,
			       struct hf_why *why)
{
	return read_new(fd, NULL, out, why);
}

static void say(int fd, const char *text)
{
	ssize_t put = write(fd, text, strlen(text));

	/* A terminal that cannot be written to will not be read either. */
	(void)put;
}

/* Ask once.  The terminal is as before when this returns. */
static enum hf_err ask_once(int fd, const sigset_t *while_waiting,
			    const char *prompt, struct hf_passphrase *out,
			    struct hf_why *why)
{
	struct termios before, quiet;
	enum hf_err err;

	if (tcgetattr(fd, &before) != 0)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "passphrase: no terminal to ask on");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	/* Quiet first: what is typed once the prompt is seen is neither shown
	 * nor flushed. */
	if (tcsetattr(fd, TCSAFLUSH, &quiet) != 0)
		return hf_why_errno(why, "turn off echo");
	say(fd, prompt);
	err = read_new(fd, while_waiting, out, why);
	tcsetattr(fd, TCSAFLUSH, &before);
	say(fd, "\n");
	return err;
}

static enum hf_err ask(int fd, const sigset_t *while_waiting,
		       const char *prompt, bool is_new,
		       struct hf_passphrase *out, struct hf_why *why)
{
	struct hf_passphrase first, second = { NULL, 0 };
	enum hf_err err = ask_once(fd, while_waiting, prompt, &first, why);

	if (err != HF_OK)
		return err;
	if (is_new) {
		err = ask_once(fd, while_waiting, "The same again: ", &second,
			       why);
		if (err == HF_OK &&
		    (first.len_bytes != second.len_bytes ||
		     !hf_bytes_equal_secret(first.text, second.text,
					    first.len_bytes)))
			err = hf_why(why, HF_E_ARGUMENT,
				     "passphrase: the two differ");
		hf_passphrase_release(&second);
	}
	if (err != HF_OK) {
		hf_passphrase_release(&first);
		return err;
	}
	*out = first;
	return HF_OK;
}

enum hf_err hf_passphrase_ask(const char *prompt, bool is_new,
			      struct hf_passphrase *out, struct hf_why *why)
{
	struct sigaction note = { .sa_handler = note_signal };
	struct sigaction before[LEAVING_COUNT];
	sigset_t blocked, mask_before;
	int signal_number;
	enum hf_err err;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "passphrase: no terminal to ask on; use "
			      "--passphrase-fd");
	caught = 0;
	sigemptyset(&blocked);
	for (size_t i = 0; i < LEAVING_COUNT; i++)
		sigaddset(&blocked, leaving[i]);
	sigprocmask(SIG_BLOCK, &blocked, &mask_before);
	for (size_t i = 0; i < LEAVING_COUNT; i++)
		sigaction(leaving[i], &note, &before[i]);
	err = ask(fd, &mask_before, prompt, is_new, out, why);
	for (size_t i = 0; i < LEAVING_COUNT; i++)
		sigaction(leaving[i], &before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
	close(fd);
	signal_number = caught;
	caught = 0;
	/* With the terminal restored, let the signal do what it would have. */
	if (signal_number != 0)
		raise(signal_number);
	return err;
}
