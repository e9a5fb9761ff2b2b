#include <string.h>

#include "bytes.h"

#include "note_witness.h"

/* Key id, time and signature of a cosigner's line. */
#define COSIGNED_BYTES (4 + 8 + HF_SIGNATURE_BYTES)

/* log, cosigner and witnesses in one row; their number. */
static size_t gather(const struct hf_note_key *log,
		     const struct hf_note_key *cosigner,
		     const struct hf_note_witnesses *witnesses,
		     const struct hf_note_key *out_keys[static 32])
{
	size_t count = 2;

	out_keys[0] = log;
	out_keys[1] = cosigner;
	for (size_t i = 0; witnesses != NULL && i < witnesses->keys_count; i++)
		out_keys[count++] = &witnesses->keys[i];
	return count;
}

/* Is this the first key, of those that has() names, with its name? */
static bool is_first(const struct hf_note_witnesses *witnesses, size_t at,
		     const bool *has)
{
	for (size_t i = 0; i < at; i++) {
		if ((has == NULL || has[i]) &&
		    strcmp(witnesses->keys[i].name, witnesses->keys[at].name) ==
			    0)
			return false;
	}
	return true;
}

size_t hf_note_witnesses_count(const struct hf_note_witnesses *witnesses)
{
	size_t count = 0;

	for (size_t i = 0; i < witnesses->keys_count; i++)
		count += is_first(witnesses, i, NULL);
	return count;
}

enum hf_err hf_note_open_witnessed(struct hf_span bytes,
				   const struct hf_note_key *log,
				   const struct hf_note_key *cosigner,
				   const struct hf_note_witnesses *witnesses,
				   struct hf_note *out_note,
				   uint64_t *out_time_s, size_t *out_count,
				   struct hf_why *why)
{
	bool has[HF_NOTE_WITNESSES_MAX];
	struct hf_note note;
	size_t count = 0;
	enum hf_err err =
		hf_note_open(bytes, log, cosigner, &note, out_time_s, why);

	if (err != HF_OK)
		return err;
	for (size_t i = 0; witnesses != NULL && i < witnesses->keys_count;
	     i++) {
		const struct hf_note_key keys[2] = { *log, witnesses->keys[i] };
		struct hf_note_mark marks[2];

		err = hf_note_verify(&note, keys, 2, marks, why);
		if (err != HF_OK)
			return err;
		has[i] = marks[1].is_signed;
		count += has[i] && is_first(witnesses, i, has);
	}
	*out_note = note;
	*out_count = count;
	return HF_OK;
}

static bool is_of(const struct hf_note_line *line,
		  const struct hf_note_key *key)
{
	return line->id == key->id && hf_span_is(line->name, key->name);
}

static bool is_same_key(const struct hf_note_line *a,
			const struct hf_note_line *b)
{
	return a->id == b->id && hf_span_equal(a->name, b->name);
}

/* The time on a line that may be a cosigner's; 0 on others, and where it is
 * after latest_s. */
static uint64_t time_on(const struct hf_note_line *line, uint64_t latest_s)
{
	uint64_t time_s;
	uint8_t raw[COSIGNED_BYTES];
	size_t len_bytes;

	if (hf_base64_parse(line->base64, raw, sizeof(raw), &len_bytes) !=
		    HF_OK ||
	    len_bytes != sizeof(raw))
		return 0;
	time_s = hf_be64(raw + 4);
	return time_s <= latest_s ? time_s : 0;
}

/* Verbatim, from the dash to the newline. */
static void put_line(struct hf_buf *out, const struct hf_note_line *line)
{
	static const uint8_t dash[] = { 0xe2, 0x80, 0x94, 0x20 };

	hf_buf_put(out, hf_span(dash, sizeof(dash)));
	hf_buf_put(out, line->name);
	hf_buf_put_u8(out, ' ');
	hf_buf_put(out, line->base64);
	hf_buf_put_u8(out, '\n');
}

/* The newest line of a key; NULL without one. */
static const struct hf_note_line *newest(const struct hf_note *note,
					 const struct hf_note_key *key,
					 uint64_t latest_s)
{
	const struct hf_note_line *best = NULL;

	for (size_t i = 0; i < note->lines_count; i++) {
		const struct hf_note_line *line = &note->lines[i];

		if (is_of(line, key) &&
		    (best == NULL ||
		     time_on(line, latest_s) > time_on(best, latest_s)))
			best = line;
	}
	return best;
}

static uint64_t time_of(const struct hf_note *note,
			const struct hf_note_key *cosigner, uint64_t latest_s)
{
	const struct hf_note_line *line = newest(note, cosigner, latest_s);

	return line != NULL ? time_on(line, latest_s) : 0;
}

static bool is_known(const struct hf_note_line *line,
		     const struct hf_note_key *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_of(line, keys[i]))
			return true;
	}
	return false;
}

/* Is there a newer line of the same key, or a later one of the same time? */
static bool is_outdone(const struct hf_note *note, size_t at, uint64_t latest_s)
{
	const struct hf_note_line *line = &note->lines[at];
	uint64_t time_s = time_on(line, latest_s);

	for (size_t i = 0; i < note->lines_count; i++) {
		const struct hf_note_line *other = &note->lines[i];
		uint64_t other_s = time_on(other, latest_s);

		if (i != at && is_same_key(line, other) &&
		    (other_s > time_s || (other_s == time_s && i > at)))
			return true;
	}
	return false;
}

void hf_note_merge(const struct hf_note *held, const struct hf_note *other,
		   const struct hf_note_key *log,
		   const struct hf_note_key *cosigner,
		   const struct hf_note_witnesses *witnesses, uint64_t latest_s,
		   struct hf_buf *out)
{
	const struct hf_note_key *keys[HF_NOTE_MAX_SIGNATURES];
	uint64_t held_s = time_of(held, cosigner, latest_s);
	uint64_t other_s = time_of(other, cosigner, latest_s);
	const struct hf_note *base =
		other_s > held_s || (other_s == held_s &&
				     other->lines_count > held->lines_count)
			? other
			: held;
	size_t count = gather(log, cosigner, witnesses, keys), lines = 0;

	hf_buf_put(out, held->text);
	hf_note_put_blank(out);
	for (size_t i = 0; i < count; i++) {
		const struct hf_note_line *a = newest(held, keys[i], latest_s);
		const struct hf_note_line *b = newest(other, keys[i], latest_s);

		if (a == NULL ||
		    (b != NULL && time_on(b, latest_s) > time_on(a, latest_s)))
			a = b;
		if (a != NULL) {
			put_line(out, a);
			lines++;
		}
	}
	for (size_t i = 0; i < base->lines_count; i++) {
		if (lines < HF_NOTE_MAX_SIGNATURES &&
		    !is_known(&base->lines[i], keys, count) &&
		    !is_outdone(base, i, latest_s)) {
			put_line(out, &base->lines[i]);
			lines++;
		}
	}
}
