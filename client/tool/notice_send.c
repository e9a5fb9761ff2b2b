#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "file.h"
#include "sign.h"

#include "case_show.h"
#include "notice.h"
#include "show.h"
#include "show_json.h"

enum hf_err hf_request_id(const struct hf_cmd *cmd,
			  uint8_t out_id[static HF_EVENT_ID_BYTES],
			  bool *out_is_given, struct hf_why *why)
{
	const char *text = hf_cmd_option(cmd, HF_CMD_REQUEST);

	*out_is_given = text != NULL;
	if (text == NULL) {
		hf_random(out_id, HF_EVENT_ID_BYTES);
		return HF_OK;
	}
	if (hf_hex_parse(hf_span_of(text), out_id, HF_EVENT_ID_BYTES) != HF_OK)
		return hf_why(why, HF_E_ARGUMENT,
			      "--request '%.60s': give the %d hex digits that "
			      "were printed",
			      text, 2 * HF_EVENT_ID_BYTES);
	return HF_OK;
}

/* After these the daemon has done nothing, whatever it was asked. */
static bool is_final(enum hf_err err)
{
	switch (err) {
	case HF_E_ARGUMENT:
	case HF_E_MALFORMED:
	case HF_E_LIMIT:
	case HF_E_DENIED:
	case HF_E_UNAUTHENTICATED:
	case HF_E_NOTFOUND:
	case HF_E_CONFLICT:
	case HF_E_QUOTA:
	case HF_E_UNSUPPORTED:
		return true;
	default:
		return false;
	}
}

void hf_request_say_broken(const uint8_t id[static HF_EVENT_ID_BYTES],
			   enum hf_err err)
{
	char hex[2 * HF_EVENT_ID_BYTES + 1];

	if (is_final(err))
		return;
	hf_hex(id, HF_EVENT_ID_BYTES, hex);
	fprintf(stderr,
		"hashfed: it may be done all the same: the same command with "
		"--request %s finds out, and does nothing twice\n",
		hex);
}

enum hf_err hf_answer_check(const struct hf_case_summary *summary,
			    struct hf_why *why)
{
	uint8_t id[16];

	/* It becomes the name of a file, too. */
	if (summary == NULL ||
	    hf_hex_parse(hf_span_of(summary->case_id), id, sizeof(id)) != HF_OK)
		return hf_why(why, HF_E_INTERNAL,
			      "the daemon's answer tells of no case");
	return HF_OK;
}

enum hf_err hf_mail_write(const struct hf_cmd *cmd, const char *case_id,
			  struct hf_span mail,
			  char out_path[static HF_MAIL_PATH_SIZE],
			  struct hf_why *why)
{
	const char *dir = hf_cmd_option(cmd, HF_CMD_MAIL_DIR);
	char name[64];
	enum hf_err err;

	out_path[0] = '\0';
	if (mail.len_bytes == 0)
		return HF_OK;
	snprintf(name, sizeof(name), "%.40s.eml", case_id);
	err = hf_file_join(out_path, HF_MAIL_PATH_SIZE, dir, name, why);
	if (err == HF_OK)
		err = hf_file_replace(out_path, mail, 0600, why);
	if (err != HF_OK)
		hf_why_prefix(why, "the mail of case %s: ", case_id);
	return err;
}

/* ---- what happens next ---- */

static void print_due(const struct hf_case_summary *summary)
{
	char due[HF_SHOW_TIME_SIZE];

	if (summary->due_ms == 0)
		return;
	hf_show_time(summary->due_ms, due);
	printf("due %s UTC\n", due);
}

static void print_next(const struct hf_case_summary *summary,
		       const char *mail_path)
{
	const char *id = summary->case_id;

	switch (summary->state) {
	case HF_CASE_DRAFT:
	case HF_CASE_HELD_POLICE:
		printf("next: nobody was told; 'hashfed cases release %.12s' "
		       "sends it\n",
		       id);
		return;
	default:
		break;
	}
	if (mail_path[0] != '\0') {
		printf("mail: ");
		hf_show_escaped(stdout, mail_path);
		printf("\nnext: %s is not a member: send the mail, then say "
		       "so with\n"
		       "      hashfed cases sent %.12s --means mail --address "
		       "ADDRESS [--failed]\n",
		       summary->provider, id);
		return;
	}
	if (summary->is_not_member)
		printf("next: %s is not a member: what you send it by, record "
		       "with\n"
		       "      hashfed cases sent %.12s --means MEANS "
		       "--address ADDRESS\n",
		       summary->provider, id);
	else if (summary->acknowledged_ms == 0)
		printf("next: %s fetches it and signs a receipt, from when "
		       "the clock runs;\n"
		       "      'hashfed cases show %.12s' says how it is\n",
		       summary->provider, id);
}

enum hf_err hf_notice_print(const struct hf_cmd *cmd,
			    const struct hf_case_summary *summary,
			    const uint8_t request_id[static HF_EVENT_ID_BYTES],
			    const char *mail_path, struct hf_why *why)
{
	json_t *object;

	if (!hf_cmd_has(cmd, HF_CMD_JSON)) {
		printf("case %s: %s; %s, %u places, %u hashes\n",
		       summary->case_id, hf_case_state_word(summary->state),
		       summary->provider, summary->locators, summary->hashes);
		print_due(summary);
		print_next(summary, mail_path);
		return HF_OK;
	}
	object = hf_case_json(summary);
	json_object_set_new(object, "request",
			    hf_json_hex(request_id, HF_EVENT_ID_BYTES));
	if (mail_path[0] != '\0')
		json_object_set_new(object, "mail", hf_json_text(mail_path));
	return hf_json_line(object, why);
}
