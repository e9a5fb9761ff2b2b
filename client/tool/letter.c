#include <string.h>

#include "letter.h"
#include "letter_words.h"

const struct hf_letter_words hf_letter_en = {
	.language = "en",
	.to = "To: abuse desk of ",
	.no_provider = "[name of the provider]",
	.subject = "Subject: notice of illegal content (Article 16 DSA), "
		   "please act at once\n",
	.reference = "Our reference: ",
	.ask = "Please remove the content at the places below, or "
	       "disable access to\nit, and keep it from being put "
	       "back.\n",
	.ncii = "It is sexual imagery of a person who has not agreed "
		"to its being\npublished. Making it available is an "
		"offence (in the Netherlands:\nArticle 254ba of the "
		"Criminal Code). It is also personal data that you\n"
		"process without a ground: I ask for its erasure under "
		"Article 17 of\nthe General Data Protection Regulation "
		"(EU) 2016/679. I write as the\nperson concerned, or "
		"on behalf of that person.\n",
	.csam = "It is imagery of the sexual abuse of a minor. "
		"Spreading it, offering it\nand having it is an "
		"offence (in the Netherlands: Article 252 of the\n"
		"Criminal Code; in the Union: Directive 2011/93/EU). "
		"Please do not\nforward it or look for more of it, and "
		"keep what the police may need.\n",
	.places = "Exact locations:\n",
	.no_places = "    [the full address of every page and of "
		     "every picture or video]\n",
	.answer = "This is a notice under Article 16 of the Digital "
		  "Services Act,\nRegulation (EU) 2022/2065. From now "
		  "on you know of this content\n(Article 6). Please "
		  "confirm that you received it, and tell me what you\n"
		  "decided, why, and how to object. The Dutch notice "
		  "and takedown code\nhas 24 hours for content of this "
		  "kind.\n",
	.faith = "I believe in good faith that what I say here is "
		 "accurate and complete.\n",
	.name = "Name and e-mail address:\n    ",
	.no_name = "[your name and an e-mail address; a desk or a "
		   "lawyer may sign for you]",
	.csam_name = "[may be left out for this kind of content "
		     "(Article 16(2)(c) DSA)]",
	.cut = "\n----- the letter ends here; the rest is for you "
	       "-----\n\n",
	.attach = "Send with it:\n"
		  "  - the full addresses, copied from the address bar, "
		  "of the page and of\n    the picture or video "
		  "itself; a search result is not enough\n"
		  "  - date and time when you saw it there\n"
		  "  - the name of the account that put it there, if "
		  "one is shown\n",
	.ncii_not = "Do not send:\n"
		    "  - the picture or video itself, or a screenshot that "
		    "shows it\n"
		    "  - a description of what is to be seen: the address "
		    "is enough\n"
		    "  - a copy of your passport. If they ask who you are, "
		    "cover photo and\n    numbers, and write on it whom it "
		    "is for\n"
		    "Keep for yourself: addresses, dates, and any threat "
		    "or demand you got.\nDo not pay, and do not answer "
		    "whoever threatens you.\n",
	.csam_not = "Do not send, save or copy pictures or videos, and do "
		    "not look for more:\nthat is an offence too, whatever "
		    "you mean by it. The address is enough.\n",
	.help = "\nYou need not do this alone:\n"
		"  - a hotline for online abuse can send such a notice "
		"for you, and\n    providers have to treat those of "
		"trusted flaggers with priority\n"
		"  - a helpline for victims helps to find what else "
		"is there, and a way\n    to keep known pictures from "
		"being uploaded again without showing them\n"
		"    to anybody\n"
		"  - the police takes a report; ask for someone who "
		"deals with sexual\n    offences\n"
		"  - no answer, or a wrong one? Use the provider's "
		"complaint procedure,\n    then the digital services "
		"coordinator of your country (in the\n    Netherlands "
		"the ACM) or the data protection authority\n"
		"If somebody is in danger now, call the emergency "
		"number.\n",
};

static const struct hf_letter_words *words_of(const char *language)
{
	static const struct hf_letter_words *const all[] = { &hf_letter_en,
							     &hf_letter_nl };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i]->language, language) == 0)
			return all[i];
	}
	return NULL;
}

static void put_places(const struct hf_notice *notice,
		       const struct hf_letter_words *words, struct hf_buf *buf)
{
	hf_buf_printf(buf, "\n%s", words->places);
	if (notice->locators_count == 0)
		hf_buf_put_text(buf, words->no_places);
	for (size_t i = 0; i < notice->locators_count; i++)
		hf_buf_printf(buf, "    %s\n", notice->locators[i].url);
}

static void put_name(const struct hf_notice *notice,
		     const struct hf_letter_words *words, bool is_csam,
		     struct hf_buf *buf)
{
	const struct hf_contact *contact = notice->contact;

	hf_buf_printf(buf, "\n%s\n%s", words->faith, words->name);
	if (contact != NULL)
		hf_buf_printf(buf, "%s <%s> %s\n", contact->name,
			      contact->email, contact->phone);
	else
		hf_buf_printf(buf, "%s\n",
			      is_csam ? words->csam_name : words->no_name);
}

enum hf_err hf_letter_write(const struct hf_notice *notice,
			    const char *language, struct hf_buf *buf,
			    struct hf_why *why)
{
	const struct hf_letter_words *words = words_of(language);
	bool is_csam = hf_class_is_csam(notice->content_class);
	bool is_known = notice->provider != NULL &&
			strcmp(notice->provider, HF_NOTICE_NO_PROVIDER) != 0;

	if (words == NULL)
		return hf_why(why, HF_E_ARGUMENT,
			      "--language '%.20s': give en or nl", language);
	if (notice->content_class != 0 && !is_csam &&
	    notice->content_class != HF_CLASS_NCII)
		return hf_why(why, HF_E_ARGUMENT,
			      "a letter is about ncii, or csam: --class");
	hf_buf_printf(buf, "%s%s\n%s", words->to,
		      is_known ? notice->provider : words->no_provider,
		      words->subject);
	if (notice->reference != NULL && notice->reference[0] != '\0')
		hf_buf_printf(buf, "%s%s\n", words->reference,
			      notice->reference);
	hf_buf_printf(buf, "\n%s\n%s", words->ask,
		      is_csam ? words->csam : words->ncii);
	put_places(notice, words, buf);
	hf_buf_printf(buf, "\n%s", words->answer);
	put_name(notice, words, is_csam, buf);
	hf_buf_printf(buf, "%s%s%s%s", words->cut, words->attach,
		      is_csam ? words->csam_not : words->ncii_not, words->help);
	return hf_buf_failed(buf) == HF_OK ? HF_OK
					   : hf_why(why, hf_buf_failed(buf),
						    "no memory for a letter");
}
