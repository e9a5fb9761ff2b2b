#include <stdio.h>
#include <string.h>

#include "limit.h"
#include "text.h"

#include "case_mail.h"
#include "case_mail_text.h"
#include "mail_form.h"

#define CASE_ID_DIGITS 32
#define ADDRESS_SIZE   (HF_DOMAIN_MAX_BYTES + sizeof("abuse@"))

/* '=' is followed by a hex digit in quoted-printable and ends base64, so that
 * no line of a part is this one. */
#define BOUNDARY "=_hashfed_"

static bool is_case_id(const char *text)
{
	return strlen(text) == CASE_ID_DIGITS &&
	       strspn(text, "0123456789abcdef") == CASE_ID_DIGITS;
}

static bool is_unknown(const struct hf_case_mail *mail)
{
	return strcmp(mail->notice->provider, HF_NOTICE_NO_PROVIDER) == 0;
}

static enum hf_err check(const struct hf_case_mail *mail, const char *from,
			 struct hf_why *why)
{
	if (!is_case_id(mail->case_id))
		return hf_why(why, HF_E_ARGUMENT,
			      "mail: '%.40s' is no case id: 32 hexadecimal "
			      "digits",
			      mail->case_id);
	if (!hf_text_is_domain(hf_span_of(mail->organisation)))
		return hf_why(why, HF_E_ARGUMENT,
			      "mail: the organisation '%.60s' is no domain",
			      mail->organisation);
	if (mail->message_domain != NULL &&
	    !hf_text_is_domain(hf_span_of(mail->message_domain)))
		return hf_why(why, HF_E_ARGUMENT,
			      "mail: message ids cannot end in '%.60s': it is "
			      "no domain",
			      mail->message_domain);
	if (!is_unknown(mail) &&
	    !hf_text_is_domain(hf_span_of(mail->notice->provider)))
		return hf_why(why, HF_E_ARGUMENT,
			      "mail: the provider '%.60s' is neither a domain "
			      "nor UNKNOWN",
			      mail->notice->provider);
	if (!hf_mail_is_address(from))
		return hf_why(why, HF_E_ARGUMENT,
			      "mail: it cannot be from '%.60s': give a plain "
			      "address like notices@%.60s",
			      from, mail->organisation);
	return HF_OK;
}

/* From whom: the last resort is the address that RFC 2142 gives every domain.
 */
static const char *sender(const struct hf_case_mail *mail,
			  char fallback[static ADDRESS_SIZE])
{
	const struct hf_contact *contact = mail->notice->contact;

	if (mail->from != NULL)
		return mail->from;
	if (contact != NULL && contact->email != NULL &&
	    contact->email[0] != '\0')
		return contact->email;
	snprintf(fallback, ADDRESS_SIZE, "abuse@%.253s", mail->organisation);
	return fallback;
}

static void put_message_id(const struct hf_case_mail *mail, const char *header,
			   uint32_t reminders, struct hf_buf *out)
{
	hf_buf_printf(out, "%s: <%s.%u@%s>\r\n", header, mail->case_id,
		      (unsigned)reminders,
		      mail->message_domain != NULL ? mail->message_domain
						   : mail->organisation);
}

static void put_headers(const struct hf_case_mail *mail, const char *from,
			const char *subject, struct hf_buf *out)
{
	const struct hf_contact *contact = mail->notice->contact;
	const char *display = contact != NULL && contact->name != NULL &&
					      contact->name[0] != '\0'
				      ? contact->name
				      : mail->organisation;
	char to[ADDRESS_SIZE];

	hf_mail_date(out, mail->date_ms);
	hf_mail_mailbox(out, "From", display, from);
	if (is_unknown(mail)) {
		hf_buf_put_text(out, "To: undisclosed-recipients:;\r\n");
	} else {
		snprintf(to, sizeof(to), "abuse@%.253s",
			 mail->notice->provider);
		hf_mail_mailbox(out, "To", "", to);
	}
	hf_mail_header(out, "Subject", subject);
	put_message_id(mail, "Message-ID", mail->reminders, out);
	/* Mail programs put a reminder below what it reminds of. */
	if (mail->reminders > 0) {
		put_message_id(mail, "In-Reply-To", 0, out);
		put_message_id(mail, "References", 0, out);
	}
	hf_buf_printf(out,
		      "MIME-Version: 1.0\r\n"
		      "Content-Type: multipart/mixed;\r\n"
		      " boundary=\"" BOUNDARY "%s\"\r\n"
		      "\r\n",
		      mail->case_id);
}

static void put_parts(const struct hf_case_mail *mail, struct hf_span text,
		      struct hf_span table, struct hf_buf *out)
{
	hf_buf_printf(out,
		      "--" BOUNDARY "%s\r\n"
		      "Content-Type: text/plain; charset=utf-8\r\n"
		      "Content-Transfer-Encoding: quoted-printable\r\n"
		      "\r\n",
		      mail->case_id);
	hf_mail_quoted(out, text);
	hf_buf_printf(
		out,
		"--" BOUNDARY "%s\r\n"
		"Content-Type: text/csv; charset=utf-8; header=present\r\n"
		"Content-Disposition: attachment;\r\n"
		" filename=\"case-%.16s.csv\"\r\n"
		"Content-Transfer-Encoding: base64\r\n"
		"\r\n",
		mail->case_id, mail->case_id);
	hf_mail_base64(out, table);
	hf_buf_printf(out, "--" BOUNDARY "%s--\r\n", mail->case_id);
}

enum hf_err hf_case_mail(const struct hf_case_mail *mail, struct hf_buf *out,
			 struct hf_why *why)
{
	char fallback[ADDRESS_SIZE];
	const char *from = sender(mail, fallback);
	struct hf_buf text, table, subject;
	enum hf_err err = check(mail, from, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&text, HF_MAIL_MAX_BYTES);
	hf_buf_init(&table, HF_MAIL_MAX_BYTES);
	hf_buf_init(&subject, HF_MAIL_MAX_BYTES);
	hf_case_mail_text(mail, &text);
	hf_case_mail_table(mail->notice, &table);
	hf_case_mail_subject(mail, &subject);
	hf_buf_put_u8(&subject, 0);
	err = hf_buf_failed(&text);
	if (err == HF_OK)
		err = hf_buf_failed(&table);
	if (err == HF_OK)
		err = hf_buf_failed(&subject);
	if (err == HF_OK) {
		put_headers(mail, from, (const char *)subject.at, out);
		put_parts(mail, hf_buf_span(&text), hf_buf_span(&table), out);
		err = hf_buf_failed(out);
	}
	hf_buf_release(&subject);
	hf_buf_release(&table);
	hf_buf_release(&text);
	if (err != HF_OK)
		hf_why(why, err, "mail: %s",
		       err == HF_E_LIMIT ? "the notice is too long for one "
					   "mail; split it"
					 : "no memory");
	return err;
}
