#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "file.h"
#include "set_keys.h"
#include "text.h"

#include "signer_keys.h"
#include "signer_sets.h"

#define PATH_BYTES   4096
#define PUBLIC_BYTES (2 * HF_PUBLIC_KEY_BYTES + 1)

/*
 * Loading.
 */

/* "log-past-1800000000000.pub": the public half in hex. */
static enum hf_err read_past(const char *dir, const char *name,
			     struct hf_public_key *out_key, struct hf_why *why)
{
	char path[PATH_BYTES];
	struct hf_buf text;
	struct hf_public_key key;
	enum hf_err err = hf_file_join(path, sizeof(path), dir, name, why);

	if (err != HF_OK)
		return err;
	hf_buf_init(&text, PUBLIC_BYTES);
	err = hf_file_read(path, &text, why);
	if (err == HF_OK &&
	    (hf_hex_parse(hf_text_trim(hf_buf_span(&text)), key.bytes,
			  sizeof(key.bytes)) != HF_OK ||
	     hf_public_key_check(&key) != HF_OK))
		err = hf_why(why, HF_E_MALFORMED,
			     "signer: '%s' holds no public key", path);
	hf_buf_release(&text);
	if (err == HF_OK)
		*out_key = key;
	return err;
}

static bool is_past(const char *name, const char *role)
{
	size_t role_len = strlen(role), len = strlen(name);

	return len > 4 && strcmp(name + len - 4, ".pub") == 0 &&
	       strncmp(name, role, role_len) == 0 &&
	       strncmp(name + role_len, "-past-", 6) == 0;
}

static enum hf_err add_past(const char *dir, const char *name,
			    struct hf_signer_kind *kind, struct hf_why *why)
{
	struct hf_public_key key;
	enum hf_err err = read_past(dir, name, &key, why);

	if (err != HF_OK)
		return err;
	/* A retirement that a crash cut short: it is still in force. */
	if (memcmp(&key, &kind->now->public_key, sizeof(key)) == 0)
		return HF_OK;
	if (kind->past_count == HF_SIGNER_PAST_MAX) {
		memmove(&kind->past[0], &kind->past[1],
			sizeof(kind->past) - sizeof(kind->past[0]));
		kind->past_count--;
	}
	kind->past[kind->past_count++] = key;
	return HF_OK;
}

/* By their names, which are times: the oldest first. */
static enum hf_err load_past(const char *dir, const char *role,
			     struct hf_signer_kind *kind, struct hf_why *why)
{
	struct dirent **names;
	enum hf_err err = HF_OK;
	int count = scandir(dir, &names, NULL, alphasort);

	if (count < 0)
		return hf_why_errno(why, "signer: read '%s'", dir);
	for (int i = 0; i < count; i++) {
		if (err == HF_OK && is_past(names[i]->d_name, role))
			err = add_past(dir, names[i]->d_name, kind, why);
		free(names[i]);
	}
	free(names);
	return err;
}

static enum hf_err load_kind(const struct hf_signer_options *options,
			     enum hf_key_role role, struct hf_signer_kind *kind,
			     struct hf_why *why)
{
	enum hf_err err =
		hf_signer_load_key(options, role, "", &kind->now, why);

	if (err != HF_OK)
		return err;
	err = hf_signer_load_key(options, role, "-next", &kind->next, why);
	if (err == HF_E_NOTFOUND)
		err = HF_OK;
	if (err == HF_OK && kind->next != NULL &&
	    strcmp(kind->next->domain, kind->now->domain) != 0)
		err = hf_why(why, HF_E_CONFLICT,
			     "signer: %s-next.key is of another organisation",
			     hf_key_role_name(role));
	return err == HF_OK ? load_past(options->dir, hf_key_role_name(role),
					kind, why)
			    : err;
}

enum hf_err hf_signer_sets_load(const struct hf_signer_options *options,
				struct hf_signer_sets *sets, struct hf_why *why)
{
	const struct hf_key *next;
	struct hf_span domain;
	enum hf_err err = load_kind(options, HF_KEY_LOG, &sets->log, why);

	if (err == HF_OK)
		err = load_kind(options, HF_KEY_COSIGNER, &sets->cosigner, why);
	if (err != HF_OK)
		return err;
	domain = hf_span_of(sets->log.now->domain);
	next = sets->cosigner.next;
	err = hf_note_cosigner_init(domain, &sets->cosigner.now->public_key,
				    &sets->cosigner_now, why);
	return err == HF_OK && next != NULL
		       ? hf_note_cosigner_init(domain, &next->public_key,
					       &sets->cosigner_next, why)
		       : err;
}

static void kind_release(struct hf_signer_kind *kind)
{
	hf_key_free(kind->now);
	hf_key_free(kind->next);
}

void hf_signer_sets_release(struct hf_signer_sets *sets)
{
	kind_release(&sets->log);
	kind_release(&sets->cosigner);
}

/*
 * Signing.
 */

static enum hf_err log_keys(struct hf_signer_sets *sets, struct hf_span origin,
			    const struct hf_signer_log **out_log,
			    struct hf_why *why)
{
	const struct hf_key *next = sets->log.next;
	struct hf_signer_log *log;
	enum hf_err err;

	for (size_t i = 0; i < HF_SIGNER_LOGS_KEPT; i++) {
		log = &sets->logs[i];
		if (log->now.kind == HF_NOTE_LOG &&
		    hf_span_is(origin, log->now.name)) {
			*out_log = log;
			return HF_OK;
		}
	}
	log = &sets->logs[sets->logs_next];
	/* What is not whole is not found. */
	log->now.kind = 0;
	err = next != NULL
		      ? hf_note_key_init(HF_NOTE_LOG, origin, &next->public_key,
					 &log->next, why)
		      : HF_OK;
	if (err == HF_OK)
		err = hf_note_key_init(HF_NOTE_LOG, origin,
				       &sets->log.now->public_key, &log->now,
				       why);
	if (err != HF_OK)
		return err;
	sets->logs_next = (sets->logs_next + 1) % HF_SIGNER_LOGS_KEPT;
	*out_log = log;
	return HF_OK;
}

/* A line by each key that there is; NULL: none follows. */
static void put_lines(const struct hf_signer_kind *kind,
		      const struct hf_note_key *now,
		      const struct hf_note_key *next, uint64_t time_s,
		      struct hf_span message, struct hf_buf *note)
{
	uint8_t signature[HF_SIGNATURE_BYTES];

	hf_sign(kind->now->secret, message, signature);
	hf_note_put_line(note, now, time_s, signature);
	if (kind->next == NULL)
		return;
	hf_sign(kind->next->secret, message, signature);
	hf_note_put_line(note, next, time_s, signature);
}

/* What the log signs, and what the cosigner does. */
static enum hf_err put_texts(struct hf_span origin,
			     const struct hf_record_tree *tree,
			     struct hf_buf *text, struct hf_buf *cosigned,
			     struct hf_why *why)
{
	const struct hf_checkpoint checkpoint = { origin, tree->size,
						  tree->root };
	enum hf_err err = hf_note_put_text(text, &checkpoint, why);

	if (err != HF_OK)
		return err;
	hf_note_put_cosigned(cosigned, tree->time_s, hf_buf_span(text));
	err = hf_buf_failed(text);
	if (err == HF_OK)
		err = hf_buf_failed(cosigned);
	return err == HF_OK ? HF_OK
			    : hf_why(why, err, "signer: note: %s",
				     hf_err_words(err));
}

enum hf_err hf_signer_put_note(struct hf_signer_sets *sets,
			       struct hf_span origin,
			       const struct hf_record_tree *tree,
			       struct hf_buf *note, struct hf_why *why)
{
	const struct hf_signer_log *log;
	struct hf_buf text, cosigned;
	enum hf_err err;

	hf_buf_init(&text, HF_NOTE_MAX_BYTES);
	hf_buf_init(&cosigned, HF_NOTE_MAX_BYTES);
	err = log_keys(sets, origin, &log, why);
	if (err == HF_OK)
		err = put_texts(origin, tree, &text, &cosigned, why);
	if (err == HF_OK) {
		hf_buf_put(note, hf_buf_span(&text));
		hf_note_put_blank(note);
		put_lines(&sets->log, &log->now, &log->next, 0,
			  hf_buf_span(&text), note);
		put_lines(&sets->cosigner, &sets->cosigner_now,
			  &sets->cosigner_next, tree->time_s,
			  hf_buf_span(&cosigned), note);
	}
	hf_buf_release(&text);
	hf_buf_release(&cosigned);
	return err;
}

enum hf_err hf_signer_put_cosigned(const struct hf_signer_sets *sets,
				   struct hf_span origin,
				   const struct hf_record_tree *tree,
				   struct hf_buf *lines, struct hf_why *why)
{
	struct hf_buf text, cosigned;
	enum hf_err err;

	hf_buf_init(&text, HF_NOTE_MAX_BYTES);
	hf_buf_init(&cosigned, HF_NOTE_MAX_BYTES);
	err = put_texts(origin, tree, &text, &cosigned, why);
	if (err == HF_OK)
		put_lines(&sets->cosigner, &sets->cosigner_now,
			  &sets->cosigner_next, tree->time_s,
			  hf_buf_span(&cosigned), lines);
	hf_buf_release(&text);
	hf_buf_release(&cosigned);
	return err;
}

/*
 * Naming.
 */

static struct hf_span span_of(const struct hf_public_key *key)
{
	return hf_span(key->bytes, HF_PUBLIC_KEY_BYTES);
}

static const struct hf_agent_set_key *find(const struct hf_agent_set_key *held,
					   size_t count,
					   const struct hf_public_key *key,
					   bool is_cosigner)
{
	for (size_t i = 0; i < count; i++) {
		if (held[i].is_cosigner == is_cosigner &&
		    memcmp(&held[i].key, key, sizeof(*key)) == 0)
			return &held[i];
	}
	return NULL;
}

/* A bound is never beyond what was signed: that could still be chosen. */
static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static size_t name_kind(const struct hf_signer_kind *kind, bool is_cosigner,
			const struct hf_agent_set_key *held, size_t held_count,
			uint64_t size, struct hf_set_key *out)
{
	const struct hf_agent_set_key *was =
		find(held, held_count, &kind->now->public_key, is_cosigner);
	size_t count = 0;

	if (was != NULL && was->first_size > 0)
		out[count++] = (struct hf_set_key){
			.key = span_of(&kind->now->public_key),
			.is_cosigner = is_cosigner,
			.first_size = least(was->first_size, size),
		};
	if (kind->next != NULL) {
		was = find(held, held_count, &kind->next->public_key,
			   is_cosigner);
		out[count++] = (struct hf_set_key){
			.key = span_of(&kind->next->public_key),
			.is_cosigner = is_cosigner,
			.first_size = was != NULL ? least(was->first_size, size)
						  : size,
		};
	}
	for (size_t i = 0; i < kind->past_count; i++) {
		struct hf_set_key *key = &out[count];

		/* A set that it never signed need not name it. */
		was = find(held, held_count, &kind->past[i], is_cosigner);
		if (was == NULL)
			continue;
		*key = (struct hf_set_key){
			.key = span_of(&kind->past[i]),
			.is_cosigner = is_cosigner,
			.is_void = true,
			.last_size = was->is_void ? least(was->last_size, size)
						  : size,
		};
		key->first_size = least(was->first_size, key->last_size);
		count++;
	}
	return count;
}

void hf_signer_name_keys(const struct hf_signer_sets *sets,
			 const struct hf_agent_set_key *held, size_t held_count,
			 uint64_t size, struct hf_agreement *agreement,
			 struct hf_set_key *keys)
{
	size_t count =
		name_kind(&sets->log, false, held, held_count, size, keys);

	count += name_kind(&sets->cosigner, true, held, held_count, size,
			   keys + count);
	agreement->log_key = span_of(&sets->log.now->public_key);
	agreement->cosigner_key = span_of(&sets->cosigner.now->public_key);
	agreement->cosigner_name = sets->cosigner_now.name;
	agreement->keys = keys;
	agreement->keys_count = count;
}

static bool is_new(const struct hf_signer_kind *kind, bool is_cosigner,
		   const struct hf_agent_set_key *held, size_t held_count)
{
	bool is = kind->next != NULL &&
		  find(held, held_count, &kind->next->public_key,
		       is_cosigner) == NULL;

	for (size_t i = 0; i < kind->past_count && !is; i++) {
		const struct hf_agent_set_key *was =
			find(held, held_count, &kind->past[i], is_cosigner);

		is = was != NULL && !was->is_void;
	}
	return is;
}

bool hf_signer_names_new(const struct hf_signer_sets *sets,
			 const struct hf_agent_set_key *held, size_t held_count)
{
	return is_new(&sets->log, false, held, held_count) ||
	       is_new(&sets->cosigner, true, held, held_count);
}

static void tell(struct hf_agent_status *status,
		 const struct hf_public_key *key, bool is_cosigner,
		 enum hf_agent_key_state state)
{
	status->keys[status->keys_count++] = (struct hf_agent_signs){
		.key = *key,
		.is_cosigner = is_cosigner,
		.state = state,
	};
}

static void tell_kind(const struct hf_signer_kind *kind, bool is_cosigner,
		      struct hf_agent_status *status)
{
	tell(status, &kind->now->public_key, is_cosigner, HF_AGENT_KEY_NOW);
	if (kind->next != NULL)
		tell(status, &kind->next->public_key, is_cosigner,
		     HF_AGENT_KEY_NEXT);
	for (size_t i = 0; i < kind->past_count; i++)
		tell(status, &kind->past[i], is_cosigner, HF_AGENT_KEY_PAST);
}

void hf_signer_tell_keys(const struct hf_signer_sets *sets,
			 struct hf_agent_status *status)
{
	tell_kind(&sets->log, false, status);
	tell_kind(&sets->cosigner, true, status);
}

/*
 * Reading.
 */

enum hf_err hf_signer_open_note(const struct hf_signer_sets *sets,
				const struct hf_note *note, bool is_own,
				uint64_t *out_time_s, struct hf_why *why)
{
	char origin[HF_ORIGIN_MAX_BYTES + 1] = "";
	struct hf_agent_set_key held[HF_SET_KEYS_MAX];
	struct hf_set_key keys[HF_SET_KEYS_MAX];
	struct hf_agent_status all = { .domain = "" };
	struct hf_agreement agreement = { .origin = origin };
	struct hf_set_pair pair = { 0 };
	struct hf_note_mark mark;
	struct hf_note opened;
	enum hf_err err;

	/* Every key, for trees of any size. */
	memcpy(origin, note->checkpoint.origin.at,
	       note->checkpoint.origin.len_bytes);
	hf_signer_tell_keys(sets, &all);
	for (size_t i = 0; i < all.keys_count; i++)
		held[i] = (struct hf_agent_set_key){
			.key = all.keys[i].key,
			.is_cosigner = all.keys[i].is_cosigner,
		};
	hf_signer_name_keys(sets, held, all.keys_count, HF_TREE_MAX_SIZE,
			    &agreement, keys);
	err = hf_set_keys_for(&agreement, note, &pair, why);
	if (err == HF_OK && is_own)
		return hf_note_open(note->bytes, &pair.log, &pair.cosigner,
				    &opened, out_time_s, why);
	if (err == HF_OK)
		err = hf_note_verify(note, &pair.cosigner, 1, &mark, why);
	if (err == HF_OK)
		*out_time_s = mark.time_s;
	return err;
}
