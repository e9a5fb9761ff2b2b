/*
 * log.h -- log lines: "time level area: event key=value ...", on stderr.
 *
 * Events are fixed strings in the past tense, so that they can be searched
 * and tested; values vary.  Only the daemon's edges log (main, peer,
 * takedown, service); everything below returns a sentence instead.  Hashes,
 * keys, signatures and URLs are never logged.
 *
 * Units    times are UTC.
 * Owns     nothing.
 * Threads  any; a line is written in one write(2).
 * Errors   none: a line that cannot be written is lost.
 * Source   hashfedd(8), DIAGNOSTICS.
 */
#ifndef HF_LOG_H
#define HF_LOG_H

#include <stddef.h>

#include "err.h"

enum hf_log_level {
	HF_LOG_ERROR,   /* someone must act */
	HF_LOG_WARNING, /* we coped */
	HF_LOG_INFO,    /* life cycle and peer changes */
	HF_LOG_DEBUG,   /* everything else */
};

/* Lines above this level are dropped.  INFO to begin with. */
void hf_log_set_level(enum hf_log_level level);

/* "error", "warning", "info", "debug"; MALFORMED for anything else. */
HF_MUST enum hf_err hf_log_parse_level(const char *text,
				       enum hf_log_level *out_level);

/* hf_log(HF_LOG_INFO, "peer", "added", "peer=%s", name).  Control characters
 * in the values are written as '?'; a line ends after 1,024 bytes. */
void hf_log(enum hf_log_level level, const char *area, const char *event,
	    const char *format, ...) HF_PRINTF(4, 5);

/* A text of a peer or a file, fit for a log line: at most size_bytes - 1
 * characters, quotes and controls replaced. */
const char *hf_log_quote(const char *text, char *out_text, size_t size_bytes);

#endif /* HF_LOG_H */
