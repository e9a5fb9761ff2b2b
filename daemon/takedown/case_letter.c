#include "case_mail.h"
#include "ring.h"

#include "case_letter.h"

enum hf_err hf_case_letter(const struct hf_organisation *self,
			   const struct hf_notice *notice,
			   const struct hf_case_summary *summary,
			   uint64_t now_ms, struct hf_buf *out,
			   struct hf_why *why)
{
	const struct hf_case_mail mail = {
		.notice = notice,
		.case_id = summary->case_id,
		.organisation = self->name,
		.reminders = summary->renotified,
		.date_ms = now_ms,
		.published_ms = summary->published_ms,
	};

	return hf_case_mail(&mail, out, why);
}
