/*
 * ledger_rig.h -- a ledger in a temporary directory, and a signer that does
 * what the real one does: keeps a record that outlives the process, asks for
 * proof that the tree only grew, and fails where it is told to.
 *
 * For test_ledger*.c and bench_ledger.c.
 */
#ifndef HF_LEDGER_RIG_H
#define HF_LEDGER_RIG_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ledger.h"
#include "ledger_piece.h"
#include "ledger_view.h"
#include "note.h"
#include "sign.h"

#define RIG_ORIGINS 8

/* Where the signer may be told to fail, or to die. */
enum rig_step {
	RIG_NEVER,
	RIG_LAST,          /* when asked what it signed last */
	RIG_BEFORE_RECORD, /* nothing was recorded */
	RIG_AFTER_RECORD,  /* signed, but nobody learns of it */
};

struct rig_record {
	char origin[64];
	uint64_t size;
	struct hf_tree_hash root;
};

struct rig_signer {
	struct hf_secret *log;
	struct hf_secret *cosigner;
	char path[128]; /* of the record */
	bool is_synced; /* one fdatasync a signature, as the real one does */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum rig_step fails_at;
	enum rig_step dies_at;
	int dies_in;  /* signatures until then */
	bool is_held; /* signatures wait */
	int more_cosignatures;
	uint64_t signed_count;
	uint64_t turns_count; /* in which it signed those */
	uint64_t time_s;
};

struct rig {
	enum hf_err made; /* whether rig_init() could */
	char home[64];
	char dir[128];
	struct rig_signer signer;
	struct hf_ledger_options options;
	struct hf_ledger *ledger;
	struct hf_ledger_wait *wait;
};

static inline int rig_record_open(const struct rig_signer *signer)
{
	return open(signer->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

static inline enum hf_err rig_record_find(int fd, struct hf_span origin,
					  struct rig_record *out_record,
					  off_t *out_at)
{
	for (off_t i = 0; i < RIG_ORIGINS; i++) {
		struct rig_record record = { { 0 }, 0, { { 0 } } };
		ssize_t got = pread(fd, &record, sizeof(record),
				    i * (off_t)sizeof(record));

		if (got == (ssize_t)sizeof(record) &&
		    !hf_span_is(origin, record.origin))
			continue;
		memset(&record, 0,
		       got == (ssize_t)sizeof(record) ? 0 : sizeof(record));
		*out_record = record;
		*out_at = i * (off_t)sizeof(record);
		return HF_OK;
	}
	return HF_E_LIMIT;
}

/* Wait while held, then say whether to fail here; or die.  Who does not say
 * what it signed last does not sign either: it may have said it to the ledger
 * just before it was told to fail. */
static inline bool rig_fails(struct rig_signer *signer, enum rig_step step)
{
	bool fails;

	pthread_mutex_lock(&signer->lock);
	while (signer->is_held && step == RIG_BEFORE_RECORD)
		pthread_cond_wait(&signer->changed, &signer->lock);
	fails = signer->fails_at == step ||
		(signer->fails_at == RIG_LAST && step == RIG_BEFORE_RECORD);
	if (signer->dies_at == step && signer->dies_in-- <= 0)
		kill(getpid(), SIGKILL);
	pthread_mutex_unlock(&signer->lock);
	return fails;
}

static inline void rig_set(struct rig_signer *signer, enum rig_step fails_at,
			   bool is_held)
{
	pthread_mutex_lock(&signer->lock);
	signer->fails_at = fails_at;
	signer->is_held = is_held;
	pthread_cond_broadcast(&signer->changed);
	pthread_mutex_unlock(&signer->lock);
}

static inline enum hf_err rig_last(void *arg, struct hf_span origin,
				   uint64_t *out_size,
				   struct hf_tree_hash *out_root,
				   struct hf_why *why)
{
	struct rig_signer *signer = arg;
	struct rig_record record = { { 0 }, 0, { { 0 } } };
	enum hf_err err;
	off_t at;
	int fd;

	if (rig_fails(signer, RIG_LAST))
		return hf_why(why, HF_E_UNAVAILABLE, "signer: away");
	fd = rig_record_open(signer);
	err = rig_record_find(fd, origin, &record, &at);
	close(fd);
	*out_size = record.size;
	*out_root = record.root;
	return err;
}

/* What witnesses would add; nobody here verifies it. */
static inline enum hf_err rig_cosign(const struct rig_signer *signer,
				     uint64_t time_s, struct hf_buf *note,
				     struct hf_why *why)
{
	static const uint8_t signature[HF_SIGNATURE_BYTES] = { 1 };
	enum hf_err err = HF_OK;

	for (int i = 0; i < signer->more_cosignatures && err == HF_OK; i++) {
		struct hf_note_key key;
		char name[64];

		snprintf(name, sizeof(name),
			 "witness-%d.a-name-that-takes-its-room.example", i);
		err = hf_note_cosigner_init(hf_span_of(name),
					    hf_secret_public(signer->cosigner),
					    &key, why);
		if (err == HF_OK)
			hf_note_put_line(note, &key, time_s, signature);
	}
	return err;
}

/* A whole note, as keys/agent would make it. */
static inline enum hf_err rig_note(const struct rig_signer *signer,
				   struct hf_span origin, uint64_t size,
				   const struct hf_tree_hash *root,
				   uint64_t time_s, struct hf_buf *note,
				   struct hf_why *why)
{
	struct hf_checkpoint checkpoint = { origin, size, *root };
	uint8_t signature[HF_SIGNATURE_BYTES];
	struct hf_note_key log, cosigner;
	struct hf_buf cosigned;
	enum hf_err err;

	err = hf_note_key_init(HF_NOTE_LOG, origin,
			       hf_secret_public(signer->log), &log, why);
	if (err == HF_OK)
		err = hf_note_cosigner_init(hf_span_of("hotline.example"),
					    hf_secret_public(signer->cosigner),
					    &cosigner, why);
	if (err == HF_OK)
		err = hf_note_put_text(note, &checkpoint, why);
	if (err != HF_OK)
		return err;
	hf_buf_init(&cosigned, HF_NOTE_MAX_BYTES);
	hf_note_put_cosigned(&cosigned, time_s, hf_buf_span(note));
	hf_sign(signer->log, hf_buf_span(note), signature);
	hf_note_put_blank(note);
	hf_note_put_line(note, &log, 0, signature);
	hf_sign(signer->cosigner, hf_buf_span(&cosigned), signature);
	hf_note_put_line(note, &cosigner, time_s, signature);
	err = hf_buf_failed(&cosigned);
	hf_buf_release(&cosigned);
	if (err == HF_OK)
		err = rig_cosign(signer, time_s, note, why);
	return err != HF_OK ? err : hf_buf_failed(note);
}

/* Whether it only grows, and into the record if it is to be; not synced. */
static inline enum hf_err
rig_record_look(int fd, const struct hf_ledger_to_sign *request, bool writes,
		struct hf_why *why)
{
	struct rig_record record = { { 0 }, 0, { { 0 } } };
	off_t at;
	enum hf_err err = rig_record_find(fd, request->origin, &record, &at);

	if (record.size == 0)
		hf_tree_empty(&record.root);
	if (err == HF_OK)
		err = hf_tree_verify_growth(record.size, &record.root,
					    request->size, &request->root,
					    &request->proof, why);
	if (err != HF_OK || !writes)
		return err;
	memcpy(record.origin, request->origin.at, request->origin.len_bytes);
	record.size = request->size;
	record.root = request->root;
	return pwrite(fd, &record, sizeof(record), at) ==
			       (ssize_t)sizeof(record)
		       ? HF_OK
		       : HF_E_SYSTEM;
}

static inline enum hf_err
rig_checkpoints(void *arg, const struct hf_ledger_to_sign *requests,
		size_t count, struct hf_buf *notes, struct hf_why *why)
{
	struct rig_signer *signer = arg;
	enum hf_err err = HF_OK;
	int fd;

	if (rig_fails(signer, RIG_BEFORE_RECORD))
		return hf_why(why, HF_E_UNAVAILABLE, "signer: away");
	fd = rig_record_open(signer);
	for (size_t i = 0; i < 2 * count && err == HF_OK; i++)
		err = rig_record_look(fd, &requests[i % count], i >= count,
				      why);
	if (err == HF_OK && signer->is_synced && fdatasync(fd) != 0)
		err = HF_E_SYSTEM;
	close(fd);
	if (err != HF_OK)
		return err;
	pthread_mutex_lock(&signer->lock);
	signer->signed_count += count;
	signer->turns_count++;
	signer->time_s++;
	pthread_mutex_unlock(&signer->lock);
	if (rig_fails(signer, RIG_AFTER_RECORD))
		return hf_why(why, HF_E_UNAVAILABLE, "signer: away");
	for (size_t i = 0; i < count && err == HF_OK; i++)
		err = rig_note(signer, requests[i].origin, requests[i].size,
			       &requests[i].root, signer->time_s, &notes[i],
			       why);
	return err;
}

static inline enum hf_err
rig_checkpoint(void *arg, const struct hf_ledger_to_sign *request,
	       struct hf_buf *note, struct hf_why *why)
{
	return rig_checkpoints(arg, request, 1, note, why);
}

/* Release it whatever comes of it.  Where there is memory to write to, base is
 * best there: tests are about order and kills, not about power cuts, and
 * need not wait for a disk. */
static inline enum hf_err rig_make(struct rig *rig, const char *base,
				   uint8_t seed)
{
	uint8_t seeds[2][HF_SEED_BYTES];
	enum hf_err err;

	memset(rig, 0, sizeof(*rig));
	snprintf(rig->home, sizeof(rig->home), "%s/hf-ledger-XXXXXX", base);
	if (mkdtemp(rig->home) == NULL)
		return HF_E_SYSTEM;
	snprintf(rig->dir, sizeof(rig->dir), "%s/ledger", rig->home);
	snprintf(rig->signer.path, sizeof(rig->signer.path), "%s/record",
		 rig->home);
	memset(seeds[0], seed, HF_SEED_BYTES);
	memset(seeds[1], seed + 1, HF_SEED_BYTES);
	pthread_mutex_init(&rig->signer.lock, NULL);
	pthread_cond_init(&rig->signer.changed, NULL);
	rig->signer.time_s = 1700000000;
	rig->options = (struct hf_ledger_options){
		.dir = rig->dir,
		.signer = { .arg = &rig->signer,
			    .last = rig_last,
			    .checkpoint = rig_checkpoint },
	};
	err = hf_sign_start(NULL);
	if (err == HF_OK)
		err = hf_secret_from_seed(seeds[0], &rig->signer.log, NULL);
	if (err == HF_OK)
		err = hf_secret_from_seed(seeds[1], &rig->signer.cosigner,
					  NULL);
	if (err == HF_OK)
		err = hf_ledger_wait_new(&rig->wait, NULL);
	return err;
}

/* What goes wrong is told by rig_reopen(). */
static inline void rig_init(struct rig *rig, uint8_t seed)
{
	bool has_memory = access("/dev/shm", W_OK) == 0;
	enum hf_err made =
		rig_make(rig, has_memory ? "/dev/shm" : "/tmp", seed);

	rig->made = made;
}

static inline void rig_close(struct rig *rig)
{
	rig_set(&rig->signer, rig->signer.fails_at, false);
	hf_ledger_close(rig->ledger);
	rig->ledger = NULL;
}

static inline enum hf_err rig_reopen(struct rig *rig, struct hf_why *why)
{
	rig_close(rig);
	if (rig->made != HF_OK)
		return hf_why(why, rig->made, "rig: cannot be made");
	return hf_ledger_open(&rig->options, &rig->ledger, why);
}

static inline void rig_release(struct rig *rig)
{
	char command[160];

	rig_close(rig);
	hf_ledger_wait_free(rig->wait);
	hf_secret_free(rig->signer.log);
	hf_secret_free(rig->signer.cosigner);
	pthread_mutex_destroy(&rig->signer.lock);
	pthread_cond_destroy(&rig->signer.changed);
	snprintf(command, sizeof(command), "rm -rf '%s'", rig->home);
	if (rig->home[0] == '\0' || system(command) != 0)
		fprintf(stderr, "could not remove %s\n", rig->home);
}

/* Append and wait for what comes of it. */
static inline enum hf_err rig_append(struct rig *rig,
				     const struct hf_ledger_batch *batch,
				     struct hf_ledger_receipt *out_receipt,
				     struct hf_why *why)
{
	enum hf_err err = hf_ledger_append(rig->ledger, batch,
					   hf_ledger_wait_done(rig->wait), why);

	if (err != HF_OK)
		return err;
	return hf_ledger_wait_for(rig->wait, out_receipt, why);
}

static inline struct hf_ledger_draft rig_add(const char *payload)
{
	return (struct hf_ledger_draft){ .op = HF_OP_ADD,
					 .time_ms = 1700000000000,
					 .target = HF_LEDGER_SELF,
					 .payload = hf_span_of(payload) };
}

static inline struct hf_ledger_draft rig_about(uint8_t op, uint64_t target,
					       const char *payload)
{
	return (struct hf_ledger_draft){ .op = op,
					 .code = 7,
					 .time_ms = 1700000000000,
					 .target = target,
					 .payload = hf_span_of(payload) };
}

/* One entry, no batch id. */
static inline enum hf_err rig_append_one(struct rig *rig, uint32_t set,
					 struct hf_ledger_draft draft,
					 struct hf_ledger_receipt *out_receipt,
					 struct hf_why *why)
{
	struct hf_ledger_batch batch = { .set = set,
					 .drafts = &draft,
					 .drafts_count = 1 };

	return rig_append(rig, &batch, out_receipt, why);
}

/* count ADDs with payloads "entry <n>", in batches. */
static inline enum hf_err rig_append_many(struct rig *rig, uint32_t set,
					  uint64_t first, size_t count,
					  struct hf_why *why)
{
	static struct hf_ledger_draft drafts[1000];
	static char texts[1000][32];
	enum hf_err err = HF_OK;

	while (count > 0 && err == HF_OK) {
		size_t now = count < 1000 ? count : 1000;
		struct hf_ledger_batch batch = { .set = set,
						 .drafts = drafts,
						 .drafts_count = now };

		for (size_t i = 0; i < now; i++) {
			snprintf(texts[i], sizeof(texts[i]), "entry %llu",
				 (unsigned long long)(first + i));
			drafts[i] = rig_add(texts[i]);
		}
		err = rig_append(rig, &batch, NULL, why);
		first += now;
		count -= now;
	}
	return err;
}

static inline enum hf_err rig_info(struct rig *rig, uint32_t set,
				   struct hf_ledger_info *out_info,
				   struct hf_why *why)
{
	struct hf_ledger_view *view;
	enum hf_err err = hf_ledger_view_begin(rig->ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_info(view, set, out_info, why);
	hf_ledger_view_end(view);
	return err;
}

#endif /* HF_LEDGER_RIG_H */
