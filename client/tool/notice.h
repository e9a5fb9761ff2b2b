/*
 * notice.h -- a notice out of the command line, and how it is sent: what
 * `notify`, `notify --import` and `cases order` share.
 *
 * Units    as in the notice.
 * Owns     everything lives in the command's arena, or is the command line's.
 * Threads  one.
 * Errors   ARGUMENT, MALFORMED, LIMIT with the option and what would be right.
 * Source   hashfed(1), notify.
 */
#ifndef HF_NOTICE_H
#define HF_NOTICE_H

#include "codec_takedown.h"

#include "cmd.h"

/* What may be told in one notice: below HF_CASE_TEXT_MAX_BYTES by what the
 * daemon adds. */
#define HF_NOTICE_MAX_BYTES (HF_CASE_TEXT_MAX_BYTES - (size_t)4096)

struct hf_notice_plan {
	struct hf_notice notice;
	struct hf_contact contact;
	struct hf_order order;
	enum hf_case_event_kind kind; /* NOTICE, or ORDER with --order */
	enum hf_case_state hold;      /* 0: send it now */
	uint8_t request_id[HF_EVENT_ID_BYTES];
	bool has_request; /* --request was given */
};

/* All that the options say.  Nothing is demanded yet. */
HF_MUST enum hf_err hf_notice_take(struct hf_cmd *cmd,
				   struct hf_notice_plan *plan,
				   struct hf_why *why);

/* The rules of an order, by what it is about. */
enum hf_regime hf_order_regime(enum hf_class content_class);

/* Provider, regime, class, and a place or a hash are there, and it fits. */
HF_MUST enum hf_err hf_notice_check(const struct hf_notice *notice,
				    struct hf_why *why);

/* On standard error, what a notice lacks that the law asks for, if anything
 * (DSA Art. 16(2)).  It may be sent all the same. */
void hf_notice_warn(const struct hf_notice *notice);

/* --request, or 16 random bytes. */
HF_MUST enum hf_err hf_request_id(const struct hf_cmd *cmd,
				  uint8_t out_id[static HF_EVENT_ID_BYTES],
				  bool *out_is_given, struct hf_why *why);

/* On standard error: it may have been done, and how to ask again.  Not after
 * an error which says that it was not. */
void hf_request_say_broken(const uint8_t id[static HF_EVENT_ID_BYTES],
			   enum hf_err err);

/* Write the mail of an answer to CASEID.eml in --mail-dir, or here.  out_path
 * is "" where there is none. */
#define HF_MAIL_PATH_SIZE 4096
HF_MUST enum hf_err hf_mail_write(const struct hf_cmd *cmd, const char *case_id,
				  struct hf_span mail,
				  char out_path[static HF_MAIL_PATH_SIZE],
				  struct hf_why *why);

/* The case that an answer tells of, or INTERNAL. */
HF_MUST enum hf_err hf_answer_check(const struct hf_case_summary *summary,
				    struct hf_why *why);

/* The case, and what happens next; as one line with --json. */
HF_MUST enum hf_err
hf_notice_print(const struct hf_cmd *cmd, const struct hf_case_summary *summary,
		const uint8_t request_id[static HF_EVENT_ID_BYTES],
		const char *mail_path, struct hf_why *why);

/* notify --import LIST. */
HF_MUST enum hf_err hf_notice_import(struct hf_cmd *cmd,
				     struct hf_notice_plan *plan,
				     struct hf_why *why);

#endif /* HF_NOTICE_H */
