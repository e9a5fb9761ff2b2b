/*
 * letter.h -- a request to a provider that the person concerned can send
 * alone, as plain text, with what to know beside it.
 *
 * It says nothing about what is to be seen, and names nobody but who signs.
 *
 * Units    none.
 * Owns     nothing: text is appended to the caller's buf.
 * Threads  any; no state.
 * Errors   ARGUMENT for a language or a class that there is no letter for.
 * Source   DSA Art. 16; GDPR Art. 17; Dutch Criminal Code Art. 252 and 254ba.
 */
#ifndef HF_LETTER_H
#define HF_LETTER_H

#include "buf.h"
#include "codec_case.h"
#include "err.h"

/* 256 places of 4 KiB, and the words. */
#define HF_LETTER_MAX_BYTES ((size_t)2 * 1024 * 1024)

/* Language "nl" or "en".  Of the notice: provider, class (NCII unless said),
 * places, contact, reference; what is missing becomes a blank to fill in. */
HF_MUST enum hf_err hf_letter_write(const struct hf_notice *notice,
				    const char *language, struct hf_buf *buf,
				    struct hf_why *why);

#endif /* HF_LETTER_H */
