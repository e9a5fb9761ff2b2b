#include <stdio.h>
#include <string.h>

#include "kind.h"

#include "sor.h"

#define GROUND_MAX 500 /* characters */

/* clang-format off */
#define ROW(word, value) { word, value },
static const struct {
	const char *word, *value;
} contents[] = { HF_SOR_CONTENT_TABLE(ROW) };
#undef ROW

#define NON_CONSENSUAL "KEYWORD_NON_CONSENSUAL_"

/* Class, category, keyword, keyword for what was made by a machine, what it is
 * in a sentence. */
static const struct {
	enum hf_class content_class;
	const char *category, *keyword, *synthetic, *words;
} classes[] = {
	{ HF_CLASS_CSAM, "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
	  "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL",
	  "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE",
	  "child sexual abuse material" },
	{ HF_CLASS_CSAM_SUSPECTED, "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
	  "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL",
	  "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE",
	  "suspected child sexual abuse material" },
	{ HF_CLASS_NCII, "STATEMENT_CATEGORY_CYBER_VIOLENCE",
	  NON_CONSENSUAL "IMAGE_SHARING", NON_CONSENSUAL "MATERIAL_DEEPFAKE",
	  "intimate material shared without consent" },
	{ HF_CLASS_TERRORIST, "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
	  "KEYWORD_TERRORIST_CONTENT", "KEYWORD_TERRORIST_CONTENT",
	  "terrorist content" },
};

/* Labels of a notice that are keywords of the database, in our area, with the
 * category that goes with them (NULL: whatever the class says). */
#define AGAINST_WOMEN "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN"
static const struct {
	const char *keyword, *category;
} labels[] = {
	{ "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL", NULL },
	{ "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE", NULL },
	{ "KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS", NULL },
	{ "KEYWORD_TERRORIST_CONTENT", NULL },
	{ NON_CONSENSUAL "IMAGE_SHARING", NULL },
	{ NON_CONSENSUAL "IMAGE_SHARING_AGAINST_WOMEN", AGAINST_WOMEN },
	{ NON_CONSENSUAL "MATERIAL_DEEPFAKE", NULL },
	{ NON_CONSENSUAL "MATERIAL_DEEPFAKE_AGAINST_WOMEN", AGAINST_WOMEN },
};
/* clang-format on */

/* What the events of a case say, as far as a statement needs it. */
struct story {
	const struct hf_case_summary *summary;
	const struct hf_case_event *notice; /* has a notice */
	const struct hf_case_event *act;    /* the newest that stands */
	unsigned acts, acts_automatic;
	uint64_t acted_ms; /* of the first that stands */
};

const char *hf_sor_content_words(void)
{
	return "image, video, audio, text, synthetic, other";
}

static struct story tell(const struct hf_get_case_response *one)
{
	struct story story = { .summary = one->summary };

	for (size_t i = 0; i < one->events_count; i++) {
		const struct hf_case_event *event = one->events[i].event;

		if (!one->events[i].is_applied)
			continue;
		switch (event->kind) {
		case HF_CASE_EVENT_NOTICE:
		case HF_CASE_EVENT_ORDER:
			if (story.notice == NULL && event->notice != NULL)
				story.notice = event;
			break;
		case HF_CASE_EVENT_REMOVED:
		case HF_CASE_EVENT_DISABLED:
			if (story.acts == 0)
				story.acted_ms = event->acted_ms != 0
							 ? event->acted_ms
							 : event->at_ms;
			story.act = event;
			story.acts++;
			story.acts_automatic += event->is_automatic;
			break;
		case HF_CASE_EVENT_REINSTATED:
		case HF_CASE_EVENT_REAPPEARED:
			/* What was done is undone, or of no effect. */
			story.act = NULL;
			story.acts = story.acts_automatic = 0;
			break;
		default:
			break;
		}
	}
	return story;
}

/* Is a statement due? */
static enum hf_err check_due(const struct story *story, struct hf_why *why)
{
	const struct hf_case_summary *is = story->summary;
	bool is_own = is->regime == HF_REGIME_VOLUNTARY &&
		      strcmp(is->notifier, is->provider) == 0;

	if (is->side != HF_CASE_SIDE_PROVIDER && !is_own)
		return hf_why(why, HF_E_NOTFOUND,
			      "case %.32s: the provider is %.100s, and the "
			      "statement is that provider's to make",
			      is->case_id, is->provider);
	if (story->act == NULL)
		return hf_why(why, HF_E_NOTFOUND,
			      "case %.32s: nothing was removed or disabled "
			      "that stands, so there is no decision to state",
			      is->case_id);
	if (is->ordered_ms != 0 && is->ordered_ms <= story->acted_ms)
		return hf_why(why, HF_E_NOTFOUND,
			      "case %.32s: it follows an order, and what was "
			      "ordered needs no statement (DSA Art. 17(5))",
			      is->case_id);
	return HF_OK;
}

static const char *keyword_of(const struct hf_label *label, size_t *out_at)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strcmp(labels[i].keyword, label->value) == 0) {
			*out_at = i;
			return labels[i].keyword;
		}
	}
	return NULL;
}

static void put_keyword(struct hf_sor *sor, const char *keyword)
{
	for (size_t i = 0; i < sor->keywords_count; i++) {
		if (strcmp(sor->keywords[i], keyword) == 0)
			return;
	}
	if (sor->keywords_count < HF_SOR_KEYWORDS_MAX)
		sor->keywords[sor->keywords_count++] = keyword;
}

/* The category and keywords; in words what it is. */
static enum hf_err put_category(const struct story *story, struct hf_sor *sor,
				const char **out_words, struct hf_why *why)
{
	const struct hf_notice *notice = story->notice->notice;
	size_t at = 0;

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (classes[i].content_class != story->summary->content_class)
			continue;
		sor->category = classes[i].category;
		*out_words = classes[i].words;
		put_keyword(sor, sor->content_type != NULL &&
						 strcmp(sor->content_type,
							"CONTENT_TYPE_"
							"SYNTHETIC_MEDIA") == 0
					 ? classes[i].synthetic
					 : classes[i].keyword);
	}
	for (size_t i = 0; i < notice->labels_count; i++) {
		const char *keyword = keyword_of(&notice->labels[i], &at);

		if (keyword == NULL)
			continue;
		put_keyword(sor, keyword);
		if (labels[at].category != NULL)
			sor->category = labels[at].category;
	}
	if (sor->category == NULL &&
	    story->summary->regime == HF_REGIME_VOLUNTARY)
		return hf_why(why, HF_E_ARGUMENT,
			      "case %.32s: its class is other, so the category "
			      "of the statement is not known; class it first",
			      story->summary->case_id);
	if (sor->category == NULL) {
		sor->category = "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE";
		*out_words = "illegal content of a kind that the notice does "
			     "not specify";
	}
	return HF_OK;
}

/* Characters of UTF-8 text. */
static size_t characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static enum hf_err put_ground(const struct story *story,
			      const struct hf_sor_options *options,
			      struct hf_sor *sor, struct hf_why *why)
{
	const char *ground = story->notice->notice->legal_basis;

	if (options->legal_ground != NULL)
		ground = options->legal_ground;
	if (ground == NULL || ground[0] == '\0')
		return hf_why(why, HF_E_ARGUMENT,
			      "case %.32s: the notice names no law; say which "
			      "with --legal-basis, for example 'art. 252 Sr'",
			      story->summary->case_id);
	if (characters(ground) > GROUND_MAX ||
	    strlen(ground) >= sizeof(sor->legal_ground))
		return hf_why(why, HF_E_ARGUMENT,
			      "--legal-basis has more than %d characters",
			      GROUND_MAX);
	sor->ground = "DECISION_GROUND_ILLEGAL_CONTENT";
	snprintf(sor->legal_ground, sizeof(sor->legal_ground), "%s", ground);
	return HF_OK;
}

/* What it is, by the command line, or by hashes that only pictures or only
 * videos have. */
static enum hf_err put_content(const struct story *story,
			       const struct hf_sor_options *options,
			       struct hf_sor *sor, struct hf_why *why)
{
	const struct hf_notice *notice = story->notice->notice;
	const char *word = options->content_type;

	for (size_t i = 0; word == NULL && i < notice->hashes_count; i++) {
		switch (notice->hashes[i].algorithm) {
		case HF_ALGORITHM_PDQ:
		case HF_ALGORITHM_PHOTODNA:
			word = "image";
			break;
		case HF_ALGORITHM_VPDQ:
			word = "video";
			break;
		default:
			break;
		}
	}
	if (word == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "case %.32s: its hashes do not tell what kind of "
			      "content it is; say it with --type: %s",
			      story->summary->case_id, hf_sor_content_words());
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		if (strcmp(contents[i].word, word) == 0)
			sor->content_type = contents[i].value;
	}
	if (sor->content_type == NULL)
		return hf_why(why, HF_E_ARGUMENT, "--type '%.40s': give %s",
			      word, hf_sor_content_words());
	if (strcmp(word, "other") == 0)
		sor->content_type_other = "File or page of another kind";
	return HF_OK;
}

static enum hf_err put_dates(const struct story *story,
			     const struct hf_sor_options *options,
			     struct hf_sor *sor, struct hf_why *why)
{
	const struct hf_notice *notice = story->notice->notice;
	uint64_t first_ms = options->content_ms;

	for (size_t i = 0;
	     options->content_ms == 0 && i < notice->locators_count; i++) {
		uint64_t seen_ms = notice->locators[i].first_seen_ms;

		if (seen_ms != 0 && (first_ms == 0 || seen_ms < first_ms))
			first_ms = seen_ms;
	}
	if (first_ms == 0 && options->is_content_notice)
		first_ms = story->summary->published_ms;
	if (first_ms == 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "case %.32s: when the content was put there is "
			      "not known; say it with --content-date DATE, or "
			      "take the day of the notice with --content-date "
			      "notice",
			      story->summary->case_id);
	hf_day_text(first_ms, sor->content_date);
	hf_day_text(story->acted_ms, sor->application_date);
	/* What the database takes; they sort as they read. */
	if (strcmp(sor->content_date, "2000-01-01") < 0 ||
	    strcmp(sor->content_date, "2038-01-01") > 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "case %.32s: the content is of %s; the database "
			      "takes 2000-01-01 to 2038-01-01",
			      story->summary->case_id, sor->content_date);
	if (strcmp(sor->application_date, "2020-01-01") < 0 ||
	    strcmp(sor->application_date, "2038-01-01") > 0)
		return hf_why(why, HF_E_ARGUMENT,
			      "case %.32s: it was acted on in %s; the database "
			      "takes 2020-01-01 to 2038-01-01",
			      story->summary->case_id, sor->application_date);
	return HF_OK;
}

/* DSA Art. 16(2): an explanation, the place, whom to ask (which a notice about
 * abuse material may leave out) and good faith make a notice one. */
static bool is_article_16(const struct story *story)
{
	const struct hf_notice *notice = story->notice->notice;
	bool is_csam = hf_class_is_csam(story->summary->content_class);

	return story->summary->regime == HF_REGIME_DSA ||
	       (story->summary->regime == HF_REGIME_NTD &&
		notice->is_good_faith && notice->explanation != NULL &&
		notice->explanation[0] != '\0' && notice->locators_count > 0 &&
		(is_csam || notice->contact != NULL));
}

static const char *put_source(const struct story *story, struct hf_sor *sor)
{
	sor->automated_detection = "No";
	if (story->summary->regime == HF_REGIME_VOLUNTARY) {
		sor->source_type = "SOURCE_VOLUNTARY";
		if (story->notice->is_automatic ||
		    story->notice->notice->entries_count > 0)
			sor->automated_detection = "Yes";
		return "The provider found it by itself";
	}
	if (story->summary->is_priority) {
		sor->source_type = "SOURCE_TRUSTED_FLAGGER";
		return "A trusted flagger notified it";
	}
	if (is_article_16(story)) {
		sor->source_type = "SOURCE_ARTICLE_16";
		return "It was notified under Art. 16 of Regulation (EU) "
		       "2022/2065";
	}
	sor->source_type = "SOURCE_TYPE_OTHER_NOTIFICATION";
	return "It was notified";
}

static void put_decision(const struct story *story, struct hf_sor *sor)
{
	sor->visibility[sor->visibility_count++] =
		story->act->kind == HF_CASE_EVENT_REMOVED
			? "DECISION_VISIBILITY_CONTENT_REMOVED"
			: "DECISION_VISIBILITY_CONTENT_DISABLED";
	if (story->acts_automatic == 0)
		sor->automated_decision = "AUTOMATED_DECISION_NOT_AUTOMATED";
	else if (story->acts_automatic == story->acts)
		sor->automated_decision = "AUTOMATED_DECISION_FULLY";
	else
		sor->automated_decision = "AUTOMATED_DECISION_PARTIALLY";
}

static void put_texts(const struct story *story, const char *source,
		      const char *words, struct hf_sor *sor)
{
	const struct hf_notice *notice = story->notice->notice;
	char notified[HF_DAY_TEXT_SIZE];

	hf_day_text(story->summary->published_ms, notified);
	snprintf(sor->facts, sizeof(sor->facts),
		 "%s on %s as %s, at %zu %s%s. The content was %s on %s%s.",
		 source, notified, words, notice->locators_count,
		 notice->locators_count == 1 ? "place" : "places",
		 notice->hashes_count > 0
			 ? ", identified by digital fingerprints (hashes)"
			 : "",
		 story->act->kind == HF_CASE_EVENT_REMOVED
			 ? "removed"
			 : "made inaccessible",
		 sor->application_date,
		 story->acts_automatic == story->acts ? ", by a program" : "");
	snprintf(sor->explanation, sizeof(sor->explanation),
		 "The content was assessed as %s, which the law named as the "
		 "ground forbids to distribute.",
		 words);
}

enum hf_err hf_sor_make(const struct hf_get_case_response *one,
			const struct hf_sor_options *options,
			struct hf_sor *out_sor, struct hf_why *why)
{
	struct hf_sor sor = { 0 };
	const char *source, *words = "";
	struct story story;
	enum hf_err err;

	/* The id names a file, too. */
	if (one->summary == NULL ||
	    strlen(one->summary->case_id) != HF_SOR_PUID_SIZE - 1 ||
	    strspn(one->summary->case_id, "0123456789abcdef") !=
		    HF_SOR_PUID_SIZE - 1)
		return hf_why(why, HF_E_ARGUMENT,
			      "what came as a case has no case id");
	story = tell(one);
	err = check_due(&story, why);
	if (err != HF_OK)
		return err;
	if (story.notice == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "case %.32s: its notice cannot be read here, so "
			      "there is nothing to state",
			      one->summary->case_id);
	snprintf(sor.puid, sizeof(sor.puid), "%.32s", one->summary->case_id);
	put_decision(&story, &sor);
	err = put_content(&story, options, &sor, why);
	if (err == HF_OK)
		err = put_category(&story, &sor, &words, why);
	if (err == HF_OK)
		err = put_ground(&story, options, &sor, why);
	if (err == HF_OK)
		err = put_dates(&story, options, &sor, why);
	if (err != HF_OK)
		return err;
	source = put_source(&story, &sor);
	put_texts(&story, source, words, &sor);
	*out_sor = sor;
	return HF_OK;
}
