#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "text.h"

#include "note.h"

/* "— ", SPEC section 6.2. */
static const uint8_t dash[] = { 0xe2, 0x80, 0x94, ' ' };

#define TIME_BYTES 8
#define ID_BYTES   4

/* The longest line that a key of ours makes: id, time, signature. */
#define LINE_MAX_BYTES (ID_BYTES + TIME_BYTES + HF_SIGNATURE_BYTES)

/* Room for "cosignature/v1\ntime 9223372036854775807\n". */
#define COSIGNED_HEAD_MAX 48

static size_t line_bytes(enum hf_note_kind kind)
{
	return kind == HF_NOTE_COSIGNER ? LINE_MAX_BYTES
					: LINE_MAX_BYTES - TIME_BYTES;
}

/* The three lines of a checkpoint. */
static enum hf_err text_parse(struct hf_span *rest,
			      struct hf_checkpoint *out_checkpoint,
			      struct hf_why *why)
{
	struct hf_checkpoint checkpoint;
	struct hf_tree_hash empty;
	struct hf_span line;
	size_t len_bytes;
	enum hf_err err;

	if (!hf_text_line_take(rest, &checkpoint.origin) ||
	    !hf_text_is_origin(checkpoint.origin))
		return hf_why(why, HF_E_MALFORMED,
			      "note: line 1 is not an origin");
	if (!hf_text_line_take(rest, &line))
		return hf_why(why, HF_E_MALFORMED, "note: line 2 is missing");
	err = hf_text_u64(line, HF_TREE_MAX_SIZE, &checkpoint.size);
	if (err != HF_OK)
		return hf_why(why, err, "note: line 2 is not a tree size");
	if (!hf_text_line_take(rest, &line) ||
	    hf_base64_parse(line, checkpoint.root.bytes, HF_HASH_BYTES,
			    &len_bytes) != HF_OK ||
	    len_bytes != HF_HASH_BYTES)
		return hf_why(why, HF_E_MALFORMED,
			      "note: line 3 is not a root hash");
	hf_tree_empty(&empty);
	if (checkpoint.size == 0 && !hf_tree_equal(&checkpoint.root, &empty))
		return hf_why(why, HF_E_MALFORMED,
			      "note: an empty tree has another root");
	*out_checkpoint = checkpoint;
	return HF_OK;
}

/* Whether text is strict base64 of at least least bytes; its first four go to
 * out_id.  In pieces, so that a line of any length needs no memory. */
static bool base64_check(struct hf_span text, size_t least, uint32_t *out_id)
{
	uint8_t piece[48];
	size_t total = 0, len_bytes;

	while (text.len_bytes > 0) {
		size_t take = text.len_bytes < 64 ? text.len_bytes : 64;

		if (hf_base64_parse(hf_span(text.at, take), piece,
				    sizeof(piece), &len_bytes) != HF_OK)
			return false;
		if (take < text.len_bytes && len_bytes != sizeof(piece))
			return false; /* padding before the end */
		if (total == 0 && len_bytes >= ID_BYTES)
			*out_id = hf_be32(piece);
		total += len_bytes;
		text.at += take;
		text.len_bytes -= take;
	}
	return total >= least;
}

static enum hf_err line_parse(struct hf_span text, struct hf_note_line *out,
			      size_t number, struct hf_why *why)
{
	struct hf_note_line line = { .id = 0 };
	const uint8_t *space;

	if (!hf_text_is_clean(text))
		return hf_why(why, HF_E_MALFORMED,
			      "note: line %zu is not UTF-8, or has control "
			      "characters",
			      number);
	if (text.len_bytes <= sizeof(dash) ||
	    memcmp(text.at, dash, sizeof(dash)) != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "note: line %zu is not a signature", number);
	text.at += sizeof(dash);
	text.len_bytes -= sizeof(dash);
	space = memchr(text.at, ' ', text.len_bytes);
	if (space == NULL)
		return hf_why(why, HF_E_MALFORMED,
			      "note: line %zu has no signature behind the name",
			      number);
	line.name = hf_span(text.at, (size_t)(space - text.at));
	line.base64 =
		hf_span(space + 1, text.len_bytes - line.name.len_bytes - 1);
	if (!hf_note_name_is_valid(line.name))
		return hf_why(why, HF_E_MALFORMED,
			      "note: line %zu: the name has a space or a '+', "
			      "or is empty",
			      number);
	if (!base64_check(line.base64, ID_BYTES + 1, &line.id))
		return hf_why(why, HF_E_MALFORMED,
			      "note: line %zu: the signature is not base64 of "
			      "five bytes or more",
			      number);
	*out = line;
	return HF_OK;
}

enum hf_err hf_note_parse(struct hf_span bytes, struct hf_note *out_note,
			  struct hf_why *why)
{
	struct hf_note_line lines[HF_NOTE_MAX_SIGNATURES];
	struct hf_checkpoint checkpoint;
	struct hf_span rest = bytes, text, line;
	size_t count = 0;
	enum hf_err err;

	if (bytes.len_bytes > HF_NOTE_MAX_BYTES)
		return hf_why(why, HF_E_LIMIT, "note: %zu bytes, at most %zu",
			      bytes.len_bytes, HF_NOTE_MAX_BYTES);
	err = text_parse(&rest, &checkpoint, why);
	if (err != HF_OK)
		return err;
	text = hf_span(bytes.at, bytes.len_bytes - rest.len_bytes);
	if (!hf_text_line_take(&rest, &line) || line.len_bytes != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "note: line 4 is not the blank one");
	while (hf_text_line_take(&rest, &line)) {
		if (count == HF_NOTE_MAX_SIGNATURES)
			return hf_why(why, HF_E_LIMIT,
				      "note: more than %d signatures",
				      HF_NOTE_MAX_SIGNATURES);
		err = line_parse(line, &lines[count], 5 + count, why);
		if (err != HF_OK)
			return err;
		count++;
	}
	if (rest.len_bytes != 0)
		return hf_why(why, HF_E_MALFORMED,
			      "note: does not end with a newline");
	if (count == 0)
		return hf_why(why, HF_E_MALFORMED, "note: has no signature");

	out_note->bytes = bytes;
	out_note->text = text;
	out_note->checkpoint = checkpoint;
	out_note->lines_count = count;
	memcpy(out_note->lines, lines, count * sizeof(lines[0]));
	return HF_OK;
}

static size_t cosigned_head(uint64_t time_s, char out_head[COSIGNED_HEAD_MAX])
{
	return (size_t)snprintf(out_head, COSIGNED_HEAD_MAX,
				"cosignature/v1\ntime %" PRIu64 "\n", time_s);
}

static bool is_by(const struct hf_note_line *line,
		  const struct hf_note_key *key)
{
	return line->id == key->id && hf_span_is(line->name, key->name);
}

/* Whether a line that claims to be by key is; a cosigner's time goes to
 * out_time_s. */
static bool line_verifies(const struct hf_note *note,
			  const struct hf_note_line *line,
			  const struct hf_note_key *key, uint64_t *out_time_s)
{
	uint8_t message[COSIGNED_HEAD_MAX + HF_CHECKPOINT_MAX_BYTES];
	uint8_t raw[LINE_MAX_BYTES];
	size_t len_bytes, head;
	uint64_t time_s;

	if (hf_base64_parse(line->base64, raw, sizeof(raw), &len_bytes) !=
		    HF_OK ||
	    len_bytes != line_bytes(key->kind))
		return false;
	if (key->kind == HF_NOTE_LOG) {
		*out_time_s = 0;
		return hf_sign_verify(&key->key, note->text, raw + ID_BYTES) ==
		       HF_OK;
	}
	time_s = hf_be64(raw + ID_BYTES);
	if (time_s > INT64_MAX ||
	    note->text.len_bytes > HF_CHECKPOINT_MAX_BYTES)
		return false;
	head = cosigned_head(time_s, (char *)message);
	memcpy(message + head, note->text.at, note->text.len_bytes);
	*out_time_s = time_s;
	return hf_sign_verify(&key->key,
			      hf_span(message, head + note->text.len_bytes),
			      raw + ID_BYTES + TIME_BYTES) == HF_OK;
}

enum hf_err hf_note_verify(const struct hf_note *note,
			   const struct hf_note_key *keys, size_t keys_count,
			   struct hf_note_mark *out_marks, struct hf_why *why)
{
	uint64_t times_s[HF_NOTE_MAX_SIGNATURES] = { 0 };
	size_t signed_count = 0;

	for (size_t i = 0; i < keys_count; i++) {
		for (size_t j = 0; j < note->lines_count; j++) {
			if (!is_by(&note->lines[j], &keys[i]))
				continue;
			if (!line_verifies(note, &note->lines[j], &keys[i],
					   &times_s[j]))
				return hf_why(why, HF_E_SIGNATURE,
					      "note: the signature by '%s' "
					      "does not verify",
					      keys[i].name);
			signed_count++;
		}
	}
	if (signed_count == 0)
		return hf_why(why, HF_E_SIGNATURE,
			      "note: not signed by any key we know");

	for (size_t i = 0; i < keys_count; i++) {
		struct hf_note_mark mark = { .is_signed = false };

		for (size_t j = 0; j < note->lines_count; j++) {
			if (!is_by(&note->lines[j], &keys[i]))
				continue;
			mark.is_signed = true;
			if (times_s[j] > mark.time_s)
				mark.time_s = times_s[j];
		}
		out_marks[i] = mark;
	}
	return HF_OK;
}

enum hf_err hf_note_open(struct hf_span bytes, const struct hf_note_key *log,
			 const struct hf_note_key *cosigner,
			 struct hf_note *out_note, uint64_t *out_time_s,
			 struct hf_why *why)
{
	struct hf_note_key keys[2] = { *log };
	struct hf_note_mark marks[2];
	struct hf_note note;
	enum hf_err err;

	if (cosigner != NULL)
		keys[1] = *cosigner;
	err = hf_note_parse(bytes, &note, why);
	if (err != HF_OK)
		return err;
	if (!hf_span_is(note.checkpoint.origin, log->name))
		return hf_why(why, HF_E_SIGNATURE,
			      "note: is of another origin than '%s'",
			      log->name);
	err = hf_note_verify(&note, keys, cosigner != NULL ? 2 : 1, marks, why);
	if (err != HF_OK)
		return err;
	if (!marks[0].is_signed)
		return hf_why(why, HF_E_SIGNATURE,
			      "note: not signed by the log key of '%s'",
			      log->name);
	if (cosigner != NULL && !marks[1].is_signed)
		return hf_why(why, HF_E_SIGNATURE, "note: not cosigned by '%s'",
			      cosigner->name);
	*out_note = note;
	if (out_time_s != NULL)
		*out_time_s = cosigner != NULL ? marks[1].time_s : 0;
	return HF_OK;
}

uint64_t hf_note_time(const struct hf_note *note,
		      const struct hf_note_key *cosigner)
{
	uint8_t raw[LINE_MAX_BYTES];
	uint64_t newest_s = 0;

	for (size_t i = 0; i < note->lines_count; i++) {
		size_t len_bytes;
		uint64_t time_s;

		if (!is_by(&note->lines[i], cosigner) ||
		    hf_base64_parse(note->lines[i].base64, raw, sizeof(raw),
				    &len_bytes) != HF_OK ||
		    len_bytes != line_bytes(HF_NOTE_COSIGNER))
			continue;
		time_s = hf_be64(raw + ID_BYTES);
		if (time_s <= INT64_MAX && time_s > newest_s)
			newest_s = time_s;
	}
	return newest_s;
}

enum hf_err hf_note_put_text(struct hf_buf *buf,
			     const struct hf_checkpoint *checkpoint,
			     struct hf_why *why)
{
	char root[HF_BASE64_LEN(HF_HASH_BYTES) + 1];
	struct hf_tree_hash empty;

	if (!hf_text_is_origin(checkpoint->origin))
		return hf_why(why, HF_E_ARGUMENT,
			      "checkpoint: an origin is domain/set/epoch");
	if (checkpoint->size > HF_TREE_MAX_SIZE)
		return hf_why(why, HF_E_ARGUMENT,
			      "checkpoint: a size of %" PRIu64 " cannot be",
			      checkpoint->size);
	hf_tree_empty(&empty);
	if (checkpoint->size == 0 && !hf_tree_equal(&checkpoint->root, &empty))
		return hf_why(why, HF_E_ARGUMENT,
			      "checkpoint: an empty tree has another root");
	hf_base64(checkpoint->root.bytes, HF_HASH_BYTES, root);
	hf_buf_put(buf, checkpoint->origin);
	hf_buf_printf(buf, "\n%" PRIu64 "\n%s\n", checkpoint->size, root);
	return HF_OK;
}

void hf_note_put_cosigned(struct hf_buf *buf, uint64_t time_s,
			  struct hf_span text)
{
	char head[COSIGNED_HEAD_MAX];

	hf_buf_put(buf, hf_span(head, cosigned_head(time_s, head)));
	hf_buf_put(buf, text);
}

void hf_note_put_blank(struct hf_buf *buf)
{
	hf_buf_put_u8(buf, '\n');
}

void hf_note_put_line(struct hf_buf *buf, const struct hf_note_key *key,
		      uint64_t time_s,
		      const uint8_t signature[static HF_SIGNATURE_BYTES])
{
	char base64[HF_BASE64_LEN(LINE_MAX_BYTES) + 1];
	uint8_t raw[LINE_MAX_BYTES];
	uint8_t *at = raw;

	hf_be32_put(at, key->id);
	at += ID_BYTES;
	if (key->kind == HF_NOTE_COSIGNER) {
		hf_be64_put(at, time_s);
		at += TIME_BYTES;
	}
	memcpy(at, signature, HF_SIGNATURE_BYTES);
	hf_base64(raw, line_bytes(key->kind), base64);
	hf_buf_put(buf, hf_span(dash, sizeof(dash)));
	hf_buf_printf(buf, "%s %s\n", key->name, base64);
}
