#include <string.h>

#include "kind.h"

#include "case_show.h"
#include "show_json.h"

/* Numbers that are not known are left out, as are empty texts: what is there
 * means something. */

static void put_text(json_t *object, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(object, key, hf_json_text(text));
}

static void put_number(json_t *object, const char *key, uint64_t number)
{
	if (number != 0)
		json_object_set_new(object, key, hf_json_number(number));
}

static void put_flag(json_t *object, const char *key, bool is_so)
{
	json_object_set_new(object, key, json_boolean(is_so));
}

static void put_list(json_t *object, const char *key, const char *const *texts,
		     size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, hf_json_text(texts[i]));
	json_object_set_new(object, key, list);
}

static void put_entry(json_t *object, const char *key,
		      const struct hf_entry_ref *entry)
{
	json_t *made;

	if (entry == NULL)
		return;
	made = hf_json_entry(entry->origin, entry->index);
	if (entry->leaf_hash.len_bytes > 0)
		json_object_set_new(made, "leaf_hash",
				    hf_json_hex(entry->leaf_hash.at,
						entry->leaf_hash.len_bytes));
	json_object_set_new(object, key, made);
}

/* The codec's numbers of this message, by name. */
#define TIMES(X)                                                               \
	X(published_ms)                                                        \
	X(delivered_ms)                                                        \
	X(acknowledged_ms)                                                     \
	X(clock_ms)                                                            \
	X(due_ms)                                                              \
	X(acted_ms)                                                            \
	X(offline_ms)                                                          \
	X(ordered_ms)                                                          \
	X(closed_ms)                                                           \
	X(changed_ms)
#define COUNTS(X)                                                              \
	X(events)                                                              \
	X(refused)                                                             \
	X(renotified) X(reappeared) X(locators) X(hashes) X(in_memory)

json_t *hf_case_json(const struct hf_case_summary *summary)
{
	json_t *object = json_object();

	put_text(object, "case_id", summary->case_id);
	json_object_set_new(object, "state",
			    json_string(hf_case_state_word(summary->state)));
	if (summary->reason != 0)
		put_text(object, "reason",
			 hf_case_reason_word(summary->reason));
	put_text(object, "side", hf_case_side_word(summary->side));
	put_text(object, "notifier", summary->notifier);
	put_text(object, "provider", summary->provider);
	put_text(object, "authority", summary->authority);
	put_text(object, "regime", hf_regime_word(summary->regime));
	put_text(object, "class", hf_class_word(summary->content_class));
	put_flag(object, "not_member", summary->is_not_member);
	put_flag(object, "overdue", summary->is_overdue);
	put_flag(object, "paused", summary->is_paused);
	put_flag(object, "priority", summary->is_priority);
#define PUT_TIME(name) put_number(object, #name, summary->name);
	TIMES(PUT_TIME)
#undef PUT_TIME
#define PUT_COUNT(name)                                                        \
	json_object_set_new(object, #name, hf_json_number(summary->name));
	COUNTS(PUT_COUNT)
#undef PUT_COUNT
	put_list(object, "sites", summary->sites, summary->sites_count);
	put_text(object, "continues", summary->continues);
	put_list(object, "continued_by", summary->continued_by,
		 summary->continued_by_count);
	put_text(object, "reference", summary->reference);
	if (summary->names_count > 0)
		put_list(object, "names", summary->names, summary->names_count);
	put_entry(object, "opening", summary->opening);
	return object;
}

/* ---- events ---- */

static void put_locators(json_t *object, const struct hf_locator *locators,
			 size_t count)
{
	json_t *list;

	if (count == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *place = json_object();

		put_text(place, "url", locators[i].url);
		put_text(place, "ip", locators[i].ip);
		put_number(place, "first_seen_ms", locators[i].first_seen_ms);
		put_number(place, "last_seen_ms", locators[i].last_seen_ms);
		put_text(place, "note", locators[i].note);
		json_array_append_new(list, place);
	}
	json_object_set_new(object, "locators", list);
}

static void put_hashes(json_t *object, const struct hf_hash *hashes,
		       size_t count)
{
	json_t *list;

	if (count == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *hash = json_object();

		put_text(hash, "algorithm",
			 hf_algorithm_word(hashes[i].algorithm));
		json_object_set_new(hash, "hex",
				    hf_json_hex(hashes[i].digest.at,
						hashes[i].digest.len_bytes));
		json_array_append_new(list, hash);
	}
	json_object_set_new(object, "hashes", list);
}

static void put_order(json_t *object, const struct hf_order *order)
{
	json_t *made;

	if (order == NULL)
		return;
	made = json_object();
	put_text(made, "reference", order->reference);
	put_text(made, "issuing_state", order->issuing_state);
	put_text(made, "authority", order->authority);
	put_text(made, "addressee", order->addressee);
	put_text(made, "host_state", order->host_state);
	put_text(made, "identification", order->identification);
	put_list(made, "grounds", order->grounds, order->grounds_count);
	put_text(made, "series", order->series);
	put_flag(made, "covers_similar", order->covers_similar);
	put_text(made, "penalty", order->penalty);
	put_text(made, "redress", order->redress);
	put_flag(made, "was_informed", order->was_informed);
	put_flag(made, "emergency", order->is_emergency);
	json_object_set_new(object, "order", made);
}

static void put_labels(json_t *object, const struct hf_notice *notice)
{
	json_t *list;

	if (notice->labels_count == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < notice->labels_count; i++) {
		json_t *label = json_object();

		put_text(label, "scheme", notice->labels[i].scheme);
		put_text(label, "value", notice->labels[i].value);
		json_array_append_new(list, label);
	}
	json_object_set_new(object, "labels", list);
}

static void put_entries(json_t *object, const struct hf_notice *notice)
{
	json_t *list;

	if (notice->entries_count == 0)
		return;
	list = json_array();
	for (size_t i = 0; i < notice->entries_count; i++) {
		json_t *entry = json_object();

		put_text(entry, "origin", notice->entries[i].origin);
		json_object_set_new(entry, "index",
				    hf_json_number(notice->entries[i].index));
		json_array_append_new(list, entry);
	}
	json_object_set_new(object, "entries", list);
}

static void put_notice(json_t *object, const struct hf_notice *notice)
{
	json_t *made;

	if (notice == NULL)
		return;
	made = json_object();
	put_text(made, "provider", notice->provider);
	put_text(made, "regime", hf_regime_word(notice->regime));
	put_text(made, "class", hf_class_word(notice->content_class));
	put_labels(made, notice);
	put_hashes(made, notice->hashes, notice->hashes_count);
	put_entries(made, notice);
	put_locators(made, notice->locators, notice->locators_count);
	put_text(made, "explanation", notice->explanation);
	if (notice->contact != NULL) {
		json_t *contact = json_object();

		put_text(contact, "name", notice->contact->name);
		put_text(contact, "email", notice->contact->email);
		put_text(contact, "phone", notice->contact->phone);
		json_object_set_new(made, "contact", contact);
	}
	put_flag(made, "good_faith", notice->is_good_faith);
	put_text(made, "jurisdiction", notice->jurisdiction);
	put_text(made, "legal_basis", notice->legal_basis);
	put_text(made, "reference", notice->reference);
	put_number(made, "deadline_ms", notice->deadline_ms);
	put_order(made, notice->order);
	put_entry(made, "continues", notice->continues);
	json_object_set_new(object, "notice", made);
}

static void put_delivery(json_t *object, const struct hf_delivery *delivery)
{
	json_t *made;

	if (delivery == NULL)
		return;
	made = json_object();
	put_text(made, "means", delivery->means);
	put_text(made, "address", delivery->address);
	put_text(made, "reference", delivery->reference);
	put_number(made, "sent_ms", delivery->sent_ms);
	put_flag(made, "failed", delivery->has_failed);
	json_object_set_new(object, "delivery", made);
}

json_t *hf_case_event_json(const struct hf_case_event_info *info)
{
	const struct hf_case_event *event = info->event;
	json_t *object = json_object();

	put_text(object, "event", hf_case_event_kind_word(event->kind));
	put_text(object, "author", info->author);
	put_number(object, "at_ms", event->at_ms);
	put_number(object, "acted_ms", event->acted_ms);
	if (event->reason != 0)
		put_text(object, "reason", hf_case_reason_word(event->reason));
	put_text(object, "text", event->text);
	put_text(object, "moved_host", event->moved_host);
	put_text(object, "moved_country", event->moved_country);
	put_flag(object, "automatic", event->is_automatic);
	put_flag(object, "applied", info->is_applied);
	put_text(object, "refused", info->refused);
	put_flag(object, "in_memory", info->is_in_memory);
	json_object_set_new(
		object, "event_id",
		hf_json_hex(event->event_id.at, event->event_id.len_bytes));
	put_locators(object, event->locators, event->locators_count);
	put_notice(object, event->notice);
	put_delivery(object, event->delivery);
	put_entry(object, "entry", info->entry);
	return object;
}

enum hf_err hf_case_print_json(const struct hf_get_case_response *answer,
			       struct hf_why *why)
{
	json_t *object = hf_case_json(answer->summary), *list = json_array();

	for (size_t i = 0; i < answer->events_count; i++)
		json_array_append_new(list,
				      hf_case_event_json(&answer->events[i]));
	json_object_set_new(object, "timeline", list);
	return hf_json_line(object, why);
}
