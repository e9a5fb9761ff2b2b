#include <string.h>

#include "codec_case.h"
#include "codec_shape.h"
#include "text.h"

/*
 * Which fields go with a kind.  An event has those that it must have and none
 * that is not its own, so that nothing signed means two things.
 */

enum part {
	REASON = 1 << 0,
	ACTED = 1 << 1,
	NOTICE = 1 << 2,
	RECEIPT = 1 << 3,
	DELIVERY = 1 << 4,
	QUOTED = 1 << 5,
	MOVED = 1 << 6, /* host, country or both */
	HOST = 1 << 7,
	COUNTRY = 1 << 8,
	TO = 1 << 9,
	LOCATORS = 1 << 10,
};

struct row {
	unsigned kind;
	unsigned must;
	unsigned may;
};

/* A text and is_automatic may go with any. */
/* clang-format off */
static const struct row rows[] = {
	{ HF_CASE_EVENT_NOTICE,             NOTICE,           0 },
	{ HF_CASE_EVENT_RECEIPT,            RECEIPT,          0 },
	{ HF_CASE_EVENT_REVIEW,             0,                REASON },
	{ HF_CASE_EVENT_NEEDS_INFO,         REASON,           0 },
	{ HF_CASE_EVENT_INFO,               0,                REASON | LOCATORS },
	{ HF_CASE_EVENT_IMPOSSIBLE,         REASON,           0 },
	{ HF_CASE_EVENT_REMOVED,            0,                REASON | ACTED },
	{ HF_CASE_EVENT_DISABLED,           0,                REASON | ACTED },
	{ HF_CASE_EVENT_UNAVAILABLE,        0,                REASON | ACTED },
	{ HF_CASE_EVENT_MOVED,              MOVED,            REASON | ACTED | HOST | COUNTRY },
	{ HF_CASE_EVENT_REJECTED,           REASON,           0 },
	{ HF_CASE_EVENT_OFFLINE,            0,                REASON | ACTED },
	{ HF_CASE_EVENT_ONLINE,             0,                REASON | ACTED },
	{ HF_CASE_EVENT_REAPPEARED,         0,                REASON | ACTED | LOCATORS },
	{ HF_CASE_EVENT_RENOTIFY,           0,                REASON },
	{ HF_CASE_EVENT_ESCALATE_LEA,       0,                REASON },
	{ HF_CASE_EVENT_ESCALATE_AUTHORITY, TO,               REASON },
	{ HF_CASE_EVENT_ORDER,              NOTICE,           REASON },
	{ HF_CASE_EVENT_COMPLIED,           0,                REASON | ACTED },
	{ HF_CASE_EVENT_PENALTY,            0,                REASON },
	{ HF_CASE_EVENT_CONTEST,            0,                REASON },
	{ HF_CASE_EVENT_REINSTATED,         0,                REASON | ACTED },
	{ HF_CASE_EVENT_WITHDRAW,           REASON,           0 },
	{ HF_CASE_EVENT_CLOSE,              REASON,           0 },
	{ HF_CASE_EVENT_FORWARD,            TO,               REASON | COUNTRY },
	{ HF_CASE_EVENT_DELIVERY,           DELIVERY,         REASON },
	{ HF_CASE_EVENT_QUOTE,              QUOTED,           0 },
};

static const struct {
	unsigned part;
	const char *name;
} names[] = {
	{ REASON,   "reason" },
	{ ACTED,    "acted_ms" },
	{ NOTICE,   "notice" },
	{ RECEIPT,  "receipt" },
	{ DELIVERY, "delivery" },
	{ QUOTED,   "quoted" },
	{ MOVED,    "moved_host, moved_country" },
	{ HOST,     "moved_host" },
	{ COUNTRY,  "moved_country" },
	{ TO,       "to_id" },
	{ LOCATORS, "locators" },
};
/* clang-format on */

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static bool is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static unsigned parts_of(const struct hf_case_event *event)
{
	unsigned host = is_set(event->moved_host) ? HOST : 0;
	unsigned country = is_set(event->moved_country) ? COUNTRY : 0;

	return host | country | (host != 0 || country != 0 ? MOVED : 0) |
	       (event->reason != 0 ? REASON : 0) |
	       (event->acted_ms != 0 ? ACTED : 0) |
	       (event->notice != NULL ? NOTICE : 0) |
	       (event->receipt != NULL ? RECEIPT : 0) |
	       (event->delivery != NULL ? DELIVERY : 0) |
	       (event->quoted != NULL ? QUOTED : 0) |
	       (event->to_id.len_bytes > 0 ? TO : 0) |
	       (event->locators_count > 0 ? LOCATORS : 0);
}

static enum hf_err check_parts(const struct hf_case_event *event,
			       const struct row *row, struct hf_why *why)
{
	unsigned has = parts_of(event);
	const char *kind = hf_case_event_kind_word(event->kind);

	for (size_t i = 0; i < COUNT(names); i++) {
		unsigned part = names[i].part;

		if ((row->must & part) != 0 && (has & part) == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "%s: missing, a %s has it", names[i].name,
				      kind);
		/* That there is one or the other, its parts say themselves. */
		if (part != MOVED && (has & part) != 0 &&
		    ((row->must | row->may) & part) == 0)
			return hf_why(why, HF_E_ARGUMENT, "%s: a %s has none",
				      names[i].name, kind);
	}
	return HF_OK;
}

static enum hf_err check_reason(const struct hf_case_event *event,
				struct hf_why *why)
{
	unsigned reason = event->reason;

	if (reason == 0)
		return HF_OK;
	if (strcmp(hf_case_reason_word(reason), "unknown") == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "reason: %u is no known reason", reason);
	if (reason == HF_CASE_REASON_OTHER && !is_set(event->text))
		return hf_why(why, HF_E_ARGUMENT,
			      "text: missing, with the reason 'other' it says "
			      "what");
	return HF_OK;
}

/* Only a NOTICE or an ORDER can open a case, and then names none. */
static enum hf_err check_ids(const struct hf_case_event *event,
			     struct hf_why *why)
{
	const struct hf_entry_ref *ref = event->case_ref;

	if (event->event_id.len_bytes != HF_EVENT_ID_BYTES)
		return hf_why(why, HF_E_ARGUMENT,
			      "event_id: missing, must be %d bytes",
			      HF_EVENT_ID_BYTES);
	if (ref == NULL && event->kind != HF_CASE_EVENT_NOTICE &&
	    event->kind != HF_CASE_EVENT_ORDER)
		return hf_why(why, HF_E_ARGUMENT,
			      "case_ref: missing, only a notice or an order "
			      "opens a case");
	if (ref != NULL && event->kind == HF_CASE_EVENT_NOTICE)
		return hf_why(why, HF_E_ARGUMENT,
			      "case_ref: a notice opens a case of its own");
	if (ref != NULL && (!hf_text_is_origin(hf_span_of(ref->origin)) ||
			    ref->leaf_hash.len_bytes != HF_HASH_BYTES))
		return hf_why(why, HF_E_ARGUMENT,
			      "case_ref: not an entry with its leaf hash");
	if (ref == NULL && event->after_count > 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "after: there is nothing before the event that "
			      "opens a case");
	return HF_OK;
}

static enum hf_err check_after(const struct hf_case_event *event,
			       struct hf_why *why)
{
	for (size_t i = 0; i < event->after_count; i++) {
		if (hf_span_equal(event->after[i], event->event_id))
			return hf_why(why, HF_E_ARGUMENT,
				      "after[%zu]: the event itself", i);
		for (size_t j = 0; j < i; j++) {
			if (hf_span_equal(event->after[i], event->after[j]))
				return hf_why(why, HF_E_ARGUMENT,
					      "after[%zu]: is there twice", i);
		}
	}
	return HF_OK;
}

/*
 * Notices and orders.
 */

static bool is_for_orders(unsigned regime)
{
	return regime == HF_REGIME_CSAM_ORDER || regime == HF_REGIME_TCO ||
	       regime == HF_REGIME_CRIMINAL_ORDER;
}

static enum hf_err check_regime(const struct hf_notice *notice, bool is_order,
				struct hf_why *why)
{
	unsigned regime = notice->regime;
	const char *word = hf_regime_word(regime);

	if (regime == 0 || strcmp(word, "unknown") == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: regime: %u is none of %s", regime,
			      hf_regime_words());
	if (is_order && !is_for_orders(regime))
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: regime: no order is given under %s",
			      word);
	if (!is_order && is_for_orders(regime))
		return hf_why(
			why, HF_E_ARGUMENT,
			"notice: regime: %s is for orders of an authority",
			word);
	return HF_OK;
}

static enum hf_err check_refs(const struct hf_notice *notice,
			      struct hf_why *why)
{
	for (size_t i = 0; i < notice->entries_count; i++) {
		if (!hf_text_is_origin(hf_span_of(notice->entries[i].origin)))
			return hf_why(
				why, HF_E_ARGUMENT,
				"notice: entries[%zu]: not a whole origin", i);
	}
	if (notice->continues != NULL &&
	    !hf_text_is_origin(hf_span_of(notice->continues->origin)))
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: continues: not a whole origin");
	return HF_OK;
}

/* A digest must have the length of its algorithm, or nobody can match it. */
static enum hf_err check_what(const struct hf_notice *notice,
			      struct hf_why *why)
{
	unsigned class = notice->content_class;

	if (class == 0 || class >= HF_CLASS_COUNT)
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: content_class: %u is no known class",
			      class);
	for (size_t i = 0; i < notice->hashes_count; i++) {
		const struct hf_hash *hash = &notice->hashes[i];

		if (!hf_algorithm_takes(hash->algorithm,
					hash->digest.len_bytes))
			return hf_why(why, HF_E_ARGUMENT,
				      "notice: hashes[%zu]: %zu bytes are no "
				      "digest of algorithm %u (%s)",
				      i, hash->digest.len_bytes,
				      (unsigned)hash->algorithm,
				      hf_algorithm_word(hash->algorithm));
	}
	if (notice->locators_count == 0 && notice->hashes_count == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: locators, hashes: none, there must be "
			      "one of either");
	return HF_OK;
}

/* DSA Art. 16(2)(a), (c) with its exception for Arts 3 to 7 of Directive
 * 2011/93, and (d).  They are for notices to others: an order has its own, and
 * a provider owes itself none. */
static enum hf_err check_elements(const struct hf_notice *notice, bool is_order,
				  struct hf_why *why)
{
	if (notice->regime == HF_REGIME_VOLUNTARY)
		return HF_OK;
	if (!is_set(notice->explanation))
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: explanation: missing, why is it illegal "
			      "(DSA Art. 16(2)(a))");
	if (is_order)
		return HF_OK;
	if (!notice->is_good_faith)
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: is_good_faith: must be stated (DSA Art. "
			      "16(2)(d))");
	if (hf_class_is_csam(notice->content_class))
		return HF_OK;
	if (notice->contact == NULL || !is_set(notice->contact->email))
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: contact: a name and an e-mail address "
			      "must be there (DSA Art. 16(2)(c))");
	return HF_OK;
}

/* Regulation (EU) 2021/784 Art. 3(4) and Annex I. */
static enum hf_err check_order(const struct hf_notice *notice,
			       struct hf_why *why)
{
	const struct hf_order *order = notice->order;

	if (order == NULL)
		return hf_why(why, HF_E_ARGUMENT, "notice: order: missing");
	if (!is_set(order->reference) || !is_set(order->authority) ||
	    !is_set(order->issuing_state))
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: order: reference, authority and "
			      "issuing_state must be there");
	if (notice->regime == HF_REGIME_TCO && order->grounds_count == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "notice: order: grounds: none (Regulation (EU) "
			      "2021/784, Annex I)");
	return HF_OK;
}

/* They go into tables and mails as they are. */
static enum hf_err check_host(const char *host, const char *field,
			      struct hf_why *why)
{
	if (strcmp(host, HF_NOTICE_NO_PROVIDER) == 0 ||
	    hf_text_is_domain(hf_span_of(host)))
		return HF_OK;
	return hf_why(why, HF_E_ARGUMENT,
		      "%s: neither a domain in lower case "
		      "nor " HF_NOTICE_NO_PROVIDER,
		      field);
}

static enum hf_err check_notice(const struct hf_case_event *event,
				struct hf_why *why)
{
	const struct hf_notice *notice = event->notice;
	bool is_order = event->kind == HF_CASE_EVENT_ORDER;
	enum hf_err err;

	if (notice == NULL)
		return HF_OK;
	err = check_host(notice->provider, "notice: provider", why);
	if (err == HF_OK)
		err = check_regime(notice, is_order, why);
	if (err == HF_OK)
		err = check_what(notice, why);
	if (err == HF_OK)
		err = check_refs(notice, why);
	if (err == HF_OK)
		err = check_elements(notice, is_order, why);
	if (err == HF_OK && is_order)
		err = check_order(notice, why);
	if (err == HF_OK && !is_order && notice->order != NULL)
		err = hf_why(why, HF_E_ARGUMENT,
			     "notice: order: a notice has none");
	return err;
}

/*
 * All of it.
 */

static const struct row *row_of(unsigned kind)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].kind == kind)
			return &rows[i];
	}
	return NULL;
}

static enum hf_err check_sense(const struct hf_case_event *event,
			       struct hf_why *why)
{
	const struct row *row = row_of(event->kind);
	enum hf_err err;

	if (row == NULL)
		return hf_why(why, HF_E_ARGUMENT, "kind: %u is none of %s",
			      (unsigned)event->kind,
			      hf_case_event_kind_words());
	err = check_ids(event, why);
	if (err == HF_OK)
		err = check_after(event, why);
	if (err == HF_OK)
		err = check_parts(event, row, why);
	if (err == HF_OK)
		err = check_reason(event, why);
	if (err == HF_OK && is_set(event->moved_host))
		err = check_host(event->moved_host, "moved_host", why);
	if (err == HF_OK)
		err = check_notice(event, why);
	return err;
}

enum hf_err hf_case_event_check(const struct hf_case_event *event,
				struct hf_why *why)
{
	enum hf_err err = hf_shape_check(hf_case_event_shape(), event, why);

	if (err == HF_OK)
		err = check_sense(event, why);
	if (err != HF_OK)
		hf_why_prefix(why, "event: ");
	return err;
}

static enum hf_err check_powers(const struct hf_attestation *claim,
				struct hf_why *why)
{
	unsigned seen = 0;

	for (size_t i = 0; i < claim->powers_count; i++) {
		unsigned power = claim->powers[i];

		if (power == 0 || power > HF_POWER_ORDER_CRIMINAL)
			return hf_why(why, HF_E_ARGUMENT,
				      "powers[%zu]: %u is none of %s", i, power,
				      hf_power_words());
		if ((seen & 1u << power) != 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "powers[%zu]: %s is there twice", i,
				      hf_power_word(power));
		seen |= 1u << power;
	}
	return HF_OK;
}

static enum hf_err check_claim(const struct hf_attestation *claim,
			       struct hf_why *why)
{
	unsigned role = claim->role;

	if (role == 0 || role > HF_ROLE_WITNESS)
		return hf_why(why, HF_E_ARGUMENT, "role: %u is none of %s",
			      role, hf_role_words());
	if (role != HF_ROLE_AUTHORITY && claim->powers_count > 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "powers: only an authority has any");
	if (role != HF_ROLE_AUTHORITY && is_set(claim->jurisdiction))
		return hf_why(why, HF_E_ARGUMENT,
			      "jurisdiction: only an authority has one");
	if (role == HF_ROLE_AUTHORITY && !is_set(claim->jurisdiction))
		return hf_why(why, HF_E_ARGUMENT,
			      "jurisdiction: missing, an authority has one");
	if (claim->until_ms != 0 && claim->until_ms < claim->from_ms)
		return hf_why(why, HF_E_ARGUMENT,
			      "until_ms: before from_ms, must be 0 or later");
	return check_powers(claim, why);
}

enum hf_err hf_attestation_check(const struct hf_attestation *claim,
				 struct hf_why *why)
{
	enum hf_err err = hf_shape_check(hf_attestation_shape(), claim, why);

	if (err == HF_OK)
		err = check_claim(claim, why);
	if (err != HF_OK)
		hf_why_prefix(why, "claim: ");
	return err;
}
