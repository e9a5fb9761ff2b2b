/*
 * letter_words.h -- the words of a letter, one set for each language.
 *
 * Units    none.
 * Owns     nothing: words are constants.
 * Threads  any; no state.
 * Errors   none.
 * Source   letter.h.  A file for each language, letter_nl.c for Dutch, so that
 *          what checks spelling knows what it reads.
 */
#ifndef HF_LETTER_WORDS_H
#define HF_LETTER_WORDS_H

/* What differs by language.  The text is wrapped by hand: it is read as it
 * stands, in a mail. */
struct hf_letter_words {
	const char *language;
	const char *to, *no_provider, *subject, *reference;
	const char *ask;
	const char *ncii, *csam; /* what it is, and the law */
	const char *places, *no_places;
	const char *answer;
	const char *faith;
	const char *name, *no_name, *csam_name;
	const char *cut;
	const char *attach, *ncii_not, *csam_not;
	const char *help;
};

extern const struct hf_letter_words hf_letter_en; /* letter.c */
extern const struct hf_letter_words hf_letter_nl;

#endif /* HF_LETTER_WORDS_H */
