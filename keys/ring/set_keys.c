#include <inttypes.h>
#include <string.h>

#include "codec_document.h"

#include "set_keys.h"

/* A key with its bounds. */
struct row {
	struct hf_public_key key;
	const struct hf_set_key *bounds; /* NULL: any tree */
};

static bool is_key(const struct hf_set_key *row, struct hf_span key)
{
	return hf_span_equal(row->key, key);
}

/* The key in force, then the others of this kind; their number. */
static size_t rows_of(const struct hf_agreement *agreement, bool is_cosigner,
		      struct row out_rows[static HF_SET_KEYS_MAX + 1])
{
	struct hf_span now =
		is_cosigner ? agreement->cosigner_key : agreement->log_key;
	size_t count = 1;

	memset(out_rows, 0, (HF_SET_KEYS_MAX + 1) * sizeof(*out_rows));
	memcpy(out_rows[0].key.bytes, now.at, HF_PUBLIC_KEY_BYTES);
	for (size_t i = 0; i < agreement->keys_count; i++) {
		const struct hf_set_key *key = &agreement->keys[i];

		if (key->is_cosigner != is_cosigner)
			continue;
		if (is_key(key, now)) {
			out_rows[0].bounds = key;
			continue;
		}
		memcpy(out_rows[count].key.bytes, key->key.at,
		       HF_PUBLIC_KEY_BYTES);
		out_rows[count++].bounds = key;
	}
	return count;
}

static bool counts(const struct row *row, uint64_t size)
{
	return row->bounds == NULL ||
	       (size >= row->bounds->first_size &&
		(!row->bounds->is_void || size <= row->bounds->last_size));
}

static bool has_line(const struct hf_note *note, const char *name, uint32_t id)
{
	for (size_t i = 0; i < note->lines_count; i++) {
		if (note->lines[i].id == id &&
		    hf_span_is(note->lines[i].name, name))
			return true;
	}
	return false;
}

static enum hf_err refuse(const struct hf_note *note, const struct row *row,
			  const char *name, struct hf_why *why)
{
	uint64_t size = note->checkpoint.size;

	if (row->bounds->is_void && size > row->bounds->last_size)
		return hf_why(why, HF_E_SIGNATURE,
			      "note: of %" PRIu64 " entries, signed by a key "
			      "of '%s' that its publisher declared void above "
			      "%" PRIu64,
			      size, name, row->bounds->last_size);
	return hf_why(why, HF_E_SIGNATURE,
		      "note: of %" PRIu64 " entries, signed by a key of '%s' "
		      "that counts from %" PRIu64,
		      size, name, row->bounds->first_size);
}

static enum hf_err choose(const struct hf_agreement *agreement,
			  enum hf_note_kind kind, const struct hf_note *note,
			  struct hf_note_key *key, struct hf_why *why)
{
	const char *name = kind == HF_NOTE_COSIGNER ? agreement->cosigner_name
						    : agreement->origin;
	struct row rows[HF_SET_KEYS_MAX + 1];
	size_t count = rows_of(agreement, kind == HF_NOTE_COSIGNER, rows);
	const struct row *best = NULL, *refused = NULL;

	for (size_t i = 0; i < count && best == NULL; i++) {
		uint32_t id =
			hf_note_key_id(kind, hf_span_of(name), &rows[i].key);

		if (!has_line(note, name, id))
			continue;
		if (counts(&rows[i], note->checkpoint.size))
			best = &rows[i];
		else if (refused == NULL)
			refused = &rows[i];
	}
	if (best == NULL && refused != NULL)
		return refuse(note, refused, name, why);
	if (best == NULL)
		best = &rows[0];
	/* Making one checks the key, which takes longer than all this. */
	if (key->kind == kind && strcmp(key->name, name) == 0 &&
	    memcmp(&key->key, &best->key, sizeof(key->key)) == 0)
		return HF_OK;
	return hf_note_key_init(kind, hf_span_of(name), &best->key, key, why);
}

enum hf_err hf_set_keys_for(const struct hf_agreement *agreement,
			    const struct hf_note *note,
			    struct hf_set_pair *pair, struct hf_why *why)
{
	enum hf_err err = choose(agreement, HF_NOTE_LOG, note, &pair->log, why);

	return err == HF_OK ? choose(agreement, HF_NOTE_COSIGNER, note,
				     &pair->cosigner, why)
			    : err;
}

bool hf_set_keys_has_log(const struct hf_agreement *agreement,
			 const struct hf_public_key *key, uint64_t size)
{
	struct row rows[HF_SET_KEYS_MAX + 1];
	size_t count = rows_of(agreement, false, rows);

	for (size_t i = 0; i < count; i++) {
		if (memcmp(&rows[i].key, key, sizeof(*key)) == 0)
			return counts(&rows[i], size);
	}
	return false;
}

bool hf_set_keys_names_log(const struct hf_agreement *agreement,
			   const struct hf_public_key *key)
{
	struct row rows[HF_SET_KEYS_MAX + 1];
	size_t count = rows_of(agreement, false, rows);

	for (size_t i = 0; i < count; i++) {
		if (memcmp(&rows[i].key, key, sizeof(*key)) == 0)
			return true;
	}
	return false;
}

static bool has_line_of(const struct hf_agreement *agreement,
			enum hf_note_kind kind, const struct hf_note *note)
{
	const char *name = kind == HF_NOTE_COSIGNER ? agreement->cosigner_name
						    : agreement->origin;
	struct row rows[HF_SET_KEYS_MAX + 1];
	size_t count = rows_of(agreement, kind == HF_NOTE_COSIGNER, rows);

	for (size_t i = 0; i < count; i++) {
		if (has_line(note, name,
			     hf_note_key_id(kind, hf_span_of(name),
					    &rows[i].key)))
			return true;
	}
	return false;
}

bool hf_set_keys_are_meant(const struct hf_agreement *agreement,
			   const struct hf_note *note)
{
	return has_line_of(agreement, HF_NOTE_LOG, note) &&
	       has_line_of(agreement, HF_NOTE_COSIGNER, note);
}
