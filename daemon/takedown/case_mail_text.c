#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "clock.h"
#include "kind.h"
#include "limit.h"

#include "case_mail_text.h"
#include "mail_form.h"

#define PLACES_IN_TEXT 10
#define TIME_SIZE      20 /* "2026-01-10 05:25:01" */
#define CASE_SHORT     16 /* digits of a case id that people need to read */

enum language { ENGLISH, DUTCH, LANGUAGES };

/* clang-format off */

/* What it is. */
static const struct {
	enum hf_class content_class;
	const char *words[LANGUAGES];
} classes[] = {
	{ HF_CLASS_CSAM, { "child sexual abuse material",
			   "materiaal van seksueel kindermisbruik" } },
	{ HF_CLASS_CSAM_SUSPECTED, { "suspected child sexual abuse material",
			   "vermoedelijk materiaal van seksueel kindermisbruik" } },
	{ HF_CLASS_NCII, { "intimate material, made or shared without consent",
			   "intiem materiaal, gemaakt of gedeeld zonder toestemming" } },
	{ HF_CLASS_TERRORIST, { "terrorist content", "terroristische inhoud" } },
};

/* Under which rules. */
static const struct {
	enum hf_regime regime;
	const char *words[LANGUAGES];
} regimes[] = {
	{ HF_REGIME_NTD, { "the Dutch notice-and-takedown code with its addendum of 2018",
			   "de gedragscode notice-and-takedown met het addendum van 2018" } },
	{ HF_REGIME_DSA, { "Article 16 of Regulation (EU) 2022/2065 (Digital Services Act)",
			   "artikel 16 van Verordening (EU) 2022/2065 (digitaledienstenverordening)" } },
	{ HF_REGIME_CSAM_ORDER, { "a binding instruction about child sexual abuse material",
			   "een aanwijzing over materiaal van seksueel kindermisbruik" } },
	{ HF_REGIME_TCO, { "Article 3 of Regulation (EU) 2021/784 (terrorist content online)",
			   "artikel 3 van Verordening (EU) 2021/784 (terroristische online-inhoud)" } },
	{ HF_REGIME_CRIMINAL_ORDER, { "an order under criminal law",
			   "een strafvorderlijk bevel" } },
};

/* Everything else that is said. */
enum phrase {
	GREETING, REMINDS, TELLS, ORDERS, WHERE, MORE, WHY, BY, RULES, LAW,
	OWN_NUMBER, FAITH, WITHIN, SOON, HASHES, ORDER_OF, STATE, ADDRESSEE,
	IDENTIFIED, SERIES, SIMILAR, PENALTY, REDRESS, ANSWER, LIVING, PHRASES
};
static const char *const phrases[PHRASES][LANGUAGES] = {
	[GREETING] = { "To the abuse desk of %", "Aan de abuse-afdeling van %" },
	[REMINDS]  = { "This is reminder %: on % UTC we told you of the following, and as far as we\n"
		       "know it is still there.",
		       "Dit is herinnering %: op % UTC meldden wij u het volgende, en voor zover wij\n"
		       "weten staat het er nog." },
	[TELLS]    = { "We notify you of % that your service hosts.\n"
		       "Please remove it, or disable access to it.",
		       "Wij melden u % op uw dienst.\n"
		       "Verwijder het of maak het ontoegankelijk." },
	[ORDERS]   = { "You are ordered to remove % that your service hosts, or to disable\n"
		       "access to it.",
		       "U wordt bevolen % op uw dienst te verwijderen of ontoegankelijk\n"
		       "te maken." },
	[WHERE]    = { "Where (all places are in the attached table)",
		       "Waar (alle plaatsen staan in de bijgevoegde tabel)" },
	[MORE]     = { "... and % more in the table", "... en nog % in de tabel" },
	[WHY]      = { "Why", "Waarom" },
	[BY]       = { "By", "Door" },
	[RULES]    = { "Under", "Op grond van" },
	[LAW]      = { "Law", "Wet" },
	[OWN_NUMBER] = { "Our number", "Ons kenmerk" },
	[FAITH]    = { "We believe in good faith that what is said here is accurate and complete.",
		       "Wij menen te goeder trouw dat deze melding juist en volledig is." },
	[WITHIN]   = { "Please act within % of receiving this.", "Handel binnen % na ontvangst." },
	[SOON]     = { "Please act without undue delay.", "Handel zonder onnodige vertraging." },
	[HASHES]   = { "Fingerprints (hashes) of the content, with which copies can be found",
		       "Vingerafdrukken (hashes) van de inhoud, waarmee kopieën te vinden zijn" },
	[ORDER_OF] = { "Order of", "Bevel van" },
	[STATE]    = { "Issued by", "Uitgevaardigd door" },
	[ADDRESSEE] = { "Addressed to", "Gericht aan" },
	[IDENTIFIED] = { "Identified by", "Te herkennen aan" },
	[SERIES]   = { "It covers the whole series", "Het geldt voor de hele serie" },
	[SIMILAR]  = { "It covers near-identical copies.", "Het geldt ook voor vrijwel gelijke kopieën." },
	[PENALTY]  = { "Penalty", "Sanctie" },
	[REDRESS]  = { "Redress", "Bezwaar en beroep" },
	[ANSWER]   = { "How to answer: reply to this mail, leave the case number in the subject, and say\n"
		       "one of: removed or disabled, and when; not hosted by you, and where it went;\n"
		       "what is not clear; or that you will not act, and for which reason.",
		       "Hoe u antwoordt: beantwoord deze mail, laat het zaaknummer in het onderwerp\n"
		       "staan, en geef aan: verwijderd of ontoegankelijk gemaakt, en wanneer; niet bij u,\n"
		       "en waarheen; wat onduidelijk is; of dat u niets doet, en om welke reden." },
	[LIVING]   = { "Please do not open, copy or pass on the content more than removing it needs.",
		       "Bekijk, kopieer of verspreid de inhoud niet meer dan voor het verwijderen nodig is." },
};
/* clang-format on */

static const char *text_of(const char *text)
{
	return text != NULL ? text : "";
}

static const char *class_words(const struct hf_notice *notice,
			       enum language language)
{
	static const char *const other[LANGUAGES] = { "illegal content",
						      "onrechtmatige inhoud" };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (classes[i].content_class == notice->content_class)
			return classes[i].words[language];
	}
	return other[language];
}

static const char *regime_words(const struct hf_notice *notice,
				enum language language)
{
	static const char *const other[LANGUAGES] = { "the law", "de wet" };

	for (size_t i = 0; i < sizeof(regimes) / sizeof(regimes[0]); i++) {
		if (regimes[i].regime == notice->regime)
			return regimes[i].words[language];
	}
	return other[language];
}

static void time_text(uint64_t wall_ms, char out_text[static TIME_SIZE])
{
	char text[HF_CLOCK_TEXT_SIZE];

	out_text[0] = '\0';
	if (wall_ms == 0)
		return;
	hf_clock_text(wall_ms, text);
	text[10] = ' ';
	snprintf(out_text, TIME_SIZE, "%.19s", text);
}

/* "24 hours", "90 minutes". */
static void duration_text(uint64_t ms, enum language language, char *out_text,
			  size_t size_bytes)
{
	static const char *const units[2][2][LANGUAGES] = {
		{ { "minute", "minuut" }, { "minutes", "minuten" } },
		{ { "hour", "uur" }, { "hours", "uur" } },
	};
	uint64_t minutes = (ms + 59999) / 60000;
	bool is_hours = minutes % 60 == 0;
	uint64_t count = is_hours ? minutes / 60 : minutes;

	snprintf(out_text, size_bytes, "%llu %s", (unsigned long long)count,
		 units[is_hours][count != 1][language]);
}

/* "Title: text" where there is one. */
static void put_line(struct hf_buf *out, enum phrase title,
		     enum language language, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	hf_buf_printf(out, "%s: ", phrases[title][language]);
	hf_mail_clean(out, text, false);
	hf_buf_put_u8(out, '\n');
}

static void put_phrase(struct hf_buf *out, enum phrase what,
		       enum language language)
{
	hf_buf_printf(out, "%s\n", phrases[what][language]);
}

/* A phrase in which each % stands for one of the values. */
static void put_filled(struct hf_buf *out, enum phrase what,
		       enum language language, const char *const *values)
{
	for (const char *at = phrases[what][language]; *at != '\0'; at++) {
		if (*at == '%')
			hf_buf_put_text(out, *values++);
		else
			hf_buf_put_u8(out, (uint8_t)*at);
	}
}

static void put_opening(const struct hf_case_mail *mail, enum language language,
			struct hf_buf *out)
{
	const struct hf_notice *notice = mail->notice;
	const char *what = class_words(notice, language);

	if (strcmp(notice->provider, HF_NOTICE_NO_PROVIDER) != 0) {
		put_filled(out, GREETING, language, &notice->provider);
		hf_buf_put_text(out, ",\n\n");
	}
	if (mail->reminders > 0) {
		char count[12], when[TIME_SIZE];
		const char *values[] = { count, when };

		snprintf(count, sizeof(count), "%u", (unsigned)mail->reminders);
		time_text(mail->published_ms != 0 ? mail->published_ms
						  : mail->date_ms,
			  when);
		put_filled(out, REMINDS, language, values);
		hf_buf_put_text(out, "\n\n");
	}
	put_filled(out, notice->order != NULL ? ORDERS : TELLS, language,
		   &what);
	hf_buf_put_text(out, "\n\n");
}

static void put_places(const struct hf_notice *notice, enum language language,
		       struct hf_buf *out)
{
	size_t shown = notice->locators_count < PLACES_IN_TEXT
			       ? notice->locators_count
			       : PLACES_IN_TEXT;

	if (notice->locators_count == 0)
		return;
	hf_buf_printf(out, "%s:\n", phrases[WHERE][language]);
	for (size_t i = 0; i < shown; i++) {
		hf_buf_put_text(out, "  ");
		hf_mail_clean(out, text_of(notice->locators[i].url), false);
		hf_buf_put_u8(out, '\n');
	}
	if (shown < notice->locators_count) {
		char more[24];
		const char *value = more;

		snprintf(more, sizeof(more), "%zu",
			 notice->locators_count - shown);
		hf_buf_put_text(out, "  ");
		put_filled(out, MORE, language, &value);
		hf_buf_put_u8(out, '\n');
	}
	hf_buf_put_u8(out, '\n');
}

static void put_order(const struct hf_order *order, enum language language,
		      struct hf_buf *out)
{
	if (order == NULL)
		return;
	put_line(out, ORDER_OF, language, order->authority);
	put_line(out, STATE, language, order->issuing_state);
	put_line(out, OWN_NUMBER, language, order->reference);
	put_line(out, ADDRESSEE, language, order->addressee);
	put_line(out, IDENTIFIED, language, order->identification);
	for (size_t i = 0; i < order->grounds_count; i++)
		put_line(out, WHY, language, order->grounds[i]);
	put_line(out, SERIES, language, order->series);
	if (order->covers_similar)
		put_phrase(out, SIMILAR, language);
	put_line(out, PENALTY, language, order->penalty);
	put_line(out, REDRESS, language, order->redress);
}

static void put_who(const struct hf_case_mail *mail, enum language language,
		    struct hf_buf *out)
{
	const struct hf_contact *contact = mail->notice->contact;

	hf_buf_printf(out, "%s: %s", phrases[BY][language], mail->organisation);
	if (contact != NULL) {
		const char *parts[] = { contact->name, contact->email,
					contact->phone };

		for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
			if (parts[i] == NULL || parts[i][0] == '\0')
				continue;
			hf_buf_put_text(out, ", ");
			hf_mail_clean(out, parts[i], false);
		}
	}
	hf_buf_put_u8(out, '\n');
}

static void put_deadline(const struct hf_notice *notice, enum language language,
			 struct hf_buf *out)
{
	char within[40];
	const char *value = within;

	if (notice->deadline_ms == 0) {
		put_phrase(out, SOON, language);
		return;
	}
	duration_text(notice->deadline_ms, language, within, sizeof(within));
	put_filled(out, WITHIN, language, &value);
	hf_buf_put_u8(out, '\n');
}

static void put_language(const struct hf_case_mail *mail,
			 enum language language, struct hf_buf *out)
{
	const struct hf_notice *notice = mail->notice;

	put_opening(mail, language, out);
	put_places(notice, language, out);
	if (notice->explanation != NULL && notice->explanation[0] != '\0') {
		hf_buf_printf(out, "%s:\n", phrases[WHY][language]);
		hf_mail_clean(out, notice->explanation, true);
		hf_buf_put_text(out, "\n\n");
	}
	put_order(notice->order, language, out);
	put_line(out, RULES, language, regime_words(notice, language));
	put_line(out, LAW, language, notice->legal_basis);
	put_who(mail, language, out);
	put_line(out, OWN_NUMBER, language, notice->reference);
	if (notice->is_good_faith)
		put_phrase(out, FAITH, language);
	hf_buf_put_u8(out, '\n');
	put_deadline(notice, language, out);
	put_phrase(out, ANSWER, language);
	put_phrase(out, LIVING, language);
}

static void put_hashes(const struct hf_notice *notice, struct hf_buf *out)
{
	if (notice->hashes_count == 0)
		return;
	hf_buf_printf(out, "\n%s / %s:\n", phrases[HASHES][ENGLISH],
		      phrases[HASHES][DUTCH]);
	for (size_t i = 0; i < notice->hashes_count; i++) {
		const struct hf_hash *hash = &notice->hashes[i];
		char hex[2 * HF_DIGEST_MAX_BYTES + 1];

		/* Frames of a video would fill pages. */
		if (hash->digest.len_bytes > HF_DIGEST_MAX_BYTES)
			continue;
		hf_hex(hash->digest.at, hash->digest.len_bytes, hex);
		hf_buf_printf(out, "  %s %s\n",
			      hf_algorithm_word(hash->algorithm), hex);
	}
}

void hf_case_mail_text(const struct hf_case_mail *mail, struct hf_buf *out)
{
	hf_buf_printf(out, "(Nederlandse tekst hieronder)\n\n");
	put_language(mail, ENGLISH, out);
	hf_buf_put_text(out, "\n----------------------------------------\n\n");
	put_language(mail, DUTCH, out);
	put_hashes(mail->notice, out);
	hf_buf_printf(out, "\nCase / zaak: %s\n", mail->case_id);
}

void hf_case_mail_subject(const struct hf_case_mail *mail, struct hf_buf *out)
{
	if (mail->reminders > 0)
		hf_buf_printf(out, "Reminder %u: ", (unsigned)mail->reminders);
	hf_buf_printf(out, "%s, case %.*s",
		      mail->notice->order != NULL ? "Order to remove content"
						  : "Notice of illegal content",
		      CASE_SHORT, mail->case_id);
}

void hf_case_mail_table(const struct hf_notice *notice, struct hf_buf *out)
{
	hf_buf_put_text(out, "url;IP;firstseen;lastseen;note\r\n");
	for (size_t i = 0; i < notice->locators_count; i++) {
		const struct hf_locator *place = &notice->locators[i];
		char first[TIME_SIZE], last[TIME_SIZE];

		time_text(place->first_seen_ms, first);
		time_text(place->last_seen_ms, last);
		hf_mail_cell(out, text_of(place->url), false);
		hf_mail_cell(out, text_of(place->ip), false);
		hf_mail_cell(out, first, false);
		hf_mail_cell(out, last, false);
		hf_mail_cell(out, text_of(place->note), true);
	}
}
