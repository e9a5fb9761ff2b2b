#include <string.h>

#include "codec_case.h"
#include "codec_document.h"

#include "show_bundle.h"
#include "show_json.h"

/* Members that are nothing are left out. */

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(object, key, hf_json_text(text));
}

/* Others' times can be of any size; a number of JSON cannot. */
static void set_time(json_t *object, const char *key, uint64_t wall_ms)
{
	if (wall_ms != 0)
		json_object_set_new(object, key,
				    hf_json_number(wall_ms < INT64_MAX
							   ? wall_ms
							   : INT64_MAX));
}

static void set_seconds(json_t *object, const char *key, uint64_t time_s)
{
	set_time(object, key,
		 time_s < INT64_MAX / 1000 ? time_s * 1000 : INT64_MAX);
}

static void set_flag(json_t *object, const char *key, bool is_so)
{
	json_object_set_new(object, key, json_boolean(is_so));
}

static void set_party(json_t *object, const char *key,
		      const struct hf_bundle_party *party)
{
	if (party != NULL)
		set_text(object, key, party->name);
}

static json_t *ref_json(const char *origin, uint64_t index)
{
	json_t *object = json_object();

	set_text(object, "origin", origin);
	json_object_set_new(object, "index", hf_json_number(index));
	return object;
}

static json_t *party_json(const struct hf_bundle_party *party)
{
	json_t *object = json_object();

	set_text(object, "name", party->name);
	set_text(object, "country", party->country);
	json_object_set_new(object, "organisation_id",
			    hf_json_hex(party->id, HF_HASH_BYTES));
	json_object_set_new(object, "manifest_version",
			    hf_json_number(party->manifests[0]->version));
	set_time(object, "manifest_expires_ms",
		 party->manifests[0]->expires_ms);
	set_flag(object, "is_expired", party->is_expired);
	return object;
}

static json_t *cosigner_json(const struct hf_bundle_cosigner *cosigner)
{
	json_t *object = json_object();

	set_text(object, "name", cosigner->name);
	set_flag(object, "is_verified", cosigner->party != NULL);
	set_party(object, "organisation", cosigner->party);
	set_seconds(object, "time_ms", cosigner->time_s);
	return object;
}

static json_t *set_json(const struct hf_bundle_set *set)
{
	json_t *object = json_object(), *cosigners = json_array();

	set_text(object, "origin", set->origin);
	set_party(object, "publisher", set->publisher);
	json_object_set_new(object, "size", hf_json_number(set->size));
	json_object_set_new(object, "entries_here",
			    hf_json_number(set->entries_count));
	json_object_set_new(object, "root",
			    hf_json_hex(set->root.bytes, HF_HASH_BYTES));
	set_seconds(object, "time_ms", set->time_s);
	for (size_t i = 0; i < set->cosigners_count; i++)
		json_array_append_new(cosigners,
				      cosigner_json(&set->cosigners[i]));
	json_object_set_new(object, "cosigners", cosigners);
	return object;
}

static json_t *place_json(const struct hf_locator *place)
{
	json_t *object = json_object();

	set_text(object, "url", place->url);
	set_text(object, "ip", place->ip);
	set_time(object, "first_seen_ms", place->first_seen_ms);
	set_time(object, "last_seen_ms", place->last_seen_ms);
	set_text(object, "note", place->note);
	return object;
}

static json_t *places_json(const struct hf_locator *places, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, place_json(&places[i]));
	return list;
}

static json_t *hashes_json(const struct hf_notice *notice)
{
	json_t *list = json_array();

	for (size_t i = 0; i < notice->hashes_count; i++) {
		const struct hf_hash *hash = &notice->hashes[i];
		json_t *object = json_object();

		set_text(object, "algorithm",
			 hf_algorithm_word(hash->algorithm));
		json_object_set_new(
			object, "digest",
			hf_json_hex(hash->digest.at, hash->digest.len_bytes));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *order_json(const struct hf_order *order)
{
	json_t *object = json_object(), *grounds = json_array();

	set_text(object, "reference", order->reference);
	set_text(object, "authority", order->authority);
	set_text(object, "issuing_state", order->issuing_state);
	set_text(object, "addressee", order->addressee);
	set_text(object, "host_state", order->host_state);
	set_text(object, "identification", order->identification);
	for (size_t i = 0; i < order->grounds_count; i++)
		json_array_append_new(grounds, hf_json_text(order->grounds[i]));
	json_object_set_new(object, "grounds", grounds);
	set_text(object, "series", order->series);
	set_flag(object, "covers_similar", order->covers_similar);
	set_text(object, "penalty", order->penalty);
	set_text(object, "redress", order->redress);
	set_flag(object, "was_informed", order->was_informed);
	set_flag(object, "is_emergency", order->is_emergency);
	return object;
}

static json_t *notice_json(const struct hf_notice *notice)
{
	json_t *object = json_object(), *entries = json_array();

	set_text(object, "provider", notice->provider);
	set_text(object, "regime", hf_regime_word(notice->regime));
	set_text(object, "class", hf_class_word(notice->content_class));
	set_time(object, "deadline_ms", notice->deadline_ms);
	json_object_set_new(
		object, "places",
		places_json(notice->locators, notice->locators_count));
	json_object_set_new(object, "hashes", hashes_json(notice));
	for (size_t i = 0; i < notice->entries_count; i++)
		json_array_append_new(entries,
				      ref_json(notice->entries[i].origin,
					       notice->entries[i].index));
	json_object_set_new(object, "entries", entries);
	set_text(object, "explanation", notice->explanation);
	set_flag(object, "is_good_faith", notice->is_good_faith);
	set_text(object, "jurisdiction", notice->jurisdiction);
	set_text(object, "legal_basis", notice->legal_basis);
	set_text(object, "reference", notice->reference);
	if (notice->contact != NULL) {
		json_t *contact = json_object();

		set_text(contact, "name", notice->contact->name);
		set_text(contact, "email", notice->contact->email);
		set_text(contact, "phone", notice->contact->phone);
		json_object_set_new(object, "contact", contact);
	}
	if (notice->order != NULL)
		json_object_set_new(object, "order", order_json(notice->order));
	return object;
}

/* What the event says beside its notice. */
static void said_json(json_t *object, const struct hf_case_event *event)
{
	set_text(object, "kind", hf_case_event_kind_word(event->kind));
	json_object_set_new(
		object, "event_id",
		hf_json_hex(event->event_id.at, event->event_id.len_bytes));
	set_time(object, "at_ms", event->at_ms);
	set_time(object, "acted_ms", event->acted_ms);
	if (event->reason != 0)
		set_text(object, "reason", hf_case_reason_word(event->reason));
	set_text(object, "text", event->text);
	set_text(object, "moved_host", event->moved_host);
	set_text(object, "moved_country", event->moved_country);
	set_flag(object, "is_automatic", event->is_automatic);
	if (event->locators_count > 0)
		json_object_set_new(
			object, "places",
			places_json(event->locators, event->locators_count));
	if (event->delivery != NULL) {
		json_t *delivery = json_object();

		set_text(delivery, "means", event->delivery->means);
		set_text(delivery, "address", event->delivery->address);
		set_text(delivery, "reference", event->delivery->reference);
		set_time(delivery, "sent_ms", event->delivery->sent_ms);
		set_flag(delivery, "has_failed", event->delivery->has_failed);
		json_object_set_new(object, "delivery", delivery);
	}
	if (event->notice != NULL)
		json_object_set_new(object, "notice",
				    notice_json(event->notice));
}

static json_t *event_json(const struct hf_bundle_event *event)
{
	json_t *object = json_object();

	said_json(object, event->event);
	set_party(object, "author", event->author);
	set_party(object, "recipient", event->recipient);
	set_time(object, "sealed_ms", event->sealed_ms);
	json_object_set_new(object, "entry",
			    ref_json(event->origin, event->index));
	json_object_set_new(object, "text_sha256",
			    hf_json_hex(event->text_hash, HF_HASH_BYTES));
	set_text(object, "fate", hf_case_fate_word(event->fate));
	set_flag(object, "is_shown_to_be_sealed",
		 event->shown == HF_BUNDLE_SEALED);
	set_seconds(object, "cosigned_ms", event->cosigned_s);
	if (event->quote != NULL) {
		set_party(object, "quoted_by", event->quote->author);
		json_object_set_new(
			object, "quoted_in",
			ref_json(event->quote->origin, event->quote->index));
	}
	if (event->receipt != NULL)
		set_party(object, "receipt_by", event->receipt->author);
	if (event->receipt_of != NULL)
		json_object_set_new(object, "receipt_of",
				    ref_json(event->receipt_of->origin,
					     event->receipt_of->index));
	return object;
}

static void case_json(json_t *object, const struct hf_case *now,
		      uint64_t now_ms)
{
	struct hf_case_clock clock;

	hf_case_clock(now, hf_case_rules_default(now->regime), now_ms, &clock);
	set_text(object, "state", hf_case_state_word(now->state));
	if (now->reason != 0)
		set_text(object, "reason", hf_case_reason_word(now->reason));
	set_text(object, "regime", hf_regime_word(now->regime));
	set_time(object, "published_ms", now->published_ms);
	set_time(object, "delivered_ms", now->delivered_ms);
	set_time(object, "acknowledged_ms", now->acknowledged_ms);
	set_time(object, "renotified_ms", now->renotified_ms);
	set_time(object, "escalated_ms", now->escalated_ms);
	set_time(object, "ordered_ms", now->ordered_ms);
	set_time(object, "acted_ms", now->acted_ms);
	set_time(object, "complied_ms", now->complied_ms);
	set_time(object, "offline_ms", now->offline_ms);
	set_time(object, "closed_ms", now->closed_ms);
	set_time(object, "clock_ms", now->clock_ms);
	set_time(object, "deadline_ms", clock.limit_ms);
	set_time(object, "stopped_ms", now->stopped_ms);
	set_flag(object, "is_overdue", clock.is_overdue);
	set_flag(object, "is_late", clock.is_late);
	set_flag(object, "is_paused", clock.is_paused);
	set_flag(object, "is_over", now->is_over);
}

enum hf_err hf_show_bundle_json(const struct hf_bundle_report *report,
				uint64_t now_ms, struct hf_why *why)
{
	json_t *object = json_object(), *parties = json_array();
	json_t *sets = json_array(), *events = json_array();
	json_t *findings = json_array();

	set_flag(object, "verified", true);
	set_text(object, "case_id", report->case_id);
	case_json(object, &report->now, now_ms);
	for (size_t i = 0; i < report->parties_count; i++)
		json_array_append_new(parties, party_json(&report->parties[i]));
	json_object_set_new(object, "parties", parties);
	for (size_t i = 0; i < report->sets_count; i++)
		json_array_append_new(sets, set_json(&report->sets[i]));
	json_object_set_new(object, "sets", sets);
	for (size_t i = 0; i < report->events_count; i++)
		json_array_append_new(events, event_json(report->events[i]));
	json_object_set_new(object, "events", events);
	set_flag(object, "are_powers_checked", report->are_powers_checked);
	for (size_t i = 0; i < report->findings_count; i++)
		json_array_append_new(findings,
				      hf_json_text(report->findings[i]));
	json_object_set_new(object, "findings", findings);
	set_time(object, "made_ms", report->made_ms);
	json_object_set_new(object, "made_by",
			    hf_json_hex(report->made_by, HF_HASH_BYTES));
	return hf_json_line(object, why);
}
