/*
 * mail_form.h -- the forms that mail asks for: headers that fold and cannot be
 * broken out of, quoted-printable, base64, and a table that no spreadsheet
 * runs.
 *
 * Whatever text comes in, control characters leave as spaces, and bytes that
 * are not UTF-8 as U+FFFD: no field can make a header, a part or a row.
 *
 * Units    bytes; lines end in CRLF.
 * Owns     nothing: everything is appended to the caller's buf, whose error
 *          sticks.
 * Threads  any; no state.
 * Errors   those of the buf.
 * Source   RFC 5322 section 2.2.3 and 3.2.4, RFC 2045 section 6.7 and 6.8,
 *          RFC 2047; RFC 4180 with the semicolons of SCART.
 */
#ifndef HF_MAIL_FORM_H
#define HF_MAIL_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "span.h"

/* A header of words: folded before column 78, with encoded words where they
 * are not ASCII. */
void hf_mail_header(struct hf_buf *out, const char *name, const char *text);

/* "Name: "display" <address>".  The address is one that
 * hf_mail_is_address() took; display may be "". */
void hf_mail_mailbox(struct hf_buf *out, const char *name, const char *display,
		     const char *address);

/* "Date: Sat, 10 Jan 2026 05:25:01 +0000" */
void hf_mail_date(struct hf_buf *out, uint64_t wall_ms);

/* An addr-spec without quotes, comments or anything but ASCII. */
bool hf_mail_is_address(const char *text);

/* Text with newlines into lines of at most 76 characters. */
void hf_mail_quoted(struct hf_buf *out, struct hf_span text);

/* Bytes into lines of 76 characters. */
void hf_mail_base64(struct hf_buf *out, struct hf_span bytes);

/* Text for people, cleaned; newlines stay where may_break says so. */
void hf_mail_clean(struct hf_buf *out, const char *text, bool may_break);

/* A cell and what ends it: a ';' or, behind the last one, CRLF.  A cell that
 * a spreadsheet would take for a formula gets a ' in front. */
void hf_mail_cell(struct hf_buf *out, const char *text, bool is_last);

#endif /* HF_MAIL_FORM_H */
