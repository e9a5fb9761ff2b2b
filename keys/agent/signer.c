#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "codec_document.h"
#include "file.h"
#include "note.h"
#include "text.h"
#include "trust.h"

#include "agent_wire.h"
#include "signer.h"
#include "signer_keys.h"
#include "signer_notice.h"
#include "signer_sets.h"

#define PATH_BYTES 4096

/* The signer of a daemon that was killed ends as soon as it sees that. */
#define RECORD_WAIT_MS 1000

/* Three lists of HF_AUDIENCE_MAX spans, and room to spare. */
#define AGREEMENT_MEMORY_BYTES ((size_t)1024 * 1024)

struct hf_signer {
	struct hf_signer_sets sets; /* owned, as the next three */
	struct hf_key *agreement;
	struct hf_record *record;        /* owned */
	struct hf_signer_notice *notice; /* owned */
	bool awaits_report;
	/* Origins that were vouched for, or began, since we started; owned. */
	char **vouched;
	size_t vouched_count;
};

/* A request at work. */
struct job {
	struct hf_signer *signer;
	const struct hf_agent_request *request;
	uint64_t now_ms;
	struct hf_buf *reply; /* the head is in it */
	struct hf_why *also;
};

/*
 * Opening.
 */

static enum hf_err load_keys(struct hf_signer *signer,
			     const struct hf_signer_options *options,
			     struct hf_why *why)
{
	const char *domain;
	enum hf_err err = hf_signer_sets_load(options, &signer->sets, why);

	if (err == HF_OK)
		err = hf_signer_load_key(options, HF_KEY_AGREEMENT, "",
					 &signer->agreement, why);
	if (err != HF_OK)
		return err;
	domain = hf_signer_domain(signer);
	if (strcmp(domain, signer->sets.cosigner.now->domain) != 0 ||
	    strcmp(domain, signer->agreement->domain) != 0)
		return hf_why(why, HF_E_CONFLICT,
			      "signer: log.key, cosigner.key and agreement.key "
			      "belong to different organisations");
	return HF_OK;
}

enum hf_err hf_signer_open(const struct hf_signer_options *options,
			   struct hf_signer **out_signer, struct hf_why *why)
{
	char record_dir[PATH_BYTES];
	struct hf_signer *signer = calloc(1, sizeof(*signer));
	enum hf_err err;

	if (signer == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	signer->awaits_report = options->awaits_report;
	err = load_keys(signer, options, why);
	if (err == HF_OK)
		err = hf_file_join(record_dir, sizeof(record_dir), options->dir,
				   "record", why);
	if (err == HF_OK)
		err = hf_record_open(record_dir, RECORD_WAIT_MS,
				     &signer->record, why);
	/* After the record, which lets one signer at a time in. */
	if (err == HF_OK)
		err = hf_signer_notice_open(options, hf_signer_domain(signer),
					    &signer->notice, why);
	if (err != HF_OK) {
		hf_signer_close(signer);
		return err;
	}
	*out_signer = signer;
	return HF_OK;
}

void hf_signer_close(struct hf_signer *signer)
{
	if (signer == NULL)
		return;
	hf_signer_sets_release(&signer->sets);
	hf_key_free(signer->agreement);
	hf_signer_notice_close(signer->notice);
	hf_record_close(signer->record);
	for (size_t i = 0; i < signer->vouched_count; i++)
		free(signer->vouched[i]);
	free(signer->vouched);
	free(signer);
}

const char *hf_signer_domain(const struct hf_signer *signer)
{
	return signer->sets.log.now->domain;
}

struct hf_record_state hf_signer_record(const struct hf_signer *signer)
{
	return hf_record_state(signer->record);
}

const char *hf_signer_warning(const struct hf_signer *signer)
{
	return hf_signer_notice_warning(signer->notice);
}

/*
 * Rules.
 */

static enum hf_err check_domain(const struct hf_signer *signer,
				struct hf_span origin, struct hf_why *why)
{
	if (!hf_span_is(hf_text_origin_domain(origin),
			hf_signer_domain(signer)))
		return hf_why(why, HF_E_DENIED,
			      "signer: '%.*s' is not a set of %s",
			      HF_SPAN_ARGS(origin), hf_signer_domain(signer));
	return HF_OK;
}

/* The last tree of an origin, the empty one when there is none. */
static enum hf_err last_tree(const struct hf_signer *signer,
			     struct hf_span origin,
			     struct hf_record_tree *out_tree,
			     bool *out_is_known, struct hf_why *why)
{
	enum hf_err err = hf_record_get(signer->record, origin, out_tree, why);

	*out_is_known = err == HF_OK;
	if (err != HF_E_NOTFOUND)
		return err;
	*out_tree = (struct hf_record_tree){ .size = 0 };
	hf_tree_empty(&out_tree->root);
	return HF_OK;
}

static bool is_vouched(const struct hf_signer *signer, struct hf_span origin)
{
	for (size_t i = 0; i < signer->vouched_count; i++) {
		if (hf_span_is(origin, signer->vouched[i]))
			return true;
	}
	return false;
}

static enum hf_err vouch(struct hf_signer *signer, struct hf_span origin,
			 struct hf_why *why)
{
	char **grown;

	if (is_vouched(signer, origin))
		return HF_OK;
	if (signer->vouched_count == HF_RECORD_ORIGINS_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "signer: already signs for %d origins",
			      HF_RECORD_ORIGINS_MAX);
	grown = realloc(signer->vouched,
			(signer->vouched_count + 1) * sizeof(*grown));
	if (grown == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	signer->vouched = grown;
	grown[signer->vouched_count] =
		strndup((const char *)origin.at, origin.len_bytes);
	if (grown[signer->vouched_count] == NULL)
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	signer->vouched_count++;
	return HF_OK;
}

/* After a restore of the whole machine record and ledger are old together, and
 * agree.  Only others can tell what was signed since. */
static enum hf_err check_vouched(const struct hf_signer *signer,
				 struct hf_span origin, struct hf_why *why)
{
	if (!signer->awaits_report || is_vouched(signer, origin))
		return HF_OK;
	return hf_why(
		why, HF_E_BUSY,
		"signer: waits since its start until a peer has told what "
		"it holds of '%.*s' (checkpoint-peers in "
		"hashfedd.conf(5))",
		HF_SPAN_ARGS(origin));
}

/* Is next the same tree as last, or one that last is the beginning of? */
static enum hf_err check_growth(const struct hf_record_tree *last,
				const struct hf_agent_checkpoint *next,
				struct hf_why *why)
{
	if (next->size < last->size)
		return hf_why(why, HF_E_CONFLICT,
			      "signer: refuses a tree of %llu entries: it has "
			      "signed one of %llu",
			      (unsigned long long)next->size,
			      (unsigned long long)last->size);
	if (next->size == last->size) {
		if (!hf_tree_equal(&next->root, &last->root))
			return hf_why(why, HF_E_CONFLICT,
				      "signer: refuses another root at size "
				      "%llu, which it has signed",
				      (unsigned long long)last->size);
		return HF_OK;
	}
	if (next->old_size != last->size)
		return hf_why(why, HF_E_PROOF,
			      "signer: wants a proof from size %llu, which it "
			      "has signed, not from %llu",
			      (unsigned long long)last->size,
			      (unsigned long long)next->old_size);
	return hf_tree_verify_growth(last->size, &last->root, next->size,
				     &next->root, &next->proof, why);
}

/* A time for the signature, never before the last one. */
static enum hf_err next_time(uint64_t now_ms, uint64_t last_s,
			     uint64_t *out_time_s, struct hf_why *why)
{
	uint64_t now_s = now_ms / 1000;

	if (now_s + HF_SIGNER_STEP_BACK_MAX_S < last_s)
		return hf_why(why, HF_E_UNAVAILABLE,
			      "signer: its clock is %llu s behind its last "
			      "signature; set the clock right",
			      (unsigned long long)(last_s - now_s));
	*out_time_s = now_s > last_s ? now_s : last_s;
	return HF_OK;
}

/*
 * Answers, one a verb.
 */

static enum hf_err answer_status(struct job *job, struct hf_why *why)
{
	const struct hf_signer *signer = job->signer;
	struct hf_record_state state = hf_record_state(signer->record);
	struct hf_agent_status status = {
		.log_key = signer->sets.log.now->public_key,
		.cosigner_key = signer->sets.cosigner.now->public_key,
		.agreement_key = signer->agreement->public_key,
		.origins_count = state.origins_count,
		.is_record_new = state.is_new,
	};

	memcpy(status.domain, hf_signer_domain(signer), sizeof(status.domain));
	hf_signer_tell_keys(&signer->sets, &status);
	hf_agent_status_encode(&status, job->reply);
	return HF_OK;
}

static enum hf_err answer_last(struct job *job, struct hf_why *why)
{
	struct hf_record_tree tree;
	bool is_known;
	enum hf_err err = last_tree(job->signer, job->request->origin, &tree,
				    &is_known, why);

	if (err == HF_OK && is_known)
		err = check_vouched(job->signer, job->request->origin, why);
	if (err == HF_OK)
		hf_agent_last_encode(tree.size, &tree.root, job->reply);
	return err;
}

/* Whether it may be signed, and what would be recorded then.  out_is_known: it
 * can be recorded beside others; out_is_news: it has to be recorded. */
static enum hf_err admit(struct job *job,
			 const struct hf_agent_checkpoint *next,
			 struct hf_record_tree *out_tree, bool *out_is_known,
			 bool *out_is_news, struct hf_why *why)
{
	struct hf_record_tree last, tree = { next->size, 0, next->root };
	enum hf_err err;

	err = check_domain(job->signer, next->origin, why);
	if (err == HF_OK)
		err = last_tree(job->signer, next->origin, &last, out_is_known,
				why);
	/* A set that begins has no past. */
	if (err == HF_OK && !*out_is_known && next->size == 0)
		err = vouch(job->signer, next->origin, why);
	if (err == HF_OK)
		err = check_vouched(job->signer, next->origin, why);
	if (err == HF_OK)
		err = check_growth(&last, next, why);
	if (err == HF_OK)
		err = next_time(job->now_ms, last.time_s, &tree.time_s, why);
	if (err != HF_OK)
		return err;
	if (!*out_is_known && next->size > 0)
		(void)hf_why(job->also, HF_OK,
			     "signs '%.*s' at size %llu without knowing what "
			     "was signed before",
			     HF_SPAN_ARGS(next->origin),
			     (unsigned long long)next->size);
	/* What is there already need not be written again. */
	*out_is_news = !*out_is_known || tree.size != last.size ||
		       tree.time_s != last.time_s;
	*out_tree = tree;
	return HF_OK;
}

static enum hf_err answer_checkpoint(struct job *job, struct hf_why *why)
{
	const struct hf_agent_checkpoint *next = &job->request->checkpoint;
	struct hf_record_tree tree;
	bool is_known, is_news;
	enum hf_err err = admit(job, next, &tree, &is_known, &is_news, why);

	/* Durable before the signature exists, so that no crash forgets
	 * one. */
	if (err == HF_OK && is_news)
		err = hf_record_put(job->signer->record, next->origin, &tree,
				    why);
	if (err == HF_OK)
		err = hf_signer_put_note(&job->signer->sets, next->origin,
					 &tree, job->reply, why);
	return err;
}

static enum hf_err put_notes(struct job *job,
			     const struct hf_record_tree *trees,
			     struct hf_why *why)
{
	const struct hf_agent_request *request = job->request;
	enum hf_err err = HF_OK;

	for (size_t i = 0; i < request->checkpoints_count && err == HF_OK;
	     i++) {
		struct hf_buf note;

		hf_buf_init(&note, HF_NOTE_MAX_BYTES);
		err = hf_signer_put_note(&job->signer->sets,
					 request->checkpoints[i].origin,
					 &trees[i], &note, why);
		if (err == HF_OK)
			err = hf_buf_failed(&note);
		hf_agent_put_bytes(job->reply, hf_buf_span(&note));
		hf_buf_release(&note);
	}
	return err;
}

static enum hf_err check_distinct(const struct hf_agent_request *request,
				  struct hf_why *why)
{
	for (size_t i = 1; i < request->checkpoints_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (hf_span_equal(request->checkpoints[i].origin,
					  request->checkpoints[j].origin))
				return hf_why(why, HF_E_ARGUMENT,
					      "signer: one set twice");
		}
	}
	return HF_OK;
}

/* Each as it would be alone, but recorded with one sync. */
static enum hf_err answer_checkpoints(struct job *job, struct hf_why *why)
{
	const struct hf_agent_checkpoint *next = job->request->checkpoints;
	struct hf_record_change known[HF_AGENT_CHECKPOINTS_MAX];
	struct hf_record_change unknown[HF_AGENT_CHECKPOINTS_MAX];
	struct hf_record_tree trees[HF_AGENT_CHECKPOINTS_MAX];
	size_t known_count = 0, unknown_count = 0;
	enum hf_err err = check_distinct(job->request, why);

	for (size_t i = 0; i < job->request->checkpoints_count && err == HF_OK;
	     i++) {
		bool is_known, is_news;

		err = admit(job, &next[i], &trees[i], &is_known, &is_news, why);
		if (err != HF_OK)
			break;
		if (!is_known)
			unknown[unknown_count++] =
				(struct hf_record_change){ next[i].origin,
							   trees[i] };
		else if (is_news)
			known[known_count++] =
				(struct hf_record_change){ next[i].origin,
							   trees[i] };
	}
	for (size_t i = 0; i < unknown_count && err == HF_OK; i++)
		err = hf_record_put(job->signer->record, unknown[i].origin,
				    &unknown[i].tree, why);
	if (err == HF_OK && known_count > 0)
		err = hf_record_put_known(job->signer->record, known,
					  known_count, why);
	return err == HF_OK ? put_notes(job, trees, why) : err;
}

/* As a witness.  What the note's own signatures say is the daemon's business:
 * here it is that of one set no two trees are cosigned. */
static enum hf_err answer_cosign(struct job *job, struct hf_why *why)
{
	const struct hf_agent_checkpoint *next = &job->request->checkpoint;
	struct hf_record_tree last, tree = { next->size, 0, next->root };
	struct hf_signer *signer = job->signer;
	bool is_known;
	enum hf_err err;

	if (check_domain(signer, next->origin, NULL) == HF_OK)
		return hf_why(why, HF_E_DENIED,
			      "signer: '%.*s' is a set of its own: it signs "
			      "that, and is no witness of it",
			      HF_SPAN_ARGS(next->origin));
	err = last_tree(signer, next->origin, &last, &is_known, why);
	if (err == HF_OK)
		err = check_vouched(signer, next->origin, why);
	if (err == HF_OK)
		err = check_growth(&last, next, why);
	if (err == HF_OK)
		err = next_time(job->now_ms, last.time_s, &tree.time_s, why);
	if (err == HF_OK &&
	    (!is_known || tree.size != last.size || tree.time_s != last.time_s))
		err = hf_record_put(signer->record, next->origin, &tree, why);
	return err == HF_OK
		       ? hf_signer_put_cosigned(&signer->sets, next->origin,
						&tree, job->reply, why)
		       : err;
}

/* Only our own signatures count, so a report cannot lie; it moves the record
 * up, never down. */
static enum hf_err answer_report(struct job *job, struct hf_why *why)
{
	struct hf_signer *signer = job->signer;
	struct hf_record_tree last, tree;
	struct hf_note note;
	bool is_known;
	enum hf_err err = hf_note_parse(job->request->note, &note, why);

	if (err == HF_OK)
		err = hf_signer_open_note(&signer->sets, &note,
					  check_domain(signer,
						       note.checkpoint.origin,
						       NULL) == HF_OK,
					  &tree.time_s, why);
	if (err == HF_OK)
		err = last_tree(signer, note.checkpoint.origin, &last,
				&is_known, why);
	if (err != HF_OK)
		return err;
	tree.size = note.checkpoint.size;
	tree.root = note.checkpoint.root;
	if (is_known && tree.size == last.size &&
	    !hf_tree_equal(&tree.root, &last.root))
		return hf_why(why, HF_E_CONFLICT,
			      "signer: two roots at size %llu carry its "
			      "signature",
			      (unsigned long long)tree.size);
	if (is_known && tree.size <= last.size)
		return HF_OK;
	if (tree.time_s < last.time_s)
		tree.time_s = last.time_s;
	return hf_record_put(signer->record, note.checkpoint.origin, &tree,
			     why);
}

static enum hf_err answer_vouch(struct job *job, struct hf_why *why)
{
	struct hf_span origin = job->request->origin;
	bool was_vouched = is_vouched(job->signer, origin);
	enum hf_err err = vouch(job->signer, origin, why);

	if (err == HF_OK && job->signer->awaits_report && !was_vouched &&
	    !job->request->is_by_peer)
		(void)hf_why(job->also, HF_OK,
			     "signs '%.*s' on its own record's word: no peer "
			     "holds a checkpoint of it",
			     HF_SPAN_ARGS(origin));
	return err;
}

static const struct hf_span *spans_of(struct hf_arena *arena,
				      struct hf_span list, size_t *out_count)
{
	struct hf_span *spans;

	*out_count = list.len_bytes / HF_HASH_BYTES;
	spans = hf_arena_calloc(arena, *out_count + 1, sizeof(*spans));
	if (spans == NULL)
		return NULL;
	for (size_t i = 0; i < *out_count; i++)
		spans[i] = hf_span(list.at + i * HF_HASH_BYTES, HF_HASH_BYTES);
	return spans;
}

/* What it says of an earlier epoch; NULL without memory. */
static const struct hf_predecessor *
predecessor_of(struct hf_arena *arena, const struct hf_agent_wish *wish)
{
	struct hf_predecessor *out = hf_arena_calloc(arena, 1, sizeof(*out));

	if (out == NULL)
		return NULL;
	*out = (struct hf_predecessor){
		.origin = hf_arena_text(arena, wish->predecessor),
		.size = wish->predecessor_size,
		.root = hf_span(wish->predecessor_root, HF_HASH_BYTES),
		.carried_plus_one = wish->carried_plus_one,
	};
	return out->origin != NULL ? out : NULL;
}

/* Our own keys, each with the sizes that it counts for. */
static enum hf_err name_keys(struct job *job, struct hf_arena *arena,
			     struct hf_agreement *out, struct hf_why *why)
{
	const struct hf_agent_wish *wish = &job->request->wish;
	struct hf_set_key *keys =
		hf_arena_calloc(arena, HF_SET_KEYS_MAX, sizeof(*keys));
	struct hf_record_tree last;
	bool is_known;
	enum hf_err err =
		last_tree(job->signer, wish->origin, &last, &is_known, why);

	if (err == HF_OK && keys == NULL)
		err = hf_why(why, HF_E_NOMEM, "signer: no memory");
	/* A record that was set back would bound a key too low. */
	if (err == HF_OK && is_known &&
	    hf_signer_names_new(&job->signer->sets, wish->keys,
				wish->keys_count))
		err = check_vouched(job->signer, wish->origin, why);
	if (err == HF_OK)
		hf_signer_name_keys(&job->signer->sets, wish->keys,
				    wish->keys_count, last.size, out, keys);
	return err;
}

/* The wish with our own keys, name and clock. */
static enum hf_err agreement_of(struct job *job, struct hf_arena *arena,
				struct hf_agreement *out, struct hf_why *why)
{
	const struct hf_agent_wish *wish = &job->request->wish;
	enum hf_class *classes;

	*out = (struct hf_agreement){
		.origin = hf_arena_text(arena, wish->origin),
		.version = wish->version,
		.organisation_id = wish->organisation_id,
		.relay = (enum hf_relay)wish->relay,
		.purpose = hf_arena_text(arena, wish->purpose),
		.issued_ms = job->now_ms,
		.expires_ms = wish->expires_ms,
		.kind = (enum hf_set_kind)wish->kind,
	};
	out->audience = spans_of(arena, wish->audience, &out->audience_count);
	out->relays = spans_of(arena, wish->relays, &out->relays_count);
	out->witnesses =
		spans_of(arena, wish->witnesses, &out->witnesses_count);
	out->classes_count = wish->classes.len_bytes;
	classes = hf_arena_calloc(arena, out->classes_count + 1,
				  sizeof(*classes));
	if (wish->predecessor.len_bytes > 0)
		out->predecessor = predecessor_of(arena, wish);
	if (out->origin == NULL || out->purpose == NULL ||
	    out->audience == NULL || out->relays == NULL ||
	    out->witnesses == NULL || classes == NULL ||
	    (wish->predecessor.len_bytes > 0 && out->predecessor == NULL))
		return hf_why(why, HF_E_NOMEM, "signer: no memory");
	for (size_t i = 0; i < out->classes_count; i++)
		classes[i] = (enum hf_class)wish->classes.at[i];
	out->classes = classes;
	return name_keys(job, arena, out, why);
}

static enum hf_err answer_agreement(struct job *job, struct hf_why *why)
{
	const struct hf_agent_wish *wish = &job->request->wish;
	struct hf_agreement agreement;
	struct hf_arena arena;
	enum hf_err err = check_domain(job->signer, wish->origin, why);

	if (err != HF_OK)
		return err;
	if (wish->expires_ms <= job->now_ms ||
	    wish->expires_ms - job->now_ms > HF_AGENT_AGREEMENT_MAX_MS)
		return hf_why(why, HF_E_ARGUMENT,
			      "signer: an agreement ends after now and within "
			      "400 days");
	if (!hf_text_is_clean(wish->purpose))
		return hf_why(why, HF_E_ARGUMENT,
			      "signer: the purpose is not clean UTF-8");
	hf_arena_init(&arena, AGREEMENT_MEMORY_BYTES);
	err = agreement_of(job, &arena, &agreement, why);
	if (err == HF_OK)
		err = hf_trust_agreement_make(&agreement,
					      job->signer->agreement->secret,
					      job->reply, why);
	hf_arena_release(&arena);
	return err;
}

static enum hf_err answer_notice(struct job *job, struct hf_why *why)
{
	return hf_signer_notice_answer(job->signer->notice, job->request,
				       job->now_ms, job->reply, job->also, why);
}

typedef enum hf_err answer_fn(struct job *job, struct hf_why *why);

/* By the number of the verb, which hf_agent_request_parse() has checked. */
static answer_fn *const answers[] = {
	[HF_AGENT_STATUS] = answer_status,
	[HF_AGENT_LAST] = answer_last,
	[HF_AGENT_CHECKPOINT] = answer_checkpoint,
	[HF_AGENT_REPORT] = answer_report,
	[HF_AGENT_AGREEMENT] = answer_agreement,
	[HF_AGENT_VOUCH] = answer_vouch,
	[HF_AGENT_SEAL] = answer_notice,
	[HF_AGENT_OPEN] = answer_notice,
	[HF_AGENT_READ] = answer_notice,
	[HF_AGENT_STORE] = answer_notice,
	[HF_AGENT_RECEIVE_KEY] = answer_notice,
	[HF_AGENT_COSIGN] = answer_cosign,
	[HF_AGENT_APPLIED] = answer_notice,
	[HF_AGENT_CHECKPOINTS] = answer_checkpoints,
};

void hf_signer_answer(struct hf_signer *signer, struct hf_span request,
		      uint64_t now_ms, struct hf_buf *reply,
		      struct hf_signer_remark *out_remark)
{
	struct hf_agent_request parsed;
	struct job job = { signer, &parsed, now_ms, reply, &out_remark->also };
	struct hf_why *why = &out_remark->why;
	enum hf_err err;

	*out_remark = (struct hf_signer_remark){ .err = HF_OK };
	hf_buf_reset(reply);
	hf_agent_reply_begin(HF_OK, reply);
	err = hf_agent_request_parse(request, &parsed, why);
	if (err == HF_OK)
		err = answers[parsed.verb](&job, why);
	if (err == HF_OK && hf_buf_failed(reply) != HF_OK)
		err = hf_why(why, hf_buf_failed(reply), "signer: answer: %s",
			     hf_err_words(hf_buf_failed(reply)));
	out_remark->err = err;
	if (err == HF_OK)
		return;
	hf_buf_reset(reply);
	hf_agent_reply_begin(err, reply);
	hf_buf_put_text(reply, why->text);
	if (hf_buf_failed(reply) != HF_OK)
		hf_buf_reset(reply);
}
