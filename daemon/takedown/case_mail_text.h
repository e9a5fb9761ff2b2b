/*
 * case_mail_text.h -- what a notice by mail says, in each language.
 *
 * Units    see case_mail.h.
 * Owns     nothing.
 * Threads  any; no state.
 * Errors   those of the buf.
 * Source   DSA Art. 16(2) names what a notice must say.
 */
#ifndef HF_CASE_MAIL_TEXT_H
#define HF_CASE_MAIL_TEXT_H

#include "case_mail.h"

/* The body: lines end in a newline. */
void hf_case_mail_text(const struct hf_case_mail *mail, struct hf_buf *out);

/* "Notice of illegal content, case 0011…"; cleaned by who writes it. */
void hf_case_mail_subject(const struct hf_case_mail *mail, struct hf_buf *out);

/* All places, as a table. */
void hf_case_mail_table(const struct hf_notice *notice, struct hf_buf *out);

#endif /* HF_CASE_MAIL_TEXT_H */
