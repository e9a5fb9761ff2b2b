#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "clock.h"
#include "conf.h"
#include "fresh.h"
#include "ledger_view.h"
#include "log.h"
#include "note_witness.h"
#include "peers.h"
#include "ring.h"
#include "set_keys.h"

#include "cosigned.h"
#include "errand.h"
#include "node.h"
#include "serve_tail.h"
#include "vouch.h"

/* Of an own set the notes that witnesses told of, with all their lines; of one
 * that we witness, whether the signer waits for a report about it. */
struct row {
	struct row *next;
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_span largest; /* owned */
	struct hf_span enough;  /* owned: the largest with enough lines */
	bool awaits_report;
};

struct hf_cosigned {
	struct hf_node *node; /* borrowed */
	pthread_mutex_t lock; /* guards rows */
	struct row *rows;     /* owned */
	struct hf_note_key key;
	atomic_bool has_key;
};

enum hf_err hf_cosigned_new(struct hf_node *node,
			    struct hf_cosigned **out_cosigned,
			    struct hf_why *why)
{
	struct hf_cosigned *cosigned = calloc(1, sizeof(*cosigned));

	if (cosigned == NULL)
		return hf_why(why, HF_E_NOMEM, "cosigned: no memory");
	cosigned->node = node;
	pthread_mutex_init(&cosigned->lock, NULL);
	*out_cosigned = cosigned;
	return HF_OK;
}

void hf_cosigned_free(struct hf_cosigned *cosigned)
{
	if (cosigned == NULL)
		return;
	while (cosigned->rows != NULL) {
		struct row *next = cosigned->rows->next;

		free((void *)cosigned->rows->largest.at);
		free((void *)cosigned->rows->enough.at);
		free(cosigned->rows);
		cosigned->rows = next;
	}
	pthread_mutex_destroy(&cosigned->lock);
	free(cosigned);
}

/* --- gathering -------------------------------------------------------------
 */

/* What there is to know of an own set, for one note of it. */
struct about {
	struct hf_set_pair keys;
	const struct hf_note_witnesses *witnesses; /* of the configuration */
};

static bool look_up(struct hf_node *node, const char *origin,
		    struct hf_span bytes, struct about *out)
{
	struct hf_ring *ring = hf_ring_holder_get(node->ring);
	const struct hf_ring_set *set = hf_ring_set(ring, hf_span_of(origin));
	struct hf_note note;
	bool is = set != NULL && set->is_own;

	memset(&out->keys, 0, sizeof(out->keys));
	/* What is no note is refused where it is opened. */
	if (is && hf_note_parse(bytes, &note, NULL) == HF_OK)
		is = hf_set_keys_for(set->agreement, &note, &out->keys, NULL) ==
		     HF_OK;
	out->witnesses = hf_conf_witnesses_of(node->conf, origin);
	hf_ring_release(ring);
	return is;
}

static struct row *row_of(struct hf_cosigned *cosigned, const char *origin,
			  bool is_made)
{
	struct row *row = cosigned->rows;

	while (row != NULL && strcmp(row->origin, origin) != 0)
		row = row->next;
	if (row != NULL || !is_made)
		return row;
	row = calloc(1, sizeof(*row));
	if (row == NULL)
		return NULL;
	strcpy(row->origin, origin);
	row->next = cosigned->rows;
	cosigned->rows = row;
	return row;
}

static bool put(struct hf_span *to, struct hf_span bytes)
{
	uint8_t *copy;

	if (hf_span_equal(*to, bytes))
		return false;
	copy = malloc(bytes.len_bytes);
	if (copy == NULL)
		return false;
	memcpy(copy, bytes.at, bytes.len_bytes);
	free((void *)to->at);
	*to = hf_span(copy, bytes.len_bytes);
	return true;
}

static uint64_t size_of(struct hf_span bytes)
{
	struct hf_note note;

	return bytes.len_bytes > 0 && hf_note_parse(bytes, &note, NULL) == HF_OK
		       ? note.checkpoint.size
		       : 0;
}

/* The note, with what the row has of the same text. */
static void merge_with(const struct row *row, const struct about *about,
		       const struct hf_note *note, struct hf_buf *out)
{
	const struct hf_span *const held[] = { &row->largest, &row->enough };
	uint64_t latest_s = hf_fresh_latest_s(hf_clock_wall_ms());
	struct hf_note other;

	for (size_t i = 0; i < 2; i++) {
		if (held[i]->len_bytes == 0 ||
		    hf_note_parse(*held[i], &other, NULL) != HF_OK ||
		    !hf_span_equal(other.text, note->text))
			continue;
		hf_note_merge(note, &other, &about->keys.log,
			      &about->keys.cosigner, about->witnesses, latest_s,
			      out);
		return;
	}
	hf_note_merge(note, note, &about->keys.log, &about->keys.cosigner,
		      about->witnesses, latest_s, out);
}

static bool keep(struct row *row, const struct about *about,
		 const struct hf_note *note)
{
	unsigned need = about->witnesses != NULL ? about->witnesses->need : 0;
	struct hf_note opened;
	struct hf_buf merged;
	size_t count = 0;
	bool is_news = false;

	hf_buf_init(&merged, HF_NOTE_MAX_BYTES);
	merge_with(row, about, note, &merged);
	if (hf_buf_failed(&merged) == HF_OK &&
	    hf_note_open_witnessed(hf_buf_span(&merged), &about->keys.log,
				   &about->keys.cosigner, about->witnesses,
				   &opened, NULL, &count, NULL) == HF_OK) {
		if (note->checkpoint.size >= size_of(row->largest))
			is_news = put(&row->largest, opened.bytes);
		if (need > 0 && count >= need &&
		    note->checkpoint.size >= size_of(row->enough))
			is_news |= put(&row->enough, opened.bytes);
	}
	hf_buf_release(&merged);
	return is_news;
}

static void told_of_others(struct hf_cosigned *cosigned, const char *peer,
			   const char *origin, struct hf_span bytes);

void hf_cosigned_told(struct hf_cosigned *cosigned, const char *peer,
		      const char *origin, struct hf_span bytes)
{
	struct about about;
	struct hf_note note;
	bool is_news = false;
	struct row *row;
	size_t count;

	if (!look_up(cosigned->node, origin, bytes, &about)) {
		told_of_others(cosigned, peer, origin, bytes);
		return;
	}
	if (about.witnesses == NULL ||
	    hf_note_open_witnessed(bytes, &about.keys.log, &about.keys.cosigner,
				   about.witnesses, &note, NULL, &count,
				   NULL) != HF_OK ||
	    count == 0)
		return;
	pthread_mutex_lock(&cosigned->lock);
	row = row_of(cosigned, origin, true);
	if (row != NULL)
		is_news = keep(row, &about, &note);
	pthread_mutex_unlock(&cosigned->lock);
	if (is_news)
		hf_tails_changed(cosigned->node->tails);
}

bool hf_cosigned_get(struct hf_cosigned *cosigned, const char *origin,
		     struct hf_span bytes, struct hf_buf *out_note,
		     struct hf_buf *out_other)
{
	struct about about;
	struct hf_note note;
	struct row *row;

	if (hf_conf_witnesses_of(cosigned->node->conf, origin) == NULL ||
	    !look_up(cosigned->node, origin, bytes, &about) ||
	    hf_note_parse(bytes, &note, NULL) != HF_OK)
		return false;
	pthread_mutex_lock(&cosigned->lock);
	row = row_of(cosigned, origin, false);
	if (row != NULL && row->largest.len_bytes == 0)
		row = NULL;
	if (row != NULL) {
		merge_with(row, &about, &note, out_note);
		if (out_other != NULL && row->enough.len_bytes > 0 &&
		    size_of(row->enough) < note.checkpoint.size)
			hf_buf_put(out_other, row->enough);
	}
	pthread_mutex_unlock(&cosigned->lock);
	return row != NULL && hf_buf_failed(out_note) == HF_OK;
}

/* --- as a witness ----------------------------------------------------------
 */

const struct hf_note_key *hf_cosigned_key(const struct hf_cosigned *cosigned)
{
	return atomic_load(&cosigned->has_key) ? &cosigned->key : NULL;
}

void hf_cosigned_learn_key(struct hf_cosigned *cosigned)
{
	struct hf_agent_status status;

	if (atomic_load(&cosigned->has_key) ||
	    hf_agent_status(cosigned->node->agent, &status, NULL) != HF_OK ||
	    hf_note_cosigner_init(hf_span_of(status.domain),
				  &status.cosigner_key, &cosigned->key,
				  NULL) != HF_OK)
		return;
	atomic_store(&cosigned->has_key, true);
}

/* The signer waits since its start until somebody told what we cosigned of the
 * set, or waits no longer.  True when that is news. */
static bool set_awaits(struct hf_cosigned *cosigned, const char *origin,
		       bool awaits)
{
	bool is_new = false;
	struct row *row;

	pthread_mutex_lock(&cosigned->lock);
	row = row_of(cosigned, origin, awaits);
	if (row != NULL) {
		is_new = row->awaits_report != awaits;
		row->awaits_report = awaits;
	}
	pthread_mutex_unlock(&cosigned->lock);
	return is_new;
}

static bool awaits(struct hf_cosigned *cosigned, const char *origin)
{
	const struct row *row;
	bool is;

	pthread_mutex_lock(&cosigned->lock);
	row = row_of(cosigned, origin, false);
	is = row != NULL && row->awaits_report;
	pthread_mutex_unlock(&cosigned->lock);
	return is;
}

void hf_cosigned_vouched(struct hf_cosigned *cosigned, const char *origin)
{
	if (set_awaits(cosigned, origin, false))
		hf_peers_told(cosigned->node->peers, origin, hf_span(NULL, 0));
}

static void told_of_others(struct hf_cosigned *cosigned, const char *peer,
			   const char *origin, struct hf_span bytes)
{
	if (bytes.len_bytes > 0)
		hf_peers_told(cosigned->node->peers, origin, bytes);
	if (awaits(cosigned, origin))
		hf_vouch_told(cosigned->node->vouching, peer, origin, bytes);
}

void hf_cosigned_remind(struct hf_cosigned *cosigned)
{
	const struct hf_note_key *key = hf_cosigned_key(cosigned);
	struct hf_ledger_info set = { .set = 0 };
	struct hf_ledger_view *view;
	struct hf_span bytes;
	struct hf_note note;

	if (key == NULL ||
	    hf_ledger_view_begin(cosigned->node->ledger, &view, NULL) != HF_OK)
		return;
	while (hf_ledger_next(view, set.set, &set, NULL) == HF_OK) {
		struct hf_why why = { "" };

		if (set.kind == HF_LEDGER_FOREIGN &&
		    hf_ledger_note(view, set.set, HF_LEDGER_SEEN, &bytes,
				   NULL) == HF_OK &&
		    hf_note_parse(bytes, &note, NULL) == HF_OK &&
		    hf_note_time(&note, key) > 0 &&
		    hf_agent_report(cosigned->node->agent, bytes, &why) !=
			    HF_OK)
			hf_log(HF_LOG_ERROR, "hashfedd", "signer disagrees",
			       "set=%s why=\"%s\"", set.origin, why.text);
	}
	hf_ledger_view_end(view);
}

struct asking {
	struct hf_errand errand; /* first */
	struct hf_cosigned *cosigned;
	struct hf_cosign *cosign;
};

/* The signer wants a proof from what it cosigned last. */
static enum hf_err fit_proof(struct hf_cosigned *cosigned,
			     const struct hf_cosign *cosign,
			     struct hf_agent_checkpoint *ask,
			     uint64_t *out_wanted, struct hf_why *why)
{
	struct hf_tree_hash root;
	uint64_t last;
	enum hf_err err = hf_agent_last(cosigned->node->agent, ask->origin,
					&last, &root, why);

	if (err != HF_OK)
		return err;
	ask->old_size = last;
	if (last == 0 || last >= cosign->size)
		return HF_OK;
	if (cosign->old_size != last) {
		*out_wanted = last;
		return hf_why(why, HF_E_PROOF,
			      "a proof from size %llu is needed",
			      (unsigned long long)last);
	}
	ask->proof = cosign->proof;
	return HF_OK;
}

/* What others report may move what was cosigned last between the question for
 * it and the one that rests on it: then both are asked again. */
static void ask_signer(struct hf_cosigned *cosigned, struct hf_cosign *cosign)
{
	struct hf_agent_checkpoint ask = {
		.origin = hf_span_of(cosign->origin),
		.size = cosign->size,
		.root = cosign->root,
	};
	uint64_t before = UINT64_MAX;

	for (;;) {
		hf_buf_reset(&cosign->line);
		cosign->wanted = 0;
		cosign->err = fit_proof(cosigned, cosign, &ask, &cosign->wanted,
					&cosign->why);
		if (cosign->err != HF_OK)
			return;
		cosign->err = hf_agent_cosign(cosigned->node->agent, &ask,
					      &cosign->line, &cosign->why);
		if ((cosign->err != HF_E_CONFLICT &&
		     cosign->err != HF_E_PROOF) ||
		    ask.old_size == before)
			break;
		before = ask.old_size;
	}
	/* After a restore others may know more of what we cosigned than we
	 * were shown yet; the larger tree is shown next. */
	if (cosign->err == HF_E_CONFLICT && ask.old_size > cosign->size)
		cosign->err = hf_why(&cosign->why, HF_E_EXISTS,
				     "one of %llu entries is cosigned already",
				     (unsigned long long)ask.old_size);
}

static void run_asking(struct hf_errand *errand)
{
	struct asking *asking = (struct asking *)(void *)errand;
	struct hf_cosigned *cosigned = asking->cosigned;
	struct hf_cosign *cosign = asking->cosign;

	free(asking);
	hf_cosigned_learn_key(cosigned);
	ask_signer(cosigned, cosign);
	if (cosign->err == HF_E_BUSY &&
	    set_awaits(cosigned, cosign->origin, true)) {
		hf_vouch_waits(cosigned->node->vouching, cosign->origin);
		hf_peers_gossip_again(cosigned->node->peers);
	}
	hf_cosign_done(cosign);
}

void hf_cosigned_ask(struct hf_cosigned *cosigned, struct hf_cosign *cosign)
{
	struct asking *asking = calloc(1, sizeof(*asking));

	if (asking == NULL) {
		cosign->err = hf_why(&cosign->why, HF_E_NOMEM, "no memory");
		hf_cosign_done(cosign);
		return;
	}
	asking->errand.run = run_asking;
	asking->cosigned = cosigned;
	asking->cosign = cosign;
	hf_errand_post(cosigned->node->case_errands, &asking->errand);
}

/* --- what peers ask --------------------------------------------------------
 */

static const struct hf_note_witnesses *on_witnesses(void *arg,
						    const char *origin)
{
	const struct hf_node *node = arg;

	return hf_conf_witnesses_of(node->conf, origin);
}

static void on_cosign(void *arg, struct hf_cosign *cosign)
{
	struct hf_node *node = arg;

	hf_cosigned_ask(node->cosigned, cosign);
}

static const struct hf_note_key *on_own_cosigner(void *arg)
{
	const struct hf_node *node = arg;

	return hf_cosigned_key(node->cosigned);
}

static void on_note_told(void *arg, const char *peer, const char *origin,
			 struct hf_span note)
{
	struct hf_node *node = arg;

	hf_cosigned_told(node->cosigned, peer, origin, note);
}

void hf_cosigned_options(struct hf_peers_options *options)
{
	options->witnesses = on_witnesses;
	options->cosign = on_cosign;
	options->own_cosigner = on_own_cosigner;
	options->note_told = on_note_told;
}
