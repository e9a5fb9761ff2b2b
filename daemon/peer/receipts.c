#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "applied.h"
#include "bytes.h"
#include "clock.h"
#include "codec_document.h"
#include "file.h"
#include "ledger_view.h"
#include "log.h"
#include "ring.h"
#include "sha256.h"

#include "receipts.h"

#define PATH_SIZE 1024

/* An encoded receipt with its longest origin is 520 bytes. */
#define FILE_MAX_BYTES 1024

/* Members rest for longer between two: each costs a write here. */
#define APART_MS ((uint64_t)1000)

/* A member that holds another tree is told of so often at most. */
#define TELL_US ((uint64_t)60 * 1000000)

struct hf_receipts {
	char dir[PATH_SIZE];
	pthread_mutex_t taking;      /* one is taken at a time; before lock */
	pthread_mutex_t lock;        /* guards what follows */
	struct hf_receipt_row *rows; /* owned */
	size_t count;
	size_t size;
	uint64_t number;  /* of the last that was taken */
	uint64_t tell_us; /* not before */
};

struct hf_applied_receipt hf_receipt_of_row(const struct hf_receipt_row *row)
{
	return (struct hf_applied_receipt){
		.origin = row->origin,
		.organisation_id = hf_span(row->member, HF_HASH_BYTES),
		.size = row->size,
		.root = hf_span(row->root, HF_HASH_BYTES),
		.at_ms = row->at_ms,
		.signature = hf_span(row->signature, HF_SIGNATURE_BYTES),
	};
}

/* Under the lock. */
static struct hf_receipt_row *find(struct hf_receipts *receipts,
				   const char *origin, const uint8_t *member)
{
	for (size_t i = 0; i < receipts->count; i++) {
		struct hf_receipt_row *row = &receipts->rows[i];

		if (memcmp(row->member, member, HF_HASH_BYTES) == 0 &&
		    strcmp(row->origin, origin) == 0)
			return row;
	}
	return NULL;
}

/* Under the lock: a row for it, new where there is none. */
static enum hf_err need(struct hf_receipts *receipts,
			const struct hf_applied_receipt *receipt,
			struct hf_receipt_row **out_row, struct hf_why *why)
{
	struct hf_receipt_row *row =
		find(receipts, receipt->origin, receipt->organisation_id.at);

	if (row != NULL) {
		*out_row = row;
		return HF_OK;
	}
	if (receipts->count == receipts->size) {
		size_t size = receipts->size * 2 + 16;
		struct hf_receipt_row *rows =
			realloc(receipts->rows, size * sizeof(*rows));

		if (rows == NULL)
			return hf_why(why, HF_E_NOMEM, "receipts: no memory");
		receipts->rows = rows;
		receipts->size = size;
	}
	row = &receipts->rows[receipts->count++];
	*row = (struct hf_receipt_row){ .size = 0 };
	snprintf(row->origin, sizeof(row->origin), "%s", receipt->origin);
	memcpy(row->member, receipt->organisation_id.at, HF_HASH_BYTES);
	*out_row = row;
	return HF_OK;
}

/* Under the lock. */
static void fill(struct hf_receipts *receipts, struct hf_receipt_row *row,
		 const struct hf_applied_receipt *receipt)
{
	row->size = receipt->size;
	row->at_ms = receipt->at_ms;
	memcpy(row->root, receipt->root.at, HF_HASH_BYTES);
	memcpy(row->signature, receipt->signature.at, HF_SIGNATURE_BYTES);
	row->number = ++receipts->number;
}

/* --- files -----------------------------------------------------------------
 */

static enum hf_err path_of(const struct hf_receipts *receipts,
			   const struct hf_applied_receipt *receipt, char *path,
			   struct hf_why *why)
{
	uint8_t text[HF_ORIGIN_MAX_BYTES + HF_HASH_BYTES];
	uint8_t digest[HF_SHA256_BYTES];
	char name[2 * HF_SHA256_BYTES + 1];
	size_t origin_len = strlen(receipt->origin);

	memcpy(text, receipt->organisation_id.at, HF_HASH_BYTES);
	memcpy(text + HF_HASH_BYTES, receipt->origin, origin_len);
	hf_sha256(text, HF_HASH_BYTES + origin_len, digest);
	hf_hex(digest, sizeof(digest), name);
	return hf_file_join(path, PATH_SIZE, receipts->dir, name, why);
}

static enum hf_err keep(struct hf_receipts *receipts,
			const struct hf_applied_receipt *receipt,
			struct hf_why *why)
{
	char path[PATH_SIZE];
	struct hf_buf bytes;
	enum hf_err err = hf_file_mkdirs(receipts->dir, 0700, why);

	if (err == HF_OK)
		err = path_of(receipts, receipt, path, why);
	hf_buf_init(&bytes, FILE_MAX_BYTES);
	if (err == HF_OK)
		err = hf_applied_receipt_encode(receipt, &bytes);
	if (err == HF_OK)
		err = hf_file_replace(path, hf_buf_span(&bytes), 0600, why);
	hf_buf_release(&bytes);
	return err;
}

static enum hf_err load_file(struct hf_receipts *receipts, const char *path,
			     struct hf_why *why)
{
	struct hf_applied_receipt receipt;
	struct hf_receipt_row *row;
	struct hf_arena arena;
	struct hf_buf bytes;
	enum hf_err err;

	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	hf_buf_init(&bytes, FILE_MAX_BYTES);
	err = hf_file_read(path, &bytes, why);
	if (err == HF_OK)
		err = hf_applied_receipt_parse(hf_buf_span(&bytes), &arena,
					       &receipt, why);
	if (err == HF_OK)
		err = need(receipts, &receipt, &row, why);
	if (err == HF_OK)
		fill(receipts, row, &receipt);
	hf_buf_release(&bytes);
	hf_arena_release(&arena);
	return err;
}

static enum hf_err load(struct hf_receipts *receipts, struct hf_why *why)
{
	DIR *dir = opendir(receipts->dir);
	struct dirent *file;
	enum hf_err err = HF_OK;

	while (dir != NULL && err == HF_OK && (file = readdir(dir)) != NULL) {
		char path[PATH_SIZE];

		/* "." and what a crash left half written. */
		if (strlen(file->d_name) != 2 * HF_SHA256_BYTES)
			continue;
		err = hf_file_join(path, sizeof(path), receipts->dir,
				   file->d_name, why);
		if (err == HF_OK)
			err = load_file(receipts, path, why);
		if (err == HF_E_MALFORMED || err == HF_E_LIMIT) {
			hf_log(HF_LOG_WARNING, "peer", "receipt damaged",
			       "file=%s why=\"%s\"", path, why->text);
			unlink(path);
			err = HF_OK;
		}
	}
	if (dir != NULL)
		closedir(dir);
	return err;
}

enum hf_err hf_receipts_open(const char *dir, struct hf_receipts **out_receipts,
			     struct hf_why *why)
{
	struct hf_receipts *receipts = calloc(1, sizeof(*receipts));
	struct hf_why damage = { "" };
	enum hf_err err;

	if (receipts == NULL)
		return hf_why(why, HF_E_NOMEM, "receipts: no memory");
	pthread_mutex_init(&receipts->taking, NULL);
	pthread_mutex_init(&receipts->lock, NULL);
	snprintf(receipts->dir, sizeof(receipts->dir), "%s", dir);
	err = load(receipts, &damage);
	if (err != HF_OK) {
		hf_receipts_close(receipts);
		return hf_why(why, err, "receipts: %s", damage.text);
	}
	*out_receipts = receipts;
	return HF_OK;
}

void hf_receipts_close(struct hf_receipts *receipts)
{
	if (receipts == NULL)
		return;
	pthread_mutex_destroy(&receipts->lock);
	pthread_mutex_destroy(&receipts->taking);
	free(receipts->rows);
	free(receipts);
}

/* --- taking one --------------------------------------------------------------
 */

/* Is it by a member, about a set whose receipts concern us; and by whom? */
static const struct hf_organisation *
signer_of(const struct hf_ring *ring, const struct hf_applied_receipt *receipt,
	  uint64_t now_ms)
{
	struct hf_span origin = hf_span_of(receipt->origin);
	const uint8_t *member = receipt->organisation_id.at;
	const uint8_t *self = hf_ring_self(ring)->id;

	if (hf_ring_may_have(ring, origin, member, now_ms) != HF_RIGHT_MEMBER)
		return NULL;
	if (memcmp(member, self, HF_HASH_BYTES) != 0 &&
	    !hf_ring_may_relay(ring, origin, self, now_ms))
		return NULL;
	return hf_ring_by_id(ring, member);
}

static enum hf_err check_signature(const struct hf_organisation *member,
				   const struct hf_applied_receipt *receipt,
				   struct hf_why *why)
{
	struct hf_public_key key;

	memcpy(key.bytes, member->manifest->notice_key.at, HF_PUBLIC_KEY_BYTES);
	return hf_applied_check(receipt, &key, why);
}

/* As far as we hold the set, the member must hold the same. */
static enum hf_err check_root(struct hf_ledger *ledger,
			      const struct hf_applied_receipt *receipt,
			      struct hf_why *why)
{
	struct hf_ledger_info info;
	struct hf_ledger_view *view;
	struct hf_tree_hash root;
	uint32_t set;
	enum hf_err err = hf_ledger_view_begin(ledger, &view, why);

	if (err != HF_OK)
		return err;
	err = hf_ledger_find(view, hf_span_of(receipt->origin), &set, why);
	if (err == HF_OK)
		err = hf_ledger_info(view, set, &info, why);
	if (err == HF_OK && receipt->size <= info.size)
		err = hf_ledger_root(view, set, receipt->size, &root, why);
	if (err == HF_OK && receipt->size <= info.size &&
	    memcmp(root.bytes, receipt->root.at, HF_HASH_BYTES) != 0)
		err = hf_why(why, HF_E_PROOF,
			     "receipt: its root of %s at %llu is not ours",
			     receipt->origin,
			     (unsigned long long)receipt->size);
	hf_ledger_view_end(view);
	return err;
}

static bool is_newer(struct hf_receipts *receipts,
		     const struct hf_applied_receipt *receipt)
{
	struct hf_receipt_row row;

	return !hf_receipts_get(receipts, receipt->origin,
				receipt->organisation_id.at, &row) ||
	       (receipt->at_ms > row.at_ms &&
		receipt->at_ms - row.at_ms >= APART_MS);
}

/* Nobody who only reads waits for the disk. */
static enum hf_err replace(struct hf_receipts *receipts,
			   const struct hf_applied_receipt *receipt,
			   struct hf_why *why)
{
	struct hf_receipt_row *row;
	enum hf_err err = HF_OK;

	pthread_mutex_lock(&receipts->taking);
	/* Another thread may have brought a newer one meanwhile. */
	if (!is_newer(receipts, receipt))
		err = HF_E_EXISTS;
	if (err == HF_OK)
		err = keep(receipts, receipt, why);
	if (err == HF_OK) {
		pthread_mutex_lock(&receipts->lock);
		err = need(receipts, receipt, &row, why);
		if (err == HF_OK)
			fill(receipts, row, receipt);
		pthread_mutex_unlock(&receipts->lock);
	}
	pthread_mutex_unlock(&receipts->taking);
	return err;
}

bool hf_receipts_may_tell(struct hf_receipts *receipts)
{
	uint64_t now_us = hf_clock_mono_us();
	bool may;

	pthread_mutex_lock(&receipts->lock);
	may = now_us >= receipts->tell_us;
	if (may)
		receipts->tell_us = now_us + TELL_US;
	pthread_mutex_unlock(&receipts->lock);
	return may;
}

enum hf_err hf_receipts_take(struct hf_receipts *receipts,
			     const struct hf_ring *ring,
			     struct hf_ledger *ledger,
			     const struct hf_applied_receipt *receipt,
			     struct hf_why *why)
{
	uint64_t now_ms = hf_clock_wall_ms();
	const struct hf_organisation *member = signer_of(ring, receipt, now_ms);
	enum hf_err err;

	if (member == NULL)
		return hf_why(why, HF_E_NOTFOUND,
			      "a receipt that is not for "
			      "us");
	if (!is_newer(receipts, receipt))
		return HF_E_EXISTS;
	err = check_signature(member, receipt, why);
	if (err == HF_OK && receipt->at_ms > now_ms + HF_FUTURE_MAX_MS)
		err = hf_why(why, HF_E_EXPIRED,
			     "receipt: its time has not come");
	if (err == HF_OK)
		err = check_root(ledger, receipt, why);
	return err == HF_OK ? replace(receipts, receipt, why) : err;
}

bool hf_receipts_get(struct hf_receipts *receipts, const char *origin,
		     const uint8_t member[static HF_HASH_BYTES],
		     struct hf_receipt_row *out_row)
{
	const struct hf_receipt_row *row;
	bool is_there;

	pthread_mutex_lock(&receipts->lock);
	row = find(receipts, origin, member);
	is_there = row != NULL;
	if (is_there)
		*out_row = *row;
	pthread_mutex_unlock(&receipts->lock);
	return is_there;
}

bool hf_receipts_next(struct hf_receipts *receipts, const char *origin,
		      uint64_t behind, struct hf_receipt_row *out_row)
{
	const struct hf_receipt_row *next = NULL;

	pthread_mutex_lock(&receipts->lock);
	for (size_t i = 0; i < receipts->count; i++) {
		const struct hf_receipt_row *row = &receipts->rows[i];

		if (row->number > behind && strcmp(row->origin, origin) == 0 &&
		    (next == NULL || row->number < next->number))
			next = row;
	}
	if (next != NULL)
		*out_row = *next;
	pthread_mutex_unlock(&receipts->lock);
	return next != NULL;
}
