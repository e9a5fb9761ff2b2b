#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "sha256.h"

#include "ledger_slip.h"

/* What a slip is made of; the rest up to the checksum is zero. */
enum {
	AT_MAGIC = 0,
	AT_SET = 8,
	AT_LEN = 12,
	AT_RECORD = 16, /* as in the table "notes" */
	AT_CHECK = HF_LEDGER_SLIP_BYTES - HF_SHA256_BYTES,
};

static const uint8_t magic[8] = { 'H', 'F', 'S', 'L', 'I', 'P', 0, 1 };

struct hf_ledger_slips {
	char *path; /* owned; for sentences */
	int fd;
	bool has_failed; /* a sync did: nobody knows what is on disk */
};

enum hf_err hf_ledger_slips_open(const char *dir,
				 struct hf_ledger_slips **out_slips,
				 struct hf_why *why)
{
	struct hf_ledger_slips *slips = calloc(1, sizeof(*slips));
	enum hf_err err;

	if (slips == NULL)
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	slips->fd = -1;
	slips->path = malloc(strlen(dir) + sizeof(".notes"));
	if (slips->path == NULL) {
		hf_ledger_slips_close(slips);
		return hf_why(why, HF_E_NOMEM, "ledger: no memory");
	}
	sprintf(slips->path, "%s.notes", dir);
	slips->fd = open(slips->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			 0600);
	if (slips->fd < 0) {
		err = hf_why_errno(why, "ledger: open '%s'", slips->path);
		hf_ledger_slips_close(slips);
		return err;
	}
	*out_slips = slips;
	return HF_OK;
}

void hf_ledger_slips_close(struct hf_ledger_slips *slips)
{
	if (slips == NULL)
		return;
	if (slips->fd >= 0)
		close(slips->fd);
	free(slips->path);
	free(slips);
}

static off_t place_of(uint32_t set)
{
	return (off_t)(set - 1) * HF_LEDGER_SLIP_BYTES;
}

static enum hf_err check_usable(const struct hf_ledger_slips *slips,
				struct hf_why *why)
{
	if (slips->has_failed)
		return hf_why(why, HF_E_SYSTEM, "ledger: a sync of '%s' failed",
			      slips->path);
	return HF_OK;
}

enum hf_err hf_ledger_slip_write(struct hf_ledger_slips *slips, uint32_t set,
				 const struct hf_ledger_note_record *record,
				 struct hf_why *why)
{
	uint8_t slip[HF_LEDGER_SLIP_BYTES] = { 0 };
	enum hf_err err = check_usable(slips, why);
	struct hf_buf buf;
	ssize_t put;

	if (err != HF_OK)
		return err;
	hf_buf_init(&buf, AT_CHECK - AT_RECORD);
	hf_ledger_note_put(&buf, record);
	err = hf_buf_failed(&buf);
	if (err == HF_OK) {
		memcpy(slip + AT_MAGIC, magic, sizeof(magic));
		hf_be32_put(slip + AT_SET, set);
		hf_be32_put(slip + AT_LEN, (uint32_t)buf.len_bytes);
		memcpy(slip + AT_RECORD, buf.at, buf.len_bytes);
		hf_sha256(slip, AT_CHECK, slip + AT_CHECK);
	}
	hf_buf_release(&buf);
	if (err != HF_OK)
		return hf_why(why, err, "ledger: note of set %u", set);
	do {
		put = pwrite(slips->fd, slip, sizeof(slip), place_of(set));
	} while (put < 0 && errno == EINTR);
	if (put == (ssize_t)sizeof(slip))
		return HF_OK;
	if (put >= 0)
		errno = ENOSPC;
	return hf_why_errno(why, "ledger: write '%s'", slips->path);
}

enum hf_err hf_ledger_slips_sync(struct hf_ledger_slips *slips,
				 struct hf_why *why)
{
	enum hf_err err = check_usable(slips, why);

	if (err == HF_OK && fdatasync(slips->fd) != 0) {
		slips->has_failed = true;
		err = hf_why_errno(why, "ledger: sync '%s'", slips->path);
	}
	return err;
}

enum hf_err hf_ledger_slip_read(struct hf_ledger_slips *slips, uint32_t set,
				uint8_t room[static HF_LEDGER_SLIP_BYTES],
				struct hf_ledger_note_record *out_record,
				struct hf_why *why)
{
	uint8_t check[HF_SHA256_BYTES];
	uint32_t len;
	ssize_t got;

	do {
		got = pread(slips->fd, room, HF_LEDGER_SLIP_BYTES,
			    place_of(set));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return hf_why_errno(why, "ledger: read '%s'", slips->path);
	if (got != HF_LEDGER_SLIP_BYTES)
		return hf_why(why, HF_E_NOTFOUND, "ledger: no slip of set %u",
			      set);
	len = hf_be32(room + AT_LEN);
	hf_sha256(room, AT_CHECK, check);
	if (memcmp(check, room + AT_CHECK, sizeof(check)) != 0 ||
	    memcmp(room + AT_MAGIC, magic, sizeof(magic)) != 0 ||
	    hf_be32(room + AT_SET) != set || len > AT_CHECK - AT_RECORD)
		return hf_why(why, HF_E_NOTFOUND,
			      "ledger: no whole slip of set %u", set);
	return hf_ledger_note_parse(hf_span(room + AT_RECORD, len), out_record,
				    why);
}
