#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "evidence.h"
#include "file.h"
#include "ledger_view.h"
#include "log.h"
#include "ring.h"
#include "set_keys.h"
#include "sha256.h"
#include "text.h"

#include "forks.h"
#include "gossip.h"

#define PATH_SIZE      1024
#define NAME_PLAIN_MAX 200

static const char evidence_end[] = ".evidence";
static const char settled_end[] = ".settled";

struct hf_forks {
	struct hf_forks_options options;
	char dir[PATH_SIZE];
	pthread_mutex_t lock; /* one writes a file at a time */
};

/* --- files -----------------------------------------------------------------
 */

static enum hf_err path_of(const struct hf_forks *forks, const char *origin,
			   const char *end, char *path, struct hf_why *why)
{
	char name[HF_ORIGIN_MAX_BYTES + 16];
	uint8_t digest[HF_SHA256_BYTES];

	snprintf(name, sizeof(name), "%s%s", origin, end);
	/* A file's name has at most 255 bytes. */
	if (strlen(origin) > NAME_PLAIN_MAX) {
		hf_sha256(origin, strlen(origin), digest);
		hf_hex(digest, sizeof(digest), name);
		strcat(name, end);
	}
	for (char *at = name; *at != '\0'; at++) {
		if (*at == '/')
			*at = '_';
	}
	return hf_file_join(path, PATH_SIZE, forks->dir, name, why);
}

bool hf_forks_has(const struct hf_forks *forks, const char *origin)
{
	char path[PATH_SIZE];

	return path_of(forks, origin, evidence_end, path, NULL) == HF_OK &&
	       access(path, F_OK) == 0;
}

enum hf_err hf_forks_get(const struct hf_forks *forks, const char *origin,
			 struct hf_buf *out, struct hf_why *why)
{
	char path[PATH_SIZE];
	enum hf_err err = path_of(forks, origin, evidence_end, path, why);

	if (err == HF_OK && access(path, F_OK) != 0)
		return hf_why(why, HF_E_NOTFOUND, "no evidence about %s",
			      origin);
	return err == HF_OK ? hf_file_read(path, out, why) : err;
}

/* Up to which size an operator has gone on; 0 where none did. */
static uint64_t settled_size(const struct hf_forks *forks, const char *origin)
{
	char path[PATH_SIZE];
	struct hf_buf text;
	uint64_t size = 0;

	hf_buf_init(&text, 64);
	if (path_of(forks, origin, settled_end, path, NULL) != HF_OK ||
	    hf_file_read(path, &text, NULL) != HF_OK ||
	    hf_text_u64(hf_text_trim(hf_buf_span(&text)), HF_TREE_MAX_SIZE,
			&size) != HF_OK)
		size = 0;
	hf_buf_release(&text);
	return size;
}

static enum hf_err write_evidence(struct hf_forks *forks, const char *origin,
				  struct hf_span bytes, struct hf_why *why)
{
	char path[PATH_SIZE];
	enum hf_err err = path_of(forks, origin, evidence_end, path, why);

	pthread_mutex_lock(&forks->lock);
	if (err == HF_OK && access(path, F_OK) == 0)
		err = HF_E_EXISTS;
	if (err == HF_OK)
		err = hf_file_mkdirs(forks->dir, 0700, why);
	if (err == HF_OK)
		err = hf_file_replace(path, bytes, 0600, why);
	pthread_mutex_unlock(&forks->lock);
	return err;
}

/* --- what is evidence ------------------------------------------------------
 */

/* Is this note's root that of our own tree, as far as we hold it? */
static bool is_ours(struct hf_ledger_view *view,
		    const struct hf_ledger_info *info,
		    const struct hf_checkpoint *checkpoint)
{
	struct hf_tree_hash root;

	if (info->has_seen && checkpoint->size == info->seen_size)
		return hf_tree_equal(&checkpoint->root, &info->seen_root);
	return checkpoint->size <= info->size &&
	       hf_ledger_root(view, info->set, checkpoint->size, &root, NULL) ==
		       HF_OK &&
	       hf_tree_equal(&checkpoint->root, &root);
}

/* Has an operator gone on in spite of it?  What counts is how far the branch
 * went that is not ours. */
static bool is_settled(const struct hf_forks *forks, const char *origin,
		       uint32_t set, const struct hf_note notes[static 2])
{
	uint64_t size = settled_size(forks, origin);
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	bool is = notes[1].checkpoint.size <= size;

	if (is || notes[0].checkpoint.size > size ||
	    hf_ledger_view_begin(forks->options.ledger, &view, NULL) != HF_OK)
		return is;
	is = hf_ledger_info(view, set, &info, NULL) == HF_OK &&
	     is_ours(view, &info, &notes[1].checkpoint) &&
	     !is_ours(view, &info, &notes[0].checkpoint);
	hf_ledger_view_end(view);
	return is;
}

/* The evidence verified: keep it, freeze the set. */
static enum hf_err act(struct hf_forks *forks, uint32_t set, const char *origin,
		       struct hf_span bytes,
		       const struct hf_note notes[static 2], struct hf_why *why)
{
	struct hf_why reason;
	enum hf_err err;

	if (is_settled(forks, origin, set, notes))
		return hf_why(why, HF_E_EXISTS,
			      "evidence about %s that an operator has settled",
			      origin);
	err = write_evidence(forks, origin, bytes, why);
	if (err == HF_E_EXISTS)
		return hf_why(why, err, "evidence about %s is held already",
			      origin);
	hf_why(&reason, HF_E_FROZEN,
	       "its publisher signed two trees: sizes %" PRIu64 " and %" PRIu64
	       " contradict each other",
	       notes[0].checkpoint.size, notes[1].checkpoint.size);
	hf_log(HF_LOG_ERROR, "peer", "set frozen", "set=%s why=\"%s\"", origin,
	       reason.text);
	/* Without the file it is not proven, but frozen it is. */
	if (hf_ledger_freeze(forks->options.ledger, set, reason.text,
			     &reason) != HF_OK)
		hf_log(HF_LOG_ERROR, "peer", "set not frozen",
		       "set=%s why=\"%s\"", origin, reason.text);
	if (err == HF_OK && forks->options.found != NULL)
		forks->options.found(forks->options.arg);
	return err;
}

/* Bytes that we or somebody else made: verified in any case, so that nothing
 * is kept that others would refuse. */
static enum hf_err take(struct hf_forks *forks, uint32_t set,
			struct hf_span bytes, struct hf_why *why)
{
	struct hf_evidence evidence;
	struct hf_note notes[2];
	enum hf_err err = hf_evidence_parse(bytes, &evidence, why);

	if (err == HF_OK)
		err = hf_evidence_verify(&evidence, notes, why);
	return err == HF_OK ? act(forks, set, evidence.keys[0].name, bytes,
				  notes, why)
			    : err;
}

/* One of two notes that make evidence, with the key to open it. */
struct side {
	struct hf_note note;
	struct hf_set_pair keys;
};

/* A note against what we hold of its set. */
struct judging {
	const struct hf_agreement *agreement;
	struct hf_ledger_view *view;
	uint32_t set;
	struct side said, held;
	struct hf_buf made; /* evidence, or empty */
};

static enum hf_err judging_begin(struct hf_forks *forks,
				 const struct hf_ring *ring, uint32_t set,
				 const struct hf_note *note,
				 struct judging *judging, struct hf_why *why)
{
	const struct hf_ring_set *about =
		hf_ring_set(ring, note->checkpoint.origin);
	enum hf_err err;

	*judging = (struct judging){ .set = set, .said.note = *note };
	hf_buf_init(&judging->made, HF_EVIDENCE_MAX_BYTES);
	if (about == NULL)
		return hf_why(why, HF_E_NOTFOUND, "a note of no set of ours");
	judging->agreement = about->agreement;
	err = hf_set_keys_for(about->agreement, note, &judging->said.keys, why);
	return err == HF_OK ? hf_ledger_view_begin(forks->options.ledger,
						   &judging->view, why)
			    : err;
}

/* Take what was made. */
static enum hf_err judging_end(struct hf_forks *forks, struct judging *judging,
			       enum hf_err err, struct hf_why *why)
{
	hf_ledger_view_end(judging->view);
	if (err == HF_OK)
		err = hf_buf_failed(&judging->made);
	if (err == HF_OK && judging->made.len_bytes > 0) {
		err = take(forks, judging->set, hf_buf_span(&judging->made),
			   why);
		if (err == HF_OK)
			(void)hf_why(why, HF_E_CONFLICT,
				     "the publisher of %s signed two trees",
				     judging->said.keys.log.name);
		if (err == HF_OK || err == HF_E_EXISTS)
			err = HF_E_CONFLICT;
	}
	hf_buf_release(&judging->made);
	return err;
}

/* The note that we hold, and the key that it counts by. */
static bool has_held(struct judging *judging, enum hf_ledger_which which)
{
	struct side *held = &judging->held;
	struct hf_span bytes;

	return hf_ledger_note(judging->view, judging->set, which, &bytes,
			      NULL) == HF_OK &&
	       hf_note_parse(bytes, &held->note, NULL) == HF_OK &&
	       hf_set_keys_for(judging->agreement, &held->note, &held->keys,
			       NULL) == HF_OK;
}

static void put(struct judging *judging, const struct hf_tree_hash *root,
		const struct hf_tree_proof *proof)
{
	const struct side *said = &judging->said, *held = &judging->held;

	hf_evidence_put(
		&judging->made,
		&(struct hf_evidence_side){ &said->note, &said->keys.log },
		&(struct hf_evidence_side){ &held->note, &held->keys.log },
		root, proof);
}

/* The evidence that a note and what we hold make together; nothing where there
 * is none. */
static enum hf_err make(struct judging *judging, struct hf_why *why)
{
	const struct hf_checkpoint *said = &judging->said.note.checkpoint;
	struct hf_ledger_view *view = judging->view;
	struct hf_ledger_info info;
	struct hf_tree_proof proof;
	struct hf_tree_hash root;
	enum hf_err err = hf_ledger_info(view, judging->set, &info, why);

	if (err != HF_OK)
		return err;
	if (info.has_seen && said->size == info.seen_size) {
		if (!hf_tree_equal(&said->root, &info.seen_root) &&
		    has_held(judging, HF_LEDGER_SEEN))
			put(judging, NULL, NULL);
		return HF_OK;
	}
	if (!info.has_note || said->size > info.note_size)
		return HF_OK;
	err = hf_ledger_root(view, judging->set, said->size, &root, why);
	if (err != HF_OK || hf_tree_equal(&said->root, &root) ||
	    !has_held(judging, HF_LEDGER_NOTE))
		return err;
	if (said->size == info.note_size) {
		put(judging, NULL, NULL);
		return HF_OK;
	}
	err = hf_ledger_prove_growth(view, judging->set, said->size,
				     info.note_size, &proof, why);
	if (err == HF_OK)
		put(judging, &root, &proof);
	return err;
}

enum hf_err hf_forks_judge(struct hf_forks *forks, const struct hf_ring *ring,
			   uint32_t set, const struct hf_note *note,
			   struct hf_why *why)
{
	struct judging judging;
	enum hf_err err = judging_begin(forks, ring, set, note, &judging, why);

	if (err == HF_OK)
		err = make(&judging, why);
	return judging_end(forks, &judging, err, why);
}

enum hf_err hf_forks_judge_growth(struct hf_forks *forks,
				  const struct hf_ring *ring, uint32_t set,
				  const struct hf_note *note,
				  const struct hf_tree_hash *old_root,
				  const struct hf_tree_proof *proof,
				  struct hf_why *why)
{
	struct judging judging;
	const struct hf_checkpoint *held = &judging.held.note.checkpoint;
	enum hf_err err = judging_begin(forks, ring, set, note, &judging, why);

	if (err == HF_OK && has_held(&judging, HF_LEDGER_SEEN) &&
	    !hf_tree_equal(&held->root, old_root) &&
	    hf_tree_verify_consistency(
		    held->size, old_root, note->checkpoint.size,
		    &note->checkpoint.root, proof, NULL) == HF_OK)
		put(&judging, old_root, proof);
	return judging_end(forks, &judging, err, why);
}

/* --- evidence from others --------------------------------------------------
 */

/* The set that it is about, where its agreement lets each key count for the
 * tree that it signed. */
static enum hf_err find_set(struct hf_forks *forks, const struct hf_ring *ring,
			    const uint8_t *peer,
			    const struct hf_evidence *evidence,
			    uint32_t *out_set, struct hf_why *why)
{
	const char *origin = evidence->keys[0].name;
	const struct hf_ring_set *set;
	struct hf_ledger_view *view;
	struct hf_note note;
	bool is_publisher;
	enum hf_err err = HF_OK;

	if (!hf_gossip_is_shared(ring, origin, peer))
		return hf_why(why, HF_E_NOTFOUND,
			      "evidence about no set of ours");
	set = hf_ring_set(ring, hf_span_of(origin));
	is_publisher = memcmp(set->publisher->id, peer, HF_HASH_BYTES) == 0;
	for (size_t i = 0; i < 2 && err == HF_OK; i++) {
		const struct hf_public_key *key = &evidence->keys[i].key;

		err = hf_note_parse(evidence->notes[i], &note, why);
		if (err == HF_OK && !is_publisher &&
		    !hf_set_keys_names_log(set->agreement, key))
			err = hf_why(why, HF_E_DENIED,
				     "evidence: made with a key that the "
				     "agreement held does not name");
		else if (err == HF_OK &&
			 !hf_set_keys_has_log(set->agreement, key,
					      note.checkpoint.size))
			err = hf_why(why, HF_E_SIGNATURE,
				     "evidence: made with a key that is not "
				     "the set's, or counts for no tree of "
				     "%" PRIu64 " entries",
				     note.checkpoint.size);
	}
	if (err == HF_OK)
		err = hf_ledger_view_begin(forks->options.ledger, &view, why);
	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(origin), out_set, NULL);
	hf_ledger_view_end(view);
	return err != HF_E_NOTFOUND
		       ? err
		       : hf_why(why, err, "evidence about no set of ours");
}

enum hf_err hf_forks_take(struct hf_forks *forks, const struct hf_ring *ring,
			  const uint8_t peer[static HF_HASH_BYTES],
			  struct hf_span bytes, struct hf_why *why)
{
	struct hf_evidence evidence;
	uint32_t set;
	enum hf_err err = hf_evidence_parse(bytes, &evidence, why);

	if (err == HF_OK)
		err = find_set(forks, ring, peer, &evidence, &set, why);
	return err == HF_OK ? take(forks, set, bytes, why) : err;
}

/* --- the operator ----------------------------------------------------------
 */

/* Keep the file under another name: it stays evidence. */
static enum hf_err put_aside(struct hf_forks *forks, const char *origin,
			     uint64_t size, struct hf_why *why)
{
	char path[PATH_SIZE], aside[PATH_SIZE + 24], text[24];
	enum hf_err err = path_of(forks, origin, settled_end, path, why);

	snprintf(text, sizeof(text), "%" PRIu64 "\n", size);
	if (err == HF_OK)
		err = hf_file_mkdirs(forks->dir, 0700, why);
	if (err == HF_OK)
		err = hf_file_replace(path, hf_span_of(text), 0600, why);
	if (err == HF_OK)
		err = path_of(forks, origin, evidence_end, path, why);
	if (err != HF_OK)
		return err;
	snprintf(aside, sizeof(aside), "%s.%" PRIu64, path, size);
	if (rename(path, aside) != 0 && errno != ENOENT)
		return hf_why_errno(why, "rename '%s'", path);
	return hf_file_sync_dir(forks->dir, why);
}

enum hf_err hf_forks_thaw(struct hf_forks *forks, const char *origin,
			  struct hf_why *why)
{
	struct hf_ledger_view *view;
	struct hf_ledger_info info;
	uint32_t set;
	enum hf_err err =
		hf_ledger_view_begin(forks->options.ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(origin), &set, why);
	if (err == HF_OK)
		err = hf_ledger_info(view, set, &info, why);
	hf_ledger_view_end(view);
	if (err == HF_OK && !info.is_frozen)
		err = hf_why(why, HF_E_ARGUMENT, "%s is not frozen", origin);
	if (err != HF_OK)
		return err;
	pthread_mutex_lock(&forks->lock);
	err = put_aside(forks, origin,
			info.has_seen ? info.seen_size : info.size, why);
	pthread_mutex_unlock(&forks->lock);
	if (err == HF_OK)
		err = hf_ledger_freeze(forks->options.ledger, set, "", why);
	if (err == HF_OK)
		hf_log(HF_LOG_WARNING, "peer", "set thawed", "set=%s", origin);
	return err;
}

/* --- start -----------------------------------------------------------------
 */

enum hf_err hf_forks_open(const struct hf_forks_options *options,
			  struct hf_forks **out_forks, struct hf_why *why)
{
	struct hf_forks *forks = calloc(1, sizeof(*forks));
	uint32_t *sets = calloc(HF_LEDGER_SETS_MAX, sizeof(*sets));
	struct hf_ledger_info info = { .set = 0 };
	struct hf_ledger_view *view;
	size_t count = 0;
	enum hf_err err = HF_OK;

	if (forks == NULL || sets == NULL)
		err = hf_why(why, HF_E_NOMEM, "forks: no memory");
	if (err == HF_OK) {
		forks->options = *options;
		pthread_mutex_init(&forks->lock, NULL);
		err = hf_file_join(forks->dir, sizeof(forks->dir), NULL,
				   options->dir, why);
	}
	if (err == HF_OK)
		err = hf_ledger_view_begin(options->ledger, &view, why);
	if (err != HF_OK)
		goto out_free;
	/* What is kept is not verified again: its key may be another since. */
	while (hf_ledger_next(view, info.set, &info, NULL) == HF_OK) {
		if (!info.is_frozen && hf_forks_has(forks, info.origin))
			sets[count++] = info.set;
	}
	hf_ledger_view_end(view);
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = hf_ledger_freeze(options->ledger, sets[i],
				       "its publisher signed two trees", why);
	if (err != HF_OK)
		goto out_free;
	free(sets);
	*out_forks = forks;
	return HF_OK;

out_free:
	free(sets);
	free(forks);
	return err;
}

void hf_forks_close(struct hf_forks *forks)
{
	if (forks == NULL)
		return;
	pthread_mutex_destroy(&forks->lock);
	free(forks);
}
