#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec_case.h"
#include "applied.h"
#include "receive_key.h"

#include "notice_record.h"
#include "signer_keys.h"
#include "signer_notice.h"
#include "signer_work.h"

/* Decoding an event of 56 KiB: a list of small messages costs most. */
#define EVENT_MEMORY_BYTES ((size_t)4 * 1024 * 1024)

/*
 * Opening.
 */

/* Leave the key NULL where there is none. */
static enum hf_err load_optional(const struct hf_signer_options *options,
				 enum hf_key_role role, const char *domain,
				 struct hf_key **out_key, struct hf_why *why)
{
	struct hf_key *key = NULL;
	enum hf_err err = hf_signer_load_key(options, role, "", &key, why);

	if (err == HF_E_NOTFOUND)
		return HF_OK;
	if (err != HF_OK)
		return err;
	if (strcmp(key->domain, domain) != 0) {
		err = hf_why(why, HF_E_CONFLICT,
			     "signer: %s.key belongs to %s and log.key to %s",
			     hf_key_role_name(role), key->domain, domain);
		hf_key_free(key);
		return err;
	}
	*out_key = key;
	return HF_OK;
}

static enum hf_err load_storage(struct hf_signer_notice *notice,
				const struct hf_signer_options *options,
				struct hf_why *why)
{
	struct hf_key *storage = NULL;
	enum hf_err err = load_optional(options, HF_KEY_STORAGE, notice->domain,
					&storage, why);

	if (err != HF_OK || storage == NULL)
		return err;
	notice->record_key = hf_secret_bytes_new(HF_SEAL_KEY_BYTES);
	if (notice->record_key != NULL)
		hf_notice_record_key(hf_secret_seed(storage->secret),
				     notice->record_key);
	else
		err = hf_why(why, HF_E_NOMEM, "signer: no locked memory");
	hf_key_free(storage);
	return err;
}

static enum hf_err load_receive(struct hf_signer_notice *notice,
				const struct hf_signer_options *options,
				struct hf_why *why)
{
	const struct hf_receiveset_place place = {
		.dir = options->dir,
		.credentials = options->credentials,
		.passphrase = options->passphrase,
	};
	enum hf_err err = hf_receiveset_open(&place, &notice->receive, why);

	if (err == HF_OK)
		err = hf_receiveset_tidy(notice->receive, why);
	for (size_t i = 0;
	     err == HF_OK && i < hf_receiveset_count(notice->receive); i++) {
		if (strcmp(hf_receiveset_at(notice->receive, i)->domain,
			   notice->domain) != 0)
			err = hf_why(
				why, HF_E_CONFLICT,
				"signer: a receive key belongs to %s and "
				"log.key to %s",
				hf_receiveset_at(notice->receive, i)->domain,
				notice->domain);
	}
	return err;
}

static void note_what_is_missing(struct hf_signer_notice *notice)
{
	const struct {
		bool is_missing;
		const char *what;
	} rows[] = {
		{ notice->notice == NULL,
		  "notice.key is missing: events of cases cannot be signed" },
		{ notice->record_key == NULL,
		  "storage.key is missing: events of cases cannot be kept; "
		  "'hashfed-key storage new' makes it where there never was "
		  "one" },
		{ hf_receiveset_count(notice->receive) == 0,
		  "receive.key is missing: nothing can be opened until a new "
		  "receive key begins" },
		{ true, hf_receiveset_warning(notice->receive) },
	};
	size_t i = 0;

	while (!rows[i].is_missing)
		i++;
	(void)hf_why(&notice->warning, HF_OK, "%s", rows[i].what);
}

enum hf_err hf_signer_notice_open(const struct hf_signer_options *options,
				  const char *domain,
				  struct hf_signer_notice **out_notice,
				  struct hf_why *why)
{
	struct hf_signer_notice *notice = calloc(1, sizeof(*notice));
	enum hf_err err;

	if (notice == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	strncat(notice->domain, domain, sizeof(notice->domain) - 1);
	err = load_optional(options, HF_KEY_NOTICE, domain, &notice->notice,
			    why);
	if (err == HF_OK)
		err = load_storage(notice, options, why);
	if (err == HF_OK)
		err = load_receive(notice, options, why);
	if (err != HF_OK) {
		hf_signer_notice_close(notice);
		return err;
	}
	note_what_is_missing(notice);
	*out_notice = notice;
	return HF_OK;
}

void hf_signer_notice_close(struct hf_signer_notice *notice)
{
	if (notice == NULL)
		return;
	hf_key_free(notice->notice);
	hf_receiveset_close(notice->receive);
	if (notice->record_key != NULL)
		hf_secret_bytes_free(notice->record_key);
	free(notice);
}

const char *hf_signer_notice_warning(const struct hf_signer_notice *notice)
{
	return notice->warning.text;
}

enum hf_err hf_signer_need_notice(const struct hf_signer_work *work,
				  struct hf_why *why)
{
	if (work->notice->notice != NULL)
		return HF_OK;
	return hf_why(why, HF_E_NOTFOUND,
		      "signer: notice.key is missing: nothing about takedown "
		      "cases can be signed; it is the one that the manifest "
		      "names, so bring it back from a backup");
}

/*
 * Receive keys.
 */

/* Begin a new key where the newest is too old.  A clock that was set back
 * makes no key old. */
static enum hf_err rotate(struct hf_signer_work *work,
			  const struct hf_agent_key_wish *wish,
			  struct hf_why *why)
{
	struct hf_receiveset *set = work->notice->receive;
	const struct hf_key *newest = hf_receiveset_newest(set);

	if (newest != NULL &&
	    (work->now_ms < newest->created_ms ||
	     work->now_ms - newest->created_ms < wish->rotate_ms))
		return HF_OK;
	return hf_receiveset_add(set, hf_span_of(work->notice->domain),
				 work->now_ms, wish->rotate_ms + wish->keep_ms,
				 why);
}

static enum hf_err answer_receive_key(struct hf_signer_work *work,
				      const struct hf_agent_key_wish *wish,
				      struct hf_why *why)
{
	const struct hf_key *newest;
	struct hf_receive_key key;
	enum hf_err err = hf_signer_need_notice(work, why);

	if (err == HF_OK &&
	    (wish->rotate_ms == 0 || wish->rotate_ms > HF_AGENT_KEY_MAX_MS ||
	     wish->keep_ms > HF_AGENT_KEY_MAX_MS))
		err = hf_why(why, HF_E_ARGUMENT,
			     "signer: receive keys are used for a time, and "
			     "kept, for at most ten years each");
	/* First, so that there is room for a new one; that it failed must not
	 * keep the others from working. */
	if (err == HF_OK)
		(void)!hf_receiveset_retire(work->notice->receive, work->now_ms,
					    wish->keep_ms, wish->named_key,
					    work->also);
	if (err == HF_OK)
		err = rotate(work, wish, why);
	if (err != HF_OK)
		return err;
	newest = hf_receiveset_newest(work->notice->receive);
	key = (struct hf_receive_key){
		.key = hf_span(newest->public_key.bytes, HF_PUBLIC_KEY_BYTES),
		.organisation_id =
			hf_span(wish->organisation_id, HF_HASH_BYTES),
		.from_ms = newest->created_ms,
		.until_ms = newest->expires_ms,
	};
	return hf_receive_key_make(&key, work->notice->notice->secret,
				   work->reply, why);
}

/* It is our word about our own doing: the daemon alone knows. */
static enum hf_err answer_applied(struct hf_signer_work *work,
				  const struct hf_agent_applied *applied,
				  struct hf_why *why)
{
	struct hf_applied_receipt receipt = {
		.origin = hf_arena_text(&work->arena, applied->origin),
		.organisation_id =
			hf_span(applied->organisation_id, HF_HASH_BYTES),
		.size = applied->size,
		.root = hf_span(applied->root.bytes, HF_HASH_BYTES),
		.at_ms = work->now_ms,
	};
	enum hf_err err = hf_signer_need_notice(work, why);

	if (err == HF_OK && receipt.origin == NULL)
		err = hf_why(why, HF_E_NOMEM, "signer: no memory");
	return err == HF_OK
		       ? hf_applied_make(&receipt, work->notice->notice->secret,
					 work->reply, why)
		       : err;
}

static enum hf_err answer(struct hf_signer_work *work,
			  const struct hf_agent_request *request,
			  struct hf_why *why)
{
	switch (request->verb) {
	case HF_AGENT_SEAL:
		return hf_signer_seal(work, &request->seal, why);
	case HF_AGENT_OPEN:
		return hf_signer_open_sealed(work, &request->open, why);
	case HF_AGENT_READ:
		return hf_signer_read(work, request->record, why);
	case HF_AGENT_STORE:
		return hf_signer_store(work, request->text, why);
	case HF_AGENT_RECEIVE_KEY:
		return answer_receive_key(work, &request->key_wish, why);
	case HF_AGENT_APPLIED:
		return answer_applied(work, &request->applied, why);
	default:
		return hf_why(why, HF_E_UNSUPPORTED,
			      "signer: no such question about events");
	}
}

static void wipe_buf(struct hf_buf *buf)
{
	if (buf->at != NULL)
		hf_wipe(buf->at, buf->len_bytes);
	hf_buf_release(buf);
}

enum hf_err hf_signer_notice_answer(struct hf_signer_notice *notice,
				    const struct hf_agent_request *request,
				    uint64_t now_ms, struct hf_buf *reply,
				    struct hf_why *also, struct hf_why *why)
{
	struct hf_signer_work work = {
		.notice = notice,
		.reply = reply,
		.now_ms = now_ms,
		.also = also,
	};
	enum hf_err err;

	hf_arena_init(&work.arena, EVENT_MEMORY_BYTES);
	hf_buf_init(&work.plain, HF_AGENT_RECORD_MAX_BYTES);
	hf_buf_init(&work.text, HF_CASE_TEXT_MAX_BYTES);
	hf_buf_init(&work.bytes, HF_AGENT_RECORD_MAX_BYTES);
	err = answer(&work, request, why);
	wipe_buf(&work.plain);
	wipe_buf(&work.text);
	hf_buf_release(&work.bytes);
	hf_arena_wipe(&work.arena);
	hf_arena_release(&work.arena);
	return err;
}
