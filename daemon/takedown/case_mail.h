/*
 * case_mail.h -- a notice as a mail, for a provider that has no node.
 *
 * The whole message, ready to be handed to sendmail(8) or opened in a mail
 * program: what it is, where, why, by whom, under which rules, until when and
 * how to answer, in English and in Dutch; with all places as a table that
 * tools of hosts read.  It is made and not sent: sending is the notifier's,
 * who then says so in the case (DELIVERY).
 *
 * To is abuse@ the provider's domain (RFC 2142 section 4) as a proposal, to be
 * changed by whoever knows better; for UNKNOWN it is an empty group.  The same
 * notice gives the same bytes.
 *
 * Units    _ms since 1970-01-01 UTC; deadline_ms of the notice a duration.
 * Owns     nothing: reads what it is given, appends to the caller's buf.
 * Threads  any; no state.
 * Errors   ARGUMENT: a provider, address, domain or case id that is none;
 *          LIMIT, NOMEM of the buf.  Texts of any content are made harmless,
 *          not refused.
 * Source   RFC 5322, RFC 2045 to 2047; DSA Art. 16(2); the table is that of
 *          SCART (url;IP;firstseen;lastseen;note).
 */
#ifndef HF_CASE_MAIL_H
#define HF_CASE_MAIL_H

#include "buf.h"
#include "codec_case.h"
#include "err.h"

/* All borrowed. */
struct hf_case_mail {
	const struct hf_notice *notice;
	const char *case_id;      /* 32 hexadecimal digits */
	const char *organisation; /* our domain */
	/* Whom it is from; NULL: the contact of the notice, or else abuse@ our
	 * domain. */
	const char *from;
	uint32_t reminders; /* 0: the first notice; then 1, 2, ... */
	uint64_t date_ms;
	uint64_t published_ms;      /* of the notice; 0: date_ms */
	const char *message_domain; /* of message ids; NULL: organisation */
};

HF_MUST enum hf_err hf_case_mail(const struct hf_case_mail *mail,
				 struct hf_buf *out, struct hf_why *why);

#endif /* HF_CASE_MAIL_H */
