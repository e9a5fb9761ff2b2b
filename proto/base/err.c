#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

static const struct {
	const char *name;
	int status;
	const char *words;
} table[] = {
#define HF_ERR_ROW(name, status, words) { #name, status, words },
	HF_ERR_TABLE(HF_ERR_ROW)
#undef HF_ERR_ROW
};

const char *hf_err_name(enum hf_err err)
{
	return (unsigned)err < HF_ERR_COUNT ? table[err].name : "INTERNAL";
}

const char *hf_err_words(enum hf_err err)
{
	return (unsigned)err < HF_ERR_COUNT ? table[err].words
					    : "internal error";
}

int hf_err_status(enum hf_err err)
{
	return (unsigned)err < HF_ERR_COUNT ? table[err].status : 13;
}

enum hf_err hf_err_from_wire(int status, const char *reason)
{
	if (status == 0)
		return HF_OK;
	for (unsigned i = 1; reason != NULL && i < HF_ERR_COUNT; i++) {
		if (strcmp(table[i].name, reason) == 0)
			return (enum hf_err)i;
	}
	/* Without a reason, the plainest error of that status. */
	for (unsigned i = 1; i < HF_ERR_COUNT; i++) {
		if (table[i].status == status && i != HF_E_MALFORMED &&
		    i != HF_E_LIMIT && i != HF_E_NOMEM)
			return (enum hf_err)i;
	}
	return HF_E_INTERNAL;
}

enum hf_err hf_why(struct hf_why *why, enum hf_err err, const char *format, ...)
{
	va_list args;

	if (why != NULL) {
		va_start(args, format);
		vsnprintf(why->text, sizeof(why->text), format, args);
		va_end(args);
	}
	return err;
}

static enum hf_err from_errno(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG: /* a limit of the process or of the file system */
		return HF_E_FULL;
	case ENOMEM:
		return HF_E_NOMEM;
	case ENOENT:
		return HF_E_NOTFOUND;
	case EEXIST:
		return HF_E_EXISTS;
	case EACCES:
	case EPERM:
		return HF_E_DENIED;
	default:
		return HF_E_SYSTEM;
	}
}

enum hf_err hf_why_errno(struct hf_why *why, const char *format, ...)
{
	int number = errno;
	va_list args;
	size_t used;

	if (why != NULL) {
		va_start(args, format);
		vsnprintf(why->text, sizeof(why->text), format, args);
		va_end(args);
		used = strlen(why->text);
		snprintf(why->text + used, sizeof(why->text) - used, ": %s",
			 strerror(number));
	}
	return from_errno(number);
}

void hf_why_prefix(struct hf_why *why, const char *format, ...)
{
	struct hf_why old;
	va_list args;
	size_t used;

	if (why == NULL)
		return;
	old = *why;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	used = strlen(why->text);
	snprintf(why->text + used, sizeof(why->text) - used, "%s", old.text);
}
