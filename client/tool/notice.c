#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "file.h"
#include "kind.h"
#include "text.h"

#include "case_value.h"
#include "notice.h"
#include "order_file.h"

/* Below this a PDQ hash says little: it would match what it should not. */
#define QUALITY_LEAST 50

#define EXPLANATION_FILE_MAX_BYTES ((size_t)64 * 1024)

/* What is being put together; arrays have room for the most there may be. */
struct making {
	struct hf_cmd *cmd;
	struct hf_notice_plan *plan;
	struct hf_hash *hashes;
	struct hf_locator *locators;
	struct hf_entry_ref *entries;
	struct hf_label *labels;
};

static enum hf_err no_memory(struct hf_why *why)
{
	return hf_why(why, HF_E_NOMEM, "no memory");
}

/* ---- words ---- */

static enum hf_err take_words(struct making *making, struct hf_why *why)
{
	struct hf_cmd *cmd = making->cmd;
	struct hf_notice_plan *plan = making->plan;
	const char *regime = hf_cmd_option(cmd, HF_CMD_REGIME);
	const char *class = hf_cmd_option(cmd, HF_CMD_CLASS);
	const char *hold = hf_cmd_option(cmd, HF_CMD_HOLD);

	if (regime != NULL) {
		plan->notice.regime =
			(enum hf_regime)hf_regime_parse(hf_span_of(regime));
		if (plan->notice.regime == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "--regime '%.40s': give one of %s",
				      regime, hf_regime_words());
	}
	if (class != NULL) {
		plan->notice.content_class =
			(enum hf_class)hf_class_parse(hf_span_of(class));
		if (plan->notice.content_class == 0)
			return hf_why(why, HF_E_ARGUMENT,
				      "--class '%.40s': give csam, "
				      "csam-suspected, ncii, terrorist or "
				      "other",
				      class);
	}
	if (hold == NULL)
		return HF_OK;
	if (strcmp(hold, "draft") != 0 && strcmp(hold, "police") != 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "--hold '%.40s': give draft, or police for what "
			      "they see first",
			      hold);
	plan->hold = strcmp(hold, "draft") == 0 ? HF_CASE_DRAFT
						: HF_CASE_HELD_POLICE;
	return HF_OK;
}

static enum hf_err take_provider(struct making *making, struct hf_why *why)
{
	const char *given = hf_cmd_option(making->cmd, HF_CMD_PROVIDER);
	enum hf_err err;

	if (given == NULL)
		return HF_OK;
	err = hf_case_provider_parse(hf_span_of(given), &making->cmd->arena,
				     &making->plan->notice.provider, why);
	if (err != HF_OK)
		hf_why_prefix(why, "--provider: ");
	return err;
}

static enum hf_err take_explanation_file(struct making *making,
					 const char *path, struct hf_why *why)
{
	struct hf_buf buf;
	char *text = NULL;
	enum hf_err err;

	hf_buf_init(&buf, EXPLANATION_FILE_MAX_BYTES);
	err = hf_file_read(path, &buf, why);
	if (err == HF_OK) {
		text = hf_arena_text(&making->cmd->arena, hf_buf_span(&buf));
		if (text == NULL)
			err = no_memory(why);
	}
	if (err == HF_OK && strlen(text) != buf.len_bytes)
		err = hf_why(why, HF_E_MALFORMED,
			     "%s: a zero byte: is this a text file, in UTF-8?",
			     path);
	hf_buf_release(&buf);
	if (err != HF_OK)
		return err;
	hf_case_one_line(text);
	if (strlen(text) > HF_EXPLANATION_MAX_BYTES ||
	    !hf_text_is_clean(hf_span_of(text)))
		return hf_why(why, HF_E_MALFORMED,
			      "%s: at most %d bytes of UTF-8", path,
			      HF_EXPLANATION_MAX_BYTES);
	making->plan->notice.explanation = text;
	return HF_OK;
}

static enum hf_err take_texts(struct making *making, struct hf_why *why)
{
	struct hf_notice *notice = &making->plan->notice;
	const char *path = hf_cmd_option(making->cmd, HF_CMD_EXPLANATION_FILE);
	const struct {
		enum hf_cmd_option option;
		size_t most;
		const char **at;
	} rows[] = {
		/* clang-format off */
		{ HF_CMD_EXPLANATION,  HF_EXPLANATION_MAX_BYTES, &notice->explanation },
		{ HF_CMD_JURISDICTION, 2,                        &notice->jurisdiction },
		{ HF_CMD_LEGAL_BASIS,  HF_LABEL_MAX_BYTES,       &notice->legal_basis },
		{ HF_CMD_REFERENCE,    HF_LABEL_MAX_BYTES,       &notice->reference },
		/* clang-format on */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum hf_err err = hf_cmd_text(making->cmd, rows[i].option,
					      rows[i].most, rows[i].at, why);

		if (err != HF_OK)
			return err;
	}
	if (notice->jurisdiction != NULL &&
	    !hf_text_is_country(hf_span_of(notice->jurisdiction)))
		return hf_why(why, HF_E_ARGUMENT,
			      "--jurisdiction: give two capitals, as NL");
	if (path != NULL && notice->explanation != NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "give --explanation or --explanation-file, not "
			      "both");
	return path != NULL ? take_explanation_file(making, path, why) : HF_OK;
}

static enum hf_err take_contact(struct making *making, struct hf_why *why)
{
	const char *given = hf_cmd_option(making->cmd, HF_CMD_CONTACT);
	enum hf_err err;

	if (given == NULL)
		return HF_OK;
	err = hf_case_contact_parse(hf_span_of(given), &making->cmd->arena,
				    &making->plan->contact, why);
	if (err != HF_OK)
		hf_why_prefix(why, "--contact: ");
	else
		making->plan->notice.contact = &making->plan->contact;
	return err;
}

static enum hf_err take_labels(struct making *making, struct hf_why *why)
{
	const struct hf_cmd_values *given = &making->cmd->options[HF_CMD_LABEL];
	struct hf_notice *notice = &making->plan->notice;

	if (given->count > HF_ITEM_MAX_LABELS)
		return hf_why(why, HF_E_LIMIT, "more than %d --label",
			      HF_ITEM_MAX_LABELS);
	for (size_t i = 0; i < given->count; i++) {
		const char *equals = strchr(given->at[i], '=');
		struct hf_label *label = &making->labels[i];

		if (equals == NULL || equals == given->at[i] ||
		    equals[1] == '\0' ||
		    equals - given->at[i] > HF_LABEL_MAX_BYTES ||
		    strlen(equals + 1) > HF_LABEL_MAX_BYTES ||
		    !hf_text_is_clean(hf_span_of(given->at[i])))
			return hf_why(why, HF_E_ARGUMENT,
				      "--label '%.60s': give SCHEME=VALUE, for "
				      "example ncmec=A1",
				      given->at[i]);
		label->scheme = hf_arena_text(
			&making->cmd->arena,
			hf_span(given->at[i], (size_t)(equals - given->at[i])));
		label->value = equals + 1;
		if (label->scheme == NULL)
			return no_memory(why);
	}
	notice->labels = making->labels;
	notice->labels_count = given->count;
	return HF_OK;
}

/* ---- places, hashes, entries ---- */

static enum hf_err take_urls(struct making *making, struct hf_why *why)
{
	const struct hf_cmd_values *given = &making->cmd->options[HF_CMD_URL];
	struct hf_notice *notice = &making->plan->notice;
	enum hf_err err =
		hf_case_urls(given->at, given->count, making->locators, why);

	if (err != HF_OK)
		return err;
	notice->locators = making->locators;
	notice->locators_count = given->count;
	return HF_OK;
}

static enum hf_err add_hash(struct making *making, const struct hf_hash *hash,
			    struct hf_why *why)
{
	struct hf_notice *notice = &making->plan->notice;

	for (size_t i = 0; i < notice->hashes_count; i++) {
		if (making->hashes[i].algorithm == hash->algorithm &&
		    hf_span_equal(making->hashes[i].digest, hash->digest))
			return HF_OK;
	}
	if (notice->hashes_count == HF_ITEM_MAX_HASHES)
		return hf_why(why, HF_E_LIMIT,
			      "more than %d hashes in one notice: a file has "
			      "up to four",
			      HF_ITEM_MAX_HASHES);
	making->hashes[notice->hashes_count++] = *hash;
	return HF_OK;
}

static enum hf_err take_hashes(struct making *making, struct hf_why *why)
{
	const struct hf_cmd_values *given = &making->cmd->options[HF_CMD_HASH];

	for (size_t i = 0; i < given->count; i++) {
		struct hf_hash hash;
		enum hf_err err =
			hf_case_hash_parse(hf_span_of(given->at[i]),
					   &making->cmd->arena, &hash, why);

		if (err == HF_OK)
			err = add_hash(making, &hash, why);
		if (err != HF_OK) {
			hf_why_prefix(why, "--hash: ");
			return err;
		}
	}
	return HF_OK;
}

static enum hf_err add_digest(struct making *making, unsigned algorithm,
			      const uint8_t *digest, size_t len_bytes,
			      unsigned quality_plus_one, struct hf_why *why)
{
	struct hf_hash hash = { .algorithm = (enum hf_algorithm)algorithm,
				.quality_plus_one = quality_plus_one };

	hash.digest =
		hf_arena_copy(&making->cmd->arena, hf_span(digest, len_bytes));
	return hash.digest.at != NULL ? add_hash(making, &hash, why)
				      : no_memory(why);
}

/* The file stays here: what is told of it are its hashes. */
static enum hf_err add_file(struct making *making, struct hf_media *media,
			    const char *path, struct hf_why *why)
{
	struct hf_media_result result;
	enum hf_err err = hf_media_hash_file(media, path, &result, why);

	if (err == HF_OK)
		err = result.err;
	if (err != HF_OK)
		return hf_why(why, err, "%s: cannot be hashed: %.150s", path,
			      result.why.text);
	err = add_digest(making, HF_ALGORITHM_SHA256, result.sha256,
			 sizeof(result.sha256), 0, why);
	if (err == HF_OK)
		err = add_digest(making, HF_ALGORITHM_SHA1, result.sha1,
				 sizeof(result.sha1), 0, why);
	if (err == HF_OK)
		err = add_digest(making, HF_ALGORITHM_MD5, result.md5,
				 sizeof(result.md5), 0, why);
	if (err == HF_OK && result.pdq_err == HF_OK &&
	    result.quality >= QUALITY_LEAST)
		err = add_digest(making, HF_ALGORITHM_PDQ, result.pdq,
				 sizeof(result.pdq), result.quality + 1, why);
	return err;
}

static enum hf_err take_files(struct making *making, struct hf_why *why)
{
	const struct hf_cmd_values *given = &making->cmd->options[HF_CMD_FILE];
	struct hf_media *media;
	enum hf_err err;

	if (given->count == 0)
		return HF_OK;
	err = hf_cmd_media(making->cmd, NULL, NULL, &media, why);
	if (err != HF_OK)
		return err;
	for (size_t i = 0; i < given->count && err == HF_OK; i++)
		err = add_file(making, media, given->at[i], why);
	hf_media_close(media);
	return err;
}

/* "SET:INDEX"; a set's name, or its origin, has no colon. */
static enum hf_err take_entries(struct making *making, struct hf_why *why)
{
	const struct hf_cmd_values *given = &making->cmd->options[HF_CMD_ENTRY];
	struct hf_notice *notice = &making->plan->notice;

	if (given->count > HF_ITEM_MAX_REFS)
		return hf_why(why, HF_E_LIMIT, "more than %d --entry",
			      HF_ITEM_MAX_REFS);
	for (size_t i = 0; i < given->count; i++) {
		const char *colon = strchr(given->at[i], ':');
		struct hf_entry_ref *entry = &making->entries[i];
		struct hf_span set;

		set = hf_span(given->at[i],
			      colon != NULL ? (size_t)(colon - given->at[i])
					    : 0);
		if ((!hf_text_is_set_name(set) && !hf_text_is_origin(set)) ||
		    hf_text_u64(hf_span_of(colon + 1), HF_TREE_MAX_SIZE - 1,
				&entry->index) != HF_OK)
			return hf_why(why, HF_E_ARGUMENT,
				      "--entry '%.80s': give SET:INDEX, as "
				      "ncii:41 or hotline.example/ncii/1:41",
				      given->at[i]);
		entry->origin = hf_arena_text(&making->cmd->arena, set);
		if (entry->origin == NULL)
			return no_memory(why);
	}
	notice->entries = making->entries;
	notice->entries_count = given->count;
	return HF_OK;
}

/* ---- orders ---- */

enum hf_regime hf_order_regime(enum hf_class content_class)
{
	switch (content_class) {
	case HF_CLASS_CSAM:
	case HF_CLASS_CSAM_SUSPECTED:
		return HF_REGIME_CSAM_ORDER;
	case HF_CLASS_TERRORIST:
		return HF_REGIME_TCO;
	default:
		return HF_REGIME_CRIMINAL_ORDER;
	}
}

static enum hf_err take_order(struct making *making, struct hf_why *why)
{
	const char *path = hf_cmd_option(making->cmd, HF_CMD_ORDER);
	struct hf_notice_plan *plan = making->plan;
	struct hf_buf buf;
	enum hf_err err;

	if (path == NULL)
		return HF_OK;
	hf_buf_init(&buf, HF_ORDER_FILE_MAX_BYTES);
	err = hf_file_read(path, &buf, why);
	if (err == HF_OK) {
		err = hf_order_file_parse(hf_buf_span(&buf),
					  &making->cmd->arena, &plan->order,
					  &plan->notice.deadline_ms, why);
		if (err != HF_OK)
			hf_why_prefix(why, "%s: ", path);
	}
	hf_buf_release(&buf);
	if (err != HF_OK)
		return err;
	plan->kind = HF_CASE_EVENT_ORDER;
	plan->notice.order = &plan->order;
	if (plan->notice.regime == 0 && plan->notice.content_class != 0)
		plan->notice.regime =
			hf_order_regime(plan->notice.content_class);
	return HF_OK;
}

/* ---- all of it ---- */

static bool make_room(struct making *making)
{
	struct hf_arena *arena = &making->cmd->arena;

	making->hashes = hf_arena_calloc(arena, HF_ITEM_MAX_HASHES,
					 sizeof(*making->hashes));
	making->locators = hf_arena_calloc(arena, HF_CMD_VALUES_MAX,
					   sizeof(*making->locators));
	making->entries = hf_arena_calloc(arena, HF_ITEM_MAX_REFS,
					  sizeof(*making->entries));
	making->labels = hf_arena_calloc(arena, HF_ITEM_MAX_LABELS,
					 sizeof(*making->labels));
	return making->hashes != NULL && making->locators != NULL &&
	       making->entries != NULL && making->labels != NULL;
}

enum hf_err hf_notice_take(struct hf_cmd *cmd, struct hf_notice_plan *plan,
			   struct hf_why *why)
{
	static enum hf_err (*const steps[])(struct making *,
					    struct hf_why *) = {
		take_words,   take_provider, take_texts,  take_contact,
		take_labels,  take_urls,     take_hashes, take_files,
		take_entries, take_order,
	};
	struct making making = { .cmd = cmd, .plan = plan };

	*plan = (struct hf_notice_plan){ .kind = HF_CASE_EVENT_NOTICE };
	plan->notice.is_good_faith = hf_cmd_has(cmd, HF_CMD_GOOD_FAITH);
	if (!make_room(&making))
		return no_memory(why);
	plan->notice.hashes = making.hashes;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		enum hf_err err = steps[i](&making, why);

		if (err != HF_OK)
			return err;
	}
	return hf_request_id(cmd, plan->request_id, &plan->has_request, why);
}

enum hf_err hf_notice_check(const struct hf_notice *notice, struct hf_why *why)
{
	struct hf_buf buf;
	enum hf_err err;
	size_t len;

	if (notice->provider == NULL || notice->provider[0] == '\0')
		return hf_why(why, HF_E_ARGUMENT,
			      "whom to tell? --provider DOMAIN, a member or "
			      "not, or UNKNOWN");
	if (notice->regime == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "by which rules? --regime, one of %s",
			      hf_regime_words());
	if (notice->content_class == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "what is it? --class csam, csam-suspected, ncii, "
			      "terrorist or other");
	if (notice->locators_count == 0 && notice->hashes_count == 0 &&
	    notice->entries_count == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "what is where? --url, and --hash or --file");
	hf_buf_init(&buf, HF_MESSAGE_MAX_BYTES);
	err = hf_notice_encode(notice, &buf);
	len = buf.len_bytes;
	hf_buf_release(&buf);
	if (err == HF_E_NOMEM)
		return no_memory(why);
	if (err == HF_E_LIMIT || (err == HF_OK && len > HF_NOTICE_MAX_BYTES))
		return hf_why(why, HF_E_LIMIT,
			      "more than the %zu bytes that one notice holds: "
			      "tell of fewer places at a time",
			      HF_NOTICE_MAX_BYTES);
	if (err != HF_OK)
		return hf_why(why, err, "the notice cannot be encoded");
	return HF_OK;
}

void hf_notice_warn(const struct hf_notice *notice)
{
	bool is_abuse = hf_class_is_csam(notice->content_class);
	const struct {
		bool is_missing;
		const char *words;
	} rows[] = {
		{ notice->explanation == NULL || notice->explanation[0] == '\0',
		  "why it is illegal (--explanation)" },
		{ notice->locators_count == 0, "where it is (--url)" },
		{ notice->contact == NULL && !is_abuse,
		  "who can be asked (--contact)" },
		{ !notice->is_good_faith,
		  "that it is accurate and in good faith (--good-faith)" },
	};
	const char *before = "hashfed: DSA Art. 16(2) also asks for ";

	if (notice->regime != HF_REGIME_DSA)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].is_missing)
			continue;
		fprintf(stderr, "%s%s", before, rows[i].words);
		before = ", ";
	}
	if (before[0] == ',')
		fputc('\n', stderr);
}
