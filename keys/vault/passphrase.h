/*
 * passphrase.h -- a passphrase from a person or from another program, never
 * from arguments or the environment.
 *
 * Units    bytes, without the newline.
 * Owns     a passphrase owns guarded, locked memory until
 *          hf_passphrase_release(), which wipes it.
 * Threads  one at a time: asking takes over the terminal and the signals
 *          that would leave it without echo.
 * Errors   ARGUMENT for an empty one, one with a zero byte, or two that
 *          differ; LIMIT past 1024 bytes; CANCELLED at end of input;
 *          UNAVAILABLE without a terminal; SYSTEM.
 * Source   none.
 */
#ifndef HF_PASSPHRASE_H
#define HF_PASSPHRASE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "span.h"

#define HF_PASSPHRASE_MAX_BYTES 1024

struct hf_passphrase {
	char *text; /* owned; hf_secret_bytes_new() */
	size_t len_bytes;
};

/* The first line of fd, which stays open; bytes behind it stay unread. */
HF_MUST enum hf_err hf_passphrase_read(int fd, struct hf_passphrase *out,
				       struct hf_why *why);

/* Ask on /dev/tty, without echo: twice when the passphrase is new. */
HF_MUST enum hf_err hf_passphrase_ask(const char *prompt, bool is_new,
				      struct hf_passphrase *out,
				      struct hf_why *why);

void hf_passphrase_release(struct hf_passphrase *passphrase);

/* Empty for a passphrase that was never read. */
static inline struct hf_span
hf_passphrase_span(const struct hf_passphrase *passphrase)
{
	return hf_span(passphrase->text, passphrase->len_bytes);
}

#endif /* HF_PASSPHRASE_H */
