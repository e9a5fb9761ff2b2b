#include <string.h>

#include "codec_admin.h"
#include "ledger_view.h"
#include "log.h"
#include "note.h"
#include "peers.h"
#include "ring.h"
#include "set_keys.h"

#include "backup.h"
#include "node.h"
#include "serve.h"
#include "unary.h"

_Static_assert(HF_CHECKS_MAX >= HF_LEDGER_SETS_MAX, "every set is told of");
_Static_assert(HF_FAULTS_MAX >= HF_LEDGER_FAULTS_MAX, "every fault fits");

static enum hf_err make_backup(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_make_backup_request request;
	struct hf_backup backup;
	enum hf_err err = hf_make_backup_request_parse(
		unary->request, unary->arena, &request, why);

	/* It names a directory of this machine. */
	if (err == HF_OK && unary->caller->kind != HF_RPC_LOCAL)
		err = hf_why(why, HF_E_DENIED,
			     "a backup is made on the node's own machine, "
			     "through its operators' socket");
	if (err == HF_OK)
		err = hf_backup_make(unary->node, request.directory, &backup,
				     why);
	if (err != HF_OK)
		return err;
	hf_log(HF_LOG_INFO, "hashfedd", "backup made",
	       "sets=%llu entries=%llu bytes=%llu",
	       (unsigned long long)backup.sets,
	       (unsigned long long)backup.entries,
	       (unsigned long long)backup.bytes);
	return hf_make_backup_response_encode(
		&(struct hf_make_backup_response){
			.bytes = backup.bytes,
			.sets = backup.sets,
			.entries = backup.entries,
		},
		unary->reply);
}

HF_UNARY_CASE(make_backup);

/* By a key of its agreement, where that names one for it. */
static bool is_good_note(const struct hf_ring_set *set, struct hf_span bytes)
{
	struct hf_set_pair keys = { 0 };
	struct hf_note note;

	return hf_note_parse(bytes, &note, NULL) == HF_OK &&
	       (hf_set_keys_for(set->agreement, &note, &keys, NULL) != HF_OK ||
		hf_note_open(bytes, &keys.log, &keys.cosigner, &note, NULL,
			     NULL) == HF_OK);
}

/* Who signs the notes is known by the ring, for sets that it has. */
static bool has_good_notes(struct hf_node *node, struct hf_ledger_view *view,
			   const struct hf_ledger_info *info)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *set =
		hf_ring_set(ring, hf_span_of(info->origin));
	struct hf_span bytes;
	bool is_good = true;

	for (enum hf_ledger_which which = HF_LEDGER_NOTE;
	     which <= HF_LEDGER_SEEN && is_good && set != NULL; which++) {
		if (hf_ledger_note(view, info->set, which, &bytes, NULL) ==
		    HF_OK)
			is_good = is_good_note(set, bytes);
	}
	hf_ring_release(ring);
	return is_good;
}

/* What peers may have is written anew from theirs.  A note comes by itself,
 * with the next one. */
static void mend(struct hf_node *node, const struct hf_ledger_info *info,
		 const struct hf_ledger_check *check)
{
	for (size_t i = 0; i < check->faults_count && i < HF_LEDGER_FAULTS_MAX;
	     i++) {
		if (check->faults[i].kind != HF_LEDGER_FAULT_NOTE)
			hf_peers_mend(node->peers, info->set,
				      check->faults[i].first);
	}
	if (check->missing > 0)
		hf_peers_fill(node->peers, true);
}

/* What was found, as it is told. */
static enum hf_err put_check(struct hf_unary *unary,
			     const struct hf_ledger_info *info,
			     const struct hf_ledger_check *check,
			     struct hf_set_check *out, struct hf_why *why)
{
	size_t count = check->faults_count < HF_LEDGER_FAULTS_MAX
			       ? check->faults_count
			       : HF_LEDGER_FAULTS_MAX;
	struct hf_store_fault *faults = NULL;

	*out = (struct hf_set_check){
		.origin = hf_arena_text(unary->arena, hf_span_of(info->origin)),
		.size = check->entries,
		.payloads = check->payloads,
		.erased = check->erased,
		.missing = check->missing,
		.problems = check->faults_count,
	};
	if (count > 0)
		faults = hf_arena_calloc(unary->arena, count, sizeof(*faults));
	if (out->origin == NULL || (count > 0 && faults == NULL))
		return hf_why(why, HF_E_NOMEM, "no memory");
	for (size_t i = 0; i < count; i++)
		faults[i] = (struct hf_store_fault){
			.problem = hf_ledger_fault_words(check->faults[i].kind),
			.first = check->faults[i].first,
			.end = check->faults[i].end,
		};
	out->faults = faults;
	out->faults_count = count;
	return HF_OK;
}

static enum hf_err next_set(struct hf_node *node, struct hf_ledger_info *info,
			    bool *out_has_good_notes, struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(node->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_next(view, info->set, info, why);
	if (err == HF_OK)
		*out_has_good_notes = has_good_notes(node, view, info);
	hf_ledger_view_end(view);
	return err;
}

/* Damage is what is asked for, not a failure of asking. */
static enum hf_err check_set(struct hf_unary *unary,
			     const struct hf_ledger_info *info, bool has_notes,
			     struct hf_set_check *out, struct hf_why *why)
{
	struct hf_ledger_check check;
	enum hf_err err =
		hf_ledger_verify(unary->node->ledger, info->set,
				 &unary->node->is_ending, &check, why);

	if (err != HF_OK && err != HF_E_CORRUPT)
		return err;
	if (!has_notes && check.faults_count < HF_LEDGER_FAULTS_MAX)
		check.faults[check.faults_count++] = (struct hf_ledger_fault){
			.kind = HF_LEDGER_FAULT_NOTE,
			.first = info->note_size,
			.end = info->note_size,
		};
	if (check.faults_count > 0)
		hf_log(HF_LOG_ERROR, "ledger", "damage found",
		       "set=%s faults=%llu first=%llu why=\"%s\"", info->origin,
		       (unsigned long long)check.faults_count,
		       (unsigned long long)check.faults[0].first,
		       hf_ledger_fault_words(check.faults[0].kind));
	mend(unary->node, info, &check);
	return put_check(unary, info, &check, out, why);
}

static enum hf_err verify_store(struct hf_unary *unary, struct hf_why *why)
{
	struct hf_set_check *sets = hf_arena_calloc(
		unary->arena, HF_LEDGER_SETS_MAX, sizeof(*sets));
	struct hf_ledger_info info = { .set = 0 };
	bool has_notes = true;
	size_t count = 0;
	enum hf_err err;

	if (sets == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory");
	while ((err = next_set(unary->node, &info, &has_notes, why)) == HF_OK) {
		err = check_set(unary, &info, has_notes, &sets[count++], why);
		if (err != HF_OK)
			return err;
	}
	if (err != HF_E_NOTFOUND)
		return err;
	return hf_verify_store_response_encode(
		&(struct hf_verify_store_response){ .sets = sets,
						    .sets_count = count },
		unary->reply);
}

HF_UNARY_CASE(verify_store);
